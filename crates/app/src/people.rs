//! People: loading them, and making somebody something else.

use crate::facade::record_denial;
use crate::{App, AppError, administrators};
use identity::permit;
use model::{Action, Actor, Affiliation, Clock, Person, PersonId, Role, Roster, Scope, Timestamp, YearGroup};
use store::{Change, Fact, PostHolder, Store};

/// What somebody becomes.
#[derive(Clone, Debug)]
pub struct Move {
    /// Whose login.
    pub login: String,
    /// What they become. It takes the place of their first affiliation; others, elsewhere, stay.
    pub role: Role,
    /// The year group of a learner; `None` for everybody else.
    pub year: Option<YearGroup>,
    /// Why.
    pub reason: String,
}

/// Everybody and every device of the records.
pub(crate) async fn load_roster(store: &Store) -> Result<Roster, AppError> {
    Ok(Roster::new(store.people().await?, store.devices().await?))
}

/// True when somebody with these affiliations can hold a post at a place: one of them is the post's role, there or above.
pub(crate) fn can_hold(affiliations: &[Affiliation], role: Role, scope: &Scope) -> bool {
    affiliations.iter().any(|affiliation| affiliation.role == role && affiliation.scope.covers(scope))
}

/// True for what many are at a school, and no post of the policy's: a file from the school's own system gives and takes it.
pub(crate) fn is_ordinary(role: Role) -> bool {
    matches!(role, Role::Learner | Role::ClassTeacher | Role::Staff | Role::Guest)
}

/// The post that a role is on record as from now on where it is given at the machine: nobody approves it there, so that no grant
/// says it. None for what many are.
pub(crate) fn post_of(affiliation: &Affiliation, person: PersonId, from: Timestamp) -> Option<Change> {
    let Affiliation { scope, role, .. } = affiliation;
    let post = || Change::GivePost { role: *role, scope: scope.clone(), person, from };
    (!is_ordinary(*role)).then(post)
}

/// Makes somebody something else, where they are now. The posts end that they can hold no longer, and one begins where the
/// role is one. A running gate takes it up within seconds.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] for a login that does not exist, a learner without a year group or anybody
/// else with one, a missing reason, and for whoever tries to change what they are themselves.
pub async fn move_person(store: &Store, clock: &Clock, actor: &Actor, change: Move) -> Result<(), AppError> {
    let person = find(store, &change.login).await?;
    let scope =
        person.as_ref().and_then(|person| person.affiliations.first()).map(|first| first.scope.clone());
    let scope = scope.unwrap_or(Scope::Trust);
    if permit(actor, Action::MovePerson, &scope).is_err() {
        record_denial(store, actor, Action::MovePerson, clock.now()).await;
        return Err(AppError::Denied);
    }
    let person = person.ok_or_else(|| {
        AppError::refused(
            "Nobody has that user name. Check how it is spelt.",
            "expected a login, found none such",
        )
    })?;
    check(actor, &person, &change)?;
    let affiliation = Affiliation { scope: scope.clone(), role: change.role, year: change.year };
    let before = person.affiliations.first().map(in_words).unwrap_or_default();
    let now = clock.now();
    let fact = Fact::new(actor, scope, now, "move-person")
        .about(format!("person:{}", person.id))
        .with("before", before)
        .with("after", in_words(&affiliation))
        .with("reason", change.reason.trim());
    let affiliations: Vec<Affiliation> =
        std::iter::once(affiliation).chain(person.affiliations.into_iter().skip(1)).collect();
    let held = store.post_holders(now).await?.into_iter().filter(|post| post.person == person.id);
    let (held, posts): (Vec<PostHolder>, Vec<PostHolder>) =
        held.partition(|post| can_hold(&affiliations, post.role, &post.scope));
    let holds = |to: &Affiliation| held.iter().any(|post| post.role == to.role && post.scope == to.scope);
    let given = affiliations.first().filter(|to| !holds(to)).and_then(|to| post_of(to, person.id, now));
    let ended: Vec<String> =
        posts.iter().map(|post| format!("{} at {}", post.role.slug(), post.scope)).collect();
    let mut changes = vec![Change::SetAffiliations { person: person.id, affiliations }];
    changes.extend(posts.into_iter().map(|PostHolder { role, scope, person, .. }| Change::EndPost {
        role,
        scope,
        person,
        at: now,
    }));
    changes.extend(given);
    let fact = fact.with("posts_ended", ended.join(", "));
    administrators::commit_by_policy(store, &fact, &changes).await
}

impl App {
    /// Makes somebody something else, and takes it up at once.
    pub async fn set_affiliation(&self, actor: &Actor, change: Move) -> Result<(), AppError> {
        move_person(&self.0.parts.store, &self.0.parts.clock, actor, change).await?;
        self.take_up_changes().await
    }
}

async fn find(store: &Store, login: &str) -> Result<Option<Person>, AppError> {
    let login = login.trim().to_lowercase();
    Ok(store.people().await?.into_iter().find(|person| person.login == login))
}

fn check(actor: &Actor, person: &Person, change: &Move) -> Result<(), AppError> {
    if matches!(actor, Actor::Person { id, .. } if *id == person.id) {
        return Err(AppError::refused(
            "Nobody changes what they are themselves. Ask another leader.",
            "expected somebody else's affiliation, found the actor's own",
        ));
    }
    if matches!(actor, Actor::Person { .. }) && crate::rights::needs_approval(change.role) {
        return Err(AppError::refused(
            "That role does something in the console, so it is asked for under Access, and another leader approves it.",
            "expected a role that does nothing in the console",
        ));
    }
    if (change.role == Role::Learner) != change.year.is_some() {
        return Err(AppError::refused(
            "A learner has a year group, N, R or 1 to 13, and nobody else has one.",
            "expected a year group for a learner and for nobody else",
        ));
    }
    if change.reason.trim().is_empty() {
        return Err(AppError::no_reason());
    }
    Ok(())
}

fn in_words(affiliation: &Affiliation) -> String {
    let year = affiliation.year.map(|year| format!(" in year group {year}")).unwrap_or_default();
    format!("{}{year} at {}", affiliation.role.slug(), affiliation.scope)
}
