//! Moving a history between a folder and a server: every day and every hold, with ids and order as they are.
//!
//! A day is copied and then compared: how many events, and a SHA-256 over each one's sequence and bytes, newest first. What is
//! there already and is the same is left, so that a move that was broken off goes on where it was. Nothing is ever removed.
//!
//! **Invariants:** a day of a folder appears whole or not at all. Rows go to a server newest first, so that what is missing of
//! a day is what is older than its oldest row there.

use crate::clickhouse::ClickHouse;
use crate::columns::{Builder, NewFile, columns_file};
use crate::embedded::Embedded;
use crate::error::disk;
use crate::expire::MOST_READ_BYTES;
use crate::hold::Note;
use crate::row::Row;
use crate::shelf::{DayFiles, Shelf, sync_folder};
use crate::{History, HistoryError, Place, Query, Stored};
use aws_lc_rs::digest;
use model::{AccessEvent, Day, EventId};
use std::collections::HashSet;
use std::fs;
use std::ops::ControlFlow;
use std::sync::PoisonError;

/// Rows that go to a server at a time.
const MOST_AT_ONCE: usize = 20_000;

/// What became of one day, or of what is held of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovedDay {
    /// The hold, where it is one's.
    pub hold: Option<String>,
    /// The day.
    pub day: Day,
    /// Its events, the same in both places.
    pub events: u64,
    /// Events that cannot be read where they lie, and were left there.
    pub unreadable: u64,
    /// Whether it was there before.
    pub was_there: bool,
}

/// Copies every day, every hold and every line about what is gone to another place, oldest first, and calls `moved` for each
/// day once it is the same there.
///
/// Nobody else may write to either place meanwhile. One of them is a folder and the other a server, of the same gate.
///
/// # Errors
/// [`HistoryError::NotTheSame`] where the other place holds something else of a day; [`HistoryError::SamePlace`]; what cannot
/// be read at all, a hold or a day; what reading and writing may end in. What was copied until then stays, and is taken up by another call.
pub fn move_history(
    from: &History,
    to: &History,
    moved: &mut dyn FnMut(&MovedDay),
) -> Result<(), HistoryError> {
    if let Some(hold) = from.unreadable_holds()?.into_iter().next() {
        return Err(HistoryError::UnreadableHold { day: *hold.days.start(), hold: hold.name });
    }
    if let Place::Embedded(embedded) = &from.place {
        see_all_readable(&embedded.0.shelf)?;
    }
    for day in from.days()? {
        moved(&move_day(from, to, (None, day.day))?);
    }
    for hold in from.holds()? {
        if let Place::Embedded(embedded) = &from.place {
            see_all_readable(&embedded.held(&hold.name)?.shelf)?;
        }
        let note = Note { made: hold.made, query: hold.query, reason: hold.reason };
        match &to.place {
            Place::Embedded(embedded) => embedded.note_hold(&hold.name, &note)?,
            Place::ClickHouse(server) => server.note_hold(&hold.name, &note)?,
        }
        for day in from.held(&hold.name)?.days()? {
            moved(&move_day(from, to, (Some(&hold.name), day.day))?);
        }
    }
    move_stones(from, to)
}

/// The lines about what is gone, as `expired.log` has them. Ids of what went are given again nowhere because of them.
fn move_stones(from: &History, to: &History) -> Result<(), HistoryError> {
    let lines = |place: &History| match &place.place {
        Place::Embedded(embedded) => {
            Ok(embedded.0.shelf.expired_log(MOST_READ_BYTES)?.lines().map(str::to_owned).collect())
        }
        Place::ClickHouse(server) => server.expired_lines(),
    };
    let there: HashSet<String> = lines(to)?.into_iter().collect();
    let ours: Vec<String> = lines(from)?;
    for line in ours.iter().filter(|line| !there.contains(*line)) {
        match &to.place {
            Place::Embedded(embedded) => embedded.0.shelf.take_over_line(line)?,
            Place::ClickHouse(server) => server.take_over_line(line)?,
        }
    }
    Ok(())
}

/// A day that cannot be read at all would be left behind without a word.
fn see_all_readable(shelf: &Shelf) -> Result<(), HistoryError> {
    for day in shelf.days() {
        let _size = shelf.size(day)?;
    }
    Ok(())
}

/// A day, or what a hold has of it.
type Part<'a> = (Option<&'a str>, Day);

fn move_day(from: &History, to: &History, part: Part<'_>) -> Result<MovedDay, HistoryError> {
    let (ours, before) = (seen(from, part)?, seen(to, part)?);
    let was_there = ours.is_same(&before);
    if !was_there {
        match (&from.place, &to.place) {
            (Place::Embedded(_), Place::ClickHouse(server)) => send(from, server, part, &before)?,
            // A day of a folder is whole: nothing can be missing in it.
            (Place::ClickHouse(_), Place::Embedded(_)) if before.events > 0 => {
                return Err(not_the_same(part, &ours, &before));
            }
            (Place::ClickHouse(server), Place::Embedded(embedded)) => embedded.take_day(part, server)?,
            _ => return Err(HistoryError::SamePlace),
        }
        let theirs = seen(to, part)?;
        if !ours.is_same(&theirs) {
            return Err(not_the_same(part, &ours, &theirs));
        }
    }
    let (hold, day) = (part.0.map(str::to_owned), part.1);
    Ok(MovedDay { hold, day, events: ours.events, unreadable: ours.unreadable, was_there })
}

