//! Choosing a password: at the first sign-in to the console, under My account, and on the web's page for whoever uses that
//! alone. One form, one kind sentence back, and nothing that was typed is given back.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::pages::sign_in::{MOST_TYPED_BYTES, REFUSAL_TAKES, entered};
use crate::problem::Problem;
use app::views::ChoosePasswordView;
use app::{AppError, NewPassword, RefusedFor};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Where a password is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// At the first sign-in to the console.
    FirstSignIn,
    /// Under My account.
    MyAccount,
    /// On the web's page.
    Web,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct ChoosePage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// What is wrong with the new one; empty where nothing is.
    pub problem: String,
    /// What is wrong with the one that one has; empty where nothing is.
    pub old_problem: String,
    /// `first`, `mine` or `web`.
    pub way: &'static str,
    /// Where the form goes.
    pub action: &'static str,
    /// The name to sign in with; on the web's page as it was typed.
    pub login: Field,
    /// What it must be like, in one sentence.
    pub advice: String,
}

/// The form at the first sign-in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct FirstForm {
    new: String,
    again: String,
}

/// The form on the web's page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebPasswordForm {
    login: String,
    old: String,
    new: String,
    again: String,
}

impl ChoosePage {
    /// The page, with what is wrong with the new one, where something is.
    pub(crate) fn of(way: Way, view: &ChoosePasswordView, problem: &str) -> Self {
        Self::with(way, view, ("new", problem))
    }

    /// The page after a refusal.
    pub(crate) fn again(way: Way, view: &ChoosePasswordView, theirs: &str, about: RefusedFor) -> Self {
        match about {
            RefusedFor::OwnPassword => Self::with(way, view, ("old", theirs)),
            RefusedFor::WhatWasAsked => Self::with(way, view, ("new", theirs)),
        }
    }

    fn with(way: Way, view: &ChoosePasswordView, (field, problem): (&str, &str)) -> Self {
        let problems: Vec<(String, String)> = [problem]
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| (field.to_owned(), text.to_owned()))
            .collect();
        let of = |name: &str| if field == name { problem.to_owned() } else { String::new() };
        let (name, action) = match way {
            Way::FirstSignIn => ("first", "/sign-in/password"),
            Way::MyAccount => ("mine", "/my-account/password"),
            Way::Web => ("web", "/web/password"),
        };
        Self {
            summary: summary(&problems),
            problem: of("new"),
            old_problem: of("old"),
            way: name,
            action,
            login: Field::of("login", view.login.clone(), &[]),
            advice: advice(view),
        }
    }

    /// The web's page: whose rule it is, is not known before the password is right.
    pub(crate) fn on_web(login: String) -> Self {
        Self::of(Way::Web, &nobodys_rule(login), "")
    }
}

fn nobodys_rule(login: String) -> ChoosePasswordView {
    ChoosePasswordView { login, at_least: 0, encouraged: 0, at_most: 0 }
}

fn advice(view: &ChoosePasswordView) -> String {
    let words =
        "Two or three words that have nothing to do with each other are easy to remember and hard to guess.";
    match (view.at_least, view.at_most) {
        (0, 0) => words.to_owned(),
        (0, most) => format!("At most {most} letters and digits."),
        (least, _) if view.encouraged > least => format!(
            "At least {least} characters; {} or more are better. Three or four words that have nothing to do with each \
             other are easy to remember and hard to guess.",
            view.encouraged
        ),
        (least, _) => format!("At least {least} characters. {words}"),
    }
}

/// `GET /sign-in/password`
pub(crate) async fn ask_first(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let Some(view) = pending(&desk, &visit).await else { return Err(Problem::SignInFirst) };
    desk.page("choose_password.html", &visit, &ChoosePage::of(Way::FirstSignIn, &view, "")).await
}

/// `POST /sign-in/password`
pub(crate) async fn choose_first(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<FirstForm>,
) -> Result<Response, Problem> {
    if form.new.len() + form.again.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let (Some(view), Some(token)) = (pending(&desk, &visit).await, &visit.token) else {
        return Err(Problem::SignInFirst);
    };
    let chosen = NewPassword { new: &form.new, again: &form.again };
    match desk.app.choose_first_password(token, chosen, visit.caller()).await {
        Ok(session) => entered(&desk, &session, "/"),
        Err(AppError::Refused { theirs, .. }) => {
            let page = ChoosePage::of(Way::FirstSignIn, &view, &theirs);
            desk.form_again("choose_password.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn pending(desk: &Shared, visit: &Visit) -> Option<ChoosePasswordView> {
    desk.app.choose_password_view(visit.token.as_deref()?, visit.address).await
}

/// `GET /web/password`
pub(crate) async fn ask_web(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    desk.page("choose_password.html", &visit, &ChoosePage::on_web(String::new())).await
}

/// `POST /web/password`
pub(crate) async fn choose_web(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<WebPasswordForm>,
) -> Result<Response, Problem> {
    if form.login.len() + form.old.len() + form.new.len() + form.again.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let chosen = NewPassword { new: &form.new, again: &form.again };
    let changed = desk.app.change_password_for_web((&form.login, &form.old), chosen, visit.caller()).await;
    match changed {
        Ok(()) => Ok(Redirect::to("/web/sign-in?changed=yes").into_response()),
        Err(AppError::Refused { theirs, about, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let page = ChoosePage::again(Way::Web, &nobodys_rule(form.login), &theirs, about);
            desk.form_again("choose_password.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}
