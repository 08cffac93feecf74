//! What can keep the console from starting. What goes wrong with one request is a [`Problem`](crate::problem::Problem).

use std::io;
use std::net::SocketAddr;

/// Why the console could not start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The address is taken, not ours, or not allowed.
    #[error("the console cannot listen on {address}: {source}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate chain is not PEM, or holds no certificate.
    #[error("the console's certificate chain: expected one or more PEM certificates, found {found}")]
    CertificateChain {
        /// What was found.
        found: String,
    },
    /// The private key is not PEM, or not of a kind that TLS can use.
    #[error("the console's private key: expected one PEM private key, found {found}")]
    PrivateKey {
        /// What was found; never the key.
        found: String,
    },
    /// The certificate and the key do not make a TLS server.
    #[error("the console's certificate and key do not go together: {0}")]
    Tls(#[from] rustls::Error),
    /// A template of our own does not parse.
    #[error("the console's template {name} is broken: {source}")]
    Template {
        /// The template's name.
        name: String,
        /// What the template engine said.
        source: minijinja::Error,
    },
}
