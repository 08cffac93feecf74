//! Putting an approved import into the records, all of it or nothing.

use super::before::{Kept, KeptPerson, KeptSelf};
use super::{Imports, Staged, Urgency, must_wait, reason_of};
use crate::AppError;
use crate::facade::new_uuid;
use crate::people_seen::kind_for;
use crate::rights::needs_approval;
use model::{
    AccountId, AccountState, Action, Actor, Affiliation, ClassId, ClassKind, ClassPart, ImportId, Person,
    PersonId, Role, SchoolId, Scope, Timestamp,
};
use roster::{ClassName, Difference, FieldChange, Mover, Part, Row, login_for};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use store::{
    Account, AccountChange, Change, Class, ClassChange, Grant, ImportChange, PersonSource, RightsChange,
};

/// Facts of somebody that are read to find who suspended their account.
const MOST_FACTS: usize = 1_000;

impl Imports<'_> {
    /// Applies an import that waits, where it is still what `seen` was made of. What it did, in words; `None` where this
    /// person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`] where another must approve it; [`AppError::Refused`] without a reason, with open questions,
    /// where the records have changed since it was shown, or where it was decided already.
    pub async fn approve(
        &self,
        id: ImportId,
        seen: Option<&str>,
        (reason, urgency): (&str, Urgency),
    ) -> Result<Option<Vec<String>>, AppError> {
        let Some(staged) = self.staged(id).await? else { return Ok(None) };
        must_wait(&staged.record)?;
        let reason = reason_of(reason)?;
        self.may_approve(&staged, urgency).await?;
        if seen.is_some_and(|seen| seen != staged.seen()) {
            return Err(AppError::refused(
                "Something changed since this page was shown. Look at the difference again.",
                "expected the difference that was shown, found another",
            ));
        }
        let plan = self.plan(&staged).await?;
        let (words, _) = roster::headlines(&staged.found, staged.reading.as_ref(), &staged.before);
        let mut fact = self
            .fact("approve-import", &staged.record.staged.school)
            .about(format!("import:{id}"))
            .with("reason", reason.clone())
            .with("joiners", staged.found.joiners.len().to_string())
            .with("movers", staged.found.movers.len().to_string())
            .with("leavers", staged.found.leavers.len().to_string());
        if urgency == Urgency::Emergency {
            fact = fact.with("emergency", "yes");
        }
        let mut changes = plan.changes;
        changes.push(Change::Import(ImportChange::Apply {
            id,
            at: self.now(),
            by: (self.actor.to_string(), reason),
            outcome: words.join("\n"),
            before: plan.kept.write()?,
        }));
        self.commit(&fact, &changes).await?;
        Ok(Some(words))
    }

    /// Does all that applying would do, to the last row, and keeps nothing of it.
    ///
    /// # Errors
    /// Those that applying would have, but for approval.
    pub(crate) async fn rehearse(&self, staged: &Staged) -> Result<usize, AppError> {
        let plan = self.plan(staged).await?;
        let fact = self.fact("rehearse-import", &staged.record.staged.school);
        self.store.rehearse(&fact, &plan.changes).await?;
        Ok(plan.changes.len())
    }

    /// Whether this person may approve it: alone where nothing surprises, and beside whoever sent it elsewhere.
    async fn may_approve(&self, staged: &Staged, urgency: Urgency) -> Result<(), AppError> {
        self.permit(Action::ManageAccounts, &staged.record.staged.school).await?;
        if !staged.found.questions.is_empty() {
            return Err(AppError::refused(
                "First say who each of these people is.",
                "expected every question to be answered, found open ones",
            ));
        }
        if staged.found.is_empty() {
            return Err(AppError::refused(
                "Nothing would change. Drop it instead.",
                "expected a difference, found none",
            ));
        }
        if staged.holds.is_empty() {
            return Ok(());
        }
        self.permit(Action::MovePerson, &staged.record.staged.school).await?;
        if let Some(role) = self.role_beyond(staged) {
            let by = staged.access.approvers(role);
            let by: Vec<String> = by.iter().map(|role| role.title().to_lowercase()).collect();
            return Err(AppError::refused(
                format!(
                    "It makes somebody a {}, and the policy names who approves that: a {}.",
                    role.title().to_lowercase(),
                    by.join(" or a ")
                ),
                "expected somebody whom the policy names for each role, found another",
            ));
        }
        let is_alone = staged.record.staged.by == self.actor.to_string();
        let may_alone = urgency == Urgency::Emergency && matches!(self.actor, Actor::CommandLine { .. });
        if is_alone && !may_alone {
            return Err(AppError::refused(
                "You sent this file, so another person must approve it: a headteacher, a senior leader or a business \
                 manager.",
                "expected another person than who sent it, found the same",
            ));
        }
        Ok(())
    }

    /// A role that it would give, and that this person approves for nobody. Whoever holds the machine approves all.
    pub(super) fn role_beyond(&self, staged: &Staged) -> Option<Role> {
        let Actor::Person { roles, .. } = self.actor else { return None };
        let place = Scope::School(staged.record.staged.school.clone());
        let approves = |role: &Role| {
            let by = staged.access.approvers(*role);
            roles.iter().any(|(held, at)| by.contains(held) && at.covers(&place))
        };
        roles_given(staged).into_iter().find(|role| !approves(role))
    }

    /// Whose account somebody suspended by hand, of those who come back: a file opens none of these.
    async fn suspended_by_hand(&self, found: &Difference) -> Result<HashSet<PersonId>, AppError> {
        let mut theirs = HashSet::new();
        for mover in found.movers.iter().filter(|mover| mover.returns) {
            let facts = self.store.facts_about(&format!("person:{}", mover.person), MOST_FACTS).await?;
            let deed =
                facts.iter().find(|fact| matches!(fact.action.as_str(), "suspend-account" | "open-account"));
            if deed.is_some_and(|fact| fact.action == "suspend-account") {
                theirs.insert(mover.person);
            }
        }
        Ok(theirs)
    }

    async fn plan(&self, staged: &Staged) -> Result<Plan, AppError> {
        let suspended = self.suspended_by_hand(&staged.found).await?;
        let school = staged.record.staged.school.clone();
        let people = self.store.people().await?;
        let mut logins: HashSet<String> = people.iter().map(|person| person.login.clone()).collect();
        let mut accounts: HashMap<PersonId, Vec<Account>> = HashMap::new();
        for account in self.store.accounts().await? {
            logins.insert(account.login.clone());
            accounts.entry(account.person).or_default().push(account);
        }
        let classes = self.store.classes(self.now()).await?;
        let sources = self.store.person_sources(&school).await?;
        let mut planner = Planner {
            imports: self,
            people: people.into_iter().map(|person| (person.id, person)).collect(),
            accounts,
            sources: sources.into_iter().map(|link| (link.person, link)).collect(),
            classes: Classes::of(classes.into_iter().filter(|class| class.school == school)),
            logins,
            school,
            next_look: staged.next_look,
            suspended,
            changes: Vec::new(),
            kept: Kept { held: !staged.holds.is_empty(), ..Kept::default() },
        };
        let rows = staged.reading.as_ref().map(|reading| reading.rows.as_slice()).unwrap_or_default();
        for row in staged.found.joiners.iter().filter_map(|place| rows.get(*place)) {
            planner.join(row)?;
        }
        for mover in &staged.found.movers {
            planner.move_on(mover, mover.row.and_then(|place| rows.get(place)))?;
        }
        for person in &staged.found.leavers {
            planner.leave(*person)?;
        }
        planner.end_classes(rows);
        Ok(Plan { changes: planner.changes, kept: planner.kept })
    }
}

