//! Filter lists: from a source (the starter lists, a folder, a file or archive, an address) to one image in a folder.
//!
//! An update is prepared beside the image in force ([`prepare`]), can be looked at ([`Prepared::diff`]), and is then put in
//! its place ([`Prepared::swap`]).
//!
//! Left out on purpose: a web proxy on the way to an address, being told of a zone's changes, a zone's transfer over TLS. What
//! a reader leaves out it counts by reason ([`Dropped`]), so that the console can show it.
//!
//! Invariants: readers are pure and never panic, whatever the bytes; every size is bounded ([`Fetch`],
//! `archive::HELD_LIMIT_BYTES`); nothing enters an image unless the guard let it through; every image of an update holds
//! the built-in list of illegal content, none goes in force without a list that the one before it had names of or without
//! a rule of illegal content for which there is no room, and any other rule that there is no room for is counted; a file
//! in the image folder is written whole or not at all; no name of a list of illegal content is in a report or a log line;
//! credentials go to the list's own server alone.

mod archive;
mod background;
mod build;
mod catalogue;
mod copies;
mod credentials;
mod diff;
mod dropped;
mod error;
mod fetch;
mod fingerprint;
mod folder;
mod guard;
mod guard_rules;
mod heartbeat;
mod hold;
mod list;
mod mapped;
mod proof;
mod range;
mod read_set;
mod readers;
mod report;
mod schedule;
mod source;
mod transfer;
mod tree;
mod update;
mod zip;

pub use background::{background_thread, in_background, let_go};
pub use build::{BUILT_IN_ILLEGAL, BuiltImage, build, holds, starter_image};
pub use catalogue::{CatalogueEntry, catalogue};
pub use diff::{Diff, ListDiff};
pub use dropped::{Dropped, Tally};
pub use error::ListError;
pub use fetch::Fetch;
pub use folder::{Held, KeptImage, MOST_IMAGES, held, images, last_report, open_current, roll_back, write};
pub use guard::{Refusal, never_block};
pub use heartbeat::{Heartbeat, SelfTest, heartbeats, self_test};
pub use list::{Entry, ReadList, SourceState};
pub use range::RangeServer;
pub(crate) use read_set::ReadSet;
pub use readers::read_bytes;
pub use report::{Alarm, By, Cause, DroppedLine, ListReport, Report};
pub use schedule::{Looked, Schedule};
pub use source::Look;
pub use transfer::TransferError;
pub use update::{Prepared, Progress, Update, prepare};
