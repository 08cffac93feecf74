//! The school's inspection certificate authority: made once, kept in two files, used by [`LeafSigner`](crate::LeafSigner).
//!
//! Invariants: the key file is written with mode 0600 and never over another one; a key that others can read is not
//! loaded; the certificate can sign TLS servers' certificates only, and no further authority. Names are not constrained: any
//! site may have to be opened, and the gate's own console is reached by names and addresses of the school's choice.

use crate::ProxyError;
use crate::certificate::CertificateFacts;
use crate::leaf::Validity;
use model::{Clock, Host, Timestamp};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// Five years, with the one leap day that is always among them.
const VALIDITY_MS: i64 = (5 * 365 + 1) * DAY_MS;
/// Clocks of devices stray; what is made now is valid a little earlier.
pub(crate) const BACK_DATE_MS: i64 = 3_600_000;
/// The most that is read of a certificate or key file.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// An inspection certificate with its private key.
pub struct CertificateAuthority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) not_after: Timestamp,
    not_before: Timestamp,
    name: Box<str>,
    pem: String,
}

impl std::fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateAuthority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

impl CertificateAuthority {
    /// Makes a new authority with a key of its own (ECDSA P-256), valid for five years from `at`. `name` is what devices
    /// show, such as "Ash Primary web filter".
    pub fn create(name: &str, at: Timestamp) -> Result<Self, ProxyError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(serial_number()?);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let not_after = at.plus_ms(VALIDITY_MS);
        set_validity(&mut params, at.plus_ms(-BACK_DATE_MS), not_after);
        let certificate = params.self_signed(&key)?;
        Self::assemble(&certificate, key)
    }

    /// Reads the authority from its two PEM files.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, ProxyError> {
        let key = KeyPair::from_pem(&read_key(key)?)?;
        let pem = read_bounded(open(certificate)?, certificate)?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| ProxyError::Authority { expected: "a certificate in PEM form" })?;
        let facts = CertificateFacts::read(&der)?;
        if !facts.is_authority {
            return Err(ProxyError::Authority { expected: "a certificate that may sign others" });
        }
        if facts.public_key != key.subject_public_key_info() {
            return Err(ProxyError::Authority { expected: "the key that belongs to the certificate" });
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self::of(issuer, der, (facts, pem)))
    }

    /// Writes the authority to two new PEM files; the key can be read by its owner alone. A key file that exists is
    /// left as it is, and is an error.
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), ProxyError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ProxyError::File { path, source }
        };
        let mut key_file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(key).map_err(at(key))?;
        let write =
            |file: &mut File, text: &str| file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        write(&mut key_file, &self.issuer.key().serialize_pem()).map_err(at(key))?;
        let mut file = File::create(certificate).map_err(at(certificate))?;
        write(&mut file, &self.pem).map_err(at(certificate))
    }

    /// The certificate to install on devices, PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The certificate to install on devices, DER.
    pub fn certificate_der(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// What devices show as its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first moment at which devices accept it.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last moment at which devices accept it.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    fn assemble(certificate: &Certificate, key: KeyPair) -> Result<Self, ProxyError> {
        let der = certificate.der().clone();
        let facts = CertificateFacts::read(&der)?;
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        Ok(Self::of(issuer, der, (facts, certificate.pem())))
    }

    fn of(
        issuer: Issuer<'static, KeyPair>,
        certificate: CertificateDer<'static>,
        (facts, pem): (CertificateFacts, String),
    ) -> Self {
        let CertificateFacts { not_before, not_after, common_name, .. } = facts;
        Self { issuer, certificate, not_after, not_before, name: common_name, pem }
    }
}

/// 16 random bytes, positive. Browsers refuse two certificates of one issuer with the same number.
fn serial_number() -> Result<SerialNumber, ProxyError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Sets from when until when a certificate holds, to the second.
fn set_validity(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let seconds = |at: Timestamp| Duration::from_secs(u64::try_from(at.0.div_euclid(1000)).unwrap_or(0));
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + seconds(from);
    params.not_after = epoch + seconds(until);
}

/// What a certificate for a TLS server says that is reached by these names; the authority has only to sign it.
pub(crate) fn server_params(
    common_name: &str,
    names: &[Host],
    validity: Validity,
) -> Result<CertificateParams, ProxyError> {
    let mut params = CertificateParams::default();
    set_validity(&mut params, validity.from, validity.until);
    params.serial_number = Some(serial_number()?);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    for name in names {
        params.subject_alt_names.push(match name {
            Host::Name(name) => SanType::DnsName(name.as_str().try_into()?),
            Host::Address(address) => SanType::IpAddress(*address),
        });
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn open(path: &Path) -> Result<File, ProxyError> {
    File::open(path).map_err(|source| ProxyError::File { path: path.to_owned(), source })
}

/// Reads the key through the file that was checked, so that nobody swaps it in between.
fn read_key(path: &Path) -> Result<String, ProxyError> {
    let file = open(path)?;
    let metadata = file.metadata().map_err(|source| ProxyError::File { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ProxyError::KeyIsExposed { path: path.to_owned(), mode });
    }
    read_bounded(file, path)
}

fn read_bounded(file: File, path: &Path) -> Result<String, ProxyError> {
    let mut text = String::new();
    let read = file.take(MAX_FILE_BYTES).read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(ProxyError::File { path: path.to_owned(), source }),
    }
}

/// The time as the TLS library asks for it.
#[derive(Debug)]
pub(crate) struct TlsTime(pub(crate) Clock);

impl rustls::time_provider::TimeProvider for TlsTime {
    fn current_time(&self) -> Option<rustls_pki_types::UnixTime> {
        let seconds = u64::try_from(self.0.now().0.div_euclid(1000)).ok()?;
        Some(rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// An error of our own kind for streams.
pub(crate) fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> CertificateAuthority {
        CertificateAuthority::create(
            "Ash Primary web filter",
            Timestamp::parse("2026-11-22T10:00:00Z").unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn an_authority_lasts_five_years_and_signs_nothing_but_servers() {
        let made = authority();
        assert_eq!(made.not_after().to_string(), "2031-11-22T10:00:00Z");
        let (_, read) = x509_parser::parse_x509_certificate(made.certificate_der()).unwrap();
        let constraints = read.basic_constraints().unwrap().unwrap().value;
        assert!(constraints.ca && constraints.path_len_constraint == Some(0));
        let usage = read.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.client_auth && !usage.code_signing && !usage.any);
    }

    #[test]
    fn what_is_saved_is_loaded_again_and_its_key_is_the_owner_s_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
        let made = authority();
        made.save(&certificate, &key).unwrap();
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = CertificateAuthority::load(&certificate, &key).unwrap();
        assert_eq!(loaded.certificate_der(), made.certificate_der());
        assert_eq!(loaded.not_after(), made.not_after());
        assert!(matches!(made.save(&certificate, &key), Err(ProxyError::File { .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("ca.pem"), folder.path().join("ca.key"));
        authority().save(&certificate, &key).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = CertificateAuthority::load(&certificate, &key).unwrap_err();
        assert!(matches!(error, ProxyError::KeyIsExposed { mode: 0o640, .. }), "{error}");
    }

    #[test]
    fn a_certificate_with_another_s_key_is_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.pem", "a.key", "b.pem", "b.key"].map(|name| folder.path().join(name));
        authority().save(&paths[0], &paths[1]).unwrap();
        authority().save(&paths[2], &paths[3]).unwrap();
        assert!(matches!(
            CertificateAuthority::load(&paths[0], &paths[3]),
            Err(ProxyError::Authority { .. })
        ));
    }
}
