//! Signing in to the web with a badge: for a camera, a scanner that types, or a keyboard. The next child's badge takes the
//! place of whoever is signed in on this device. Pictures of the camera stay in the browser.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::problem::Problem;
use app::views::{InfantWaysView, WebSignInView};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

/// This page alone may ask for the camera.
const MAY_USE_CAMERA: (HeaderName, HeaderValue) = (
    HeaderName::from_static("permissions-policy"),
    HeaderValue::from_static("camera=(self), geolocation=(), microphone=()"),
);

/// What was shown, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BadgeForm {
    code: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct WebBadgePage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The code, which is never given back.
    pub code: Field,
    /// Who is signed in on this device; empty when nobody is.
    pub signed_in: String,
    /// Until when.
    pub until: String,
    /// True where somebody's pictures count here now.
    pub pictures: bool,
}

impl WebBadgePage {
    /// The page of a view, with what the youngest can use.
    pub(crate) fn of(view: WebSignInView, ways: InfantWaysView) -> Self {
        let problem = Some(view.problem).filter(|problem| !problem.is_empty());
        let problems: Vec<_> = problem.map(|problem| ("code".to_owned(), problem)).into_iter().collect();
        Self {
            summary: summary(&problems),
            code: Field::of("code", String::new(), &problems),
            signed_in: view.signed_in,
            until: view.until,
            pictures: ways.pictures,
        }
    }
}

/// `GET /web/badge`
pub(crate) async fn show(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.web_sign_in_view(visit.address).await;
    let ways = desk.app.infant_ways(visit.address).await?;
    with_camera(desk.page("web_badge.html", &visit, &WebBadgePage::of(view, ways)).await)
}

/// `POST /web/badge`
pub(crate) async fn enter(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<BadgeForm>,
) -> Result<Response, Problem> {
    let view = desk.app.sign_in_with_badge(&form.code, visit.address).await?;
    if view.problem.is_empty() {
        return Ok(Redirect::to("/web/badge").into_response());
    }
    let ways = desk.app.infant_ways(visit.address).await?;
    with_camera(desk.form_again("web_badge.html", &visit, &WebBadgePage::of(view, ways)).await)
}

fn with_camera(answer: Result<Response, Problem>) -> Result<Response, Problem> {
    let mut answer = answer?;
    let (name, value) = MAY_USE_CAMERA;
    answer.headers_mut().insert(name, value);
    Ok(answer)
}
