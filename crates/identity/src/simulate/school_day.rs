//! The day itself: 1,500 accounts, six lessons, 30 pupils at mischief, 20,000 addresses outside.
//!
//! Left out: a pupil at a teacher's own desk. He locks that desk for the lock's time, by any rule that counts to six.

use super::Try;
use crate::{IdentityError, Randomness};
use std::collections::BTreeMap;

/// Accounts 0 to 89 are teachers'.
pub(super) const TEACHERS: u32 = 90;
/// All accounts; the others are pupils'.
pub(super) const ACCOUNTS: u32 = 1_500;
const MISCHIEVOUS: u32 = 30;
const BOTS: u32 = 20_000;
/// Guesses of each bot.
const GUESSES: u32 = 5;
/// Of a hundred guesses so many are at names that do not exist.
const UNKNOWN_OF_100: u32 = 20;
/// Accounts with a password that the bots come to.
const WEAK: u32 = 40;
/// The bots come to them by so many guesses at one account.
const MOST_RANK: u32 = 60;
/// Telephones with an old password in them.
const OLD_TELEPHONES: u32 = 10;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// Everything that leaves the school has this address.
const EGRESS: u32 = 0xC000_0201;
/// Homes and telephones outside.
const HOMES: u32 = 0x5000_0000;
/// The bots.
const BOT_NET: u32 = 0x6000_0000;
/// Devices: a teacher's laptop has the account's number.
const DESKS: u32 = 10_000;
const PUPIL_PCS: u32 = 20_000;
const COUNT_OF_PUPIL_PCS: u32 = 300;
const HOME_DEVICES: u32 = 30_000;
const TELEPHONES: u32 = 40_000;
const RIGHT: u32 = 0;
const OLD: u32 = 1;
const MISTYPED: u32 = 1_000;
const MISCHIEF: u32 = 100_000;
const RANKED: u32 = 1_000_000;

/// Where somebody sits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seat {
    pub(super) device: u32,
    /// The device's own address.
    pub(super) own_address: u32,
    /// The address that a server outside the school sees.
    pub(super) public_address: u32,
    pub(super) inside: bool,
    /// The device has signed in to this account before.
    pub(super) known: bool,
}

/// Somebody honest signs in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode {
    pub(super) at: i64,
    pub(super) account: u32,
    seat: Seat,
    /// Wrong tries before the right one.
    pub(super) wrong: u32,
    /// A way in beside the password.
    pub(super) has_passkey: bool,
    /// A device that repeats an old password and is nobody.
    pub(super) repeats: bool,
}

impl Episode {
    /// The try when so many wrong ones are still to come.
    pub(super) fn attempt(&self, at: i64, wrong_left: u32) -> Try {
        let secret = match wrong_left {
            0 => RIGHT,
            _ if self.repeats => OLD,
            left => MISTYPED + left,
        };
        Try { at, account: self.account, secret, seat: self.seat }
    }
}

/// Who tries what, where and when.
#[derive(Clone, Debug)]
pub struct SchoolDay {
    pub(super) episodes: Vec<Episode>,
    pub(super) mischief: Vec<Try>,
    pub(super) bots: Vec<Try>,
    /// At which of the bots' guesses an account falls.
    pub(super) weak: BTreeMap<u32, u32>,
}

/// The secret that is the bots' guess of this number.
pub(super) fn secret_of_rank(rank: u32) -> u32 {
    RANKED + rank
}

/// Writes down a day from a seed.
///
/// # Errors
/// [`IdentityError::NoRandomness`], which a seed never gives.
pub fn day(seed: u64) -> Result<SchoolDay, IdentityError> {
    let mut writer = Writer { random: Randomness::Seeded(seed) };
    let mut episodes = writer.teachers()?;
    episodes.extend(writer.lessons()?);
    episodes.extend(writer.evening()?);
    episodes.extend(writer.old_telephones()?);
    Ok(SchoolDay { episodes, mischief: writer.mischief()?, bots: writer.bots()?, weak: writer.weak()? })
}

struct Writer {
    random: Randomness,
}

impl Writer {
    fn below(&mut self, limit: u32) -> Result<u32, IdentityError> {
        self.random.below(limit)
    }

    fn between(&mut self, from: i64, to: i64) -> Result<i64, IdentityError> {
        let span = u32::try_from(to - from).unwrap_or(u32::MAX);
        Ok(from + i64::from(self.below(span)?))
    }

    /// Of a thousand sign-ins 880 are right at once, and one needs six tries.
    fn mistyped(&mut self) -> Result<u32, IdentityError> {
        Ok(match self.below(1_000)? {
            0..880 => 0,
            880..960 => 1,
            960..985 => 2,
            985..995 => 3,
            995..999 => 4,
            _ => 5,
        })
    }

    fn episode(&mut self, at: i64, account: u32, seat: Seat) -> Result<Episode, IdentityError> {
        Ok(Episode { at, account, seat, wrong: self.mistyped()?, has_passkey: false, repeats: false })
    }

