//! Devices and outside addresses that fail on many accounts.

use model::Timestamp;
use std::collections::HashMap;

/// The most sources that are remembered; the one that failed longest ago makes room.
pub(super) const MOST_SOURCES: usize = 32_768;
/// Accounts that a source may fail on within the window.
const MOST_FAILED: usize = 5;
/// The window, and how long a source stays shut.
const WINDOW_MS: i64 = 10 * 60_000;

/// Who fails where.
#[derive(Default)]
pub(super) struct Sources(HashMap<[u8; 16], Source>);

struct Source {
    /// Names it failed on and has not signed in to since, with when.
    failed: Vec<([u8; 16], Timestamp)>,
    shut_until: Option<Timestamp>,
    last: Timestamp,
}

impl Sources {
    /// Until when this one is shut.
    pub(super) fn shut_until(&self, source: &[u8; 16], at: Timestamp) -> Option<Timestamp> {
        self.0.get(source)?.shut_until.filter(|until| at < *until)
    }

    /// It failed on this name; true when that shuts it.
    pub(super) fn failed(&mut self, source: [u8; 16], name: [u8; 16], at: Timestamp) -> bool {
        self.make_room(&source);
        let empty = || Source { failed: Vec::new(), shut_until: None, last: at };
        let source = self.0.entry(source).or_insert_with(empty);
        source.last = at;
        source.failed.retain(|(other, when)| *other != name && at.0.saturating_sub(when.0) < WINDOW_MS);
        source.failed.push((name, at));
        if source.failed.len() <= MOST_FAILED {
            return false;
        }
        source.failed.clear();
        source.shut_until = Some(at.plus_ms(WINDOW_MS));
        true
    }

    /// Whoever signs in to an account was not guessing at it.
    pub(super) fn succeeded(&mut self, source: &[u8; 16], name: &[u8; 16]) {
        if let Some(source) = self.0.get_mut(source) {
            source.failed.retain(|(other, _)| other != name);
        }
    }

    /// Those that are shut or were, with until when.
    pub(super) fn shut(&self) -> impl Iterator<Item = ([u8; 16], Timestamp)> {
        self.0.iter().filter_map(|(id, source)| Some((*id, source.shut_until?)))
    }

    pub(super) fn restore(&mut self, shut: Vec<([u8; 16], Timestamp)>) {
        for (id, until) in shut {
            self.make_room(&id);
            let source = Source { failed: Vec::new(), shut_until: Some(until), last: until };
            self.0.entry(id).or_insert(source);
        }
    }

    fn make_room(&mut self, source: &[u8; 16]) {
        if self.0.len() < MOST_SOURCES || self.0.contains_key(source) {
            return;
        }
        let first = self.0.iter().min_by_key(|(_, source)| source.last).map(|(id, _)| *id);
        first.map(|first| self.0.remove(&first));
    }
}
