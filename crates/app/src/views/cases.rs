//! Cases as screens show them. Pupils stand in them by pseudonym; what people wrote stands as they wrote it.

use model::{CaseEntryKind, Timestamp};

/// The cases this person may read, open ones first.
#[derive(Clone, Debug)]
pub struct CasesView {
    /// The rows.
    pub rows: Vec<CaseRow>,
}

/// One case of the list.
#[derive(Clone, Debug)]
pub struct CaseRow {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The school's name; empty where there is only one.
    pub school: String,
    /// When it was opened.
    pub opened: Timestamp,
    /// Whose work it is, by name; may be empty.
    pub owner: String,
    /// How it ended, in words; empty while it is open.
    pub outcome: String,
    /// When it was closed.
    pub closed: Option<Timestamp>,
    /// The reference of the school's own record; may be empty.
    pub reference: String,
    /// True where a circle is drawn.
    pub is_restricted: bool,
}

/// One case.
#[derive(Clone, Debug)]
pub struct CaseView {
    /// As in the list.
    pub row: CaseRow,
    /// People it is linked with, by pseudonym, or by name where that was asked for.
    pub people: Vec<String>,
    /// Devices it is linked with.
    pub devices: Vec<String>,
    /// Alerts it works on: id and title.
    pub alerts: Vec<(String, String)>,
    /// Filter changes it is linked with, in words.
    pub filter_changes: Vec<String>,
    /// Frozen evidence, oldest first.
    pub evidence: Vec<EvidenceView>,
    /// The timeline, oldest first.
    pub lines: Vec<CaseLineView>,
    /// Who may read it, in words.
    pub readers: Vec<String>,
    /// The circle: id and name.
    pub circle: Vec<(String, String)>,
    /// People who may be put into the circle: id and name.
    pub may_join: Vec<(String, String)>,
    /// True where a name may be shown.
    pub may_show_names: bool,
    /// True where names stand in it now.
    pub names_shown: bool,
    /// True when this person may keep history longer for it.
    pub may_hold: bool,
}

/// A copied request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EvidenceView {
    /// The copy, one field a line.
    pub copy: String,
    /// The SHA-256 that was noted when it was copied.
    pub hash: String,
    /// Whether the copy still has that hash.
    pub is_unchanged: bool,
    /// When it was copied.
    pub at: Timestamp,
}

/// One line of the timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseLineView {
    /// Its place, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who, by name.
    pub by: String,
    /// What it is.
    pub kind: CaseEntryKind,
    /// What it says.
    pub words: String,
    /// The reason; may be empty.
    pub reason: String,
    /// When it was struck out, by whom and why.
    pub struck: Option<(Timestamp, String, String)>,
    /// True where it may be struck out: what people wrote.
    pub may_strike: bool,
}
