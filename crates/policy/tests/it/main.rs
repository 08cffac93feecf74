//! The policy crate at its seams: questions in, verdicts out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod decide;
mod long;
mod many;
mod world;
