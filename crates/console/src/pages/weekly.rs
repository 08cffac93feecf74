//! The weekly monitoring report: the list, and one report to read and sign.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::{Asked, Sent};
use crate::pages::fields::link;
use crate::problem::Problem;
use crate::words;
use app::views::{WeekRow, WeekView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The list.
#[derive(Debug, Serialize)]
pub(crate) struct WeeksPage {
    /// The reports, newest first.
    pub rows: Vec<Week>,
}

/// One report of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Week {
    /// Its own page.
    pub link: String,
    /// Its counts as a file.
    pub file: String,
    /// The Monday it begins with.
    pub week: String,
    /// Whose: a scope as text.
    pub place: String,
    /// The school; may be empty.
    pub school: String,
    /// When it was drafted.
    pub drafted: String,
    /// Who read it first, and when; empty while nobody has.
    pub read: String,
    /// Who signed it, and when; empty while nobody has.
    pub signed: String,
    /// The state in a word or two.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
}

/// One report.
#[derive(Debug, Serialize)]
pub(crate) struct WeekPage {
    /// As in the list.
    pub row: Week,
    /// Its parts: heading, and lines of label and value.
    pub parts: Vec<(String, Vec<(String, String)>)>,
    /// What the signer wrote; may be empty.
    pub words: String,
    /// True where this person may sign it.
    pub may_sign: bool,
}

/// Whose report is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WeekQuestion {
    place: String,
}

/// The signature, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WeekForm {
    place: String,
    words: String,
}

impl WeeksPage {
    /// The page.
    pub(crate) fn of(rows: Vec<WeekRow>) -> Self {
        Self { rows: rows.into_iter().map(Week::of).collect() }
    }
}

impl Week {
    fn of(row: WeekRow) -> Self {
        let (state, badge_class) = match (&row.read, &row.signed) {
            (_, Some(_)) => ("Signed", "govuk-tag--green"),
            (Some(_), None) => ("Read, not signed", "govuk-tag--yellow"),
            (None, None) => ("Not read", "govuk-tag--orange"),
        };
        let said = |said: Option<(Timestamp, String)>| {
            said.map(|(at, by)| format!("{}, {by}", words::day_and_time(at))).unwrap_or_default()
        };
        Self {
            link: link(&format!("/weekly/{}", row.week), &[("place", &row.place)]),
            file: link(&format!("/weekly/{}/file", row.week), &[("place", &row.place)]),
            week: words::iso_in_words(&row.week),
            place: row.place,
            school: row.school,
            drafted: words::day_and_time(row.drafted_at),
            read: said(row.read),
            signed: said(row.signed),
            state,
            badge_class,
        }
    }
}

impl WeekPage {
    /// The page.
    pub(crate) fn of(view: WeekView) -> Self {
        let mut parts: Vec<(String, Vec<(String, String)>)> = Vec::new();
        for (label, value) in view.lines {
            match parts.last_mut() {
                Some((_, lines)) if !value.is_empty() => lines.push((label, value)),
                _ => parts.push((label, Vec::new())),
            }
        }
        Self { row: Week::of(view.row), parts, words: view.words, may_sign: view.may_sign }
    }
}

/// `GET /weekly`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let rows = desk.app.weeks_view(visit.actor()?).await?;
    desk.page("weeks.html", &visit, &WeeksPage::of(rows)).await
}

/// `GET /weekly/{week}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(week): Path<String>,
    Asked(asked): Asked<WeekQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.week_view(visit.actor()?, &week, &asked.place).await?.ok_or(Problem::NotFound)?;
    desk.page("week.html", &visit, &WeekPage::of(view)).await
}

/// `GET /weekly/{week}/file`: its counts, as comma-separated values.
pub(crate) async fn file(
    State(desk): State<Shared>,
    visit: Visit,
    Path(week): Path<String>,
    Asked(asked): Asked<WeekQuestion>,
) -> Result<Response, Problem> {
    let file = desk.app.export_week(visit.actor()?, &week, &asked.place).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Csv, "weekly-report"), desk.clock.now(), file))
}

/// `POST /weekly/{week}`
pub(crate) async fn sign(
    State(desk): State<Shared>,
    visit: Visit,
    Path(week): Path<String>,
    Sent(form): Sent<WeekForm>,
) -> Result<Response, Problem> {
    if !desk.app.sign_week(visit.actor()?, (&week, &form.place), &form.words).await? {
        return Err(Problem::NotFound);
    }
    Ok(Redirect::to("/weekly").into_response())
}
