//! Turns to try a password: where an attempt comes from, as this gate's own listeners saw it, and what a wrong one does.

use crate::{App, AppError};
use identity::{
    AccountSeen, Admitted, Attempt, DeviceCookie, Factor, FreshDevices, IdentityError, LaneCounting, Lockout,
    LockoutRules, Origin, Randomness, Turned, UnlockReason,
};
use model::{PersonId, Timestamp};
use policy::file::{Counting, show_date};
use policy::rules::AddressUse;
use registers::{CountingSeen, LockTried, LockoutSeen};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

/// Wrong pictures in a row, from one device, after which the teacher helps.
const MOST_PICTURES: u32 = 3;

/// Where somebody signs in from.
#[derive(Clone)]
pub struct Caller {
    /// The address of the connection, as this gate's own listener saw it.
    pub address: IpAddr,
    /// What the browser carries of earlier sign-ins, as it sent it; empty where it sent nothing, or where nothing can be
    /// carried, as at the proxy.
    pub device: String,
}

impl From<IpAddr> for Caller {
    fn from(address: IpAddr) -> Self {
        Self { address, device: String::new() }
    }
}

/// Whose password an attempt is for, as far as the login told.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) account: AccountSeen,
    /// `None` where no account has the login.
    pub(crate) person: Option<PersonId>,
    /// What is presented.
    pub(crate) factor: Factor,
}

impl App {
    /// Asks for a turn to compare a password or a code.
    pub(crate) fn take_turn(&self, login: &str, holder: Holder, from: &Caller) -> Result<Admitted, Turned> {
        let (rules, snapshot, at) = (self.rules_for(holder.factor), self.snapshot(), self.now());
        let address = from.address.to_canonical();
        let carried = DeviceCookie::parse(&from.device);
        let known = carried
            .zip(holder.person)
            .and_then(|(cookie, person)| cookie.known_to(&self.0.parts.pepper, person));
        let device = match self.0.parts.roster.get().device_at(address) {
            Some(device) => format!("device {}", device.id),
            None => format!("address {address}"),
        };
        // Whoever an inner network lets in stands at one of its addresses; anything else is outside.
        let from = match (&known, snapshot.network_at(address).map(|network| network.addresses)) {
            (Some(mark), _) => Origin::KnownDevice { device: &mark.0 },
            (None, None) => Origin::Outside { address },
            (None, Some(AddressUse::Shared)) => Origin::SharedAddress { address },
            (None, Some(_)) => Origin::SchoolDevice { device: device.as_bytes() },
        };
        let attempt = Attempt { login, account: holder.account, from, factor: holder.factor, at };
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
        self.0.lockout_moved.store(true, Ordering::Relaxed);
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
        self.0.lockout_moved.store(true, Ordering::Relaxed);
    }

    /// Counts and locks as bytes, to outlive a restart; `None` where nothing was counted since they were last asked for. No
    /// login and no secret is in them.
    pub fn moved_locks(&self) -> Option<Vec<u8>> {
        self.0.lockout_moved.swap(false, Ordering::Relaxed).then(|| self.lockout().saved())
    }

    /// Takes up what [`App::moved_locks`] gave.
    ///
    /// # Errors
    /// [`IdentityError::UnreadableLocks`]; then nothing was taken up.
    pub fn restore_locks(&self, bytes: &[u8]) -> Result<(), IdentityError> {
        self.lockout().restore(bytes)
    }

    /// What the browser carries from now on, after this person signed in with everything that was asked of them. No login
    /// can be read in it, and it lets nobody in: it only chooses the lane in which wrong passwords are counted.
    pub(crate) fn marked(&self, person: PersonId, from: &Caller) -> Result<String, AppError> {
        let carried = DeviceCookie::parse(&from.device);
        let mut cookie = match carried {
            Some(cookie) => cookie,
            None => DeviceCookie::new(&mut Randomness::Machine)?,
        };
        cookie.mark(&self.0.parts.pepper, person);
        Ok(cookie.to_text())
    }

    /// Opens what wrong ones had locked, since a new secret is in force.
    pub(crate) fn open_lanes(&self, login: &str) {
        let at = self.now();
        self.lockout().unlock(login, UnlockReason::NewSecret, at);
        self.0.lockout_moved.store(true, Ordering::Relaxed);
    }

    /// It could not be compared.
    pub(crate) fn give_turn_back(&self, turn: Admitted) {
        let at = self.now();
        self.lockout().not_compared(turn, at);
    }

