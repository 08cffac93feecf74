//! Connections to origins: TCP to a checked address, and TLS to a verified name.

use crate::error::DialError;
use crate::resolve::is_public;
use crate::streams::ReadAhead;
use crate::verify::handshake_fault;
use crate::{Limits, Resolver};
use blockpage::OriginFault;
use model::{Clock, HandedOut, Host};
use rustls_pki_types::ServerName;
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
    pub(crate) handed_out: Arc<HandedOut>,
    pub(crate) clock: Clock,
    pub(crate) tls: TlsConnector,
    pub(crate) limits: Limits,
    /// The proxy's own listening addresses.
    pub(crate) own: Vec<SocketAddr>,
}

impl Dialer {
    /// A TCP connection to one of a host's addresses that are open to the proxy.
    pub(crate) async fn tcp(&self, host: &Host, port: u16) -> Result<TcpStream, DialError> {
        let addresses = self.resolver.resolve(host, port).await?;
        if addresses.iter().any(|address| self.is_own(*address)) {
            return Err(DialError::PrivateAddress);
        }
        if let Host::Address(address) = host {
            self.handed_out.connected(*address, self.clock.now());
        }
        let connected = tokio::time::timeout(self.limits.connect_timeout, first_to_answer(addresses)).await;
        let stream = match connected {
            Err(_) => return Err(OriginFault::TooSlow.into()),
            Ok(None) => return Err(OriginFault::Unreachable.into()),
            Ok(Some(stream)) => stream,
        };
        // Without it small requests wait for acknowledgements; a socket that refuses still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    /// TLS over a connection, with the origin's certificate verified for `name`. `protocols` are offered (ALPN).
    pub(crate) async fn tls(
        &self,
        name: &Host,
        stream: TcpStream,
        protocols: Vec<Vec<u8>>,
    ) -> Result<TlsStream<ReadAhead<TcpStream>>, DialError> {
        let name = server_name(name)?;
        let handshake = self.tls.with_alpn(protocols).connect(name, ReadAhead::new(stream));
        match tokio::time::timeout(self.limits.handshake_timeout, handshake).await {
            Err(_) => Err(OriginFault::TooSlow.into()),
            Ok(Err(error)) => Err(handshake_fault(&error)),
            Ok(Ok(stream)) => Ok(stream),
        }
    }

    /// True for an address where this proxy itself listens; it would call itself without end. Where it listens on every
    /// address of the machine, which cannot be listed, its port counts as ours on every address that is not public.
    pub(crate) fn is_own(&self, address: SocketAddr) -> bool {
        self.own.iter().any(|own| {
            own.port() == address.port()
                && (own.ip() == address.ip() || (own.ip().is_unspecified() && !is_public(address.ip())))
        })
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

/// Tries the addresses in order, each a little after the one before, and takes the first that answers.
async fn first_to_answer(addresses: Vec<SocketAddr>) -> Option<TcpStream> {
    if let [only] = addresses.as_slice() {
        return TcpStream::connect(only).await.ok();
    }
    let mut attempts = JoinSet::new();
    for (index, address) in (0_u32..).zip(addresses) {
        attempts.spawn(async move {
            tokio::time::sleep(NEXT_ADDRESS_AFTER * index).await;
            TcpStream::connect(address).await
        });
    }
    while let Some(attempt) = attempts.join_next().await {
        if let Ok(Ok(stream)) = attempt {
            return Some(stream);
        }
    }
    None
}
