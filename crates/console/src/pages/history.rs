//! History: the access log, searched by a form whose state is in the address, newest first; and the same rows as a file.

use crate::desk::{Shared, Visit};
use crate::extract::Asked;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, link, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{HistoryFilter, HistoryRow, HistoryView};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

const OUTCOMES: [(&str, &str); 5] = [
    ("", "Any outcome"),
    ("allowed", "Allowed"),
    ("blocked", "Blocked"),
    ("refused-origin", "Refused: unsafe site"),
    ("failed", "Failed"),
];

const CHANNELS: [(&str, &str); 6] = [
    ("", "Any kind"),
    ("web", "Web pages (all but DNS)"),
    ("dns", "DNS names"),
    ("http", "Web, not encrypted"),
    ("https", "Web, inspected"),
    ("tunnel", "Web, not inspected"),
];

/// The form as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct HistoryForm {
    person: String,
    device: String,
    host: String,
    outcome: String,
    channel: String,
    category: String,
    from: String,
    until: String,
    page: String,
}

impl From<HistoryForm> for HistoryFilter {
    fn from(form: HistoryForm) -> Self {
        Self {
            person: form.person,
            device: form.device,
            host: form.host,
            outcome: form.outcome,
            channel: form.channel,
            category: form.category,
            from: form.from,
            until: form.until,
            page: form.page,
        }
    }
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryPage {
    /// What was wrong with the question.
    pub summary: Vec<SummaryLine>,
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
    /// The choices of outcomes.
    pub outcomes: Vec<Choice>,
    /// The choices of channels.
    pub channels: Vec<Choice>,
    /// The choices of categories.
    pub categories: Vec<Choice>,
    /// What is wrong with the outcome, the channel or the category, where somebody made the address by hand.
    pub choice_problems: ChoiceProblems,
    /// How many there are: "1,204 requests", "more than 10,000 requests".
    pub total: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// The next page; empty on the last.
    pub next: String,
    /// The first page; empty on the first.
    pub newest: String,
    /// The rows as a file; empty when this person may not take them away.
    pub export: String,
    /// True when any field is filled in.
    pub narrowed: bool,
}

/// What is wrong with a choice; empty when nothing is.
#[derive(Debug, Serialize)]
pub(crate) struct ChoiceProblems {
    /// The outcome.
    pub outcome: String,
    /// The channel.
    pub channel: String,
    /// The category.
    pub category: String,
}

/// One request.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// `22 November 2026`.
    pub day: String,
    /// `10:15:03`.
    pub clock: String,
    /// Who, or "Not known".
    pub person: String,
    /// How they are known; may be empty.
    pub known_by: String,
    /// The device and the address, or the address alone.
    pub device: String,
    /// The group.
    pub group: String,
    /// The host.
    pub host: String,
    /// The path; may be empty.
    pub path: String,
    /// "GET over HTTPS", "DNS question, AAAA", with status and size where there are any.
    pub how: String,
    /// The outcome in a word.
    pub outcome: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// Why.
    pub reason: String,
    /// Where "Why?" is asked again.
    pub explain_link: String,
}

impl HistoryPage {
    /// The page of a view.
    pub(crate) fn of(view: HistoryView) -> Self {
        let HistoryView { filter, problems, .. } = view;
        let newest =
            if filter.page.is_empty() { String::new() } else { filter_link("/history", &filter, "") };
        let any = [("", "Any category")].into_iter();
        let named = view.categories.iter().map(|(slug, title)| (slug.as_str(), title.as_str()));
        let problem_of = |name: &str| Field::of(name, String::new(), &problems).problem;
        let more = if view.total_is_more { "More than " } else { "" };
        let noun = if view.total == 1 && !view.total_is_more { "request" } else { "requests" };
        Self {
            summary: summary(&problems),
            outcomes: choices(OUTCOMES, &filter.outcome),
            channels: choices(CHANNELS, &filter.channel),
            categories: choices(any.chain(named), &filter.category),
            choice_problems: ChoiceProblems {
                outcome: problem_of("outcome"),
                channel: problem_of("channel"),
                category: problem_of("category"),
            },
            total: format!("{more}{} {noun}", words::number(view.total)),
            next: view.next.map(|page| filter_link("/history", &filter, &page)).unwrap_or_default(),
            newest,
            export: if view.may_export { filter_link("/history.csv", &filter, "") } else { String::new() },
            narrowed: HistoryFilter { page: String::new(), ..filter.clone() } != HistoryFilter::default(),
            rows: view.rows.into_iter().map(Row::of).collect(),
            person: Field::of("person", filter.person, &problems),
            device: Field::of("device", filter.device, &problems),
            host: Field::of("host", filter.host, &problems),
            from: Field::of("from", filter.from, &problems),
            until: Field::of("until", filter.until, &problems),
        }
    }
}

/// The same question at another place, or from another page on.
fn filter_link(path: &str, filter: &HistoryFilter, page: &str) -> String {
    link(
        path,
        &[
            ("person", &filter.person),
            ("device", &filter.device),
            ("host", &filter.host),
            ("outcome", &filter.outcome),
            ("channel", &filter.channel),
            ("category", &filter.category),
            ("from", &filter.from),
            ("until", &filter.until),
            ("page", page),
        ],
    )
}

impl Row {
    fn of(row: HistoryRow) -> Self {
        let (outcome, badge_class) = match row.outcome.as_str() {
            "allowed" => ("Allowed", "govuk-tag--green"),
            "blocked" => ("Blocked", "govuk-tag--red"),
            "refused-origin" => ("Refused", "govuk-tag--orange"),
            _ => ("Failed", "govuk-tag--grey"),
        };
        let mut how = match row.channel.as_str() {
            "dns" => format!("Name only: DNS question, {}", row.method),
            "tunnel" => "Name only: a connection that was not opened".to_owned(),
            "https" => format!("{} over HTTPS", row.method),
            _ => format!("{} over HTTP", row.method),
        };
        let size = if row.channel == "dns" { "" } else { &row.size };
        for part in [&row.status, size].into_iter().filter(|part| !part.is_empty()) {
            how.push_str(", ");
            how.push_str(part);
        }
        let device = match row.device.as_str() {
            "" => row.address,
            device => format!("{device} ({})", row.address),
        };
        let (day, clock) = row.local_time.rsplit_once(", ").unwrap_or((&row.local_time, ""));
        Self {
            day: day.to_owned(),
            clock: clock.to_owned(),
            person: row.person,
            known_by: row.known_by,
            device,
            group: row.group,
            host: row.host,
            path: row.path,
            how,
            outcome,
            badge_class,
            reason: row.reason,
            explain_link: row.explain_link,
        }
    }
}

/// `GET /history`
pub(crate) async fn search(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(form): Asked<HistoryForm>,
) -> Result<Response, Problem> {
    let view = desk.app.search_history(visit.actor()?, form.into()).await?;
    desk.page("history.html", &visit, &HistoryPage::of(view)).await
}

/// `GET /history.csv`
pub(crate) async fn export(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(form): Asked<HistoryForm>,
) -> Result<Response, Problem> {
    let file = desk.app.export_history(visit.actor()?, form.into()).await?;
    let name = format!("attachment; filename=\"history-{}.csv\"", words::iso_day(desk.clock.now()));
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, file).into_response())
}
