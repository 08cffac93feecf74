//! The copy of a day that a hold keeps: the rows it has already, and those of the day that its query takes, each once, in
//! order of sequence.
//!
//! Nothing that is held is lost by copying again: a changed query, a day that lost rows since, and a copy that is damaged
//! add to what there is. Of rows that both have, the day's are taken. Bounded: one slice of the copy and one slice or block
//! of the day are in memory at a time.

use crate::HistoryError;
use crate::columns::{Builder, Columns, Looker, Match, NewFile, Rows, columns_file};
use crate::error::disk;
use crate::filter::Filter;
use crate::key::Keys;
use crate::query::Query;
use crate::row::{self, Row};
use crate::scan::warn_damaged;
use crate::shelf::{DayFiles, sync_folder};
use std::fs;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::Path;

type Deal<'d> = dyn FnMut(u64, &Row<'_>) -> Result<(), HistoryError> + 'd;

/// What came of copying a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Copied {
    /// Events of the day that are held now.
    pub held: u64,
    /// Events of the day itself that could not be read: whether they were asked for is not known.
    pub unreadable: u64,
}

/// Brings a day's copy in a folder up to date.
pub(super) fn hold_day(
    folder: &Path,
    keys: &Keys,
    files: &DayFiles,
    query: &Query,
) -> Result<Copied, HistoryError> {
    let day = files.day;
    let query = Query { before: None, read_at_most: u64::MAX, ..query.clone() };
    let filter = Filter::new(&query);
    let place = columns_file(folder, day);
    let held = Columns::open(place.clone(), day, || keys.of_day(day))?;
    let held_before = held.as_ref().map_or(0, Columns::events);
    let mut copy = Copy { file: None, builder: Builder::new(day), events: 0 };
    let mut begin =
        || NewFile::begin(place.with_extension("columns.new"), day, keys.of_day_or_new(day)?, None);
    let Missing { lost, unreadable } = each_once(held.as_ref(), files, &filter, &mut |sequence, row| {
        copy.events += 1;
        copy.builder.push(sequence, row)?;
        if copy.builder.is_full() { copy.write(&mut begin) } else { Ok(()) }
    })?;
    if copy.events + lost == held_before {
        // Every held row that can be read is there, and no other came.
        drop(copy.file);
        remove(&place.with_extension("columns.new"))?;
        return Ok(Copied { held: held_before, unreadable });
    }
    copy.write(&mut begin)?;
    let Some(file) = copy.file else { return Ok(Copied { held: 0, unreadable }) };
    let fresh = file.finish()?;
    if lost > 0 {
        tracing::error!(%day, events = lost, "held rows cannot be read: their file is kept beside the day's new copy");
        keep_aside(&place)?;
    }
    fs::rename(&fresh, &place).map_err(disk("rename", &fresh))?;
    sync_folder(folder)?;
    Ok(Copied { held: copy.events, unreadable })
}

/// A copy while it is written.
struct Copy {
    file: Option<NewFile>,
    builder: Builder,
    events: u64,
}

impl Copy {
    /// Writes what is there as a slice; the file is begun with the first.
    fn write(
        &mut self,
        begin: &mut dyn FnMut() -> Result<NewFile, HistoryError>,
    ) -> Result<(), HistoryError> {
        if self.builder.is_empty() {
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => begin()?,
        };
        self.builder.write_to(self.file.insert(file))
    }
}

/// Rows that were not dealt.
#[derive(Default)]
struct Missing {
    /// Held rows that could not be read, and are not in the day either.
    lost: u64,
    /// Rows of the day that could not be read.
    unreadable: u64,
}

/// Calls `deal` for each held row and each row of a day that a filter takes, in order of sequence.
fn each_once(
    held: Option<&Columns>,
    files: &DayFiles,
    filter: &Filter<'_>,
    deal: &mut Deal<'_>,
) -> Result<Missing, HistoryError> {
    let (mut missing, mut from) = (Missing::default(), 0);
    let mut looker = Looker::new()?;
    if let Some(held) = held {
        let all = Query { read_at_most: u64::MAX, ..Query::default() };
        let all = Filter::new(&all);
        for entry in held.slices() {
            let range = from..entry.next_sequence;
            from = entry.next_sequence;
            let mut matches = looker.find(held, entry, &all, u64::MAX)?.matches;
            matches.sort_unstable_by_key(|one| one.sequence);
            missing.lost += entry.events.saturating_sub(matches.len() as u64);
            let slice = looker.open(held, entry)?;
            let rows = slice.as_ref().and_then(Rows::new);
            let beside = each_beside(rows, &matches, (files, filter, range), deal)?;
            missing.lost += beside.lost;
            missing.unreadable += beside.unreadable;
        }
    }
    missing.unreadable += each_row_upwards(files, filter, from..u64::MAX, deal)?;
    Ok(missing)
}

