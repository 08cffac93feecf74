//! The hash of a name, made from its last label to its first, so that one walk gives the hash of every name above it.
//!
//! Not cryptographic: somebody who writes a list could make two names with one hash. Nothing rests on that, since names
//! with the same hash are told apart by their text.

/// Digits of pi, as good as any.
const KEY: u64 = 0x243f_6a88_85a3_08d3;
const LAST_KEY: u64 = 0x1319_8a2e_0370_7345;
const ADDRESS: u64 = 0xa409_3822_299f_31d0;

/// Where a walk begins. The first does, unless somebody chose names that the others scatter better.
pub(super) const SEEDS: [u64; 4] =
    [0x082e_fa98_ec4e_6c89, 0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c, 0xc0ac_29b7_c97c_50dd];

const WORD: usize = 8;

/// Walks up from the last label of a name: the hash of each name that ends it, the shortest first.
pub(crate) struct Walk<'a> {
    text: &'a [u8],
    /// Where the next label ends; `None` once all were walked.
    end: Option<usize>,
    state: u64,
}

/// A name that ends the one walked.
#[derive(Clone, Copy)]
pub(crate) struct Suffix {
    pub(crate) hash: u64,
    /// Where in the text it begins.
    pub(crate) start: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(name: &'a [u8], seed: u64) -> Self {
        Self { text: name, end: Some(name.len()), state: seed }
    }
}

impl Iterator for Walk<'_> {
    type Item = Suffix;

    #[inline]
    fn next(&mut self) -> Option<Suffix> {
        let end = self.end?;
        let dot = dot_before(self.text, end);
        let start = dot.map_or(0, |dot| dot + 1);
        self.end = dot;
        self.state = absorb(self.state, self.text, start, end);
        Some(Suffix { hash: last(self.state), start })
    }
}

/// Names up to this length have a bit for each of their bytes in a number.
const MOST_BITS: usize = 64;

/// Offers the hash of each name that ends `bytes`, the shortest first, and where it begins: what [`Walk`] gives, in fewer
/// steps for names of usual length.
#[inline]
pub(super) fn each_suffix(bytes: &[u8], seed: u64, mut offer: impl FnMut(u64, usize)) {
    if bytes.len() > MOST_BITS {
        return Walk::new(bytes, seed).for_each(|suffix| offer(suffix.hash, suffix.start));
    }
    let (mut dots, mut end, mut state) = (all_dots(bytes), bytes.len(), seed);
    loop {
        // Where the label begins: after the last dot that is left, or at the front.
        let start = (u64::BITS - dots.leading_zeros()) as usize;
        state = absorb(state, bytes, start, end);
        offer(last(state), start);
        let Some(dot) = start.checked_sub(1) else { return };
        dots &= !(1 << dot);
        end = dot;
    }
}

/// A bit for each byte that is a dot, of at most [`MOST_BITS`] bytes.
#[inline]
fn all_dots(bytes: &[u8]) -> u64 {
    // Gathers the highest bits of eight bytes in one.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, rest) = bytes.as_chunks::<WORD>();
    let (mut found, mut shift) = (0, 0);
    for word in words {
        found |= ((dots(u64::from_le_bytes(*word)) >> 7).wrapping_mul(GATHER) >> 56) << shift;
        shift += 8;
    }
    if rest.is_empty() {
        return found;
    }
    let word = word_before(bytes, bytes.len()) >> (8 * (WORD - rest.len()));
    found | ((dots(word) >> 7).wrapping_mul(GATHER) >> 56) << shift
}

/// The hash of a whole name.
pub(super) fn of_name(name: &str, seed: u64) -> u64 {
    let mut whole = 0;
    each_suffix(name.as_bytes(), seed, |hash, _| whole = hash);
    whole
}

/// The hash of an address's key, which is never that of a name but by chance.
pub(super) fn of_address(key: &[u8], seed: u64) -> u64 {
    last(absorb(seed ^ ADDRESS, key, 0, key.len()))
}

/// Mixes two numbers into one, for keys that are more than a name.
pub(super) fn mixed(hash: u64, with: u64) -> u64 {
    mix(hash ^ with.wrapping_mul(LAST_KEY), KEY)
}

/// The last dot before `end`.
#[inline]
fn dot_before(text: &[u8], mut end: usize) -> Option<usize> {
    while end > 0 {
        let bytes = end.min(WORD);
        // What is above the bytes before `end` is gone, and what is shifted in is no dot.
        let dots = dots(word_before(text, end));
        if dots != 0 {
            return Some(end - 1 - (dots.leading_zeros() / 8) as usize);
        }
        end -= bytes;
    }
    None
}

