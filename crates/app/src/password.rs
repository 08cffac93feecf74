//! Is this the right password for this login? The same work for a login that exists and for one that does not.

use crate::{App, AppError};
use identity::{Attempt, LaneCounting, Lockout, LockoutRules, Password, StoredHash};
use model::Person;
use policy::file::Counting;
use std::net::IpAddr;
use std::sync::{Arc, MutexGuard, PoisonError};
use store::{Account, AccountState};

/// The longest login that is looked up.
const MOST_LOGIN_BYTES: usize = 200;

/// What became of a login and a password.
pub(crate) enum Checked {
    /// They belong together, and to this person.
    Right(Arc<Person>),
    /// They do not, or the account is closed. Where the login exists it is named, for the audit chain alone.
    Wrong { known_login: Option<String> },
    /// Too many wrong ones came before, so nothing was compared. For logins that exist and for those that do not.
    Locked { minutes: u32 },
}

impl App {
    /// Compares a password with the account's hash, in a thread of its own; at most cores − 1 at once. Wrong ones are
    /// counted, and after too many of them the lane is locked: see [`identity::Lockout`].
    pub(crate) async fn check_password(
        &self,
        login: &str,
        typed: &str,
        from: IpAddr,
    ) -> Result<Checked, AppError> {
        let login = login.trim().to_lowercase();
        let (rules, at) = (self.lockout_rules(), self.now());
        let attempt = Attempt { login: &login, address: from, at };
        if let Some(until) = self.lockout().locked_until(&attempt, rules) {
            let minutes = (until.0.saturating_sub(at.0) + 59_999) / 60_000;
            return Ok(Checked::Locked { minutes: u32::try_from(minutes).unwrap_or(u32::MAX) });
        }
        let checked = self.compare(&login, typed).await?;
        match &checked {
            Checked::Right(_) => self.lockout().right(&attempt, rules),
            Checked::Wrong { known_login } if self.lockout().wrong(&attempt, typed, rules) => {
                tracing::warn!("an account was locked for where too many wrong passwords came from");
                self.note_refusal("account-locked", known_login.clone(), from).await?;
            }
            _ => {}
        }
        Ok(checked)
    }

    async fn compare(&self, login: &str, typed: &str) -> Result<Checked, AppError> {
        let account = match login.len() {
            0..=MOST_LOGIN_BYTES => self.0.parts.store.account(login).await?,
            _ => None,
        };
        let Ok(password) = Password::new(typed) else {
            return Ok(Checked::Wrong { known_login: account.map(|account| account.login) });
        };
        let stored = account.as_ref().map(|account| StoredHash(account.password_hash.clone()));
        let pepper = self.0.parts.pepper.clone();
        let turn = Arc::clone(&self.0.hashing).acquire_owned().await;
        let right = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            identity::verify(&pepper, &password, stored.as_ref())
        })
        .await??;
        Ok(self.checked(account, right))
    }

    /// As the policy in force says.
    fn lockout_rules(&self) -> LockoutRules {
        let said = self.in_force().document.facts.lockout.clone();
        LockoutRules {
            attempts: said.attempts,
            lock_ms: i64::from(said.minutes) * 60_000,
            counting: match said.counting {
                Counting::Lane => LaneCounting::ByAddress,
                Counting::Account => LaneCounting::ByAccount,
            },
        }
    }

    fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.0.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn checked(&self, account: Option<Account>, right: bool) -> Checked {
        let Some(account) = account else { return Checked::Wrong { known_login: None } };
        let person = self.0.parts.roster.get().person(account.person).map(Arc::clone);
        match person {
            Some(person) if right && account.state == AccountState::Open => Checked::Right(person),
            _ => Checked::Wrong { known_login: Some(account.login) },
        }
    }
}