struct Plan {
    changes: Vec<Change>,
    kept: Kept,
}

struct Planner<'a> {
    imports: &'a Imports<'a>,
    people: HashMap<PersonId, Person>,
    accounts: HashMap<PersonId, Vec<Account>>,
    sources: HashMap<PersonId, PersonSource>,
    classes: Classes,
    logins: HashSet<String>,
    school: SchoolId,
    next_look: Timestamp,
    /// Whose account stays suspended where they come back.
    suspended: HashSet<PersonId>,
    changes: Vec<Change>,
    kept: Kept,
}

impl Planner<'_> {
    fn place(&self) -> Scope {
        Scope::School(self.school.clone())
    }

    fn join(&mut self, row: &Row) -> Result<(), AppError> {
        let now = self.imports.now();
        let login = login_for(&row.given, &row.family, &mut self.logins);
        let held = Affiliation { scope: self.place(), role: row.part.role(), year: row.year };
        let person = Person {
            id: PersonId(new_uuid(now)?),
            login,
            display_name: row.name(),
            affiliations: vec![held],
        };
        let kind = kind_for(&person.affiliations);
        let account = Account::new(AccountId(new_uuid(now)?), &person, kind, now, self.imports.actor);
        let after = KeptSelf::of(&person);
        self.kept.people.push(KeptPerson {
            person: person.id.to_string(),
            is_new: true,
            was: after.clone(),
            is: after,
            made: account.id.to_string(),
            accounts: Vec::new(),
            classes: Vec::new(),
            had_left: false,
            source: None,
        });
        let id = person.id;
        self.changes.push(Change::AddPerson { person, scope: Scope::Trust });
        self.changes.push(Change::Account(AccountChange::Add(account)));
        self.grant(id, row.part.role());
        self.link(id, row, None);
        for class in &row.classes {
            self.put_in_class(id, class, part_in(row.part))?;
        }
        Ok(())
    }

    fn move_on(&mut self, mover: &Mover, row: Option<&Row>) -> Result<(), AppError> {
        let Some(person) = self.people.get(&mover.person).cloned() else { return Ok(()) };
        let mut after = person.clone();
        let place = self.place();
        let classes = self.classes.of_person(person.id);
        let is_actor = matches!(self.imports.actor, Actor::Person { id, .. } if *id == person.id);
        for change in &mover.changes {
            let held = after.affiliations.iter_mut().find(|held| held.scope == place);
            match (change, held) {
                (FieldChange::Year { to, .. }, Some(held)) => held.year = *to,
                (FieldChange::Role { to, .. }, Some(held)) => held.role = *to,
                (FieldChange::Name { to }, _) => after.display_name.clone_from(to),
                (FieldChange::Leaves(class), _) => self.out_of_class(person.id, class),
                // Nobody takes a class by approving it themselves.
                (FieldChange::Joins(_), _) if is_actor => {}
                (FieldChange::Joins(class), held) => {
                    let role = held.map(|held| held.role);
                    let part = row.map(|row| row.part).or(role.map(part_of));
                    self.put_in_class(person.id, class, part_in(part.unwrap_or(Part::Staff)))?;
                }
                // Whoever belongs to the whole trust has no year group and no role of one school.
                (FieldChange::Year { .. } | FieldChange::Role { .. }, None) => {}
            }
        }
        let mut accounts = Vec::new();
        if mover.returns {
            if !self.suspended.contains(&person.id) {
                accounts = self.set_accounts(person.id, AccountState::Suspended, AccountState::Open);
            }
            let left = ImportChange::SetLeft { school: self.school.clone(), person: person.id, left: None };
            self.changes.push(Change::Import(left));
        }
        self.grants(&person, &after, mover.returns);
        self.keep(&person, &after, accounts, classes);
        if let Some(row) = row.filter(|_| mover.links) {
            let born = self.sources.get(&person.id).and_then(|link| link.born.clone());
            self.link(person.id, row, born);
        }
        self.replace(&person, after);
        Ok(())
    }

    /// The grants of somebody whose role is another, or who comes back to theirs.
    fn grants(&mut self, was: &Person, is: &Person, returns: bool) {
        let place = self.place();
        let role_at = |person: &Person| {
            person.affiliations.iter().find(|held| held.scope == place).map(|held| held.role)
        };
        let (before, after) = (role_at(was), role_at(is));
        if let Some(role) = before.filter(|_| before != after) {
            let (scope, at) = (place.clone(), self.imports.now());
            self.changes.push(Change::Rights(RightsChange::End { person: was.id, role, scope, at }));
        }
        if let Some(role) = after.filter(|_| returns || before != after) {
            self.grant(is.id, role);
        }
    }

    /// Notes who approved that somebody has a role, where it does something in the console.
    fn grant(&mut self, person: PersonId, role: Role) {
        if !needs_approval(role) {
            return;
        }
        let grant = Grant {
            person,
            role,
            scope: self.place(),
            request: None,
            approved: (self.imports.now(), self.imports.actor.to_string()),
            review_on: self.next_look,
        };
        self.changes.push(Change::Rights(RightsChange::Grant(Box::new(grant))));
    }

    fn leave(&mut self, id: PersonId) -> Result<(), AppError> {
        let Some(person) = self.people.get(&id).cloned() else { return Ok(()) };
        let place = self.place();
        let classes = self.classes.of_person(id);
        let elsewhere: Vec<Affiliation> =
            person.affiliations.iter().filter(|held| held.scope != place).cloned().collect();
        let mut after = person.clone();
        let mut accounts = Vec::new();
        if elsewhere.is_empty() {
            for state in [AccountState::Open, AccountState::Pending] {
                accounts.extend(self.set_accounts(id, state, AccountState::Suspended));
            }
            let left = Some(self.imports.now());
            let left = ImportChange::SetLeft { school: self.school.clone(), person: id, left };
            self.changes.push(Change::Import(left));
        } else {
            // They go on elsewhere, with the same account, and with nothing here.
            after.affiliations = elsewhere;
            let unlink = ImportChange::Unlink { school: self.school.clone(), person: id };
            self.changes.push(Change::Import(unlink));
            let end = AccountChange::EndEverything { person: id, but: None, at: self.imports.now() };
            self.changes.push(Change::Account(end));
        }
        for (class, _) in &classes {
            self.classes.remove(*class, id);
            self.changes.push(Change::Class(ClassChange::Leave {
                class: *class,
                person: id,
                at: self.imports.now(),
            }));
        }
        self.keep(&person, &after, accounts, classes);
        self.replace(&person, after);
        Ok(())
    }

    /// Changes the everyday accounts that are in one state to another: id, before, after.
    fn set_accounts(
        &mut self,
        person: PersonId,
        from: AccountState,
        to: AccountState,
    ) -> Vec<(String, String, String)> {
        let at = self.imports.now();
        let accounts = self.accounts.get(&person).map(Vec::as_slice).unwrap_or_default();
        let meant: Vec<AccountId> = accounts
            .iter()
            .filter(|account| account.state == from && !account.kind.administers())
            .map(|account| account.id)
            .collect();
        for account in &meant {
            let set = AccountChange::SetState { account: *account, state: to, at };
            self.changes.push(Change::Account(set));
        }
        let kept = |id: AccountId| (id.to_string(), from.slug().to_owned(), to.slug().to_owned());
        meant.into_iter().map(kept).collect()
    }

    fn keep(
        &mut self,
        was: &Person,
        is: &Person,
        accounts: Vec<(String, String, String)>,
        classes: Vec<(ClassId, ClassPart)>,
    ) {
        let link = self.sources.get(&was.id);
        self.kept.people.push(KeptPerson {
            person: was.id.to_string(),
            is_new: false,
            was: KeptSelf::of(was),
            is: KeptSelf::of(is),
            made: String::new(),
            accounts,
            classes: classes.iter().map(|(id, part)| (id.to_string(), part.slug().to_owned())).collect(),
            had_left: link.is_some_and(|link| link.left.is_some()),
            source: link.map(|link| (link.source.clone(), link.born.clone())),
        });
    }

    fn replace(&mut self, was: &Person, is: Person) {
        if was.display_name != is.display_name {
            let display_name = is.display_name.clone();
            self.changes.push(Change::Rename { person: is.id, display_name });
        }
        if was.affiliations != is.affiliations {
            let affiliations = is.affiliations.clone();
            self.changes.push(Change::SetAffiliations { person: is.id, affiliations });
        }
    }

    fn link(&mut self, person: PersonId, row: &Row, born: Option<String>) {
        let born = row.born.map(|born| born.to_string()).or(born);
        let link = PersonSource { source: row.source.to_string(), person, born, left: None };
        let (school, at) = (self.school.clone(), self.imports.now());
        self.changes.push(Change::Import(ImportChange::Link { school, link, at }));
    }

    fn put_in_class(&mut self, person: PersonId, name: &ClassName, part: ClassPart) -> Result<(), AppError> {
        let from = self.imports.now();
        let class = match self.classes.id(name) {
            Some(class) => class,
            None => {
                let id = ClassId(new_uuid(from)?);
                self.classes.add(id, name);
                self.kept.made.push(id.to_string());
                let (school, name, kind) = (self.school.clone(), name.name.clone(), name.kind);
                self.changes.push(Change::Class(ClassChange::Add { id, school, name, kind, from }));
                id
            }
        };
        if self.classes.put(class, person, part) {
            let scope = self.place();
            let join = ClassChange::Join { class, person, part, from, scope };
            self.changes.push(Change::Class(join));
        }
        Ok(())
    }

    fn out_of_class(&mut self, person: PersonId, name: &ClassName) {
        let Some(class) = self.classes.id(name) else { return };
        self.classes.remove(class, person);
        let leave = ClassChange::Leave { class, person, at: self.imports.now() };
        self.changes.push(Change::Class(leave));
    }

    /// Ends classes whose last learner went, unless the file names them still.
    fn end_classes(&mut self, rows: &[Row]) {
        let named: HashSet<_> = rows.iter().flat_map(|row| &row.classes).map(ClassName::key).collect();
        for class in self.classes.emptied(&named) {
            self.kept.ended.push(class.to_string());
            let end = ClassChange::End { class, at: self.imports.now() };
            self.changes.push(Change::Class(end));
        }
    }
}

