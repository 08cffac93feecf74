//! What is seen of the gate's parts, told by the parts themselves. Nothing here decides; screens and checks read it.

use model::Timestamp;
use registers::{AuditSeen, Listener, ListenerState};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is seen of the gate's parts.
#[derive(Debug)]
pub struct Health(Mutex<Seen>);

/// An upstream name server that was asked, and whether it answered then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsUpstream {
    /// It as the configuration spells it.
    pub name: String,
    /// It answered what it was asked last.
    pub answers: bool,
}

/// What is seen of the inspection: whose certificates devices are shown, and what was wrong with origins' own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InspectionSeen {
    /// The authority that signs.
    pub authority: AuthoritySeen,
    /// The one that takes over, and when; it stays the next one until it is the only one.
    pub next: Option<(AuthoritySeen, Timestamp)>,
    /// How often origins were refused for their certificate since the start: what was wrong with it, and how often.
    pub refused: Vec<(String, u64)>,
    /// How often it was known since the start that a certificate is not revoked, that it is, and neither.
    pub revocation: (u64, u64, u64),
    /// What became of files that were to be scanned for malware; `None` where there is no scanner.
    pub scan: Option<ScanSeen>,
}

/// What is seen of the malware scanner, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ScanSeen {
    /// Files in which nothing was found.
    pub clean: u64,
    /// Files in which malware was found, and which were refused.
    pub infected: u64,
    /// Files that could not be scanned.
    pub unscanned: u64,
    /// Files that are held at this moment.
    pub held: u64,
    /// Files in a row, up to the last, for which the scanner did not answer.
    pub silent: u64,
}

/// An authority that signs certificates for devices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthoritySeen {
    /// What devices show as its name.
    pub name: String,
    /// The SHA-256 fingerprint of its certificate.
    pub fingerprint: String,
    /// From when it holds.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Everything that was told, at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Since when the program runs.
    pub started: Timestamp,
    /// What should listen, by name.
    pub listeners: BTreeMap<String, Listener>,
    /// The name servers that were asked since start, and when that was told.
    pub upstreams: (Vec<DnsUpstream>, Timestamp),
    /// What is seen of the inspection, and when that was told.
    pub inspection: Option<(InspectionSeen, Timestamp)>,
    /// Events lost since start.
    pub lost: u64,
    /// When the newest of the requests was made that were recorded since start.
    pub recorded: Option<Timestamp>,
    /// What went wrong at the last attempt to write history.
    pub history_trouble: Option<String>,
    /// Why an approved policy could not be put in force.
    pub policy_trouble: Option<String>,
    /// What is wrong with the lists, in words for screens.
    pub lists_trouble: Option<String>,
    /// Why their last update did not take place, in words for screens.
    pub lists_failed: Option<String>,
    /// When old days were last taken away, and after how many days.
    pub expired: Option<(Timestamp, u32)>,
    /// When anything last waited for anybody.
    pub last_needed: Option<Timestamp>,
    /// When the monitoring rules last looked.
    pub watched: Option<Timestamp>,
    /// What the last look at the audit log found.
    pub audit: Option<AuditSeen>,
}

impl Seen {
    /// True where name servers were asked and not one of them answers.
    pub(crate) fn no_upstream_answers(&self) -> bool {
        let upstreams = &self.upstreams.0;
        !upstreams.is_empty() && upstreams.iter().all(|upstream| !upstream.answers)
    }

    /// What is seen of the malware scanner, and when that was told; `None` where there is none.
    pub(crate) fn scan(&self) -> Option<(ScanSeen, Timestamp)> {
        let (inspection, told) = self.inspection.as_ref()?;
        Some((inspection.scan?, *told))
    }

    /// All that is wrong with the lists.
    pub(crate) fn lists_words(&self) -> Option<String> {
        let words: Vec<&str> =
            self.lists_failed.iter().chain(&self.lists_trouble).map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }
}

impl Health {
    /// Starts with nothing seen.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new(Seen {
            started: now,
            listeners: BTreeMap::new(),
            upstreams: (Vec::new(), now),
            inspection: None,
            lost: 0,
            recorded: None,
            history_trouble: None,
            policy_trouble: None,
            lists_trouble: None,
            lists_failed: None,
            expired: None,
            last_needed: None,
            watched: None,
            audit: None,
        }))
    }

    /// A part listens: "DNS filter", "Web proxy". To be told again at least every five minutes while it does.
    pub fn listening(&self, name: &str, now: Timestamp) {
        self.listener(name, ListenerState::Listening, now);
    }

    /// A part does not listen, and why.
    pub fn stopped(&self, name: &str, why: &str, now: Timestamp) {
        self.listener(name, ListenerState::Stopped(why.to_owned()), now);
    }

    /// The name servers that were asked since start, the general ones first. To be told again every few seconds.
    pub fn upstreams(&self, upstreams: Vec<DnsUpstream>, now: Timestamp) {
        self.lock().upstreams = (upstreams, now);
    }

    /// What is seen of the inspection. To be told again every few seconds.
    pub fn inspection(&self, inspection: InspectionSeen, now: Timestamp) {
        self.lock().inspection = Some((inspection, now));
    }

    /// What is wrong with the lists, in whole sentences for every screen: no file, address or error of the machine; `None`:
    /// nothing is.
    pub fn lists_trouble(&self, trouble: Option<String>) {
        self.lock().lists_trouble = trouble;
    }

    /// Why the last update of the lists did not take place, in the same way; `None`: it did.
    pub fn lists_failed(&self, trouble: Option<String>) {
        self.lock().lists_failed = trouble;
    }

    pub(crate) fn audit(&self, audit: AuditSeen) {
        self.lock().audit = Some(audit);
    }

    pub(crate) fn history_trouble(&self, trouble: Option<String>) {
        self.lock().history_trouble = trouble;
    }

    /// True when this is news.
    pub(crate) fn policy_trouble(&self, trouble: Option<String>) -> bool {
        let mut seen = self.lock();
        let news = seen.policy_trouble != trouble;
        seen.policy_trouble = trouble;
        news
    }

    /// Requests were recorded, the newest of them made then.
    pub(crate) fn recorded(&self, newest: Timestamp) {
        let mut seen = self.lock();
        seen.recorded = seen.recorded.max(Some(newest));
    }

    pub(crate) fn lost(&self, events: u64) {
        self.lock().lost = events;
    }

    pub(crate) fn expired(&self, now: Timestamp, days: u32) {
        self.lock().expired = Some((now, days));
    }

    /// The monitoring rules looked at what was asked for up to now. To be told again at least every five minutes.
    pub fn watched(&self, now: Timestamp) {
        self.lock().watched = Some(now);
    }

    pub(crate) fn needed(&self, now: Timestamp) {
        self.lock().last_needed = Some(now);
    }

    pub(crate) fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn listener(&self, name: &str, state: ListenerState, at: Timestamp) {
        let listener = Listener { name: name.to_owned(), state, at };
        self.lock().listeners.insert(name.to_owned(), listener);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
