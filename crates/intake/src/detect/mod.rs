//! Detectors over other systems' events: batches in, findings out.
//!
//! Left out on purpose: signatures (a sensor such as Suricata has them, and its alerts come in as events), and who is told.
//!
//! Invariants: pure; what is remembered is bounded, whoever sends how much; a finding repeats no name out of a line.

mod privileges;
mod scans;
mod sensors;

pub use privileges::Privileges;
pub use scans::Scans;

use crate::OutsideEvent;
use model::{Alert, AlertKind, AlertSubject, Severity, Timestamp};
use sensors::Sensors;
use std::net::IpAddr;

/// One sign of an attack or of misuse.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// What the rule looks for, for adults.
    pub why: &'static str,
    /// How bad it may be.
    pub severity: Severity,
    /// Whence it came, where that is known: for looking up the device, not for the alert.
    pub from: Option<IpAddr>,
    /// The first event of it.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// How many.
    pub count: u32,
}

impl Finding {
    /// The alert about it; `subject`: what is known of the address.
    pub fn alert(&self, subject: AlertSubject) -> Alert {
        Alert {
            kind: AlertKind::Security,
            severity: self.severity,
            subject,
            rule: self.rule.into(),
            why: self.why.into(),
            first: self.first,
            last: self.last,
            count: self.count.max(1),
            events: Vec::new(),
        }
    }
}

/// Every detector, one after the other.
#[derive(Debug, Default)]
pub struct Detectors {
    scans: Scans,
    privileges: Privileges,
    sensors: Sensors,
}

impl Detectors {
    /// With these detectors.
    pub fn new(scans: Scans, privileges: Privileges) -> Self {
        Self { scans, privileges, sensors: Sensors::default() }
    }

    /// Takes events in the order in which they came in. Of one rule and one address a batch has one finding at most.
    pub fn step(&mut self, batch: &[OutsideEvent]) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for event in batch {
            let found = self.scans.step(event).into_iter();
            let found = found.chain(self.privileges.step(event)).chain(self.sensors.step(event));
            for finding in found {
                match findings.iter_mut().find(|there| there.is_like(&finding)) {
                    Some(there) => there.take_in(&finding),
                    None => findings.push(finding),
                }
            }
        }
        findings
    }
}

impl Finding {
    fn is_like(&self, other: &Self) -> bool {
        self.rule == other.rule && self.from == other.from
    }

    fn take_in(&mut self, other: &Self) {
        self.severity = self.severity.min(other.severity);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        // A count of several is one that ran on, and has those before in it.
        self.count = if other.count > 1 { self.count.max(other.count) } else { self.count.saturating_add(1) };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::logs::event::Deed;

    pub(crate) fn event(deed: Deed, at_ms: i64) -> OutsideEvent {
        OutsideEvent {
            at: Timestamp(at_ms),
            received: Timestamp(at_ms),
            sender: "dc1".into(),
            deed,
            account: None,
            group: None,
            from: None,
            to: None,
            port: None,
            severity: 5,
            line: Box::default(),
            hash: [0; 32],
        }
    }

    #[test]
    fn what_repeats_within_a_batch_is_one_finding() {
        let cleared: Vec<OutsideEvent> = (0..9).map(|at_ms| event(Deed::LogCleared, at_ms)).collect();
        let findings = Detectors::default().step(&cleared);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].count, findings[0].last), (9, Timestamp(8)));
    }
}
