//! Certificate authorities made for one run: one for the origins, one for each proxy.

use crate::error::BenchError;
use model::Clock;
use proxy::CertificateAuthority;
use rustls_pki_types::CertificateDer;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes an authority (ECDSA P-256) and keeps it in `folder`, which is made.
pub(crate) fn make(folder: &Path, name: &str) -> Result<CertificateDer<'static>, BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
    let authority = CertificateAuthority::create(name, Clock::System.now())?;
    authority.save(&certificate_file(folder), &key_file(folder))?;
    Ok(authority.certificate_der().clone())
}

/// Loads the authority of a folder.
pub(crate) fn load(folder: &Path) -> Result<CertificateAuthority, BenchError> {
    Ok(CertificateAuthority::load(&certificate_file(folder), &key_file(folder))?)
}

/// Where its certificate is, PEM.
pub(crate) fn certificate_file(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

/// Where its key is, PEM.
pub(crate) fn key_file(folder: &Path) -> PathBuf {
    folder.join("ca.key")
}
