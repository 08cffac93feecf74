//! What asks for a person's attention.
//!
//! Left out: deciding when something does (monitoring rules, detectors and report forms do), and what is done about it
//! (cases).
//!
//! Invariants: an alert holds ids, never names, addresses of sites or words that somebody typed; those stay in the
//! history, where every look at them is recorded.

use crate::{DeviceId, EventId, PersonId, SchoolId, Theme, Timestamp};
use std::sync::Arc;

/// The most events that one alert points to. Later ones are only counted.
pub const MOST_EVENTS_OF_ALERT: usize = 64;

/// How bad it may be, from worst to least; the order of the queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Risk to life, abuse, a weapon, an act of terror: at once.
    Critical,
    /// Serious: the same school day.
    High,
    /// The next school day.
    Medium,
    /// The weekly report.
    Low,
    /// Kept for the record; nobody is called.
    NoConcern,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Severity; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::NoConcern];

    /// The name in files, addresses and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::NoConcern => "no-concern",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Critical => "Critical",
            Self::High => "High",
            Self::Medium => "Medium",
            Self::Low => "Low",
            Self::NoConcern => "No concern",
        }
    }

    /// The number that schools' monitoring services give it: 5 is the worst, 1 the least.
    pub fn number(self) -> u8 {
        match self {
            Self::Critical => 5,
            Self::High => 4,
            Self::Medium => 3,
            Self::Low => 2,
            Self::NoConcern => 1,
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.slug() == text)
    }
}

/// Where an alert comes from, and so who is asked to look.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AlertKind {
    /// A monitoring rule found something: the safeguarding lead.
    Safeguarding(Theme),
    /// A sign of an attack or of misuse: IT and the data protection officer.
    Security,
    /// Something that should be heard from has gone silent: IT.
    Silence,
    /// Somebody reported something; whom it is for depends on what.
    Report,
    /// The weekly proof that alerts arrive.
    Test,
}

impl AlertKind {
    /// The name in records; a safeguarding alert's theme stands apart ([`Self::theme`]).
    pub fn slug(self) -> &'static str {
        match self {
            Self::Safeguarding(_) => "safeguarding",
            Self::Security => "security",
            Self::Silence => "silence",
            Self::Report => "report",
            Self::Test => "test",
        }
    }

    /// The theme, where it is a safeguarding alert.
    pub fn theme(self) -> Option<Theme> {
        match self {
            Self::Safeguarding(theme) => Some(theme),
            Self::Security | Self::Silence | Self::Report | Self::Test => None,
        }
    }

    /// Reads the name, and the theme where one belongs to it.
    pub fn parse(slug: &str, theme: Option<Theme>) -> Option<Self> {
        match (slug, theme) {
            ("safeguarding", Some(theme)) => Some(Self::Safeguarding(theme)),
            ("security", None) => Some(Self::Security),
            ("silence", None) => Some(Self::Silence),
            ("report", None) => Some(Self::Report),
            ("test", None) => Some(Self::Test),
            _ => None,
        }
    }
}

/// Whom or what an alert is about.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct AlertSubject {
    /// The school, where one is known.
    pub school: Option<SchoolId>,
    /// The person, where exactly one is known.
    pub person: Option<PersonId>,
    /// The device, where one is known.
    pub device: Option<DeviceId>,
}

/// One thing that asks for attention, as it is found; its id and its work come with the records.
#[derive(Clone, PartialEq, Debug)]
pub struct Alert {
    /// Where it comes from.
    pub kind: AlertKind,
    /// How bad it may be.
    pub severity: Severity,
    /// Whom or what it is about.
    pub subject: AlertSubject,
    /// The rule's id, such as `self-harm.method`.
    pub rule: Arc<str>,
    /// What the rule looks for, in a sentence for adults. It is the rule's, and repeats nothing that somebody typed.
    pub why: Arc<str>,
    /// When what it is about began.
    pub first: Timestamp,
    /// The newest of it.
    pub last: Timestamp,
    /// How often, repeats merged; at least 1.
    pub count: u32,
    /// The events it stands on, oldest first, at most [`MOST_EVENTS_OF_ALERT`]; empty where no request is behind it.
    pub events: Vec<EventId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered_worst_first_and_read_back() {
        assert!(Severity::ALL.is_sorted());
        let numbers: Vec<u8> = Severity::ALL.iter().map(|severity| severity.number()).collect();
        assert_eq!(numbers, [5, 4, 3, 2, 1]);
        for severity in Severity::ALL {
            assert_eq!(Severity::parse(severity.slug()), Some(severity));
        }
    }

    #[test]
    fn a_kind_reads_back_with_its_theme_and_not_without() {
        for kind in [
            AlertKind::Safeguarding(Theme::Drugs),
            AlertKind::Security,
            AlertKind::Silence,
            AlertKind::Report,
            AlertKind::Test,
        ] {
            assert_eq!(AlertKind::parse(kind.slug(), kind.theme()), Some(kind));
        }
        assert_eq!(AlertKind::parse("safeguarding", None), None);
        assert_eq!(AlertKind::parse("test", Some(Theme::Drugs)), None);
    }
}
