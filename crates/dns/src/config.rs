//! What the server is told at its start: addresses, upstreams, local names, limits; and the ports it reaches the rest by.

use crate::DnsError;
use crate::upstream::{ForwardZone, ResolverConfig, UpstreamAddress, Validation};
use ipnet::IpNet;
use model::{Clock, CurrentRoster, DeviceId, EventSender, HandedOut, Host, IdentityMap};
use policy::CurrentSnapshot;
use std::collections::{HashMap, HashSet};
use std::fmt;
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
    /// Addresses to listen on, UDP and TCP alike; `0.0.0.0` and `[::]` are all of the machine's, and an answer leaves by
    /// the one that was asked. Port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Threads that answer by UDP, for each address; 0: one for each core.
    pub workers: usize,
    /// How many questions one client may ask.
    pub rate_limit: RateLimit,
    /// DNS over TLS and HTTPS; `None`: not offered.
    pub encrypted: Option<Encrypted>,
    /// Proxies and load balancers that say whose connection or datagram it is, by the PROXY protocol, version 2. Who is
    /// listed must say so, whatever the wire; nobody else may.
    pub proxy_peers: Vec<IpNet>,
    /// Upstream resolvers, best first, at most four of which are asked. Without any: those of the system's `resolv.conf`.
    pub upstreams: Vec<UpstreamAddress>,
    /// Roots (DER) that upstreams by TLS and HTTPS are trusted by, besides the usual ones.
    pub upstream_roots: Vec<Vec<u8>>,
    /// Where the system's resolvers are written, asked only when there are no others.
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
    /// Zones with servers of their own, such as the school's: the longest that fits counts.
    pub forward: Vec<ForwardZone>,
    /// Zones of ours: what is not among `local_names` does not exist there.
    pub local_zones: Vec<String>,
    /// Whether signatures are checked here.
    pub validation: Validation,
    /// How long an answer is held after it has run out, for when no upstream answers.
    pub stale: Duration,
    /// Where the addresses are noted that answers gave, so that a connection to one that none gave can be seen.
    pub handed_out: Arc<HandedOut>,
    /// How long one upstream is waited for.
    pub upstream_wait: Duration,
    /// How long a TCP connection with nothing to do stays open (RFC 7766, 6.2.3).
    pub tcp_idle: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            workers: 0,
            rate_limit: RateLimit::default(),
            encrypted: None,
            proxy_peers: Vec::new(),
            upstreams: Vec::new(),
            upstream_roots: Vec::new(),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            local_names: Vec::new(),
            private_suffixes: Vec::new(),
            block_page_addresses: Vec::new(),
            cache_entries: 32_768,
            forward: Vec::new(),
            local_zones: Vec::new(),
            validation: Validation::ByUpstreams,
            stale: Duration::from_secs(86_400),
            handed_out: Arc::default(),
            upstream_wait: Duration::from_millis(1_500),
            tcp_idle: Duration::from_secs(10),
        }
    }
}

/// How many questions one client may ask: an IPv4 address, or an IPv6 network of 56 bits. Each worker of UDP counts for
/// itself, and all connections together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimit {
    /// Questions a second in the long run; 0: as many as they like.
    pub per_s: u32,
    /// Questions at once, after a rest.
    pub burst: u32,
}

impl Default for RateLimit {
    /// Far above what a device asks, and enough for a small school behind one address.
    fn default() -> Self {
        Self { per_s: 1_000, burst: 5_000 }
    }
}

/// DNS over TLS (RFC 7858) and over HTTPS (RFC 8484).
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// Addresses for DNS over TLS; its usual port is 853.
    pub tls_listen: Vec<SocketAddr>,
    /// Addresses for DNS over HTTPS; its usual port is 443. The path is `/dns-query`.
    pub https_listen: Vec<SocketAddr>,
    /// The name clients know the resolver by. A device may put its token before it (`TOKEN.name`), where the
    /// certificate is for those names as well.
    pub name: String,
    /// The certificate.
    pub certificate: Certificate,
    /// What clients are told of its addresses where it listens on all of them.
    pub addresses: Vec<IpAddr>,
    /// Devices that keep their group wherever they are.
    pub devices: DeviceTokens,
}

/// Where the certificate of the encrypted wires comes from.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// Two PEM files: the chain, the server's own certificate first, and its key. They are read once, at the start.
    Files {
        /// The chain.
        chain: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Settings that are ready; which protocols are spoken on them is set here.
    Ready(Arc<rustls::ServerConfig>),
}

/// Which device has which token. A token is a secret of 16 to 63 letters, digits and hyphens, by which a device is known
/// from wherever it asks: as the last part of the path by HTTPS, as the first label of the server's name by TLS.
#[derive(Clone, Default)]
pub struct DeviceTokens(HashMap<String, DeviceId>);

/// A token that is none. It is a secret, so that nothing here holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It is too short or too long, or cannot stand in a name.
    #[error("expected a token of 16 to 63 letters, digits and hyphens, found one of {length} characters")]
    Form {
        /// How long it is.
        length: usize,
    },
    /// It is soon guessed.
    #[error("expected a token of 8 different characters or more, found {different}")]
    Weak {
        /// How many different characters it has.
        different: usize,
    },
}

impl DeviceTokens {
    /// The fewest characters of a token, so that nobody guesses one.
    pub const FEWEST_CHARACTERS: usize = 16;
    /// The most characters of a token: those of a label (RFC 1035, 2.3.4).
    pub const MOST_CHARACTERS: usize = 63;

