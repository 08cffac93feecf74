//! The connections to origins that are open, shared by every client: who comes next saves a handshake.
//!
//! Left out: choosing and verifying (`link`). Invariants: an HTTP/1.1 connection carries one exchange at a time and is
//! kept only after an exchange that ended as it should; a connection over which somebody signed in (NTLM, Negotiate)
//! is never in here; what is kept is bounded in number and in time.

use crate::error::DialError;
use crate::link::{Offer, Opened, Origin};
use crate::peer::Peer;
use crate::visit::AskBody;
use hyper::client::conn::{http1, http2};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most routes that are remembered; past it, new ones serve one client connection alone.
const MOST_ROUTES: usize = 8_192;
/// HTTP/1.1 connections kept for one route.
const MOST_IDLE_OF_ROUTE: usize = 256;
/// HTTP/1.1 connections kept for all routes.
const MOST_IDLE: usize = 2_048;
/// Streams at once on one HTTP/2 connection, where the origin allows as many; most allow 100 or more.
/// [`link`](crate::link) gives a connection room for so many stalled streams before one of them can hold up the others.
pub(crate) const STREAMS_OF_CONNECTION: usize = 64;
/// HTTP/2 connections of one route; past it streams wait for each other.
const MOST_HTTP2_OF_ROUTE: usize = 64;
/// A connection that nobody used for so long is closed. Origins close theirs after 5 to 75 seconds.
const KEPT: Duration = Duration::from_secs(60);
/// What is too old is looked for so often.
const SWEEP_EVERY: Duration = Duration::from_secs(15);
/// For so long it is believed which protocol an origin speaks and how long its certificate holds. Each connection is
/// verified all the same.
const BELIEVED: Duration = Duration::from_secs(300);

/// Where connections lead: the origin, and the name whose addresses are dialled in place of the host's own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Destination {
    pub(crate) origin: Origin,
    pub(crate) rewritten: Option<Arc<str>>,
}

/// Every route that is open.
#[derive(Default)]
pub(crate) struct Pool {
    routes: Mutex<HashMap<Destination, Arc<Route>>>,
    idle: Arc<AtomicUsize>,
}

/// The open connections to one destination.
pub(crate) struct Route {
    pub(crate) destination: Destination,
    /// One HTTP/2 connection opens at a time, so that streams share what the first of them opens.
    pub(crate) opening: tokio::sync::Mutex<()>,
    open: Mutex<Open>,
    idle: Arc<AtomicUsize>,
}

/// Connections are numbered from 1 in the order they were opened.
#[derive(Default)]
struct Open {
    opened: u64,
    closed: bool,
    http2: Vec<Arc<Http2>>,
    http1: Vec<Http1>,
    /// What openings found, one for each offer at most.
    found: Vec<(Offer, Opened, Instant)>,
    /// How the last opening failed, and when.
    failed: Option<(DialError, Instant)>,
}

/// An HTTP/1.1 connection between two exchanges, or out for one.
pub(crate) struct Http1 {
    pub(crate) number: u64,
    pub(crate) peer: Peer,
    pub(crate) sender: http1::SendRequest<AskBody>,
    since: Instant,
}

/// An HTTP/2 connection. Whoever has a stream on it holds it.
pub(crate) struct Http2 {
    pub(crate) number: u64,
    pub(crate) peer: Peer,
    pub(crate) sender: http2::SendRequest<AskBody>,
    /// How many streams it may carry at once, as far as that is known.
    allowed: AtomicUsize,
    /// The most it has carried.
    peak: AtomicUsize,
    /// The origin's settings are with the connection's own task.
    questions: mpsc::Sender<oneshot::Sender<Settings>>,
    /// Nobody used it when it was last looked at.
    was_idle: AtomicBool,
}

/// What an origin says of an HTTP/2 connection, as far as it has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Streams at once.
    pub(crate) streams: usize,
    /// WebSockets over it (RFC 8441).
    pub(crate) takes_websockets: bool,
}

