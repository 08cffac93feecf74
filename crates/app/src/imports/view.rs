//! Imports as screens and the command line show them.

use super::undo::may_undo;
use super::{DAY_MS, Imports, Staged, UNDO_DAYS, Upload};
use crate::export_history::as_csv;
use crate::views::{FaultView, ImportQuestionView, ImportRow, ImportView, ImportsView};
use crate::{App, AppError};
use identity::permit;
use model::{Action, Actor, ImportId, ImportState, PersonId, Scope};
use roster::{Fault, Format, Weight};
use store::ImportRecord;

/// Lines of a difference on a page.
const MOST_LINES: usize = 500;
/// Questions on a page.
const MOST_QUESTIONS: usize = 50;
/// Mistakes on a page; the file of them has all.
const MOST_FAULTS: usize = 200;

impl Imports<'_> {
    /// Every import within reach, and the schools within reach.
    ///
    /// # Errors
    /// [`AppError::Denied`] for whoever manages no accounts anywhere.
    pub async fn list(&self) -> Result<ImportsView, AppError> {
        if identity::scopes_for(self.actor, Action::ManageAccounts).is_empty() {
            crate::facade::record_denial(self.store, self.actor, Action::ManageAccounts, self.now()).await;
            return Err(AppError::Denied);
        }
        let reaches = |school: &model::SchoolId| {
            permit(self.actor, Action::ManageAccounts, &Scope::School(school.clone())).is_ok()
        };
        let schools = crate::approved_policy(self.store).await?.document.policy.schools;
        let here = schools.iter().filter(|school| reaches(&school.id));
        let here: Vec<(String, String)> =
            here.map(|school| (school.id.to_string(), school.name.to_string())).collect();
        let records = self.store.imports().await?;
        let rows = records.iter().filter(|record| reaches(&record.staged.school)).map(|record| {
            let id = record.staged.school.as_str();
            let school = here.iter().find(|(known, _)| known == id).map_or(id, |(_, name)| name);
            row(record, school)
        });
        Ok(ImportsView { rows: rows.collect(), schools: here })
    }

    /// One import; `None` where this person sees none of that id. The look is recorded.
    pub async fn view(&self, id: ImportId) -> Result<Option<ImportView>, AppError> {
        let Some(record) = self.record(id).await? else { return Ok(None) };
        let fact = self.fact("read-import", &record.staged.school).about(format!("import:{id}"));
        self.commit(&fact, &[]).await?;
        if record.state != ImportState::Staged {
            let school = record.staged.school.to_string();
            return Ok(Some(self.decided(&record, &school)));
        }
        let Some(staged) = self.staged(id).await? else { return Ok(None) };
        Ok(Some(self.waiting(&staged)))
    }

    /// What a file would change, without putting it down.
    ///
    /// # Errors
    /// Those of [`Imports::stage`].
    pub async fn try_out(&self, upload: &Upload) -> Result<ImportView, AppError> {
        self.permit(Action::ManageAccounts, &upload.school).await?;
        Ok(self.waiting(&self.compare(upload).await?))
    }

    /// The same, and everything that applying it would write is written to the last row and taken back: how many changes.
    ///
    /// # Errors
    /// Those of [`Imports::stage`], and those that applying would have but for approval.
    pub async fn rehearse_upload(&self, upload: &Upload) -> Result<(ImportView, usize), AppError> {
        self.permit(Action::ManageAccounts, &upload.school).await?;
        let staged = self.compare(upload).await?;
        let changes = self.rehearse(&staged).await?;
        Ok((self.waiting(&staged), changes))
    }

    /// Every mistake of an import that waits as a file; `None` where this person sees none of that id.
    pub async fn faults_file(&self, id: ImportId) -> Result<Option<Vec<u8>>, AppError> {
        let Some(staged) = self.staged(id).await? else { return Ok(None) };
        let faults = all_faults(&staged).map(fault_cells);
        Ok(Some(as_csv(&["file", "line", "column", "weight", "what", "how_to_mend"], faults)?))
    }

    fn waiting(&self, staged: &Staged) -> ImportView {
        let (sums, lines) = roster::headlines(&staged.found, staged.reading.as_ref(), &staged.before);
        let more_lines = lines.len().saturating_sub(MOST_LINES);
        let lines = lines.into_iter().take(MOST_LINES);
        let reading = staged.reading.as_ref();
        let faults: Vec<&Fault> = all_faults(staged).collect();
        let school = &staged.school_name;
        ImportView {
            format: reading.map_or_else(String::new, |reading| reading.format.title().to_owned()),
            sums,
            lines: lines.map(|line| (line.kind.to_owned(), line.who, line.what)).collect(),
            more_lines,
            same: staged.found.same,
            unsure: staged.found.unsure,
            holds: staged.holds.iter().map(|hold| hold.words()).collect(),
            questions: staged.questions(),
            all_questions: staged.found.questions.len(),
            all_faults: faults.len() + reading.map_or(0, |reading| reading.more_faults),
            faults: faults.into_iter().take(MOST_FAULTS).map(fault_view).collect(),
            lost: reading.map_or(0, |reading| reading.lost),
            left_out: reading.map_or(0, |reading| reading.left_out),
            is_whole: reading.is_some_and(|reading| reading.is_whole),
            seen: staged.seen(),
            not_approved: self.why_not(staged).to_owned(),
            ..self.decided(&staged.record, school)
        }
    }

    /// What can be said without the file.
    fn decided(&self, record: &ImportRecord, school: &str) -> ImportView {
        let until = record.decided.as_ref().map(|(at, ..)| at.plus_ms(UNDO_DAYS * DAY_MS));
        let place = Scope::School(record.staged.school.clone());
        let may = may_undo(record, self.now()) && permit(self.actor, Action::MovePerson, &place).is_ok();
        let format = record.staged.format.as_deref().and_then(Format::parse);
        ImportView {
            row: row(record, school),
            format: format.map_or_else(String::new, |format| format.title().to_owned()),
            sums: record.outcome.lines().map(str::to_owned).collect(),
            lines: Vec::new(),
            more_lines: 0,
            same: 0,
            unsure: 0,
            holds: Vec::new(),
            questions: Vec::new(),
            all_questions: 0,
            faults: Vec::new(),
            all_faults: 0,
            lost: 0,
            left_out: 0,
            is_whole: true,
            seen: String::new(),
            not_approved: String::new(),
            decided: record.decided.clone(),
            undone: record.undone.clone(),
            undo_until: until.filter(|_| may),
            without_password: 0,
        }
    }

    /// Why this person may not approve it; empty where they may.
    fn why_not(&self, staged: &Staged) -> &'static str {
        let place = Scope::School(staged.record.staged.school.clone());
        let is_alone = staged.record.staged.by == self.actor.to_string();
        if !staged.found.questions.is_empty() {
            "First say who each of these people is."
        } else if staged.found.is_empty() {
            "Nothing would change."
        } else if staged.holds.is_empty() {
            ""
        } else if self.role_beyond(staged).is_some() {
            "It gives somebody a role that another approves, as the policy says."
        } else if permit(self.actor, Action::MovePerson, &place).is_err() {
            "A headteacher, a senior leader or a business manager must approve it."
        } else if is_alone {
            "You sent this file, so another headteacher, senior leader or business manager must approve it."
        } else {
            ""
        }
    }
}

