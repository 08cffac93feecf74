//! The list image: every name of every list in one immutable block of bytes, read where it lies (in memory or mapped).
//!
//! Left out on purpose: reading list formats, guards, files, mapping. Those are `lists`' work; this is the format
//! itself, its reader ([`Image`]) and its writer ([`ImageWriter`]).
//!
//! Invariants: an image never changes; its categories are kept by slug, so that the catalogue may change its order;
//! a lookup walks the name once and allocates only where exceptions or rules speak of it; a decision never rests on a
//! fingerprint alone, since the name is compared before its line is given; bytes that were damaged are refused when
//! they are opened, so that a lookup has no error. The hash guards against damage, not against somebody who may
//! write into the folder.
//!
//! # Layout (numbers little-endian; a *varint* is LEB128)
//!
//! | part | bytes |
//! | --- | --- |
//! | head | magic `SGIMAGE\n`; `u32` version; `u32` lists; `u64` lengths of table, names, index, reasons and rules; `u64` names; `u64` buckets that names are given; `u64` seed of the names' hash; SHA-256 of the five parts; the first 8 bytes of the SHA-256 of all of this and the times |
//! | times | for each list, when it was read: `i64` milliseconds since 1970 |
//! | table | varint categories, each a text; varint lists, each: id text, name text, varint names, varint reasons, each a text and a varint of lines dropped for it; varint tails, each a text; 16 `u64` that say which names of one label there may be, as `tops` says; varint sets, each: varint entries, each: a byte of flags (1 subtree, 2 exception, 4 important), varint category, varint list; zeros up to a multiple of 64 in the file. A text is a varint length and UTF-8 |
//! | names | buckets of 64 bytes, as `table` says: a fingerprint and the number of a set for each name |
//! | index | for each bucket, where its reasons begin: five bytes |
//! | reasons | for each name its text and its lines, as `reasons` says |
//! | rules | what `rules` writes; nothing where no list has any |
//!
//! Names lie in the order of their hashes, so that building sorts numbers and no texts, and a lookup that finds nothing
//! reads one cache line for each label. A name's entries without their lines are a *set*; names share few of them. Where
//! two names have one fingerprint within reach of each other, or sets run out, the slot has no set, and its reason tells.
//! An address is a name in brackets, which no name can be.
//!
//! The times lie outside the revision: reading the same lists again gives the same revision.
//!
//! # Which entry decides
//!
//! For each list and category by itself: important exception, important block, exception, block. An exception
//! therefore lifts only blocks of its own list and category, so that no list speaks for another; a host is in a
//! category when any list puts it there. The category `illegal` knows no exceptions. Where several lists do, an
//! important block, then the nearest name, then the first list, then the first line gives the reason. Names and rules
//! are heard alike.

mod fill;
mod hash;
mod hits;
mod layout;
mod prefetch;
mod reasons;
mod rule;
pub mod rules;
mod sets;
mod table;
mod tops;
mod trail;
mod write;

pub use hits::Hits;
pub(crate) use hits::{Listed, Matches};
pub use prefetch::prefetch;
pub use rule::{Client, Conditions, Digest, DnsAnswer, NewRule, Pattern};
pub use trail::Trail;
pub(crate) use trail::{Mark, TrailRoom};
pub use write::{Effect, ImageWriter, ListIndex, NewEntry, NewList, NewSaid, Reach, Weight};

use layout::{Layout, Section};
use model::{Category, Host, ListId, Timestamp};
use rules::{LeftOut, RuleAsk, Rules, RulesUnreadable};
use sets::Sets;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tops::Tops;
use trail::Seen;

/// The hash that a host's own mark in a trail has, in almost every image.
pub(crate) fn usual_hash(host: &Host) -> u64 {
    match host {
        Host::Name(name) => hash::of_name(name, hash::SEEDS[0]),
        Host::Address(address) => {
            hash::of_address(layout::AddressKey::new(*address).as_bytes(), hash::SEEDS[0])
        }
    }
}

/// The trails of a batch of hosts, from [`Image::warm`]. Used anew for each batch.
#[derive(Debug, Default)]
pub struct Warming {
    image: u64,
    seed: u64,
    marks: Vec<Mark>,
    /// Where the marks of each host end.
    ends: Vec<usize>,
    buckets: Vec<u32>,
}

impl Warming {
    /// The trail of the host at this place of the batch; without any name where there was no host.
    pub fn trail(&self, place: usize) -> Trail<'_> {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(place).copied().unwrap_or(start);
        let marks = self.marks.get(start..end).unwrap_or_default();
        Trail { image: self.image, seed: self.seed, marks }
    }
}

/// A compiled list image. Cloning shares it.
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
    /// Another one for each image that was opened.
    serial: u64,
    revision: Arc<str>,
    names: u64,
    lists: Vec<ImageList>,
    categories: Vec<Category>,
    content: Option<Content>,
}

struct Content {
    hot: Section,
    homes: u64,
    seed: u64,
    index: Section,
    reasons: Section,
    tails: Vec<Box<str>>,
    tops: Tops,
    sets: Sets,
    rules: Rules,
}