/// The classes of the school while changes are made.
struct Classes {
    ids: HashMap<(ClassKind, String), ClassId>,
    members: BTreeMap<ClassId, BTreeSet<(ClassPart, PersonId)>>,
    had_learners: BTreeSet<ClassId>,
    by_person: HashMap<PersonId, Vec<(ClassId, ClassPart)>>,
}

impl Classes {
    fn of(classes: impl Iterator<Item = Class>) -> Self {
        let mut all = Self {
            ids: HashMap::new(),
            members: BTreeMap::new(),
            had_learners: BTreeSet::new(),
            by_person: HashMap::new(),
        };
        for class in classes {
            let name = ClassName { kind: class.kind, name: class.name };
            all.ids.entry(name.key()).or_insert(class.id);
            let learners = class.learners.iter().map(|person| (ClassPart::Learner, *person));
            let teachers = class.teachers.iter().map(|person| (ClassPart::Teacher, *person));
            let members: BTreeSet<(ClassPart, PersonId)> = learners.chain(teachers).collect();
            for (part, person) in &members {
                all.by_person.entry(*person).or_default().push((class.id, *part));
            }
            all.members.insert(class.id, members);
            if !class.learners.is_empty() {
                all.had_learners.insert(class.id);
            }
        }
        all
    }

