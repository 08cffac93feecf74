//! Reports and weekly monitoring reports as screens show them.

use model::Timestamp;

/// What a reporter is told by the reference: never what was reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportStatusView {
    /// The reference, as it is written.
    pub reference: String,
    /// When it was made.
    pub at: Timestamp,
    /// `Nobody has looked yet`, `Somebody is looking into it`, `It was dealt with`.
    pub state: String,
    /// True when nothing more is to be done.
    pub is_done: bool,
}

/// A weekly report in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeekRow {
    /// The Monday it begins with: `2026-11-16`.
    pub week: String,
    /// Whose: a scope as text.
    pub place: String,
    /// The school's name; empty where there is only one.
    pub school: String,
    /// When it was drafted.
    pub drafted_at: Timestamp,
    /// When it was first read, and by whom.
    pub read: Option<(Timestamp, String)>,
    /// When it was signed, and by whom.
    pub signed: Option<(Timestamp, String)>,
}

/// A weekly report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeekView {
    /// As in the list.
    pub row: WeekRow,
    /// What it says: label and value; a heading has no value.
    pub lines: Vec<(String, String)>,
    /// What the signer wrote; may be empty.
    pub words: String,
    /// True where this person may sign it, and nobody has.
    pub may_sign: bool,
}
