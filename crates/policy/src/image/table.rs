//! The table of names: cache lines of fingerprints. Finding out that a name is not listed reads one line.
//!
//! A bucket is 64 bytes: nine slots of seven bytes, filled from the first, and a byte that says how many are (1 to 9)
//! and whether names of it or of a bucket before went on to the next one. A slot is the low 40 bits of the name's hash
//! and the number of its set. The bucket is given by the hash's high bits, so that names in the order of their hashes
//! fill the table from front to back.

use super::prefetch::prefetch;
use std::ops::ControlFlow;

pub(super) const BUCKET_BYTES: usize = 64;
/// Slots of a bucket.
pub(super) const SLOTS: usize = 9;
/// How many names a bucket gets on average: a fifth is left free, or too many would go on to the next bucket.
pub(super) const NAMES_A_BUCKET: u64 = 7;
/// The number that is no set: the entries are with the reason.
pub(super) const NO_SET: u16 = u16::MAX;

const SLOT_BYTES: usize = 7;
const META: usize = BUCKET_BYTES - 1;
const GOES_ON: u8 = 0x80;
const COUNT: u8 = 0x0f;
const FINGERPRINT: u64 = (1 << 40) - 1;

pub(super) type Bucket = [u8; BUCKET_BYTES];

/// The table as it lies.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    buckets: &'a [Bucket],
    /// Buckets that names are given; what goes on from the last one follows these.
    homes: u64,
}

/// A slot with a fingerprint that was looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Slot {
    pub(super) bucket: u32,
    pub(super) set: u16,
    pub(super) index: u8,
}

/// A bucket that is being filled.
#[derive(Clone, Copy)]
pub(super) struct NewSlot {
    pub(super) hash: u64,
    pub(super) set: u16,
}

impl<'a> Table<'a> {
    pub(super) fn new(bytes: &'a [u8], homes: u64) -> Self {
        Self { buckets: bytes.as_chunks().0, homes }
    }

    /// Offers each slot that has the hash's fingerprint, until one is taken.
    #[inline]
    pub(super) fn find(self, hash: u64, mut offer: impl FnMut(Slot) -> ControlFlow<()>) {
        let mut at = usize::try_from(home(hash, self.homes)).unwrap_or(usize::MAX);
        while let Some(bucket) = self.buckets.get(at) {
            // 2^32 buckets would be 256 GiB.
            let Ok(number) = u32::try_from(at) else { return };
            let [.., meta] = *bucket;
            let mut matching = matching(bucket, hash & FINGERPRINT) & !(!0 << (meta & COUNT));
            while matching != 0 {
                let index = matching.trailing_zeros().to_le_bytes()[0];
                if offer(Slot { bucket: number, set: set_of(bucket, index), index }).is_break() {
                    return;
                }
                matching &= matching - 1;
            }
            if meta & GOES_ON == 0 {
                return;
            }
            at += 1;
        }
    }

    /// Has the hash's bucket brought from memory.
    #[inline]
    pub(super) fn warm(self, hash: u64) {
        let at = usize::try_from(home(hash, self.homes)).unwrap_or(usize::MAX);
        if let Some(bucket) = self.buckets.get(at) {
            prefetch(bucket);
        }
    }

    /// The sets of a bucket's slots.
    #[inline]
    pub(super) fn sets(self, bucket: u32) -> impl Iterator<Item = u16> + 'a {
        let bucket = usize::try_from(bucket).ok().and_then(|bucket| self.buckets.get(bucket));
        bucket.into_iter().flat_map(|bucket| {
            let [.., meta] = *bucket;
            (0..meta & COUNT).map(move |index| set_of(bucket, index))
        })
    }
}

/// The bucket a name with this hash is given, of `homes`.
#[inline]
pub(super) fn home(hash: u64, homes: u64) -> u64 {
    hash.carrying_mul(homes, 0).1
}

/// What the table keeps of a hash.
pub(super) fn fingerprint(hash: u64) -> u64 {
    hash & FINGERPRINT
}

/// Adds a bucket of at most [`SLOTS`] slots.
pub(super) fn put_bucket(out: &mut Vec<u8>, slots: &[NewSlot], goes_on: bool) {
    let end = out.len() + META;
    for NewSlot { hash, set } in slots.iter().take(SLOTS) {
        let word = hash & FINGERPRINT | u64::from(*set) << 40;
        out.extend_from_slice(word.to_le_bytes().get(..SLOT_BYTES).unwrap_or_default());
    }
    out.resize(end, 0);
    let count = u8::try_from(slots.len().min(SLOTS)).unwrap_or(0);
    out.push(count | if goes_on { GOES_ON } else { 0 });
}

/// One bit for each slot with this fingerprint, filled or not.
#[inline]
fn matching(bucket: &Bucket, fingerprint: u64) -> u32 {
    let mut matching = 0;
    for index in 0..SLOTS {
        let matches = slot_word(bucket, index) & FINGERPRINT == fingerprint;
        matching |= u32::from(matches) << index;
    }
    matching
}

#[inline]
fn set_of(bucket: &Bucket, index: u8) -> u16 {
    let [.., low, high, _] = slot_word(bucket, usize::from(index)).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// A slot's seven bytes and the one after them, which the last slot's byte of the bucket is for the last slot.
#[inline]
fn slot_word(bucket: &Bucket, index: usize) -> u64 {
    let slot = bucket.get(index * SLOT_BYTES..).and_then(<[u8]>::first_chunk);
    slot.map_or(0, |slot| u64::from_le_bytes(*slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_back_what_was_put_in_and_nothing_of_its_empty_slots() {
        let mut bytes = Vec::new();
        let full: Vec<NewSlot> = (0..9).map(|n| NewSlot { hash: n.into(), set: 100 + n }).collect();
        put_bucket(&mut bytes, &full, true);
        put_bucket(&mut bytes, &[NewSlot { hash: 3, set: 7 }], false);
        assert_eq!(bytes.len(), 2 * BUCKET_BYTES);
        let table = Table::new(&bytes, 1);
        let found = |hash| {
            let mut found = Vec::new();
            table.find(hash, |slot| {
                found.push((slot.bucket, slot.index, slot.set));
                ControlFlow::Continue(())
            });
            found
        };
        assert_eq!(found(3), [(0, 3, 103), (1, 0, 7)]);
        assert_eq!(found(8), [(0, 8, 108)]);
        assert_eq!(found(0), [(0, 0, 100)]);
        assert_eq!(found(FINGERPRINT), []);
        assert_eq!(table.sets(0).collect::<Vec<_>>(), (100..109).collect::<Vec<u16>>());
        assert_eq!(table.sets(1).collect::<Vec<_>>(), [7]);
        assert_eq!(table.sets(2).count(), 0);
    }
}
