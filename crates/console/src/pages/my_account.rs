//! My account: where one is signed in, ending that, another password; and showing once more that it is still oneself.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::choose_password::{ChoosePage, Way};
use crate::pages::fields::{SummaryLine, summary};
use crate::pages::people::Session;
use crate::pages::sign_in::{MOST_TYPED_BYTES, REFUSAL_TAKES, local};
use crate::problem::Problem;
use crate::words;
use app::views::MyAccountView;
use app::{AppError, NewPassword, OtherSessions, PasswordChange};
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
}

/// The page that asks for the password once more.
#[derive(Debug, Serialize)]
pub(crate) struct ConfirmPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Where to go on to.
    pub next: String,
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
        }
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
    let page = ConfirmPage { summary: Vec::new(), next: local(&asked.next).to_owned() };
    desk.page("confirm.html", &visit, &page).await
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
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let confirmed = desk.app.confirm(visit.session()?, &form.password, visit.caller()).await;
    match confirmed {
        Ok(()) => Ok(Redirect::to(local(&form.next)).into_response()),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let problems = [("password".to_owned(), theirs)];
            let page = ConfirmPage { summary: summary(&problems), next: local(&form.next).to_owned() };
            desk.form_again("confirm.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}
