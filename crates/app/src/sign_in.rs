//! Signing in to the console, and out of it. Staff only; a wrong login and a wrong password are told apart by nobody.
//!
//! A right password opens a partial session where something is to be done first, and a partial session opens nothing but
//! that. Each step ends the session of the one before: a token that was known before a step is worth nothing after it.

use crate::lanes::Caller;
use crate::password::{Checked, Proven};
use crate::second_step::SecondStep;
use crate::views::SecondStepView;
use crate::{App, AppError};
use identity::{SessionToken, SignInPlace, permits};
use model::{AccountKind, Action, Actor, Person, Scope, SessionId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, Change, Fact, NewSession, Session, SessionChange, SessionKind, SessionStage};

/// How long a console session lasts, whatever is done in it.
const SESSION_MS: i64 = 12 * 3_600_000;
/// How long it lasts while nothing is done in it.
const IDLE_MS: i64 = 3_600_000;
/// How exactly is known when a session was last used.
const TOUCH_MS: i64 = 60_000;
/// How long somebody has for what is to be done before a sign-in is whole.
const PARTIAL_MS: i64 = 15 * 60_000;
/// How long a proof that it is still the same person counts for what is sensitive.
const FRESH_MS: i64 = 15 * 60_000;

/// What the browser is given. The token is secret, and is in no record.
pub struct ConsoleSession {
    /// The cookie's value.
    pub token: String,
    /// From when on it does not count.
    pub expires: Timestamp,
    /// What is to be done before it opens anything.
    pub step: SignInStep,
    /// What the browser is to carry, so that the account knows it again; empty until the sign-in is whole.
    pub device: String,
}

/// What is to be done before a sign-in is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignInStep {
    /// Nothing: it is.
    Done,
    /// The password was issued; choose another.
    ChoosePassword,
    /// A second factor is there: show it.
    ShowFactor,
    /// There must be a second factor, and is none: set one up.
    SetUpFactor,
}

/// How somebody shows once more that it is them.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    /// By their password, as typed.
    Password(&'a str),
    /// By their second factor.
    Step(SecondStep<'a>),
}

/// That somebody proved a few minutes ago that it is them: what sensitive use cases ask for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fresh {
    session: String,
}

impl Fresh {
    /// The hash of the session's token.
    pub(crate) fn session(&self) -> &str {
        &self.session
    }
}

/// Whether a request shows that somebody is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Counts,
    OfTheMachine,
}

impl App {
    /// Signs somebody in to the console, as far as a password goes.
    ///
    /// # Errors
    /// [`AppError::Refused`] for a wrong login or password, and, only after a right one, for a temporary password that has
    /// run out and for somebody whose role has nothing to do in the console.
    pub async fn sign_in(
        &self,
        login: &str,
        password: &str,
        from: impl Into<Caller>,
    ) -> Result<ConsoleSession, AppError> {
        let from = from.into();
        let proven = match self.check_password(login, password, &from).await? {
            Checked::Right(proven) => proven,
            Checked::RunOut { .. } => return Err(run_out()),
            Checked::Locked { words } => {
                return Err(AppError::refused(
                    words,
                    "expected fewer wrong passwords before, found the lane locked",
                ));
            }
            Checked::Wrong { known_login } => {
                self.note_refusal("sign-in-refused", known_login, from.address).await?;
                return Err(AppError::refused(
                    "The user name or the password is not right. Check both and try again.",
                    "expected the account's password, found another or no account",
                ));
            }
        };
        self.must_work_here(&proven.person, &from).await?;
        self.open_session(&proven, password, &from).await
    }

    /// Turns away whose role has nothing to do in the console. That they tried is recorded.
    pub(crate) async fn must_work_here(&self, person: &Person, from: &Caller) -> Result<(), AppError> {
        if person.affiliations.iter().any(|affiliation| permits(affiliation.role, Action::SeeHome)) {
            return Ok(());
        }
        let fact = self.fact(&actor_of(person), "denied").about("sign-in");
        self.note(&fact.with("address", from.address.to_string())).await?;
        Err(AppError::refused(
            "Your password is right, but this page is for staff. To use the web, sign in on the school's web page \
             instead.",
            "expected a role that permits see-home, found none",
        ))
    }

