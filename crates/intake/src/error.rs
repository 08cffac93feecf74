//! What can go wrong at start, by what happened.

use std::io;
use std::net::SocketAddr;

/// Why accounting cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// The port cannot be listened on.
    #[error("cannot listen on {address} for RADIUS accounting: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A shared secret is too short to prove anything.
    #[error("expected a shared secret of at least {least} bytes, found {found}")]
    WeakSecret {
        /// The fewest bytes.
        least: usize,
        /// How many there were.
        found: usize,
    },
    /// No sender is listed.
    #[error("expected at least one sender of RADIUS accounting, found none")]
    NobodyListed,
}
