//! How many accounts may be locked outside at once, before the outside is shut instead.

use model::Timestamp;
use std::collections::VecDeque;

/// Locks within so long count together.
const WINDOW_MS: i64 = 10 * 60_000;
/// So many accounts may be locked in the smallest school.
const LEAST_BUDGET: u32 = 5;
/// The longest the outside stays shut at a time.
const LONGEST_SHUT_MS: i64 = 60 * 60_000;
/// After so long without being shut, the next time is short again.
const CALM_MS: i64 = 24 * 3_600_000;
/// The most locks that are remembered.
const MOST_LOCKS: usize = 4_096;

/// The locks of late, and whether the outside is shut.
#[derive(Default)]
pub(super) struct Budget {
    locks: VecDeque<([u8; 16], Timestamp)>,
    shut: Option<Shut>,
}

/// When the outside was shut the last time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shut {
    pub(super) until: Timestamp,
    /// For how long it was.
    pub(super) for_ms: i64,
}

impl Budget {
    /// Until when passwords from outside are refused.
    pub(super) fn shut_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.shut.map(|shut| shut.until).filter(|until| at < *until)
    }

    /// An account would be locked outside. True when that is more than the budget, so that the outside is shut instead.
    pub(super) fn spend(&mut self, account: [u8; 16], accounts: u32, at: Timestamp) -> bool {
        self.locks.retain(|(other, when)| *other != account && at.0.saturating_sub(when.0) < WINDOW_MS);
        if self.locks.len() >= MOST_LOCKS {
            self.locks.pop_front();
        }
        self.locks.push_back((account, at));
        let budget =
            usize::try_from(LEAST_BUDGET.max(accounts / 100)).unwrap_or(usize::MAX).min(MOST_LOCKS - 1);
        if self.locks.len() <= budget {
            return false;
        }
        // The locks stay counted: whoever goes on when it is opened again shuts it at once.
        let lately = self.shut.filter(|shut| at.0.saturating_sub(shut.until.0) < CALM_MS);
        let for_ms = lately.map_or(WINDOW_MS, |shut| shut.for_ms.saturating_mul(2).min(LONGEST_SHUT_MS));
        self.shut = Some(Shut { until: at.plus_ms(for_ms), for_ms });
        true
    }

    pub(super) fn last_shut(&self) -> Option<Shut> {
        self.shut
    }

    pub(super) fn restore(&mut self, shut: Option<Shut>) {
        self.shut = self.shut.or(shut);
    }
}
