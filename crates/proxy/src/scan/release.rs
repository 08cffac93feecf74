//! Giving a file that is held to whoever asked for it: at once, drop by drop while it is scanned, or by a page that shows
//! how far it is.

use super::hold::{End, Hold, Taken, take};
use super::progress::{Asked, Ready};
use super::spool::{Arrived, FIRST_BYTES, Spooled};
use super::{Case, Finding, ScanDesk, ScanFault};
use crate::error::BodyFault;
use crate::forward::Lease;
use crate::inner::{Inner, origin_fault, refused};
use crate::peek::Peeked;
use crate::visit::{AnswerBody, Visit};
use blockpage::{OriginFault, Shape};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, ETAG, HeaderMap, LAST_MODIFIED};
use http::{Response, StatusCode, response};
use hyper::body::{Body, Frame, SizeHint};
use model::{EventOutcome, Verdict};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep, timeout};

/// A drop, and how often one falls: enough for no program to give up, and too little for anything to be made of it.
const DROP_BYTES: usize = 512;
pub(crate) const DROP_EVERY: Duration = Duration::from_secs(1);
/// Of what has come, so much stays here whatever falls.
const HELD_BACK_BYTES: u64 = 64 * 1024;

/// A file that an origin sends.
pub(crate) struct Fetched {
    pub(crate) head: response::Parts,
    pub(crate) body: Peeked,
    pub(crate) visit: Visit,
    pub(crate) lease: Lease,
    pub(crate) shape: Shape,
}

/// A file and the connection that it comes over.
pub(crate) struct Coming {
    body: Peeked,
    lease: Option<Lease>,
}

impl super::Source for Coming {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BodyFault>> {
        let frame = self.body.next().await;
        if let (None, Some(lease)) = (&frame, self.lease.take()) {
            lease.end();
        }
        frame
    }
}

/// A file that is being taken in.
pub(super) type Taking = Pin<Box<dyn Future<Output = Taken<Coming>> + Send>>;

/// The answer for a file that is scanned first.
pub(crate) async fn download(
    inner: &Arc<Inner>,
    desk: &Arc<ScanDesk>,
    asked: &Asked,
    (case, fetched): (Case, Fetched),
) -> Response<AnswerBody> {
    let Fetched { head, body, mut visit, lease, shape } = fetched;
    let hold = match begin(desk, &case, &head).await {
        Begun::Hold(hold) => *hold,
        Begun::Settled(Err(refusal)) => return refused(inner, visit, &refusal, shape),
        Begun::Settled(Ok(note)) => {
            note.iter().for_each(|note| visit.judged_anew(note));
            return Response::from_parts(head, AnswerBody::origin(body, visit, lease));
        }
    };
    let arrived = hold.arrived();
    let mut taking: Taking = Box::pin(take(Coming { body, lease: Some(lease) }, hold));
    if let Ok(taken) = timeout(desk.patience, taking.as_mut()).await {
        return release(inner, desk, (case, head, taken), (visit, shape));
    }
    if asked.by_link
        && let Some(place) = desk.waiting().place(inner, &asked.name)
    {
        return place.show(inner, desk, (case, head, taking), (visit, arrived));
    }
    let desk = Arc::clone(desk);
    trickle(head, visit, ScannedBody::Coming(Box::new(Trickle::new(desk, case, (taking, arrived)))))
}

/// A file that is to be held, or of which it is known already what becomes of it.
pub(crate) enum Begun {
    Hold(Box<Hold>),
    /// A note for history, or the verdict that refuses it.
    Settled(Result<Option<Box<Verdict>>, Box<Verdict>>),
}

/// Begins to hold the file that an answer with this head brings.
pub(crate) async fn begin(desk: &ScanDesk, case: &Case, head: &response::Parts) -> Begun {
    let scanned = match case.what.as_ref().and_then(|what| desk.known_infected(what, case.at)) {
        Some(name) => Ok(Finding::Infected(name)),
        None if is_part(head) => Err(ScanFault::Part),
        None => match Hold::begin(desk, case, &head.headers).await {
            Ok(hold) => return Begun::Hold(Box::new(hold)),
            Err(fault) => Err(fault),
        },
    };
    Begun::Settled(desk.settle(case, &scanned))
}

/// True for an answer that is less than the file: `Content-Range` says `bytes 0-9/10` of a whole one.
fn is_part(head: &response::Parts) -> bool {
    let range = head.headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let whole = || {
        let (range, length) = range.trim().strip_prefix("bytes 0-")?.split_once('/')?;
        let (last, length): (u64, u64) = (range.parse().ok()?, length.parse().ok()?);
        Some(last.checked_add(1) == Some(length))
    };
    head.status == StatusCode::PARTIAL_CONTENT && whole() != Some(true)
}

