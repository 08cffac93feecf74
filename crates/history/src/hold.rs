//! Legal holds: copies of rows that outlive the day they came from.
//!
//! A hold has a name and a query. What matches is copied at once, as columns under keys of their own, and again when a day is
//! about to expire, so that what matched only later is held as well. Ids stay what they were. A held row is read through its
//! hold alone: a search of the history does not find what has expired.
//!
//! A hold's folder is `held/NAME`: its days as in the history's own folder, and `hold`, the query, sealed with the school's
//! key. **Left out:** who may hold and release, which `app` decides and records.

use crate::HistoryError;
use crate::columns::{Builder, Columns, Looker, NewFile, columns_file};
use crate::embedded::Embedded;
use crate::error::disk;
use crate::filter::Filter;
use crate::key::{Keys, Refused, refused};
use crate::query::{Count, DaySummary, Exported, Page, Query, Stored};
use crate::row::{self, Row};
use crate::shelf::{DayFiles, FILE_MODE, FOLDER_MODE, Shelf};
use model::{
    Category, Channel, Day, DeviceId, EventOutcome, GateId, GroupId, Layer, ListId, PersonId, SchoolId,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use uuid::Uuid;

/// The longest name of a hold, in bytes.
const MOST_NAME_BYTES: usize = 64;
/// The most a query may take when it is read.
const MOST_NOTE_BYTES: u64 = 4 << 20;
const ABOUT: &[u8] = b"hold";

/// A hold, and what it holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Hold {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// When it was made.
    pub made: Timestamp,
    /// What it holds: every event that matches, whatever its `limit`, `before` and `read_at_most`.
    pub query: Query,
    /// Events that are held.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The rows of a hold.
pub struct Held {
    gate: GateId,
    shelf: Shelf,
}

impl Held {
    /// A page of the held events that match, newest first.
    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        crate::scan::page(&self.shelf, self.gate, query)
    }

    /// How many held events match, counting `most` at most.
    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        let (events, more) = crate::scan::count(&self.shelf, self.gate, query, most)?;
        Ok(Count { events, more })
    }

    /// Hands over every held event that matches, newest first, until `out` breaks.
    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        crate::scan::export(&self.shelf, self.gate, query, out)
    }

    /// The days of which something is held, oldest first.
    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        crate::shelf::summaries(&self.shelf)
    }
}

