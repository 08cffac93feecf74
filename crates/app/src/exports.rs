//! Requests by others for a part of the history: somebody puts one down, another person approves it, the pack is made and
//! taken away; each step is a line of its custody and a fact.
//!
//! Invariants: who approves is not who asked; nobody asks for, approves or takes what is about themselves, or about
//! somebody whom they may not be shown by name; what is about everybody is decided and taken by a headteacher or the
//! data-protection officer; a request reaches no further than the place for which whoever asked may export.

use crate::alert_work::checked_words;
use crate::cases::owner_of;
use crate::export_pack::pack_name;
use crate::export_place::PackPlace;
use crate::facade::{Reach, reach_of};
use crate::views::{CustodyView, ExportQuestion, ExportRow, ExportView, ExportsView};
use crate::{App, AppError, words};
use history::{HoldReason, Query};
use identity::{permit, scopes_for};
use model::{
    Action, Actor, CustodyStep, ExportId, ExportKind, ExportState, LawfulBasis, Naming, PersonId, Role, Scope,
};
use std::fs::File;
use std::io::{self, BufReader, Seek as _};
use std::path::Path;
use std::sync::Arc;
use store::{Change, CustodyEntry, ExportChange, ExportRecord, Fact, NewExport};
use wire::{RestKey, SealedFile, verify_pack};

/// The most requests of a pack.
pub(crate) const MOST_REQUESTS: u64 = 200_000;
/// The longest text of a field, in bytes.
const MOST_FIELD_BYTES: usize = 200;

/// What is done with a request that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportDeed {
    /// Approves it, with the reason, and makes the pack.
    Approve(String),
    /// Turns it down, with the reason.
    Refuse(String),
    /// Makes the pack of one that was approved, where that failed before, or where it is not kept here any more.
    Make,
}

/// A pack to take away.
#[derive(Debug)]
pub struct PackFile {
    /// What to call it.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// It, to be read from its beginning: opened as it is read, sealed where it lies.
    pub file: SealedFile,
}

