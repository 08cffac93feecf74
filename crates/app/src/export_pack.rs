//! Making a pack: the history that was asked for, as it is kept and as it is read; what was changed of the filter; what the
//! pack is, who had it in hand, whose names it hides and why; and a signed manifest.
//!
//! Everything goes to disk a row at a time, so that the memory it takes does not grow with it, and everything on the disk is
//! sealed (`wire::SealedFile`), the pack and what it is made of. A pack's time is that of its
//! approval: making it twice gives the same bytes while the audit log stands still.

use crate::export_history::{COLUMNS, cells_of, harmless};
use crate::export_merge::merged;
use crate::export_place::PackPlace;
use crate::export_rows::{Original, page_end, page_start, row_as_html};
use crate::export_words;
use crate::exports::{MOST_REQUESTS, export_fact, too_many};
use crate::history_rows::Names;
use crate::views::HistoryRow;
use crate::{App, AppError, words};
use history::{Held, History, HistoryError, Query, Stored, Tombstone};
use model::{
    Actor, AlertSubject, CustodyStep, ExportId, ExportKind, ExportState, Naming, PersonId, Scope, Timestamp,
};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{AuditRow, Change, ExportChange, ExportRecord, Fact, MadePack};
use wire::{Made, Manifest, PackWriter, RestKey, SealedFile, SigningKey};

/// Rows of a page of the readable copy.
const ROWS_OF_PAGE: u64 = 2_000;
/// The table of a spool.
const TABLE: &str = "requests.csv";
/// The rows of a spool as they are kept.
const ORIGINALS: &str = "requests.jsonl";
/// Facts of one kind that are looked through for a pack.
const MOST_FACTS: usize = 50_000;
/// What puts a person into another group, which changes the filter for them.
const MOVE: &str = "move-person";
/// What changes the filter, by the name that the audit log gives it.
const FILTER_CHANGES: [&str; 7] = [
    "propose-policy",
    "approve-policy",
    "change-lists",
    MOVE,
    "make-next-authority",
    "finish-authority-change",
    "expire-history",
];

/// What a pack holds beside the history, all of it short.
struct Papers {
    kind: ExportKind,
    fingerprint: String,
    members: Vec<(&'static str, String)>,
    manifest: Manifest,
}

/// What rows were written.
struct Spooled {
    requests: u64,
    /// What of the time that was asked for is kept no longer.
    tombstones: Vec<Tombstone>,
    unreadable: u64,
    files: Written,
}

/// How long what each file of a spool holds is, in bytes, by its name.
type Written = BTreeMap<String, u64>;

/// What rows are written with.
struct Scribe {
    app: App,
    naming: Naming,
    subject: Option<PersonId>,
    /// The hold that was made for the request.
    hold: Option<String>,
}

impl App {
    /// Makes the pack of a request that was approved, and notes it.
    pub(crate) async fn make_pack(&self, actor: &Actor, id: ExportId) -> Result<(), AppError> {
        let _making = self.0.making_pack.lock().await;
        let Some(record) = self.export_for(actor, id).await? else { return Ok(()) };
        let is_to_be_made = match (record.state, &record.made) {
            (ExportState::Approved, _) => true,
            (ExportState::Made, Some(made)) => self.where_it_lies(id, made.at).await? != PackPlace::Here,
            _ => false,
        };
        let Some((decided, ..)) = record.decided.clone().filter(|_| is_to_be_made) else {
            return Err(AppError::refused(
                "Only a request that was approved, and whose pack does not lie here, can be made.",
                "expected an approved request, found another",
            ));
        };
        let papers = self.papers(&record, decided).await?;
        let mut query = self.export_query(&record.asked);
        query.until = query.until.map(|until| until.min(decided));
        let scribe = Scribe {
            app: self.clone(),
            naming: record.asked.kind.naming(),
            subject: record.asked.person,
            hold: record.asked.hold.clone(),
        };
        self.note_look(actor, &record).await?;
        let (folder, path) = (self.0.parts.seals.packs.clone(), self.pack_path(id));
        let (history, key) = (self.0.parts.history.clone(), Arc::clone(&self.0.parts.seals.key));
        let rest = self.rest_key()?;
        let work = move || {
            let spool = Spool::in_folder(&folder, (id, rest))?;
            let spooled = scribe.spool(&history, &query, &spool)?;
            let made = spool.bind(papers, &spooled, &key, &path)?;
            Ok::<_, AppError>((made, spooled.requests))
        };
        let (made, requests) = tokio::task::spawn_blocking(work).await??;
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let pack = MadePack {
            at: self.now(),
            bytes: number(made.bytes),
            requests: number(requests),
            manifest: made.manifest_sha256.clone(),
        };
        let words = format!("{requests} requests; the manifest's SHA-256 is {}", made.manifest_sha256);
        let changes =
            [Change::Export(ExportChange::Made(id, pack)), self.step(id, actor, CustodyStep::Made, &words)];
        let fact = export_fact(actor, &record.asked, "make-export", self.now())
            .with("manifest", made.manifest_sha256)
            .with("requests", requests.to_string())
            .with("gate", self.own_name());
        self.commit(&fact, &changes).await
    }

