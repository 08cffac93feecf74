//! Which names of one label an image may have. Every lookup of a name comes to one (`com`), and few lists name any: those
//! that it certainly has not need no look at the table.
//!
//! A filter of 1,024 bits, one for each such name, given by the low bits of its hash.

use super::layout::Cursor;

const WORDS: usize = 16;

#[derive(Default)]
pub(super) struct Tops([u64; WORDS]);

impl Tops {
    pub(super) fn note(&mut self, hash: u64) {
        let (word, bit) = place(hash);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// False where it certainly has not the name of one label with this hash.
    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = place(hash);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut tops = Self::default();
        for word in &mut tops.0 {
            *word = u64::from_le_bytes(cursor.array()?);
        }
        Some(tops)
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }
}

#[inline]
fn place(hash: u64) -> (usize, u64) {
    let [low, high, ..] = hash.to_le_bytes();
    (usize::from(high) % WORDS, 1 << (low % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_may_be_there_and_little_else() {
        let mut tops = Tops::default();
        let hash = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20);
        (0..20).for_each(|number| tops.note(hash(number)));
        let mut bytes = Vec::new();
        tops.put(&mut bytes);
        let tops = Tops::read(&mut Cursor(&bytes)).unwrap();
        assert!((0..20).all(|number| tops.may_have(hash(number))));
        assert!((20..1_020).filter(|number| tops.may_have(hash(*number))).count() < 50);
        assert!(Tops::read(&mut Cursor(&bytes[1..])).is_none());
    }
}
