//! The school's policy and the list image, compiled into a `Snapshot` that decides.
//!
//! Left out on purpose: I/O and async. Whoever reads files or downloads lists is further up.
//!
//! Invariants: `Snapshot::decide` is pure, never fails and never waits; every verdict carries its reason; the
//! order in which layers decide is written once, in `precedence`.

pub mod rules;

pub use rules::Policy;
