//! Puts names into the table: sorts them by hash, drops what says nothing new, and fills buckets and reasons front to back.
//!
//! Invariant: the same entries give the same bytes, whatever their order.

use super::hash::{self, SEEDS, Walk};
use super::layout::{EXCEPTION, IMPORTANT, SUBTREE};
use super::reasons::{NewReason, NewTails, OFFSET_BYTES, TailCounts, put_reason};
use super::sets::{NewSets, SetEntry};
use super::table::{self, NAMES_A_BUCKET, NewSlot, SLOTS};
use super::tops::Tops;
use model::{Category, CategorySet};
use std::collections::VecDeque;

/// Names one after the other, as text.
#[derive(Default)]
pub(super) struct Arena(Vec<u8>);

/// Where a name lies among the names: where it begins, and in the lowest byte its length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u64);

/// An entry. Compact, since there are millions.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) hash: u64,
    pub(super) place: Place,
    pub(super) line: u32,
    pub(super) list: u16,
    pub(super) category: Category,
    pub(super) flags: u8,
}

/// In memory only: a name above may say the same.
const MAY_BE_COVERED: u8 = 0x40;
/// In memory only: says nothing new.
const DROPPED: u8 = 0x80;

/// Where names go on over more buckets than this one after the other, another seed is tried: somebody chose them so.
const LONGEST_CHAIN: u64 = 64;
/// Up to so many entries, every name is looked at for common endings; of more, one in sixteen.
const FEW: usize = 1 << 16;

/// The filled parts of an image.
pub(super) struct Filled {
    pub(super) names: u64,
    pub(super) names_of_list: Vec<u64>,
    pub(super) categories: Vec<Category>,
    pub(super) tails: NewTails,
    pub(super) tops: Tops,
    pub(super) sets: NewSets,
    pub(super) hot: Vec<u8>,
    pub(super) index: Vec<u8>,
    pub(super) reasons: Vec<u8>,
    pub(super) homes: u64,
    pub(super) seed: u64,
}

/// Fills the parts with these entries of so many lists.
pub(super) fn fill(names: Arena, rows: Vec<Row>, lists: usize) -> Filled {
    let [first, others @ ..] = SEEDS;
    let mut seed = first;
    let (mut names, mut rows) = parted(names, rows);
    let mut arranged = arrange(&names, &mut rows, lists, seed);
    for other in others {
        if longest_chain(&names, &rows, arranged.homes) <= LONGEST_CHAIN {
            break;
        }
        seed = other;
        for row in &mut rows {
            row.hash = names.hash(row.place, seed);
        }
        (names, rows) = parted(names, rows);
        arranged = arrange(&names, &mut rows, lists, seed);
    }
    let names = &names;
    let categories = rows.iter().map(|row| row.category).collect::<CategorySet>().iter().collect();
    let filler = Filler {
        source: names,
        rows: &rows,
        waiting: VecDeque::new(),
        chain: Vec::new(),
        sizes: Vec::new(),
        entries: Vec::new(),
        filled: Filled {
            names: arranged.names,
            names_of_list: arranged.names_of_list,
            categories,
            tails: common_tails(names, &rows),
            tops: Tops::default(),
            sets: NewSets::default(),
            hot: Vec::with_capacity(capacity(arranged.homes, table::BUCKET_BYTES)),
            index: Vec::with_capacity(capacity(arranged.homes, OFFSET_BYTES)),
            reasons: Vec::with_capacity(names.0.len()),
            homes: arranged.homes,
            seed,
        },
    };
    filler.run()
}

fn capacity(homes: u64, bytes: usize) -> usize {
    usize::try_from(homes).unwrap_or(0).saturating_add(1).saturating_mul(bytes)
}

impl Arena {
    pub(super) fn push(&mut self, name: &[u8]) -> Place {
        let place = Place::new(self.0.len(), name.len());
        self.0.extend_from_slice(name);
        place
    }

    fn get(&self, place: Place) -> &[u8] {
        let start = usize::try_from(place.0 >> 8).unwrap_or(usize::MAX);
        self.0.get(start..start.saturating_add(place.length())).unwrap_or_default()
    }

    /// As text; an address is in its brackets.
    fn text(&self, place: Place) -> &str {
        std::str::from_utf8(self.get(place)).unwrap_or_default()
    }

    fn hash(&self, place: Place, seed: u64) -> u64 {
        let text = self.text(place);
        if text.starts_with('[') {
            hash::of_address(text.as_bytes(), seed)
        } else {
            hash::of_name(text, seed)
        }
    }
}

impl Place {
    fn new(start: usize, length: usize) -> Self {
        Self((start as u64) << 8 | length as u64 & 0xff)
    }

    fn length(self) -> usize {
        usize::from(self.0.to_le_bytes()[0])
    }
}

