//! History: the access log, searched by a form, newest first; what happened around a request; and the same rows as a file.
//!
//! A question that names nobody and holds nothing that somebody typed stands in the address. Any other is sent as a form,
//! kept by the program, and stands in the address as an id that says nothing: browsers keep addresses, and proxies log them.

use crate::desk::{Desk, Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Choice, Field, SummaryLine, choices, link, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{ExpiredView, HistoryFilter, HistoryPlace, HistoryRow, HistoryView};
use app::{HistoryFile, Purpose};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

/// Fields of the form that are typed into, and not chosen.
const TYPED: [&str; 11] =
    ["person", "device", "host", "url", "words", "entry", "from", "from_time", "until", "until_time", "why"];

/// Fields that are folded away until somebody wants them.
const FOLDED: [&str; 12] = [
    "school",
    "year",
    "class",
    "group",
    "device",
    "url",
    "channel",
    "layer",
    "list",
    "entry",
    "from_time",
    "until_time",
];

/// What was asked, in the address or in a form: names and values.
pub(crate) type Pairs = Vec<(String, String)>;

/// A question that was read.
#[derive(Debug, Default)]
pub(crate) struct Question {
    filter: HistoryFilter,
    look: String,
    around: String,
    deed: String,
    names_reason: String,
    names_why: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct HistoryPage {
    /// What was wrong with the question.
    pub summary: Vec<SummaryLine>,
    /// What it is, where it is no search of the form.
    pub about: String,
    /// The request around which is looked, where the reason for that is still to be given; empty otherwise.
    pub asks_why: String,
    /// Fields that are typed into, by name.
    pub texts: BTreeMap<&'static str, Field>,
    /// Fields that are chosen, by name.
    pub lists: BTreeMap<&'static str, Chooser>,
    /// True where there are several schools.
    pub has_schools: bool,
    /// True where a folded field is filled in, or wrong.
    pub is_unfolded: bool,
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
    /// Counts and charts; empty where there are none.
    pub counts: String,
    /// True when any field is filled in.
    pub narrowed: bool,
    /// What says again what is shown, when names are asked for: names and values.
    pub again: Vec<(String, String)>,
    /// True where names may be shown.
    pub may_show_names: bool,
    /// True where names stand on the page.
    pub names_shown: bool,
    /// True where rows of staff were left out.
    pub leaves_out_staff: bool,
    /// True where this person may keep some of it longer.
    pub may_hold: bool,
    /// What expired of the time that was asked about; may be empty.
    pub expired: String,
    /// Why names are asked for: the choices.
    pub names_reasons: Chooser,
    /// The same in words.
    pub names_why: Field,
}

/// A list to choose from, and what is wrong with the choice, where somebody made the address by hand.
#[derive(Debug, Serialize)]
pub(crate) struct Chooser {
    /// The choices.
    pub choices: Vec<Choice>,
    /// One sentence; empty when nothing is wrong.
    pub problem: String,
}

/// One request.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// `22 November 2026`.
    pub day: String,
    /// `10:15:03`.
    pub clock: String,
    /// Who, by pseudonym or name, or "Not known".
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
    /// True where the path is not for whoever looks.
    pub is_withheld: bool,
    /// "GET over HTTPS", "DNS question, AAAA", with status and size where there are any.
    pub how: String,
    /// The outcome in a word.
    pub outcome: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// Why.
    pub reason: String,
    /// Where "Why?" is asked again; may be empty.
    pub explain_link: String,
    /// What happened around it; may be empty.
    pub around_link: String,
}

impl Question {
    /// Reads names and values; a field that is there twice is no question of ours, and a name that is none is left out.
    pub(crate) fn read(pairs: Pairs) -> Result<Self, Problem> {
        let (mut question, mut seen) = (Self::default(), BTreeSet::new());
        for (name, value) in pairs {
            let field = match name.as_str() {
                "look" => Some(&mut question.look),
                "around" => Some(&mut question.around),
                "deed" => Some(&mut question.deed),
                "names_reason" => Some(&mut question.names_reason),
                "names_why" => Some(&mut question.names_why),
                name => question.filter.field_mut(name),
            };
            if let Some(field) = field {
                *field = value;
            }
            if !seen.insert(name) {
                return Err(Problem::Unreadable);
            }
        }
        Ok(question)
    }

    /// The same from an address, in which nobody is named.
    pub(crate) fn in_address(pairs: Pairs) -> Result<Self, Problem> {
        let question = Self::read(pairs)?;
        if question.filter.is_private() {
            return Err(Problem::Refused(
                "People, devices and words are searched for by the form, so that they stand in no address. Open History \
                 and search from there."
                    .to_owned(),
            ));
        }
        Ok(question)
    }

    /// Where it stands.
    pub(crate) fn place(self) -> HistoryPlace {
        let page = self.filter.page.clone();
        match (self.look.is_empty(), self.around.is_empty()) {
            (false, _) => HistoryPlace::Kept { look: self.look, page },
            (true, false) => HistoryPlace::Around { event: self.around, page },
            (true, true) => HistoryPlace::asked(self.filter),
        }
    }
}

impl HistoryPage {
    /// The page of a view.
    pub(crate) fn of(view: HistoryView) -> Self {
        let HistoryView { place, filter, problems, .. } = view;
        let more = if view.total_is_more { "More than " } else { "" };
        let noun = if view.total == 1 && !view.total_is_more { "request" } else { "requests" };
        let text = |name: &'static str| {
            let typed = filter.fields().find(|(field, _)| *field == name).map(|(_, text)| text);
            (name, Field::of(name, typed.unwrap_or_default().to_owned(), &problems))
        };
        let choices_of = &view.choices;
        let lists = [
            ("school", "Any school", &choices_of.schools, &filter.school),
            ("year", "Any year group", &choices_of.years, &filter.year),
            ("class", "Any class", &choices_of.classes, &filter.class),
            ("group", "Any group", &choices_of.groups, &filter.group),
            ("category", "Any category", &choices_of.categories, &filter.category),
            ("layer", "Any rule", &choices_of.layers, &filter.layer),
            ("list", "Any list", &choices_of.lists, &filter.list),
            ("reason", "Choose", &choices_of.reasons, &filter.reason),
        ];
        let mut lists: BTreeMap<&'static str, Chooser> = lists
            .into_iter()
            .map(|(name, any, named, chosen)| (name, Chooser::of(name, (any, named), (chosen, &problems))))
            .collect();
        for (name, all, chosen) in
            [("outcome", &OUTCOMES[..], &filter.outcome), ("channel", &CHANNELS[..], &filter.channel)]
        {
            let problem = Field::of(name, String::new(), &problems).problem;
            lists.insert(name, Chooser { choices: choices(all.iter().copied(), chosen), problem });
        }
        let is_folded_wrong = problems.iter().any(|(field, _)| FOLDED.contains(&field.as_str()));
        Self {
            summary: summary(&problems),
            asks_why: match &place {
                HistoryPlace::Around { event, .. } if !problems.is_empty() => event.clone(),
                _ => String::new(),
            },
            texts: TYPED.into_iter().map(text).collect(),
            has_schools: !choices_of.schools.is_empty(),
            is_unfolded: is_folded_wrong
                || filter.fields().any(|(name, text)| FOLDED.contains(&name) && !text.is_empty()),
            total: format!("{more}{} {noun}", words::number(view.total)),
            next: view.next.map(|page| page_link(&place, &page)).unwrap_or_default(),
            newest: if filter.page.is_empty() { String::new() } else { page_link(&place, "") },
            export: if view.may_export { link_with("/history.csv", &place) } else { String::new() },
            counts: match &place {
                HistoryPlace::Around { .. } => String::new(),
                place => link_with("/history/counts", place),
            },
            narrowed: !filter.is_empty() || !view.about.is_empty(),
            again: again(&place),
            may_show_names: view.may_show_names,
            names_shown: view.names_shown,
            leaves_out_staff: view.leaves_out_staff,
            may_hold: view.may_hold,
            expired: view.expired.as_ref().map(expired_in_words).unwrap_or_default(),
            names_reasons: Chooser::of("names_reason", ("Choose", &choices_of.reasons), ("", &[])),
            names_why: Field::default(),
            about: view.about,
            rows: view.rows.into_iter().map(Row::of).collect(),
            lists,
        }
    }

    /// The same page, with what is wrong with the reason for showing names.
    fn without_names(mut self, (reason, why): (&str, String), problems: Vec<(String, String)>) -> Self {
        let problems: Vec<(String, String)> =
            problems.into_iter().map(|(field, sentence)| (format!("names_{field}"), sentence)).collect();
        for choice in &mut self.names_reasons.choices {
            choice.selected = choice.value == reason;
        }
        self.names_reasons.problem = Field::of("names_reason", String::new(), &problems).problem;
        self.names_why = Field::of("names_why", why, &problems);
        self.summary = summary(&problems);
        self
    }
}

