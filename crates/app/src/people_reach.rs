//! Whom an actor sees among people, and whose accounts they may touch: one place, and every list, count, page, file and
//! deed goes through it.
//!
//! A class teacher reaches the learners of their own classes, at the school where they are one, and nobody else. Whoever
//! touches an account reaches every place that its holder belongs to, so that nobody at one school resets somebody who
//! works for the whole trust. And nobody gains by it: whoever hands out a password could sign in with it, so they may do
//! all that its holder may, and they hand none to whoever decides beside them ([`approves`]): one person with two
//! accounts would decide alone what two must.

use crate::facade::{Reach, reach_of};
use crate::{App, AppError};
use identity::{permits, scopes_for};
use model::{Action, Actor, Person, PersonId, Role, SchoolId, Scope};
use std::collections::HashMap;
use store::Class;

/// Whom an actor reaches with an action.
pub(crate) struct PeopleReach {
    /// Those at these places; `None`: nobody by place.
    by_place: Option<Reach>,
    /// The learners of their own classes, and the schools of these.
    pupils: HashMap<PersonId, Vec<SchoolId>>,
}

impl PeopleReach {
    /// True when they see this person.
    pub(crate) fn covers(&self, person: &Person) -> bool {
        self.by_place.as_ref().is_some_and(|reach| reach.covers_person(person))
            || self.pupils.contains_key(&person.id)
    }

    /// True when every place that the person belongs to is within reach, or they are a pupil of theirs.
    pub(crate) fn covers_whole(&self, person: &Person) -> bool {
        let whole =
            |reach: &Reach| person.affiliations.iter().all(|affiliation| reach.covers(&affiliation.scope));
        self.by_place.as_ref().is_some_and(whole) || self.pupils.contains_key(&person.id)
    }

    /// True when they see what the person is, does and learns at this place: of somebody who belongs to two schools, what
    /// belongs to theirs.
    pub(crate) fn covers_at(&self, person: PersonId, place: &Scope) -> bool {
        let teaches_there = |schools: &Vec<SchoolId>| {
            schools.iter().any(|school| place.covers(&Scope::School(school.clone())))
        };
        self.by_place.as_ref().is_some_and(|reach| reach.covers(place))
            || self.pupils.get(&person).is_some_and(teaches_there)
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
        let pupils = self.own_pupils(actor, action).await?;
        let by_place = (!by_place.is_empty()).then(|| reach_of(&by_place, &self.snapshot()));
        Ok(PeopleReach { by_place, pupils })
    }

    /// The learners of the classes that the actor teaches where they are a class teacher.
    async fn own_pupils(
        &self,
        actor: &Actor,
        action: Action,
    ) -> Result<HashMap<PersonId, Vec<SchoolId>>, AppError> {
        let Actor::Person { roles, .. } = actor else { return Ok(HashMap::new()) };
        let mut pupils: HashMap<PersonId, Vec<SchoolId>> = HashMap::new();
        if !roles.iter().any(|(role, _)| *role == Role::ClassTeacher && permits(*role, action)) {
            return Ok(pupils);
        }
        let classes = self.0.parts.store.classes(self.now()).await?;
        for class in classes.into_iter().filter(|class| teaches(actor, action, class)) {
            for learner in class.learners {
                pupils.entry(learner).or_default().push(class.school.clone());
            }
        }
        Ok(pupils)
    }
}

/// True where the actor teaches this class, at a place where they are a class teacher who may do this.
pub(crate) fn teaches(actor: &Actor, action: Action, class: &Class) -> bool {
    let Actor::Person { id, roles, .. } = actor else { return false };
    let at = Scope::School(class.school.clone());
    let may_there = |(role, place): &(Role, Scope)| {
        *role == Role::ClassTeacher && permits(*role, action) && place.covers(&at)
    };
    class.teachers.contains(id) && roles.iter().any(may_there)
}

/// Where the actor does this for everybody there: not by being somebody's class teacher.
pub(crate) fn by_place(actor: &Actor, action: Action) -> Vec<Scope> {
    let Actor::Person { roles, .. } = actor else { return vec![Scope::Trust] };
    let held = roles.iter().filter(|(role, _)| *role != Role::ClassTeacher && permits(*role, action));
    held.map(|(_, scope)| scope.clone()).collect()
}

/// True when the actor may do all that somebody with this role may: handing them a password gains nothing.
pub(crate) fn gains_nothing(actor: &Actor, role: Role, place: &Scope) -> bool {
    let of_theirs = Action::ALL.into_iter().filter(|action| permits(role, *action));
    of_theirs.into_iter().all(|action| scopes_for(actor, action).iter().any(|held| held.covers(place)))
}

/// True when somebody with this role decides beside others: they put policies in force, read cases, or release history.
/// Nobody who works in the console makes or resets such an account; whoever holds the machine does it there.
pub(crate) fn approves(role: Role) -> bool {
    [Action::ApprovePolicy, Action::WorkCases, Action::ExportHistory]
        .into_iter()
        .any(|action| permits(role, action))
}

/// True when this actor may hand a password to somebody with this role at this place.
pub(crate) fn may_hand_to(actor: &Actor, role: Role, place: &Scope) -> bool {
    gains_nothing(actor, role, place) && !(matches!(actor, Actor::Person { .. }) && approves(role))
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
    fn nobody_hands_a_password_to_who_may_do_more_than_they_or_decides_beside_them() {
        let (ash, elm) = (Scope::School(SchoolId::new("ash")), Scope::School(SchoolId::new("elm")));
        for (who, whose, expected) in [
            (Role::Technician, Role::ClassTeacher, true),
            (Role::Technician, Role::Learner, true),
            (Role::Technician, Role::Headteacher, false),
            (Role::Technician, Role::SafeguardingLead, false),
            (Role::Headteacher, Role::Technician, true),
            (Role::Headteacher, Role::OnlineSafetyLead, true),
            (Role::Headteacher, Role::Governor, false),
            (Role::Headteacher, Role::Headteacher, false),
            (Role::Headteacher, Role::SeniorLeader, false),
            (Role::Headteacher, Role::SafeguardingLead, false),
            (Role::Headteacher, Role::BusinessManager, false),
            (Role::Headteacher, Role::DataProtectionOfficer, false),
            (Role::SeniorLeader, Role::BusinessManager, false),
            (Role::BusinessManager, Role::Headteacher, false),
            (Role::ClassTeacher, Role::Technician, false),
        ] {
            assert_eq!(may_hand_to(&actor(who), whose, &ash), expected, "{who:?} for {whose:?}");
            let elsewhere = may_hand_to(&actor(who), whose, &elm);
            assert!(!elsewhere || whose == Role::Learner, "{who:?} for {whose:?} elsewhere");
        }
        let machine = Actor::CommandLine { user: "technician".to_owned() };
        assert!(Role::ALL.into_iter().all(|role| may_hand_to(&machine, role, &Scope::Trust)));
    }
}
