//! CONNECT: phases `connect` and `hello`, and the choice of what happens to the tunnel.
//!
//! Where the name in the TLS hello differs from the host of the CONNECT, both must be allowed, and the gate dials the
//! name of the hello itself: whoever names one site and calls at another's address gets nowhere. What a tunnel shows of
//! ways round the filter is told by [`ways_round`] and acted on here.

use crate::caller::Caller;
use crate::client_tls::client_refusal;
use crate::error::DialError;
use crate::gate::Gate;
use crate::hello::{self, Hello, TlsHello};
use crate::inner::{Ended, Inner, fault_notice, serve, shape_of};
use crate::link::{Link, Offer, Origin, Protocol, Scheme};
use crate::peer::Peer;
use crate::pump::{Grounds, pump};
use crate::rules::Judged;
use crate::socket::ClientSocket;
use crate::streams::{IdleStream, MaybeTcp, ReadAhead, Replay};
use crate::transparent;
use crate::visit::{AnswerBody, Visit, page_answer};
use crate::ways_round::{self, Shown};
use blockpage::{BlockView, Refusal};
use bytes::{Bytes, BytesMut};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use inspect::client_hello::is_public_name;
use inspect::protocol::{self, Spoken};
use model::{
    Ask, Channel, EventOutcome, Host, Inspection, Outcome, SuggestionKind, Target, Verdict, WayRound,
};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use sync_wrapper::SyncWrapper;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::StartHandshake;

/// A client's stream, past what came with the CONNECT if there was one.
type ClientStream = Replay<IdleStream<ClientSocket>>;
/// The same, once something was read to see who speaks first.
type HeardStream = Replay<ClientStream>;

/// How long a client may be silent before its origin is given the chance to speak first, where whatever is spoken may pass.
const SILENCE: Duration = Duration::from_secs(1);
/// Who leaves so soon after the handshake, without a word, does not like the certificate: apps that compare it themselves do so
/// then. Connections that browsers open ahead stay open for longer.
const AT_ONCE: Duration = Duration::from_secs(2);
/// So much of an origin's first words is looked at.
const FIRST_WORDS: usize = 64;

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
    ask: Ask,
    verdict: Verdict,
    /// Whether what is neither TLS nor HTTP may pass, as far as was seen when the tunnel was asked for.
    whatever_passes: bool,
    visit: Visit,
    /// The origin, where it was dialled ahead of the client's first words.
    origin: Option<TcpStream>,
}

/// Who said something first.
enum First {
    Client,
    /// The origin, and the beginning of what it said.
    Origin(Box<[u8; FIRST_WORDS]>, usize),
    /// Nobody, for as long as was waited.
    Nobody,
    /// The client left, the origin did, or the proxy stops.
    Gone,
}

/// Phase `connect`, of a request that was counted.
pub(crate) async fn connect(
    gate: &Arc<Gate>,
    caller: &Caller,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    let shape = shape_of(request.headers());
    let target = request.uri().authority().and_then(|authority| {
        Some((Host::parse(authority.host()).ok()?, authority.port_u16().filter(|port| *port != 0)?))
    });
    let Some((host, port)) = target else {
        return page_answer(blockpage::not_possible(Refusal::NotUnderstood, &gate.links).page(shape));
    };
    let what = Target { host: host.clone(), port: Some(port), path: None, record_type: None };
    let judged = gate.judge(caller, what, Channel::Tunnel);
    let whatever_passes = judged.lets_whatever_pass();
    let Judged { ask, verdict, .. } = judged;
    let mut visit = gate.visit(&ask, &verdict, &Method::CONNECT);
    let refused = |mut visit: Visit, refusal: &Verdict| {
        visit.judged_anew(refusal);
        visit.page(blockpage::blocked(&BlockView::of(refusal, &host), &gate.links).page(shape))
    };
    let shown = ways_round::of_port(gate, port, &verdict);
    if let Some(refusal) = shown.and_then(|shown| gate.tried(&ask, &verdict, &shown)) {
        return refused(visit, &refusal);
    }
    let origin = match (verdict.outcome, verdict.inspection) {
        (_, Inspection::Inspect) => None,
        (Outcome::Block, _) => {
            gate.held_by_list(&verdict);
            let view = BlockView::of(&verdict, &host);
            return visit.page(blockpage::blocked(&view, &gate.links).page(shape));
        }
        (Outcome::Allow, _) => match dial_rewritten(gate, caller, (&host, port), &verdict).await {
            Ok(origin) => match may_reach(gate, caller, &ask, &origin) {
                Ok(()) => Some(origin),
                Err(refusal) => return refused(visit, &refusal),
            },
            Err(error) => {
                let origin = Origin { scheme: Scheme::Https, host, port };
                let (notice, outcome) = fault_notice(gate, error, &verdict, &origin);
                visit.became(outcome);
                return visit.page(notice.page(shape));
            }
        },
    };
    let (gate_of_tunnel, caller, asked) = (Arc::clone(gate), caller.clone(), Asked::ByName);
    let tunnel = Tunnel {
        gate: gate_of_tunnel,
        caller,
        asked,
        host,
        port,
        ask,
        verdict,
        whatever_passes,
        visit,
        origin,
    };
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
    caller: &Caller,
    (host, port): (&Host, u16),
    verdict: &Verdict,
) -> Result<TcpStream, DialError> {
    let target = verdict.rewrite.as_ref().and_then(|rewrite| Host::parse(&rewrite.to).ok());
    gate.dialer.note_visit(host);
    gate.dialer.tcp(target.as_ref().unwrap_or(host), port, Some(caller.address)).await
}

