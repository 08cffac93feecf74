//! Letting go on a server: whole days, rows of kinds that are kept for less long, and the lines that say so.
//!
//! **Invariants:** rows go only after everything a hold asks of them is in the table `held`, and after their line is in the
//! table `expired`. The line also says which sequence comes next in the day, so that none that went is ever given again.

use super::keep::{self, Holds};
use super::rows::Fields;
use super::server::{Server, Statement};
use crate::expire::{self, Kind, Tombstone};
use crate::query::DaySummary;
use crate::{HistoryError, Query};
use model::{Channel, Day, EventOutcome, GateId, Timestamp};
use std::collections::HashSet;

/// How many lines of `expired` are read: some forty years of days.
const MOST_LINES: usize = 20_000;

/// What is left of what is gone.
pub(super) struct Stone {
    /// A day, or `held/` and a hold.
    pub what: String,
    pub events: u64,
    pub bytes: u64,
    pub why: String,
    pub held: u64,
    /// The sequence that comes next in the day.
    pub next: u64,
}

/// Which kinds of events each day has: asked of all days at once, so that a year of days of which nothing more goes costs one
/// statement.
pub(super) fn kinds_by_day(server: &Server, gate: GateId) -> Result<HashSet<(Day, Kind)>, HistoryError> {
    let doing = "say which kinds of events there are";
    let sums: Vec<String> = Kind::ALL.iter().map(|kind| format!("countIf({})", condition(*kind))).collect();
    let sql = format!("SELECT day, {} FROM events WHERE gate = {} GROUP BY day", sums.join(", "), gate.0);
    let mut fields = Fields::of(server.ask(doing, &Statement::new(sql))?, doing);
    let mut there = HashSet::new();
    while !fields.is_at_end()? {
        let day = fields.day()?;
        for kind in Kind::ALL {
            if fields.u64()? > 0 {
                there.insert((day, kind));
            }
        }
    }
    Ok(there)
}

/// Removes a day of which so many rows are held. Nothing else is to be written meanwhile.
pub(super) fn remove_day(
    server: &Server,
    (gate, now): (GateId, Timestamp),
    (day, next): (&DaySummary, u64),
    held: u64,
) -> Result<(), HistoryError> {
    let (events, bytes, why) = (day.events, day.bytes, expire::WHOLE.to_owned());
    note(server, (gate, now), &Stone { what: day.day.to_string(), events, bytes, why, held, next })?;
    server.tell("remove a day", format!("ALTER TABLE events DROP PARTITION ({}, {})", gate.0, day.day.0))
}

/// Removes rows of some kinds before a sequence from a day; how many. What is written meanwhile comes after that sequence.
///
/// The server does not say beforehand what that frees, so the line says 0 bytes.
pub(super) fn thin_day(
    server: &Server,
    (gate, now): (GateId, Timestamp),
    (day, next): (Day, u64),
    (kinds, holds): (&[Kind], &Holds),
) -> Result<u64, HistoryError> {
    let doing = "remove kinds of a day";
    let rows = format!("gate = {} AND day = {} AND sequence < {next}", gate.0, day.0);
    let sums: Vec<String> = kinds.iter().map(|kind| format!("countIf({})", condition(*kind))).collect();
    let statement = Statement::new(format!("SELECT {} FROM events WHERE {rows}", sums.join(", ")));
    let mut fields = Fields::of(server.ask(doing, &statement)?, doing);
    let mut counts = Vec::new();
    for kind in kinds {
        counts.push((*kind, fields.u64()?));
    }
    let events = counts.iter().map(|(_, events)| events).sum();
    if events == 0 {
        return Ok(0);
    }
    let held = keep::hold_before_expiry(server, gate, day, holds)?;
    let why = expire::why(&counts);
    note(server, (gate, now), &Stone { what: day.to_string(), events, bytes: 0, why, held, next })?;
    let gone: Vec<String> = kinds.iter().map(|kind| condition(*kind)).collect();
    let sql = format!(
        "ALTER TABLE events DELETE IN PARTITION ({}, {}) WHERE {rows} AND ({})",
        gate.0,
        day.0,
        gone.join(" OR ")
    );
    server.tell(doing, sql)?;
    Ok(events)
}

