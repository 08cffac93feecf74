//! A password that somebody chooses for themselves, and one that is made for them.
//!
//! Invariants: what is issued is temporary and must be changed at its first use, but for the youngest, whose password is
//! made with their teacher (clause PWD-4); a temporary one never becomes one that stays; a chosen one goes through the
//! rules and is unlike every other of the same person.

use crate::{App, AppError, NewPassword};
use identity::{
    Against, HashingZone, Password, Randomness, Refusal, SecretFingerprint, StoredHash, fingerprint, hash,
    issue,
};
use model::{AccountState, CredentialId, CredentialKind, Person, Timestamp};
use store::{Account, AccountChange, Change, Credential};
use zeroize::Zeroizing;

/// A password that was made for somebody, to be shown once.
pub(crate) struct Issued {
    /// What to hand over.
    pub(crate) secret: Zeroizing<String>,
    /// From when on it does not work; `None`: it stays, as the youngest learners' do.
    pub(crate) expires: Option<Timestamp>,
    /// What puts it in force.
    pub(crate) changes: Vec<Change>,
}

impl App {
    /// What puts a password that somebody chose in force, in the place of the `old` one where that was typed beside it.
    ///
    /// # Errors
    /// [`AppError::Refused`] with one kind sentence where it may not be used.
    pub(crate) async fn chosen(
        &self,
        person: &Person,
        account: &Account,
        NewPassword { new, again }: NewPassword<'_>,
        old: Option<&str>,
    ) -> Result<Vec<Change>, AppError> {
        let rule = self.password_rule(person, account.kind);
        if new != again {
            return Err(AppError::refused(
                "The two new passwords are not the same. Type them once more.",
                "expected the same new password twice, found two",
            ));
        }
        let too_long =
            |_| AppError::refused("That password is too long. Leave some of it out.", "expected fewer bytes");
        let password = Password::new(new).map_err(too_long)?;
        let own = fingerprint(&self.0.parts.pepper, person.id, &password)?;
        let used = self.0.parts.store.password_fingerprints(person.id).await?;
        let mut used: Vec<SecretFingerprint> =
            used.iter().filter_map(|text| SecretFingerprint::parse(text)).collect();
        let old = old.map(|old| self.note_typed(person, account, old)).transpose()?;
        used.extend(old.as_ref().map(|(old, _)| *old));
        let personal = self.personal_words(person, &[&person.login, &account.login]);
        let against = Against { personal: &personal, used: &used, own };
        let refused = |refusal: Refusal| {
            AppError::refused(
                refusal.sentence(rule.reader),
                "expected a password that keeps the rules, found another",
            )
        };
        rule.judge(&password, &against).map_err(refused)?;
        if rule.refuse_common && self.is_breached(&password).await? {
            return Err(refused(Refusal::Common));
        }
        let mut changes = self.replace_password(account, CredentialKind::Password, (&password, None)).await?;
        let id = account.id;
        changes.extend(old.map(|(_, note)| note));
        changes.push(Change::Account(note_fingerprint(account, own, self.now())));
        changes.push(Change::Account(AccountChange::SetMustChange { account: id, must_change: false }));
        if account.state == AccountState::Pending {
            changes.push(Change::Account(AccountChange::FirstUse { account: id }));
        }
        Ok(changes)
    }

    /// The fingerprint of a password that opened an account, and what notes it, so that it is not chosen again.
    pub(crate) fn note_typed(
        &self,
        person: &Person,
        account: &Account,
        typed: &str,
    ) -> Result<(SecretFingerprint, Change), AppError> {
        let own = fingerprint(&self.0.parts.pepper, person.id, &Password::new(typed)?)?;
        Ok((own, Change::Account(note_fingerprint(account, own, self.now()))))
    }

    /// Makes a password for somebody, to be handed over.
    pub(crate) async fn issue_password(
        &self,
        person: &Person,
        account: &Account,
    ) -> Result<Issued, AppError> {
        let rule = self.password_rule(person, account.kind);
        if rule.generator.is_none() && rule.at_most.is_some() {
            return Err(AppError::refused(
                "The policy gives these children a badge and no password.",
                "expected a phase with passwords, found one with badges",
            ));
        }
        let avoid = self.personal_words(person, &[&person.login, &account.login]);
        let identity::Issued { password, expires, must_change } =
            issue(&rule, &avoid, self.now(), &mut Randomness::Machine)?;
        let kind = if must_change { CredentialKind::Temporary } else { CredentialKind::Password };
        let mut changes = self.replace_password(account, kind, (&password, expires)).await?;
        // What was handed over is never chosen afterwards.
        let own = fingerprint(&self.0.parts.pepper, person.id, &password)?;
        changes.push(Change::Account(note_fingerprint(account, own, self.now())));
        let must = AccountChange::SetMustChange { account: account.id, must_change };
        changes.push(Change::Account(must));
        changes.extend(self.sealing(person, account, &password).await?);
        Ok(Issued { secret: Zeroizing::new(password.reveal().to_owned()), expires, changes })
    }

    async fn replace_password(
        &self,
        account: &Account,
        kind: CredentialKind,
        (password, expires): (&Password, Option<Timestamp>),
    ) -> Result<Vec<Change>, AppError> {
        let at = self.now();
        let (id, verifier) = (CredentialId(self.new_uuid()?), self.hash_password(password.clone()).await?.0);
        let credential = Credential { expires, ..Credential::new(id, account.id, kind, verifier, at) };
        Ok(replacing(account, credential).map(Change::Account).into())
    }

    /// Hashes in a thread of its own, in the same queue as sign-ins.
    pub(crate) async fn hash_password(&self, password: Password) -> Result<StoredHash, AppError> {
        let (pepper, salt) = (self.0.parts.pepper.clone(), identity::random_bytes::<16>()?);
        let turn = self.hashing_turn(HashingZone::SignedIn).await?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hash(&pepper, &password, salt)
        });
        Ok(hashed.await??)
    }
}

/// What puts a new password in the place of every earlier one of its account.
pub(crate) fn replacing(account: &Account, credential: Credential) -> [AccountChange; 2] {
    let kinds = vec![CredentialKind::Password, CredentialKind::Temporary];
    [
        AccountChange::Revoke { account: account.id, kinds, at: credential.created },
        AccountChange::AddCredential { credential, scope: account.scope.clone() },
    ]
}

/// What notes a password, so that its person does not choose it (again).
pub(crate) fn note_fingerprint(account: &Account, own: SecretFingerprint, at: Timestamp) -> AccountChange {
    AccountChange::NoteFingerprint {
        account: account.id,
        person: account.person,
        fingerprint: own.to_text(),
        at,
        scope: account.scope.clone(),
    }
}
