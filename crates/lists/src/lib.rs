//! Filter lists: from a source (the starter lists, a folder, a file or archive, an address) to one image in a folder.
//!
//! Left out on purpose: zone transfer, regular expressions, wildcards inside a name, addresses of single pages, and a
//! web proxy on the way to an address. What a reader leaves out it counts by reason ([`Dropped`]), so that the console
//! can show it.
//!
//! Invariants: readers are pure and never panic, whatever the bytes; every size is bounded ([`Fetch`],
//! `archive::UNPACKED_LIMIT_BYTES`); nothing enters an image unless the guard let it through; every image of an update holds the built-in list of illegal
//! content, and none goes in force without a list that the one before it had names of; a file in the image
//! folder is written whole or not at all.

mod archive;
mod build;
mod copies;
mod dropped;
mod error;
mod fetch;
mod folder;
mod guard;
mod list;
mod mapped;
mod readers;
mod tree;
mod update;

pub use build::{BUILT_IN_ILLEGAL, BuiltImage, ListReport, Report, build, holds, starter_image};
pub use dropped::{Dropped, Tally};
pub use error::ListError;
pub use fetch::Fetch;
pub use folder::{open_current, roll_back, write};
pub use guard::Refusal;
pub use list::{Entry, ReadList, SourceState};
pub use readers::read_bytes;
pub use update::{Progress, update};
