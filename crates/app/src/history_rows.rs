//! Stored events as rows of a screen: names of groups and devices for ids, sentences for reasons.
//!
//! Left out: whose they are, and what of a row somebody may see; that is `history_sight`'s.

use crate::views::HistoryRow;
use crate::words;
use history::Stored;
use jiff::tz::TimeZone;
use model::{
    AccessEvent, Device, DeviceId, EventOutcome, Group, GroupId, Membership, Outcome, Reason, Roster,
};
use policy::Policy;
use std::collections::HashMap;
use std::sync::Arc;

/// What names the ids in events.
pub(crate) struct Names<'a> {
    devices: HashMap<DeviceId, &'a Arc<Device>>,
    policy: &'a Policy,
}

impl<'a> Names<'a> {
    pub(crate) fn new(roster: &'a Roster, policy: &'a Policy) -> Self {
        let devices = roster.devices().map(|device| (device.id, device)).collect();
        Self { devices, policy }
    }

    /// The school's clock.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.policy.time_zone
    }

    /// The event as a row of nobody's, with all that was asked for.
    pub(crate) fn row(&self, stored: &Stored) -> HistoryRow {
        let event = &stored.event;
        HistoryRow {
            at: event.at,
            local_time: words::date_and_time(self.zone(), event.at),
            person: String::new(),
            known_by: known_in_words(self.zone(), event),
            device: self.device(event.device),
            address: event.address.to_string(),
            group: self.group_words(event.group.as_ref()),
            channel: event.channel.slug().to_owned(),
            method: event.method.to_string(),
            host: event.host.to_string(),
            path: event.path.clone(),
            is_withheld: false,
            outcome: event.outcome.slug().to_owned(),
            reason: self.reason(event),
            status: event.status.map(|status| status.to_string()).unwrap_or_default(),
            size: words::size(event.bytes_down),
            explain_link: String::new(),
            around_link: String::new(),
        }
    }

    /// A device's name; empty where there is none.
    pub(crate) fn device(&self, id: Option<DeviceId>) -> String {
        id.and_then(|id| self.devices.get(&id)).map(|device| device.name.clone()).unwrap_or_default()
    }

    /// Why it was allowed or blocked, and what became of it then.
    pub(crate) fn reason(&self, event: &AccessEvent) -> String {
        let outcome = match event.outcome {
            EventOutcome::Blocked => Outcome::Block,
            EventOutcome::Allowed | EventOutcome::RefusedOrigin | EventOutcome::Failed => Outcome::Allow,
        };
        let reason = Reason {
            layer: event.layer,
            category: event.category,
            list: event.list.clone(),
            entry: event.entry.clone(),
            why: None,
            group: event.group.clone().map(|id| Group { name: self.group_name(&id), id }),
            membership: Membership::Unknown,
        };
        let sentence = reason.sentence(outcome);
        match event.outcome {
            EventOutcome::Allowed | EventOutcome::Blocked => sentence,
            EventOutcome::RefusedOrigin => {
                format!("Refused: the site could not prove that it is the right one. The policy: {sentence}")
            }
            EventOutcome::Failed => format!("Failed: no whole answer came. The policy: {sentence}"),
        }
    }

    fn group_name(&self, id: &GroupId) -> Arc<str> {
        let group = self.policy.groups.iter().find(|group| group.id == *id);
        group.map_or_else(|| id.as_str().into(), |group| Arc::clone(&group.name))
    }

    fn group_words(&self, id: Option<&GroupId>) -> String {
        id.map_or_else(|| "Not known: strictest rules".to_owned(), |id| self.group_name(id).to_string())
    }
}

/// How somebody is known, since when and until when: "signed in on this device at 09:02, until 15:30"; empty where
/// nobody is.
fn known_in_words(zone: &TimeZone, event: &AccessEvent) -> String {
    event.known_by.map_or_else(String::new, |by| words::known(zone, by, event.known_since, event.known_until))
}