impl Staged {
    fn questions(&self) -> Vec<ImportQuestionView> {
        let rows = self.reading.as_ref().map(|reading| reading.rows.as_slice()).unwrap_or_default();
        let known = |person: &PersonId| self.before.people.iter().find(|known| known.person == *person);
        let in_words = |person: &PersonId| {
            let Some(known) = known(person) else { return String::new() };
            let year = known.year.map(|year| format!(", year group {year}")).unwrap_or_default();
            let class = known.classes.first().map(|class| format!(", {}", class.name)).unwrap_or_default();
            let left = if known.has_left { ", has left" } else { "" };
            format!("{}{year}{class}{left}", known.name)
        };
        let questions = self.found.questions.iter().take(MOST_QUESTIONS);
        let questions = questions.filter_map(|question| {
            let row = rows.get(question.row)?;
            let year = row.year.map(|year| format!(", year group {year}")).unwrap_or_default();
            let candidates = question.candidates.iter();
            Some(ImportQuestionView {
                source: row.source.to_string(),
                line: row.line,
                who: format!("{}{year}", row.name()),
                candidates: candidates.map(|person| (person.to_string(), in_words(person))).collect(),
            })
        });
        questions.collect()
    }
}

impl App {
    /// The use cases of imports for somebody.
    pub(crate) fn imports<'a>(&'a self, actor: &'a Actor) -> Imports<'a> {
        Imports { store: &self.0.parts.store, clock: &self.0.parts.clock, actor }
    }

