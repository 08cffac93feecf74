//! Turns to try a password: where an attempt comes from, as this gate's own listeners saw it, and what a wrong one does.

use crate::{App, AppError};
use identity::{AccountSeen, Admitted, Attempt, Factor, LaneCounting, Lockout, LockoutRules, Origin, Turned};
use model::Timestamp;
use policy::file::Counting;
use policy::rules::AddressUse;
use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};

impl App {
    /// Asks for a turn to compare a password.
    pub(crate) fn take_turn(
        &self,
        login: &str,
        account: AccountSeen,
        from: IpAddr,
    ) -> Result<Admitted, Turned> {
        let (rules, snapshot, at) = (self.lockout_rules(), self.snapshot(), self.now());
        let address = from.to_canonical();
        let device = match self.0.parts.roster.get().device_at(address) {
            Some(device) => format!("device {}", device.id),
            None => format!("address {address}"),
        };
        // Whoever an inner network lets in stands at one of its addresses; anything else is outside.
        let from = match snapshot.network_at(address).map(|network| network.addresses) {
            None => Origin::Outside { address },
            Some(AddressUse::Shared) => Origin::SharedAddress { address },
            Some(_) => Origin::SchoolDevice { device: device.as_bytes() },
        };
        let attempt = Attempt { login, account, from, factor: Factor::Password, at };
        self.lockout().admit(&attempt, &rules)
    }

    /// It was wrong. What that locked or shut is recorded.
    pub(crate) async fn count_wrong(
        &self,
        turn: Admitted,
        typed: &str,
        known_login: Option<String>,
        from: IpAddr,
    ) -> Result<(), AppError> {
        let (rules, at) = (self.lockout_rules(), self.now());
        let counted = self.lockout().wrong(turn, typed, &rules, at);
        if counted.locked_until.is_some() {
            tracing::warn!("an account was locked for where too many wrong passwords came from");
            self.note_refusal("account-locked", known_login.clone(), from).await?;
        }
        if counted.disables {
            tracing::warn!("an account needs a new password for where a hundred wrong ones came from");
            self.note_refusal("password-disabled", known_login, from).await?;
        }
        if counted.shuts_source {
            tracing::warn!("an address failed on too many accounts and is shut for ten minutes");
            self.note_refusal("sign-in-source-shut", None, from).await?;
        }
        if counted.shuts_outside {
            tracing::error!(
                "too many accounts were guessed at from outside: passwords from outside are refused"
            );
            self.note_refusal("sign-in-outside-shut", None, from).await?;
        }
        Ok(())
    }

    /// It was right.
    pub(crate) fn count_right(&self, turn: Admitted) {
        let at = self.now();
        self.lockout().right(turn, at);
    }

    /// It could not be compared.
    pub(crate) fn give_turn_back(&self, turn: Admitted) {
        let at = self.now();
        self.lockout().not_compared(turn, at);
    }

    /// As the policy in force says.
    fn lockout_rules(&self) -> LockoutRules {
        let said = self.in_force().document.facts.lockout.clone();
        LockoutRules {
            attempts: said.attempts,
            lock_ms: i64::from(said.minutes) * 60_000,
            counting: match said.counting {
                Counting::Lane => LaneCounting::ByLane,
                Counting::Account => LaneCounting::ByAccount,
            },
            accounts: u32::try_from(self.0.parts.roster.get().people().count()).unwrap_or(u32::MAX),
        }
    }

    fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.0.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody is told who does not get a turn.
pub(crate) fn turned_words(turned: Turned, now: Timestamp) -> String {
    match turned {
        Turned::Wait { until } => {
            let seconds = until.0.saturating_sub(now.0).saturating_add(999) / 1_000;
            format!("Wait {}, then try again.", counted(seconds.max(1), "second"))
        }
        Turned::Locked { until } => format!(
            "There were too many wrong passwords. Wait {}, then try again; or ask your school\u{2019}s technician.",
            minutes(until, now)
        ),
        Turned::SourceShut { until } => format!(
            "There were too many wrong passwords on this device. Wait {}, or use another device.",
            minutes(until, now)
        ),
        Turned::OutsideShut { until } => format!(
            "Somebody is trying to guess passwords from outside school, so none are taken from there now. Try again in {}, \
             or at school.",
            minutes(until, now)
        ),
        Turned::AskedForMore => {
            "There were too many wrong passwords on several devices. Use a device that you have signed in \
                                 on before, or ask your school\u{2019}s technician."
                .to_owned()
        }
        Turned::Disabled => {
            "There were too many wrong passwords. Ask your school\u{2019}s technician for a new one."
                .to_owned()
        }
    }
}

fn minutes(until: Timestamp, now: Timestamp) -> String {
    counted(until.0.saturating_sub(now.0).saturating_add(59_999) / 60_000, "minute")
}

fn counted(number: i64, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
