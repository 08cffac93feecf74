//! People: the list with its file, one person with their accounts, and what is done with an account. What is searched for
//! may be a child's name: it travels in forms, and stands in no address.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::words;
use app::AccountDeed;
use app::views::{
    AccountFactView, AccountView, PeopleFilter, PeopleView, PersonRow, PersonView, SessionView,
};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{AccountId, AccountState, PersonId, Role, Timestamp};
use serde::{Deserialize, Serialize};

/// The years that a list is narrowed by: value and words.
pub(crate) const YEARS: [(&str, &str); 15] = [
    ("N", "Nursery"),
    ("R", "Reception"),
    ("1", "Year 1"),
    ("2", "Year 2"),
    ("3", "Year 3"),
    ("4", "Year 4"),
    ("5", "Year 5"),
    ("6", "Year 6"),
    ("7", "Year 7"),
    ("8", "Year 8"),
    ("9", "Year 9"),
    ("10", "Year 10"),
    ("11", "Year 11"),
    ("12", "Year 12"),
    ("13", "Year 13"),
];

/// The form as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PeopleForm {
    search: String,
    role: String,
    year: String,
    state: String,
    page: String,
}

impl From<PeopleForm> for PeopleFilter {
    fn from(form: PeopleForm) -> Self {
        let PeopleForm { search, role, year, state, page } = form;
        Self { search, role, year, state, page }
    }
}

/// The list.
#[derive(Debug, Serialize)]
pub(crate) struct PeoplePage {
    /// What was searched for.
    pub search: Field,
    /// The choices of roles.
    pub roles: Vec<Choice>,
    /// The choices of year groups.
    pub years: Vec<Choice>,
    /// The choices of states.
    pub states: Vec<Choice>,
    /// How many there are: `1,204 people`.
    pub total: String,
    /// The rows.
    pub rows: Vec<Row>,
    /// `Page 2 of 7`; empty where there is one.
    pub place: String,
    /// The number of the page before; empty on the first.
    pub previous: String,
    /// The number of the next page; empty on the last.
    pub next: String,
    /// What the other pages and the file are narrowed by: a field's name and its value.
    pub asked: Vec<(&'static str, String)>,
    /// True where this person may add somebody.
    pub may_create: bool,
    /// True where these are a teacher's own classes alone.
    pub own_classes_only: bool,
    /// True when anything is narrowed.
    pub narrowed: bool,
}

/// One person of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Their own page.
    pub link: String,
    /// Their name.
    pub name: String,
    /// The name they sign in with.
    pub login: String,
    /// What they are, where, a line each.
    pub what: Vec<String>,
    /// The state of their account in words.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
}

/// One person.
#[derive(Debug, Serialize)]
pub(crate) struct PersonPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub row: Row,
    /// Their classes.
    pub classes: Vec<String>,
    /// Their accounts.
    pub accounts: Vec<Account>,
    /// Where they are signed in.
    pub sessions: Vec<Session>,
    /// What was done about their accounts.
    pub history: Vec<Fact>,
    /// True where this person may give them a password.
    pub may_reset: bool,
    /// True where this person may suspend, open and close.
    pub may_manage: bool,
}

/// One account.
#[derive(Debug, Serialize)]
pub(crate) struct Account {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub kind: String,
    /// The name to sign in with.
    pub login: String,
    /// Its state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// From when until when it may be used, in words.
    pub times: String,
    /// What opens it.
    pub credentials: Vec<String>,
    /// What may be done with it: the deed's name and the words of its button.
    pub deeds: Vec<(&'static str, &'static str)>,
}

/// One session.
#[derive(Debug, Serialize)]
pub(crate) struct Session {
    /// Its id; empty where it is not ended one by one.
    pub id: String,
    /// What is open.
    pub what: String,
    /// How they signed in.
    pub how: String,
    /// From where.
    pub address: String,
    /// Since when.
    pub since: String,
    /// When it was last used.
    pub last_seen: String,
    /// Until when at most.
    pub until: String,
    /// True for the one it is looked at with.
    pub is_this: bool,
}

/// One thing that was done.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    /// When.
    pub at: String,
    /// Who.
    pub by: String,
    /// What.
    pub what: String,
    /// Why; may be empty.
    pub why: String,
}

/// What is done with an account, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AccountForm {
    deed: String,
    account: String,
    reason: String,
}

impl PeoplePage {
    /// The page of a view.
    pub(crate) fn of(view: PeopleView) -> Self {
        let filter = &view.filter;
        let asked = [
            ("search", &filter.search),
            ("role", &filter.role),
            ("year", &filter.year),
            ("state", &filter.state),
        ];
        let narrowed = PeopleFilter { page: String::new(), ..filter.clone() } != PeopleFilter::default();
        let states = AccountState::ALL.iter().map(|state| (state.slug(), state.title()));
        let states = [("", "Any state")].into_iter().chain(states).chain([("none", "No account")]);
        let roles = Role::ALL.iter().map(|role| (role.slug(), role.title()));
        Self {
            roles: choices([("", "Any role")].into_iter().chain(roles), &filter.role),
            years: choices([("", "Any year group")].into_iter().chain(YEARS), &filter.year),
            states: choices(states, &filter.state),
            total: match view.total {
                1 => "1 person".to_owned(),
                total => format!("{} people", words::number(u64::try_from(total).unwrap_or(u64::MAX))),
            },
            rows: view.rows.into_iter().map(Row::of).collect(),
            place: if view.pages > 1 {
                format!("Page {} of {}", view.page, view.pages)
            } else {
                String::new()
            },
            previous: if view.page > 1 { (view.page - 1).to_string() } else { String::new() },
            next: if view.page < view.pages { (view.page + 1).to_string() } else { String::new() },
            asked: asked.map(|(name, value)| (name, value.clone())).into(),
            may_create: view.may_create,
            own_classes_only: view.own_classes_only,
            narrowed,
            search: Field::of("search", view.filter.search.clone(), &[]),
        }
    }
}

