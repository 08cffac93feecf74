//! What the proxy is told at start: its settings, its bounds, and the ports to the rest of the program.

use crate::{LeafSigner, Negotiate, PacRule, PlainPasswords, Resolver, ScanConfig};
use blockpage::Links;
use ipnet::IpNet;
use model::{Clock, CurrentRoster, EventSender, HandedOut, IdentityMap, Leaks, SignIn, Suggestions};
use policy::CurrentSnapshot;
use rustls_pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The proxy's settings.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Where to listen for clients that speak TLS with the proxy itself.
    pub tls_listen: Vec<SocketAddr>,
    /// Where to listen for connections that the network leads here.
    pub transparent: Vec<Transparent>,
    /// Proxies that say by the PROXY protocol (version 1 or 2) whose connection they pass on to a listener of the first two
    /// kinds; they must, and nobody else may.
    pub proxy_peers: Vec<IpNet>,
    /// The host that `proxy.pac` names. `None`: the file is only for browsers on this machine, who ask for it by
    /// `localhost` or a loopback address, and names that.
    pub advertised_host: Option<String>,
    /// What the files by which browsers find the proxy say, for whom; the first rule that fits counts.
    pub pac_rules: Vec<PacRule>,
    /// Private certificate authorities whose origins are trusted beside the public ones.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Where block pages lead.
    pub links: Links,
    /// The bounds.
    pub limits: Limits,
    /// Who says whether a password is right, for networks whose proxy asks; `None`: nobody is asked.
    pub sign_in: Option<SignIn>,
    /// Whether passwords are taken over an unencrypted connection to the proxy.
    pub plain_passwords: PlainPasswords,
    /// Whose Kerberos tickets are taken in place of a password; `None`: nobody's.
    pub negotiate: Option<Negotiate>,
    /// The malware scanner; `None`: nothing is scanned.
    pub scan: Option<ScanConfig>,
    /// Other proxies that ask here.
    pub icap: Icap,
}

/// Other proxies that ask here, by ICAP (RFC 3507).
#[derive(Clone, Debug, Default)]
pub struct Icap {
    /// Where to listen; its usual port is 1344.
    pub listen: Vec<SocketAddr>,
    /// Who may ask, and is believed when they say for whom.
    pub peers: Vec<IpNet>,
}

/// A listener for connections that the network leads here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transparent {
    /// Where to listen; a listener is of one family.
    pub listen: SocketAddr,
    /// How they are led here.
    pub mode: TransparentMode,
}

/// How the network leads connections to a listener (nftables on Linux).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransparentMode {
    /// Their address is changed (`redirect`); the kernel remembers the one before.
    Redirect,
    /// They are handed over as they are (`tproxy`); the listener needs CAP_NET_ADMIN, and the machine a route.
    Tproxy,
}

/// The proxy's bounds. The defaults suit a school of some thousand people.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once; past it new ones wait in the kernel's queue.
    pub connections: usize,
    /// Connections at once from one address; past it new ones are closed.
    pub connections_per_client: usize,
    /// New connections a second from one address, in the long run; 0: as many as come. Past it they are closed.
    pub connections_per_second: u32,
    /// Requests a second from one address, in the long run; 0: as many as come. Past it they are answered with 429.
    pub requests_per_second: u32,
    /// Requests that are being answered, tunnels and WebSockets at once from one address; past it they are answered with 429.
    pub requests_at_once: usize,
    /// The most bytes of a request's or response's head.
    pub head_bytes: usize,
    /// The most header fields of a request or response over HTTP/1.1.
    pub header_fields: usize,
    /// Streams at once on an HTTP/2 connection.
    pub streams: u32,
    /// For a whole request head, counted from the moment one may come; it ends idle HTTP/1.1 connections too.
    pub head_timeout: Duration,
    /// For the first bytes inside a tunnel.
    pub hello_timeout: Duration,
    /// For a TLS handshake, on either side.
    pub handshake_timeout: Duration,
    /// For a TCP connection to an origin, over all its addresses.
    pub connect_timeout: Duration,
    /// For the head of an origin's response.
    pub answer_timeout: Duration,
    /// For a connection on which nothing moves in either direction. That the other side is still there, TCP asks meanwhile.
    pub idle_timeout: Duration,
    /// For a file that is scanned, or an ICAP conversation, in which nothing moves.
    pub silence_timeout: Duration,
    /// What goes on unread is judged again so often.
    pub judged_every: Duration,
    /// For open work to end once the proxy is told to stop.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            connections_per_client: 1_024,
            connections_per_second: 0,
            requests_per_second: 0,
            requests_at_once: 2_048,
            head_bytes: 64 * 1024,
            // The library has room for so many in place; for more it would ask for memory with every head.
            header_fields: 100,
            streams: 100,
            head_timeout: Duration::from_secs(60),
            hello_timeout: Duration::from_secs(15),
            handshake_timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(10),
            // Mail on phones waits for up to 59 minutes to be told of news.
            answer_timeout: Duration::from_secs(3_600),
            idle_timeout: Duration::from_secs(7_200),
            silence_timeout: Duration::from_secs(300),
            judged_every: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(5),
        }
    }
}

/// What the proxy needs from the rest of the program.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The policy and lists in force.
    pub snapshot: Arc<CurrentSnapshot>,
    /// The people and devices in force.
    pub roster: Arc<CurrentRoster>,
    /// Who is at which address.
    pub identities: Arc<IdentityMap>,
    /// Where events go.
    pub events: EventSender,
    /// The time.
    pub clock: Clock,
    /// The signer of leaf certificates.
    pub signer: Arc<LeafSigner>,
    /// Names to addresses.
    pub resolver: Arc<Resolver>,
    /// The addresses that our DNS handed out: connections to others, asked for without a name, are counted there.
    pub handed_out: Arc<HandedOut>,
    /// Where ways round the filter are counted.
    pub leaks: Arc<Leaks>,
    /// Hosts whose connections fail when they are opened, for the bypass list's keepers.
    pub suggestions: Arc<Suggestions>,
}
