//! People as the screens show them: the list, the file of it, and one person with their accounts.

use crate::export_history::as_csv;
use crate::people_reach::PeopleReach;
use crate::views::{AccountFactView, AccountView, PeopleFilter, PeopleView, PersonRow, PersonView};
use crate::{App, AppError};
use model::{
    AccountKind, AccountState, Action, Actor, Affiliation, Person, PersonId, Role, Scope, YearGroup,
};
use std::collections::HashMap;
use std::sync::Arc;
use store::{Account, AuditRow, Credential};

/// People on a page.
const ON_A_PAGE: usize = 50;
/// What was done about somebody's accounts, at most.
const MOST_FACTS: usize = 50;
/// Facts of somebody that are read to find those of their accounts among them.
const MOST_FACTS_READ: usize = 500;
/// What is done about accounts, and in words.
const ACCOUNT_FACTS: [(&str, &str); 44] = [
    ("add-person", "Added, with an account"),
    ("move-person", "Became something else"),
    ("reset-password", "Given a temporary password"),
    ("issue-password", "Given their first password"),
    ("choose-password", "Chose a password"),
    ("suspend-account", "Account suspended"),
    ("open-account", "Account opened again"),
    ("close-account", "Account closed"),
    ("end-sessions", "Signed out everywhere"),
    ("end-session", "Ended one session"),
    ("end-other-sessions", "Ended the other sessions"),
    ("add-factor", "Added a second step"),
    ("remove-factor", "Took a second step away"),
    ("take-factors", "Second steps taken away at the machine"),
    ("renew-recovery-codes", "Made new recovery codes"),
    ("passkey-copied", "A copied passkey was refused"),
    ("give-administrator", "Given an administrator account"),
    ("sign-in", "Signed in to the console"),
    ("sign-in-begun", "Signed in with a temporary password"),
    ("sign-in-to-web-begun", "Gave a temporary password on the web\u{2019}s page"),
    ("sign-in-to-proxy-unchanged", "Gave a temporary password to the proxy"),
    ("sign-out", "Signed out of the console"),
    ("sign-in-to-web", "Signed in to the web"),
    ("ask-for-rights", "Rights were asked for"),
    ("approve-rights", "Rights approved"),
    ("refuse-rights", "Rights refused"),
    ("lapse-rights", "A request for rights lapsed"),
    ("withdraw-rights", "A request for rights was taken back"),
    ("make-first-password", "Given a first password"),
    ("review-keep", "Kept in a review"),
    ("review-change", "To be changed, in a review"),
    ("review-remove", "Taken away in a review"),
    ("review-lapse", "Lapsed in a review"),
    ("welcome-visitor", "Handed to a visitor"),
    ("destroy-visitor", "Destroyed"),
    ("sign-in-by-badge", "Signed in to the web with a badge"),
    ("sign-in-by-pictures", "Signed in to the web with pictures"),
    ("badge-refused", "A badge opened nothing"),
    ("make-badge", "Given a badge"),
    ("void-badge", "Badge voided"),
    ("give-pictures", "Given pictures"),
    ("take-pictures", "Pictures taken away"),
    ("open-sealed-record", "Sealed record opened"),
    ("remove-sealed-record", "Sealed record taken away"),
];

/// Somebody, and the state of their everyday account.
type Found = (Arc<Person>, Option<AccountState>);

