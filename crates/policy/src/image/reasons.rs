//! Why a name is listed: its exact text and the line of each of its entries. Read only once a name was found.
//!
//! The reasons of a bucket lie together, slot by slot; an index of five bytes a bucket says where. A reason is a byte
//! for the tail (0: none, else the number of a common ending such as `.co.uk`, from 1), a byte for the length of what is
//! before it, that text, and for each entry a varint line. Where the slot has no set, a varint count and for each entry
//! flags, category and list come before the lines.

use super::layout::{Cursor, put_varint};
use super::prefetch::prefetch;
use super::sets::{SetEntry, put_entry, read_entry};
use super::{Content, Inner, hash, table};
use model::Category;
use std::collections::HashMap;

/// Bytes of an offset in the index.
pub(super) const OFFSET_BYTES: usize = 5;
/// What an offset can reach.
pub(super) const MOST_REASON_BYTES: u64 = 1 << (8 * OFFSET_BYTES);
/// What the reasons of most buckets take.
const USUAL_REASONS_BYTES: usize = 192;
/// The most common endings: their number is a byte, and 0 is none.
const MOST_TAILS: usize = 255;
/// A tail that is rarer than this is not worth its place in the table.
const FEWEST_NAMES: u64 = 3;

/// The reason of one name.
pub(super) struct Reason<'a> {
    rest: &'a [u8],
    tail: &'a str,
    /// The entries with their lines follow.
    cursor: Cursor<'a>,
    set: u16,
    image: &'a Inner,
    content: &'a Content,
}

impl<'a> Reason<'a> {
    /// The reason of a slot; `None` in a damaged image alone.
    pub(super) fn read(image: &'a Inner, content: &'a Content, slot: table::Slot) -> Option<Self> {
        let offset = offset(content.index.as_ref(), slot.bucket)?;
        let mut reasons = content.reasons.as_ref().get(offset..)?;
        for (index, set) in (0..).zip(content.table().sets(slot.bucket)) {
            let [tail, length, after @ ..] = reasons else { return None };
            let (rest, after) = after.split_at_checked(usize::from(*length))?;
            let cursor = Cursor(after);
            if index == slot.index {
                let tail = match usize::from(*tail).checked_sub(1) {
                    Some(number) => content.tails.get(number)?,
                    None => "",
                };
                return Some(Self { rest, tail, cursor, set, image, content });
            }
            reasons = after_entries(cursor, image, content, set)?;
        }
        None
    }

    /// True when the reason is that of this name.
    pub(super) fn is_of(&self, name: &[u8]) -> bool {
        name.strip_suffix(self.tail.as_bytes()) == Some(self.rest)
    }

    /// The entries with their lines, in the set's order.
    pub(super) fn entries(mut self) -> impl Iterator<Item = (SetEntry, u32)> + 'a {
        let count = entry_count(&mut self.cursor, self.content, self.set).unwrap_or(0);
        let known = self.content.sets.entries(self.set);
        let mut explicit = Vec::new();
        if self.set == table::NO_SET {
            let read = |_| read_entry(&mut self.cursor, &self.image.categories, self.image.lists.len());
            explicit = (0..count).map_while(read).collect();
        }
        let mut cursor = self.cursor;
        (0..count).map_while(move |index| {
            let entry = known.get(index).or(explicit.get(index))?;
            Some((*entry, u32::try_from(cursor.varint()?).ok()?))
        })
    }
}

/// Where a bucket's reasons begin.
#[inline]
fn offset(index: &[u8], bucket: u32) -> Option<usize> {
    let at = usize::try_from(bucket).ok()?.checked_mul(OFFSET_BYTES)?;
    let [a, b, c, d, e] = *index.get(at..)?.first_chunk::<OFFSET_BYTES>()?;
    usize::try_from(u64::from_le_bytes([a, b, c, d, e, 0, 0, 0])).ok()
}

/// Has the place in the index brought from memory that says where a bucket's reasons are.
#[inline]
pub(super) fn warm_offset(index: &[u8], bucket: u32) {
    let at = usize::try_from(bucket).unwrap_or(usize::MAX).saturating_mul(OFFSET_BYTES);
    if let Some(first) = index.get(at) {
        prefetch(first);
    }
}

