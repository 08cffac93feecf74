//! The school's policy and the list image, compiled into a [`Snapshot`] that decides.
//!
//! Left out on purpose: I/O and async. Whoever reads files or downloads lists is further up.
//!
//! Invariants: [`Snapshot::decide`] is pure, never fails and never waits; every verdict carries its reason; the
//! order in which layers decide is written once, in `precedence`.

pub mod clauses;
mod compiled;
mod entries;
pub mod file;
pub mod image;
mod path;
mod precedence;
pub mod rules;
mod safe_search;
mod scanning;
pub mod show;
mod snapshot;
mod traffic;
mod viewpoint;
mod who;

pub use image::Image;
pub use rules::Policy;
pub use snapshot::{CurrentSnapshot, Explanation, Snapshot, Step};
pub use viewpoint::Viewpoint;
pub use who::{is_outsider, is_private};
