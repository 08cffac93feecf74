//! `[proxy]`: where the proxy listens, and how clients find their way to it. Each key stands in `docs/running.md`.

use super::{Config, host, loopback};
use crate::error::ProgramError;
use ipnet::{IpNet, Ipv4Net};
use model::{GroupId, NetworkId, SchoolId};
use proxy::{Keytab, Negotiate, PacDirect, PacRule, PacWay, ServiceKeys, Transparent, TransparentMode};
use serde::Deserialize;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// The proxy.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxyConfig {
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where it listens for browsers that speak TLS with it.
    pub(crate) tls_listen: Vec<SocketAddr>,
    /// Where it listens for what the network leads to it.
    pub(crate) transparent: Vec<TransparentConfig>,
    /// Proxies and load balancers that say whose connection it is, by the PROXY protocol: addresses and ranges.
    pub(crate) proxy_peers: Vec<String>,
    /// New connections a second of one client, in the long run; 0: as many as it likes.
    pub(crate) connections_per_second: u32,
    /// Requests a second of one client, in the long run; 0: as many as it likes.
    pub(crate) requests_per_second: u32,
    /// Certificates (PEM files) of authorities that origins may come from, beside the public ones.
    pub(crate) trusted_roots: Vec<PathBuf>,
    /// Private address ranges that may be reached through the proxy.
    pub(crate) reachable_ranges: Vec<String>,
    /// Whether a proxy that asks for a password takes it over an unencrypted connection too, where whoever shares the
    /// network can read it.
    pub(crate) plain_passwords: bool,
    /// The keys of its Kerberos service (`HTTP/` and the gate's name); empty: no tickets are taken.
    pub(crate) keytab: PathBuf,
    /// The realms of people, and the id of the school whose people each holds; empty: the realm of the keys, and any school's
    /// people.
    pub(crate) realms: HashMap<String, String>,
    /// What browsers of some networks and groups are told; the first that fits counts.
    pub(crate) pac: Vec<PacConfig>,
}

/// A listener for what the network leads to it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransparentConfig {
    pub(crate) listen: SocketAddr,
    pub(crate) mode: ModeConfig,
}

/// How it is led there.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeConfig {
    Redirect,
    Tproxy,
}

/// What browsers of some networks and groups are told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PacConfig {
    /// Ids of the policy's networks; empty: all.
    pub(crate) networks: Vec<String>,
    /// Ids of the policy's groups; empty: all.
    pub(crate) groups: Vec<String>,
    /// The way.
    pub(crate) way: WayConfig,
    /// The proxy's name for them; empty: the gate's.
    pub(crate) host: String,
    /// Names (and all below them) and IPv4 ranges that are reached directly.
    pub(crate) direct: Vec<String>,
}

/// The way to the web.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WayConfig {
    #[default]
    Proxy,
    Tls,
    Direct,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            listen: loopback(3128),
            tls_listen: Vec::new(),
            transparent: Vec::new(),
            proxy_peers: Vec::new(),
            connections_per_second: 500,
            requests_per_second: 2_000,
            trusted_roots: Vec::new(),
            reachable_ranges: Vec::new(),
            plain_passwords: false,
            keytab: PathBuf::new(),
            realms: HashMap::new(),
            pac: Vec::new(),
        }
    }
}

impl ProxyConfig {
    /// The listeners for what the network leads here.
    pub(crate) fn transparent(&self) -> Vec<Transparent> {
        let mode = |mode| match mode {
            ModeConfig::Redirect => TransparentMode::Redirect,
            ModeConfig::Tproxy => TransparentMode::Tproxy,
        };
        let listeners = self.transparent.iter();
        listeners.map(|led| Transparent { listen: led.listen, mode: mode(led.mode) }).collect()
    }

    /// What browsers are told.
    pub(crate) fn pac_rules(&self) -> Result<Vec<PacRule>, ProgramError> {
        self.pac.iter().map(|pac| self.pac_rule(pac)).collect()
    }