/// Whether what lies at the origin's address may be reached, and counts where lists know it as a way round the filter.
fn may_reach(gate: &Gate, caller: &Caller, ask: &Ask, origin: &TcpStream) -> Result<(), Box<Verdict>> {
    let Ok(peer) = origin.peer_addr() else { return Ok(()) };
    let reached = gate.judge(caller, ask.what.clone(), ask.how).may_reach(&Peer::at(peer));
    reached.inspect_err(|refusal| gate.held_by_list(refusal))
}

impl Tunnel {
    /// A connection that the network led here, decided by its address until it names a host.
    pub(crate) fn led_here(gate: Arc<Gate>, caller: Caller, wanted: SocketAddr) -> Self {
        let (host, port) = (Host::Address(wanted.ip().to_canonical()), wanted.port());
        let what = Target { host: host.clone(), port: Some(port), path: None, record_type: None };
        let judged = gate.judge(&caller, what, Channel::Tunnel);
        let whatever_passes = judged.lets_whatever_pass();
        let Judged { ask, verdict, .. } = judged;
        let visit = gate.visit(&ask, &verdict, &Method::CONNECT);
        let asked = Asked::ByAddress(wanted);
        Self { gate, caller, asked, host, port, ask, verdict, whatever_passes, visit, origin: None }
    }

    async fn run(self, upgraded: Upgraded) {
        let stream = match upgraded.downcast::<TokioIo<IdleStream<ClientSocket>>>() {
            Ok(parts) => Replay::new(parts.read_buf, parts.io.into_inner()),
            Err(stream) => {
                let stream = ClientSocket::Stream(SyncWrapper::new(TokioIo::new(stream)));
                Replay::new(Bytes::new(), IdleStream::new(stream, self.gate.dialer.limits.idle_timeout))
            }
        };
        self.listen(stream).await;
    }

    /// Serves a connection of which nothing has been read.
    pub(crate) async fn hear(self, stream: IdleStream<ClientSocket>) {
        self.listen(Replay::new(Bytes::new(), stream)).await;
    }

    /// Phase `hello`.
    async fn listen(mut self, mut stream: ClientStream) {
        let mut first = BytesMut::with_capacity(4096);
        match self.first_words(&mut stream, &mut first).await {
            First::Client => {}
            First::Origin(words, length) => {
                let words = words.get(..length).unwrap_or_default();
                return self.other(protocol::of_first_bytes(words), stream).await;
            }
            First::Nobody | First::Gone => return self.visit.forget(),
        }
        let stream = Replay::new(first.freeze(), stream);
        let limit = self.gate.dialer.limits.hello_timeout;
        match timeout(limit, hello::listen(stream)).await.unwrap_or(Hello::Broken) {
            Hello::Tls(hello) => self.tls(*hello).await,
            Hello::Http(stream) => self.plain(stream).await,
            Hello::Other(spoken, stream) => self.other(spoken, stream).await,
            Hello::Broken => self.end(EventOutcome::Failed),
            Hello::Silent => self.visit.forget(),
        }
    }

    /// Who speaks first. Servers of mail and of remote logins do: such an origin is dialled ahead where it may pass.
    async fn first_words(&mut self, stream: &mut ClientStream, first: &mut BytesMut) -> First {
        let limit = self.gate.dialer.limits.hello_timeout;
        if self.origin.is_some() || !self.whatever_passes {
            return self.whoever_speaks(stream, first, limit).await;
        }
        match self.whoever_speaks(stream, first, SILENCE.min(limit)).await {
            First::Nobody => {}
            spoken => return spoken,
        }
        let Ok(origin) = self.origin().await else { return First::Gone };
        self.origin = Some(origin);
        self.whoever_speaks(stream, first, limit).await
    }

