//! Accounts of people who work at the school, from the machine's command line: adding one, and a temporary password. It is
//! the way for those who decide beside others, whom nobody in the console gives a password, and the way back in.
//!
//! Left out: learners and visitors, who get theirs in the console; locks after wrong passwords, which a running gate keeps
//! in memory and which wear off by themselves.
//!
//! Invariants: what is made is temporary, is given back once and stands in no record; each deed is a fact of the system
//! user who did it, with their reason; whatever the person was signed in to ends.

use crate::accounts::{NewPerson, place_of, plain_login, wrong_names};
use crate::choose_password::{note_fingerprint, replacing};
use crate::facade::{new_uuid, record_denial};
use crate::people::post_of;
use crate::{AppError, administrators, approved_policy, password_policy};
use identity::{
    AccountRank, Order, PasswordHolder, Pepper, PersonalFacts, PersonalWords, Randomness, fingerprint,
    generate, hash, random_bytes,
};
use model::{
    AccountId, AccountKind, Action, Actor, Affiliation, Clock, CredentialId, CredentialKind, Person,
    PersonId, Role, Scope, Timestamp,
};
use policy::file::Document;
use store::{Account, AccountChange, Change, Credential, Fact, Store};
use zeroize::Zeroizing;

/// The records and who works on them at the machine.
pub struct AtMachine<'a> {
    /// The records.
    pub store: &'a Store,
    /// The time.
    pub clock: &'a Clock,
    /// What passwords are hashed with.
    pub pepper: &'a Pepper,
    /// The system user.
    pub actor: &'a Actor,
}

/// A temporary password, to hand over.
pub struct TemporaryPassword {
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: Zeroizing<String>,
    /// From when on it does not work.
    pub expires: Timestamp,
}

