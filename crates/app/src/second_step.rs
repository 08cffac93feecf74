//! What is between a right password and a whole sign-in to the console: a second factor, shown or set up, and a password of
//! one's own in the place of an issued one, in this order.
//!
//! Who has a factor is always asked for it; who has none and must have one sets it up before anything else opens. Away from
//! school a factor is set up only with a password that was just issued: with an old one that somebody stole, they would set
//! up their own. The proxy and the web's page take passwords alone.
//!
//! Where one is depends on each request: a session that began at school without a second step opens nothing from elsewhere
//! where the policy asks for one there, until the step is shown; then another session follows it.
//!
//! Invariants: a token is worth nothing after the step that it was for; a session is whole only when nothing is left to do; on
//! site is never what a public address of IPv4 says, behind which a whole school and its visitors stand.

use crate::ceremonies::Occasion;
use crate::factors::{Holder, NewCodes, NewFactor};
use crate::factors_held::{HeldFactors, Shown};
use crate::lanes::Caller;
use crate::sign_in::{Entering, actor_of};
use crate::views::SecondStepView;
use crate::{App, AppError, ConsoleSession, SignInStep};
use identity::{FactorRules, SessionToken, SignInPlace, WhyFactor, why_factor};
use model::{
    AccountKind, Actor, Alert, AlertKind, AlertSubject, CredentialKind, Ladder, Person, Role, Severity,
};
use policy::is_private;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, AccountChange, Change, RecoveryChange, Session, SessionChange, SessionStage};

/// What a session's methods say where its holder is to choose a password since they forgot theirs.
pub(crate) const FORGOT: &str = "forgot";

/// A session in which something is left to do: whose, with which account, and what was shown so far.
pub(crate) struct Partial {
    pub(crate) person: Arc<Person>,
    pub(crate) account: Account,
    /// The hash of its token.
    pub(crate) token_hash: String,
    /// What was shown, a space between.
    pub(crate) methods: String,
    pub(crate) step: SignInStep,
    /// Why a session that was whole asks for a second step now; `None` at a sign-in.
    pub(crate) again: Option<WhyFactor>,
}

/// How somebody shows their second factor.
#[derive(Clone, Copy)]
pub enum SecondStep<'a> {
    /// A code of their app, or a recovery code, as typed.
    Code(&'a str),
    /// A browser's answer for a passkey.
    Passkey(&'a str),
}

/// What a passkey is shown for by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasskeyPurpose {
    /// To sign in.
    SignIn,
    /// To choose another password in the place of a forgotten one.
    ForgotPassword,
}

impl App {
    /// What is left to do.
    pub(crate) fn step_left(
        &self,
        (person, account): (&Person, &Account),
        held: &HeldFactors,
        methods: &str,
        from: IpAddr,
    ) -> SignInStep {
        if held.has_step() && !shows_factor(methods) {
            return SignInStep::ShowFactor;
        }
        if account.must_change || held.has_temporary() || shows(methods, FORGOT) {
            return SignInStep::ChoosePassword;
        }
        if self.why_factor(person, account.kind, from).is_some() && !held.has_step() {
            return SignInStep::SetUpFactor;
        }
        SignInStep::Done
    }

    /// Why somebody must show a factor from here; `None` where nothing asks for one.
    pub(crate) fn why_factor(&self, person: &Person, kind: AccountKind, from: IpAddr) -> Option<WhyFactor> {
        self.why_at(person, kind, self.sign_in_place(from))
    }

    /// On site is what the policy's networks say of the address that our own listener saw; but a public address of IPv4 is
    /// what many share, whoever lists it.
    pub(crate) fn sign_in_place(&self, from: IpAddr) -> SignInPlace {
        let from = from.to_canonical();
        match self.snapshot().network_at(from) {
            Some(_) if from.is_ipv6() || is_private(from) => SignInPlace::OnSite,
            _ => SignInPlace::Away,
        }
    }

