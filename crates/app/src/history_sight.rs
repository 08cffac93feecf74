//! Who may see what of whom in the history: by pseudonym, by name, or not what they typed.
//!
//! Rows stand by pseudonym. A name is shown, and one person's history is looked at, as alerts are read: about a learner by
//! the safeguarding lead and the headteacher, about staff by the headteacher, and about nobody by themselves. The
//! data-protection officer answers people's own requests, and so reads about everybody else. What somebody who works here
//! typed is withheld from whoever may not read about them; where nobody is known, whoever the device is lent to counts.
//! Whoever has left is read about as staff are, since they may have been: leaving takes nobody's protection.
//!
//! At the command line everything may be seen: whoever holds the machine holds it all, and gives a reason that is recorded.

use crate::facade::Reach;
use crate::history_rows::Names;
use crate::pseudonyms::pseudonym_in;
use crate::views::HistoryRow;
use crate::{history_query::cursor, words};
use history::Stored;
use identity::{Pepper, permits};
use model::{About, Action, Actor, Person, PersonId, Role, Roster, SchoolId, Scope};

/// Whether names stand in rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shown {
    /// Pseudonyms alone.
    Pseudonyms,
    /// Names of those whom whoever looks may name. That it was asked for is recorded before.
    Names,
}

/// What one actor may see.
pub(crate) struct Sight<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) reach: &'a Reach,
    pub(crate) roster: &'a Roster,
    pub(crate) pepper: &'a Pepper,
    /// The school, where there is one alone.
    pub(crate) only_school: Option<SchoolId>,
}

impl Sight<'_> {
    /// Whether the actor may look at this one person's history, by pseudonym.
    pub(crate) fn may_trace(&self, person: &Person) -> bool {
        self.reach.covers_person(person) && self.may_read_about(person)
    }

    /// Whether the actor may be shown this person's name.
    pub(crate) fn may_name(&self, person: &Person) -> bool {
        let readers: &[Role] = match about(person) {
            About::Learner => &[Role::SafeguardingLead, Role::Headteacher, Role::DataProtectionOfficer],
            About::Staff => &[Role::Headteacher, Role::DataProtectionOfficer],
            About::Head => &[Role::DataProtectionOfficer],
        };
        self.may_trace(person)
            && self.holds(person, |role| permits(role, Action::ShowNames) && readers.contains(&role))
    }

    /// Whether the actor may name anybody at all.
    pub(crate) fn names_somebody(&self) -> bool {
        !identity::scopes_for(self.actor, Action::ShowNames).is_empty()
    }

    /// Everybody whose words the actor may not read.
    pub(crate) fn hidden(&self) -> Vec<PersonId> {
        self.roster.people().filter(|person| !self.may_read_about(person)).map(|person| person.id).collect()
    }

    pub(crate) fn pseudonym(&self, person: PersonId) -> String {
        pseudonym_in(self.roster, self.pepper, person)
    }

    /// A stored event as a row for this actor.
    pub(crate) fn row(&self, names: &Names<'_>, stored: &Stored, shown: Shown) -> HistoryRow {
        let (event, mut row) = (&stored.event, names.row(stored));
        let person = event.person.and_then(|id| self.roster.person(id));
        let is_named = shown == Shown::Names && person.is_some_and(|person| self.may_name(person));
        let lent = event.device.and_then(|id| self.roster.device(id)).and_then(|device| device.assigned_to);
        let may_read = event.person.or(lent).is_none_or(|id| self.may_read_of(id));
        row.person = match (event.person, person) {
            (None, _) => "Not known".to_owned(),
            (Some(_), Some(person)) if is_named => person.display_name.clone(),
            (Some(id), _) => self.pseudonym(id),
        };
        if lent.is_some() && !is_named {
            // Its label may be the name of whoever has it.
            row.device = "A device that is lent to somebody".to_owned();
        }
        let id = cursor(stored.id);
        if may_read {
            row.explain_link = words::link("/why", &[("event", &id)]);
            row.around_link = format!("/history/around/{id}");
        } else {
            row.is_withheld = !row.path.is_empty();
            row.path.clear();
        }
        row
    }

    /// Whether the actor may read what somebody typed and opened who may have left.
    pub(crate) fn may_read_of(&self, id: PersonId) -> bool {
        self.roster
            .person(id)
            .map_or_else(|| self.reads_about_those_who_left(), |person| self.may_read_about(person))
    }

    /// A person's login where their name is shown; empty otherwise.
    pub(crate) fn login(&self, person: Option<PersonId>, shown: Shown) -> String {
        let person = person.filter(|_| shown == Shown::Names).and_then(|id| self.roster.person(id));
        let named = person.filter(|person| self.may_name(person));
        named.map(|person| person.login.clone()).unwrap_or_default()
    }

    /// Whether the actor may read what this person typed and opened.
    pub(crate) fn may_read_about(&self, person: &Person) -> bool {
        match self.actor {
            Actor::CommandLine { .. } => true,
            Actor::Program => false,
            Actor::Person { id, .. } if *id == person.id => false,
            Actor::Person { .. } if person.affiliations.is_empty() => self.reads_about_those_who_left(),
            Actor::Person { .. } => match about(person) {
                About::Learner => true,
                About::Staff => {
                    self.holds(person, |role| matches!(role, Role::Headteacher | Role::DataProtectionOfficer))
                }
                About::Head => self.holds(person, |role| role == Role::DataProtectionOfficer),
            },
        }
    }

    /// Of whoever belongs nowhere any more the rows alone tell a place, and those are within reach already.
    fn reads_about_those_who_left(&self) -> bool {
        match self.actor {
            Actor::CommandLine { .. } => true,
            Actor::Program => false,
            Actor::Person { roles, .. } => {
                roles.iter().any(|(role, _)| matches!(role, Role::Headteacher | Role::DataProtectionOfficer))
            }
        }
    }

    /// Whether the actor holds such a role where the person belongs.
    fn holds(&self, person: &Person, is_such: impl Fn(Role) -> bool) -> bool {
        let Actor::Person { roles, .. } = self.actor else { return true };
        let only = self.only_school.clone().map(Scope::School);
        let mut such = roles.iter().filter(|(role, _)| is_such(*role));
        such.any(|(_, scope)| {
            person.affiliations.iter().any(|affiliation| {
                let place = match (&affiliation.scope, &only) {
                    (Scope::Trust, Some(only)) => only,
                    (scope, _) => scope,
                };
                scope.covers(place)
            })
        })
    }
}

/// Whom something about this person is about; whoever belongs nowhere any more may have worked here.
pub(crate) fn about(person: &Person) -> About {
    if person.affiliations.is_empty() {
        return About::Staff;
    }
    About::of(person.affiliations.iter().map(|affiliation| affiliation.role))
}