impl AtMachine<'_> {
    /// Adds somebody who works at the school, with an account.
    ///
    /// # Errors
    /// [`AppError::Denied`] for anybody who is not at the machine; [`AppError::Refused`] where something is wrong with it.
    pub async fn add(&self, new: NewPerson, reason: &str) -> Result<TemporaryPassword, AppError> {
        self.must_be_at_machine().await?;
        if let Some((_, words)) = wrong_names(&new.name, &new.login).into_iter().next() {
            return Err(AppError::refused(words, "expected names that can be taken, found others"));
        }
        let (now, place, login) = (self.clock.now(), place_of(&new), plain_login(&new.login));
        let is_taken = self.store.account(&login).await?.is_some() || self.person(&login).await?.is_some();
        if is_taken {
            return Err(AppError::refused(
                "Somebody has or had that user name. Choose another; none is given twice",
                "expected a login that nobody had, found one",
            ));
        }
        let schools = approved_policy(self.store).await?.document.policy.schools;
        let is_known = |scope: &Scope| match scope {
            Scope::Trust => true,
            Scope::School(id) => schools.iter().any(|school| school.id == *id),
        };
        if !is_known(&place) {
            let known: Vec<String> = schools.iter().map(|school| school.id.to_string()).collect();
            let words = format!("There is no such school. Expected one of {}", known.join(", "));
            return Err(AppError::refused(words, "expected a school of the policy, found another"));
        }
        let affiliation = Affiliation { scope: place.clone(), role: new.role, year: None };
        let person = Person {
            id: PersonId(self.new_uuid()?),
            login: login.clone(),
            display_name: new.name.trim().to_owned(),
            affiliations: vec![affiliation.clone()],
        };
        let id = AccountId(self.new_uuid()?);
        let account = Account::new(id, &person, AccountKind::Standard, now, self.actor);
        let (password, issued) = self.issue(&person, &account).await?;
        let mut changes = vec![
            Change::AddPerson { person: person.clone(), scope: Scope::Trust },
            Change::Account(AccountChange::Add(account)),
        ];
        changes.extend(issued);
        changes.extend(post_of(&affiliation, person.id, now));
        let fact = self.fact("add-person", &person, reason)?;
        let fact = fact.with("role", new.role.slug()).with("place", place.to_string());
        administrators::commit_by_policy(self.store, &fact, &changes).await?;
        Ok(password)
    }

    /// Gives somebody who works at the school a temporary password in the place of theirs. A running gate ends what they
    /// were signed in to within seconds.
    ///
    /// # Errors
    /// [`AppError::Denied`] for anybody who is not at the machine; [`AppError::Refused`] for a login that does not exist,
    /// an account that is not open, and without a reason.
    pub async fn reset(&self, login: &str, reason: &str) -> Result<TemporaryPassword, AppError> {
        self.must_be_at_machine().await?;
        let now = self.clock.now();
        let login = plain_login(login);
        let no_such = || {
            AppError::refused(
                "Nobody has that user name. Check how it is spelt.",
                "expected a login, found none such",
            )
        };
        let account = self.store.account(&login).await?;
        let account = match account.filter(|account| account.kind == AccountKind::Administrator) {
            Some(account) => account,
            None => self.everyday_account(&login, now).await?,
        };
        let people = self.store.people().await?;
        let person = people.into_iter().find(|person| person.id == account.person).ok_or_else(no_such)?;
        if !account.may_sign_in(now) {
            return Err(not_open());
        }
        let (password, mut changes) = self.issue(&person, &account).await?;
        let end = AccountChange::EndEverything { person: person.id, but: None, at: now };
        changes.push(Change::Account(end));
        let fact = self.fact("reset-password", &person, reason)?;
        administrators::commit_by_policy(self.store, &fact, &changes).await?;
        Ok(password)
    }

    async fn everyday_account(&self, login: &str, now: Timestamp) -> Result<Account, AppError> {
        let person = self.person(login).await?.ok_or_else(|| {
            AppError::refused(
                "Nobody has that user name. Check how it is spelt.",
                "expected a login, found none such",
            )
        })?;
        let is_meant = |account: &Account| account.kind == AccountKind::Standard && account.may_sign_in(now);
        self.store.accounts_of(person.id).await?.into_iter().find(is_meant).ok_or_else(not_open)
    }

    pub(crate) async fn must_be_at_machine(&self) -> Result<(), AppError> {
        if !matches!(self.actor, Actor::Person { .. }) {
            return Ok(());
        }
        record_denial(self.store, self.actor, Action::ManageAccounts, self.clock.now()).await;
        Err(AppError::Denied)
    }

    pub(crate) async fn person(&self, login: &str) -> Result<Option<Person>, AppError> {
        Ok(self.store.people().await?.into_iter().find(|person| person.login == login))
    }

    /// A temporary password by the policy's rules, and what puts it in force.
    pub(crate) async fn issue(
        &self,
        person: &Person,
        account: &Account,
    ) -> Result<(TemporaryPassword, Vec<Change>), AppError> {
        if person.affiliations.iter().any(|held| matches!(held.role, Role::Learner | Role::Guest)) {
            return Err(AppError::refused(
                "Learners and visitors get their passwords in the console.",
                "expected somebody who works at the school",
            ));
        }
        let document = approved_policy(self.store).await?.document;
        let account_rank =
            if account.kind.administers() { AccountRank::Administrator } else { AccountRank::Everyday };
        let holder = PasswordHolder { affiliations: &person.affiliations, account: account_rank };
        let rule = password_policy(&document.facts.passwords).rule_for(&holder);
        let avoid = self.words_to_avoid(&document, person, account);
        let password = generate(&Order::temporary(&rule, &avoid), &mut Randomness::Machine)?;
        let at = self.clock.now();
        let expires = at.plus_ms(rule.temporary_ms);
        let verifier = hash(self.pepper, &password, random_bytes::<16>()?)?.0;
        let id = CredentialId(self.new_uuid()?);
        let credential = Credential {
            expires: Some(expires),
            ..Credential::new(id, account.id, CredentialKind::Temporary, verifier, at)
        };
        let own = fingerprint(self.pepper, person.id, &password)?;
        let must = AccountChange::SetMustChange { account: account.id, must_change: true };
        // What was handed over is never chosen afterwards.
        let note = note_fingerprint(account, own, at);
        let changes = replacing(account, credential).into_iter().chain([note, must]);
        let changes = changes.map(Change::Account).collect();
        let secret = Zeroizing::new(password.reveal().to_owned());
        Ok((TemporaryPassword { login: account.login.clone(), secret, expires }, changes))
    }

    /// What may not be in the password.
    pub(crate) fn words_to_avoid(
        &self,
        document: &Document,
        person: &Person,
        account: &Account,
    ) -> PersonalWords {
        let mut places: Vec<&str> =
            document.policy.schools.iter().map(|school| school.name.as_ref()).collect();
        places.extend(document.policy.trust.as_deref());
        PersonalWords::of(&PersonalFacts {
            names: &[&person.display_name],
            logins: &[&person.login, &account.login],
            places: &places,
            born: None,
        })
    }

    pub(crate) fn fact(&self, action: &'static str, person: &Person, reason: &str) -> Result<Fact, AppError> {
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > crate::alert_work::MOST_WORDS_BYTES {
            return Err(AppError::no_reason());
        }
        let fact = Fact::new(self.actor, Scope::Trust, self.clock.now(), action);
        Ok(fact.about(format!("person:{}", person.id)).with("reason", reason))
    }

    pub(crate) fn new_uuid(&self) -> Result<uuid::Uuid, AppError> {
        new_uuid(self.clock.now())
    }
}

fn not_open() -> AppError {
    AppError::refused(
        "They have no everyday account that is open. Somebody who manages accounts opens it in the console.",
        "expected an open account, found none",
    )
}
