//! One event of the access history.

use crate::{
    Ask, Category, Channel, Day, DeviceId, GateId, GroupId, Host, KnownBy, Layer, ListLine, Outcome,
    PersonId, SchoolId, Timestamp, Verdict, Who,
};
use std::net::{IpAddr, Ipv4Addr};
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
    /// Since when, where a sign-in began it.
    pub known_since: Option<Timestamp>,
    /// When that was to end, as it was set at the time of the request.
    pub known_until: Option<Timestamp>,
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

impl AccessEvent {
    /// The event of a request that was decided: who, what, and the verdict with its whole reason. Nothing has been
    /// counted yet: `status` is `None`, bytes and `took_ms` are 0, and `outcome` is the verdict's, until the edge knows
    /// better.
    ///
    /// One person is named only where exactly one is known; a path longer than [`MAX_TARGET_BYTES`] is cut.
    pub fn of(ask: &Ask, verdict: &Verdict, method: impl Into<Arc<str>>) -> Self {
        Self::of_verdict(ask, verdict.clone(), method)
    }

    /// The same of a verdict that nobody needs any more.
    pub fn of_verdict(ask: &Ask, verdict: Verdict, method: impl Into<Arc<str>>) -> Self {
        Self::by(&Asker::of(&ask.who), ask, verdict, method)
    }

    /// The same where who asks is known from an earlier question: `asker` is that of `ask.who`.
    pub fn by(asker: &Asker, ask: &Ask, verdict: Verdict, method: impl Into<Arc<str>>) -> Self {
        let Verdict { outcome, reason, revisions, .. } = verdict;
        let path = ask.what.path.as_deref().unwrap_or_default();
        Self {
            at: ask.at,
            school: asker.school.clone(),
            address: asker.address,
            person: asker.person,
            known_by: asker.known_by,
            known_since: asker.known_since,
            known_until: asker.known_until,
            device: asker.device,
            group: reason.group.map(|group| group.id),
            channel: ask.how,
            method: method.into(),
            host: ask.what.host.clone(),
            port: ask.what.port.unwrap_or(0),
            path: path.get(..path.floor_char_boundary(MAX_TARGET_BYTES)).unwrap_or_default().to_owned(),
            outcome: outcome.into(),
            layer: reason.layer,
            category: reason.category,
            list: reason.list,
            entry: reason.entry,
            policy: revisions.policy.into_shared(),
            lists: revisions.lists,
            status: None,
            bytes_up: 0,
            bytes_down: 0,
            took_ms: 0,
        }
    }
}

/// Who asks, as events keep it: the same for all questions of somebody until something about them changes.
#[derive(Clone, Debug)]
pub struct Asker {
    school: Option<SchoolId>,
    address: IpAddr,
    person: Option<PersonId>,
    known_by: Option<KnownBy>,
    known_since: Option<Timestamp>,
    known_until: Option<Timestamp>,
    device: Option<DeviceId>,
}

impl Asker {
    /// What events keep of them; one person is named only where exactly one is known.
    pub fn of(who: &Who) -> Self {
        let known = match who.people.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        Self {
            school: who.school.clone(),
            address: who.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            person: known.map(|known| known.person.id),
            known_by: known.map(|known| known.by),
            known_since: known.and_then(|known| known.since),
            known_until: known.and_then(|known| known.until),
            device: who.device.as_ref().map(|device| device.id),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Inspection, Known, ListId, Membership, Person, PolicyHash, Reason, Revisions, Stage, Target,
    };

    fn person(number: u128) -> Known {
        let id = PersonId(uuid::Uuid::from_u128(number));
        let (login, display_name) = (format!("p{number}"), format!("Person {number}"));
        let person = Person { id, login, display_name, affiliations: Vec::new() };
        Known {
            person: Arc::new(person),
            by: KnownBy::SignIn,
            since: Some(Timestamp(5)),
            until: Some(Timestamp(50)),
        }
    }

    fn ask(people: Vec<Known>, path: Option<String>) -> Ask {
        let host = Host::parse("example.com").unwrap();
        Ask {
            who: Who { people, ..Who::default() },
            what: Target { host, port: Some(443), path, record_type: None },
            how: Channel::Https,
            at: Timestamp(7),
        }
    }

    fn verdict() -> Verdict {
        Verdict {
            outcome: Outcome::Block,
            reason: Reason {
                layer: Layer::Category,
                category: Category::parse("gambling"),
                list: Some(ListLine { list: ListId::new("starter"), line: 3 }),
                entry: None,
                why: None,
                group: None,
                membership: Membership::Unknown,
            },
            inspection: Inspection::Inspect,
            rewrite: None,
            answer: crate::DnsAnswer::AsUsual,
            stage: Stage::Adults,
            revisions: Revisions { policy: PolicyHash::new("ab"), lists: "cd".into() },
        }
    }

    #[test]
    fn an_event_keeps_the_reason_and_names_a_person_only_where_one_is_known() {
        let event = AccessEvent::of(&ask(vec![person(1)], None), &verdict(), "GET");
        assert_eq!(event.person, Some(PersonId(uuid::Uuid::from_u128(1))));
        let known = (event.known_by, event.known_since, event.known_until);
        assert_eq!(known, (Some(KnownBy::SignIn), Some(Timestamp(5)), Some(Timestamp(50))));
        assert_eq!((event.outcome, event.layer, event.port), (EventOutcome::Blocked, Layer::Category, 443));
        assert_eq!(event.list.unwrap().line, 3);
        assert_eq!((&*event.policy, &*event.lists), ("ab", "cd"));

        let shared = AccessEvent::of(&ask(vec![person(1), person(2)], None), &verdict(), "GET");
        assert_eq!((shared.person, shared.known_by), (None, None));
    }

    #[test]
    fn a_long_path_is_cut_between_characters() {
        let event = AccessEvent::of(&ask(Vec::new(), Some("/\u{e9}".repeat(2_000))), &verdict(), "GET");
        assert!(event.path.len() <= MAX_TARGET_BYTES && event.path.len() > MAX_TARGET_BYTES - 4);
    }
}
