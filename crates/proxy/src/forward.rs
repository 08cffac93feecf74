//! Carrying one request to its origin, in whatever version of HTTP the origin speaks, and its answer back.

use crate::error::DialError;
use crate::headers::{ask_for_websocket, clean_request, clean_response, is_websocket, join_cookies};
use crate::link::{Carrier, Link, Scheme, Sender};
use crate::visit::AskBody;
use blockpage::OriginFault;
use http::header::{HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Request, Response, StatusCode, Uri, Version, request};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A request in the form both versions are made of.
pub(crate) struct Outgoing {
    /// The head, with neither host nor address in it.
    head: request::Parts,
    /// Host and port as the client wrote them.
    authority: String,
    path: PathAndQuery,
    body: Option<Incoming>,
    websocket: bool,
    up: Arc<AtomicU64>,
}

/// The connection an answer came over; given back to its link when dropped.
pub(crate) struct Lease {
    link: Arc<Link>,
    http1: Option<(u64, http1::SendRequest<AskBody>)>,
    _slot: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((number, sender)) = self.http1.take() {
            self.link.give_back(number, sender);
        }
    }
}

impl Outgoing {
    /// Takes a client's request apart. `authority` is the host and port it is for, `up` counts its body.
    pub(crate) fn new(request: Request<Incoming>, authority: String, up: Arc<AtomicU64>) -> Self {
        let websocket = request.version() == Version::HTTP_11 && is_websocket(request.headers());
        let (mut head, body) = request.into_parts();
        head.extensions.clear();
        clean_request(&mut head.headers);
        head.headers.remove(HOST);
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let body = Some(body).filter(|body| !body.is_end_stream());
        Self { head, authority, path, body, websocket, up }
    }

    /// True when it asks for a WebSocket.
    pub(crate) fn is_websocket(&self) -> bool {
        self.websocket
    }

    /// True when it may be sent twice: it changes nothing and has no body to lose (RFC 9110, section 9.2.2).
    fn may_repeat(&self) -> bool {
        self.body.is_none() && [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.head.method)
    }

    fn for_http1(&mut self) -> Option<Request<AskBody>> {
        let mut head = self.head.clone();
        head.version = Version::HTTP_11;
        head.uri = Uri::from(self.path.clone());
        head.headers.insert(HOST, HeaderValue::from_str(&self.authority).ok()?);
        join_cookies(&mut head.headers);
        if self.websocket {
            ask_for_websocket(&mut head.headers);
        }
        Some(self.with_body(head))
    }

    fn for_http2(&mut self, scheme: Scheme) -> Option<Request<AskBody>> {
        let mut head = self.head.clone();
        head.version = Version::HTTP_2;
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let uri = Uri::builder().scheme(scheme).authority(self.authority.as_str());
        head.uri = uri.path_and_query(self.path.clone()).build().ok()?;
        Some(self.with_body(head))
    }

    fn with_body(&mut self, head: request::Parts) -> Request<AskBody> {
        Request::from_parts(head, AskBody::new(self.body.take(), Arc::clone(&self.up)))
    }
}

/// Sends a request over its link and waits for the head of the answer. A connection that had gone stale is replaced,
/// once, where the request was not sent or may be sent again.
pub(crate) async fn forward(
    link: &Arc<Link>,
    mut outgoing: Outgoing,
    rewritten: Option<&Arc<str>>,
) -> Result<(Response<Incoming>, Lease), DialError> {
    let repeatable = outgoing.may_repeat();
    let mut unsent = None;
    let mut stale = 0;
    for _ in 0..2 {
        let carrier = link.carrier(rewritten, stale).await?;
        stale = carrier.number;
        let (sent, lease) = send(link, carrier, &mut outgoing, unsent.take()).await?;
        match sent {
            Ok(response) => return received(response, &outgoing, lease),
            Err(Unanswered::NotSent(body)) => unsent = Some(body),
            Err(Unanswered::Broke) if repeatable => {}
            Err(Unanswered::Broke) => break,
        }
    }
    Err(OriginFault::BrokeOff.into())
}

fn received(
    mut response: Response<Incoming>,
    outgoing: &Outgoing,
    lease: Lease,
) -> Result<(Response<Incoming>, Lease), DialError> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if switches && !(outgoing.websocket && is_websocket(response.headers())) {
        return Err(OriginFault::BrokeOff.into());
    }
    clean_response(response.headers_mut());
    if switches {
        ask_for_websocket(response.headers_mut());
    }
    Ok((response, lease))
}

/// Why there is no answer.
enum Unanswered {
    /// The connection was gone before anything was sent.
    NotSent(AskBody),
    /// It broke after something was sent.
    Broke,
}

async fn send(
    link: &Arc<Link>,
    carrier: Carrier,
    outgoing: &mut Outgoing,
    unsent: Option<AskBody>,
) -> Result<(Result<Response<Incoming>, Unanswered>, Lease), DialError> {
    let fitted = match &carrier.sender {
        Sender::Http1(_) => outgoing.for_http1(),
        Sender::Http2(_) => outgoing.for_http2(link.origin.scheme),
    };
    let mut request = fitted.ok_or(OriginFault::BrokeOff)?;
    if let Some(body) = unsent {
        *request.body_mut() = body;
    }
    let mut lease = Lease { link: Arc::clone(link), http1: None, _slot: carrier.slot };
    let sent = match carrier.sender {
        Sender::Http1(mut sender) => {
            let sent = sender.try_send_request(request).await;
            lease.http1 = Some((carrier.number, sender));
            sent
        }
        Sender::Http2(mut sender) => sender.try_send_request(request).await,
    };
    let sent = sent.map_err(|mut error| match error.take_message() {
        Some(request) => Unanswered::NotSent(request.into_body()),
        None => Unanswered::Broke,
    });
    Ok((sent, lease))
}
