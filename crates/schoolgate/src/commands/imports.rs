//! `schoolgate people import` and `schoolgate people rollover`: the same use cases as the console's, at the machine.

use crate::cli::{DecisionArguments, ImportArguments, RolloverArguments};
use crate::commands::at_the_machine;
use crate::error::ProgramError;
use app::views::ImportView;
use app::{Imports, Upload, Urgency};
use model::{Actor, Clock, ImportId, ImportKind, SchoolId, YearGroup};
use roster::{Format, Grades, MOST_FILE_BYTES};
use serde_json::json;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use store::Store;

/// Lines of each kind that are printed; of more there is the number.
const MOST_LINES: usize = 40;

pub(crate) async fn import(arguments: &ImportArguments) -> Result<(), ProgramError> {
    let store = crate::gate::records(&arguments.at.folder, &Clock::System).await?;
    let actor = at_the_machine();
    let imports = Imports { store: &store, clock: &Clock::System, actor: &actor };
    let done = match &arguments.file {
        Some(file) => send(&imports, file, arguments).await,
        None => decide(&imports, &arguments.decision).await,
    };
    store.close().await;
    done
}

pub(crate) async fn roll_over(arguments: &RolloverArguments) -> Result<(), ProgramError> {
    let store = crate::gate::records(&arguments.at.folder, &Clock::System).await?;
    let actor = at_the_machine();
    let done = end_year(&store, &actor, arguments).await;
    store.close().await;
    done
}

async fn send(imports: &Imports<'_>, file: &Path, arguments: &ImportArguments) -> Result<(), ProgramError> {
    let format = arguments.format.as_deref().map(|text| {
        Format::parse(text).ok_or_else(|| {
            let known: Vec<&str> = Format::ALL.into_iter().map(Format::slug).collect();
            ProgramError::Question(format!("--format: expected one of {}, found {text}", known.join(", ")))
        })
    });
    let grades = Grades::parse(&arguments.grades).ok_or_else(|| {
        let text = &arguments.grades;
        ProgramError::Question(format!("--grades: expected year-groups or american, found {text}"))
    })?;
    let upload = Upload {
        school: school(imports, arguments.school.as_deref()).await?,
        kind: ImportKind::File,
        name: name_of(file),
        format: format.transpose()?,
        grades,
        leaving: None,
        bytes: read_file(file, arguments.decision.json)?,
    };
    let json = arguments.decision.json;
    if arguments.dry_run {
        let view = imports.try_out(&upload).await.map_err(ProgramError::asked)?;
        return tell(&view, json, "Nothing was put down.");
    }
    stage(imports, upload, json).await
}

async fn stage(imports: &Imports<'_>, upload: Upload, json: bool) -> Result<(), ProgramError> {
    say_step("Comparing it with the records", json);
    let id = imports.stage(upload).await.map_err(ProgramError::asked)?;
    let view = imports.view(id).await.map_err(ProgramError::asked)?;
    let Some(view) = view else {
        return Err(ProgramError::Question(format!("expected the import {id}, found none")));
    };
    tell(&view, json, &goes_on(&view))
}

async fn decide(imports: &Imports<'_>, decision: &DecisionArguments) -> Result<(), ProgramError> {
    let reason = decision.reason.as_deref().unwrap_or_default();
    let unknown = || ProgramError::Question("expected the id of an import, found none such".to_owned());
    let parse = |text: &str| ImportId::parse(text).ok_or_else(unknown);
    let (lines, left_alone) = if let Some(id) = &decision.approve {
        let urgency = if decision.emergency { Urgency::Emergency } else { Urgency::Usual };
        let done = imports.approve(parse(id)?, None, (reason, urgency)).await;
        (done.map_err(ProgramError::asked)?.ok_or_else(unknown)?, Vec::new())
    } else if let Some(id) = &decision.undo {
        let undone = imports.undo(parse(id)?, reason).await.map_err(ProgramError::asked)?;
        let undone = undone.ok_or_else(unknown)?;
        (vec![format!("People put back: {}", undone.put_back)], undone.left_alone)
    } else {
        let id = parse(decision.drop.as_deref().unwrap_or_default())?;
        if !imports.drop_import(id, reason).await.map_err(ProgramError::asked)? {
            return Err(unknown());
        }
        (vec!["Dropped.".to_owned()], Vec::new())
    };
    if decision.json {
        return crate::print(&json!({ "done": lines, "left_alone": left_alone.len() }).to_string());
    }
    let mut text = lines.join("\n");
    if !left_alone.is_empty() {
        text.push_str(&format!("\nChanged since, and left as they are: {}", left_alone.join(", ")));
    }
    crate::print(&format!("{text}\nA running gate takes it up within seconds."))
}

async fn end_year(store: &Store, actor: &Actor, arguments: &RolloverArguments) -> Result<(), ProgramError> {
    let imports = Imports { store, clock: &Clock::System, actor };
    let leaving = arguments.leaving.as_deref().map(|text| {
        YearGroup::parse(text)
            .ok_or_else(|| ProgramError::Question(format!("--leaving: expected R or 1 to 13, found {text}")))
    });
    let bytes = arguments.file.as_deref().map(|file| read_file(file, arguments.json)).transpose()?;
    let upload = Upload {
        school: school(&imports, arguments.school.as_deref()).await?,
        kind: ImportKind::RollOver,
        name: arguments.file.as_deref().map(name_of).unwrap_or_default(),
        format: None,
        grades: Grades::YearGroups,
        leaving: leaving.transpose()?,
        bytes: bytes.unwrap_or_default(),
    };
    if !arguments.rehearse {
        return stage(&imports, upload, arguments.json).await;
    }
    let (view, changes) = imports.rehearse_upload(&upload).await.map_err(ProgramError::asked)?;
    let end = format!("Rehearsed: {changes} changes were made to the last row, and taken back.");
    tell(&view, arguments.json, &end)
}

