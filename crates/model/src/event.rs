//! One event of the access history.

use crate::{
    Category, Channel, Day, DeviceId, GateId, GroupId, Host, KnownBy, Layer, ListLine, Outcome, PersonId,
    SchoolId, Timestamp,
};
use std::net::IpAddr;
use std::sync::Arc;

/// The most that is kept of a path and query, in bytes.
pub const MAX_TARGET_BYTES: usize = 4096;

/// One request, and what became of it. Personal data: it lives in `history`, under its retention and its readers.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessEvent {
    /// When the request began.
    pub at: Timestamp,
    /// The school, where the address lies in one's network.
    pub school: Option<SchoolId>,
    /// The address it came from.
    pub address: IpAddr,
    /// The one person it is put down to; `None` when nobody or more than one is known.
    pub person: Option<PersonId>,
    /// How the person is known.
    pub known_by: Option<KnownBy>,
    /// The device at the address.
    pub device: Option<DeviceId>,
    /// The group whose rules decided.
    pub group: Option<GroupId>,
    /// The way it came in.
    pub channel: Channel,
    /// The method (`GET`), or the DNS question's type (`AAAA`).
    pub method: Arc<str>,
    /// The host.
    pub host: Host,
    /// The port; 0 for DNS.
    pub port: u16,
    /// Path and query, at most [`MAX_TARGET_BYTES`]; empty when it was not readable.
    pub path: String,
    /// What became of it.
    pub outcome: EventOutcome,
    /// The layer that decided.
    pub layer: Layer,
    /// The category that decided.
    pub category: Option<Category>,
    /// The list and line that decided.
    pub list: Option<ListLine>,
    /// The policy entry that decided.
    pub entry: Option<Arc<str>>,
    /// The policy in force: its hash.
    pub policy: Arc<str>,
    /// The lists in force: their revision.
    pub lists: Arc<str>,
    /// The HTTP status the client was given; `None` for DNS and tunnels.
    pub status: Option<u16>,
    /// Bytes of request body, or of the tunnel upwards.
    pub bytes_up: u64,
    /// Bytes of response body, or of the tunnel downwards.
    pub bytes_down: u64,
    /// From the request's first byte to the answer's last, in milliseconds.
    pub took_ms: u32,
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventOutcome {
    /// It was let through.
    Allowed,
    /// The policy blocked it.
    Blocked,
    /// It was allowed, and refused for the origin's sake: a bad certificate.
    RefusedOrigin,
    /// It was allowed and failed: no answer, a broken one.
    Failed,
}

impl EventOutcome {
    /// Every outcome.
    pub const ALL: [EventOutcome; 4] = [Self::Allowed, Self::Blocked, Self::RefusedOrigin, Self::Failed];

    /// The name in the history's filters and files.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Blocked => "blocked",
            Self::RefusedOrigin => "refused-origin",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.slug() == text)
    }
}

impl From<Outcome> for EventOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Allow => Self::Allowed,
            Outcome::Block => Self::Blocked,
        }
    }
}

/// The id of an event in history: gate, day, and place within the day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId {
    /// The gate that saw it.
    pub gate: GateId,
    /// The day it was seen.
    pub day: Day,
    /// Its place within the day, from 0.
    pub sequence: u64,
}
