//! A certificate authority of the tests' own, and server certificates good and bad in every way that matters.

use crate::TestError;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// It ended years ago.
    Expired,
    /// It signed itself.
    SelfSigned,
    /// It names another host.
    WrongName,
    /// It comes from an authority that nobody trusts.
    Untrusted,
}

/// An authority whose certificate tests can hand out.
pub struct TestAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    stranger: CertifiedIssuer<'static, KeyPair>,
}

impl TestAuthority {
    /// Makes a new authority, and a second one that nobody is told to trust.
    pub fn new() -> Result<Self, TestError> {
        Ok(Self { issuer: authority("Origins of the tests")?, stranger: authority("Nobody trusts this")? })
    }

    /// The authority's certificate as PEM, to be trusted.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The authority's certificate as DER.
    pub fn der(&self) -> CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A TLS configuration for a server of this name, offering these protocols.
    pub fn server(
        &self,
        name: &str,
        fault: Fault,
        protocols: &[&str],
    ) -> Result<Arc<ServerConfig>, TestError> {
        let (certificate, key) = self.certificate(name, fault)?;
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(TestError::new)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// The certificate and the key of a server of this name, as PEM, for programs that read files.
    pub fn server_pem(&self, name: &str, fault: Fault) -> Result<(String, String), TestError> {
        let (certificate, key) = self.certificate(name, fault)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn certificate(&self, name: &str, fault: Fault) -> Result<(Certificate, KeyPair), TestError> {
        let named = if fault == Fault::WrongName { "somebody-else.test" } else { name };
        let mut parameters = CertificateParams::new(vec![named.to_owned()])?;
        parameters.distinguished_name.push(DnType::CommonName, named);
        if fault == Fault::Expired {
            parameters.not_before = date_time_ymd(2020, 1, 1);
            parameters.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate()?;
        let certificate = match fault {
            Fault::SelfSigned => parameters.self_signed(&key)?,
            Fault::Untrusted => parameters.signed_by(&key, &self.stranger)?,
            Fault::None | Fault::Expired | Fault::WrongName => parameters.signed_by(&key, &self.issuer)?,
        };
        Ok((certificate, key))
    }
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, TestError> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)?)
}
