//! Alerts in their quiet time: repeats join them.
//!
//! Invariants: a person has one open alert a theme; every form of it that leaves has the same subject, kind and `first`,
//! which is how its reader knows it again, and its whole count; a worse one leaves at once, others at most each
//! [`TOLD_EVERY_MS`].

use crate::rules::Sentence;
use crate::trail::Moment;
use model::{Alert, AlertKind, AlertSubject, EventId, MOST_EVENTS_OF_ALERT, Severity, Theme, Timestamp};

/// How often a repeat is told.
const TOLD_EVERY_MS: i64 = 60_000;

/// An alert that repeats may still join.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Open {
    pub(crate) theme: Theme,
    pub(crate) severity: Severity,
    pub(crate) subject: AlertSubject,
    pub(crate) rule: std::sync::Arc<str>,
    pub(crate) why: std::sync::Arc<str>,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) count: u32,
    pub(crate) events: Vec<EventId>,
    /// When it was last told, by the time of the events.
    pub(crate) told: Timestamp,
    /// Whether it holds what nobody was told.
    pub(crate) has_news: bool,
}

/// A find that asks for an alert.
#[derive(Clone, Debug)]
pub(crate) struct Found<'r> {
    pub(crate) theme: Theme,
    pub(crate) severity: Severity,
    pub(crate) says: &'r Sentence,
    /// Whether it is one more, or another sight of what was counted.
    pub(crate) counts: Counts,
}

/// Whether a find adds to the count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Counts {
    /// It is one more.
    Again,
    /// It belongs to one that is counted already.
    Already,
}

impl Open {
    /// A new one, and the alert that tells of it.
    pub(crate) fn of(found: &Found<'_>, moment: &Moment) -> (Self, Alert) {
        let mut open = Self {
            theme: found.theme,
            severity: found.severity,
            subject: moment.subject.clone(),
            rule: found.says.id.clone(),
            why: found.says.why.clone(),
            first: moment.at,
            last: moment.at,
            count: 1,
            events: vec![moment.id],
            told: moment.at,
            has_news: false,
        };
        let alert = open.tell(moment.at);
        (open, alert)
    }

    /// Takes a repeat in; the alert where it is to be told at once.
    pub(crate) fn join(&mut self, found: &Found<'_>, moment: &Moment) -> Option<Alert> {
        self.last = self.last.max(moment.at);
        if found.counts == Counts::Again {
            self.count = self.count.saturating_add(1);
        }
        if self.events.len() < MOST_EVENTS_OF_ALERT && !self.events.contains(&moment.id) {
            self.events.push(moment.id);
        }
        let is_worse = found.severity < self.severity;
        if is_worse {
            self.severity = found.severity;
            self.rule = found.says.id.clone();
            self.why = found.says.why.clone();
        }
        self.has_news = true;
        (is_worse || moment.at.0.saturating_sub(self.told.0) >= TOLD_EVERY_MS).then(|| self.tell(moment.at))
    }

    /// The alert, where something about it was not told and the time for it has come.
    pub(crate) fn news(&mut self, now: Timestamp) -> Option<Alert> {
        (self.has_news && now.0.saturating_sub(self.told.0) >= TOLD_EVERY_MS).then(|| self.tell(now))
    }

    /// The last form of an alert whose quiet time is over, where something was not told.
    pub(crate) fn closing(&mut self, now: Timestamp) -> Option<Alert> {
        self.has_news.then(|| self.tell(now))
    }

    fn tell(&mut self, at: Timestamp) -> Alert {
        self.told = at;
        self.has_news = false;
        Alert {
            kind: AlertKind::Safeguarding(self.theme),
            severity: self.severity,
            subject: self.subject.clone(),
            rule: self.rule.clone(),
            why: self.why.clone(),
            first: self.first,
            last: self.last,
            count: self.count,
            events: self.events.clone(),
        }
    }
}