    /// The fewest different characters of a token, so that none is a word repeated.
    pub const FEWEST_DIFFERENT: usize = 8;

    /// Adds a device's token; case makes no difference. A device may have several.
    ///
    /// # Errors
    /// [`TokenError`] where the text is too short, too long, cannot stand in a name or is soon guessed.
    pub fn insert(&mut self, token: &str, device: DeviceId) -> Result<(), TokenError> {
        let fits = (Self::FEWEST_CHARACTERS..=Self::MOST_CHARACTERS).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            return Err(TokenError::Form { length: token.chars().count() });
        }
        let token = token.to_ascii_lowercase();
        let different = token.bytes().collect::<HashSet<u8>>().len();
        if different < Self::FEWEST_DIFFERENT {
            return Err(TokenError::Weak { different });
        }
        self.0.insert(token, device);
        Ok(())
    }

    /// The device that has this token.
    pub fn get(&self, token: &str) -> Option<DeviceId> {
        self.0.get(&token.to_ascii_lowercase()).copied()
    }
}

impl fmt::Debug for DeviceTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceTokens({})", self.0.len())
    }
}

/// How our encrypted resolver is reached, as clients are told (RFC 9462).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Discovery {
    /// Its name, in lower case.
    pub(crate) name: String,
    /// The port of DNS over TLS.
    pub(crate) tls_port: Option<u16>,
    /// The port of DNS over HTTPS.
    pub(crate) https_port: Option<u16>,
    /// Its addresses, as far as the settings say.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Discovery {
    /// Reads the settings; `None` where no encrypted wire is offered.
    pub(crate) fn new(config: &DnsConfig) -> Result<Option<Self>, DnsError> {
        let Some(encrypted) = &config.encrypted else { return Ok(None) };
        let port = |listen: &[SocketAddr]| listen.first().map(SocketAddr::port);
        let everywhere = encrypted.https_listen.iter().chain(&encrypted.tls_listen);
        let (all, mut addresses): (Vec<IpAddr>, Vec<IpAddr>) =
            everywhere.map(SocketAddr::ip).partition(IpAddr::is_unspecified);
        if !all.is_empty() {
            addresses.extend(&encrypted.addresses);
        }
        addresses.sort_unstable();
        addresses.dedup();
        Ok(Some(Self {
            name: host(&encrypted.name)?.to_string(),
            tls_port: port(&encrypted.tls_listen),
            https_port: port(&encrypted.https_listen),
            addresses,
        }))
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

fn host(text: &str) -> Result<Host, DnsError> {
    Host::parse(text).map_err(|source| DnsError::Name { found: text.to_owned(), source })
}

/// Whom to ask for what. `listening` are the server's own addresses.
pub(crate) fn resolver(config: &DnsConfig, listening: &[SocketAddr]) -> Result<ResolverConfig, DnsError> {
    Ok(ResolverConfig {
        upstreams: upstreams(config, listening)?,
        extra_roots: config.upstream_roots.clone(),
        local_names: config.local_names.iter().map(|(name, _)| name.clone()).collect(),
        private_suffixes: config.private_suffixes.clone(),
        forward: config.forward.clone(),
        local_zones: config.local_zones.clone(),
        validation: config.validation.clone(),
        stale: config.stale,
        upstream_wait: config.upstream_wait,
        cache_entries: config.cache_entries,
    })
}

/// The upstreams to ask: those of the settings, else the system's. `listening` are the server's own addresses.
fn upstreams(config: &DnsConfig, listening: &[SocketAddr]) -> Result<Vec<UpstreamAddress>, DnsError> {
    let mut upstreams = config.upstreams.clone();
    if upstreams.is_empty() {
        let path = &config.resolv_conf;
        let text =
            read_bounded(path).map_err(|source| DnsError::ResolvConf { path: path.clone(), source })?;
        upstreams = name_servers(&text).into_iter().map(UpstreamAddress::from).collect();
    }
    upstreams.truncate(MOST_UPSTREAMS);
    if upstreams.is_empty() {
        return Err(DnsError::NoUpstream);
    }
    let mut addresses = upstreams.iter().map(UpstreamAddress::address);
    match addresses.find(|upstream| listening.iter().any(|own| is_same(own, upstream))) {
        Some(upstream) => Err(DnsError::UpstreamIsOurselves { upstream }),
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
    fn a_token_is_long_and_can_stand_in_a_name() {
        let mut tokens = DeviceTokens::default();
        let device = DeviceId(uuid::Uuid::from_u128(7));
        for token in ["short", "fifteen-letters", "sixteen.letters.", &"a".repeat(64)] {
            assert_eq!(tokens.insert(token, device), Err(TokenError::Form { length: token.len() }));
        }
        assert_eq!(
            tokens.insert("ababABABab-1-2-3", device),
            Err(TokenError::Weak { different: 6 }),
            "case makes no difference"
        );
        tokens.insert("Sixteen-Letters-", device).unwrap();
        assert_eq!(tokens.get("sixteen-letterS-"), Some(device));
        assert_eq!(tokens.get("sixteen-letters"), None);
        assert!(!format!("{tokens:?}").contains("letters"));
    }

    #[test]
    fn a_local_name_that_is_none_is_refused_with_its_text() {
        let error = LocalNames::new(&[("not a name".into(), Vec::new())]).unwrap_err();
        assert!(error.to_string().contains("not a name"));
    }
}
