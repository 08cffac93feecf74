//! A zone as its records, and a transfer as a stream of them: the whole zone (RFC 5936, 2.2) or what changed since a serial
//! (RFC 1995, section 4).

use super::TransferError;
use super::wire::{Record, SOA, kind_name};
use crate::readers::ZoneRecord;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A zone that is held: its SOA record's line, and the lines of the others.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Zone {
    serial: u32,
    soa: String,
    lines: BTreeSet<String>,
}

impl Zone {
    /// Reads what [`Zone::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let (soa, rest) = text.split_once('\n')?;
        let serial = soa.split(' ').nth(5)?.parse().ok()?;
        Some(Self { serial, soa: soa.to_owned(), lines: rest.lines().map(str::to_owned).collect() })
    }

    /// A zone file of it, the SOA record first, then the others in order.
    pub(crate) fn to_text(&self) -> String {
        let mut text =
            String::with_capacity(self.lines.iter().map(|line| line.len() + 1).sum::<usize>() + 256);
        for line in std::iter::once(&self.soa).chain(&self.lines) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        }
        text
    }

    pub(crate) fn serial(&self) -> u32 {
        self.serial
    }

    /// The records of a zone file of [`Zone::to_text`], but for the SOA record.
    pub(crate) fn records(text: &str) -> impl Iterator<Item = ZoneRecord<'_>> {
        text.lines().skip(1).filter_map(|line| {
            let mut words = line.splitn(4, ' ');
            let (owner, _class, kind, value) = (words.next()?, words.next()?, words.next()?, words.next()?);
            Some(ZoneRecord { owner, kind, value })
        })
    }
}

fn line(record: &Record) -> String {
    format!("{} IN {} {}", record.owner, kind_name(record.kind), record.value)
}

/// A transfer as it comes in.
pub(super) struct Incoming {
    apex: String,
    /// What is there already, to be changed.
    have: Option<Zone>,
    new: Zone,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    First,
    Whole,
    /// Records go, from the version of this serial on.
    Deleting,
    /// Records come, for the version of this serial.
    Adding(u32),
    Done,
    Unchanged,
}

/// How a transfer ended.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Transferred {
    /// The zone as it is now.
    New(Zone),
    /// The zone is what it was.
    Unchanged,
}

impl Incoming {
    pub(super) fn new(apex: &str, have: Option<Zone>) -> Self {
        let apex = format!("{}.", apex.trim_end_matches('.').to_ascii_lowercase());
        Self { apex, have, new: Zone::default(), state: State::Start }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), TransferError> {
        let soa = (record.kind == SOA && record.owner == self.apex).then_some(record.serial).flatten();
        self.state = match (self.state, soa) {
            (State::Start, Some(serial)) => self.begin(record, serial),
            (State::First, Some(serial)) if self.is_change_from(serial) => {
                self.new.lines = self.have.take().unwrap_or_default().lines;
                State::Deleting
            }
            (State::First | State::Whole, Some(serial)) if serial == self.new.serial => State::Done,
            (State::First | State::Whole, None) => {
                self.new.lines.insert(line(record));
                State::Whole
            }
            (State::Deleting, Some(serial)) => State::Adding(serial),
            (State::Deleting, None) => {
                if !self.new.lines.remove(&line(record)) {
                    return Err(TransferError::OutOfStep);
                }
                State::Deleting
            }
            (State::Adding(now), Some(serial)) if now == serial => {
                if serial == self.new.serial {
                    State::Done
                } else {
                    State::Deleting
                }
            }
            (State::Adding(now), None) => {
                self.new.lines.insert(line(record));
                State::Adding(now)
            }
            _ => return Err(TransferError::OutOfStep),
        };
        Ok(())
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Unchanged)
    }

    pub(super) fn end(self) -> Transferred {
        if self.state == State::Unchanged { Transferred::Unchanged } else { Transferred::New(self.new) }
    }

    fn begin(&mut self, record: &Record, serial: u32) -> State {
        self.new.serial = serial;
        self.new.soa = line(record);
        let same = self.have.as_ref().is_some_and(|have| have.serial == serial);
        if same { State::Unchanged } else { State::First }
    }

    fn is_change_from(&self, serial: u32) -> bool {
        self.have.as_ref().is_some_and(|have| have.serial == serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soa(serial: u32) -> Record {
        let value = format!(". . {serial} 0 0 0 0");
        Record { owner: "rpz.example.".into(), kind: SOA, value, serial: Some(serial) }
    }

    fn rule(name: &str) -> Record {
        Record { owner: format!("{name}.rpz.example."), kind: 5, value: ".".into(), serial: None }
    }

    fn run(have: Option<Zone>, records: &[Record]) -> Result<Option<Transferred>, TransferError> {
        let mut incoming = Incoming::new("RPZ.example", have);
        for record in records {
            incoming.take(record)?;
        }
        Ok(incoming.is_done().then(|| incoming.end()))
    }

    fn zone(serial: u32, names: &[&str]) -> Zone {
        let lines = names.iter().map(|name| line(&rule(name))).collect();
        Zone { serial, soa: line(&soa(serial)), lines }
    }

    #[test]
    fn a_transfer_gives_the_zone_whole_or_by_its_changes_and_one_that_is_cut_short_gives_nothing() {
        let (one, two) = (zone(1, &["a", "b"]), zone(3, &["b", "c", "d"]));
        let whole = [soa(3), rule("b"), rule("c"), rule("d"), soa(3)];
        let changes = [soa(3), soa(1), rule("a"), soa(2), rule("c"), soa(2), soa(3), rule("d"), soa(3)];
        for (have, records) in
            [(None, &whole[..]), (Some(one.clone()), &whole), (Some(one.clone()), &changes)]
        {
            assert_eq!(run(have.clone(), records).unwrap(), Some(Transferred::New(two.clone())));
            for end in 0..records.len() {
                assert_eq!(run(have.clone(), &records[..end]).unwrap(), None, "{end}");
            }
        }
        assert_eq!(run(Some(two.clone()), &[soa(3)]).unwrap(), Some(Transferred::Unchanged));
        assert_eq!(run(None, &[soa(9), soa(9)]).unwrap(), Some(Transferred::New(zone(9, &[]))));
        assert!(matches!(run(Some(zone(1, &["b"])), &changes), Err(TransferError::OutOfStep)));
        assert!(matches!(run(None, &changes), Err(TransferError::OutOfStep)));
        assert!(matches!(run(None, &[rule("a")]), Err(TransferError::OutOfStep)));
    }

    #[test]
    fn a_zone_is_read_again_as_it_was_written() {
        let zone = zone(4_000_000_000, &["a", "b"]);
        let text = zone.to_text();
        assert_eq!(Zone::from_text(&text), Some(zone));
        let owners: Vec<&str> = Zone::records(&text).map(|record| record.owner).collect();
        assert_eq!(owners, ["a.rpz.example.", "b.rpz.example."]);
        assert_eq!(Zone::from_text("nothing of the kind"), None);
    }
}
