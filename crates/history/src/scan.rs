//! Going through the stored events, newest first: blocks of logs one at a time, slices of columns some at a time.
//!
//! Bounded: one block, or the matches of [`MOST_AT_ONCE`] slices and the pages of one, are in memory at a time.

use crate::columns::{Columns, Found, Looker, SliceEntry};
use crate::filter::Filter;
use crate::query::{Exported, Page, PageRows, Stored};
use crate::row;
use crate::segment::{Block, Segment};
use crate::shelf::{DayFiles, Shelf, shelf_day};
use crate::{HistoryError, Query, threads};
use model::{Day, EventId, GateId};
use std::ops::ControlFlow;
use std::sync::Arc;

/// The most slices whose matches wait to be dealt with.
const MOST_AT_ONCE: usize = 8;

/// What a search came to.
#[derive(Default)]
pub(crate) struct Searched {
    /// Where it stopped before the end: the last event it dealt with.
    pub stopped_at: Option<EventId>,
    pub unreadable: u64,
}

/// A piece of a day to look into, and the sequence that its events must lie before.
#[derive(Clone)]
pub(crate) struct Part {
    pub files: Arc<DayFiles>,
    pub before: u64,
    pub kind: PartKind,
}

/// A block of the log, or the place of a slice in the columns.
#[derive(Clone, Copy)]
pub(crate) enum PartKind {
    Block(Block),
    Slice(usize),
}

impl Part {
    pub fn day(&self) -> Day {
        self.files.day
    }

    /// The log of a block.
    pub fn block(&self) -> Option<(&Segment, &Block)> {
        match &self.kind {
            PartKind::Block(block) => self.files.log.as_ref().map(|log| (&**log, block)),
            PartKind::Slice(_) => None,
        }
    }

    /// The columns of a slice.
    pub fn slice(&self) -> Option<(&Columns, &SliceEntry)> {
        match self.kind {
            PartKind::Slice(place) => {
                let columns = self.files.columns.as_ref()?;
                Some((columns, columns.slices().get(place)?))
            }
            PartKind::Block(_) => None,
        }
    }

    fn next_sequence(&self) -> u64 {
        let end = match (self.slice(), &self.kind) {
            (Some((_, slice)), _) => slice.next_sequence,
            (None, PartKind::Block(block)) => block.header.next_sequence(),
            (None, PartKind::Slice(_)) => 0,
        };
        end.min(self.before)
    }
}

/// The parts of the query's days and times, newest first.
pub(crate) struct Parts<'a> {
    shelf: &'a Shelf,
    filter: &'a Filter<'a>,
    days: std::vec::IntoIter<Day>,
    open: Option<Open>,
}

/// A day that is being gone through.
struct Open {
    files: Arc<DayFiles>,
    /// Only what lies before this is left.
    before: u64,
    slices_left: usize,
}

impl<'a> Parts<'a> {
    pub fn new(shelf: &'a Shelf, filter: &'a Filter<'a>) -> Self {
        let first = shelf_day(filter.from);
        let last = shelf_day(filter.until);
        let last = filter.query.before.map_or(last, |cursor| last.min(cursor.day));
        let days = if last < first { Vec::new() } else { shelf.days_within(first..=last) };
        Self { shelf, filter, days: days.into_iter(), open: None }
    }

    pub fn next(&mut self) -> Result<Option<Part>, HistoryError> {
        loop {
            let part = self.open.as_mut().and_then(|open| open.next(self.filter));
            if part.is_some() {
                return Ok(part);
            }
            let Some(day) = self.days.next() else { return Ok(None) };
            let Some((files, _)) = self.shelf.files(day)? else { continue };
            let cursor = self.filter.query.before.filter(|cursor| cursor.day == day);
            let before = cursor.map_or(u64::MAX, |cursor| cursor.sequence);
            let slices_left = files.columns.as_ref().map_or(0, |columns| columns.slices().len());
            self.open = Some(Open { files, before, slices_left });
        }
    }
}

