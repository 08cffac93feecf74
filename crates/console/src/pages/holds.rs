//! What of the history is kept longer than the policy keeps it: the list, a form for one more, and the end of one.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::problem::Problem;
use crate::words;
use app::AppError;
use app::views::{HoldForm, HoldRow, HoldsView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

/// The list, and the form.
#[derive(Debug, Serialize)]
pub(crate) struct HoldsPage {
    /// What was wrong with the form.
    pub summary: Vec<SummaryLine>,
    /// The holds, those first that are to be looked at soonest.
    pub rows: Vec<Row>,
    /// A sentence where some cannot be read; may be empty.
    pub unreadable: String,
    /// A person.
    pub person: Field,
    /// A device or an address.
    pub device: Field,
    /// A part of a host.
    pub host: Field,
    /// The first day.
    pub from: Field,
    /// The last day.
    pub until: Field,
    /// Why.
    pub why: Field,
    /// When somebody looks again.
    pub review_on: Field,
    /// The case that the form was opened from; may be empty.
    pub case: String,
}

/// One hold.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// What it keeps, a condition a line.
    pub what: Vec<String>,
    /// Why.
    pub why: String,
    /// Who made it; may be empty.
    pub by: String,
    /// Its case's page; may be empty.
    pub case: String,
    /// When it was made.
    pub made: String,
    /// The day on which somebody looks again, or that none was set.
    pub review_on: String,
    /// True when that day has come.
    pub is_overdue: bool,
    /// "1,204 requests so far, 3 MB".
    pub size: String,
    /// Where it is released.
    pub release: String,
}

/// The end of a hold: asked before it is done.
#[derive(Debug, Serialize)]
pub(crate) struct ReleasePage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The hold.
    pub row: Row,
    /// Why it is needed no longer.
    pub why: Field,
}

/// The case that the form is opened from; nobody is named in an address.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ForCase {
    case: String,
}

/// The form, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HoldFields {
    person: String,
    device: String,
    host: String,
    from: String,
    until: String,
    why: String,
    review_on: String,
    case: String,
}

/// The reason for a release, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReleaseFields {
    why: String,
}

impl From<HoldFields> for HoldForm {
    fn from(fields: HoldFields) -> Self {
        let HoldFields { person, device, host, from, until, why, review_on, case } = fields;
        Self { person, device, host, from, until, why, review_on, case }
    }
}

impl HoldsPage {
    /// The page.
    pub(crate) fn of(view: HoldsView) -> Self {
        let HoldsView { rows, unreadable, form, problems } = view;
        let field = |name: &str, value: String| Field::of(name, value, &problems);
        Self {
            rows: rows.into_iter().map(Row::of).collect(),
            unreadable: match unreadable {
                0 => String::new(),
                1 => "1 hold cannot be read. Nothing it may need is removed; tell the technician.".to_owned(),
                more => {
                    format!(
                        "{more} holds cannot be read. Nothing they may need is removed; tell the technician."
                    )
                }
            },
            person: field("person", form.person),
            device: field("device", form.device),
            host: field("host", form.host),
            from: field("from", form.from),
            until: field("until", form.until),
            why: field("why", form.why),
            review_on: field("review_on", form.review_on),
            case: form.case,
            summary: summary(&problems),
        }
    }
}

impl Row {
    fn of(row: HoldRow) -> Self {
        let noun = if row.events == 1 { "request" } else { "requests" };
        Self {
            size: format!("{} {noun} so far, {}", words::number(row.events), row.size),
            release: format!("/history/kept/{}/release", row.name),
            case: if row.case.is_empty() { String::new() } else { format!("/cases/{}", row.case) },
            review_on: match row.review_on.as_str() {
                "" => "No day was set".to_owned(),
                day => words::iso_in_words(day),
            },
            what: row.what,
            why: row.why,
            by: row.by,
            made: row.made,
            is_overdue: row.is_overdue,
        }
    }
}

impl ReleasePage {
    /// The page, with what was typed and what is wrong with it.
    pub(crate) fn of(row: HoldRow, why: String, problems: &[(String, String)]) -> Self {
        Self { summary: summary(problems), row: Row::of(row), why: Field::of("why", why, problems) }
    }
}

/// `GET /history/kept`
pub(crate) async fn all(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(ForCase { case }): Asked<ForCase>,
) -> Result<Response, Problem> {
    let view = desk.app.holds(visit.actor()?).await?;
    let view = HoldsView { form: HoldForm { case, ..HoldForm::default() }, ..view };
    desk.page("holds.html", &visit, &HoldsPage::of(view)).await
}

/// `POST /history/kept`
pub(crate) async fn hold(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(fields): Sent<HoldFields>,
) -> Result<Response, Problem> {
    match desk.app.hold_history(visit.actor()?, fields.into()).await? {
        Some(view) => desk.form_again("holds.html", &visit, &HoldsPage::of(view)).await,
        None => Ok(Redirect::to("/history/kept").into_response()),
    }
}

/// `GET /history/kept/{hold}/release`
pub(crate) async fn ask_release(
    State(desk): State<Shared>,
    visit: Visit,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let row = row_named(&desk, &visit, &name).await?;
    desk.page("hold_release.html", &visit, &ReleasePage::of(row, String::new(), &[])).await
}

/// `POST /history/kept/{hold}/release`
pub(crate) async fn release(
    State(desk): State<Shared>,
    visit: Visit,
    Path(name): Path<String>,
    Sent(fields): Sent<ReleaseFields>,
) -> Result<Response, Problem> {
    match desk.app.release_hold(visit.actor()?, &name, &fields.why).await {
        Ok(true) => Ok(Redirect::to("/history/kept").into_response()),
        Ok(false) => Err(Problem::NotFound),
        Err(error @ AppError::Refused { .. }) => {
            let problems = [("why".to_owned(), error.theirs().to_owned())];
            let row = row_named(&desk, &visit, &name).await?;
            desk.form_again("hold_release.html", &visit, &ReleasePage::of(row, fields.why, &problems)).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn row_named(desk: &Shared, visit: &Visit, name: &str) -> Result<HoldRow, Problem> {
    let view = desk.app.holds(visit.actor()?).await?;
    view.rows.into_iter().find(|row| row.name == name).ok_or(Problem::NotFound)
}
