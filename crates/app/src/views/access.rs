//! Requests for rights, reviews, and visitors' accounts.

use model::{RequestState, ReviewKind, ReviewState, RightsKind, Timestamp, VisitorState};

/// The requests for rights and the reviews that are for somebody's post.
#[derive(Clone, Debug)]
pub struct AccessView {
    /// Requests, those that wait first, at most 100.
    pub requests: Vec<RightsRow>,
    /// Reviews, those that are not over first, at most 20.
    pub reviews: Vec<ReviewRow>,
    /// True where this person may ask for rights for somebody.
    pub may_ask: bool,
    /// Where this person may open a review: the place's name in records and in words.
    pub may_open: Vec<(String, String)>,
}

/// One request for rights.
#[derive(Clone, Debug)]
pub struct RightsRow {
    /// Its id.
    pub id: String,
    /// Who would get the rights.
    pub name: String,
    /// The role.
    pub role: String,
    /// Where, in words.
    pub place: String,
    /// How far it has got.
    pub state: RequestState,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// By whom.
    pub asked_by: String,
    /// When it lapses without an answer.
    pub lapses: Timestamp,
    /// True where this person may approve or refuse it.
    pub may_decide: bool,
}

/// One request for rights in full.
#[derive(Clone, Debug)]
pub struct RightsView {
    /// As in the list.
    pub row: RightsRow,
    /// What somebody would become.
    pub kind: RightsKind,
    /// What they are now, a line each; empty for somebody new.
    pub now: Vec<String>,
    /// What the role may do in the console, in words.
    pub may: Vec<String>,
    /// The login of somebody new; empty for all others.
    pub login: String,
    /// Why it was asked for.
    pub why: String,
    /// Who may approve it, as posts.
    pub approved_by: Vec<String>,
    /// When it was decided, by whom and why.
    pub decided: Option<(Timestamp, String, String)>,
    /// By when somebody looks again, where it was approved and is in force.
    pub review_on: Option<Timestamp>,
    /// True where this person asked, and it waits.
    pub may_withdraw: bool,
    /// True where this person may make the first password of somebody new.
    pub may_make_slip: bool,
    /// True where the first password is made at the machine.
    pub slip_at_machine: bool,
    /// The id of the person; empty where nobody of that id is on the roster.
    pub person: String,
}

/// What is typed where rights are asked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RightsForm {
    /// `newcomer`, `also` or `instead`.
    pub kind: String,
    /// The login: of somebody on the roster, or the one of somebody new.
    pub login: String,
    /// The name of somebody new.
    pub name: String,
    /// The role's name in records.
    pub role: String,
    /// The school's id, or `trust`.
    pub school: String,
    /// Why.
    pub why: String,
}

/// One review.
#[derive(Clone, Debug)]
pub struct ReviewRow {
    /// Its id.
    pub id: String,
    /// What it goes through.
    pub kind: ReviewKind,
    /// Where, in words.
    pub place: String,
    /// How far it has got.
    pub state: ReviewState,
    /// When it was opened.
    pub opened: Timestamp,
    /// By when answers are awaited.
    pub ends: Timestamp,
    /// How many lines this person sees.
    pub lines: usize,
    /// How many of them nobody has answered.
    pub open: usize,
    /// How many of them this person is to answer.
    pub mine: usize,
}

/// One review in full.
#[derive(Clone, Debug)]
pub struct ReviewView {
    /// As in the list.
    pub row: ReviewRow,
    /// The lines of the page, at most 50.
    pub lines: Vec<ReviewLineView>,
    /// The number of this page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// Kept, changed, taken away, and lapsed, among the lines that this person sees.
    pub counts: [usize; 4],
    /// Why it is held; empty where it is not.
    pub held_why: String,
    /// True where this person may let it lapse or give it more time.
    pub may_decide: bool,
    /// When it was over.
    pub closed: Option<Timestamp>,
}

/// One line of a review.
#[derive(Clone, Debug)]
pub struct ReviewLineView {
    /// Its number.
    pub number: i64,
    /// Whose.
    pub name: String,
    /// What they are, where.
    pub what: String,
    /// The class; empty where there is none.
    pub class: String,
    /// Who approved the right and when, in words; empty where nobody did in the console.
    pub approved: String,
    /// What was answered, in words; empty where nothing was.
    pub answer: String,
    /// Why, or what is to be changed; may be empty.
    pub words: String,
    /// When, and by whom.
    pub answered: Option<(Timestamp, String)>,
    /// True where this person may answer it.
    pub may_answer: bool,
    /// True where what is to be changed waits, and this person may say that it is done.
    pub may_finish: bool,
}

/// Pools of visitors' accounts.
#[derive(Clone, Debug)]
pub struct VisitorsView {
    /// The pools that are not over, newest first.
    pub pools: Vec<PoolRow>,
    /// True where this person may make one.
    pub may_keep: bool,
    /// What was handed out of late, newest first, at most 50.
    pub log: Vec<VisitorRow>,
}

/// What may be chosen where a pool is made.
#[derive(Clone, Debug)]
pub struct PoolChoices {
    /// The schools: value and words.
    pub schools: Vec<(String, String)>,
    /// The most days for which an account works.
    pub days: u32,
}

/// One pool.
#[derive(Clone, Debug)]
pub struct PoolRow {
    /// Its id.
    pub id: String,
    /// What for.
    pub purpose: String,
    /// Who invites.
    pub host: String,
    /// Where, in words.
    pub place: String,
    /// Until when.
    pub ends: Timestamp,
    /// Accounts that nobody has yet.
    pub ready: usize,
    /// Accounts that are in use.
    pub issued: usize,
    /// Accounts that are done with.
    pub destroyed: usize,
}

/// One pool in full.
#[derive(Clone, Debug)]
pub struct PoolView {
    /// As in the list.
    pub row: PoolRow,
    /// Its accounts, by number.
    pub accounts: Vec<VisitorRow>,
    /// True where this person may end it.
    pub may_keep: bool,
    /// True where it is over.
    pub is_over: bool,
}

/// One account of a pool: a line of the visitors' log.
#[derive(Clone, Debug)]
pub struct VisitorRow {
    /// The account's id.
    pub account: String,
    /// The pool's id.
    pub pool: String,
    /// The name to sign in with.
    pub login: String,
    /// What became of it.
    pub state: VisitorState,
    /// Who has or had it; empty where nobody does.
    pub visitor: String,
    /// Whom they visit.
    pub host: String,
    /// Why.
    pub why: String,
    /// When it was handed out, and by whom.
    pub issued: Option<(Timestamp, String)>,
    /// From when on it does not work.
    pub ends: Timestamp,
    /// When it was destroyed, and by whom.
    pub destroyed: Option<(Timestamp, String)>,
}

/// What is typed where a pool is made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PoolForm {
    /// What for.
    pub purpose: String,
    /// Who invites.
    pub host: String,
    /// How many accounts.
    pub count: String,
    /// The last day.
    pub until: String,
    /// The school's id.
    pub school: String,
}

/// What is typed where an account is handed to a visitor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct VisitorForm {
    /// Who they are.
    pub visitor: String,
    /// Whom they visit.
    pub host: String,
    /// Why.
    pub why: String,
}
