//! One visit: a request or a tunnel, from its decision to the event that goes to history.
//!
//! The event is sent when the visit is dropped: after the last byte of the answer, or when either side has gone. So no
//! path through the proxy can forget it, and none can send it twice.

use crate::error::BodyFault;
use crate::forward::Lease;
use crate::peek::Peeked;
use crate::rules::FirstBytes;
use crate::scan::{HeldBody, ScannedBody, UploadWatch};
use blockpage::Page;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use model::{AccessEvent, Channel, EventOutcome, EventSender, Share, Verdict};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
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

    /// It was decided for somebody else who carries it out, and who does not say what comes of it.
    pub(crate) fn handed_on(mut self) {
        if let Some(mut event) = self.event.take() {
            event.took_ms = u32::try_from(self.began.elapsed().as_millis()).unwrap_or(u32::MAX);
            self.events.send(event);
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
    /// Its place among the open requests.
    _share: Option<Share>,
    /// Looks at an origin's first bytes, where they tell what may not pass.
    watch: Option<Box<FirstBytes>>,
}

enum Content {
    Ours(Full<Bytes>),
    Origin(Peeked),
    /// A file that goes through the scanner.
    Scanned(ScannedBody),
}

impl AnswerBody {
    /// No body and no visit.
    pub(crate) fn empty() -> Self {
        Self::bytes(Bytes::new())
    }

    /// Bytes of ours that are no visit.
    pub(crate) fn bytes(bytes: Bytes) -> Self {
        Self { content: Content::Ours(Full::new(bytes)), visit: None, lease: None, _share: None, watch: None }
    }

    /// The same, with a place among the open requests that is free once this is gone.
    pub(crate) fn holding(mut self, share: Option<Share>) -> Self {
        self._share = share;
        self
    }

    /// An origin's body; the connection it comes over is given back after it.
    pub(crate) fn origin(body: Peeked, visit: Visit, lease: Lease) -> Self {
        Self {
            content: Content::Origin(body),
            visit: Some(visit),
            lease: Some(lease),
            _share: None,
            watch: None,
        }
    }

    /// The same, cut off where its first bytes show what may not pass.
    pub(crate) fn watched(mut self, watch: Option<Box<FirstBytes>>) -> Self {
        self.watch = watch;
        self
    }

    /// A file that goes through the scanner.
    pub(crate) fn scanned(body: ScannedBody, visit: Visit) -> Self {
        Self { content: Content::Scanned(body), visit: Some(visit), lease: None, _share: None, watch: None }
    }

    /// A file that was told of already.
    pub(crate) fn ours(body: ScannedBody) -> Self {
        Self { content: Content::Scanned(body), visit: None, lease: None, _share: None, watch: None }
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
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let mut said = None;
        let polled = match &mut self.content {
            Content::Ours(body) => ready!(Pin::new(body).poll_frame(cx))
                .map(|frame| frame.map_err(|never: Infallible| match never {})),
            Content::Origin(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(BodyFault::from));
                match self
                    .watch
                    .as_mut()
                    .zip(frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()))
                {
                    None => frame,
                    Some((watch, bytes)) => match watch.see(bytes) {
                        Ok(goes_on) => {
                            self.watch.take_if(|_| !goes_on);
                            frame
                        }
                        Err(refusal) => {
                            said = Some(refusal);
                            Some(Err(BodyFault::Refused))
                        }
                    },
                }
            }
            Content::Scanned(body) => {
                let (frame, note) = ready!(body.poll(cx));
                said = note;
                frame
            }
        };
        if let (Some(said), Some(visit)) = (said, &mut self.visit) {
            visit.judged_anew(&said);
        }
        match &polled {
            Some(Ok(frame)) => {
                if let (Some(bytes), Some(visit)) = (frame.data_ref(), &self.visit) {
                    count(&visit.moved.down, bytes);
                }
            }
            // What was refused is told as that.
            Some(Err(BodyFault::Refused)) => {}
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
            Content::Scanned(body) => body.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Ours(body) => body.size_hint(),
            Content::Origin(body) => body.size_hint(),
            Content::Scanned(body) => body.size_hint(),
        }
    }
}

