//! What an image is made of, and how it is collected.

use super::fill::{Arena, Filled, Place, Row, fill};
use super::layout::{
    self, ALIGNMENT, AddressKey, EXCEPTION, HEAD_BYTES, IMPORTANT, NewImage, SUBTREE, put_text, put_varint,
};
use super::reasons::MOST_REASON_BYTES;
use super::{ImageError, NewRule, hash, rules};
use model::{Category, Host, ListId, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

/// What of a name an entry covers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// The name alone.
    Exact,
    /// The name and everything below it.
    Subtree,
}

/// What an entry does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// Puts the host in the category.
    Block,
    /// Lifts its own list's blocks of the category.
    Exception,
}

/// How much an entry weighs against others of its list and category.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Weight {
    /// As usual.
    Usual,
    /// Over every usual one.
    Important,
}

/// A list to be written.
#[derive(Clone, Debug)]
pub struct NewList {
    /// Its id in the policy.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// When its source was read.
    pub read_at: Timestamp,
    /// What was left out, counted by reason, as far as it is known by now; see [`ImageWriter::left_out`].
    pub dropped: Vec<(Arc<str>, u64)>,
}

/// A list that was announced to the writer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ListIndex(u16);

/// One entry to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry<'a> {
    /// The name or address.
    pub host: &'a Host,
    /// What of it the entry covers; an address is always exact.
    pub reach: Reach,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
    /// Its line in the list, from 1.
    pub line: u32,
}

/// What an entry says of its name or address.
#[derive(Clone, Copy, Debug)]
pub struct NewSaid {
    /// What of it the entry covers; an address is always exact.
    pub reach: Reach,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
    /// Its line in the list, from 1.
    pub line: u32,
}

/// Collects lists and entries, then writes the image. About 24 bytes an entry and the name itself in memory.
#[derive(Default)]
pub struct ImageWriter {
    lists: Vec<NewList>,
    names: Arena,
    rows: Vec<Row>,
    rules: Vec<(u16, NewRule)>,
}

impl ImageWriter {
    /// The most lists of an image.
    pub const MOST_LISTS: usize = 65_535;

    /// Announces a list. Lists keep their order.
    ///
    /// # Errors
    /// [`ImageError::TooManyLists`].
    pub fn list(&mut self, list: NewList) -> Result<ListIndex, ImageError> {
        let too_many = ImageError::TooManyLists { most: Self::MOST_LISTS };
        let index = u16::try_from(self.lists.len()).ok().filter(|index| *index < u16::MAX).ok_or(too_many)?;
        self.lists.push(list);
        Ok(ListIndex(index))
    }

    /// Says what was left out of a list, once all of it was read; an earlier account is replaced.
    pub fn left_out(&mut self, list: ListIndex, dropped: Vec<(Arc<str>, u64)>) {
        if let Some(announced) = self.lists.get_mut(usize::from(list.0)) {
            announced.dropped = dropped;
        }
    }

    /// Adds an entry to a list.
    pub fn push(&mut self, list: ListIndex, entry: NewEntry<'_>) {
        let NewEntry { host, reach, effect, weight, category, line } = entry;
        let said = NewSaid { reach, effect, weight, category, line };
        match host {
            Host::Name(name) => self.push_name(list, name, said),
            Host::Address(address) => self.push_address(list, *address, said),
        }
    }

    /// Adds an entry for a name, which is that of a [`Host`], from where it lies: there are millions.
    pub fn push_name(&mut self, list: ListIndex, name: &str, said: NewSaid) {
        let hash = hash::of_name(name, hash::SEEDS[0]);
        let place = self.names.push(name.as_bytes());
        let subtree = if said.reach == Reach::Subtree { SUBTREE } else { 0 };
        self.add((place, hash), list, said, subtree);
    }

    /// Adds an entry for an address.
    pub fn push_address(&mut self, list: ListIndex, address: IpAddr, said: NewSaid) {
        let key = AddressKey::new(address);
        let hash = hash::of_address(key.as_bytes(), hash::SEEDS[0]);
        let place = self.names.push(key.as_bytes());
        self.add((place, hash), list, said, 0);
    }

    fn add(&mut self, (place, hash): (Place, u64), list: ListIndex, said: NewSaid, mut flags: u8) {
        flags |= if said.effect == Effect::Exception { EXCEPTION } else { 0 };
        flags |= if said.weight == Weight::Important { IMPORTANT } else { 0 };
        let NewSaid { category, line, .. } = said;
        self.rows.push(Row { hash, place, line, list: list.0, category, flags });
    }

    /// Adds a rule that is more than a name to a list.
    pub fn rule(&mut self, list: ListIndex, rule: NewRule) {
        self.rules.push((list.0, rule));
    }

    /// Drops what says nothing new (a repeated entry; an entry below a subtree entry of the same list, category, effect
    /// and weight), and writes the image.
    ///
    /// # Errors
    /// [`ImageError::TooLarge`].
    pub fn finish(self) -> Result<Vec<u8>, ImageError> {
        let Self { lists, names, rows, rules } = self;
        let filled = fill(names, rows, lists.len());
        if filled.reasons.len() as u64 > MOST_REASON_BYTES {
            return Err(ImageError::TooLarge);
        }
        let times: Vec<u8> = lists.iter().flat_map(|list| list.read_at.0.to_le_bytes()).collect();
        let mut table = table(&lists, &filled);
        let before_names = HEAD_BYTES + times.len() + table.len();
        table.resize(table.len() + before_names.next_multiple_of(ALIGNMENT) - before_names, 0);
        let rules = rules::encode(&rules);
        Ok(layout::put_image(&NewImage {
            times: &times,
            parts: [&table, &filled.hot, &filled.index, &filled.reasons, &rules],
            // `ImageWriter::list` keeps the count below 65,536.
            lists: u32::try_from(lists.len()).unwrap_or(u32::MAX),
            names: filled.names,
            homes: filled.homes,
            seed: filled.seed,
        }))
    }
}

fn table(lists: &[NewList], filled: &Filled) -> Vec<u8> {
    let mut table = Vec::new();
    put_varint(&mut table, filled.categories.len() as u64);
    for category in &filled.categories {
        put_text(&mut table, category.slug());
    }
    put_varint(&mut table, lists.len() as u64);
    for (list, names) in lists.iter().zip(&filled.names_of_list) {
        put_text(&mut table, list.id.as_str());
        put_text(&mut table, &list.name);
        put_varint(&mut table, *names);
        put_varint(&mut table, list.dropped.len() as u64);
        for (reason, lines) in &list.dropped {
            put_text(&mut table, reason);
            put_varint(&mut table, *lines);
        }
    }
    put_varint(&mut table, filled.tails.texts.len() as u64);
    for tail in &filled.tails.texts {
        put_text(&mut table, tail);
    }
    filled.tops.put(&mut table);
    filled.sets.put(&mut table, &filled.categories);
    table
}