impl App {
    /// What is wrong with a request as typed, by field, in the form's order; empty when nothing is.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn export_problems(
        &self,
        actor: &Actor,
        typed: &ExportQuestion,
    ) -> Result<Vec<(String, String)>, AppError> {
        self.reach(actor, Action::ExportHistory).await?;
        Ok(self.read_export(actor, typed).err().unwrap_or_default())
    }

    /// Puts a request down; where it is the police's and they wish so, what it is about is kept from expiring at once.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where something is missing, or too much matches for one pack.
    pub async fn ask_for_export(&self, actor: &Actor, typed: &ExportQuestion) -> Result<ExportId, AppError> {
        self.reach(actor, Action::ExportHistory).await?;
        let new = self.read_export(actor, typed).map_err(|problems| {
            let sentences: Vec<String> = problems.into_iter().map(|(_, sentence)| sentence).collect();
            AppError::refused(sentences.join(". "), "expected a whole request, found mistakes")
        })?;
        let id = ExportId(self.new_uuid()?);
        let reference = crate::reports::new_reference("EX")?;
        let is_held = new.kind == ExportKind::Police && typed.hold == "yes";
        let hold = is_held.then(|| format!("request-{}", reference.to_lowercase()));
        let new = NewExport { id, reference, hold, ..new };
        let query = self.export_query(&new);
        let history = self.0.parts.history.clone();
        let counted = query.clone();
        let count = tokio::task::spawn_blocking(move || history.count(&counted, MOST_REQUESTS + 1)).await??;
        if count.more || count.events > MOST_REQUESTS {
            return Err(too_many());
        }
        if let Some(name) = &new.hold {
            self.hold_for(actor, (&new, name), query).await?;
        }
        let mut changes = vec![
            Change::Export(ExportChange::Ask(Box::new(new.clone()))),
            self.step(id, actor, CustodyStep::Asked, &format!("For {}", new.requester)),
        ];
        let held =
            new.hold.as_ref().map(|name| self.step(id, actor, CustodyStep::Held, &format!("As {name}")));
        changes.extend(held);
        let fact = export_fact(actor, &new, "ask-for-export", self.now())
            .with("kind", new.kind.slug())
            .with("basis", new.basis.slug())
            .with("requester", new.requester.clone())
            .with("purpose", new.purpose.clone())
            .with("from", new.period.0.to_string())
            .with("until", new.period.1.to_string())
            .with("person", new.person.map(|person| format!("person:{person}")).unwrap_or_default());
        if let Err(error) = self.commit(&fact, &changes).await {
            self.release_of(actor, &new).await?;
            return Err(error);
        }
        Ok(id)
    }

    /// Keeps what a request is about from expiring. Where that cannot be recorded it is undone.
    async fn hold_for(
        &self,
        actor: &Actor,
        (asked, name): (&NewExport, &str),
        query: Query,
    ) -> Result<(), AppError> {
        let (history, now, name) = (self.0.parts.history.clone(), self.now(), name.to_owned());
        let why = format!("For the request {}", asked.reference);
        let reason = HoldReason { why, by: owner_of(actor), ..HoldReason::default() };
        let held = tokio::task::spawn_blocking(move || history.hold(&name, &query, &reason, now)).await??;
        let words = format!("{} requests, until somebody releases the hold {}", held.events, held.name);
        let fact = export_fact(actor, asked, "hold-history", self.now()).with("hold", held.name);
        if let Err(error) = self.note(&fact.with("words", words)).await {
            self.release_of(actor, asked).await?;
            return Err(error);
        }
        Ok(())
    }

    /// Ends the hold of a request that came to nothing, where it stands.
    async fn release_of(&self, actor: &Actor, asked: &NewExport) -> Result<(), AppError> {
        let Some(name) = asked.hold.clone() else { return Ok(()) };
        let (history, now) = (self.0.parts.history.clone(), self.now());
        let released = tokio::task::spawn_blocking(move || {
            let stands = history.holds()?.iter().any(|hold| hold.name == name);
            stands.then(|| history.release(&name, now)).transpose()
        });
        let Some(hold) = released.await?? else { return Ok(()) };
        self.note(&export_fact(actor, asked, "release-hold", now).with("hold", hold.name)).await
    }

    /// Does something with a request; false where this person may see no such request.
    ///
    /// # Errors
    /// [`AppError::Refused`] where who approves is who asked, without a reason, or where somebody was quicker.
    pub async fn work_on_export(
        &self,
        actor: &Actor,
        id: ExportId,
        deed: ExportDeed,
    ) -> Result<bool, AppError> {
        let Some(record) = self.export_for(actor, id).await? else { return Ok(false) };
        match deed {
            ExportDeed::Approve(why) => {
                self.decide(actor, &record, (ExportState::Approved, &why)).await?;
                self.make_pack(actor, id).await?;
            }
            ExportDeed::Refuse(why) => {
                self.decide(actor, &record, (ExportState::Refused, &why)).await?;
                self.release_of(actor, &record.asked).await?;
            }
            ExportDeed::Make => self.make_pack(actor, id).await?,
        }
        Ok(true)
    }

    async fn decide(
        &self,
        actor: &Actor,
        record: &ExportRecord,
        (state, why): (ExportState, &str),
    ) -> Result<(), AppError> {
        if record.asked.asked.1 == actor.to_string() {
            return Err(AppError::refused(
                "You asked for this. Another person must look at it.",
                "expected another person than the one who asked, found the same",
            ));
        }
        may_deal(actor, &record.asked)?;
        let why = checked_words(why, true)?;
        let (id, at, by) = (record.asked.id, self.now(), actor.to_string());
        let (step, action) = match state {
            ExportState::Refused => (CustodyStep::Refused, "refuse-export"),
            _ => (CustodyStep::Approved, "approve-export"),
        };
        let said = match (state, &record.asked.hold) {
            (ExportState::Refused, Some(hold)) => format!("{why} (the hold {hold} is released)"),
            _ => why.clone(),
        };
        let changes = [
            Change::Export(ExportChange::Decide { id, state, at, by, why: why.clone() }),
            self.step(id, actor, step, &said),
        ];
        let fact = export_fact(actor, &record.asked, action, at).with("reason", why);
        self.commit(&fact, &changes).await
    }

    /// The pack, to take away; `None` where this person may see no such request, or it is not made. That it is taken is
    /// recorded first.
    ///
    /// # Errors
    /// [`AppError::Refused`] where this person may not have it, where another gate made it again since, or it is not what was
    /// made: that is an alarm.
    pub async fn download_export(&self, actor: &Actor, id: ExportId) -> Result<Option<PackFile>, AppError> {
        let Some(record) = self.export_for(actor, id).await? else { return Ok(None) };
        let Some(made) = record.made else { return Ok(None) };
        may_deal(actor, &record.asked)?;
        let (path, fingerprint) = (self.pack_path(id), self.key_fingerprint());
        let (expected, rest) = (made.manifest.clone(), self.rest_key()?);
        let opened = tokio::task::spawn_blocking(move || {
            open_as_made((&path, rest), (&pack_name(id), &fingerprint, &expected))
        });
        let opened = match opened.await? {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(AppError::refused(
                    self.where_it_lies(id, made.at).await?.in_words(),
                    "expected a pack where it was put, found none",
                ));
            }
            Err(error) => return Err(AppError::failed(format!("expected a pack to open, found: {error}"))),
        };
        let fact = |action| {
            let fact = export_fact(actor, &record.asked, action, self.now());
            fact.with("manifest", made.manifest.clone())
        };
        let Some(file) = opened else {
            // What is left here of one that another gate made again is not what was made last, and nobody changed it.
            let place = self.where_it_lies(id, made.at).await?;
            if place != PackPlace::Here {
                return Err(AppError::refused(
                    place.in_words(),
                    "expected the pack that was made last, found an earlier one",
                ));
            }
            tracing::error!(export = %id, "a pack is not what was made; it was not handed over");
            self.note(&fact("find-export-changed")).await?;
            return Err(AppError::refused(
                "This pack is not what was made: its file was changed or exchanged. It was not handed over. Tell your \
                 technician, and keep the file.",
                "expected a pack as it was made, found another",
            ));
        };
        let step = self.step(id, actor, CustodyStep::Downloaded, "");
        self.commit(&fact("download-export"), &[step]).await?;
        let name = format!("{}.zip", record.asked.reference.to_lowercase());
        Ok(Some(PackFile { name, bytes: file.length(), file }))
    }

    /// The requests that this person may see, those that wait first.
    pub async fn exports_view(&self, actor: &Actor) -> Result<ExportsView, AppError> {
        let reach = self.reach(actor, Action::ExportHistory).await?;
        let records = self.0.parts.store.exports(&scopes_for(actor, Action::ExportHistory)).await?;
        let rows = records.iter().filter(|record| self.may_see(actor, &reach, &record.asked));
        let audit = self.0.parts.health.seen().audit;
        Ok(ExportsView {
            rows: rows.map(|record| self.export_row(record)).collect(),
            fingerprint: self.key_fingerprint(),
            audit: audit.map(|audit| (audit.at, audit.facts, audit.faults)),
        })
    }

    /// One request; `None` where this person may see no such one.
    pub async fn export_view(&self, actor: &Actor, id: ExportId) -> Result<Option<ExportView>, AppError> {
        let Some(record) = self.export_for(actor, id).await? else { return Ok(None) };
        let custody = self.0.parts.store.custody(id).await?;
        let custody = custody.into_iter().map(|entry| CustodyView {
            at: entry.at,
            by: self.name_in_audit(&entry.actor),
            step: entry.step,
            words: entry.words,
        });
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let waits = record.state == ExportState::Asked;
        let place = match &record.made {
            Some(made) => Some(self.where_it_lies(id, made.at).await?),
            None => None,
        };
        let by_viewer = record.asked.asked.1 == actor.to_string();
        Ok(Some(ExportView {
            row: self.export_row(&record),
            terms: self.export_terms(&record),
            custody: custody.collect(),
            may_decide: waits && !by_viewer && may_deal(actor, &record.asked).is_ok(),
            asked_by_viewer: waits && by_viewer,
            elsewhere: place
                .filter(|place| *place != PackPlace::Here)
                .map(|place| place.in_words())
                .unwrap_or_default(),
            fingerprint: self.key_fingerprint(),
            made: record.made.map(|made| (number(made.bytes), number(made.requests), made.manifest)),
        }))
    }

    /// What a request is about, name and words: on the screen and in the pack.
    pub(crate) fn export_terms(&self, record: &ExportRecord) -> Vec<(String, String)> {
        let asked = &record.asked;
        let zone = self.snapshot().policy().time_zone.clone();
        let about = match (asked.person, asked.kind.naming()) {
            (None, _) => "Everybody".to_owned(),
            (Some(person), Naming::Nobody) => self.pseudonym_of(person),
            (Some(person), _) => self.display_name(person),
        };
        let last = asked.period.1.plus_ms(-1);
        let decided = record.decided.as_ref().map(|(at, by, why)| {
            format!("{} by {}: {why}", words::date_and_time(&zone, *at), self.name_in_audit(by))
        });
        let by = |(at, by): &(model::Timestamp, String)| {
            format!("{} by {}", words::date_and_time(&zone, *at), self.name_in_audit(by))
        };
        [
            ("Reference", asked.reference.clone()),
            ("Who asks", format!("{}: {}", asked.kind.title(), asked.requester)),
            ("Their reference", asked.their_reference.clone()),
            ("Lawful basis", asked.basis.title().to_owned()),
            ("What for", asked.purpose.clone()),
            ("Whose requests", about),
            ("First day", words::form_date(&zone, asked.period.0)),
            ("Last day", words::form_date(&zone, last)),
            ("Place", self.place_in_words(&asked.scope)),
            ("Kept from expiring as", asked.hold.clone().unwrap_or_default()),
            ("Asked for", by(&asked.asked)),
            (
                if record.state == ExportState::Refused { "Refused" } else { "Approved" },
                decided.unwrap_or_default(),
            ),
        ]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(name, words)| (name.to_owned(), words))
        .collect()
    }

    fn place_in_words(&self, scope: &Scope) -> String {
        match self.place_of(scope) {
            place if place.is_empty() => "Everywhere".to_owned(),
            place => place,
        }
    }

    fn export_row(&self, record: &ExportRecord) -> ExportRow {
        let asked = &record.asked;
        ExportRow {
            id: asked.id.to_string(),
            reference: asked.reference.clone(),
            kind: asked.kind,
            requester: asked.requester.clone(),
            state: record.state,
            asked_at: asked.asked.0,
            asked_by: self.name_in_audit(&asked.asked.1),
        }
    }

    /// The request, where this person may see it.
    pub(crate) async fn export_for(
        &self,
        actor: &Actor,
        id: ExportId,
    ) -> Result<Option<ExportRecord>, AppError> {
        let reach = self.reach(actor, Action::ExportHistory).await?;
        let record = self.0.parts.store.export(id).await?;
        Ok(record.filter(|record| self.may_see(actor, &reach, &record.asked)))
    }

    /// A request about one person is for those who may be shown that person's name. About somebody who has left, it is for
    /// those who deal with everybody's.
    fn may_see(&self, actor: &Actor, reach: &Reach, asked: &NewExport) -> bool {
        if permit(actor, Action::ExportHistory, &asked.scope).is_err() {
            return false;
        }
        let Some(subject) = asked.person else { return true };
        let roster = self.0.parts.roster.get();
        match roster.person(subject) {
            Some(person) => self.with_sight(actor, reach, |sight| sight.may_name(person)),
            None => is_for_everybody(actor, &asked.scope),
        }
    }

    pub(crate) fn step(&self, id: ExportId, actor: &Actor, step: CustodyStep, words: &str) -> Change {
        let (at, actor, words) = (self.now(), actor.to_string(), words.to_owned());
        Change::Export(ExportChange::Step(id, CustodyEntry { at, actor, step, words }))
    }

    /// The requests of the history that it is about.
    pub(crate) fn export_query(&self, asked: &NewExport) -> Query {
        let reach = reach_of(std::slice::from_ref(&asked.scope), &self.snapshot());
        Query {
            from: Some(asked.period.0),
            until: Some(asked.period.1),
            people: asked.person.map(|person| vec![person]),
            schools: reach.schools(),
            ..Query::default()
        }
    }

    /// Reads the form; the id, reference and hold are still to be set.
    fn read_export(&self, actor: &Actor, typed: &ExportQuestion) -> Result<NewExport, Vec<(String, String)>> {
        let mut problems = Vec::new();
        let mut note = |field: &str, sentence: &str| problems.push((field.to_owned(), sentence.to_owned()));
        let kind = ExportKind::parse(&typed.kind);
        if kind.is_none() {
            note("kind", "Choose who asks");
        }
        let requester = line(&typed.requester, true);
        if requester.is_none() {
            note("requester", "Write who asks, in 200 characters at most");
        }
        let their_reference = line(&typed.their_reference, false);
        if their_reference.is_none() {
            note("their_reference", "Write their reference in 200 characters at most");
        }
        let scope = scopes_for(actor, Action::ExportHistory).into_iter().next().unwrap_or(Scope::Trust);
        let person =
            self.person_of_export((actor, &scope), kind, typed.person.trim()).unwrap_or_else(|sentence| {
                note("person", sentence);
                None
            });
        let period = self.period_of_export(typed).unwrap_or_else(|(field, sentence)| {
            note(field, sentence);
            (self.now(), self.now())
        });
        let basis = LawfulBasis::parse(&typed.basis);
        if basis.is_none() {
            note("basis", "Choose the lawful basis");
        }
        let purpose = checked_words(&typed.purpose, true).ok();
        if purpose.is_none() {
            note("purpose", "Write what it is for");
        }
        if kind == Some(ExportKind::Police) && !matches!(typed.hold.as_str(), "yes" | "no") {
            note("hold", "Choose yes or no");
        }
        let read = (kind, requester, their_reference, basis, purpose);
        let (Some(kind), Some(requester), Some(their_reference), Some(basis), Some(purpose), true) =
            (read.0, read.1, read.2, read.3, read.4, problems.is_empty())
        else {
            return Err(problems);
        };
        Ok(NewExport {
            id: ExportId(uuid::Uuid::nil()),
            scope,
            reference: String::new(),
            kind,
            basis,
            requester,
            their_reference,
            purpose,
            person,
            period,
            hold: None,
            asked: (self.now(), actor.to_string()),
        })
    }

    fn person_of_export(
        &self,
        (actor, scope): (&Actor, &Scope),
        kind: Option<ExportKind>,
        login: &str,
    ) -> Result<Option<PersonId>, &'static str> {
        if login.is_empty() {
            return match kind {
                Some(ExportKind::SubjectAccess) => {
                    Err("Write the user name of whoever asks what is held about them")
                }
                _ => Ok(None),
            };
        }
        let roster = self.0.parts.roster.get();
        let reach = reach_of(std::slice::from_ref(scope), &self.snapshot());
        let found =
            roster.person_by_login(&login.to_lowercase()).filter(|person| reach.covers_person(person));
        match found {
            None => Err("Nobody here has that user name. Check how it is spelt"),
            Some(person) if is_actor(actor, person.id) => {
                Err("This is about you: ask somebody else to deal with it")
            }
            Some(person) if !self.with_sight(actor, &reach, |sight| sight.may_name(person)) => Err(
                "You may not see this person\u{2019}s history: ask a headteacher or the data-protection officer",
            ),
            Some(person) => Ok(Some(person.id)),
        }
    }

    fn period_of_export(
        &self,
        typed: &ExportQuestion,
    ) -> Result<(model::Timestamp, model::Timestamp), (&'static str, &'static str)> {
        let zone = self.snapshot().policy().time_zone.clone();
        let wrong = "Write the date as year, month and day, such as 2026-11-22";
        let from = words::start_of_date(&zone, &typed.from).ok_or(("from", wrong))?;
        let until = words::end_of_date(&zone, &typed.until).ok_or(("until", wrong))?;
        match (from < until, from <= self.now()) {
            (true, true) => Ok((from, until)),
            (false, _) => Err(("until", "The last day must not be before the first")),
            (true, false) => Err(("from", "The first day must not be after today")),
        }
    }
}

