//! My account: where one is signed in, ending that, another password; and showing once more that it is still oneself.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::choose_password::{ChoosePage, Way};
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::pages::people::Session;
use crate::pages::second_step::{SecondStepPage, step_of};
use crate::pages::sign_in::{MOST_TYPED_BYTES, REFUSAL_TAKES, local};
use crate::problem::Problem;
use crate::words;
use app::views::{FactorView, MyAccountView, SecondStepView};
use app::{AppError, NewPassword, OtherSessions, PasswordChange, Proof};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct MyAccountQuestion {
    /// `changed` just after the password was changed.
    done: String,
}

/// What is to be ended, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndForm {
    /// A session's id; empty: all others.
    session: String,
}

/// Another password, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PasswordForm {
    old: String,
    new: String,
    again: String,
    keep_others: String,
}

/// What the address may ask of the page that asks for the password once more.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfirmQuestion {
    next: String,
}

/// One's password once more, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ConfirmForm {
    password: String,
    code: String,
    answer: String,
    next: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct MyAccountPage {
    /// One's name.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// What the account is for.
    pub account: String,
    /// Since when the password is the same; may be empty.
    pub password_since: String,
    /// Where one is signed in.
    pub sessions: Vec<Session>,
    /// True just after the password was changed.
    pub changed: bool,
    /// One's second factors.
    pub factors: Vec<Factor>,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
    /// Why one must have a factor; empty where one need not.
    pub why: String,
    /// True where passkeys can be made here.
    pub passkeys_work: bool,
}

/// One second factor.
#[derive(Debug, Serialize)]
pub(crate) struct Factor {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What its holder calls it.
    pub name: String,
    /// Since when.
    pub added: String,
    /// How long ago it last worked.
    pub last_worked: String,
}

/// The page that asks once more who is there.
#[derive(Debug, Serialize)]
pub(crate) struct ConfirmPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Where to go on to.
    pub next: String,
    /// True where the password is asked for; else the second step is.
    pub takes_password: bool,
    /// The code; what was typed is not given back.
    pub code: Field,
    /// What may be typed, in words; empty where nothing may.
    pub hint: String,
    /// What the browser is asked for; empty where there is no passkey.
    pub passkey: String,
}

impl ConfirmPage {
    /// The page: for the password where there is no second step.
    pub(crate) fn of(step: Option<SecondStepView>, next: &str, problem: &str) -> Self {
        let takes_password = step.is_none();
        let field = if takes_password { "password" } else { "code" };
        let problems: Vec<(String, String)> = Some((field.to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        let nothing = SecondStepView {
            takes_app: false,
            takes_recovery: false,
            passkey: String::new(),
            why: String::new(),
        };
        let step = SecondStepPage::of(step.unwrap_or(nothing), next, "");
        Self {
            summary: summary(&problems),
            next: step.next,
            takes_password,
            code: Field::of("code", String::new(), &problems),
            hint: step.hint,
            passkey: step.passkey,
        }
    }
}

impl MyAccountPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: MyAccountView, changed: bool, now: Timestamp) -> Self {
        Self {
            name: view.name,
            login: view.login,
            account: view.account,
            password_since: view.password_since.map(words::day_and_time).unwrap_or_default(),
            sessions: view.sessions.into_iter().map(|session| Session::of(session, now)).collect(),
            changed,
            factors: view.factors.factors.into_iter().map(|factor| factor_row(factor, now)).collect(),
            recovery_codes: view.factors.recovery_codes,
            why: view.factors.why,
            passkeys_work: view.factors.passkeys_work,
        }
    }
}

fn factor_row(factor: FactorView, now: Timestamp) -> Factor {
    Factor {
        id: factor.id,
        kind: factor.kind,
        name: factor.name,
        added: words::day_and_time(factor.added),
        last_worked: factor.last_worked.map(|at| words::age(now, at)).unwrap_or_default(),
    }
}

/// `GET /my-account`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<MyAccountQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.my_account(visit.actor()?, visit.session()?).await?;
    let page = MyAccountPage::of(view, asked.done == "changed", desk.clock.now());
    desk.page("my_account.html", &visit, &page).await
}

/// `POST /my-account`
pub(crate) async fn end(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<EndForm>,
) -> Result<Response, Problem> {
    let (actor, token) = (visit.actor()?, visit.session()?);
    match form.session.as_str() {
        "" => desk.app.end_my_other_sessions(actor, token).await?,
        id => {
            let id = SessionId::parse(id).ok_or(Problem::Unreadable)?;
            desk.app.end_my_session(actor, token, id).await?;
        }
    }
    Ok(Redirect::to("/my-account").into_response())
}

/// `GET /my-account/password`
pub(crate) async fn ask_password(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.my_password_view(visit.actor()?, visit.session()?).await?;
    desk.page("choose_password.html", &visit, &ChoosePage::of(Way::MyAccount, &view, "")).await
}

/// `POST /my-account/password`
pub(crate) async fn change_password(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<PasswordForm>,
) -> Result<Response, Problem> {
    let (actor, token) = (visit.actor()?, visit.session()?);
    if form.old.len() + form.new.len() + form.again.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let others = if form.keep_others == "yes" { OtherSessions::Keep } else { OtherSessions::End };
    let chosen = NewPassword { new: &form.new, again: &form.again };
    let change = PasswordChange { old: &form.old, chosen, others };
    match desk.app.change_my_password((actor, token), change, visit.caller()).await {
        Ok(()) => Ok(Redirect::to("/my-account?done=changed").into_response()),
        Err(AppError::Refused { theirs, about, .. }) => {
            let view = desk.app.my_password_view(actor, token).await?;
            let page = ChoosePage::again(Way::MyAccount, &view, &theirs, about);
            desk.form_again("choose_password.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /confirm`
pub(crate) async fn ask_confirm(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<ConfirmQuestion>,
) -> Result<Response, Problem> {
    visit.actor()?;
    let step = desk.app.confirm_view(visit.session()?).await?;
    desk.page("confirm.html", &visit, &ConfirmPage::of(step, local(&asked.next), "")).await
}

/// `POST /confirm`
pub(crate) async fn confirm(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<ConfirmForm>,
) -> Result<Response, Problem> {
    if form.password.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    visit.actor()?;
    let proof = match (form.code.as_str(), form.answer.as_str()) {
        ("", "") => Proof::Password(&form.password),
        (code, answer) => Proof::Step(step_of(code, answer)?),
    };
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let confirmed = desk.app.confirm(visit.session()?, proof, visit.caller()).await;
    match confirmed {
        Ok(()) => Ok(Redirect::to(local(&form.next)).into_response()),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let step = desk.app.confirm_view(visit.session()?).await?;
            let page = ConfirmPage::of(step, local(&form.next), &theirs);
            desk.form_again("confirm.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}