impl Open {
    fn next(&mut self, filter: &Filter<'_>) -> Option<Part> {
        let before = self.before;
        let log = self.files.log.as_ref();
        if let Some(block) = log.and_then(|log| log.block_before(before, filter.from, filter.until)) {
            self.before = block.header.first_sequence;
            return Some(Part { files: Arc::clone(&self.files), before, kind: PartKind::Block(block) });
        }
        let columns = self.files.columns.as_ref()?;
        while let Some(place) = self.slices_left.checked_sub(1) {
            self.slices_left = place;
            let slice = columns.slices().get(place)?;
            if slice.first_sequence < before
                && slice.latest >= filter.from.0
                && slice.earliest < filter.until.0
            {
                return Some(Part { files: Arc::clone(&self.files), before, kind: PartKind::Slice(place) });
            }
        }
        None
    }
}

/// Calls `found` for each matching row, newest first, until it breaks or `query.read_at_most` rows were looked at.
pub(crate) fn each_row(
    shelf: &Shelf,
    gate: GateId,
    query: &Query,
    found: &mut dyn FnMut(EventId, &row::Row<'_>) -> ControlFlow<()>,
) -> Result<Searched, HistoryError> {
    let filter = Filter::new(query);
    let mut rows = Looker::new()?;
    each_part(shelf, gate, &filter, &mut |part, matches| {
        let id = |sequence| EventId { gate, day: part.day(), sequence };
        match matches {
            Looked::Block { first_sequence, rows } => {
                for (place, row) in rows.iter().enumerate().rev() {
                    let sequence = first_sequence + place as u64;
                    if sequence < part.before && filter.matches(row) && found(id(sequence), row).is_break() {
                        return Ok((0, ControlFlow::Break(id(sequence))));
                    }
                }
                Ok((0, ControlFlow::Continue(())))
            }
            Looked::Slice(looked) => {
                let Some((columns, entry)) = part.slice() else { return Ok((0, ControlFlow::Continue(()))) };
                let Some(slice) = rows.open(columns, entry)? else {
                    return Ok((0, ControlFlow::Continue(())));
                };
                looked.matches.sort_unstable_by_key(|one| std::cmp::Reverse(one.sequence));
                let mut last = None;
                let (unreadable, flow) = rows.each_row(&slice, &looked.matches, &mut |sequence, row| {
                    last = Some(sequence);
                    found(id(sequence), row)
                })?;
                let flow = match (flow, last) {
                    (ControlFlow::Break(()), Some(last)) => ControlFlow::Break(id(last)),
                    _ => ControlFlow::Continue(()),
                };
                Ok((unreadable, flow))
            }
        }
    })
}

/// A page of matching events, newest first.
pub(crate) fn page(shelf: &Shelf, gate: GateId, query: &Query) -> Result<Page, HistoryError> {
    let mut rows = PageRows::new(query);
    let searched = each_row(shelf, gate, query, &mut |id, row| rows.take(id, row.to_event()))?;
    Ok(rows.page(searched.stopped_at, searched.unreadable))
}

/// Hands over every matching event, newest first, until `out` breaks.
pub(crate) fn export(
    shelf: &Shelf,
    gate: GateId,
    query: &Query,
    out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
) -> Result<Exported, HistoryError> {
    let query = Query { read_at_most: u64::MAX, ..query.clone() };
    let mut exported = Exported::default();
    let searched = each_row(shelf, gate, &query, &mut |id, row| exported.hand_over(id, row.to_event(), out))?;
    exported.unreadable += searched.unreadable;
    Ok(exported)
}

/// How many rows match, up to `most`, without reading them whole.
pub(crate) fn count(
    shelf: &Shelf,
    gate: GateId,
    query: &Query,
    most: u64,
) -> Result<(u64, bool), HistoryError> {
    let filter = Filter::new(query);
    let mut events = 0u64;
    let searched = each_part(shelf, gate, &filter, &mut |part, looked| {
        let more = match looked {
            Looked::Block { first_sequence, rows } => {
                let taken = (first_sequence..)
                    .zip(rows)
                    .filter(|(sequence, row)| *sequence < part.before && filter.matches(row));
                taken.count() as u64
            }
            Looked::Slice(found) => found.matches.len() as u64,
        };
        events = events.saturating_add(more);
        let stop = EventId { gate, day: part.day(), sequence: 0 };
        Ok((0, if events > most { ControlFlow::Break(stop) } else { ControlFlow::Continue(()) }))
    })?;
    Ok((events.min(most), searched.stopped_at.is_some()))
}

/// What dealing with a part came to: how many more of its rows could not be read, and where to stop.
pub(crate) type Dealt = Result<(u64, ControlFlow<EventId>), HistoryError>;

/// What was read of a part.
pub(crate) enum Looked<'r> {
    /// All its rows, oldest first.
    Block { first_sequence: u64, rows: &'r [row::Row<'r>] },
    /// Those that match, in no order.
    Slice(&'r mut Found),
}