impl Row {
    /// List, category, effect and weight: entries that have these in common say the same of their names.
    fn voice(&self) -> u64 {
        let flags = self.flags & (EXCEPTION | IMPORTANT);
        u64::from(self.list) << 16 | u64::from(self.category.index()) << 8 | u64::from(flags)
    }

    /// Rows of a name stand in this order; of those with one voice the first stays: a subtree before the name alone, then
    /// the lower line.
    fn order(&self) -> (u64, bool, u32) {
        (self.voice(), self.flags & SUBTREE == 0, self.line)
    }

    fn is_dropped(&self) -> bool {
        self.flags & DROPPED != 0
    }
}

/// Above [`FEW`] entries they are laid out in so many parts, by the high bits of their hashes.
const PARTS: usize = 1 << 12;
const PART_SHIFT: u32 = u64::BITS - PARTS.ilog2();

fn part(row: &Row) -> usize {
    usize::try_from(row.hash >> PART_SHIFT).unwrap_or_default()
}

/// Moves rows and their names into parts, in the order of their hashes, so that what follows works on a part at a time,
/// in the processor's cache.
fn parted(names: Arena, rows: Vec<Row>) -> (Arena, Vec<Row>) {
    if rows.len() < FEW {
        return (names, rows);
    }
    let mut starts = vec![(0, 0); PARTS];
    for row in &rows {
        if let Some((row_count, bytes)) = starts.get_mut(part(row)) {
            (*row_count, *bytes) = (*row_count + 1, *bytes + row.place.length());
        }
    }
    let (mut rows_before, mut bytes_before) = (0, 0);
    for start in &mut starts {
        let (row_count, bytes) = std::mem::replace(start, (rows_before, bytes_before));
        (rows_before, bytes_before) = (rows_before + row_count, bytes_before + bytes);
    }
    let (mut moved, mut texts) = (rows.clone(), vec![0; names.0.len()]);
    for row in &rows {
        let (Some((at, byte)), text) = (starts.get_mut(part(row)), names.get(row.place)) else { continue };
        if let (Some(free), Some(to)) = (texts.get_mut(*byte..*byte + text.len()), moved.get_mut(*at)) {
            free.copy_from_slice(text);
            *to = Row { place: Place::new(*byte, text.len()), ..*row };
        }
        (*at, *byte) = (*at + 1, *byte + text.len());
    }
    (Arena(texts), moved)
}

/// What came of arranging the rows.
struct Arranged {
    names: u64,
    names_of_list: Vec<u64>,
    homes: u64,
}

/// Sorts the rows, which are parted, by hash, name and order, and marks what says nothing new.
fn arrange(names: &Arena, rows: &mut [Row], lists: usize, seed: u64) -> Arranged {
    let any_covered = mark_covered(names, rows, seed);
    if rows.len() < FEW {
        rows.sort_unstable_by_key(|row| row.hash);
    } else {
        let parts = rows.chunk_by_mut(|a, b| part(a) == part(b));
        parts.for_each(|part| part.sort_unstable_by_key(|row| row.hash));
    }
    for run in rows.chunk_by_mut(|a, b| a.hash == b.hash).filter(|run| run.len() > 1) {
        run.sort_unstable_by(|a, b| {
            names.get(a.place).cmp(names.get(b.place)).then_with(|| a.order().cmp(&b.order()))
        });
    }
    if any_covered {
        drop_covered(names, rows, seed);
    }
    let mut arranged = Arranged { names: 0, names_of_list: vec![0; lists], homes: 0 };
    for name in rows.chunk_by_mut(|a, b| same_name(names, a, b)) {
        drop_repeated(name);
        arranged.count(name);
    }
    arranged.homes = arranged.names.div_ceil(NAMES_A_BUCKET).max(1);
    arranged
}

fn same_name(names: &Arena, a: &Row, b: &Row) -> bool {
    a.hash == b.hash && names.get(a.place) == names.get(b.place)
}

/// Of the rows with one voice only the first stays.
fn drop_repeated(name: &mut [Row]) {
    let mut voice = None;
    for row in name.iter_mut().filter(|row| !row.is_dropped()) {
        if voice.replace(row.voice()) == Some(row.voice()) {
            row.flags |= DROPPED;
        }
    }
}

impl Arranged {
    /// Counts a name for the image and for each list that has it; rows stand in the order of their lists.
    fn count(&mut self, name: &[Row]) {
        let mut last = None;
        for row in name.iter().filter(|row| !row.is_dropped()) {
            if last.is_none() {
                self.names += 1;
            }
            if last.replace(row.list) != Some(row.list)
                && let Some(count) = self.names_of_list.get_mut(usize::from(row.list))
            {
                *count += 1;
            }
        }
    }
}

