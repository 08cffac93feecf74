//! What the use cases give back for a screen: flat, complete, already in words. A template needs nothing else.

mod access;
mod alerts;
mod cases;
mod classes;
mod exports;
mod factors;
mod history;
mod holds;
mod imports;
mod inspection;
mod lists;
mod people;
mod reports;

pub use access::{
    AccessView, PoolChoices, PoolForm, PoolRow, PoolView, ReviewLineView, ReviewRow, ReviewView, RightsForm,
    RightsRow, RightsView, VisitorForm, VisitorRow, VisitorsView,
};
pub use alerts::{
    AlertEventView, AlertFilter, AlertLineView, AlertRow, AlertView, AlertsView, ReportWordsView,
};
pub use cases::{CaseLineView, CaseRow, CaseView, CasesView, EvidenceView};
pub use classes::{
    BadgeView, BadgesView, ClassRow, ClassView, ClassesView, InfantWaysView, LearnerRow, NewPicturesView,
    OpenedRecordView, PicturesView, WindowView,
};
pub use exports::{CustodyView, ExportQuestion, ExportRow, ExportView, ExportsView};
pub use factors::{
    AdministratorRow, AdministratorsView, FactorView, FactorsView, LeaderView, NewAuthenticatorView,
    NewPasskeyView, RecoveryRow, SecondStepView, WishDeedView, WishView,
};
pub use history::{
    CategoryCount, ExpiredCounts, ExpiredView, HistoryChoices, HistoryCounts, HistoryFilter, HistoryPlace,
    HistoryRow, HistoryView, TimeCount,
};
pub use holds::{HoldForm, HoldRow, HoldsView};
pub use imports::{FaultView, ImportQuestionView, ImportRow, ImportView, ImportsView, SlipsView};
pub use inspection::{AuthorityView, BypassProposalView, DismissedView, InspectionView, SuggestionView};
pub use lists::{ImageView, LeftOutView, ListView, ListsView, RefusedView};
pub use people::{
    AccountFactView, AccountView, ChoosePasswordView, MyAccountView, NewPersonChoices, PeopleFilter,
    PeopleView, PersonRow, PersonView, SessionView, SlipView,
};
pub use reports::{ReportStatusView, WeekRow, WeekView};

use model::{ClauseState, Timestamp};

/// The signed-in person and the frame of every page.
#[derive(Clone, Debug)]
pub struct FrameView {
    /// The school's or trust's name.
    pub organisation: String,
    /// The person's name; empty before sign-in.
    pub person_name: String,
    /// The person's role in words, such as "Designated safeguarding lead".
    pub role_title: String,
    /// The screens this person may open, in order: path and title.
    pub screens: Vec<(String, String)>,
    /// What everybody must know at once, such as a policy that could not be loaded; empty when all is well.
    pub warnings: Vec<String>,
}

/// Home: what needs this person, worst first.
#[derive(Clone, Debug)]
pub struct HomeView {
    /// What waits; may be empty.
    pub needs: Vec<NeedView>,
    /// Since when nothing has waited, where `needs` is empty.
    pub quiet_since: Option<Timestamp>,
    /// Figures of the last 24 hours; each is a link to its rows.
    pub figures: Vec<FigureView>,
    /// Whether the filter works: name, state in words, and when that was last seen.
    pub health: Vec<HealthView>,
}

/// One thing that waits for somebody.
#[derive(Clone, Debug)]
pub struct NeedView {
    /// What waits, as a sentence.
    pub title: String,
    /// What happens if it goes on waiting, and what to do.
    pub detail: String,
    /// Where to do it.
    pub link: String,
    /// `urgent`, `soon` or `note`: the word on the badge.
    pub urgency: String,
}

/// One number, and where its rows are.
#[derive(Clone, Debug)]
pub struct FigureView {
    /// What is counted.
    pub label: String,
    /// How many.
    pub value: u64,
    /// The rows behind it; empty when this person may not see them.
    pub link: String,
}

/// One part of the filter.
#[derive(Clone, Debug)]
pub struct HealthView {
    /// Its name.
    pub name: String,
    /// `Working`, `Not working` or `Unknown`.
    pub state: String,
    /// What was seen.
    pub detail: String,
    /// When it was seen.
    pub checked: Timestamp,
}

