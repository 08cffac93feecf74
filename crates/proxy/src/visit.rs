//! One visit: a request or a tunnel, from its decision to the event that goes to history.
//!
//! The event is sent when the visit is dropped: after the last byte of the answer, or when either side has gone. So no
//! path through the proxy can forget it, and none can send it twice.

use crate::forward::Lease;
use crate::peek::Peeked;
use blockpage::Page;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use model::{AccessEvent, Channel, EventOutcome, EventSender, Verdict};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// A visit that goes on.
pub(crate) struct Visit {
    event: Option<AccessEvent>,
    events: EventSender,
    began: Instant,
    pub(crate) moved: Arc<Moved>,
}

/// What a visit has moved so far.
#[derive(Default)]
pub(crate) struct Moved {
    /// Bytes from the client.
    pub(crate) up: AtomicU64,
    /// Bytes to the client.
    pub(crate) down: AtomicU64,
}

impl Moved {
    /// Both directions together, to see whether anything moves.
    pub(crate) fn total(&self) -> u64 {
        self.up.load(Ordering::Relaxed).wrapping_add(self.down.load(Ordering::Relaxed))
    }
}

impl Visit {
    pub(crate) fn new(event: AccessEvent, events: EventSender) -> Self {
        Self { event: Some(event), events, began: Instant::now(), moved: Arc::default() }
    }

    /// The client was given this status.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        if let Some(event) = &mut self.event {
            event.status = Some(status.as_u16());
        }
    }

    /// It became something other than the verdict says.
    pub(crate) fn became(&mut self, outcome: EventOutcome) {
        if let Some(event) = &mut self.event {
            event.outcome = outcome;
        }
    }

    /// It was let through first, and refused once more of it was seen.
    pub(crate) fn judged_anew(&mut self, verdict: &Verdict) {
        if let Some(event) = &mut self.event {
            let reason = verdict.reason.clone();
            event.outcome = verdict.outcome.into();
            (event.layer, event.category) = (reason.layer, reason.category);
            (event.list, event.entry) = (reason.list, reason.entry);
        }
    }

    /// It was not worth an event: it is told by the requests inside it, or nothing was asked.
    pub(crate) fn forget(mut self) {
        self.event = None;
    }

    /// Answers with a page of ours.
    pub(crate) fn page(mut self, page: Page) -> Response<AnswerBody> {
        let mut response = page_answer(page);
        self.answered(response.status());
        response.body_mut().visit = Some(self);
        response
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(mut event) = self.event.take() else { return };
        event.bytes_up = self.moved.up.load(Ordering::Relaxed);
        event.bytes_down = self.moved.down.load(Ordering::Relaxed);
        event.took_ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
        let unanswered = event.status.is_none() && event.channel != Channel::Tunnel;
        if unanswered && event.outcome == EventOutcome::Allowed {
            event.outcome = EventOutcome::Failed;
        }
        self.events.send(event);
    }
}

/// An answer with a page of ours, which is no visit.
pub(crate) fn page_answer(page: Page) -> Response<AnswerBody> {
    let status = StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = Response::new(AnswerBody::bytes(Bytes::from(page.body)));
    *response.status_mut() = status;
    for (name, value) in page.headers {
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Takes the body of ours out of the answer to a HEAD, and leaves its length. HTTP/1.1 does this by itself; over HTTP/2 a
/// body here would break the stream (RFC 9110, section 9.3.2).
pub(crate) fn without_page(mut response: Response<AnswerBody>) -> Response<AnswerBody> {
    if let Content::Ours(page) = &mut response.body_mut().content {
        let length = page.size_hint().exact().unwrap_or(0);
        *page = Full::default();
        response.headers_mut().insert(http::header::CONTENT_LENGTH, length.into());
    }
    response
}

/// The body of an answer: counted as it flows, and the end of its visit.
pub(crate) struct AnswerBody {
    content: Content,
    visit: Option<Visit>,
    /// The connection to the origin; kept for the next exchange if the body ends as it should.
    lease: Option<Lease>,
}

enum Content {
    Ours(Full<Bytes>),
    Origin(Peeked),
}

impl AnswerBody {
    /// No body and no visit.
    pub(crate) fn empty() -> Self {
        Self::bytes(Bytes::new())
    }

    /// Bytes of ours that are no visit.
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self { content: Content::Ours(Full::new(bytes)), visit: None, lease: None }
    }

    /// An origin's body; the connection it comes over is given back after it.
    pub(crate) fn origin(body: Peeked, visit: Visit, lease: Lease) -> Self {
        Self { content: Content::Origin(body), visit: Some(visit), lease: Some(lease) }
    }

    fn end_lease(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.end();
        }
    }
}

impl Drop for AnswerBody {
    /// hyper does not ask again once the announced length has come.
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.end_lease();
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = match &mut self.content {
            Content::Ours(body) => ready!(Pin::new(body).poll_frame(cx))
                .map(|frame| frame.map_err(|never: Infallible| match never {})),
            Content::Origin(body) => ready!(Pin::new(body).poll_frame(cx)),
        };
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(bytes), Some(visit)) = (frame.data_ref(), &self.visit) {
                    count(&visit.moved.down, bytes);
                }
            }
            Some(Err(_)) => {
                if let Some(visit) = &mut self.visit {
                    visit.became(EventOutcome::Failed);
                }
            }
            None => {
                self.end_lease();
                self.visit = None;
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Ours(body) => body.is_end_stream(),
            Content::Origin(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Ours(body) => body.size_hint(),
            Content::Origin(body) => body.size_hint(),
        }
    }
}

/// The body of a request on its way to the origin, counted; or none.
#[derive(Default)]
pub(crate) struct AskBody {
    content: Option<(Peeked, Arc<Moved>)>,
}

impl AskBody {
    /// A client's body, counted in `moved`.
    pub(crate) fn new(body: Peeked, moved: Arc<Moved>) -> Self {
        Self { content: Some((body, moved)).filter(|(body, _)| !body.is_end_stream()) }
    }
}

impl Body for AskBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some((body, moved)) = &mut self.content else { return Poll::Ready(None) };
        let polled = ready!(Pin::new(body).poll_frame(cx));
        if let Some(bytes) = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            count(&moved.up, bytes);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(|(body, _)| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map_or_else(|| SizeHint::with_exact(0), |(body, _)| body.size_hint())
    }
}

fn count(counter: &AtomicU64, bytes: &Bytes) {
    counter.fetch_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
}