pub(crate) fn too_many() -> AppError {
    AppError::refused(
        "More than 200,000 requests match, and that is the most that one pack holds. Ask for a shorter time, or for one \
         person, and make several packs.",
        "expected at most 200,000 requests for a pack, found more",
    )
}

pub(crate) fn export_fact(
    actor: &Actor,
    asked: &NewExport,
    action: &'static str,
    at: model::Timestamp,
) -> Fact {
    Fact::new(actor, asked.scope.clone(), at, action)
        .about(format!("export:{}", asked.id))
        .with("reference", asked.reference.clone())
}

/// What is about everybody has staff and heads in it, whom not everybody who exports may read about.
fn may_deal(actor: &Actor, asked: &NewExport) -> Result<(), AppError> {
    if asked.person.is_some() || is_for_everybody(actor, &asked.scope) {
        return Ok(());
    }
    Err(AppError::refused(
        "This is about everybody, staff too. Ask a headteacher or the data-protection officer to deal with it.",
        "expected a headteacher or the data-protection officer, found somebody else",
    ))
}

/// True of a headteacher and the data-protection officer of the place, and at the command line.
fn is_for_everybody(actor: &Actor, scope: &Scope) -> bool {
    match actor {
        Actor::Person { roles, .. } => roles.iter().any(|(role, at)| {
            matches!(role, Role::Headteacher | Role::DataProtectionOfficer) && at.covers(scope)
        }),
        Actor::CommandLine { .. } => true,
        Actor::Program => false,
    }
}

/// The pack, at its beginning; `None` where it is not what was made, or cannot be opened with this gate's key.
fn open_as_made(
    (path, key): (&Path, Arc<RestKey>),
    (name, fingerprint, manifest_sha256): (&str, &str, &str),
) -> io::Result<Option<SealedFile>> {
    let mut file = SealedFile::open(File::open(path)?, key, name)?;
    let report = verify_pack(&mut BufReader::new(&mut file), Some(fingerprint));
    let is_as_made = report.faults.is_empty() && report.manifest_sha256.as_deref() == Some(manifest_sha256);
    file.rewind()?;
    Ok(is_as_made.then_some(file))
}

fn is_actor(actor: &Actor, person: PersonId) -> bool {
    matches!(actor, Actor::Person { id, .. } if *id == person)
}

fn line(typed: &str, needed: bool) -> Option<String> {
    let typed = typed.trim();
    let fits =
        typed.len() <= MOST_FIELD_BYTES && !(needed && typed.is_empty()) && !typed.contains(char::is_control);
    fits.then(|| typed.to_owned())
}
