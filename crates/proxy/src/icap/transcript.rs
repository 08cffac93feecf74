//! What the reader of ICAP makes of a connection's bytes, for the fuzzer and for the property that it does not matter how the
//! bytes are cut on their way.

use super::chunks::Chunks;
use super::message::{IcapMethod, Question};
use super::wire::Reading;
use crate::config::Limits;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Reads a connection whose bytes come in pieces of at most this length, as the server does: each question, what came with it,
/// and where it ended. Every body is asked for to its end.
pub async fn transcript(bytes: &[u8], piece: usize) -> Vec<String> {
    let mut reading = Reading::new(Pieces { bytes, most: piece.max(1) }, &Limits::default());
    let mut all = Vec::new();
    while let Ok(Some(head)) = reading.head().await {
        let question = match Question::read(&head) {
            Ok(question) => question,
            Err(mistake) => {
                all.push(mistake.status().to_owned());
                break;
            }
        };
        all.push(format!("{question:?}"));
        if question.method == IcapMethod::Options {
            continue;
        }
        let heads = reading.exact(question.parts.heads).await;
        let Ok(Ok((request, response))) = heads.map(|heads| question.parts.read(&heads)) else { break };
        all.push(format!("{} {:?}", request.uri, response.map(|response| response.status)));
        let (mut chunks, mut body) = (Chunks::of(&question), Vec::new());
        let ended = loop {
            match chunks.piece(&mut reading).await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) if chunks.goes_on() => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        // How much of a broken body was had does depend on how it came.
        if !ended {
            all.push("broken".to_owned());
            break;
        }
        all.push(format!("{body:?}"));
    }
    all
}

/// Bytes that come in pieces.
struct Pieces<'a> {
    bytes: &'a [u8],
    most: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let count = self.most.min(room.remaining()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at_checked(count).unwrap_or((self.bytes, &[]));
        room.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUESTIONS: &str = "OPTIONS icap://x/request ICAP/1.0\r\n\r\n\
        REQMOD icap://x/request ICAP/1.0\r\nPreview: 4\r\nEncapsulated: req-hdr=0, req-body=33\r\n\r\n\
        POST http://a.test/b HTTP/1.1\r\n\r\n4\r\nsome\r\n0\r\n\r\n6;x\r\n words\r\n0\r\nSum: 1\r\n\r\n\
        REQMOD icap://x/request ICAP/1.0\r\nPreview: 9\r\nEncapsulated: req-hdr=0, req-body=33\r\n\r\n\
        POST http://a.test/b HTTP/1.1\r\n\r\n4\r\nmore\r\n0; ieof\r\n\r\n";

    fn read(bytes: &[u8], piece: usize) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(transcript(bytes, piece))
    }

    #[test]
    fn questions_are_read_one_after_the_other_with_their_bodies() {
        let said = read(QUESTIONS.as_bytes(), QUESTIONS.len());
        assert_eq!(said.len(), 7, "{said:?}");
        assert!(said[3] == format!("{:?}", b"some words") && said[6] == format!("{:?}", b"more"), "{said:?}");
    }

    proptest! {
        #[test]
        fn bytes_are_read_alike_however_they_are_cut(
            piece in 1_usize..90,
            at in 0..QUESTIONS.len(),
            with in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut bytes = QUESTIONS.as_bytes().to_vec();
            let until = (at + with.len()).min(bytes.len());
            bytes.splice(at..until, with);
            prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len()));
        }
    }
}
