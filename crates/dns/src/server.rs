//! The sockets: bound at the start, served until told to stop.

use crate::chain::Chain;
use crate::tcp::{self, Speaks};
use crate::tls::Doorman;
use crate::turns::Turns;
use crate::upstream::UpstreamCounts;
use crate::worker::{self, Worker};
use crate::{DnsConfig, DnsError, DnsPorts, batch};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long answers that are under way may take once the server is told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 16;
/// Connections the system holds until they are taken on.
const BACKLOG: i32 = 1_024;
/// What the system holds of questions for one worker until they are read, so that a bell's rush is not lost. The system
/// may allow less (`net.core.rmem_max`).
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// The most workers of one address.
const MOST_WORKERS: usize = 64;
/// The protocols of DNS over TLS (RFC 7858, 7.1), and over HTTPS.
const TLS_PROTOCOLS: [&[u8]; 1] = [b"dot"];
const HTTPS_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The DNS server, bound and ready to run.
pub struct DnsServer {
    chain: Arc<Chain>,
    listeners: Vec<Listener>,
    tls: Vec<(TcpListener, Arc<Doorman>)>,
    https: Vec<(TcpListener, Arc<Doorman>)>,
    config: DnsConfig,
}

struct Listener {
    address: SocketAddr,
    udp: Vec<UdpSocket>,
    tcp: TcpListener,
}

impl DnsServer {
    /// Binds every address, UDP and TCP, TLS and HTTPS. Questions wait in the system until [`DnsServer::run`]. Async
    /// because sockets belong to the runtime they are made in.
    ///
    /// # Errors
    /// Every variant of [`DnsError`]. Nothing stays bound after an error.
    pub async fn bind(mut config: DnsConfig, ports: DnsPorts) -> Result<Self, DnsError> {
        if config.listen.is_empty() {
            return Err(DnsError::NoListener);
        }
        let workers = worker_count(config.workers);
        let listeners: Result<Vec<_>, _> =
            config.listen.iter().map(|address| Listener::bind(*address, workers)).collect();
        let listeners = listeners?;
        let (mut tls, mut https) = (Vec::new(), Vec::new());
        if let Some(encrypted) = &mut config.encrypted {
            let doorman = Arc::new(Doorman::new(encrypted, &TLS_PROTOCOLS)?);
            tls = bind_encrypted(&mut encrypted.tls_listen, "TLS", &doorman)?;
            let doorman = Arc::new(Doorman::new(encrypted, &HTTPS_PROTOCOLS)?);
            https = bind_encrypted(&mut encrypted.https_listen, "HTTPS", &doorman)?;
        }
        let listening: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
        let chain = Arc::new(Chain::new(&config, ports, &listening)?);
        Ok(Self { chain, listeners, tls, https, config })
    }

    /// The addresses it listens on, in the order of the settings, with the ports that were free where those said 0.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// The addresses of DNS over TLS, as [`DnsServer::local_addrs`] gives the others.
    pub fn tls_addrs(&self) -> Vec<SocketAddr> {
        self.config.encrypted.as_ref().map(|encrypted| encrypted.tls_listen.clone()).unwrap_or_default()
    }

    /// The addresses of DNS over HTTPS, as [`DnsServer::local_addrs`] gives the others.
    pub fn https_addrs(&self) -> Vec<SocketAddr> {
        self.config.encrypted.as_ref().map(|encrypted| encrypted.https_listen.clone()).unwrap_or_default()
    }

    /// A view of how the upstreams do, to be kept while the server runs.
    pub fn upstreams(&self) -> UpstreamHealth {
        UpstreamHealth(Arc::clone(&self.chain))
    }

    /// Answers until `stop`, then finishes what is under way, for two seconds at most.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let questions = worker::quota();
        let turns = Turns::new(&questions, self.config.rate_limit);
        let limits = tcp::Limits::new(turns, self.config.tcp_idle, self.config.proxy_peers.as_slice().into());
        let crew = Crew { config: &self.config, chain: &self.chain, tasks: &tasks, stop: &stop };
        let mut connections = Vec::new();
        for Listener { address, udp, tcp } in self.listeners {
            tracing::info!(%address, workers = udp.len(), "answering DNS");
            for (number, socket) in udp.into_iter().enumerate() {
                crew.start(number, socket, &questions);
            }
            connections.push((tcp, Speaks::Dns));
        }
        connections.extend(self.tls.into_iter().map(|(listener, doorman)| (listener, Speaks::Tls(doorman))));
        connections
            .extend(self.https.into_iter().map(|(listener, doorman)| (listener, Speaks::Https(doorman))));
        for (listener, speaks) in connections {
            let (chain, limits) = (Arc::clone(&self.chain), limits.clone());
            let serving = tcp::Serving { chain, listener, speaks, limits, tasks: tasks.clone() };
            tasks.spawn(serving.run(stop.clone()));
        }
        stop.cancelled().await;
        tasks.close();
        if tokio::time::timeout(LAST_ANSWERS, tasks.wait()).await.is_err() {
            tracing::info!(unanswered = tasks.len(), "stopped answering DNS before every answer was there");
        }
    }
}

