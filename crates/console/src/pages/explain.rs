//! Why?: who would reach what, at which time, and the whole chain that leads to the answer.

use crate::desk::{Shared, Visit};
use crate::extract::Asked;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::problem::Problem;
use app::views::{ExplainAnswer, ExplainQuestion, ExplainView};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// The form as typed. A group is asked about where nobody in particular is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExplainForm {
    who: String,
    group: String,
    url: String,
    at: String,
    event: String,
}

impl From<ExplainForm> for ExplainQuestion {
    fn from(form: ExplainForm) -> Self {
        let who = if form.who.trim().is_empty() { form.group } else { form.who };
        Self { who, url: form.url, at: form.at, event: form.event }
    }
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct ExplainPage {
    /// What was wrong with the question.
    pub summary: Vec<SummaryLine>,
    /// A login or an address; empty when a group was asked about.
    pub who: Field,
    /// The groups, with the one that was asked about chosen.
    pub groups: Vec<Choice>,
    /// What to reach.
    pub url: Field,
    /// When.
    pub at: Field,
    /// The answer: none or one.
    pub answers: Vec<Answer>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub(crate) struct Answer {
    /// `Allowed` or `Blocked`.
    pub verdict: String,
    /// True when it is blocked.
    pub blocked: bool,
    /// Why.
    pub sentence: String,
    /// Who was asked about.
    pub who: String,
    /// What becomes of encrypted connections.
    pub inspection: String,
    /// What was in force.
    pub revisions: String,
    /// Each layer, in order.
    pub steps: Vec<Step>,
}

/// One layer.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// Its place, from 1.
    pub place: usize,
    /// Its name.
    pub layer: String,
    /// What it found.
    pub found: String,
    /// True for the one that decided.
    pub decided: bool,
}

impl ExplainPage {
    /// The page of a view.
    pub(crate) fn of(view: ExplainView) -> Self {
        let ExplainView { question, problems, answer, groups } = view;
        let group_asked = groups.iter().any(|(id, _)| *id == question.who);
        let (who, group) =
            if group_asked { (String::new(), question.who) } else { (question.who, String::new()) };
        let nobody = [("", "Somebody who is not known")].into_iter();
        let named = groups.iter().map(|(id, name)| (id.as_str(), name.as_str()));
        Self {
            summary: summary(&problems),
            who: Field::of("who", who, &problems),
            groups: choices(nobody.chain(named), &group),
            url: Field::of("url", question.url, &problems),
            at: Field::of("at", question.at, &problems),
            answers: answer.into_iter().map(Answer::of).collect(),
        }
    }
}

impl Answer {
    fn of(answer: ExplainAnswer) -> Self {
        let steps = answer.steps.into_iter().enumerate().map(|(index, step)| Step {
            place: index + 1,
            layer: step.layer,
            found: step.found,
            decided: step.decided,
        });
        Self {
            blocked: answer.verdict != "Allowed",
            verdict: answer.verdict,
            sentence: answer.sentence,
            who: answer.who,
            inspection: answer.inspection,
            revisions: answer.revisions,
            steps: steps.collect(),
        }
    }
}

/// `GET /why`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(form): Asked<ExplainForm>,
) -> Result<Response, Problem> {
    let view = desk.app.explain(visit.actor()?, form.into()).await?;
    desk.page("why.html", &visit, &ExplainPage::of(view)).await
}
