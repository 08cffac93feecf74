//! The sets of an image: each combination of entries that some name has, once. Millions of names share a few of them.

use super::hits::Rank;
use super::layout::{Cursor, SUBTREE, put_varint};
use super::{hash, table};
use model::{Category, CategorySet};
use std::collections::HashMap;

/// An entry of a name, but for its line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct SetEntry {
    /// The list's place among the lists.
    pub(super) list: u16,
    pub(super) category: Category,
    pub(super) flags: u8,
}

impl SetEntry {
    /// True when it speaks of a host that is the name itself (`at` is 0) or lies below it.
    pub(super) fn covers(self, start: usize) -> bool {
        start == 0 || self.flags & SUBTREE != 0
    }

    /// True when nothing comes of it: the category of illegal content knows no exceptions.
    pub(super) fn is_void(self) -> bool {
        self.category == Category::ILLEGAL && Rank::of(self.flags).is_exception()
    }
}

/// The sets of an opened image.
#[derive(Default)]
pub(super) struct Sets {
    sets: Vec<Set>,
    entries: Vec<SetEntry>,
}

/// What a set comes to, where nothing else speaks of the host.
#[derive(Clone, Copy)]
pub(super) struct Set {
    /// The categories of the name itself.
    pub(super) at: CategorySet,
    /// The categories of what lies below it.
    pub(super) below: CategorySet,
    /// True when one of its entries is an exception.
    pub(super) excepts: bool,
    first: u32,
    count: u32,
}

impl Sets {
    /// Reads the sets; `None` when they are damaged or speak of categories or lists that are not there.
    pub(super) fn read(cursor: &mut Cursor<'_>, categories: &[Category], lists: usize) -> Option<Self> {
        let mut sets = Self::default();
        for _ in 0..cursor.varint()? {
            let first = u32::try_from(sets.entries.len()).ok()?;
            let count = u32::try_from(cursor.varint()?).ok()?;
            for _ in 0..count {
                sets.entries.push(read_entry(cursor, categories, lists)?);
            }
            let entries = sets.entries.get(usize::try_from(first).ok()?..)?;
            sets.sets.push(Set::of(entries, first, count));
        }
        sets.sets.shrink_to_fit();
        sets.entries.shrink_to_fit();
        Some(sets)
    }

    pub(super) fn get(&self, set: u16) -> Option<&Set> {
        self.sets.get(usize::from(set))
    }

    /// The entries of a set, in the order of their lines in the reasons.
    pub(super) fn entries(&self, set: u16) -> &[SetEntry] {
        let Some(set) = self.get(set) else { return &[] };
        // Both were lengths of the vector.
        let first = usize::try_from(set.first).unwrap_or(usize::MAX);
        let count = usize::try_from(set.count).unwrap_or(0);
        self.entries.get(first..first.saturating_add(count)).unwrap_or_default()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(self.sets.as_slice()) + size_of_val(self.entries.as_slice())
    }
}

impl Set {
    /// What entries come to that stand alone.
    pub(super) fn of(entries: &[SetEntry], first: u32, count: u32) -> Self {
        let blocks = || entries.iter().filter(|entry| !Rank::of(entry.flags).is_exception());
        Self {
            at: blocks().map(|entry| entry.category).collect(),
            below: blocks().filter(|entry| entry.covers(1)).map(|entry| entry.category).collect(),
            excepts: entries.iter().any(|entry| Rank::of(entry.flags).is_exception() && !entry.is_void()),
            first,
            count,
        }
    }
}

/// Reads flags, category and list of an entry.
pub(super) fn read_entry(cursor: &mut Cursor<'_>, categories: &[Category], lists: usize) -> Option<SetEntry> {
    let flags = cursor.byte()?;
    let category = *categories.get(usize::try_from(cursor.varint()?).ok()?)?;
    let list = u16::try_from(cursor.varint()?).ok().filter(|list| usize::from(*list) < lists)?;
    Some(SetEntry { list, category, flags })
}

/// Writes what [`read_entry`] reads.
pub(super) fn put_entry(out: &mut Vec<u8>, entry: SetEntry, categories: &[Category]) {
    out.push(entry.flags);
    let category = categories.iter().position(|category| *category == entry.category);
    put_varint(out, category.unwrap_or(0) as u64);
    put_varint(out, u64::from(entry.list));
}

/// Numbers sets in the order they come.
pub(super) struct NewSets {
    sets: Vec<Vec<SetEntry>>,
    numbers: HashMap<Vec<SetEntry>, u16>,
    /// Where a set was found the last time, by a hash of it: most names have one of a few sets.
    found: Vec<u16>,
}

const FOUND: usize = 4096;

impl Default for NewSets {
    fn default() -> Self {
        Self { sets: Vec::new(), numbers: HashMap::new(), found: vec![table::NO_SET; FOUND] }
    }
}

impl NewSets {
    /// The number of the set of these entries, whatever their lines; [`table::NO_SET`] once there are too many.
    pub(super) fn number(&mut self, lines: &[(SetEntry, u32)]) -> u16 {
        let key = |entry: &SetEntry| {
            u64::from(entry.list) << 16 | u64::from(entry.category.index()) << 8 | u64::from(entry.flags)
        };
        let hash = lines.iter().fold(0, |hash, (entry, _)| hash::mixed(hash, key(entry) + 1));
        let place = usize::try_from(hash).unwrap_or_default() % FOUND;
        let held = self.found.get(place).copied().unwrap_or(table::NO_SET);
        let entries = || lines.iter().map(|(entry, _)| *entry);
        if self.sets.get(usize::from(held)).is_some_and(|set| set.iter().copied().eq(entries())) {
            return held;
        }
        let entries: Vec<SetEntry> = entries().collect();
        let number = self.numbers.get(&entries).copied().unwrap_or_else(|| self.take_in(entries));
        if let Some(found) = self.found.get_mut(place) {
            *found = number;
        }
        number
    }

    fn take_in(&mut self, entries: Vec<SetEntry>) -> u16 {
        let number = u16::try_from(self.sets.len()).unwrap_or(table::NO_SET);
        if number != table::NO_SET {
            self.sets.push(entries.clone());
            self.numbers.insert(entries, number);
        }
        number
    }

    pub(super) fn put(&self, out: &mut Vec<u8>, categories: &[Category]) {
        put_varint(out, self.sets.len() as u64);
        for set in &self.sets {
            put_varint(out, set.len() as u64);
            set.iter().for_each(|entry| put_entry(out, *entry, categories));
        }
    }
}