/// A file that was taken in before anybody lost patience.
fn release(
    inner: &Inner,
    desk: &ScanDesk,
    (case, head, taken): (Case, response::Parts, Taken<Coming>),
    (mut visit, shape): (Visit, Shape),
) -> Response<AnswerBody> {
    match settled(desk, &case, taken) {
        Settled::Given(body, note) => {
            note.iter().for_each(|note| visit.judged_anew(note));
            Response::from_parts(head, AnswerBody::scanned(ScannedBody::Given(body), visit))
        }
        Settled::Refused(refusal) => refused(inner, visit, &refusal, shape),
        Settled::Broke(_) => {
            let (notice, outcome) = origin_fault(inner, OriginFault::BrokeOff, &case.verdict);
            visit.became(outcome);
            visit.page(notice.page(shape))
        }
    }
}

/// The head goes at once, without what a client would need to ask for the rest after it was cut off.
fn trickle(mut head: response::Parts, visit: Visit, body: ScannedBody) -> Response<AnswerBody> {
    forget_validators(&mut head.headers);
    Response::from_parts(head, AnswerBody::scanned(body, visit))
}

/// Takes out what a client needs to ask for the rest of a file that was cut off.
pub(crate) fn forget_validators(headers: &mut HeaderMap) {
    for name in [ACCEPT_RANGES, ETAG, LAST_MODIFIED] {
        headers.remove(name);
    }
}

/// What becomes of a file that was taken in.
pub(super) enum Settled {
    Given(Box<HeldBody>, Option<Box<Verdict>>),
    Refused(Box<Verdict>),
    Broke(BodyFault),
}

pub(super) fn settled(desk: &ScanDesk, case: &Case, taken: Taken<Coming>) -> Settled {
    let Taken { spooled, trailers, source, is_whole, end } = taken;
    let rest = (!is_whole).then_some(source);
    match end {
        End::Broke(fault) => Settled::Broke(fault),
        End::Refused(refusal) => Settled::Refused(refusal),
        End::Scanned(scanned) => match desk.settle(case, &scanned) {
            Ok(note) => Settled::Given(
                Box::new(HeldBody { spooled, at: 0, reading: None, rest, trailers, given: None }),
                note,
            ),
            Err(refusal) => Settled::Refused(refusal),
        },
    }
}

/// The body of a file that is scanned.
pub(crate) enum ScannedBody {
    /// It is being scanned, and falls drop by drop.
    Coming(Box<Trickle>),
    /// It may be had.
    Given(Box<HeldBody>),
    /// It ended early.
    Over,
}

/// A frame, a fault, or the end.
type NextFrame = Option<Result<Frame<Bytes>, BodyFault>>;

impl ScannedBody {
    /// The next frame, and a note for history where there is one.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(NextFrame, Option<Box<Verdict>>)> {
        let mut said = None;
        if let Self::Coming(trickle) = self {
            match ready!(trickle.poll(cx)) {
                Fallen::Drop(bytes) => return Poll::Ready((Some(Ok(Frame::data(bytes))), None)),
                Fallen::Settled(Settled::Given(mut body, note)) => {
                    body.at = trickle.drops.given();
                    *self = Self::Given(body);
                    said = note;
                }
                Fallen::Settled(Settled::Refused(refusal)) => {
                    *self = Self::Over;
                    return Poll::Ready((Some(Err(BodyFault::Refused)), Some(refusal)));
                }
                Fallen::Settled(Settled::Broke(fault)) => {
                    *self = Self::Over;
                    return Poll::Ready((Some(Err(fault)), None));
                }
            }
        }
        match self {
            Self::Given(body) => match Pin::new(body.as_mut()).poll_frame(cx) {
                Poll::Ready(frame) => Poll::Ready((frame, said)),
                // Reading begins on its first poll and wakes by itself; the note must not be lost meanwhile.
                Poll::Pending if said.is_some() => Poll::Ready((Some(Ok(Frame::data(Bytes::new()))), said)),
                Poll::Pending => Poll::Pending,
            },
            Self::Coming(_) | Self::Over => Poll::Ready((None, None)),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Coming(_) => false,
            Self::Given(body) => body.is_end_stream(),
            Self::Over => true,
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Given(body) => body.size_hint(),
            Self::Coming(_) | Self::Over => SizeHint::default(),
        }
    }
}

/// A file that falls drop by drop while it is scanned.
pub(crate) struct Trickle {
    desk: Arc<ScanDesk>,
    case: Case,
    taking: Taking,
    drops: Drops,
    next: Pin<Box<Sleep>>,
}

enum Fallen {
    Drop(Bytes),
    Settled(Settled),
}

