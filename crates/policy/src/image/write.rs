//! Writes an image: the order in which entries come makes no difference to the bytes.

use super::layout::{
    self, AddressKey, CHECKED_HEAD_BYTES, EXCEPTION, HEAD_BYTES, IMPORTANT, MAGIC, SUBTREE, VERSION,
    put_text, put_varint,
};
use super::{ImageError, NewRule};
use fst::MapBuilder;
use model::{Category, CategorySet, Host, ListId, Timestamp};
use sha2::{Digest, Sha256};
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

/// Collects lists and entries, then writes the image. About 20 bytes an entry and the name itself in memory.
#[derive(Default)]
pub struct ImageWriter {
    lists: Vec<NewList>,
    keys: Vec<u8>,
    rows: Vec<Row>,
    rules: Vec<(ListIndex, NewRule)>,
}

/// Compact, since there are millions. Rows sort by key, then by these fields in this order: what must stay when
/// equals are dropped comes first (subtree before exact, the lower line).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Row {
    key_start: u64,
    line: u32,
    list: u16,
    key_length: u16,
    category: Category,
    flags: u8,
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
        let key_start = self.keys.len() as u64;
        let mut flags = 0;
        match entry.host {
            Host::Name(name) => {
                for label in name.rsplit('.') {
                    self.keys.extend_from_slice(label.as_bytes());
                    self.keys.push(b'.');
                }
                flags |= if entry.reach == Reach::Subtree { SUBTREE } else { 0 };
            }
            Host::Address(address) => self.keys.extend_from_slice(AddressKey::new(*address).as_bytes()),
        }
        flags |= if entry.effect == Effect::Exception { EXCEPTION } else { 0 };
        flags |= if entry.weight == Weight::Important { IMPORTANT } else { 0 };
        // A host name has at most 253 bytes.
        let key_length = u16::try_from(self.keys.len() as u64 - key_start).unwrap_or(u16::MAX);
        let (category, line) = (entry.category, entry.line);
        self.rows.push(Row { key_start, line, list: list.0, key_length, category, flags });
    }

    /// Adds a rule that is more than a name to a list.
    pub fn rule(&mut self, list: ListIndex, rule: NewRule) {
        self.rules.push((list, rule));
    }

    /// Sorts, drops what says nothing new (a repeated entry; an entry below a subtree entry of the same list,
    /// category, effect and weight), and writes the image.
    ///
    /// # Errors
    /// [`ImageError::Map`].
    pub fn finish(self) -> Result<Vec<u8>, ImageError> {
        let Self { lists, keys, mut rows, rules: _ } = self;
        let key_of = |row: &Row| {
            let start = usize::try_from(row.key_start).unwrap_or(usize::MAX);
            keys.get(start..start.saturating_add(usize::from(row.key_length))).unwrap_or_default()
        };
        rows.sort_unstable_by(|a, b| key_of(a).cmp(key_of(b)).then_with(|| a.rank().cmp(&b.rank())));
        let categories: Vec<Category> =
            rows.iter().map(|row| row.category).collect::<CategorySet>().iter().collect();
        let mut body = Body::new(lists.len(), &categories);
        for group in rows.chunk_by(|a, b| key_of(a) == key_of(b)) {
            let Some(first) = group.first() else { continue };
            body.name(key_of(first), group)?;
        }
        body.finish(&lists)
    }
}

impl Row {
    fn rank(&self) -> (Category, u16, u8, bool, u32) {
        (self.category, self.list, self.voice(), self.flags & SUBTREE == 0, self.line)
    }

    /// Effect and weight.
    fn voice(&self) -> u8 {
        self.flags & (EXCEPTION | IMPORTANT)
    }

    /// True when `above`, a subtree entry at this name or over it, already says what this one says.
    fn says_the_same(&self, above: &Row) -> bool {
        (self.category, self.list, self.voice()) == (above.category, above.list, above.voice())
    }
}

