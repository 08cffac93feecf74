//! Classes as their teachers see them: the list, and one class with its learners and what these sign in with.
//!
//! A class is within reach of its own teachers, and of whoever runs classes at its school. A class beyond reach is as if there
//! were none. Who learns in it is seen with it, whatever else that child belongs to.

use crate::facade::reach_of;
use crate::people_reach::{by_place, teaches};
use crate::views::{ClassRow, ClassView, ClassesView, LearnerRow, WindowView};
use crate::web_sign_in::first_name;
use crate::{App, AppError, password_policy};
use identity::{Phase, scopes_for};
use model::{AccountKind, Action, Actor, ClassId, Person, PersonId, Role, Scope, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, Class, ClassWindow};

/// What the policy lets the youngest sign in with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InfantWay {
    /// A badge.
    Badge,
    /// Three pictures.
    Pictures,
    /// A password that their teacher keeps sealed.
    Record,
}

impl App {
    /// The classes within reach, by name.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn classes_view(&self, actor: &Actor) -> Result<ClassesView, AppError> {
        let (classes, own_only) = self.classes_in_reach(actor).await?;
        let open = self.0.parts.store.class_windows(self.now()).await?;
        let row = |class: &Class| {
            let window = open.iter().find(|window| window.class == class.id);
            self.class_row(class, window)
        };
        Ok(ClassesView { classes: classes.iter().map(row).collect(), own_only })
    }

    /// One class, seen from an address; `None` where this person reaches none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn class_view(
        &self,
        actor: &Actor,
        id: ClassId,
        from: IpAddr,
    ) -> Result<Option<ClassView>, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(None) };
        let now = self.now();
        let open = self.0.parts.store.class_windows(now).await?;
        let window = open.iter().find(|window| window.class == id);
        let learners = self.learner_rows(actor, &class).await?;
        self.note(&self.fact(actor, "read-class").about(format!("class:{id}"))).await?;
        let here = self.snapshot().network_at(from).filter(|here| here.school == class.school).cloned();
        Ok(Some(ClassView {
            row: self.class_row(&class, window),
            window: window.map(|window| self.window_view(window, now)),
            may_make_badges: learners.iter().any(|row| row.may_have_badge && row.may_reset),
            learners,
            here: here.map(|here| here.id.to_string()).unwrap_or_default(),
        }))
    }

    /// The classes within reach, and whether that is by teaching them alone.
    async fn classes_in_reach(&self, actor: &Actor) -> Result<(Vec<Class>, bool), AppError> {
        let action = Action::RunClass;
        if scopes_for(actor, action).is_empty() {
            self.record_denial(actor, action).await;
            return Err(AppError::Denied);
        }
        let by_place = by_place(actor, action);
        let reach = (!by_place.is_empty()).then(|| reach_of(&by_place, &self.snapshot()));
        let is_here = |class: &Class| {
            let at = Scope::School(class.school.clone());
            reach.as_ref().is_some_and(|reach| reach.covers(&at)) || teaches(actor, action, class)
        };
        let mut classes = self.0.parts.store.classes(self.now()).await?;
        classes.retain(is_here);
        Ok((classes, reach.is_none()))
    }

    /// The class of this id, where it is within reach.
    pub(crate) async fn class_in_reach(&self, actor: &Actor, id: ClassId) -> Result<Option<Class>, AppError> {
        let (classes, _) = self.classes_in_reach(actor).await?;
        Ok(classes.into_iter().find(|class| class.id == id))
    }

    /// The people of a class who learn in it, by surname and name.
    pub(crate) fn learners_of(&self, class: &Class) -> Vec<Arc<Person>> {
        let roster = self.0.parts.roster.get();
        let mut people: Vec<Arc<Person>> =
            class.learners.iter().filter_map(|id| roster.person(*id).map(Arc::clone)).collect();
        people.sort_by_cached_key(|person| {
            let surname = person.display_name.split_whitespace().next_back().unwrap_or_default();
            (surname.to_lowercase(), person.display_name.clone(), person.id)
        });
        people
    }

    /// The everyday accounts of people that may be used now.
    pub(crate) async fn usable_accounts(
        &self,
        people: &[Arc<Person>],
    ) -> Result<HashMap<PersonId, Account>, AppError> {
        let wanted: HashSet<PersonId> = people.iter().map(|person| person.id).collect();
        let now = self.now();
        let everyday = |account: &Account| {
            account.kind == AccountKind::Standard
                && wanted.contains(&account.person)
                && account.may_sign_in(now)
        };
        let accounts = self.0.parts.store.accounts().await?;
        Ok(accounts.into_iter().filter(everyday).map(|account| (account.person, account)).collect())
    }

    /// True where the policy gives this learner such a way to sign in at this school.
    pub(crate) fn policy_gives(&self, person: &Person, at: &Scope, way: InfantWay) -> bool {
        let in_force = self.in_force();
        let said = &in_force.document.facts.passwords;
        let phases = match way {
            InfantWay::Badge => &said.badges,
            InfantWay::Pictures => &said.pictures,
            InfantWay::Record => &said.teacher_records,
        };
        let phases: Vec<Phase> = phases.iter().map(|phase| password_policy::phase(*phase)).collect();
        // Whoever is anything else besides is no infant.
        let is_learner = person.affiliations.iter().all(|held| held.role == Role::Learner);
        let phase = person.affiliation_at(at).and_then(|held| held.year).map(Phase::of);
        is_learner && phase.is_some_and(|phase| phase.is_youngest() && phases.contains(&phase))
    }

    fn class_row(&self, class: &Class, window: Option<&ClassWindow>) -> ClassRow {
        ClassRow {
            id: class.id.to_string(),
            name: class.name.clone(),
            school: self.organisation_of(&Scope::School(class.school.clone())),
            learners: class.learners.len(),
            open_until: window.map(|window| window.ends),
        }
    }

    fn window_view(&self, window: &ClassWindow, now: Timestamp) -> WindowView {
        let left = window.ends.0.saturating_sub(now.0).saturating_add(999) / 1_000;
        let place = window.network.as_ref().map(|network| format!("on the network {network} alone"));
        WindowView {
            until: window.ends,
            seconds_left: u64::try_from(left).unwrap_or(0),
            place: place.unwrap_or_else(|| "on every network of the school".to_owned()),
            opened_by: self.name_in_audit(&format!("person:{}", window.opened_by)),
        }
    }

    async fn learner_rows(&self, actor: &Actor, class: &Class) -> Result<Vec<LearnerRow>, AppError> {
        let (store, now) = (&self.0.parts.store, self.now());
        let people = self.learners_of(class);
        let accounts = self.usable_accounts(&people).await?;
        let resettable = self.resettable(actor, &people).await?;
        let badges = store.badges_of_class(class.id, now).await?;
        let pictures = store.pictures_of_class(class.id, now).await?;
        let records = store.sealed_of_class(class.id).await?;
        let seen = store.last_signed_in(class.id, now).await?;
        let at = Scope::School(class.school.clone());
        let row = |person: &Arc<Person>| {
            let account = accounts.get(&person.id);
            let gives = |way| account.is_some() && self.policy_gives(person, &at, way);
            let year = person.affiliation_at(&at).and_then(|held| held.year);
            LearnerRow {
                id: person.id.to_string(),
                name: person.display_name.clone(),
                login: account.map(|account| account.login.clone()).unwrap_or_default(),
                year: year.map(|year| year.to_string()).unwrap_or_default(),
                badge_since: badges.get(&person.id).map(|badge| badge.made),
                may_have_badge: gives(InfantWay::Badge),
                has_pictures: pictures.contains_key(&person.id),
                may_have_pictures: gives(InfantWay::Pictures),
                has_record: records.contains(&person.id),
                last_signed_in: seen.get(&person.id).copied(),
                may_reset: resettable.contains(&person.id) && account.is_some(),
            }
        };
        Ok(people.iter().map(row).collect())
    }
}

/// The first name of each, and where two share one, the first letter of the surname with it.
pub(crate) fn first_names(people: &[Arc<Person>]) -> Vec<String> {
    let first = |person: &Person| first_name(person).to_owned();
    let mut counted: HashMap<String, usize> = HashMap::new();
    for person in people {
        *counted.entry(first(person)).or_default() += 1;
    }
    let name = |person: &Arc<Person>| {
        let (first, letter) = (first(person), person.display_name.split_whitespace().next_back());
        match letter.and_then(|surname| surname.chars().next()) {
            Some(letter) if counted.get(&first).is_some_and(|count| *count > 1) => {
                format!("{first} {letter}")
            }
            _ => first,
        }
    };
    people.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_one_first_name_are_told_apart_by_a_letter() {
        let person = |name: &str| {
            Arc::new(Person {
                id: PersonId(uuid::Uuid::nil()),
                login: "login".to_owned(),
                display_name: name.to_owned(),
                affiliations: Vec::new(),
            })
        };
        let people =
            [person("Amara Dunmoss"), person("Bryn Adeyhill"), person("Amara Elmscroft"), person("")];
        assert_eq!(first_names(&people), ["Amara D", "Bryn", "Amara E", "login"]);
    }
}
