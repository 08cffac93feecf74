//! The body that a question carries: in chunks, and where there is a preview, in two parts of which the second comes only
//! when it is asked for (RFC 3507, section 4.5).

use super::message::Question;
use super::wire::{Reading, Wire, Writing};
use super::{Next, PREVIEW_BYTES};
use crate::error::BodyFault;
use crate::scan::Source;
use bytes::Bytes;
use hyper::body::Frame;
use std::collections::VecDeque;
use std::io;
use tokio::io::AsyncRead;

/// A proxy's body that nobody wants is read to its end, up to so much, so that the connection can go on.
const MOST_DRAINED_BYTES: u64 = 1024 * 1024;
/// The longest preview that is taken, and the longest first piece where there is none.
const MOST_PREVIEW_BYTES: usize = 128 * 1024;
/// Fields after the last chunk that are read over.
const MOST_TRAILERS: usize = 100;

/// A body on its way in.
pub(super) struct IcapBody<'a> {
    wire: &'a mut Wire,
    chunks: Chunks,
}

/// How far a body in chunks was read.
pub(super) struct Chunks {
    place: Place,
    /// Of the chunk that is being read.
    left: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Preview,
    /// The preview is over, and there is more.
    AtPreview,
    Rest,
    Over,
    /// The preview was the whole.
    OverAtPreview,
}

impl Chunks {
    pub(super) fn of(question: &Question) -> Self {
        let place = match (question.parts.has_body, question.preview) {
            (false, _) => Place::Over,
            (true, Some(_)) => Place::Preview,
            (true, None) => Place::Rest,
        };
        Self { place, left: 0 }
    }

    /// The rest is on its way; true where it was waiting to be asked for.
    pub(super) fn goes_on(&mut self) -> bool {
        let waits = self.place == Place::AtPreview;
        if waits {
            self.place = Place::Rest;
        }
        waits
    }

    /// The next piece; `None` at the end of the preview or of the body.
    pub(super) async fn piece<R: AsyncRead + Unpin>(
        &mut self,
        reading: &mut Reading<R>,
    ) -> io::Result<Option<Bytes>> {
        if !matches!(self.place, Place::Preview | Place::Rest) {
            return Ok(None);
        }
        if self.left == 0 {
            let line = reading.line().await?;
            let (size, is_whole) = chunk_size(&line).ok_or(io::ErrorKind::InvalidData)?;
            if size == 0 {
                trailers(reading).await?;
                self.place = match (self.place, is_whole) {
                    (Place::Preview, false) => Place::AtPreview,
                    (Place::Preview, true) => Place::OverAtPreview,
                    _ => Place::Over,
                };
                return Ok(None);
            }
            self.left = size;
        }
        let piece = reading.some(self.left).await?;
        self.left = self.left.saturating_sub(u64::try_from(piece.len()).unwrap_or(self.left));
        if self.left == 0 && !reading.line().await?.is_empty() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(piece))
    }
}

async fn trailers<R: AsyncRead + Unpin>(reading: &mut Reading<R>) -> io::Result<()> {
    for _ in 0..MOST_TRAILERS {
        if reading.line().await?.is_empty() {
            return Ok(());
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

impl<'a> IcapBody<'a> {
    pub(super) fn new(wire: &'a mut Wire, question: &Question) -> Self {
        Self { wire, chunks: Chunks::of(question) }
    }

    /// The way out.
    pub(super) fn writing(&self) -> &Writing {
        &self.wire.writing
    }

    /// True while the other proxy waits to be told whether to send the rest.
    pub(super) fn is_at_preview(&self) -> bool {
        matches!(self.chunks.place, Place::AtPreview | Place::OverAtPreview)
    }

    /// Asks for what comes after the preview.
    pub(super) async fn ask_for_the_rest(&mut self) -> io::Result<()> {
        if self.chunks.goes_on() {
            self.wire.writing.write(b"ICAP/1.0 100 Continue\r\n\r\n").await?;
        }
        Ok(())
    }

    /// The next piece; `None` at the end of the preview or of the body.
    pub(super) async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        self.chunks.piece(&mut self.wire.reading).await
    }

    /// Reads over what nobody wants any more.
    pub(super) async fn drained(mut self) -> io::Result<Next> {
        let mut left = MOST_DRAINED_BYTES;
        while let Some(piece) = self.piece().await? {
            match left.checked_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX)) {
                Some(less) => left = less,
                None => return Ok(Next::Close),
            }
        }
        Ok(Next::Keep)
    }
}

/// A body whose first pieces were read.
pub(super) struct Ahead<'a> {
    pub(super) first: VecDeque<Bytes>,
    pub(super) body: IcapBody<'a>,
}

impl<'a> Ahead<'a> {
    /// Reads the preview, or about as much where there is none.
    pub(super) async fn read(mut body: IcapBody<'a>) -> io::Result<Self> {
        let mut first = VecDeque::new();
        let mut bytes = 0;
        while body.chunks.place == Place::Preview || bytes < PREVIEW_BYTES {
            let Some(piece) = body.piece().await? else { break };
            bytes = piece.len().saturating_add(bytes);
            // Whoever promises a preview without an end is asking for room that nobody has.
            if bytes > MOST_PREVIEW_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            first.push_back(piece);
        }
        Ok(Self { first, body })
    }

    /// What was read, in one piece.
    pub(super) fn seen(&self) -> Vec<u8> {
        self.first.iter().flatten().copied().collect()
    }

    /// True where there is nothing in the body.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_empty() && matches!(self.body.chunks.place, Place::Over | Place::OverAtPreview)
    }
}

impl Source for Ahead<'_> {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BodyFault>> {
        if let Some(piece) = self.first.pop_front() {
            return Some(Ok(Frame::data(piece)));
        }
        let piece = match self.body.ask_for_the_rest().await {
            Ok(()) => self.body.piece().await,
            Err(error) => Err(error),
        };
        match piece {
            Ok(piece) => piece.map(|piece| Ok(Frame::data(piece))),
            Err(_) => Some(Err(BodyFault::Ended)),
        }
    }
}

/// The size of a chunk, and whether the preview ends the body (`0; ieof`).
pub(crate) fn chunk_size(line: &[u8]) -> Option<(u64, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let (size, extension) = line.split_once(';').unwrap_or((line, ""));
    let size = size.trim();
    // A sign is no digit.
    let is_hex = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = u64::from_str_radix(size, 16).ok().filter(|_| is_hex)?;
    Some((size, extension.trim().eq_ignore_ascii_case("ieof")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_before_a_chunk_is_read() {
        for (line, expected) in [
            ("0", Some((0, false))),
            ("0; ieof", Some((0, true))),
            ("1aF", Some((0x1af, false))),
            ("4;name=value", Some((4, false))),
            ("+4", None),
            ("", None),
            ("fffffffffffffffff", None),
        ] {
            assert_eq!(chunk_size(line.as_bytes()), expected, "{line}");
        }
    }
}
