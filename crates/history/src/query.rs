//! What to look for in the history, and what comes back.

use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventId, EventOutcome, GroupId, Layer, ListId, PersonId,
    SchoolId, Timestamp,
};
use std::net::IpAddr;
use std::ops::ControlFlow;

/// What to look for. Every condition that is set must hold; an empty list of schools, people, groups, devices or channels
/// matches nothing, so that a scope of no schools shows no events.
#[derive(Clone, PartialEq, Debug)]
pub struct Query {
    /// At or after this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// In one of these schools; an event of no known school is in none.
    pub schools: Option<Vec<SchoolId>>,
    /// By one of these people.
    pub people: Option<Vec<PersonId>>,
    /// By nobody of these; an event of nobody who is known is by none of them.
    pub not_people: Option<Vec<PersonId>>,
    /// Whose rules were those of one of these groups.
    pub groups: Option<Vec<GroupId>>,
    /// From one of these devices.
    pub devices: Option<Vec<DeviceId>>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// Whose host has this in it, in any case.
    pub host_contains: Option<String>,
    /// Whose URL (host, path and query) has this in it, in any case. A scheme before it is left out.
    pub url_contains: Option<String>,
    /// Whose path or query has all of these words in it, in any case, however they were encoded: what was searched for.
    pub words: Option<String>,
    /// With this outcome.
    pub outcome: Option<EventOutcome>,
    /// That came in one of these ways.
    pub channels: Option<Vec<Channel>>,
    /// That this category decided.
    pub category: Option<Category>,
    /// That this layer of the policy decided.
    pub layer: Option<Layer>,
    /// That this list decided.
    pub list: Option<ListId>,
    /// That this entry of the policy decided.
    pub entry: Option<String>,
    /// Older than this event: the `next` of the page before.
    pub before: Option<EventId>,
    /// Events a page holds; [`Query::MOST_PER_PAGE`] at most.
    pub limit: usize,
    /// Stored events looked at before a search stops and says where to go on. It stops between blocks of today and slices
    /// of closed days, so it may look at some hundred thousand more. What an index rules out is not looked at.
    pub read_at_most: u64,
}

impl Query {
    /// The most events on a page.
    pub const MOST_PER_PAGE: usize = 1000;

    /// What else happened within `ms` of an event: by the same person, or where none is known from the same device, or else
    /// from the same address.
    pub fn around(event: &AccessEvent, ms: i64) -> Self {
        let people = event.person.map(|person| vec![person]);
        let devices = event.device.filter(|_| people.is_none()).map(|device| vec![device]);
        let address = Some(event.address).filter(|_| people.is_none() && devices.is_none());
        let (from, until) = (event.at.plus_ms(-ms), event.at.plus_ms(ms).plus_ms(1));
        Self { from: Some(from), until: Some(until), people, devices, address, ..Self::default() }
    }
}

impl Default for Query {
    /// Everything, 100 a page, looking at two million stored events at most.
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            schools: None,
            people: None,
            not_people: None,
            groups: None,
            devices: None,
            address: None,
            host_contains: None,
            url_contains: None,
            words: None,
            outcome: None,
            channels: None,
            category: None,
            layer: None,
            list: None,
            entry: None,
            before: None,
            limit: 100,
            read_at_most: 2_000_000,
        }
    }
}

/// An event and its id.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored {
    /// Its id.
    pub id: EventId,
    /// The event.
    pub event: AccessEvent,
}

/// Events, newest first.
#[derive(Clone, PartialEq, Debug)]
pub struct Page {
    /// At most as many as were asked for. Fewer, even none, while `next` is set: the search had looked far enough for once.
    pub events: Vec<Stored>,
    /// Where to go on; `None` when there is nothing older.
    pub next: Option<EventId>,
    /// Events that could not be read, because their block is damaged or a later program wrote them.
    pub unreadable: u64,
}

/// The rows of a page as they come, newest first; wherever they lie.
pub(crate) struct PageRows {
    limit: usize,
    events: Vec<Stored>,
    unreadable: u64,
}

impl PageRows {
    pub(crate) fn new(query: &Query) -> Self {
        Self { limit: query.limit.clamp(1, Query::MOST_PER_PAGE), events: Vec::new(), unreadable: 0 }
    }

    /// How many rows the page holds.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the next row; `None` where it could not be read. Breaks after one more than the page holds, which shows that
    /// there is a next page.
    pub(crate) fn take(&mut self, id: EventId, event: Option<AccessEvent>) -> ControlFlow<()> {
        match event {
            Some(event) => self.events.push(Stored { id, event }),
            None => self.unreadable += 1,
        }
        if self.events.len() > self.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// The page, from where the search stopped and what else of it could not be read.
    pub(crate) fn page(mut self, stopped_at: Option<EventId>, unreadable: u64) -> Page {
        let next = if self.events.len() > self.limit {
            self.events.truncate(self.limit);
            self.events.last().map(|last| last.id)
        } else {
            stopped_at
        };
        Page { events: self.events, next, unreadable: self.unreadable + unreadable }
    }
}

/// How many events match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// As many as were counted.
    pub events: u64,
    /// True when there may be more than were counted.
    pub more: bool,
}

/// How many events had which outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OutcomeCounts {
    pub(crate) counts: [u64; 4],
    /// True when there may be more than were counted.
    pub more: bool,
}

impl OutcomeCounts {
    /// Events with this outcome.
    pub fn of(&self, outcome: EventOutcome) -> u64 {
        self.counts.get(crate::block::outcome_place(outcome)).copied().unwrap_or(0)
    }

    /// Events with any outcome.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// What a streamed search came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exported {
    /// Events handed over.
    pub events: u64,
    /// Events that could not be read.
    pub unreadable: u64,
}

impl Exported {
    /// Hands over the next row, and counts it; `None` where it could not be read.
    pub(crate) fn hand_over(
        &mut self,
        id: EventId,
        event: Option<AccessEvent>,
        out: &mut dyn FnMut(Stored) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(event) = event else {
            self.unreadable += 1;
            return ControlFlow::Continue(());
        };
        self.events += 1;
        out(Stored { id, event })
    }
}

/// A day of history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DaySummary {
    /// The day (UTC).
    pub day: Day,
    /// Events in it.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
}