impl Trickle {
    fn new(desk: Arc<ScanDesk>, case: Case, (taking, arrived): (Taking, Arc<Arrived>)) -> Self {
        let drops = Drops { arrived, given: 0 };
        Self { desk, case, taking, drops, next: Box::pin(sleep(Duration::ZERO)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Fallen> {
        if let Poll::Ready(taken) = self.taking.as_mut().poll(cx) {
            return Poll::Ready(Fallen::Settled(settled(&self.desk, &self.case, taken)));
        }
        loop {
            ready!(self.next.as_mut().poll(cx));
            self.next.set(sleep(DROP_EVERY));
            if let Some(piece) = self.drops.fall() {
                return Poll::Ready(Fallen::Drop(piece));
            }
        }
    }
}

/// What has fallen of a file that is being scanned.
pub(crate) struct Drops {
    arrived: Arc<Arrived>,
    given: usize,
}

impl Drops {
    /// Of a file that is to be held.
    pub(crate) fn of(hold: &Hold) -> Self {
        Self { arrived: hold.arrived(), given: 0 }
    }

    /// How many bytes.
    pub(crate) fn given(&self) -> u64 {
        u64::try_from(self.given).unwrap_or(u64::MAX)
    }

    /// The next drop; `None` where no more may fall yet.
    pub(crate) fn fall(&mut self) -> Option<Bytes> {
        let most = self.arrived.bytes().saturating_sub(HELD_BACK_BYTES);
        let most = usize::try_from(most).unwrap_or(FIRST_BYTES).min(FIRST_BYTES);
        let until = self.given.saturating_add(DROP_BYTES).min(most);
        let piece = self.arrived.piece(self.given, until)?;
        self.given = self.given.saturating_add(piece.len());
        Some(piece)
    }
}

/// A file that is held, and what had not come of it yet when it was given free.
pub(crate) struct HeldBody {
    spooled: Arc<Spooled>,
    at: u64,
    reading: Option<Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>>,
    rest: Option<Coming>,
    trailers: Option<HeaderMap>,
    /// Told when all that is held was given.
    given: Option<Arc<Notify>>,
}

impl HeldBody {
    /// A file that is whole.
    pub(super) fn whole(spooled: Arc<Spooled>, trailers: Option<HeaderMap>) -> Self {
        Self { spooled, at: 0, reading: None, rest: None, trailers, given: None }
    }

    /// The same, which tells when it was given.
    pub(super) fn telling(self, given: Arc<Notify>) -> Self {
        Self { given: Some(given), ..self }
    }

    /// One of which the rest is still coming from a client.
    pub(super) fn with_rest(
        spooled: Arc<Spooled>,
        trailers: Option<HeaderMap>,
        rest: Option<Peeked>,
    ) -> Self {
        let rest = rest.map(|body| Coming { body, lease: None });
        Self { rest, ..Self::whole(spooled, trailers) }
    }

    /// What the body of a file that may be had comes to, for those who take it more than once; `None` where it is not whole,
    /// since a file cut short looks like the file.
    pub(super) fn ready(self, head: response::Parts) -> Option<Ready> {
        let is_whole = self.rest.is_none_or(|rest| rest.body.is_end_stream());
        is_whole.then_some(Ready { head, spooled: self.spooled, trailers: self.trailers })
    }
}

impl Body for HeldBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        if this.at < this.spooled.bytes() {
            let (spooled, at) = (Arc::clone(&this.spooled), this.at);
            let reading = this.reading.get_or_insert_with(|| Box::pin(async move { spooled.read(at).await }));
            let read = ready!(reading.as_mut().poll(cx));
            this.reading = None;
            return Poll::Ready(Some(match read {
                Ok(piece) if piece.is_empty() => Err(BodyFault::Held(io::ErrorKind::UnexpectedEof.into())),
                Ok(piece) => {
                    this.at = this.at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
                    if this.at >= this.spooled.bytes()
                        && let Some(given) = this.given.take()
                    {
                        given.notify_one();
                    }
                    Ok(Frame::data(piece))
                }
                Err(error) => Err(BodyFault::Held(error)),
            }));
        }
        let Some(rest) = &mut this.rest else {
            return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let frame = ready!(Pin::new(&mut rest.body).poll_frame(cx));
        if let (None, Some(lease)) = (&frame, rest.lease.take()) {
            lease.end();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyFault::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.at >= self.spooled.bytes()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let here = self.spooled.bytes().saturating_sub(self.at);
        match &self.rest {
            None if self.trailers.is_none() => SizeHint::with_exact(here),
            _ => SizeHint::default(),
        }
    }
}

/// History's note of a file that was shown to be on its way: given, refused, or broken off.
pub(super) fn note(visit: &mut Visit, settled: &Settled) {
    match settled {
        Settled::Given(_, note) => note.iter().for_each(|note| visit.judged_anew(note)),
        Settled::Refused(refusal) => {
            visit.judged_anew(refusal);
            visit.answered(StatusCode::FORBIDDEN);
        }
        Settled::Broke(_) => visit.became(EventOutcome::Failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_from_a_whole_file_that_was_asked_for_as_a_part() {
        for (range, expected) in [
            ("bytes 0-9/10", false),
            ("bytes 0-8/10", true),
            ("bytes 1-9/10", true),
            ("bytes 0-9/*", true),
            ("", true),
        ] {
            let answer = Response::builder().status(206).header(CONTENT_RANGE, range).body(()).unwrap();
            assert_eq!(is_part(&answer.into_parts().0), expected, "{range}");
        }
    }
}
