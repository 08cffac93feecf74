//! Imports of people: sending a file, the difference in words, who is who, approving and undoing, and slips for those who
//! are new.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::pages::people_reset::SlipPage;
use crate::problem::Problem;
use crate::words;
use app::views::{FaultView, ImportQuestionView, ImportRow, ImportView, ImportsView, SlipsView};
use app::{AppError, Upload};
use axum::extract::multipart::MultipartError;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use model::{ImportId, ImportKind, ImportState, PersonId, SchoolId, YearGroup};
use roster::{Format, Grades, MOST_FILE_BYTES};
use serde::{Deserialize, Serialize};

/// The most that a form with a file may hold: the file and a little round it.
pub(crate) const UPLOAD_LIMIT_BYTES: usize = MOST_FILE_BYTES + 64 * 1024;
/// The longest of the other fields, in bytes.
const MOST_FIELD_BYTES: usize = 1_000;

/// The list, and the form to send a file.
#[derive(Debug, Serialize)]
pub(crate) struct ImportsPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// The imports, those that wait first.
    pub rows: Vec<Row>,
    /// What the file is for.
    pub kinds: Vec<Choice>,
    /// The school.
    pub schools: Vec<Choice>,
    /// How year groups are written in OneRoster.
    pub grades: Vec<Choice>,
    /// The year group that leaves.
    pub leaving: Vec<Choice>,
    /// The sentence that is wrong with the file; empty where nothing is.
    pub file_problem: String,
}

/// One import of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Its own page.
    pub link: String,
    /// The file's name, or what it is.
    pub name: String,
    /// What it is for.
    pub kind: String,
    /// The school.
    pub school: String,
    /// The state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// When it was sent, and by whom.
    pub sent: String,
}

/// One import.
#[derive(Debug, Serialize)]
pub(crate) struct ImportPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub row: Row,
    /// What it is, name and words.
    pub terms: Vec<(&'static str, String)>,
    /// True while it waits.
    pub is_waiting: bool,
    /// What happens to how many.
    pub sums: Vec<String>,
    /// What changes of each person: name and words.
    pub lines: Vec<(String, String)>,
    /// What is said about lines that are not shown; empty where all are.
    pub more_lines: String,
    /// Notes on what the file is and is not.
    pub notes: Vec<String>,
    /// Why another person must approve it.
    pub holds: Vec<String>,
    /// Rows that somebody must say who they are.
    pub questions: Vec<Question>,
    /// True where every question may be answered at once.
    pub may_answer_all: bool,
    /// What was wrong with the file.
    pub faults: Vec<Fault>,
    /// How many mistakes there are in all, in words; empty where there are none.
    pub all_faults: String,
    /// What the difference is known again by.
    pub seen: String,
    /// Why this person may not approve it; empty where they may.
    pub not_approved: String,
    /// The reason, as typed.
    pub reason: Field,
    /// Until when it can be undone; empty where it cannot.
    pub undo_until: String,
    /// How many have no password yet, in words; empty where all have one.
    pub slips: String,
}

/// A row that may be somebody who is on the records.
#[derive(Debug, Serialize)]
pub(crate) struct Question {
    /// The id in the file.
    pub source: String,
    /// Who, as the file has them.
    pub who: String,
    /// The line.
    pub line: usize,
    /// The id of its field.
    pub field: String,
    /// The choices.
    pub choices: Vec<Choice>,
}

/// A mistake.
#[derive(Debug, Serialize)]
pub(crate) struct Fault {
    /// Where.
    pub place: String,
    /// What.
    pub what: String,
    /// How to mend it.
    pub mend: String,
    /// What became of the row.
    pub weight: &'static str,
}

/// A page of slips.
#[derive(Serialize)]
pub(crate) struct SlipsPage {
    /// The import's page.
    pub link: String,
    /// The slips.
    pub slips: Vec<SlipPage>,
    /// What is said about those who get none so; empty where there are none.
    pub passed_over: String,
    /// How many still wait, in words; empty where nobody does.
    pub left: String,
}

