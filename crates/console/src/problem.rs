//! What a request can end in instead of its page, and the page that says so in plain words.

use crate::desk::{Desk, Visit};
use crate::pages::fields::link;
use crate::pages::second_step::way_to;
use app::{AppError, SignInStep};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Serialize;

/// Why a request did not get its page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Problem {
    /// Nobody is signed in, and the page is not for everybody.
    SignInFirst,
    /// What is asked for is sensitive, and the last proof of who asks is too long ago; the path to go on to afterwards.
    ConfirmFirst(String),
    /// What was sent cannot be read as this page's form.
    Unreadable,
    /// It was sent from another site, or by a browser that does not say from where.
    OtherSite,
    /// The signed-in person may not do this.
    NotAllowed,
    /// There is nothing at this address.
    NotFound,
    /// There is, and it is not asked for in this way.
    WrongMethod,
    /// More was sent than any form here needs.
    TooLarge,
    /// It cannot be done as asked; the words say what to do.
    Refused(String),
    /// Too much at once, or it took too long.
    Busy,
    /// Our fault; the log has it.
    OurFault,
}

/// The page of a problem.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemPage {
    /// The heading.
    pub title: &'static str,
    /// What to do, a paragraph each.
    pub advice: Vec<String>,
}

impl Problem {
    /// The problem that a bare status stands for, where a part of the server answered by itself.
    pub(crate) fn of_status(status: StatusCode) -> Option<Self> {
        match status {
            StatusCode::NOT_FOUND => Some(Self::NotFound),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::WrongMethod),
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            status if status.is_client_error() => Some(Self::Unreadable),
            status if status.is_server_error() => Some(Self::OurFault),
            _ => None,
        }
    }

    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::SignInFirst | Self::ConfirmFirst(_) => StatusCode::UNAUTHORIZED,
            Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::OtherSite | Self::NotAllowed => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused(_) => StatusCode::CONFLICT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::OurFault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Its page.
    pub(crate) fn page(&self) -> ProblemPage {
        let (title, advice): (_, Vec<&str>) = match self {
            Self::SignInFirst => ("Sign in first", vec!["This page is for people who are signed in."]),
            Self::ConfirmFirst(_) => ("Show that it is you", vec!["Show once more that it is you to go on."]),
            Self::Unreadable => (
                "We could not read that",
                vec!["Something in the address or the form was not as expected. Go back and try again."],
            ),
            Self::OtherSite => (
                "That did not come from this page",
                vec![
                    "Nothing was changed. To keep you safe, forms are only taken from Schoolgate's own pages.",
                    "Open the page again from the menu, and send the form from there.",
                ],
            ),
            Self::NotAllowed => (
                "You cannot open this page",
                vec![
                    "Your role at school does not include it. If you need it for your work, ask your headteacher.",
                    "That you tried has been recorded, as every look at protected pages is.",
                ],
            ),
            Self::NotFound | Self::WrongMethod => (
                "Page not found",
                vec![
                    "If you typed the address, check it is right. Otherwise start again from the home page.",
                ],
            ),
            Self::TooLarge => ("That was too much to send", vec!["Shorten what you typed and try again."]),
            Self::Refused(theirs) => ("That could not be done", vec![theirs]),
            Self::Busy => {
                ("Too busy to answer just now", vec!["Nothing was lost. Wait a few seconds and try again."])
            }
            Self::OurFault => (
                "Sorry, something went wrong here",
                vec![
                    "It is not your fault, and the filter goes on working.",
                    "Try again in a minute. If it still happens, tell your technician what you were doing and when.",
                ],
            ),
        };
        ProblemPage { title, advice: advice.into_iter().map(str::to_owned).collect() }
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Denied => Self::NotAllowed,
            AppError::Refused { theirs, .. } => Self::Refused(theirs),
            AppError::Failed { ours, .. } => {
                tracing::error!(error = ours, "a use case failed");
                Self::OurFault
            }
        }
    }
}

impl IntoResponse for Problem {
    /// The bare status, marked with the problem; [`dress`] makes the page, for it knows the visit.
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Where somebody goes first of all: to show the second step that their session asks for from here, else to sign in.
async fn way_in(desk: &Desk, visit: &Visit, wanted: &str) -> String {
    let asked = match &visit.token {
        Some(token) => desk.app.asked_again(token, visit.address).await,
        None => None,
    };
    match asked {
        Some(SignInStep::ShowFactor) => way_to(wanted),
        Some(SignInStep::SetUpFactor) => "/sign-in/set-up".to_owned(),
        _ => link("/sign-in", &[("next", wanted)]),
    }
}

/// Gives a bare error answer its page. Whoever is not signed in is sent to sign in, and back afterwards.
pub(crate) async fn dress(desk: &Desk, visit: &Visit, wanted: &str, response: Response) -> Response {
    // What a part of the server answers by itself is bare or plain text for programmers; a form given back is a page.
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let marked = response.extensions().get::<Problem>().cloned();
    let unmarked = Problem::of_status(response.status()).filter(|_| !is_page);
    let Some(problem) = marked.or(unmarked) else { return response };
    if problem == Problem::SignInFirst {
        return Redirect::to(&way_in(desk, visit, wanted).await).into_response();
    }
    if let Problem::ConfirmFirst(next) = &problem {
        return Redirect::to(&link("/confirm", &[("next", next)])).into_response();
    }
    let mut page = match desk.page("problem.html", visit, &problem.page()).await {
        Ok(page) => page,
        Err(_) => Html("<!DOCTYPE html><title>Something went wrong</title><h1>Something went wrong</h1>")
            .into_response(),
    };
    *page.status_mut() = problem.status();
    page
}
