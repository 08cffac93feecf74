//! What is done between a right password and a whole sign-in: choosing a password in the place of an issued one, in the
//! console and, for whoever uses the web alone, on the web's own page.

use crate::lanes::Caller;
use crate::password::Checked;
use crate::second_step::{FORGOT, Partial};
use crate::sign_in::{actor_of, run_out};
use crate::views::ChoosePasswordView;
use crate::{App, AppError, ConsoleSession, SignInStep};
use identity::{SessionToken, SignInPlace, permits};
use model::{Action, Person};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountChange, Change, Session, SessionChange, SessionStage};

/// A password and the same once more, as somebody typed them.
#[derive(Clone, Copy)]
pub struct NewPassword<'a> {
    /// The password.
    pub new: &'a str,
    /// The same once more.
    pub again: &'a str,
}

impl App {
    /// The page on which a password is chosen, for the holder of a partial session; `None` where there is none.
    pub async fn choose_password_view(&self, token: &str, from: IpAddr) -> Option<ChoosePasswordView> {
        let partial = self.partial(token, from).await;
        let partial = partial.filter(|it| it.step == SignInStep::ChoosePassword)?;
        Some(self.choose_view(&partial.person, &partial.account))
    }

    pub(crate) fn choose_view(&self, person: &Person, account: &Account) -> ChoosePasswordView {
        let rule = self.password_rule(person, account.kind);
        ChoosePasswordView {
            login: account.login.clone(),
            at_least: if rule.at_most.is_some() { 0 } else { rule.at_least },
            encouraged: if rule.at_most.is_some() { 0 } else { rule.encouraged },
            at_most: rule.at_most.unwrap_or(0),
        }
    }

    /// Chooses the password that an issued one must be changed for, and makes the sign-in whole. Whatever else was open
    /// under the account ends.
    ///
    /// # Errors
    /// [`AppError::Denied`] without a partial session; [`AppError::Refused`] with one kind sentence.
    pub async fn choose_first_password(
        &self,
        token: &str,
        chosen: NewPassword<'_>,
        from: impl Into<Caller>,
    ) -> Result<ConsoleSession, AppError> {
        let from = from.into();
        let partial = self.partial(token, from.address).await;
        let partial = partial.filter(|it| it.step == SignInStep::ChoosePassword);
        let Partial { person, account, token_hash, methods, .. } = partial.ok_or(AppError::Denied)?;
        // First of all: where the password was reset or the account suspended meanwhile, the session is gone, and nothing is
        // changed.
        let mut changes = vec![Change::Session(SessionChange::Finish { token_hash })];
        changes.extend(self.chosen(&person, &account, chosen, None).await?);
        let at = self.now();
        changes.push(Change::Account(AccountChange::EndEverything { person: person.id, but: None, at }));
        let actor = actor_of(&person);
        let fact = self.fact(&actor, "choose-password").about(actor.to_string());
        let was_forgotten = methods.split(' ').any(|method| method == FORGOT);
        let replaced = if was_forgotten { "one that was forgotten" } else { "one that was issued" };
        self.commit(&fact.with("in_place_of", replaced), &changes).await?;
        self.open_lanes(&account.login);
        self.0.parts.identities.end_sessions(person.id, at);
        let methods = methods.replace(FORGOT, "").trim().to_owned();
        let accounts = self.0.parts.store.accounts_of(person.id).await?;
        let account = accounts.into_iter().find(|held| held.id == account.id).ok_or(AppError::Denied)?;
        self.go_on((&person, &account), methods, &from, Vec::new()).await
    }

    /// A session in which something is left to do: a partial one, or a whole one that asks for a second step from here.
    pub(crate) async fn partial(&self, token: &str, from: IpAddr) -> Option<Partial> {
        let hash = SessionToken::parse(token)?.hash();
        let partial = self.session_in_use(hash.as_str(), SessionStage::Partial).await;
        let session = match partial {
            Some(session) => session,
            None => self.session_in_use(hash.as_str(), SessionStage::Full).await?,
        };
        self.partial_of(session, hash.as_str(), from).await
    }

    pub(crate) async fn partial_of(
        &self,
        session: Session,
        token_hash: &str,
        from: IpAddr,
    ) -> Option<Partial> {
        let person = self.0.parts.roster.get().person(session.person).map(Arc::clone)?;
        let (again, place) = match session.stage {
            // A sign-in goes on as it was begun.
            SessionStage::Partial => (None, session.address),
            SessionStage::Full => (Some(self.why_again(&person, &session, from)?), from),
        };
        let accounts = self.0.parts.store.accounts_of(session.person).await.ok()?;
        let account = accounts.into_iter().find(|account| account.id == session.account)?;
        let held = self.held_factors(&account).await.ok()?;
        let step = self.step_left((&person, &account), &held, &session.methods, place);
        let is_away = self.sign_in_place(from) == SignInPlace::Away;
        let is_theirs = !is_away && self.is_fresh(&session);
        if again.is_some() && step != SignInStep::ShowFactor && !is_theirs {
            // Nothing is set up within a session that may be somebody else's by now: they sign in anew.
            return None;
        }
        let (token_hash, methods) = (token_hash.to_owned(), session.methods);
        Some(Partial { person, account, token_hash, methods, step, again })
    }

    /// Changes a password by login and old password, for whoever does not use the console: pupils and visitors. A wrong
    /// login and a wrong password are told apart by nobody.
    ///
    /// # Errors
    /// [`AppError::Refused`] with one kind sentence.
    pub async fn change_password_for_web(
        &self,
        (login, old): (&str, &str),
        chosen: NewPassword<'_>,
        from: impl Into<Caller>,
    ) -> Result<(), AppError> {
        let from = from.into();
        let proven = match self.check_password(login, old, &from).await?.for_everyday() {
            Checked::Right(proven) => proven,
            Checked::RunOut { .. } => return Err(run_out()),
            Checked::Locked { words } => {
                return Err(AppError::not_proven(
                    words,
                    "expected fewer wrong passwords before, found the lane locked",
                ));
            }
            Checked::Wrong { known_login } => {
                self.note_refusal("change-password-refused", known_login, from.address).await?;
                return Err(AppError::not_proven(
                    "That did not match. Check your user name and the password you have now, and try again.",
                    "expected the account's password, found another or no account",
                ));
            }
        };
        let (person, account) = (&proven.person, &proven.account);
        if person.affiliations.iter().any(|held| permits(held.role, Action::SeeHome)) {
            return Err(AppError::refused(
                "This page is for pupils and visitors. Sign in to the console, and change it under My account.",
                "expected somebody who does not use the console, found one who does",
            ));
        }
        if self.password_rule(person, account.kind).at_most.is_some() {
            return Err(AppError::refused(
                "Your teacher looks after your password. Ask them for a new one.",
                "expected somebody who chooses their own password, found one of the youngest",
            ));
        }
        let mut changes = proven.changes(self.now());
        changes.extend(self.chosen(person, account, chosen, Some(old)).await?);
        let at = self.now();
        changes.push(Change::Account(AccountChange::EndEverything { person: person.id, but: None, at }));
        let actor = actor_of(person);
        let fact = self.fact(&actor, "choose-password").about(actor.to_string());
        self.commit(&fact.with("address", from.address.to_string()), &changes).await?;
        self.open_lanes(&account.login);
        self.0.parts.identities.end_sessions(person.id, at);
        Ok(())
    }
}