    /// Whoever makes a pack about one person looks at their history: their school's weekly report has it.
    async fn note_look(&self, actor: &Actor, record: &ExportRecord) -> Result<(), AppError> {
        let Some(person) = record.asked.person else { return Ok(()) };
        let scope = self.scope_of(&AlertSubject { person: Some(person), ..AlertSubject::default() });
        let fact = Fact::new(actor, scope, self.now(), "look-at-person").about(format!("person:{person}"));
        self.note(&fact.with("why", format!("The pack of the request {}", record.asked.reference))).await
    }

    /// Somebody's name and login.
    fn name_and_login(&self, person: PersonId) -> (String, String) {
        let roster = self.0.parts.roster.get();
        roster.person(person).map_or_else(
            || ("Somebody who has left".to_owned(), String::new()),
            |found| (found.display_name.clone(), found.login.clone()),
        )
    }

    /// Where the pack of a request lies.
    pub(crate) fn pack_path(&self, id: ExportId) -> PathBuf {
        self.0.parts.seals.packs.join(pack_name(id))
    }

    /// The key that seals packs: whoever copies their folder alone reads none.
    pub(crate) fn rest_key(&self) -> Result<Arc<RestKey>, AppError> {
        let key = identity::key_for(&self.0.parts.pepper, "packs at rest")?;
        Ok(Arc::new(RestKey::from_bytes(&key)?))
    }

    /// What this gate is called; empty where it has no name.
    pub(crate) fn own_name(&self) -> String {
        self.0.parts.own_hosts.first().map(ToString::to_string).unwrap_or_default()
    }

    async fn papers(&self, record: &ExportRecord, decided: Timestamp) -> Result<Papers, AppError> {
        let (asked, store) = (&record.asked, &self.0.parts.store);
        let zone = self.snapshot().policy().time_zone.clone();
        let organisation = self.organisation_of(&asked.scope);
        let custody = store.custody(asked.id).await?;
        let custody = custody.iter().filter(|entry| entry.step != CustodyStep::Downloaded);
        let lines: Vec<String> = custody
            .map(|entry| {
                let (at, by) = (words::date_and_time(&zone, entry.at), self.name_in_audit(&entry.actor));
                let (by, said) = (export_words::one_line(&by), export_words::one_line(&entry.words));
                format!("{} | {at} | {} | {by} | {said}\r\n", entry.at, entry.step.title())
            })
            .collect();
        let scopes = chains_of(record);
        let audit = self.audit_heads_of(&scopes).await?;
        let manifest = Manifest {
            organisation,
            reference: asked.reference.clone(),
            kind: asked.kind.slug().to_owned(),
            made_at: decided.to_string(),
            from: asked.period.0.to_string(),
            until: asked.period.1.min(decided).to_string(),
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            audit,
            ..Manifest::default()
        };
        let mut members = vec![
            ("request.txt", export_words::terms(&self.export_terms(record))),
            ("custody.txt", export_words::custody(&lines)),
        ];
        if asked.kind.naming() == Naming::Everybody {
            members.push(("originals/changes.jsonl", self.filter_changes(record).await?));
        }
        Ok(Papers { kind: asked.kind, fingerprint: self.key_fingerprint(), members, manifest })
    }

