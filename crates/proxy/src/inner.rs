//! Requests for one origin: those inside an opened tunnel, and plain ones. Each is decided for itself.

use crate::caller::Caller;
use crate::error::DialError;
use crate::forward::{Answered, Lease, Outgoing, Unreached, forward};
use crate::gate::{Gate, Streams};
use crate::headers::has_plain_coding;
use crate::link::{Link, Origin, Protocol, Scheme, kind};
use crate::peek::{Patience, Peeked};
use crate::pump::{Grounds, pump_streams};
use crate::rules::{self, FirstBytes, Judged, Sends};
use crate::scan::{self, Asked, Fetched, ScanDesk, Sent};
use crate::sign_in_portal;
use crate::visit::{AnswerBody, Visit, page_answer, without_page};
use crate::ways_round;
use crate::websocket::{self, Switch};
use blockpage::{BlockView, Notice, OriginFault, Refusal, Shape};
use http::header::{ACCEPT, ALT_SVC, HOST, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, Method, Request, Response, Version};
use hyper::body::{Body, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use model::{Ask, Channel, EventOutcome, Host, Outcome, Share, Target, Verdict, WayRound};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// How long an answer's head may wait for its first bytes.
const PATIENCE: Patience = Patience { first: Duration::from_secs(10), more: Duration::from_millis(500) };
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What a client may send on an HTTP/2 stream before the origin has taken it.
const UPLOAD_WINDOW: u32 = 256 * 1024;
/// So many uploads may stand still before others of the same client's do.
const UPLOADS_AT_ONCE: u32 = 8;
/// What is held of an answer on an HTTP/2 stream while the client does not take it.
const MOST_UNSENT: usize = 128 * 1024;

/// A client's requests for one origin.
pub(crate) struct Inner {
    pub(crate) gate: Arc<Gate>,
    pub(crate) caller: Caller,
    pub(crate) link: Arc<Link>,
    /// The names of the certificate that the client was shown, for all of which it may ask here (RFC 9113, section 9.1.1).
    pub(crate) names: Arc<[Box<str>]>,
    /// Something was asked: whoever speaks TLS here took our certificate.
    pub(crate) is_asked: AtomicBool,
}

impl Inner {
    /// The same for a WebSocket, which holds this place.
    fn holding(&self, share: Share) -> Self {
        let (gate, link, names) = (Arc::clone(&self.gate), Arc::clone(&self.link), Arc::clone(&self.names));
        Self { gate, caller: self.caller.holding(share), link, names, is_asked: true.into() }
    }
}

/// How a client's connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ended {
    /// As it should, or early.
    Usual,
    /// With something that is no HTTP.
    NotHttp,
}

/// Serves a client's requests for one origin until the connection ends or the proxy stops.
pub(crate) async fn serve<S>(inner: Arc<Inner>, stream: S, protocol: Protocol) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gate = Arc::clone(&inner.gate);
    // Boxed, as an idle connection keeps the room of its last answer's future.
    let service = service_fn(move |request| Box::pin(answer(Arc::clone(&inner), request)));
    match protocol {
        Protocol::Http1 => serve_http1(&gate, stream, service).await,
        Protocol::Http2 => serve_http2(&gate, stream, service).await,
    }
}

/// Serves a client's HTTP/1.1 connection, with the limits of every listener, until it ends or the proxy stops.
pub(crate) async fn serve_http1<I, S>(gate: &Gate, stream: I, service: S) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<AnswerBody>, Error = Infallible>,
{
    let limits = &gate.dialer.limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(limits.header_fields)
        .max_header_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    until_stopped(gate, Box::pin(connection), http1::UpgradeableConnection::graceful_shutdown).await
}

/// Serves a client's HTTP/2 connection, with the limits of every listener, until it ends or the proxy stops.
pub(crate) async fn serve_http2<I, S>(gate: &Arc<Gate>, stream: I, service: S) -> Ended
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<AnswerBody>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let limits = &gate.dialer.limits;
    let connection = http2::Builder::new(Streams(Arc::clone(gate)))
        .timer(TokioTimer::new())
        .initial_stream_window_size(UPLOAD_WINDOW)
        .initial_connection_window_size(UPLOAD_WINDOW.saturating_mul(UPLOADS_AT_ONCE))
        .max_send_buf_size(MOST_UNSENT)
        .max_concurrent_streams(limits.streams)
        .enable_connect_protocol()
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), service);
    until_stopped(gate, Box::pin(connection), http2::Connection::graceful_shutdown).await
}