impl Row {
    fn of(row: PersonRow) -> Self {
        let badge_class = match row.state.as_str() {
            "Open" => "govuk-tag--green",
            "Not used yet" => "govuk-tag--blue",
            "Suspended" => "govuk-tag--orange",
            _ => "govuk-tag--grey",
        };
        Self {
            link: format!("/people/{}", row.id),
            name: row.name,
            login: row.login,
            what: row.what,
            state: row.state,
            badge_class,
        }
    }
}

impl PersonPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: PersonView, now: Timestamp) -> Self {
        let (may_manage, may_open) = (view.may_manage, view.may_open);
        let may = |deed: &str| if deed == "open" { may_open } else { may_manage };
        Self {
            summary: Vec::new(),
            row: Row::of(view.row),
            classes: view.classes,
            accounts: view.accounts.into_iter().map(|account| Account::of(account, may)).collect(),
            sessions: view.sessions.into_iter().map(|session| Session::of(session, now)).collect(),
            history: view.history.into_iter().map(Fact::of).collect(),
            may_reset: view.may_reset,
            may_manage,
        }
    }
}

impl Account {
    fn of(view: AccountView, may: impl Fn(&str) -> bool) -> Self {
        let state = AccountState::parse(&view.state).unwrap_or(AccountState::Closed);
        let (badge_class, deeds): (_, &[_]) = match state {
            AccountState::Pending | AccountState::Open => (
                if state == AccountState::Open { "govuk-tag--green" } else { "govuk-tag--blue" },
                &[("suspend", "Suspend"), ("close", "Close")],
            ),
            AccountState::Suspended => ("govuk-tag--orange", &[("open", "Open again"), ("close", "Close")]),
            AccountState::Closed => ("govuk-tag--grey", &[]),
        };
        let ends = view.ends.map(|ends| format!(", until {}", words::day_and_time(ends)));
        Self {
            id: view.id,
            kind: view.kind,
            login: view.login,
            state: state.title(),
            badge_class,
            times: format!("Since {}{}", words::day_and_time(view.starts), ends.unwrap_or_default()),
            credentials: view.credentials,
            deeds: deeds.iter().filter(|(deed, _)| may(deed)).copied().collect(),
        }
    }
}

impl Session {
    /// One session at the time `now`.
    pub(crate) fn of(view: SessionView, now: Timestamp) -> Self {
        Self {
            id: view.id,
            what: view.what,
            how: view.how,
            address: view.address,
            since: words::day_and_time(view.since),
            last_seen: words::age(now, view.last_seen),
            until: words::day_and_time(view.until),
            is_this: view.is_this,
        }
    }
}

impl Fact {
    fn of(view: AccountFactView) -> Self {
        Self { at: words::day_and_time(view.at), by: view.by, what: view.what, why: view.why }
    }
}

/// `GET /people`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.people_view(visit.actor()?, PeopleFilter::default()).await?;
    desk.page("people.html", &visit, &PeoplePage::of(view)).await
}

/// `POST /people`
pub(crate) async fn search(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<PeopleForm>,
) -> Result<Response, Problem> {
    let view = desk.app.people_view(visit.actor()?, form.into()).await?;
    desk.page("people.html", &visit, &PeoplePage::of(view)).await
}

/// `POST /people.csv`
pub(crate) async fn export(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<PeopleForm>,
) -> Result<Response, Problem> {
    let file = desk.app.export_people(visit.actor()?, &form.into()).await?;
    Ok(download::of_day((FileKind::Csv, "people"), desk.clock.now(), file))
}

/// `GET /people/{person}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let page = page_of(&desk, &visit, &id).await?;
    desk.page("person.html", &visit, &page).await
}

/// `POST /people/{person}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<AccountForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let mut page = page_of(&desk, &visit, &id).await?;
            page.summary = summary(&[("main-content".to_owned(), sentence)]);
            desk.form_again("person.html", &visit, &page).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &AccountForm) -> Result<Response, Undone> {
    let id = PersonId::parse(typed).ok_or(Problem::NotFound)?;
    let account = || AccountId::parse(&form.account).ok_or(Undone::Problem(Problem::Unreadable));
    let deed = match form.deed.as_str() {
        "suspend" => AccountDeed::Suspend(account()?),
        "open" => AccountDeed::Open(account()?),
        "close" => AccountDeed::Close(account()?),
        "end-sessions" => AccountDeed::EndSessions,
        _ => return Err(Problem::Unreadable.into()),
    };
    let fresh = desk.fresh(visit).await?;
    if !desk.app.work_on_account((visit.actor()?, &fresh), id, deed, &form.reason).await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/people/{id}")).into_response())
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str) -> Result<PersonPage, Problem> {
    let id = PersonId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.person_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(PersonPage::of(view, desk.clock.now()))
}
