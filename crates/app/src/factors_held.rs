//! The second factors that an account holds, and showing one: counted, taken once, and noted.
//!
//! Invariants: a code's step is noted and never taken again; a recovery code is struck out; a passkey whose counter went back
//! is refused, recorded and alarmed; wrong codes are counted in lanes of their own and never lock the password.

use crate::ceremonies::{Ceremony, Occasion};
use crate::lanes::{Caller, Holder, turned_words};
use crate::sign_in::actor_of;
use crate::{App, AppError};
use identity::{
    AccountSeen, Factor, HeldPasskey, PasskeyOptions, PasskeyRefused, RecoveryCode, TotpSecret, TotpStep,
};
use model::{
    About, Actor, Alert, AlertKind, AlertSubject, CredentialId, CredentialKind, Ladder, Person, Scope,
    Severity, Timestamp,
};
use store::{Account, AccountChange, Change, Credential, Fact};

/// The longest code that is looked at.
const MOST_CODE: usize = 64;

/// What an account holds beside its password.
pub(crate) struct HeldFactors(Vec<Credential>);

/// What somebody showed.
pub(crate) struct Shown {
    /// How, as RFC 8176 names it.
    pub(crate) method: &'static str,
    /// What is noted of it.
    pub(crate) changes: Vec<Change>,
}

impl HeldFactors {
    /// True where there is a passkey or an authenticator.
    pub(crate) fn has_factor(&self) -> bool {
        self.0.iter().any(|held| is_factor(held.kind))
    }

    /// True where a second step can be asked for at all: a recovery account may have codes alone.
    pub(crate) fn has_step(&self) -> bool {
        self.0.iter().any(|held| is_factor(held.kind) || held.kind == CredentialKind::Recovery)
    }

    pub(crate) fn has(&self, kind: CredentialKind) -> bool {
        self.0.iter().any(|held| held.kind == kind)
    }

    /// Those that can be listed and taken away, oldest first.
    pub(crate) fn factors(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter().filter(|held| is_factor(held.kind))
    }

    pub(crate) fn recovery_codes(&self) -> usize {
        self.0.iter().filter(|held| held.kind == CredentialKind::Recovery).count()
    }

    /// True where a password is there that was issued.
    pub(crate) fn has_temporary(&self) -> bool {
        self.has(CredentialKind::Temporary)
    }

    pub(crate) fn passkeys(&self) -> Vec<(CredentialId, HeldPasskey)> {
        let passkeys = self.0.iter().filter(|held| held.kind == CredentialKind::Passkey);
        passkeys.filter_map(|held| Some((held.id, HeldPasskey::parse(&held.verifier)?))).collect()
    }
}

/// What is noted and said of an answer that does not count; `None` of a copy, which alarms.
fn plainly_refused(why: PasskeyRefused) -> Option<(&'static str, &'static str)> {
    const AGAIN: &str = "That passkey did not work here. Try again, or use a code.";
    match why {
        PasskeyRefused::Cloned => None,
        PasskeyRefused::Unreadable => Some(("unreadable", AGAIN)),
        PasskeyRefused::Wrong => Some(("another passkey or challenge", AGAIN)),
        PasskeyRefused::OtherAddress => Some((
            "another address",
            "Your passkey was used at another address than this console\u{2019}s, so it was refused: somebody may have led you to \
             a page that is not your school\u{2019}s. Close it, type the school\u{2019}s own address, and tell your technician.",
        )),
    }
}

fn is_factor(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::Totp | CredentialKind::Passkey)
}

impl App {
    pub(crate) async fn held_factors(&self, account: &Account) -> Result<HeldFactors, AppError> {
        let (now, held) = (self.now(), self.0.parts.store.credentials(account.id).await?);
        Ok(HeldFactors(held.into_iter().filter(|held| held.works(now)).collect()))
    }

    /// Takes a code of an authenticator, or a recovery code.
    ///
    /// # Errors
    /// [`AppError::Refused`] where it is neither, where it was taken before, and after too many wrong ones.
    pub(crate) async fn show_code(
        &self,
        (person, account): (&Person, &Account),
        typed: &str,
        from: &Caller,
    ) -> Result<Shown, AppError> {
        let seen = match account.kind {
            model::AccountKind::BreakGlass => AccountSeen::BreakGlass,
            _ => AccountSeen::Ordinary,
        };
        let holder = Holder { account: seen, person: Some(person.id), factor: Factor::Code };
        let turn = self.take_turn(&account.login, holder, from).map_err(|turned| {
            let words = turned_words(turned, Factor::Code, self.now());
            AppError::not_proven(words, "expected fewer wrong codes before, found the lane locked")
        })?;
        let shown = match self.compare_code(person, account, typed).await {
            Ok(shown) => shown,
            Err(error) => {
                self.give_turn_back(turn);
                return Err(error);
            }
        };
        match shown {
            Some(shown) => {
                self.count_right(turn);
                Ok(shown)
            }
            None => {
                self.count_wrong(turn, typed, Some(account.login.clone()), from.address).await?;
                self.note_refusal("second-step-refused", Some(account.login.clone()), from.address).await?;
                Err(AppError::not_proven(
                    "That code is not right, or was used before. Wait for the next one, and type it within half a minute.",
                    "expected a code that counts, found another",
                ))
            }
        }
    }