/// What is done with an import, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeedForm {
    deed: String,
    seen: String,
    reason: String,
    source: String,
    person: String,
}

/// A form with a file, as sent.
#[derive(Debug, Default)]
pub(crate) struct FileForm {
    kind: String,
    school: String,
    grades: String,
    leaving: String,
    name: String,
    bytes: Vec<u8>,
}

impl<S: Send + Sync> FromRequest<S> for FileForm {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let mut parts = Multipart::from_request(request, state).await.map_err(|_| Problem::Unreadable)?;
        let mut form = Self::default();
        while let Some(field) = parts.next_field().await.map_err(problem)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                form.name = field.file_name().unwrap_or_default().to_owned();
                form.bytes = field.bytes().await.map_err(problem)?.to_vec();
                continue;
            }
            let text = field.text().await.map_err(problem)?;
            if text.len() > MOST_FIELD_BYTES {
                return Err(Problem::Unreadable);
            }
            match name.as_str() {
                "kind" => form.kind = text,
                "school" => form.school = text,
                "grades" => form.grades = text,
                "leaving" => form.leaving = text,
                _ => {}
            }
        }
        Ok(form)
    }
}

fn problem(error: MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE { Problem::TooLarge } else { Problem::Unreadable }
}

impl FileForm {
    fn upload(&self) -> Result<Upload, &'static str> {
        let kind = ImportKind::parse(&self.kind).ok_or("Choose what the file is for.")?;
        if self.school.is_empty() {
            return Err("Choose the school.");
        }
        Ok(Upload {
            school: SchoolId::new(self.school.as_str()),
            kind,
            name: self.name.clone(),
            format: None::<Format>,
            grades: Grades::parse(&self.grades).unwrap_or_default(),
            leaving: YearGroup::parse(&self.leaving).filter(|_| kind == ImportKind::RollOver),
            bytes: self.bytes.clone(),
        })
    }
}

impl ImportsPage {
    /// The page of a view, with what was chosen before.
    pub(crate) fn of(view: ImportsView, form: &FileForm, sentence: &str) -> Self {
        let problems: Vec<(String, String)> = Some(sentence)
            .filter(|text| !text.is_empty())
            .map(|text| ("file".to_owned(), text.to_owned()))
            .into_iter()
            .collect();
        let schools = view.schools.iter().map(|(id, name)| (id.as_str(), name.as_str()));
        let choose = [("", "Choose")].into_iter().filter(|_| view.schools.len() > 1);
        let years: Vec<String> =
            std::iter::once("R".to_owned()).chain((1..=13).map(|year| year.to_string())).collect();
        let years = years.iter().map(|year| (year.as_str(), year.as_str()));
        Self {
            summary: summary(&problems),
            rows: view.rows.into_iter().map(Row::of).collect(),
            kinds: choices(ImportKind::ALL.map(|kind| (kind.slug(), kind.title())), &form.kind),
            schools: choices(choose.chain(schools), &form.school),
            grades: choices(Grades::ALL.map(|grades| (grades.slug(), grades.title())), &form.grades),
            leaving: choices([("", "The oldest")].into_iter().chain(years), &form.leaving),
            file_problem: sentence.to_owned(),
        }
    }
}

impl Row {
    fn of(row: ImportRow) -> Self {
        let state = ImportState::parse(&row.state).unwrap_or(ImportState::Dropped);
        let badge_class = match state {
            ImportState::Staged => "govuk-tag--orange",
            ImportState::Applied => "govuk-tag--green",
            ImportState::Undone | ImportState::Dropped => "govuk-tag--grey",
        };
        Self {
            link: format!("/people/imports/{}", row.id),
            name: if row.name.is_empty() { row.kind.clone() } else { row.name },
            kind: row.kind,
            school: row.school,
            state: state.title(),
            badge_class,
            sent: format!("{}, {}", words::day_and_time(row.staged_at), row.staged_by),
        }
    }
}

