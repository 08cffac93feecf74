//! `[scan]` and `[icap]`: the malware scanner, and other proxies that ask here. Each key stands in `docs/scanning.md`.

use super::proxy::peers;
use crate::error::ProgramError;
use crate::folder::Folder;
use proxy::{Icap, ScanConfig as Scanner, ScanService};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;
/// The usual port of ICAP services.
const ICAP_PORT: u16 = 1344;

/// The malware scanner; without one nothing is scanned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ScanConfig {
    /// The socket of ClamAV's daemon on this machine, or its `host:port`.
    pub(crate) clamd: String,
    /// An ICAP service, `icap://host:port/service`.
    pub(crate) icap: String,
    /// The most MiB of files on disk at once.
    pub(crate) spool_mib: u64,
    /// Seconds that the scanner may be silent.
    pub(crate) timeout_seconds: u64,
    /// Seconds after which a client is shown that there is something to wait for.
    pub(crate) patience_seconds: u64,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            clamd: String::new(),
            icap: String::new(),
            spool_mib: 2_048,
            timeout_seconds: 60,
            patience_seconds: 5,
        }
    }
}

impl ScanConfig {
    /// The scanner, where there is to be one; files are held in the gate's folder.
    pub(crate) fn scanner(&self, folder: &Folder) -> Result<Option<Scanner>, ProgramError> {
        let service = match (self.clamd.as_str(), self.icap.as_str()) {
            ("", "") => return Ok(None),
            (clamd, "") if clamd.starts_with('/') => ScanService::ClamdSocket(PathBuf::from(clamd)),
            (clamd, "") if has_port(clamd) => ScanService::Clamd(clamd.to_owned()),
            (clamd, "") => {
                return Err(wrong("scan.clamd", "the path of a socket, or HOST:PORT", clamd));
            }
            ("", icap) => icap_service(icap)?,
            (clamd, _) => return Err(wrong("scan.clamd", "one scanner, and scan.icap names another", clamd)),
        };
        Ok(Some(Scanner {
            service,
            folder: folder.spool(),
            spool_bytes: self.spool_mib.saturating_mul(MIB),
            timeout: Duration::from_secs(self.timeout_seconds.max(1)),
            patience: Duration::from_secs(self.patience_seconds.max(1)),
        }))
    }
}

fn icap_service(address: &str) -> Result<ScanService, ProgramError> {
    let miss = || wrong("scan.icap", "icap://HOST:PORT/SERVICE", address);
    let (authority, path) =
        address.strip_prefix("icap://").and_then(|rest| rest.split_once('/')).ok_or_else(miss)?;
    let plain = |byte: u8| byte.is_ascii_graphic();
    if authority.is_empty() || !path.bytes().all(plain) || !authority.bytes().all(plain) {
        return Err(miss());
    }
    let authority =
        if has_port(authority) { authority.to_owned() } else { format!("{authority}:{ICAP_PORT}") };
    Ok(ScanService::Icap { authority, path: format!("/{path}") })
}

fn has_port(authority: &str) -> bool {
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn wrong(key: &str, expected: &str, found: &str) -> ProgramError {
    ProgramError::Question(format!("{key}: expected {expected}; found {found}"))
}

/// Other proxies that ask here; without listeners none do.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IcapConfig {
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Who may ask, and is believed when they say for whom: addresses and ranges.
    pub(crate) peers: Vec<String>,
}

impl IcapConfig {
    /// As the proxy takes it.
    pub(crate) fn icap(&self) -> Result<Icap, ProgramError> {
        if !self.listen.is_empty() && self.peers.is_empty() {
            return Err(wrong(
                "icap.peers",
                "the addresses of those who may ask, beside icap.listen",
                "none",
            ));
        }
        Ok(Icap { listen: self.listen.clone(), peers: peers("icap.peers", &self.peers)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn service(text: &str) -> Result<Option<ScanService>, String> {
        let config: ScanConfig = toml::from_str(text).unwrap();
        let scanner = config.scanner(&Folder::at(Path::new("gate")));
        scanner.map(|scanner| scanner.map(|scanner| scanner.service)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_scanner_is_named_by_its_socket_its_port_or_its_service() {
        assert_eq!(service(""), Ok(None));
        let socket = ScanService::ClamdSocket("/run/clamav/clamd.ctl".into());
        assert_eq!(service("clamd = \"/run/clamav/clamd.ctl\""), Ok(Some(socket)));
        assert_eq!(
            service("clamd = \"scan.test:3310\""),
            Ok(Some(ScanService::Clamd("scan.test:3310".into())))
        );
        let icap = ScanService::Icap { authority: "10.1.0.7:1344".into(), path: "/avscan".into() };
        assert_eq!(service("icap = \"icap://10.1.0.7/avscan\""), Ok(Some(icap)));
    }

    #[test]
    fn what_cannot_be_is_said_with_its_key() {
        for (text, key) in [
            ("clamd = \"clamd.ctl\"", "scan.clamd"),
            ("clamd = \"/a\"\nicap = \"icap://b/c\"", "scan.clamd"),
            ("icap = \"http://b/c\"", "scan.icap"),
            ("icap = \"icap://b\"", "scan.icap"),
        ] {
            assert!(service(text).unwrap_err().contains(key), "{text}");
        }
        let icap: IcapConfig = toml::from_str("listen = [\"127.0.0.1:1344\"]").unwrap();
        assert!(icap.icap().unwrap_err().to_string().contains("icap.peers"));
    }
}
