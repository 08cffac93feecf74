//! A made-up school whose pupils search, and are blocked.

use model::{
    AccessEvent, Alert, Category, Channel, Day, DeviceId, EventId, EventOutcome, GateId, Host, Language,
    Layer, PersonId, Said, SaidKind, SchoolId, Timestamp, Typing,
};
use monitor::{Observed, Rules, Settings, State, step};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

/// The rules in every language that they come in.
pub static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let languages = Language::ALL.to_vec();
    Rules::shipped(Settings { languages, ..Settings::usual() }).unwrap()
});

/// A school day's morning.
pub const MORNING: &str = "2026-11-23T10:00:00Z";

/// The school, its clock, and what monitoring remembers of it.
pub struct School {
    pub state: State,
    pub now: Timestamp,
    sequence: u64,
}

impl School {
    pub fn at(now: &str) -> Self {
        Self { state: State::default(), now: Timestamp::parse(now).unwrap(), sequence: 0 }
    }

    pub fn later(&mut self, ms: i64) -> Vec<Alert> {
        self.now = self.now.plus_ms(ms);
        step(&mut self.state, &RULES, self.now, &[])
    }

    pub fn searches(&mut self, pupil: u128, words: &str) -> Vec<Alert> {
        self.says(pupil, words, Typing::Sent)
    }

    pub fn says(&mut self, pupil: u128, words: &str, typing: Typing) -> Vec<Alert> {
        let said = Said { kind: SaidKind::Search, words: words.to_owned(), typing };
        let event = self.event(pupil, "www.google.com");
        self.take(&event, Some(said))
    }

    pub fn is_blocked(&mut self, pupil: u128, host: &str, category: &str) -> Vec<Alert> {
        let category = Some(Category::parse(category).unwrap());
        let event = AccessEvent {
            outcome: EventOutcome::Blocked,
            layer: Layer::Category,
            category,
            ..self.event(pupil, host)
        };
        self.take(&event, None)
    }

    fn take(&mut self, event: &AccessEvent, said: Option<Said>) -> Vec<Alert> {
        self.sequence += 1;
        let id = EventId { gate: GateId(1), day: event.at.day(), sequence: self.sequence };
        step(&mut self.state, &RULES, self.now, &[Observed { id, event, said }])
    }

    fn event(&self, pupil: u128, host: &str) -> AccessEvent {
        AccessEvent {
            at: self.now,
            school: Some(SchoolId::new("elm")),
            address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)),
            person: Some(PersonId(uuid::Uuid::from_u128(pupil))),
            known_by: None,
            known_since: None,
            known_until: None,
            device: Some(DeviceId(uuid::Uuid::from_u128(9))),
            group: None,
            channel: Channel::Https,
            method: "GET".into(),
            host: Host::parse(host).unwrap(),
            port: 443,
            path: String::new(),
            outcome: EventOutcome::Allowed,
            layer: Layer::Default,
            category: None,
            list: None,
            entry: None,
            policy: "p".into(),
            lists: "l".into(),
            status: Some(200),
            bytes_up: 0,
            bytes_down: 0,
            took_ms: 1,
        }
    }

    pub fn today(&self) -> Day {
        self.now.day()
    }
}
