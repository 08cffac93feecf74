//! Listening: sockets, seats for connections, start and stop.

use crate::explicit;
use crate::gate::Gate;
use crate::{Config, Ports, ProxyError};
use model::{Share, Shares};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// After the system could not hand over a connection, such as for lack of file descriptors, it is asked again so late.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(100);

/// The web proxy, bound to its ports and ready to run.
pub struct Proxy {
    gate: Arc<Gate>,
    listeners: Vec<TcpListener>,
    seats: Arc<Seats>,
}

impl Proxy {
    /// Binds every address of the configuration. Errors: nothing to listen on, a port in use, roots that cannot be read.
    pub async fn bind(config: Config, ports: Ports) -> Result<Self, ProxyError> {
        let mut listeners = Vec::new();
        let mut own = Vec::new();
        for address in &config.listen {
            let failed = |source| ProxyError::Listen { address: *address, source };
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            own.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        if listeners.is_empty() {
            return Err(ProxyError::NowhereToListen);
        }
        let seats = Seats {
            total: Arc::new(Semaphore::new(config.limits.connections)),
            by_client: Shares::new(config.limits.connections_per_client),
            per_client: config.limits.connections_per_client,
        };
        Ok(Self { gate: Arc::new(Gate::new(config, ports, own)?), listeners, seats: Arc::new(seats) })
    }

    /// The addresses it listens on, in the order of the configuration, with the ports it was given.
    pub fn local_addresses(&self) -> &[SocketAddr] {
        &self.gate.dialer.own
    }

    /// Serves until `shutdown` ends. Then nothing new is taken, tunnels end, open requests have the drain time to end,
    /// and when this returns every visit has sent its event.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let gate = self.gate;
        for listener in self.listeners {
            gate.spawn(accept(Arc::clone(&gate), listener, Arc::clone(&self.seats)));
        }
        shutdown.await;
        gate.stopping.cancel();
        gate.tracker.close();
        if tokio::time::timeout(gate.dialer.limits.drain_timeout, gate.tracker.wait()).await.is_err() {
            gate.aborting.cancel();
            gate.tracker.wait().await;
        }
    }
}

async fn accept(gate: Arc<Gate>, listener: TcpListener, seats: Arc<Seats>) {
    loop {
        let next = tokio::select! {
            () = gate.stopping.cancelled() => return,
            next = seats.next(&listener) => next,
        };
        match next {
            Some((stream, seat)) => gate.spawn(explicit::serve(Arc::clone(&gate), stream, seat)),
            None => tokio::time::sleep(AFTER_ACCEPT_ERROR).await,
        }
    }
}

/// The places for connections.
struct Seats {
    total: Arc<Semaphore>,
    by_client: Arc<Shares>,
    per_client: usize,
}

/// A connection's place; free again when dropped.
pub(crate) struct Seat {
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Seats {
    /// The next connection that finds a seat. While every seat is taken, connections wait in the kernel's queue.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, Seat)> {
        loop {
            let place = Arc::clone(&self.total).acquire_owned().await.ok()?;
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "the proxy could not take a connection");
                    return None;
                }
            };
            match self.by_client.take(peer.ip()) {
                Some(share) => return Some((stream, Seat { _place: place, _share: share })),
                None => tracing::warn!(
                    limit = self.per_client,
                    "a client has too many connections; one was closed"
                ),
            }
        }
    }
}