    async fn compare_code(
        &self,
        person: &Person,
        account: &Account,
        typed: &str,
    ) -> Result<Option<Shown>, AppError> {
        if typed.len() > MOST_CODE {
            return Ok(None);
        }
        let (held, at) = (self.held_factors(account).await?, self.now());
        for credential in held.0.iter().filter(|held| held.kind == CredentialKind::Totp) {
            if let Some(step) = self.authenticator_step(credential, typed, at)? {
                let worked = AccountChange::Worked { credential: credential.id, at, counter: Some(step.0) };
                return Ok(Some(Shown { method: "otp", changes: vec![Change::Account(worked)] }));
            }
        }
        Ok(self.recovery_code(&held, person, typed)?.map(|credential| {
            let used = AccountChange::RevokeOne { credential, at };
            Shown { method: "otp", changes: vec![Change::Account(used)] }
        }))
    }

    /// The step of a code that an authenticator made; `None` where it made it not, or it was taken before.
    pub(crate) fn authenticator_step(
        &self,
        credential: &Credential,
        typed: &str,
        at: Timestamp,
    ) -> Result<Option<TotpStep>, AppError> {
        let secret = TotpSecret::open(&credential.verifier, &self.0.parts.pepper, credential.id)?;
        Ok(secret.check(typed, at, Some(TotpStep(credential.counter)))?)
    }

    /// The recovery code that was typed, where it counts still.
    pub(crate) fn recovery_code(
        &self,
        held: &HeldFactors,
        person: &Person,
        typed: &str,
    ) -> Result<Option<CredentialId>, AppError> {
        let Some(code) = RecoveryCode::parse(typed) else { return Ok(None) };
        let hash = code.hash(&self.0.parts.pepper, person.id)?.0;
        let mut codes = held.0.iter().filter(|held| held.kind == CredentialKind::Recovery);
        Ok(codes.find(|held| held.verifier == hash).map(|held| held.id))
    }

    /// The authenticators among what is held.
    pub(crate) fn authenticators(held: &HeldFactors) -> impl Iterator<Item = &Credential> {
        held.0.iter().filter(|held| held.kind == CredentialKind::Totp)
    }

    /// What the browser is asked for, where this account has a passkey and passkeys work at this console. `of` is the hash of
    /// the session's token.
    pub(crate) async fn ask_passkey(
        &self,
        account: &Account,
        of: &str,
    ) -> Result<Option<PasskeyOptions>, AppError> {
        let Some(place) = self.passkey_place() else { return Ok(None) };
        let held: Vec<HeldPasskey> =
            self.held_factors(account).await?.passkeys().into_iter().map(|(_, held)| held).collect();
        if held.is_empty() {
            return Ok(None);
        }
        let (options, asking) = place.ask(&held)?;
        self.ceremonies().put(Occasion::ShowPasskey, of, Ceremony::Asking(asking), self.now());
        Ok(Some(options))
    }

    /// Takes a passkey that a browser showed.
    ///
    /// # Errors
    /// [`AppError::Refused`] where it does not count.
    pub(crate) async fn show_passkey(
        &self,
        (person, account): (&Person, &Account),
        (occasion, of): (Occasion, &str),
        answer: &str,
        from: &Caller,
    ) -> Result<Shown, AppError> {
        let begun = self.ceremonies().take(occasion, of, self.now());
        let (Some(place), Some(Ceremony::Asking(asking))) = (self.passkey_place(), begun) else {
            return Err(AppError::not_proven(
                "That took too long. Try again.",
                "expected a passkey that was asked for, found none under way",
            ));
        };
        let held = self.held_factors(account).await?.passkeys();
        let keys: Vec<HeldPasskey> = held.iter().map(|(_, held)| held.clone()).collect();
        match place.shown(answer, asking, &keys) {
            Ok(shown) => {
                let found = held.iter().find(|(_, held)| held.handle() == shown.passkey.handle());
                let Some((credential, _)) = found else { return Err(AppError::Denied) };
                let (credential, at) = (*credential, self.now());
                let counter = (shown.counter > 0).then(|| i64::from(shown.counter));
                let verifier = shown.passkey.to_text()?;
                let changes = vec![
                    Change::Account(AccountChange::Worked { credential, at, counter }),
                    Change::Account(AccountChange::Rehash { credential, verifier }),
                ];
                Ok(Shown { method: "pop", changes })
            }
            Err(why) => Err(self.refuse_passkey((person, account), why, from).await?),
        }
    }

    async fn refuse_passkey(
        &self,
        (person, account): (&Person, &Account),
        why: PasskeyRefused,
        from: &Caller,
    ) -> Result<AppError, AppError> {
        if let Some((noted, words)) = plainly_refused(why) {
            let fact = Fact::new(&Actor::Program, Scope::Trust, self.now(), "passkey-refused");
            let fact = fact.about(format!("login:{}", account.login)).with("why", noted);
            self.note(&fact.with("address", from.address.to_string())).await?;
            return Ok(AppError::not_proven(words, why.to_string()));
        }
        let actor = actor_of(person);
        let fact = self.fact(&actor, "passkey-copied").about(actor.to_string());
        self.note(&fact.with("address", from.address.to_string())).await?;
        let now = self.now();
        let alert = Alert {
            kind: AlertKind::Security,
            severity: Severity::High,
            subject: AlertSubject { person: Some(person.id), ..AlertSubject::default() },
            rule: "accounts.passkey-copied".into(),
            why: "A passkey's counter went back: somebody may hold a copy of it. It was refused. Take it away and make \
                  another"
                .into(),
            first: now,
            last: now,
            count: 1,
            events: Vec::new(),
        };
        // Whoever holds it is the one harmed: it goes to those who look after accounts, a headteacher's too.
        self.take_up_or_repeat(Ladder::of(AlertKind::Security, About::Staff), alert).await?;
        Ok(AppError::not_proven(
            "This passkey may have been copied, so it was refused, and your technician is told. Use a code, take the passkey \
             away under My account, and make another.",
            why.to_string(),
        ))
    }
}
