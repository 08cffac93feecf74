//! `[dns]`: where DNS listens and whom it asks. Each key stands in `docs/running.md`.

use super::loopback;
use super::proxy::peers;
use crate::error::ProgramError;
use ::dns::{ForwardZone, RateLimit, UpstreamAddress};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// DNS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DnsConfig {
    /// Where it listens, UDP and TCP.
    pub(crate) listen: Vec<SocketAddr>,
    /// Threads that answer by UDP, for each address; 0: one for each core.
    pub(crate) workers: usize,
    /// Questions a second that one client may ask in the long run; 0: as many as it likes.
    pub(crate) questions_per_second: u32,
    /// Questions that one client may ask at once, after a rest.
    pub(crate) burst: u32,
    /// Whether blocked names lead to the gate's addresses, instead of nowhere.
    pub(crate) block_page: bool,
    /// Whom it asks: an address, or `udp://`, `tcp://`, `tls://name@address`, `https://name@address/path`; empty: the
    /// servers of this machine's `/etc/resolv.conf`.
    pub(crate) upstreams: Vec<String>,
    /// PEM files: authorities that upstreams by TLS and HTTPS are trusted by, besides the public ones.
    pub(crate) upstream_roots: Vec<PathBuf>,
    /// Whether signatures are checked here, from the root's keys down.
    pub(crate) dnssec: bool,
    /// The school's own domains, whose names may have private addresses.
    pub(crate) private_suffixes: Vec<String>,
    /// Zones of ours: what is not a local name does not exist there.
    pub(crate) local_zones: Vec<String>,
    /// Zones with servers of their own.
    pub(crate) forward: Vec<ForwardConfig>,
    /// Proxies and load balancers that say whose question it is, by the PROXY protocol: addresses and ranges.
    pub(crate) proxy_peers: Vec<String>,
    /// DNS over TLS and HTTPS; without listeners: not offered.
    pub(crate) encrypted: EncryptedConfig,
}

/// A zone and its servers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForwardConfig {
    pub(crate) zone: String,
    pub(crate) upstreams: Vec<String>,
}

/// DNS over TLS and HTTPS.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EncryptedConfig {
    /// For TLS; its usual port is 853.
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// For HTTPS; its usual port is 443.
    pub(crate) https_listen: Vec<SocketAddr>,
    /// The name clients know it by; empty: the gate's.
    pub(crate) name: String,
    /// PEM files of its certificate and key; empty: the school's own authority gives it one for the name.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            listen: loopback(5300),
            workers: 0,
            questions_per_second: RateLimit::default().per_s,
            burst: RateLimit::default().burst,
            block_page: false,
            upstreams: Vec::new(),
            upstream_roots: Vec::new(),
            dnssec: false,
            private_suffixes: Vec::new(),
            local_zones: Vec::new(),
            forward: Vec::new(),
            proxy_peers: Vec::new(),
            encrypted: EncryptedConfig::default(),
        }
    }
}

impl DnsConfig {
    /// Whom it asks, by any wire.
    pub(crate) fn upstreams(&self) -> Result<Vec<UpstreamAddress>, ProgramError> {
        upstreams("dns.upstreams", &self.upstreams)
    }

    /// How many questions one client may ask.
    pub(crate) fn rate_limit(&self) -> RateLimit {
        RateLimit { per_s: self.questions_per_second, burst: self.burst }
    }

    /// Zones with servers of their own.
    pub(crate) fn forward(&self) -> Result<Vec<ForwardZone>, ProgramError> {
        let zone = |forward: &ForwardConfig| {
            let servers = upstreams("dns.forward.upstreams", &forward.upstreams)?;
            if servers.is_empty() {
                return Err(ProgramError::Question(format!(
                    "dns.forward.upstreams: expected a server for {}, found none",
                    forward.zone
                )));
            }
            Ok(ForwardZone { zone: forward.zone.clone(), upstreams: servers })
        };
        self.forward.iter().map(zone).collect()
    }

    /// Who speaks the PROXY protocol.
    pub(crate) fn proxy_peers(&self) -> Result<Vec<IpNet>, ProgramError> {
        peers("dns.proxy_peers", &self.proxy_peers)
    }
}

impl EncryptedConfig {
    /// True when it is offered.
    pub(crate) fn is_offered(&self) -> bool {
        !self.tls_listen.is_empty() || !self.https_listen.is_empty()
    }
}

fn upstreams(key: &str, texts: &[String]) -> Result<Vec<UpstreamAddress>, ProgramError> {
    let parse = |text: &String| {
        text.parse().map_err(|error| ProgramError::Question(format!("{key}: {error}, found {text}")))
    };
    texts.iter().map(parse).collect()
}
