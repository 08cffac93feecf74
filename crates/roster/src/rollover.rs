//! A school year ends: every learner goes up by one year group, the oldest leave, and next year's file, where there is one,
//! says who is in which class.

use crate::difference::{compare, is_learner, take_off};
use crate::{Before, Difference, FieldChange, Known, Mover, Reading};
use model::YearGroup;
use std::collections::HashSet;

/// What is asked of a roll-over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rollover {
    /// The year group that leaves, with any above it.
    pub leaving: YearGroup,
}

/// Says what the roll-over would change. Who stands in the file is as the file has them; other learners go up by one year
/// group, and those of the leaving year leave.
pub fn roll_over(before: &Before, next_year: Option<&Reading>, asked: Rollover) -> Difference {
    let (mut found, mut settled) = next_year.map(|reading| compare(reading, before)).unwrap_or_default();
    found.leaving_year = Some(asked.leaving);
    settled.extend(found.leavers.iter().chain(&found.kept));
    settled.extend(found.questions.iter().flat_map(|question| &question.candidates));
    // Nothing changes for whoever has a row that could not be read.
    let withheld: HashSet<_> = next_year.map(|reading| reading.withheld.iter().collect()).unwrap_or_default();
    let is_withheld = |known: &&Known| known.source.as_ref().is_some_and(|source| withheld.contains(source));
    settled.extend(before.people.iter().filter(is_withheld).map(|known| known.person));
    let others = before
        .people
        .iter()
        .filter(|known| is_learner(known.role) && !known.has_left && !settled.contains(&known.person));
    for known in others {
        match known.year {
            Some(year) if year >= asked.leaving => take_off(&mut found, known),
            Some(year) => found.movers.push(Mover {
                person: known.person,
                row: None,
                changes: vec![FieldChange::Year { from: Some(year), to: next(year) }],
                returns: false,
                links: false,
            }),
            None => found.same += 1,
        }
    }
    found
}

/// The year group above.
fn next(year: YearGroup) -> Option<YearGroup> {
    match year.number() {
        -1 => YearGroup::parse("R"),
        number => YearGroup::parse(&(number + 1).to_string()),
    }
}
