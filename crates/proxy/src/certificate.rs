//! Reading certificates that somebody else made: when they hold, for whom, and where they point.
//!
//! Left out: whether to believe any of it; that is `verify`.
//!
//! Invariants: any bytes are facts or an error, never a panic; lists are bounded.

use crate::ProxyError;
use model::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS, OID_PKIX_ACCESS_DESCRIPTOR_OCSP, Oid,
};
use x509_parser::public_key::PublicKey;

/// The most addresses that are taken from one certificate, of each kind.
const MOST_URLS: usize = 4;
/// The longest address that is taken.
const LONGEST_URL: usize = 1_024;
/// The smallest RSA key that is believed, as for the public web (CA/Browser Forum Baseline Requirements, 6.1.5).
const LEAST_RSA_BITS: usize = 2_048;
/// The smallest key on an elliptic curve that is believed (same place: P-256).
const LEAST_EC_BITS: usize = 256;

/// What we need to know of a certificate that somebody else made.
#[derive(Clone)]
pub(crate) struct CertificateFacts {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    /// The names it is for, lower case, in its order; wildcards among them, addresses not.
    pub(crate) names: Vec<Box<str>>,
    /// What its subject calls itself; empty where it has no common name.
    pub(crate) common_name: Box<str>,
    /// Subject and issuer, as they are encoded.
    pub(crate) subject: Box<[u8]>,
    pub(crate) issuer: Box<[u8]>,
    pub(crate) is_authority: bool,
    pub(crate) public_key: Vec<u8>,
    /// Its number, as it is encoded.
    pub(crate) serial: Box<[u8]>,
    /// Where its issuer's certificate can be fetched over plain HTTP (RFC 5280, 4.2.2.1), at most 4.
    pub(crate) issuer_urls: Vec<Box<str>>,
    /// Where the list of what its issuer revoked can be fetched over plain HTTP (RFC 5280, 4.2.1.13), at most 4.
    pub(crate) revocation_urls: Vec<Box<str>>,
    /// Where a responder can be asked about it over plain HTTP (RFC 5280, 4.2.2.1), at most 4.
    pub(crate) responder_urls: Vec<Box<str>>,
    /// It demands a stapled proof of its state (RFC 7633).
    pub(crate) must_staple: bool,
    /// Its key, or the signature it is to be believed for, proves nothing.
    pub(crate) is_weak: bool,
}

impl CertificateFacts {
    /// Reads a DER certificate; any bytes are an error or facts, never a panic.
    pub(crate) fn read(der: &[u8]) -> Result<Self, ProxyError> {
        let (_, read) = x509_parser::parse_x509_certificate(der)
            .map_err(|_| ProxyError::Authority { expected: "a certificate that can be read" })?;
        let moment = |time: x509_parser::time::ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
        let Urls { issuers, lists, responders } = urls(&read);
        Ok(Self {
            not_before: moment(read.validity().not_before),
            not_after: moment(read.validity().not_after),
            names: dns_names(&read),
            common_name: common_name(&read),
            subject: read.subject().as_raw().into(),
            issuer: read.issuer().as_raw().into(),
            is_authority: read.is_ca(),
            public_key: read.public_key().raw.to_vec(),
            serial: read.raw_serial().into(),
            issuer_urls: issuers,
            revocation_urls: lists,
            responder_urls: responders,
            must_staple: must_staple(&read),
            is_weak: is_weak(&read),
        })
    }

    /// It names itself as its issuer, as roots and self-signed certificates do.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// Whether this is the same certificate: an issuer gives each number once.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.serial == other.serial && self.issuer == other.issuer && self.public_key == other.public_key
    }

    /// How long it holds, in milliseconds.
    pub(crate) fn lasts_ms(&self) -> i64 {
        self.not_after.0.saturating_sub(self.not_before.0)
    }
}

fn common_name(certificate: &X509Certificate<'_>) -> Box<str> {
    let first = certificate.subject().iter_common_name().next();
    first.and_then(|name| name.as_str().ok()).unwrap_or_default().into()
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<Box<str>> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase().into()),
        _ => None,
    });
    names.collect()
}

