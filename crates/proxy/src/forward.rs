//! Carrying one request to its origin, in whatever version of HTTP the origin speaks, and its answer back.

use crate::error::DialError;
use crate::headers::{
    ask_for_websocket, clean_request, clean_response, is_websocket, join_cookies, signs_in_connection,
};
use crate::link::{Carrier, Connection, Link, Need, Scheme, Wanted};
use crate::pool::{Http1, Http2, Route};
use crate::rules::Judged;
use crate::visit::{AskBody, ShortBody};
use crate::websocket::{self, Switch};
use blockpage::OriginFault;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, StatusCode, Uri, Version, request};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use model::Verdict;
use std::sync::Arc;

/// A body of so many bytes is taken in before it is sent on.
const SHORT_BODY: u64 = 64 * 1024;

/// A request in the form both versions are made of.
pub(crate) struct Outgoing {
    /// The head; empty while it is on its way.
    head: request::Parts,
    /// Host and port as the client wrote them.
    authority: Authority,
    path: PathAndQuery,
    body: Option<AskBody>,
    /// A short body, taken in.
    kept: Option<ShortBody>,
    /// A longer one flows through, and is gone with the first try.
    streams: bool,
    switch: Switch,
    need: Need,
}

/// The connection an answer comes over. It is kept for the next exchange if the lease is ended, and not just dropped.
pub(crate) struct Lease {
    route: Arc<Route>,
    http1: Option<Http1>,
    /// An HTTP/2 connection counts its streams by who holds it.
    _http2: Option<Arc<Http2>>,
    _slot: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Lease {
    /// The answer is over as it should be: the connection may carry the next exchange, once the request is over too.
    pub(crate) fn end(mut self) {
        let Some(mut connection) = self.http1.take() else { return };
        if connection.sender.is_ready() {
            return self.route.keep_http1(connection);
        }
        // An origin may answer before it has the whole request. This ends at the latest with the client's connection.
        tokio::spawn(async move {
            if connection.sender.ready().await.is_ok() {
                self.route.keep_http1(connection);
            }
        });
    }
}

/// An origin's answer.
pub(crate) struct Answered {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
    /// The connection is a WebSocket from now on.
    pub(crate) switched: bool,
}

impl Outgoing {
    /// Takes a client's request for `authority`, in which there is no userinfo, and what it asks to become.
    pub(crate) fn new(mut head: request::Parts, body: AskBody, authority: Authority, switch: Switch) -> Self {
        head.extensions.clear();
        let need = match switch {
            Switch::No if signs_in_connection(&head.headers) => Need::Alone,
            Switch::No => Need::Exchange,
            Switch::Upgrade | Switch::Connect => Need::WebSocket,
        };
        clean_request(&mut head.headers);
        let path = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let body = Some(body).filter(|body| !body.is_end_stream());
        Self { head, authority, path, body, kept: None, streams: false, switch, need }
    }

    /// Takes in a body that is short and says so, so that the request can be sent again.
    async fn keep_short_body(&mut self) -> Result<(), DialError> {
        let is_short = |body: &AskBody| body.size_hint().exact().is_some_and(|bytes| bytes <= SHORT_BODY);
        if let Some(body) = self.body.take_if(|body| is_short(body)) {
            let whole = body.collect().await.map_err(|_| OriginFault::BrokeOff)?;
            let trailers = whole.trailers().cloned();
            self.kept = Some(ShortBody { bytes: Some(whole.to_bytes()), trailers });
        }
        self.streams = self.body.is_some();
        Ok(())
    }

    /// True when all of it stays here while it is sent.
    fn is_here(&self) -> bool {
        !self.streams
    }

    /// True when it may be sent twice: it changes nothing (RFC 9110, section 9.2.2) and is all still here.
    fn may_repeat(&self) -> bool {
        self.is_here() && [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.head.method)
    }

    /// The head as it goes out; a copy stays where it may be needed again.
    fn take_head(&mut self) -> request::Parts {
        if self.is_here() {
            return self.head.clone();
        }
        let empty = Request::new(()).into_parts().0;
        std::mem::replace(&mut self.head, empty)
    }

    fn take_body(&mut self) -> AskBody {
        self.body.take().or_else(|| self.kept.clone().map(AskBody::short)).unwrap_or_default()
    }

    /// Takes back what could not be sent.
    fn take_back(&mut self, request: Request<AskBody>) {
        let (head, body) = request.into_parts();
        if self.kept.is_none() && !body.is_end_stream() {
            (self.head, self.body) = (head, Some(body));
        }
    }

    fn for_http1(&mut self) -> Option<Request<AskBody>> {
        let mut head = self.take_head();
        head.version = Version::HTTP_11;
        head.uri = Uri::from(self.path.clone());
        let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
        if host != Some(self.authority.as_str().as_bytes()) {
            head.headers.insert(HOST, HeaderValue::from_str(self.authority.as_str()).ok()?);
        }
        join_cookies(&mut head.headers);
        if self.switch != Switch::No {
            head.method = Method::GET;
            head.extensions.clear();
            ask_for_websocket(&mut head.headers);
        }
        if self.switch == Switch::Connect {
            websocket::ask_by_upgrade(&mut head.headers)?;
        }
        Some(self.with_body(head))
    }

    fn for_http2(&mut self, scheme: Scheme) -> Option<Request<AskBody>> {
        let mut head = self.take_head();
        head.version = Version::HTTP_2;
        head.headers.remove(HOST);
        let scheme = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let uri = Uri::builder().scheme(scheme).authority(self.authority.clone());
        head.uri = uri.path_and_query(self.path.clone()).build().ok()?;
        if self.switch == Switch::Connect {
            websocket::ask_by_connect(&mut head);
        }
        Some(self.with_body(head))
    }

