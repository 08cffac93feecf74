//! Which hosts were asked for, and how often: what a change of the lists is held against before it is put in force.
//!
//! Nobody is named here: a host and a number is all that comes out.

use crate::embedded::Embedded;
use crate::filter::Filter;
use crate::shelf::Shelf;
use crate::sums::{self, Of};
use crate::{HistoryError, Query};
use std::collections::HashMap;

/// Hosts, and how often each was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostsUsed {
    /// How often, by host as text.
    pub hosts: HashMap<String, u64>,
    /// True when not everything was counted: more events or more hosts than were asked for.
    pub more: bool,
}

impl Embedded {
    /// The hosts of every matching event, `most` different ones at most; newest events first, and `query.read_at_most` of
    /// them at most.
    pub fn hosts_used(&self, query: &Query, most: usize) -> Result<HostsUsed, HistoryError> {
        count(&self.0.shelf, query, most)
    }
}

fn count(shelf: &Shelf, query: &Query, most: usize) -> Result<HostsUsed, HistoryError> {
    let (mut hosts, mut left_out) = (HashMap::new(), false);
    let filter = Filter::new(query);
    let more = sums::each_sum(shelf, &filter, Of::Hosts, &mut |_, cell| {
        let Some(host) = cell.what else { return };
        let room = hosts.len() < most;
        match hosts.get_mut(host) {
            Some(times) => *times += cell.events,
            None if room => {
                hosts.insert(host.to_owned(), cell.events);
            }
            None => left_out = true,
        }
    })?;
    Ok(HostsUsed { hosts, more: more || left_out })
}
