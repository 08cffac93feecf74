//! What of the history is kept longer than the policy keeps it.

/// The holds that somebody may see, and the form for one more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldsView {
    /// Those first that are to be looked at soonest.
    pub rows: Vec<HoldRow>,
    /// Holds that cannot be read. No day that they may need goes.
    pub unreadable: usize,
    /// The form as typed.
    pub form: HoldForm,
    /// A field's name and what is wrong with it.
    pub problems: Vec<(String, String)>,
}

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldRow {
    /// Its name, which a release gives.
    pub name: String,
    /// What it keeps, a condition a line.
    pub what: Vec<String>,
    /// Why.
    pub why: String,
    /// Who made it; empty where nobody knows.
    pub by: String,
    /// The case it is for, by id; may be empty.
    pub case: String,
    /// When, by the school's clock.
    pub made: String,
    /// The day on which somebody looks again, `2026-11-22`; may be empty.
    pub review_on: String,
    /// True when that day has come.
    pub is_overdue: bool,
    /// Requests that are kept so far.
    pub events: u64,
    /// What they take on disk, in words.
    pub size: String,
}

/// What is to be held. Texts are as typed; the use case checks them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HoldForm {
    /// A login or a part of a name.
    pub person: String,
    /// A part of a device's name, or an address.
    pub device: String,
    /// A part of a host.
    pub host: String,
    /// A local date, or empty.
    pub from: String,
    /// A local date, inclusive, or empty.
    pub until: String,
    /// Why.
    pub why: String,
    /// A local date.
    pub review_on: String,
    /// A case's id, or empty.
    pub case: String,
}
