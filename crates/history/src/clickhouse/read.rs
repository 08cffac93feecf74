//! Reading rows, newest first: pages, counts, everything.

use super::condition::{Condition, Source};
use super::rows::{Fields, names};
use super::server::Server;
use super::walk::{Area, Walk};
use crate::filter::Filter;
use crate::query::{Count, Exported, OutcomeCounts, Page, PageRows, Stored};
use crate::{HistoryError, Query};
use model::{AccessEvent, Day, EventId, EventOutcome};
use std::ops::ControlFlow;

const DOING: &str = "look for events";
/// Rows that are read at a time, and in memory meanwhile.
const MOST_AT_ONCE: usize = 8_192;

/// A page of matching events, newest first.
pub(super) fn page(server: &Server, from: Source, query: &Query) -> Result<Page, HistoryError> {
    let mut rows = PageRows::new(query);
    let asked = (query, rows.limit() + 1);
    let stopped_at = each_row(server, from, asked, &mut |id, event| rows.take(id, event))?;
    Ok(rows.page(stopped_at, 0))
}

/// Hands over every matching event, newest first, until `out` breaks.
pub(super) fn export(
    server: &Server,
    from: Source,
    query: &Query,
    out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
) -> Result<Exported, HistoryError> {
    let query = Query { read_at_most: u64::MAX, ..query.clone() };
    let mut exported = Exported::default();
    each_row(server, from, (&query, MOST_AT_ONCE), &mut |id, event| exported.hand_over(id, event, out))?;
    Ok(exported)
}

/// How many rows match, up to `most`.
pub(super) fn count(server: &Server, from: Source, query: &Query, most: u64) -> Result<Count, HistoryError> {
    let condition = Condition::new(from, query);
    let mut events = 0u64;
    let more = each_area(server, &condition, query, &mut |area| {
        let answer = server.ask(DOING, &condition.select("count()", area, ""))?;
        let looked_at = answer.looked_at;
        events = events.saturating_add(Fields::of(answer, DOING).u64()?);
        Ok((looked_at, if events > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }))
    })?;
    Ok(Count { events: events.min(most), more: more.is_some() })
}

/// How many events had which outcome.
pub(super) fn counts_by_outcome(
    server: &Server,
    from: Source,
    query: &Query,
) -> Result<OutcomeCounts, HistoryError> {
    let mut query = query.clone();
    if Filter::new(&query).is_time_alone() {
        query.read_at_most = u64::MAX;
    }
    let condition = Condition::new(from, &query);
    let mut totals = OutcomeCounts::default();
    let more = each_area(server, &condition, &query, &mut |area| {
        let answer = server.ask(DOING, &condition.select("outcome, count()", area, "GROUP BY outcome"))?;
        let looked_at = answer.looked_at;
        let mut fields = Fields::of(answer, DOING);
        while !fields.is_at_end()? {
            let (outcome, events) = (fields.text()?, fields.u64()?);
            add(&mut totals, &outcome, events);
        }
        Ok((looked_at, ControlFlow::Continue(())))
    })?;
    totals.more = more.is_some();
    Ok(totals)
}

/// Adds events of an outcome; of one that this program does not know, nothing.
pub(super) fn add(counts: &mut OutcomeCounts, outcome: &[u8], events: u64) {
    let place = std::str::from_utf8(outcome).ok().and_then(EventOutcome::parse);
    if let Some(count) = place.and_then(|place| counts.counts.get_mut(crate::block::outcome_place(place))) {
        *count += events;
    }
}

/// What asking about an area came to: rows looked at, and whether to go on.
type Asked = Result<(u64, ControlFlow<()>), HistoryError>;