    async fn open_session(
        &self,
        proven: &Proven,
        typed: &str,
        from: &Caller,
    ) -> Result<ConsoleSession, AppError> {
        let (person, account) = (&proven.person, &proven.account);
        let (now, held) = (self.now(), self.held_factors(account).await?);
        let mut changes = proven.changes(now);
        let why = self.why_factor(person, account.kind, from.address);
        let is_away = self.sign_in_place(from.address) == SignInPlace::Away;
        if why.is_some() && !held.has_step() && is_away && !proven.must_change() {
            // Whoever stole a password would set up a factor of their own.
            self.note_refusal("second-step-missing", Some(account.login.clone()), from.address).await?;
            return Err(AppError::refused(
                "Away from school you need a second step, and have none yet. Set one up at school, under My account; or ask \
                 your technician for a temporary password, and set it up with that.",
                "expected a second factor away from school, found none",
            ));
        }
        if proven.must_change() {
            // It is not chosen again in its own place.
            changes.push(self.note_typed(person, account, typed)?.1);
        }
        changes.push(Change::ForgetEnded { before: now });
        self.go_on((person, account), "pwd".to_owned(), from, changes).await
    }

    /// Opens a session with what else is to be changed, and the fact of it.
    pub(crate) async fn enter(
        &self,
        entering: Entering<'_>,
        mut changes: Vec<Change>,
    ) -> Result<ConsoleSession, AppError> {
        let Entering { person, account, step, methods, from } = entering;
        let (now, token) = (self.now(), SessionToken::random()?);
        let (stage, lasts_ms, action) = match step {
            SignInStep::Done => (SessionStage::Full, SESSION_MS, "sign-in"),
            _ => (SessionStage::Partial, PARTIAL_MS, "sign-in-begun"),
        };
        let until = now.plus_ms(lasts_ms);
        let expires = account.ends.map_or(until, |ends| ends.min(until));
        changes.push(Change::Session(SessionChange::Open(NewSession {
            token_hash: token.hash().as_str().to_owned(),
            id: SessionId(self.new_uuid()?),
            person: person.id,
            account: account.id,
            kind: SessionKind::Console,
            stage,
            methods: methods.clone(),
            address: from.address,
            created: now,
            expires,
            scope: Scope::Trust,
        })));
        let actor = actor_of(person);
        let fact =
            self.fact(&actor, action).about(actor.to_string()).with("address", from.address.to_string());
        let kind = if account.kind == AccountKind::Standard { "" } else { account.kind.slug() };
        self.commit(&fact.with("account", kind).with("shown", methods), &changes).await?;
        let device = match step {
            SignInStep::Done => self.marked(person.id, from)?,
            _ => String::new(),
        };
        Ok(ConsoleSession { token: token.reveal().to_owned(), expires, step, device })
    }

    /// Who holds this token; `None` when it is no token, has ended, slept too long, is partial, its person left, or a second
    /// step is asked for from here that it does not have.
    pub async fn actor(&self, token: &str, from: IpAddr) -> Option<Actor> {
        self.holder(token, from, Visit::Counts).await
    }

    /// The same of a page that asks by itself, again and again: it keeps no session awake.
    pub async fn waiting_actor(&self, token: &str, from: IpAddr) -> Option<Actor> {
        self.holder(token, from, Visit::OfTheMachine).await
    }

    async fn holder(&self, token: &str, from: IpAddr, visit: Visit) -> Option<Actor> {
        let hash = SessionToken::parse(token)?.hash();
        let (now, store) = (self.now(), &self.0.parts.store);
        let session = self.session_in_use(hash.as_str(), SessionStage::Full).await?;
        let person = self.0.parts.roster.get().person(session.person).map(Arc::clone)?;
        if self.why_again(&person, &session, from).is_some() {
            return None;
        }
        if visit == Visit::Counts
            && session.last_seen.plus_ms(TOUCH_MS) <= now
            && let Err(error) = store.touch_session(hash.as_str(), now).await
        {
            tracing::warn!(%error, "it could not be noted that a session is alive");
        }
        Some(actor_of(&person))
    }

