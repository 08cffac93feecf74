//! Letting go of what is older than it is kept: whole days, and rows of a kind that is kept for less long.
//!
//! A day of which no kind is kept any more is removed. A day of which some kinds are kept is rewritten without the others:
//! ids stay what they were, and none of those that went is given again. Either leaves a line in `expired.log`, and what
//! holds ask for is copied first. New columns are written beside the day's and renamed into place, so a crash leaves the
//! one or the other; after one between line and rename the day is rewritten again, with the same line.
//!
//! **Left out:** how long that is, which the policy says. A day that cannot be read whole is not rewritten: it goes when
//! the last of its kinds does.

use crate::columns::{Builder, Columns, NewFile, columns_file};
use crate::embedded::Embedded;
use crate::error::disk;
use crate::filter::Filter;
use crate::hold::{Hold, UnreadableHold, each_row_upwards};
use crate::row::Row;
use crate::shelf::DayFiles;
use crate::{HistoryError, Query};
use model::{Channel, Day, EventOutcome, Timestamp};
use std::fmt::Write as _;
use std::fs;
use std::sync::PoisonError;

/// How far back `expired.log` is read: some forty years of days.
pub(crate) const MOST_READ_BYTES: u64 = 1 << 20;
/// Why a day went, in `expired.log`.
pub(crate) const WHOLE: &str = "retention";
/// Why rows of a day went; the kinds follow.
const IN_PART: &str = "retention of ";

/// Kinds of events that may be kept for different times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Questions to DNS that were answered as they were asked.
    Names,
    /// Requests and tunnels that were let through, or failed.
    Pages,
    /// What was blocked or refused, whichever way it came.
    Blocks,
}

/// How long events are kept: those of days before these go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keep {
    /// The first day of which [`Kind::Names`] are kept.
    pub names: Day,
    /// The first day of which [`Kind::Pages`] are kept.
    pub pages: Day,
    /// The first day of which [`Kind::Blocks`] are kept.
    pub blocks: Day,
}

/// What expiry removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Expired {
    /// Days that are gone.
    pub days: usize,
    /// Days of which some kinds are gone.
    pub thinned: usize,
    /// Events that are gone.
    pub events: u64,
    /// Bytes that are free.
    pub bytes: u64,
}

/// What is left of what expired: how much it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tombstone {
    /// Whose events went.
    pub day: Day,
    /// How many.
    pub events: u64,
    /// How many of which kinds, where the day was kept without them; empty where it went whole.
    pub kinds: Vec<(Kind, u64)>,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 3] = [Self::Names, Self::Pages, Self::Blocks];

    /// The name in `expired.log`.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Pages => "pages",
            Self::Blocks => "blocks",
        }
    }

    /// The kind of this name.
    pub fn parse(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == slug)
    }

    /// The kind of an event.
    pub fn of(channel: Channel, outcome: EventOutcome) -> Self {
        match (outcome, channel) {
            (EventOutcome::Blocked | EventOutcome::RefusedOrigin, _) => Self::Blocks,
            (_, Channel::Dns) => Self::Names,
            _ => Self::Pages,
        }
    }

    /// The same for what a later program may have written: what is not known counts as kept longest.
    fn of_row(row: &Row<'_>) -> Option<Self> {
        Some(Self::of(Channel::parse(row.channel)?, EventOutcome::parse(row.outcome)?))
    }
}

impl Keep {
    /// Everything of days before one goes.
    pub fn from(first: Day) -> Self {
        Self { names: first, pages: first, blocks: first }
    }

    fn first(&self, kind: Kind) -> Day {
        match kind {
            Kind::Names => self.names,
            Kind::Pages => self.pages,
            Kind::Blocks => self.blocks,
        }
    }

    /// Which kinds of a day are not kept.
    pub(crate) fn gone(&self, day: Day) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| day < self.first(*kind)).collect()
    }
}

