//! A case as a document to read, print and file: a tagged PDF with its terms, its timeline with what was struck out, its
//! evidence, and at each foot who made it, when, and the hash of the record.
//!
//! Invariant: it says no more than the case's page does to the same reader, and people have pseudonyms in it.

use crate::case_views::{COLUMNS, line_cells};
use crate::export_history::as_csv;
use crate::views::{CaseLineView, CaseView};
use crate::{App, AppError, Named, words};
use jiff::tz::TimeZone;
use model::{Actor, CaseEntryKind, CaseId, Timestamp};
use paper::{Block, FirstCell, Level, Look, Made, Paper, PaperError, Table, Text};

/// The files of a case that its hash is of: name and bytes, in order.
pub(crate) type Originals = Vec<(String, String)>;

/// What stands on a document beside the case itself.
pub(crate) struct Imprint {
    /// Whose case it is.
    pub(crate) organisation: String,
    /// Who made the document, by name.
    pub(crate) by: String,
    /// When.
    pub(crate) at: Timestamp,
    /// The clock that its times are by.
    pub(crate) zone: TimeZone,
    /// The hash of the record ([`record_hash`]).
    pub(crate) record: String,
}

impl App {
    /// A case as a PDF; `None` where this person may read no such case. That it was taken is a line of the case, and a fact
    /// with the hash of the record.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the case is longer than a document may be.
    pub async fn export_case_document(&self, actor: &Actor, id: CaseId) -> Result<Option<Vec<u8>>, AppError> {
        let Some(case) = self.case_for(actor, id).await? else { return Ok(None) };
        let Some(view) = self.case_view(actor, id, Named::No).await? else { return Ok(None) };
        let zone = self.snapshot().policy().time_zone.clone();
        let record = record_hash(&originals(&view, &zone)?);
        let imprint = self.imprint(actor, (&case.scope, zone), record.clone());
        let bytes = document(view, imprint).await?.ok_or_else(too_long)?;
        let fact = self.case_fact(actor, &case, "export-case").with("form", "pdf");
        let said = format!("As a document (PDF); the record\u{2019}s SHA-256 is {record}");
        let line = self.case_line(id, actor, CaseEntryKind::Exported, &said);
        self.commit(&fact.with("record", record), &[line]).await?;
        Ok(Some(bytes))
    }

    /// What a document of a place says about itself.
    pub(crate) fn imprint(
        &self,
        actor: &Actor,
        (scope, zone): (&model::Scope, TimeZone),
        record: String,
    ) -> Imprint {
        Imprint {
            organisation: self.organisation_of(scope),
            by: self.name_in_audit(&actor.to_string()),
            at: self.now(),
            zone,
            record,
        }
    }
}

/// The case as a PDF, made beside the tasks that answer; `None` where it is longer than a document may be.
///
/// # Errors
/// [`AppError::Failed`] where no PDF comes of it: a fault of ours.
pub(crate) async fn document(view: CaseView, imprint: Imprint) -> Result<Option<Vec<u8>>, AppError> {
    match tokio::task::spawn_blocking(move || paper_of(&view, &imprint).to_pdf()).await? {
        Ok(bytes) => Ok(Some(bytes)),
        Err(PaperError::TooLong { .. }) => Ok(None),
        Err(error) => Err(AppError::failed(format!("expected a document of a case, found: {error}"))),
    }
}

fn too_long() -> AppError {
    AppError::refused(
        "This case is too long for one document. Take it as a sealed pack, which has all of it.",
        "expected a case of at most 8 MiB of text, found a longer one",
    )
}

/// The timeline as a table and each piece of evidence, as they lie in a pack.
pub(crate) fn originals(view: &CaseView, zone: &TimeZone) -> Result<Originals, AppError> {
    let lines = view.lines.iter().map(|line| line_cells(&view.row.id, line, zone, &view.row.reference));
    let table = as_csv(&COLUMNS, lines)?;
    let table = String::from_utf8(table)
        .map_err(|_| AppError::failed("expected a table that is text, found other bytes"))?;
    let mut files = vec![("timeline.csv".to_owned(), table)];
    for (number, evidence) in (1..).zip(&view.evidence) {
        files.push((format!("evidence/{number:04}.txt"), evidence.copy.clone()));
    }
    Ok(files)
}

/// The hash of a record: SHA-256 of a line for each file, in order, with its SHA-256, two spaces and its name; what
/// `sha256sum timeline.csv evidence/*.txt | sha256sum` says beside the files of a pack.
pub(crate) fn record_hash(files: &Originals) -> String {
    let lines: String =
        files.iter().map(|(name, text)| format!("{}  {name}\n", store::hash_of(text))).collect();
    store::hash_of(&lines)
}