    /// Of pictures there are few, so after few wrong ones the teacher helps.
    pub(crate) fn rules_for(&self, factor: Factor) -> LockoutRules {
        let rules = self.lockout_rules();
        match factor {
            Factor::Pictures => LockoutRules { attempts: rules.attempts.min(MOST_PICTURES), ..rules },
            Factor::Password | Factor::Code => rules,
        }
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
            // Nobody has a badge or a passkey to show yet, so asking for one would shut a teacher out.
            fresh_devices: FreshDevices::GoOn,
        }
    }

    /// Tries the rules in force on an account that there is not, in a lock-out of its own.
    pub(crate) fn lockout_seen(&self) -> Result<LockoutSeen, AppError> {
        let (rules, in_force) = (self.lockout_rules(), self.in_force());
        let facts = &in_force.document.facts;
        let counting = match rules.counting {
            LaneCounting::ByAccount => CountingSeen::ByAccount,
            LaneCounting::ByLane => CountingSeen::ByLane {
                accepted: facts.lockout.lanes_accepted_on.as_ref().map(|on| show_date(&on.0)),
                review: show_date(&facts.edition.review_on.0),
            },
        };
        let tried = try_lock(&mut Lockout::new(&self.0.parts.pepper)?, &rules, self.now());
        Ok(LockoutSeen { attempts: rules.attempts, minutes: facts.lockout.minutes, counting, tried })
    }

    pub(crate) fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.0.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As many wrong passwords in a row as lock, each as soon as the waits allow; then one more.
fn try_lock(lockout: &mut Lockout, rules: &LockoutRules, mut at: Timestamp) -> LockTried {
    let attempt = |at| Attempt {
        login: "made-up",
        account: AccountSeen::Ordinary,
        from: Origin::SchoolDevice { device: b"made-up" },
        factor: Factor::Password,
        at,
    };
    for number in 1..=rules.attempts {
        let turn = match lockout.admit(&attempt(at), rules) {
            Err(Turned::Wait { until }) => {
                at = until;
                lockout.admit(&attempt(at), rules)
            }
            admitted => admitted,
        };
        let Ok(turn) = turn else { return LockTried::Otherwise };
        let counted = lockout.wrong(turn, &number.to_string(), rules, at);
        if counted.locked_until.is_some() != (number == rules.attempts) {
            return LockTried::Otherwise;
        }
    }
    match lockout.admit(&attempt(at), rules) {
        Err(Turned::Locked { until }) if until == at.plus_ms(rules.lock_ms) => LockTried::Locked,
        Err(_) => LockTried::Otherwise,
        Ok(turn) => {
            lockout.not_compared(turn, at);
            LockTried::Otherwise
        }
    }
}

/// What somebody is told who does not get a turn to show this.
pub(crate) fn turned_words(turned: Turned, factor: Factor, now: Timestamp) -> String {
    let shown = match factor {
        Factor::Password => "passwords",
        Factor::Code => "codes",
        Factor::Pictures => "pictures",
    };
    match turned {
        Turned::Wait { until } => {
            let seconds = until.0.saturating_sub(now.0).saturating_add(999) / 1_000;
            format!("Wait {}, then try again.", counted(seconds.max(1), "second"))
        }
        Turned::Locked { until } => format!(
            "There were too many wrong {shown}. Wait {}, then try again; or ask your school\u{2019}s technician.",
            minutes(until, now)
        ),
        Turned::SourceShut { until } => format!(
            "There were too many wrong {shown} on this device. Wait {}, or use another device.",
            minutes(until, now)
        ),
        Turned::OutsideShut { until } => format!(
            "Somebody is trying to guess {shown} from outside school, so none are taken from there now. Try again in {}, \
             or at school.",
            minutes(until, now)
        ),
        Turned::AskedForMore => format!(
            "There were too many wrong {shown} on several devices. Use a device that you have signed in on before."
        ),
        Turned::Disabled => match factor {
            Factor::Code => "There were too many wrong codes, so none is taken here any more. Use your passkey, or ask your \
                             school\u{2019}s technician."
                .to_owned(),
            _ => format!("There were too many wrong {shown}. Ask your school\u{2019}s technician for new ones."),
        },
    }
}

fn minutes(until: Timestamp, now: Timestamp) -> String {
    counted(until.0.saturating_sub(now.0).saturating_add(59_999) / 60_000, "minute")
}

fn counted(number: i64, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}
