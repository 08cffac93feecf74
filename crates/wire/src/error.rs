//! Why a message could not be made or read.

use std::io;

/// Why a message could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A file could not be read or written.
    #[error("expected to {what}, found: {source}")]
    File {
        /// What was to be done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A key that is none.
    #[error("expected a key for signing (PKCS #8, Ed25519), found something else")]
    NotAKey,
    /// The system has no random numbers.
    #[error("expected the system to make a key, found that it cannot")]
    NoRandomness,
    /// More than a pack may hold.
    #[error("expected a pack of at most {most_bytes} bytes, found more")]
    TooLarge {
        /// The bound.
        most_bytes: u64,
    },
    /// More members than a pack may hold.
    #[error("expected at most {most} members in a pack, found more")]
    TooMany {
        /// The bound.
        most: usize,
    },
    /// A member's name that a pack may not have, or has already.
    #[error("expected the name of a member, lower case and not used twice, found {name}")]
    Name {
        /// The name.
        name: String,
    },
}

impl WireError {
    pub(crate) fn file(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { what, source }
    }
}
