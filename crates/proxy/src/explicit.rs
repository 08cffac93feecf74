//! The proxy's own port: CONNECT, requests with a whole address, and its own pages.

use crate::caller::Caller;
use crate::gate::Gate;
use crate::inner::{Inner, admit, answer_admitted, serve_http1, serve_http2, shape_of};
use crate::link::{Link, Offer, Origin, Protocol, Scheme};
use crate::pages;
use crate::sign_in::Connection;
use crate::socket::ClientSocket;
use crate::streams::IdleStream;
use crate::tunnel;
use crate::visit::{AnswerBody, page_answer};
use blockpage::Refusal;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use model::Host;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One connection to the proxy's port.
struct Explicit {
    gate: Arc<Gate>,
    caller: Caller,
    connection: Connection,
    last: LastOrigin,
}

/// Serves one connection of a client that knows the proxy.
pub(crate) async fn serve(gate: Arc<Gate>, caller: Caller, socket: ClientSocket, protocol: Protocol) {
    let connection = Connection::of(&socket);
    let stream = IdleStream::new(socket, gate.dialer.limits.idle_timeout);
    let explicit =
        Arc::new(Explicit { gate: Arc::clone(&gate), caller, connection, last: LastOrigin::default() });
    // Boxed, as an idle connection keeps the room of its last answer's future.
    let service = service_fn(move |request| Box::pin(Arc::clone(&explicit).answer(request)));
    match protocol {
        Protocol::Http1 => serve_http1(&gate, stream, service).await,
        Protocol::Http2 => serve_http2(&gate, stream, service).await,
    };
}

impl Explicit {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        // Only origins make WebSockets of a CONNECT (RFC 8441); to a proxy it is a tunnel.
        if request.extensions().get::<hyper::ext::Protocol>().is_some() {
            return Ok(self.not_understood(&request));
        }
        if request.method() == Method::CONNECT {
            let caller = match admit(&self.gate, &self.caller, &request) {
                Ok(share) => self.caller.holding(share),
                Err(refused) => return Ok(*refused),
            };
            return Ok(match self.connection.enter(&self.gate, &caller, request.headers()).await {
                Ok(mut entered) => {
                    let mut response = tunnel::connect(&self.gate, &entered.caller, request).await;
                    entered.tell(&mut response);
                    response
                }
                Err(asked) => *asked,
            });
        }
        match request.uri().scheme_str() {
            None => Ok(pages::answer(&self.gate, &self.caller, &request)),
            Some("http") => self.plain(request).await,
            // HTTP/2 has the whole address where HTTP/1.1 has the path alone.
            Some("https") if target(&request, 443).is_some_and(|(host, port)| self.is_ours(&host, port)) => {
                Ok(pages::answer(&self.gate, &self.caller, &request))
            }
            Some(_) => Ok(self.not_understood(&request)),
        }
    }

    async fn plain(&self, request: Request<Incoming>) -> Result<Response<AnswerBody>, Infallible> {
        let Some((host, port)) = target(&request, 80) else { return Ok(self.not_understood(&request)) };
        if self.is_ours(&host, port) {
            return Ok(pages::answer(&self.gate, &self.caller, &request));
        }
        // Before whoever asks signs in, which is work as well, and may be guessing.
        let share = match admit(&self.gate, &self.caller, &request) {
            Ok(share) => share,
            Err(refused) => return Ok(*refused),
        };
        let origin = Origin { scheme: Scheme::Http, host, port };
        match self.connection.enter(&self.gate, &self.caller, request.headers()).await {
            Ok(mut entered) => {
                let inner = self.last.inner(&self.gate, &entered.caller, origin);
                let mut response = answer_admitted(inner, request, share).await?;
                entered.tell(&mut response);
                Ok(response)
            }
            Err(asked) => Ok(*asked),
        }
    }

    /// True for the proxy's own address, as it is advertised or as it was reached: a browser that uses the proxy asks
    /// for the proxy's pages through it.
    fn is_ours(&self, host: &Host, port: u16) -> bool {
        self.gate.is_called(host, self.caller.reached) && port == self.caller.reached.port()
    }

    fn not_understood(&self, request: &Request<Incoming>) -> Response<AnswerBody> {
        let shape = shape_of(request.headers());
        page_answer(blockpage::not_possible(Refusal::NotUnderstood, &self.gate.links).page(shape))
    }
}

/// Where a request with a whole address leads.
fn target(request: &Request<Incoming>, default_port: u16) -> Option<(Host, u16)> {
    let authority = request.uri().authority()?;
    Some((Host::parse(authority.host()).ok()?, authority.port_u16().unwrap_or(default_port)))
}

/// The way to the origin of a connection's last plain request; the next is often for the same.
#[derive(Default)]
pub(crate) struct LastOrigin(Mutex<Option<Arc<Inner>>>);

impl LastOrigin {
    /// True when the last request was for another origin, or there was none.
    pub(crate) fn is_other(&self, origin: &Origin) -> bool {
        self.lock().as_ref().is_none_or(|inner| inner.link.origin != *origin)
    }

    /// The way to an origin for this caller: the last one's, or a new one.
    pub(crate) fn inner(&self, gate: &Arc<Gate>, caller: &Caller, origin: Origin) -> Arc<Inner> {
        let mut last = self.lock();
        let kept =
            last.as_ref().filter(|inner| inner.link.origin == origin && inner.caller.is_same_person(caller));
        if let Some(inner) = kept.filter(|inner| inner.caller.is_known_alike(caller)) {
            return Arc::clone(inner);
        }
        // Who signed in anew keeps the way, and is known until later.
        let link = match kept {
            Some(inner) => Arc::clone(&inner.link),
            None => Arc::new(Link::new(gate, caller.address, origin, Offer::Http1)),
        };
        let (gate, caller) = (Arc::clone(gate), caller.clone());
        let inner = Arc::new(Inner { gate, caller, link, names: Arc::default(), is_asked: false.into() });
        *last = Some(Arc::clone(&inner));
        inner
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Inner>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
