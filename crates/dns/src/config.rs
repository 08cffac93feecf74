//! What the server is told at its start: addresses, upstreams, local names, limits; and the ports it reaches the rest by.

use crate::DnsError;
use model::{Clock, CurrentRoster, EventSender, Host, IdentityMap};
use policy::CurrentSnapshot;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The most that is read of the system's resolver configuration.
const RESOLV_CONF_LIMIT_BYTES: u64 = 64 * 1024;

/// The most upstreams that are asked; further ones are left out.
const MOST_UPSTREAMS: usize = 4;

/// The port name servers listen on.
const DNS_PORT: u16 = 53;

/// The server's settings. [`DnsConfig::default`] listens nowhere and asks the system's name servers.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    /// Addresses to listen on, UDP and TCP alike. Name each address of a machine that has several: an answer from an
    /// unspecified address (`0.0.0.0`) leaves by the route's own address. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Upstream resolvers, best first, at most four. Empty: those of the system's `resolv.conf`.
    pub upstreams: Vec<SocketAddr>,
    /// Where the system's resolvers are written, asked only when `upstreams` is empty.
    pub resolv_conf: PathBuf,
    /// Names whose addresses stand here, for whom the policy allows them: the gate's own, which it always does, and the
    /// school's.
    pub local_names: Vec<(String, Vec<IpAddr>)>,
    /// Names at or below which an upstream may answer with private addresses (the school's own domain). Everywhere
    /// else such an answer is withheld, so that no outside name leads a browser into the school's network.
    pub private_suffixes: Vec<String>,
    /// The gate's own addresses, which blocked names are answered with; empty: `NXDOMAIN`.
    pub block_page_addresses: Vec<IpAddr>,
    /// Answers that are kept at most.
    pub cache_entries: usize,
    /// How long one upstream is waited for.
    pub upstream_wait: Duration,
    /// How long a TCP connection with nothing to do stays open (RFC 7766, 6.2.3).
    pub tcp_idle: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            upstreams: Vec::new(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            local_names: Vec::new(),
            private_suffixes: Vec::new(),
            block_page_addresses: Vec::new(),
            cache_entries: 32_768,
            upstream_wait: Duration::from_millis(1_500),
            tcp_idle: Duration::from_secs(10),
        }
    }
}

/// How the server reaches the rest of the program.
#[derive(Clone, Debug)]
pub struct DnsPorts {
    /// The policy and lists in force.
    pub snapshot: Arc<CurrentSnapshot>,
    /// The people and devices.
    pub roster: Arc<CurrentRoster>,
    /// Who is at which address.
    pub identities: Arc<IdentityMap>,
    /// Where events go.
    pub events: EventSender,
    /// The time.
    pub clock: Clock,
}

/// The names the server answers itself.
#[derive(Debug)]
pub(crate) struct LocalNames(HashMap<Host, Vec<IpAddr>>);

impl LocalNames {
    pub(crate) fn new(names: &[(String, Vec<IpAddr>)]) -> Result<Self, DnsError> {
        let mut table: HashMap<Host, Vec<IpAddr>> = HashMap::new();
        for (name, addresses) in names {
            table.entry(host(name)?).or_default().extend(addresses);
        }
        Ok(Self(table))
    }

    pub(crate) fn get(&self, host: &Host) -> Option<&[IpAddr]> {
        self.0.get(host).map(Vec::as_slice)
    }
}

/// Reads suffixes of names, such as `ash.internal` (a leading dot is allowed).
pub(crate) fn suffixes(texts: &[String]) -> Result<Vec<String>, DnsError> {
    texts.iter().map(|text| Ok(host(text.trim_start_matches('.'))?.to_string())).collect()
}

fn host(text: &str) -> Result<Host, DnsError> {
    Host::parse(text).map_err(|source| DnsError::Name { found: text.to_owned(), source })
}

/// The upstreams to ask: those of the settings, else the system's. `listening` are the server's own addresses.
pub(crate) fn upstreams(config: &DnsConfig, listening: &[SocketAddr]) -> Result<Vec<SocketAddr>, DnsError> {
    let mut upstreams = if config.upstreams.is_empty() {
        let path = &config.resolv_conf;
        let text =
            read_bounded(path).map_err(|source| DnsError::ResolvConf { path: path.clone(), source })?;
        name_servers(&text)
    } else {
        config.upstreams.clone()
    };
    upstreams.truncate(MOST_UPSTREAMS);
    if upstreams.is_empty() {
        return Err(DnsError::NoUpstream);
    }
    match upstreams.iter().find(|upstream| listening.iter().any(|own| is_same(own, upstream))) {
        Some(upstream) => Err(DnsError::UpstreamIsOurselves { upstream: *upstream }),
        None => Ok(upstreams),
    }
}

/// True when a question to `upstream` would come back to `own`, as far as that can be seen from the addresses.
fn is_same(own: &SocketAddr, upstream: &SocketAddr) -> bool {
    let (own_ip, upstream_ip) = (own.ip().to_canonical(), upstream.ip().to_canonical());
    let everywhere = own_ip.is_unspecified() && (upstream_ip.is_loopback() || upstream_ip.is_unspecified());
    own.port() == upstream.port() && (own_ip == upstream_ip || everywhere)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(RESOLV_CONF_LIMIT_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The `nameserver` lines of a `resolv.conf` (resolv.conf(5)); one with an interface (`fe80::1%eth0`) is left out.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            if words.next() != Some("nameserver") {
                return None;
            }
            words.next()?.parse::<IpAddr>().ok()
        })
        .map(|address| SocketAddr::new(address, DNS_PORT))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_in_order_and_the_rest_of_the_file_is_passed_over() {
        let text = "# nameserver 198.51.100.9\nsearch ash.test\nnameserver 198.51.100.1\n\
                    nameserver fe80::1%eth0\n nameserver\t2001:db8::1 # second\nnameserver\n";
        let expected: [SocketAddr; 2] =
            ["198.51.100.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()];
        assert_eq!(name_servers(text), expected);
    }

    #[test]
    fn an_upstream_that_is_the_server_itself_is_refused() {
        for (own, upstream, same) in [
            ("10.0.0.1:53", "10.0.0.1:53", true),
            ("0.0.0.0:53", "127.0.0.1:53", true),
            ("10.0.0.1:53", "127.0.0.53:53", false),
            ("10.0.0.1:53", "10.0.0.1:5353", false),
        ] {
            let config = DnsConfig { upstreams: vec![upstream.parse().unwrap()], ..DnsConfig::default() };
            let found = upstreams(&config, &[own.parse().unwrap()]);
            assert_eq!(matches!(found, Err(DnsError::UpstreamIsOurselves { .. })), same, "{own} {upstream}");
        }
    }

    #[test]
    fn a_local_name_that_is_none_is_refused_with_its_text() {
        let error = LocalNames::new(&[("not a name".into(), Vec::new())]).unwrap_err();
        assert!(error.to_string().contains("not a name"));
    }
}
