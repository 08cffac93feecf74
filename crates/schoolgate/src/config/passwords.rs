//! `[passwords]`: who is asked about breached ones beside the list that ships. The rules themselves are the policy's.

use crate::error::ProgramError;
use lists::RangeServer;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use std::path::PathBuf;

/// Who is asked about breached passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PasswordsConfig {
    /// The HTTPS address to which five digits of a SHA-1 are added; empty: nobody is asked.
    pub(crate) breach_service: String,
    /// PEM files of authorities that the service may come from, beside the public ones.
    pub(crate) trusted_roots: Vec<PathBuf>,
}

impl PasswordsConfig {
    /// The service; `None` where none is configured.
    pub(crate) fn breach_service(&self) -> Result<Option<RangeServer>, ProgramError> {
        if self.breach_service.is_empty() {
            return Ok(None);
        }
        let mut roots = Vec::new();
        for file in &self.trusted_roots {
            let read = CertificateDer::pem_file_iter(file);
            for root in read.map_err(ProgramError::part("passwords.trusted_roots"))? {
                roots.push(root.map_err(ProgramError::part("passwords.trusted_roots"))?);
            }
        }
        let server = RangeServer::new(&self.breach_service, roots);
        server.map(Some).map_err(ProgramError::part("passwords.breach_service"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_asked_unless_an_https_address_is_configured() {
        assert!(PasswordsConfig::default().breach_service().unwrap().is_none());
        for (address, fits) in [
            ("https://range.larkfield.test/range", true),
            ("http://range.larkfield.test/range", false),
            ("range.larkfield.test", false),
        ] {
            let config: PasswordsConfig = toml::from_str(&format!("breach_service = \"{address}\"")).unwrap();
            assert_eq!(config.breach_service().is_ok_and(|service| service.is_some()), fits, "{address}");
        }
    }
}