impl Http2 {
    /// The streams it carries: one of its holders is the route itself.
    fn streams(self: &Arc<Self>) -> usize {
        Arc::strong_count(self).saturating_sub(1)
    }

    /// How many more streams it may carry, as far as that is known.
    fn room(self: &Arc<Self>) -> usize {
        self.allowed.load(Ordering::Relaxed).saturating_sub(self.streams())
    }

    /// Whether whoever holds it now may have a stream. The origin's settings are asked for each time there are more streams
    /// than ever before.
    pub(crate) async fn has_room(self: &Arc<Self>) -> bool {
        let streams = self.streams();
        if self.peak.fetch_max(streams, Ordering::Relaxed) < streams
            && let Some(settings) = self.settings().await
        {
            self.allowed.store(settings.streams.min(STREAMS_OF_CONNECTION), Ordering::Relaxed);
        }
        streams <= self.allowed.load(Ordering::Relaxed)
    }

    /// Whether the origin takes WebSockets over it (RFC 8441), as far as its settings have come.
    pub(crate) async fn takes_websockets(&self) -> bool {
        self.settings().await.is_some_and(|settings| settings.takes_websockets)
    }

    async fn settings(&self) -> Option<Settings> {
        let (ask, answer) = oneshot::channel();
        self.questions.send(ask).await.ok()?;
        answer.await.ok()
    }
}

impl Pool {
    /// The route to a destination, shared with everybody who goes there.
    pub(crate) fn route(&self, destination: Destination) -> Arc<Route> {
        let mut routes = lock(&self.routes);
        if let Some(route) = routes.get(&destination) {
            return Arc::clone(route);
        }
        let route = Arc::new(Route::new(destination.clone(), Arc::clone(&self.idle)));
        if routes.len() >= MOST_ROUTES {
            routes.retain(|_, route| route.is_of_use());
        }
        if routes.len() < MOST_ROUTES {
            routes.insert(destination, Arc::clone(&route));
        }
        route
    }

    /// A route that nobody else is given.
    pub(crate) fn route_of_its_own(&self, destination: Destination) -> Arc<Route> {
        Arc::new(Route::new(destination, Arc::clone(&self.idle)))
    }

    /// Closes what nobody used for too long, until told to stop; then everything.
    pub(crate) async fn sweep(&self, stopping: &CancellationToken) {
        let mut next = tokio::time::interval(SWEEP_EVERY);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return self.close(),
                _ = next.tick() => lock(&self.routes).retain(|_, route| {
                    route.close_idle();
                    route.is_of_use()
                }),
            }
        }
    }

    fn close(&self) {
        for (_, route) in lock(&self.routes).drain() {
            route.close();
        }
    }
}

impl Route {
    fn new(destination: Destination, idle: Arc<AtomicUsize>) -> Self {
        Self { destination, opening: tokio::sync::Mutex::default(), open: Mutex::default(), idle }
    }

    /// What an earlier opening with this offer found, if it is not too long ago.
    pub(crate) fn found(&self, offer: Offer) -> Option<Opened> {
        let open = lock(&self.open);
        let found = open.found.iter().find(|(made, _, at)| *made == offer && at.elapsed() < BELIEVED);
        found.map(|(_, opened, _)| opened.clone())
    }

    /// Notes what an opening found.
    pub(crate) fn note(&self, offer: Offer, opened: Opened) {
        let mut open = lock(&self.open);
        open.found.retain(|(made, _, _)| *made != offer);
        open.found.push((offer, opened, Instant::now()));
    }

    /// How an opening failed that ended after `asked`: whoever waited for their turn meanwhile need not wait as long again.
    pub(crate) fn failed_since(&self, asked: Instant) -> Option<DialError> {
        lock(&self.open).failed.filter(|(_, at)| *at >= asked).map(|(fault, _)| fault)
    }

    /// Notes how an opening failed.
    pub(crate) fn note_failure(&self, fault: DialError) {
        lock(&self.open).failed = Some((fault, Instant::now()));
    }

