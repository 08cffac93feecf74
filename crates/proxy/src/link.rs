//! The way to one origin for one client connection. Its connections come from the pool that all clients share, and go
//! back there; each is verified when it opens.
//!
//! A client that signs in to the origin itself (NTLM, Negotiate) signs in the connection and not the request
//! (RFC 4559, section 6). From then on its link shares nothing with anybody, and speaks HTTP/1.1, as that needs.

use crate::error::DialError;
use crate::gate::{Gate, Tracked};
use crate::leaf::Likeness;
use crate::peer::Peer;
use crate::pool::{Destination, Http1, Http2, Route, STREAMS_OF_CONNECTION, Settings};
use crate::streams::Eager;
use blockpage::OriginFault;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Host;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

/// HTTP/1.1 connections to an origin at once for one client connection; more only come from a client that speaks
/// HTTP/2 to an origin that does not.
const MOST_HTTP1: usize = 6;
const PING_EVERY: Duration = Duration::from_secs(30);
/// What an origin may send on an HTTP/2 stream before the client has read it. All streams of a connection together may
/// hold as much each, so that a client that does not read holds up nobody but itself.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The most that is read at once from an HTTP/1.1 connection.
const MOST_READ: usize = 128 * 1024;
/// Questions about a connection that wait for its turn.
const MOST_QUESTIONS: usize = 16;

/// How an origin is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// A protocol that was agreed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    const HTTP1: &'static [u8] = b"http/1.1";
    const HTTP2: &'static [u8] = b"h2";

    /// The protocol's name in TLS (ALPN).
    pub(crate) fn name(self) -> &'static [u8] {
        match self {
            Self::Http1 => Self::HTTP1,
            Self::Http2 => Self::HTTP2,
        }
    }

    /// The best of what a client offers.
    pub(crate) fn best_of(offered: &[Vec<u8>]) -> Self {
        if offered.iter().any(|name| name == Self::HTTP2) { Self::Http2 } else { Self::Http1 }
    }

    fn agreed(name: Option<&[u8]>) -> Self {
        if name == Some(Self::HTTP2) { Self::Http2 } else { Self::Http1 }
    }
}

/// What an origin is offered in TLS: what the client offers us, as far as we speak it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offer {
    Http1,
    Http2,
    Both,
}

impl Offer {
    /// What of a client's offer we can speak. A client that offers nothing speaks HTTP/1.1.
    pub(crate) fn of(offered: &[Vec<u8>]) -> Self {
        let offers = |name: &[u8]| offered.iter().any(|offered| offered == name);
        match (offers(Protocol::HTTP2), offers(Protocol::HTTP1)) {
            (true, true) => Self::Both,
            (true, false) => Self::Http2,
            (false, _) => Self::Http1,
        }
    }

    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Self::Http1 => vec![Protocol::HTTP1.to_vec()],
            Self::Http2 => vec![Protocol::HTTP2.to_vec()],
            Self::Both => vec![Protocol::HTTP2.to_vec(), Protocol::HTTP1.to_vec()],
        }
    }
}

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// The way to one origin for one client connection.
pub(crate) struct Link {
    pub(crate) origin: Origin,
    gate: Arc<Gate>,
    /// Whose connection it is.
    client: IpAddr,
    offer: Offer,
    state: Mutex<State>,
    http1_slots: Arc<Semaphore>,
}

struct State {
    route: Arc<Route>,
    /// The client signed in to the origin: nothing is shared.
    is_alone: bool,
    /// Why the first opening failed, for the request that asks next.
    fault: Option<DialError>,
    /// It has been used.
    is_noted: bool,
}

/// What a request needs of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Need {
    /// Any that is open.
    Exchange,
    /// One that becomes a WebSocket: HTTP/1.1, or HTTP/2 where the origin takes it.
    WebSocket,
    /// One that nobody else gets: the client signs in to the origin over it.
    Alone,
}

/// What a connection is wanted for.
pub(crate) struct Wanted<'a> {
    pub(crate) rewritten: Option<&'a Arc<str>>,
    pub(crate) need: Need,
    /// Connections up to this number were found dead.
    pub(crate) newer_than: u64,
}

/// A connection that carries one request.
pub(crate) struct Carrier {
    pub(crate) route: Arc<Route>,
    pub(crate) connection: Connection,
    /// HTTP/1.1 carries one request at a time, and only so many connections.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

/// A connection to an origin.
pub(crate) enum Connection {
    Http1(Http1),
    Http2(Arc<Http2>),
}

impl Connection {
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Http1(connection) => connection.number,
            Self::Http2(connection) => connection.number,
        }
    }

    /// Where the origin is.
    pub(crate) fn peer(&self) -> &Peer {
        match self {
            Self::Http1(connection) => &connection.peer,
            Self::Http2(connection) => &connection.peer,
        }
    }
}

/// What the opening of a connection found.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) protocol: Protocol,
    /// What a leaf takes over from its certificate.
    pub(crate) likeness: Option<Likeness>,
}

