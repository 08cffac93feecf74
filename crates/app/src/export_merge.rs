//! The rows of a pack: the history and what a hold kept of it, as one stream, newest first, each row once.
//!
//! Both are read a page at a time, so that neither is in memory whole.

use crate::AppError;
use history::{Held, History, HistoryError, Query, Stored};
use model::EventId;
use std::collections::VecDeque;

/// Rows that are read at once from each of both.
const ROWS_AT_ONCE: usize = 1_000;

/// Where rows come from.
enum Source<'a> {
    Live(&'a History),
    Held(&'a Held),
    Nowhere,
}

/// One of both, and what was read of it and not handed over.
struct Side<'a> {
    source: Source<'a>,
    query: Query,
    rows: VecDeque<Stored>,
    is_at_end: bool,
    unreadable: u64,
}

impl<'a> Side<'a> {
    fn new(source: Source<'a>, query: &Query) -> Self {
        let query = Query { before: None, limit: ROWS_AT_ONCE, ..query.clone() };
        Self { source, query, rows: VecDeque::new(), is_at_end: false, unreadable: 0 }
    }

    /// The id of the next row.
    fn next(&mut self) -> Result<Option<EventId>, HistoryError> {
        while self.rows.is_empty() && !self.is_at_end {
            let page = match &self.source {
                Source::Live(history) => history.scan(&self.query)?,
                Source::Held(held) => held.scan(&self.query)?,
                Source::Nowhere => break,
            };
            self.unreadable = self.unreadable.saturating_add(page.unreadable);
            self.rows.extend(page.events);
            (self.is_at_end, self.query.before) = (page.next.is_none(), page.next);
        }
        Ok(self.rows.front().map(|stored| stored.id))
    }
}

/// Hands over every matching row of the history and of a hold, newest first, until `out` fails; how many could not be read,
/// of both together.
pub(crate) fn merged(
    (history, held): (&History, Option<&Held>),
    query: &Query,
    out: &mut dyn FnMut(Stored) -> Result<(), AppError>,
) -> Result<u64, AppError> {
    let mut live = Side::new(Source::Live(history), query);
    let mut kept = Side::new(held.map_or(Source::Nowhere, Source::Held), query);
    loop {
        let side = match (live.next()?, kept.next()?) {
            (None, None) => return Ok(live.unreadable.saturating_add(kept.unreadable)),
            (Some(_), None) => &mut live,
            (None, Some(_)) => &mut kept,
            (Some(one), Some(other)) => {
                if one == other {
                    kept.rows.pop_front();
                }
                if one >= other { &mut live } else { &mut kept }
            }
        };
        if let Some(stored) = side.rows.pop_front() {
            out(stored)?;
        }
    }
}