/// Marks the rows for which a subtree entry above may say the same; true when there is any. Reads the names in the
/// order they came, which is fast, and leaves the few to be looked at closely for after the sort.
fn mark_covered(names: &Arena, rows: &mut [Row], seed: u64) -> bool {
    let subtrees = rows.iter().filter(|row| row.flags & SUBTREE != 0);
    let count = subtrees.clone().count();
    let mut filter = Filter::new(count);
    subtrees.for_each(|row| filter.insert(row.hash, row.voice()));
    let mut any = false;
    for row in rows {
        row.flags &= !(MAY_BE_COVERED | DROPPED);
        let voice = row.voice();
        let mut may_be = false;
        if count > 0 {
            let mut look = |hash, start| may_be |= start > 0 && filter.may_hold(hash, voice);
            hash::each_suffix(names.get(row.place), seed, &mut look);
        }
        if may_be {
            row.flags |= MAY_BE_COVERED;
            any = true;
        }
    }
    any
}

/// Drops the rows for which a subtree entry above says the same.
fn drop_covered(names: &Arena, rows: &mut [Row], seed: u64) {
    let mut covered = Vec::new();
    let finder = Finder::new(rows);
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.flags & MAY_BE_COVERED != 0) {
        let text = names.get(row.place);
        let says_the_same = |above: &Row, name: &[u8]| {
            above.flags & SUBTREE != 0 && above.voice() == row.voice() && names.get(above.place) == name
        };
        let mut above = Walk::new(text, seed).filter(|suffix| suffix.start > 0);
        if above.any(|suffix| {
            let name = text.get(suffix.start..).unwrap_or_default();
            finder.find(suffix.hash).any(|above| says_the_same(above, name))
        }) {
            covered.push(index);
        }
    }
    for index in covered {
        if let Some(row) = rows.get_mut(index) {
            row.flags |= DROPPED;
        }
    }
}

/// Says "certainly not" of most names and voices that were not put in.
struct Filter {
    bits: Vec<u64>,
}

impl Filter {
    /// For so many keys: at least sixteen bits for each.
    fn new(keys: usize) -> Self {
        Self { bits: vec![0; keys.div_ceil(4).max(1)] }
    }

    /// The word by the name's high bits, so that names in the order of their hashes come to words one after the other.
    fn place(&self, hash: u64, voice: u64) -> (usize, u64) {
        let word = hash.carrying_mul(self.bits.len() as u64, 0).1;
        (usize::try_from(word).unwrap_or_default(), 1 << (hash::mixed(hash, voice) & 63))
    }

    fn insert(&mut self, hash: u64, voice: u64) {
        let (word, bit) = self.place(hash, voice);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
    }

    fn may_hold(&self, hash: u64, voice: u64) -> bool {
        let (word, bit) = self.place(hash, voice);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// Finds rows by hash among rows that are sorted by it.
struct Finder<'a> {
    rows: &'a [Row],
    /// Where the rows begin whose hash has these high bits.
    starts: Vec<usize>,
    shift: u32,
}

impl<'a> Finder<'a> {
    fn new(rows: &'a [Row]) -> Self {
        let bits = rows.len().div_ceil(4).next_power_of_two().ilog2().max(1);
        let shift = u64::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for row in rows {
            if let Some(after) = starts.get_mut(usize::try_from(row.hash >> shift).unwrap_or_default() + 1) {
                *after += 1;
            }
        }
        let mut before = 0;
        for start in &mut starts {
            before += *start;
            *start = before;
        }
        Self { rows, starts, shift }
    }

    fn find(&self, hash: u64) -> impl Iterator<Item = &'a Row> {
        let high = usize::try_from(hash >> self.shift).unwrap_or_default();
        let (from, until) = (self.starts.get(high), self.starts.get(high + 1));
        let (from, until) = (from.copied().unwrap_or_default(), until.copied().unwrap_or_default());
        self.rows.get(from..until).unwrap_or_default().iter().filter(move |row| row.hash == hash)
    }
}

/// The names that stay: the rows of each, in the order of their hashes.
fn kept_names<'r>(names: &'r Arena, rows: &'r [Row]) -> impl Iterator<Item = &'r [Row]> {
    let runs = rows.chunk_by(|a, b| same_name(names, a, b));
    runs.filter(|name| name.iter().any(|row| !row.is_dropped()))
}

/// Over how many buckets names go on at most.
fn longest_chain(names: &Arena, rows: &[Row], homes: u64) -> u64 {
    let (mut longest, mut chain, mut waiting, mut bucket) = (0, 0, 0_u64, 0);
    let mut close = |waiting: &mut u64| {
        *waiting = waiting.saturating_sub(SLOTS as u64);
        chain = if *waiting > 0 { chain + 1 } else { 0 };
        longest = longest.max(chain);
    };
    for name in kept_names(names, rows) {
        let home = name.first().map_or(0, |row| table::home(row.hash, homes));
        while bucket < home {
            close(&mut waiting);
            bucket += 1;
        }
        waiting += 1;
    }
    while waiting > 0 {
        close(&mut waiting);
    }
    longest
}

