//! Cases: the list, one case with its timeline, and what is taken away of it. Printing a case is its own page, plain.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{CaseLineView, CaseRow, CaseView, CasesView, EvidenceView};
use app::{CaseDeed, Named};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{CaseEntryKind, CaseId, CaseOutcome, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

/// The list.
#[derive(Debug, Serialize)]
pub(crate) struct CasesPage {
    /// The rows, open ones first.
    pub rows: Vec<Row>,
}

/// One case of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its own page.
    pub link: String,
    /// What it is called.
    pub title: String,
    /// The school; may be empty.
    pub school: String,
    /// When it was opened.
    pub opened: String,
    /// How long ago.
    pub age: String,
    /// Whose work it is; may be empty.
    pub owner: String,
    /// The state in words.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// How it ended; empty while it is open.
    pub outcome: String,
    /// When it was closed; empty while it is open.
    pub closed: String,
    /// The reference of the school's own record; may be empty.
    pub reference: String,
    /// True where a circle is drawn.
    pub is_restricted: bool,
}

/// One case.
#[derive(Debug, Serialize)]
pub(crate) struct CasePage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// Its own page.
    pub link: String,
    /// As in the list.
    pub row: Row,
    /// True while it is open.
    pub is_open: bool,
    /// People it is linked with.
    pub people: Vec<String>,
    /// Devices it is linked with.
    pub devices: Vec<String>,
    /// Alerts it works on: page and title.
    pub alerts: Vec<(String, String)>,
    /// Filter changes.
    pub filter_changes: Vec<String>,
    /// Copied requests.
    pub evidence: Vec<Evidence>,
    /// The timeline.
    pub lines: Vec<Line>,
    /// Who may read it.
    pub readers: Vec<String>,
    /// People in the circle.
    pub circle: Vec<Choice>,
    /// People who may be put into it.
    pub may_join: Vec<Choice>,
    /// True where names may be shown.
    pub may_show_names: bool,
    /// True where they are.
    pub names_shown: bool,
    /// Where history is kept longer for it; empty where it is closed, or for whoever may not.
    pub hold: String,
    /// The kinds of lines.
    pub kinds: Vec<Choice>,
    /// The outcomes.
    pub outcomes: Vec<Choice>,
    /// What was typed as a line.
    pub words: Field,
    /// What was typed as its reason.
    pub reason: Field,
    /// Any other text that was typed.
    pub text: Field,
    /// When it was shown: printed on paper.
    pub now: String,
}

/// One copied request.
#[derive(Debug, Serialize)]
pub(crate) struct Evidence {
    /// The copy.
    pub copy: String,
    /// Its hash.
    pub hash: String,
    /// Whether it is unchanged, in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// When it was copied.
    pub at: String,
}

/// One line of the timeline.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// Its place.
    pub sequence: i64,
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What it is.
    pub kind: &'static str,
    /// What it says; may be empty.
    pub words: String,
    /// The reason; may be empty.
    pub reason: String,
    /// When, by whom and why it was struck out; empty where it was not.
    pub struck: String,
    /// True where it may be.
    pub may_strike: bool,
}

/// What is done with a case, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CaseForm {
    deed: String,
    kind: String,
    words: String,
    reason: String,
    sequence: String,
    text: String,
    person: String,
    outcome: String,
}

impl CasesPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: CasesView, now: Timestamp) -> Self {
        Self { rows: view.rows.into_iter().map(|row| Row::of(row, now)).collect() }
    }
}

impl Row {
    fn of(row: CaseRow, now: Timestamp) -> Self {
        let is_open = row.outcome.is_empty();
        Self {
            link: format!("/cases/{}", row.id),
            title: row.title,
            school: row.school,
            opened: words::day_and_time(row.opened),
            age: words::age(now, row.opened),
            owner: row.owner,
            state: if is_open { "Open" } else { "Closed" }.to_owned(),
            badge_class: if is_open { "govuk-tag--orange" } else { "govuk-tag--grey" },
            outcome: row.outcome,
            closed: row.closed.map(words::day_and_time).unwrap_or_default(),
            reference: row.reference,
            is_restricted: row.is_restricted,
        }
    }
}

impl CasePage {
    /// The page at the time `now`.
    pub(crate) fn of(view: CaseView, now: Timestamp) -> Self {
        let choose = [("", "Choose")].into_iter();
        let kinds = CaseEntryKind::WRITTEN.iter().map(|kind| (kind.slug(), kind.title()));
        let outcomes = CaseOutcome::ALL.iter().map(|outcome| (outcome.slug(), outcome.title()));
        let pairs = |people: &[(String, String)]| {
            let people = people.iter().map(|(id, name)| (id.as_str(), name.as_str()));
            choices([("", "Choose")].into_iter().chain(people), "")
        };
        Self {
            summary: Vec::new(),
            link: format!("/cases/{}", view.row.id),
            is_open: view.row.outcome.is_empty(),
            people: view.people,
            devices: view.devices,
            alerts: view.alerts.into_iter().map(|(id, title)| (format!("/alerts/{id}"), title)).collect(),
            filter_changes: view.filter_changes,
            evidence: view.evidence.into_iter().map(Evidence::of).collect(),
            lines: view.lines.into_iter().map(Line::of).collect(),
            readers: view.readers,
            circle: pairs(&view.circle),
            may_join: pairs(&view.may_join),
            may_show_names: view.may_show_names,
            names_shown: view.names_shown,
            hold: match view.may_hold && view.row.outcome.is_empty() {
                true => format!("/history/kept?case={}#more", view.row.id),
                false => String::new(),
            },
            kinds: choices(kinds, "note"),
            outcomes: choices(choose.chain(outcomes), ""),
            words: Field::default(),
            reason: Field::default(),
            text: Field::default(),
            now: words::day_and_time(now),
            row: Row::of(view.row, now),
        }
    }