fn paper_of(view: &CaseView, imprint: &Imprint) -> Paper {
    let mut blocks = vec![Block::Table(terms(view, imprint))];
    blocks.push(Block::Heading(Level::Section, "Timeline".to_owned()));
    blocks.push(Block::Table(timeline(view, &imprint.zone)));
    blocks.push(Block::Heading(Level::Section, "Evidence".to_owned()));
    if view.evidence.is_empty() {
        blocks.push(Block::Paragraph(Text::plain("None was copied.")));
    }
    for (number, evidence) in (1..).zip(&view.evidence) {
        let state = if evidence.is_unchanged { "unchanged" } else { "CHANGED" };
        blocks.push(Block::Heading(Level::Part, format!("Copy {number}: {state} since it was copied")));
        blocks.push(Block::Paragraph(Text::plain(evidence.copy.clone())));
        blocks.push(Block::Paragraph(Text::plain(format!("SHA-256 {}", evidence.hash))));
    }
    Paper {
        title: format!("Case: {}", view.row.title),
        language: "en-GB".to_owned(),
        made: made(imprint.at),
        foot: vec![
            format!(
                "{}. Made by {} on {}, by the clock of {}. Confidential: about a child or a member of staff.",
                imprint.organisation,
                imprint.by,
                words::date_and_time(&imprint.zone, imprint.at),
                imprint.zone.iana_name().unwrap_or("UTC"),
            ),
            format!("SHA-256 of the record: {}", imprint.record),
        ],
        blocks,
    }
}

fn made(at: Timestamp) -> Made {
    let at = TimeZone::UTC.to_datetime(at.to_jiff());
    let part = |part: i8| u8::try_from(part).unwrap_or(0);
    Made {
        year: u16::try_from(at.year()).unwrap_or(0),
        month: part(at.month()),
        day: part(at.day()),
        hour: part(at.hour()),
        minute: part(at.minute()),
        second: part(at.second()),
    }
}

/// What a case is, name and words; what there is nothing to say about is left out.
pub(crate) fn terms_of(view: &CaseView, zone: &TimeZone, organisation: &str) -> Vec<(&'static str, String)> {
    let row = &view.row;
    let outcome = if row.outcome.is_empty() { "Open" } else { &row.outcome };
    let terms = [
        ("School", organisation.to_owned()),
        ("Opened", words::date_and_time(zone, row.opened)),
        ("Closed", row.closed.map(|at| words::date_and_time(zone, at)).unwrap_or_default()),
        ("Outcome", outcome.to_owned()),
        ("Owner", row.owner.clone()),
        ("About", view.people.join("; ")),
        ("Devices", view.devices.join("; ")),
        ("Filter changes", view.filter_changes.join("; ")),
        ("Reference in the school\u{2019}s record", row.reference.clone()),
    ];
    terms.into_iter().filter(|(_, words)| !words.is_empty()).collect()
}

fn terms(view: &CaseView, imprint: &Imprint) -> Table {
    let terms = terms_of(view, &imprint.zone, &imprint.organisation);
    let row = |(name, words): (&str, String)| {
        vec![vec![Text { words: name.to_owned(), look: Look::Bold }], vec![Text::plain(words)]]
    };
    Table {
        summary: "What this case is".to_owned(),
        columns: vec![("What".to_owned(), 3), ("In this case".to_owned(), 7)],
        rows: terms.into_iter().map(row).collect(),
        first_cell: FirstCell::HeadsRow,
    }
}

fn timeline(view: &CaseView, zone: &TimeZone) -> Table {
    let heads = [("When", 5), ("What", 4), ("Who", 4), ("In words", 12)];
    Table {
        summary: "What was done in this case, the oldest first".to_owned(),
        columns: heads.into_iter().map(|(head, share)| (head.to_owned(), share)).collect(),
        rows: view.lines.iter().map(|line| line_of(line, zone)).collect(),
        first_cell: FirstCell::IsOneOfThem,
    }
}

fn line_of(line: &CaseLineView, zone: &TimeZone) -> Vec<Vec<Text>> {
    let look = if line.struck.is_some() { Look::Struck } else { Look::Plain };
    let mut said = Vec::new();
    if !line.words.is_empty() {
        said.push(Text { words: line.words.clone(), look });
    }
    if !line.reason.is_empty() {
        said.push(Text { words: format!("Because: {}", line.reason), look });
    }
    if let Some((at, by, why)) = &line.struck {
        said.push(Text {
            words: format!("Struck out on {} by {by}: {why}", words::date_and_time(zone, *at)),
            look: Look::Bold,
        });
    }
    vec![
        vec![Text::plain(words::date_and_time(zone, line.at))],
        vec![Text::plain(line.kind.title())],
        vec![Text::plain(line.by.clone())],
        said,
    ]
}