impl App {
    /// A page of people within reach, by name.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn people_view(&self, actor: &Actor, filter: PeopleFilter) -> Result<PeopleView, AppError> {
        let reach = self.people_reach(actor, Action::ReadPeople).await?;
        let found = self.found(&reach, &filter).await?;
        let (total, pages) = (found.len(), found.len().div_ceil(ON_A_PAGE).max(1));
        let page = filter.page.parse::<usize>().unwrap_or(1).clamp(1, pages);
        let fact = self.fact(actor, "read-people").about("people").with("narrowed", narrowed_by(&filter));
        self.note(&fact.with("found", total.to_string())).await?;
        let shown = found.iter().skip((page - 1) * ON_A_PAGE).take(ON_A_PAGE);
        let rows = shown.map(|(person, state)| self.row(&reach, person, *state)).collect();
        Ok(PeopleView {
            rows,
            total,
            page,
            pages,
            may_create: !identity::scopes_for(actor, Action::ManageAccounts).is_empty(),
            own_classes_only: reach.is_own_classes_only(),
            filter,
        })
    }

    /// The same people as a file, all of them.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn export_people(&self, actor: &Actor, filter: &PeopleFilter) -> Result<Vec<u8>, AppError> {
        let reach = self.people_reach(actor, Action::ReadPeople).await?;
        let found = self.found(&reach, filter).await?;
        let fact = self.fact(actor, "export-people").about("people").with("narrowed", narrowed_by(filter));
        self.note(&fact.with("rows", found.len().to_string())).await?;
        let cells = |row: PersonRow| [row.name, row.login, row.what.join("; "), row.state];
        let rows = found.iter().map(|(person, state)| cells(self.row(&reach, person, *state)));
        as_csv(&["name", "user_name", "what", "account"], rows)
    }

    /// Everybody whom the filter finds within reach, by name.
    async fn found(&self, reach: &PeopleReach, filter: &PeopleFilter) -> Result<Vec<Found>, AppError> {
        let accounts = self.0.parts.store.accounts().await?;
        let everyday = accounts.into_iter().filter(|account| !account.kind.administers());
        let states: HashMap<PersonId, AccountState> =
            everyday.map(|account| (account.person, account.state)).collect();
        let roster = self.0.parts.roster.get();
        let search = filter.search.trim().to_lowercase();
        let role = Role::parse(&filter.role);
        let year = YearGroup::parse(&filter.year);
        let fits = |person: &Person| {
            let is = |affiliation: &Affiliation| {
                reach.covers_at(person.id, &affiliation.scope)
                    && role.is_none_or(|role| affiliation.role == role)
                    && year.is_none_or(|year| affiliation.year == Some(year))
            };
            let state = states.get(&person.id).map_or("none", |state| state.slug());
            person.affiliations.iter().any(is)
                && (filter.state.is_empty() || filter.state == state)
                && (search.is_empty()
                    || person.login.contains(&search)
                    || person.display_name.to_lowercase().contains(&search))
        };
        let people = roster.people().filter(|person| reach.covers(person) && fits(person));
        let mut found: Vec<Found> =
            people.map(|person| (Arc::clone(person), states.get(&person.id).copied())).collect();
        found.sort_by_cached_key(|(person, _)| (surname(person), person.display_name.clone(), person.id));
        Ok(found)
    }

    /// Of somebody who belongs to more than is within reach, what belongs to it.
    fn row(&self, reach: &PeopleReach, person: &Person, state: Option<AccountState>) -> PersonRow {
        let within = person.affiliations.iter().filter(|held| reach.covers_at(person.id, &held.scope));
        PersonRow {
            id: person.id.to_string(),
            name: person.display_name.clone(),
            login: person.login.clone(),
            what: within.map(|affiliation| self.affiliation_words(affiliation)).collect(),
            state: state.map_or("No account", AccountState::title).to_owned(),
        }
    }

    /// `Learner, year group 4, Larkfield First School`.
    pub(crate) fn affiliation_words(&self, affiliation: &Affiliation) -> String {
        let snapshot = self.snapshot();
        let year = affiliation.year.map(|year| format!(", year group {year}")).unwrap_or_default();
        let place = match &affiliation.scope {
            Scope::Trust => snapshot.policy().trust.as_deref().unwrap_or("the whole school").to_owned(),
            Scope::School(id) => snapshot
                .policy()
                .schools
                .iter()
                .find(|school| school.id == *id)
                .map_or_else(|| id.to_string(), |school| school.name.to_string()),
        };
        format!("{}{year}, {place}", affiliation.role.title())
    }

    /// One person; `None` where this person sees nobody of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn person_view(&self, actor: &Actor, id: PersonId) -> Result<Option<PersonView>, AppError> {
        let reach = self.people_reach(actor, Action::ReadPeople).await?;
        let Some(person) = self.0.parts.roster.get().person(id).map(Arc::clone) else { return Ok(None) };
        if !reach.covers(&person) {
            return Ok(None);
        }
        let store = &self.0.parts.store;
        let accounts = store.accounts_of(id).await?;
        let mut views = Vec::with_capacity(accounts.len());
        for account in &accounts {
            views.push(account_view(account, &store.credentials(account.id).await?));
        }
        let fact = self.fact(actor, "read-person").about(format!("person:{id}"));
        let history = self.account_facts(&reach, &person).await?;
        self.note(&fact).await?;
        let everyday = accounts.iter().find(|account| !account.kind.administers());
        Ok(Some(PersonView {
            row: self.row(&reach, &person, everyday.map(|account| account.state)),
            classes: self.classes_of(&reach, id).await?,
            accounts: views,
            sessions: self.session_views(id, None).await?,
            history,
            may_reset: everyday.is_some() && self.may_reset(actor, &person).await?.is_ok(),
            may_manage: self.may_manage(actor, &person).await?,
            may_open: self.may_open(actor, &person).await?,
        }))
    }

    async fn classes_of(&self, reach: &PeopleReach, id: PersonId) -> Result<Vec<String>, AppError> {
        let mut classes = self.0.parts.store.classes(self.now()).await?;
        classes.retain(|class| reach.covers_at(id, &Scope::School(class.school.clone())));
        let teaches = classes.iter().filter(|class| class.teachers.contains(&id));
        let teaches = teaches.map(|class| format!("{} (teaches it)", class.name));
        let learns = classes.iter().filter(|class| class.learners.contains(&id));
        Ok(teaches.chain(learns.map(|class| class.name.clone())).collect())
    }

    /// What was done about their accounts; where they belong to more than is within reach, what was done within it.
    async fn account_facts(
        &self,
        reach: &PeopleReach,
        person: &Person,
    ) -> Result<Vec<AccountFactView>, AppError> {
        let (id, whole) = (person.id, reach.covers_whole(person));
        let facts = self.0.parts.store.facts_about(&format!("person:{id}"), MOST_FACTS_READ).await?;
        let words = |fact: &AuditRow| {
            let known = ACCOUNT_FACTS.iter().find(|(action, _)| *action == fact.action);
            known.map(|(_, words)| (*words).to_owned())
        };
        let view = |fact: AuditRow| {
            let is_within = || Scope::parse(&fact.scope).is_some_and(|scope| reach.covers_at(id, &scope));
            let what = words(&fact).filter(|_| whole || is_within())?;
            let details = fact.details();
            let why: Vec<&str> = ["reason", "why", "made_sure", "handed_over", "after", "account"]
                .iter()
                .filter_map(|name| details.get(*name).map(String::as_str))
                .collect();
            Some(AccountFactView {
                at: fact.at,
                by: self.name_in_audit(&fact.actor),
                what,
                why: why.join("; "),
            })
        };
        Ok(facts.into_iter().filter_map(view).take(MOST_FACTS).collect())
    }
}

