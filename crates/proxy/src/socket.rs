//! A client's connection: as the system gives it, with TLS to the proxy itself around it, or one stream of many within that.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustix::net::sockopt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use sync_wrapper::SyncWrapper;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that is silent for so long is asked whether its other side is still there, and again at these intervals;
/// it ends when so many go unanswered.
const ASKED_AFTER: Duration = Duration::from_secs(60);
const ASKED_AGAIN: Duration = Duration::from_secs(15);
const UNANSWERED: u32 = 4;

/// Has small pieces sent at once, without waiting for acknowledgements, and finds out when the other side has gone without a
/// word. A system that refuses either still works.
pub(crate) fn set_up(connection: &TcpStream) {
    let _ = connection.set_nodelay(true);
    let _ = sockopt::set_tcp_keepidle(connection, ASKED_AFTER);
    let _ = sockopt::set_tcp_keepintvl(connection, ASKED_AGAIN);
    let _ = sockopt::set_tcp_keepcnt(connection, UNANSWERED);
    let _ = sockopt::set_socket_keepalive(connection, true);
}

/// A client's connection.
pub(crate) enum ClientSocket {
    Plain(TcpStream),
    /// The client speaks TLS with the proxy; what is inside is what it would have said in the clear.
    Tls(Box<TlsStream<TcpStream>>),
    /// The client speaks HTTP/2 with the proxy over TLS; this is what one of its tunnels holds.
    /// (It is lent to one task at a time, which the type does not say of itself.)
    Stream(SyncWrapper<TokioIo<Upgraded>>),
}

impl AsyncRead for ClientSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Stream(stream) => Pin::new(stream.get_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for ClientSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Stream(stream) => Pin::new(stream.get_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Stream(stream) => Pin::new(stream.get_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            // What is inside can only be asked by whoever has it alone.
            Self::Stream(_) => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Stream(stream) => Pin::new(stream.get_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Stream(stream) => Pin::new(stream.get_mut()).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_other_side_is_asked_after_a_minute_of_silence() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        set_up(&connection);
        assert!(sockopt::socket_keepalive(&connection).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&connection).unwrap(), ASKED_AFTER);
        assert!(connection.nodelay().unwrap());
    }
}
