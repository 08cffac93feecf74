//! What can go wrong with a paper.

use thiserror::Error;

/// Why there is no PDF.
#[derive(Debug, Error)]
pub enum PaperError {
    /// It is longer than a paper may be.
    #[error("expected at most {most} {what}, found {found} or more")]
    TooLong {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
        /// How many there are, at least.
        found: usize,
    },
    /// A font that the program carries cannot be read: a fault of the build.
    #[error("expected a font that can be read, found another: {0}")]
    FontUnreadable(&'static str),
    /// What was set is no PDF/UA-1: a fault of ours.
    #[error("expected a PDF/UA-1, found: {0}")]
    NotAccessible(String),
}
