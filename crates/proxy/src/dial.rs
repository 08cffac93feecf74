//! Connections to origins: TCP to a checked address, and TLS to a verified name.

use crate::error::DialError;
use crate::intermediates::MOST_FETCHES;
use crate::lookup::Asker;
use crate::resolve::is_public;
use crate::socket;
use crate::streams::ReadAhead;
use crate::verify::{OriginVerifier, client_certificate_watch, handshake_fault};
use crate::{Limits, Resolver};
use blockpage::OriginFault;
use model::{Clock, HandedOut, Host, Suggestions};
use policy::CurrentSnapshot;
use rustls::HandshakeKind;
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The next address is tried when the one before has not answered for so long (RFC 8305, section 8).
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Opens connections to origins.
pub(crate) struct Dialer {
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) snapshot: Arc<CurrentSnapshot>,
    pub(crate) handed_out: Arc<HandedOut>,
    pub(crate) clock: Clock,
    pub(crate) tls: TlsConnector,
    pub(crate) verifier: Arc<OriginVerifier>,
    pub(crate) suggestions: Arc<Suggestions>,
    pub(crate) limits: Limits,
    /// The proxy's own listening addresses.
    pub(crate) own: Vec<SocketAddr>,
}

impl Dialer {
    /// Notes that a client goes to this host, over whichever connection: an address that our DNS did not give out counts.
    pub(crate) fn note_visit(&self, host: &Host) {
        if let Host::Address(address) = host {
            self.handed_out.connected(*address, self.clock.now());
        }
    }

    /// The addresses of a host that are open to the proxy under the policy in force, at most 8, in the resolver's order.
    pub(crate) async fn addresses(
        &self,
        host: &Host,
        port: u16,
        asker: Asker,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let is_ours = |address| self.snapshot.get().is_of_the_school(address);
        self.resolver.resolve((host, port), asker, is_ours).await
    }

    /// A TCP connection to one of a host's addresses that are open to the proxy, for whoever asks.
    pub(crate) async fn tcp(&self, host: &Host, port: u16, asker: Asker) -> Result<TcpStream, DialError> {
        let addresses = self.addresses(host, port, asker).await?;
        if addresses.iter().any(|address| self.is_own(*address)) {
            return Err(DialError::PrivateAddress);
        }
        let connected = tokio::time::timeout(self.limits.connect_timeout, first_to_answer(addresses)).await;
        let stream = match connected {
            Err(_) => return Err(OriginFault::TooSlow.into()),
            Ok(None) => return Err(OriginFault::Unreachable.into()),
            Ok(Some(stream)) => stream,
        };
        if self.is_itself(&stream) {
            return Err(DialError::PrivateAddress);
        }
        socket::set_up(&stream);
        Ok(stream)
    }

    /// TLS to one of `target`'s addresses, with the origin's certificate verified for `name`. `protocols` are offered
    /// (ALPN). Where the origin leaves out a certificate of its chain, that is fetched, and the origin dialled again.
    pub(crate) async fn secure(
        &self,
        (target, port): (&Host, u16),
        name: &Host,
        protocols: &[Vec<u8>],
        asker: Asker,
    ) -> Result<TlsStream<ReadAhead<TcpStream>>, DialError> {
        for _ in 0..MOST_FETCHES {
            let stream = self.tcp(target, port, asker).await?;
            match self.tls(name, stream, protocols.to_vec()).await {
                Err(TlsFault { missing: Some(url), .. }) => {
                    self.verifier.intermediates.fetch(self, &url, asker).await?;
                }
                done => return done.map_err(|fault| fault.error),
            }
        }
        let stream = self.tcp(target, port, asker).await?;
        self.tls(name, stream, protocols.to_vec()).await.map_err(|fault| fault.error)
    }

