//! People from the school's own system: a file is staged, shown as a difference in words, approved, applied at once, and
//! may be undone for seven days. The console and the command line do the same by this.
//!
//! Left out: passwords, which are made when their slips are (`imports::slips`); what bytes mean (`roster`).
//!
//! Invariants: an import is about one school and touches nobody elsewhere; the bytes are kept as they were sent, and the
//! difference is made of them anew whenever it is shown, so that what is approved is what was seen and is still so; where
//! numbers surprise, or staff are concerned, another person who may change what people are approves it; nobody who holds a
//! post, an administrator's account or a place in the whole trust is taken off or made something else by a file, nor is
//! whoever approves it; a role that does something in the console is given by whom the policy names for it alone, and leaves
//! a grant.

mod apply;
mod before;
mod deeds;
mod known;
mod slips;
mod undo;
mod view;

pub use undo::Undone;

use crate::administrators::commit_by_policy;
use crate::facade::{new_uuid, record_denial};
use crate::{AppError, approved_policy};
use identity::permit;
use jiff::ToSpan;
use model::{
    Action, Actor, Clock, DAY_MS, ImportId, ImportKind, ImportState, PersonId, SchoolId, Scope, Timestamp,
    YearGroup,
};
use policy::file::Access;
use roster::{Answer, Difference, Format, Grades, Hold, Options, Reading, Rollover, RosterError, Thresholds};
use store::{Change, Fact, ImportChange, ImportRecord, NewImport, Store};

/// How long an applied import can be undone, in days.
pub const UNDO_DAYS: i64 = 7;
/// How long the bytes of a decided import are kept, in days. As long as it may be undone.
const KEPT_DAYS: i64 = UNDO_DAYS;
/// The longest name of a file, in characters.
const MOST_NAME: usize = 120;

/// A file that somebody sends.
#[derive(Clone)]
pub struct Upload {
    /// The school whose people it is about.
    pub school: SchoolId,
    /// What for.
    pub kind: ImportKind,
    /// The file's name.
    pub name: String,
    /// Its form; `None`: told by its bytes.
    pub format: Option<Format>,
    /// How OneRoster's year groups are meant.
    pub grades: Grades,
    /// At a roll-over, the year group that leaves; `None`: the oldest that there is.
    pub leaving: Option<YearGroup>,
    /// The bytes; empty at a roll-over without next year's file.
    pub bytes: Vec<u8>,
}

/// What is decided about an import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// It waits for whom it must wait for.
    Usual,
    /// It could not wait: whoever holds the machine decides alone, and that is recorded.
    Emergency,
}

/// The use cases of imports, for one actor.
#[derive(Clone, Copy)]
pub struct Imports<'a> {
    /// The records.
    pub store: &'a Store,
    /// The time.
    pub clock: &'a Clock,
    /// Who acts.
    pub actor: &'a Actor,
}

/// An import beside the records as they are now.
pub(crate) struct Staged {
    pub(crate) record: ImportRecord,
    pub(crate) school_name: String,
    pub(crate) reading: Option<Reading>,
    pub(crate) before: roster::Before,
    pub(crate) found: Difference,
    pub(crate) holds: Vec<Hold>,
    /// What the policy says of whoever gets a role by it.
    pub(crate) access: Access,
    /// When a role that is given now is looked at again.
    pub(crate) next_look: Timestamp,
}

impl Staged {
    /// What a person sees when they see this difference: where it is another, they have not seen it.
    pub(crate) fn seen(&self) -> String {
        let (_, lines) = roster::headlines(&self.found, self.reading.as_ref(), &self.before);
        store::hash_of(&format!("{:?}{lines:?}{:?}", self.found, self.holds))
    }
}

