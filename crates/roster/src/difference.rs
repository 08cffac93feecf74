//! What a file would change: each row beside who is on the records.
//!
//! A row is somebody's by its id alone. A name, a year group and a birth date that fit are a question to a person, never an
//! answer; so is an id that differs by zeros in front, unless the name is the same too.
//!
//! Invariants: nobody leaves because a row could not be read, because a question is open, or because a file of pupils has no
//! staff; whoever decides beside others (a post, an administrator's account, the whole trust) is never taken off by a file;
//! a file that was applied changes nothing the second time.

use crate::{ClassName, Fault, Part, Reading, Row, SourceId, Weight, fold_name};
use jiff::civil::Date;
use model::{ClassKind, PersonId, Role, YearGroup};
use std::collections::{HashMap, HashSet};

/// The most people whom one question offers.
const MOST_CANDIDATES: usize = 5;

/// Somebody on the records of one school.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// Who.
    pub person: PersonId,
    /// Their id in the school's system, where an import has said so.
    pub source: Option<SourceId>,
    /// True where an earlier import took them off.
    pub has_left: bool,
    /// Their name, as screens show it.
    pub name: String,
    /// When they were born, where an import has said so.
    pub born: Option<Date>,
    /// What they are at the school.
    pub role: Role,
    /// A learner's year group.
    pub year: Option<YearGroup>,
    /// Their classes there.
    pub classes: Vec<ClassName>,
    /// True where they hold a post or an account beyond the everyday one, or belong to the whole trust.
    pub decides: bool,
}

/// Who is on the records of a school, and what was answered about a file.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// Everybody with an affiliation there.
    pub people: Vec<Known>,
    /// Answers to questions, by the id in the file.
    pub answers: HashMap<SourceId, Answer>,
}

/// Who a row is, as somebody answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Somebody who is on the records already.
    Same(PersonId),
    /// Somebody new.
    New,
}

/// What a file would change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Difference {
    /// Rows of people who are new, by their place.
    pub joiners: Vec<usize>,
    /// People who stay or come back, and of whom something changes.
    pub movers: Vec<Mover>,
    /// People who leave.
    pub leavers: Vec<PersonId>,
    /// People whom the file would take off, and who stay for a person to decide about.
    pub kept: Vec<PersonId>,
    /// People who are missing from the file, and stay since rows of it have no id.
    pub unsure: usize,
    /// Rows that nobody can match for certain.
    pub questions: Vec<Question>,
    /// People of whom nothing changes.
    pub same: usize,
    /// Mistakes that show only beside the records.
    pub faults: Vec<Fault>,
    /// At a roll-over, the year group that leaves.
    pub leaving_year: Option<YearGroup>,
}

/// Somebody of whom something changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mover {
    /// Who.
    pub person: PersonId,
    /// Their row, by its place; `None` where a roll-over moves them without one.
    pub row: Option<usize>,
    /// What changes.
    pub changes: Vec<FieldChange>,
    /// True where they had left.
    pub returns: bool,
    /// True where their id or birth date is to be noted.
    pub links: bool,
}

/// One change of somebody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FieldChange {
    /// Another year group.
    Year {
        /// The one before.
        from: Option<YearGroup>,
        /// The new one.
        to: Option<YearGroup>,
    },
    /// Another role; no post is given or taken so.
    Role {
        /// The one before.
        from: Role,
        /// The new one.
        to: Role,
    },
    /// Another name.
    Name {
        /// The new one.
        to: String,
    },
    /// They come into a class.
    Joins(ClassName),
    /// They go out of a class.
    Leaves(ClassName),
}

/// A row that may be somebody who is on the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The row, by its place.
    pub row: usize,
    /// Whom it may be, likeliest first.
    pub candidates: Vec<PersonId>,
}

impl ClassName {
    /// What two spellings of one class have in common: `4 b` is `4B`.
    pub fn key(&self) -> (ClassKind, String) {
        (self.kind, fold_name(&self.name))
    }
}

impl Difference {
    /// True where nothing would change, and nothing is to be answered.
    pub fn is_empty(&self) -> bool {
        self.joiners.is_empty()
            && self.movers.is_empty()
            && self.leavers.is_empty()
            && self.kept.is_empty()
            && self.questions.is_empty()
    }
}

