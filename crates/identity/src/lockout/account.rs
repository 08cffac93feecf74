//! One account's lanes, its hundreds, and the school's devices that failed on it.

use super::{BUSY_MS, Factor, LaneKind, LaneStanding, LockoutRules, Turned};
use model::Timestamp;

/// The most lanes of an account; the one used longest ago makes room, a locked one last.
const MOST_LANES: usize = 64;
/// Secrets that are remembered for each lane, to know them again.
const MOST_TRIED: usize = 8;
/// A lane in which nothing happens for so long begins anew.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;
/// A turn that was never handed back counts for so long.
const LOST_AFTER_MS: i64 = 30_000;
/// What a lane waits when three, two and one wrong ones more would lock it.
const WAITS_MS: [i64; 3] = [2_000, 5_000, 15_000];
/// What the recovery account waits at the most.
const LONGEST_WAIT_MS: i64 = 60_000;
/// Wrong ones in a row, in all lanes of a kind, that disable the kind (NIST SP 800-63B-4 3.2.2).
const CEILING: u8 = 100;
/// Wrong codes in one step of an authenticator.
const CODES_A_STEP: u8 = 3;
/// A step of an authenticator (RFC 6238).
const STEP_MS: i64 = 30_000;
/// Devices of the school that may fail on an account within an hour before a fresh one is asked for more.
const DEVICES_AN_HOUR: usize = 3;
const HOUR_MS: i64 = 3_600_000;

/// Which lane of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct LaneId {
    pub(super) kind: LaneKind,
    pub(super) factor: Factor,
    /// The device, hashed; zeros where a kind has one lane only.
    pub(super) place: [u8; 16],
}

impl LaneId {
    pub(super) fn to_bytes(self) -> [u8; 18] {
        let mut bytes = [0; 18];
        let whole = [kind_number(self.kind), factor_number(self.factor)].into_iter().chain(self.place);
        bytes.iter_mut().zip(whole).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// A lane.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) wrong: u32,
    pub(super) wait_until: Option<Timestamp>,
    pub(super) locked_until: Option<Timestamp>,
    pub(super) last: Timestamp,
    tried: Vec<[u8; 16]>,
    under_way: u8,
    under_way_since: Timestamp,
    /// The authenticator's step, and wrong codes in it.
    step: (i64, u8),
}

impl Lane {
    pub(super) fn new(id: LaneId, at: Timestamp) -> Self {
        Self {
            id,
            wrong: 0,
            wait_until: None,
            locked_until: None,
            last: at,
            tried: Vec::new(),
            under_way: 0,
            under_way_since: at,
            step: (0, 0),
        }
    }

    /// Counts an attempt as under way, or says why not now.
    pub(super) fn admit(&mut self, rules: &LockoutRules, at: Timestamp) -> Result<(), Turned> {
        if let Some(until) = self.locked_until.filter(|until| at < *until) {
            return Err(Turned::Locked { until });
        }
        if let Some(until) = self.wait_until.filter(|until| at < *until) {
            return Err(Turned::Wait { until });
        }
        let step = at.0.div_euclid(STEP_MS);
        if self.id.factor == Factor::Code && self.step.0 == step && self.step.1 >= CODES_A_STEP {
            return Err(Turned::Wait { until: Timestamp((step + 1).saturating_mul(STEP_MS)) });
        }
        if self.under_way_since.plus_ms(LOST_AFTER_MS) <= at {
            self.under_way = 0;
        }
        // Those that are still compared may all be wrong: with them the lane must not pass its number, nor leave out a wait.
        let could_be_wrong = self.wrong.saturating_add(u32::from(self.under_way));
        let free = rules.attempts.max(1).saturating_sub(3).max(1);
        if self.under_way > 0 && could_be_wrong >= free {
            return Err(Turned::Wait { until: at.plus_ms(BUSY_MS) });
        }
        self.under_way = self.under_way.saturating_add(1);
        self.under_way_since = at;
        self.last = at;
        Ok(())
    }

    /// Counts a wrong one; false when it was tried before and so counts no more.
    pub(super) fn count(&mut self, tried: [u8; 16], at: Timestamp) -> bool {
        self.give_back();
        self.last = at;
        let step = at.0.div_euclid(STEP_MS);
        self.step = if self.step.0 == step { (step, self.step.1.saturating_add(1)) } else { (step, 1) };
        if self.tried.contains(&tried) {
            return false;
        }
        if self.tried.len() >= MOST_TRIED {
            self.tried.remove(0);
        }
        self.tried.push(tried);
        self.wrong = self.wrong.saturating_add(1);
        true
    }

    /// Sets the lock or the wait that follows from the count; until when it is locked.
    pub(super) fn punish(&mut self, rules: &LockoutRules, locks: bool, at: Timestamp) -> Option<Timestamp> {
        if locks {
            self.locked_until = Some(at.plus_ms(rules.lock_ms));
            return self.locked_until;
        }
        let left = rules.attempts.max(1).saturating_sub(self.wrong);
        let wait = match left {
            0 => LONGEST_WAIT_MS,
            left => usize::try_from(left)
                .ok()
                .and_then(|left| WAITS_MS.iter().rev().nth(left - 1))
                .copied()
                .unwrap_or(0),
        };
        self.wait_until = (wait > 0).then(|| at.plus_ms(wait));
        None
    }

    pub(super) fn give_back(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn is_locked(&self, at: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| at < until)
    }
}

/// An account, or a name that none has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) lanes: Vec<Lane>,
    pub(super) ceilings: Vec<(LaneKind, Factor, u8)>,
    pub(super) last: Timestamp,
    devices: Vec<([u8; 16], Timestamp)>,
}

