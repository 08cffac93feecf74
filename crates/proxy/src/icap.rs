//! An ICAP server (RFC 3507), so that a proxy that is there already can ask the gate: about requests (`/request`) and about
//! answers (`/response`).
//!
//! Each question is decided by the same policy as the gate's own requests, with the same rules of what may be carried, the
//! same scanner and the same events. A request is told in history when it is decided; what comes of it the other proxy
//! does not say. An answer is told only where it is refused, or let through unscanned.
//!
//! Left out: ICAP over TLS, trailers, partial answers (206), and what lies behind the preview of an upload, where nothing is
//! scanned.
//!
//! Invariants: only listed proxies are served, and believed when they say for whom they ask; who is named and not on the
//! roster is nobody; heads, chunks and waits are bounded; a question that cannot be read ends its connection.

mod answers;
mod chunks;
mod message;
mod requests;
mod transcript;
mod wire;

pub(crate) use chunks::chunk_size;
pub(crate) use message::{StatusLine, read_status};
pub use transcript::transcript;

use crate::caller::Caller;
use crate::gate::Gate;
use crate::inner::{authority_of, shape_of};
use crate::rules::Judged;
use crate::scan::{Source as _, Spooled};
use crate::visit::Visit;
use blockpage::BlockView;
use bytes::Bytes;
use chunks::{Ahead, IcapBody};
use http::{HeaderMap, Method, Request, StatusCode, request};
use message::{IcapMethod, Mistake, Question};
use model::{Channel, Host, Known, KnownBy, Target, Verdict};
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use wire::{Wire, Writing};

/// Of each body, so much is asked for first: what tells a kind of file, and most pages.
const PREVIEW_BYTES: usize = 4_096;
/// Seconds until a proxy asks again what is offered.
const OPTIONS_TTL_S: u32 = 300;

/// Whether a connection goes on after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Keep,
    Close,
}

/// Serves one connection of a listed proxy, question by question.
pub(crate) async fn serve(gate: Arc<Gate>, caller: Caller, stream: TcpStream) {
    let mut wire = Wire::new(stream, &gate.dialer.limits);
    loop {
        let head = tokio::select! {
            head = wire.reading.head() => head,
            () = gate.stopping.cancelled() => return,
        };
        let Ok(Some(head)) = head else { return };
        match answer(&gate, &caller, &mut wire, &head).await {
            Ok(Next::Keep) => {}
            Ok(Next::Close) => return,
            Err(error) => {
                return tracing::debug!(phase = "request", kind = %error.kind(), "a proxy's question broke off");
            }
        }
    }
}

async fn answer(gate: &Arc<Gate>, caller: &Caller, wire: &mut Wire, head: &[u8]) -> io::Result<Next> {
    let question = match Question::read(head) {
        Ok(question) => question,
        Err(mistake) => return refuse(gate, wire, mistake).await,
    };
    let offered = match question.path.as_str() {
        "/request" => IcapMethod::Requests,
        "/response" => IcapMethod::Responses,
        _ => return refuse(gate, wire, Mistake::NoSuchService).await,
    };
    if question.method == IcapMethod::Options {
        wire.writing.write(options(gate, offered).as_bytes()).await?;
        return Ok(if question.closes { Next::Close } else { Next::Keep });
    }
    if question.method != offered {
        return refuse(gate, wire, Mistake::Method).await;
    }
    let heads = wire.reading.exact(question.parts.heads).await?;
    let Ok((request, response)) = question.parts.read(&heads) else {
        return refuse(gate, wire, Mistake::NotUnderstood).await;
    };
    let caller = caller_of(gate, caller, &question);
    let ahead = Ahead::read(IcapBody::new(wire, &question)).await?;
    let exchange = Exchange { gate, caller: &caller, question: &question, heads };
    let next = match response {
        None => requests::answer(&exchange, request, ahead).await?,
        Some(response) => answers::answer(&exchange, request, response, ahead).await?,
    };
    Ok(if question.closes { Next::Close } else { next })
}

/// A question that was read.
struct Exchange<'a> {
    gate: &'a Arc<Gate>,
    caller: &'a Caller,
    question: &'a Question,
    /// The heads of the message that it is about, as they came.
    heads: Bytes,
}