    /// Why somebody must have a factor wherever they are.
    pub(crate) fn why_everywhere(&self, person: &Person, account: &Account) -> Option<WhyFactor> {
        self.why_at(person, account.kind, SignInPlace::OnSite).filter(|why| why.is_everywhere())
    }

    /// Why a whole session opens nothing from here: it has no second step, and from here one is asked for.
    pub(crate) fn why_again(&self, person: &Person, session: &Session, from: IpAddr) -> Option<WhyFactor> {
        let why = self.why_factor(person, session.account_kind, from);
        why.filter(|_| !shows_factor(&session.methods))
    }

    fn why_at(&self, person: &Person, kind: AccountKind, place: SignInPlace) -> Option<WhyFactor> {
        let in_force = self.in_force();
        let access = &in_force.document.facts.access;
        let roles: Vec<Role> = access.second_factor.iter().map(|role| role.0).collect();
        let is_trust = in_force.document.policy.trust.is_some();
        let rules = FactorRules { roles: &roles, away: access.second_factor_away, is_trust };
        why_factor(&person.affiliations, kind, place, &rules)
    }

    /// What a whole session asks of its holder before it opens anything from here: their second step, or setting one up;
    /// `None` where it asks for nothing, or for a sign-in anew.
    pub async fn asked_again(&self, token: &str, from: IpAddr) -> Option<SignInStep> {
        let hash = SessionToken::parse(token)?.hash();
        let session = self.session_in_use(hash.as_str(), SessionStage::Full).await?;
        self.partial_of(session, hash.as_str(), from).await.map(|partial| partial.step)
    }

    /// Where the console is reached: passkeys are made for this address. To be called at start; where it is no name over
    /// HTTPS there are no passkeys.
    pub fn set_console_address(&self, address: &str) {
        let _ = self.0.console_address.set(address.trim_end_matches('/').to_owned());
        match identity::PasskeyPlace::at(address) {
            Ok(place) => {
                let _ = self.0.passkey_place.set(place);
            }
            Err(error) => tracing::warn!(%error, "there are no passkeys at this console"),
        }
    }

    /// Where the console is reached, such as `https://gate.school.example:8443`, without a slash at the end: what is printed and
    /// sent leads there, whatever address a browser asked for. `None` before it was said.
    pub fn console_address(&self) -> Option<&str> {
        self.0.console_address.get().map(String::as_str)
    }

    pub(crate) fn passkey_place(&self) -> Option<identity::PasskeyPlace> {
        self.0.passkey_place.get().cloned()
    }

    /// The page of the second step, for the holder of a session that waits for one; `None` where there is none.
    ///
    /// # Errors
    /// [`AppError::Failed`].
    pub async fn second_step_view(
        &self,
        token: &str,
        from: IpAddr,
    ) -> Result<Option<SecondStepView>, AppError> {
        let waits = |partial: &Partial| partial.step == SignInStep::ShowFactor;
        let Some(partial) = self.partial(token, from).await.filter(waits) else {
            return Ok(None);
        };
        let view = self.step_view(&partial.account, &partial.token_hash).await?;
        let why = partial.again.map(|why| why.sentence().to_owned()).unwrap_or_default();
        Ok(Some(SecondStepView { why, ..view }))
    }

    /// What an account may be shown with.
    pub(crate) async fn step_view(&self, account: &Account, of: &str) -> Result<SecondStepView, AppError> {
        let held = self.held_factors(account).await?;
        let passkey = self.ask_passkey(account, of).await?;
        Ok(SecondStepView {
            takes_app: held.has(CredentialKind::Totp),
            takes_recovery: held.recovery_codes() > 0,
            passkey: passkey.map(|options| options.0).unwrap_or_default(),
            why: String::new(),
        })
    }

