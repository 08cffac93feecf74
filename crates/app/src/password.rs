//! Is this the right password for this login? The same work for a login that exists and for one that does not.

use crate::lanes::turned_words;
use crate::{App, AppError};
use identity::{AccountSeen, Password, StoredHash};
use model::Person;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountState};

/// The longest login that is looked up.
const MOST_LOGIN_BYTES: usize = 200;

/// What became of a login and a password.
pub(crate) enum Checked {
    /// They belong together, and to this person.
    Right(Arc<Person>),
    /// They do not, or the account is closed. Where the login exists it is named, for the audit chain alone.
    Wrong { known_login: Option<String> },
    /// Too many wrong ones came before, so nothing was compared: what to tell, the same for logins that exist and for those
    /// that do not.
    Locked { words: String },
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
        let account = match login.len() {
            0..=MOST_LOGIN_BYTES => self.0.parts.store.account(&login).await?,
            _ => None,
        };
        let seen = if account.is_some() { AccountSeen::Ordinary } else { AccountSeen::Unknown };
        let turn = match self.take_turn(&login, seen, from) {
            Ok(turn) => turn,
            Err(turned) => return Ok(Checked::Locked { words: turned_words(turned, self.now()) }),
        };
        let checked = match self.compare(account, typed).await {
            Ok(checked) => checked,
            Err(error) => {
                self.give_turn_back(turn);
                return Err(error);
            }
        };
        match &checked {
            Checked::Wrong { known_login } => {
                self.count_wrong(turn, typed, known_login.clone(), from).await?;
            }
            _ => self.count_right(turn),
        }
        Ok(checked)
    }

    async fn compare(&self, account: Option<Account>, typed: &str) -> Result<Checked, AppError> {
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

    fn checked(&self, account: Option<Account>, right: bool) -> Checked {
        let Some(account) = account else { return Checked::Wrong { known_login: None } };
        let person = self.0.parts.roster.get().person(account.person).map(Arc::clone);
        match person {
            Some(person) if right && account.state == AccountState::Open => Checked::Right(person),
            _ => Checked::Wrong { known_login: Some(account.login) },
        }
    }
}