/// The parts after the head, as they grow.
struct Body<'a> {
    categories: &'a [Category],
    /// Keys that have subtree entries and are over the current key, nearest last.
    above: Vec<(Vec<u8>, Vec<Row>)>,
    names: u64,
    names_of_list: Vec<u64>,
    records: Vec<u8>,
    map: MapBuilder<Vec<u8>>,
}

impl<'a> Body<'a> {
    fn new(lists: usize, categories: &'a [Category]) -> Self {
        Self {
            categories,
            above: Vec::new(),
            names: 0,
            names_of_list: vec![0; lists],
            records: Vec::new(),
            map: MapBuilder::memory(),
        }
    }

    /// Writes one name; keys come sorted, each once.
    fn name(&mut self, key: &[u8], rows: &[Row]) -> Result<(), ImageError> {
        while self.above.last().is_some_and(|(over, _)| !key.starts_with(over)) {
            self.above.pop();
        }
        let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            let above = self.above.iter().flat_map(|(_, rows)| rows);
            let here = kept.last().filter(|last| last.flags & SUBTREE != 0 || last.flags == row.flags);
            if !above.chain(here).any(|over| row.says_the_same(over)) {
                kept.push(*row);
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        self.count(&kept);
        self.map.insert(key, self.records.len() as u64)?;
        put_varint(&mut self.records, kept.len() as u64);
        for row in &kept {
            self.records.push(row.flags);
            let category = self.categories.iter().position(|category| *category == row.category);
            put_varint(&mut self.records, category.unwrap_or(0) as u64);
            put_varint(&mut self.records, u64::from(row.list));
            put_varint(&mut self.records, u64::from(row.line));
        }
        kept.retain(|row| row.flags & SUBTREE != 0);
        if !kept.is_empty() {
            self.above.push((key.to_vec(), kept));
        }
        Ok(())
    }

    fn count(&mut self, kept: &[Row]) {
        self.names += 1;
        let mut lists: Vec<u16> = kept.iter().map(|row| row.list).collect();
        lists.sort_unstable();
        lists.dedup();
        for list in lists {
            if let Some(names) = self.names_of_list.get_mut(usize::from(list)) {
                *names += 1;
            }
        }
    }

    fn finish(self, lists: &[NewList]) -> Result<Vec<u8>, ImageError> {
        let table = self.table(lists);
        let map = self.map.into_inner()?;
        let times: Vec<u8> = lists.iter().flat_map(|list| list.read_at.0.to_le_bytes()).collect();
        let parts = [&table, &self.records, &map];
        let mut out =
            Vec::with_capacity(HEAD_BYTES + times.len() + table.len() + self.records.len() + map.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        // `ImageWriter::list` keeps the count below 65,536.
        out.extend_from_slice(&u32::try_from(lists.len()).unwrap_or(u32::MAX).to_le_bytes());
        for part in parts {
            out.extend_from_slice(&(part.len() as u64).to_le_bytes());
        }
        out.extend_from_slice(&self.names.to_le_bytes());
        let hash = parts.into_iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
        out.extend_from_slice(&hash);
        debug_assert_eq!(out.len(), CHECKED_HEAD_BYTES, "the head's length is part of the format");
        let check = layout::head_check(&out, &times);
        out.extend_from_slice(&check);
        out.extend_from_slice(&times);
        for part in parts {
            out.extend_from_slice(part);
        }
        Ok(out)
    }

    fn table(&self, lists: &[NewList]) -> Vec<u8> {
        let mut table = Vec::new();
        put_varint(&mut table, self.categories.len() as u64);
        for category in self.categories {
            put_text(&mut table, category.slug());
        }
        put_varint(&mut table, lists.len() as u64);
        for (list, names) in lists.iter().zip(&self.names_of_list) {
            put_text(&mut table, list.id.as_str());
            put_text(&mut table, &list.name);
            put_varint(&mut table, *names);
            put_varint(&mut table, list.dropped.len() as u64);
            for (reason, lines) in &list.dropped {
                put_text(&mut table, reason);
                put_varint(&mut table, *lines);
            }
        }
        table
    }
}
