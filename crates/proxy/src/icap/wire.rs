//! The bytes of an ICAP connection: heads, lines and pieces in, chunks out. Every wait and every length is bounded.
//!
//! Invariant: what is read does not depend on how the bytes were cut on their way.

use crate::config::Limits;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// The longest line before a chunk, with its end.
const MOST_LINE_BYTES: usize = 1_024;
/// Read at once, and the longest piece.
const PIECE_BYTES: usize = 64 * 1024;

/// A connection of another proxy.
pub(super) struct Wire {
    pub(super) reading: Reading<OwnedReadHalf>,
    pub(super) writing: Writing,
}

/// The way in.
pub(super) struct Reading<R> {
    stream: R,
    held: BytesMut,
    head_bytes: usize,
    patience: Duration,
}

/// The way out; shared by whoever answers and whoever asks for the rest of a body.
#[derive(Clone)]
pub(super) struct Writing {
    stream: Arc<Mutex<OwnedWriteHalf>>,
    patience: Duration,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, limits: &Limits) -> Self {
        let (reading, writing) = stream.into_split();
        Self {
            reading: Reading::new(reading, limits),
            writing: Writing { stream: Arc::new(Mutex::new(writing)), patience: limits.silence_timeout },
        }
    }
}

impl<R: AsyncRead + Unpin> Reading<R> {
    pub(super) fn new(stream: R, limits: &Limits) -> Self {
        let (head_bytes, patience) = (limits.head_bytes, limits.silence_timeout);
        Self { stream, held: BytesMut::new(), head_bytes, patience }
    }

    /// The next head with its empty line; `None` where the connection ends before one.
    pub(super) async fn head(&mut self) -> io::Result<Option<Bytes>> {
        let mut seen = 0;
        loop {
            let from = self.held.get(seen..).unwrap_or_default();
            let found = from.windows(4).position(|four| four == b"\r\n\r\n");
            let end = found.map(|at| at.saturating_add(seen).saturating_add(4));
            if end.unwrap_or_else(|| self.held.len().saturating_add(1)) > self.head_bytes {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if let Some(end) = end {
                return Ok(Some(self.held.split_to(end).freeze()));
            }
            seen = self.held.len().saturating_sub(3);
            if self.fill().await? == 0 {
                return if self.held.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Exactly so many bytes.
    pub(super) async fn exact(&mut self, count: usize) -> io::Result<Bytes> {
        while self.held.len() < count {
            self.more().await?;
        }
        Ok(self.held.split_to(count).freeze())
    }

    /// A line without its end.
    pub(super) async fn line(&mut self) -> io::Result<Bytes> {
        loop {
            let end = self.held.windows(2).position(|two| two == b"\r\n");
            let length = end.map_or(self.held.len().saturating_add(1), |end| end.saturating_add(2));
            if length > MOST_LINE_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if let Some(end) = end {
                let mut line = self.held.split_to(length);
                line.truncate(end);
                return Ok(line.freeze());
            }
            self.more().await?;
        }
    }

    /// Some bytes: at least one, and no more than these or than are read at once.
    pub(super) async fn some(&mut self, most: u64) -> io::Result<Bytes> {
        if self.held.is_empty() {
            self.more().await?;
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let count = most.min(self.held.len());
        Ok(self.held.split_to(count).freeze())
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.fill().await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.held.reserve(PIECE_BYTES);
        timeout(self.patience, self.stream.read_buf(&mut self.held)).await?
    }
}

impl Writing {
    /// A chunk, or the end of chunks where there is nothing in it.
    pub(super) async fn chunk(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return self.write(b"0\r\n\r\n").await;
        }
        let mut chunk = Vec::with_capacity(bytes.len().saturating_add(20));
        chunk.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.write(&chunk).await
    }

    pub(super) async fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream.lock().await;
        timeout(self.patience, stream.write_all(bytes)).await?
    }
}
