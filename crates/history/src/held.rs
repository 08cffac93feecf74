//! The rows of a hold, wherever they lie.

use crate::HistoryError;
use crate::clickhouse::HeldRows;
use crate::hold;
use crate::query::{Count, DaySummary, Exported, Page, Query, Stored};
use std::ops::ControlFlow;

/// The rows of a hold.
pub struct Held(Place);

/// Where they lie.
enum Place {
    Embedded(hold::Held),
    OnServer(HeldRows),
}

impl Held {
    pub(crate) fn embedded(held: hold::Held) -> Self {
        Self(Place::Embedded(held))
    }

    pub(crate) fn on_server(held: HeldRows) -> Self {
        Self(Place::OnServer(held))
    }

    /// A page of the held events that match, newest first.
    pub fn scan(&self, query: &Query) -> Result<Page, HistoryError> {
        match &self.0 {
            Place::Embedded(held) => held.scan(query),
            Place::OnServer(held) => held.scan(query),
        }
    }

    /// How many held events match, counting `most` at most.
    pub fn count(&self, query: &Query, most: u64) -> Result<Count, HistoryError> {
        match &self.0 {
            Place::Embedded(held) => held.count(query, most),
            Place::OnServer(held) => held.count(query, most),
        }
    }

    /// Hands over every held event that matches, newest first, until `out` breaks.
    pub fn export(
        &self,
        query: &Query,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> Result<Exported, HistoryError> {
        match &self.0 {
            Place::Embedded(held) => held.export(query, out),
            Place::OnServer(held) => held.export(query, out),
        }
    }

    /// The days of which something is held, oldest first.
    pub fn days(&self) -> Result<Vec<DaySummary>, HistoryError> {
        match &self.0 {
            Place::Embedded(held) => held.days(),
            Place::OnServer(held) => held.days(),
        }
    }
}
