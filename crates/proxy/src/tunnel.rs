//! CONNECT: phases `connect` and `hello`, and the choice of what happens to the tunnel.
//!
//! Where the name in the TLS hello differs from the host of the CONNECT, both must be allowed, and the gate dials the
//! name of the hello itself: whoever names one site and calls at another's address gets nowhere.

use crate::caller::Caller;
use crate::client_tls::client_refusal;
use crate::error::DialError;
use crate::gate::Gate;
use crate::hello::{self, Hello, TlsHello};
use crate::inner::{Inner, fault_notice, serve, shape_of};
use crate::link::{Link, Offer, Origin, Protocol, Scheme};
use crate::pump::pump;
use crate::socket::ClientSocket;
use crate::streams::{IdleStream, ReadAhead, Replay};
use crate::transparent;
use crate::visit::{AnswerBody, Visit, page_answer};
use blockpage::{BlockView, Refusal};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use model::{Channel, EventOutcome, Host, Inspection, Outcome, Target, Verdict, WayRound};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::StartHandshake;

/// A client's stream, past what came with the CONNECT if there was one.
type ClientStream = Replay<IdleStream<ClientSocket>>;
/// The same, once something was read to see who speaks first.
type HeardStream = Replay<ClientStream>;

/// How a tunnel was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// By a CONNECT, which names a host.
    ByName,
    /// By a connection that the network led here: to an address. A name inside it takes the address's place.
    ByAddress(SocketAddr),
}

/// A tunnel that was asked for and decided.
pub(crate) struct Tunnel {
    gate: Arc<Gate>,
    caller: Caller,
    asked: Asked,
    host: Host,
    port: u16,
    verdict: Verdict,
    visit: Visit,
    /// The origin, where the tunnel is passed on unread.
    origin: Option<TcpStream>,
}

/// Phase `connect`.
pub(crate) async fn connect(
    gate: &Arc<Gate>,
    caller: &Caller,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let shape = shape_of(request.headers());
    if !gate.requests.allows(caller.address, Instant::now()) {
        return page_answer(blockpage::not_possible(Refusal::TooMany, &gate.links).page(shape));
    }
    let target = request.uri().authority().and_then(|authority| {
        Some((Host::parse(authority.host()).ok()?, authority.port_u16().filter(|port| *port != 0)?))
    });
    let Some((host, port)) = target else {
        return page_answer(blockpage::not_possible(Refusal::NotUnderstood, &gate.links).page(shape));
    };
    let what = Target { host: host.clone(), port: Some(port), path: None, record_type: None };
    let (ask, verdict) = gate.decide(caller, what, Channel::Tunnel);
    let mut visit = gate.visit(&ask, &verdict, &Method::CONNECT);
    let origin = match (verdict.outcome, verdict.inspection) {
        (_, Inspection::Inspect) => None,
        (Outcome::Block, _) => {
            let view = BlockView::of(&verdict, &host);
            return visit.page(blockpage::blocked(&view, &gate.links).page(shape));
        }
        (Outcome::Allow, _) => match dial_rewritten(gate, &host, port, &verdict).await {
            Ok(origin) => Some(origin),
            Err(error) => {
                let origin = Origin { scheme: Scheme::Https, host, port };
                let (notice, outcome) = fault_notice(gate, error, &verdict, &origin);
                visit.became(outcome);
                return visit.page(notice.page(shape));
            }
        },
    };
    let (gate_of_tunnel, caller, asked) = (Arc::clone(gate), caller.clone(), Asked::ByName);
    let tunnel = Tunnel { gate: gate_of_tunnel, caller, asked, host, port, verdict, visit, origin };
    let upgrade = hyper::upgrade::on(&mut request);
    gate.spawn(async move {
        match upgrade.await {
            Ok(upgraded) => tunnel.run(upgraded).await,
            Err(_) => tunnel.visit.forget(),
        }
    });
    Response::new(AnswerBody::empty())
}

async fn dial_rewritten(
    gate: &Gate,
    host: &Host,
    port: u16,
    verdict: &Verdict,
) -> Result<TcpStream, DialError> {
    let target = verdict.rewrite.as_ref().and_then(|rewrite| Host::parse(&rewrite.to).ok());
    gate.dialer.note_visit(host);
    gate.dialer.tcp(target.as_ref().unwrap_or(host), port).await
}

