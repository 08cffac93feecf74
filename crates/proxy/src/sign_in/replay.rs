//! What was shown once and counts no second time (RFC 4120, section 3.2.3).
//!
//! Left out: keeping it over a restart. Whoever recorded a ticket's proof on an unencrypted wire could show it once more to
//! a proxy that was started anew within five minutes.
//!
//! Invariants: bounded; what is forgotten is too old to count, and where there is no room nothing new counts.

use model::Timestamp;
use sha2::{Digest as _, Sha256};
use std::collections::{HashSet, VecDeque};

/// Ten minutes of a school's tunnels, 400 a second.
const MOST: usize = 262_144;

/// The marks of what was shown.
#[derive(Default)]
pub(super) struct Shown {
    marks: HashSet<u128>,
    /// In the order in which they were shown, which is that in which they end.
    order: VecDeque<(Timestamp, u128)>,
}

/// Whether something is shown for the first time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Showing {
    First,
    Again,
    /// Nobody can tell: there is no room to remember it.
    NoRoom,
}

impl Shown {
    /// Notes that something is shown now, and is too old to count after `keep_ms`; the same each time.
    pub(super) fn note(&mut self, what: &[u8], now: Timestamp, keep_ms: i64) -> Showing {
        while let Some((_, mark)) = self.order.pop_front_if(|(until, _)| *until <= now) {
            self.marks.remove(&mark);
        }
        let mark = mark_of(what);
        if self.marks.contains(&mark) {
            return Showing::Again;
        }
        if self.marks.len() >= MOST {
            return Showing::NoRoom;
        }
        self.marks.insert(mark);
        self.order.push_back((now.plus_ms(keep_ms), mark));
        Showing::First
    }
}

/// Half a hash: two of the same are not found by chance, and only whoever has the session's key could look for them.
fn mark_of(what: &[u8]) -> u128 {
    Sha256::digest(what).first_chunk().map_or(0, |half| u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_counts_once_until_it_is_too_old_to_count_at_all() {
        let mut shown = Shown::default();
        let at = |ms| Timestamp(ms);
        assert_eq!(shown.note(b"one", at(0), 100), Showing::First);
        assert_eq!(shown.note(b"two", at(50), 100), Showing::First);
        assert_eq!(shown.note(b"one", at(99), 100), Showing::Again);
        assert_eq!(shown.note(b"one", at(100), 100), Showing::First);
        assert_eq!(shown.note(b"two", at(149), 100), Showing::Again);
        assert_eq!((shown.marks.len(), shown.order.len()), (2, 2));
    }

    #[test]
    fn where_there_is_no_room_nothing_new_counts() {
        let mut shown = Shown::default();
        for number in 0..u32::try_from(MOST).unwrap() {
            assert_eq!(shown.note(&number.to_be_bytes(), Timestamp(0), 100), Showing::First);
        }
        assert_eq!(shown.note(b"one more", Timestamp(99), 100), Showing::NoRoom);
        assert_eq!(shown.note(b"one more", Timestamp(100), 100), Showing::First);
        assert_eq!(shown.marks.len(), 1);
    }
}