/// Says what a file would change.
pub fn difference(reading: &Reading, before: &Before) -> Difference {
    compare(reading, before).0
}

/// What a file would change, and everybody who stands in it.
pub(crate) fn compare(reading: &Reading, before: &Before) -> (Difference, HashSet<PersonId>) {
    let index = Index::of(reading, before);
    let mut found = Difference::default();
    let mut seen: HashSet<PersonId> = HashSet::new();
    let mut asked: HashSet<PersonId> = HashSet::new();
    for (place, row) in reading.rows.iter().enumerate() {
        match index.owner(row) {
            Owner::Known(known) if !seen.insert(known.person) => {
                found
                    .faults
                    .push(about(row, "This is somebody who stands in the file under another id too."));
            }
            Owner::Known(known) if is_learner(known.role) != (row.part == Part::Learner) => {
                found.faults.push(about(
                    row,
                    "The records have this id for a learner and the file for staff, or the other way round.",
                ));
            }
            Owner::Known(known) if row.leaving => {
                if !known.has_left {
                    take_off(&mut found, known);
                }
            }
            Owner::Known(known) => match index.changes(place, row, known) {
                Some(mover) => found.movers.push(mover),
                None => found.same += 1,
            },
            // Whoever has left and was never here needs no account.
            Owner::Nobody(_) if row.leaving => {}
            Owner::Nobody(candidates) if candidates.is_empty() => found.joiners.push(place),
            Owner::Nobody(candidates) => {
                asked.extend(&candidates);
                found.questions.push(Question { row: place, candidates });
            }
        }
    }
    if reading.is_whole {
        let missing = before.people.iter().filter(|known| {
            index.is_expected(known) && !seen.contains(&known.person) && !asked.contains(&known.person)
        });
        for known in missing {
            if reading.nameless > 0 {
                found.unsure += 1;
            } else {
                take_off(&mut found, known);
            }
        }
    }
    (found, seen)
}

pub(crate) fn take_off(found: &mut Difference, known: &Known) {
    let list = if known.decides { &mut found.kept } else { &mut found.leavers };
    list.push(known.person);
}

pub(crate) fn is_learner(role: Role) -> bool {
    role == Role::Learner
}

/// Whose a row is.
enum Owner<'a> {
    Known(&'a Known),
    /// Nobody's for certain, and perhaps one of these.
    Nobody(Vec<PersonId>),
}

struct Index<'a> {
    before: &'a Before,
    by_source: HashMap<&'a SourceId, &'a Known>,
    by_person: HashMap<PersonId, &'a Known>,
    by_name: HashMap<String, Vec<&'a Known>>,
    /// People by their id without zeros; more than one where zeros tell them apart.
    by_digits: HashMap<&'a str, Vec<&'a Known>>,
    in_file: HashSet<&'a SourceId>,
    withheld: HashSet<&'a SourceId>,
    kinds: HashSet<ClassKind>,
    has_learners: bool,
    has_staff: bool,
}

impl<'a> Index<'a> {
    fn of(reading: &'a Reading, before: &'a Before) -> Self {
        let sourced = || before.people.iter().filter_map(|known| Some((known.source.as_ref()?, known)));
        let mut by_name: HashMap<String, Vec<&Known>> = HashMap::new();
        for known in &before.people {
            by_name.entry(fold_name(&known.name)).or_default().push(known);
        }
        let mut by_digits: HashMap<&str, Vec<&Known>> = HashMap::new();
        for (source, known) in sourced() {
            by_digits.entry(source.without_zeros()).or_default().push(known);
        }
        let classes = reading.rows.iter().flat_map(|row| &row.classes);
        Self {
            before,
            by_source: sourced().collect(),
            by_person: before.people.iter().map(|known| (known.person, known)).collect(),
            by_name,
            by_digits,
            in_file: reading.rows.iter().map(|row| &row.source).collect(),
            withheld: reading.withheld.iter().collect(),
            kinds: classes.map(|class| class.kind).collect(),
            has_learners: reading.rows.iter().any(|row| row.part == Part::Learner),
            has_staff: reading.rows.iter().any(|row| row.part != Part::Learner),
        }
    }

