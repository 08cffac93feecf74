//! Streams with something added: an end to idleness, bytes given back, larger pieces.

use crate::ca::timed_out;
use crate::scratch::with_scratch;
use crate::socket::ClientSocket;
use bytes::{Buf, Bytes};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A stream on which reading fails once nothing has moved in either direction for too long.
pub(crate) struct IdleStream<S> {
    stream: S,
    limit: Duration,
    last_moved: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<S> IdleStream<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, last_moved: Instant::now(), alarm: Box::pin(tokio::time::sleep(limit)) }
    }

    /// The alarm is only set anew when it rings, which is far rarer than a moving byte.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let due = self.last_moved + self.limit;
            if due <= Instant::now() {
                return Poll::Ready(timed_out("nothing moved for too long"));
            }
            self.alarm.as_mut().reset(due);
        }
    }

    fn note<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(moved) => {
                self.last_moved = Instant::now();
                Poll::Ready(moved)
            }
            Poll::Pending => self.poll_idle(cx).map(Err),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.note(cx, polled)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Writing through a stream of ours to the one within, unchanged.
macro_rules! write_through {
    ($outer:ident) => {
        impl<S: AsyncWrite + Unpin> AsyncWrite for $outer<S> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                self.stream.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.stream).poll_shutdown(cx)
            }
        }
    };
}

/// A stream that gives back bytes which were read before, and then goes on.
pub(crate) struct Replay<S> {
    first: Bytes,
    stream: S,
}

impl<S> Replay<S> {
    pub(crate) fn new(first: Bytes, stream: S) -> Self {
        Self { first, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replay<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let count = self.first.len().min(buf.remaining());
        buf.put_slice(self.first.get(..count).unwrap_or_default());
        self.first.advance(count);
        if self.first.is_empty() {
            // An empty piece would hold the whole buffer that it was cut from.
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

write_through!(Replay);

/// A stream that may be nothing but a TCP connection of which some bytes were read before.
pub(crate) trait MaybeTcp: Sized {
    /// Those bytes and the connection; the stream itself where something of ours, such as TLS, lies in between.
    fn into_tcp(self) -> Result<(Bytes, TcpStream), Self>;
}

impl MaybeTcp for ClientSocket {
    fn into_tcp(self) -> Result<(Bytes, TcpStream), Self> {
        match self {
            Self::Plain(stream) => Ok((Bytes::new(), stream)),
            Self::Tls(_) | Self::Stream(_) => Err(self),
        }
    }
}

impl<S: MaybeTcp> MaybeTcp for IdleStream<S> {
    fn into_tcp(self) -> Result<(Bytes, TcpStream), Self> {
        let Self { stream, limit, last_moved, alarm } = self;
        stream.into_tcp().map_err(|stream| Self { stream, limit, last_moved, alarm })
    }
}

impl<S: MaybeTcp> MaybeTcp for Replay<S> {
    fn into_tcp(self) -> Result<(Bytes, TcpStream), Self> {
        let Self { first, stream } = self;
        match stream.into_tcp() {
            Ok((then, stream)) if then.is_empty() => Ok((first, stream)),
            Ok((then, stream)) => Ok(([first, then].concat().into(), stream)),
            Err(stream) => Err(Self { first, stream }),
        }
    }
}

/// A stream that is read in large pieces, whatever small ones are asked of it: TLS asks for 4 KiB at a time. Only what
/// was read and not yet asked for is held.
pub(crate) struct ReadAhead<S> {
    stream: Replay<S>,
}

impl<S> ReadAhead<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Replay::new(Bytes::new(), stream) }
    }

    pub(crate) fn inner(&self) -> &S {
        &self.stream.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Replay { first, stream } = &mut self.stream;
        if !first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let read = with_scratch(|scratch| {
            let mut read = ReadBuf::new(scratch);
            ready!(Pin::new(stream).poll_read(cx, &mut read))?;
            let read = read.filled();
            let (now, then) = read.split_at_checked(buf.remaining()).unwrap_or((read, &[]));
            buf.put_slice(now);
            Poll::Ready(io::Result::Ok(Bytes::copy_from_slice(then)))
        });
        *first = ready!(read)?;
        Poll::Ready(Ok(()))
    }
}

write_through!(ReadAhead);

/// A stream that gives as much as is there at once, where TLS gives one record at a time: whoever passes it on between
/// tasks does so more rarely. An origin that closes without saying so in TLS has ended, as for browsers: what is short of
/// its announced length or its last chunk is broken all the same.
pub(crate) struct Eager<S> {
    stream: S,
    /// What went wrong after bytes that were good.
    failed: Option<io::Error>,
}

impl<S> Eager<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, failed: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Eager<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        let before = buf.filled().len();
        while buf.remaining() > 0 {
            let so_far = buf.filled().len();
            match Pin::new(&mut self.stream).poll_read(cx, buf) {
                Poll::Ready(Ok(())) if buf.filled().len() > so_far => {}
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Poll::Ready(Err(error)) if so_far > before => {
                    self.failed = Some(error);
                    break;
                }
                Poll::Pending if so_far > before => break,
                ended => return ended,
            }
        }
        Poll::Ready(Ok(()))
    }
}

write_through!(Eager);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn bytes_read_before_come_back_first() {
        let (mut far, near) = tokio::io::duplex(64);
        far.write_all(b"world").await.unwrap();
        drop(far);
        let mut text = String::new();
        Replay::new(Bytes::from_static(b"hello "), near).read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello world");
    }

    #[tokio::test]
    async fn large_pieces_are_read_and_small_ones_given() {
        let (mut far, near) = tokio::io::duplex(1024 * 1024);
        let sent: Vec<u8> = (0..300_000_u32).map(|i| (i % 251).to_le_bytes()[0]).collect();
        far.write_all(&sent).await.unwrap();
        drop(far);
        let mut near = Eager::new(ReadAhead::new(near));
        let mut arrived = vec![0; 4096];
        assert_eq!(near.read(&mut arrived).await.unwrap(), 4096);
        near.read_to_end(&mut arrived).await.unwrap();
        assert!(arrived == sent);
    }

    #[tokio::test]
    async fn a_bare_connection_comes_out_with_what_was_read_of_it() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let idle = IdleStream::new(ClientSocket::Plain(stream), Duration::from_secs(1));
        let replay = Replay::new(Bytes::from_static(b"a"), Replay::new(Bytes::from_static(b"b"), idle));
        assert!(matches!(replay.into_tcp(), Ok((first, _)) if &first[..] == b"ab"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_only_when_nothing_moved_in_either_direction() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = IdleStream::new(near, Duration::from_secs(10));
        for _ in 0..3 {
            tokio::time::advance(Duration::from_secs(8)).await;
            near.write_all(b"x").await.unwrap();
        }
        far.write_all(b"y").await.unwrap();
        assert_eq!(near.read_u8().await.unwrap(), b'y');
        let error = near.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