impl Imports<'_> {
    /// Puts a file down. Nothing changes yet.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the file cannot be read as a whole, or the school is not known.
    pub async fn stage(&self, upload: Upload) -> Result<ImportId, AppError> {
        self.permit(Action::ManageAccounts, &upload.school).await?;
        let staged = self.compare(&upload).await?;
        let record = staged.record.staged;
        let fact = self
            .fact("stage-import", &record.school)
            .about(format!("import:{}", record.id))
            .with("kind", record.kind.slug())
            .with("sha256", record.hash.clone())
            .with("rows", staged.reading.as_ref().map_or(0, |reading| reading.rows.len()).to_string())
            .with("not_taken", staged.reading.as_ref().map_or(0, |reading| reading.lost).to_string());
        let id = record.id;
        let new = NewImport { content: upload.bytes, ..record };
        self.commit(&fact, &[Change::Import(ImportChange::Stage(Box::new(new)))]).await?;
        Ok(id)
    }

    /// What a file would change, without putting it down.
    pub(crate) async fn compare(&self, upload: &Upload) -> Result<Staged, AppError> {
        let leaving = match (upload.kind, upload.leaving) {
            (ImportKind::RollOver, None) => Some(self.oldest_year(&upload.school).await?),
            (ImportKind::RollOver, year) => year,
            (ImportKind::File, _) => None,
        };
        if upload.kind == ImportKind::File && upload.bytes.is_empty() {
            return Err(AppError::refused("Choose a file.", "expected a file, found none"));
        }
        let name: String =
            upload.name.chars().filter(|letter| !letter.is_control()).take(MOST_NAME).collect();
        let staged = NewImport {
            id: ImportId(new_uuid(self.now())?),
            school: upload.school.clone(),
            kind: upload.kind,
            name,
            format: upload.format.map(|format| format.slug().to_owned()),
            grades: upload.grades.slug().to_owned(),
            leaving: leaving.map(|year| year.to_string()),
            hash: roster::file_hash(&upload.bytes),
            content: Vec::new(),
            at: self.now(),
            by: self.actor.to_string(),
        };
        let record = ImportRecord {
            staged,
            state: ImportState::Staged,
            has_content: true,
            decided: None,
            outcome: String::new(),
            before: None,
            undone: None,
        };
        self.difference(record, upload.bytes.clone()).await
    }

    /// Reads the bytes beside the records as they are now.
    async fn difference(&self, record: ImportRecord, bytes: Vec<u8>) -> Result<Staged, AppError> {
        let document = approved_policy(self.store).await?.document;
        let school = document.policy.schools.iter().find(|school| school.id == record.staged.school);
        let Some(school) = school else {
            return Err(AppError::refused(
                "There is no such school. Choose one of those in the policy.",
                "expected a school of the policy, found another",
            ));
        };
        let options = Options {
            format: record.staged.format.as_deref().and_then(Format::parse),
            grades: Grades::parse(&record.staged.grades).unwrap_or_default(),
            school: vec![school.name.to_string(), school.id.to_string()],
            today: document.policy.time_zone.to_datetime(self.now().to_jiff()).date(),
        };
        let reading = if bytes.is_empty() {
            None
        } else {
            // Large files take a moment, in which others are to be answered.
            let read = tokio::task::spawn_blocking(move || roster::read(&bytes, &options)).await?;
            Some(read.map_err(unreadable)?)
        };
        let before = self.before(&record).await?;
        let leaving = record.staged.leaving.as_deref().and_then(YearGroup::parse);
        let found = match (leaving, &reading) {
            (Some(leaving), reading) => roster::roll_over(&before, reading.as_ref(), Rollover { leaving }),
            (None, Some(reading)) => roster::difference(reading, &before),
            (None, None) => Difference::default(),
        };
        let thresholds = Thresholds { percent: document.facts.access.import_hold_percent };
        let holds = roster::holds(&found, reading.as_ref(), &before, thresholds);
        let (school_name, access) = (school.name.to_string(), document.facts.access);
        let months = i64::from(access.rights_review_months);
        let today = self.now().to_jiff().to_zoned(document.policy.time_zone.clone());
        let next_look = today
            .checked_add(months.months())
            .map_or(self.now(), |then| Timestamp(then.timestamp().as_millisecond()));
        Ok(Staged { school_name, record, reading, before, found, holds, access, next_look })
    }

    /// An import that waits, beside the records as they are now; `None` where this person sees none of that id.
    pub(crate) async fn staged(&self, id: ImportId) -> Result<Option<Staged>, AppError> {
        let Some(record) = self.record(id).await? else { return Ok(None) };
        let bytes = self.store.import_content(id).await?.unwrap_or_default();
        Ok(Some(self.difference(record, bytes).await?))
    }

    /// The record of an import; `None` where this person sees none of that id.
    pub(crate) async fn record(&self, id: ImportId) -> Result<Option<ImportRecord>, AppError> {
        let Some(record) = self.store.import(id).await? else { return Ok(None) };
        let place = Scope::School(record.staged.school.clone());
        if permit(self.actor, Action::ManageAccounts, &place).is_err() {
            record_denial(self.store, self.actor, Action::ManageAccounts, self.now()).await;
            return Ok(None);
        }
        Ok(Some(record))
    }

    /// Says who rows are: one by its id in the file, or with `None` every one that has a question, each as its likeliest
    /// candidate. False where this person sees no import of that id.
    ///
    /// # Errors
    /// [`AppError::Refused`] where it was decided already, or the answer fits no question.
    pub async fn answer(
        &self,
        id: ImportId,
        source: Option<&str>,
        person: Option<PersonId>,
    ) -> Result<bool, AppError> {
        let Some(staged) = self.staged(id).await? else { return Ok(false) };
        must_wait(&staged.record)?;
        let rows = staged.reading.as_ref().map(|reading| reading.rows.as_slice()).unwrap_or_default();
        let mut taken: std::collections::HashSet<PersonId> = std::collections::HashSet::new();
        let mut changes = Vec::new();
        for question in &staged.found.questions {
            let Some(row) = rows.get(question.row) else { continue };
            let answer = match source {
                Some(source) if row.source.as_str() != source => continue,
                Some(_) if person.is_some_and(|person| !question.candidates.contains(&person)) => continue,
                Some(_) => person,
                // Two rows are never one person.
                None => match question.candidates.first().filter(|person| taken.insert(**person)) {
                    Some(first) => Some(*first),
                    None => continue,
                },
            };
            changes.push(Change::Import(ImportChange::Answer {
                id,
                school: staged.record.staged.school.clone(),
                source: row.source.to_string(),
                person: answer,
            }));
        }
        if changes.is_empty() {
            return Err(AppError::refused(
                "Choose one of the people whom the question offers, or somebody new.",
                "expected an answer to an open question, found another",
            ));
        }
        let fact = self.fact("answer-import", &staged.record.staged.school).about(format!("import:{id}"));
        self.commit(&fact.with("answers", changes.len().to_string()), &changes).await?;
        Ok(true)
    }

    /// Decides against an import. False where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Refused`] without a reason, or where it was decided already.
    pub async fn drop_import(&self, id: ImportId, reason: &str) -> Result<bool, AppError> {
        let Some(record) = self.record(id).await? else { return Ok(false) };
        must_wait(&record)?;
        let reason = reason_of(reason)?;
        let by = (self.actor.to_string(), reason.clone());
        let drop = ImportChange::Drop { id, at: self.now(), by };
        let fact = self.fact("drop-import", &record.staged.school).about(format!("import:{id}"));
        self.commit(&fact.with("reason", reason), &[Change::Import(drop)]).await?;
        Ok(true)
    }

    /// Forgets the files, and what was before, of imports that cannot be undone any more. For the program, daily.
    pub async fn forget_old(&self) -> Result<(), AppError> {
        let before = self.now().plus_ms(-KEPT_DAYS * DAY_MS);
        let old = |record: &ImportRecord| {
            record.decided.as_ref().is_some_and(|(at, ..)| *at < before)
                && (record.has_content || record.before.is_some())
        };
        if !self.store.imports().await?.iter().any(old) {
            return Ok(());
        }
        let fact = Fact::new(self.actor, Scope::Trust, self.now(), "forget-imports");
        self.commit(&fact, &[Change::Import(ImportChange::Forget { before })]).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn fact(&self, action: &'static str, school: &SchoolId) -> Fact {
        Fact::new(self.actor, Scope::School(school.clone()), self.now(), action)
    }

    pub(crate) async fn commit(&self, fact: &Fact, changes: &[Change]) -> Result<(), AppError> {
        commit_by_policy(self.store, fact, changes).await
    }

    pub(crate) async fn permit(&self, action: Action, school: &SchoolId) -> Result<(), AppError> {
        if permit(self.actor, action, &Scope::School(school.clone())).is_ok() {
            return Ok(());
        }
        record_denial(self.store, self.actor, action, self.now()).await;
        Err(AppError::Denied)
    }
}

/// Answers as the difference takes them.
pub(crate) fn answer_of(person: Option<PersonId>) -> Answer {
    person.map_or(Answer::New, Answer::Same)
}

pub(crate) fn must_wait(record: &ImportRecord) -> Result<(), AppError> {
    if record.state == ImportState::Staged {
        return Ok(());
    }
    Err(AppError::refused(
        "This import was decided already.",
        "expected an import that waits, found one that was decided",
    ))
}

pub(crate) fn reason_of(typed: &str) -> Result<String, AppError> {
    let reason = typed.trim();
    if reason.is_empty() || reason.len() > crate::alert_work::MOST_WORDS_BYTES {
        return Err(AppError::no_reason());
    }
    Ok(reason.to_owned())
}

fn unreadable(error: RosterError) -> AppError {
    AppError::refused(error.mend(), error.to_string())
}