impl Chooser {
    fn of(
        name: &str,
        (any, named): (&str, &[(String, String)]),
        (chosen, problems): (&str, &[(String, String)]),
    ) -> Self {
        let any = [("", any)].into_iter();
        let named = named.iter().map(|(value, title)| (value.as_str(), title.as_str()));
        let problem = Field::of(name, String::new(), problems).problem;
        Self { choices: choices(any.chain(named), chosen), problem }
    }
}

/// What is no longer there, and why, in a sentence or two.
fn expired_in_words(expired: &ExpiredView) -> String {
    let days = |days: usize| match days {
        1 => "1 day".to_owned(),
        more => format!("{more} days"),
    };
    let whole = format!("Everything of {}", days(expired.days));
    let part = format!("some of {}", days(expired.days_in_part));
    let what = match (expired.days, expired.days_in_part) {
        (0, _) => format!("Some of {}", days(expired.days_in_part)),
        (_, 0) => whole,
        (_, _) => format!("{whole} and {part}"),
    };
    let Some(counts) = &expired.counts else {
        return format!("{what} in this time has expired: the policy keeps history no longer.");
    };
    let kinds = [
        (counts.with_their_day, "request of all kinds", "requests of all kinds"),
        (counts.names, "name look-up that was answered", "name look-ups that were answered"),
        (counts.pages, "page that was not blocked", "pages that were not blocked"),
        (counts.blocks, "block", "blocks"),
    ];
    let kinds = kinds.into_iter().filter(|(number, ..)| *number > 0).map(|(number, one, more)| {
        format!("{} {}", words::number(number), if number == 1 { one } else { more })
    });
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let expired =
        if kinds.is_empty() { String::new() } else { format!(": {kinds}, whoever\u{2019}s they were") };
    format!("{what} in this time has expired{expired}. The policy keeps history no longer.")
}