impl Link {
    /// A link that is not open yet, for the client at an address. The origin is offered `offer` in TLS.
    pub(crate) fn new(gate: &Arc<Gate>, client: IpAddr, origin: Origin, offer: Offer) -> Self {
        let destination = Destination { origin: origin.clone(), rewritten: None };
        let state =
            State { route: gate.pool.route(destination), is_alone: false, fault: None, is_noted: false };
        Self {
            origin,
            gate: Arc::clone(gate),
            client,
            offer,
            state: Mutex::new(state),
            http1_slots: Arc::new(Semaphore::new(MOST_HTTP1)),
        }
    }

    /// Finds out ahead of the first request what the origin speaks, and verifies it, unless that was done a short while
    /// ago. A failure is kept for the first request, which shows it.
    pub(crate) async fn open(&self, rewritten: Option<Arc<str>>) -> Result<Opened, DialError> {
        let (route, _) = self.route_to(rewritten.as_ref(), Need::Exchange)?;
        let asked = Instant::now();
        let _turn = route.opening.lock().await;
        if let Some(found) = route.found(self.offer) {
            return Ok(found);
        }
        match self.dial_in_turn(&route, asked).await {
            Ok((connection, opened)) => {
                if let Connection::Http1(mut connection) = connection
                    && connection.sender.ready().await.is_ok()
                {
                    route.keep_http1(connection);
                }
                Ok(opened)
            }
            Err(fault) => {
                self.lock().fault = Some(fault);
                Err(fault)
            }
        }
    }

    /// A client that speaks HTTP/1.1 is answered over HTTP/1.1 ever after, since its WebSockets need it.
    pub(crate) fn settle(&mut self, client: Protocol) {
        if client == Protocol::Http1 {
            self.offer = Offer::Http1;
        }
    }

    /// A connection for one request: an open one, or a new one.
    pub(crate) async fn carrier(&self, wanted: Wanted<'_>) -> Result<Carrier, DialError> {
        let (route, need) = self.route_to(wanted.rewritten, wanted.need)?;
        let wanted = Wanted { need, ..wanted };
        if self.prefers_http2(&route, need) {
            if let Some(connection) = open_http2(&route, &wanted).await {
                return Ok(Carrier { route, connection, slot: None });
            }
            if need == Need::Exchange
                && let Some(connection) = self.open_in_turn(&route, &wanted).await?
            {
                let slot = match &connection {
                    Connection::Http1(_) => Some(self.http1_slot().await?),
                    Connection::Http2(_) => None,
                };
                return Ok(Carrier { route, connection, slot });
            }
        }
        self.http1_carrier(route, &wanted).await
    }

