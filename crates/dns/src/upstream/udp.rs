//! One question by UDP, from a socket of its own, so that nobody off the path can answer it (RFC 5452).

use super::ExchangeError;
use super::message::{Fetched, Incoming, Outgoing};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;

/// Datagrams that are no answer to the question, after which a socket is given up: somebody is guessing.
const MOST_STRANGERS: usize = 8;
/// The largest datagram that is read.
const DATAGRAM_LIMIT_BYTES: usize = 4_096;

/// What came back by UDP.
pub(super) enum ByUdp {
    /// An answer; it may be cut.
    Answer(Fetched),
    /// An answer with the name spelt otherwise: a guess, or an upstream that does not keep the spelling. TCP tells which.
    OtherSpelling,
}

/// Asks, and waits for what counts as the answer. The caller sets the time.
pub(super) async fn ask(server: SocketAddr, outgoing: &Outgoing) -> Result<ByUdp, ExchangeError> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(outgoing.bytes()).await?;
    let mut buffer = vec![0; DATAGRAM_LIMIT_BYTES];
    for _ in 0..MOST_STRANGERS {
        let length = socket.recv(&mut buffer).await?;
        match outgoing.read(buffer.get(..length).unwrap_or_default()) {
            Incoming::Answer(fetched) => return Ok(ByUdp::Answer(fetched)),
            Incoming::OtherSpelling => return Ok(ByUdp::OtherSpelling),
            Incoming::Stranger => {}
        }
    }
    Err(ExchangeError::Stranger)
}
