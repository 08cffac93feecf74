//! The proxy's own port: CONNECT, requests with a whole address, and its own pages.

use crate::gate::Gate;
use crate::inner::{self, Inner, serve_http1, shape_of};
use crate::link::{Link, Origin, Scheme};
use crate::listen::Seat;
use crate::pages;
use crate::streams::IdleStream;
use crate::tunnel;
use crate::visit::{AnswerBody, page_answer};
use blockpage::Refusal;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use model::Host;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

/// Who is at the other end of a connection, and its place among the connections.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    /// Where the connection reached us.
    reached: SocketAddr,
    _seat: Arc<Seat>,
}

/// One connection to the proxy's port.
struct Explicit {
    gate: Arc<Gate>,
    caller: Caller,
    /// The way to the origin of the last plain request; the next is often for the same.
    last: Mutex<Option<Arc<Inner>>>,
}

/// Serves one connection to the proxy's port. An outsider's is closed unread.
pub(crate) async fn serve(gate: Arc<Gate>, stream: TcpStream, seat: Seat) {
    let (Ok(peer), Ok(reached)) = (stream.peer_addr(), stream.local_addr()) else { return };
    if !gate.serves(peer.ip()) {
        return tracing::debug!(phase = "connect", "an outsider was turned away");
    }
    // Without it small answers wait for acknowledgements; a socket that refuses still works.
    let _ = stream.set_nodelay(true);
    let caller = Caller { address: peer.ip().to_canonical(), reached, _seat: Arc::new(seat) };
    let stream = IdleStream::new(stream, gate.dialer.limits.idle_timeout);
    let explicit = Arc::new(Explicit { gate: Arc::clone(&gate), caller, last: Mutex::default() });
    let service = service_fn(move |request| Arc::clone(&explicit).answer(request));
    serve_http1(&gate, stream, service).await;
}

impl Explicit {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        if request.method() == Method::CONNECT {
            return Ok(tunnel::connect(&self.gate, &self.caller, request).await);
        }
        match request.uri().scheme_str() {
            None => Ok(pages::answer(&self.gate, &request)),
            Some("http") => self.plain(request).await,
            Some(_) => Ok(self.not_understood(&request)),
        }
    }

    async fn plain(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        let target = request.uri().authority().and_then(|authority| {
            Some((Host::parse(authority.host()).ok()?, authority.port_u16().unwrap_or(80)))
        });
        let Some((host, port)) = target else { return Ok(self.not_understood(&request)) };
        if self.is_ours(&host, port) {
            return Ok(pages::answer(&self.gate, &request));
        }
        inner::answer(self.inner_for(Origin { scheme: Scheme::Http, host, port }), request).await
    }

    /// True for the proxy's own address, as it is advertised or as it was reached: a browser that uses the proxy asks
    /// for the proxy's pages through it.
    fn is_ours(&self, host: &Host, port: u16) -> bool {
        let reached = self.caller.reached;
        let advertised = self.gate.advertised_host.as_deref().and_then(|name| Host::parse(name).ok());
        let is_our_host =
            *host == Host::Address(reached.ip().to_canonical()) || Some(host) == advertised.as_ref();
        is_our_host && port == reached.port()
    }

    fn inner_for(&self, origin: Origin) -> Arc<Inner> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match last.as_ref() {
            Some(inner) if inner.link.origin == origin => Arc::clone(inner),
            _ => {
                let link = Arc::new(Link::new(&self.gate, origin, Vec::new()));
                let inner =
                    Arc::new(Inner { gate: Arc::clone(&self.gate), caller: self.caller.clone(), link });
                *last = Some(Arc::clone(&inner));
                inner
            }
        }
    }

    fn not_understood(&self, request: &Request<Incoming>) -> Response<AnswerBody> {
        let shape = shape_of(request.headers());
        page_answer(blockpage::not_possible(Refusal::NotUnderstood, &self.gate.links).page(shape))
    }
}