    fn again(mut self, form: CaseForm, sentence: String) -> Self {
        let field = if form.deed == "write" { "words" } else { "main-content" };
        let problems = vec![(field.to_owned(), sentence)];
        self.words = Field::of("words", form.words, &problems);
        self.reason = Field::of("reason", form.reason, &problems);
        self.text = Field::of("text", form.text, &problems);
        self.kinds.iter_mut().for_each(|choice| choice.selected = choice.value == form.kind);
        self.summary = summary(&problems);
        self
    }
}

impl Evidence {
    fn of(view: EvidenceView) -> Self {
        let (state, badge_class) = if view.is_unchanged {
            ("Unchanged", "govuk-tag--green")
        } else {
            ("Changed since it was copied", "govuk-tag--red")
        };
        Self { copy: view.copy, hash: view.hash, state, badge_class, at: words::day_and_time(view.at) }
    }
}

impl Line {
    fn of(line: CaseLineView) -> Self {
        let struck = line
            .struck
            .map(|(at, by, why)| format!("Struck out on {} by {by}: {why}", words::day_and_time(at)));
        Self {
            sequence: line.sequence,
            at: words::day_and_time(line.at),
            by: line.by,
            kind: line.kind.title(),
            words: line.words,
            reason: line.reason,
            struck: struck.unwrap_or_default(),
            may_strike: line.may_strike,
        }
    }
}

/// `GET /cases`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.cases_view(visit.actor()?).await?;
    desk.page("cases.html", &visit, &CasesPage::of(view, desk.clock.now())).await
}

/// `GET /cases/{case}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let page = page_of(&desk, &visit, &id, Named::No).await?;
    desk.page("case.html", &visit, &page).await
}

/// `GET /cases/{case}/file`: the timeline, as comma-separated values.
pub(crate) async fn file(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = CaseId::parse(&id).ok_or(Problem::NotFound)?;
    let file = desk.app.export_case(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Csv, "case"), desk.clock.now(), file))
}

/// `GET /cases/{case}/document`: all of it, to read, print and file.
pub(crate) async fn document(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = CaseId::parse(&id).ok_or(Problem::NotFound)?;
    let document = desk.app.export_case_document(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Pdf, "case"), desk.clock.now(), document))
}

/// `GET /cases/{case}/pack`: all of it, sealed.
pub(crate) async fn pack(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = CaseId::parse(&id).ok_or(Problem::NotFound)?;
    let pack = desk.app.export_case_pack(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(download::of_day((FileKind::Zip, "case"), desk.clock.now(), pack))
}

/// `POST /cases/{case}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<CaseForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, &id, Named::No).await?;
            desk.form_again("case.html", &visit, &page.again(form, sentence)).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &CaseForm) -> Result<Response, Undone> {
    let (actor, id) = (visit.actor()?, CaseId::parse(typed).ok_or(Problem::NotFound)?);
    if form.deed == "show-names" {
        if !desk.app.show_names_of_case(actor, id, &form.text).await? {
            return Err(Problem::NotFound.into());
        }
        let page = page_of(desk, visit, typed, Named::Yes).await?;
        return Ok(desk.page("case.html", visit, &page).await?);
    }
    if !desk.app.work_on_case(actor, id, case_deed(form)?).await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/cases/{id}")).into_response())
}

fn case_deed(form: &CaseForm) -> Result<CaseDeed, Undone> {
    let choose = || Undone::Refused("Choose one from the list.".to_owned());
    let person = || PersonId::parse(&form.person).ok_or_else(choose);
    Ok(match form.deed.as_str() {
        "write" => CaseDeed::Write {
            kind: CaseEntryKind::parse(&form.kind).ok_or_else(choose)?,
            words: form.words.clone(),
            reason: form.reason.clone(),
        },
        "strike" => {
            let sequence = form.sequence.parse().map_err(|_| Undone::Problem(Problem::Unreadable))?;
            CaseDeed::Strike { sequence, why: form.text.clone() }
        }
        "link-person" => CaseDeed::LinkPerson(form.text.clone()),
        "link-filter-change" => CaseDeed::LinkFilterChange(form.text.clone()),
        "add-reader" => CaseDeed::AddReader(person()?),
        "remove-reader" => CaseDeed::RemoveReader(person()?),
        "refer" => CaseDeed::Refer(form.text.clone()),
        "close" => CaseDeed::Close {
            outcome: CaseOutcome::parse(&form.outcome).ok_or_else(choose)?,
            words: form.words.clone(),
        },
        "reopen" => CaseDeed::Reopen(form.text.clone()),
        _ => return Err(Problem::Unreadable.into()),
    })
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str, named: Named) -> Result<CasePage, Problem> {
    let id = CaseId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.case_view(visit.actor()?, id, named).await?.ok_or(Problem::NotFound)?;
    Ok(CasePage::of(view, desk.clock.now()))
}