impl Embedded {
    /// Removes what is kept no longer for good, once what holds ask of it is copied: whole days, and of days the kinds that
    /// are kept for less long. Each leaves a line in `expired.log`: day, events, bytes, when, why, and how many of its
    /// events are held. Takes its time where days are rewritten; others read and append meanwhile.
    pub fn expire(&self, keep: &Keep, now: Timestamp) -> Result<Expired, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = self.all_holds()?;
        let mut expired = Expired::default();
        for day in self.0.shelf.days() {
            let kinds = keep.gone(day);
            let done = match kinds.len() {
                0 => continue,
                most if most == Kind::ALL.len() => self.remove_day(&holds, day, now, &mut expired),
                _ => self.thin_day(&holds, (day, &kinds), now, &mut expired),
            };
            match done {
                Err(error) if error.is_of_one_day() => {
                    tracing::error!(%day, %error, "a day cannot expire: it cannot be read, or a hold that may need it cannot");
                }
                other => other?,
            }
        }
        Ok(expired)
    }

    /// What expired of the days of a time, oldest first: from `expired.log`, of which the last mebibyte is read.
    pub fn tombstones(&self, query: &Query) -> Result<Vec<Tombstone>, HistoryError> {
        let text = self.0.shelf.expired_log(MOST_READ_BYTES)?;
        Ok(tombstones_of(text.lines(), query))
    }

    fn remove_day(
        &self,
        holds: &(Vec<Hold>, Vec<UnreadableHold>),
        day: Day,
        now: Timestamp,
        expired: &mut Expired,
    ) -> Result<(), HistoryError> {
        let size = || self.0.shelf.size(day).ok().flatten();
        let before = size();
        let mut held = self.hold_before_expiry(holds, day)?;
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // Copying takes its time, so others append meanwhile; what of it came to this very day is copied as well.
        if size() != before {
            held = self.hold_before_expiry(holds, day)?;
        }
        if let Some(removed) = self.0.shelf.remove(day, now, (WHOLE, held))? {
            expired.days += 1;
            expired.events += removed.events;
            expired.bytes += removed.bytes;
        }
        Ok(())
    }

    /// Rewrites a day without some kinds, unless that was done.
    fn thin_day(
        &self,
        holds: &(Vec<Hold>, Vec<UnreadableHold>),
        (day, kinds): (Day, &[Kind]),
        now: Timestamp,
        expired: &mut Expired,
    ) -> Result<(), HistoryError> {
        self.compact_day(day)?;
        let shelf = &self.0.shelf;
        let Some((files, _)) = shelf.files(day)? else { return Ok(()) };
        let Some(columns) = &files.columns else { return Ok(()) };
        let kinds: Vec<Kind> =
            kinds.iter().copied().filter(|kind| !columns.is_without(kind.slug())).collect();
        if kinds.is_empty() {
            return Ok(());
        }
        let held = self.hold_before_expiry(holds, day)?;
        let place = columns_file(shelf.folder(), day);
        let begun =
            NewFile::begin_anew(place.with_extension("columns.new"), shelf.key_or_new(day)?, columns)?;
        let (mut file, counts) = rewritten(begun, &files, &kinds)?;
        for (kind, events) in &counts {
            file.leave_out(kind.slug(), *events);
        }
        let events: u64 = counts.iter().map(|(_, events)| events).sum();
        let fresh = file.finish()?;
        let after = fs::metadata(&fresh).map_err(disk("measure", &fresh))?.len();
        let freed = columns.bytes().saturating_sub(after);
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if events > 0 {
            let why = why(&counts);
            shelf.note_expired(&format!("{day}\t{events}\t{freed}\t{now}\t{why}\t{held} held\n"))?;
            expired.thinned += 1;
        }
        let rest = files.log.as_ref().map(|log| log.all_blocks()).unwrap_or_default();
        shelf.take_over(&files, &fresh, &rest, None)?;
        expired.events += events;
        expired.bytes += freed;
        Ok(())
    }
}

