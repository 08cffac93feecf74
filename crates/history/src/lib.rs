//! The event store: `append, scan, count, expire, export` over access events, by day.
//!
//! **The promise.** When [`History::append`] returns, its events are on the disk: neither `kill -9` nor a power cut loses
//! any of them. Callers append at least once a second, so at most the last second is ever lost.
//!
//! **The form.** A day is a log of framed and compressed blocks that are only appended to. [`History::compact`] rewrites
//! days that are over, and of today what fills a slice, into columns; see `docs/history.md`. Both are sealed with a key per
//! day, which the school's key wraps.
//!
//! **The place.** A folder of this machine, or a ClickHouse server: the verbs are the same, and so are ids and order.
//!
//! **Left out:** how long each kind of event is kept, which the policy says, and any rule about who may read what: `app`
//! permits and scopes every query.
//!
//! **Invariants:** ids are (gate, day, sequence), and never change. "Newest first" is by day and then by sequence, the
//! order of recording; within one append it is the order of time. One block, or one slice, is in memory at a time. What is
//! damaged is left out and counted, never guessed at. One process writes to a folder. Folder and files are its user's alone.

mod block;
mod clickhouse;
mod columns;
mod compact;
mod embedded;
mod error;
mod expire;
mod filter;
mod held;
mod hold;
mod hosts;
mod key;
mod moving;
mod parts;
mod query;
mod row;
#[cfg(test)]
mod samples;
mod scan;
mod segment;
mod shelf;
mod sums;
mod threads;

pub use clickhouse::ServerPlace;
pub use compact::Compacted;
pub use error::HistoryError;
pub use expire::{Expired, Keep, Kind, Tombstone};
pub use held::Held;
pub use hold::{Hold, HoldReason, UnreadableHold};
pub use hosts::HostsUsed;
pub use moving::{MovedDay, move_history};
pub use query::{Count, DaySummary, Exported, OutcomeCounts, Page, Query, Stored};
pub use sums::{Every, HostSums, Sums, TopHosts};

use crate::clickhouse::ClickHouse;
use crate::embedded::Embedded;
use model::{AccessEvent, Day, EventId, GateId, Timestamp};
use std::fmt;
use std::ops::ControlFlow;
use std::path::Path;

/// The access history of one gate. Cheap to clone; many may read while one appends. Every verb waits for the disk or the
/// network: none is for an asynchronous task.
#[derive(Clone)]
pub struct History {
    gate: GateId,
    place: Place,
}

/// Where the events lie.
#[derive(Clone)]
enum Place {
    /// In a folder of this machine.
    Embedded(Embedded),
    /// On a ClickHouse server.
    ClickHouse(ClickHouse),
}

/// What opening the history found, and put right.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recovery {
    /// Days there are.
    pub days: usize,
    /// Events in the newest two of them.
    pub recent_events: u64,
    /// Bytes cut from the ends of those two: what was being written when the program or the machine died. They were never
    /// promised, and are kept beside the day as `.torn`.
    pub torn_bytes: u64,
    /// Damaged places in those two that were stepped over.
    pub damaged: u64,
    /// How many of those two cannot be read at all: a key that is gone, damaged columns, a later program's format. A search of them says which.
    pub unreadable_days: usize,
}

impl History {
    /// Opens the history in a folder, making it where there is none.
    ///
    /// Fails when another process has it open, or when the disk refuses.
    pub fn open(folder: &Path, gate: GateId) -> Result<(Self, Recovery), HistoryError> {
        let (embedded, recovery) = Embedded::open(folder, gate)?;
        Ok((Self { gate, place: Place::Embedded(embedded) }, recovery))
    }

    /// Opens a folder to look into, which another process may be writing to: nothing in it is changed, and what is being
    /// written at that moment may be missed. Appending, compacting and expiring are not for a history that was opened so.
    pub fn open_to_read(folder: &Path, gate: GateId) -> Result<Self, HistoryError> {
        Ok(Self { gate, place: Place::Embedded(Embedded::open_to_read(folder, gate)?) })
    }

    /// The history on a ClickHouse server. Nothing is asked of it yet: whether it answers, the first verb says.
    ///
    /// # Errors
    /// [`HistoryError::ServerAddress`].
    pub fn on_server(place: ServerPlace, gate: GateId) -> Result<Self, HistoryError> {
        Ok(Self { gate, place: Place::ClickHouse(ClickHouse::new(place, gate)?) })
    }