/// Another page of a place.
fn page_link(place: &HistoryPlace, page: &str) -> String {
    match place {
        HistoryPlace::Asked(filter) => {
            let others = filter.fields().filter(|(name, _)| *name != "page");
            link("/history", &others.chain([("page", page)]).collect::<Vec<_>>())
        }
        HistoryPlace::Kept { look, .. } => link(&format!("/history/looks/{look}"), &[("page", page)]),
        HistoryPlace::Around { event, .. } => link(&format!("/history/around/{event}"), &[("page", page)]),
    }
}

/// What a place holds, from its first page on, asked for elsewhere.
pub(crate) fn link_with(path: &str, place: &HistoryPlace) -> String {
    let pairs = again(place);
    let pairs = pairs.iter().filter(|(name, _)| name != "page");
    link(path, &pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}

/// A place as names and values.
fn again(place: &HistoryPlace) -> Pairs {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let pairs: Pairs = match place {
        HistoryPlace::Asked(filter) => filter.fields().map(owned).collect(),
        HistoryPlace::Kept { look, page } => [("look", look.as_str()), ("page", page)].map(owned).into(),
        HistoryPlace::Around { event, page } => {
            [("around", event.as_str()), ("page", page)].map(owned).into()
        }
    };
    pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect()
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
            is_withheld: row.is_withheld,
            how,
            outcome,
            badge_class,
            reason: row.reason,
            explain_link: row.explain_link,
            around_link: row.around_link,
        }
    }
}

/// `GET /history`
pub(crate) async fn search(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(pairs): Asked<Pairs>,
) -> Result<Response, Problem> {
    show(&desk, &visit, HistoryPlace::asked(Question::in_address(pairs)?.filter)).await
}

/// Another page of a kept search, or of what happened around a request.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PageQuestion {
    page: String,
}

/// `GET /history/looks/{look}`
pub(crate) async fn kept(
    State(desk): State<Shared>,
    visit: Visit,
    Path(look): Path<String>,
    Asked(asked): Asked<PageQuestion>,
) -> Result<Response, Problem> {
    show(&desk, &visit, HistoryPlace::Kept { look, page: asked.page }).await
}

/// `GET /history/around/{event}`
pub(crate) async fn around(
    State(desk): State<Shared>,
    visit: Visit,
    Path(event): Path<String>,
    Asked(asked): Asked<PageQuestion>,
) -> Result<Response, Problem> {
    show(&desk, &visit, HistoryPlace::Around { event, page: asked.page }).await
}

async fn show(desk: &Desk, visit: &Visit, place: HistoryPlace) -> Result<Response, Problem> {
    let view = desk.app.history_view(visit.actor()?, place, None).await?.ok_or(Problem::NotFound)?;
    desk.page("history.html", visit, &HistoryPage::of(view)).await
}