impl Exchange<'_> {
    /// Lets the message pass: with another head where there is one, else in the shortest way that the other proxy allows. A
    /// body that was held comes from there.
    async fn pass(
        &self,
        head: Option<Vec<u8>>,
        mut ahead: Ahead<'_>,
        held: Option<Arc<Spooled>>,
    ) -> io::Result<Next> {
        if head.is_none() && (self.question.allows_204 || ahead.body.is_at_preview()) {
            let answer = self.status_line("204 No Content", "");
            ahead.body.writing().write(answer.as_bytes()).await?;
            return ahead.body.drained().await;
        }
        ahead.body.ask_for_the_rest().await?;
        self.head(ahead.body.writing(), head).await?;
        if self.question.parts.has_body { self.rest(ahead, held, 0).await } else { Ok(Next::Keep) }
    }

    /// Begins to give the message, with another head where there is one.
    async fn head(&self, writing: &Writing, head: Option<Vec<u8>>) -> io::Result<()> {
        let parts = &self.question.parts;
        let head = head.map(Bytes::from).unwrap_or_else(|| self.heads.slice(parts.changed_from()..));
        writing.write(self.status_line("200 OK", &parts.field(head.len())).as_bytes()).await?;
        writing.write(&head).await
    }

    /// Gives the body from this place on: what was held, and what is still to come.
    async fn rest(&self, mut ahead: Ahead<'_>, held: Option<Arc<Spooled>>, mut at: u64) -> io::Result<Next> {
        if let Some(held) = held {
            while let piece = held.read(at).await?
                && !piece.is_empty()
            {
                ahead.body.writing().chunk(&piece).await?;
                at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            }
        }
        while let Some(frame) = ahead.next().await {
            let frame = frame.map_err(io::Error::other)?;
            if let Some(piece) = frame.data_ref().filter(|piece| !piece.is_empty()) {
                ahead.body.writing().chunk(piece).await?;
            }
        }
        ahead.body.writing().chunk(&[]).await?;
        Ok(Next::Keep)
    }

    /// The block page, and the event that tells of it.
    async fn refuse(
        &self,
        judged: &Judged,
        refusal: &Verdict,
        (head, body): (&request::Parts, IcapBody<'_>),
    ) -> io::Result<Next> {
        let view = BlockView::of(refusal, &judged.ask.what.host);
        let page = blockpage::blocked(&view, &self.gate.links).page(shape_of(&head.headers));
        let visit = self.refused(judged, refusal, head);
        visit.moved.down.fetch_add(u64::try_from(page.body.len()).unwrap_or(0), Ordering::Relaxed);
        drop(visit);
        self.page(page, body).await
    }

    /// The event of a refusal, which is told when it is dropped.
    fn refused(&self, judged: &Judged, refusal: &Verdict, head: &request::Parts) -> Visit {
        let mut visit = self.gate.visit(&judged.ask, &judged.verdict, &head.method);
        visit.judged_anew(refusal);
        visit.answered(StatusCode::FORBIDDEN);
        visit
    }

    /// Gives a page of ours in the message's place.
    async fn page(&self, page: blockpage::Page, body: IcapBody<'_>) -> io::Result<Next> {
        let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::FORBIDDEN);
        let mut head =
            format!("HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or("Refused"));
        for (name, value) in &page.headers {
            // Writing to a text cannot fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\n\r\n", page.body.len());
        let answer = self.status_line("200 OK", &format!("res-hdr=0, res-body={}", head.len()));
        let writing = body.writing();
        writing.write(answer.as_bytes()).await?;
        writing.write(head.as_bytes()).await?;
        writing.chunk(page.body.as_bytes()).await?;
        writing.chunk(&[]).await?;
        body.drained().await
    }

    fn status_line(&self, status: &str, encapsulated: &str) -> String {
        let encapsulated = if encapsulated.is_empty() { "null-body=0" } else { encapsulated };
        format!("ICAP/1.0 {status}\r\nISTag: {}\r\nEncapsulated: {encapsulated}\r\n\r\n", istag(self.gate))
    }
}

async fn refuse(gate: &Gate, wire: &mut Wire, mistake: Mistake) -> io::Result<Next> {
    let status = mistake.status();
    let answer = format!(
        "ICAP/1.0 {status}\r\nISTag: {}\r\nConnection: close\r\nEncapsulated: null-body=0\r\n\r\n",
        istag(gate)
    );
    wire.writing.write(answer.as_bytes()).await?;
    Ok(Next::Close)
}

fn options(gate: &Gate, offered: IcapMethod) -> String {
    format!(
        "ICAP/1.0 200 OK\r\nMethods: {}\r\nService: Schoolgate\r\nISTag: {}\r\nEncapsulated: null-body=0\r\n\
         Max-Connections: {}\r\nOptions-TTL: {OPTIONS_TTL_S}\r\nAllow: 204\r\nPreview: {PREVIEW_BYTES}\r\n\
         Transfer-Preview: *\r\nX-Include: X-Client-IP, X-Authenticated-User\r\n\r\n",
        offered.name(),
        istag(gate),
        gate.dialer.limits.connections_per_client,
    )
}

/// Changes with the policy and the lists, so that no proxy answers from what it kept of before.
fn istag(gate: &Gate) -> String {
    let snapshot = gate.ports.snapshot.get();
    let (policy, lists) = (snapshot.policy().hash.as_str(), snapshot.image().revision());
    let start = |text: &str| text.chars().take(14).collect::<String>();
    format!("\"{}-{}\"", start(policy), start(lists))
}

/// For whom a proxy asks.
fn caller_of(gate: &Gate, caller: &Caller, question: &Question) -> Caller {
    let address = question.client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    let roster = gate.ports.roster.get();
    let named = question.user.as_deref();
    let named =
        named.map(|login| roster.person_by_login(login).map(|person| Known::lasting(person, KnownBy::Proxy)));
    caller.for_other(address, named)
}

/// A head in bytes again.
fn fields(start: &str, headers: &HeaderMap) -> Vec<u8> {
    let mut head = format!("{start}\r\n").into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// What a request is for, and the way it came to the other proxy.
fn target(request: &Request<()>) -> Option<(Target, Channel)> {
    let authority = authority_of(request)?;
    let host = Host::parse(authority.host()).ok()?;
    let is_tunnel = *request.method() == Method::CONNECT;
    let (how, usual) = match request.uri().scheme_str() {
        _ if is_tunnel => (Channel::Tunnel, 443),
        Some("https") => (Channel::Https, 443),
        Some("http") | None => (Channel::Http, 80),
        Some(_) => return None,
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let path = (!is_tunnel).then_some(path);
    Some((Target { host, port: Some(authority.port_u16().unwrap_or(usual)), path, record_type: None }, how))
}
