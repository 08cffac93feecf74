//! Alerts as screens show them. Pupils stand in them by pseudonym.

use model::{AlertState, Severity, Timestamp, Triage};

/// What the queue is narrowed to, as typed; empty: what waits.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertFilter {
    /// `waiting` (the default), `closed` or `all-open` with what is of no concern.
    pub show: String,
    /// A severity's slug.
    pub severity: String,
}

/// The queue, worst first.
#[derive(Clone, Debug)]
pub struct AlertsView {
    /// What it is narrowed to.
    pub filter: AlertFilter,
    /// The rows, at most 200.
    pub rows: Vec<AlertRow>,
    /// How many there are that this person may read.
    pub total: usize,
    /// How many of those nobody has acknowledged.
    pub unacknowledged: usize,
    /// Who watches outside school hours, in the school's words; empty where nobody has said.
    pub cover: String,
    /// Who watches outside school hours as the policy says; where somebody wrote down who does just now, that counts.
    pub standing_cover: String,
    /// True where no address is set up that alerts are sent to.
    pub nobody_is_told: bool,
}

/// One alert of the queue.
#[derive(Clone, Debug)]
pub struct AlertRow {
    /// Its id.
    pub id: String,
    /// How bad it may be.
    pub severity: Severity,
    /// Its theme or kind in words.
    pub title: String,
    /// What the rule looks for.
    pub why: String,
    /// Whom or what it is about, by pseudonym: `Pupil 4F2A-91C3, Year 5`.
    pub who: String,
    /// The school's name; empty where there is only one.
    pub school: String,
    /// The newest of it.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
    /// How far the work has come.
    pub state: AlertState,
    /// What it was judged to be.
    pub triage: Option<Triage>,
    /// Who has it: a name of staff; empty where nobody has.
    pub assigned_to: String,
    /// When the next post is called; `None`: never.
    pub due: Option<Timestamp>,
}

/// One alert with everything that was done with it.
#[derive(Clone, Debug)]
pub struct AlertView {
    /// As in the queue.
    pub row: AlertRow,
    /// Where it comes from: the kind's slug.
    pub kind: String,
    /// The rule's id.
    pub rule: String,
    /// When it began.
    pub first: Timestamp,
    /// When it was taken up.
    pub taken_up: Timestamp,
    /// The person's name, where it was asked for with a reason; empty otherwise.
    pub name: String,
    /// True where there is a person whose name this actor may have shown.
    pub may_show_name: bool,
    /// The device's name; empty where none is known.
    pub device: String,
    /// The requests behind it, oldest first.
    pub events: Vec<AlertEventView>,
    /// Requests that the history does not hold any more.
    pub events_gone: usize,
    /// What was reported, where it comes from a report.
    pub report: Option<ReportWordsView>,
    /// What was done, oldest first.
    pub lines: Vec<AlertLineView>,
    /// Who is called in turn, in words, and whether their turn has come.
    pub ladder: Vec<(String, bool)>,
    /// Messages that were sent: way, state in words, when.
    pub messages: Vec<(String, String, Timestamp)>,
    /// The alert it was merged into; empty where none.
    pub merged_into: String,
    /// The case that works on it, where this person may read it.
    pub case: String,
    /// True where a case works on it, whether or not this person may read it.
    pub has_case: bool,
    /// True where this person may open a case from it.
    pub may_open_case: bool,
    /// Other alerts that it may be merged into: id and title.
    pub merge_into: Vec<(String, String)>,
    /// People it may be given to: id and name.
    pub assign_to: Vec<(String, String)>,
}

/// One request behind an alert.
#[derive(Clone, Debug)]
pub struct AlertEventView {
    /// When.
    pub at: Timestamp,
    /// The host.
    pub host: String,
    /// The path and query as somebody reads them; may be empty.
    pub path: String,
    /// `allowed`, `blocked`, ...
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// The device; may be empty.
    pub device: String,
}

/// What somebody reported.
#[derive(Clone, Debug)]
pub struct ReportWordsView {
    /// What kind.
    pub title: String,
    /// In their words.
    pub words: String,
    /// Where; may be empty.
    pub place: String,
    /// Their reference.
    pub reference: String,
    /// Who: `Not given`, or a name of staff, or a pseudonym.
    pub reporter: String,
}

/// One line of what was done.
#[derive(Clone, Debug)]
pub struct AlertLineView {
    /// When.
    pub at: Timestamp,
    /// Who, by name.
    pub by: String,
    /// What, in words.
    pub what: String,
    /// More; may be empty.
    pub words: String,
}
