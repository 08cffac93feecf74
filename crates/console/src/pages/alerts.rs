//! Alerts: the queue, worst first, and one alert with everything that is done with it. Pupils stand in both by pseudonym.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Choice, Field, SummaryLine, choices, link, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{AlertEventView, AlertFilter, AlertRow, AlertView, AlertsView, ReportWordsView};
use app::{AlertDeed, AppError, Named};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use model::{AlertId, AlertState, PersonId, Severity, Timestamp, Triage};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::time::Duration;

/// How long a page waits for news before it asks again: short, so that a stopping gate waits for nobody.
const NEWS_LIMIT: Duration = Duration::from_secs(20);
/// How soon the browser asks again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What the queue is narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueueQuestion {
    show: String,
    severity: String,
}

/// The queue.
#[derive(Debug, Serialize)]
pub(crate) struct QueuePage {
    /// How many, in words.
    pub total: String,
    /// How many nobody has acknowledged, in words; empty when none.
    pub unacknowledged: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// The choices of what to show.
    pub shows: Vec<Choice>,
    /// The choices of severity.
    pub severities: Vec<Choice>,
    /// Who watches outside school hours: as somebody wrote it down, else as the policy says.
    pub cover: String,
    /// What somebody wrote down; empty where nobody did.
    pub cover_written: String,
    /// True where no address is set up that alerts are sent to.
    pub nobody_is_told: bool,
    /// Where the page waits for news.
    pub live: String,
    /// True where this person may say who watches.
    pub may_set_cover: bool,
}

/// One alert of the queue.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its own page.
    pub link: String,
    /// `Critical`.
    pub severity: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// What it is about.
    pub title: String,
    /// What the rule looks for.
    pub why: String,
    /// Whom it is about.
    pub who: String,
    /// The school; may be empty.
    pub school: String,
    /// When it last happened.
    pub last: String,
    /// How long ago.
    pub age: String,
    /// `3 times`; empty for once.
    pub times: String,
    /// The state in words.
    pub state: String,
    /// Who has it; may be empty.
    pub assigned_to: String,
    /// When the next post is called; may be empty.
    pub due: String,
    /// True while nobody has acknowledged it.
    pub is_new: bool,
}

/// One alert.
#[derive(Debug, Serialize)]
pub(crate) struct AlertPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// Its own page.
    pub link: String,
    /// As in the queue.
    pub row: Row,
    /// The rule's id.
    pub rule: String,
    /// When it began.
    pub first: String,
    /// When it was taken up.
    pub taken_up: String,
    /// The person's name, where it was asked for; empty otherwise.
    pub name: String,
    /// True where the name may be shown.
    pub may_show_name: bool,
    /// The device; may be empty.
    pub device: String,
    /// The requests behind it.
    pub events: Vec<Request>,
    /// What the history does not hold any more, in words; may be empty.
    pub events_gone: String,
    /// What was reported.
    pub report: Option<Reported>,
    /// What was done.
    pub lines: Vec<Line>,
    /// Who is called in turn: in words, and whether it was.
    pub ladder: Vec<(String, bool)>,
    /// Messages: way, state, when.
    pub messages: Vec<(String, String, String)>,
    /// The alert it was merged into; may be empty.
    pub merged_into: String,
    /// The case's page; may be empty.
    pub case: String,
    /// True where a case works on it that this person may not read.
    pub case_elsewhere: bool,
    /// True where a case may be opened.
    pub may_open_case: bool,
    /// True while it is not closed.
    pub is_open: bool,
    /// The choices of judgement.
    pub triages: Vec<Choice>,
    /// The choices of people.
    pub people: Vec<Choice>,
    /// The choices of alerts to merge into.
    pub others: Vec<Choice>,
    /// The note that was typed with a judgement.
    pub words: Field,
    /// The reason that was typed for a name.
    pub reason: Field,
    /// The case's title that was typed.
    pub title: Field,
}

/// One request behind an alert.
#[derive(Debug, Serialize)]
pub(crate) struct Request {
    /// When.
    pub at: String,
    /// The host.
    pub host: String,
    /// The path; may be empty.
    pub path: String,
    /// The outcome in a word.
    pub outcome: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// Why.
    pub reason: String,
    /// The device; may be empty.
    pub device: String,
}

/// What somebody reported.
#[derive(Debug, Serialize)]
pub(crate) struct Reported {
    /// What kind.
    pub title: String,
    /// In their words.
    pub words: String,
    /// Where; may be empty.
    pub place: String,
    /// Their reference.
    pub reference: String,
    /// Who.
    pub reporter: String,
}

/// One line of what was done.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What.
    pub what: String,
    /// More; may be empty.
    pub words: String,
}

/// What is done with an alert, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AlertForm {
    deed: String,
    triage: String,
    words: String,
    person: String,
    into: String,
    reason: String,
    title: String,
}

/// Who watches outside school hours, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CoverForm {
    cover: String,
}

