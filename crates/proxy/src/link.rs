//! The way to one origin for one client connection: opened when needed, kept while it works, verified each time anew.

use crate::error::DialError;
use crate::gate::{Gate, Tracked};
use crate::leaf::Validity;
use crate::visit::AskBody;
use blockpage::OriginFault;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::Host;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// HTTP/1.1 connections to an origin at once for one client connection; more only come from a client that speaks
/// HTTP/2 to an origin that does not.
const MOST_HTTP1: usize = 6;
const PING_EVERY: Duration = Duration::from_secs(30);

/// How an origin is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

    /// What of a client's offer we can speak, in its order.
    pub(crate) fn ours_of(offered: &[Vec<u8>]) -> Vec<Vec<u8>> {
        offered.iter().filter(|name| [Self::HTTP1, Self::HTTP2].contains(&name.as_slice())).cloned().collect()
    }

    fn agreed(name: Option<&[u8]>) -> Self {
        if name == Some(Self::HTTP2) { Self::Http2 } else { Self::Http1 }
    }
}

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Origin {
    pub(crate) scheme: Scheme,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// The way to one origin.
pub(crate) struct Link {
    pub(crate) origin: Origin,
    gate: Arc<Gate>,
    /// What is offered when the link is opened anew.
    protocols: Vec<Vec<u8>>,
    /// One opens at a time, so that the streams of an HTTP/2 connection share what the first of them opens.
    opening: tokio::sync::Mutex<()>,
    open: Mutex<Open>,
    http1_slots: Arc<Semaphore>,
}

/// What is open of a link. Connections are numbered from 1 in the order they were opened.
#[derive(Default)]
struct Open {
    opened: u64,
    /// The name whose addresses were dialled in place of the host's own.
    rewritten: Option<Arc<str>>,
    http2: Option<(u64, http2::SendRequest<AskBody>)>,
    idle_http1: Vec<(u64, http1::SendRequest<AskBody>)>,
    /// Why the first opening failed, for the request that asks next.
    fault: Option<DialError>,
}

/// A connection that carries one request.
pub(crate) struct Carrier {
    pub(crate) number: u64,
    pub(crate) sender: Sender,
    /// HTTP/1.1 carries one request at a time, and only so many connections.
    pub(crate) slot: Option<OwnedSemaphorePermit>,
}

/// The end of a connection that takes requests.
pub(crate) enum Sender {
    Http1(http1::SendRequest<AskBody>),
    Http2(http2::SendRequest<AskBody>),
}

/// What the first opening of a link found.
pub(crate) struct Opened {
    pub(crate) protocol: Protocol,
    pub(crate) validity: Option<Validity>,
}

impl Link {
    /// A link that is not open yet. `protocols` are offered in TLS when it opens.
    pub(crate) fn new(gate: &Arc<Gate>, origin: Origin, protocols: Vec<Vec<u8>>) -> Self {
        Self {
            origin,
            gate: Arc::clone(gate),
            protocols,
            opening: tokio::sync::Mutex::default(),
            open: Mutex::default(),
            http1_slots: Arc::new(Semaphore::new(MOST_HTTP1)),
        }
    }

    /// Opens it ahead of the first request. A failure is kept for that request, which shows it.
    pub(crate) async fn open(&self, rewritten: Option<Arc<str>>) -> Result<Opened, DialError> {
        let dialled = self.dial(rewritten.as_ref()).await;
        self.lock().rewritten = rewritten;
        match dialled {
            Ok((sender, opened)) => {
                let number = self.number(&sender);
                if let Sender::Http1(sender) = sender {
                    self.give_back(number, sender);
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
            self.protocols.retain(|name| name == Protocol::HTTP1);
        }
    }

    /// A connection for one request: an open one with a number above `newer_than`, or a new one.
    pub(crate) async fn carrier(
        &self,
        rewritten: Option<&Arc<str>>,
        newer_than: u64,
    ) -> Result<Carrier, DialError> {
        let _turn = self.opening.lock().await;
        if let Some((number, sender)) = self.open_http2(rewritten, newer_than)? {
            return Ok(Carrier { number, sender: Sender::Http2(sender), slot: None });
        }
        let slot = Arc::clone(&self.http1_slots).acquire_owned().await;
        let slot = slot.map_err(|_| OriginFault::Unreachable)?;
        while let Some((number, mut sender)) = self.pop_http1() {
            if number > newer_than && sender.ready().await.is_ok() {
                return Ok(Carrier { number, sender: Sender::Http1(sender), slot: Some(slot) });
            }
        }
        let (sender, _) = self.dial(rewritten).await?;
        let number = self.number(&sender);
        let slot = matches!(sender, Sender::Http1(_)).then_some(slot);
        Ok(Carrier { number, sender, slot })
    }

    /// The open HTTP/2 connection, once what leads elsewhere by now is put away. Errors: the fault of an opening that
    /// nobody has been told yet.
    fn open_http2(
        &self,
        rewritten: Option<&Arc<str>>,
        newer_than: u64,
    ) -> Result<Option<(u64, http2::SendRequest<AskBody>)>, DialError> {
        let mut open = self.lock();
        if let Some(fault) = open.fault.take() {
            return Err(fault);
        }
        if open.rewritten.as_ref() != rewritten {
            *open = Open { opened: open.opened, rewritten: rewritten.cloned(), ..Open::default() };
        }
        Ok(open.http2.clone().filter(|(number, sender)| *number > newer_than && sender.is_ready()))
    }

    /// Numbers a new connection; one of HTTP/2 is there for everybody from now on.
    fn number(&self, sender: &Sender) -> u64 {
        let mut open = self.lock();
        open.opened += 1;
        if let Sender::Http2(sender) = sender {
            open.http2 = Some((open.opened, sender.clone()));
        }
        open.opened
    }

    fn pop_http1(&self) -> Option<(u64, http1::SendRequest<AskBody>)> {
        self.lock().idle_http1.pop()
    }

    /// Takes an HTTP/1.1 connection back once its exchange is over.
    pub(crate) fn give_back(&self, number: u64, sender: http1::SendRequest<AskBody>) {
        let mut open = self.lock();
        if !sender.is_closed() && open.idle_http1.len() < MOST_HTTP1 {
            open.idle_http1.push((number, sender));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to where the rewrite points; whatever that is, TLS is verified for the host that was asked for.
    async fn dial(&self, rewritten: Option<&Arc<str>>) -> Result<(Sender, Opened), DialError> {
        let Origin { scheme, host, port } = &self.origin;
        let target = rewritten.and_then(|name| Host::parse(name).ok());
        let stream = self.gate.dialer.tcp(target.as_ref().unwrap_or(host), *port).await?;
        if *scheme == Scheme::Http {
            let sender = self.http1(stream).await?;
            return Ok((sender, Opened { protocol: Protocol::Http1, validity: None }));
        }
        let stream = self.gate.dialer.tls(host, stream, self.protocols.clone()).await?;
        let (_, session) = stream.get_ref();
        let protocol = Protocol::agreed(session.alpn_protocol());
        let certificate = session.peer_certificates().and_then(|chain| chain.first());
        let validity = certificate.and_then(Validity::of);
        let sender = match protocol {
            Protocol::Http1 => self.http1(stream).await?,
            Protocol::Http2 => self.http2(stream).await?,
        };
        Ok((sender, Opened { protocol, validity }))
    }

    async fn http1<S>(&self, stream: S) -> Result<Sender, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.gate.dialer.limits;
        let handshake = http1::Builder::new()
            .max_headers(limits.header_fields)
            .max_header_size(limits.head_bytes)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| OriginFault::BrokeOff)?;
        self.gate.spawn(async move { ended(connection.with_upgrades().await) });
        Ok(Sender::Http1(sender))
    }

    async fn http2<S>(&self, stream: S) -> Result<Sender, DialError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let limits = &self.gate.dialer.limits;
        let handshake = http2::Builder::new(Tracked(Arc::clone(&self.gate)))
            .timer(TokioTimer::new())
            .adaptive_window(true)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(limits.handshake_timeout)
            .handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|_| OriginFault::BrokeOff)?;
        self.gate.spawn(async move { ended(connection.await) });
        Ok(Sender::Http2(sender))
    }
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
