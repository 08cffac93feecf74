//! The door of the encrypted wires: the handshake, and the device a client names in it.
//!
//! Nobody guesses a token: it is too long for that. Wrong ones have a limit for each client all the same, so that whoever
//! tries costs little: what is beyond is not answered. Right ones pass it by, so that a device whose token has a slip in it
//! shuts out nobody beside it.

use crate::DnsError;
use crate::client::Named;
use crate::config::{Certificate, DeviceTokens, Encrypted, RateLimit};
use crate::limit::{Limiter, Pace};
use model::Timestamp;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The most that is read of a certificate or key.
const PEM_LIMIT_BYTES: u64 = 256 * 1_024;

/// Tokens that are nobody's of one client, a second and at once: what a device with a slip in its token asks.
const WRONG_TOKENS: RateLimit = RateLimit { per_s: 5, burst: 60 };

/// A client who has sent too many tokens that are nobody's.
#[derive(Debug)]
pub(crate) struct TooManyWrong;

/// Takes clients in by TLS, and knows the devices among them.
pub(crate) struct Doorman {
    acceptor: TlsAcceptor,
    name: String,
    devices: DeviceTokens,
    /// Tokens that were nobody's.
    wrong: AtomicU64,
    wrong_of_each: Mutex<Limiter>,
}

impl Doorman {
    /// `protocols` are those of the wire, best first (RFC 7301).
    pub(crate) fn new(encrypted: &Encrypted, protocols: &[&[u8]]) -> Result<Self, DnsError> {
        let mut settings = match &encrypted.certificate {
            Certificate::Ready(settings) => ServerConfig::clone(settings),
            Certificate::Files { chain, key } => from_files(chain, key)?,
        };
        settings.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        // What comes before the handshake's end can be replayed by anybody who heard it.
        settings.max_early_data_size = 0;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(settings)),
            name: encrypted.name.to_ascii_lowercase(),
            devices: encrypted.devices.clone(),
            wrong: AtomicU64::new(0),
            wrong_of_each: Mutex::new(Limiter::new(WRONG_TOKENS)),
        })
    }

    /// Takes a client in by the handshake.
    pub(crate) async fn admit(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// What a client says of itself by the server name it asks for.
    pub(crate) fn named_by_host(
        &self,
        host: Option<&str>,
        (from, now): (IpAddr, Timestamp),
    ) -> Result<Named, TooManyWrong> {
        let host = host.unwrap_or_default().to_ascii_lowercase();
        let token = host.strip_suffix(&self.name).and_then(|before| before.strip_suffix('.'));
        // A label that is too short for a token is a name like any other.
        let token = token.filter(|token| token.len() >= DeviceTokens::FEWEST_CHARACTERS);
        token.map_or(Ok(Named::Not), |token| self.named(token, (from, now)))
    }

    /// What a token says.
    pub(crate) fn named(&self, token: &str, (from, now): (IpAddr, Timestamp)) -> Result<Named, TooManyWrong> {
        if let Some(device) = self.devices.get(token) {
            return Ok(Named::Device(device));
        }
        self.note_wrong();
        let mut limiter = self.wrong_of_each.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = limiter.whose(from);
        if limiter.pace(whose, now) == Pace::Within { Ok(Named::Wrongly) } else { Err(TooManyWrong) }
    }

    /// Logs the first token that is nobody's and then at every doubling. The token may be a good one with a slip.
    fn note_wrong(&self) {
        let tokens = self.wrong.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if tokens.is_power_of_two() {
            tracing::warn!(tokens, "tokens were sent by encrypted DNS that are no device's");
        }
    }
}

fn from_files(chain: &Path, key: &Path) -> Result<ServerConfig, DnsError> {
    let failed = |path: &Path, why: String| DnsError::Certificate { path: path.to_owned(), why };
    let chain_pem = read_bounded(chain).map_err(|error| failed(chain, error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain_pem).collect();
    let certificates = certificates.map_err(|error| failed(chain, error.to_string()))?;
    let key_pem = read_bounded(key).map_err(|error| failed(key, error.to_string()))?;
    let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| failed(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, private))
        .map_err(|error| failed(chain, error.to_string()))
}

fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(PEM_LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
