//! What connections to upstreams trust: the roots that browsers trust, and those of the settings.

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

/// Trusts the usual roots and `extra` ones (DER); `None` where one of these cannot be read, or the cryptography of this
/// program cannot do what TLS asks.
pub(super) fn with_roots(extra: &[Vec<u8>]) -> Option<Arc<ClientConfig>> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in extra {
        roots.add(CertificateDer::from(root.clone())).ok()?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(Arc::new(config))
}
