//! Signing in to the web with three pictures: a child presses their first name, then one picture after another. Each step is a
//! form of its own, so that it works without scripts.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::sign_in::REFUSAL_TAKES;
use crate::problem::Problem;
use app::views::PicturesView;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::PersonId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// What the pictures are called, by number.
pub(crate) const NAMES: [&str; 12] =
    ["Sun", "Tree", "House", "Boat", "Fish", "Star", "Heart", "Ball", "Cup", "Key", "Moon", "Flower"];
/// Pictures to press.
const PICTURES: usize = 3;

/// What was pressed, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WebPicturesForm {
    child: String,
    /// The pictures so far, with commas.
    pressed: String,
    /// The picture that was pressed now; empty where a name was.
    picture: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct WebPicturesPage {
    /// What was wrong, in one kind sentence.
    pub problem: String,
    /// The children: id and first name. Empty once one was pressed.
    pub children: Vec<(String, String)>,
    /// The child whose pictures are pressed; empty before.
    pub child: String,
    /// Their first name.
    pub name: String,
    /// The pictures so far.
    pub pressed: String,
    /// Which picture is next, from 1.
    pub next: usize,
    /// Every picture: number and name.
    pub pictures: Vec<(usize, &'static str)>,
    /// True where somebody's badge counts here now.
    pub badge: bool,
}

impl WebPicturesPage {
    /// The page of names.
    pub(crate) fn names(view: PicturesView, problem: &str) -> Self {
        let problem = if problem.is_empty() { view.problem } else { problem.to_owned() };
        Self {
            problem,
            children: view.children,
            child: String::new(),
            name: String::new(),
            pressed: String::new(),
            next: 1,
            pictures: Vec::new(),
            badge: view.badge,
        }
    }

    /// The page of pictures for a child.
    pub(crate) fn pictures((child, name): (String, String), pressed: &[&str]) -> Self {
        Self {
            problem: String::new(),
            children: Vec::new(),
            child,
            name,
            pressed: pressed.join(","),
            next: pressed.len() + 1,
            pictures: NAMES.into_iter().enumerate().collect(),
            badge: false,
        }
    }
}

/// `GET /web/pictures`
pub(crate) async fn show(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.pictures_view(visit.address).await?;
    desk.page("web_pictures.html", &visit, &WebPicturesPage::names(view, "")).await
}

/// `POST /web/pictures`
pub(crate) async fn press(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<WebPicturesForm>,
) -> Result<Response, Problem> {
    let id = PersonId::parse(&form.child).ok_or(Problem::Unreadable)?;
    let pressed: Vec<&str> = form.pressed.split(',').chain([form.picture.as_str()]).collect();
    let pressed: Vec<&str> = pressed.into_iter().filter(|number| !number.is_empty()).collect();
    let known = |number: &&str| number.parse::<usize>().is_ok_and(|number| number < NAMES.len());
    if pressed.len() > PICTURES || !pressed.iter().all(known) {
        return Err(Problem::Unreadable);
    }
    let view = desk.app.pictures_view(visit.address).await?;
    let Some(child) = view.children.iter().find(|(child, _)| *child == id.to_string()).cloned() else {
        return desk.page("web_pictures.html", &visit, &WebPicturesPage::names(view, "")).await;
    };
    if pressed.len() < PICTURES {
        let page = WebPicturesPage::pictures(child, &pressed);
        return desk.page("web_pictures.html", &visit, &page).await;
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let entered = desk.app.sign_in_with_pictures(id, &pressed.join(","), &visit.caller()).await?;
    if entered.problem.is_empty() {
        return Ok(Redirect::to("/web/sign-in").into_response());
    }
    tokio::time::sleep_until(refused_at).await;
    let page = WebPicturesPage::names(view, &entered.problem);
    desk.form_again("web_pictures.html", &visit, &page).await
}
