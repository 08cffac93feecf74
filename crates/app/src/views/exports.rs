//! What the exports screen shows.

use model::{CustodyStep, ExportKind, ExportState, Timestamp};

/// A request as it is typed, a question a page. Its words are checked by [`App::export_problems`](crate::App).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ExportQuestion {
    /// A kind of request.
    pub kind: String,
    /// The person or organisation that asks.
    pub requester: String,
    /// Their own reference.
    pub their_reference: String,
    /// A login; empty: everybody.
    pub person: String,
    /// The first day, as a form's date field holds it.
    pub from: String,
    /// The last day.
    pub until: String,
    /// A lawful basis.
    pub basis: String,
    /// What for.
    pub purpose: String,
    /// `yes` or `no`: whether what it is about is kept from expiring.
    pub hold: String,
}

/// The list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportsView {
    /// The rows, those that wait first.
    pub rows: Vec<ExportRow>,
    /// The fingerprint of the key that signs packs.
    pub fingerprint: String,
    /// When the audit log was last verified, how many facts stand as they were written, and what is wrong with it.
    pub audit: Option<(Timestamp, u64, Vec<String>)>,
}

/// One request of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportRow {
    /// Its id.
    pub id: String,
    /// Our reference.
    pub reference: String,
    /// Who asks.
    pub kind: ExportKind,
    /// The person or organisation that asks.
    pub requester: String,
    /// How far it has got.
    pub state: ExportState,
    /// When it was put down.
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
}

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportView {
    /// As in the list.
    pub row: ExportRow,
    /// What it is about, name and words.
    pub terms: Vec<(String, String)>,
    /// The pack: bytes, requests in it, the SHA-256 of its manifest.
    pub made: Option<(u64, u64, String)>,
    /// Each step of its custody.
    pub custody: Vec<CustodyView>,
    /// True where this person may approve it or turn it down.
    pub may_decide: bool,
    /// True where it waits, and this person is the one who asked.
    pub asked_by_viewer: bool,
    /// Where the pack lies that was made, where that is not here, as a sentence or two; empty otherwise.
    pub elsewhere: String,
    /// The fingerprint of the key that signs packs.
    pub fingerprint: String,
}

/// A step of a pack's custody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustodyView {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What.
    pub step: CustodyStep,
    /// In words; may be empty.
    pub words: String,
}