    fn pac_rule(&self, pac: &PacConfig) -> Result<PacRule, ProgramError> {
        let way = match pac.way {
            WayConfig::Proxy => PacWay::Proxy,
            WayConfig::Tls if self.tls_listen.is_empty() => {
                return Err(ProgramError::Question(
                    "proxy.pac.way: expected proxy.tls_listen beside way = \"tls\", found none".into(),
                ));
            }
            WayConfig::Tls => PacWay::ProxyOverTls,
            WayConfig::Direct => PacWay::Direct,
        };
        let named = Some(pac.host.as_str()).filter(|name| !name.is_empty());
        let direct = |text: &String| match text.parse::<Ipv4Net>() {
            Ok(range) => Ok(PacDirect::Range(range)),
            Err(_) => host("proxy.pac.direct", text).map(PacDirect::Name),
        };
        Ok(PacRule {
            networks: pac.networks.iter().map(|id| NetworkId::new(id.as_str())).collect(),
            groups: pac.groups.iter().map(|id| GroupId::new(id.as_str())).collect(),
            way,
            host: named.map(|name| host("proxy.pac.host", name)).transpose()?,
            direct: pac.direct.iter().map(direct).collect::<Result<_, _>>()?,
        })
    }

    /// Whose Kerberos tickets are taken, with the file that their keys are read from.
    pub(crate) fn negotiate(&self) -> Result<Option<(PathBuf, Negotiate)>, ProgramError> {
        if self.keytab.as_os_str().is_empty() {
            return Ok(None);
        }
        let keytab = Keytab::read(&self.keytab).map_err(ProgramError::part("keytab"))?;
        let realms = self.realms.iter();
        let realms = realms.map(|(realm, school)| (realm.clone(), SchoolId::new(school.as_str())));
        let keys = Arc::new(ServiceKeys::new(keytab));
        Ok(Some((self.keytab.clone(), Negotiate { keys, realms: realms.collect() })))
    }

    /// Who speaks the PROXY protocol.
    pub(crate) fn proxy_peers(&self) -> Result<Vec<IpNet>, ProgramError> {
        peers("proxy.proxy_peers", &self.proxy_peers)
    }
}

impl Config {
    /// The private networks that may be reached through the proxy.
    pub(crate) fn reachable_ranges(&self) -> Result<Vec<IpNet>, ProgramError> {
        let ranges = self.proxy.reachable_ranges.iter();
        ranges
            .map(|range| {
                range.parse().map_err(|_| {
                    ProgramError::Question(format!(
                        "proxy.reachable_ranges: expected a range such as 10.1.0.0/16, found {range}"
                    ))
                })
            })
            .collect()
    }
}

/// Addresses and ranges.
pub(crate) fn peers(key: &str, texts: &[String]) -> Result<Vec<IpNet>, ProgramError> {
    let peer = |text: &String| {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        parsed.map_err(|_| {
            ProgramError::Question(format!(
                "{key}: expected an address or a range such as 10.1.0.0/16, found {text}"
            ))
        })
    };
    texts.iter().map(peer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> ProxyConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn listeners_and_what_browsers_are_told_are_read() {
        let config = read(
            "tls_listen = [\"10.1.0.2:3443\"]\n\
             transparent = [{ listen = \"0.0.0.0:3129\", mode = \"redirect\" }, \
             { listen = \"[::]:3129\", mode = \"tproxy\" }]\n\
             [[pac]]\nnetworks = [\"halls\"]\nway = \"tls\"\ndirect = [\"larkfield.test\", \"10.1.0.0/16\"]\n",
        );
        let modes: Vec<TransparentMode> = config.transparent().iter().map(|led| led.mode).collect();
        assert_eq!(modes, [TransparentMode::Redirect, TransparentMode::Tproxy]);
        let rules = config.pac_rules().unwrap();
        assert_eq!((rules[0].way, rules[0].direct.len()), (PacWay::ProxyOverTls, 2));
    }

    #[test]
    fn what_cannot_be_is_said_with_its_key() {
        for (text, key) in [
            ("[[pac]]\nway = \"tls\"\n", "proxy.pac.way"),
            ("[[pac]]\ndirect = [\"a \\\" b\"]\n", "proxy.pac.direct"),
            ("[[pac]]\nhost = \"no host\"\n", "proxy.pac.host"),
        ] {
            let words = read(text).pac_rules().unwrap_err().to_string();
            assert!(words.contains(key), "{words}");
        }
        assert!(peers("proxy.proxy_peers", &["somebody".to_owned()]).is_err());
        assert!(
            toml::from_str::<ProxyConfig>("transparent = [{ listen = \"0.0.0.0:1\", mode = \"x\" }]")
                .is_err()
        );
    }
}
