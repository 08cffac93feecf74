//! People, their accounts, and one's own.

use model::Timestamp;

/// What to look for among people, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeopleFilter {
    /// A part of a name or a user name.
    pub search: String,
    /// A role's name in records; empty: any.
    pub role: String,
    /// A year group; empty: any.
    pub year: String,
    /// A state's name in records, or `none` for people without an account; empty: any.
    pub state: String,
    /// The page, from 1; empty: the first.
    pub page: String,
}

/// A page of people, by name.
#[derive(Clone, Debug)]
pub struct PeopleView {
    /// What was asked.
    pub filter: PeopleFilter,
    /// The rows, at most 50.
    pub rows: Vec<PersonRow>,
    /// How many there are in all.
    pub total: usize,
    /// The number of this page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// True where this person may make accounts.
    pub may_create: bool,
    /// True where what is shown is a teacher's own classes and nobody else.
    pub own_classes_only: bool,
}

/// One person of the list.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// Their id.
    pub id: String,
    /// Their name.
    pub name: String,
    /// The name they sign in with.
    pub login: String,
    /// What they are, where: `Learner, year group 4, Larkfield First School`.
    pub what: Vec<String>,
    /// The state of their everyday account in words; `No account` where there is none.
    pub state: String,
}

/// One person.
#[derive(Clone, Debug)]
pub struct PersonView {
    /// As in the list.
    pub row: PersonRow,
    /// Their classes, each with what they are in it.
    pub classes: Vec<String>,
    /// Their accounts.
    pub accounts: Vec<AccountView>,
    /// Where they are signed in.
    pub sessions: Vec<SessionView>,
    /// What was done about their accounts, newest first, at most 50.
    pub history: Vec<AccountFactView>,
    /// True where this person may give them a temporary password.
    pub may_reset: bool,
    /// True where this person may suspend and close their accounts, and end their sessions.
    pub may_manage: bool,
    /// True where this person may open their accounts again.
    pub may_open: bool,
}

/// One account.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub kind: String,
    /// The name to sign in with.
    pub login: String,
    /// Its state's name in records.
    pub state: String,
    /// From when on it may be used.
    pub starts: Timestamp,
    /// From when on it may not.
    pub ends: Option<Timestamp>,
    /// What opens it, a line each.
    pub credentials: Vec<String>,
}

/// Where somebody is signed in.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its id; empty for a sign-in to the web.
    pub id: String,
    /// What is open.
    pub what: String,
    /// How they signed in.
    pub how: String,
    /// From which address.
    pub address: String,
    /// Since when.
    pub since: Timestamp,
    /// When it was last used.
    pub last_seen: Timestamp,
    /// Until when it counts at most.
    pub until: Timestamp,
    /// True for the one that is looked at it with.
    pub is_this: bool,
}

/// One thing that was done about somebody's accounts.
#[derive(Clone, Debug)]
pub struct AccountFactView {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What, in words.
    pub what: String,
    /// Why, and how it was made sure who asked; may be empty.
    pub why: String,
}

/// One's own account.
#[derive(Clone, Debug)]
pub struct MyAccountView {
    /// One's name.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// What the account is for.
    pub account: String,
    /// Since when the password is the same.
    pub password_since: Option<Timestamp>,
    /// Where one is signed in.
    pub sessions: Vec<SessionView>,
    /// One's second factors.
    pub factors: super::FactorsView,
}

/// What the page says on which a password is chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChoosePasswordView {
    /// The name to sign in with.
    pub login: String,
    /// The fewest characters; 0 where there is no such rule.
    pub at_least: u32,
    /// The length that is encouraged; 0 where there is none.
    pub encouraged: u32,
    /// The most characters; 0 where there is no such rule.
    pub at_most: u32,
}

/// What is handed over on paper. The password is shown this once.
#[derive(Clone)]
pub struct SlipView {
    /// Whose.
    pub name: String,
    /// What they are, where.
    pub what: String,
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: String,
    /// From when on it does not work; `None`: it stays.
    pub expires: Option<Timestamp>,
    /// True where it is changed at its first use.
    pub must_change: bool,
    /// True where they sign in to the console, and not on the web's page alone.
    pub uses_console: bool,
    /// The id of the person.
    pub person: String,
}

/// What may be chosen where somebody is added: value and words.
#[derive(Clone, Debug)]
pub struct NewPersonChoices {
    /// The roles that this person may give.
    pub roles: Vec<(String, String)>,
    /// The schools that they may give them at.
    pub schools: Vec<(String, String)>,
}
