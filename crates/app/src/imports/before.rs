//! What was before an import, as its record keeps it: enough to put every person back who is still as the import left them.

use crate::AppError;
use model::{
    AccountId, AccountState, Affiliation, ClassId, ClassPart, Person, PersonId, Role, Scope, YearGroup,
};
use serde::{Deserialize, Serialize};

/// What was before an import.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// True where a second person had to approve it.
    #[serde(default)]
    pub(super) held: bool,
    /// People whom it touched.
    pub(super) people: Vec<KeptPerson>,
    /// Classes that it made.
    pub(super) made: Vec<String>,
    /// Classes that it ended.
    pub(super) ended: Vec<String>,
}

/// One person before and after.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptPerson {
    /// Who.
    pub(super) person: String,
    /// True where the import added them.
    pub(super) is_new: bool,
    /// Before; as after where they are new.
    pub(super) was: KeptSelf,
    /// After.
    pub(super) is: KeptSelf,
    /// The account that the import made for somebody new; empty otherwise.
    #[serde(default)]
    pub(super) made: String,
    /// Accounts whose state it changed: id, state before, state after.
    pub(super) accounts: Vec<(String, String, String)>,
    /// The classes before, each with what they were in it.
    pub(super) classes: Vec<(String, String)>,
    /// True where they had left before.
    pub(super) had_left: bool,
    /// The id in the school's system before, and the birth date.
    pub(super) source: Option<(String, Option<String>)>,
}

/// A name and what somebody is where.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptSelf {
    name: String,
    /// Scope, role, year group.
    held: Vec<(String, String, Option<String>)>,
}

impl KeptSelf {
    pub(super) fn of(person: &Person) -> Self {
        let held = |held: &Affiliation| {
            (held.scope.to_string(), held.role.slug().to_owned(), held.year.map(|year| year.to_string()))
        };
        Self { name: person.display_name.clone(), held: person.affiliations.iter().map(held).collect() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn affiliations(&self) -> Vec<Affiliation> {
        let held = self.held.iter().filter_map(|(scope, role, year)| {
            Some(Affiliation {
                scope: Scope::parse(scope)?,
                role: Role::parse(role)?,
                year: year.as_deref().and_then(YearGroup::parse),
            })
        });
        held.collect()
    }
}

impl KeptPerson {
    pub(super) fn id(&self) -> Option<PersonId> {
        PersonId::parse(&self.person)
    }

    /// True where undoing takes them off, or gives them back a role that they had.
    pub(super) fn takes_off(&self) -> bool {
        let roles = |held: &KeptSelf| -> Vec<(String, String)> {
            held.held.iter().map(|(scope, role, _)| (scope.clone(), role.clone())).collect()
        };
        self.is_new || self.had_left || roles(&self.was) != roles(&self.is)
    }

    /// The accounts: id, state before, state after.
    pub(super) fn states(&self) -> impl Iterator<Item = (AccountId, AccountState, AccountState)> {
        self.accounts.iter().filter_map(|(id, was, is)| {
            Some((AccountId::parse(id)?, AccountState::parse(was)?, AccountState::parse(is)?))
        })
    }

    /// The classes before.
    pub(super) fn classes(&self) -> Vec<(ClassId, ClassPart)> {
        let classes = self.classes.iter();
        classes.filter_map(|(id, part)| Some((ClassId::parse(id)?, ClassPart::parse(part)?))).collect()
    }
}

impl Kept {
    pub(super) fn write(&self) -> Result<String, AppError> {
        serde_json::to_string(self)
            .map_err(|error| AppError::failed(format!("expected to write what was before, found: {error}")))
    }

    pub(super) fn read(text: &str) -> Result<Self, AppError> {
        serde_json::from_str(text)
            .map_err(|error| AppError::failed(format!("expected what was before, found: {error}")))
    }
}