/// The school that was named, or the only one.
async fn school(imports: &Imports<'_>, named: Option<&str>) -> Result<SchoolId, ProgramError> {
    let schools = imports.list().await.map_err(ProgramError::asked)?.schools;
    let wanted = match (named, schools.as_slice()) {
        (Some(named), all) => all.iter().find(|(id, _)| id == named),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    wanted.map(|(id, _)| SchoolId::new(id.as_str())).ok_or_else(|| {
        let known: Vec<&str> = schools.iter().map(|(id, _)| id.as_str()).collect();
        ProgramError::Question(format!("--school: expected one of {}", known.join(", ")))
    })
}

/// Reads at most what is taken, whatever the file grows to meanwhile.
fn read_file(path: &Path, json: bool) -> Result<Vec<u8>, ProgramError> {
    say_step("Reading the file", json);
    let unreadable = |error: std::io::Error| {
        ProgramError::Question(format!("expected to read {}, found: {error}", path.display()))
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let limit = u64::try_from(MOST_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is being done, for somebody who watches.
fn say_step(words: &str, json: bool) {
    use std::io::Write as _;
    let mut error = std::io::stderr();
    if !json && error.is_terminal() {
        // Whoever closed standard error does not want to know.
        let _ = writeln!(error, "{words} ...");
    }
}

fn tell(view: &ImportView, json: bool, end: &str) -> Result<(), ProgramError> {
    if json { crate::print(&as_json(view, end)) } else { crate::print(&as_text(view, end)) }
}

fn as_json(view: &ImportView, end: &str) -> String {
    let lines: Vec<_> = view
        .lines
        .iter()
        .map(|(kind, who, what)| json!({ "kind": kind, "who": who, "what": what }))
        .collect();
    let faults: Vec<_> = view
        .faults
        .iter()
        .map(|fault| json!({ "place": fault.place, "what": fault.what, "mend": fault.mend, "taken": !fault.is_lost }))
        .collect();
    let object = json!({
        "import": view.row.id, "state": view.row.state, "format": view.format, "sums": view.sums, "lines": lines,
        "more_lines": view.more_lines, "same": view.same, "holds": view.holds, "questions": view.all_questions,
        "mistakes": faults, "all_mistakes": view.all_faults, "not_taken": view.lost, "end": end,
    });
    object.to_string()
}

fn as_text(view: &ImportView, end: &str) -> String {
    let mut text = String::new();
    let mut section = |title: String, lines: &mut dyn Iterator<Item = String>, all: usize| {
        let lines: Vec<String> = lines.take(MOST_LINES).collect();
        if lines.is_empty() {
            return;
        }
        text.push_str(&format!("{title}\n"));
        lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
        if all > lines.len() {
            text.push_str(&format!("  ... and {} more\n", all - lines.len()));
        }
        text.push('\n');
    };
    let sums = &view.sums;
    section("What would change:".to_owned(), &mut sums.iter().cloned(), sums.len());
    let lines = view.lines.iter().map(|(_, who, what)| format!("{who}: {what}"));
    section("Person by person:".to_owned(), &mut { lines }, view.lines.len() + view.more_lines);
    let holds = &view.holds;
    section("Another person must look, since:".to_owned(), &mut holds.iter().cloned(), holds.len());
    let questions =
        view.questions.iter().map(|question| format!("{} (line {})", question.who, question.line));
    section("It is not certain who these are:".to_owned(), &mut { questions }, view.all_questions);
    let title = format!("Mistakes in the file: {}; rows not taken: {}", view.all_faults, view.lost);
    let faults = view.faults.iter().map(|fault| {
        let lost = if fault.is_lost { " (row not taken)" } else { "" };
        format!("{}: {} {}{lost}", fault.place, fault.what, fault.mend)
    });
    section(title, &mut { faults }, view.all_faults);
    if view.same > 0 {
        text.push_str(&format!("People of whom nothing changes: {}\n", view.same));
    }
    if view.sums.is_empty() && view.all_questions == 0 {
        text.push_str("Nothing would change.\n");
    }
    text.push_str(end);
    text
}

/// What can be done with an import that waits, for whoever put it down at the machine.
fn goes_on(view: &ImportView) -> String {
    let id = &view.row.id;
    let command = format!("schoolgate people import --folder FOLDER --reason WHY --approve {id}");
    let next = if view.all_questions > 0 {
        "First say who is who: in the console, under People, Imports.".to_owned()
    } else if view.sums.is_empty() {
        format!(
            "There is nothing to approve: schoolgate people import --folder FOLDER --reason WHY --drop {id}"
        )
    } else if view.holds.is_empty() {
        format!("Approve it in the console, under People, Imports, or: {command}")
    } else {
        format!(
            "A headteacher, a senior leader or a business manager approves it in the console, under People, Imports. Where it \
             cannot wait for them, you do so alone, and that is recorded: {command} --emergency"
        )
    };
    format!("It waits as {id}. {next}")
}
