//! The rule for the password of one account, and what is known of its holder.

use crate::{App, password_policy};
use identity::{AccountRank, PasswordHolder, PasswordRule, PersonalFacts, PersonalWords};
use model::{AccountKind, Person};

impl App {
    /// The rule for one of a person's accounts, under the policy in force.
    pub(crate) fn password_rule(&self, person: &Person, kind: AccountKind) -> PasswordRule {
        let account = if kind.administers() { AccountRank::Administrator } else { AccountRank::Everyday };
        let holder = PasswordHolder { affiliations: &person.affiliations, account };
        password_policy(&self.in_force().document.facts.passwords).rule_for(&holder)
    }

    /// What may not be in a person's password: their names, the names they sign in with, their school and trust.
    pub(crate) fn personal_words(&self, person: &Person, logins: &[&str]) -> PersonalWords {
        let snapshot = self.snapshot();
        let policy = snapshot.policy();
        let mut places: Vec<&str> = policy.schools.iter().map(|school| school.name.as_ref()).collect();
        places.extend(policy.trust.as_deref());
        PersonalWords::of(&PersonalFacts {
            names: &[&person.display_name],
            logins,
            places: &places,
            born: None,
        })
    }
}