impl Tunnel {
    /// A connection that the network led here, decided by its address until it names a host.
    pub(crate) fn led_here(gate: Arc<Gate>, caller: Caller, wanted: SocketAddr) -> Self {
        let (host, port) = (Host::Address(wanted.ip().to_canonical()), wanted.port());
        let what = Target { host: host.clone(), port: Some(port), path: None, record_type: None };
        let (ask, verdict) = gate.decide(&caller, what, Channel::Tunnel);
        let visit = gate.visit(&ask, &verdict, &Method::CONNECT);
        Self { gate, caller, asked: Asked::ByAddress(wanted), host, port, verdict, visit, origin: None }
    }

    async fn run(self, upgraded: Upgraded) {
        let Ok(parts) = upgraded.downcast::<TokioIo<IdleStream<ClientSocket>>>() else {
            tracing::error!(phase = "hello", "a tunnel came over a stream that is not the listener's");
            return self.visit.forget();
        };
        self.listen(Replay::new(parts.read_buf, parts.io.into_inner())).await;
    }

    /// Serves a connection of which nothing has been read.
    pub(crate) async fn hear(self, stream: IdleStream<ClientSocket>) {
        self.listen(Replay::new(Bytes::new(), stream)).await;
    }

    /// Phase `hello`.
    async fn listen(self, mut stream: ClientStream) {
        let mut first = BytesMut::with_capacity(4096);
        let limit = self.gate.dialer.limits.hello_timeout;
        tokio::select! {
            () = self.gate.stopping.cancelled() => return self.visit.forget(),
            // An error shows again when the tunnel is used.
            _ = origin_speaks(self.origin.as_ref(), self.verdict.inspection) => return self.pass_on_silent(stream).await,
            heard = timeout(limit, stream.read_buf(&mut first)) => match heard {
                Ok(Ok(1..)) => {}
                _ => return self.visit.forget(),
            },
        }
        let stream = Replay::new(first.freeze(), stream);
        match timeout(limit, hello::listen(stream)).await.unwrap_or(Hello::Broken) {
            Hello::Tls(hello) => self.tls(*hello).await,
            Hello::Http(stream) => self.plain(stream).await,
            Hello::Other(stream) => self.other(stream).await,
            Hello::Broken => self.end(EventOutcome::Failed),
            Hello::Silent => self.visit.forget(),
        }
    }

    /// The origin spoke first, as mail servers do; only a tunnel on the bypass list comes here.
    async fn pass_on_silent(self, client: ClientStream) {
        if let Some(origin) = self.origin {
            pump(&self.gate, client, origin, self.visit).await;
        }
    }

    fn end(mut self, outcome: EventOutcome) {
        self.visit.became(outcome);
    }

    /// Neither TLS nor HTTP: passed on where the policy says the host is not to be opened, else closed.
    async fn other(mut self, client: Replay<HeardStream>) {
        if self.verdict.inspection != Inspection::Bypass || self.verdict.outcome == Outcome::Block {
            return self.end(EventOutcome::Blocked);
        }
        match self.origin().await {
            Ok(origin) => pump(&self.gate, client, origin, self.visit).await,
            Err(_) => self.end(EventOutcome::Failed),
        }
    }

    /// Plain HTTP inside a tunnel, as browsers send `ws://`: read like any other plain HTTP.
    async fn plain(self, stream: Replay<HeardStream>) {
        self.visit.forget();
        if let Asked::ByAddress(wanted) = self.asked {
            return transparent::serve_plain(self.gate, self.caller, wanted, stream).await;
        }
        let origin = Origin { scheme: Scheme::Http, host: self.host, port: self.port };
        let link = Arc::new(Link::new(&self.gate, origin, Offer::Http1));
        let gate = Arc::clone(&self.gate);
        let inner = Inner { gate: self.gate, caller: self.caller, link };
        gate.spawn(serve(Arc::new(inner), Box::new(stream), Protocol::Http1));
    }

    async fn tls(mut self, hello: TlsHello<HeardStream>) {
        if let Some(name) = hello.name.clone().filter(|name| *name != self.host) {
            match self.asked {
                Asked::ByAddress(wanted) => transparent::compare(&self.gate, &name, wanted),
                Asked::ByName if self.verdict.outcome == Outcome::Block => {
                    return self.end(EventOutcome::Blocked);
                }
                // The hello names another host in the open than the one it hides, which the tunnel was asked for.
                Asked::ByName if hello.ech.is_some() => self.gate.leaked(WayRound::EncryptedHello),
                Asked::ByName => self.gate.leaked(WayRound::Fronting),
            }
            self.moves_to(name);
        }
        match (self.verdict.outcome, self.verdict.inspection) {
            (_, Inspection::Inspect) => self.inspect(hello).await,
            (Outcome::Allow, _) => self.pass_on(hello).await,
            (Outcome::Block, _) => self.end(EventOutcome::Blocked),
        }
    }

