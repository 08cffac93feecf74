//! Connections that the network leads here without the client's knowing: nftables REDIRECT and TPROXY, IPv4 and IPv6.
//!
//! The client chose an address, and mostly says a name: in the TLS hello, in each plain request. The name is what counts.
//! It is decided, and its own addresses are dialled, as our resolver gives them: who names one site and calls at another's
//! address gets the one he named. Without a name the address itself is decided and dialled.
//!
//! Left out: ports that carry no web; the rules lead only the web here. A client that speaks
//! HTTP/1.0 without `Host` is refused.

use crate::caller::Caller;
use crate::config::TransparentMode;
use crate::explicit::LastOrigin;
use crate::gate::Gate;
use crate::inner::{self, authority_of, serve_http1};
use crate::link::{Origin, Scheme};
use crate::socket::ClientSocket;
use crate::streams::IdleStream;
use crate::tunnel::Tunnel;
use crate::visit::AnswerBody;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use model::{Host, WayRound};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// Connections that may wait to be taken, as with other listeners.
const BACKLOG: i32 = 1024;

/// A listener for connections that are led here. One of IPv6 takes none of IPv4.
///
/// # Errors
/// What the system says; for TPROXY without CAP_NET_ADMIN `PermissionDenied`.
pub(crate) fn listener(address: SocketAddr, mode: TransparentMode) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    match (mode, address) {
        (TransparentMode::Redirect, _) => {}
        (TransparentMode::Tproxy, SocketAddr::V4(_)) => socket.set_ip_transparent_v4(true)?,
        (TransparentMode::Tproxy, SocketAddr::V6(_)) => socket.set_ip_transparent_v6(true)?,
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves a connection that was led here. One that came to the listener by itself is closed: it would lead back here.
pub(crate) async fn serve(gate: Arc<Gate>, caller: Caller, stream: TcpStream, mode: TransparentMode) {
    let Some(wanted) = wanted(&stream, &caller, mode).filter(|wanted| !is_listener(&gate, *wanted)) else {
        return tracing::debug!(phase = "connect", "a connection came to a transparent port by itself");
    };
    let stream = IdleStream::new(ClientSocket::Plain(stream), gate.dialer.limits.idle_timeout);
    Tunnel::led_here(gate, caller, wanted).hear(stream).await;
}

/// True for the port of a transparent listener, at whatever address: it would lead back here without end.
fn is_listener(gate: &Gate, wanted: SocketAddr) -> bool {
    gate.addresses.transparent.iter().any(|own| own.port() == wanted.port())
}

/// The address that the client called; `None` where that is the listener's own.
fn wanted(stream: &TcpStream, caller: &Caller, mode: TransparentMode) -> Option<SocketAddr> {
    let reached = caller.reached;
    match mode {
        // The socket itself has the address that was called.
        TransparentMode::Tproxy => Some(reached),
        TransparentMode::Redirect => {
            let socket = SockRef::from(stream);
            let before = match reached {
                SocketAddr::V4(_) => socket.original_dst_v4(),
                SocketAddr::V6(_) => socket.original_dst_v6(),
            };
            before.ok()?.as_socket().filter(|before| *before != reached)
        }
    }
}

/// Counts a connection to an address that is none of those that our resolver gives for the name it asks for. Some sites
/// give everybody other addresses, so one alone says little.
pub(crate) fn compare(gate: &Arc<Gate>, client: IpAddr, name: &Host, wanted: SocketAddr) {
    let (its_gate, name) = (Arc::clone(gate), name.clone());
    gate.spawn(async move {
        let known = its_gate.dialer.addresses(&name, wanted.port(), Some(client)).await;
        let called = wanted.ip().to_canonical();
        if known.is_ok_and(|known| known.iter().all(|address| address.ip().to_canonical() != called)) {
            its_gate.leaked(WayRound::OtherAddress);
        }
    });
}

/// Plain requests on a connection that was led here: each is for the host it names, at the port that was called.
pub(crate) async fn serve_plain<S>(gate: Arc<Gate>, caller: Caller, wanted: SocketAddr, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let last = LastOrigin::default();
    let plain = Arc::new(Plain { gate: Arc::clone(&gate), caller, wanted, last });
    let service = service_fn(move |request| Box::pin(Arc::clone(&plain).answer(request)));
    serve_http1(&gate, stream, service).await;
}

struct Plain {
    gate: Arc<Gate>,
    caller: Caller,
    wanted: SocketAddr,
    last: LastOrigin,
}

impl Plain {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        let named = authority_of(&request).and_then(|authority| Host::parse(authority.host()).ok());
        // A request that names no host, or two, is refused further on.
        let host = named.unwrap_or_else(|| Host::Address(self.wanted.ip().to_canonical()));
        let origin = Origin { scheme: Scheme::Http, host, port: self.wanted.port() };
        if self.last.is_other(&origin) {
            compare(&self.gate, self.caller.address, &origin.host, self.wanted);
        }
        inner::answer(self.last.inner(&self.gate, &self.caller, origin), request).await
    }
}
