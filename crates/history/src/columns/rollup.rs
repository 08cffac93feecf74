//! What a slice adds up to, so that charts of a month read no rows: events by school, hour, outcome and host, and by
//! school, hour, outcome and category.

use super::planes::{Reader, Unpack, Writer};
use crate::block::outcome_place;
use crate::parts::{Who, Why};
use model::EventOutcome;
use std::collections::HashMap;
use std::io;

/// Which outcome, by its place; this for one that the program does not know.
pub(crate) const UNKNOWN_OUTCOME: u8 = 4;

/// So many events had this in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Cell {
    /// The school's place among the slice's schools; 0 is no school.
    pub school: u32,
    /// The hour of the day, 0 to 23.
    pub hour: u8,
    /// The outcome's place, or [`UNKNOWN_OUTCOME`].
    pub outcome: u8,
    /// The host's code, or the category's place among the slice's categories; there 0 is no category.
    pub what: u32,
    pub events: u64,
}

/// A slice's sums.
#[derive(Default, Debug, PartialEq)]
pub(crate) struct Rollup {
    /// The schools' names, from place 1 on.
    pub schools: Vec<String>,
    /// The categories' slugs, from place 1 on.
    pub categories: Vec<String>,
    pub hosts: Vec<Cell>,
    pub kinds: Vec<Cell>,
}

/// School, hour, outcome, and host or category; and how many events.
type Key = (u32, u8, u8, u32);
type Sum = (Key, u64);

/// Sums while they are made.
pub(crate) struct Tally {
    schools: Vec<String>,
    categories: Vec<String>,
    /// The school's place of each who.
    school_of: Vec<u32>,
    /// Outcome and the category's place of each why.
    kind_of: Vec<(u8, u32)>,
    hosts: HashMap<Key, u64>,
    kinds: HashMap<Key, u64>,
}

impl Tally {
    /// For rows of these, by their codes.
    pub fn new(whos: &[Who<'_>], whys: &[Why<'_>]) -> Self {
        let (mut schools, mut categories) = (Vec::new(), Vec::new());
        let school_of = whos.iter().map(|who| place_of(&mut schools, who.school)).collect();
        let kind = |why: &Why<'_>| {
            let outcome = EventOutcome::parse(why.outcome).map(outcome_place);
            let outcome = outcome.and_then(|place| u8::try_from(place).ok()).unwrap_or(UNKNOWN_OUTCOME);
            (outcome, place_of(&mut categories, why.category))
        };
        let kind_of = whys.iter().map(kind).collect();
        Self { schools, categories, school_of, kind_of, hosts: HashMap::new(), kinds: HashMap::new() }
    }

    /// Adds a row.
    pub fn add(&mut self, who: usize, why: usize, hour: u8, host: usize) {
        let school = self.school_of.get(who).copied().unwrap_or(0);
        let (outcome, category) = self.kind_of.get(why).copied().unwrap_or((UNKNOWN_OUTCOME, 0));
        let host = u32::try_from(host).unwrap_or(u32::MAX);
        *self.hosts.entry((school, hour, outcome, host)).or_default() += 1;
        *self.kinds.entry((school, hour, outcome, category)).or_default() += 1;
    }

    pub fn encode(&self, writer: &mut Writer) -> io::Result<Vec<u8>> {
        let names = postcard::to_stdvec(&(&self.schools, &self.categories)).map_err(io::Error::other)?;
        writer.text(&names)?;
        for cells in [&self.hosts, &self.kinds] {
            let mut cells: Vec<_> = cells.iter().map(|(key, events)| (*key, *events)).collect();
            cells.sort_unstable();
            let column = |of: fn(&Sum) -> u64| cells.iter().map(of).collect::<Vec<_>>();
            writer.numbers(&[cells.len() as u64])?;
            writer.steps(&column(|((school, _, _, _), _)| u64::from(*school)))?;
            writer.steps(&column(|((_, hour, _, _), _)| u64::from(*hour)))?;
            writer.steps(&column(|((_, _, outcome, _), _)| u64::from(*outcome)))?;
            writer.steps(&column(|((_, _, _, what), _)| u64::from(*what)))?;
            writer.numbers(&column(|(_, events)| *events))?;
        }
        Ok(writer.take())
    }
}

impl Rollup {
    /// Reads sums of at most so many events; `None` where the bytes make no sense.
    pub fn decode(bytes: &[u8], events: u64, unpack: &mut Unpack) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let names = reader.text(unpack)?;
        let (schools, categories) = postcard::from_bytes(&names).ok()?;
        let hosts = cells(&mut reader, events, unpack)?;
        let kinds = cells(&mut reader, events, unpack)?;
        Some(Self { schools, categories, hosts, kinds })
    }
}

fn cells(reader: &mut Reader<'_>, events: u64, unpack: &mut Unpack) -> Option<Vec<Cell>> {
    let many = *reader.numbers(1, unpack)?.first()?;
    // Each cell stands for one event at least.
    let many = usize::try_from(many).ok().filter(|_| many <= events)?;
    let schools = reader.steps(many, unpack)?;
    let hours = reader.steps(many, unpack)?;
    let outcomes = reader.steps(many, unpack)?;
    let whats = reader.steps(many, unpack)?;
    let counts = reader.numbers(many, unpack)?;
    let column = |values: &[u64], place: usize| values.get(place).copied().unwrap_or(0);
    let cell = |place: usize| {
        Some(Cell {
            school: u32::try_from(column(&schools, place)).ok()?,
            hour: u8::try_from(column(&hours, place)).ok().filter(|hour| *hour < 24)?,
            outcome: u8::try_from(column(&outcomes, place)).ok()?,
            what: u32::try_from(column(&whats, place)).ok()?,
            events: column(&counts, place),
        })
    };
    (0..many).map(cell).collect()
}

/// The place of a name among others, from 1 on; 0 for no name.
fn place_of(names: &mut Vec<String>, name: Option<&str>) -> u32 {
    let Some(name) = name else { return 0 };
    let place = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    u32::try_from(place + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), events in 0u64..100) {
            let _ = Rollup::decode(&bytes, events, &mut Unpack::new().unwrap());
        }
    }
}
