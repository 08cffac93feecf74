//! What happens after wrong passwords: an account is locked for a while, for those who typed them.
//!
//! Left out on purpose: what is a right password, the clock, and keeping it over a restart. Left out so far: a limit on how
//! many accounts of a school may be locked at once.
//!
//! Wrong passwords are counted by *lane*: the account and where the attempts come from, so that nobody locks a teacher out
//! from another device; or, where the policy says so, the account alone. The same wrong password again counts once: a
//! device that repeats an old one locks nobody.
//!
//! Invariants: at most [`MOST_LANES`]; neither a login nor a password is kept, only hashes under a key of this process.

use crate::IdentityError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use sha2::Sha256;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The most lanes that are remembered; the one used longest ago makes room.
const MOST_LANES: usize = 16_384;
/// Wrong passwords that are remembered for each lane, to know them again.
const MOST_KNOWN_AGAIN: usize = 8;
/// A lane in which nothing happens for so long begins anew.
const FORGOTTEN_AFTER_MS: i64 = 24 * 3_600_000;

/// What the policy says of wrong passwords.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockoutRules {
    /// Wrong ones in a row that lock.
    pub attempts: u32,
    /// For how long.
    pub lock_ms: i64,
    /// How they are counted.
    pub counting: LaneCounting,
}

/// How wrong passwords are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaneCounting {
    /// For each account by the address they come from.
    ByAddress,
    /// For each account, wherever they come from.
    ByAccount,
}

/// An attempt: whose account, from where.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The login, as it is looked up.
    pub login: &'a str,
    /// Where it comes from.
    pub address: IpAddr,
    /// When.
    pub at: Timestamp,
}

/// The lanes of a running program.
pub struct Lockout {
    key: Zeroizing<[u8; 32]>,
    lanes: HashMap<[u8; 16], Lane>,
}

struct Lane {
    wrong: u32,
    known_again: Vec<[u8; 16]>,
    locked_until: Option<Timestamp>,
    last: Timestamp,
}

impl Lane {
    fn new(at: Timestamp) -> Self {
        Self { wrong: 0, known_again: Vec::new(), locked_until: None, last: at }
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lockout({} lanes)", self.lanes.len())
    }
}

