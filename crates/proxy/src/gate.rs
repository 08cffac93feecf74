//! What every connection shares, and the one way to ask the policy.

use crate::caller::Caller;
use crate::client_tls::ClientTls;
use crate::dial::Dialer;
use crate::leaf::Likeness;
use crate::link::Protocol;
use crate::listen::Addresses;
use crate::pac::PacRule;
use crate::pace::Pace;
use crate::pool::Pool;
use crate::rules::Judged;
use crate::scan::ScanDesk;
use crate::sign_in::SignInDesk;
use crate::tally::Tally;
use crate::visit::Visit;
use crate::{Config, LeafSigner, Ports, ProxyError};
use blockpage::Links;
use http::Method;
use inspect::secrets;
use ipnet::IpNet;
use model::{AccessEvent, Ask, Channel, Host, Shares, Target, Verdict, WayRound};
use rustls::ServerConfig;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest method that is kept in history.
const LONGEST_METHOD: usize = 32;

/// What every connection shares.
pub(crate) struct Gate {
    pub(crate) ports: Ports,
    pub(crate) links: Links,
    pub(crate) advertised_host: Option<String>,
    pub(crate) proxy_peers: Vec<IpNet>,
    pub(crate) pac_rules: Vec<PacRule>,
    /// How fast requests of one address come.
    pub(crate) requests: Pace,
    /// How many of them are open.
    pub(crate) open_requests: Arc<Shares>,
    /// Where the proxy listens.
    pub(crate) addresses: Addresses,
    pub(crate) dialer: Dialer,
    pub(crate) sign_in: SignInDesk,
    /// Where files are scanned, where there is a scanner.
    pub(crate) scan: Option<Arc<ScanDesk>>,
    /// Proxies that may ask by ICAP.
    pub(crate) icap_peers: Vec<IpNet>,
    /// The connections to origins that are open.
    pub(crate) pool: Pool,
    /// Clients' connections that ended because the client broke the protocol.
    pub(crate) broken: Tally,
    /// Requests that were refused because their address had too many.
    pub(crate) too_many: Tally,
    client_tls: ClientTls,
    pub(crate) tracker: TaskTracker,
    /// Told to stop: no new work, tunnels end.
    pub(crate) stopping: CancellationToken,
    /// Out of patience: everything ends.
    pub(crate) aborting: CancellationToken,
}

impl Gate {
    pub(crate) fn new(config: Config, ports: Ports, addresses: Addresses) -> Result<Self, ProxyError> {
        let (tls, verifier) = crate::verify::client_tls(&config, &ports.clock)?;
        let sign_in = SignInDesk::new(&config, Arc::clone(&ports.identities))?;
        let silence = config.limits.silence_timeout;
        let scan = config.scan.as_ref().map(|scan| ScanDesk::open(scan, silence)).transpose()?.map(Arc::new);
        let requests = Pace::new(config.limits.requests_per_second);
        let open_requests = Shares::new(config.limits.requests_at_once);
        let dialer = Dialer {
            resolver: Arc::clone(&ports.resolver),
            snapshot: Arc::clone(&ports.snapshot),
            handed_out: Arc::clone(&ports.handed_out),
            clock: ports.clock.clone(),
            tls: TlsConnector::from(tls),
            verifier,
            suggestions: Arc::clone(&ports.suggestions),
            limits: config.limits,
            own: addresses.all(),
        };
        Ok(Self {
            client_tls: ClientTls::new(&ports.clock)?,
            dialer,
            sign_in,
            scan,
            icap_peers: config.icap.peers,
            pool: Pool::default(),
            broken: Tally::default(),
            too_many: Tally::default(),
            links: config.links,
            advertised_host: config.advertised_host,
            proxy_peers: config.proxy_peers,
            pac_rules: config.pac_rules,
            requests,
            open_requests,
            addresses,
            ports,
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            aborting: CancellationToken::new(),
        })
    }

    /// Whether anybody at this address is served. The proxy is the school's, and nobody else's way into the web.
    pub(crate) fn serves(&self, client: IpAddr) -> bool {
        let at = self.ports.clock.now();
        let who = self.ports.snapshot.get().who(client, at, &self.ports.roster.get(), &self.ports.identities);
        !policy::is_outsider(&who)
    }

    /// Whether a client that reached us at this address may call us so: by that address, or by our name.
    pub(crate) fn is_called(&self, host: &Host, reached: SocketAddr) -> bool {
        let advertised = self.advertised_host.as_deref().and_then(|name| Host::parse(name).ok());
        *host == Host::Address(reached.ip().to_canonical()) || Some(host) == advertised.as_ref()
    }

    /// Asks the policy in force now, for the person of this connection or whoever is at its address now.
    pub(crate) fn decide(&self, caller: &Caller, what: Target, how: Channel) -> (Ask, Verdict) {
        let Judged { ask, verdict, .. } = self.judge(caller, what, how);
        (ask, verdict)
    }

