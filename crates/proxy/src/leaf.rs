//! Leaf certificates: one for each host that is opened, made on the fly and kept in a bounded cache.
//!
//! Invariants: only [`LeafSigner`] uses the authority's private key, and only to sign; all leaves share a separate key
//! that lives in memory alone; a leaf never outlives the certificate it stands for.

use crate::ca::{BACK_DATE_MS, server_params};
use crate::certificate::CertificateFacts;
use crate::{CertificateAuthority, ProxyError};
use arc_swap::ArcSwap;
use model::{Clock, Host, Timestamp};
use quick_cache::sync::Cache;
use rcgen::{Certificate, CertificateParams, KeyPair, SanType};
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
/// Names that a leaf takes over; some certificates have hundreds, and every handshake would carry them.
const MOST_NAMES: usize = 32;

/// From when until when a certificate holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Validity {
    /// From, inclusive.
    pub from: Timestamp,
    /// Until, inclusive.
    pub until: Timestamp,
}

/// What a leaf takes over from the origin's own certificate.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Likeness {
    /// From when until when that certificate holds.
    pub validity: Validity,
    /// The names it is for, lower case, wildcards among them, in its order; at most 32. Its addresses are left out.
    pub names: Arc<[Box<str>]>,
}

impl Likeness {
    /// What there is to take over from an origin's certificate; `None` when it cannot be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let facts = CertificateFacts::read(certificate).ok()?;
        let validity = Validity { from: facts.not_before, until: facts.not_after };
        let names = facts.names.into_iter().filter(|name| can_be_taken_over(name)).take(MOST_NAMES);
        Some(Self { validity, names: names.collect() })
    }
}

/// A host name, or one whose first label is a wildcard.
fn can_be_taken_over(name: &str) -> bool {
    matches!(Host::parse(name.strip_prefix("*.").unwrap_or(name)), Ok(Host::Name(_)))
}

/// Signs leaf certificates with the school's authority.
pub struct LeafSigner {
    authorities: ArcSwap<Authorities>,
    key: KeyPair,
    tls_key: Arc<dyn SigningKey>,
    pub(crate) clock: Clock,
    leaves: Cache<(Host, Option<Likeness>), Leaf>,
}

/// The authority in use, the one that comes next, and from when on that one signs.
struct Authorities {
    current: Arc<CertificateAuthority>,
    next: Option<(Arc<CertificateAuthority>, Timestamp)>,
}

impl Authorities {
    /// The one that signs at a moment.
    fn at(&self, now: Timestamp) -> &Arc<CertificateAuthority> {
        match &self.next {
            Some((next, from)) if *from <= now => next,
            _ => &self.current,
        }
    }
}

#[derive(Clone)]
struct Leaf {
    chain: Arc<CertifiedKey>,
    until: Timestamp,
    signed_by: Arc<CertificateAuthority>,
}

impl std::fmt::Debug for LeafSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeafSigner").field("authority", &self.authority()).finish_non_exhaustive()
    }
}

