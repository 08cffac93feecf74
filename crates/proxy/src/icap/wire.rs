//! The bytes of an ICAP connection: heads, lines and pieces in, chunks out. Every wait and every length is bounded.

use crate::config::Limits;
use bytes::{Bytes, BytesMut};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest line before a chunk.
const MOST_LINE_BYTES: usize = 1_024;
/// Read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A connection of another proxy.
pub(super) struct Wire {
    stream: TcpStream,
    held: BytesMut,
    head_bytes: usize,
    patience: Duration,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, limits: &Limits) -> Self {
        Self { stream, held: BytesMut::new(), head_bytes: limits.head_bytes, patience: limits.idle_timeout }
    }

    /// The next head with its empty line; `None` where the connection ends before one.
    pub(super) async fn head(&mut self) -> io::Result<Option<Bytes>> {
        let mut seen = 0;
        loop {
            let from = self.held.get(seen..).unwrap_or_default();
            if let Some(end) = from.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Some(self.held.split_to(seen.saturating_add(end).saturating_add(4)).freeze()));
            }
            seen = self.held.len().saturating_sub(3);
            if self.held.len() > self.head_bytes {
                return Err(io::ErrorKind::InvalidData.into());
            }
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
            if let Some(end) = self.held.windows(2).position(|two| two == b"\r\n") {
                let mut line = self.held.split_to(end.saturating_add(2));
                line.truncate(end);
                return Ok(line.freeze());
            }
            if self.held.len() > MOST_LINE_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    /// Some bytes, at most so many and at least one.
    pub(super) async fn some(&mut self, most: u64) -> io::Result<Bytes> {
        if self.held.is_empty() {
            self.more().await?;
        }
        let count = usize::try_from(most).unwrap_or(usize::MAX).min(self.held.len());
        Ok(self.held.split_to(count).freeze())
    }

    /// A chunk, or the end of chunks where there is nothing in it.
    pub(super) async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return self.write(b"0\r\n\r\n").await;
        }
        let mut chunk = Vec::with_capacity(bytes.len().saturating_add(20));
        chunk.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.write(&chunk).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(self.patience, self.stream.write_all(bytes)).await?
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.fill().await? == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.held.reserve(PIECE_BYTES);
        timeout(self.patience, self.stream.read_buf(&mut self.held)).await?
    }
}