    /// Appends events, each to the day of its `at`; their ids, in the order given. Durable when it returns.
    ///
    /// All or none: after an error (a full disk) nothing of the batch is kept, and a later append works.
    pub fn append(&self, events: &[AccessEvent]) -> Result<Vec<EventId>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.append(events),
            Place::ClickHouse(server) => server.append(events),
        }
    }

    /// A page of matching events, newest first.
    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.scan(query),
            Place::ClickHouse(server) => server.scan(query),
        }
    }

    /// How many events match, counting `most` at most.
    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.count(query, most),
            Place::ClickHouse(server) => server.count(query, most),
        }
    }

    /// How many events had which outcome. With no condition but time this reads little more than indexes, so it suits a
    /// figure on a screen; with others it looks at `query.read_at_most` events at most.
    pub fn counts_by_outcome(&self, query: &Query) -> Result<OutcomeCounts, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.counts_by_outcome(query),
            Place::ClickHouse(server) => server.counts_by_outcome(query),
        }
    }

    /// Matching events by time and by category; `query.limit` does not count.
    pub fn sums(&self, query: &Query, every: Every) -> Result<Sums, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.sums(query, every),
            Place::ClickHouse(server) => server.sums(query, every),
        }
    }

    /// The hosts of matching events, `most` of those that were asked for most often; `query.limit` does not count.
    pub fn top_hosts(&self, query: &Query, every: Every, most: usize) -> Result<TopHosts, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.top_hosts(query, every, most),
            Place::ClickHouse(server) => server.top_hosts(query, every, most),
        }
    }

    /// The hosts of every matching event, `most` different ones at most; newest events first, and `query.read_at_most` of
    /// them at most.
    pub fn hosts_used(&self, query: &Query, most: usize) -> Result<HostsUsed, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.hosts_used(query, most),
            Place::ClickHouse(server) => server.hosts_used(query, most),
        }
    }

    /// Hands over every matching event, newest first, until `out` breaks; `limit` and `read_at_most` do not count.
    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.export(query, out),
            Place::ClickHouse(server) => server.export(query, out),
        }
    }

    /// Rewrites the logs of the days before `today` into columns, and of `today` what fills a slice. Takes its time, and may
    /// be called whenever; a second call meanwhile waits for the first.
    pub fn compact(&self, today: Day) -> Result<Compacted, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.compact(today),
            // The server does that by itself.
            Place::ClickHouse(_) => Ok(Compacted::default()),
        }
    }

    /// Removes what is kept no longer for good, once what holds ask of it is copied: whole days, and of days the kinds that
    /// are kept for less long. Each leaves a line: day, events, bytes, when, why, and how many of its events are held.
    pub fn expire(&self, keep: &Keep, now: Timestamp) -> Result<Expired, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.expire(keep, now),
            Place::ClickHouse(server) => server.expire(keep, now),
        }
    }

    /// What expired of the days of a query's time, oldest first; its other conditions do not count.
    pub fn tombstones(&self, query: &Query) -> Result<Vec<Tombstone>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.tombstones(query),
            Place::ClickHouse(server) => server.tombstones(query),
        }
    }

    /// Holds every event that matches, from now until [`History::release`]; what is held so far. A hold of that name is made
    /// wider or narrower from now on, and what it holds already stays.
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
        match &self.place {
            Place::Embedded(embedded) => embedded.hold(name, query, reason, now),
            Place::ClickHouse(server) => server.hold(name, query, reason, now),
        }
    }

    /// Every hold that can be read, by name.
    pub fn holds(&self) -> Result<Vec<Hold>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.holds(),
            Place::ClickHouse(server) => server.holds(),
        }
    }

    /// The holds that cannot be read, by name. The days that they may need do not expire.
    pub fn unreadable_holds(&self) -> Result<Vec<UnreadableHold>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.unreadable_holds(),
            Place::ClickHouse(server) => server.unreadable_holds(),
        }
    }

    /// The rows of a hold.
    pub fn held(&self, name: &str) -> Result<Held, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.held(name).map(Held::embedded),
            Place::ClickHouse(server) => server.held(name).map(Held::on_server),
        }
    }

    /// Ends a hold: what it held is gone, but for what the history itself still has. Leaves a line, as expiry does.
    pub fn release(&self, name: &str, now: Timestamp) -> Result<Hold, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.release(name, now),
            Place::ClickHouse(server) => server.release(name, now),
        }
    }

    /// The time of the newest event; `None` when there is none.
    pub fn newest(&self) -> Result<Option<Timestamp>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.newest(),
            Place::ClickHouse(server) => server.newest(),
        }
    }

    /// The oldest day there is; `None` when there is none.
    pub fn oldest_day(&self) -> Result<Option<Day>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => Ok(embedded.oldest_day()),
            Place::ClickHouse(server) => server.oldest_day(),
        }
    }

    /// The days there are, oldest first. The first call opens each day once.
    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        match &self.place {
            Place::Embedded(embedded) => embedded.days(),
            Place::ClickHouse(server) => server.days(),
        }
    }
}

impl fmt::Debug for History {
    /// The gate alone: what is inside is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("gate", &self.gate).finish_non_exhaustive()
    }
}
