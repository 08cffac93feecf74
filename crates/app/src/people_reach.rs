//! Whom an actor sees among people, and whose accounts they may touch: one place, and every list, count, page, file and
//! deed goes through it.
//!
//! A class teacher reaches the learners of their own classes and nobody else. Whoever touches an account reaches every
//! place that its holder belongs to, so that nobody at one school resets somebody who works for the whole trust. And
//! nobody gains by it: whoever hands out a password could sign in with it, so they may do all that its holder may.

use crate::facade::{Reach, reach_of};
use crate::{App, AppError};
use identity::{permits, scopes_for};
use model::{Action, Actor, Person, PersonId, Role, Scope};
use std::collections::HashSet;
use store::Class;

/// Whom an actor reaches with an action.
pub(crate) struct PeopleReach {
    /// Those at these places; `None`: nobody by place.
    by_place: Option<Reach>,
    /// The learners of their own classes.
    pupils: HashSet<PersonId>,
}

impl PeopleReach {
    /// True when they see this person.
    pub(crate) fn covers(&self, person: &Person) -> bool {
        self.by_place.as_ref().is_some_and(|reach| reach.covers_person(person))
            || self.pupils.contains(&person.id)
    }

    /// True when every place that the person belongs to is within reach, or they are a pupil of theirs.
    pub(crate) fn covers_whole(&self, person: &Person) -> bool {
        let whole =
            |reach: &Reach| person.affiliations.iter().all(|affiliation| reach.covers(&affiliation.scope));
        self.by_place.as_ref().is_some_and(whole) || self.pupils.contains(&person.id)
    }

    /// True when they see nobody but their own pupils.
    pub(crate) fn is_own_classes_only(&self) -> bool {
        self.by_place.is_none()
    }
}

impl App {
    /// Whom the actor reaches with this action. Where that is nobody, the attempt is recorded.
    pub(crate) async fn people_reach(&self, actor: &Actor, action: Action) -> Result<PeopleReach, AppError> {
        if scopes_for(actor, action).is_empty() {
            self.record_denial(actor, action).await;
            return Err(AppError::Denied);
        }
        let by_place = by_place(actor, action);
        let teaches = matches!(actor, Actor::Person { roles, .. }
            if roles.iter().any(|(role, _)| *role == Role::ClassTeacher && permits(*role, action)));
        let pupils = if teaches { self.own_pupils(actor).await? } else { HashSet::new() };
        let by_place = (!by_place.is_empty()).then(|| reach_of(&by_place, &self.snapshot()));
        Ok(PeopleReach { by_place, pupils })
    }

    async fn own_pupils(&self, actor: &Actor) -> Result<HashSet<PersonId>, AppError> {
        let Actor::Person { id, .. } = actor else { return Ok(HashSet::new()) };
        let classes = self.0.parts.store.classes(self.now()).await?;
        let own = classes.into_iter().filter(|class: &Class| class.teachers.contains(id));
        Ok(own.flat_map(|class| class.learners).collect())
    }
}

/// Where the actor does this for everybody there: not by being somebody's class teacher.
fn by_place(actor: &Actor, action: Action) -> Vec<Scope> {
    let Actor::Person { roles, .. } = actor else { return vec![Scope::Trust] };
    let held = roles.iter().filter(|(role, _)| *role != Role::ClassTeacher && permits(*role, action));
    held.map(|(_, scope)| scope.clone()).collect()
}

/// True when the actor may do all that somebody with this role may: handing them a password gains nothing.
pub(crate) fn gains_nothing(actor: &Actor, role: Role, place: &Scope) -> bool {
    let of_theirs = Action::ALL.into_iter().filter(|action| permits(role, *action));
    of_theirs.into_iter().all(|action| scopes_for(actor, action).iter().any(|held| held.covers(place)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SchoolId;

    fn actor(role: Role) -> Actor {
        let scope = Scope::School(SchoolId::new("ash"));
        Actor::Person { id: PersonId(uuid::Uuid::nil()), login: String::new(), roles: vec![(role, scope)] }
    }

    #[test]
    fn nobody_hands_a_password_to_who_may_do_more_than_they() {
        let (ash, elm) = (Scope::School(SchoolId::new("ash")), Scope::School(SchoolId::new("elm")));
        for (who, whose, expected) in [
            (Role::Technician, Role::ClassTeacher, true),
            (Role::Technician, Role::Learner, true),
            (Role::Technician, Role::Headteacher, false),
            (Role::Technician, Role::SafeguardingLead, false),
            (Role::Headteacher, Role::SafeguardingLead, true),
            (Role::Headteacher, Role::Technician, true),
            (Role::BusinessManager, Role::Headteacher, false),
            (Role::ClassTeacher, Role::Technician, false),
        ] {
            assert_eq!(gains_nothing(&actor(who), whose, &ash), expected, "{who:?} for {whose:?}");
            let elsewhere = gains_nothing(&actor(who), whose, &elm);
            assert!(!elsewhere || whose == Role::Learner, "{who:?} for {whose:?} elsewhere");
        }
    }
}
