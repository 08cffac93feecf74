//! Detectors over other systems' events: batches in, findings out.
//!
//! Left out on purpose: signatures (a sensor such as Suricata has them, and its alerts come in as events), and who is told.
//!
//! Invariants: pure; what is remembered is bounded, whoever sends how much; a finding repeats no name out of a line.

mod privileges;
mod scans;

pub use privileges::Privileges;
pub use scans::Scans;

use crate::OutsideEvent;
use model::{Alert, AlertKind, AlertSubject, Severity, Timestamp};
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
}

impl Detectors {
    /// With these detectors.
    pub fn new(scans: Scans, privileges: Privileges) -> Self {
        Self { scans, privileges }
    }

    /// Takes events in the order in which they came in.
    pub fn step(&mut self, batch: &[OutsideEvent]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for event in batch {
            findings.extend(self.scans.step(event));
            findings.extend(self.privileges.step(event));
        }
        findings
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
}
