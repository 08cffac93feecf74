//! A difference in words: what happens, in few lines, and what changes of each person.

use crate::{Before, ClassName, Difference, FieldChange, Reading};
use model::{ClassKind, PersonId, YearGroup};
use std::collections::{BTreeMap, HashMap};

/// One line of a difference.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Headline {
    /// What happens: `joins`, `leaves`, `changes`, `stays`.
    pub kind: &'static str,
    /// Who, by name; empty on a line about many.
    pub who: String,
    /// What, in words.
    pub what: String,
}

/// The difference in words: first what happens to how many, then a line for each person.
pub fn headlines(
    found: &Difference,
    reading: Option<&Reading>,
    before: &Before,
) -> (Vec<String>, Vec<Headline>) {
    let known: HashMap<PersonId, _> = before.people.iter().map(|known| (known.person, known)).collect();
    let name = |person: &PersonId| known.get(person).map(|known| known.name.clone()).unwrap_or_default();
    let rows = reading.map(|reading| reading.rows.as_slice()).unwrap_or_default();
    let mut sums = Sums::default();
    let mut lines = Vec::new();
    for row in found.joiners.iter().filter_map(|place| rows.get(*place)) {
        let what = row.year.map_or_else(|| row.part.role().title().to_owned(), year_words);
        let classes: Vec<&str> = row.classes.iter().map(|class| class.name.as_str()).collect();
        let into = if classes.is_empty() { String::new() } else { format!(", {}", classes.join(", ")) };
        sums.add("joins", format!("Joining, {what}"));
        lines.push(Headline { kind: "joins", who: row.name(), what: format!("Joins: {what}{into}") });
    }
    for person in &found.leavers {
        let what = known.get(person).map(|known| match known.year {
            Some(year) => year_words(year),
            None => known.role.title().to_owned(),
        });
        let what = what.unwrap_or_default();
        sums.add("leaves", format!("Leaving, {what}"));
        lines.push(Headline { kind: "leaves", who: name(person), what: format!("Leaves: {what}") });
    }
    for person in &found.kept {
        let what =
            "Missing from the file, and stays: holds a post or an administrator\u{2019}s account".to_owned();
        lines.push(Headline { kind: "stays", who: name(person), what });
    }
    for mover in &found.movers {
        let changes = in_words(&mover.changes, &name(&mover.person));
        for change in &changes {
            sums.add("changes", change.1.clone());
        }
        let mut words: Vec<String> = changes.into_iter().map(|(word, _)| word).collect();
        if mover.returns {
            sums.add("joins", "Coming back".to_owned());
            words.insert(0, "Comes back".to_owned());
        }
        if words.is_empty() {
            sums.add("changes", "Known by their id from now on".to_owned());
            words.push("Is known by their id from now on".to_owned());
        }
        lines.push(Headline { kind: "changes", who: name(&mover.person), what: words.join("; ") });
    }
    (sums.in_words(), lines)
}

/// `Reception`, `Year 4`.
fn year_words(year: YearGroup) -> String {
    match year.number() {
        -1 => "Nursery".to_owned(),
        0 => "Reception".to_owned(),
        number => format!("Year {number}"),
    }
}

/// Counts of the same words, in the order of kinds and then of words.
#[derive(Default)]
struct Sums(BTreeMap<(u8, String), usize>);

impl Sums {
    fn add(&mut self, kind: &str, words: String) {
        let place = match kind {
            "joins" => 0,
            "leaves" => 1,
            _ => 2,
        };
        *self.0.entry((place, words)).or_default() += 1;
    }

    fn in_words(self) -> Vec<String> {
        self.0.into_iter().map(|((_, words), count)| format!("{words}: {count}")).collect()
    }
}

/// Each change for one person's line, and for the sum over everybody.
fn in_words(changes: &[FieldChange], name: &str) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for change in changes {
        match change {
            FieldChange::Year { from, to } => {
                let word =
                    |year: &Option<YearGroup>| year.map_or_else(|| "no year group".to_owned(), year_words);
                let both = format!("{} to {}", word(from), word(to));
                words.push((both.clone(), both));
            }
            FieldChange::Role { from, to } => {
                let both = format!("{} to {}", from.title(), to.title());
                words.push((both.clone(), both));
            }
            FieldChange::Name { to } => {
                let surname = |name: &str| name.rsplit(' ').next().unwrap_or_default().to_owned();
                let what = if surname(name) == surname(to) { "Name" } else { "Surname" };
                words.push((format!("{what} changes: {to}"), "Another name".to_owned()));
            }
            FieldChange::Joins(_) | FieldChange::Leaves(_) => {}
        }
    }
    words.extend(class_words(changes));
    words
}

/// A class that takes another's place is one line: `class 4B to 5A`.
fn class_words(changes: &[FieldChange]) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for kind in ClassKind::ALL {
        let is = |class: &&ClassName| class.kind == kind;
        let pick = |change: &FieldChange, joins: bool| match change {
            FieldChange::Joins(class) if joins => Some(class.clone()),
            FieldChange::Leaves(class) if !joins => Some(class.clone()),
            _ => None,
        };
        let all = |joins: bool| -> Vec<ClassName> {
            let found = changes.iter().filter_map(|change| pick(change, joins));
            found.filter(|class| is(&class)).collect()
        };
        let (goes, comes) = (all(false), all(true));
        if let ([from], [to]) = (goes.as_slice(), comes.as_slice()) {
            let both = format!("lass {} to {}", from.name, to.name);
            words.push((format!("c{both}"), format!("C{both}")));
            continue;
        }
        for class in goes {
            words.push((format!("out of {}", class.name), format!("Out of {}", class.name)));
        }
        for class in comes {
            words.push((format!("into {}", class.name), format!("Into {}", class.name)));
        }
    }
    words
}
