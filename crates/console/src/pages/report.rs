//! Report something: for anybody, signed in or not, phone first. Choose what it is, say what happened, check it, and keep
//! the reference; by the reference anybody sees whether it was dealt with, and nothing else.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Choice, Field, SummaryLine, choices, link, summary};
use crate::problem::Problem;
use crate::words;
use app::views::ReportStatusView;
use app::{AppError, NewReport, soon};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{About, ReportKind};
use serde::{Deserialize, Serialize};

/// Whom a report may be about: value, words, and what that means for who reads it.
const ABOUTS: [(&str, &str, About); 4] = [
    ("", "A pupil, nobody, or I do not know", About::Learner),
    ("staff", "Somebody who works here", About::Staff),
    ("lead", "The safeguarding lead", About::Staff),
    ("head", "The headteacher", About::Head),
];

/// What was chosen; what nobody can choose counts as a pupil.
fn about_of(value: &str) -> (&'static str, &'static str, About) {
    let [first, ..] = ABOUTS;
    ABOUTS.into_iter().find(|(known, ..)| *known == value).unwrap_or(first)
}

/// The choice of what to report.
#[derive(Debug, Serialize)]
pub(crate) struct KindsPage {
    /// The kinds: page and title.
    pub kinds: Vec<(String, &'static str)>,
}

/// The form, and the check of what was typed.
#[derive(Debug, Serialize)]
pub(crate) struct ReportPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The kind's own page.
    pub link: String,
    /// The kind.
    pub title: &'static str,
    /// How soon somebody looks.
    pub soon: &'static str,
    /// What happened.
    pub words: Field,
    /// Where.
    pub place: Field,
    /// Whom it is about: the choices.
    pub abouts: Vec<Choice>,
    /// The same, as it was chosen: its value.
    pub about: String,
    /// The same in words.
    pub about_words: &'static str,
    /// Who says it, where they are signed in and it is said; empty otherwise.
    pub name: String,
    /// True where whoever reports is signed in and may say so.
    pub is_signed_in: bool,
    /// True where the name goes with it.
    pub with_name: bool,
    /// True while it is checked.
    pub is_check: bool,
}

/// What a reference says.
#[derive(Debug, Serialize)]
pub(crate) struct StatusPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The reference that was typed.
    pub reference: Field,
    /// True just after a report.
    pub is_new: bool,
    /// The reference, where there is a report with it; empty otherwise.
    pub found: String,
    /// When it was made.
    pub at: String,
    /// What became of it.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// The badge's word.
    pub badge: &'static str,
}

/// What is reported, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReportForm {
    step: String,
    words: String,
    place: String,
    about: String,
    with_name: String,
}

/// A reference, as asked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StatusQuestion {
    reference: String,
    new: String,
}

impl KindsPage {
    /// Every kind.
    pub(crate) fn of_all() -> Self {
        let kinds = ReportKind::ALL.iter().map(|kind| (format!("/report/{}", kind.slug()), kind.title()));
        Self { kinds: kinds.collect() }
    }
}

impl ReportPage {
    /// The form for a kind with what was typed.
    pub(crate) fn of(
        kind: ReportKind,
        form: ReportForm,
        (problems, name): (&[(String, String)], String),
    ) -> Self {
        Self {
            summary: summary(problems),
            link: format!("/report/{}", kind.slug()),
            title: kind.title(),
            soon: soon(kind),
            words: Field::of("words", form.words, problems),
            place: Field::of("place", form.place, problems),
            abouts: choices(ABOUTS.iter().map(|(value, words, _)| (*value, *words)), &form.about),
            about_words: about_of(&form.about).1,
            about: form.about,
            is_signed_in: !name.is_empty(),
            with_name: form.with_name == "yes",
            name,
            is_check: problems.is_empty() && form.step == "check",
        }
    }
}

impl StatusPage {
    /// What a reference says.
    pub(crate) fn of(typed: String, is_new: bool, view: Option<ReportStatusView>) -> Self {
        let problem = (view.is_none() && !typed.trim().is_empty()).then(|| {
            let words = "There is no report with this reference. Check how it is written";
            ("reference".to_owned(), words.to_owned())
        });
        let problems: Vec<_> = problem.into_iter().collect();
        let (badge, badge_class) = match &view {
            Some(view) if view.is_done => ("Dealt with", "govuk-tag--green"),
            _ => ("Received", "govuk-tag--blue"),
        };
        Self {
            summary: summary(&problems),
            reference: Field::of("reference", typed, &problems),
            is_new: is_new && view.is_some(),
            found: view.as_ref().map(|view| view.reference.clone()).unwrap_or_default(),
            at: view.as_ref().map(|view| words::day_and_time(view.at)).unwrap_or_default(),
            state: view.map(|view| view.state).unwrap_or_default(),
            badge_class,
            badge,
        }
    }
}

/// `GET /report`
pub(crate) async fn kinds(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    desk.page("report_kinds.html", &visit, &KindsPage::of_all()).await
}

/// `GET /report/{kind}`
pub(crate) async fn form(
    State(desk): State<Shared>,
    visit: Visit,
    Path(kind): Path<String>,
) -> Result<Response, Problem> {
    let kind = ReportKind::parse(&kind).ok_or(Problem::NotFound)?;
    let name = desk.app.frame(visit.signed_in.as_ref()).await.person_name;
    desk.page("report.html", &visit, &ReportPage::of(kind, ReportForm::default(), (&[], name))).await
}

/// `POST /report/{kind}`: checks first, then sends.
pub(crate) async fn send(
    State(desk): State<Shared>,
    visit: Visit,
    Path(kind): Path<String>,
    Sent(form): Sent<ReportForm>,
) -> Result<Response, Problem> {
    let kind = ReportKind::parse(&kind).ok_or(Problem::NotFound)?;
    let name = desk.app.frame(visit.signed_in.as_ref()).await.person_name;
    let report = NewReport {
        kind,
        words: form.words.clone(),
        place: form.place.clone(),
        about: about_of(&form.about).2,
        reporter: visit.signed_in.clone().filter(|_| form.with_name == "yes"),
        address: visit.address,
    };
    let problems = report.problems();
    if !problems.is_empty() {
        let page = ReportPage::of(kind, form, (&problems, name));
        return desk.form_again("report.html", &visit, &page).await;
    }
    match form.step.as_str() {
        "send" => match desk.app.report(report).await {
            Ok(reference) => {
                let to = link("/report/status", &[("reference", &reference), ("new", "yes")]);
                Ok(Redirect::to(&to).into_response())
            }
            Err(AppError::Refused { theirs, .. }) => {
                let page = ReportPage::of(kind, form, (&[("words".to_owned(), theirs)], name));
                desk.form_again("report.html", &visit, &page).await
            }
            Err(error) => Err(error.into()),
        },
        "change" => {
            let form = ReportForm { step: String::new(), ..form };
            desk.page("report.html", &visit, &ReportPage::of(kind, form, (&[], name))).await
        }
        _ => {
            let form = ReportForm { step: "check".to_owned(), ..form };
            desk.page("report.html", &visit, &ReportPage::of(kind, form, (&[], name))).await
        }
    }
}

/// `GET /report/status`
pub(crate) async fn status(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<StatusQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.report_status(&asked.reference).await?;
    let page = StatusPage::of(asked.reference, asked.new == "yes", view);
    desk.page("report_status.html", &visit, &page).await
}