/// The highest bit of each byte that is a dot.
#[inline]
fn dots(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7f * EACH;
    let other = word ^ (u64::from(b'.') * EACH);
    !(((other & LOW) + LOW) | other | LOW)
}

/// Takes `text[start..end]` in, a word at a time from its end.
#[inline]
fn absorb(state: u64, text: &[u8], start: usize, end: usize) -> u64 {
    let mut state = state.wrapping_add((end - start) as u64);
    let mut at = end;
    while at - start > WORD {
        state = mix(state ^ word_before(text, at), KEY);
        at -= WORD;
    }
    let left = at - start;
    // The bytes of the label are the last ones of the word; what is before them is shifted out.
    let word = if left == 0 { 0 } else { word_before(text, at) >> (8 * (WORD - left)) };
    mix(state ^ word, KEY)
}

/// The eight bytes before `at` as a number, the last one highest; zeros where the text has not so many.
#[inline]
fn word_before(text: &[u8], at: usize) -> u64 {
    let before = text.get(..at).unwrap_or_default();
    if let Some(word) = before.last_chunk::<WORD>() {
        return u64::from_le_bytes(*word);
    }
    if let Some(word) = text.first_chunk::<WORD>() {
        return u64::from_le_bytes(*word).checked_shl(shift_of(WORD - at)).unwrap_or(0);
    }
    before.iter().fold(0, |word, byte| word >> 8 | u64::from(*byte) << 56)
}

/// Bits in so many bytes, of which there are at most eight.
fn shift_of(bytes: usize) -> u32 {
    u32::try_from(bytes * 8).unwrap_or(u32::MAX)
}

#[inline]
fn mix(value: u64, key: u64) -> u64 {
    let (low, high) = value.carrying_mul(key, 0);
    low ^ high
}

#[cfg(not(test))]
#[inline]
fn last(state: u64) -> u64 {
    mix(state ^ LAST_KEY, LAST_KEY)
}

#[cfg(test)]
fn last(state: u64) -> u64 {
    mix(state ^ LAST_KEY, LAST_KEY) & MASK.get()
}

#[cfg(test)]
thread_local! {
    /// The bits of hashes that a test leaves, so that names collide.
    pub(super) static MASK: std::cell::Cell<u64> = const { std::cell::Cell::new(u64::MAX) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_walk_gives_each_name_above_the_hash_it_has_by_itself() {
        for name in
            ["a.b.example.co.uk", "x", "averyveryverylonglabelindeed.example", "a.b", "12345678.abcdefgh"]
        {
            let mut expected = vec![name];
            while let Some((_, parent)) = expected.last().and_then(|name| name.split_once('.')) {
                expected.push(parent);
            }
            expected.reverse();
            let walked: Vec<_> = Walk::new(name.as_bytes(), 7).collect();
            assert_eq!(walked.len(), expected.len());
            let mut offered = Vec::new();
            each_suffix(name.as_bytes(), 7, |hash, start| offered.push((hash, start)));
            assert!(walked.iter().map(|suffix| (suffix.hash, suffix.start)).eq(offered), "{name}");
            for (suffix, parent) in walked.iter().zip(expected) {
                assert_eq!((&name[suffix.start..], suffix.hash), (parent, of_name(parent, 7)));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn both_ways_up_a_name_give_the_same(name in "[a-z.-]{1,80}|([a-z0-9_-]{1,20}\\.){0,12}[a-z]{1,9}") {
            let mut offered = Vec::new();
            each_suffix(name.as_bytes(), 7, |hash, start| offered.push((hash, start)));
            let walked = Walk::new(name.as_bytes(), 7).map(|suffix| (suffix.hash, suffix.start));
            proptest::prop_assert_eq!(walked.collect::<Vec<_>>(), offered);
        }
    }

    #[test]
    fn what_is_not_the_same_has_not_the_same_hash() {
        let names =
            ["a.b", "ab", "b.a", "a.b.c", "ab.c", "a.bc", "abc", "aa", "a", "aaaaaaaa.a", "aaaaaaaaa", "198"];
        let mut hashes: HashSet<u64> = names.iter().map(|name| of_name(name, 0)).collect();
        hashes.extend(names.iter().map(|name| of_name(name, 1)));
        hashes.extend(names.iter().map(|name| of_address(name.as_bytes(), 0)));
        assert_eq!(hashes.len(), names.len() * 3);
    }
}
