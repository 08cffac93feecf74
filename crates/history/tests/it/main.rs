//! The history from outside: its verbs, and its promise.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod killed;
mod verbs;

use history::{History, Query};
use model::{AccessEvent, Channel, EventOutcome, GateId, Host, Layer, Timestamp};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

const DAY_MS: i64 = 86_400_000;

fn open(folder: &Path) -> History {
    History::open(folder, GateId(1)).unwrap().0
}

/// An allowed request at a time, to a host.
fn event(at_ms: i64, host: &str) -> AccessEvent {
    AccessEvent {
        at: Timestamp(at_ms),
        school: None,
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        person: None,
        known_by: None,
        device: None,
        group: None,
        channel: Channel::Https,
        method: "GET".into(),
        host: Host::parse(host).unwrap(),
        port: 443,
        path: "/".to_owned(),
        outcome: EventOutcome::Allowed,
        layer: Layer::Default,
        category: None,
        list: None,
        entry: None,
        policy: "0123".into(),
        lists: "4567".into(),
        status: Some(200),
        bytes_up: 0,
        bytes_down: 512,
        took_ms: 3,
    }
}

/// Every matching event's time, in the order it comes, over as many pages as it takes.
fn all_times(history: &History, query: &Query) -> Vec<i64> {
    let mut times = Vec::new();
    let mut query = query.clone();
    loop {
        let page = history.scan(&query).unwrap();
        times.extend(page.events.iter().map(|stored| stored.event.at.0));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return times,
        }
    }
}
