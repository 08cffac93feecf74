//! Administrators and recovery accounts, made at the machine by whoever looks after it: an administrator's account beside the
//! everyday one (clause ACC-4), and the envelope of a recovery account (clause ACC-5).
//!
//! Invariants: what is made is shown once and stands in no record; an administrator's account gives no more than its holder's
//! posts do, and always asks for a second factor; an envelope holds a password that stays and ten codes, each good for one
//! sign-in, since whoever opens it has no phone that the account knows.

use crate::accounts_at_machine::{AtMachine, TemporaryPassword};
use crate::administrators::{self, LEADERS, leads};
use crate::choose_password::{note_fingerprint, replacing};
use crate::facade::new_uuid;
use crate::{AppError, approved_policy, password_policy, recovery_stands};
use identity::{
    AccountRank, Order, Password, PasswordHolder, Pepper, Randomness, RecoveryCode, fingerprint, generate,
    hash, random_bytes,
};
use model::{AccountId, AccountKind, CredentialId, CredentialKind, Person, Timestamp};
use store::{Account, AccountChange, Change, Credential, Fact};
use zeroize::Zeroizing;

/// What goes into the sealed envelope of a recovery account.
pub struct Envelope {
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: Zeroizing<String>,
    /// The codes, one for each sign-in.
    pub codes: Vec<Zeroizing<String>>,
}

impl AtMachine<'_> {
    /// Gives somebody who works at the school an administrator account beside their everyday one.
    ///
    /// # Errors
    /// [`AppError::Denied`] for anybody who is not at the machine; [`AppError::Refused`] for a login that does not exist,
    /// somebody who has one already, and without a reason.
    pub async fn give_administrator(&self, login: &str, reason: &str) -> Result<TemporaryPassword, AppError> {
        self.must_be_at_machine().await?;
        let person = self.must_find(login).await?;
        let id = AccountId(self.new_uuid()?);
        let new = Account::new(id, &person, AccountKind::Administrator, self.clock.now(), self.actor);
        let account = Account { login: format!("{}.admin", person.login), ..new };
        let (password, issued) = self.issue(&person, &account).await?;
        let mut changes = vec![Change::Account(AccountChange::Add(account))];
        changes.extend(issued);
        let fact = self.fact("give-administrator", &person, reason)?;
        administrators::commit_by_policy(self.store, &fact, &changes).await?;
        Ok(password)
    }

    /// Takes every second factor of an account away, for whoever lost them all: they set up another at their next sign-in,
    /// where they must have one. What they were signed in to ends.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for a login that does not exist, where too few could administer without
    /// them, and without a reason.
    pub async fn take_factors(&self, login: &str, reason: &str) -> Result<(), AppError> {
        self.must_be_at_machine().await?;
        let login = crate::accounts::plain_login(login);
        let account = self.store.account(&login).await?;
        let account =
            account.filter(|account| account.kind != AccountKind::BreakGlass).ok_or_else(no_such)?;
        let people = self.store.people().await?;
        let person = people.into_iter().find(|person| person.id == account.person).ok_or_else(no_such)?;
        let (id, at) = (account.id, self.clock.now());
        let kinds = vec![CredentialKind::Totp, CredentialKind::Passkey, CredentialKind::Recovery];
        let changes = [
            Change::Account(AccountChange::Revoke { account: id, kinds, at }),
            Change::Account(AccountChange::EndEverything { person: person.id, but: None, at }),
        ];
        let fact = self.fact("take-factors", &person, reason)?.with("account", account.kind.slug());
        administrators::commit_by_policy(self.store, &fact, &changes).await
    }

    /// Makes a recovery account, owned by these leaders; it stands for the first of them who manages accounts everywhere.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without owners who lead, without one for whom it can stand, and once the
    /// administrators are set up, from when on leaders alone decide about recovery accounts.
    pub async fn make_recovery(&self, owners: &[String], reason: &str) -> Result<Envelope, AppError> {
        self.must_be_at_machine().await?;
        let mut found = Vec::new();
        for owner in owners {
            found.push(self.must_find(owner).await?);
        }
        if found.is_empty() || !found.iter().all(|owner| leads(&owner.affiliations)) {
            let titles: Vec<&str> = LEADERS.iter().map(|role| role.title()).collect();
            return Err(AppError::refused(
                format!("A recovery account is owned by leaders. Name people who are: {}", titles.join(", ")),
                "expected owners who lead, found others",
            ));
        }
        let policy = approved_policy(self.store).await?.document.policy;
        let owners: Vec<&Person> = found.iter().collect();
        let stand = recovery_stands::stands_for((self.store, &policy), &owners, None).await?;
        let number = self.store.highest_recovery_number().await?.saturating_add(1);
        let owners = found.iter().map(|owner| owner.id).collect();
        let (new, at) = ((AccountId(self.new_uuid()?), number), self.clock.now());
        let (account, mut changes) = recovery_stands::made(&stand, new, owners, (at, self.actor));
        let envelope = self.seal(&stand.person, &account, &mut changes).await?;
        let fact = self.fact("make-recovery-account", &stand.person, reason)?;
        administrators::commit_by_policy(self.store, &fact, &changes).await?;
        Ok(envelope)
    }

    /// Fills the envelope of a recovery account anew: after it was opened, or where it may have been. What was signed in to
    /// with it ends.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for a number that there is not, and without a reason.
    pub async fn renew_recovery(&self, number: u32, reason: &str) -> Result<Envelope, AppError> {
        self.must_be_at_machine().await?;
        let not_there = || {
            AppError::refused(
                "There is no recovery account of that number.",
                "expected a recovery account, found none of that number",
            )
        };
        let records = self.store.recovery_accounts().await?;
        let record = records.into_iter().find(|record| record.number == number).ok_or_else(not_there)?;
        let accounts = self.store.accounts_of_kinds(&[AccountKind::BreakGlass]).await?;
        let account =
            accounts.into_iter().find(|account| account.id == record.account).ok_or_else(not_there)?;
        let people = self.store.people().await?;
        let person = people.into_iter().find(|person| person.id == account.person).ok_or_else(not_there)?;
        let mut changes = Vec::new();
        let envelope = self.seal(&person, &account, &mut changes).await?;
        let end = AccountChange::EndEverything { person: person.id, but: None, at: self.clock.now() };
        changes.push(Change::Account(end));
        let fact: Fact = self.fact("renew-recovery-account", &person, reason)?;
        administrators::commit_by_policy(self.store, &fact, &changes).await?;
        Ok(envelope)
    }

    async fn must_find(&self, login: &str) -> Result<Person, AppError> {
        let login = crate::accounts::plain_login(login);
        self.person(&login).await?.ok_or_else(no_such)
    }

    /// A password that stays and ten codes, in the place of those of before.
    async fn seal(
        &self,
        person: &Person,
        account: &Account,
        changes: &mut Vec<Change>,
    ) -> Result<Envelope, AppError> {
        let document = approved_policy(self.store).await?.document;
        let holder =
            PasswordHolder { affiliations: &person.affiliations, account: AccountRank::Administrator };
        let rule = password_policy(&document.facts.passwords).rule_for(&holder);
        let avoid = self.words_to_avoid(&document, person, account);
        let password = generate(&Order::temporary(&rule, &avoid), &mut Randomness::Machine)?;
        let at = self.clock.now();
        let verifier = hash(self.pepper, &password, random_bytes::<16>()?)?.0;
        seal(self.pepper, (person, account), (&password, verifier), at, changes)
    }
}

