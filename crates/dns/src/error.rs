//! What keeps the server from starting. Once it runs, nothing does: a bad question or a dead upstream is answered.

use crate::ResolverError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// No address to listen on.
    #[error("expected at least one address to listen on, found none")]
    NoListener,
    /// An address could not be listened on.
    #[error("could not listen for DNS on {address} ({wire})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        wire: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system's resolver configuration could not be read.
    #[error("could not read the system's name servers from {path}")]
    ResolvConf {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody to ask.
    #[error("expected at least one upstream name server, found none in the settings or in the system's")]
    NoUpstream,
    /// An upstream is this server itself: every question would go round in circles.
    #[error("expected an upstream name server other than this one, found {upstream}")]
    UpstreamIsOurselves {
        /// The upstream.
        upstream: SocketAddr,
    },
    /// The settings of whom to ask are of no use.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// A name of the settings is no host name.
    #[error("expected a host name, found {found:?}")]
    Name {
        /// What was found.
        found: String,
        /// What is wrong with it.
        source: model::HostError,
    },
    /// The certificate of the encrypted wires, or its key, could not be used.
    #[error("could not use the certificate or key in {path}: {why}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