/// Where a certificate points.
#[derive(Default)]
struct Urls {
    issuers: Vec<Box<str>>,
    lists: Vec<Box<str>>,
    responders: Vec<Box<str>>,
}

fn urls(certificate: &X509Certificate<'_>) -> Urls {
    let mut urls = Urls::default();
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityInfoAccess(access) => {
                for at in &access.accessdescs {
                    let kind = match &at.access_method {
                        method if *method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS => &mut urls.issuers,
                        method if *method == OID_PKIX_ACCESS_DESCRIPTOR_OCSP => &mut urls.responders,
                        _ => continue,
                    };
                    kind.extend(plain_http(&at.access_location));
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in
                    points.iter().filter(|point| point.reasons.is_none() && point.crl_issuer.is_none())
                {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        urls.lists.extend(names.iter().filter_map(plain_http));
                    }
                }
            }
            _ => {}
        }
    }
    for kind in [&mut urls.issuers, &mut urls.lists, &mut urls.responders] {
        kind.truncate(MOST_URLS);
    }
    urls
}

fn plain_http(name: &GeneralName<'_>) -> Option<Box<str>> {
    match name {
        GeneralName::URI(url) if url.len() <= LONGEST_URL && url.starts_with("http://") => {
            Some((*url).into())
        }
        _ => None,
    }
}

/// The TLS feature `status_request`, number 5, among the features it demands (RFC 7633, section 4).
fn must_staple(certificate: &X509Certificate<'_>) -> bool {
    const STATUS_REQUEST: [u8; 3] = [2, 1, 5];
    certificate
        .extensions()
        .iter()
        .filter(|extension| extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.24")
        .any(|extension| {
            extension.value.windows(STATUS_REQUEST.len()).any(|feature| feature == STATUS_REQUEST)
        })
}

/// A root's signature on itself proves nothing anyway, so it is not judged.
fn is_weak(certificate: &X509Certificate<'_>) -> bool {
    let is_self_issued = certificate.subject().as_raw() == certificate.issuer().as_raw();
    let has_weak_key = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => key.key_size() < LEAST_RSA_BITS,
        Ok(PublicKey::EC(point)) => point.key_size() < LEAST_EC_BITS,
        Ok(PublicKey::DSA(_)) => true,
        _ => false,
    };
    has_weak_key || (!is_self_issued && is_weak_signature(&certificate.signature_algorithm.algorithm))
}

/// MD2, MD4, MD5 and SHA-1, with RSA, ECDSA or DSA: collisions of all of them have been made or are within reach.
fn is_weak_signature(algorithm: &Oid<'_>) -> bool {
    const WEAK: [&str; 8] = [
        "1.2.840.113549.1.1.2",
        "1.2.840.113549.1.1.3",
        "1.2.840.113549.1.1.4",
        "1.2.840.113549.1.1.5",
        "1.2.840.10045.4.1",
        "1.2.840.10040.4.3",
        "1.3.14.3.2.27",
        "1.3.14.3.2.29",
    ];
    WEAK.contains(&algorithm.to_id_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, CustomExtension, KeyPair};

    #[test]
    fn a_demand_for_a_stapled_proof_is_read() {
        let key = KeyPair::generate().unwrap();
        for (features, demanded) in [
            (vec![0x30, 3, 2, 1, 5], true),
            (vec![0x30, 6, 2, 1, 17, 2, 1, 5], true),
            (vec![0x30, 3, 2, 1, 17], false),
        ] {
            let mut params = CertificateParams::new(vec!["shop.example".into()]).unwrap();
            let oid = &[1, 3, 6, 1, 5, 5, 7, 1, 24];
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, features));
            let made = params.self_signed(&key).unwrap();
            let facts = CertificateFacts::read(made.der()).unwrap();
            assert_eq!(facts.must_staple, demanded);
            assert!(!facts.is_weak && facts.is_self_issued());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = CertificateFacts::read(&bytes);
        }
    }
}
