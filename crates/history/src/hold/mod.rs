//! Legal holds: copies of rows that outlive the day they came from.
//!
//! A hold has a name, a query and a reason. What matches is copied at once, as columns under keys of their own, and again
//! when rows of a day are about to go, so that what matched only later is held as well. Ids stay what they were. A held row
//! is read through its hold alone: a search of the history does not find what has expired.
//!
//! A hold's folder is `held/NAME`: its days as in the history's own folder, and its note ([`note`]). **Left out:** who may
//! hold and release, which `app` decides and records.
//!
//! Invariants: what is held stays until the hold is released, whatever becomes of its query, of the day, or of the process
//! at any step; a hold that cannot be read stops the days it may need, and nothing else.

mod copy;
mod note;
mod settle;

pub(crate) use copy::each_row_upwards;
pub(crate) use note::{Note, span_of_query};
pub(crate) use settle::settle;

use self::copy::Copied;
use crate::HistoryError;
use crate::columns::columns_file;
use crate::embedded::Embedded;
use crate::error::disk;
use crate::query::{Count, DaySummary, Exported, Page, Query, Stored};
use crate::shelf::{FOLDER_MODE, Shelf, sync_folder};
use model::{CaseId, Day, GateId, PersonId, Timestamp};
use std::fs::{self, DirBuilder};
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

/// The longest name of a hold, in bytes.
pub(crate) const MOST_NAME_BYTES: usize = 64;

/// Why something is held. Who may hold and release is decided, and recorded, in `app`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HoldReason {
    /// Why, in words.
    pub why: String,
    /// Who made the hold or changed it last; none: the program.
    pub by: Option<PersonId>,
    /// The case that it is for.
    pub case: Option<CaseId>,
    /// When somebody looks again whether it is still needed.
    pub review_on: Option<Day>,
}

/// A hold, and what it holds.
#[derive(Clone, PartialEq, Debug)]
pub struct Hold {
    /// Its name: lower-case letters, digits and hyphens.
    pub name: String,
    /// When it was made, or changed last.
    pub made: Timestamp,
    /// What it holds: every event that matches, whatever its `limit`, `before` and `read_at_most`.
    pub query: Query,
    /// Why.
    pub reason: HoldReason,
    /// Events that are held.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A hold whose query cannot be read. What it holds stays, and the days it may need do not expire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnreadableHold {
    /// Its name.
    pub name: String,
    /// The days that it may need.
    pub days: RangeInclusive<Day>,
}