fn not_the_same((_, day): Part<'_>, ours: &Seen, theirs: &Seen) -> HistoryError {
    HistoryError::NotTheSame { day, ours: ours.events, theirs: theirs.events }
}

/// What a place has of a day.
struct Seen {
    events: u64,
    hash: Vec<u8>,
    unreadable: u64,
    /// The oldest row there is.
    oldest: Option<EventId>,
}

impl Seen {
    fn is_same(&self, other: &Self) -> bool {
        self.events == other.events && self.hash == other.hash
    }
}

fn seen(place: &History, part: Part<'_>) -> Result<Seen, HistoryError> {
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut events, mut oldest, mut bytes, mut failed) = (0, None, Vec::new(), None);
    let unreadable = each_row(place, part, None, &mut |stored| {
        bytes.clear();
        bytes.extend(stored.id.sequence.to_le_bytes());
        if let Err(error) = Row::of(&stored.event).write(&mut bytes) {
            failed = Some(HistoryError::Encode { events: 1, why: error.to_string() });
            return ControlFlow::Break(());
        }
        hash.update(&bytes);
        events += 1;
        oldest = Some(stored.id);
        ControlFlow::Continue(())
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(Seen { events, hash: hash.finish().as_ref().to_vec(), unreadable, oldest }),
    }
}

/// Calls `found` for each row of a day that is older than another, newest first. Returns how many cannot be read.
fn each_row(
    place: &History,
    (hold, day): Part<'_>,
    before: Option<EventId>,
    found: &mut dyn FnMut(Stored) -> ControlFlow<()>,
) -> Result<u64, HistoryError> {
    let end = EventId { gate: place.gate, day: Day(day.0.saturating_add(1)), sequence: 0 };
    let first = (day.0 > 0).then(|| day.start());
    let query = Query { from: first, before: Some(before.unwrap_or(end)), ..Query::default() };
    let mut of_day = |stored: Stored| match stored.id.day == day {
        true => found(stored),
        false => ControlFlow::Break(()),
    };
    let exported = match hold {
        None => place.export(&query, &mut of_day)?,
        Some(name) => place.held(name)?.export(&query, &mut of_day)?,
    };
    Ok(exported.unreadable)
}

/// Sends what is missing of a day to a server.
fn send(from: &History, server: &ClickHouse, part: Part<'_>, there: &Seen) -> Result<(), HistoryError> {
    let (mut rows, mut failed) = (Vec::new(), None);
    let _unreadable = each_row(from, part, there.oldest, &mut |stored| {
        rows.push(stored);
        if rows.len() < MOST_AT_ONCE {
            return ControlFlow::Continue(());
        }
        let kept = server.keep_rows(part.0, &rows);
        rows.clear();
        match kept {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None if rows.is_empty() => Ok(()),
        None => server.keep_rows(part.0, &rows),
    }
}

impl Embedded {
    /// Writes down a hold as it was made elsewhere.
    fn note_hold(&self, name: &str, note: &Note) -> Result<(), HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        self.write_note(&self.folder_of(name)?, note)
    }

    /// Takes over a day, or what a hold has of it, of which nothing is here yet.
    fn take_day(&self, part: Part<'_>, server: &ClickHouse) -> Result<(), HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (shelf, (hold, day)) = (&self.0.shelf, part);
        let (folder, key) = match hold {
            None => (shelf.folder().to_owned(), shelf.key_or_new(day)?),
            Some(name) => {
                let folder = self.folder_of(name)?;
                let key = shelf.keys_in(&folder)?.of_day_or_new(day)?;
                (folder, key)
            }
        };
        let place = columns_file(&folder, day);
        let mut file = NewFile::begin(place.with_extension("columns.new"), day, key, None)?;
        let mut builder = Builder::new(day);
        let mut push = |id: EventId, event: &AccessEvent| {
            builder.push(id.sequence, &Row::of(event))?;
            if builder.is_full() { builder.write_to(&mut file) } else { Ok(()) }
        };
        let _unreadable = server.each_row_upwards(part, &mut push)?;
        if !builder.is_empty() {
            builder.write_to(&mut file)?;
        }
        let fresh = file.finish()?;
        if hold.is_none() {
            return shelf.take_over(&DayFiles { day, columns: None, log: None }, &fresh, &[], None);
        }
        fs::rename(&fresh, &place).map_err(disk("rename", &fresh))?;
        sync_folder(&folder)
    }
}