    /// Each at the own laptop before school, twice more at laptop or desk, and ten at a pupils' computer.
    fn teachers(&mut self) -> Result<Vec<Episode>, IdentityError> {
        let mut episodes = Vec::new();
        for account in 0..TEACHERS {
            let at = self.between(7 * HOUR + 45 * MINUTE, 8 * HOUR + 45 * MINUTE)?;
            episodes.push(self.episode(at, account, inside(account, true))?);
            for _ in 0..2 {
                let device = if self.below(2)? == 0 { account } else { DESKS + account };
                let at = self.between(9 * HOUR, 15 * HOUR)?;
                episodes.push(self.episode(at, account, inside(device, true))?);
            }
        }
        for account in 0..10 {
            let (at, device) = (self.between(9 * HOUR, 15 * HOUR)?, self.pupil_pc()?);
            episodes.push(self.episode(at, account, inside(device, false))?);
        }
        Ok(episodes)
    }

    /// Six lessons with 300 pupils each, who sign in within three minutes.
    fn lessons(&mut self) -> Result<Vec<Episode>, IdentityError> {
        let mut episodes = Vec::new();
        for lesson in 0..6i64 {
            for pc in 0..COUNT_OF_PUPIL_PCS {
                let account = TEACHERS + self.below(ACCOUNTS - TEACHERS)?;
                let begins = 9 * HOUR + lesson * HOUR;
                let at = self.between(begins, begins + 3 * MINUTE)?;
                episodes.push(self.episode(at, account, inside(PUPIL_PCS + pc, false))?);
            }
        }
        Ok(episodes)
    }

    /// Sixty teachers and three hundred pupils at home, six of the pupils on a device that is new; twelve teachers on a new
    /// telephone, who have a passkey, as the policy asks of staff away from school.
    fn evening(&mut self) -> Result<Vec<Episode>, IdentityError> {
        let mut episodes = Vec::new();
        for account in 0..60 {
            let at = self.between(16 * HOUR, 21 * HOUR)?;
            episodes.push(self.episode(at, account, outside(account, true))?);
        }
        for number in 0..300 {
            let account = TEACHERS + self.below(ACCOUNTS - TEACHERS)?;
            let at = self.between(16 * HOUR, 21 * HOUR)?;
            episodes.push(self.episode(at, account, outside(HOME_DEVICES + account, number >= 6))?);
        }
        for account in 60..72 {
            let at = self.between(16 * HOUR, 21 * HOUR)?;
            let episode = self.episode(at, account, outside(TELEPHONES + account, false))?;
            episodes.push(Episode { has_passkey: true, ..episode });
        }
        Ok(episodes)
    }

    /// Teachers' telephones that try last term's password every five minutes of the school day.
    fn old_telephones(&mut self) -> Result<Vec<Episode>, IdentityError> {
        let mut episodes = Vec::new();
        for account in 20..20 + OLD_TELEPHONES {
            let mut at = 8 * HOUR + self.between(0, 5 * MINUTE)?;
            while at < 16 * HOUR {
                let seat = inside(TELEPHONES + account, true);
                episodes.push(Episode { at, account, seat, wrong: 1, has_passkey: false, repeats: true });
                at += 5 * MINUTE;
            }
        }
        Ok(episodes)
    }

    /// Each in two lessons at a pupils' computer: eight guesses at a teacher, four at a classmate.
    fn mischief(&mut self) -> Result<Vec<Try>, IdentityError> {
        let mut tries = Vec::new();
        let mut secret = MISCHIEF;
        for _ in 0..MISCHIEVOUS * 2 {
            let begins = 9 * HOUR + i64::from(self.below(6)?) * HOUR;
            let mut at = self.between(begins + 5 * MINUTE, begins + 50 * MINUTE)?;
            let (seat, teacher) = (inside(self.pupil_pc()?, false), self.below(TEACHERS)?);
            let classmate = TEACHERS + self.below(ACCOUNTS - TEACHERS)?;
            for guess in 0..12 {
                let account = if guess < 8 { teacher } else { classmate };
                secret += 1;
                tries.push(Try { at, account, secret, seat });
                at += self.between(4_000, 8_000)?;
            }
        }
        Ok(tries)
    }

    /// From seven in the morning to nine at night.
    fn bots(&mut self) -> Result<Vec<Try>, IdentityError> {
        let mut tries = Vec::new();
        for bot in 0..BOTS {
            for _ in 0..GUESSES {
                let unknown = self.below(100)? < UNKNOWN_OF_100;
                let account = if unknown { ACCOUNTS + self.below(5_000)? } else { self.below(ACCOUNTS)? };
                let address = BOT_NET + bot;
                let seat = Seat {
                    device: address,
                    own_address: address,
                    public_address: address,
                    inside: false,
                    known: false,
                };
                tries.push(Try { at: self.between(7 * HOUR, 21 * HOUR)?, account, secret: 0, seat });
            }
        }
        Ok(tries)
    }

    fn weak(&mut self) -> Result<BTreeMap<u32, u32>, IdentityError> {
        let mut weak = BTreeMap::new();
        while weak.len() < usize::try_from(WEAK).unwrap_or(0) {
            weak.insert(self.below(ACCOUNTS)?, self.below(MOST_RANK)?);
        }
        Ok(weak)
    }

    fn pupil_pc(&mut self) -> Result<u32, IdentityError> {
        Ok(PUPIL_PCS + self.below(COUNT_OF_PUPIL_PCS)?)
    }
}

fn inside(device: u32, known: bool) -> Seat {
    Seat { device, own_address: 0x0A00_0000 + device, public_address: EGRESS, inside: true, known }
}

fn outside(device: u32, known: bool) -> Seat {
    let address = HOMES + device;
    Seat { device, own_address: address, public_address: address, inside: false, known }
}
