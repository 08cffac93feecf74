//! `schoolgate.toml`: where things listen and what this machine is. Who may reach what is the policy's, never this file's.

mod dns;
mod history;
mod logs;
mod notify;
mod passwords;
mod proxy;
mod radius;
mod scan;

pub(crate) use dns::DnsConfig;
pub(crate) use history::{HistoryConfig, HistoryPlace, ServerConfig};
pub(crate) use logs::{LogsConfig, SilenceConfig};
pub(crate) use notify::{MailConfig, NotifyConfig, Told};
pub(crate) use passwords::PasswordsConfig;
pub(crate) use proxy::ProxyConfig;
pub(crate) use radius::{RadiusClient, RadiusConfig};
pub(crate) use scan::{IcapConfig, ScanConfig};

use crate::error::ProgramError;
use model::Host;
use serde::Deserialize;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// The configuration as it is written. Everything has a default but the gate's name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) gate: GateConfig,
    #[serde(default)]
    pub(crate) dns: DnsConfig,
    #[serde(default)]
    pub(crate) proxy: ProxyConfig,
    #[serde(default)]
    pub(crate) radius: RadiusConfig,
    #[serde(default)]
    pub(crate) logs: LogsConfig,
    #[serde(default)]
    pub(crate) silence: SilenceConfig,
    #[serde(default)]
    pub(crate) notify: NotifyConfig,
    #[serde(default)]
    pub(crate) passwords: PasswordsConfig,
    #[serde(default)]
    pub(crate) scan: ScanConfig,
    #[serde(default)]
    pub(crate) icap: IcapConfig,
    #[serde(default)]
    pub(crate) console: ConsoleConfig,
    #[serde(default)]
    pub(crate) store: StoreConfig,
    #[serde(default)]
    pub(crate) history: HistoryConfig,
    #[serde(default)]
    pub(crate) lists: ListsConfig,
    #[serde(default, rename = "local_name")]
    pub(crate) local_names: Vec<LocalName>,
}

/// This gate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GateConfig {
    /// Its number in the trust, from 1.
    #[serde(default = "one")]
    pub(crate) id: u16,
    /// The name people reach it by.
    pub(crate) name: String,
    /// The organisation's name, in certificates and on pages.
    pub(crate) organisation: String,
    /// The addresses that the gate's own name is answered with; empty: the name is not answered.
    #[serde(default)]
    pub(crate) addresses: Vec<IpAddr>,
    /// Whether the process shuts off files, programs and system calls that it does not need.
    #[serde(default = "yes")]
    pub(crate) narrowed: bool,
    /// Files and folders outside the gate's own that it reads all the same, such as lists.
    #[serde(default)]
    pub(crate) readable: Vec<PathBuf>,
}

/// The console.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConsoleConfig {
    /// Where it listens, HTTPS.
    pub(crate) listen: SocketAddr,
    /// The address people type; empty: made from `listen`, or from the gate's name.
    pub(crate) address: String,
    /// PEM files of a certificate that visitors' own devices trust, and its key; empty: the school's own authority gives
    /// one.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Default for ConsoleConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            address: String::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
        }
    }
}

/// Where records are kept.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreConfig {
    /// A PostgreSQL address; empty: SQLite in the gate's folder.
    pub(crate) postgres: String,
}

/// Lists.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ListsConfig {
    /// Hours between two looks at the lists' sources.
    pub(crate) refresh_hours: u16,
}

impl Default for ListsConfig {
    fn default() -> Self {
        Self { refresh_hours: 6 }
    }
}

/// A name of the school's own, answered here and reachable through the proxy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LocalName {
    pub(crate) name: String,
    pub(crate) addresses: Vec<IpAddr>,
}

impl Config {
    /// Reads `schoolgate.toml`; the error names line and column.
    pub(crate) fn read(file: &Path) -> Result<Self, ProgramError> {
        let text = std::fs::read_to_string(file).map_err(|source| ProgramError::file(file, source))?;
        toml::from_str(&text)
            .map_err(|error| ProgramError::Configuration { file: file.to_owned(), words: error.to_string() })
    }
}