impl QueuePage {
    /// The page at the time `now`.
    pub(crate) fn of(view: AlertsView, revision: u64, (may_set_cover, now): (bool, Timestamp)) -> Self {
        let noun = if view.total == 1 { "alert" } else { "alerts" };
        let shows =
            [("", "Waiting"), ("all-open", "Waiting, with those of no concern"), ("closed", "Closed")];
        let severities = [("", "Any severity")]
            .into_iter()
            .chain(Severity::ALL.iter().map(|severity| (severity.slug(), severity.title())));
        Self {
            total: format!("{} {noun}", view.total),
            unacknowledged: match view.unacknowledged {
                0 => String::new(),
                1 => "1 not acknowledged".to_owned(),
                more => format!("{more} not acknowledged"),
            },
            shows: choices(shows, &view.filter.show),
            severities: choices(severities, &view.filter.severity),
            rows: view.rows.into_iter().map(|row| Row::of(row, now)).collect(),
            cover: if view.cover.is_empty() { view.standing_cover } else { view.cover.clone() },
            cover_written: view.cover,
            nobody_is_told: view.nobody_is_told,
            live: format!("/alerts/live?seen={revision}"),
            may_set_cover,
        }
    }
}

impl Row {
    fn of(row: AlertRow, now: Timestamp) -> Self {
        let triage =
            row.triage.map(|triage| format!(": {}", lower_first(triage.title()))).unwrap_or_default();
        let state = match row.state {
            AlertState::New => "Not acknowledged",
            AlertState::Acknowledged => "In hand",
            AlertState::Closed => "Closed",
        };
        Self {
            link: format!("/alerts/{}", row.id),
            severity: row.severity.title(),
            badge_class: match row.severity {
                Severity::Critical => "govuk-tag--red",
                Severity::High => "govuk-tag--orange",
                Severity::Medium => "govuk-tag--yellow",
                Severity::Low => "govuk-tag--blue",
                Severity::NoConcern => "govuk-tag--grey",
            },
            title: row.title,
            why: row.why,
            who: row.who,
            school: row.school,
            last: words::day_and_time(row.last),
            age: words::age(now, row.last),
            times: if row.count > 1 { format!("{} times", row.count) } else { String::new() },
            state: format!("{state}{triage}"),
            assigned_to: row.assigned_to,
            due: row.due.map(words::day_and_time).unwrap_or_default(),
            is_new: row.state == AlertState::New,
        }
    }
}

impl AlertPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: AlertView, now: Timestamp) -> Self {
        let link = format!("/alerts/{}", view.row.id);
        let is_open = view.row.state != AlertState::Closed;
        let choose = [("", "Choose")].into_iter();
        let people = view.assign_to.iter().map(|(id, name)| (id.as_str(), name.as_str()));
        let others = view.merge_into.iter().map(|(id, title)| (id.as_str(), title.as_str()));
        let triages = Triage::ALL.iter().map(|triage| (triage.slug(), triage.title()));
        Self {
            summary: Vec::new(),
            triages: choices(choose.clone().chain(triages), ""),
            people: choices(choose.clone().chain(people), ""),
            others: choices(choose.chain(others), ""),
            rule: view.rule,
            first: words::day_and_time(view.first),
            taken_up: words::day_and_time(view.taken_up),
            name: view.name,
            may_show_name: view.may_show_name,
            device: view.device,
            events: view.events.into_iter().map(Request::of).collect(),
            events_gone: match view.events_gone {
                0 => String::new(),
                1 => "1 request is not in the history any more.".to_owned(),
                more => format!("{more} requests are not in the history any more."),
            },
            report: view.report.map(Reported::of),
            lines: view
                .lines
                .into_iter()
                .map(|line| Line {
                    at: words::day_and_time(line.at),
                    by: line.by,
                    what: line.what,
                    words: line.words,
                })
                .collect(),
            ladder: view.ladder,
            messages: view
                .messages
                .into_iter()
                .map(|(way, state, at)| (way, state, words::day_and_time(at)))
                .collect(),
            merged_into: match view.merged_into.as_str() {
                "" => String::new(),
                id => format!("/alerts/{id}"),
            },
            case_elsewhere: view.has_case && view.case.is_empty(),
            case: match view.case.as_str() {
                "" => String::new(),
                id => format!("/cases/{id}"),
            },
            may_open_case: view.may_open_case,
            is_open,
            row: Row::of(view.row, now),
            link,
            words: Field::default(),
            reason: Field::default(),
            title: Field::default(),
        }
    }

    /// The same page with what was typed and what is wrong with it.
    fn again(mut self, form: AlertForm, sentence: String) -> Self {
        let field = match form.deed.as_str() {
            "judge" => "words",
            "show-name" => "reason",
            "open-case" => "title",
            _ => "main-content",
        };
        let problems = vec![(field.to_owned(), sentence)];
        self.words = Field::of("words", form.words, &problems);
        self.reason = Field::of("reason", form.reason, &problems);
        self.title = Field::of("title", form.title, &problems);
        self.summary = summary(&problems);
        self
    }
}