impl Embedded {
    /// Holds every event that matches, from now until [`Embedded::release`]; what is held so far.
    ///
    /// A hold of that name is made wider or narrower from now on. Of each day the copy with more rows stays, not both.
    ///
    /// # Errors
    /// [`HistoryError::HoldName`]; what reading and writing days may end in.
    pub fn hold(&self, name: &str, query: &Query, now: Timestamp) -> Result<Hold, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder_of(name)?;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE).create(&folder).map_err(disk("make", &folder))?;
        let note = Note { made: now.0, query: KeptQuery::of(query) };
        write_note(&folder, &self.0.shelf, &note)?;
        for day in self.0.shelf.days() {
            self.hold_day(&folder, day, query)?;
        }
        self.hold_named(name, &folder)
    }

    /// Every hold, by name.
    pub fn holds(&self) -> Result<Vec<Hold>, HistoryError> {
        let mut names = Vec::new();
        let all = self.held_folder();
        match fs::read_dir(&all) {
            Ok(entries) => {
                names.extend(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(disk("list", &all)(source)),
        }
        names.retain(|name| is_name(name));
        names.sort();
        names.iter().map(|name| self.hold_named(name, &all.join(name))).collect()
    }

    /// The rows of a hold.
    pub fn held(&self, name: &str) -> Result<Held, HistoryError> {
        let folder = self.folder_of(name)?;
        let keys = self.0.shelf.keys_in(&folder)?;
        Ok(Held { gate: self.0.gate, shelf: Shelf::held(&folder, keys)? })
    }

    /// Ends a hold: what it held is gone, but for what the history itself still has. Leaves a line in `expired.log`.
    pub fn release(&self, name: &str, now: Timestamp) -> Result<Hold, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder_of(name)?;
        let hold = self.hold_named(name, &folder)?;
        let Hold { events, bytes, .. } = &hold;
        self.0.shelf.note_expired(&format!("held/{name}\t{events}\t{bytes}\t{now}\treleased\n"))?;
        fs::remove_dir_all(&folder).map_err(disk("remove", &folder))?;
        Ok(hold)
    }

    /// Copies what of a day any hold asks for. To be called before the day goes.
    pub(crate) fn hold_before_expiry(&self, holds: &[Hold], day: Day) -> Result<u64, HistoryError> {
        // What was set aside may hold what a hold asks for, and can be read again once its key is put back.
        if !holds.is_empty() && self.0.shelf.has_asides(day) {
            return Err(HistoryError::DamagedDay { day, file: columns_file(self.0.shelf.folder(), day) });
        }
        let mut held = 0;
        for hold in holds {
            held += self.hold_day(&self.folder_of(&hold.name)?, day, &hold.query)?;
        }
        Ok(held)
    }

    fn hold_day(&self, folder: &Path, day: Day, query: &Query) -> Result<u64, HistoryError> {
        let query = Query { before: None, read_at_most: u64::MAX, ..query.clone() };
        let filter = Filter::new(&query);
        let Some((files, _)) = self.0.shelf.files(day)? else { return Ok(0) };
        let keys = self.0.shelf.keys_in(folder)?;
        let place = columns_file(folder, day);
        let before =
            Columns::open(place.clone(), day, || keys.of_day(day))?.map_or(0, |columns| columns.events());
        let mut file: Option<NewFile> = None;
        let mut builder = Builder::new(day);
        each_row_upwards(&files, &filter, &mut |sequence, row| {
            builder.push(sequence, row)?;
            match builder.is_full() {
                true => builder.write_to(begun(&mut file, &place, day, &keys)?),
                false => Ok(()),
            }
        })?;
        if !builder.is_empty() {
            builder.write_to(begun(&mut file, &place, day, &keys)?)?;
        }
        let Some(file) = file else { return Ok(before) };
        let events = file.events();
        let fresh = file.finish()?;
        // A day may have lost some of what is held since.
        if events < before {
            fs::remove_file(&fresh).map_err(disk("remove", &fresh))?;
            return Ok(before);
        }
        fs::rename(&fresh, &place).map_err(disk("rename", &fresh))?;
        crate::shelf::sync_folder(folder)?;
        Ok(events)
    }

    fn hold_named(&self, name: &str, folder: &Path) -> Result<Hold, HistoryError> {
        let note = read_note(folder, &self.0.shelf)?;
        let days = self.held(name)?.days()?;
        Ok(Hold {
            name: name.to_owned(),
            made: Timestamp(note.made),
            query: note.query.into_query(),
            events: days.iter().map(|day| day.events).sum(),
            bytes: days.iter().map(|day| day.bytes).sum(),
        })
    }

    fn held_folder(&self) -> PathBuf {
        self.0.shelf.folder().join("held")
    }

    fn folder_of(&self, name: &str) -> Result<PathBuf, HistoryError> {
        match is_name(name) {
            true => Ok(self.held_folder().join(name)),
            false => Err(HistoryError::HoldName { found: name.chars().take(MOST_NAME_BYTES).collect() }),
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

/// The file of a held day, begun where it is not.
fn begun<'f>(
    file: &'f mut Option<NewFile>,
    place: &Path,
    day: Day,
    keys: &Keys,
) -> Result<&'f mut NewFile, HistoryError> {
    match file {
        Some(file) => Ok(file),
        None => {
            let begun =
                NewFile::begin(place.with_extension("columns.new"), day, keys.of_day_or_new(day)?, None)?;
            Ok(file.insert(begun))
        }
    }
}

/// Calls `deal` for each row of a day that a filter takes, in order of sequence.
fn each_row_upwards(
    files: &DayFiles,
    filter: &Filter<'_>,
    deal: &mut dyn FnMut(u64, &Row<'_>) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let mut looker = Looker::new()?;
    if let Some(columns) = &files.columns {
        for entry in columns.slices() {
            let mut matches = looker.find(columns, entry, filter, u64::MAX)?.matches;
            matches.sort_unstable_by_key(|one| one.sequence);
            let Some(slice) = looker.open(columns, entry)? else { continue };
            let mut dealt = Ok(());
            let _unreadable = looker.each_row(&slice, &matches, &mut |sequence, row| {
                dealt = deal(sequence, row);
                if dealt.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            dealt?;
        }
    }
    let Some(log) = &files.log else { return Ok(()) };
    for block in log.all_blocks() {
        let Some(raw) = log.read(&block)? else {
            crate::scan::warn_damaged(log.day, &block);
            continue;
        };
        let rows = row::decode(&raw, block.header.events, block.header.form);
        for (sequence, row) in (block.header.first_sequence..).zip(&rows) {
            if filter.matches(row) {
                deal(sequence, row)?;
            }
        }
    }
    Ok(())
}

/// What a hold's own file says.
#[derive(Serialize, Deserialize)]
struct Note {
    made: i64,
    query: KeptQuery,
}

/// A query as it is kept: names and ids as texts and bytes. The order of the fields is the format.
#[derive(Serialize, Deserialize)]
struct KeptQuery {
    from: Option<i64>,
    until: Option<i64>,
    schools: Option<Vec<String>>,
    people: Option<Vec<[u8; 16]>>,
    groups: Option<Vec<String>>,
    devices: Option<Vec<[u8; 16]>>,
    address: Option<IpAddr>,
    host_contains: Option<String>,
    url_contains: Option<String>,
    words: Option<String>,
    outcome: Option<String>,
    channels: Option<Vec<String>>,
    category: Option<String>,
    layer: Option<String>,
    list: Option<String>,
    entry: Option<String>,
}

impl KeptQuery {
    fn of(query: &Query) -> Self {
        let query = query.clone();
        Self {
            from: query.from.map(|at| at.0),
            until: query.until.map(|at| at.0),
            schools: query.schools.map(|all| all.iter().map(ToString::to_string).collect()),
            people: query.people.map(|all| all.iter().map(|id| *id.0.as_bytes()).collect()),
            groups: query.groups.map(|all| all.iter().map(ToString::to_string).collect()),
            devices: query.devices.map(|all| all.iter().map(|id| *id.0.as_bytes()).collect()),
            address: query.address,
            host_contains: query.host_contains,
            url_contains: query.url_contains,
            words: query.words,
            outcome: query.outcome.map(|outcome| outcome.slug().to_owned()),
            channels: query.channels.map(|all| all.iter().map(|one| one.slug().to_owned()).collect()),
            category: query.category.map(|category| category.slug().to_owned()),
            layer: query.layer.map(|layer| layer.slug().to_owned()),
            list: query.list.map(|list| list.to_string()),
            entry: query.entry,
        }
    }

    /// The query. What this program does not know any more is no condition, so that rather more is held than less.
    fn into_query(self) -> Query {
        Query {
            from: self.from.map(Timestamp),
            until: self.until.map(Timestamp),
            schools: self.schools.map(|all| all.into_iter().map(SchoolId::new).collect()),
            people: self.people.map(|all| all.into_iter().map(|id| PersonId(Uuid::from_bytes(id))).collect()),
            groups: self.groups.map(|all| all.into_iter().map(GroupId::new).collect()),
            devices: self
                .devices
                .map(|all| all.into_iter().map(|id| DeviceId(Uuid::from_bytes(id))).collect()),
            address: self.address,
            host_contains: self.host_contains,
            url_contains: self.url_contains,
            words: self.words,
            outcome: self.outcome.as_deref().and_then(EventOutcome::parse),
            channels: self.channels.map(|all| all.iter().filter_map(|one| Channel::parse(one)).collect()),
            category: self.category.as_deref().and_then(Category::parse),
            layer: self.layer.as_deref().and_then(Layer::parse),
            list: self.list.map(ListId::new),
            entry: self.entry,
            ..Query::default()
        }
    }
}

fn note_file(folder: &Path) -> PathBuf {
    folder.join("hold")
}

fn write_note(folder: &Path, shelf: &Shelf, note: &Note) -> Result<(), HistoryError> {
    let path = note_file(folder);
    let encode = |error: postcard::Error| HistoryError::Encode { events: 0, why: error.to_string() };
    let mut bytes = postcard::to_stdvec(note).map_err(encode)?;
    shelf.keys_in(folder)?.school().seal(ABOUT, &mut bytes).map_err(|Refused| refused("seal", &path))?;
    let fresh = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &path)
    };
    write().map_err(disk("write", &path))?;
    crate::shelf::sync_folder(folder)
}

fn read_note(folder: &Path, shelf: &Shelf) -> Result<Note, HistoryError> {
    let path = note_file(folder);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(fs::File::open(&path)?, MOST_NOTE_BYTES), &mut bytes)?;
        Ok(bytes)
    };
    let sealed = read().map_err(disk("read", &path))?;
    let bytes = shelf.keys_in(folder)?.school().open(ABOUT, sealed);
    let note = bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok());
    note.ok_or_else(|| disk("open", &path)(io::Error::other("it was not sealed with the history's key")))
}