/// A list of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageList {
    /// Its id in the policy.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// How many different names of it are in the image.
    pub names: u64,
    /// When its source was read.
    pub read_at: Timestamp,
    /// Lines and names that were left out, counted by reason (in words), in the order of the report.
    pub dropped: Vec<(Arc<str>, u64)>,
}

/// Why bytes are no list image, or lists make none.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// It does not begin as an image does.
    #[error("expected a list image, found other bytes")]
    Magic,
    /// Another version of the format.
    #[error("expected a list image of version {expected}, found version {found}")]
    Version {
        /// The version this program reads.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// Its parts do not add up to its length.
    #[error("expected a list image of {expected} bytes, found {found}")]
    Length {
        /// What its head says.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// A hash does not agree with the bytes: the file was damaged or cut.
    #[error("the list image is damaged: its hash does not agree with its bytes")]
    Hash,
    /// A category this program does not know.
    #[error("expected a category of this program's catalogue, found {slug:?}")]
    UnknownCategory {
        /// The slug in the image.
        slug: String,
    },
    /// The table of lists cannot be read although its hash is right: another program wrote it.
    #[error("the list image's table of lists cannot be read")]
    Table,
    /// More lists than an image holds.
    #[error("expected at most {most} lists in one image")]
    TooManyLists {
        /// The most lists.
        most: usize,
    },
    /// More text than an image holds.
    #[error("expected at most a tebibyte of names and lines in one image")]
    TooLarge,
    /// The rules cannot be read although their hash is right: another program wrote them.
    #[error(transparent)]
    Rules(#[from] RulesUnreadable),
}

/// How much memory an image takes, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImageMemory {
    /// The table of names, where it lies: read by every lookup.
    pub hot_bytes: u64,
    /// Names and lines with their index, where they lie: read once a name was found and its line is asked for.
    pub reasons_bytes: u64,
    /// What was made of the rest when the image was opened, but for rules.
    pub private_bytes: u64,
}

impl Image {
    /// Opens an image over bytes that stay where they are. Checks head, lengths and both hashes: one pass over the bytes.
    ///
    /// # Errors
    /// Every variant of [`ImageError`] but [`ImageError::TooManyLists`]; never panics, whatever the bytes.
    pub fn from_bytes<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Self, ImageError> {
        let Layout { revision, names, homes, seed, table, hot, index, reasons, rules } =
            layout::open(Arc::new(bytes))?;
        let layout::Table { lists, categories, tails, tops, sets } = table;
        let rules = Rules::open(rules.as_ref())?;
        let content = Some(Content { hot, homes, seed, index, reasons, tails, tops, sets, rules });
        Ok(Self(Arc::new(Inner { serial: serial(), revision, names, lists, categories, content })))
    }

    /// An image of no lists. Its revision is sixteen zeros.
    pub fn empty() -> Self {
        Self(Arc::new(Inner {
            serial: serial(),
            revision: "0000000000000000".into(),
            names: 0,
            lists: Vec::new(),
            categories: Vec::new(),
            content: None,
        }))
    }

    /// What the lists say of a host: entries for the host itself, subtree entries for it and all names above it, and rules
    /// that hold whoever asks. Takes no lock; see the invariants for what it allocates.
    pub fn lookup<'a>(&'a self, host: &'a Host) -> Hits<'a> {
        let mut room = TrailRoom::default();
        let trail = self.trail(host, &mut room);
        self.lookup_warmed(host, trail)
    }

    /// The same for a host of a batch: its trail from [`Image::warm`].
    pub fn lookup_warmed<'a>(&'a self, host: &'a Host, trail: Trail<'_>) -> Hits<'a> {
        Hits::new(self, host, self.matches(&RuleAsk::of(host), trail))
    }

    /// What the lists say of a question; `trail`: that of its host, and whichever image's.
    pub(crate) fn matches(&self, ask: &RuleAsk<'_>, trail: Trail<'_>) -> Matches {
        let Some(content) = &self.0.content else { return Matches::default() };
        if trail.is_of(self.0.serial) {
            return Matches::find(&self.0, content, ask, trail);
        }
        let mut room = TrailRoom::default();
        Matches::find(&self.0, content, ask, self.trail(ask.host, &mut room))
    }

    /// The names of a host, to be looked for in this image.
    pub(crate) fn trail<'r>(&self, host: &Host, room: &'r mut TrailRoom) -> Trail<'r> {
        self.each_mark(host, |mark| room.push(mark));
        Trail { image: self.0.serial, seed: self.seed(), marks: room.marks() }
    }

    /// Has what lookups of these hosts will read brought from memory: a read of memory takes as long as all else of a
    /// lookup, and here those of a whole batch are on their way at once. Their trails are in `room` then, in their order;
    /// where there is no host, an empty one.
    pub fn warm<'h>(&self, hosts: impl Iterator<Item = Option<&'h Host>>, room: &mut Warming) {
        (room.image, room.seed) = (self.0.serial, self.seed());
        room.marks.clear();
        room.ends.clear();
        let table = self.0.content.as_ref().map(Content::table);
        for host in hosts {
            if let Some(host) = host {
                self.each_mark(host, |mark| {
                    if let (Seen::NotLookedFor, Some(table)) = (mark.seen, table) {
                        table.warm(mark.hash);
                    }
                    room.marks.push(mark);
                });
            }
            room.ends.push(room.marks.len());
        }
    }

    /// Looks for the names of the batch, and has the reasons of those that are listed brought as well; after
    /// [`Image::warm`].
    pub fn warm_reasons(&self, room: &mut Warming) {
        let Some(content) = self.0.content.as_ref().filter(|_| room.image == self.0.serial) else { return };
        room.buckets.clear();
        let (table, index) = (content.table(), content.index.as_ref());
        for mark in &mut room.marks {
            if let Seen::NotLookedFor = mark.seen {
                mark.seen = Seen::Absent;
                table.find(mark.hash, |slot| {
                    mark.seen = Seen::At(slot);
                    reasons::warm_offset(index, slot.bucket);
                    room.buckets.push(slot.bucket);
                    ControlFlow::Break(())
                });
            }
        }
        let bytes = content.reasons.as_ref();
        room.buckets.iter().for_each(|bucket| reasons::warm(index, bytes, *bucket));
    }

    /// The marks that a host's trail has in almost every image, for who has one of another.
    pub(crate) fn usual_trail<'r>(host: &Host, room: &'r mut TrailRoom) -> &'r [Mark] {
        let offer = |mark| room.push(mark);
        each_mark(host, hash::SEEDS[0], |_| Seen::NotLookedFor, offer);
        room.marks()
    }

    /// The seed of its names' hashes.
    fn seed(&self) -> u64 {
        self.0.content.as_ref().map_or(hash::SEEDS[0], |content| content.seed)
    }

    /// Offers a mark for the host and each name above it; one that certainly is not listed says so.
    #[inline]
    fn each_mark(&self, host: &Host, offer: impl FnMut(Mark)) {
        let tops = self.0.content.as_ref().map(|content| &content.tops);
        let seen = |top| match tops {
            Some(tops) if !tops.may_have(top) => Seen::Absent,
            _ => Seen::NotLookedFor,
        };
        each_mark(host, self.seed(), seen, offer);
    }

    /// Which image it is, among all that this process has read, from 1 on. Copies have the same number.
    pub fn serial(&self) -> u64 {
        self.0.serial
    }

    /// True when it has rules, which may ask who asks.
    pub fn has_rules(&self) -> bool {
        self.0.content.as_ref().is_some_and(|content| !content.rules.is_empty())
    }

    /// Rules of the list at this place among its lists that it has and that decide nothing: there are too many.
    pub fn rules_left_out(&self, list: u16) -> LeftOut {
        self.0.content.as_ref().map_or_else(LeftOut::default, |content| content.rules.left_out(list))
    }

    /// How much memory it takes.
    pub fn memory(&self) -> ImageMemory {
        let content = self.0.content.as_ref();
        let bytes = |section: fn(&Content) -> &Section| content.map_or(0, |of| section(of).len());
        let private =
            content.map_or(0, |of| of.sets.bytes() + of.tails.iter().map(|tail| tail.len()).sum::<usize>());
        let lists = size_of_val(self.0.lists.as_slice());
        ImageMemory {
            hot_bytes: bytes(|content| &content.hot) as u64,
            reasons_bytes: (bytes(|content| &content.index) + bytes(|content| &content.reasons)) as u64,
            private_bytes: (private + lists) as u64,
        }
    }

    /// The first 16 hexadecimal digits of the content's SHA-256.
    pub fn revision(&self) -> &Arc<str> {
        &self.0.revision
    }

    /// The lists, in the order they were given.
    pub fn lists(&self) -> &[ImageList] {
        &self.0.lists
    }

    /// How many different names are in it.
    pub fn names(&self) -> u64 {
        self.0.names
    }
}

impl Content {
    fn table(&self) -> table::Table<'_> {
        table::Table::new(self.hot.as_ref(), self.homes)
    }
}

/// Offers a mark for the host and each name above it; `seen` says what is known of one label's hash.
#[inline]
fn each_mark(host: &Host, seed: u64, seen: impl Fn(u64) -> Seen, mut offer: impl FnMut(Mark)) {
    match host {
        Host::Name(name) => {
            let mut is_top = true;
            hash::each_suffix(name.as_bytes(), seed, |hash, start| {
                let seen = if std::mem::take(&mut is_top) { seen(hash) } else { Seen::NotLookedFor };
                offer(Mark::new(hash, start, seen));
            });
        }
        Host::Address(address) => {
            let hash = hash::of_address(layout::AddressKey::new(*address).as_bytes(), seed);
            offer(Mark::new(hash, 0, Seen::NotLookedFor));
        }
    }
}

/// A number that no image opened before has.
fn serial() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("revision", &self.0.revision).field("names", &self.0.names).finish()
    }
}

#[cfg(test)]
mod tests;