    /// Takes the second factor of a session that waits for one, and goes on to what is left, in another session.
    ///
    /// # Errors
    /// [`AppError::Denied`] without such a session; [`AppError::Refused`] where the factor does not count.
    pub async fn show_second_step(
        &self,
        token: &str,
        step: SecondStep<'_>,
        from: impl Into<Caller>,
    ) -> Result<ConsoleSession, AppError> {
        let from = from.into();
        let partial = self.partial(token, from.address).await;
        let partial = partial.filter(|partial| partial.step == SignInStep::ShowFactor);
        let Partial { person, account, token_hash, methods, .. } = partial.ok_or(AppError::Denied)?;
        let shown = self.shown((&person, &account), &token_hash, step, &from).await?;
        let mut changes = vec![Change::Session(SessionChange::Finish { token_hash })];
        changes.extend(shown.changes);
        let methods = format!("{methods} {}", shown.method);
        self.go_on((&person, &account), methods, &from, changes).await
    }

    pub(crate) async fn shown(
        &self,
        whose: (&Person, &Account),
        of: &str,
        step: SecondStep<'_>,
        from: &Caller,
    ) -> Result<Shown, AppError> {
        match step {
            SecondStep::Code(typed) => self.show_code(whose, typed, from).await,
            SecondStep::Passkey(answer) => {
                self.show_passkey(whose, (Occasion::ShowPasskey, of), answer, from).await
            }
        }
    }

    /// Opens the session of the next step, or the whole one, in the same transaction as what led to it.
    pub(crate) async fn go_on(
        &self,
        (person, account): (&Person, &Account),
        methods: String,
        from: &Caller,
        mut changes: Vec<Change>,
    ) -> Result<ConsoleSession, AppError> {
        let held = self.held_factors(account).await?;
        let step = self.step_left((person, account), &held, &methods, from.address);
        if step == SignInStep::Done {
            if account.state == model::AccountState::Pending {
                changes.push(Change::Account(AccountChange::FirstUse { account: account.id }));
            }
            if account.kind == AccountKind::BreakGlass {
                let (account, at) = (account.id, self.now());
                changes.push(Change::Recovery(RecoveryChange::Tried { account, at }));
            }
        }
        self.enter(Entering { person, account, step, methods, from }, changes).await
    }

    /// Who sets up their first factor in a session that waits for that.
    pub async fn first_factor_holder(&self, token: &str, from: IpAddr) -> Option<Holder> {
        let partial = self.partial(token, from).await;
        let partial = partial.filter(|partial| partial.step == SignInStep::SetUpFactor)?;
        Some(Holder { person: partial.person, account: partial.account, session: partial.token_hash })
    }

    /// Sets up the first factor of whoever must have one, which makes the sign-in whole.
    ///
    /// # Errors
    /// [`AppError::Denied`] where no session waits for it; [`AppError::Refused`] where the proof is not of it.
    pub async fn set_up_first_factor(
        &self,
        token: &str,
        new: NewFactor<'_>,
        from: impl Into<Caller>,
    ) -> Result<(ConsoleSession, NewCodes), AppError> {
        let from = from.into();
        let partial = self.partial(token, from.address).await;
        let partial = partial.filter(|partial| partial.step == SignInStep::SetUpFactor);
        let Partial { person, account, token_hash, methods, .. } = partial.ok_or(AppError::Denied)?;
        let holder = Holder { person, account, session: token_hash };
        let codes = self.add_factor(&holder, new).await?;
        let method = match new.proof {
            SecondStep::Code(_) => "otp",
            SecondStep::Passkey(_) => "pop",
        };
        let Holder { person, account, session } = holder;
        let changes = vec![Change::Session(SessionChange::Finish { token_hash: session })];
        let whole = self.go_on((&person, &account), format!("{methods} {method}"), &from, changes).await?;
        Ok((whole, codes))
    }

