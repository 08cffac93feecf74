//! The policy crate at its seams: questions in, verdicts out.

mod decide;
mod world;
