//! Putting back what was before an import, for seven days.
//!
//! Invariants: whoever is not as the import left them is left as they are, and named; nobody who was signed in comes back
//! by it; what the import made stays in the records, closed or empty; an account that the import did not make is not touched:
//! where somebody who would be taken off has one that is open, nothing is undone at all.

use super::before::{Kept, KeptPerson, KeptSelf};
use super::{DAY_MS, Imports, UNDO_DAYS, reason_of};
use crate::AppError;
use model::{
    AccountState, Action, Actor, Affiliation, ClassId, ClassPart, ImportId, ImportState, Person, PersonId,
    SchoolId, Scope, Timestamp,
};
use std::collections::{HashMap, HashSet};
use store::{
    Account, AccountChange, Change, ClassChange, ImportChange, ImportRecord, PersonSource, RightsChange,
};

/// Names in a refusal.
const MOST_NAMED: usize = 5;

/// What an undoing did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undone {
    /// People who were put back.
    pub put_back: usize,
    /// Names of people who changed since and were left as they are.
    pub left_alone: Vec<String>,
}

impl Imports<'_> {
    /// Puts back what was before an applied import. `None` where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`] where they may not change what people are; [`AppError::Refused`] without a reason, after seven
    /// days, where it is not applied or a newer one is, to whoever sent one that another had to approve, and where somebody
    /// whom it would take off has an account that it did not make.
    pub async fn undo(&self, id: ImportId, reason: &str) -> Result<Option<Undone>, AppError> {
        let Some(record) = self.record(id).await? else { return Ok(None) };
        self.permit(Action::MovePerson, &record.staged.school).await?;
        let reason = reason_of(reason)?;
        let Some(kept) = record.before.as_deref().filter(|_| may_undo(&record, self.now())) else {
            return Err(AppError::refused(
                "It can be undone for seven days after it was applied, and once.",
                "expected an import that was applied within seven days, found another",
            ));
        };
        let kept = Kept::read(kept)?;
        self.must_be_last(&record).await?;
        // Whoever holds the machine decides alone.
        let is_alone =
            matches!(self.actor, Actor::Person { .. }) && record.staged.by == self.actor.to_string();
        if kept.held && is_alone {
            return Err(AppError::refused(
                "You sent this file, so another person must undo it: a headteacher, a senior leader or a business manager.",
                "expected another person than who sent it, found the same",
            ));
        }
        let school = record.staged.school.clone();
        let mut putting = self.putting_back(&school).await?;
        putting.must_lose_no_account(&kept.people)?;
        for class in kept.ended.iter().filter_map(|class| ClassId::parse(class)) {
            putting.changes.push(Change::Class(ClassChange::Reopen { class }));
        }
        for person in &kept.people {
            putting.person(person);
        }
        for class in kept.made.iter().filter_map(|class| ClassId::parse(class)) {
            putting.end_if_empty(class);
        }
        let (at, by) = (self.now(), (self.actor.to_string(), reason.clone()));
        putting.changes.push(Change::Import(ImportChange::Undo { id, at, by }));
        let fact = self
            .fact("undo-import", &school)
            .about(format!("import:{id}"))
            .with("reason", reason)
            .with("put_back", putting.put_back.to_string())
            .with("left_alone", putting.left_alone.len().to_string());
        self.commit(&fact, &putting.changes).await?;
        Ok(Some(Undone { put_back: putting.put_back, left_alone: putting.left_alone }))
    }

    /// Refuses where a later import of the school is applied: what it did would be lost.
    async fn must_be_last(&self, record: &ImportRecord) -> Result<(), AppError> {
        let when = |record: &ImportRecord| record.decided.as_ref().map(|(at, ..)| (*at, record.staged.id));
        let is_later = |other: &ImportRecord| {
            other.state == ImportState::Applied
                && other.staged.school == record.staged.school
                && when(other) > when(record)
        };
        if !self.store.imports().await?.iter().any(is_later) {
            return Ok(());
        }
        Err(AppError::refused(
            "Undo the newer one first.",
            "expected the newest applied import of the school, found one before it",
        ))
    }

    async fn putting_back(&self, school: &SchoolId) -> Result<PuttingBack, AppError> {
        let mut accounts: HashMap<PersonId, Vec<Account>> = HashMap::new();
        for account in self.store.accounts().await? {
            accounts.entry(account.person).or_default().push(account);
        }
        let mut classes: HashMap<PersonId, HashSet<(ClassId, ClassPart)>> = HashMap::new();
        for class in self.store.classes(self.now()).await?.into_iter().filter(|class| class.school == *school)
        {
            for (part, people) in [(ClassPart::Teacher, class.teachers), (ClassPart::Learner, class.learners)]
            {
                for person in people {
                    classes.entry(person).or_default().insert((class.id, part));
                }
            }
        }
        let people = self.store.people().await?;
        Ok(PuttingBack {
            people: people.into_iter().map(|person| (person.id, person)).collect(),
            accounts,
            classes,
            school: school.clone(),
            at: self.now(),
            changes: Vec::new(),
            put_back: 0,
            left_alone: Vec::new(),
        })
    }
}