fn account_view(account: &Account, held: &[Credential]) -> AccountView {
    AccountView {
        id: account.id.to_string(),
        kind: account.kind.title().to_owned(),
        login: account.login.clone(),
        state: account.state.slug().to_owned(),
        starts: account.starts,
        ends: account.ends,
        credentials: held.iter().map(|held| held.kind.title().to_owned()).collect(),
    }
}

/// What a list was narrowed by, for the audit log: never what was typed, which may be a child's name.
fn narrowed_by(filter: &PeopleFilter) -> String {
    let state = AccountState::ALL.into_iter().map(AccountState::slug).chain(["none"]);
    let parts = [
        Role::parse(&filter.role).map(|role| role.slug().to_owned()),
        YearGroup::parse(&filter.year).map(|year| format!("year group {year}")),
        state.into_iter().find(|state| *state == filter.state).map(str::to_owned),
        (!filter.search.trim().is_empty()).then(|| "a search was typed".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<String>>().join(", ")
}

/// The last word of a name, by which registers sort.
fn surname(person: &Person) -> String {
    person.display_name.split_whitespace().next_back().unwrap_or_default().to_lowercase()
}

/// The kind of account that somebody with these affiliations gets.
pub(crate) fn kind_for(affiliations: &[Affiliation]) -> AccountKind {
    let is_guest = |affiliation: &Affiliation| affiliation.role == Role::Guest;
    if affiliations.iter().all(is_guest) { AccountKind::Guest } else { AccountKind::Standard }
}
