//! Who may read an alert, a case or a report: one function, and every list, count, page and file goes through it.
//!
//! Invariants: nobody reads what is about themselves; where a circle is drawn, nobody outside it reads; else only the
//! roles that it is for, where they hold. The command line and the program read nothing of it.

use crate::history_sight::about;
use crate::{App, AppError};
use identity::permits;
use model::{About, Action, Actor, Addressee, Ladder, PersonId, Role, Scope};
use store::{AlertRecord, CaseRecord};

/// What decides who may read something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matter<'a> {
    /// Whose record it is.
    pub(crate) scope: &'a Scope,
    /// The roles that it is for.
    pub(crate) readers: &'a [Role],
    /// Who alone may read it; empty: everybody whom the roles name.
    pub(crate) circle: &'a [PersonId],
    /// Whom it is about.
    pub(crate) about: &'a [PersonId],
}

/// True when the actor may read it with this action.
pub(crate) fn may_read(actor: &Actor, action: Action, matter: Matter<'_>) -> bool {
    let Actor::Person { id, roles, .. } = actor else { return false };
    if matter.about.contains(id) {
        return false;
    }
    let mut here = roles.iter().filter(|(role, scope)| permits(*role, action) && scope.covers(matter.scope));
    if matter.circle.is_empty() {
        here.any(|(role, _)| is_reader(*role, matter.readers))
    } else {
        matter.circle.contains(id) && here.next().is_some()
    }
}

/// True where it is for whoever holds this role. The chair is a governor, whether or not the roster says that as well.
fn is_reader(role: Role, readers: &[Role]) -> bool {
    readers.contains(&role) || (role == Role::ChairOfGovernors && readers.contains(&Role::Governor))
}

/// True when the actor may read this alert, and the case that works on it where there is one: `cases` has that one, and
/// an alert whose case is not among them is read by nobody.
pub(crate) fn may_read_alert(actor: &Actor, alert: &AlertRecord, cases: &[CaseRecord]) -> bool {
    let about: Vec<PersonId> = alert.alert.subject.person.into_iter().collect();
    let matter = Matter { scope: &alert.scope, readers: &alert.readers, circle: &[], about: &about };
    let may_read_its_case = || match alert.case {
        None => true,
        Some(id) => cases.iter().any(|case| case.id == id && may_read_case(actor, case)),
    };
    may_read(actor, Action::WorkAlerts, matter) && may_read_its_case()
}

/// True when the actor may read this case.
pub(crate) fn may_read_case(actor: &Actor, case: &CaseRecord) -> bool {
    let matter =
        Matter { scope: &case.scope, readers: &case.readers, circle: &case.circle, about: &case.people };
    may_read(actor, Action::WorkCases, matter)
}

impl App {
    /// Whom something about this person is about. Of whoever belongs nowhere any more the posts and rights count that are on
    /// record, and where there are none they may have worked here all the same: leaving takes nobody's protection, and a
    /// successor does not read about whom they followed.
    pub(crate) async fn about_on_record(&self, id: PersonId) -> Result<About, AppError> {
        let person = self.0.parts.roster.get().person(id).cloned();
        if let Some(person) = person.filter(|person| !person.affiliations.is_empty()) {
            return Ok(about(&person));
        }
        let held = self.0.parts.store.roles_held(id).await?;
        Ok(About::of(held).max(About::Staff))
    }

    /// The roles that read what is about a headteacher there: the chair of governors, or whoever stands in and holds that role
    /// as well. All governors only where nobody is chair, or nobody at all would read it.
    pub(crate) fn above_head(&self, scope: &Scope) -> Role {
        let roster = self.0.parts.roster.get();
        let is_chair = |affiliation: &model::Affiliation| {
            affiliation.role == Role::ChairOfGovernors && affiliation.scope.covers(scope)
        };
        match roster.people().any(|person| person.affiliations.iter().any(is_chair)) {
            true => Role::ChairOfGovernors,
            false => Role::Governor,
        }
    }

    /// The ladder, with all governors in place of a chair that there is none of.
    pub(crate) fn that_somebody_reads(&self, mut ladder: Ladder, scope: &Scope) -> Ladder {
        if self.above_head(scope) == Role::Governor {
            for post in ladder.0.iter_mut().flatten().filter(|post| **post == Addressee::Chair) {
                *post = Addressee::Governors;
            }
        }
        ladder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SchoolId;
    use proptest::prelude::*;

    fn person(number: u8) -> PersonId {
        PersonId(uuid::Uuid::from_u128(number.into()))
    }

    fn scope() -> impl Strategy<Value = Scope> {
        prop_oneof![
            Just(Scope::Trust),
            Just(Scope::School(SchoolId::new("ash"))),
            Just(Scope::School(SchoolId::new("elm"))),
        ]
    }

    fn role() -> impl Strategy<Value = Role> {
        prop::sample::select(Role::ALL.to_vec())
    }

    fn people() -> impl Strategy<Value = Vec<PersonId>> {
        prop::collection::vec((0_u8..4).prop_map(person), 0..3)
    }

    proptest! {
        #[test]
        fn nobody_reads_about_themselves_from_outside_the_circle_or_from_another_school(
            id in 0_u8..4,
            roles in prop::collection::vec((role(), scope()), 0..4),
            readers in prop::collection::vec(role(), 0..3),
            circle in people(),
            about in people(),
            place in scope(),
        ) {
            let actor = Actor::Person { id: person(id), login: String::new(), roles: roles.clone() };
            let matter = Matter { scope: &place, readers: &readers, circle: &circle, about: &about };
            for action in [Action::WorkAlerts, Action::WorkCases] {
                if may_read(&actor, action, matter) {
                    prop_assert!(!about.contains(&person(id)));
                    prop_assert!(circle.is_empty() || circle.contains(&person(id)));
                    prop_assert!(roles.iter().any(|(role, held)| permits(*role, action) && held.covers(&place)));
                    let named = roles.iter().any(|(role, held)| {
                        let chairs = *role == Role::ChairOfGovernors && readers.contains(&Role::Governor);
                        (readers.contains(role) || chairs) && held.covers(&place)
                    });
                    prop_assert!(named || !circle.is_empty());
                }
                prop_assert!(!may_read(&Actor::Program, action, matter));
                let technician = Actor::CommandLine { user: "technician".to_owned() };
                prop_assert!(!may_read(&technician, action, matter));
            }
            // A wider circle of people whom it is about never adds a reader.
            let more: Vec<PersonId> = about.iter().copied().chain([person(3)]).collect();
            let narrower = Matter { about: &more, ..matter };
            prop_assert!(!may_read(&actor, Action::WorkCases, narrower) || may_read(&actor, Action::WorkCases, matter));
        }
    }
}