    /// Every import within reach.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn imports_view(&self, actor: &Actor) -> Result<ImportsView, AppError> {
        let mut view = self.imports(actor).list().await?;
        view.rows.iter_mut().for_each(|row| row.staged_by = self.name_in_audit(&row.staged_by));
        Ok(view)
    }

    /// One import; `None` where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn import_view(&self, actor: &Actor, id: ImportId) -> Result<Option<ImportView>, AppError> {
        // Whoever may see none is told so, and not that there is none.
        self.reach(actor, Action::ManageAccounts).await?;
        let imports = self.imports(actor);
        let Some(mut view) = imports.view(id).await? else { return Ok(None) };
        view.row.staged_by = self.name_in_audit(&view.row.staged_by);
        for (_, by, _) in [&mut view.decided, &mut view.undone].into_iter().flatten() {
            *by = self.name_in_audit(by);
        }
        let place = self.snapshot();
        let school = place.policy().schools.iter().find(|school| school.id.as_str() == view.row.school);
        if let Some(school) = school {
            view.row.school = school.name.to_string();
        }
        if let Some(record) = imports.record(id).await? {
            view.without_password = self.added_without_password(&record).await?.len();
        }
        Ok(Some(view))
    }
}

fn row(record: &ImportRecord, school: &str) -> ImportRow {
    ImportRow {
        id: record.staged.id.to_string(),
        name: record.staged.name.clone(),
        kind: record.staged.kind.title().to_owned(),
        school: school.to_owned(),
        state: record.state.slug().to_owned(),
        staged_at: record.staged.at,
        staged_by: record.staged.by.clone(),
    }
}

fn all_faults(staged: &Staged) -> impl Iterator<Item = &Fault> {
    let of_file = staged.reading.iter().flat_map(|reading| &reading.faults);
    of_file.chain(&staged.found.faults)
}

fn fault_view(fault: &Fault) -> FaultView {
    let line = if fault.line > 0 { format!("line {}", fault.line) } else { String::new() };
    let parts = [fault.file.as_str(), line.as_str(), fault.column.as_str()];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    FaultView {
        place: if parts.is_empty() { "The whole file".to_owned() } else { parts.join(", ") },
        what: fault.what.clone(),
        mend: fault.mend.clone(),
        is_lost: fault.weight == Weight::Lost,
    }
}

/// The cells of a mistake, in the order of the file of them.
pub(crate) fn fault_cells(fault: &Fault) -> [String; 6] {
    let weight = if fault.weight == Weight::Lost { "row not taken" } else { "look at it" };
    [
        fault.file.clone(),
        fault.line.to_string(),
        fault.column.clone(),
        weight.to_owned(),
        fault.what.clone(),
        fault.mend.clone(),
    ]
}