    /// The console session of a token's hash, where it is awake and has come as far as `stage`.
    pub(crate) async fn session_in_use(&self, token_hash: &str, stage: SessionStage) -> Option<Session> {
        let now = self.now();
        let session = match self.0.parts.store.session(token_hash, now).await {
            Ok(session) => session?,
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                return None;
            }
        };
        let awake = session.last_seen.plus_ms(IDLE_MS) > now;
        (session.kind == SessionKind::Console && session.stage == stage && awake).then_some(session)
    }

    /// The proof that the holder of a token proved a few minutes ago that it is them; `None` where that is longer ago.
    pub async fn fresh(&self, token: &str) -> Option<Fresh> {
        let hash = SessionToken::parse(token)?.hash();
        let session = self.session_in_use(hash.as_str(), SessionStage::Full).await?;
        self.is_fresh(&session).then(|| Fresh { session: hash.as_str().to_owned() })
    }

    /// True where its holder proved a few minutes ago that it is them.
    pub(crate) fn is_fresh(&self, session: &Session) -> bool {
        let proved = session.stepped_up.unwrap_or(session.created).max(session.created);
        self.now() < proved.plus_ms(FRESH_MS)
    }

    /// What somebody who is signed in may show once more: a factor where they have one, else their password; `None` for the
    /// password.
    ///
    /// # Errors
    /// [`AppError::Denied`] without a session.
    pub async fn confirm_view(&self, token: &str) -> Result<Option<SecondStepView>, AppError> {
        let (account, session) = self.account_in_use(token).await?;
        let hash = SessionToken::parse(token).ok_or(AppError::Denied)?.hash();
        if !self.held_factors(&account).await?.has_factor() || session.person != account.person {
            return Ok(None);
        }
        self.step_view(&account, hash.as_str()).await.map(Some)
    }

    /// Takes a proof of who is there once more, for what is sensitive: the second factor where the account has one, else the
    /// password. It counts for a quarter of an hour.
    ///
    /// # Errors
    /// [`AppError::Refused`] for a wrong one; it is counted as one at sign-in.
    pub async fn confirm(
        &self,
        token: &str,
        proof: Proof<'_>,
        from: impl Into<Caller>,
    ) -> Result<(), AppError> {
        let from = from.into();
        let (account, session) = self.account_in_use(token).await?;
        let token_hash = SessionToken::parse(token).ok_or(AppError::Denied)?.hash().as_str().to_owned();
        let person = self.0.parts.roster.get().person(session.person).map(Arc::clone);
        let person = person.ok_or(AppError::Denied)?;
        let has_factor = self.held_factors(&account).await?.has_factor();
        let (at, actor) = (self.now(), actor_of(&person));
        let (mut changes, method) = match proof {
            Proof::Step(step) => {
                let shown = self.shown((&person, &account), &token_hash, step, &from).await?;
                (shown.changes, shown.method)
            }
            Proof::Password(_) if has_factor => {
                return Err(AppError::not_proven(
                    "Use your second step here: a code of your app, or your passkey.",
                    "expected the account's second factor, found a password",
                ));
            }
            Proof::Password(typed) => (self.prove(&account.login, typed, &from).await?.changes(at), "pwd"),
        };
        let fact = self.fact(&actor, "confirm").about(actor.to_string()).with("shown", method);
        let step = SessionChange::StepUp { token_hash, at, methods: session.methods };
        changes.push(Change::Session(step));
        self.commit(&fact.with("address", from.address.to_string()), &changes).await
    }

    /// The account of a whole session, and the session.
    async fn account_in_use(&self, token: &str) -> Result<(Account, Session), AppError> {
        let hash = SessionToken::parse(token).ok_or(AppError::Denied)?.hash();
        let session = self.session_in_use(hash.as_str(), SessionStage::Full).await.ok_or(AppError::Denied)?;
        let accounts = self.0.parts.store.accounts_of(session.person).await?;
        let account = accounts.into_iter().find(|account| account.id == session.account);
        Ok((account.ok_or(AppError::Denied)?, session))
    }

    /// The account whose password this is; for somebody who is signed in already.
    pub(crate) async fn prove(
        &self,
        login: &str,
        password: &str,
        from: &Caller,
    ) -> Result<Box<Proven>, AppError> {
        match self.check_password(login, password, from).await? {
            Checked::Right(proven) => Ok(proven),
            Checked::RunOut { .. } => Err(run_out()),
            Checked::Locked { words } => Err(AppError::not_proven(
                words,
                "expected fewer wrong passwords before, found the lane locked",
            )),
            Checked::Wrong { known_login } => {
                self.note_refusal("confirm-refused", known_login, from.address).await?;
                Err(AppError::not_proven(
                    "That is not your password. Type the one that you sign in with.",
                    "expected the account's password, found another",
                ))
            }
        }
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
        self.commit(&fact, &[Change::Session(SessionChange::Close { token_hash })]).await
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

/// Who comes in, how far, and from where.
pub(crate) struct Entering<'a> {
    pub(crate) person: &'a Person,
    pub(crate) account: &'a Account,
    pub(crate) step: SignInStep,
    /// What was shown so far, as RFC 8176 names it.
    pub(crate) methods: String,
    pub(crate) from: &'a Caller,
}

/// What somebody is told whose temporary password was right, and too old.
pub(crate) fn run_out() -> AppError {
    AppError::not_proven(
        "Your temporary password has run out. Ask whoever gave it to you for a new one.",
        "expected a temporary password within its time, found one that had run out",
    )
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
