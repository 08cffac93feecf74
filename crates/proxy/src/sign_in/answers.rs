//! What a client is answered that is not let in.

use super::Asked;
use crate::inner::shape_of;
use crate::visit::{AnswerBody, page_answer};
use blockpage::{Notice, Part, Picture};
use http::header::{HeaderMap, PROXY_AUTHENTICATE, RETRY_AFTER};
use http::{HeaderValue, Response};

/// Asks for a ticket.
const ASKS_FOR_TICKET: &str = "Negotiate";
/// Asks for a password; the realm is what a browser shows beside the fields for name and password.
const ASKS_FOR_PASSWORD: &str = "Basic realm=\"School web filter\", charset=\"UTF-8\"";
/// 407: a ticket, or name and password, please.
pub(super) fn ask(headers: &HeaderMap, asked: Asked) -> Response<AnswerBody> {
    let text = if asked.takes_passwords() {
        "Your browser asks for the user name and the password that the school gave you. If it does not, or if they do \
         not work, ask your teacher or the school office."
    } else {
        "The web works here once you have signed in to the device itself with your school account. If you have, and \
         still see this, ask your teacher or the school office."
    };
    let mut response =
        page_answer(notice(407, "sign-in", "Sign in to use the web", text).page(shape_of(headers)));
    if asked.takes_tickets() {
        response.headers_mut().append(PROXY_AUTHENTICATE, HeaderValue::from_static(ASKS_FOR_TICKET));
    }
    if asked.takes_passwords() {
        response.headers_mut().append(PROXY_AUTHENTICATE, HeaderValue::from_static(ASKS_FOR_PASSWORD));
    }
    response
}

/// 503: too many at once, or the records do not answer.
pub(super) fn busy(headers: &HeaderMap) -> Response<AnswerBody> {
    let text = "Too many people are signing in at this moment. Wait a little, and try again.";
    let mut response =
        page_answer(notice(503, "busy", "Try again in a moment", text).page(shape_of(headers)));
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

fn notice(status: u16, code: &'static str, title: &str, text: &str) -> Notice {
    let parts = vec![Part::Text(text.to_owned())];
    Notice { status, code, title: title.to_owned(), picture: Some(Picture::Gate), parts }
}
