//! Giving somebody a password: the checklist by which it is made sure who asks, and the slip on which it is handed over.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::words;
use app::views::SlipView;
use app::{AppError, HandedOver, MadeSure, ResetChecks};
use axum::extract::{Path, State};
use axum::response::Response;
use model::PersonId;
use serde::{Deserialize, Serialize};

/// The checklist as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResetForm {
    made_sure: String,
    handed_over: String,
}

/// The checklist.
#[derive(Debug, Serialize)]
pub(crate) struct ResetPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Whose.
    pub name: String,
    /// Their own page.
    pub link: String,
    /// The ways of making sure.
    pub made_sure: Vec<Choice>,
    /// What is wrong with the one chosen.
    pub made_sure_problem: String,
    /// The ways of handing over.
    pub handed_over: Vec<Choice>,
    /// What is wrong with the one chosen.
    pub handed_over_problem: String,
}

/// What is handed over.
#[derive(Serialize)]
pub(crate) struct SlipPage {
    /// What was done: `Added`, `A new password`.
    pub title: &'static str,
    /// Whose.
    pub name: String,
    /// What they are, where.
    pub what: String,
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: String,
    /// Until when it works, in words; empty where it stays.
    pub until: String,
    /// True where it is changed at its first use.
    pub must_change: bool,
    /// Where they sign in.
    pub sign_in: &'static str,
    /// Their own page.
    pub link: String,
}

impl SlipPage {
    /// The page of a view.
    pub(crate) fn of(view: SlipView, title: &'static str) -> Self {
        Self {
            title,
            name: view.name,
            what: view.what,
            login: view.login,
            secret: view.secret,
            until: view.expires.map(words::day_and_time).unwrap_or_default(),
            must_change: view.must_change,
            sign_in: if view.uses_console { "/sign-in" } else { "/web/sign-in" },
            link: format!("/people/{}", view.person),
        }
    }
}

impl ResetPage {
    /// The page, with what was chosen.
    pub(crate) fn of((id, name): (&str, String), form: &ResetForm, problems: &[(String, String)]) -> Self {
        let sure = MadeSure::ALL.iter().map(|way| (way.slug(), way.title()));
        let over = HandedOver::ALL.iter().map(|way| (way.slug(), way.title()));
        let problem_of = |name: &str| {
            let problem = problems.iter().find(|(field, _)| field == name);
            problem.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        Self {
            summary: summary(problems),
            name,
            link: format!("/people/{id}"),
            made_sure: choices([("", "Choose")].into_iter().chain(sure), &form.made_sure),
            made_sure_problem: problem_of("made_sure"),
            handed_over: choices([("", "Choose")].into_iter().chain(over), &form.handed_over),
            handed_over_problem: problem_of("handed_over"),
        }
    }
}

/// `GET /people/{person}/reset`
pub(crate) async fn ask(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let name = name_of(&desk, &visit, &id).await?;
    desk.fresh(&visit).await?;
    desk.page("people_reset.html", &visit, &ResetPage::of((&id, name), &ResetForm::default(), &[])).await
}

/// `POST /people/{person}/reset`
pub(crate) async fn reset(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
    Sent(form): Sent<ResetForm>,
) -> Result<Response, Problem> {
    let id = PersonId::parse(&typed).ok_or(Problem::NotFound)?;
    let problems = match checks(&form) {
        Ok(checks) => {
            let fresh = desk.fresh(&visit).await?;
            match desk.app.reset_password((visit.actor()?, &fresh), id, checks).await {
                Ok(Some(slip)) => {
                    return desk.page("slip.html", &visit, &SlipPage::of(slip, "A new password")).await;
                }
                Ok(None) => return Err(Problem::NotFound),
                Err(AppError::Refused { theirs, .. }) => vec![("main-content".to_owned(), theirs)],
                Err(error) => return Err(error.into()),
            }
        }
        Err(problems) => problems,
    };
    let name = name_of(&desk, &visit, &typed).await?;
    desk.form_again("people_reset.html", &visit, &ResetPage::of((&typed, name), &form, &problems)).await
}

fn checks(form: &ResetForm) -> Result<ResetChecks, Vec<(String, String)>> {
    let problem = |field: &str, words: &str| (field.to_owned(), words.to_owned());
    match (MadeSure::parse(&form.made_sure), HandedOver::parse(&form.handed_over)) {
        (Some(made_sure), Some(handed_over)) => Ok(ResetChecks { made_sure, handed_over }),
        (None, Some(_)) => Err(vec![problem("made_sure", "Choose how you made sure who asks")]),
        (Some(_), None) => Err(vec![problem("handed_over", "Choose how the password reaches them")]),
        (None, None) => Err(vec![
            problem("made_sure", "Choose how you made sure who asks"),
            problem("handed_over", "Choose how the password reaches them"),
        ]),
    }
}

async fn name_of(desk: &Shared, visit: &Visit, id: &str) -> Result<String, Problem> {
    let id = PersonId::parse(id).ok_or(Problem::NotFound)?;
    desk.app.reset_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)
}