    /// The open HTTP/2 connection with a number above `newer_than` that has room for a stream; the least busy one where
    /// there may be no more.
    pub(crate) fn http2(&self, newer_than: u64) -> Option<Arc<Http2>> {
        let mut open = lock(&self.open);
        open.http2.retain(|connection| !connection.sender.is_closed());
        let is_full = open.http2.len() >= MOST_HTTP2_OF_ROUTE;
        let newer = open.http2.iter().filter(|connection| connection.number > newer_than);
        let least_busy = newer.max_by_key(|connection| connection.room())?;
        if least_busy.room() == 0 && !is_full {
            return None;
        }
        least_busy.was_idle.store(false, Ordering::Relaxed);
        Some(Arc::clone(least_busy))
    }

    /// Takes in a new HTTP/2 connection.
    pub(crate) fn add_http2(
        &self,
        (sender, peer): (http2::SendRequest<AskBody>, Peer),
        questions: mpsc::Sender<oneshot::Sender<Settings>>,
    ) -> Arc<Http2> {
        let mut open = lock(&self.open);
        open.opened += 1;
        let number = open.opened;
        let (allowed, peak) = (AtomicUsize::new(STREAMS_OF_CONNECTION), AtomicUsize::default());
        let was_idle = AtomicBool::default();
        let connection = Arc::new(Http2 { number, peer, sender, allowed, peak, questions, was_idle });
        if !open.closed {
            open.http2.push(Arc::clone(&connection));
        }
        connection
    }

    /// Numbers a new HTTP/1.1 connection, for its first exchange.
    pub(crate) fn number_http1(&self, sender: http1::SendRequest<AskBody>, peer: Peer) -> Http1 {
        let mut open = lock(&self.open);
        open.opened += 1;
        Http1 { number: open.opened, peer, sender, since: Instant::now() }
    }

    /// The HTTP/1.1 connection that was used last, if one is kept; it may have ended since.
    pub(crate) fn take_http1(&self) -> Option<Http1> {
        let taken = lock(&self.open).http1.pop()?;
        self.idle.fetch_sub(1, Ordering::Relaxed);
        Some(taken)
    }

    /// Keeps an HTTP/1.1 connection for the next exchange.
    pub(crate) fn keep_http1(&self, mut connection: Http1) {
        if connection.sender.is_closed() {
            return;
        }
        connection.since = Instant::now();
        let mut open = lock(&self.open);
        let has_room = open.http1.len() < MOST_IDLE_OF_ROUTE && self.idle.load(Ordering::Relaxed) < MOST_IDLE;
        if has_room && !open.closed {
            self.idle.fetch_add(1, Ordering::Relaxed);
            open.http1.push(connection);
        }
    }

    /// Closes everything, now and from now on.
    fn close(&self) {
        let mut open = lock(&self.open);
        self.idle.fetch_sub(open.http1.len(), Ordering::Relaxed);
        *open = Open { closed: true, opened: open.opened, ..Open::default() };
    }

    fn close_idle(&self) {
        let mut open = lock(&self.open);
        let before = open.http1.len();
        open.http1.retain(|kept| kept.since.elapsed() < KEPT && !kept.sender.is_closed());
        self.idle.fetch_sub(before.saturating_sub(open.http1.len()), Ordering::Relaxed);
        open.http2.retain(|connection| {
            let is_idle = Arc::strong_count(connection) == 1;
            let was_idle = connection.was_idle.swap(is_idle, Ordering::Relaxed);
            let is_too_old = is_idle && was_idle;
            !(is_too_old || connection.sender.is_closed())
        });
        open.found.retain(|(_, _, at)| at.elapsed() < BELIEVED);
    }

    /// False once it holds nothing and nobody holds it but the pool.
    fn is_of_use(self: &Arc<Self>) -> bool {
        let open = lock(&self.open);
        let is_empty = open.http1.is_empty() && open.http2.is_empty() && open.found.is_empty();
        Arc::strong_count(self) > 1 || !is_empty
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        self.close();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
