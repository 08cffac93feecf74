//! Imports of people from the school's own system.

use super::SlipView;
use model::Timestamp;

/// Every import, and what is needed to send a file.
#[derive(Clone, Debug)]
pub struct ImportsView {
    /// The imports within reach, those that wait first.
    pub rows: Vec<ImportRow>,
    /// Schools within reach: id and name.
    pub schools: Vec<(String, String)>,
}

/// One import of the list.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// Its id.
    pub id: String,
    /// The file's name; empty where there is none.
    pub name: String,
    /// What it is for, in words.
    pub kind: String,
    /// The school.
    pub school: String,
    /// Its state, as records name it.
    pub state: String,
    /// When it was sent.
    pub staged_at: Timestamp,
    /// By whom.
    pub staged_by: String,
}

/// One import.
#[derive(Clone, Debug)]
pub struct ImportView {
    /// As in the list.
    pub row: ImportRow,
    /// The form in words; empty where there is no file.
    pub format: String,
    /// What happens to how many, in words.
    pub sums: Vec<String>,
    /// What changes of each person: kind, name, words; at most 500.
    pub lines: Vec<(String, String, String)>,
    /// Lines beyond those.
    pub more_lines: usize,
    /// People of whom nothing changes.
    pub same: usize,
    /// People who are missing from the file, and stay since rows of it have no id.
    pub unsure: usize,
    /// Why another person must approve it.
    pub holds: Vec<String>,
    /// Rows that somebody must say who they are; at most 50.
    pub questions: Vec<ImportQuestionView>,
    /// Questions in all.
    pub all_questions: usize,
    /// What was wrong with the file: at most 200.
    pub faults: Vec<FaultView>,
    /// Mistakes in all.
    pub all_faults: usize,
    /// Rows that were not taken.
    pub lost: usize,
    /// Rows about people whom a filter has no use for.
    pub left_out: usize,
    /// True where the file says that it is everybody.
    pub is_whole: bool,
    /// What the difference is known again by.
    pub seen: String,
    /// Why this person may not approve it, in words; empty where they may.
    pub not_approved: String,
    /// When it was applied or dropped, by whom and why.
    pub decided: Option<(Timestamp, String, String)>,
    /// When it was undone, by whom and why.
    pub undone: Option<(Timestamp, String, String)>,
    /// Until when it can be undone; `None` where it cannot.
    pub undo_until: Option<Timestamp>,
    /// People whom it added and who have no password yet.
    pub without_password: usize,
}

/// A row that may be somebody who is on the records.
#[derive(Clone, Debug)]
pub struct ImportQuestionView {
    /// The id in the file.
    pub source: String,
    /// The line.
    pub line: usize,
    /// The name in the file, with the year group.
    pub who: String,
    /// Whom it may be: id, and words that tell them apart.
    pub candidates: Vec<(String, String)>,
}

/// A mistake in a file.
#[derive(Clone, Debug)]
pub struct FaultView {
    /// Where: `users.csv, line 7, grades`.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub mend: String,
    /// True where the row was not taken.
    pub is_lost: bool,
}

/// A page of slips.
#[derive(Clone)]
pub struct SlipsView {
    /// The import.
    pub import: String,
    /// The slips, by name, at most 30.
    pub slips: Vec<SlipView>,
    /// People who get no password so: a badge is theirs, or their password is not this person's to make.
    pub passed_over: usize,
    /// People who still wait.
    pub left: usize,
}
