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
mod write;

pub(crate) use hash::Walk;
pub use hits::Hits;
pub(crate) use hits::{Listed, Matches};
pub use prefetch::prefetch;
pub use rule::{Client, Conditions, Digest, DnsAnswer, NewRule, Pattern};
pub use write::{Effect, ImageWriter, ListIndex, NewEntry, NewList, Reach, Weight};

use layout::{Layout, Section};
use model::{Category, Host, ListId, Timestamp};
use rules::{LeftOut, RuleAsk, Rules, RulesUnreadable};
use sets::Sets;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use tops::Tops;

/// The hash of an address, in the way names are hashed.
pub(crate) fn address_hash(address: std::net::IpAddr) -> u64 {
    hash::of_address(layout::AddressKey::new(address).as_bytes(), 0)
}

/// Room for [`Image::warm`], used anew for each batch.
#[derive(Debug, Default)]
pub struct Warming {
    hashes: Vec<u64>,
    buckets: Vec<usize>,
}

/// A compiled list image. Cloning shares it.
#[derive(Clone)]
pub struct Image(Arc<Inner>);

struct Inner {
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
        Ok(Self(Arc::new(Inner { revision, names, lists, categories, content })))
    }

    /// An image of no lists. Its revision is sixteen zeros.
    pub fn empty() -> Self {
        Self(Arc::new(Inner {
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
        let ask = RuleAsk { host, path: None, record_type: None, client: None, device: None, tags: &[] };
        Hits::new(self, host, self.matches(&ask))
    }

    /// What the lists say of a question.
    pub(crate) fn matches(&self, ask: &RuleAsk<'_>) -> Matches {
        self.0.content.as_ref().map_or_else(Matches::default, |content| Matches::find(&self.0, content, ask))
    }

    /// Has what lookups of these hosts will read brought from memory: a read of memory takes as long as all else of a
    /// lookup, and here those of a whole batch are on their way at once.
    pub fn warm<'h>(&self, hosts: impl Iterator<Item = &'h Host>, room: &mut Warming) {
        let Some(content) = &self.0.content else { return };
        room.hashes.clear();
        let table = content.table();
        for host in hosts {
            content.each_hash(host, |hash, _| {
                table.warm(hash);
                room.hashes.push(hash);
            });
        }
    }

    /// The same for the reasons of those among them that are listed; after [`Image::warm`].
    pub fn warm_reasons(&self, room: &mut Warming) {
        let Some(content) = &self.0.content else { return };
        room.buckets.clear();
        let table = content.table();
        for hash in &room.hashes {
            table.find(*hash, |slot| {
                reasons::warm_offset(content, slot.bucket);
                room.buckets.push(slot.bucket);
                ControlFlow::Break(())
            });
        }
        room.buckets.iter().for_each(|bucket| reasons::warm(content, *bucket));
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

    /// Offers the hash of the host and of each name above it that may be listed, and where in the host's text it begins.
    #[inline]
    fn each_hash(&self, host: &Host, mut offer: impl FnMut(u64, usize)) {
        match host {
            Host::Name(name) => {
                let mut walk = hash::Walk::new(name, self.seed);
                if let Some(top) = walk.next().filter(|top| self.tops.may_have(top.hash)) {
                    offer(top.hash, top.start);
                }
                walk.for_each(|suffix| offer(suffix.hash, suffix.start));
            }
            Host::Address(address) => {
                offer(hash::of_address(layout::AddressKey::new(*address).as_bytes(), self.seed), 0);
            }
        }
    }
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("revision", &self.0.revision).field("names", &self.0.names).finish()
    }
}

#[cfg(test)]
mod tests;
