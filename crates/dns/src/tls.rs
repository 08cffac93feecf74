//! The door of the encrypted wires: the handshake, and the device a client names in it.

use crate::DnsError;
use crate::client::Named;
use crate::config::{Certificate, DeviceTokens, Encrypted};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The most that is read of a certificate or key.
const PEM_LIMIT_BYTES: u64 = 256 * 1_024;

/// Takes clients in by TLS, and knows the devices among them.
pub(crate) struct Doorman {
    acceptor: TlsAcceptor,
    name: String,
    devices: DeviceTokens,
    /// Tokens that were nobody's.
    wrong: AtomicU64,
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
        })
    }

    /// Takes a client in; what it says of itself by the server name it asks for.
    pub(crate) async fn admit(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Named)> {
        let stream = self.acceptor.accept(stream).await?;
        let named = stream.get_ref().1.server_name().map_or(Named::Not, |name| self.named_by_host(name));
        Ok((stream, named))
    }

    /// What a token says.
    pub(crate) fn named(&self, token: &str) -> Named {
        let Some(device) = self.devices.get(token) else {
            self.note_wrong();
            return Named::Wrongly;
        };
        Named::Device(device)
    }

    /// Logs the first token that is nobody's and then at every doubling. The token may be a good one with a slip.
    fn note_wrong(&self) {
        let tokens = self.wrong.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if tokens.is_power_of_two() {
            tracing::warn!(tokens, "tokens were sent by encrypted DNS that are no device's");
        }
    }

    fn named_by_host(&self, host: &str) -> Named {
        let host = host.to_ascii_lowercase();
        let token = host.strip_suffix(&self.name).and_then(|before| before.strip_suffix('.'));
        // A label that is too short for a token is a name like any other.
        let token = token.filter(|token| token.len() >= DeviceTokens::FEWEST_CHARACTERS);
        token.map_or(Named::Not, |token| self.named(token))
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
