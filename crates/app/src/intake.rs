//! Taking up access events: from the edges' channel into the history, in batches, in a thread of its own.

use crate::Health;
use history::History;
use model::{AccessEvent, EventId, EventReceiver};
use std::time::Duration;

/// How long a first event is waited for; what came in meanwhile is written at the latest then.
const WAIT: Duration = Duration::from_millis(500);
/// The most events of one batch.
const MOST_IN_BATCH: usize = 16_384;
/// The most events that are held while the history cannot be written; past that the oldest are lost, and counted.
const MOST_HELD: usize = 65_536;

/// Writes events until every sender is gone and the last event is written. Runs in the caller's thread, which is made
/// for it.
///
/// Where the history cannot be written (a full disk), events are held, at most 65,536, and tried again with each batch.
pub fn record_events(events: &EventReceiver, history: &History, health: &Health) {
    record_and_watch(events, history, health, &mut |_, _| {});
}

/// The same, and shows whoever watches what was written, with its ids: each batch once it is durable, and nothing at all
/// at least twice a second.
pub fn record_and_watch(
    events: &EventReceiver,
    history: &History,
    health: &Health,
    watcher: &mut dyn FnMut(&[EventId], &[AccessEvent]),
) {
    let (mut held, mut batch) = (Held::default(), Vec::new());
    while events.batch(WAIT, MOST_IN_BATCH, &mut batch) {
        held.take(&mut batch);
        held.write(history, health, watcher);
        health.lost(events.lost().saturating_add(held.lost));
    }
    held.write(history, health, watcher);
    let unwritten = u64::try_from(held.events.len()).unwrap_or(u64::MAX);
    health.lost(events.lost().saturating_add(held.lost).saturating_add(unwritten));
    if unwritten > 0 {
        tracing::error!(events = unwritten, "events were lost at the end: the history could not be written");
    }
}

/// What is not written yet.
#[derive(Default)]
struct Held {
    events: Vec<AccessEvent>,
    lost: u64,
    failing: bool,
}

impl Held {
    /// Leaves `batch` empty.
    fn take(&mut self, batch: &mut Vec<AccessEvent>) {
        if self.events.is_empty() {
            std::mem::swap(&mut self.events, batch);
        } else {
            self.events.append(batch);
        }
        let excess = self.events.len().saturating_sub(MOST_HELD);
        self.events.drain(..excess);
        self.lost = self.lost.saturating_add(u64::try_from(excess).unwrap_or(u64::MAX));
    }

    fn write(
        &mut self,
        history: &History,
        health: &Health,
        watcher: &mut dyn FnMut(&[EventId], &[AccessEvent]),
    ) {
        if self.events.is_empty() {
            return watcher(&[], &[]);
        }
        match history.append(&self.events) {
            Ok(ids) => {
                watcher(&ids, &self.events);
                if let Some(newest) = self.events.iter().map(|event| event.at).max() {
                    health.recorded(newest);
                }
                self.events.clear();
                if std::mem::take(&mut self.failing) {
                    health.history_trouble(None);
                    tracing::info!("the history can be written again");
                }
            }
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(%error, "the history cannot be written; events are held");
                }
                health.history_trouble(Some(error.to_string()));
            }
        }
    }
}