impl LeafSigner {
    /// Takes the authority and makes the key that all leaves share (ECDSA P-256, never written anywhere).
    pub fn new(authority: CertificateAuthority, clock: Clock) -> Result<Self, ProxyError> {
        let key = KeyPair::generate()?;
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let tls_key = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&der)?;
        let authorities = ArcSwap::from_pointee(Authorities { current: Arc::new(authority), next: None });
        Ok(Self { authorities, key, tls_key, clock, leaves: Cache::new(MOST_LEAVES) })
    }

    /// Takes another authority, and one that from a moment on takes over. Devices must trust both until then. Leaves that
    /// were signed before are made anew.
    pub fn put(&self, authority: CertificateAuthority, next: Option<(CertificateAuthority, Timestamp)>) {
        let next = next.map(|(next, from)| (Arc::new(next), from));
        self.authorities.store(Arc::new(Authorities { current: Arc::new(authority), next }));
    }

    /// The authority that signs now.
    pub fn authority(&self) -> Arc<CertificateAuthority> {
        Arc::clone(self.authorities.load().at(self.clock.now()))
    }

    /// The one that takes over, and when; `None` where there is none. It stays the next one until it is the only one.
    pub fn next_authority(&self) -> Option<(Arc<CertificateAuthority>, Timestamp)> {
        self.authorities.load().next.clone()
    }

    /// The certificates that devices must trust: of the authority in use, and of the one that takes over, PEM.
    pub fn trusted_pem(&self) -> String {
        let authorities = self.authorities.load();
        let next = authorities.next.as_ref().map_or("", |(next, _)| next.certificate_pem());
        format!("{}{next}", authorities.current.certificate_pem())
    }

    /// The chain to show for a host: a leaf within the origin's validity, at most 90 days, for the host and the origin's
    /// other names, and the authority.
    pub fn leaf(&self, host: &Host, origin: Option<&Likeness>) -> Result<Arc<CertifiedKey>, ProxyError> {
        let now = self.clock.now();
        let authority = Arc::clone(self.authorities.load().at(now));
        let wanted = (host.clone(), origin.cloned());
        if let Some(leaf) = self.leaves.get(&wanted)
            && leaf.until > now.plus_ms(SPARE_MS)
            && Arc::ptr_eq(&leaf.signed_by, &authority)
        {
            return Ok(leaf.chain);
        }
        let leaf = self.mint(host, origin, (authority, now))?;
        self.leaves.insert(wanted, leaf.clone());
        Ok(leaf.chain)
    }

    fn mint(
        &self,
        host: &Host,
        origin: Option<&Likeness>,
        (authority, now): (Arc<CertificateAuthority>, Timestamp),
    ) -> Result<Leaf, ProxyError> {
        let (mut from, longest) =
            (now.plus_ms(-BACK_DATE_MS), origin.map_or(WITHOUT_ORIGIN_MS, |_| LONGEST_MS));
        let mut until = now.plus_ms(longest).min(authority.not_after);
        if let Some(Likeness { validity, .. }) = origin {
            from = from.max(validity.from);
            until = until.min(validity.until);
        }
        // A common name holds 64 characters (X.520); who verifies reads the alternative name anyway.
        let name = host.to_string();
        let common_name = if name.len() <= 64 { name.as_str() } else { "web page" };
        let mut params = server_params(common_name, std::slice::from_ref(host), Validity { from, until })?;
        for other in origin.iter().flat_map(|origin| origin.names.iter()).filter(|other| ***other != *name) {
            params.subject_alt_names.push(SanType::DnsName(other.as_ref().try_into()?));
        }
        let certificate = params.signed_by(&self.key, &authority.issuer)?;
        let chain = vec![certificate.der().clone(), authority.certificate.clone()];
        let chain = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.tls_key)));
        Ok(Leaf { chain, until, signed_by: authority })
    }

    /// Signs a certificate for a key that is not a leaf's, such as a server of the gate's own.
    pub(crate) fn sign(&self, key: &KeyPair, params: &CertificateParams) -> Result<Certificate, ProxyError> {
        Ok(params.signed_by(key, &self.authority().issuer)?)
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
        let origin = |days: i64| Likeness {
            validity: Validity { from: now.plus_ms(-60_000), until: now.plus_ms(days * DAY_MS) },
            names: Arc::default(),
        };
        for (days, expected) in [(3, 3), (400, 90)] {
            let leaf = signer.leaf(&host, Some(&origin(days))).unwrap();
            let validity = Likeness::of(&leaf.cert[0]).unwrap().validity;
            assert_eq!(validity.until, now.plus_ms(expected * DAY_MS));
            assert_eq!(validity.from, now.plus_ms(-60_000));
        }
    }

    #[test]
    fn a_leaf_takes_over_its_origin_s_names_and_no_more_than_it_can_carry() {
        let clock = clock();
        let (signer, now) = (signer(&clock), clock.now());
        let mut named = vec!["example.com".to_owned(), "*.example.com".into(), "not a name".into()];
        named.extend((0..100).map(|number| format!("n{number}.example.com")));
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(named[..2].to_vec()).unwrap();
        for name in &named[2..] {
            params.subject_alt_names.push(SanType::DnsName(name.as_str().try_into().unwrap()));
        }
        let origin = Likeness::of(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(origin.names.len(), MOST_NAMES);
        let origin = Likeness { validity: Validity { from: now, until: now.plus_ms(DAY_MS) }, ..origin };
        let leaf = signer.leaf(&Host::parse("www.example.com").unwrap(), Some(&origin)).unwrap();
        for (name, good) in [
            ("www.example.com", true),
            ("example.com", true),
            ("any.example.com", true),
            ("a.b.example.com", false),
            ("example.org", false),
        ] {
            assert_eq!(verify(&signer, &leaf, name, clock.now()).is_ok(), good, "{name}");
        }
    }

    #[test]
    fn from_the_appointed_moment_on_the_next_authority_signs_and_never_both() {
        let clock = clock();
        let now = clock.now();
        let next = CertificateAuthority::create("Ash Primary web filter 2", now).unwrap();
        let next_pem = next.certificate_pem().to_owned();
        let old = CertificateAuthority::create("Ash Primary web filter", now).unwrap();
        let old_pem = old.certificate_pem().to_owned();
        let signer = signer(&clock);
        signer.put(old, Some((next, now.plus_ms(DAY_MS))));
        let host = Host::parse("www.example.com").unwrap();
        let issuer = |signer: &LeafSigner| signer.leaf(&host, None).unwrap().cert[1].clone();
        let before = issuer(&signer);
        assert_eq!(before, *signer.authority().certificate_der());
        assert_eq!(signer.trusted_pem(), format!("{old_pem}{next_pem}"));
        clock.advance_ms(DAY_MS);
        let after = issuer(&signer);
        assert_ne!(before, after);
        assert_eq!(after, *signer.authority().certificate_der());
        assert_eq!(signer.authority().certificate_pem(), next_pem);
    }

    #[test]
    fn an_authority_that_is_taken_up_signs_from_the_next_leaf_on() {
        let clock = clock();
        let signer = signer(&clock);
        let host = Host::parse("www.example.com").unwrap();
        let before = signer.leaf(&host, None).unwrap();
        let other = CertificateAuthority::create("Ash Primary web filter 2", clock.now()).unwrap();
        signer.put(other, None);
        let after = signer.leaf(&host, None).unwrap();
        assert_ne!(before.cert[1], after.cert[1]);
        verify(&signer, &after, "www.example.com", clock.now()).unwrap();
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
