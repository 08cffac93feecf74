//! A forgotten password, where there is a second factor: its holder chooses another by themselves (clause PWD-9).
//!
//! They show a passkey, or a code of their app and a recovery code. Whoever has neither asks somebody who gives passwords.
//!
//! Invariants: a login that does not exist, one without a factor and a wrong code are told apart by nobody; wrong ones are
//! counted; each is recorded; choosing the password ends everything else that was signed in to.

use crate::factors_held::Shown;
use crate::lanes::{Caller, Holder, turned_words};
use crate::second_step::FORGOT;
use crate::{App, AppError, ConsoleSession};
use identity::{AccountSeen, Factor};
use model::{AccountKind, Person};
use std::sync::Arc;
use store::{Account, AccountChange, Change};

/// The longest login that is looked up.
const MOST_LOGIN_BYTES: usize = 200;

/// What somebody types who forgot their password.
#[derive(Clone, Copy)]
pub struct Forgotten<'a> {
    /// The name to sign in with.
    pub login: &'a str,
    /// A code of their app.
    pub app_code: &'a str,
    /// One of their recovery codes.
    pub recovery_code: &'a str,
}

impl App {
    /// Takes what proves somebody who forgot their password. The session that opens leads to choosing another, and opens
    /// nothing else.
    ///
    /// # Errors
    /// [`AppError::Refused`] in the same words, whatever was wrong.
    pub async fn forgot_password(
        &self,
        forgotten: Forgotten<'_>,
        from: impl Into<Caller>,
    ) -> Result<ConsoleSession, AppError> {
        let from = from.into();
        let login = forgotten.login.trim().to_lowercase();
        let account = match login.len() {
            0..=MOST_LOGIN_BYTES => self.0.parts.store.account(&login).await?,
            _ => None,
        };
        let seen = AccountSeen::of(account.as_ref().map(|account| account.kind));
        let person = account.as_ref().map(|account| account.person);
        let holder = Holder { account: seen, person, factor: Factor::Code };
        let turn = self.take_turn(&login, holder, &from).map_err(|turned| {
            let words = turned_words(turned, Factor::Code, self.now());
            AppError::refused(words, "expected fewer wrong codes before, found the lane locked")
        })?;
        let proven = match self.compare_both(account, forgotten).await {
            Ok(proven) => proven,
            Err(error) => {
                self.give_turn_back(turn);
                return Err(error);
            }
        };
        let Some((person, account, shown)) = proven else {
            let typed = format!("{} {}", forgotten.app_code, forgotten.recovery_code);
            let known = seen != AccountSeen::Unknown;
            let known_login = known.then_some(login);
            self.count_wrong(turn, &typed, known_login.clone(), from.address).await?;
            self.note_refusal("forgot-password-refused", known_login, from.address).await?;
            return Err(AppError::refused(
                "That did not match. Check your user name and both codes; each code works once. If you have no second step, \
                 ask whoever gives passwords at your school.",
                "expected an account, a code of its app and a recovery code, found something else",
            ));
        };
        self.count_right(turn);
        self.must_work_here(&person, &from).await?;
        self.go_on((&person, &account), format!("{} {FORGOT}", shown.method), &from, shown.changes).await
    }

    /// Both codes, or nothing.
    async fn compare_both(
        &self,
        account: Option<Account>,
        forgotten: Forgotten<'_>,
    ) -> Result<Option<(Arc<Person>, Account, Shown)>, AppError> {
        let at = self.now();
        // What is sealed in an envelope is not forgotten.
        let may = |account: &Account| account.may_sign_in(at) && account.kind != AccountKind::BreakGlass;
        let Some(account) = account.filter(may) else { return Ok(None) };
        let Some(person) = self.0.parts.roster.get().person(account.person).map(Arc::clone) else {
            return Ok(None);
        };
        let held = self.held_factors(&account).await?;
        let mut step = None;
        for credential in Self::authenticators(&held) {
            let found = self.authenticator_step(credential, forgotten.app_code, at)?;
            step = step.or(found.map(|found| (credential.id, found)));
        }
        let code = self.recovery_code(&held, &person, forgotten.recovery_code)?;
        Ok(step.zip(code).map(|((credential, step), code)| {
            let changes = vec![
                Change::Account(AccountChange::Worked { credential, at, counter: Some(step.0) }),
                Change::Account(AccountChange::RevokeOne { credential: code, at }),
            ];
            (person, account, Shown { method: "otp", changes })
        }))
    }
}