/// Waits for a connection's end; when the proxy stops, it is told to end with `farewell` and has what it began to end.
async fn until_stopped<C>(
    gate: &Gate,
    mut connection: Pin<Box<C>>,
    farewell: impl FnOnce(Pin<&mut C>),
) -> Ended
where
    C: Future<Output = hyper::Result<()>>,
{
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = gate.stopping.cancelled() => {
            farewell(connection.as_mut());
            connection.await
        }
    };
    let Err(error) = ended else { return Ended::Usual };
    tracing::debug!(phase = "request", fault = kind(&error), "a client's connection ended early");
    if breaks_protocol(&error)
        && let Some(broken) = gate.broken.add()
    {
        tracing::warn!(phase = "request", broken, "clients' connections broke the protocol since the start");
    }
    if error.is_parse() && !error.is_parse_too_large() { Ended::NotHttp } else { Ended::Usual }
}

/// True where the client said what HTTP forbids, or too much; who just leaves does not.
fn breaks_protocol(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    let is_ended_for_it = |error: &h2::Error| {
        error.is_go_away() && error.is_library() && error.reason() != Some(h2::Reason::NO_ERROR)
    };
    error.is_parse() || source.is_some_and(is_ended_for_it)
}

/// One request, from its head to the head of its answer.
pub(crate) async fn answer(
    inner: Arc<Inner>,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    if !inner.is_asked.swap(true, Ordering::Relaxed) && inner.link.origin.scheme == Scheme::Https {
        inner.gate.ports.suggestions.accepted(inner.caller.address, inner.gate.ports.clock.now());
    }
    match admit(&inner.gate, &inner.caller, &request) {
        Ok(share) => answer_admitted(inner, request, share).await,
        Err(refused) => Ok(*refused),
    }
}

/// The same for a request that [`admit`] let in.
pub(crate) async fn answer_admitted(
    mut inner: Arc<Inner>,
    request: Request<Incoming>,
    share: Share,
) -> Result<Response<AnswerBody>, Infallible> {
    let is_head = *request.method() == Method::HEAD;
    let share = if websocket::asked_for(&request) == Switch::No {
        Some(share)
    } else {
        inner = Arc::new(inner.holding(share));
        None
    };
    let response = decide(&inner, request).await.map(|body| body.holding(share));
    Ok(if is_head { without_page(response) } else { response })
}

/// Counts a request of an address, and refuses it where the address is too fast or has too many open.
pub(crate) fn admit<B>(
    gate: &Gate,
    caller: &Caller,
    request: &Request<B>,
) -> Result<Share, Box<Response<AnswerBody>>> {
    if gate.requests.allows(caller.address, Instant::now())
        && let Some(share) = gate.open_requests.take(caller.address)
    {
        return Ok(share);
    }
    if let Some(refused) = gate.too_many.add() {
        tracing::warn!(phase = "request", refused, "requests were refused, as their address had too many");
    }
    let shape = shape_of(request.headers());
    let page = page_answer(blockpage::not_possible(Refusal::TooMany, &gate.links).page(shape));
    Err(Box::new(if *request.method() == Method::HEAD { without_page(page) } else { page }))
}