    async fn tls(
        &self,
        name: &Host,
        stream: TcpStream,
        protocols: Vec<Vec<u8>>,
    ) -> Result<TlsStream<ReadAhead<TcpStream>>, TlsFault> {
        let server = server_name(name)?;
        let handshake = self.tls.with_alpn(protocols).connect(server, ReadAhead::new(stream));
        let limited = tokio::time::timeout(self.limits.handshake_timeout, handshake);
        let (finished, asked) = client_certificate_watch(limited).await;
        if asked {
            self.suggestions.origin_asks(name, self.clock.now());
        }
        let stream = match finished {
            Err(_) => return Err(DialError::from(OriginFault::TooSlow).into()),
            Ok(Err(error)) => return Err(handshake_fault(&error)),
            Ok(Ok(stream)) => stream,
        };
        let (_, session) = stream.get_ref();
        if session.handshake_kind() == Some(HandshakeKind::Resumed) {
            let chain = session.peer_certificates().unwrap_or_default();
            self.verifier.verify_again(chain, &server_name(name)?)?;
        }
        Ok(stream)
    }

    /// True for a connection that came back to this proxy, whatever address led here: a machine calls itself from the very
    /// address that it calls.
    fn is_itself(&self, stream: &TcpStream) -> bool {
        let (Ok(here), Ok(there)) = (stream.local_addr(), stream.peer_addr()) else { return false };
        let listens_at = |own: &SocketAddr| {
            let everywhere = own.ip().is_unspecified() && (own.is_ipv6() || there.is_ipv4());
            own.port() == there.port() && (everywhere || own.ip() == there.ip())
        };
        here.ip() == there.ip() && self.own.iter().any(listens_at)
    }

    /// True for an address where this proxy itself listens; it would call itself without end. Where it listens on every
    /// address of the machine, which cannot be listed, its port counts as ours on every address that is not public; on the
    /// public ones the connection itself tells ([`Self::is_itself`]).
    pub(crate) fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip() || (own.ip().is_unspecified() && !is_public(address.ip())))
        })
    }
}

/// Why a handshake failed, and what would help.
pub(crate) struct TlsFault {
    pub(crate) error: DialError,
    /// Where a certificate that is missing from the chain can be had.
    pub(crate) missing: Option<Box<str>>,
}

impl From<DialError> for TlsFault {
    fn from(error: DialError) -> Self {
        Self { error, missing: None }
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, DialError> {
    match host {
        Host::Address(IpAddr::V4(address)) => Ok(ServerName::IpAddress((*address).into())),
        Host::Address(IpAddr::V6(address)) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => {
            ServerName::try_from(name.to_string()).map_err(|_| DialError::Origin(OriginFault::NoSuchName))
        }
    }
}

/// Tries the addresses in order and takes the first that answers; the next one's turn is when the ones before have failed,
/// or have not answered for a while (RFC 8305, section 5).
async fn first_to_answer(addresses: Vec<SocketAddr>) -> Option<TcpStream> {
    if let [only] = addresses.as_slice() {
        return TcpStream::connect(only).await.ok();
    }
    let mut attempts = JoinSet::new();
    for address in addresses {
        attempts.spawn(TcpStream::connect(address));
        if let Ok(Some(stream)) = tokio::time::timeout(NEXT_ADDRESS_AFTER, first_of(&mut attempts)).await {
            return Some(stream);
        }
    }
    first_of(&mut attempts).await
}

/// The first attempt that succeeds; `None` once all have failed.
async fn first_of(attempts: &mut JoinSet<io::Result<TcpStream>>) -> Option<TcpStream> {
    while let Some(attempt) = attempts.join_next().await {
        if let Ok(Ok(stream)) = attempt {
            return Some(stream);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_address_that_refuses_leads_on_to_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let refusing = {
            let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
            gone.local_addr().unwrap()
        };
        for addresses in [vec![good], vec![refusing, good], vec![refusing; 9]] {
            let leads = addresses.contains(&good);
            let stream = first_to_answer(addresses).await;
            assert_eq!(stream.map(|stream| stream.peer_addr().unwrap()), leads.then_some(good));
        }
    }
}
