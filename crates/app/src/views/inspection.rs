//! What the screen of the inspection shows.

use crate::ScanSeen;
use model::Timestamp;

/// The inspection: whose certificates devices are shown, what was wrong with origins' own, and what may be left unread.
#[derive(Clone, Debug)]
pub struct InspectionView {
    /// When the proxy last told; `None`: it has not yet.
    pub told: Option<Timestamp>,
    /// Since when it counts.
    pub since: Timestamp,
    /// The authority in use, and the next one where there is one.
    pub authorities: Vec<AuthorityView>,
    /// What was wrong with certificates that were refused, and how often, most often first.
    pub refused: Vec<(String, u64)>,
    /// Certificates known not to be revoked, known to be, and of which nothing could be known.
    pub revocation: (u64, u64, u64),
    /// What became of files that were to be scanned for malware; `None` where there is no scanner.
    pub scan: Option<ScanSeen>,
    /// Hosts that may belong on the bypass list, those that most devices met first.
    pub suggestions: Vec<SuggestionView>,
    /// Suggestions that somebody turned down, newest first.
    pub dismissed: Vec<DismissedView>,
    /// Devices that seem to lack the school's certificate.
    pub devices_without: usize,
    /// True for whoever may put a bypass forward, and turn a suggestion down.
    pub may_change: bool,
}

/// An authority.
#[derive(Clone, Debug)]
pub struct AuthorityView {
    /// What devices show as its name.
    pub name: String,
    /// The SHA-256 fingerprint of its certificate.
    pub fingerprint: String,
    /// From when until when it holds.
    pub holds: (Timestamp, Timestamp),
    /// From when on it signs; `None`: it does.
    pub signs_from: Option<Timestamp>,
}

/// A host that may belong on the bypass list. Nobody's name is in it.
#[derive(Clone, Debug)]
pub struct SuggestionView {
    /// The host.
    pub host: String,
    /// Why, in half a sentence.
    pub why: String,
    /// How often.
    pub times: u64,
    /// From how many devices; 0 where it is the site that asks.
    pub devices: usize,
    /// The first time and the last.
    pub seen: (Timestamp, Timestamp),
    /// The document that puts it forward, where one waits for approval.
    pub waiting: Option<String>,
}

/// A suggestion that was turned down.
#[derive(Clone, Debug)]
pub struct DismissedView {
    /// The host.
    pub host: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

/// A bypass before it is put forward.
#[derive(Clone, Debug)]
pub struct BypassProposalView {
    /// The host.
    pub host: String,
    /// What devices meet there.
    pub why: String,
    /// The lines that the policy would gain.
    pub lines: String,
    /// Who approves it, as the document says.
    pub approved_by: String,
}
