//! The history in a folder of this machine: a file a day, one writing process.

use crate::query::{Count, DaySummary, Exported, Page, Query, Stored};
use crate::segment::{Segment, Staged};
use crate::shelf::{self, Shelf, shelf_day};
use crate::{HistoryError, Recovery, scan};
use model::{AccessEvent, Day, EventId, GateId, Timestamp};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Days whose end is checked at start. A torn end of an older day (late events) is put right when the day is first used.
const DAYS_CHECKED_AT_START: usize = 2;

/// The history in a folder. Cheap to clone; many may read while one appends.
#[derive(Clone)]
pub(crate) struct Embedded(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) gate: GateId,
    pub(crate) shelf: Shelf,
    /// Held while logs become columns, and while days are removed. Taken before `writing`.
    pub(crate) compacting: Mutex<()>,
    /// Held while days are written or removed.
    pub(crate) writing: Mutex<()>,
}

impl Embedded {
    /// Opens the history in a folder, making it where there is none.
    ///
    /// Fails when another process has it open, or when the disk refuses.
    pub fn open(folder: &Path, gate: GateId) -> Result<(Self, Recovery), HistoryError> {
        let shelf = Shelf::open(folder)?;
        let days = shelf.days();
        let mut recovery = Recovery { days: days.len(), ..Recovery::default() };
        for day in days.into_iter().rev().take(DAYS_CHECKED_AT_START) {
            let Some((files, repair)) = shelf.readable_files(day)? else {
                recovery.unreadable_days += 1;
                continue;
            };
            recovery.recent_events += files.events();
            recovery.torn_bytes += repair.torn_bytes;
            recovery.damaged += repair.damaged;
        }
        Ok((
            Self(Arc::new(Inner { gate, shelf, compacting: Mutex::new(()), writing: Mutex::new(()) })),
            recovery,
        ))
    }

    /// Opens the folder to look into it alone.
    pub fn open_to_read(folder: &Path, gate: GateId) -> Result<Self, HistoryError> {
        let shelf = Shelf::open_to_read(folder)?;
        Ok(Self(Arc::new(Inner { gate, shelf, compacting: Mutex::new(()), writing: Mutex::new(()) })))
    }

    /// Appends events, each to the day of its `at`; their ids, in the order given. Durable when it returns.
    ///
    /// All or none: after an error (a full disk) nothing of the batch is kept, and a later append works.
    pub fn append(&self, events: &[AccessEvent]) -> Result<Vec<EventId>, HistoryError> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_day: BTreeMap<Day, Vec<(usize, &AccessEvent)>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            by_day.entry(shelf_day(event.at)).or_default().push((place, event));
        }
        let mut written = Vec::with_capacity(by_day.len());
        let mut ids = vec![EventId { gate: self.0.gate, day: Day(0), sequence: 0 }; events.len()];
        for (day, mut batch) in by_day {
            batch.sort_by_key(|(_, event)| event.at);
            let stage = self.stage(day, &batch, &mut written);
            let first_sequence = stage.inspect_err(|_| undo(&written))?;
            for ((place, _), sequence) in batch.iter().zip(first_sequence..) {
                if let Some(id) = ids.get_mut(*place) {
                    *id = EventId { gate: self.0.gate, day, sequence };
                }
            }
        }
        for (segment, _) in &written {
            segment.sync().inspect_err(|_| undo(&written))?;
        }
        for (segment, staged) in written {
            if let Some(staged) = staged {
                segment.publish(staged);
            }
        }
        Ok(ids)
    }

    /// A page of matching events, newest first.
    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        scan::page(&self.0.shelf, self.0.gate, query)
    }

    /// How many events match, counting `most` at most.
    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        let (events, more) = scan::count(&self.0.shelf, self.0.gate, query, most)?;
        Ok(Count { events, more })
    }

    /// Hands over every matching event, newest first, until `out` breaks; `limit` and `read_at_most` do not count.
    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        scan::export(&self.0.shelf, self.0.gate, query, out)
    }

    /// The time of the newest event; `None` when there is none.
    pub fn newest(&self) -> Result<Option<Timestamp>, HistoryError> {
        for day in self.0.shelf.days().into_iter().rev() {
            let latest = self.0.shelf.readable_files(day)?.and_then(|(files, _)| files.latest());
            if latest.is_some() {
                return Ok(latest);
            }
        }
        Ok(None)
    }

    /// The oldest day there is; `None` when there is none.
    pub fn oldest_day(&self) -> Option<Day> {
        self.0.shelf.days().first().copied()
    }

    /// The days there are, oldest first. The first call opens each day once.
    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        shelf::summaries(&self.0.shelf)
    }

    /// Writes one day's events, and notes the day in `written` even when that fails, so that it is undone.
    fn stage(
        &self,
        day: Day,
        batch: &[(usize, &AccessEvent)],
        written: &mut Vec<(Arc<Segment>, Option<Staged>)>,
    ) -> Result<u64, HistoryError> {
        let segment = self.0.shelf.log_or_new(day)?;
        let events: Vec<&AccessEvent> = batch.iter().map(|(_, event)| *event).collect();
        match segment.write(&events) {
            Ok(staged) => {
                let first_sequence = staged.first_sequence;
                written.push((segment, Some(staged)));
                Ok(first_sequence)
            }
            Err(error) => {
                written.push((segment, None));
                Err(error)
            }
        }
    }
}

fn undo(written: &[(Arc<Segment>, Option<Staged>)]) {
    for (segment, _) in written {
        segment.undo();
    }
}