/// The body of a request on its way to the origin, counted; or none.
#[derive(Default)]
pub(crate) struct AskBody {
    content: Option<Box<Asked>>,
}

struct Asked {
    content: AskContent,
    moved: Arc<Moved>,
    watch: Option<(UploadWatch, Stopped)>,
}

enum AskContent {
    Client(Peeked),
    Held(Box<HeldBody>),
    Short(ShortBody),
}

impl AskContent {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Client(body) => body.is_end_stream(),
            Self::Held(body) => body.is_end_stream(),
            Self::Short(body) => body.bytes.is_none() && body.trailers.is_none(),
        }
    }
}

/// A body that was taken in whole.
#[derive(Clone)]
pub(crate) struct ShortBody {
    pub(crate) bytes: Option<Bytes>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// Why a request was cut off on its way, once it was.
pub(crate) type Stopped = Arc<OnceLock<Box<Verdict>>>;

impl AskBody {
    /// A client's body, counted in `moved`, and looked at as it goes.
    pub(crate) fn watched(body: Peeked, moved: Arc<Moved>, watch: Option<UploadWatch>) -> Self {
        if body.is_end_stream() {
            return Self::default();
        }
        let watch = watch.map(|watch| (watch, Stopped::default()));
        Self { content: Some(Box::new(Asked { content: AskContent::Client(body), moved, watch })) }
    }

    /// A client's body that was held here.
    pub(crate) fn held(body: HeldBody, moved: Arc<Moved>) -> Self {
        if body.is_end_stream() {
            return Self::default();
        }
        Self {
            content: Some(Box::new(Asked { content: AskContent::Held(Box::new(body)), moved, watch: None })),
        }
    }

    /// A body that was taken in, and counted then.
    pub(crate) fn short(body: ShortBody) -> Self {
        let content = AskContent::Short(body);
        Self { content: Some(Box::new(Asked { content, moved: Arc::default(), watch: None })) }
    }

    /// Where it is said why the request was cut off, for a body that is looked at.
    pub(crate) fn stopped(&self) -> Option<Stopped> {
        let (_, stopped) = self.content.as_ref()?.watch.as_ref()?;
        Some(Arc::clone(stopped))
    }
}

impl Body for AskBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let Some(asked) = &mut self.content else { return Poll::Ready(None) };
        let polled = match &mut asked.content {
            AskContent::Client(body) => {
                ready!(Pin::new(body).poll_frame(cx)).map(|frame| frame.map_err(BodyFault::from))
            }
            AskContent::Held(body) => ready!(Pin::new(body.as_mut()).poll_frame(cx)),
            AskContent::Short(body) => {
                let data = body.bytes.take().map(Frame::data);
                data.or_else(|| body.trailers.take().map(Frame::trailers)).map(Ok)
            }
        };
        let bytes = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        if let Some(bytes) = bytes {
            count(&asked.moved.up, bytes);
        }
        if let Some((watch, stopped)) = &mut asked.watch {
            let seen = bytes.map_or(Ok(()), |bytes| watch.see(bytes));
            let ends = polled.is_none() || asked.content.is_end_stream();
            if let Err(refusal) = seen.and_then(|()| if ends { watch.end() } else { Ok(()) }) {
                // It is refused once; a later refusal would say no more.
                let _ = stopped.set(refusal);
                return Poll::Ready(Some(Err(BodyFault::Refused)));
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(|asked| asked.content.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map_or_else(
            || SizeHint::with_exact(0),
            |asked| match &asked.content {
                AskContent::Client(body) => body.size_hint(),
                AskContent::Held(body) => body.size_hint(),
                AskContent::Short(body) => {
                    SizeHint::with_exact(body.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
                }
            },
        )
    }
}

fn count(counter: &AtomicU64, bytes: &Bytes) {
    counter.fetch_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
}