    fn id(&self, name: &ClassName) -> Option<ClassId> {
        self.ids.get(&name.key()).copied()
    }

    fn add(&mut self, id: ClassId, name: &ClassName) {
        self.ids.insert(name.key(), id);
    }

    /// Puts somebody in; false where they are in it already.
    fn put(&mut self, class: ClassId, person: PersonId, part: ClassPart) -> bool {
        self.members.entry(class).or_default().insert((part, person))
    }

    fn remove(&mut self, class: ClassId, person: PersonId) {
        if let Some(members) = self.members.get_mut(&class) {
            members.retain(|(_, member)| *member != person);
        }
    }

    /// The classes that somebody was in before anything changed.
    fn of_person(&self, person: PersonId) -> Vec<(ClassId, ClassPart)> {
        self.by_person.get(&person).cloned().unwrap_or_default()
    }

    fn emptied(&self, named: &HashSet<(ClassKind, String)>) -> Vec<ClassId> {
        let stays: HashSet<ClassId> =
            self.ids.iter().filter(|(key, _)| named.contains(key)).map(|(_, id)| *id).collect();
        let has_learners = |class: &&ClassId| {
            let members = self.members.get(class).into_iter().flatten();
            members.into_iter().any(|(part, _)| *part == ClassPart::Learner)
        };
        let gone = self.had_learners.iter().filter(|class| !has_learners(class) && !stays.contains(class));
        gone.copied().collect()
    }
}

/// The roles that it would give somebody, of those that do something in the console.
fn roles_given(staged: &Staged) -> BTreeSet<Role> {
    let rows = staged.reading.as_ref().map(|reading| reading.rows.as_slice()).unwrap_or_default();
    let joiners = staged.found.joiners.iter().filter_map(|place| rows.get(*place));
    let returning = staged.found.movers.iter().filter(|mover| mover.returns);
    let back = returning.filter_map(|mover| {
        let known = staged.before.people.iter().find(|known| known.person == mover.person);
        known.map(|known| known.role)
    });
    let changes = staged.found.movers.iter().flat_map(|mover| &mover.changes);
    let becomes = changes.filter_map(|change| match change {
        FieldChange::Role { to, .. } => Some(*to),
        _ => None,
    });
    let given = joiners.map(|row| row.part.role()).chain(back).chain(becomes);
    given.filter(|role| needs_approval(*role)).collect()
}

fn part_in(part: Part) -> ClassPart {
    if part == Part::Learner { ClassPart::Learner } else { ClassPart::Teacher }
}

fn part_of(role: Role) -> Part {
    if role == Role::Learner { Part::Learner } else { Part::Teacher }
}
