//! One's own second factors: adding an authenticator or a passkey, naming and taking them away, and recovery codes.
//!
//! It is done under My account with a fresh proof of who is there, and at a first sign-in that asks for a factor where there
//! is none, in its partial session.
//!
//! Invariants: nothing counts before it has worked once; codes are shown once and kept as hashes; nobody takes away the last
//! factor that their post asks for; each deed is a fact, with no secret in it.

use crate::ceremonies::{Ceremony, Occasion};
use crate::frame::place_of;
use crate::second_step::SecondStep;
use crate::sign_in::actor_of;
use crate::views::{FactorView, FactorsView, NewAuthenticatorView, NewPasskeyView};
use crate::{App, AppError, Fresh};
use identity::{HeldPasskey, Randomness, RecoveryCode, TotpSecret};
use model::{Actor, CredentialId, CredentialKind, Person};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountChange, Change, Credential, FactorName};
use zeroize::Zeroizing;

/// The longest name of a factor, in characters.
const MOST_NAME: usize = 40;
/// The most factors of an account.
const MOST_FACTORS: usize = 10;

/// Whose factors are worked on, in which session.
pub struct Holder {
    pub(crate) person: Arc<Person>,
    pub(crate) account: Account,
    /// The hash of the session's token.
    pub(crate) session: String,
}

/// Recovery codes, to be shown once; none where those of before still count.
pub struct NewCodes(pub Vec<Zeroizing<String>>);

/// A new factor's first proof, and its name.
#[derive(Clone, Copy)]
pub struct NewFactor<'a> {
    /// The first code of an authenticator, or a browser's answer for a new passkey.
    pub proof: SecondStep<'a>,
    /// What its holder calls it; may be empty.
    pub name: &'a str,
}

