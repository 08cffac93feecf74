//! The list image: every name of every list in one immutable block of bytes, read where it lies (in memory or mapped).
//!
//! Left out on purpose: reading list formats, guards, files, mapping. Those are `lists`' work; this is the format
//! itself, its reader ([`Image`]) and its writer ([`ImageWriter`]).
//!
//! Invariants: an image never changes; its categories are kept by slug, so that the catalogue may change its order;
//! a lookup walks the name once and allocates only when something matched; bytes that were damaged are refused when
//! they are opened, so that a lookup has no error. The hash guards against damage, not against somebody who may
//! write into the folder.
//!
//! # Layout (numbers little-endian; a *varint* is LEB128)
//!
//! | part | bytes |
//! | --- | --- |
//! | head | magic `SGIMAGE\n`; `u32` version; `u32` lists; `u64` lengths of table, records and map; `u64` names; SHA-256 of table, records and map; the first 8 bytes of the SHA-256 of all of this and the times |
//! | times | for each list, when it was read: `i64` milliseconds since 1970 |
//! | table | varint categories, each a text; varint lists, each: id text, name text, varint names, varint reasons, each a text and a varint of lines dropped for it. A text is a varint length and UTF-8 |
//! | records | for each name, in the order of the keys: varint entries, each: a byte of flags (1 subtree, 2 exception, 4 important), varint category, varint list, varint line |
//! | map | an `fst` map from key to the offset of its record |
//!
//! A key is the name's labels in reverse, a dot after each (`uk.co.example.`), so that a walk stands at a dot
//! exactly where a parent's entry may be; an address is `[` and its text and `]`, which no name can be.
//!
//! The times lie outside the revision: reading the same lists again gives the same revision.
//!
//! # Which entry decides
//!
//! For each list and category by itself: important exception, important block, exception, block. An exception
//! therefore lifts only blocks of its own list and category, so that no list speaks for another; a host is in a
//! category when any list puts it there. The category `illegal` knows no exceptions. Where several lists do, an
//! important block, then the nearest name, then the first list, then the first line gives the reason.

mod hits;
mod layout;
mod rule;
pub mod rules;
mod write;

pub use hits::Hits;
pub use rule::{Client, Conditions, Digest, DnsAnswer, NewRule, Pattern};
pub use write::{Effect, ImageWriter, ListIndex, NewEntry, NewList, Reach, Weight};

use fst::Map;
use fst::raw::Output;
use hits::{Found, Rank};
use layout::{Layout, SUBTREE};
use model::{Category, Host, ListId, ListLine, Timestamp};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

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
    map: Map<layout::Section>,
    records: layout::Section,
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
    /// The map of names could not be made or opened.
    #[error("the list image's map of names")]
    Map(#[from] fst::Error),
}

impl Image {
    /// Opens an image over bytes that stay where they are. Checks head, lengths and both hashes: one pass over the bytes.
    ///
    /// # Errors
    /// Every variant of [`ImageError`] but [`ImageError::TooManyLists`]; never panics, whatever the bytes.
    pub fn from_bytes<B: AsRef<[u8]> + Send + Sync + 'static>(bytes: B) -> Result<Self, ImageError> {
        let Layout { revision, names, lists, categories, map, records } = layout::open(Arc::new(bytes))?;
        let content = Some(Content { map: Map::new(map)?, records });
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

    /// What the lists say of a host: entries for the host itself, and subtree entries for it and all names above it.
    /// Allocates nothing when there is none.
    pub fn lookup(&self, host: &Host) -> Hits {
        let Some(content) = &self.0.content else { return Hits::none() };
        match host {
            Host::Name(name) => self.lookup_name(content, name),
            Host::Address(address) => self.lookup_address(content, *address),
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

    fn lookup_name(&self, content: &Content, name: &Arc<str>) -> Hits {
        let mut hits = Hits::none();
        let fst = content.map.as_fst();
        let mut node = fst.root();
        let mut offset = Output::zero();
        let mut end = name.len();
        for label in name.rsplit('.') {
            for byte in label.bytes().chain(*b".") {
                let Some(index) = node.find_input(byte) else { return hits.settled() };
                let step = node.transition(index);
                offset = offset.cat(step.out);
                node = fst.node(step.addr);
            }
            let start = end.saturating_sub(label.len());
            end = start.saturating_sub(1);
            if node.is_final() {
                let at = Place { name, start };
                self.collect(content, offset.cat(node.final_output()).value(), at, &mut hits);
            }
        }
        hits.settled()
    }

    fn lookup_address(&self, content: &Content, address: IpAddr) -> Hits {
        let mut hits = Hits::none();
        let key = layout::AddressKey::new(address);
        if let Some(offset) = content.map.get(key.as_bytes()) {
            let text: Arc<str> = address.to_string().into();
            self.collect(content, offset, Place { name: &text, start: 0 }, &mut hits);
        }
        hits.settled()
    }

    /// Adds the entries of one record that speak of the host.
    fn collect(&self, content: &Content, offset: u64, at: Place<'_>, hits: &mut Hits) {
        for entry in layout::entries(content.records.as_ref(), offset) {
            if entry.flags & SUBTREE == 0 && at.start > 0 {
                continue;
            }
            let Some(category) = self.0.categories.get(entry.category).copied() else { continue };
            let Some(list) = self.0.lists.get(entry.list) else { continue };
            let rank = Rank::of(entry.flags);
            if rank.is_exception() && category == Category::ILLEGAL {
                continue;
            }
            let line = ListLine { list: list.id.clone(), line: entry.line };
            hits.consider(at.name, Found { category, list: entry.list, rank, start: at.start, line });
        }
    }
}

/// Where on its way up from the root of all names a lookup stands: at the name's part from `start` on.
#[derive(Clone, Copy)]
struct Place<'a> {
    name: &'a Arc<str>,
    start: usize,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("revision", &self.0.revision).field("names", &self.0.names).finish()
    }
}

#[cfg(test)]
mod tests;
