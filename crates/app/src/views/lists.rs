//! The screen of the filter lists. Of a list of illegal content it has counts and lines, never a name.

use model::Timestamp;

/// The lists, what is wrong with each, and what was in force before.
#[derive(Clone, Debug)]
pub struct ListsView {
    /// The revision that decides.
    pub revision: String,
    /// How many different names it has.
    pub names: u64,
    /// The lists of the policy in its order, and the one that is built in.
    pub lists: Vec<ListView>,
    /// What is kept, the one in force first.
    pub images: Vec<ImageView>,
    /// True when this person may go back to an earlier one.
    pub may_go_back: bool,
}

/// One list.
#[derive(Clone, Debug)]
pub struct ListView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it comes from, in words, without a secret.
    pub from: String,
    /// How it is written, in words.
    pub written_as: String,
    /// The titles of the categories its names are put in.
    pub categories: Vec<String>,
    /// How many names of it are in force.
    pub names: u64,
    /// When its source was last read well; `None`: never, or it ships with the program.
    pub last_good: Option<Timestamp>,
    /// When it is read next; `None` where that is never.
    pub next: Option<Timestamp>,
    /// `In order`, `Needs a look`, `Not in force`.
    pub state: String,
    /// Why, a whole sentence each; empty when it is in order.
    pub notes: Vec<String>,
    /// What was left out, by reason, and how often.
    pub left_out: Vec<(String, u64)>,
    /// The first lines that were left out; none of a list of illegal content.
    pub first_left_out: Vec<LeftOutView>,
    /// What was refused because it would have blocked too much, the first of it; none of a list of illegal content.
    pub refused: Vec<RefusedView>,
    /// True for a list of illegal content, of which there are counts alone.
    pub is_illegal: bool,
}

/// A line that was left out.
#[derive(Clone, Debug)]
pub struct LeftOutView {
    /// Its line in the list.
    pub line: u32,
    /// Why.
    pub why: String,
}

/// An entry that was refused.
#[derive(Clone, Debug)]
pub struct RefusedView {
    /// The name in the list.
    pub name: String,
    /// Its line in the list.
    pub line: u32,
    /// Why.
    pub why: String,
}

/// Lists that are kept as they were at one time.
#[derive(Clone, Debug)]
pub struct ImageView {
    /// Their revision.
    pub revision: String,
    /// How many names; `None` where the account of it is lost.
    pub names: Option<u64>,
    /// When they were put together.
    pub built: Option<Timestamp>,
    /// Who last put them in force, in words; empty where no fact says so.
    pub by: String,
    /// When that was.
    pub since: Option<Timestamp>,
    /// Why, in their words.
    pub why: String,
    /// True for those in force.
    pub is_current: bool,
}
