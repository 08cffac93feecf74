//! A bounded look ahead into a body, before its head goes further.
//!
//! Nothing is collected: what is looked at is what came first in one piece, and it is passed on untouched. Whoever looks
//! holds up the head until the first piece has come, so streams that may say nothing for long are not looked into.

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The most bytes of a body that are shown to whoever looks ahead.
pub(crate) const LOOK_AHEAD_BYTES: usize = 4 * 1024;

/// Media types of streams: the first piece may come only after the other side has said more, or much later.
const STREAMS: [&str; 3] = ["application/grpc", "text/event-stream", "multipart/x-mixed-replace"];

/// A body, of which the first piece may have been looked at.
pub(crate) struct Peeked {
    first: Option<Result<Frame<Bytes>, hyper::Error>>,
    rest: Incoming,
}

impl Peeked {
    /// A body that nobody looked at yet.
    pub(crate) fn new(body: Incoming) -> Self {
        Self { first: None, rest: body }
    }

    /// The first bytes of the body: as much of its first piece as may be looked at, empty where there is none. Waits for
    /// that piece; `head` is the body's own, and tells where not to wait.
    #[expect(dead_code, reason = "the rules on content, which look, come in a change of their own")]
    pub(crate) async fn first_bytes(&mut self, head: &HeaderMap) -> &[u8] {
        if self.first.is_none() && !self.rest.is_end_stream() && !is_stream(head) {
            self.first = self.rest.frame().await;
        }
        let piece = self.first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref());
        let piece: &[u8] = piece.map_or(&[], |bytes| bytes);
        piece.get(..LOOK_AHEAD_BYTES).unwrap_or(piece)
    }
}

fn is_stream(head: &HeaderMap) -> bool {
    let kind = head.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    STREAMS.iter().any(|stream| {
        kind.get(..stream.len()).is_some_and(|start| start.eq_ignore_ascii_case(stream.as_bytes()))
    })
}

impl Body for Peeked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let piece = self.first.as_ref().and_then(|first| first.as_ref().ok()?.data_ref());
        let ahead = piece.map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
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
            let head = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            assert_eq!(is_stream(&head), expected, "{kind}");
        }
        assert!(!is_stream(&HeaderMap::new()));
    }
}