impl App {
    /// Whose factors these are, for somebody who proved a few minutes ago that it is them.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn factor_holder(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        token: &str,
    ) -> Result<Holder, AppError> {
        let (person, account, session) = self.myself(actor, token).await?;
        if session != fresh.session() {
            return Err(AppError::Denied);
        }
        Ok(Holder { person, account, session })
    }

    /// What somebody holds, for a page.
    pub(crate) async fn factors_view(
        &self,
        person: &Person,
        account: &Account,
    ) -> Result<FactorsView, AppError> {
        let held = self.held_factors(account).await?;
        let names = self.0.parts.store.factor_names(account.id).await?;
        let name_of = |id: CredentialId| {
            let named = names.iter().find(|named| named.credential == id).map(|named| named.name.clone());
            named.unwrap_or_default()
        };
        let factors = held.factors().map(|held| FactorView {
            id: held.id.to_string(),
            kind: held.kind.title().to_owned(),
            name: name_of(held.id),
            added: held.created,
            last_worked: held.last_worked,
        });
        Ok(FactorsView {
            factors: factors.collect(),
            recovery_codes: held.recovery_codes(),
            why: self
                .why_everywhere(person, account)
                .map(|why| why.sentence().to_owned())
                .unwrap_or_default(),
            passkeys_work: self.passkey_place().is_some(),
        })
    }

    /// Begins an authenticator: its secret, shown until a first code is right.
    ///
    /// # Errors
    /// [`AppError::Refused`] where there are too many factors already.
    pub async fn begin_authenticator(&self, holder: &Holder) -> Result<NewAuthenticatorView, AppError> {
        self.must_have_room(holder).await?;
        let begun = self.ceremonies().authenticator(&holder.session, self.now());
        let secret = match begun {
            Some(secret) => secret,
            None => TotpSecret::random(&mut Randomness::Machine)?,
        };
        let kept = Ceremony::Authenticator(secret.clone());
        self.ceremonies().put(Occasion::NewAuthenticator, &holder.session, kept, self.now());
        let organisation = self.organisation_of(&place_of(Some(&actor_of(&holder.person))));
        Ok(NewAuthenticatorView {
            address: secret.address(&organisation, &holder.account.login).to_string(),
            secret: in_fours(&secret.reveal()),
        })
    }

    /// Takes a new factor's first proof: from now on it counts. Recovery codes where there are none yet.
    ///
    /// # Errors
    /// [`AppError::Refused`] where the proof is not of it, or it took too long.
    pub async fn add_factor(&self, holder: &Holder, new: NewFactor<'_>) -> Result<NewCodes, AppError> {
        self.must_have_room(holder).await?;
        match new.proof {
            SecondStep::Code(code) => self.add_authenticator(holder, code, new.name).await,
            SecondStep::Passkey(answer) => self.add_passkey(holder, answer, new.name).await,
        }
    }

    async fn add_authenticator(&self, holder: &Holder, code: &str, name: &str) -> Result<NewCodes, AppError> {
        let at = self.now();
        let Some(secret) = self.ceremonies().authenticator(&holder.session, at) else {
            return Err(too_late());
        };
        let step = secret.check(code, at, None)?.ok_or_else(|| {
            AppError::refused(
                "That code is not right. Wait for the next one, and check that the phone\u{2019}s clock is right.",
                "expected a code of the new authenticator, found another",
            )
        })?;
        let id = CredentialId(self.new_uuid()?);
        let verifier = secret.seal(&self.0.parts.pepper, id, &mut Randomness::Machine)?;
        let new = Credential::new(id, holder.account.id, CredentialKind::Totp, verifier, at);
        let credential = Credential { counter: step.0, last_worked: Some(at), ..new };
        let codes = self.keep_factor(holder, credential, (name, None)).await?;
        self.ceremonies().take(Occasion::NewAuthenticator, &holder.session, at);
        Ok(codes)
    }

    /// Begins a passkey: what the browser is asked for.
    ///
    /// # Errors
    /// [`AppError::Refused`] where passkeys do not work at this console, or there are too many factors already.
    pub async fn begin_passkey(&self, holder: &Holder) -> Result<NewPasskeyView, AppError> {
        self.must_have_room(holder).await?;
        let Some(place) = self.passkey_place() else {
            return Err(AppError::refused(
                "This console has no name that passkeys can be made for. Use an app for codes instead.",
                "expected a console at a name, found one without",
            ));
        };
        let held: Vec<HeldPasskey> =
            self.held_factors(&holder.account).await?.passkeys().into_iter().map(|(_, held)| held).collect();
        let who = (holder.person.id, holder.account.login.as_str(), holder.person.display_name.as_str());
        let (options, making) = place.make(who, &held)?;
        self.ceremonies().put(Occasion::NewPasskey, &holder.session, Ceremony::Making(making), self.now());
        Ok(NewPasskeyView { options: options.0 })
    }

    /// Making a passkey proves it.
    async fn add_passkey(&self, holder: &Holder, answer: &str, name: &str) -> Result<NewCodes, AppError> {
        let at = self.now();
        let begun = self.ceremonies().take(Occasion::NewPasskey, &holder.session, at);
        let (Some(place), Some(Ceremony::Making(making))) = (self.passkey_place(), begun) else {
            return Err(too_late());
        };
        let made = place.made(answer, &making).map_err(|why| {
            AppError::refused("The passkey could not be added. Try again.", why.to_string())
        })?;
        let id = CredentialId(self.new_uuid()?);
        let new = Credential::new(id, holder.account.id, CredentialKind::Passkey, made.to_text()?, at);
        let credential = Credential { last_worked: Some(at), ..new };
        self.keep_factor(holder, credential, (name, Some(made.handle()))).await
    }

    async fn keep_factor(
        &self,
        holder: &Holder,
        credential: Credential,
        (name, handle): (&str, Option<String>),
    ) -> Result<NewCodes, AppError> {
        let (kind, id, scope) = (credential.kind, credential.id, holder.account.scope.clone());
        let factor = FactorName { credential: id, name: plain_name(name, kind), handle };
        let mut changes = vec![
            Change::Account(AccountChange::AddCredential { credential, scope: scope.clone() }),
            Change::NameFactor { factor, scope },
        ];
        let codes = match self.held_factors(&holder.account).await?.recovery_codes() {
            0 => self.new_codes(&holder.person, &holder.account, &mut changes)?,
            _ => NewCodes(Vec::new()),
        };
        let actor = actor_of(&holder.person);
        let fact = self.fact(&actor, "add-factor").about(actor.to_string()).with("factor", kind.slug());
        self.commit(&fact.with("account", holder.account.kind.slug()), &changes).await?;
        Ok(codes)
    }

    /// Ten new recovery codes; those of before count no more.
    pub async fn renew_codes(&self, holder: &Holder) -> Result<NewCodes, AppError> {
        if !self.held_factors(&holder.account).await?.has_step() {
            return Err(AppError::refused(
                "Recovery codes stand in for a passkey or an app. Add one of these first.",
                "expected a factor that codes stand in for, found none",
            ));
        }
        let mut changes = Vec::new();
        let codes = self.new_codes(&holder.person, &holder.account, &mut changes)?;
        let actor = actor_of(&holder.person);
        let fact = self.fact(&actor, "renew-recovery-codes").about(actor.to_string());
        self.commit(&fact, &changes).await?;
        Ok(codes)
    }

    pub(crate) fn new_codes(
        &self,
        person: &Person,
        account: &Account,
        changes: &mut Vec<Change>,
    ) -> Result<NewCodes, AppError> {
        let at = self.now();
        let kinds = vec![CredentialKind::Recovery];
        changes.push(Change::Account(AccountChange::Revoke { account: account.id, kinds, at }));
        let mut shown = Vec::new();
        for code in RecoveryCode::ten(&mut Randomness::Machine)? {
            let verifier = code.hash(&self.0.parts.pepper, person.id)?.0;
            let id = CredentialId(self.new_uuid()?);
            let credential = Credential::new(id, account.id, CredentialKind::Recovery, verifier, at);
            let scope = account.scope.clone();
            changes.push(Change::Account(AccountChange::AddCredential { credential, scope }));
            shown.push(code.reveal());
        }
        Ok(NewCodes(shown))
    }

    /// Gives a factor another name.
    ///
    /// # Errors
    /// [`AppError::Denied`] for one that is not theirs.
    pub async fn name_factor(&self, holder: &Holder, id: CredentialId, name: &str) -> Result<(), AppError> {
        let held = self.held_factors(&holder.account).await?;
        let credential = held.factors().find(|held| held.id == id).ok_or(AppError::Denied)?;
        let factor = FactorName { credential: id, name: plain_name(name, credential.kind), handle: None };
        let actor = actor_of(&holder.person);
        let fact = self.fact(&actor, "name-factor").about(actor.to_string());
        let fact = fact.with("factor", credential.kind.slug());
        self.commit(&fact, &[Change::NameFactor { factor, scope: holder.account.scope.clone() }]).await
    }

    /// Takes a factor away. Recovery codes go with the last one; everything else that the person is signed in to ends.
    ///
    /// # Errors
    /// [`AppError::Denied`] for one that is not theirs; [`AppError::Refused`] for the last one that their post asks for, and
    /// where too few could administer without it.
    pub async fn remove_factor(&self, holder: &Holder, id: CredentialId) -> Result<(), AppError> {
        let held = self.held_factors(&holder.account).await?;
        let kind = held.factors().find(|held| held.id == id).ok_or(AppError::Denied)?.kind;
        let is_last = held.factors().count() == 1;
        if let Some(why) = self.why_everywhere(&holder.person, &holder.account).filter(|_| is_last) {
            let words = format!("{} Add another before you take this one away.", why.sentence());
            return Err(AppError::refused(words, "expected another factor to be left, found the last one"));
        }
        let at = self.now();
        let mut changes = vec![Change::Account(AccountChange::RevokeOne { credential: id, at })];
        if is_last {
            let (account, kinds) = (holder.account.id, vec![CredentialKind::Recovery]);
            changes.push(Change::Account(AccountChange::Revoke { account, kinds, at }));
        }
        let but = Some(holder.session.clone());
        changes.push(Change::Account(AccountChange::EndEverything { person: holder.person.id, but, at }));
        let actor = actor_of(&holder.person);
        let fact = self.fact(&actor, "remove-factor").about(actor.to_string());
        self.commit(&fact.with("factor", kind.slug()), &changes).await?;
        self.0.parts.identities.end_sessions(holder.person.id, at);
        Ok(())
    }

    /// Why somebody must set up a factor, in a sentence, and whether passkeys work here.
    pub fn why_set_up(&self, holder: &Holder, from: IpAddr) -> (String, bool) {
        let why = self.why_factor(&holder.person, holder.account.kind, from);
        (why.map(|why| why.sentence().to_owned()).unwrap_or_default(), self.passkey_place().is_some())
    }

    async fn must_have_room(&self, holder: &Holder) -> Result<(), AppError> {
        if self.held_factors(&holder.account).await?.factors().count() < MOST_FACTORS {
            return Ok(());
        }
        Err(AppError::refused(
            "You have ten already. Take one away that you do not use any more.",
            "expected fewer than ten factors, found ten",
        ))
    }
}

/// What a factor is called where its holder gave it no name.
fn plain_name(typed: &str, kind: CredentialKind) -> String {
    let name: String = typed.trim().chars().filter(|letter| !letter.is_control()).take(MOST_NAME).collect();
    if name.is_empty() { kind.title().to_owned() } else { name }
}

fn in_fours(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn too_late() -> AppError {
    AppError::refused(
        "That took longer than a quarter of an hour. Begin again.",
        "expected something under way, found nothing",
    )
}