impl ImportPage {
    /// The page of a view.
    pub(crate) fn of(view: ImportView) -> Self {
        let is_waiting = view.row.state == ImportState::Staged.slug();
        let (terms, notes) = (terms_of(&view), notes_of(&view));
        let row = Row::of(view.row);
        Self {
            summary: Vec::new(),
            row,
            terms,
            is_waiting,
            sums: view.sums,
            lines: view.lines.into_iter().map(|(_, who, what)| (who, what)).collect(),
            more_lines: if view.more_lines > 0 {
                format!("{} more people are not shown; the sums count them.", count(view.more_lines))
            } else {
                String::new()
            },
            notes,
            holds: view.holds,
            may_answer_all: view.all_questions > 1,
            questions: view.questions.into_iter().enumerate().map(Question::of).collect(),
            all_faults: match view.all_faults {
                0 => String::new(),
                1 => "1 mistake".to_owned(),
                all => format!("{} mistakes", count(all)),
            },
            faults: view.faults.into_iter().map(Fault::of).collect(),
            seen: view.seen,
            not_approved: view.not_approved,
            reason: Field::default(),
            undo_until: view.undo_until.map(words::day_and_time).unwrap_or_default(),
            slips: match view.without_password {
                0 => String::new(),
                1 => "1 person has no password yet.".to_owned(),
                all => format!("{} people have no password yet.", count(all)),
            },
        }
    }

    fn again(mut self, form: DeedForm, sentence: String) -> Self {
        let problems = vec![("main-content".to_owned(), sentence)];
        self.reason = Field::of("reason", form.reason, &[]);
        self.summary = summary(&problems);
        self
    }
}

/// What an import is.
fn terms_of(view: &ImportView) -> Vec<(&'static str, String)> {
    let mut terms = vec![("What for", view.row.kind.clone()), ("School", view.row.school.clone())];
    if !view.format.is_empty() {
        terms.push(("File", view.format.clone()));
    }
    let sent = format!("{}, {}", words::day_and_time(view.row.staged_at), view.row.staged_by);
    terms.push(("Sent", sent));
    let is_dropped = view.row.state == ImportState::Dropped.slug();
    for (name, deed) in
        [(if is_dropped { "Dropped" } else { "Applied" }, &view.decided), ("Undone", &view.undone)]
    {
        if let Some((at, by, why)) = deed {
            terms.push((name, format!("{}, {by}: {why}", words::day_and_time(*at))));
        }
    }
    terms
}

/// What should be known of the file.
fn notes_of(view: &ImportView) -> Vec<String> {
    let people = |all: usize| if all == 1 { "1 person".to_owned() } else { format!("{} people", count(all)) };
    let mut notes = Vec::new();
    if view.same > 0 {
        notes.push(format!("Nothing changes for {}.", people(view.same)));
    }
    if view.lost > 0 {
        notes.push(format!(
            "{} in the file could not be taken. Nothing changes for them; the table of mistakes says why.",
            people(view.lost)
        ));
    }
    if view.unsure > 0 {
        notes.push(format!(
            "{} are missing from the file. They stay, since rows of it have no id and may be theirs.",
            people(view.unsure)
        ));
    }
    if view.left_out > 0 {
        notes.push(format!(
            "{} in the file, such as parents, are of no use here and were passed over.",
            people(view.left_out)
        ));
    }
    if !view.is_whole {
        notes.push("The file is not everybody, so nobody leaves for being missing from it.".to_owned());
    }
    notes
}

impl Question {
    fn of((place, view): (usize, ImportQuestionView)) -> Self {
        let offered = view.candidates.iter().map(|(id, name)| (id.as_str(), name.as_str()));
        let offered = [("", "Choose")].into_iter().chain(offered).chain([("new", "Somebody new")]);
        Self {
            source: view.source,
            who: view.who,
            line: view.line,
            field: format!("person-{place}"),
            choices: choices(offered, ""),
        }
    }
}

impl Fault {
    fn of(view: FaultView) -> Self {
        Self {
            place: view.place,
            what: view.what,
            mend: view.mend,
            weight: if view.is_lost { "Not taken" } else { "Look at it" },
        }
    }
}

