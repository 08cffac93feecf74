//! What routine screens call people: staff by name, learners and visitors by pseudonym until somebody asks for the name
//! with a reason.

use crate::App;
use model::{PersonId, Role, Scope};

impl App {
    /// Whom something is about, without a name: `Pupil 4F2A-91C3, year 5`, `Member of staff 90B1-22C0`.
    pub(crate) fn pseudonym_of(&self, person: PersonId) -> String {
        let roster = self.0.parts.roster.get();
        let Some(found) = roster.person(person) else { return "Somebody who has left".to_owned() };
        let first = found.affiliations.first();
        let school = match first.map(|affiliation| &affiliation.scope) {
            Some(Scope::School(school)) => school.as_str(),
            Some(Scope::Trust) | None => "trust",
        };
        let code = identity::pseudonym(&self.0.parts.pepper, school, person)
            .unwrap_or_else(|_| "not known".to_owned());
        match first.map(|affiliation| (affiliation.role, affiliation.year)) {
            Some((Role::Learner, Some(year))) => format!("Pupil {code}, year group {year}"),
            Some((Role::Learner, None)) => format!("Pupil {code}"),
            Some((Role::Guest, _)) | None => format!("Visitor {code}"),
            Some(_) => format!("Member of staff {code}"),
        }
    }

    /// Somebody's name; empty where nobody of that id is on the roster.
    pub(crate) fn display_name(&self, person: PersonId) -> String {
        self.0.parts.roster.get().person(person).map(|found| found.display_name.clone()).unwrap_or_default()
    }
}
