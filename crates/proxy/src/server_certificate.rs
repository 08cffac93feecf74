//! The certificate of the gate's own console, from the school's authority: devices that trust the one trust the other.

use crate::ca::{BACK_DATE_MS, server_params};
use crate::leaf::Validity;
use crate::{LeafSigner, ProxyError};
use model::Host;
use rcgen::KeyPair;

/// How long it holds: Apple's limit for a server's certificate is 825 days, browsers' for public ones 398.
const VALIDITY_MS: i64 = 397 * 86_400_000;

/// A server's certificate chain and its key, which is its own.
pub struct ServerCertificate {
    /// The certificate and then the authority's, PEM.
    pub chain_pem: String,
    /// The private key, PEM.
    pub key_pem: String,
}

impl LeafSigner {
    /// Makes a certificate with a key of its own for a server of the gate that is reached by these names.
    pub fn server_certificate(&self, names: &[Host]) -> Result<ServerCertificate, ProxyError> {
        let now = self.clock.now();
        let key = KeyPair::generate()?;
        let from = now.plus_ms(-BACK_DATE_MS);
        let until = now.plus_ms(VALIDITY_MS).min(self.authority().not_after());
        let params = server_params("Schoolgate", names, Validity { from, until })?;
        let certificate = self.sign(&key, &params)?;
        let chain_pem = format!("{}{}", certificate.pem(), self.authority().certificate_pem());
        Ok(ServerCertificate { chain_pem, key_pem: key.serialize_pem() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CertificateAuthority;
    use model::{Clock, Timestamp};
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn devices_that_trust_the_authority_trust_the_console_by_each_of_its_names() {
        let clock = Clock::fixed(Timestamp::parse("2026-11-22T10:00:00Z").unwrap());
        let authority = CertificateAuthority::create("Ash Primary web filter", clock.now()).unwrap();
        let signer = LeafSigner::new(authority, clock.clone()).unwrap();
        let names = ["gate.ash.example", "127.0.0.1"];
        let made = signer.server_certificate(&names.map(|name| Host::parse(name).unwrap())).unwrap();
        let chain: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(made.chain_pem.as_bytes()).map(Result::unwrap).collect();
        assert_eq!((chain.len(), &chain[1]), (2, signer.authority().certificate_der()));
        let mut roots = rustls::RootCertStore::empty();
        roots.add(chain[1].clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(clock.now().0).unwrap()));
        for (name, good) in [("gate.ash.example", true), ("127.0.0.1", true), ("other.example", false)] {
            let name = ServerName::try_from(name).unwrap();
            assert_eq!(verifier.verify_server_cert(&chain[0], &[], &name, &[], now).is_ok(), good);
        }
        assert!(KeyPair::from_pem(&made.key_pem).is_ok());
    }
}