impl Request {
    pub(crate) fn of(event: AlertEventView) -> Self {
        let (outcome, badge_class) = match event.outcome.as_str() {
            "allowed" => ("Allowed", "govuk-tag--green"),
            "blocked" => ("Blocked", "govuk-tag--red"),
            "refused-origin" => ("Refused", "govuk-tag--orange"),
            _ => ("Failed", "govuk-tag--grey"),
        };
        Self {
            at: words::day_and_time(event.at),
            host: event.host,
            path: event.path,
            outcome,
            badge_class,
            reason: event.reason,
            device: event.device,
        }
    }
}

impl Reported {
    fn of(view: ReportWordsView) -> Self {
        Self {
            title: view.title,
            words: view.words,
            place: view.place,
            reference: view.reference,
            reporter: view.reporter,
        }
    }
}

fn lower_first(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// `GET /alerts`
pub(crate) async fn queue(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<QueueQuestion>,
) -> Result<Response, Problem> {
    // Taken before the rows are: what comes in between is news.
    let revision = *desk.app.alerts_changed().borrow();
    let actor = visit.actor()?;
    let filter = AlertFilter { show: asked.show, severity: asked.severity };
    let view = desk.app.alerts_view(actor, filter).await?;
    let may_set_cover = desk.app.may_set_alert_cover(actor);
    let page = QueuePage::of(view, revision, (may_set_cover, desk.clock.now()));
    desk.page("alerts.html", &visit, &page).await
}

/// What a page that waits for news has seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LiveQuestion {
    seen: u64,
}

/// `GET /alerts/live`: one server-sent event as soon as an alert was taken up or worked on; none within 20 seconds: the
/// browser asks again. It says only that there is news, and keeps no session awake.
pub(crate) async fn live(
    State(desk): State<Shared>,
    visit: Visit,
    headers: HeaderMap,
    Asked(asked): Asked<LiveQuestion>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seen: u64 = last.unwrap_or(asked.seen);
    let mut news = desk.app.alerts_news(visit.actor()?).await?;
    let event = async move {
        let waited = tokio::time::timeout(NEWS_LIMIT, news.wait_for(|now| *now != seen)).await;
        let event = match waited {
            Ok(Ok(now)) => Event::default().event("news").id(now.to_string()).data("news"),
            Ok(Err(_)) | Err(_) => Event::default().id(seen.to_string()).event("none").data("none"),
        };
        Ok::<_, Infallible>(event.retry(ASK_AGAIN))
    };
    Ok(Sse::new(futures_util::stream::once(event)).into_response())
}

/// `POST /alerts`
pub(crate) async fn set_cover(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<CoverForm>,
) -> Result<Response, Problem> {
    desk.app.set_alert_cover(visit.actor()?, &form.cover).await?;
    Ok(Redirect::to("/alerts").into_response())
}

/// `GET /alerts/{alert}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let page = page_of(&desk, &visit, &id, Named::No).await?;
    desk.page("alert.html", &visit, &page).await
}

/// `POST /alerts/{alert}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<AlertForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, &id, Named::No).await?;
            desk.form_again("alert.html", &visit, &page.again(form, sentence)).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

/// Why something was not done.
pub(crate) enum Undone {
    /// The form goes back with this sentence.
    Refused(String),
    /// Another page answers.
    Problem(Problem),
}

impl From<AppError> for Undone {
    fn from(error: AppError) -> Self {
        match error {
            AppError::Refused { theirs, .. } => Self::Refused(theirs),
            other => Self::Problem(other.into()),
        }
    }
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &AlertForm) -> Result<Response, Undone> {
    let (actor, id) = (visit.actor()?, AlertId::parse(typed).ok_or(Problem::NotFound)?);
    let choose = || Undone::Refused("Choose one from the list.".to_owned());
    let deed = match form.deed.as_str() {
        "acknowledge" => AlertDeed::Acknowledge,
        "judge" => {
            let triage = Triage::parse(&form.triage).ok_or_else(choose)?;
            AlertDeed::Judge { triage, words: form.words.clone() }
        }
        "assign" => AlertDeed::Assign(PersonId::parse(&form.person).ok_or_else(choose)?),
        "merge" => AlertDeed::Merge(AlertId::parse(&form.into).ok_or_else(choose)?),
        "show-name" => {
            if !desk.app.show_name_of_alert(actor, id, &form.reason).await? {
                return Err(Problem::NotFound.into());
            }
            let page = page_of(desk, visit, typed, Named::Yes).await?;
            return Ok(desk.page("alert.html", visit, &page).await?);
        }
        "open-case" => {
            let case = desk.app.open_case(actor, id, &form.title).await?.ok_or(Problem::NotFound)?;
            return Ok(Redirect::to(&format!("/cases/{case}")).into_response());
        }
        _ => return Err(Problem::Unreadable.into()),
    };
    if !desk.app.work_on_alert(actor, id, deed).await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&link(&format!("/alerts/{id}"), &[])).into_response())
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str, named: Named) -> Result<AlertPage, Problem> {
    let id = AlertId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.alert_view(visit.actor()?, id, named).await?.ok_or(Problem::NotFound)?;
    Ok(AlertPage::of(view, desk.clock.now()))
}
