//! TLS for logs (RFC 5425): the gate's certificate, and where it is asked for, the senders'.

use crate::IntakeError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::sync::Arc;

/// The settings for a certificate and its key (PEM). With `client_roots` (PEM) a sender must show a certificate by one of
/// those authorities; empty: it need not.
///
/// # Errors
/// [`IntakeError::LogCertificate`]: something does not read, or does not belong together.
pub fn log_tls(chain: &[u8], key: &[u8], client_roots: &[u8]) -> Result<Arc<ServerConfig>, IntakeError> {
    let failed = |why: String| IntakeError::LogCertificate { why };
    let read = |pem| CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let chain = read(chain).map_err(|error| failed(error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| failed(error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?;
    let builder = if client_roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for root in read(client_roots).map_err(|error| failed(error.to_string()))? {
            roots.add(root).map_err(|error| failed(error.to_string()))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.map_err(|error| failed(error.to_string()))?)
    };
    builder.with_single_cert(chain, key).map(Arc::new).map_err(|error| failed(error.to_string()))
}