    /// Begins a sign-in by passkey alone: a number for the page, and what the browser is asked for; `None` where passkeys do
    /// not work here.
    ///
    /// # Errors
    /// [`AppError::Failed`].
    pub fn begin_passkey_sign_in(&self, from: IpAddr) -> Result<Option<(String, String)>, AppError> {
        let Some(place) = self.passkey_place() else { return Ok(None) };
        let (options, asking) = place.ask_for_any()?;
        let number = SessionToken::random()?.reveal().to_owned();
        let kept = crate::ceremonies::Ceremony::Asking(asking);
        self.ceremonies().put_from((Occasion::SignInByPasskey, &number), from, kept, self.now());
        Ok(Some((number, options.0)))
    }

    /// Signs somebody in by a passkey alone, which proved them to itself: two factors in one.
    ///
    /// # Errors
    /// [`AppError::Refused`] where it does not count.
    pub async fn sign_in_by_passkey(
        &self,
        (number, answer): (&str, &str),
        purpose: PasskeyPurpose,
        from: impl Into<Caller>,
    ) -> Result<ConsoleSession, AppError> {
        let from = from.into();
        let wrong = || {
            let words = match purpose {
                PasskeyPurpose::SignIn => {
                    "That passkey did not work here. Sign in with your password instead."
                }
                PasskeyPurpose::ForgotPassword => {
                    "That passkey did not work here. Use your app and a recovery code instead."
                }
            };
            AppError::not_proven(words, "expected a passkey of somebody here, found another")
        };
        let place = self.passkey_place().ok_or_else(wrong)?;
        let claimed = place.claimed_by(answer).map_err(|_| wrong())?;
        let person = self.0.parts.roster.get().person(claimed).map(Arc::clone).ok_or_else(wrong)?;
        let now = self.now();
        let mut found = None;
        for account in self.0.parts.store.accounts_of(person.id).await? {
            let may = account.kind != AccountKind::BreakGlass || purpose == PasskeyPurpose::SignIn;
            if may && account.may_sign_in(now) && self.has_handle(&account, answer).await? {
                found = Some(account);
            }
        }
        let account = found.ok_or_else(wrong)?;
        let occasion = (Occasion::SignInByPasskey, number);
        let shown = self.show_passkey((&person, &account), occasion, answer, &from).await?;
        self.must_work_here(&person, &from).await?;
        self.alarm_recovery(&person, &account).await?;
        let methods = match purpose {
            PasskeyPurpose::SignIn => shown.method.to_owned(),
            PasskeyPurpose::ForgotPassword => format!("{} {FORGOT}", shown.method),
        };
        self.go_on((&person, &account), methods, &from, shown.changes).await
    }

    /// True where a browser's answer names a passkey of this account.
    async fn has_handle(&self, account: &Account, answer: &str) -> Result<bool, AppError> {
        let named = identity::PasskeyPlace::handle_in(answer);
        let held = self.0.parts.store.factor_names(account.id).await?;
        Ok(named.is_some() && held.iter().any(|held| held.handle == named))
    }

    /// Alarms at once where a recovery account is used, whatever becomes of it (clause ACC-5).
    pub(crate) async fn alarm_recovery(&self, person: &Person, account: &Account) -> Result<(), AppError> {
        if account.kind != AccountKind::BreakGlass {
            return Ok(());
        }
        let actor: Actor = actor_of(person);
        let fact = self.fact(&actor, "recovery-account-used").about(format!("account:{}", account.id));
        self.note(&fact).await?;
        let now = self.now();
        let alert = Alert {
            kind: AlertKind::Security,
            severity: Severity::Critical,
            subject: AlertSubject::default(),
            rule: "accounts.recovery-used".into(),
            why: "A recovery account was signed in to. Unless its owners did that just now, somebody opened the sealed \
                  envelope: end its sessions and give it a new password"
                .into(),
            first: now,
            last: now,
            count: 1,
            events: Vec::new(),
        };
        self.take_up_for(Ladder::of_recovery(), alert).await
    }
}

/// True where a session's methods have this one.
fn shows(methods: &str, wanted: &str) -> bool {
    methods.split(' ').any(|method| method == wanted)
}

/// True where a second factor was shown.
fn shows_factor(methods: &str) -> bool {
    shows(methods, "otp") || shows(methods, "pop")
}
