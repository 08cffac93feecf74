//! Signing in to the console, and out of it. Staff only; a wrong login and a wrong password are told apart by nobody.

use crate::password::Checked;
use crate::{App, AppError};
use identity::{SessionToken, permits};
use model::{Action, Actor, Person, Scope, Timestamp};
use std::net::IpAddr;
use store::{Change, Fact, NewSession, SessionKind};

/// How long a console session lasts, whatever is done in it.
const SESSION_MS: i64 = 12 * 3_600_000;
/// How long it lasts while nothing is done in it.
const IDLE_MS: i64 = 3_600_000;
/// How exactly is known when a session was last used.
const TOUCH_MS: i64 = 60_000;

/// What the browser is given. The token is secret, and is in no record.
pub struct ConsoleSession {
    /// The cookie's value.
    pub token: String,
    /// From when on it does not count.
    pub expires: Timestamp,
}

/// Whether a request shows that somebody is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Counts,
    OfTheMachine,
}

impl App {
    /// Signs somebody in to the console.
    ///
    /// # Errors
    /// [`AppError::Refused`] for a wrong login or password, and, only after a right one, for somebody whose role has
    /// nothing to do in the console.
    pub async fn sign_in(
        &self,
        login: &str,
        password: &str,
        from: IpAddr,
    ) -> Result<ConsoleSession, AppError> {
        let person = match self.check_password(login, password, from).await? {
            Checked::Right(person) => person,
            Checked::Locked { words } => {
                return Err(AppError::refused(
                    words,
                    "expected fewer wrong passwords before, found the lane locked",
                ));
            }
            Checked::Wrong { known_login } => {
                self.note_refusal("sign-in-refused", known_login, from).await?;
                return Err(AppError::refused(
                    "The user name or the password is not right. Check both and try again.",
                    "expected the account's password, found another or no account",
                ));
            }
        };
        let actor = actor_of(&person);
        if !person.affiliations.iter().any(|affiliation| permits(affiliation.role, Action::SeeHome)) {
            self.note(&self.fact(&actor, "denied").about("sign-in").with("address", from.to_string()))
                .await?;
            return Err(AppError::refused(
                "Your password is right, but this page is for staff. To use the web, sign in on the school's web page \
                 instead.",
                "expected a role that permits see-home, found none",
            ));
        }
        self.open_session(&person, &actor, from).await
    }

    async fn open_session(
        &self,
        person: &Person,
        actor: &Actor,
        from: IpAddr,
    ) -> Result<ConsoleSession, AppError> {
        let (now, token) = (self.now(), SessionToken::random()?);
        let expires = now.plus_ms(SESSION_MS);
        let session = NewSession {
            token_hash: token.hash().as_str().to_owned(),
            person: person.id,
            kind: SessionKind::Console,
            address: from,
            created: now,
            expires,
            scope: Scope::Trust,
        };
        let fact = self.fact(actor, "sign-in").about(actor.to_string()).with("address", from.to_string());
        self.commit(&fact, &[Change::ForgetEnded { before: now }, Change::OpenSession(session)]).await?;
        Ok(ConsoleSession { token: token.reveal().to_owned(), expires })
    }

    /// Who holds this token; `None` when it is no token, has ended, slept too long, or its person left.
    pub async fn actor(&self, token: &str) -> Option<Actor> {
        self.holder(token, Visit::Counts).await
    }

    /// The same of a page that asks by itself, again and again: it keeps no session awake.
    pub async fn waiting_actor(&self, token: &str) -> Option<Actor> {
        self.holder(token, Visit::OfTheMachine).await
    }

    async fn holder(&self, token: &str, visit: Visit) -> Option<Actor> {
        let hash = SessionToken::parse(token)?.hash();
        let now = self.now();
        let store = &self.0.parts.store;
        let session = match store.session(hash.as_str(), now).await {
            Ok(session) => session?,
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                return None;
            }
        };
        if session.kind != SessionKind::Console || session.last_seen.plus_ms(IDLE_MS) <= now {
            return None;
        }
        if visit == Visit::Counts
            && session.last_seen.plus_ms(TOUCH_MS) <= now
            && let Err(error) = store.touch_session(hash.as_str(), now).await
        {
            tracing::warn!(%error, "it could not be noted that a session is alive");
        }
        self.0.parts.roster.get().person(session.person).map(|person| actor_of(person))
    }

    /// Ends a session. A token that holds none is no mistake.
    pub async fn sign_out(&self, token: &str) -> Result<(), AppError> {
        let Some(token) = SessionToken::parse(token) else { return Ok(()) };
        let token_hash = token.hash().as_str().to_owned();
        let Some(session) = self.0.parts.store.session(&token_hash, self.now()).await? else { return Ok(()) };
        // An asleep session is ended too, and one whose person has left.
        let person = self.0.parts.roster.get().person(session.person).cloned();
        let actor = person.map_or(Actor::Program, |person| actor_of(&person));
        let fact = self.fact(&actor, "sign-out").about(format!("person:{}", session.person));
        self.commit(&fact, &[Change::CloseSession { token_hash }]).await
    }

    /// Records a sign-in that did not work. A login that does not exist is not written down: people type passwords there.
    pub(crate) async fn note_refusal(
        &self,
        action: &'static str,
        known_login: Option<String>,
        from: IpAddr,
    ) -> Result<(), AppError> {
        let subject =
            known_login.map_or_else(|| "unknown login".to_owned(), |login| format!("login:{login}"));
        let fact = Fact::new(&Actor::Program, Scope::Trust, self.now(), action);
        self.note(&fact.about(subject).with("address", from.to_string())).await
    }
}

/// The person, with what they are where.
pub(crate) fn actor_of(person: &Person) -> Actor {
    Actor::Person {
        id: person.id,
        login: person.login.clone(),
        roles: person
            .affiliations
            .iter()
            .map(|affiliation| (affiliation.role, affiliation.scope.clone()))
            .collect(),
    }
}