    fn with_body(&mut self, head: request::Parts) -> Request<AskBody> {
        Request::from_parts(head, self.take_body())
    }
}

/// Why there is no answer to a request.
pub(crate) enum Unreached {
    /// Its origin was not reached.
    Failed(DialError),
    /// What lies at its origin's address may not be reached.
    Refused(Box<Verdict>),
}

impl<E: Into<DialError>> From<E> for Unreached {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Sends a request over its link, if the address there may be reached, and waits for the head of the answer. A connection
/// that had gone stale is replaced, once, where the request was not sent or may be sent again.
pub(crate) async fn forward(
    link: &Arc<Link>,
    mut outgoing: Outgoing,
    judged: &Judged,
) -> Result<Answered, Unreached> {
    outgoing.keep_short_body().await?;
    let rewritten = judged.verdict.rewrite.as_ref().map(|rewrite| &rewrite.to);
    let mut newer_than = 0;
    for _ in 0..2 {
        let wanted = Wanted { rewritten, need: outgoing.need, newer_than };
        let carrier = link.carrier(wanted).await?;
        judged.may_reach(carrier.connection.peer()).map_err(Unreached::Refused)?;
        newer_than = carrier.connection.number();
        match send(link, carrier, &mut outgoing).await? {
            Ok(sent) => return Ok(received(sent, &outgoing)?),
            Err(Unanswered::NotSent(request)) => outgoing.take_back(*request),
            // It did nothing with the request (RFC 9113, section 7).
            Err(Unanswered::WantsHttp1) if outgoing.is_here() => outgoing.need = Need::Alone,
            Err(Unanswered::Refused) if outgoing.is_here() => {}
            Err(Unanswered::Broke) if outgoing.may_repeat() => {}
            Err(Unanswered::WantsHttp1 | Unanswered::Refused | Unanswered::Broke) => break,
        }
    }
    Err(OriginFault::BrokeOff.into())
}

fn received(sent: Sent, outgoing: &Outgoing) -> Result<Answered, DialError> {
    let Sent { mut response, lease, key } = sent;
    let status = response.status();
    let by_upgrade = status == StatusCode::SWITCHING_PROTOCOLS;
    let switched = match (outgoing.switch, &key) {
        (Switch::No, _) => false,
        (Switch::Upgrade, _) => by_upgrade && is_websocket(response.headers()),
        // The client over HTTP/2 sees no key; that the origin knew ours is for us to check.
        (Switch::Connect, Some(key)) => {
            by_upgrade && is_websocket(response.headers()) && websocket::is_accepted(key, response.headers())
        }
        (Switch::Connect, None) => status.is_success(),
    };
    let claims_to_switch = by_upgrade || (outgoing.switch == Switch::Connect && status.is_success());
    if claims_to_switch && !switched {
        return Err(OriginFault::BrokeOff.into());
    }
    clean_response(response.headers_mut());
    match outgoing.switch {
        Switch::Upgrade if switched => ask_for_websocket(response.headers_mut()),
        Switch::Connect if switched => {
            *response.status_mut() = StatusCode::OK;
            response.headers_mut().remove(CONTENT_LENGTH);
            websocket::forget_key(response.headers_mut());
        }
        _ => {}
    }
    Ok(Answered { response, lease, switched })
}

/// An answer, the connection it came over, and the WebSocket key that was sent, if it was ours.
struct Sent {
    response: Response<Incoming>,
    lease: Lease,
    key: Option<HeaderValue>,
}

/// Why there is no answer.
enum Unanswered {
    /// The connection was gone before anything was sent.
    NotSent(Box<Request<AskBody>>),
    /// The origin answers this only over HTTP/1.1, as those do that know people by their connection.
    WantsHttp1,
    /// The origin says that it did nothing with it, since its connection is about to end or has too many streams.
    Refused,
    /// It broke after something was sent.
    Broke,
}

/// What an origin says by breaking off a stream (RFC 9113, sections 7 and 8.7).
fn broken_stream(error: &hyper::Error) -> Unanswered {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    match source {
        Some(error) if error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED) => Unanswered::WantsHttp1,
        Some(error) if error.reason() == Some(h2::Reason::REFUSED_STREAM) && error.is_remote() => {
            Unanswered::Refused
        }
        // Only streams beyond the last one that it took in end so.
        Some(error) if error.is_go_away() && error.is_remote() => Unanswered::Refused,
        _ => Unanswered::Broke,
    }
}

async fn send(
    link: &Arc<Link>,
    carrier: Carrier,
    outgoing: &mut Outgoing,
) -> Result<Result<Sent, Unanswered>, DialError> {
    let mut lease = Lease { route: carrier.route, http1: None, _http2: None, _slot: carrier.slot };
    let mut key = None;
    let sent = match carrier.connection {
        Connection::Http1(mut connection) => {
            let request = outgoing.for_http1().ok_or(OriginFault::BrokeOff)?;
            if outgoing.switch == Switch::Connect {
                key = request.headers().get(http::header::SEC_WEBSOCKET_KEY).cloned();
            }
            let sent = connection.sender.try_send_request(request).await;
            lease.http1 = Some(connection);
            sent
        }
        Connection::Http2(connection) => {
            let request = outgoing.for_http2(link.origin.scheme).ok_or(OriginFault::BrokeOff)?;
            let sent = connection.sender.clone().try_send_request(request).await;
            lease._http2 = Some(connection);
            sent
        }
    };
    Ok(match sent {
        Ok(response) => Ok(Sent { response, lease, key }),
        Err(mut error) => Err(match error.take_message() {
            Some(request) => Unanswered::NotSent(Box::new(request)),
            None => broken_stream(error.error()),
        }),
    })
}