/// Phase `request`.
async fn decide(inner: &Arc<Inner>, request: Request<Incoming>) -> Response<AnswerBody> {
    let shape = shape_of(request.headers());
    let refuse = |refusal| page_answer(blockpage::not_possible(refusal, &inner.gate.links).page(shape));
    let Some(authority) = authority_of(&request).filter(|_| is_understood(&request)) else {
        if *request.method() == Method::CONNECT {
            inner.gate.held_inside(&inner.caller, &inner.link.origin, &ways_round::proxy_inside());
        }
        return refuse(Refusal::NotUnderstood);
    };
    let Ok(host) = Host::parse(authority.host()) else { return refuse(Refusal::NotUnderstood) };
    let origin = &inner.link.origin;
    let port = authority.port_u16().unwrap_or(origin.scheme.default_port());
    let is_other = host != origin.host || port != origin.port;
    let how = match origin.scheme {
        Scheme::Http => Channel::Http,
        Scheme::Https => Channel::Https,
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let what = Target { host: host.clone(), port: Some(port), path: Some(path), record_type: None };
    let judged = inner.gate.judge(&inner.caller, what, how);
    let verdict = &judged.verdict;
    if how == Channel::Http
        && let Some(led_away) = sign_in_portal::answer(&inner.gate, &judged.ask, verdict, &request)
    {
        return led_away;
    }
    // What lies there was decided by the address that it was asked for at.
    if let Some(page) = inner.gate.scan.as_ref().and_then(|desk| desk.waiting().answer(inner, &request)) {
        return page;
    }
    let mut visit = inner.gate.visit(&judged.ask, verdict, request.method());
    if is_other {
        let page = blockpage::not_possible(Refusal::OtherHost, &inner.gate.links).page(shape);
        if port == origin.port && is_among(&inner.names, &host) {
            // No visit yet: the client asks again over a connection for that host.
            visit.forget();
            return page_answer(page);
        }
        inner.gate.held(WayRound::Fronting);
        visit.became(EventOutcome::Blocked);
        return visit.page(page);
    }
    if verdict.outcome == Outcome::Block {
        inner.gate.held_by_list(verdict);
        let view = BlockView::of(verdict, &host);
        return visit.page(blockpage::blocked(&view, &inner.gate.links).page(shape));
    }
    // Who asks is no business of the origin's but in the fields made for it.
    let authority = match authority.as_str().rsplit_once('@') {
        None => Some(authority),
        Some((_, host)) => host.parse().ok(),
    };
    let Some(authority) = authority else { return refuse(Refusal::NotUnderstood) };
    fetch(inner, request, Allowed { judged, authority, visit, shape }).await
}

/// A request that the policy lets through.
struct Allowed {
    judged: Judged,
    authority: Authority,
    visit: Visit,
    shape: Shape,
}

/// Phases `response` and `body`.
async fn fetch(inner: &Arc<Inner>, mut request: Request<Incoming>, allowed: Allowed) -> Response<AnswerBody> {
    let Allowed { judged, authority, mut visit, shape } = allowed;
    let verdict = &judged.verdict;
    let switch = websocket::asked_for(&request);
    let upgrade = (switch != Switch::No).then(|| hyper::upgrade::on(&mut request));
    let (mut head, body) = request.into_parts();
    let sends = Sends::of(&body);
    if let Err(refusal) = rules::before_request(&inner.gate, &inner.caller, &judged, &mut head, sends) {
        return refused(inner, visit, &refusal, shape);
    }
    let asked = inner.gate.scan.as_ref().map(|desk| (Arc::clone(desk), Asked::of(&head)));
    let sent = scan::upload(&inner.gate, &judged, &head, (Peeked::new(body), &visit.moved)).await;
    let body = match sent {
        Sent::Goes(body, note) => {
            note.iter().for_each(|note| visit.judged_anew(note));
            body
        }
        Sent::Refused(refusal) => return refused(inner, visit, &refusal, shape),
        Sent::Broke => {
            visit.became(EventOutcome::Failed);
            return visit
                .page(blockpage::not_possible(Refusal::NotUnderstood, &inner.gate.links).page(shape));
        }
    };
    let stopped = body.stopped();
    let outgoing = Outgoing::new(head, body, authority, switch);
    let forwarded = Box::pin(forward(&inner.link, outgoing, &judged));
    let answered = while_moving(&inner.gate, &visit.moved.up, forwarded).await;
    let Answered { mut response, lease, switched } = match answered {
        Ok(answered) => answered,
        Err(Unreached::Refused(refusal)) => {
            inner.gate.held_by_list(&refusal);
            return refused(inner, visit, &refusal, shape);
        }
        Err(Unreached::Failed(error)) => {
            if let Some(refusal) = stopped.as_ref().and_then(|stopped| stopped.get()) {
                return refused(inner, visit, refusal, shape);
            }
            let (notice, outcome) = fault_notice(&inner.gate, error, verdict, &inner.link.origin);
            visit.became(outcome);
            return visit.page(notice.page(shape));
        }
    };
    visit.answered(response.status());
    if let Some(upgrade) = upgrade.filter(|_| switched) {
        let origin = hyper::upgrade::on(&mut response);
        response.headers_mut().remove(ALT_SVC);
        switch_over(inner, (upgrade, origin), (judged.ask, visit), lease);
        return response.map(|_| AnswerBody::empty());
    }
    let (head, body) = response.into_parts();
    let fetched = Fetched { head, body: Peeked::new(body), visit, lease, shape };
    hand_over(inner, judged, asked.as_ref(), fetched).await
}

/// Both sides of a WebSocket go on by themselves.
fn switch_over(
    inner: &Arc<Inner>,
    (client, origin): (OnUpgrade, OnUpgrade),
    (ask, visit): (Ask, Visit),
    lease: Lease,
) {
    // With it, the caller keeps its seat as long as the WebSocket lasts, and the origin's connection its stream.
    let held = (Arc::clone(inner), lease);
    inner.gate.spawn(async move {
        match tokio::try_join!(client, origin) {
            Ok((client, origin)) => {
                let grounds = Grounds { gate: &held.0.gate, caller: &held.0.caller, ask: &ask };
                pump_streams(grounds, TokioIo::new(client), TokioIo::new(origin), visit).await;
            }
            Err(error) => {
                tracing::debug!(phase = "body", fault = kind(&error), "a WebSocket did not begin");
            }
        }
    });
}

/// What of an answer goes to the client: all of it, a page in its place, or a file once it was scanned.
async fn hand_over(
    inner: &Arc<Inner>,
    judged: Judged,
    asked: Option<&(Arc<ScanDesk>, Asked)>,
    mut fetched: Fetched,
) -> Response<AnswerBody> {
    let mut first = Vec::new();
    let scans = asked.filter(|(_, asked)| scan::wants_first_bytes(&judged, asked, &fetched.head));
    let is_ruled = rules::wants_first_bytes(&judged, &fetched.head);
    if scans.is_some() || is_ruled {
        let headers = &fetched.head.headers;
        let look = fetched.body.look_ahead(headers, PATIENCE, |first| rules::wants_more(headers, first));
        first = look.await;
    }
    let ruled = is_ruled.then_some(first.as_slice());
    if let Err(refusal) = rules::after_response(&inner.gate, &judged, &mut fetched.head, ruled) {
        return refused(inner, fetched.visit, &refusal, fetched.shape);
    }
    let is_empty = first.is_empty() && fetched.body.is_end_stream();
    if let Some((desk, asked)) = scans.filter(|_| !is_empty)
        && let Some(case) = scan::file(&judged, asked, &fetched.head.headers, &first)
    {
        return Box::pin(scan::download(inner, desk, asked, (case, fetched))).await;
    }
    let Fetched { head, body, visit, lease, .. } = fetched;
    let is_to_come = is_ruled && !body.is_whole();
    let watch = if is_to_come { FirstBytes::to_come(judged, &head.headers, &first) } else { None };
    Response::from_parts(head, AnswerBody::origin(body, visit, lease).watched(watch))
}

/// The block page for what the traffic rules or the scanner refuse.
pub(crate) fn refused(
    inner: &Inner,
    mut visit: Visit,
    refusal: &Verdict,
    shape: Shape,
) -> Response<AnswerBody> {
    visit.judged_anew(refusal);
    let view = BlockView::of(refusal, &inner.link.origin.host);
    visit.page(blockpage::blocked(&view, &inner.gate.links).page(shape))
}

/// True for a host that a certificate with these names is for; a star stands for one label (RFC 9525, section 6.3).
fn is_among(names: &[Box<str>], host: &Host) -> bool {
    let Some(host) = host.name() else { return false };
    let above = host.split_once('.').map(|(_, above)| above);
    names.iter().any(|name| match name.strip_prefix("*.") {
        Some(parent) => above == Some(parent),
        None => **name == *host,
    })
}

/// True for a request that can be passed on as it is meant: in no coding that we cannot undo, and with no wish to turn
/// the connection into anything but a WebSocket.
fn is_understood(request: &Request<Incoming>) -> bool {
    has_plain_coding(request.headers())
        && (request.method() != Method::CONNECT || websocket::asked_for(request) == Switch::Connect)
}

/// Waits for an answer as long as the answer's time-out since the upload last moved: a long upload is no silence.
async fn while_moving<T>(
    gate: &Gate,
    up: &AtomicU64,
    mut forwarded: Pin<Box<impl Future<Output = Result<T, Unreached>>>>,
) -> Result<T, Unreached> {
    let mut sent = up.load(Ordering::Relaxed);
    loop {
        if let Ok(answered) =
            tokio::time::timeout(gate.dialer.limits.answer_timeout, forwarded.as_mut()).await
        {
            return answered;
        }
        let sent_before = std::mem::replace(&mut sent, up.load(Ordering::Relaxed));
        if sent == sent_before {
            return Err(OriginFault::TooSlow.into());
        }
    }
}

/// The page and the outcome for an origin that was allowed and not reached.
pub(crate) fn fault_notice(
    gate: &Gate,
    error: DialError,
    verdict: &Verdict,
    origin: &Origin,
) -> (Notice, EventOutcome) {
    tracing::debug!(phase = "response", fault = %error, "an origin was not reached");
    match error {
        DialError::Origin(fault) => {
            (blockpage::origin_failed(fault, verdict.stage, &origin.host), EventOutcome::Failed)
        }
        DialError::Certificate(fault) => {
            gate.dialer.verifier.refused.count(fault);
            (blockpage::bad_certificate(fault, verdict.stage, &origin.host), EventOutcome::RefusedOrigin)
        }
        DialError::PrivateAddress => {
            (blockpage::not_possible(Refusal::PrivateAddress, &gate.links), EventOutcome::Failed)
        }
    }
}

/// The same for an origin that broke off after its answer began.
pub(crate) fn origin_fault(inner: &Inner, fault: OriginFault, verdict: &Verdict) -> (Notice, EventOutcome) {
    fault_notice(&inner.gate, fault.into(), verdict, &inner.link.origin)
}

/// The form in which a client can show a page of ours.
pub(crate) fn shape_of(headers: &HeaderMap) -> Shape {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    Shape::of(text(&ACCEPT), text(&FETCH_DEST))
}

/// Host and port a request is for: from its address where it names them (HTTP/2, requests to a proxy), else from its
/// one `Host` field. Two hosts in a request are none; only a proxy's client may name another in the field, which then
/// does not count (RFC 9112, section 3.2.2; RFC 9113, section 8.3.1).
pub(crate) fn authority_of<B>(request: &Request<B>) -> Option<Authority> {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields.next();
    if fields.next().is_some() {
        return None;
    }
    match (request.uri().authority(), field) {
        (Some(authority), Some(field)) if request.version() == Version::HTTP_2 => {
            Some(authority.clone()).filter(|_| authority.as_str().as_bytes() == field.as_bytes())
        }
        (Some(authority), _) => Some(authority.clone()),
        (None, Some(field)) => field.to_str().ok()?.parse().ok(),
        (None, None) => None,
    }
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    async fn end_of(said: &[u8]) -> hyper::Error {
        let (mut client, server) = tokio::io::duplex(4_096);
        client.write_all(said).await.unwrap();
        client.shutdown().await.unwrap();
        let service =
            service_fn(|_: Request<Incoming>| async { Ok::<_, Infallible>(Response::new(String::new())) });
        http1::Builder::new().serve_connection(TokioIo::new(server), service).await.unwrap_err()
    }

    #[tokio::test]
    async fn who_breaks_the_protocol_is_told_from_who_leaves() {
        assert!(breaks_protocol(&end_of(b"\x16\x03 is not HTTP\r\n\r\n").await));
        assert!(!breaks_protocol(&end_of(b"GET / HTTP/1.1\r\nho").await));
    }
}
