//! What to look for in the history, and what comes back.

use crate::row::Row;
use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventId, EventOutcome, PersonId, SchoolId, Timestamp,
};
use std::net::IpAddr;

/// What to look for. Every condition that is set must hold; an empty list of schools, people, devices or channels
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
    /// From one of these devices.
    pub devices: Option<Vec<DeviceId>>,
    /// From this address.
    pub address: Option<IpAddr>,
    /// Whose host has this in it, in any case.
    pub host_contains: Option<String>,
    /// With this outcome.
    pub outcome: Option<EventOutcome>,
    /// That came in one of these ways.
    pub channels: Option<Vec<Channel>>,
    /// That this category decided.
    pub category: Option<Category>,
    /// Older than this event: the `next` of the page before.
    pub before: Option<EventId>,
    /// Events a page holds; [`Query::MOST_PER_PAGE`] at most.
    pub limit: usize,
    /// Stored events looked at before a search stops and says where to go on. It stops between blocks, so it may look
    /// at up to 4,096 more.
    pub read_at_most: u64,
}

impl Query {
    /// The most events on a page.
    pub const MOST_PER_PAGE: usize = 1000;
}

impl Default for Query {
    /// Everything, 100 a page, looking at two million stored events at most.
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            schools: None,
            people: None,
            devices: None,
            address: None,
            host_contains: None,
            outcome: None,
            channels: None,
            category: None,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exported {
    /// Events handed over.
    pub events: u64,
    /// Events that could not be read.
    pub unreadable: u64,
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

/// A query, prepared for looking at many rows.
pub(crate) struct Filter<'q> {
    pub query: &'q Query,
    pub from: Timestamp,
    pub until: Timestamp,
    people: Option<Vec<[u8; 16]>>,
    devices: Option<Vec<[u8; 16]>>,
    host: Option<String>,
}

impl<'q> Filter<'q> {
    pub fn new(query: &'q Query) -> Self {
        let people = query.people.as_ref();
        let devices = query.devices.as_ref();
        Self {
            query,
            from: query.from.unwrap_or(Timestamp(i64::MIN)),
            until: query.until.unwrap_or(Timestamp(i64::MAX)),
            people: people.map(|ids| ids.iter().map(|id| *id.0.as_bytes()).collect()),
            devices: devices.map(|ids| ids.iter().map(|id| *id.0.as_bytes()).collect()),
            host: query.host_contains.as_ref().map(|part| part.to_ascii_lowercase()),
        }
    }

    /// True when nothing but the time and the cursor decides, so that headers can be counted instead of rows.
    pub fn is_time_alone(&self) -> bool {
        let Query { schools, people, devices, address, host_contains, outcome, channels, category, .. } =
            self.query;
        schools.is_none()
            && people.is_none()
            && devices.is_none()
            && address.is_none()
            && host_contains.is_none()
            && outcome.is_none()
            && channels.is_none()
            && category.is_none()
    }

    pub fn matches(&self, row: &Row<'_>) -> bool {
        let query = self.query;
        let at = Timestamp(row.at);
        at >= self.from
            && at < self.until
            && is_among(self.people.as_deref(), row.person.as_ref())
            && is_among(self.devices.as_deref(), row.device.as_ref())
            && query.outcome.is_none_or(|outcome| outcome.slug() == row.outcome)
            && query.address.is_none_or(|address| address.to_canonical() == row.address)
            && query.category.is_none_or(|category| Some(category.slug()) == row.category)
            && query
                .channels
                .as_ref()
                .is_none_or(|channels| channels.iter().any(|channel| channel.slug() == row.channel))
            && query.schools.as_ref().is_none_or(|schools| {
                row.school.is_some_and(|name| schools.iter().any(|school| school.as_str() == name))
            })
            && self.host.as_ref().is_none_or(|part| row.host.contains(part.as_str()))
    }
}

fn is_among(wanted: Option<&[[u8; 16]]>, found: Option<&[u8; 16]>) -> bool {
    wanted.is_none_or(|wanted| found.is_some_and(|found| wanted.contains(found)))
}