/// Puts a password that stays and ten codes in the place of those of before; the codes are good for this person's account
/// alone.
pub(crate) fn seal(
    pepper: &Pepper,
    (person, account): (&Person, &Account),
    (password, verifier): (&Password, String),
    at: Timestamp,
    changes: &mut Vec<Change>,
) -> Result<Envelope, AppError> {
    let id = CredentialId(new_uuid(at)?);
    let credential = Credential::new(id, account.id, CredentialKind::Password, verifier, at);
    changes.extend(replacing(account, credential).map(Change::Account));
    let own = fingerprint(pepper, person.id, password)?;
    changes.push(Change::Account(note_fingerprint(account, own, at)));
    // A passkey or an app that somebody set up with the envelope before is worth as little as that.
    let kinds = vec![CredentialKind::Recovery, CredentialKind::Totp, CredentialKind::Passkey];
    changes.push(Change::Account(AccountChange::Revoke { account: account.id, kinds, at }));
    let mut codes = Vec::new();
    for code in RecoveryCode::ten(&mut Randomness::Machine)? {
        let verifier = code.hash(pepper, person.id)?.0;
        let id = CredentialId(new_uuid(at)?);
        let credential = Credential::new(id, account.id, CredentialKind::Recovery, verifier, at);
        let scope = account.scope.clone();
        changes.push(Change::Account(AccountChange::AddCredential { credential, scope }));
        codes.push(code.reveal());
    }
    let secret = Zeroizing::new(password.reveal().to_owned());
    Ok(Envelope { login: account.login.clone(), secret, codes })
}

fn no_such() -> AppError {
    AppError::refused(
        "Nobody has that user name. Check how it is spelt.",
        "expected a login, found none such",
    )
}