/// `POST /history`: a search, or names asked for with a reason.
pub(crate) async fn ask(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(pairs): Sent<Pairs>,
) -> Result<Response, Problem> {
    let question = Question::read(pairs)?;
    match question.deed.as_str() {
        "show-names" | "names-file" => names(&desk, &visit, question).await,
        "" | "search" if !question.around.is_empty() => keep_around(&desk, &visit, question).await,
        "" | "search" => keep(&desk, &visit, question.filter).await,
        _ => Err(Problem::Unreadable),
    }
}

async fn keep(desk: &Desk, visit: &Visit, filter: HistoryFilter) -> Result<Response, Problem> {
    let filter = HistoryFilter { page: String::new(), ..filter };
    if !filter.is_private() {
        let address = page_link(&HistoryPlace::asked(filter), "");
        return Ok(Redirect::to(&format!("{address}#results")).into_response());
    }
    match desk.app.keep_search(visit.actor()?, filter).await? {
        Ok(look) => Ok(Redirect::to(&format!("/history/looks/{look}#results")).into_response()),
        Err(view) => desk.form_again("history.html", visit, &HistoryPage::of(*view)).await,
    }
}

/// What happened around a request that names somebody, with the reason.
async fn keep_around(desk: &Desk, visit: &Visit, question: Question) -> Result<Response, Problem> {
    let kept = desk.app.keep_around(visit.actor()?, &question.around, question.filter).await?;
    match kept.ok_or(Problem::NotFound)? {
        Ok(look) => Ok(Redirect::to(&format!("/history/looks/{look}#results")).into_response()),
        Err(view) => desk.form_again("history.html", visit, &HistoryPage::of(*view)).await,
    }
}

async fn names(desk: &Desk, visit: &Visit, question: Question) -> Result<Response, Problem> {
    let (actor, is_file) = (visit.actor()?, question.deed == "names-file");
    let (reason, why) = (question.names_reason.clone(), question.names_why.clone());
    let place = question.place();
    if let HistoryPlace::Asked(filter) = &place
        && filter.is_private()
    {
        return Err(Problem::Unreadable);
    }
    match Purpose::read(&reason, &why) {
        Err(problems) => {
            let view = desk.app.history_view(actor, place, None).await?.ok_or(Problem::NotFound)?;
            let page = HistoryPage::of(view).without_names((&reason, why), problems);
            desk.form_again("history.html", visit, &page).await
        }
        Ok(purpose) if is_file => file(desk, visit, place, Some(purpose)).await,
        Ok(purpose) => {
            let view = desk.app.history_view(actor, place, Some(purpose)).await?.ok_or(Problem::NotFound)?;
            desk.page("history.html", visit, &HistoryPage::of(view)).await
        }
    }
}

/// `GET /history.csv`
pub(crate) async fn export(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(pairs): Asked<Pairs>,
) -> Result<Response, Problem> {
    file(&desk, &visit, Question::in_address(pairs)?.place(), None).await
}

async fn file(
    desk: &Desk,
    visit: &Visit,
    place: HistoryPlace,
    names: Option<Purpose>,
) -> Result<Response, Problem> {
    let file = desk.app.export_history(visit.actor()?, place, names).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Csv, "history"), desk.clock.now(), in_pieces(file)))
}

/// A file as it is written: where it breaks off, so does the answer.
fn in_pieces(file: HistoryFile) -> Body {
    Body::from_stream(stream::unfold(file, |mut file| async move {
        let piece = file.next().await?;
        Some((piece.map_err(std::io::Error::other), file))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::views::ExpiredCounts;

    #[test]
    fn what_expired_is_told_in_a_sentence() {
        let counts =
            |with_their_day, names, pages| Some(ExpiredCounts { with_their_day, names, pages, blocks: 0 });
        let kept = "The policy keeps history no longer.";
        for (days, days_in_part, counts, told) in [
            (
                1,
                0,
                None,
                "Everything of 1 day in this time has expired: the policy keeps history no longer."
                    .to_owned(),
            ),
            (
                0,
                2,
                None,
                "Some of 2 days in this time has expired: the policy keeps history no longer.".to_owned(),
            ),
            (
                3,
                1,
                counts(12_040, 1, 2),
                format!(
                    "Everything of 3 days and some of 1 day in this time has expired: 12,040 requests of all kinds, 1 \
                     name look-up that was answered, 2 pages that were not blocked, whoever\u{2019}s they were. {kept}"
                ),
            ),
            (1, 0, counts(0, 0, 0), format!("Everything of 1 day in this time has expired. {kept}")),
        ] {
            assert_eq!(expired_in_words(&ExpiredView { days, days_in_part, counts }), told);
        }
    }
}