    fn owner(&self, row: &Row) -> Owner<'a> {
        if let Some(known) = self.by_source.get(&row.source) {
            return Owner::Known(known);
        }
        match self.before.answers.get(&row.source) {
            Some(Answer::Same(person)) => {
                if let Some(known) = self.by_person.get(person) {
                    return Owner::Known(known);
                }
            }
            Some(Answer::New) => return Owner::Nobody(Vec::new()),
            None => {}
        }
        if let Some([known]) = self.by_digits.get(row.source.without_zeros()).map(Vec::as_slice)
            && known.source.as_ref().is_some_and(|source| !self.in_file.contains(source))
            && fold_name(&known.name) == fold_name(&row.name())
        {
            return Owner::Known(known);
        }
        Owner::Nobody(self.candidates(row))
    }

    /// People of the same name whom the file does not have under an id of their own.
    fn candidates(&self, row: &Row) -> Vec<PersonId> {
        let namesakes = self.by_name.get(&fold_name(&row.name())).into_iter().flatten();
        let fits = |known: &&&Known| {
            let is_elsewhere = known.source.as_ref().is_some_and(|source| self.in_file.contains(source));
            let other_birth = known.born.zip(row.born).is_some_and(|(known, here)| known != here);
            let years_apart = known
                .year
                .zip(row.year)
                .map_or(0, |(known, here)| (i16::from(here.number()) - i16::from(known.number())).abs());
            !is_elsewhere
                && !other_birth
                && (years_apart <= 1 || known.has_left)
                && is_learner(known.role) == (row.part == Part::Learner)
        };
        let mut found: Vec<&Known> = namesakes.filter(fits).copied().collect();
        found.sort_by_key(|known| (known.born.is_none(), known.year != row.year, known.person));
        found.into_iter().map(|known| known.person).take(MOST_CANDIDATES).collect()
    }

    /// True for somebody who should stand in a whole file.
    fn is_expected(&self, known: &Known) -> bool {
        let is_covered = if is_learner(known.role) { self.has_learners } else { self.has_staff };
        let source = known.source.as_ref().filter(|source| !self.withheld.contains(source));
        is_covered && source.is_some() && !known.has_left
    }

    fn changes(&self, place: usize, row: &Row, known: &Known) -> Option<Mover> {
        let mut changes = Vec::new();
        if row.part == Part::Learner && row.year != known.year {
            changes.push(FieldChange::Year { from: known.year, to: row.year });
        }
        let to = row.part.role();
        // Whoever decides beside others is made something else by a person, never by a file.
        if !known.decides
            && to != known.role
            && matches!(known.role, Role::ClassTeacher | Role::Staff | Role::Guest)
        {
            changes.push(FieldChange::Role { from: known.role, to });
        }
        if row.name() != known.name {
            changes.push(FieldChange::Name { to: row.name() });
        }
        let held: HashSet<_> = known.classes.iter().map(ClassName::key).collect();
        let wanted: HashSet<_> = row.classes.iter().map(ClassName::key).collect();
        // A file without classes says nothing about them.
        let goes = known.classes.iter().filter(|class| self.kinds.contains(&class.kind));
        let goes = goes.filter(|class| !wanted.contains(&class.key())).cloned();
        let comes = row.classes.iter().filter(|class| !held.contains(&class.key())).cloned();
        changes.extend(goes.map(FieldChange::Leaves));
        changes.extend(comes.map(FieldChange::Joins));
        let is_new_id = known.source.is_none()
            || (self.before.answers.contains_key(&row.source) && known.source.as_ref() != Some(&row.source));
        let links = is_new_id || (row.born.is_some() && row.born != known.born);
        let mover = Mover { person: known.person, row: Some(place), changes, returns: known.has_left, links };
        (links || mover.returns || !mover.changes.is_empty()).then_some(mover)
    }
}

fn about(row: &Row, what: &str) -> Fault {
    Fault {
        file: row.file.clone(),
        line: row.line,
        column: String::new(),
        what: what.to_owned(),
        mend: "The row is not taken. Correct it in the school\u{2019}s system, or the person here."
            .to_owned(),
        weight: Weight::Lost,
    }
}
