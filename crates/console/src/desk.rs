//! What every handler works with: the use cases, the templates and the clock; and the visit it answers.

use crate::pages::Frame;
use crate::problem::Problem;
use crate::templates::Templates;
use app::{App, Caller, Fresh};
use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use model::{Actor, Clock};
use serde::Serialize;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What every handler works with.
pub(crate) struct Desk {
    /// The use cases.
    pub app: App,
    /// Every template.
    pub templates: Templates,
    /// For ages and the names of files.
    pub clock: Clock,
    /// The proxy's page on the school's certificate; empty where there is none.
    pub certificate_page: String,
    /// False on loopback, where a promise of HTTPS for a year would bind every other program on the machine.
    pub promises_https: bool,
}

/// As axum's handlers get it.
pub(crate) type Shared = Arc<Desk>;

/// One request's visitor: who, from where, to which page. Put in every request by [`front_door`](crate::front_door).
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Who is signed in.
    pub signed_in: Option<Actor>,
    /// Their session's token; may be stale when nobody is signed in.
    pub token: Option<String>,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// The mark by which accounts know the browser again; empty where it carries none.
    pub device: String,
    /// The path.
    pub path: String,
}

impl Visit {
    /// Who is acting; nobody is sent to sign in.
    pub(crate) fn actor(&self) -> Result<&Actor, Problem> {
        self.signed_in.as_ref().ok_or(Problem::SignInFirst)
    }

    /// Where a password is tried from.
    pub(crate) fn caller(&self) -> Caller {
        Caller { address: self.address, device: self.device.clone() }
    }

    /// The token of the session that is acted in.
    pub(crate) fn session(&self) -> Result<&str, Problem> {
        self.token.as_deref().ok_or(Problem::SignInFirst)
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let nobody = Self {
            signed_in: None,
            token: None,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            device: String::new(),
            path: parts.uri.path().to_owned(),
        };
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(nobody))
    }
}

impl Desk {
    /// A page that is as it should be.
    pub(crate) async fn page(
        &self,
        template: &str,
        visit: &Visit,
        page: &impl Serialize,
    ) -> Result<Response, Problem> {
        let frame = self.app.frame(visit.signed_in.as_ref()).await;
        let frame = Frame::of(frame, &visit.path, &self.certificate_page);
        let html = self.templates.render(template, &frame, page).map_err(|error| {
            tracing::error!(template, error = place(&error), "a page could not be made");
            Problem::OurFault
        })?;
        Ok(Html(html).into_response())
    }

    /// The proof that the visitor showed a few minutes ago that it is them; whoever did not is led to do so, and back.
    pub(crate) async fn fresh(&self, visit: &Visit) -> Result<Fresh, Problem> {
        self.fresh_for(visit, &visit.path).await
    }

    /// The same, and back to another page: to one that can be asked for without a form.
    pub(crate) async fn fresh_for(&self, visit: &Visit, back: &str) -> Result<Fresh, Problem> {
        let fresh = self.app.fresh(visit.session()?).await;
        fresh.ok_or_else(|| Problem::ConfirmFirst(back.to_owned()))
    }

    /// A form given back with what is wrong with it.
    pub(crate) async fn form_again(
        &self,
        template: &str,
        visit: &Visit,
        page: &impl Serialize,
    ) -> Result<Response, Problem> {
        let mut response = self.page(template, visit, page).await?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        Ok(response)
    }
}

/// What went wrong and where, without the words of the error: they may hold names from the page it was making.
fn place(error: &minijinja::Error) -> String {
    format!("{:?} at {}:{}", error.kind(), error.name().unwrap_or("?"), error.line().unwrap_or(0))
}
