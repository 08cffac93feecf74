//! Leaf certificates: one for each host that is opened, made on the fly and kept in a bounded cache.
//!
//! Invariants: only [`LeafSigner`] uses the authority's private key, and only to sign; all leaves share a separate key
//! that lives in memory alone; a leaf never outlives the certificate it stands for.

use crate::ca::{BACK_DATE_MS, CertificateFacts, server_params};
use crate::{CertificateAuthority, ProxyError};
use model::{Clock, Host, Timestamp};
use quick_cache::sync::Cache;
use rcgen::KeyPair;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

const DAY_MS: i64 = 86_400_000;
/// The longest a leaf is valid where the origin's own certificate allows it.
const LONGEST_MS: i64 = 90 * DAY_MS;
/// How long a leaf is valid where there is no origin, as on block pages.
const WITHOUT_ORIGIN_MS: i64 = DAY_MS;
/// A leaf this near its end is made anew.
const SPARE_MS: i64 = 600_000;
/// Leaves in the cache.
const MOST_LEAVES: usize = 8_192;

/// From when until when a certificate holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Validity {
    /// From, inclusive.
    pub from: Timestamp,
    /// Until, inclusive.
    pub until: Timestamp,
}

impl Validity {
    /// The validity of an origin's certificate; `None` when it cannot be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let facts = CertificateFacts::read(certificate).ok()?;
        Some(Self { from: facts.not_before, until: facts.not_after })
    }
}

/// Signs leaf certificates with the school's authority.
pub struct LeafSigner {
    pub(crate) authority: CertificateAuthority,
    key: KeyPair,
    tls_key: Arc<dyn SigningKey>,
    pub(crate) clock: Clock,
    leaves: Cache<(Host, Option<Validity>), Leaf>,
}

#[derive(Clone)]
struct Leaf {
    chain: Arc<CertifiedKey>,
    until: Timestamp,
}

impl std::fmt::Debug for LeafSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeafSigner").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl LeafSigner {
    /// Takes the authority and makes the key that all leaves share (ECDSA P-256, never written anywhere).
    pub fn new(authority: CertificateAuthority, clock: Clock) -> Result<Self, ProxyError> {
        let key = KeyPair::generate()?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls_key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&der)?;
        Ok(Self { authority, key, tls_key, clock, leaves: Cache::new(MOST_LEAVES) })
    }

    /// The authority, for its certificate.
    pub fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// The chain to show for a host: a leaf within `origin`'s validity, at most 90 days, and the authority.
    pub fn leaf(&self, host: &Host, origin: Option<Validity>) -> Result<Arc<CertifiedKey>, ProxyError> {
        let now = self.clock.now();
        let wanted = (host.clone(), origin);
        if let Some(leaf) = self.leaves.get(&wanted)
            && leaf.until > now.plus_ms(SPARE_MS)
        {
            return Ok(leaf.chain);
        }
        let leaf = self.mint(host, origin, now)?;
        self.leaves.insert(wanted, leaf.clone());
        Ok(leaf.chain)
    }

    fn mint(&self, host: &Host, origin: Option<Validity>, now: Timestamp) -> Result<Leaf, ProxyError> {
        let (mut from, longest) =
            (now.plus_ms(-BACK_DATE_MS), origin.map_or(WITHOUT_ORIGIN_MS, |_| LONGEST_MS));
        let mut until = now.plus_ms(longest).min(self.authority.not_after);
        if let Some(origin) = origin {
            from = from.max(origin.from);
            until = until.min(origin.until);
        }
        // A common name holds 64 characters (X.520); who verifies reads the alternative name anyway.
        let name = host.to_string();
        let common_name = if name.len() <= 64 { name.as_str() } else { "web page" };
        let params = server_params(common_name, std::slice::from_ref(host), Validity { from, until })?;
        let certificate = params.signed_by(&self.key, &self.authority.issuer)?;
        let chain = vec![certificate.der().clone(), self.authority.certificate.clone()];
        Ok(Leaf { chain: Arc::new(CertifiedKey::new(chain, Arc::clone(&self.tls_key))), until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls_pki_types::{ServerName, UnixTime};
    use std::time::Duration;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn signer(clock: &Clock) -> LeafSigner {
        let authority = CertificateAuthority::create("Ash Primary web filter", clock.now()).unwrap();
        LeafSigner::new(authority, clock.clone()).unwrap()
    }

    fn clock() -> Clock {
        Clock::fixed(Timestamp::parse(NOW).unwrap())
    }

    fn verify(
        signer: &LeafSigner,
        chain: &CertifiedKey,
        name: &str,
        at: Timestamp,
    ) -> Result<(), rustls::Error> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(signer.authority().certificate_der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(at.0).unwrap()));
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(&chain.cert[0], &chain.cert[1..], &name, &[], now).map(|_| ())
    }

    #[test]
    fn a_leaf_is_good_for_its_name_or_address_and_for_no_other() {
        let clock = clock();
        let signer = signer(&clock);
        for (host, good, bad) in [
            ("www.example.com", "www.example.com", "example.com"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("2001:db8::7", "2001:db8::7", "www.example.com"),
        ] {
            let chain = signer.leaf(&Host::parse(host).unwrap(), None).unwrap();
            verify(&signer, &chain, good, clock.now()).unwrap();
            assert!(verify(&signer, &chain, bad, clock.now()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_leaf_stays_within_its_origin_s_validity_and_within_ninety_days() {
        let clock = clock();
        let (signer, now) = (signer(&clock), clock.now());
        let host = Host::parse("www.example.com").unwrap();
        let origin =
            |days: i64| Some(Validity { from: now.plus_ms(-60_000), until: now.plus_ms(days * DAY_MS) });
        for (days, expected) in [(3, 3), (400, 90)] {
            let leaf = signer.leaf(&host, origin(days)).unwrap();
            let validity = Validity::of(&leaf.cert[0]).unwrap();
            assert_eq!(validity.until, now.plus_ms(expected * DAY_MS));
            assert_eq!(validity.from, now.plus_ms(-60_000));
        }
    }

    #[test]
    fn a_leaf_is_kept_until_it_nears_its_end_and_every_one_has_its_own_number() {
        let clock = clock();
        let signer = signer(&clock);
        let host = Host::parse("www.example.com").unwrap();
        let first = signer.leaf(&host, None).unwrap();
        assert!(Arc::ptr_eq(&first, &signer.leaf(&host, None).unwrap()));
        clock.advance_ms(WITHOUT_ORIGIN_MS);
        let second = signer.leaf(&host, None).unwrap();
        verify(&signer, &second, "www.example.com", clock.now()).unwrap();
        let number = |chain: &CertifiedKey| {
            x509_parser::parse_x509_certificate(&chain.cert[0]).unwrap().1.raw_serial().to_vec()
        };
        assert_ne!(number(&first), number(&second));
    }
}
