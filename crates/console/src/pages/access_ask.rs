//! Asking for rights for somebody: what they would be and why, "check your answers", then the request's page. What was
//! answered travels in the form.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::problem::Problem;
use app::App;
use app::views::RightsForm;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::RightsKind;
use serde::{Deserialize, Serialize};

/// The answers so far.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AskForm {
    step: String,
    kind: String,
    login: String,
    name: String,
    role: String,
    school: String,
    why: String,
}

/// One question, or the answers to check.
#[derive(Debug, Serialize)]
pub(crate) struct AskPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// `who`, `what` or `check`.
    pub step: &'static str,
    /// The answers that are not asked for on this page, by name.
    pub hidden: Vec<(&'static str, String)>,
    /// Who gets the rights.
    pub kinds: Vec<Choice>,
    /// What is wrong with that.
    pub kind_problem: String,
    /// True where somebody new comes.
    pub is_new: bool,
    /// The login.
    pub login: Field,
    /// The name of somebody new.
    pub name: Field,
    /// The roles.
    pub roles: Vec<Choice>,
    /// What is wrong with the role.
    pub role_problem: String,
    /// The places.
    pub schools: Vec<Choice>,
    /// What is wrong with the place.
    pub school_problem: String,
    /// Why.
    pub why: Field,
    /// The answers, label and words.
    pub answers: Vec<(&'static str, String)>,
}

impl From<&AskForm> for RightsForm {
    fn from(form: &AskForm) -> Self {
        Self {
            kind: form.kind.clone(),
            login: form.login.clone(),
            name: form.name.clone(),
            role: form.role.clone(),
            school: form.school.clone(),
            why: form.why.clone(),
        }
    }
}

/// The fields of each question, in order.
const QUESTIONS: [(&str, &[&str]); 2] =
    [("who", &["kind", "login", "name"]), ("what", &["role", "school", "why"])];

impl AskPage {
    /// The page of a step.
    pub(crate) fn of(
        step: &'static str,
        form: &AskForm,
        places: &[(String, String)],
        problems: &[(String, String)],
    ) -> Self {
        let shown = QUESTIONS.iter().find(|(name, _)| *name == step).map_or(&[][..], |(_, fields)| fields);
        let of_page: Vec<(String, String)> =
            problems.iter().filter(|(field, _)| shown.contains(&field.as_str())).cloned().collect();
        let school = match places {
            [(only, _)] if form.school.is_empty() => only.clone(),
            _ => form.school.clone(),
        };
        let values = [
            ("kind", &form.kind),
            ("login", &form.login),
            ("name", &form.name),
            ("role", &form.role),
            ("school", &school),
            ("why", &form.why),
        ];
        let problem_of = |name: &str| Field::of(name, String::new(), &of_page).problem;
        let kinds = RightsKind::ALL.iter().map(|kind| (kind.slug(), kind.title()));
        let roles = App::roles_asked_for();
        let choose = |all: &[(String, String)], chosen: &str| {
            let all = all.iter().map(|(value, text)| (value.as_str(), text.as_str()));
            choices([("", "Choose")].into_iter().chain(all), chosen)
        };
        let text_of = |all: &[Choice]| {
            let chosen = all.iter().find(|choice| choice.selected && !choice.value.is_empty());
            chosen.map(|choice| choice.text.clone()).unwrap_or_default()
        };
        let kinds = choices([("", "Choose")].into_iter().chain(kinds), &form.kind);
        let (roles, schools) = (choose(&roles, &form.role), choose(places, &school));
        let answers = [
            ("Who", text_of(&kinds)),
            ("Name", form.name.clone()),
            ("User name", form.login.clone()),
            ("Role", text_of(&roles)),
            ("Where", text_of(&schools)),
            ("Why", form.why.clone()),
        ];
        let hidden = values.iter().filter(|(name, _)| !shown.contains(name));
        Self {
            summary: summary(&of_page),
            step,
            hidden: hidden.map(|(name, value)| (*name, (*value).clone())).collect(),
            kind_problem: problem_of("kind"),
            is_new: form.kind == RightsKind::Newcomer.slug(),
            login: Field::of("login", form.login.clone(), &of_page),
            name: Field::of("name", form.name.clone(), &of_page),
            role_problem: problem_of("role"),
            school_problem: problem_of("school"),
            why: Field::of("why", form.why.clone(), &of_page),
            answers: answers.into_iter().filter(|(_, words)| !words.is_empty()).collect(),
            kinds,
            roles,
            schools,
        }
    }
}

/// `GET /access/ask`
pub(crate) async fn begin(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let places = desk.app.places_asked_for(visit.actor()?).await?;
    desk.fresh(&visit).await?;
    desk.page("access_ask.html", &visit, &AskPage::of("who", &AskForm::default(), &places, &[])).await
}

/// `POST /access/ask`
pub(crate) async fn answer(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<AskForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let places = desk.app.places_asked_for(actor).await?;
    let fresh = desk.fresh(&visit).await?;
    let problems = desk.app.rights_problems(actor, &RightsForm::from(&form)).await?;
    let asked = |fields: &[&str]| problems.iter().any(|(field, _)| fields.contains(&field.as_str()));
    let [(_, who), (_, what)] = QUESTIONS;
    let page = |step, problems: &[(String, String)]| AskPage::of(step, &form, &places, problems);
    match form.step.as_str() {
        "change" => desk.page("access_ask.html", &visit, &page("who", &[])).await,
        _ if asked(who) => desk.form_again("access_ask.html", &visit, &page("who", &problems)).await,
        "who" => desk.page("access_ask.html", &visit, &page("what", &[])).await,
        _ if asked(what) => desk.form_again("access_ask.html", &visit, &page("what", &problems)).await,
        "send" => {
            let id = desk.app.ask_for_rights((actor, &fresh), &RightsForm::from(&form)).await?;
            Ok(Redirect::to(&format!("/access/requests/{id}")).into_response())
        }
        _ => desk.page("access_ask.html", &visit, &page("check", &[])).await,
    }
}

#[cfg(test)]
impl AskForm {
    /// A form with this text in its fields.
    pub(crate) fn sample(kind: RightsKind, text: &str) -> Self {
        Self {
            step: String::new(),
            kind: kind.slug().to_owned(),
            login: text.to_owned(),
            name: text.to_owned(),
            role: "class-teacher".to_owned(),
            school: String::new(),
            why: text.to_owned(),
        }
    }
}