    /// The name in the hello is where the tunnel leads from now on, if it is allowed as well.
    fn moves_to(&mut self, name: Host) {
        let what = Target { host: name.clone(), port: Some(self.port), path: None, record_type: None };
        let (ask, verdict) = self.gate.decide(&self.caller, what, Channel::Tunnel);
        let visit = self.gate.visit(&ask, &verdict, &Method::CONNECT);
        std::mem::replace(&mut self.visit, visit).forget();
        (self.host, self.verdict, self.origin) = (name, verdict, None);
    }

    /// Unread to the origin. A bypass leaves every byte as it is: the client sees the origin's own certificate.
    async fn pass_on(mut self, hello: TlsHello<HeardStream>) {
        match self.origin().await {
            Ok(origin) => pump(&self.gate, hello.replay(), origin, self.visit).await,
            Err(_) => self.end(EventOutcome::Failed),
        }
    }

    /// The connection to the origin: the one that is open, or a new one.
    async fn origin(&mut self) -> Result<TcpStream, DialError> {
        match self.origin.take() {
            Some(origin) => Ok(origin),
            None => dial_rewritten(&self.gate, &self.host, self.port, &self.verdict).await,
        }
    }

    /// A host that may be reached and whose client turned the leaf away may belong on the bypass list.
    fn suggest(&self, error: &std::io::Error) {
        if let (Some(kind), Outcome::Allow) = (client_refusal(error), self.verdict.outcome) {
            let now = self.gate.ports.clock.now();
            self.gate.ports.suggestions.refused(&self.host, kind, self.caller.address, now);
        }
    }

    /// Opened: the origin first, so that the client is offered the protocol that the origin speaks.
    async fn inspect(self, hello: TlsHello<HeardStream>) {
        let offered = &hello.protocols;
        let origin = Origin { scheme: Scheme::Https, host: self.host.clone(), port: self.port };
        let mut link = Link::new(&self.gate, origin, Offer::of(offered));
        let opened = match self.verdict.outcome {
            Outcome::Block => None,
            Outcome::Allow => {
                let rewritten = self.verdict.rewrite.as_ref().map(|rewrite| Arc::clone(&rewrite.to));
                link.open(rewritten).await.ok()
            }
        };
        let protocol = opened.as_ref().map_or_else(|| Protocol::best_of(offered), |opened| opened.protocol);
        link.settle(protocol);
        let likeness = opened.and_then(|opened| opened.likeness);
        let tls = match self.gate.tls_as(&self.host, likeness.as_ref(), protocol) {
            Ok(tls) => tls,
            Err(_) => {
                // The error may name the host, which no log line does.
                tracing::error!(phase = "hello", "a leaf certificate could not be made");
                return self.end(EventOutcome::Failed);
            }
        };
        let handshake =
            StartHandshake::from_parts(hello.accepted, ReadAhead::new(hello.rest)).into_stream(tls);
        let stream = match timeout(self.gate.dialer.limits.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(phase = "hello", "a client did not take the leaf certificate");
                self.suggest(&error);
                return self.end(EventOutcome::Failed);
            }
            Err(_) => return self.end(EventOutcome::Failed),
        };
        self.gate.ports.suggestions.accepted(self.caller.address, self.gate.ports.clock.now());
        self.visit.forget();
        let inner = Inner { gate: self.gate, caller: self.caller, link: Arc::new(link) };
        let gate = Arc::clone(&inner.gate);
        // In a task of its own: this one has room for a handshake, which an idle connection need not hold.
        gate.spawn(serve(Arc::new(inner), Box::new(stream), protocol));
    }
}

/// Ends when an origin on the bypass list says something before the client did; never for any other.
async fn origin_speaks(origin: Option<&TcpStream>, inspection: Inspection) -> std::io::Result<()> {
    match origin {
        Some(origin) if inspection == Inspection::Bypass => origin.readable().await,
        _ => std::future::pending().await,
    }
}
