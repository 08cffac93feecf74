//! Listening: sockets, seats for connections, start and stop. What becomes of a connection is in `door`.

use crate::door::{Arrival, Door};
use crate::gate::Gate;
use crate::pace::Pace;
use crate::tally::Tally;
use crate::{Config, Ports, ProxyError, RevocationCounts, ScanCounts};
use model::{Share, Shares};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// After the system could not hand over a connection, such as for lack of file descriptors, it is asked again so late.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// The web proxy, bound to its ports and ready to run.
pub struct Proxy {
    gate: Arc<Gate>,
    listeners: Vec<(TcpListener, Door)>,
    seats: Arc<Seats>,
}

/// Where the proxy listens, by what it takes there; each in the order of the configuration, with the ports it was given.
#[derive(Clone, Default, Debug)]
pub struct Addresses {
    /// For browsers that know the proxy.
    pub explicit: Vec<SocketAddr>,
    /// For those, over TLS.
    pub explicit_tls: Vec<SocketAddr>,
    /// For connections that the network leads here.
    pub transparent: Vec<SocketAddr>,
    /// For other proxies that ask by ICAP.
    pub icap: Vec<SocketAddr>,
}

impl Addresses {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<SocketAddr> {
        [self.explicit.as_slice(), &self.explicit_tls, &self.transparent, &self.icap].concat()
    }
}

impl Proxy {
    /// Binds every address of the configuration. Errors: nothing to listen on, a port in use, a listener for TPROXY
    /// without the right to it (CAP_NET_ADMIN), roots that cannot be read.
    pub async fn bind(config: Config, ports: Ports) -> Result<Self, ProxyError> {
        let doors = doors(&config);
        if doors.is_empty() {
            return Err(ProxyError::NowhereToListen);
        }
        let mut listeners = Vec::new();
        let mut addresses = Addresses::default();
        for (address, door) in doors {
            let failed = |source| ProxyError::Listen { address, source };
            let listener = match door {
                Door::Explicit | Door::ExplicitTls | Door::Icap => {
                    TcpListener::bind(address).await.map_err(failed)?
                }
                Door::Transparent(mode) => crate::transparent::listener(address, mode).map_err(failed)?,
            };
            let bound = listener.local_addr().map_err(failed)?;
            match door {
                Door::Explicit => addresses.explicit.push(bound),
                Door::ExplicitTls => addresses.explicit_tls.push(bound),
                Door::Transparent(_) => addresses.transparent.push(bound),
                Door::Icap => addresses.icap.push(bound),
            }
            listeners.push((listener, door));
        }
        let seats = Arc::new(Seats::new(&config));
        let gate = Arc::new(Gate::new(config, ports, addresses)?);
        Ok(Self { gate, listeners, seats })
    }

    /// Where it listens for browsers that know it.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.gate.addresses.explicit
    }

    /// Everywhere it listens.
    pub fn addresses(&self) -> &Addresses {
        &self.gate.addresses
    }

    /// What became of files that were to be scanned, since the start; `None` where there is no scanner.
    pub fn scan_counts(&self) -> impl Fn() -> Option<ScanCounts> + Send + Sync + use<> {
        let scan = self.gate.scan.clone();
        move || scan.as_ref().map(|desk| desk.counts())
    }

    /// How often it was known whether an origin's certificate is revoked, since the start.
    pub fn revocation_counts(&self) -> impl Fn() -> RevocationCounts + Send + Sync + use<> {
        let revocation = Arc::clone(&self.gate.dialer.verifier.revocation);
        move || revocation.counts()
    }

    /// How often an origin was refused for its certificate, by what was wrong with it, since the start.
    pub fn certificates_refused(
        &self,
    ) -> impl Fn() -> Vec<(blockpage::CertificateFault, u64)> + Send + Sync + use<> {
        let refused = Arc::clone(&self.gate.dialer.verifier.refused);
        move || refused.counts()
    }

    /// Serves until `shutdown` ends. Then nothing new is taken, tunnels end, open requests have the drain time to end,
    /// and when this returns every visit has sent its event.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let gate = self.gate;
        gate.spawn(Arc::clone(&gate.dialer.verifier.revocation).keep(Arc::clone(&gate)));
        for (listener, door) in self.listeners {
            gate.spawn(accept(Arc::clone(&gate), listener, door, Arc::clone(&self.seats)));
        }
        let sweeping = Arc::clone(&gate);
        gate.spawn(async move { sweeping.pool.sweep(&sweeping.stopping).await });
        shutdown.await;
        gate.stopping.cancel();
        gate.tracker.close();
        if tokio::time::timeout(gate.dialer.limits.drain_timeout, gate.tracker.wait()).await.is_err() {
            gate.aborting.cancel();
            gate.tracker.wait().await;
        }
    }
}

/// Every address of the configuration, and what comes there.
fn doors(config: &Config) -> Vec<(SocketAddr, Door)> {
    let explicit = config.listen.iter().map(|address| (*address, Door::Explicit));
    let over_tls = config.tls_listen.iter().map(|address| (*address, Door::ExplicitTls));
    let led_here = config.transparent.iter().map(|led| (led.listen, Door::Transparent(led.mode)));
    let icap = config.icap.listen.iter().map(|address| (*address, Door::Icap));
    explicit.chain(over_tls).chain(led_here).chain(icap).collect()
}

async fn accept(gate: Arc<Gate>, listener: TcpListener, door: Door, seats: Arc<Seats>) {
    loop {
        let next = tokio::select! {
            () = gate.stopping.cancelled() => return,
            next = next(&listener, &seats) => next,
        };
        match next {
            Some((stream, place)) => {
                let arrival =
                    Arrival { gate: Arc::clone(&gate), seats: Arc::clone(&seats), stream, place, door };
                gate.spawn(arrival.serve());
            }
            None => tokio::time::sleep(AFTER_ACCEPT_ERROR).await,
        }
    }
}

/// The next connection, once there is a place. While every place is taken, connections wait in the kernel's queue.
async fn next(
    listener: &TcpListener,
    seats: &Seats,
) -> Option<(tokio::net::TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(&seats.total).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::warn!(%error, "the proxy could not take a connection");
            None
        }
    }
}

/// The places for connections.
pub(crate) struct Seats {
    total: Arc<Semaphore>,
    by_client: Arc<Shares>,
    arrivals: Pace,
    refused: Tally,
}

/// A connection's place; free again when dropped.
pub(crate) struct Seat {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Seats {
    fn new(config: &Config) -> Self {
        Self {
            total: Arc::new(Semaphore::new(config.limits.connections)),
            by_client: Shares::new(config.limits.connections_per_client),
            arrivals: Pace::new(config.limits.connections_per_second),
            refused: Tally::default(),
        }
    }

    /// A seat for a client; `None` when it has all of its own, or comes too often.
    pub(crate) fn take(&self, place: OwnedSemaphorePermit, client: IpAddr) -> Option<Seat> {
        if !self.arrivals.allows(client, Instant::now()) {
            self.refuse("a client comes too often; a connection was closed");
            return None;
        }
        let share = self.by_client.take(client);
        if share.is_none() {
            self.refuse("a client has too many connections; one was closed");
        }
        Some(Seat { _place: place, _share: share? })
    }

    fn refuse(&self, words: &'static str) {
        if let Some(refused) = self.refused.add() {
            tracing::warn!(refused, "{words}");
        }
    }
}