/// Asks about one area after the other until it breaks or `query.read_at_most` rows were looked at. Where it stopped before
/// the end: the area that was the last to be asked about.
pub(super) fn each_area(
    server: &Server,
    condition: &Condition,
    query: &Query,
    ask: &mut dyn FnMut(&str) -> Asked,
) -> Result<Option<Area>, HistoryError> {
    let mut walk = Walk::new(server, &condition.from, query)?;
    let (mut left, cursor) = (query.read_at_most, query.before.map(older_than));
    while let Some(area) = walk.next() {
        let of_area = match &cursor {
            Some(cursor) => format!("{} AND {cursor}", area.condition()),
            None => area.condition(),
        };
        let (looked_at, flow) = ask(&of_area)?;
        left = left.saturating_sub(looked_at);
        if flow.is_break() || (left == 0 && !walk.is_over()) {
            return Ok(Some(area));
        }
        walk.widen(looked_at, left);
    }
    Ok(None)
}

/// Calls `found` for each matching row, newest first, until it breaks or `query.read_at_most` rows were looked at. An event is
/// `None` where it cannot be read. Where it stopped before the end: the last event it dealt with.
pub(super) fn each_row(
    server: &Server,
    from: Source,
    (query, at_once): (&Query, usize),
    found: &mut dyn FnMut(EventId, Option<AccessEvent>) -> ControlFlow<()>,
) -> Result<Option<EventId>, HistoryError> {
    let condition = Condition::new(from, query);
    let mut walk = Walk::new(server, &condition.from, query)?;
    let (mut left, mut cursor) = (query.read_at_most, query.before);
    let rest = format!("ORDER BY day DESC, sequence DESC LIMIT {at_once}");
    while let Some(area) = walk.next() {
        let of_area = match cursor {
            Some(cursor) => format!("{} AND {}", area.condition(), older_than(cursor)),
            None => area.condition(),
        };
        let answer = server.ask(DOING, &condition.select(&names(), &of_area, &rest))?;
        let looked_at = answer.looked_at;
        let mut fields = Fields::of(answer, DOING);
        let mut rows = Vec::new();
        // No more than was asked for, whatever the server gives.
        while rows.len() < at_once && !fields.is_at_end()? {
            rows.push(fields.event()?);
        }
        drop(fields);
        let (is_full, last) = (rows.len() >= at_once, rows.last().map(|(id, _)| *id));
        for (id, event) in rows {
            if found(id, event).is_break() {
                return Ok(Some(id));
            }
        }
        left = left.saturating_sub(looked_at);
        match last.filter(|_| is_full) {
            Some(last) => {
                cursor = Some(last);
                walk.go_on_before(last);
                walk.narrow();
            }
            None => walk.widen(looked_at, left),
        }
        if left == 0 && !walk.is_over() {
            let ((day, sequence), gate) = (area.end(), condition.from.gate);
            return Ok(Some(last.filter(|_| is_full).unwrap_or(EventId { gate, day, sequence })));
        }
    }
    Ok(None)
}

/// Calls `found` for each row of a day, in order of sequence, until it fails. Returns how many could not be read.
pub(super) fn each_row_upwards(
    server: &Server,
    from: &Source,
    day: Day,
    found: &mut dyn FnMut(EventId, &AccessEvent) -> Result<(), HistoryError>,
) -> Result<u64, HistoryError> {
    let (mut next, mut unreadable) = (Some(0u64), 0);
    let of_day = Condition::new(from.clone(), &Query::default());
    while let Some(sequence) = next.take() {
        let area = format!(
            "day = {} AND slice >= {} AND sequence >= {sequence}",
            day.0,
            sequence / super::tables::SLICE
        );
        let rest = format!("ORDER BY slice, sequence LIMIT {MOST_AT_ONCE}");
        let mut fields = Fields::of(server.ask(DOING, &of_day.select(&names(), &area, &rest))?, DOING);
        let mut rows = Vec::new();
        while rows.len() < MOST_AT_ONCE && !fields.is_at_end()? {
            rows.push(fields.event()?);
        }
        drop(fields);
        for (id, event) in &rows {
            match event {
                Some(event) => found(*id, event)?,
                None => unreadable += 1,
            }
        }
        next = rows.last().filter(|_| rows.len() == MOST_AT_ONCE).map(|(id, _)| id.sequence + 1);
    }
    Ok(unreadable)
}

/// The condition of what is older than an event.
pub(super) fn older_than(cursor: EventId) -> String {
    format!("(day < {d} OR (day = {d} AND sequence < {}))", cursor.sequence, d = cursor.day.0)
}