    async fn whoever_speaks(
        &self,
        stream: &mut ClientStream,
        first: &mut BytesMut,
        limit: Duration,
    ) -> First {
        tokio::select! {
            () = self.gate.stopping.cancelled() => First::Gone,
            spoken = origin_speaks(self.origin.as_ref()) => spoken,
            heard = timeout(limit, stream.read_buf(first)) => match heard {
                Ok(Ok(1..)) => First::Client,
                Ok(_) => First::Gone,
                Err(_) => First::Nobody,
            },
        }
    }

    fn end(mut self, outcome: EventOutcome) {
        self.visit.became(outcome);
    }

    /// Counts what a tunnel shows; true where it is refused for that, and the visit told so.
    fn refuses(&mut self, shown: Option<Shown>) -> bool {
        let refusal = shown.and_then(|shown| self.gate.tried(&self.ask, &self.verdict, &shown));
        let Some(refusal) = refusal else { return false };
        self.visit.judged_anew(&refusal);
        self.verdict = refusal;
        true
    }

    /// The same for what shows where a tunnel is to pass unread.
    fn refuses_unread(&mut self) -> bool {
        let refused = self.refuses(ways_round::of_unread(&self.gate, &self.ask, &self.verdict));
        if refused && self.origin.is_none() {
            self.gate.dialer.note_visit(&self.host);
        }
        refused
    }

    /// Neither TLS nor HTTP: passed on where the group has such open, or where the policy says that the host is not to be
    /// opened and the words are no tunnel's; else closed.
    async fn other<C>(mut self, spoken: Spoken, client: C)
    where
        C: AsyncRead + AsyncWrite + MaybeTcp + Unpin,
    {
        if self.verdict.outcome == Outcome::Block
            || self.refuses(ways_round::of_words(spoken, &self.verdict))
            || self.refuses_unread()
        {
            return self.end(EventOutcome::Blocked);
        }
        self.pass(client).await;
    }

    /// Every byte as it is, where the origin's address may be reached.
    async fn pass<C>(mut self, client: C)
    where
        C: AsyncRead + AsyncWrite + MaybeTcp + Unpin,
    {
        let Ok(origin) = self.origin().await else { return self.end(EventOutcome::Failed) };
        if let Err(refusal) = may_reach(&self.gate, &self.caller, &self.ask, &origin) {
            self.visit.judged_anew(&refusal);
            return self.end(EventOutcome::Blocked);
        }
        let grounds = Grounds { gate: &self.gate, caller: &self.caller, ask: &self.ask };
        pump(grounds, client, origin, self.visit).await;
    }

    /// Plain HTTP inside a tunnel, as browsers send `ws://`: read like any other plain HTTP.
    async fn plain(self, stream: Replay<HeardStream>) {
        self.visit.forget();
        if let Asked::ByAddress(wanted) = self.asked {
            return transparent::serve_plain(self.gate, self.caller, wanted, stream).await;
        }
        let origin = Origin { scheme: Scheme::Http, host: self.host, port: self.port };
        let link = Arc::new(Link::new(&self.gate, self.caller.address, origin, Offer::Http1));
        let gate = Arc::clone(&self.gate);
        let (names, is_asked) = (Arc::default(), false.into());
        let inner = Inner { gate: self.gate, caller: self.caller, link, names, is_asked };
        let serving = serve(Arc::new(inner), Box::new(stream), Protocol::Http1);
        gate.spawn(async move {
            serving.await;
        });
    }

    async fn tls(mut self, hello: TlsHello<HeardStream>) {
        if self.host.name().is_none()
            && ways_round::is_tors(&self.gate, self.caller.address, &hello, self.port).await
        {
            return self.tor(hello).await;
        }
        if self.takes_name(&hello) || self.refuses(ways_round::of_hello(&hello)) {
            return self.end(EventOutcome::Blocked);
        }
        match (self.verdict.outcome, self.verdict.inspection) {
            (_, Inspection::Inspect) => self.inspect(hello).await,
            (Outcome::Allow, _) => self.pass_on(hello).await,
            (Outcome::Block, _) => {
                self.gate.held_by_list(&self.verdict);
                self.end(EventOutcome::Blocked);
            }
        }
    }

    /// A relay of Tor's, at an address: it would not be what it is if it were opened.
    async fn tor(mut self, hello: TlsHello<HeardStream>) {
        let shown = Shown::new(WayRound::Tor, "its hello is that of Tor");
        if self.verdict.outcome == Outcome::Block || self.refuses(Some(shown)) {
            return self.end(EventOutcome::Blocked);
        }
        self.pass(hello.replay()).await;
    }