    /// Opens an HTTP/2 connection unless somebody else did while this waited for its turn; `None` where it turned out
    /// meanwhile that the origin does not speak it.
    async fn open_in_turn(
        &self,
        route: &Arc<Route>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<Connection>, DialError> {
        let asked = Instant::now();
        let _turn = route.opening.lock().await;
        if let Some(connection) = open_http2(route, wanted).await {
            return Ok(Some(connection));
        }
        if !self.prefers_http2(route, wanted.need) {
            return Ok(None);
        }
        Ok(Some(self.dial_in_turn(route, asked).await?.0))
    }

    /// Dials, unless whoever had the turn before found since `asked` that it leads nowhere.
    async fn dial_in_turn(&self, route: &Route, asked: Instant) -> Result<(Connection, Opened), DialError> {
        if let Some(fault) = route.failed_since(asked) {
            return Err(fault);
        }
        let dialled = Box::pin(self.dial(route, self.offer)).await;
        if let Err(fault) = &dialled {
            route.note_failure(*fault);
        }
        dialled
    }

    async fn http1_carrier(&self, route: Arc<Route>, wanted: &Wanted<'_>) -> Result<Carrier, DialError> {
        let slot = Some(self.http1_slot().await?);
        while let Some(kept) = route.take_http1() {
            if kept.number > wanted.newer_than && kept.sender.is_ready() {
                return Ok(Carrier { route, connection: Connection::Http1(kept), slot });
            }
        }
        let offer = if wanted.need == Need::Exchange { self.offer } else { Offer::Http1 };
        let (connection, _) = Box::pin(self.dial(&route, offer)).await?;
        Ok(Carrier { route, connection, slot })
    }

    async fn http1_slot(&self) -> Result<OwnedSemaphorePermit, DialError> {
        let slot = Arc::clone(&self.http1_slots).acquire_owned().await;
        slot.map_err(|_| OriginFault::Unreachable.into())
    }

    /// Whether to look for HTTP/2 first: unless the client or the origin is known not to speak it.
    fn prefers_http2(&self, route: &Route, need: Need) -> bool {
        self.origin.scheme == Scheme::Https
            && self.offer != Offer::Http1
            && need != Need::Alone
            && route.found(self.offer).is_none_or(|found| found.protocol == Protocol::Http2)
    }

    /// The route a request takes, and what it needs by now. Errors: the fault of an opening that nobody has been told
    /// yet.
    fn route_to(&self, rewritten: Option<&Arc<str>>, need: Need) -> Result<(Arc<Route>, Need), DialError> {
        let mut state = self.lock();
        if let Some(fault) = state.fault.take() {
            return Err(fault);
        }
        if !std::mem::replace(&mut state.is_noted, true) {
            self.gate.dialer.note_visit(&self.origin.host);
        }
        let leads_elsewhere = state.route.destination.rewritten.as_ref() != rewritten;
        let becomes_alone = need == Need::Alone && !state.is_alone;
        if leads_elsewhere || becomes_alone {
            state.is_alone |= becomes_alone;
            let destination = Destination { origin: self.origin.clone(), rewritten: rewritten.cloned() };
            state.route = if state.is_alone {
                self.gate.pool.route_of_its_own(destination)
            } else {
                self.gate.pool.route(destination)
            };
        }
        let need = if state.is_alone { Need::Alone } else { need };
        Ok((Arc::clone(&state.route), need))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to where the route leads; whatever that is, TLS is verified for the host that was asked for.
    async fn dial(&self, route: &Route, offer: Offer) -> Result<(Connection, Opened), DialError> {
        let Destination { origin: Origin { scheme, host, port }, rewritten } = &route.destination;
        let target = rewritten.as_deref().and_then(|name| Host::parse(name).ok());
        let target = target.as_ref().unwrap_or(host);
        if *scheme == Scheme::Http {
            let stream = self.gate.dialer.tcp(target, *port, Some(self.client)).await?;
            let opened = Opened { protocol: Protocol::Http1, likeness: None };
            let peer = peer_of(&stream)?;
            return Ok((self.http1(route, stream, peer).await?, opened));
        }
        let (offered, asker) = (offer.names(), Some(self.client));
        let stream = self.gate.dialer.secure((target, *port), host, &offered, asker).await?;
        let (connection, session) = stream.get_ref();
        let peer = peer_of(connection.inner())?;
        let protocol = Protocol::agreed(session.alpn_protocol());
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let opened = Opened { protocol, likeness: certificate.and_then(Likeness::of) };
        let connection = match protocol {
            Protocol::Http1 => self.http1(route, Eager::new(stream), peer).await?,
            Protocol::Http2 => self.http2(route, stream, peer).await?,
        };
        route.note(offer, opened.clone());
        Ok((connection, opened))
    }

    async fn http1<S>(&self, route: &Route, stream: S, peer: Peer) -> Result<Connection, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.gate.dialer.limits;
        let handshake = http1::Builder::new()
            .max_headers(limits.header_fields)
            .max_header_size(limits.head_bytes)
            .max_buf_size(limits.head_bytes.max(MOST_READ))
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| OriginFault::BrokeOff)?;
        self.gate.spawn(async move { ended(connection.with_upgrades().await) });
        Ok(Connection::Http1(route.number_http1(sender, peer)))
    }

    async fn http2<S>(&self, route: &Route, stream: S, peer: Peer) -> Result<Connection, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.gate.dialer.limits;
        let streams = u32::try_from(STREAMS_OF_CONNECTION).unwrap_or(u32::MAX);
        let handshake = http2::Builder::new(Tracked(Arc::clone(&self.gate)))
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(STREAM_WINDOW.saturating_mul(streams))
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(limits.handshake_timeout)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| OriginFault::BrokeOff)?;
        let (questions, mut asked) = mpsc::channel::<oneshot::Sender<Settings>>(MOST_QUESTIONS);
        self.gate.spawn(async move {
            let mut connection = pin!(connection);
            let result = loop {
                tokio::select! {
                    result = connection.as_mut() => break result,
                    Some(answer) = asked.recv() => {
                        // Who asked may have gone.
                        let _ = answer.send(Settings {
                            streams: connection.current_max_send_streams(),
                            takes_websockets: connection.is_extended_connect_protocol_enabled(),
                        });
                    }
                }
            };
            ended(result);
        });
        Ok(Connection::Http2(route.add_http2((sender, peer), questions)))
    }
}

fn peer_of(stream: &TcpStream) -> Result<Peer, DialError> {
    stream.peer_addr().map(Peer::at).map_err(|_| OriginFault::BrokeOff.into())
}

async fn open_http2(route: &Route, wanted: &Wanted<'_>) -> Option<Connection> {
    let mut open = route.http2(wanted.newer_than)?;
    if !open.has_room().await {
        open = route.http2(wanted.newer_than)?;
    }
    let fits = wanted.need == Need::Exchange || open.takes_websockets().await;
    fits.then_some(Connection::Http2(open))
}

fn ended(result: hyper::Result<()>) {
    if let Err(error) = result {
        tracing::debug!(phase = "body", fault = kind(&error), "a connection to an origin ended early");
    }
}

/// What kind of error it is, in words that name no host.
pub(crate) fn kind(error: &hyper::Error) -> &'static str {
    match error {
        error if error.is_timeout() => "timed out",
        error if error.is_parse() => "not HTTP",
        error if error.is_incomplete_message() => "broke off",
        error if error.is_canceled() => "cancelled",
        error if error.is_closed() => "closed",
        _ => "other",
    }
}