    /// The facts about changes of the filter in the period, oldest first, a JSON object a line.
    async fn filter_changes(&self, record: &ExportRecord) -> Result<String, AppError> {
        let mut facts = Vec::new();
        for scope in chains_of(record) {
            for action in FILTER_CHANGES {
                let store = &self.0.parts.store;
                let found = store.facts_between((&scope, action), record.asked.period, MOST_FACTS).await?;
                if found.len() >= MOST_FACTS {
                    return Err(AppError::failed(format!(
                        "expected fewer than {MOST_FACTS} facts of {action} in the period, found as many or more"
                    )));
                }
                facts.extend(found);
            }
        }
        facts.retain(|fact| fact.action != MOVE || is_move_of(record, fact));
        facts.sort_by(|one, other| {
            (one.at, &one.scope, one.sequence).cmp(&(other.at, &other.scope, other.sequence))
        });
        Ok(facts.iter().map(export_words::fact_as_json).collect())
    }
}

/// The chains of the audit log that a request reaches: its own, and the trust's, in which changes for every school stand.
fn chains_of(record: &ExportRecord) -> Vec<Scope> {
    match record.asked.scope.clone() {
        Scope::Trust => vec![Scope::Trust],
        own @ Scope::School(_) => vec![own, Scope::Trust],
    }
}

/// Who was moved is said of whom the request is about alone; where that is everybody, of those in its own chain.
fn is_move_of(record: &ExportRecord, fact: &AuditRow) -> bool {
    match record.asked.person {
        Some(person) => fact.subject == format!("person:{person}"),
        None => fact.scope == record.asked.scope.to_string(),
    }
}

impl Scribe {
    /// Writes each row as it is kept, as a line of a table, and as a row of a page.
    fn spool(&self, history: &History, query: &Query, spool: &Spool) -> Result<Spooled, AppError> {
        let (roster, snapshot) = (self.app.0.parts.roster.get(), self.app.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let mut out = spool.begin()?;
        out.table.write_record(COLUMNS).map_err(failed)?;
        // Before the rows: what expires meanwhile is in the hold, and is a row of the pack all the same.
        let (tombstones, held) = (history.tombstones(query)?, self.held(history)?);
        let mut requests = 0;
        let unreadable = merged((history, held.as_ref()), query, &mut |stored| {
            if requests == MOST_REQUESTS {
                return Err(too_many());
            }
            self.write_row(&names, &stored, (&mut out, requests))?;
            requests += 1;
            Ok(())
        })?;
        let files = out.end()?;
        Ok(Spooled { requests, tombstones, unreadable, files })
    }

    /// What was held for the request, where nobody released it.
    fn held(&self, history: &History) -> Result<Option<Held>, HistoryError> {
        let Some(name) = &self.hold else { return Ok(None) };
        let stands = history.holds()?.iter().any(|hold| hold.name == *name)
            || history.unreadable_holds()?.iter().any(|hold| hold.name == *name);
        stands.then(|| history.held(name)).transpose()
    }

    fn write_row(
        &self,
        names: &Names<'_>,
        stored: &Stored,
        (out, place): (&mut Rows<'_>, u64),
    ) -> Result<(), AppError> {
        let hidden = stored.event.person.filter(|person| self.is_hidden(*person));
        let pseudonym = hidden.map(|person| self.app.pseudonym_of(person));
        let (person, login) = match (&pseudonym, stored.event.person) {
            (Some(pseudonym), _) => (pseudonym.clone(), String::new()),
            (None, Some(person)) => self.app.name_and_login(person),
            (None, None) => ("Not known".to_owned(), String::new()),
        };
        let row = HistoryRow { person, ..names.row(stored) };
        let mut cells = cells_of(names, stored, (row, login));
        // A device's name may have a person's in it: column 6.
        if (pseudonym.is_some() || self.naming == Naming::Nobody)
            && let Some(device) = cells.get_mut(6)
        {
            *device = stored.event.device.map(|device| device.to_string()).unwrap_or_default();
        }
        serde_json::to_writer(&mut out.originals, &Original::of(stored, pseudonym)).map_err(failed)?;
        out.originals.write_all(b"\n").map_err(failed)?;
        out.table.write_record(cells.iter().map(|cell| harmless(cell))).map_err(failed)?;
        if place.is_multiple_of(ROWS_OF_PAGE) {
            out.turn_page()?;
        }
        out.page()?.write_all(row_as_html(&cells).as_bytes()).map_err(failed)
    }

    fn is_hidden(&self, person: PersonId) -> bool {
        match self.naming {
            Naming::Everybody => false,
            Naming::Nobody => true,
            Naming::OnlySubject => self.subject != Some(person),
        }
    }
}

/// A folder for what goes into a pack, gone with everything in it when it is dropped.
struct Spool {
    folder: PathBuf,
    key: Arc<RestKey>,
    /// The pack that is made.
    id: ExportId,
}

/// The files that rows are written to.
struct Rows<'a> {
    spool: &'a Spool,
    originals: BufWriter<SealedFile>,
    table: csv::Writer<BufWriter<SealedFile>>,
    pages: usize,
    page: Option<BufWriter<SealedFile>>,
    /// Those that are whole.
    written: Written,
}

impl Spool {
    fn in_folder(packs: &Path, (id, key): (ExportId, Arc<RestKey>)) -> Result<Self, AppError> {
        let folder = packs.join(format!("{MAKING}{id}"));
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        Ok(Self { folder, key, id })
    }

