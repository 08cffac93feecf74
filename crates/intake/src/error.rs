//! What can go wrong at start, by what happened.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why accounting or logs cannot be taken.
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
    /// A port cannot be listened on for logs.
    #[error("cannot listen on {address} for logs: {source}")]
    ListenForLogs {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No sender of logs is listed.
    #[error("expected at least one sender of logs, found none")]
    NoLogSender,
    /// Logs should be taken by TLS, and there is no certificate.
    #[error("expected a certificate to take logs by TLS with, found none")]
    NoLogCertificate,
    /// The certificate, its key, or an authority of senders is of no use.
    #[error("the certificate for logs by TLS cannot be used: {why}")]
    LogCertificate {
        /// What is wrong with it.
        why: String,
    },
    /// Lines cannot be kept.
    #[error("lines of other systems cannot be kept in {}: {source}", folder.display())]
    Shelf {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
