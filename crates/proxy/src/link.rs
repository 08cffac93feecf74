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

/// What is open of a link.
#[derive(Default)]
struct Open {
    /// The name whose addresses were dialled in place of the host's own.
    rewritten: Option<Arc<str>>,
    http2: Option<http2::SendRequest<AskBody>>,
    idle_http1: Vec<http1::SendRequest<AskBody>>,
    /// Why the first opening failed, for the request that asks next.
    fault: Option<DialError>,
}

/// A connection that carries one request.
pub(crate) enum Carrier {
    Http1(http1::SendRequest<AskBody>, OwnedSemaphorePermit),
    Http2(http2::SendRequest<AskBody>),
}

/// What the first opening of a link found.
pub(crate) struct Opened {
    pub(crate) protocol: Protocol,
    pub(crate) validity: Option<Validity>,
}

/// Whether a connection that was used before will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reuse {
    Yes,
    No,
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
        let mut open = self.lock();
        open.rewritten = rewritten;
        match dialled {
            Ok((Sender::Http1(sender), opened)) => {
                open.idle_http1.push(sender);
                Ok(opened)
            }
            Ok((Sender::Http2(sender), opened)) => {
                open.http2 = Some(sender);
                Ok(opened)
            }
            Err(fault) => {
                open.fault = Some(fault);
                Err(fault)
            }
        }
    }

    /// A connection for one request: one that is open, or a new one.
    pub(crate) async fn carrier(
        &self,
        rewritten: Option<&Arc<str>>,
        reuse: Reuse,
    ) -> Result<Carrier, DialError> {
        let _turn = self.opening.lock().await;
        if let Some(sender) = self.open_http2(rewritten, reuse)? {
            return Ok(Carrier::Http2(sender));
        }
        let slot =
            Arc::clone(&self.http1_slots).acquire_owned().await.map_err(|_| OriginFault::Unreachable)?;
        while let Some(mut sender) = self.pop_http1() {
            if sender.ready().await.is_ok() {
                return Ok(Carrier::Http1(sender, slot));
            }
        }
        match self.dial(rewritten).await?.0 {
            Sender::Http1(sender) => Ok(Carrier::Http1(sender, slot)),
            Sender::Http2(sender) => {
                self.lock().http2 = Some(sender.clone());
                Ok(Carrier::Http2(sender))
            }
        }
    }

    /// The open HTTP/2 connection, once what may not be used any more is put away. Errors: the fault of an opening that
    /// nobody has been told yet.
    fn open_http2(
        &self,
        rewritten: Option<&Arc<str>>,
        reuse: Reuse,
    ) -> Result<Option<http2::SendRequest<AskBody>>, DialError> {
        let mut open = self.lock();
        if let Some(fault) = open.fault.take() {
            return Err(fault);
        }
        if reuse == Reuse::No || open.rewritten.as_ref() != rewritten {
            *open = Open { rewritten: rewritten.cloned(), ..Open::default() };
        }
        Ok(open.http2.clone().filter(http2::SendRequest::is_ready))
    }

    fn pop_http1(&self) -> Option<http1::SendRequest<AskBody>> {
        self.lock().idle_http1.pop()
    }

    /// Takes an HTTP/1.1 connection back once its exchange is over.
    pub(crate) fn give_back(&self, sender: http1::SendRequest<AskBody>) {
        let mut open = self.lock();
        if !sender.is_closed() && open.idle_http1.len() < MOST_HTTP1 {
            open.idle_http1.push(sender);
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

enum Sender {
    Http1(http1::SendRequest<AskBody>),
    Http2(http2::SendRequest<AskBody>),
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