    fn begin(&self) -> Result<Rows<'_>, AppError> {
        let table = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(BufWriter::new(self.file(TABLE)?));
        let originals = BufWriter::new(self.file(ORIGINALS)?);
        Ok(Rows { spool: self, originals, table, pages: 0, page: None, written: Written::new() })
    }

    fn file(&self, name: &str) -> Result<SealedFile, AppError> {
        self.sealed(name, &self.called(name))
    }

    fn sealed(&self, name: &str, called: &str) -> Result<SealedFile, AppError> {
        let mut options = fs::OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(self.folder.join(name));
        Ok(SealedFile::create(file.map_err(failed)?, Arc::clone(&self.key), called))
    }

    /// A file that was written, where it is as long as it was then: one that was cut at a block's edge opens as a shorter one.
    fn open(&self, name: &str, written: &Written) -> Result<SealedFile, AppError> {
        let file = File::open(self.folder.join(name)).map_err(failed)?;
        let file = SealedFile::open(file, Arc::clone(&self.key), &self.called(name)).map_err(failed)?;
        match written.get(name) {
            Some(length) if *length == file.length() => Ok(file),
            _ => Err(failed("a part that is not as long as it was written")),
        }
    }

    /// What a file is sealed as: no other pack's passes for it.
    fn called(&self, name: &str) -> String {
        format!("{MAKING}{}/{name}", self.id)
    }

    /// Puts everything into the pack, which lies at `path` whole or not at all.
    fn bind(
        &self,
        papers: Papers,
        spooled: &Spooled,
        key: &SigningKey,
        path: &Path,
    ) -> Result<Made, AppError> {
        let unfinished = self.folder.join("pack.zip");
        let mut pack = PackWriter::new(BufWriter::new(self.sealed("pack.zip", &pack_name(self.id))?));
        let Papers { kind, fingerprint, members, manifest } = papers;
        let Spooled { requests, tombstones, unreadable, files } = spooled;
        let manifest = Manifest { rows: *requests, unreadable: *unreadable, ..manifest };
        let first = [
            ("readme.txt", export_words::readme(&manifest.organisation, &manifest, &fingerprint)),
            ("redactions.txt", export_words::redactions(kind, *unreadable)),
            ("expired.txt", export_words::expired(tombstones)),
        ];
        for (name, text) in first.iter().chain(&members) {
            pack.add(name, &mut text.as_bytes())?;
        }
        let mut copies = vec![
            (format!("originals/{ORIGINALS}"), ORIGINALS.to_owned()),
            (format!("readable/{TABLE}"), TABLE.to_owned()),
        ];
        let pages = (1..).map(page_name).take_while(|name| files.contains_key(name));
        copies.extend(pages.map(|name| (format!("readable/{name}"), name)));
        for (name, file) in copies {
            pack.add(&name, &mut BufReader::new(self.open(&file, files)?))?;
        }
        let (out, made) = pack.finish(manifest, key)?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        file.finish().map_err(failed)?;
        fs::rename(unfinished, path).map_err(failed)?;
        // The new name is on disk before the records say that the pack is made.
        let folder = path.parent().unwrap_or(&self.folder);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(made)
    }
}

/// What a pack's file is called, and sealed as.
pub(crate) fn pack_name(id: ExportId) -> String {
    format!("{id}{PACK}")
}

/// How a pack's file ends.
pub(crate) const PACK: &str = ".pack";

/// Where what goes into packs is put together: folders of this beginning, in that of the packs.
pub(crate) const MAKING: &str = "making-";

impl Drop for Spool {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, "what a pack was made of could not be removed");
        }
    }
}