impl Lockout {
    /// No lane has a wrong password yet.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn new() -> Result<Self, IdentityError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| IdentityError::NoRandomness)?;
        Ok(Self { key, lanes: HashMap::new() })
    }

    /// Until when the attempt's lane is locked; `None` when it is open. Nothing is compared while it is locked, and a
    /// right password does not open it.
    pub fn locked_until(&self, attempt: &Attempt<'_>, rules: LockoutRules) -> Option<Timestamp> {
        let lane = self.lanes.get(&self.lane_of(attempt, rules))?;
        lane.locked_until.filter(|until| attempt.at < *until)
    }

    /// The password was wrong. True when this locks the lane.
    pub fn wrong(&mut self, attempt: &Attempt<'_>, password: &str, rules: LockoutRules) -> bool {
        let key = self.lane_of(attempt, rules);
        let known_again = self.hash(&[&key, password.as_bytes()]);
        self.make_room(&key);
        let lane = self.lanes.entry(key).or_insert_with(|| Lane::new(attempt.at));
        let begins_anew = lane.locked_until.is_some_and(|until| until <= attempt.at)
            || lane.last.plus_ms(FORGOTTEN_AFTER_MS) <= attempt.at;
        if begins_anew {
            *lane = Lane::new(attempt.at);
        }
        lane.last = attempt.at;
        if lane.known_again.contains(&known_again) {
            return false;
        }
        if lane.known_again.len() >= MOST_KNOWN_AGAIN {
            lane.known_again.remove(0);
        }
        lane.known_again.push(known_again);
        lane.wrong = lane.wrong.saturating_add(1);
        let locks = lane.wrong >= rules.attempts.max(1);
        if locks {
            lane.locked_until = Some(attempt.at.plus_ms(rules.lock_ms));
        }
        locks
    }

    /// The password was right: the lane begins anew.
    pub fn right(&mut self, attempt: &Attempt<'_>, rules: LockoutRules) {
        let key = self.lane_of(attempt, rules);
        self.lanes.remove(&key);
    }

    fn make_room(&mut self, key: &[u8; 16]) {
        if self.lanes.len() < MOST_LANES || self.lanes.contains_key(key) {
            return;
        }
        let longest_ago = self.lanes.iter().min_by_key(|(_, lane)| lane.last).map(|(key, _)| *key);
        if let Some(key) = longest_ago {
            self.lanes.remove(&key);
        }
    }

    fn lane_of(&self, attempt: &Attempt<'_>, rules: LockoutRules) -> [u8; 16] {
        let address = match rules.counting {
            LaneCounting::ByAddress => attempt.address.to_canonical().to_string(),
            LaneCounting::ByAccount => String::new(),
        };
        self.hash(&[attempt.login.as_bytes(), &[0], address.as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 16] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else { return [0; 16] };
        for part in parts {
            mac.update(part);
        }
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        whole.first_chunk::<16>().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: LockoutRules =
        LockoutRules { attempts: 3, lock_ms: 900_000, counting: LaneCounting::ByAddress };

    fn attempt(login: &str, last: u8, at: i64) -> Attempt<'_> {
        Attempt { login, address: IpAddr::from([10, 0, 0, last]), at: Timestamp(at) }
    }

    #[test]
    fn three_wrong_passwords_lock_their_lane_for_its_time_and_nobody_elses() {
        let mut lockout = Lockout::new().unwrap();
        let told: Vec<bool> = ["a", "b", "c"]
            .iter()
            .map(|wrong| lockout.wrong(&attempt("ms.ash", 1, 0), wrong, RULES))
            .collect();
        assert_eq!(told, [false, false, true]);
        assert_eq!(lockout.locked_until(&attempt("ms.ash", 1, 899_999), RULES), Some(Timestamp(900_000)));
        assert_eq!(lockout.locked_until(&attempt("ms.ash", 1, 900_000), RULES), None);
        assert_eq!(lockout.locked_until(&attempt("ms.ash", 2, 1), RULES), None, "from elsewhere it is open");
        assert_eq!(lockout.locked_until(&attempt("mr.elm", 1, 1), RULES), None);
        assert!(!lockout.wrong(&attempt("ms.ash", 1, 900_001), "d", RULES), "counting began anew");
    }

    #[test]
    fn the_same_wrong_password_counts_once_and_a_right_one_begins_anew() {
        let mut lockout = Lockout::new().unwrap();
        for _ in 0..20 {
            assert!(!lockout.wrong(&attempt("amara", 1, 0), "of last term", RULES));
        }
        lockout.wrong(&attempt("amara", 1, 0), "x", RULES);
        lockout.right(&attempt("amara", 1, 0), RULES);
        assert!(!lockout.wrong(&attempt("amara", 1, 0), "y", RULES));
        assert!(!lockout.wrong(&attempt("amara", 1, FORGOTTEN_AFTER_MS), "z", RULES), "a day later");
    }

    #[test]
    fn counting_by_account_locks_it_everywhere() {
        let rules = LockoutRules { counting: LaneCounting::ByAccount, ..RULES };
        let mut lockout = Lockout::new().unwrap();
        for (last, wrong) in [(1, "a"), (2, "b"), (3, "c")] {
            lockout.wrong(&attempt("amara", last, 0), wrong, rules);
        }
        assert!(lockout.locked_until(&attempt("amara", 9, 1), rules).is_some());
    }

    #[test]
    fn the_lanes_stay_bounded_and_name_nobody() {
        let mut lockout = Lockout::new().unwrap();
        for number in 0..MOST_LANES + 5 {
            lockout.wrong(&attempt(&format!("made-up-{number}"), 1, 0), "x", RULES);
        }
        assert_eq!(format!("{lockout:?}"), format!("Lockout({MOST_LANES} lanes)"));
    }
}
