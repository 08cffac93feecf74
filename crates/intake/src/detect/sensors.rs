//! What sensors found: malware on a machine, and attacks that their rules' authors grade worst.
//!
//! A sensor may say the same a thousand times a minute. Of one address it is told once an hour, with how often it was said
//! in the hour before.

use super::Finding;
use crate::OutsideEvent;
use crate::logs::event::Deed;
use model::{Severity, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// For how long what was told is not told again.
const QUIET_MS: i64 = 3_600_000;
/// The most addresses that are remembered; past that all are forgotten, and told anew.
const MOST_REMEMBERED: usize = 4_096;
/// From this grade of a sensor's own on: 1 is "alert" (RFC 5424), and priority 1 of Suricata.
const WORST_GRADE: u8 = 1;

/// The detector of what sensors found.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    told: HashMap<(Deed, Option<IpAddr>), Told>,
}

#[derive(Debug)]
struct Told {
    at: Timestamp,
    since: u32,
}

impl Sensors {
    pub(super) fn step(&mut self, event: &OutsideEvent) -> Option<Finding> {
        let (rule, why, severity) = match event.deed {
            Deed::MalwareFound => ("sensor.malware", "Malware was found on a machine.", Severity::High),
            Deed::AttackSeen if event.severity <= WORST_GRADE => {
                let why = "A sensor saw an attack of the worst grade on the network.";
                ("sensor.attack", why, Severity::High)
            }
            _ => return None,
        };
        let (key, now) = ((event.deed, event.from), event.received);
        if let Some(told) = self.told.get_mut(&key).filter(|told| now.0.saturating_sub(told.at.0) < QUIET_MS)
        {
            told.since = told.since.saturating_add(1);
            return None;
        }
        if self.told.len() >= MOST_REMEMBERED {
            self.told.clear();
        }
        let before = self.told.insert(key, Told { at: now, since: 0 });
        let count = before.map_or(0, |told| told.since).saturating_add(1);
        let first = event.at;
        Some(Finding { rule, why, severity, from: event.from, first, last: event.at, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::event;

    #[test]
    fn a_sensor_that_repeats_itself_is_told_once_an_hour_with_its_count() {
        let mut sensors = Sensors::default();
        let seen = |at_ms| OutsideEvent { severity: 1, ..event(Deed::AttackSeen, at_ms) };
        let told: Vec<u32> = (0..7_300)
            .filter_map(|second| sensors.step(&seen(second * 1_000)))
            .map(|found| found.count)
            .collect();
        assert_eq!(told, [1, 3_600, 3_600]);
        let mild = OutsideEvent { severity: 3, ..event(Deed::AttackSeen, 0) };
        assert!(Sensors::default().step(&mild).is_none());
        assert_eq!(sensors.step(&event(Deed::MalwareFound, 0)).unwrap().rule, "sensor.malware");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut sensors = Sensors::default();
        for number in 0..10_000_u32 {
            let from = Some(IpAddr::from(number.to_be_bytes()));
            sensors.step(&OutsideEvent { from, ..event(Deed::MalwareFound, 0) });
        }
        assert!(sensors.told.len() <= MOST_REMEMBERED);
    }
}
