//! Made-up events for the tests of this crate, those inside it and those outside.

use model::{AccessEvent, Channel, EventOutcome, Host, Layer, Timestamp};
use std::net::{IpAddr, Ipv4Addr};

/// An allowed request at a time, to a host.
pub(crate) fn event(at_ms: i64, host: &str) -> AccessEvent {
    AccessEvent {
        at: Timestamp(at_ms),
        school: None,
        address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        person: None,
        known_by: None,
        known_since: None,
        known_until: None,
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
