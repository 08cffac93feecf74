//! Going through the stored events, newest first, one block in memory at a time.

use crate::query::Filter;
use crate::row;
use crate::segment::{Block, Segment};
use crate::shelf::{Shelf, shelf_day};
use crate::{HistoryError, Query};
use model::{Day, EventId, GateId};
use std::ops::ControlFlow;

/// What a search came to.
#[derive(Default)]
pub(crate) struct Searched {
    /// Where it stopped before the end: the last event it dealt with.
    pub stopped_at: Option<EventId>,
    pub unreadable: u64,
}

/// A block to look into, and the sequence that its events must lie before.
pub(crate) struct Stop<'s> {
    pub segment: &'s Segment,
    pub block: Block,
    pub before: u64,
}

/// Calls `look` for each block of the query's days and times, newest first, until it breaks.
pub(crate) fn each_block(
    shelf: &Shelf,
    filter: &Filter<'_>,
    look: &mut dyn FnMut(Stop<'_>) -> Result<ControlFlow<()>, HistoryError>,
) -> Result<(), HistoryError> {
    let first = shelf_day(filter.from);
    let last = shelf_day(filter.until);
    let cursor = filter.query.before;
    let last = cursor.map_or(last, |cursor| last.min(cursor.day));
    if last < first {
        return Ok(());
    }
    for day in shelf.days_within(first..=last) {
        let Some(segment) = shelf.segment(day)? else { continue };
        let mut before = cursor.filter(|cursor| cursor.day == day).map_or(u64::MAX, |cursor| cursor.sequence);
        while let Some(block) = segment.block_before(before, filter.from, filter.until) {
            if look(Stop { segment: &segment, block, before })?.is_break() {
                return Ok(());
            }
            before = block.header.first_sequence;
        }
    }
    Ok(())
}

/// Calls `found` for each matching row, newest first, until it breaks or `query.read_at_most` rows were looked at.
pub(crate) fn each_row(
    shelf: &Shelf,
    gate: GateId,
    query: &Query,
    found: &mut dyn FnMut(EventId, &row::Row<'_>) -> ControlFlow<()>,
) -> Result<Searched, HistoryError> {
    let filter = Filter::new(query);
    let mut searched = Searched::default();
    let mut read = 0u64;
    each_block(shelf, &filter, &mut |stop| {
        let header = stop.block.header;
        let day = stop.segment.day;
        let id = |sequence| EventId { gate, day, sequence };
        if read >= query.read_at_most {
            searched.stopped_at = Some(id(header.next_sequence().min(stop.before)));
            return Ok(ControlFlow::Break(()));
        }
        read += u64::from(header.events);
        let Some(raw) = stop.segment.read(&stop.block)? else {
            searched.unreadable += u64::from(header.events);
            warn_damaged(day, &stop.block);
            return Ok(ControlFlow::Continue(()));
        };
        let rows = row::decode(&raw, header.events, header.form);
        searched.unreadable += u64::from(header.events).saturating_sub(rows.len() as u64);
        for (place, row) in rows.iter().enumerate().rev() {
            let sequence = header.first_sequence + place as u64;
            if sequence < stop.before && filter.matches(row) && found(id(sequence), row).is_break() {
                searched.stopped_at = Some(id(sequence));
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(searched)
}

pub(crate) fn warn_damaged(day: Day, block: &Block) {
    let (first_sequence, events) = (block.header.first_sequence, block.header.events);
    tracing::warn!(%day, first_sequence, events, "a damaged block of history was left out");
}
