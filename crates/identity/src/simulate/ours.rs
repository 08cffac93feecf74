//! Our own lock-out in the simulation: the very code that the gate runs.

use super::school_day::ACCOUNTS;
use super::{Rule, Say, Try};
use crate::{
    AccountSeen, Admitted, Attempt, Factor, FreshDevices, IdentityError, LaneCounting, Lockout, LockoutRules,
    Origin, Pepper, Turned,
};
use model::Timestamp;
use std::net::{IpAddr, Ipv4Addr};

pub(super) struct Ours {
    lockout: Lockout,
    rules: LockoutRules,
    turn: Option<Admitted>,
}

impl Ours {
    /// Six in a row and fifteen minutes, as the policies that ship have it.
    pub(super) fn new(counting: LaneCounting) -> Result<Self, IdentityError> {
        let pepper = Pepper::from_bytes(&[0; Pepper::BYTES])?;
        let rules = LockoutRules {
            attempts: 6,
            lock_ms: 15 * 60_000,
            counting,
            accounts: ACCOUNTS,
            fresh_devices: FreshDevices::AskForMore,
        };
        Ok(Self { lockout: Lockout::new(&pepper)?, rules, turn: None })
    }
}

impl Rule for Ours {
    fn ask(&mut self, attempt: &Try) -> Say {
        let (login, device) = (attempt.account.to_string(), attempt.seat.device.to_be_bytes());
        let from = if attempt.seat.known {
            Origin::KnownDevice { device: &device }
        } else if attempt.seat.inside {
            Origin::SchoolDevice { device: &device }
        } else {
            Origin::Outside { address: IpAddr::V4(Ipv4Addr::from(attempt.seat.own_address)) }
        };
        let account = if attempt.account < ACCOUNTS { AccountSeen::Ordinary } else { AccountSeen::Unknown };
        let at = Timestamp(attempt.at);
        match self
            .lockout
            .admit(&Attempt { login: &login, account, from, factor: Factor::Password, at }, &self.rules)
        {
            Ok(turn) => {
                self.turn = Some(turn);
                Say::Go
            }
            Err(
                Turned::Wait { until }
                | Turned::Locked { until }
                | Turned::SourceShut { until }
                | Turned::OutsideShut { until },
            ) => Say::NotBefore(until.0),
            Err(Turned::AskedForMore | Turned::Disabled) => Say::NotBefore(i64::MAX),
        }
    }

    fn heard(&mut self, attempt: &Try, right: bool) {
        let Some(turn) = self.turn.take() else { return };
        let at = Timestamp(attempt.at);
        if right {
            self.lockout.right(turn, at);
        } else {
            let _ = self.lockout.wrong(turn, &attempt.secret.to_string(), &self.rules, at);
        }
    }

    fn takes_passkey(&self, _: &Try) -> bool {
        true
    }
}
