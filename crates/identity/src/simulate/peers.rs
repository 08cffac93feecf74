//! Models of how other sign-in servers lock out, by their documentation and source. Where these leave something open, the
//! model takes what is kinder to honest people there.
//!
//! - Keycloak 26: `DefaultBruteForceProtector` and the realm's defaults. Detection is off by default; it is modelled as
//!   switched on, with the defaults it then has: 30 failures, waits of 60 s for each 30 up to 900 s, and 60 s where two
//!   failures come within a second; forgotten after twelve hours, or by a right password. Names that do not exist do not
//!   count. While an account waits nothing is compared or counted, and no other way in is taken.
//! - Authelia 4: `regulation` with `modes: user`, `max_retries: 3`, `find_time: 2m`, `ban_time: 5m`. A right password begins
//!   anew. The page says "username / password endpoint", so a passkey is taken.
//! - Rauthy 0.35: `login_delay.rs` blocks an address for 60 s at its 7th failure, 600 s at the 10th, 900 s at the 15th, an hour
//!   at the 20th and a day from the 25th on; a right password from the address begins anew. Beside that its defence against
//!   credential stuffing blocks an address for a day after 15 different failed pairs of name and password within three
//!   hours, which nothing takes back. The delays before its answers are left out.

use super::school_day::ACCOUNTS;
use super::{Rule, Say, Try};
use std::collections::{BTreeMap, VecDeque};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Times are of one day, and begin at nought.
const NEVER: i64 = i64::MIN / 2;

fn say(until: i64, at: i64) -> Say {
    if at < until { Say::NotBefore(until) } else { Say::Go }
}

/// Keycloak's brute-force detection.
#[derive(Default)]
pub(super) struct Keycloak(BTreeMap<u32, Failures>);

#[derive(Default)]
struct Failures {
    count: i64,
    last: Option<i64>,
    not_before: i64,
}

impl Rule for Keycloak {
    fn ask(&mut self, attempt: &Try) -> Say {
        let until = self.0.get(&attempt.account).map_or(NEVER, |failures| failures.not_before);
        say(until, attempt.at)
    }

    fn heard(&mut self, attempt: &Try, right: bool) {
        if right {
            self.0.remove(&attempt.account);
            return;
        }
        if attempt.account >= ACCOUNTS {
            return;
        }
        let failures = self.0.entry(attempt.account).or_default();
        let since = failures.last.map(|last| attempt.at - last);
        if since.is_some_and(|since| since > 12 * HOUR) {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = Some(attempt.at);
        let by_count = 60 * (failures.count / 30);
        let quick = since.is_some_and(|since| since > 0 && since < SECOND);
        let wait = if by_count == 0 && quick { 60 } else { by_count.min(900) };
        if wait > 0 {
            failures.not_before = attempt.at + wait * SECOND;
        }
    }

    fn takes_passkey(&self, attempt: &Try) -> bool {
        self.0.get(&attempt.account).is_none_or(|failures| failures.not_before <= attempt.at)
    }
}

/// Authelia's regulation.
#[derive(Default)]
pub(super) struct Authelia(BTreeMap<u32, Regulated>);

#[derive(Default)]
struct Regulated {
    failures: VecDeque<i64>,
    banned_until: i64,
}

impl Rule for Authelia {
    fn ask(&mut self, attempt: &Try) -> Say {
        let until = self.0.get(&attempt.account).map_or(NEVER, |regulated| regulated.banned_until);
        say(until, attempt.at)
    }

    fn heard(&mut self, attempt: &Try, right: bool) {
        let regulated = self.0.entry(attempt.account).or_default();
        if right {
            regulated.failures.clear();
            return;
        }
        regulated.failures.retain(|when| attempt.at - when < 2 * MINUTE);
        regulated.failures.push_back(attempt.at);
        if regulated.failures.len() >= 3 {
            regulated.failures.clear();
            regulated.banned_until = attempt.at + 5 * MINUTE;
        }
    }

    fn takes_passkey(&self, _: &Try) -> bool {
        true
    }
}

/// Where Rauthy stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Inside: it sees each device's own address.
    Inside,
    /// Outside: the school is one address.
    Outside,
}

/// Rauthy's blocks of addresses.
pub(super) struct Rauthy {
    stands: Stands,
    addresses: BTreeMap<u32, Address>,
}

#[derive(Default)]
struct Address {
    failed: u32,
    /// Different pairs of name and password, with when each failed first.
    pairs: VecDeque<(i64, u32, u32)>,
    blocked_until: i64,
}

impl Rauthy {
    pub(super) fn new(stands: Stands) -> Self {
        Self { stands, addresses: BTreeMap::new() }
    }

    fn address(&self, attempt: &Try) -> u32 {
        match self.stands {
            Stands::Inside => attempt.seat.own_address,
            Stands::Outside => attempt.seat.public_address,
        }
    }

    fn blocked_until(&self, attempt: &Try) -> i64 {
        self.addresses.get(&self.address(attempt)).map_or(NEVER, |address| address.blocked_until)
    }
}

impl Rule for Rauthy {
    fn ask(&mut self, attempt: &Try) -> Say {
        say(self.blocked_until(attempt), attempt.at)
    }

