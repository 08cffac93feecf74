//! The cryptography of TLS towards clients and origins: AES-128 before AES-256, as browsers have it. Both are strong
//! enough for the same decades, and the hashes that go with AES-256 cost a handshake twice as much.

use rustls::CipherSuite;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::sync::Arc;

const COSTLY: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
];

/// The provider that every connection shares.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    // The order among the others stays: the sort is stable.
    provider.cipher_suites.sort_by_key(|suite| COSTLY.contains(&suite.suite()));
    Arc::new(provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_suite_comes_first_and_none_is_lost() {
        let ours = provider();
        let first = ours.cipher_suites.first().map(rustls::SupportedCipherSuite::suite);
        assert_eq!(first, Some(CipherSuite::TLS13_AES_128_GCM_SHA256));
        assert_eq!(ours.cipher_suites.len(), aws_lc_rs::default_provider().cipher_suites.len());
    }
}
