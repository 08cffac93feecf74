//! A connection that was taken, until it is known whose it is and what it wants.
//!
//! Invariants: who says by the PROXY protocol whose connection it passes on is listed, and from a listed one nothing else
//! is taken; an outsider's connection is closed unread.

use crate::caller::Caller;
use crate::config::TransparentMode;
use crate::gate::Gate;
use crate::link::Protocol;
use crate::listen::Seats;
use crate::socket::{self, ClientSocket};
use crate::{explicit, icap, transparent};
use model::{Host, ProxyHeader, ProxyHeaderRead};
use rustls::server::Acceptor;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

/// What a listener takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// Browsers that know the proxy.
    Explicit,
    /// Browsers that know the proxy, over TLS.
    ExplicitTls,
    /// Connections that the network leads here.
    Transparent(TransparentMode),
    /// Other proxies that ask by ICAP.
    Icap,
}

/// A connection of which nothing has been read yet.
pub(crate) struct Arrival {
    pub(crate) gate: Arc<Gate>,
    pub(crate) seats: Arc<Seats>,
    pub(crate) stream: TcpStream,
    pub(crate) place: OwnedSemaphorePermit,
    pub(crate) door: Door,
}

impl Arrival {
    /// Serves it until it ends.
    pub(crate) async fn serve(mut self) {
        let (Ok(peer), Ok(reached)) = (self.stream.peer_addr(), self.stream.local_addr()) else { return };
        if self.door == Door::Icap
            && !self.gate.icap_peers.iter().any(|range| range.contains(&peer.ip().to_canonical()))
        {
            return tracing::debug!(phase = "connect", "a proxy that is not listed was turned away");
        }
        let Ok(client) = self.whose(peer.ip().to_canonical()).await else {
            return tracing::debug!(phase = "connect", "a listed proxy did not say whose connection it is");
        };
        if self.door != Door::Icap && !self.gate.serves(client) {
            return tracing::debug!(phase = "connect", "an outsider was turned away");
        }
        let Self { gate, seats, stream, place, door } = self;
        let Some(seat) = seats.take(place, client) else { return };
        socket::set_up(&stream);
        let caller = Caller::new(client, reached, seat);
        match door {
            Door::Explicit => {
                explicit::serve(gate, caller, ClientSocket::Plain(stream), Protocol::Http1).await;
            }
            Door::ExplicitTls => match Box::pin(over_tls(&gate, stream, reached)).await {
                Ok((stream, protocol)) => {
                    explicit::serve(gate, caller, ClientSocket::Tls(Box::new(stream)), protocol).await;
                }
                Err(_) => tracing::debug!(phase = "connect", "a client spoke no TLS with the proxy"),
            },
            // Apart, so that other connections need no room for it.
            Door::Transparent(mode) => Box::pin(transparent::serve(gate, caller, stream, mode)).await,
            Door::Icap => Box::pin(icap::serve(gate, caller, stream)).await,
        }
    }

    /// Whose connection it is: the peer's, or whose a listed proxy says.
    async fn whose(&mut self, peer: IpAddr) -> io::Result<IpAddr> {
        let is_listed = self.gate.proxy_peers.iter().any(|range| range.contains(&peer));
        if matches!(self.door, Door::Transparent(_) | Door::Icap) || !is_listed {
            return Ok(peer);
        }
        let header = timeout(self.gate.dialer.limits.hello_timeout, take_header(&mut self.stream)).await??;
        Ok(header.source.unwrap_or(peer))
    }
}

/// Takes a proxy's head off the front of a connection, and nothing of what follows.
async fn take_header(stream: &mut TcpStream) -> io::Result<ProxyHeader> {
    let mut head = Vec::new();
    loop {
        match ProxyHeader::read(&head) {
            ProxyHeaderRead::Whole(header) => return Ok(header),
            ProxyHeaderRead::Broken => return Err(io::ErrorKind::InvalidData.into()),
            ProxyHeaderRead::Needs(more) => {
                let had = head.len();
                head.resize(had + more, 0);
                stream.read_exact(head.get_mut(had..).unwrap_or_default()).await?;
            }
        }
    }
}

/// TLS with the proxy itself, as the name or the address that the client called it by, and what is spoken inside. A ticket
/// holds for its connection (RFC 4559), so where tickets are taken that is HTTP/1.1.
async fn over_tls(
    gate: &Gate,
    stream: TcpStream,
    reached: SocketAddr,
) -> io::Result<(TlsStream<TcpStream>, Protocol)> {
    let handshake = async {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let called = hello.server_name().and_then(|name| Host::parse(name).ok());
        let host = called
            .filter(|name| gate.is_called(name, reached))
            .unwrap_or_else(|| Host::Address(reached.ip().to_canonical()));
        let offered: Vec<_> = hello.alpn().into_iter().flatten().map(<[u8]>::to_vec).collect();
        let protocol = match gate.sign_in.takes_tickets() {
            true => Protocol::Http1,
            false => Protocol::best_of(&offered),
        };
        let tls = gate.tls_as(&host, None, protocol).map_err(io::Error::other)?;
        Ok((start.into_stream(tls).await?, protocol))
    };
    timeout(gate.dialer.limits.handshake_timeout, handshake).await?
}
