//! How well an upstream does: how long it takes, and whether it answers at all. Counts, never names.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How long an upstream that failed is asked last until it is tried again, in milliseconds; doubled with each failure.
const FIRST_REST_MS: u64 = 5_000;
/// The longest such rest.
const LONGEST_REST_MS: u64 = 60_000;
/// What a new time counts beside those before it: one part in this many.
const SMOOTHING: u64 = 4;
/// The least that is waited before a second upstream is asked too.
const LEAST_HEDGE: Duration = Duration::from_millis(150);

/// The state of one upstream. Times are milliseconds since the start of the program, by a clock that only goes forward.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Smoothed, in microseconds; 0 while unknown.
    takes_us: AtomicU64,
    /// Failures since it last answered.
    failures: AtomicU32,
    /// When it may be tried again.
    rests_until_ms: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
}

/// What is known of an upstream now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamState {
    /// Nothing: nobody has needed it yet.
    NotAsked,
    /// It answered what it was asked last.
    Answers,
    /// It did not answer what it was asked last.
    Silent,
}

/// Whether a change of state is worth a line in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// It is as it was.
    None,
    /// It answered until now, or answers again.
    Turned,
}

impl Health {
    /// Notes an answer that took so long.
    pub(super) fn answered(&self, took: Duration) -> Change {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.takes(took);
        match self.failures.swap(0, Ordering::Relaxed) {
            0 => Change::None,
            _ => Change::Turned,
        }
    }

    /// Notes a failure: it is asked last for a while.
    pub(super) fn failed(&self, now_ms: u64) -> Change {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let before = self.failures.fetch_add(1, Ordering::Relaxed);
        let rest_ms =
            FIRST_REST_MS.checked_shl(before.min(8)).unwrap_or(LONGEST_REST_MS).min(LONGEST_REST_MS);
        self.rests_until_ms.store(now_ms.saturating_add(rest_ms), Ordering::Relaxed);
        if before == 0 { Change::Turned } else { Change::None }
    }

    /// Notes that another one, asked later, was faster.
    pub(super) fn overtaken(&self, waited: Duration) {
        self.takes(waited.saturating_mul(2));
    }

    /// Lets an old slowness fade, so that it is tried again one day.
    pub(super) fn fades(&self) {
        let takes_us = self.takes_us.load(Ordering::Relaxed);
        self.takes_us.store(takes_us - takes_us / 64, Ordering::Relaxed);
    }

    fn takes(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 8).max(1);
        let before = self.takes_us.load(Ordering::Relaxed);
        let smoothed = if before == 0 {
            took_us
        } else {
            (before * (SMOOTHING - 1)).saturating_add(took_us) / SMOOTHING
        };
        self.takes_us.store(smoothed, Ordering::Relaxed);
    }

    /// The order in which upstreams are asked: those that answer first, of these the fastest; equal ones as listed.
    pub(super) fn rank(&self) -> (bool, u64) {
        (self.failures.load(Ordering::Relaxed) > 0, self.takes_us.load(Ordering::Relaxed))
    }

    /// True once when its rest is over: it is to be tried beside another's question.
    pub(super) fn take_probe(&self, now_ms: u64) -> bool {
        let until = self.rests_until_ms.load(Ordering::Relaxed);
        self.failures.load(Ordering::Relaxed) > 0
            && until <= now_ms
            && self
                .rests_until_ms
                .compare_exchange(until, now_ms + FIRST_REST_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// How long it is waited for before another one is asked too.
    pub(super) fn hedge(&self) -> Duration {
        let takes = Duration::from_micros(self.takes_us.load(Ordering::Relaxed));
        takes.saturating_mul(2).max(LEAST_HEDGE)
    }

    /// What is known of it now.
    pub(super) fn state(&self) -> UpstreamState {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        if self.failures.load(Ordering::Relaxed) > 0 {
            UpstreamState::Silent
        } else if load(&self.answered) == 0 {
            UpstreamState::NotAsked
        } else {
            UpstreamState::Answers
        }
    }

    /// Answers, failures, and how long it takes in milliseconds.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (load(&self.answered), load(&self.failed), load(&self.takes_us) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_fastest_that_answers_comes_first_and_a_failed_one_last() {
        let [fast, slow, failed] = [Health::default(), Health::default(), Health::default()];
        assert_eq!(failed.state(), UpstreamState::NotAsked);
        fast.answered(5 * MS);
        slow.answered(80 * MS);
        assert_eq!(failed.failed(0), Change::Turned);
        assert_eq!(failed.failed(0), Change::None);
        assert_eq!((fast.state(), failed.state()), (UpstreamState::Answers, UpstreamState::Silent));
        assert!(fast.rank() < slow.rank() && slow.rank() < failed.rank());
        fast.overtaken(400 * MS);
        assert!(slow.rank() < fast.rank());
        for _ in 0..400 {
            fast.fades();
        }
        assert!(fast.rank() < slow.rank());
    }

    #[test]
    fn a_failed_one_is_tried_once_after_each_rest_until_it_answers() {
        let health = Health::default();
        health.failed(1_000);
        assert!(!health.take_probe(5_999));
        assert!(health.take_probe(6_000) && !health.take_probe(6_001));
        health.failed(6_100);
        assert!(!health.take_probe(16_000) && health.take_probe(16_100));
        assert_eq!(health.answered(MS), Change::Turned);
        assert!(!health.take_probe(100_000));
    }

    #[test]
    fn another_one_is_asked_after_twice_its_time_and_not_at_once() {
        let health = Health::default();
        assert_eq!(health.hedge(), LEAST_HEDGE);
        health.answered(200 * MS);
        assert_eq!(health.hedge(), 400 * MS);
    }
}
