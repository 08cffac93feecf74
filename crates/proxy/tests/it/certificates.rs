//! A root of the tests' own, and server certificates good and bad.

use model::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use std::sync::Arc;
use std::time::Duration;

pub const NOW: &str = "2026-11-22T10:00:00Z";

pub fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flaw {
    None,
    Expired,
    NotYetValid,
    SelfSigned,
    WrongName,
    UnknownRoot,
}

pub struct Root(CertifiedIssuer<'static, KeyPair>);

impl Root {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn server(&self, name: &str, flaw: Flaw, protocols: &[&str]) -> Arc<ServerConfig> {
        self.server_of(&[name], flaw, protocols)
    }

    /// The same, for several names.
    pub fn server_of(&self, names: &[&str], flaw: Flaw, protocols: &[&str]) -> Arc<ServerConfig> {
        let named = if flaw == Flaw::WrongName { &["somebody-else.test"] } else { names };
        let key = KeyPair::generate().unwrap();
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(named).unwrap();
        let (from, until) = match flaw {
            Flaw::Expired => ((2026, 1, 1), (2026, 11, 21)),
            Flaw::NotYetValid => ((2026, 11, 24), (2027, 1, 1)),
            _ => ((2026, 11, 1), (2026, 12, 1)),
        };
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let certificate = match flaw {
            Flaw::SelfSigned => params.self_signed(&key).unwrap(),
            Flaw::UnknownRoot => params.signed_by(&key, &Root::new("Nobody's root").0).unwrap(),
            _ => params.signed_by(&key, &self.0).unwrap(),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut tls = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(tls)
    }
}

pub fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The clients' clock stands where the proxy's does.
#[derive(Debug)]
pub struct Stopped;

impl rustls::time_provider::TimeProvider for Stopped {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(now().0).unwrap())))
    }
}