impl Rows<'_> {
    fn turn_page(&mut self) -> Result<(), AppError> {
        self.end_page()?;
        self.pages += 1;
        let mut page = BufWriter::new(self.spool.file(&page_name(self.pages))?);
        page.write_all(page_start(self.pages, &COLUMNS).as_bytes()).map_err(failed)?;
        self.page = Some(page);
        Ok(())
    }

    fn page(&mut self) -> Result<&mut BufWriter<SealedFile>, AppError> {
        self.page.as_mut().ok_or_else(|| AppError::failed("expected a page to write on, found none"))
    }

    fn end_page(&mut self) -> Result<(), AppError> {
        match self.page.take() {
            Some(mut page) => {
                page.write_all(page_end().as_bytes()).map_err(failed)?;
                self.written.insert(page_name(self.pages), finished(page)?);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(mut self) -> Result<Written, AppError> {
        self.end_page()?;
        let table = self.table.into_inner().map_err(|error| failed(error.error()))?;
        self.written.insert(TABLE.to_owned(), finished(table)?);
        self.written.insert(ORIGINALS.to_owned(), finished(self.originals)?);
        Ok(self.written)
    }
}

/// Ends a file; how long what it holds is, in bytes.
fn finished(file: BufWriter<SealedFile>) -> Result<u64, AppError> {
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    let length = file.length();
    file.finish().map_err(failed)?;
    Ok(length)
}

fn page_name(number: usize) -> String {
    format!("requests-{number:04}.html")
}

fn failed(error: impl std::fmt::Display) -> AppError {
    AppError::failed(format!("expected to write a pack, found: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 64 KiB are when they are sealed.
    const SEALED_BLOCK: u64 = (64 << 10) + 28;

    #[test]
    fn a_part_that_was_cut_at_a_blocks_edge_is_not_taken_for_a_whole_one() {
        let (packs, key) = (tempfile::tempdir().unwrap(), Arc::new(RestKey::from_bytes(&[7; 32]).unwrap()));
        let id = ExportId(uuid::Uuid::from_u128(7));
        let spool = Spool::in_folder(packs.path(), (id, key)).unwrap();
        let mut out = spool.begin().unwrap();
        out.turn_page().unwrap();
        for _ in 0..100 {
            let piece = "x".repeat(1_000);
            out.table.write_record([&piece]).unwrap();
            out.originals.write_all(piece.as_bytes()).unwrap();
            out.page().unwrap().write_all(piece.as_bytes()).unwrap();
        }
        let written = out.end().unwrap();
        assert!(written.keys().eq([page_name(1).as_str(), TABLE, ORIGINALS]), "{written:?}");
        for name in written.keys() {
            assert!(spool.open(name, &written).is_ok(), "{name}");
            let file = fs::OpenOptions::new().write(true).open(spool.folder.join(name)).unwrap();
            file.set_len(SEALED_BLOCK).unwrap();
            let cut = spool.open(name, &written);
            assert!(cut.err().unwrap().to_string().contains("as long as it was written"), "{name}");
        }
    }
}