impl Config {
    /// Every file and folder that it names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let encrypted = &self.dns.encrypted;
        let (logs, console) = (&self.logs, &self.console);
        let one_each = [
            &encrypted.certificate,
            &encrypted.key,
            &logs.certificate,
            &logs.key,
            &console.certificate,
            &console.key,
            &self.proxy.keytab,
        ];
        let several = [
            &self.dns.upstream_roots,
            &self.proxy.trusted_roots,
            &logs.sender_authorities,
            &self.notify.trusted_roots,
            &self.passwords.trusted_roots,
            &self.history.server.trusted_roots,
            &self.gate.readable,
        ];
        let all = one_each.into_iter().chain(several.into_iter().flatten());
        all.filter(|file| !file.as_os_str().is_empty()).cloned().collect()
    }
}

impl GateConfig {
    /// The gate's name as a host.
    pub(crate) fn host(&self) -> Result<Host, ProgramError> {
        host("gate.name", &self.name)
    }
}

impl Config {
    /// The address people type to reach the console.
    pub(crate) fn console_address(&self, bound: SocketAddr) -> String {
        match self.console.address.trim_end_matches('/') {
            "" if bound.ip().is_loopback() => format!("https://localhost:{}", bound.port()),
            "" => format!("https://{}:{}", self.gate.name, bound.port()),
            address => address.to_owned(),
        }
    }

    /// The school's own hosts that may be reached through the proxy wherever they lie.
    pub(crate) fn listed_hosts(&self) -> Result<HashMap<Host, Vec<IpAddr>>, ProgramError> {
        let named = self.local_names.iter();
        named.map(|local| Ok((host("local_name.name", &local.name)?, local.addresses.clone()))).collect()
    }
}

/// A host that a key names.
pub(crate) fn host(key: &str, text: &str) -> Result<Host, ProgramError> {
    Host::parse(text).map_err(|error| ProgramError::Question(format!("{key}: {error}, found {text}")))
}

/// True for a name that files and records can bear: lower-case letters, digits, hyphens, at most 64.
pub(crate) fn is_plain_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(is_plain)
}

fn yes() -> bool {
    true
}

fn one() -> u16 {
    1
}

fn loopback(port: u16) -> Vec<SocketAddr> {
    vec![SocketAddr::from(([127, 0, 0, 1], port))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_enough_and_an_unknown_key_is_an_error_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schoolgate.toml");
        let head = "[gate]\nname = \"gate.test\"\norganisation = \"A school\"\n";
        std::fs::write(&file, head).unwrap();
        assert_eq!(Config::read(&file).unwrap().dns.listen, loopback(5300));
        std::fs::write(&file, format!("{head}[dns]\nlisen = []\n")).unwrap();
        let words = Config::read(&file).unwrap_err().to_string();
        assert!(words.contains("line 5") && words.contains("lisen"), "{words}");
    }

    #[test]
    fn senders_of_accounting_are_listed_with_the_file_of_their_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schoolgate.toml");
        let head = "[gate]\nname = \"gate.test\"\norganisation = \"A school\"\n";
        std::fs::write(&file, head).unwrap();
        assert_eq!(Config::read(&file).unwrap().radius.listen, None);
        let radius = "[radius]\nlisten = \"10.20.0.1:1813\"\n[[radius.client]]\naddress = \"10.20.0.5\"\nsecret = \"wifi\"\n";
        std::fs::write(&file, format!("{head}{radius}")).unwrap();
        let read = Config::read(&file).unwrap().radius;
        assert_eq!(read.session_timeout().as_secs(), 45 * 60);
        assert_eq!(
            (read.client[0].address.to_string().as_str(), read.client[0].secret.as_str()),
            ("10.20.0.5", "wifi")
        );
    }
}
