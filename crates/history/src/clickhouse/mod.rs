//! The history on a ClickHouse server: the same verbs, for a trust whose events no single machine should hold.
//!
//! Several gates may keep their rows in the same tables; each reads, and lets go, its own alone. Nothing is asked of the
//! server when it is opened: a gate starts and filters whether or not it answers, and each verb says so when it does not.
//!
//! **Left out:** encryption at rest, which ClickHouse does not do by itself (see `docs/history.md`).
//!
//! **Invariants:** ids are what they are in a folder: (gate, day, sequence), never given twice, without gaps as they are given. What `append`
//! says is kept is on the server's disk.

mod condition;
mod expire;
mod keep;
mod read;
mod rows;
mod server;
mod sums;
mod tables;
mod walk;
mod writer;

pub use server::ServerPlace;

use self::condition::Source;
use self::server::Server;
use self::writer::{Table, Writer};
use crate::hold::Note;
use crate::query::{Count, DaySummary, Exported, OutcomeCounts, Page, Stored};
use crate::{
    Every, Expired, HistoryError, Hold, HoldReason, HostsUsed, Keep, Kind, Query, Sums, Tombstone, TopHosts,
    UnreadableHold,
};
use model::{AccessEvent, Day, EventId, GateId, Timestamp};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A gate's history on a server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ClickHouse(Arc<Inner>);

struct Inner {
    gate: GateId,
    server: Server,
    /// Whether the tables were seen to be there.
    is_prepared: AtomicBool,
    /// Held while rows are written or removed.
    writer: Mutex<Writer>,
    /// Held while holds and days change. Taken before `writer`.
    keeping: Mutex<()>,
}

/// The rows of a hold on a server.
pub(crate) struct HeldRows {
    history: ClickHouse,
    name: String,
}

impl ClickHouse {
    pub fn new(place: ServerPlace, gate: GateId) -> Result<Self, HistoryError> {
        Ok(Self(Arc::new(Inner {
            gate,
            server: Server::new(place)?,
            is_prepared: AtomicBool::new(false),
            writer: Mutex::default(),
            keeping: Mutex::new(()),
        })))
    }