/// Calls `deal` for each part, newest first, until it breaks or `query.read_at_most` rows were looked at.
pub(crate) fn each_part(
    shelf: &Shelf,
    gate: GateId,
    filter: &Filter<'_>,
    deal: &mut dyn FnMut(&Part, Looked<'_>) -> Dealt,
) -> Result<Searched, HistoryError> {
    let mut searched = Searched::default();
    let mut read = 0u64;
    let mut parts = Parts::new(shelf, filter);
    let mut at_once = 1;
    let mut after = None;
    loop {
        let mut batch = Vec::new();
        while batch.len() < at_once {
            let Some(part) = after.take().map_or_else(|| parts.next(), |part| Ok(Some(part)))? else { break };
            match part.kind {
                PartKind::Slice(_) => batch.push(part),
                PartKind::Block(_) if batch.is_empty() => {
                    batch.push(part);
                    break;
                }
                PartKind::Block(_) => {
                    after = Some(part);
                    break;
                }
            }
        }
        if batch.is_empty() {
            return Ok(searched);
        }
        if batch.iter().all(|part| part.slice().is_some()) {
            at_once = (at_once * 2).min(MOST_AT_ONCE);
        }
        for (part, found) in batch.iter().zip(look_into(&batch, filter)) {
            if read >= filter.query.read_at_most {
                let sequence = part.next_sequence();
                searched.stopped_at = Some(EventId { gate, day: part.day(), sequence });
                return Ok(searched);
            }
            let (unreadable, flow) = match part.block() {
                Some((log, block)) => {
                    read = read.saturating_add(u64::from(block.header.events));
                    with_rows(log, block, &mut |looked| deal(part, looked))?
                }
                None => {
                    let mut found = found?;
                    read = read.saturating_add(found.looked_at);
                    searched.unreadable += found.unreadable;
                    if found.unreadable > 0 {
                        warn_damaged_slice(part, found.unreadable);
                    }
                    deal(part, Looked::Slice(&mut found))?
                }
            };
            searched.unreadable += unreadable;
            if let ControlFlow::Break(at) = flow {
                searched.stopped_at = Some(at);
                return Ok(searched);
            }
        }
    }
}

/// Looks into slices, two at a time, and gives what was found in their order. Blocks have nothing found in them yet.
fn look_into(parts: &[Part], filter: &Filter<'_>) -> Vec<Result<Found, HistoryError>> {
    threads::in_order(parts, Looker::new, |looker, part| match part.slice() {
        Some((columns, slice)) => looker.find(columns, slice, filter, part.before),
        None => Ok(Found::default()),
    })
}

/// Reads a block's rows. Adds what could not be read.
fn with_rows(log: &Segment, block: &Block, deal: &mut dyn FnMut(Looked<'_>) -> Dealt) -> Dealt {
    let header = &block.header;
    let Some(raw) = log.read(block)? else {
        warn_damaged(log.day, block);
        return Ok((u64::from(header.events), ControlFlow::Continue(())));
    };
    let rows = row::decode(&raw, header.events, header.form);
    let missing = u64::from(header.events).saturating_sub(rows.len() as u64);
    let (unreadable, flow) = deal(Looked::Block { first_sequence: header.first_sequence, rows: &rows })?;
    Ok((unreadable + missing, flow))
}

pub(crate) fn warn_damaged(day: Day, block: &Block) {
    let (first_sequence, events) = (block.header.first_sequence, block.header.events);
    tracing::warn!(%day, first_sequence, events, "a damaged block of history was left out");
}

fn warn_damaged_slice(part: &Part, events: u64) {
    tracing::warn!(day = %part.day(), events, "damaged columns of history were left out");
}
