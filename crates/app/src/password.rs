//! Is this the right password for this login? The same work for a login that exists and for one that does not.

use crate::lanes::{Caller, Holder, turned_words};
use crate::{App, AppError};
use identity::{AccountSeen, Factor, Password, StoredHash, TooBusy};
use model::{AccountState, CredentialKind, Person, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountChange, Change, Credential};

/// The longest login that is looked up.
const MOST_LOGIN_BYTES: usize = 200;

/// What became of a login and a password.
pub(crate) enum Checked {
    /// They belong together.
    Right(Box<Proven>),
    /// They do, but it was a temporary password that has run out. The login is named for the audit chain alone.
    RunOut { login: String },
    /// They do not, or the account may not be used. Where the login exists it is named, for the audit chain alone.
    Wrong { known_login: Option<String> },
    /// Too many wrong ones came before, so nothing was compared: what to tell, the same for logins that exist and for those
    /// that do not.
    Locked { words: String },
}

impl Checked {
    /// The same at a door that opens to everyday accounts alone: what administers is shown no second step there.
    pub(crate) fn for_everyday(self) -> Self {
        match self {
            Self::Right(proven) if proven.account.kind.administers() => {
                Self::Wrong { known_login: Some(proven.account.login) }
            }
            other => other,
        }
    }
}

/// Whose password it was.
pub(crate) struct Proven {
    /// The person.
    pub(crate) person: Arc<Person>,
    /// The account.
    pub(crate) account: Account,
    credential: Credential,
    rehashed: Option<StoredHash>,
}

impl Proven {
    /// True where another password must be chosen before this one opens anything.
    pub(crate) fn must_change(&self) -> bool {
        self.account.must_change || self.credential.kind == CredentialKind::Temporary
    }

    /// What is noted of a password that opened its account.
    pub(crate) fn changes(&self, at: Timestamp) -> Vec<Change> {
        let credential = self.credential.id;
        let mut changes = vec![Change::Account(AccountChange::Worked { credential, at, counter: None })];
        if let Some(StoredHash(verifier)) = self.rehashed.clone() {
            changes.push(Change::Account(AccountChange::Rehash { credential, verifier }));
        }
        changes
    }

    /// What is changed where this sign-in is the account's first use.
    pub(crate) fn first_use(&self) -> Option<Change> {
        let account = self.account.id;
        let is_first = self.account.state == AccountState::Pending;
        is_first.then_some(Change::Account(AccountChange::FirstUse { account }))
    }
}

impl App {
    /// Compares a password with the account's hash when its turn comes. Wrong ones are
    /// counted, and after too many of them the lane is locked: see [`identity::Lockout`].
    pub(crate) async fn check_password(
        &self,
        login: &str,
        typed: &str,
        from: &Caller,
    ) -> Result<Checked, AppError> {
        let login = login.trim().to_lowercase();
        let account = match login.len() {
            0..=MOST_LOGIN_BYTES => self.0.parts.store.account(&login).await?,
            _ => None,
        };
        let seen = AccountSeen::of(account.as_ref().map(|account| account.kind));
        let person = account.as_ref().map(|account| account.person);
        let holder = Holder { account: seen, person, factor: Factor::Password };
        let turn = match self.take_turn(&login, holder, from) {
            Ok(turn) => turn,
            Err(turned) => {
                return Ok(Checked::Locked { words: turned_words(turned, Factor::Password, self.now()) });
            }
        };
        let checked = match self.compare(account, typed, from.address).await {
            Ok(Some(checked)) => checked,
            Ok(None) => {
                self.give_turn_back(turn);
                return Ok(Checked::Locked { words: AppError::from(TooBusy).theirs().to_owned() });
            }
            Err(error) => {
                self.give_turn_back(turn);
                return Err(error);
            }
        };
        match &checked {
            Checked::RunOut { login } => {
                self.count_right(turn);
                self.note_refusal("temporary-password-run-out", Some(login.clone()), from.address).await?;
            }
            Checked::Wrong { known_login } => {
                self.count_wrong(turn, typed, known_login.clone(), from.address).await?;
            }
            Checked::Right(proven) => {
                self.count_right(turn);
                self.alarm_recovery(&proven.person, &proven.account).await?;
            }
            Checked::Locked { .. } => self.give_turn_back(turn),
        }
        Ok(checked)
    }

    /// True where what was compared opens its account still: hashing takes a while, and nobody outruns a suspension or a
    /// reset by it. For where nothing is written; elsewhere [`Proven::changes`] sees to it.
    pub(crate) async fn still_opens(&self, proven: &Proven) -> Result<bool, AppError> {
        let store = &self.0.parts.store;
        let account = store.account(&proven.account.login).await?;
        let in_use =
            account.is_some_and(|account| account.id == proven.account.id && account.may_sign_in(self.now()));
        let held = store.credentials(proven.account.id).await?;
        Ok(in_use && held.iter().any(|held| held.id == proven.credential.id))
    }

    /// `None` where too many others wait to have theirs compared.
    async fn compare(
        &self,
        account: Option<Account>,
        typed: &str,
        address: IpAddr,
    ) -> Result<Option<Checked>, AppError> {
        let credential = match &account {
            Some(account) => password_of(self.0.parts.store.credentials(account.id).await?),
            None => None,
        };
        let Ok(password) = Password::new(typed) else {
            return Ok(Some(Checked::Wrong { known_login: account.map(|account| account.login) }));
        };
        let stored = credential.as_ref().map(|credential| StoredHash(credential.verifier.clone()));
        let (pepper, salt) = (self.0.parts.pepper.clone(), identity::random_bytes::<16>()?);
        let Ok(turn) = self.hashing_turn(self.hashing_zone(address)).await else { return Ok(None) };
        let (right, rehashed) = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let right = identity::verify(&pepper, &password, stored.as_ref())?;
            let is_old = |hash: StoredHash| !hash.0.starts_with(&StoredHash::current_prefix());
            let rehashed = match right && stored.is_some_and(is_old) {
                true => Some(identity::hash(&pepper, &password, salt)?),
                false => None,
            };
            Ok::<_, AppError>((right, rehashed))
        })
        .await??;
        Ok(Some(self.checked(account, credential.filter(|_| right), rehashed)))
    }

    /// `right` is the credential whose secret was given.
    fn checked(
        &self,
        account: Option<Account>,
        right: Option<Credential>,
        rehashed: Option<StoredHash>,
    ) -> Checked {
        let Some(account) = account else { return Checked::Wrong { known_login: None } };
        let now = self.now();
        let person = self.0.parts.roster.get().person(account.person).map(Arc::clone);
        match (person, right) {
            (Some(_), Some(credential))
                if account.may_sign_in(now)
                    && credential.expires.is_some_and(|expires| !identity::still_counts(expires, now)) =>
            {
                Checked::RunOut { login: account.login }
            }
            (Some(person), Some(credential)) if account.may_sign_in(now) => {
                Checked::Right(Box::new(Proven { person, account, credential, rehashed }))
            }
            _ => Checked::Wrong { known_login: Some(account.login) },
        }
    }
}

/// The password of an account; there is one at most, chosen or temporary.
fn password_of(held: Vec<Credential>) -> Option<Credential> {
    held.into_iter().rfind(|held| matches!(held.kind, CredentialKind::Password | CredentialKind::Temporary))
}
