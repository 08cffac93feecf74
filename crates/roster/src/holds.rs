//! What makes a second person look: numbers that surprise, and staff.

use crate::{Before, Difference, FieldChange, Known, Mover, Part, Reading, Row};
use model::{PersonId, Role};
use std::collections::HashMap;

/// From when on numbers surprise, as the policy has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Thresholds {
    /// More joiners, or more leavers, than so many of a hundred people.
    pub percent: u32,
}

/// Why a second person must look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// It is a school year's end.
    RollOver,
    /// Many leave.
    Leavers {
        /// How many.
        count: usize,
        /// Of how many on the records.
        of: usize,
    },
    /// Many join, or come back.
    Joiners {
        /// How many.
        count: usize,
        /// Beside how many on the records.
        of: usize,
    },
    /// Members of staff who had left come back.
    StaffReturn {
        /// How many.
        count: usize,
    },
    /// Members of staff come into a class, and so see its learners.
    StaffJoinClass {
        /// How many.
        count: usize,
    },
    /// Members of staff leave.
    StaffLeave {
        /// How many.
        count: usize,
    },
    /// People who decide beside others are missing, and stay.
    Kept {
        /// How many.
        count: usize,
    },
    /// Members of staff become something else, or join.
    StaffChange {
        /// How many.
        count: usize,
    },
    /// Year groups go down, or up by more than one.
    YearsJump {
        /// How many learners.
        count: usize,
    },
    /// Many rows could not be read.
    Unread {
        /// How many.
        count: usize,
        /// Of how many.
        of: usize,
    },
}

impl Hold {
    /// The reason in words.
    pub fn words(self) -> String {
        let people =
            |count: usize| if count == 1 { "1 person".to_owned() } else { format!("{count} people") };
        match self {
            Self::RollOver => "It ends a school year.".to_owned(),
            Self::Leavers { count, of } => format!("{} would leave, of {of} on the records.", people(count)),
            Self::Joiners { count, of } => {
                format!("{} would join {of} on the records, or come back.", people(count))
            }
            Self::StaffReturn { count } => format!("{} who had worked here would come back.", people(count)),
            Self::StaffJoinClass { count } => {
                format!("{} who work here would come into a class.", people(count))
            }
            Self::StaffLeave { count } => format!("{} who work here would leave.", people(count)),
            Self::Kept { count } => format!(
                "{} with a post or an administrator\u{2019}s account are missing from the file. They stay; decide under \
                 People.",
                people(count)
            ),
            Self::StaffChange { count } => {
                format!("{} would join the staff, or become something else there.", people(count))
            }
            Self::YearsJump { count } => {
                format!("{} would go down a year group, or up by more than is usual.", people(count))
            }
            Self::Unread { count, of } => format!("{count} of {of} rows could not be read."),
        }
    }
}

/// Why a second person must look at a difference; empty where nothing surprises.
pub fn holds(
    found: &Difference,
    reading: Option<&Reading>,
    before: &Before,
    thresholds: Thresholds,
) -> Vec<Hold> {
    let known: HashMap<PersonId, _> = before.people.iter().map(|known| (known.person, known)).collect();
    let of = before.people.iter().filter(|known| !known.has_left).count();
    let is_many = |count: usize, of: usize| {
        let percent = usize::try_from(thresholds.percent).unwrap_or(usize::MAX);
        count > 0 && count.saturating_mul(100) > of.saturating_mul(percent)
    };
    let finishes = |person: &&PersonId| {
        let year = known.get(person).and_then(|known| known.year);
        found.leaving_year.zip(year).is_some_and(|(leaving, year)| year >= leaving)
    };
    let leavers = found.leavers.iter().filter(|person| !finishes(person)).count();
    let joiners = found.joiners.len() + found.movers.iter().filter(|mover| mover.returns).count();
    let rows = reading.map(|reading| reading.rows.as_slice()).unwrap_or_default();
    let usual = if found.leaving_year.is_some() { 1..=1 } else { 0..=1 };
    let jumps = |change: &FieldChange| match change {
        FieldChange::Year { from: Some(from), to: Some(to) } => {
            !usual.contains(&(to.number() - from.number()))
        }
        _ => false,
    };
    let jumpers = found.movers.iter().filter(|mover| mover.changes.iter().any(jumps)).count();
    let lost = reading.map_or(0, |reading| reading.lost);
    let all_rows = rows.len() + lost;
    let staff = Staff::of(found, rows, &known);
    let checks = [
        (found.leaving_year.is_some(), Hold::RollOver),
        (is_many(leavers, of), Hold::Leavers { count: leavers, of }),
        (is_many(joiners, of), Hold::Joiners { count: joiners, of }),
        (staff.leave > 0, Hold::StaffLeave { count: staff.leave }),
        (staff.come_back > 0, Hold::StaffReturn { count: staff.come_back }),
        (!found.kept.is_empty(), Hold::Kept { count: found.kept.len() }),
        (staff.change > 0, Hold::StaffChange { count: staff.change }),
        (staff.join_class > 0, Hold::StaffJoinClass { count: staff.join_class }),
        (jumpers > 0, Hold::YearsJump { count: jumpers }),
        (is_many(lost, all_rows), Hold::Unread { count: lost, of: all_rows }),
    ];
    checks.into_iter().filter(|(holds, _)| *holds).map(|(_, hold)| hold).collect()
}

/// What becomes of whoever is no learner, in numbers.
struct Staff {
    leave: usize,
    come_back: usize,
    /// They join the staff, or become something else there.
    change: usize,
    join_class: usize,
}

impl Staff {
    fn of(found: &Difference, rows: &[Row], known: &HashMap<PersonId, &Known>) -> Self {
        let is_staff = |person: &PersonId| known.get(person).is_some_and(|known| known.role != Role::Learner);
        let joins_staff = |place: &&usize| rows.get(**place).is_some_and(|row| row.part != Part::Learner);
        // A row may call somebody staff whom the records call a learner, and the class would take them as its teacher.
        let comes_as_staff = |mover: &&Mover| {
            let row = mover.row.and_then(|place| rows.get(place));
            is_staff(&mover.person) || row.is_some_and(|row| row.part != Part::Learner)
        };
        let movers = |is: &dyn Fn(&FieldChange) -> bool| {
            let movers = found.movers.iter().filter(comes_as_staff);
            movers.filter(|mover| mover.changes.iter().any(is)).count()
        };
        Self {
            leave: found.leavers.iter().filter(|person| is_staff(person)).count(),
            come_back: found.movers.iter().filter(|mover| mover.returns && comes_as_staff(mover)).count(),
            change: movers(&|change| matches!(change, FieldChange::Role { .. }))
                + found.joiners.iter().filter(joins_staff).count(),
            join_class: movers(&|change| matches!(change, FieldChange::Joins(_))),
        }
    }
}
