//! A binary fuse filter: a set of strings in little room, that knows every one it holds and takes few others for one.
//!
//! After Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters" (2022), with three places and 16 bits.
//! Of what it does not hold it takes one in 65,536 for held. This file is also a part of `xtask`, which makes the filter;
//! so it needs nothing outside the standard library.
//!
//! The bytes: `SGFUSE1\n`, then little-endian the seed (8 bytes), the length of a segment (4), how many segments begin a
//! string's places (4), the number of strings (4), four zero bytes, and the fingerprints of 2 bytes each.
//!
//! Invariants: reading takes any bytes and never panics; nothing is copied.

/// How the bytes begin.
pub(crate) const MAGIC: &[u8; 8] = b"SGFUSE1\n";
/// The longest segment: more would be no filter of ours.
const MOST_SEGMENT: u32 = 1 << 18;

/// A filter as it lies in the program.
#[derive(Clone, Copy)]
pub(crate) struct Fuse<'b> {
    shape: Shape,
    keys: u32,
    fingerprints: &'b [u8],
}

/// Where the places of a string are sought.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    /// Chosen so that the filter could be made.
    pub(crate) seed: u64,
    /// A power of two.
    pub(crate) segment_length: u32,
    /// A string's first place lies in one of so many segments.
    pub(crate) segments: u32,
}

impl Shape {
    /// The number of fingerprints.
    pub(crate) fn places(self) -> u64 {
        u64::from(self.segment_length) * (u64::from(self.segments) + 2)
    }

    /// The three places of a key, and its fingerprint.
    pub(crate) fn of(self, key: u64) -> ([u64; 3], u16) {
        let hash = mixed(key.wrapping_add(self.seed));
        let length = u64::from(self.segment_length);
        let first_segments = length * u64::from(self.segments);
        let first = upper_half(u128::from(hash) * u128::from(first_segments));
        let mask = length.wrapping_sub(1);
        let second = (first + length) ^ ((hash >> 18) & mask);
        let third = (first + 2 * length) ^ (hash & mask);
        let print = mixed(hash ^ 0x9E37_79B9_7F4A_7C15);
        ([first, second, third], u16::from_le_bytes([print.to_le_bytes()[0], print.to_le_bytes()[1]]))
    }
}

impl<'b> Fuse<'b> {
    /// Takes the bytes of a filter; `None` where they are none.
    pub(crate) fn read(bytes: &'b [u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (seed, rest) = rest.split_first_chunk::<8>()?;
        let (segment_length, rest) = rest.split_first_chunk::<4>()?;
        let (segments, rest) = rest.split_first_chunk::<4>()?;
        let (keys, rest) = rest.split_first_chunk::<4>()?;
        let (_zeros, fingerprints) = rest.split_first_chunk::<4>()?;
        let shape = Shape {
            seed: u64::from_le_bytes(*seed),
            segment_length: u32::from_le_bytes(*segment_length),
            segments: u32::from_le_bytes(*segments),
        };
        let sound = magic == MAGIC
            && shape.segment_length.is_power_of_two()
            && shape.segment_length <= MOST_SEGMENT
            && u64::try_from(fingerprints.len()).ok() == shape.places().checked_mul(2);
        sound.then_some(Self { shape, keys: u32::from_le_bytes(*keys), fingerprints })
    }

    /// How many strings it holds.
    pub(crate) fn len(&self) -> u32 {
        self.keys
    }

    /// True for every string it holds, and for one in 65,536 of the others.
    pub(crate) fn holds(&self, text: &str) -> bool {
        let (places, print) = self.shape.of(key(text));
        let found = places.into_iter().try_fold(0u16, |sum, place| Some(sum ^ self.fingerprint(place)?));
        found == Some(print)
    }

    fn fingerprint(&self, place: u64) -> Option<u16> {
        let at = usize::try_from(place).ok()?.checked_mul(2)?;
        self.fingerprints.get(at..)?.first_chunk::<2>().map(|bytes| u16::from_le_bytes(*bytes))
    }
}

/// The number of a string: FNV-1a, 64 bits.
pub(crate) fn key(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

/// Spreads the bits of a number over all of them.
fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let number = (number ^ (number >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    number ^ (number >> 33)
}

fn upper_half(product: u128) -> u64 {
    u64::try_from(product >> 64).unwrap_or(u64::MAX)
}