/// True while an import can be undone.
pub(super) fn may_undo(record: &ImportRecord, now: Timestamp) -> bool {
    let until = record.decided.as_ref().map(|(at, ..)| at.plus_ms(UNDO_DAYS * DAY_MS));
    record.state == ImportState::Applied && record.before.is_some() && until.is_some_and(|until| now < until)
}

struct PuttingBack {
    people: HashMap<PersonId, Person>,
    accounts: HashMap<PersonId, Vec<Account>>,
    /// The classes of each person at the school now.
    classes: HashMap<PersonId, HashSet<(ClassId, ClassPart)>>,
    school: SchoolId,
    at: Timestamp,
    changes: Vec<Change>,
    put_back: usize,
    left_alone: Vec<String>,
}

impl PuttingBack {
    /// Refuses where somebody who would be taken off was given an account since.
    fn must_lose_no_account(&self, kept: &[KeptPerson]) -> Result<(), AppError> {
        let would_lose = kept.iter().filter(|kept| kept.takes_off()).filter_map(|kept| {
            let person = self.people.get(&kept.id()?)?;
            (KeptSelf::of(person) == kept.is && self.has_account_since(person.id, kept)).then_some(person)
        });
        let names: Vec<&str> = would_lose.map(|person| person.display_name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let named: Vec<&str> = names.iter().copied().take(MOST_NAMED).collect();
        let more = names.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        Err(AppError::refused(
            format!(
                "Nothing was undone. This import did not give these people all the accounts that they have now: {}{more}. \
                 First close the administrator\u{2019}s or other account. Or keep the import, and change what is wrong person \
                 by person.",
                named.join(", ")
            ),
            "expected people with what the import gave them, found other open accounts",
        ))
    }

    /// True where somebody has an account that is open and that the import did not make.
    fn has_account_since(&self, person: PersonId, kept: &KeptPerson) -> bool {
        let open = self.accounts.get(&person).into_iter().flatten();
        let mut open = open.filter(|account| account.state.may_sign_in());
        let is_other = |account: &Account| {
            account.kind.administers() || (!kept.made.is_empty() && account.id.to_string() != kept.made)
        };
        open.any(is_other)
    }

    fn person(&mut self, kept: &KeptPerson) {
        let found = kept.id().and_then(|id| self.people.get(&id).cloned());
        let Some(person) = found else { return };
        if KeptSelf::of(&person) != kept.is {
            self.left_alone.push(person.display_name);
            return;
        }
        self.put_back += 1;
        if kept.is_new {
            self.end_grants(&person, &[]);
            self.take_off(person.id);
            return;
        }
        if kept.was.name() != kept.is.name() {
            let display_name = kept.was.name().to_owned();
            self.changes.push(Change::Rename { person: person.id, display_name });
        }
        let affiliations = kept.was.affiliations();
        if affiliations != person.affiliations && !affiliations.is_empty() {
            self.end_grants(&person, &affiliations);
            self.changes.push(Change::SetAffiliations { person: person.id, affiliations });
        }
        self.accounts_of(person.id, kept);
        self.classes_of(person.id, &kept.classes());
        self.link_of(person.id, kept);
    }

    /// Somebody whom the import added: their account rests, they are in no class, and count as somebody who left, so that
    /// the same file does not add them a second time.
    fn take_off(&mut self, person: PersonId) {
        let at = self.at;
        let open: Vec<_> = self.accounts.get(&person).into_iter().flatten().collect();
        let open = open.into_iter().filter(|account| account.state.may_sign_in());
        let close = open.map(|account| AccountChange::SetState {
            account: account.id,
            state: AccountState::Suspended,
            at,
        });
        self.changes.extend(close.map(Change::Account));
        self.classes_of(person, &[]);
        let left = ImportChange::SetLeft { school: self.school.clone(), person, left: Some(at) };
        self.changes.push(Change::Import(left));
    }

    /// Ends the grants of the roles at the school that somebody has no more.
    fn end_grants(&mut self, person: &Person, stays: &[Affiliation]) {
        let (at, id) = (self.at, person.id);
        let here = Scope::School(self.school.clone());
        let keeps = |gone: &Affiliation| {
            stays.iter().any(|held| (held.role, &held.scope) == (gone.role, &gone.scope))
        };
        let gone = person.affiliations.iter().filter(|held| held.scope == here && !keeps(held));
        self.changes.extend(gone.map(|gone| {
            let (role, scope) = (gone.role, gone.scope.clone());
            Change::Rights(RightsChange::End { person: id, role, scope, at })
        }));
    }

    fn accounts_of(&mut self, person: PersonId, kept: &KeptPerson) {
        let accounts = self.accounts.get(&person).map(Vec::as_slice).unwrap_or_default();
        for (id, was, is) in kept.states() {
            let is_as_left = accounts.iter().any(|account| account.id == id && account.state == is);
            if is_as_left {
                let set = AccountChange::SetState { account: id, state: was, at: self.at };
                self.changes.push(Change::Account(set));
            }
        }
    }

    fn classes_of(&mut self, person: PersonId, wanted: &[(ClassId, ClassPart)]) {
        let (at, scope) = (self.at, Scope::School(self.school.clone()));
        let held = self.classes.remove(&person).unwrap_or_default();
        for (class, _) in held.iter().filter(|held| !wanted.contains(held)) {
            self.changes.push(Change::Class(ClassChange::Leave { class: *class, person, at }));
        }
        for (class, part) in wanted.iter().filter(|wanted| !held.contains(wanted)) {
            let scope = scope.clone();
            let join = ClassChange::Join { class: *class, person, part: *part, from: at, scope };
            self.changes.push(Change::Class(join));
        }
        self.classes.insert(person, wanted.iter().copied().collect());
    }

    fn link_of(&mut self, person: PersonId, kept: &KeptPerson) {
        let (school, at) = (self.school.clone(), self.at);
        let change = match &kept.source {
            Some((source, born)) => {
                let left = kept.had_left.then_some(at);
                let link = PersonSource { source: source.clone(), person, born: born.clone(), left };
                ImportChange::Link { school, link, at }
            }
            None => ImportChange::Unlink { school, person },
        };
        self.changes.push(Change::Import(change));
    }

    fn end_if_empty(&mut self, class: ClassId) {
        let is_held = |held: &HashSet<(ClassId, ClassPart)>| held.iter().any(|(id, _)| *id == class);
        if !self.classes.values().any(is_held) {
            self.changes.push(Change::Class(ClassChange::End { class, at: self.at }));
        }
    }
}
