//! Signing in to the console and out of it. A wrong name and a wrong password look and take the same.

use crate::cookie;
use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::pages::second_step::way_to;
use crate::problem::Problem;
use app::{AppError, ConsoleSession, SignInStep};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::Instant;

/// A refused sign-in is answered no sooner than this, whatever was wrong with it.
pub(crate) const REFUSAL_TAKES: Duration = Duration::from_millis(700);

/// Longer than any name or password that can be set; longer ones are not hashed.
pub(crate) const MOST_TYPED_BYTES: usize = 1024;

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignInQuestion {
    /// Where to go on to.
    next: String,
    /// `yes` just after signing out.
    left: String,
}

/// The form as sent.
#[derive(Deserialize)]
pub(crate) struct SignInForm {
    login: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SignInPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The name that was typed.
    pub login: Field,
    /// Where to go on to; empty for home.
    pub next: String,
    /// True just after signing out.
    pub left: bool,
    /// The number of a passkey that is asked for; empty where passkeys do not work here.
    pub number: String,
    /// What the browser is asked for.
    pub passkey: String,
}

impl SignInPage {
    /// The page after a sign-in that did not work; the password is never given back.
    pub(crate) fn again(login: String, next: String, why: String) -> Self {
        let problems = [("login".to_owned(), why)];
        let login = Field::of("login", login, &problems);
        Self { summary: summary(&problems), login, next, ..Self::default() }
    }

    /// The page with a passkey that is asked for, where passkeys work here.
    pub(crate) fn with_passkey(self, desk: &Shared, visit: &Visit) -> Result<Self, Problem> {
        let (number, passkey) = desk.app.begin_passkey_sign_in(visit.address)?.unwrap_or_default();
        Ok(Self { number, passkey, ..self })
    }
}

/// `GET /sign-in`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<SignInQuestion>,
) -> Result<Response, Problem> {
    if visit.signed_in.is_some() {
        return Ok(Redirect::to(local(&asked.next)).into_response());
    }
    let page = SignInPage { next: asked.next, left: asked.left == "yes", ..SignInPage::default() };
    let page = page.with_passkey(&desk, &visit)?;
    desk.page("sign_in.html", &visit, &page).await
}

/// `POST /sign-in`
pub(crate) async fn enter(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<SignInForm>,
) -> Result<Response, Problem> {
    let SignInForm { login, password, next } = form;
    if login.len() + password.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let entering = desk.app.sign_in(&login, &password, visit.caller()).await;
    match entering {
        Ok(session) => entered(&desk, &session, local(&next)),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let page = SignInPage::again(login, next, theirs).with_passkey(&desk, &visit)?;
            desk.form_again("sign_in.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /sign-out`
pub(crate) async fn leave(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    if let Some(token) = &visit.token {
        desk.app.sign_out(token).await?;
    }
    with_cookie(Redirect::to("/sign-in?left=yes"), cookie::forget())
}

/// On to where a session leads, with its cookie, and with the browser's mark once the sign-in is whole.
pub(crate) fn entered(desk: &Shared, session: &ConsoleSession, next: &str) -> Result<Response, Problem> {
    let way = match session.step {
        SignInStep::Done => next.to_owned(),
        SignInStep::ChoosePassword => "/sign-in/password".to_owned(),
        SignInStep::ShowFactor => way_to(next),
        SignInStep::SetUpFactor => "/sign-in/set-up".to_owned(),
    };
    give_session(desk, session, Redirect::to(&way).into_response())
}

/// Gives an answer a session's cookie, and the browser's mark once the sign-in is whole.
pub(crate) fn give_session(
    desk: &Shared,
    session: &ConsoleSession,
    mut answer: Response,
) -> Result<Response, Problem> {
    let kept = cookie::keep(&session.token, desk.clock.now(), session.expires);
    answer.headers_mut().append(header::SET_COOKIE, kept.ok_or(Problem::OurFault)?);
    if let Some(mark) = cookie::keep_device(&session.device) {
        answer.headers_mut().append(header::SET_COOKIE, mark);
    }
    Ok(answer)
}

/// A redirect that sets or takes away the cookie.
fn with_cookie(redirect: Redirect, cookie: Option<HeaderValue>) -> Result<Response, Problem> {
    let cookie = cookie.ok_or(Problem::OurFault)?;
    Ok(([(header::SET_COOKIE, cookie)], redirect).into_response())
}

/// Where to go on to: a path of ours, else home. `//elsewhere` and `/\elsewhere` are other sites to a browser.
pub(crate) fn local(next: &str) -> &str {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let plain = next.len() <= 2048 && next.bytes().all(|byte| byte.is_ascii_graphic());
    if ours && plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn signing_in_leads_on_to_our_own_pages_only() {
        for (asked, led) in [
            ("/policy?state=fail", "/policy?state=fail"),
            ("", "/"),
            ("https://elsewhere.example/", "/"),
            ("//elsewhere.example", "/"),
            ("/\\elsewhere.example", "/"),
            ("/a\r\nset-cookie: b", "/"),
        ] {
            assert_eq!(local(asked), led);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_the_way_on_is_a_header_and_a_path(next in ".{0,100}") {
            let way = local(&next);
            prop_assert!(way.starts_with('/') && !way.starts_with("//"));
            prop_assert!(HeaderValue::try_from(way).is_ok());
        }
    }
}
