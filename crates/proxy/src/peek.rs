//! A bounded look ahead into a body, before its head goes further.
//!
//! Nothing but what is looked at is held, at most [`LOOK_AHEAD_BYTES`] and the piece that reaches it, and it is passed on
//! untouched. Whoever looks holds up the head until there is something to see, and not for long after that, so streams that
//! may say nothing for long are not looked into.

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The most bytes of a body that are shown to whoever looks ahead.
pub(crate) const LOOK_AHEAD_BYTES: usize = 4 * 1024;

/// Media types of streams: the first piece may come only after the other side has said more, or much later.
const STREAMS: [&str; 3] = ["application/grpc", "text/event-stream", "multipart/x-mixed-replace"];

/// Pieces that are taken in before the look is over, however small they are.
const MOST_PIECES: usize = 64;

/// How long a look may hold up a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until the first bytes come.
    pub(crate) first: Duration,
    /// From then on.
    pub(crate) more: Duration,
}

/// A body, of which the beginning may have been looked at.
pub(crate) struct Peeked {
    ahead: VecDeque<Result<Frame<Bytes>, hyper::Error>>,
    rest: Incoming,
}

impl Peeked {
    /// A body that nobody looked at yet.
    pub(crate) fn new(body: Incoming) -> Self {
        Self { ahead: VecDeque::new(), rest: body }
    }

    /// The first bytes of the body, as many as it takes until `wants_more` says that they are enough; empty where the body
    /// is, or is a stream; fewer where the time is up. `head` is the body's own, and tells where not to wait.
    pub(crate) async fn look_ahead(
        &mut self,
        head: &HeaderMap,
        patience: Patience,
        wants_more: impl Fn(&[u8]) -> bool,
    ) -> Vec<u8> {
        let mut seen = Vec::new();
        if is_stream(head) {
            return seen;
        }
        let mut until = Instant::now() + patience.first;
        while self.ahead.len() < MOST_PIECES && seen.len() < LOOK_AHEAD_BYTES && wants_more(&seen) {
            let Ok(Some(piece)) = timeout_at(until, self.rest.frame()).await else { break };
            if seen.is_empty() {
                until = Instant::now() + patience.more;
            }
            let bytes = piece.as_ref().ok().and_then(Frame::data_ref).cloned();
            self.ahead.push_back(piece);
            let Some(bytes) = bytes else { break };
            let room = LOOK_AHEAD_BYTES.saturating_sub(seen.len());
            seen.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
        }
        seen
    }

    /// True when the look took all of it in.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest.is_end_stream()
    }
}

/// A stream to be shown as it comes; what is to be saved is none, whatever it calls itself.
fn is_stream(head: &HeaderMap) -> bool {
    let kind = head.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_of_type = |stream: &str| {
        kind.get(..stream.len()).is_some_and(|start| start.eq_ignore_ascii_case(stream.as_bytes()))
    };
    !head.contains_key(CONTENT_DISPOSITION) && STREAMS.into_iter().any(is_of_type)
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.ahead.pop_front() {
            Some(piece) => Poll::Ready(Some(piece)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let pieces = self.ahead.iter().filter_map(|piece| piece.as_ref().ok()?.data_ref());
        let ahead = pieces.fold(0_u64, |sum, bytes| sum.saturating_add(length(bytes)));
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_by_their_type_and_nothing_else_is() {
        for (kind, expected) in [
            ("application/grpc+proto", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("text/html", false),
            ("application/octet-stream", false),
        ] {
            let mut head: HeaderMap = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            assert_eq!(is_stream(&head), expected, "{kind}");
            head.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
            assert!(!is_stream(&head), "{kind}");
        }
        assert!(!is_stream(&HeaderMap::new()));
    }
}