/// The same for one slice of the copy, and what of the day lies in a range of sequences.
fn each_beside(
    rows: Option<Rows<'_, '_>>,
    matches: &[Match],
    (files, filter, range): (&DayFiles, &Filter<'_>, Range<u64>),
    deal: &mut Deal<'_>,
) -> Result<Missing, HistoryError> {
    let Some(rows) = rows else {
        let unreadable = each_row_upwards(files, filter, range, deal)?;
        return Ok(Missing { lost: matches.len() as u64, unreadable });
    };
    let mut held = HeldRows { rows, looker: Looker::new()?, left: matches, lost: 0 };
    let unreadable = each_row_upwards(files, filter, range, &mut |sequence, row| {
        held.deal_below(sequence, deal)?;
        held.step_over(sequence);
        deal(sequence, row)
    })?;
    held.deal_below(u64::MAX, deal)?;
    Ok(Missing { lost: held.lost, unreadable })
}

/// Rows of a slice that are not dealt with yet, in order of sequence.
struct HeldRows<'m, 's, 'c> {
    rows: Rows<'s, 'c>,
    looker: Looker,
    left: &'m [Match],
    lost: u64,
}

impl HeldRows<'_, '_, '_> {
    fn deal_below(&mut self, sequence: u64, deal: &mut Deal<'_>) -> Result<(), HistoryError> {
        while let Some((first, rest)) = self.left.split_first()
            && first.sequence < sequence
        {
            self.left = rest;
            match self.rows.row(&mut self.looker, *first)? {
                Some(row) => deal(first.sequence, &row)?,
                None => self.lost += 1,
            }
        }
        Ok(())
    }

    fn step_over(&mut self, sequence: u64) {
        if let Some((first, rest)) = self.left.split_first()
            && first.sequence == sequence
        {
            self.left = rest;
        }
    }
}

/// Calls `deal` for each row of a day in a range of sequences that a filter takes, in order of sequence. Returns how many
/// rows of the day could not be read.
pub(crate) fn each_row_upwards(
    files: &DayFiles,
    filter: &Filter<'_>,
    range: Range<u64>,
    deal: &mut Deal<'_>,
) -> Result<u64, HistoryError> {
    let mut looker = Looker::new()?;
    let mut unreadable = 0;
    if let Some(columns) = &files.columns {
        let touches = |first: u64, next: u64| first < range.end && next > range.start;
        for entry in
            columns.slices().iter().filter(|entry| touches(entry.first_sequence, entry.next_sequence))
        {
            let found = looker.find(columns, entry, filter, range.end)?;
            unreadable += found.unreadable;
            let mut matches = found.matches;
            matches.retain(|one| one.sequence >= range.start);
            matches.sort_unstable_by_key(|one| one.sequence);
            if matches.is_empty() {
                continue;
            }
            let Some(slice) = looker.open(columns, entry)? else { continue };
            let mut dealt = Ok(());
            let (more, _) = looker.each_row(&slice, &matches, &mut |sequence, row| {
                dealt = deal(sequence, row);
                if dealt.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            dealt?;
            unreadable += more;
        }
    }
    let Some(log) = &files.log else { return Ok(unreadable) };
    for block in log.all_blocks() {
        let header = &block.header;
        if header.first_sequence >= range.end || header.next_sequence() <= range.start {
            continue;
        }
        let Some(raw) = log.read(&block)? else {
            warn_damaged(log.day, &block);
            unreadable += u64::from(header.events);
            continue;
        };
        let rows = row::decode(&raw, header.events, header.form);
        unreadable += u64::from(header.events).saturating_sub(rows.len() as u64);
        for (sequence, row) in (header.first_sequence..).zip(&rows) {
            if range.contains(&sequence) && filter.matches(row) {
                deal(sequence, row)?;
            }
        }
    }
    Ok(unreadable)
}

/// Keeps a damaged copy under another name; the first one, where there was one before.
fn keep_aside(place: &Path) -> Result<(), HistoryError> {
    let aside = place.with_extension("columns.damaged");
    match fs::hard_link(place, &aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(disk("keep", &aside)(error)),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<(), HistoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("remove", path)(error)),
        _ => Ok(()),
    }
}