impl Account {
    pub(super) fn new(at: Timestamp) -> Self {
        Self { lanes: Vec::new(), ceilings: Vec::new(), last: at, devices: Vec::new() }
    }

    /// The lane, anew where its lock has passed or nothing happened in it for a day.
    pub(super) fn lane(&mut self, id: LaneId, at: Timestamp) -> &mut Lane {
        let index = match self.lanes.iter().position(|lane| lane.id == id) {
            Some(index) => index,
            None => {
                self.make_room(at);
                self.lanes.push(Lane::new(id, at));
                self.lanes.len() - 1
            }
        };
        #[expect(clippy::indexing_slicing, reason = "the index was just found or is the last one's")]
        let lane = &mut self.lanes[index];
        let served = lane.locked_until.is_some_and(|until| until <= at);
        if served || lane.last.plus_ms(FORGOTTEN_AFTER_MS) <= at {
            *lane = Lane::new(id, at);
        }
        lane
    }

    fn make_room(&mut self, at: Timestamp) {
        if self.lanes.len() < MOST_LANES {
            return;
        }
        let order = |(_, lane): &(usize, &Lane)| (lane.is_locked(at), lane.last);
        if let Some((first, _)) = self.lanes.iter().enumerate().min_by_key(order) {
            self.lanes.swap_remove(first);
        }
    }

    /// True when the kind's hundred is full.
    pub(super) fn is_disabled(&self, id: LaneId) -> bool {
        self.ceilings
            .iter()
            .any(|(kind, factor, wrong)| (*kind, *factor) == (id.kind, id.factor) && *wrong >= CEILING)
    }

    /// One more towards the kind's hundred; true when it is full with this one.
    pub(super) fn count_to_ceiling(&mut self, id: LaneId) -> bool {
        if id.kind == LaneKind::Everywhere {
            return false;
        }
        let found =
            self.ceilings.iter_mut().find(|(kind, factor, _)| (*kind, *factor) == (id.kind, id.factor));
        match found {
            Some((_, _, wrong)) => {
                *wrong = wrong.saturating_add(1).min(CEILING);
                *wrong == CEILING
            }
            None => {
                self.ceilings.push((id.kind, id.factor, 1));
                false
            }
        }
    }

    /// Notes that a device of the school failed.
    pub(super) fn note_device(&mut self, id: &LaneId, at: Timestamp) {
        if id.kind != LaneKind::SchoolDevice {
            return;
        }
        self.devices.retain(|(place, last)| place != &id.place && at.0.saturating_sub(last.0) < HOUR_MS);
        if self.devices.len() > DEVICES_AN_HOUR {
            return;
        }
        self.devices.push((id.place, at));
    }

    /// True when so many devices of the school failed within the hour that this one, which did not, is asked for more.
    pub(super) fn too_many_devices(&self, id: &LaneId, at: Timestamp) -> bool {
        let mut of_late = self.devices.iter().filter(|(_, last)| at.0.saturating_sub(last.0) < HOUR_MS);
        let failed_here = of_late.clone().any(|(place, _)| place == &id.place);
        !failed_here && of_late.nth(DEVICES_AN_HOUR).is_some()
    }

    /// A right one in this lane.
    pub(super) fn succeeded(&mut self, id: LaneId) {
        self.lanes.retain(|lane| lane.id != id);
        self.devices.retain(|(place, _)| place != &id.place);
        self.ceilings.retain(|(_, factor, wrong)| *factor != id.factor || *wrong >= CEILING);
    }

    /// Opens every lane; how many were locked.
    pub(super) fn open(&mut self, enables: bool, at: Timestamp) -> usize {
        let locked = self.lanes.iter().filter(|lane| lane.is_locked(at)).count();
        self.lanes.clear();
        self.devices.clear();
        if enables {
            self.ceilings.clear();
        }
        locked
    }

    pub(super) fn standings(&self, at: Timestamp) -> Vec<LaneStanding> {
        let lanes = self.lanes.iter().filter(|lane| lane.wrong > 0);
        lanes
            .map(|lane| LaneStanding {
                kind: lane.id.kind,
                factor: lane.id.factor,
                wrong: lane.wrong,
                locked_until: lane.locked_until.filter(|until| at < *until),
            })
            .collect()
    }

    /// What is forgotten first has the least.
    pub(super) fn worth(&self, at: Timestamp) -> (bool, Timestamp) {
        let keeps = self.lanes.iter().any(|lane| lane.is_locked(at))
            || self.ceilings.iter().any(|(_, _, wrong)| *wrong >= CEILING);
        (keeps, self.last)
    }
}

pub(super) fn kind_number(kind: LaneKind) -> u8 {
    match kind {
        LaneKind::KnownDevice => 0,
        LaneKind::SchoolDevice => 1,
        LaneKind::Outside => 2,
        LaneKind::Everywhere => 3,
    }
}

pub(super) fn kind_of(number: u8) -> Option<LaneKind> {
    [LaneKind::KnownDevice, LaneKind::SchoolDevice, LaneKind::Outside, LaneKind::Everywhere]
        .into_iter()
        .find(|kind| kind_number(*kind) == number)
}

pub(super) fn factor_number(factor: Factor) -> u8 {
    match factor {
        Factor::Password => 0,
        Factor::Code => 1,
        Factor::Pictures => 2,
    }
}

pub(super) fn factor_of(number: u8) -> Option<Factor> {
    [Factor::Password, Factor::Code, Factor::Pictures]
        .into_iter()
        .find(|factor| factor_number(*factor) == number)
}