/// The rows of a hold.
pub struct Held {
    gate: GateId,
    pub(crate) shelf: Shelf,
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
    /// A hold of that name is made wider or narrower from now on: what it holds already stays, and what matches now is
    /// added. A crash on the way leaves the hold as it was, or as it is to be; what was not copied yet is copied before its
    /// day expires.
    ///
    /// # Errors
    /// [`HistoryError::HoldName`]; what reading and writing days may end in.
    pub fn hold(
        &self,
        name: &str,
        query: &Query,
        reason: &HoldReason,
        now: Timestamp,
    ) -> Result<Hold, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder_of(name)?;
        let note = Note { made: now, query: query.clone(), reason: reason.clone() };
        self.write_note(&folder, &note)?;
        for day in self.0.shelf.days() {
            match self.hold_day(&folder, day, query) {
                // It does not expire as long as there are holds, and may be read again.
                Err(error) if error.is_of_one_day() => {
                    tracing::error!(%day, %error, "a day of history cannot be read, and nothing of it is held yet");
                }
                other => {
                    other?;
                }
            }
        }
        self.hold_named(name, &folder)
    }

    /// Every hold that can be read, by name.
    pub fn holds(&self) -> Result<Vec<Hold>, HistoryError> {
        let (holds, unreadable) = self.all_holds()?;
        for UnreadableHold { name, .. } in unreadable {
            tracing::error!(hold = %name, "a hold cannot be read: what it holds stays, and no day it may need expires");
        }
        Ok(holds)
    }

    /// The holds that cannot be read, by name.
    pub fn unreadable_holds(&self) -> Result<Vec<UnreadableHold>, HistoryError> {
        Ok(self.all_holds()?.1)
    }

    /// The rows of a hold.
    pub fn held(&self, name: &str) -> Result<Held, HistoryError> {
        let folder = self.folder_of(name)?;
        let keys = self.0.shelf.keys_in(&folder)?;
        Ok(Held { gate: self.0.gate, shelf: Shelf::held(&folder, keys)? })
    }

    /// Ends a hold: what it held is gone, but for what the history itself still has. Leaves a line in `expired.log`. Once
    /// that line is certain a crash does not bring the hold back; before, it stands.
    pub fn release(&self, name: &str, now: Timestamp) -> Result<Hold, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder_of(name)?;
        let hold = self.hold_named(name, &folder)?;
        let Hold { events, bytes, .. } = &hold;
        let line = format!("held/{name}\t{events}\t{bytes}\t{now}\treleased\n");
        settle::release(&folder, &line, &|line| self.0.shelf.note_expired(line))?;
        Ok(hold)
    }

    /// Copies what of a day any hold asks for. To be called before rows of the day go.
    ///
    /// # Errors
    /// One that [is of one day](HistoryError::is_of_one_day) where the day must stay: it cannot be read, or a hold that may
    /// need it cannot.
    pub(crate) fn hold_before_expiry(
        &self,
        (holds, unreadable): &(Vec<Hold>, Vec<UnreadableHold>),
        day: Day,
    ) -> Result<u64, HistoryError> {
        if let Some(hold) = unreadable.iter().find(|hold| hold.days.contains(&day)) {
            return Err(HistoryError::UnreadableHold { day, hold: hold.name.clone() });
        }
        // What was set aside may hold what a hold asks for, and can be read again once its key is put back.
        if !holds.is_empty() && self.0.shelf.has_asides(day) {
            return Err(HistoryError::DamagedDay { day, file: columns_file(self.0.shelf.folder(), day) });
        }
        let mut held = 0;
        for hold in holds.iter().filter(|hold| span_of_query(&hold.query).contains(&day)) {
            let copied = self.hold_day(&self.folder_of(&hold.name)?, day, &hold.query)?;
            // What cannot be read may be what is asked for, and may be read again by another program or off a backup.
            if copied.unreadable > 0 {
                return Err(HistoryError::DamagedDay { day, file: columns_file(self.0.shelf.folder(), day) });
            }
            held += copied.held;
        }
        Ok(held)
    }

    /// Every hold, and those that cannot be read, by name.
    pub(crate) fn all_holds(&self) -> Result<(Vec<Hold>, Vec<UnreadableHold>), HistoryError> {
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
        let (mut holds, mut unreadable) = (Vec::new(), Vec::new());
        for name in names {
            let folder = all.join(&name);
            match self.hold_named(&name, &folder) {
                Ok(hold) => holds.push(hold),
                Err(error) => {
                    tracing::debug!(hold = %name, %error, "a hold cannot be read");
                    unreadable.push(UnreadableHold { days: note::span(&folder), name });
                }
            }
        }
        Ok((holds, unreadable))
    }

    fn hold_day(&self, folder: &Path, day: Day, query: &Query) -> Result<Copied, HistoryError> {
        let Some((files, _)) = self.0.shelf.files(day)? else { return Ok(Copied::default()) };
        copy::hold_day(folder, &self.0.shelf.keys_in(folder)?, &files, query)
    }

    /// Writes the note of a hold that is there, or makes the hold with its note in it.
    pub(crate) fn write_note(&self, folder: &Path, note: &Note) -> Result<(), HistoryError> {
        if folder.is_dir() {
            return note.write(folder, &self.0.shelf);
        }
        let fresh = folder.with_extension("new");
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE).create(&fresh).map_err(disk("make", &fresh))?;
        note.write(&fresh, &self.0.shelf)?;
        fs::rename(&fresh, folder).map_err(disk("rename", &fresh))?;
        sync_folder(&self.held_folder())?;
        sync_folder(self.0.shelf.folder())
    }

    fn hold_named(&self, name: &str, folder: &Path) -> Result<Hold, HistoryError> {
        let note = Note::read(folder, &self.0.shelf)?;
        let days = self.held(name)?.days()?;
        Ok(Hold {
            name: name.to_owned(),
            made: note.made,
            query: note.query,
            reason: note.reason,
            events: days.iter().map(|day| day.events).sum(),
            bytes: days.iter().map(|day| day.bytes).sum(),
        })
    }

    fn held_folder(&self) -> PathBuf {
        held_folder(self.0.shelf.folder())
    }

    pub(crate) fn folder_of(&self, name: &str) -> Result<PathBuf, HistoryError> {
        match is_name(name) {
            true => Ok(self.held_folder().join(name)),
            false => Err(HistoryError::HoldName { found: name.chars().take(MOST_NAME_BYTES).collect() }),
        }
    }
}

/// Where the holds of a history lie.
pub(crate) fn held_folder(history: &Path) -> PathBuf {
    history.join("held")
}

pub(crate) fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}