/// A day's columns without some kinds, and how many events of each that is.
fn rewritten(
    mut file: NewFile,
    files: &DayFiles,
    kinds: &[Kind],
) -> Result<(NewFile, Vec<(Kind, u64)>), HistoryError> {
    let mut counts: Vec<(Kind, u64)> = kinds.iter().map(|kind| (*kind, 0)).collect();
    let mut builder = Builder::new(files.day);
    let query = Query { read_at_most: u64::MAX, ..Query::default() };
    // The log's rows stay in the log.
    let columns_alone = DayFiles { day: files.day, columns: files.columns.clone(), log: None };
    let unreadable =
        each_row_upwards(&columns_alone, &Filter::new(&query), 0..u64::MAX, &mut |sequence, row| {
            let kind = Kind::of_row(row);
            match counts.iter_mut().find(|(gone, _)| kind == Some(*gone)) {
                Some((_, events)) => *events += 1,
                None => builder.push(sequence, row)?,
            }
            if builder.is_full() { builder.write_to(&mut file) } else { Ok(()) }
        })?;
    if unreadable > 0 {
        let day = files.day;
        let path = file.give_up()?;
        return Err(HistoryError::DamagedDay { day, file: path.with_extension("") });
    }
    if !builder.is_empty() {
        builder.write_to(&mut file)?;
    }
    Ok((file, counts))
}

/// Why rows of a day went: the kinds, and how many events of each.
pub(crate) fn why(counts: &[(Kind, u64)]) -> String {
    let mut why = IN_PART.to_owned();
    for (place, (kind, events)) in counts.iter().enumerate() {
        // Writing to memory does not fail.
        let _ = write!(why, "{}{} {events}", if place == 0 { "" } else { ", " }, kind.slug());
    }
    why
}

/// What lines of `expired.log` say of the days of a query's time, oldest first.
pub(crate) fn tombstones_of<'l>(lines: impl Iterator<Item = &'l str>, query: &Query) -> Vec<Tombstone> {
    let filter = Filter::new(query);
    let (from, until) = (filter.from.day(), filter.until.day());
    let mut stones: Vec<Tombstone> = Vec::new();
    for stone in lines.filter_map(tombstone) {
        // A line may be there twice after a crash.
        if (from..=until).contains(&stone.day) && !stones.contains(&stone) {
            stones.push(stone);
        }
    }
    stones.sort_by_key(|stone| stone.day);
    stones
}

/// A line of `expired.log` about a day; `None` where it is about something else.
pub(crate) fn tombstone(line: &str) -> Option<Tombstone> {
    let mut fields = line.split('\t');
    let day = Timestamp::parse(&format!("{}T00:00:00Z", fields.next()?))?.day();
    let events = fields.next()?.parse().ok()?;
    let why = fields.nth(2)?;
    let kind = |text: &str| {
        let (kind, events) = text.split_once(' ')?;
        Some((Kind::parse(kind)?, events.parse().ok()?))
    };
    let kinds = match why.strip_prefix(IN_PART) {
        Some(kinds) => kinds.split(", ").map(kind).collect::<Option<Vec<_>>>()?,
        None if why == WHOLE => Vec::new(),
        None => return None,
    };
    Some(Tombstone { day, events, kinds })
}

impl Columns {
    /// Whether the rows of a kind were left out, and none came since.
    fn is_without(&self, kind: &str) -> bool {
        self.left_out().iter().any(|left| left.kind == kind && left.below == self.next_sequence())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_the_log_reads_as_it_was_written() {
        let counts = [(Kind::Names, 7), (Kind::Pages, 0)];
        let line = format!("2026-01-02\t7\t90\t2026-03-01T00:00:00Z\t{}\t1 held", why(&counts));
        let stone = tombstone(&line).unwrap();
        assert_eq!((stone.events, stone.kinds), (7, counts.to_vec()));
        assert_eq!(stone.day.to_string(), "2026-01-02");
        let whole = tombstone("2026-01-02\t9\t90\t2026-03-01T00:00:00Z\tretention\t0 held").unwrap();
        assert_eq!((whole.events, whole.kinds), (9, Vec::new()));
        assert_eq!(tombstone("held/a\t1\t2\t2026-03-01T00:00:00Z\treleased"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in "\\PC{0,60}", fields in prop::collection::vec("[0-9a-z ,-]{0,12}", 0..8)) {
            let _ = tombstone(&line);
            let _ = tombstone(&fields.join("\t"));
        }
    }
}
