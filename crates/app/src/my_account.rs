//! One's own account: where one is signed in, ending that, and another password.

use crate::lanes::Caller;
use crate::sign_in::actor_of;
use crate::views::{MyAccountView, SessionView};
use crate::{App, AppError, Fresh, NewPassword};
use identity::SessionToken;
use model::{Action, Actor, CredentialKind, Person, PersonId, Scope, SessionId};
use std::sync::Arc;
use store::{Account, AccountChange, Change, Session, SessionChange};

/// Another password for one's own account.
#[derive(Clone, Copy)]
pub struct PasswordChange<'a> {
    /// The one that one has.
    pub old: &'a str,
    /// The one that one wants.
    pub chosen: NewPassword<'a>,
    /// What becomes of one's other sessions.
    pub others: OtherSessions,
}

/// What becomes of one's other sessions when one changes one's password.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OtherSessions {
    /// They end.
    End,
    /// They go on.
    Keep,
}

impl App {
    /// One's own account.
    pub async fn my_account(&self, actor: &Actor, token: &str) -> Result<MyAccountView, AppError> {
        let (person, account, here) = self.myself(actor, token).await?;
        let held = self.0.parts.store.credentials(account.id).await?;
        let password = held
            .iter()
            .find(|held| matches!(held.kind, CredentialKind::Password | CredentialKind::Temporary));
        Ok(MyAccountView {
            name: person.display_name.clone(),
            login: account.login.clone(),
            account: account.kind.title().to_owned(),
            password_since: password.map(|held| held.created),
            sessions: self.session_views(person.id, Some(&here)).await?,
            factors: self.factors_view(&person, &account).await?,
        })
    }

    /// Where somebody is signed in, newest first; the one whose token has this hash is marked.
    pub(crate) async fn session_views(
        &self,
        person: PersonId,
        here: Option<&str>,
    ) -> Result<Vec<SessionView>, AppError> {
        let now = self.now();
        let held = self.0.parts.store.sessions_of(person, now).await?;
        let mut views: Vec<SessionView> = held
            .iter()
            .map(|(session, hash)| session_view(session, here.is_some_and(|here| here == hash)))
            .collect();
        let claims = self.0.parts.store.web_claims(now).await?;
        let claims = claims
            .iter()
            .filter(|held| held.claim.person == person && held.claim.by == model::KnownBy::SignIn);
        views.extend(claims.map(|held| SessionView {
            id: String::new(),
            what: "The web, from one device".to_owned(),
            how: "Password".to_owned(),
            address: held.address.to_string(),
            since: held.claim.from,
            last_seen: held.claim.from,
            until: held.claim.until,
            is_this: false,
        }));
        Ok(views)
    }

    /// Ends one of one's own sessions.
    ///
    /// # Errors
    /// [`AppError::Denied`]. A session that is not one's own stays, and nothing tells that it is there.
    pub async fn end_my_session(&self, actor: &Actor, token: &str, id: SessionId) -> Result<(), AppError> {
        let (person, ..) = self.myself(actor, token).await?;
        let fact = self.fact(actor, "end-session").about(actor.to_string()).with("session", id.to_string());
        let close = SessionChange::CloseNamed { person: person.id, id };
        self.commit(&fact, &[Change::Session(close)]).await
    }

    /// Ends everything that one is signed in to, but for the session of this token.
    pub async fn end_my_other_sessions(&self, actor: &Actor, token: &str) -> Result<(), AppError> {
        let (person, _, here) = self.myself(actor, token).await?;
        let at = self.now();
        let fact = self.fact(actor, "end-other-sessions").about(actor.to_string());
        let end = AccountChange::EndEverything { person: person.id, but: Some(here), at };
        self.commit(&fact, &[Change::Account(end)]).await?;
        self.0.parts.identities.end_sessions(person.id, at);
        Ok(())
    }

    /// What the page on which one changes one's own password says.
    pub async fn my_password_view(
        &self,
        actor: &Actor,
        token: &str,
    ) -> Result<crate::views::ChoosePasswordView, AppError> {
        let (person, account, _) = self.myself(actor, token).await?;
        Ok(self.choose_view(&person, &account))
    }

    /// Changes one's own password. The old one is asked for, and counted where it is wrong.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] with one kind sentence.
    pub async fn change_my_password(
        &self,
        (actor, token): (&Actor, &str),
        change: PasswordChange<'_>,
        from: impl Into<Caller>,
    ) -> Result<(), AppError> {
        let from = from.into();
        let PasswordChange { old, chosen, others } = change;
        let (person, account, here) = self.myself(actor, token).await?;
        let proven = self.prove(&account.login, old, &from).await?;
        // First of all: where the old one was replaced meanwhile, nothing is changed.
        let mut changes = proven.changes(self.now());
        changes.extend(self.chosen(&person, &account, chosen, Some(old)).await?);
        let at = self.now();
        if others == OtherSessions::End {
            let end = AccountChange::EndEverything { person: person.id, but: Some(here), at };
            changes.push(Change::Account(end));
        }
        let ended = if others == OtherSessions::End { "yes" } else { "no" };
        let fact = self.fact(actor, "choose-password").about(actor.to_string());
        self.commit(&fact.with("others_ended", ended), &changes).await?;
        self.open_lanes(&account.login);
        if others == OtherSessions::End {
            self.0.parts.identities.end_sessions(person.id, at);
        }
        Ok(())
    }

    /// The person, the account and the token's hash of whoever acts by this token.
    pub(crate) async fn myself(
        &self,
        actor: &Actor,
        token: &str,
    ) -> Result<(Arc<Person>, Account, String), AppError> {
        let scope = actor.widest_scope().unwrap_or(Scope::Trust);
        self.permit_at(actor, Action::OwnAccount, &scope).await?;
        let hash = SessionToken::parse(token).ok_or(AppError::Denied)?.hash().as_str().to_owned();
        let session = self.0.parts.store.session(&hash, self.now()).await?.ok_or(AppError::Denied)?;
        let person = self.0.parts.roster.get().person(session.person).map(Arc::clone);
        let person = person.filter(|person| actor_of(person).to_string() == actor.to_string());
        let person = person.ok_or(AppError::Denied)?;
        let accounts = self.0.parts.store.accounts_of(person.id).await?;
        let account = accounts.into_iter().find(|account| account.id == session.account);
        Ok((person, account.ok_or(AppError::Denied)?, hash))
    }

    /// True while the proof belongs to this actor's own session.
    pub(crate) async fn is_of(&self, fresh: &Fresh, actor: &Actor) -> Result<bool, AppError> {
        let session = self.0.parts.store.session(fresh.session(), self.now()).await?;
        let Actor::Person { id, .. } = actor else { return Ok(false) };
        Ok(session.is_some_and(|session| session.person == *id))
    }
}

fn session_view(session: &Session, is_this: bool) -> SessionView {
    let how = match session.methods.as_str() {
        "pwd" => "Password",
        "pop" => "Passkey",
        methods if methods.ends_with("pop") => "Password and a passkey",
        _ => "Password and a code",
    };
    SessionView {
        id: session.id.to_string(),
        what: format!("The console, {}", session.account_kind.title().to_lowercase()),
        how: how.to_owned(),
        address: session.address.to_string(),
        since: session.created,
        last_seen: session.last_seen,
        until: session.expires,
        is_this,
    }
}
