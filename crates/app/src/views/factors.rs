//! Second factors and administrators.

use crate::RecoveryDeed;
use model::Timestamp;

/// One's own second factors.
#[derive(Clone, Debug)]
pub struct FactorsView {
    /// Passkeys and apps, oldest first.
    pub factors: Vec<FactorView>,
    /// How many recovery codes are left.
    pub recovery_codes: usize,
    /// Why one must have a factor, in a sentence; empty where one need not.
    pub why: String,
    /// True where passkeys can be made at this console.
    pub passkeys_work: bool,
}

/// One second factor.
#[derive(Clone, Debug)]
pub struct FactorView {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What its holder calls it.
    pub name: String,
    /// Since when.
    pub added: Timestamp,
    /// When it last worked.
    pub last_worked: Option<Timestamp>,
}

/// An authenticator that is being added. Both are secret.
#[derive(Clone)]
pub struct NewAuthenticatorView {
    /// What the QR code holds.
    pub address: String,
    /// The secret to type, in groups of four.
    pub secret: String,
}

/// A passkey that is being added.
#[derive(Clone)]
pub struct NewPasskeyView {
    /// What the browser is asked for, as JSON.
    pub options: String,
}

/// How somebody may show their second factor.
#[derive(Clone, Debug)]
pub struct SecondStepView {
    /// True where a code of an app is taken.
    pub takes_app: bool,
    /// True where a recovery code is.
    pub takes_recovery: bool,
    /// What the browser is asked for, as JSON; empty where there is no passkey.
    pub passkey: String,
    /// Why it is asked for within a session, in a sentence; empty at a sign-in.
    pub why: String,
}

/// The administrators.
#[derive(Clone, Debug)]
pub struct AdministratorsView {
    /// True until the rule holds for the first time.
    pub setting_up: bool,
    /// What is missing before the rule holds; empty where it does.
    pub missing: Vec<String>,
    /// The fewest people, as the policy says.
    pub at_least: u32,
    /// The administrator accounts, oldest first.
    pub accounts: Vec<AdministratorRow>,
    /// The recovery accounts, by number.
    pub recovery: Vec<RecoveryRow>,
    /// Others that leaders want made, by number.
    pub wanted: Vec<WishView>,
    /// Who may own one, by name; nobody for whoever does not lead.
    pub choices: Vec<LeaderView>,
    /// True where whoever looks leads.
    pub leads: bool,
}

/// An administrator account.
#[derive(Clone, Debug)]
pub struct AdministratorRow {
    /// Whose.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// Its state.
    pub state: String,
    /// The factors that have worked; may be empty.
    pub factors: String,
    /// True where its holder can administer.
    pub works: bool,
    /// False where their post lets them administer nothing.
    pub has_post: bool,
}

/// A recovery account.
#[derive(Clone, Debug)]
pub struct RecoveryRow {
    /// Its number.
    pub number: u32,
    /// Who owns it.
    pub owners: Vec<String>,
    /// The same, as forms name them.
    pub owner_ids: Vec<String>,
    /// Whose posts it opens.
    pub stands_for: String,
    /// True where whoever it stands for does not lead, or not all of it: it opens too little to help.
    pub opens_too_little: bool,
    /// When it was last tried, or made.
    pub tried: Timestamp,
    /// True where that is too long ago.
    pub is_due: bool,
    /// What leaders want of it.
    pub wish: Option<WishView>,
    /// True where whoever looks may ask for something.
    pub may_ask: bool,
}

/// What leaders want of a recovery account.
#[derive(Clone, Debug)]
pub struct WishView {
    /// The account's number.
    pub number: u32,
    /// What, after the name of who asked.
    pub what: String,
    /// The owners that are wanted; none where it is to go.
    pub owners: Vec<String>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// Who asked.
    pub asked_by: String,
    /// Who agreed; may be empty.
    pub agreed_by: String,
    /// From when on it may be done, by one of the two.
    pub until: Option<Timestamp>,
    /// When it lapses, or has lapsed.
    pub lapses: Option<Timestamp>,
    /// True where it has: it is as if nobody had asked.
    pub has_lapsed: bool,
    /// What whoever looks may do about it, the mildest first.
    pub deeds: Vec<WishDeedView>,
}

impl WishView {
    /// Who wants what, with the owners it names.
    pub fn in_words(&self) -> String {
        match self.owners.as_slice() {
            [] => format!("{} {}.", self.asked_by, self.what),
            owners => format!("{} {}: {}.", self.asked_by, self.what, owners.join(", ")),
        }
    }
}

/// What somebody may do about what is wanted, in words that name it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WishDeedView {
    /// What.
    pub deed: RecoveryDeed,
    /// The words on its button.
    pub button: String,
    /// What is asked before: why.
    pub why: String,
    /// True where it takes something away for good.
    pub ends: bool,
}

/// A leader who may own a recovery account.
#[derive(Clone, Debug)]
pub struct LeaderView {
    /// As forms name them.
    pub id: String,
    /// Their name.
    pub name: String,
}
