//! An origin over TLS and HTTP/1.1 that does one of the things origins should not do, as the path asks: `GET /short?soak-N`.
//!
//! A connection goes on after an answer where its fault lets it, so that a client which takes it up again meets what was
//! left on it.

use crate::TestError;
use crate::busy_origin::{body_of, number_in};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long the body is that an answer promises.
pub const PROMISED_BYTES: usize = 40_000;
/// How much of it comes where not all does.
pub const SENT_BYTES: usize = 20_000;
/// A stalled connection ends at last, whatever its client does.
const STALL: Duration = Duration::from_secs(120);
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// What an origin does that it should not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OriginFault {
    /// The connection is reset in the middle of the body.
    Reset,
    /// It is closed in good order in the middle of the body.
    Short,
    /// More comes than was said, and the connection stays.
    Long,
    /// Nothing more comes in the middle of the body.
    Stall,
    /// It closes its own direction after a whole answer, and keeps the other.
    HalfClose,
    /// What comes is no HTTP.
    Garbage,
    /// A chunk has no length that can be read.
    BadChunk,
    /// It closes without an answer.
    Silent,
}

impl OriginFault {
    /// Every fault.
    pub const ALL: [OriginFault; 8] = [
        Self::Reset,
        Self::Short,
        Self::Long,
        Self::Stall,
        Self::HalfClose,
        Self::Garbage,
        Self::BadChunk,
        Self::Silent,
    ];

    /// The path that asks for it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Reset => "/reset",
            Self::Short => "/short",
            Self::Long => "/long",
            Self::Stall => "/stall",
            Self::HalfClose => "/half-close",
            Self::Garbage => "/garbage",
            Self::BadChunk => "/bad-chunk",
            Self::Silent => "/silent",
        }
    }
}

/// The origin, running. When it is dropped its connections end with it.
#[derive(Debug)]
pub struct FaultyOrigin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl FaultyOrigin {
    /// Starts on a free port of loopback; `tls` should offer HTTP/1.1 alone.
    pub async fn start(tls: Arc<ServerConfig>) -> Result<Self, TestError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(tls)));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for FaultyOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        connections.spawn(async move {
            // Clients go away as they like; what they found is what the test looks at.
            if let Ok(stream) = tls.accept(stream).await {
                drop(serve(stream).await);
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TlsStream<TcpStream>) -> io::Result<()> {
    loop {
        let head = head(&mut stream).await?;
        let target = head.split_whitespace().nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let fault = OriginFault::ALL.into_iter().find(|fault| fault.path() == path);
        let (Some(fault), Some(number)) = (fault, number_in(target)) else {
            return stream
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
        };
        if answer(&mut stream, fault, number).await? == Then::Over {
            return Ok(());
        }
    }
}

/// What becomes of the connection.
#[derive(PartialEq, Eq)]
enum Then {
    On,
    Over,
}

async fn answer(stream: &mut TlsStream<TcpStream>, fault: OriginFault, number: u64) -> io::Result<Then> {
    let whole = body_of(number, PROMISED_BYTES);
    let part = whole.slice(..SENT_BYTES);
    let said =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {PROMISED_BYTES}\r\n\r\n");
    let send = async |stream: &mut TlsStream<TcpStream>, head: &str, body: &[u8]| {
        stream.write_all(&[head.as_bytes(), body].concat()).await?;
        stream.flush().await
    };
    match fault {
        OriginFault::Reset => {
            send(stream, &said, &part).await?;
            stream.get_ref().0.set_zero_linger()?;
        }
        OriginFault::Short => {
            send(stream, &said, &part).await?;
            stream.shutdown().await?;
        }
        OriginFault::Long => {
            send(stream, &said, &[&whole[..], b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong"].concat())
                .await?;
            return Ok(Then::On);
        }
        OriginFault::Stall => {
            send(stream, &said, &part).await?;
            gone(stream).await;
        }
        OriginFault::HalfClose => {
            send(stream, &said, &whole).await?;
            stream.shutdown().await?;
            gone(stream).await;
        }
        OriginFault::Garbage => send(stream, "220 mail.test ready\r\n\r\n", &part).await?,
        OriginFault::BadChunk => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = [format!("{SENT_BYTES:x}\r\n").as_bytes(), &part, b"\r\nso many\r\n"].concat();
            send(stream, head, &chunk).await?;
            gone(stream).await;
        }
        OriginFault::Silent => stream.shutdown().await?,
    }
    Ok(Then::Over)
}

/// Waits until the client has gone.
async fn gone(stream: &mut TlsStream<TcpStream>) {
    let mut rest = [0; 1024];
    let until_then = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    // One that never goes is left.
    drop(timeout(STALL, until_then).await);
}

/// A request's head; requests here have no bodies.
async fn head(stream: &mut TlsStream<TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MOST_HEAD_BYTES {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