/// The policy in force.
#[derive(Clone, Debug)]
pub struct PolicyView {
    /// The name on its front page.
    pub title: String,
    /// The edition's version.
    pub version: String,
    /// The post that approved it, or the person at the command line with the emergency reason.
    pub approved_by: String,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// The next review.
    pub review_due: String,
    /// The hash of the bytes in force.
    pub hash: String,
    /// True when a file on disk differs from what is in force.
    pub proposal_waiting: bool,
    /// How many clauses pass, fail and are unknown.
    pub passes: usize,
    /// Clauses that fail.
    pub fails: usize,
    /// Clauses that hold in a form that was not accepted yet.
    pub excepted: usize,
    /// Clauses that nothing checks yet.
    pub unknowns: usize,
    /// The clauses by area, in the catalogue's order.
    pub areas: Vec<AreaView>,
}

/// One area of the policy, such as Filtering.
#[derive(Clone, Debug)]
pub struct AreaView {
    /// Its name.
    pub title: String,
    /// Its short name, such as `FLT`.
    pub prefix: String,
    /// Its clauses.
    pub clauses: Vec<ClauseView>,
}

/// One clause.
#[derive(Clone, Debug)]
pub struct ClauseView {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text with the settings' values filled in.
    pub text: String,
    /// Ways it is met, in words: "enforced", "measured", "recorded".
    pub how: Vec<String>,
    /// How the product meets it.
    pub met_by: String,
    /// The settings it shows: name and value.
    pub settings: Vec<(String, String)>,
    /// Its state.
    pub state: ClauseState,
    /// Who owns it: a role's title.
    pub owner: String,
}

/// What a device's system is told of the portal (RFC 8908).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortalView {
    /// True when the device is on a network that leads people to sign in, and nobody is known there.
    pub captive: bool,
    /// Seconds until the sign-in ends, where somebody is signed in.
    pub seconds_remaining: Option<u64>,
}

/// What the explain form asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExplainQuestion {
    /// A login, an address, or a group's id.
    pub who: String,
    /// An address on the web, with or without its scheme.
    pub url: String,
    /// A local date and time, `2026-11-22T10:15`, or empty for now.
    pub at: String,
    /// Instead of all of those, a request of the history, as its row's link carries it.
    pub event: String,
}

/// The answer of the explain form.
#[derive(Clone, Debug)]
pub struct ExplainView {
    /// What was asked.
    pub question: ExplainQuestion,
    /// What was wrong with it: field name and a sentence.
    pub problems: Vec<(String, String)>,
    /// The answer, where the question was whole.
    pub answer: Option<ExplainAnswer>,
    /// People's groups to choose from: id and name.
    pub groups: Vec<(String, String)>,
}

/// A verdict and the chain that led to it.
#[derive(Clone, Debug)]
pub struct ExplainAnswer {
    /// `Allowed` or `Blocked`.
    pub verdict: String,
    /// Why, as a sentence.
    pub sentence: String,
    /// Who was asked about, and how they come by their group.
    pub who: String,
    /// Each layer in order.
    pub steps: Vec<StepView>,
    /// What the proxy does with TLS.
    pub inspection: String,
    /// The revisions of policy and lists it was decided with.
    pub revisions: String,
}

/// One layer of the chain.
#[derive(Clone, Debug)]
pub struct StepView {
    /// The layer's name.
    pub layer: String,
    /// What it found.
    pub found: String,
    /// True for the layer that decided.
    pub decided: bool,
}

/// The page on which anybody signs in to use the web from this address.
#[derive(Clone, Debug)]
pub struct WebSignInView {
    /// The address the sign-in will count for.
    pub address: String,
    /// Who is signed in there now, as a first name; empty when nobody is.
    pub signed_in: String,
    /// One kind sentence when it did not work; empty otherwise.
    pub problem: String,
    /// Until when it counts, in local time.
    pub until: String,
    /// True where the password was right, and another must be chosen before it opens anything.
    pub must_choose: bool,
    /// What the browser is to carry, so that the account knows it again; empty until the sign-in is whole.
    pub device: String,
}