/// The same for its reasons, once the index is there.
#[inline]
pub(super) fn warm(index: &[u8], reasons: &[u8], bucket: u32) {
    let at = offset(index, bucket).unwrap_or(reasons.len());
    prefetch(reasons.get(at..reasons.len().min(at.saturating_add(USUAL_REASONS_BYTES))).unwrap_or_default());
}

fn entry_count(cursor: &mut Cursor<'_>, content: &Content, set: u16) -> Option<usize> {
    if set == table::NO_SET {
        return usize::try_from(cursor.varint()?).ok();
    }
    Some(content.sets.entries(set).len())
}

/// What follows the entries that begin here.
#[inline]
fn after_entries<'a>(mut cursor: Cursor<'a>, image: &Inner, content: &Content, set: u16) -> Option<&'a [u8]> {
    let count = entry_count(&mut cursor, content, set)?;
    if set == table::NO_SET {
        for _ in 0..count {
            read_entry(&mut cursor, &image.categories, image.lists.len())?;
        }
    }
    for _ in 0..count {
        cursor.pass_varint()?;
    }
    Some(cursor.0)
}

/// A name's reason, to be written.
pub(super) struct NewReason<'a> {
    pub(super) name: &'a [u8],
    pub(super) set: u16,
    /// The entries, in the set's order, each with its line.
    pub(super) entries: &'a [(SetEntry, u32)],
}

/// Adds a reason.
pub(super) fn put_reason(
    out: &mut Vec<u8>,
    tails: &NewTails,
    categories: &[Category],
    reason: &NewReason<'_>,
) {
    let (tail, rest) = tails.split(reason.name);
    out.push(tail);
    // A name has at most 253 bytes.
    out.push(u8::try_from(rest.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(rest);
    if reason.set == table::NO_SET {
        put_varint(out, reason.entries.len() as u64);
        reason.entries.iter().for_each(|(entry, _)| put_entry(out, *entry, categories));
    }
    reason.entries.iter().for_each(|(_, line)| put_varint(out, u64::from(*line)));
}

/// Counts endings, so that the common ones are written once.
#[derive(Default)]
pub(super) struct TailCounts<'a> {
    names: HashMap<&'a str, u64>,
}

impl<'a> TailCounts<'a> {
    /// Counts a name's last label and its last two.
    pub(super) fn count(&mut self, name: &'a str) {
        for (dot, _) in name.rmatch_indices('.').take(2) {
            *self.names.entry(name.get(dot..).unwrap_or_default()).or_default() += 1;
        }
    }

    /// The endings that save most, the same whatever the order of the names.
    pub(super) fn chosen(self) -> NewTails {
        let common = self.names.into_iter().filter(|(_, names)| *names >= FEWEST_NAMES);
        let mut common: Vec<_> = common.map(|(tail, names)| (names * tail.len() as u64, tail)).collect();
        common.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let mut tails = NewTails { texts: Vec::new(), places: vec![(0, 0); PLACES] };
        for (_, tail) in common.into_iter().take(MOST_TAILS) {
            tails.take_in(tail);
        }
        tails
    }
}

/// The endings that are written once.
pub(super) struct NewTails {
    pub(super) texts: Vec<String>,
    /// Hash and number, each at the place that its hash gives it; 0 is free.
    places: Vec<(u64, u8)>,
}

const PLACES: usize = 1024;

impl NewTails {
    fn take_in(&mut self, tail: &str) {
        let hash = hash::of_name(tail.strip_prefix('.').unwrap_or(tail), 0);
        let Some(number) = u8::try_from(self.texts.len() + 1).ok() else { return };
        if let Some(free @ (_, 0)) = self.places.get_mut(place(hash)) {
            *free = (hash, number);
            self.texts.push(tail.to_owned());
        }
    }

    /// The number of the longest known ending, and what is before it.
    fn split<'n>(&self, name: &'n [u8]) -> (u8, &'n [u8]) {
        let mut split = (0, name);
        for suffix in hash::Walk::new(name, 0).take(2) {
            let Some((hash, number)) = self.places.get(place(suffix.hash)) else { continue };
            if *number == 0 || *hash != suffix.hash {
                continue;
            }
            // Another ending with the same hash is told apart here.
            let tail = self.texts.get(usize::from(*number) - 1).map(String::as_bytes);
            if let Some(rest) = tail.and_then(|tail| name.strip_suffix(tail)) {
                split = (*number, rest);
            }
        }
        split
    }
}

fn place(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % PLACES
}