/// The endings that many names have in common.
fn common_tails(names: &Arena, rows: &[Row]) -> NewTails {
    let mut counts = TailCounts::default();
    for row in rows.iter().filter(|row| rows.len() < FEW || row.hash & 0xf == 0) {
        let text = names.text(row.place);
        if !row.is_dropped() && !text.starts_with('[') {
            counts.count(text);
        }
    }
    counts.chosen()
}

/// Fills buckets from the first to the last.
struct Filler<'a> {
    source: &'a Arena,
    rows: &'a [Row],
    /// Names whose home is the bucket to be filled next, or one before it.
    waiting: VecDeque<&'a [Row]>,
    /// The names of buckets that go on into one another, in their order, and how many each bucket has.
    chain: Vec<&'a [Row]>,
    sizes: Vec<usize>,
    entries: Vec<(SetEntry, u32)>,
    filled: Filled,
}

impl<'a> Filler<'a> {
    fn run(mut self) -> Filled {
        let mut bucket = 0;
        for name in kept_names(self.source, self.rows) {
            let home = name.first().map_or(0, |row| table::home(row.hash, self.filled.homes));
            while bucket < home {
                self.close_bucket();
                bucket += 1;
            }
            self.waiting.push_back(name);
        }
        while bucket < self.filled.homes || !self.waiting.is_empty() {
            self.close_bucket();
            bucket += 1;
        }
        self.filled
    }

    /// Gives the next bucket as many of the waiting names as it holds.
    fn close_bucket(&mut self) {
        let size = self.waiting.len().min(SLOTS);
        self.chain.extend(self.waiting.drain(..size));
        self.sizes.push(size);
        if self.waiting.is_empty() {
            self.write_chain();
        }
    }

    /// Writes buckets that nothing goes on from. Names in them that look alike in the table get no set, so that they are
    /// told apart by their text.
    fn write_chain(&mut self) {
        let alike = look_alikes(&self.chain);
        let mut names = std::mem::take(&mut self.chain);
        let mut alike = alike.into_iter();
        let mut left = names.drain(..);
        let last = self.sizes.len().saturating_sub(1);
        for (number, size) in std::mem::take(&mut self.sizes).into_iter().enumerate() {
            let offset = (self.filled.reasons.len() as u64).to_le_bytes();
            self.filled.index.extend_from_slice(offset.get(..OFFSET_BYTES).unwrap_or_default());
            let mut slots = [NewSlot { hash: 0, set: 0 }; SLOTS];
            for (slot, name) in slots.iter_mut().zip(left.by_ref().take(size)) {
                *slot = self.write_name(name, alike.next().unwrap_or(true));
            }
            let slots = slots.get(..size).unwrap_or_default();
            table::put_bucket(&mut self.filled.hot, slots, number < last);
        }
        drop(left);
        self.chain = names;
    }

    fn write_name(&mut self, name: &[Row], looks_alike: bool) -> NewSlot {
        self.entries.clear();
        for row in name.iter().filter(|row| !row.is_dropped()) {
            let flags = row.flags & (SUBTREE | EXCEPTION | IMPORTANT);
            self.entries.push((SetEntry { list: row.list, category: row.category, flags }, row.line));
        }
        let set = if looks_alike { table::NO_SET } else { self.filled.sets.number(&self.entries) };
        let (hash, name) =
            name.first().map_or((0, [].as_slice()), |row| (row.hash, self.source.get(row.place)));
        // An address begins with a bracket.
        if !name.contains(&b'.') && !name.starts_with(b"[") {
            self.filled.tops.note(hash);
        }
        let reason = NewReason { name, set, entries: &self.entries };
        put_reason(&mut self.filled.reasons, &self.filled.tails, &self.filled.categories, &reason);
        NewSlot { hash, set }
    }
}

/// For each name whether another one of the chain could be taken for it.
fn look_alikes(chain: &[&[Row]]) -> Vec<bool> {
    let hash = |name: &&[Row]| name.first().map_or(0, |row| row.hash);
    let mut fingerprints: Vec<(u64, usize)> =
        chain.iter().enumerate().map(|(index, name)| (table::fingerprint(hash(name)), index)).collect();
    fingerprints.sort_unstable();
    let mut alike = vec![false; chain.len()];
    for pair in fingerprints.windows(2) {
        if let [(one, first), (other, second)] = *pair
            && one == other
        {
            for index in [first, second] {
                if let Some(alike) = alike.get_mut(index) {
                    *alike = true;
                }
            }
        }
    }
    alike
}