impl SlipsPage {
    /// The page of a view.
    pub(crate) fn of(view: SlipsView) -> Self {
        let said = |all: usize, one: &str, many: &str| match all {
            0 => String::new(),
            1 => format!("1 person {one}"),
            all => format!("{} people {many}", count(all)),
        };
        Self {
            link: format!("/people/imports/{}", view.import),
            slips: view.slips.into_iter().map(|slip| SlipPage::of(slip, "First password")).collect(),
            passed_over: said(
                view.passed_over,
                "gets no password here: a badge is theirs, or somebody else gives it.",
                "get no password here: a badge is theirs, or somebody else gives it.",
            ),
            left: said(view.left, "still waits.", "still wait."),
        }
    }
}

fn count(all: usize) -> String {
    words::number(u64::try_from(all).unwrap_or(u64::MAX))
}

/// `GET /people/imports`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.imports_view(visit.actor()?).await?;
    desk.page("imports.html", &visit, &ImportsPage::of(view, &FileForm::default(), "")).await
}

/// `POST /people/imports`: a file.
pub(crate) async fn send(
    State(desk): State<Shared>,
    visit: Visit,
    form: FileForm,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let sentence = match form.upload() {
        Ok(upload) => match desk.app.stage_import(actor, upload).await {
            Ok(id) => return Ok(Redirect::to(&format!("/people/imports/{id}")).into_response()),
            Err(AppError::Refused { theirs, .. }) => theirs,
            Err(error) => return Err(error.into()),
        },
        Err(sentence) => sentence.to_owned(),
    };
    let view = desk.app.imports_view(actor).await?;
    desk.form_again("imports.html", &visit, &ImportsPage::of(view, &form, &sentence)).await
}

/// `GET /people/imports/{import}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let page = page_of(&desk, &visit, &id).await?;
    desk.page("import.html", &visit, &page).await
}

/// `GET /people/imports/{import}/mistakes.csv`
pub(crate) async fn mistakes(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = ImportId::parse(&id).ok_or(Problem::NotFound)?;
    let file = desk.app.import_faults(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(download::named(FileKind::Csv, "mistakes.csv", file))
}

/// `POST /people/imports/{import}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<DeedForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, &id).await?.again(form, sentence);
            desk.form_again("import.html", &visit, &page).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &DeedForm) -> Result<Response, Undone> {
    let id = ImportId::parse(typed).ok_or(Problem::NotFound)?;
    let actor = visit.actor()?;
    let app = &desk.app;
    let found = match form.deed.as_str() {
        "answer" => {
            let person = PersonId::parse(&form.person);
            if person.is_none() && form.person != "new" {
                return Err(Undone::Refused("Choose who it is.".to_owned()));
            }
            app.answer_import(actor, id, (Some(&form.source), person)).await?
        }
        "answer-all" => app.answer_import(actor, id, (None, None)).await?,
        "approve" => {
            let fresh = desk.fresh(visit).await?;
            app.approve_import((actor, &fresh), id, (&form.seen, &form.reason)).await?
        }
        "drop" => app.drop_import(actor, id, &form.reason).await?,
        "undo" => {
            let fresh = desk.fresh(visit).await?;
            let undone = app.undo_import((actor, &fresh), id, &form.reason).await?;
            if let Some(undone) = undone.as_ref().filter(|undone| !undone.left_alone.is_empty()) {
                let names = undone.left_alone.join(", ");
                return Err(Undone::Refused(format!(
                    "It was undone, but for people who have changed since: {names}."
                )));
            }
            undone.is_some()
        }
        "slips" => {
            let fresh = desk.fresh(visit).await?;
            let slips = app.import_slips((actor, &fresh), id).await?.ok_or(Problem::NotFound)?;
            return Ok(desk.page("import_slips.html", visit, &SlipsPage::of(slips)).await?);
        }
        _ => return Err(Problem::Unreadable.into()),
    };
    if !found {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/people/imports/{id}")).into_response())
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str) -> Result<ImportPage, Problem> {
    let id = ImportId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.import_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(ImportPage::of(view))
}