/// How the upstreams of a server do.
#[derive(Clone)]
pub struct UpstreamHealth(Arc<Chain>);

impl UpstreamHealth {
    /// Counts of each upstream since the start, the general ones first.
    pub fn counts(&self) -> Vec<UpstreamCounts> {
        self.0.upstream_counts()
    }
}

/// What every worker is given.
struct Crew<'a> {
    config: &'a DnsConfig,
    chain: &'a Arc<Chain>,
    tasks: &'a TaskTracker,
    stop: &'a CancellationToken,
}

impl Crew<'_> {
    fn start(&self, number: usize, socket: UdpSocket, quota: &Arc<crate::quota::Quota>) {
        let worker = Worker {
            chain: Arc::clone(self.chain),
            socket: Arc::new(socket),
            quota: Arc::clone(quota),
            rate_limit: self.config.rate_limit,
            proxy_peers: self.config.proxy_peers.as_slice().into(),
            tasks: self.tasks.clone(),
            runtime: Handle::current(),
            stop: self.stop.clone(),
        };
        let until_it_ends = self.tasks.token();
        let started = thread::Builder::new().name(format!("dns-udp-{number}")).spawn(move || {
            worker.run();
            drop(until_it_ends);
        });
        if let Err(error) = started {
            tracing::error!(%error, "could not start a thread for questions by UDP");
        }
    }
}

impl Listener {
    /// UDP and TCP on one port, also where the port is to be any free one.
    fn bind(address: SocketAddr, workers: usize) -> Result<Self, DnsError> {
        let attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
        let mut attempt = 1;
        loop {
            let udp = bind_workers(address, workers).map_err(|source| DnsError::Listen {
                address,
                wire: "UDP",
                source,
            })?;
            let tcp = udp.first().map_or(Err(io::ErrorKind::AddrNotAvailable.into()), |first| {
                let bound = first.local_addr()?;
                Ok((bound, bind_tcp(bound)?))
            });
            match tcp {
                Ok((bound, tcp)) => return Ok(Self { address: bound, udp, tcp }),
                Err(_) if attempt < attempts => attempt += 1,
                Err(source) => return Err(DnsError::Listen { address, wire: "TCP", source }),
            }
        }
    }
}

fn worker_count(wanted: usize) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    if wanted == 0 { cores() } else { wanted }.min(MOST_WORKERS)
}

/// One socket for each worker, all on one address.
fn bind_workers(mut address: SocketAddr, workers: usize) -> io::Result<Vec<UdpSocket>> {
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = open(address, Type::DGRAM, Protocol::UDP)?;
        // The first binds alone: an address that another program has, or another run of this one, is taken.
        let is_first = sockets.is_empty();
        if !is_first {
            socket.set_reuse_port(true)?;
        }
        // The system's own bound is small; whoever may go past it does.
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER_BYTES).is_err() {
            socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
        }
        socket.bind(&address.into())?;
        if is_first && workers > 1 {
            socket.set_reuse_port(true)?;
        }
        socket.set_read_timeout(Some(worker::PATIENCE))?;
        socket.set_write_timeout(Some(worker::PATIENCE))?;
        let socket = UdpSocket::from(socket);
        address = socket.local_addr()?;
        batch::send_whole(&socket)?;
        if address.ip().is_unspecified() {
            batch::tell_destinations(&socket)?;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Binds the listeners of an encrypted wire; the addresses become those that were bound.
fn bind_encrypted(
    addresses: &mut [SocketAddr],
    wire: &'static str,
    doorman: &Arc<Doorman>,
) -> Result<Vec<(TcpListener, Arc<Doorman>)>, DnsError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let failed = |source| DnsError::Listen { address: *address, wire, source };
        let listener = bind_tcp(*address).map_err(failed)?;
        *address = listener.local_addr().map_err(failed)?;
        listeners.push((listener, Arc::clone(doorman)));
    }
    Ok(listeners)
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // Connections of the last run that are still winding up must not keep the next one from starting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` may both be listened on; each takes its own family.
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}