    /// The same, with what the connections of whoever asks may carry.
    pub(crate) fn judge(&self, caller: &Caller, what: Target, how: Channel) -> Judged {
        let at = self.ports.clock.now();
        let snapshot = self.ports.snapshot.get();
        let roster = self.ports.roster.get();
        let mut who = match caller.known(at, &roster, &self.ports.identities) {
            Some(known) => snapshot.who_signed_in(caller.address, &roster, known),
            None => snapshot.who(caller.address, at, &roster, &self.ports.identities),
        };
        if caller.is_stranger {
            who.people.clear();
        }
        let ask = Ask { who, what, how, at };
        let viewpoint = snapshot.viewpoint(&ask.who, at);
        let verdict = snapshot.judge(&viewpoint, &ask);
        Judged { ask, verdict, viewpoint, snapshot }
    }

    /// Counts a way round the filter that was tried and let through.
    pub(crate) fn leaked(&self, way: WayRound) {
        self.ports.leaks.let_through(way, self.ports.clock.now());
        tracing::debug!(way = way.slug(), "a way round the filter was let through");
    }

    /// Counts a way round the filter that was tried and refused.
    pub(crate) fn held(&self, way: WayRound) {
        self.ports.leaks.refused(way, self.ports.clock.now());
        tracing::debug!(way = way.slug(), "a way round the filter was refused");
    }

    /// Begins a visit.
    pub(crate) fn visit(&self, ask: &Ask, verdict: &Verdict, method: &Method) -> Visit {
        let method = method.as_str().get(..LONGEST_METHOD).unwrap_or(method.as_str());
        let mut event = AccessEvent::of(ask, verdict, method);
        if let Cow::Owned(kept) = secrets::left_out(&event.path) {
            event.path = kept;
        }
        Visit::new(event, self.ports.events.clone())
    }

    /// TLS towards a client, as `host`, speaking one protocol.
    pub(crate) fn tls_as(
        &self,
        host: &Host,
        origin: Option<&Likeness>,
        protocol: Protocol,
    ) -> Result<Arc<ServerConfig>, ProxyError> {
        Ok(self.client_tls.of(host, self.ports.signer.leaf(host, origin)?, protocol))
    }

    /// Runs a task that ends with the proxy.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let aborting = self.aborting.clone();
        // Boxed, or it would take its room twice: once as it is handed in, and once as it runs.
        let mut task = Box::pin(task);
        self.tracker.spawn(async move {
            tokio::select! {
                () = aborting.cancelled() => {}
                () = task.as_mut() => {}
            }
        });
    }

    pub(crate) fn signer(&self) -> &LeafSigner {
        &self.ports.signer
    }
}

/// Runs hyper's tasks for connections to origins so that they end with the proxy.
#[derive(Clone)]
pub(crate) struct Tracked(pub(crate) Arc<Gate>);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(async move {
            task.await;
        });
    }
}

/// Runs hyper's tasks for the streams of a client. They end with its connection, which ends with the proxy.
#[derive(Clone)]
pub(crate) struct Streams(pub(crate) Arc<Gate>);

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.tracker.spawn(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CertificateAuthority, Resolver};
    use model::{
        Clock, CurrentRoster, IdentityMap, NetworkId, PolicyHash, SchoolId, Timestamp, event_channel,
    };
    use policy::rules::Network;
    use policy::{CurrentSnapshot, Image, Policy, Snapshot};

    fn gate() -> Gate {
        let ranges = vec!["198.51.100.0/24".parse().unwrap()];
        let network = Network {
            id: NetworkId::new("halls"),
            school: SchoolId::new("ash"),
            ranges,
            group: None,
            sign_in: Default::default(),
            addresses: Default::default(),
        };
        let policy = Policy {
            hash: PolicyHash::new("ab".repeat(32)),
            title: "Ash Primary".into(),
            trust: None,
            schools: Vec::new(),
            time_zone: jiff::tz::TimeZone::UTC,
            networks: vec![network],
            groups: Vec::new(),
            lists: Vec::new(),
            bypass: Vec::new(),
            watching: policy::rules::Watching::default(),
        };
        let clock = Clock::fixed(Timestamp(0));
        let authority = CertificateAuthority::create("Ash Primary web filter", clock.now()).unwrap();
        let ports = Ports {
            snapshot: Arc::new(CurrentSnapshot::new(Snapshot::compile(policy, Image::empty(), Vec::new()))),
            roster: Arc::new(CurrentRoster::default()),
            identities: Arc::new(IdentityMap::default()),
            events: event_channel(1).0,
            signer: Arc::new(LeafSigner::new(authority, clock.clone()).unwrap()),
            clock,
            resolver: Arc::new(Resolver::default()),
            handed_out: Arc::default(),
            leaks: Arc::default(),
            suggestions: Arc::default(),
        };
        Gate::new(Config::default(), ports, Addresses::default()).unwrap()
    }

    #[test]
    fn the_schools_own_are_served_and_the_world_is_not() {
        let gate = gate();
        for (client, served) in [
            ("10.1.2.3", true),
            ("127.0.0.1", true),
            ("198.51.100.9", true),
            ("203.0.113.9", false),
            ("2001:db8::9", false),
        ] {
            assert_eq!(gate.serves(client.parse().unwrap()), served, "{client}");
        }
    }
}
