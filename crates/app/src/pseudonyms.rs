//! What routine screens call people: by pseudonym, until somebody asks for the name with a reason.

use crate::App;
use identity::Pepper;
use model::{PersonId, Role, Roster, Scope};

/// Digits in each half of a code.
const HALF: usize = 4;

impl App {
    /// Whom something is about, without a name: `Pupil 4F2A-91C3, year group 5`, `Member of staff 90B1-22C0`.
    pub(crate) fn pseudonym_of(&self, person: PersonId) -> String {
        pseudonym_in(&self.0.parts.roster.get(), &self.0.parts.pepper, person)
    }

    /// Somebody's name; empty where nobody of that id is on the roster.
    pub(crate) fn display_name(&self, person: PersonId) -> String {
        self.0.parts.roster.get().person(person).map(|found| found.display_name.clone()).unwrap_or_default()
    }
}

/// What a person of this roster is called.
pub(crate) fn pseudonym_in(roster: &Roster, pepper: &Pepper, person: PersonId) -> String {
    let Some(found) = roster.person(person) else { return "Somebody who has left".to_owned() };
    let code = code_of(found, pepper);
    match found.affiliations.first().map(|affiliation| (affiliation.role, affiliation.year)) {
        Some((Role::Learner, Some(year))) => format!("Pupil {code}, year group {year}"),
        Some((Role::Learner, None)) => format!("Pupil {code}"),
        Some((Role::Guest, _)) => format!("Visitor {code}"),
        None => format!("Somebody who has left, {code}"),
        Some(_) => format!("Member of staff {code}"),
    }
}

/// The code in a pseudonym.
pub(crate) fn code_of(person: &model::Person, pepper: &Pepper) -> String {
    let school = match person.affiliations.first().map(|affiliation| &affiliation.scope) {
        Some(Scope::School(school)) => school.as_str(),
        Some(Scope::Trust) | None => "trust",
    };
    identity::pseudonym(pepper, school, person.id).unwrap_or_else(|_| "not known".to_owned())
}

/// The code in what somebody typed or copied from a screen, such as `Pupil 4f2a-91c3, year group 5`.
pub(crate) fn code_in(text: &str) -> Option<String> {
    let is_half = |half: &str| half.len() == HALF && half.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split([' ', ',']);
    let mut codes =
        words.filter(|word| word.split_once('-').is_some_and(|(one, other)| is_half(one) && is_half(other)));
    codes.next().map(str::to_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_as_it_stands_on_a_screen_and_in_no_name() {
        for (text, code) in [
            ("4F2A-91C3", Some("4F2A-91C3")),
            ("Pupil 4f2a-91c3, year group 5", Some("4F2A-91C3")),
            ("Anna-Lena Dead-Beef", Some("DEAD-BEEF")),
            ("anna", None),
            ("4F2A-91C", None),
            ("", None),
        ] {
            assert_eq!(code_in(text).as_deref(), code, "{text}");
        }
    }
}
