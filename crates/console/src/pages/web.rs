//! Signing in to use the web from this device: for anybody the school knows, pupils first. Short words, one form.

use crate::cookie;
use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::choose_password::ChoosePage;
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::pages::sign_in::{MOST_TYPED_BYTES, REFUSAL_TAKES};
use crate::problem::Problem;
use app::views::{InfantWaysView, WebSignInView};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The form as sent.
#[derive(Deserialize)]
pub(crate) struct WebSignInForm {
    login: String,
    password: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct WebSignInPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The name that was typed.
    pub login: Field,
    /// Who is signed in on this device; empty when nobody is.
    pub signed_in: String,
    /// Until when.
    pub until: String,
    /// The device's address.
    pub address: String,
    /// True just after somebody chose a password.
    pub changed: bool,
    /// True where somebody's badge counts here now.
    pub badge: bool,
    /// True where somebody's pictures count here now.
    pub pictures: bool,
}

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebSignInQuestion {
    changed: String,
}

impl WebSignInPage {
    /// The page of a view, with the name that was typed and what the youngest can use.
    pub(crate) fn of(view: WebSignInView, login: String, ways: InfantWaysView) -> Self {
        let problems: Vec<_> = [view.problem]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| ("login".to_owned(), text))
            .collect();
        Self {
            summary: summary(&problems),
            login: Field::of("login", login, &problems),
            signed_in: view.signed_in,
            until: view.until,
            address: view.address,
            changed: false,
            badge: ways.badge,
            pictures: ways.pictures,
        }
    }
}

/// `GET /web/sign-in`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<WebSignInQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.web_sign_in_view(visit.address).await;
    let ways = desk.app.infant_ways(visit.address).await?;
    let page =
        WebSignInPage { changed: asked.changed == "yes", ..WebSignInPage::of(view, String::new(), ways) };
    desk.page("web_sign_in.html", &visit, &page).await
}

/// `POST /web/sign-in`
pub(crate) async fn enter(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<WebSignInForm>,
) -> Result<Response, Problem> {
    if form.login.len() + form.password.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let view = desk.app.sign_in_to_web(&form.login, &form.password, visit.caller()).await?;
    if view.must_choose {
        // Answered here: a name in an address would stay in the history of a device that others use.
        return desk.page("choose_password.html", &visit, &ChoosePage::on_web(form.login)).await;
    }
    if view.problem.is_empty() {
        let mut answer = Redirect::to("/web/sign-in").into_response();
        if let Some(mark) = cookie::keep_device(&view.device) {
            answer.headers_mut().append(header::SET_COOKIE, mark);
        }
        return Ok(answer);
    }
    tokio::time::sleep_until(refused_at).await;
    let ways = desk.app.infant_ways(visit.address).await?;
    desk.form_again("web_sign_in.html", &visit, &WebSignInPage::of(view, form.login, ways)).await
}

/// `GET /web/portal`: the captive portal API. Its address is given to devices by DHCP (RFC 8910).
pub(crate) async fn portal(State(desk): State<Shared>, visit: Visit) -> Response {
    let view = desk.app.portal_view(visit.address);
    let mut answer = serde_json::json!({ "captive": view.captive, "can-extend-session": true });
    if let (Some(fields), Some(console)) = (answer.as_object_mut(), desk.app.console_address()) {
        fields.insert("user-portal-url".into(), format!("{console}/web/sign-in").into());
        if let Some(seconds) = view.seconds_remaining {
            fields.insert("seconds-remaining".into(), seconds.into());
        }
    }
    ([(header::CONTENT_TYPE, "application/captive+json")], answer.to_string()).into_response()
}

/// `POST /web/sign-out`
pub(crate) async fn leave(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    desk.app.sign_out_of_web(visit.address).await?;
    Ok(Redirect::to("/web/sign-in").into_response())
}
