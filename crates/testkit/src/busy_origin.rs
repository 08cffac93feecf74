//! An origin whose answers can be told right from wrong: what it sends and what it is sent follows from the request's
//! own address, `?soak-NUMBER`. It speaks HTTP/1.1 and HTTP/2, as its TLS offers them.
//!
//! | asked | answered |
//! | --- | --- |
//! | `GET /bytes/LENGTH?soak-N` | the first LENGTH bytes of body N; chunked where LENGTH is odd |
//! | `POST /take/LENGTH?soak-N` | `right` where body N came, else what came |
//! | `GET /echo?soak-N` | a WebSocket that echoes |
//!
//! When it is dropped its connections end with it.

use crate::TestError;
use crate::origin::echo;
use crate::seeded::Seeded;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What bodies are cut from; a prime, so that no boundary of a buffer falls on its repetition.
const BLOCK_BYTES: usize = 65_521;
/// The largest piece of a body that is sent at once.
const PIECE_BYTES: usize = 16 * 1024;
/// The longest body that is asked for.
const MOST_BYTES: usize = 64 << 20;

/// Body `number`, cut to this length: letters alone, so that no kind of file is seen in it.
pub fn body_of(number: u64, length: usize) -> Bytes {
    static BLOCK: OnceLock<Vec<u8>> = OnceLock::new();
    let block = BLOCK.get_or_init(|| {
        let mut seeded = Seeded::new(7);
        (0..BLOCK_BYTES)
            .filter_map(|_| u8::try_from(seeded.below(26)).ok())
            .map(|letter| b'a' + letter)
            .collect()
    });
    let offset = usize::try_from(number.wrapping_mul(7_919) % BLOCK_BYTES as u64).unwrap_or(0);
    let body = block.iter().skip(offset).chain(block.iter().cycle());
    body.take(length).copied().collect::<Vec<u8>>().into()
}

/// The number in `soak-NUMBER`, wherever it stands.
pub fn number_in(text: &str) -> Option<u64> {
    let after = text.split_once("soak-")?.1;
    let digits = after.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(after.len());
    after.get(..digits)?.parse().ok()
}

/// A body in pieces, with its length said or not.
#[derive(Debug)]
pub struct Pieces {
    left: Bytes,
    length: Length,
}

/// Whether a body's length is said before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// `Content-Length`.
    Said,
    /// Chunked, or by the end of the stream.
    Unsaid,
}

impl Pieces {
    /// This body, in pieces.
    pub fn of(body: Bytes, length: Length) -> Self {
        Self { left: body, length }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = self.left.len().min(PIECE_BYTES);
        if length == 0 {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(self.left.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Length::Said => SizeHint::with_exact(self.left.len() as u64),
            Length::Unsaid => SizeHint::new(),
        }
    }
}

/// The origin, running.
#[derive(Debug)]
pub struct BusyOrigin {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl BusyOrigin {
    /// Starts on a free port of loopback: over TLS, or in plain HTTP.
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> Result<Self, TestError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, tls.map(TlsAcceptor::from)));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for BusyOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, tls.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>) {
    let builder = auto::Builder::new(TokioExecutor::new());
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request).await));
    // A client that goes away in the middle is no failure of the test.
    match tls {
        None => drop(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await),
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                drop(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await);
            }
        }
    }
}

type AnswerBody = BoxBody<Bytes, Infallible>;

async fn answer(mut request: Request<Incoming>) -> Response<AnswerBody> {
    let path = request.uri().path().to_owned();
    let number = request.uri().query().and_then(number_in);
    let mut parts = path.trim_start_matches('/').split('/');
    let (kind, length) = (parts.next().unwrap_or_default(), parts.next().and_then(|text| text.parse().ok()));
    match (kind, number, length) {
        ("echo", Some(_), _) => echo(&mut request).map(Full::boxed),
        ("bytes", Some(number), Some(length)) if length <= MOST_BYTES => {
            let said = if length % 2 == 0 { Length::Said } else { Length::Unsaid };
            text(StatusCode::OK, Pieces::of(body_of(number, length), said).boxed())
        }
        ("take", Some(number), Some(length)) if length <= MOST_BYTES => {
            let came = request.into_body().collect().await.map(|body| body.to_bytes());
            let words = match came {
                Ok(came) if came == body_of(number, length) => "right".to_owned(),
                Ok(came) => format!("expected {length} bytes of body {number}, found {} others", came.len()),
                Err(error) => format!("expected {length} bytes of body {number}, found: {error}"),
            };
            text(StatusCode::OK, Full::from(words).boxed())
        }
        _ => text(StatusCode::NOT_FOUND, Full::default().boxed()),
    }
}

fn text(status: StatusCode, body: AnswerBody) -> Response<AnswerBody> {
    let response = Response::builder().status(status).header("content-type", "text/plain").body(body);
    response.unwrap_or_else(|_| Response::new(Full::default().boxed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_differ_by_their_number_and_a_shorter_one_begins_a_longer_one() {
        let (short, long) = (body_of(3, 1_000), body_of(3, 200_000));
        assert_eq!(short, long.slice(..1_000));
        assert_ne!(short, body_of(4, 1_000));
        assert_eq!((body_of(3, 0).len(), long.len()), (0, 200_000));
    }

    #[test]
    fn a_number_is_found_wherever_it_stands() {
        assert_eq!(number_in("/bytes/7?soak-12,allowed"), Some(12));
        assert_eq!((number_in("soak-"), number_in("/bytes/7")), (None, None));
    }
}