/// The condition that rows of a kind are known by; what no kind is known of is kept as long as any.
fn condition(kind: Kind) -> String {
    let mut pairs = Vec::new();
    for outcome in EventOutcome::ALL {
        let of_kind = Channel::ALL.iter().filter(|channel| Kind::of(**channel, outcome) == kind);
        pairs.extend(of_kind.map(|channel| format!("('{}', '{}')", outcome.slug(), channel.slug())));
    }
    format!("(outcome, channel) IN ({})", pairs.join(", "))
}

/// Writes down that something is gone.
pub(super) fn note(
    server: &Server,
    (gate, now): (GateId, Timestamp),
    stone: &Stone,
) -> Result<(), HistoryError> {
    let Stone { what, events, bytes, why, held, next } = stone;
    // Days, checked names and our own words: none of them has a quote in it.
    let row = format!("({}, '{what}', {events}, {bytes}, {}, '{why}', {held}, {next})", gate.0, now.0);
    let sql = format!("INSERT INTO expired (gate, what, events, bytes, at, why, held, next) VALUES {row}");
    server.tell("note what is gone", sql)
}

/// What expired of the days of a query's time, oldest first; of the last lines there are.
pub(super) fn tombstones(
    server: &Server,
    gate: GateId,
    query: &Query,
) -> Result<Vec<Tombstone>, HistoryError> {
    Ok(expire::tombstones_of(lines(server, gate)?.iter().map(String::as_str), query))
}

/// The last lines there are, as `expired.log` has them, oldest first.
pub(super) fn lines(server: &Server, gate: GateId) -> Result<Vec<String>, HistoryError> {
    let doing = "say what expired";
    let sql = format!(
        "SELECT what, events, bytes, at, why, held FROM expired WHERE gate = {} ORDER BY at DESC, what DESC LIMIT {MOST_LINES}",
        gate.0
    );
    let mut fields = Fields::of(server.ask(doing, &Statement::new(sql))?, doing);
    let mut lines = Vec::new();
    while !fields.is_at_end()? {
        let (what, events, bytes, at) = (fields.text()?, fields.u64()?, fields.u64()?, fields.i64()?);
        let (why, held) = (fields.text()?, fields.u64()?);
        let (what, why) = (String::from_utf8_lossy(&what), String::from_utf8_lossy(&why));
        let line = format!("{what}\t{events}\t{bytes}\t{}\t{why}", Timestamp(at));
        lines.push(if what.starts_with("held/") { line } else { format!("{line}\t{held} held") });
    }
    lines.reverse();
    Ok(lines)
}

/// Writes down a line of another place. One that is not ours is left out.
pub(super) fn take_over_line(server: &Server, gate: GateId, line: &str) -> Result<(), HistoryError> {
    match read_line(line) {
        Some((stone, at)) => note(server, (gate, at), &stone),
        None => Ok(()),
    }
}

fn read_line(line: &str) -> Option<(Stone, Timestamp)> {
    let mut fields = line.split('\t');
    let what = fields.next()?.to_owned();
    let (events, bytes) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let at = Timestamp::parse(fields.next()?)?;
    let why = fields.next()?.to_owned();
    let held = fields.next().map_or(Some(0), |held| held.strip_suffix(" held")?.parse().ok())?;
    // It is written into a statement.
    let is_plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b',' | b'-' | b'/'))
    };
    // Of what follows the day's rows here, only held ones are known: `next_of` looks at them.
    (is_plain(&what) && is_plain(&why)).then_some((Stone { what, events, bytes, why, held, next: 0 }, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_lines_are_taken_over() {
        for (line, expected) in [
            ("1970-01-01\t3\t90\t1970-01-02T00:00:00.009Z\tretention\t1 held", Some((3, 1, 86_400_009))),
            (
                "1970-01-01\t3\t0\t1970-01-02T00:00:00Z\tretention of names 3\t0 held",
                Some((3, 0, 86_400_000)),
            ),
            ("held/case-1\t3\t90\t1970-01-02T00:00:00Z\treleased", Some((3, 0, 86_400_000))),
            ("1970-01-01\t3\t90\t1970-01-02T00:00:00Z\tretention') --\t1 held", None),
            ("x'\t3\t90\t1970-01-02T00:00:00Z\tretention\t1 held", None),
            ("", None),
        ] {
            let read = read_line(line).map(|(stone, at)| (stone.events, stone.held, at.0));
            assert_eq!(read, expected, "{line}");
        }
    }
}
