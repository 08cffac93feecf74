//! The hashes of a host's name and of each name above it, made once for everybody who looks for it: the table of names, and
//! the policy's own entries.
//!
//! Left out on purpose: what is found. Invariant: a trail is of the image that made it; another image makes its own.

use super::hash;
use super::table::Slot;
use smallvec::SmallVec;

/// Labels of a name as almost every one has them; of a longer one the trail is allocated.
const USUAL_LABELS: usize = 6;

/// A host's name and each name above it, the shortest first; an address alone.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'a> {
    /// The image that made it, by its serial number.
    pub(super) image: u64,
    pub(super) seed: u64,
    pub(super) marks: &'a [Mark],
}

/// One name of a trail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) hash: u64,
    pub(super) seen: Seen,
    /// Where in the host's text it begins.
    start: u8,
}

/// Whether a name was looked for in the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen {
    NotLookedFor,
    Absent,
    /// The first slot with its fingerprint.
    At(Slot),
}

/// Room for one trail.
#[derive(Debug, Default)]
pub(crate) struct TrailRoom(SmallVec<[Mark; USUAL_LABELS]>);

impl TrailRoom {
    pub(super) fn push(&mut self, mark: Mark) {
        self.0.push(mark);
    }

    pub(super) fn marks(&self) -> &[Mark] {
        &self.0
    }
}

impl Mark {
    #[inline]
    pub(super) fn new(hash: u64, start: usize, seen: Seen) -> Self {
        // A name has at most 253 bytes.
        Self { hash, seen, start: u8::try_from(start).unwrap_or(u8::MAX) }
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        usize::from(self.start)
    }
}

impl<'a> Trail<'a> {
    /// The marks, where their hashes are those that every image but one in a million uses. Every host has a mark: a trail
    /// without any is nobody's.
    pub(crate) fn usual_marks(self) -> Option<&'a [Mark]> {
        (self.seed == hash::SEEDS[0] && !self.marks.is_empty()).then_some(self.marks)
    }

    /// True where the image with this serial number made it, of some host.
    pub(super) fn is_of(self, image: u64) -> bool {
        self.image == image && !self.marks.is_empty()
    }
}