    pub fn append(&self, events: &[AccessEvent]) -> Result<Vec<EventId>, HistoryError> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let server = self.server()?;
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.append((server, self.0.gate), events)
    }

    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        read::page(self.server()?, self.events(), query)
    }

    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        read::count(self.server()?, self.events(), query, most)
    }

    pub fn counts_by_outcome(&self, query: &Query) -> Result<OutcomeCounts, HistoryError> {
        read::counts_by_outcome(self.server()?, self.events(), query)
    }

    pub fn sums(&self, query: &Query, every: Every) -> Result<Sums, HistoryError> {
        sums::sums(self.server()?, self.events(), query, every)
    }

    pub fn top_hosts(&self, query: &Query, every: Every, most: usize) -> Result<TopHosts, HistoryError> {
        sums::top_hosts(self.server()?, self.events(), query, (every, most))
    }

    pub fn hosts_used(&self, query: &Query, most: usize) -> Result<HostsUsed, HistoryError> {
        sums::hosts_used(self.server()?, self.events(), query, most)
    }

    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        read::export(self.server()?, self.events(), query, out)
    }

    pub fn expire(&self, keep: &Keep, now: Timestamp) -> Result<Expired, HistoryError> {
        let server = self.server()?;
        let _keeping = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = keep::holds(server, self.0.gate)?;
        keep::end_copies(server, self.0.gate)?;
        let there = expire::kinds_by_day(server, self.0.gate)?;
        let mut expired = Expired::default();
        for day in keep::summaries(server, &self.events())? {
            let mut kinds = keep.gone(day.day);
            if kinds.len() < Kind::ALL.len() {
                kinds.retain(|kind| there.contains(&(day.day, *kind)));
            }
            let done = match kinds.len() {
                0 => continue,
                most if most == Kind::ALL.len() => self.remove_day((&day, now), &holds, &mut expired),
                _ => self.thin_day((&day, now), (&kinds, &holds), &mut expired),
            };
            match done {
                Err(error @ HistoryError::UnreadableHold { .. }) => {
                    tracing::error!(day = %day.day, %error, "a day cannot expire: a hold that may need it cannot be read");
                }
                other => other?,
            }
        }
        Ok(expired)
    }

    fn remove_day(
        &self,
        (day, now): (&DaySummary, Timestamp),
        holds: &keep::Holds,
        expired: &mut Expired,
    ) -> Result<(), HistoryError> {
        let (server, gate) = (self.server()?, self.0.gate);
        let next_of = |writer: &mut Writer| {
            // What was never promised is neither held nor counted.
            writer.make_ready(server, gate)?;
            writer.next_of(server, gate, day.day)
        };
        let before = next_of(&mut self.0.writer.lock().unwrap_or_else(PoisonError::into_inner))?;
        // Copying takes its time, so others append meanwhile; what of it came to this very day is copied as well.
        let mut held = keep::hold_before_expiry(server, gate, day.day, holds)?;
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next_of(&mut writer)?;
        if next != before {
            held = keep::hold_before_expiry(server, gate, day.day, holds)?;
        }
        writer.forget(day.day);
        expire::remove_day(server, (gate, now), (day, next), held)?;
        expired.days += 1;
        expired.events += day.events;
        expired.bytes += day.bytes;
        Ok(())
    }

    fn thin_day(
        &self,
        (day, now): (&DaySummary, Timestamp),
        (kinds, holds): (&[Kind], &keep::Holds),
        expired: &mut Expired,
    ) -> Result<(), HistoryError> {
        let (server, gate) = (self.server()?, self.0.gate);
        let next = {
            let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.make_ready(server, gate)?;
            writer.next_of(server, gate, day.day)?
        };
        let events = expire::thin_day(server, (gate, now), (day.day, next), (kinds, holds))?;
        if events > 0 {
            let after = keep::summaries(server, &self.events())?.into_iter().find(|one| one.day == day.day);
            expired.thinned += 1;
            expired.events += events;
            expired.bytes += day.bytes.saturating_sub(after.map_or(0, |one| one.bytes));
        }
        Ok(())
    }

    pub fn tombstones(&self, query: &Query) -> Result<Vec<Tombstone>, HistoryError> {
        expire::tombstones(self.server()?, self.0.gate, query)
    }

    pub fn hold(
        &self,
        name: &str,
        query: &Query,
        reason: &HoldReason,
        now: Timestamp,
    ) -> Result<Hold, HistoryError> {
        let server = self.server()?;
        let _keeping = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let note = Note { made: now, query: query.clone(), reason: reason.clone() };
        keep::hold(server, (self.0.gate, name), &note)
    }

    pub fn holds(&self) -> Result<Vec<Hold>, HistoryError> {
        let (holds, unreadable) = keep::holds(self.server()?, self.0.gate)?;
        for UnreadableHold { name, .. } in unreadable {
            tracing::error!(hold = %name, "a hold cannot be read: what it holds stays, and no day it may need expires");
        }
        Ok(holds)
    }

    pub fn unreadable_holds(&self) -> Result<Vec<UnreadableHold>, HistoryError> {
        Ok(keep::holds(self.server()?, self.0.gate)?.1)
    }

    pub fn held(&self, name: &str) -> Result<HeldRows, HistoryError> {
        let name = keep::hold_named(self.server()?, self.0.gate, name)?.name;
        Ok(HeldRows { history: self.clone(), name })
    }

    pub fn release(&self, name: &str, now: Timestamp) -> Result<Hold, HistoryError> {
        let server = self.server()?;
        let _keeping = self.0.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        keep::release(server, self.0.gate, name, now)
    }

    pub fn newest(&self) -> Result<Option<Timestamp>, HistoryError> {
        keep::newest(self.server()?, &self.events())
    }

    pub fn oldest_day(&self) -> Result<Option<Day>, HistoryError> {
        keep::oldest_day(self.server()?, &self.events())
    }

    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        keep::summaries(self.server()?, &self.events())
    }

    /// Keeps rows that have their ids already: those of a day, or of a hold and a day.
    pub fn keep_rows(&self, hold: Option<&str>, rows: &[Stored]) -> Result<(), HistoryError> {
        let server = self.server()?;
        let mut writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.make_ready(server, self.0.gate)?;
        for row in rows {
            writer.forget(row.id.day);
        }
        let table = hold.map_or(Table::Events, Table::Held);
        let rows = rows.iter().map(|stored| (stored.id, &stored.event));
        let kept = writer.insert(server, (self.0.gate, table), rows);
        kept.inspect_err(|_| writer.sign_out())
    }

    /// Writes down a hold as it was made elsewhere.
    pub fn note_hold(&self, name: &str, note: &Note) -> Result<(), HistoryError> {
        keep::note_hold(self.server()?, (self.0.gate, name), note)
    }

    /// The lines about what is gone, as `expired.log` has them, oldest first.
    pub fn expired_lines(&self) -> Result<Vec<String>, HistoryError> {
        expire::lines(self.server()?, self.0.gate)
    }

    /// Adds such a line.
    pub fn take_over_line(&self, line: &str) -> Result<(), HistoryError> {
        expire::take_over_line(self.server()?, self.0.gate, line)
    }

    /// Every row of a day, or of a hold and a day, in order of sequence. Returns how many could not be read.
    pub fn each_row_upwards(
        &self,
        (hold, day): (Option<&str>, Day),
        found: &mut dyn FnMut(EventId, &AccessEvent) -> Result<(), HistoryError>,
    ) -> Result<u64, HistoryError> {
        let from = Source { gate: self.0.gate, hold: hold.map(str::to_owned) };
        read::each_row_upwards(self.server()?, &from, day, found)
    }

    /// The server, once its tables are there.
    fn server(&self) -> Result<&Server, HistoryError> {
        if !self.0.is_prepared.load(Ordering::Acquire) {
            tables::prepare(&self.0.server)?;
            self.0.is_prepared.store(true, Ordering::Release);
        }
        Ok(&self.0.server)
    }

    fn events(&self) -> Source {
        Source { gate: self.0.gate, hold: None }
    }
}

impl HeldRows {
    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        read::page(self.history.server()?, self.from(), query)
    }

    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        read::count(self.history.server()?, self.from(), query, most)
    }

    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        read::export(self.history.server()?, self.from(), query, out)
    }

    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        keep::summaries(self.history.server()?, &self.from())
    }

    fn from(&self) -> Source {
        Source { gate: self.history.0.gate, hold: Some(self.name.clone()) }
    }
}
