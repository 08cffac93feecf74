//! The sockets: bound at the start, served until told to stop.

use crate::chain::Chain;
use crate::{DnsConfig, DnsError, DnsPorts, tcp, udp};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long answers that are under way may take once the server is told to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 16;
/// Connections the system holds until they are taken on.
const BACKLOG: i32 = 256;
/// What the system holds of questions until they are read, so that a bell's rush is not lost.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// The DNS server, bound and ready to run.
pub struct DnsServer {
    chain: Arc<Chain>,
    listeners: Vec<Listener>,
    tcp_idle: Duration,
}

struct Listener {
    address: SocketAddr,
    udp: UdpSocket,
    tcp: TcpListener,
}

impl DnsServer {
    /// Binds every address, UDP and TCP. Questions wait in the system until [`DnsServer::run`]. Async because sockets
    /// belong to the runtime they are made in.
    ///
    /// # Errors
    /// Every variant of [`DnsError`]. Nothing stays bound after an error.
    pub async fn bind(config: DnsConfig, ports: DnsPorts) -> Result<Self, DnsError> {
        if config.listen.is_empty() {
            return Err(DnsError::NoListener);
        }
        let mut listeners = Vec::new();
        for address in &config.listen {
            listeners.push(Listener::bind(*address)?);
        }
        let listening: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
        let chain = Arc::new(Chain::new(&config, ports, &listening)?);
        Ok(Self { chain, listeners, tcp_idle: config.tcp_idle })
    }

    /// The addresses it listens on, in the order of the settings, with the ports that were free where those said 0.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Answers until `stop`, then finishes what is under way, for two seconds at most.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let limits = tcp::Limits::new(self.tcp_idle);
        let questions = udp::quota();
        for Listener { address, udp, tcp } in self.listeners {
            tracing::info!(%address, "answering DNS");
            let udp = udp::Serving {
                chain: Arc::clone(&self.chain),
                socket: Arc::new(udp),
                quota: Arc::clone(&questions),
                tasks: tasks.clone(),
            };
            tasks.spawn(udp.run(stop.clone()));
            let tcp = tcp::Serving {
                chain: Arc::clone(&self.chain),
                listener: tcp,
                limits: limits.clone(),
                tasks: tasks.clone(),
            };
            tasks.spawn(tcp.run(stop.clone()));
        }
        stop.cancelled().await;
        tasks.close();
        if tokio::time::timeout(LAST_ANSWERS, tasks.wait()).await.is_err() {
            tracing::info!(unanswered = tasks.len(), "stopped answering DNS before every answer was there");
        }
    }
}

impl Listener {
    /// UDP and TCP on one port, also where the port is to be any free one.
    fn bind(address: SocketAddr) -> Result<Self, DnsError> {
        let attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
        let mut attempt = 1;
        loop {
            let udp =
                bind_udp(address).map_err(|source| DnsError::Listen { address, wire: "UDP", source })?;
            let tcp = udp.local_addr().and_then(|bound| Ok((bound, bind_tcp(bound)?)));
            match tcp {
                Ok((bound, tcp)) => return Ok(Self { address: bound, udp, tcp }),
                Err(_) if attempt < attempts => attempt += 1,
                Err(source) => return Err(DnsError::Listen { address, wire: "TCP", source }),
            }
        }
    }
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // Connections of the last run that are still winding up must not keep the next one from starting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // `0.0.0.0` and `[::]` may both be listened on; each takes its own family.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}
