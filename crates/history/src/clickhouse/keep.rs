//! What is kept: days, and holds.
//!
//! **Invariants:** what is held stays until the hold is released. Copying what is held can be done again at any time: what is
//! there already is left. A hold that cannot be read stops the days it may need from expiring, and nothing else.

use super::condition::{Condition, Source};
use super::expire::{self, Stone};
use super::rows::{Fields, names, write_text};
use super::server::{Insert, Server, Statement, random_id};
use super::walk::{DayRows, days_of};
use crate::hold::{MOST_NAME_BYTES, Note, is_name, span_of_query};
use crate::query::DaySummary;
use crate::{HistoryError, Hold, Query, UnreadableHold};
use model::{Day, GateId, Timestamp};
use std::collections::HashMap;

const ALL_DAYS: (i32, i32) = (i32::MIN, i32::MAX);
const HOLDING: &str = "copy what is held";

/// The days there are, oldest first.
pub(super) fn summaries(server: &Server, from: &Source) -> Result<Vec<DaySummary>, HistoryError> {
    let days = days_of(server, from, ALL_DAYS)?;
    let bytes = bytes_by_day(server, from)?;
    let summary = |day: &DayRows| DaySummary {
        day: day.day,
        events: day.rows,
        bytes: bytes.get(&day.day).copied().unwrap_or(0),
    };
    Ok(days.iter().rev().map(summary).collect())
}

/// Bytes on the server's disk, by day.
fn bytes_by_day(server: &Server, from: &Source) -> Result<HashMap<Day, u64>, HistoryError> {
    let doing = "say what its days weigh";
    let sql = format!(
        "SELECT partition, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase() AND \
         table = '{}' GROUP BY partition",
        from.table()
    );
    let mut fields = Fields::of(server.ask(doing, &Statement::new(sql))?, doing);
    // A partition is written as `(1,20000)` and `(1,'case-7',20000)`.
    let ours = match &from.hold {
        Some(hold) => format!("({},'{hold}',", from.gate.0),
        None => format!("({},", from.gate.0),
    };
    let mut bytes = HashMap::new();
    while !fields.is_at_end()? {
        let (partition, size) = (fields.text()?, fields.u64()?);
        let partition = String::from_utf8_lossy(&partition);
        let day = partition.strip_prefix(&ours).and_then(|rest| rest.strip_suffix(')')?.parse().ok());
        if let Some(day) = day {
            bytes.insert(Day(day), size);
        }
    }
    Ok(bytes)
}

/// The oldest day there is.
pub(super) fn oldest_day(server: &Server, from: &Source) -> Result<Option<Day>, HistoryError> {
    Ok(days_of(server, from, ALL_DAYS)?.last().map(|day| day.day))
}

/// The time of the newest event.
pub(super) fn newest(server: &Server, from: &Source) -> Result<Option<Timestamp>, HistoryError> {
    let doing = "say when the newest event was";
    let Some(day) = days_of(server, from, ALL_DAYS)?.first().map(|day| day.day) else { return Ok(None) };
    let sql = format!("SELECT max(at) FROM {} WHERE {} AND day = {}", from.table(), from.rows(), day.0);
    Fields::of(server.ask(doing, &Statement::new(sql))?, doing).i64().map(|at| Some(Timestamp(at)))
}

/// Every hold, and those that cannot be read.
pub(super) type Holds = (Vec<Hold>, Vec<UnreadableHold>);

/// Copies what of a day any hold asks for; how much of the day is held then. To be called before rows of the day go.
///
/// # Errors
/// [`HistoryError::UnreadableHold`] where the day must stay.
pub(super) fn hold_before_expiry(
    server: &Server,
    gate: GateId,
    day: Day,
    (holds, unreadable): &Holds,
) -> Result<u64, HistoryError> {
    if let Some(hold) = unreadable.iter().find(|hold| hold.days.contains(&day)) {
        return Err(HistoryError::UnreadableHold { day, hold: hold.name.clone() });
    }
    let mut held = 0;
    for hold in holds.iter().filter(|hold| span_of_query(&hold.query).contains(&day)) {
        held += hold_day(server, (gate, &hold.name), day, &hold.query)?;
    }
    Ok(held)
}

/// Holds every event that matches; what is held so far.
pub(super) fn hold(server: &Server, (gate, name): (GateId, &str), note: &Note) -> Result<Hold, HistoryError> {
    note_hold(server, (gate, name), note)?;
    let from = Source { gate, hold: None };
    end_copies(server, gate)?;
    for day in days_of(server, &from, ALL_DAYS)? {
        hold_day(server, (gate, name), day.day, &note.query)?;
    }
    hold_named(server, gate, name)
}

/// Writes down that a hold is, or what it asks from now on. Beside it, openly, the days that it may need.
pub(super) fn note_hold(
    server: &Server,
    (gate, name): (GateId, &str),
    note: &Note,
) -> Result<(), HistoryError> {
    check_name(name)?;
    let days = span_of_query(&note.query);
    let mut body = Vec::new();
    body.extend(gate.0.to_le_bytes());
    write_text(&mut body, name.as_bytes());
    body.extend(days.start().0.to_le_bytes());
    body.extend(days.end().0.to_le_bytes());
    write_text(&mut body, &note.encode()?);
    let sql = "INSERT INTO holds (gate, name, first, last, note) FORMAT RowBinary";
    let statement = format!("schoolgate-{}-note-{}", gate.0, random_id()?);
    server.keep("keep a hold", Insert { sql, name: &statement, rows: 1, body: &body })
}

