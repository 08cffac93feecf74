//! What can go wrong, by what happened.

use blockpage::{CertificateFault, OriginFault};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the proxy cannot start, or a certificate cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// A port cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No address to listen on was given.
    #[error("expected at least one address for the proxy to listen on, found none")]
    NowhereToListen,
    /// A file of the inspection certificate cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner can read the private key.
    #[error(
        "{path} holds a private key: expected mode 0600 or stricter, found {mode:04o}; run chmod 600 on it"
    )]
    KeyIsExposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A keytab cannot be used.
    #[error("{path} is not usable as a keytab: expected {expected}")]
    Keytab {
        /// The file.
        path: PathBuf,
        /// What it should have held.
        expected: &'static str,
    },
    /// The inspection certificate and its key do not fit, or one is not what it should be.
    #[error("the inspection certificate is not usable: expected {expected}")]
    Authority {
        /// What it should have been.
        expected: &'static str,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Mint(#[from] rcgen::Error),
    /// The TLS library refused a key, a root or a setting.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The roots for origins cannot be used.
    #[error("the roots for origins cannot be used: {0}")]
    Roots(#[from] rustls::client::VerifierBuilderError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyFault {
    /// The other side broke off.
    #[error("the other side broke off: {0}")]
    Peer(#[from] hyper::Error),
    /// The other side broke off, or said what cannot be understood.
    #[error("the other side broke off")]
    Ended,
    /// The rest of it may not be had.
    #[error("the rest of it was refused")]
    Refused,
    /// It was held here, and cannot be read.
    #[error("what was held cannot be read: {0}")]
    Held(io::Error),
}

/// Why an origin was not reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// The origin gave no sensible answer.
    #[error("the origin failed: {}", .0.words())]
    Origin(OriginFault),
    /// The origin's certificate is not good.
    #[error("the origin was refused: {}", .0.words())]
    Certificate(CertificateFault),
    /// The address is the gate's own or in a network that is not open to the proxy.
    #[error("the address is not open to the proxy")]
    PrivateAddress,
}

impl From<OriginFault> for DialError {
    fn from(fault: OriginFault) -> Self {
        Self::Origin(fault)
    }
}