    fn heard(&mut self, attempt: &Try, right: bool) {
        let key = self.address(attempt);
        let address = self.addresses.entry(key).or_default();
        if right {
            address.failed = 0;
            return;
        }
        address.failed += 1;
        let block = match address.failed {
            7 => MINUTE,
            10 => 10 * MINUTE,
            15 => 15 * MINUTE,
            20 => HOUR,
            25.. => 24 * HOUR,
            _ => 0,
        };
        address.pairs.retain(|(when, _, _)| attempt.at - when < 3 * HOUR);
        let known = address
            .pairs
            .iter()
            .any(|(_, account, secret)| (*account, *secret) == (attempt.account, attempt.secret));
        if !known {
            address.pairs.push_back((attempt.at, attempt.account, attempt.secret));
        }
        let stuffing = if address.pairs.len() >= 15 { 24 * HOUR } else { 0 };
        let block = block.max(stuffing);
        if block > 0 {
            address.blocked_until = address.blocked_until.max(attempt.at + block);
        }
    }

    fn takes_passkey(&self, attempt: &Try) -> bool {
        self.blocked_until(attempt) <= attempt.at
    }
}

#[cfg(test)]
mod tests {
    use super::super::school_day::Seat;
    use super::*;

    fn attempt(at: i64, account: u32, secret: u32, address: u32) -> Try {
        let seat =
            Seat { device: address, own_address: address, public_address: 1, inside: true, known: false };
        Try { at, account, secret, seat }
    }

    /// So many failures, so far apart, each with another password; how many of them were compared.
    fn fail(rule: &mut dyn Rule, count: u32, apart: i64) -> u32 {
        let tries = (0..count).map(|number| attempt(i64::from(number) * apart, 7, number + 2, 9));
        let mut compared = 0;
        for attempt in tries {
            if rule.ask(&attempt) == Say::Go {
                rule.heard(&attempt, false);
                compared += 1;
            }
        }
        compared
    }

    #[test]
    fn keycloak_waits_a_minute_after_thirty_and_for_two_within_a_second() {
        let mut rule = Keycloak::default();
        assert_eq!(fail(&mut rule, 30, 2 * SECOND), 30);
        let last = 29 * 2 * SECOND;
        assert_eq!(rule.ask(&attempt(last + 59 * SECOND, 7, 0, 1)), Say::NotBefore(last + 60 * SECOND));
        assert_eq!(rule.ask(&attempt(last + 60 * SECOND, 7, 0, 1)), Say::Go);
        assert!(!rule.takes_passkey(&attempt(last, 7, 0, 1)));
        rule.heard(&attempt(last + 60 * SECOND, 7, 0, 1), true);
        assert_eq!(fail(&mut rule, 3, 500), 2, "two within a second wait a minute");
        let mut unknown = Keycloak::default();
        for number in 0..100 {
            unknown.heard(&attempt(number, ACCOUNTS + 1, 0, 1), false);
        }
        assert_eq!(unknown.ask(&attempt(100, ACCOUNTS + 1, 0, 1)), Say::Go);
    }

    #[test]
    fn authelia_bans_the_account_for_five_minutes_after_three_in_two() {
        let mut rule = Authelia::default();
        assert_eq!(fail(&mut rule, 4, 10 * SECOND), 3);
        assert_eq!(
            rule.ask(&attempt(30 * SECOND, 7, 0, 5)),
            Say::NotBefore(20 * SECOND + 5 * MINUTE),
            "from anywhere"
        );
        assert_eq!(rule.ask(&attempt(30 * SECOND, 8, 0, 9)), Say::Go, "another account");
        let mut slow = Authelia::default();
        assert_eq!(fail(&mut slow, 50, 61 * SECOND), 50, "never three within two minutes");
    }

    #[test]
    fn rauthy_blocks_the_address_step_by_step_and_a_right_password_begins_anew() {
        let mut rule = Rauthy::new(Stands::Inside);
        assert_eq!(fail(&mut rule, 8, SECOND), 7);
        assert_eq!(
            rule.ask(&attempt(7 * SECOND, 8, 0, 9)),
            Say::NotBefore(6 * SECOND + MINUTE),
            "every account"
        );
        assert_eq!(rule.ask(&attempt(7 * SECOND, 7, 0, 10)), Say::Go, "another address");
        rule.heard(&attempt(2 * MINUTE, 7, 0, 9), true);
        assert_eq!(rule.addresses.get(&9).unwrap().failed, 0);
    }

    #[test]
    fn rauthy_blocks_a_whole_school_for_a_day_after_fifteen_different_pairs() {
        let mut rule = Rauthy::new(Stands::Outside);
        for number in 0..15 {
            assert_eq!(rule.ask(&attempt(i64::from(number), number, 2, number)), Say::Go);
            rule.heard(&attempt(i64::from(number), number, 2, number), false);
            rule.heard(&attempt(i64::from(number), 99, 0, number), true);
        }
        let told = rule.ask(&attempt(20, 500, 0, 77));
        assert_eq!(told, Say::NotBefore(14 + 24 * HOUR), "somebody else, elsewhere in the school");
        let mut same = Rauthy::new(Stands::Outside);
        for number in 0..100 {
            same.heard(&attempt(number, 5, 2, 1), false);
            same.heard(&attempt(number, 99, 0, 1), true);
        }
        assert_eq!(same.ask(&attempt(200, 5, 2, 1)), Say::Go, "the same pair counts once");
    }
}