/// Every hold, and those that cannot be read, by name.
pub(super) fn holds(server: &Server, gate: GateId) -> Result<Holds, HistoryError> {
    holds_where(server, gate, "")
}

/// The same of those that a condition takes.
fn holds_where(server: &Server, gate: GateId, condition: &str) -> Result<Holds, HistoryError> {
    let doing = "say what is held";
    let sql = format!(
        "SELECT name, argMax(first, changed), argMax(last, changed), argMax(note, changed) FROM holds WHERE gate = {} \
         {condition} GROUP BY name ORDER BY name",
        gate.0
    );
    let mut fields = Fields::of(server.ask(doing, &Statement::new(sql))?, doing);
    let (mut holds, mut unreadable) = (Vec::new(), Vec::new());
    while !fields.is_at_end()? {
        let name = String::from_utf8_lossy(&fields.text()?).into_owned();
        let days = fields.day()?..=fields.day()?;
        let kept = fields.text()?;
        let Some(note) = Note::decode(&kept).filter(|_| is_name(&name)) else {
            unreadable.push(UnreadableHold { name, days });
            continue;
        };
        let rows = days_of(server, &Source { gate, hold: Some(name.clone()) }, ALL_DAYS)?;
        let bytes = bytes_by_day(server, &Source { gate, hold: Some(name.clone()) })?;
        holds.push(Hold {
            name,
            made: note.made,
            query: note.query,
            reason: note.reason,
            events: rows.iter().map(|day| day.rows).sum(),
            bytes: bytes.values().sum(),
        });
    }
    Ok((holds, unreadable))
}

/// One hold.
pub(super) fn hold_named(server: &Server, gate: GateId, name: &str) -> Result<Hold, HistoryError> {
    check_name(name)?;
    // A checked name has no quote in it.
    let found = holds_where(server, gate, &format!("AND name = '{name}'"))?.0.pop();
    found.ok_or_else(|| HistoryError::NoSuchHold { found: name.to_owned() })
}

/// Ends a hold.
pub(super) fn release(
    server: &Server,
    gate: GateId,
    name: &str,
    now: Timestamp,
) -> Result<Hold, HistoryError> {
    let hold = hold_named(server, gate, name)?;
    let stone = Stone {
        what: format!("held/{name}"),
        events: hold.events,
        bytes: hold.bytes,
        why: "released".to_owned(),
        held: 0,
        next: 0,
    };
    expire::note(server, (gate, now), &stone)?;
    for day in days_of(server, &Source { gate, hold: Some(name.to_owned()) }, ALL_DAYS)? {
        let sql = format!("ALTER TABLE held DROP PARTITION ({}, '{name}', {})", gate.0, day.day.0);
        server.tell("remove what was held", sql)?;
    }
    server.tell("remove a hold", format!("ALTER TABLE holds DROP PARTITION ({}, '{name}')", gate.0))?;
    Ok(hold)
}

/// Ends copies of which nothing was heard, and which may still be under way: what they did is made whole by the next one. To
/// be called once before days are copied, while nobody else of this gate copies.
pub(super) fn end_copies(server: &Server, gate: GateId) -> Result<(), HistoryError> {
    let statements = copies_of(gate);
    server.tell(HOLDING, format!("KILL QUERY WHERE startsWith(query_id, '{statements}') SYNC"))
}

/// What the names begin with by which the server knows a gate's copies while they run.
fn copies_of(gate: GateId) -> String {
    format!("schoolgate-{}-hold-", gate.0)
}

/// Copies what a hold asks of a day, and is not there yet; how much of the day is held then.
fn hold_day(
    server: &Server,
    (gate, name): (GateId, &str),
    day: Day,
    query: &Query,
) -> Result<u64, HistoryError> {
    let query = Query { before: None, ..query.clone() };
    let matching = Condition::new(Source { gate, hold: None }, &query);
    let held =
        format!("SELECT sequence FROM held WHERE gate = {} AND hold = '{name}' AND day = {}", gate.0, day.0);
    let area = format!("day = {} AND sequence NOT IN ({held})", day.0);
    let mut copy = matching.select(&format!("'{name}', {}", names()), &area, "");
    copy.sql = format!("INSERT INTO held (hold, {}) {}", names(), copy.sql);
    server.tell_as(HOLDING, &copy, &format!("{}{}", copies_of(gate), random_id()?))?;
    let count = Statement::new(format!("SELECT count() FROM ({held})"));
    Fields::of(server.ask(HOLDING, &count)?, HOLDING).u64()
}

fn check_name(name: &str) -> Result<(), HistoryError> {
    match is_name(name) {
        true => Ok(()),
        false => Err(HistoryError::HoldName { found: name.chars().take(MOST_NAME_BYTES).collect() }),
    }
}