    /// The name in the hello takes the place of what the tunnel was asked for, if both are allowed. True where it may not.
    fn takes_name(&mut self, hello: &TlsHello<HeardStream>) -> bool {
        let Some(name) = hello.name.clone() else { return false };
        let mut differs = false;
        if name != self.host {
            match (self.asked, &self.host) {
                (Asked::ByAddress(wanted), _) => {
                    transparent::compare(&self.gate, self.caller.address, &name, wanted)
                }
                _ if self.verdict.outcome == Outcome::Block => return true,
                (Asked::ByName, Host::Address(wanted)) => {
                    let wanted = SocketAddr::new(*wanted, self.port);
                    transparent::compare(&self.gate, self.caller.address, &name, wanted);
                }
                (Asked::ByName, Host::Name(_)) => differs = true,
            }
            self.moves_to(name);
        }
        let hides = hello.may_hide && (differs || is_public_name(&self.host));
        let shown = match (hides, differs) {
            (true, _) => Shown::new(WayRound::EncryptedHello, "its hello hides the name it is for"),
            (false, true) => Shown::new(WayRound::Fronting, "its hello names another host"),
            (false, false) => return false,
        };
        // Where a connection is opened, a hidden name does no harm: who has no key for it proves the other, and the client
        // asks again in the open (RFC 9849, section 6.1.6). What is blocked for its name has its page.
        let is_opened = hides && self.verdict.inspection == Inspection::Inspect;
        if is_opened || self.verdict.outcome == Outcome::Block {
            self.gate.held(shown.way);
            return false;
        }
        self.refuses(Some(shown))
    }

    /// The name in the hello is where the tunnel leads from now on, if it is allowed as well.
    fn moves_to(&mut self, name: Host) {
        let what = Target { host: name.clone(), port: Some(self.port), path: None, record_type: None };
        let (ask, verdict) = self.gate.decide(&self.caller, what, Channel::Tunnel);
        let visit = self.gate.visit(&ask, &verdict, &Method::CONNECT);
        std::mem::replace(&mut self.visit, visit).forget();
        (self.host, self.ask, self.verdict, self.origin) = (name, ask, verdict, None);
    }

    /// Unread to the origin. A bypass leaves every byte as it is: the client sees the origin's own certificate.
    async fn pass_on(mut self, hello: TlsHello<HeardStream>) {
        if self.refuses_unread() {
            return self.end(EventOutcome::Blocked);
        }
        self.pass(hello.replay()).await;
    }

    /// The connection to the origin: the one that is open, or a new one.
    async fn origin(&mut self) -> Result<TcpStream, DialError> {
        match self.origin.take() {
            Some(origin) => Ok(origin),
            None => dial_rewritten(&self.gate, &self.caller, (&self.host, self.port), &self.verdict).await,
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
        let mut link = Link::new(&self.gate, self.caller.address, origin, Offer::of(offered));
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
        let (begun, may_be_reached) = (Instant::now(), self.verdict.outcome == Outcome::Allow);
        self.visit.forget();
        let names = likeness.map(|likeness| likeness.names).unwrap_or_default();
        let gate = self.gate;
        let (link, is_asked) = (Arc::new(link), false.into());
        let inner = Arc::new(Inner { gate: Arc::clone(&gate), caller: self.caller, link, names, is_asked });
        let serving = serve(Arc::clone(&inner), Box::new(stream), protocol);
        // In a task of its own: this one has room for a handshake, which an idle connection need not hold.
        gate.spawn(async move {
            if serving.await == Ended::NotHttp {
                inner.gate.held_inside(&inner.caller, &inner.link.origin, &ways_round::no_http());
            } else if may_be_reached && !inner.is_asked.load(Ordering::Relaxed) && begun.elapsed() < AT_ONCE {
                let (host, client) = (&inner.link.origin.host, inner.caller.address);
                let now = inner.gate.ports.clock.now();
                inner.gate.ports.suggestions.refused(host, SuggestionKind::HungUp, client, now);
            }
        });
    }
}

/// Ends when an origin that was dialled ahead says something, or leaves.
async fn origin_speaks(origin: Option<&TcpStream>) -> First {
    let Some(origin) = origin else { return std::future::pending().await };
    let mut words = Box::new([0; FIRST_WORDS]);
    match origin.peek(words.as_mut()).await {
        Ok(length @ 1..) => First::Origin(words, length),
        Ok(0) | Err(_) => First::Gone,
    }
}
