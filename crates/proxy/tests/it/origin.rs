//! Origins of the tests' own: TLS or plain, HTTP/1.1 and HTTP/2, with a record of what reached them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{HandshakeKind, ServerConfig};
use sha1::{Digest, Sha1};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub type TestBody = BoxBody<Bytes, hyper::Error>;

#[derive(Clone, Debug)]
pub struct Seen {
    pub version: Version,
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
}

#[derive(Clone)]
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
    /// Connections of the rude origin whose session was resumed.
    resumed: Arc<Mutex<usize>>,
    /// What the rude origin shows from now on, where that has changed.
    tls: Arc<Mutex<Option<Arc<ServerConfig>>>>,
}

impl Origin {
    /// `None` serves plain HTTP.
    pub async fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        Self::at("127.0.0.1:0", tls).await
    }

    /// The same, listening there.
    pub async fn at(address: &str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = Self {
            address,
            seen: Arc::default(),
            connections: Arc::default(),
            resumed: Arc::default(),
            tls: Arc::default(),
        };
        let serving = origin.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (origin, tls) = (serving.clone(), tls.clone());
                *origin.connections.lock().unwrap() += 1;
                tokio::spawn(async move {
                    match tls {
                        None => origin.serve(stream, false).await,
                        Some(tls) => {
                            let Ok(stream) = TlsAcceptor::from(tls).accept(stream).await else { return };
                            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                            origin.serve(stream, http2).await;
                        }
                    }
                });
            }
        });
        origin
    }

    /// Answers one request on each connection and hangs up without a word.
    pub async fn start_rude(tls: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = Self {
            address,
            seen: Arc::default(),
            connections: Arc::default(),
            resumed: Arc::default(),
            tls: Arc::default(),
        };
        *origin.tls.lock().unwrap() = Some(tls);
        let (connections, tls) = (Arc::clone(&origin.connections), Arc::clone(&origin.tls));
        let resumed = Arc::clone(&origin.resumed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                let tls = tls.lock().unwrap().clone().unwrap();
                let Ok(mut stream) = TlsAcceptor::from(tls).accept(stream).await else {
                    continue;
                };
                if stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
                    *resumed.lock().unwrap() += 1;
                }
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
                let _ = stream.shutdown().await;
            }
        });
        origin
    }

    /// The rude origin shows another certificate from now on.
    pub fn change_tls(&self, tls: Arc<ServerConfig>) {
        *self.tls.lock().unwrap() = Some(tls);
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Connections of the rude origin that began with a session of before.
    pub fn resumed(&self) -> usize {
        *self.resumed.lock().unwrap()
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S, http2: bool) {
        let service = service_fn(move |request| self.clone().answer(request));
        let stream = TokioIo::new(stream);
        if http2 {
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .enable_connect_protocol()
                .serve_connection(stream, service)
                .await;
        } else {
            let server = hyper::server::conn::http1::Builder::new();
            let _ = server.serve_connection(stream, service).with_upgrades().await;
        }
    }

    async fn answer(self, mut request: Request<Incoming>) -> Result<Response<TestBody>, Infallible> {
        self.seen.lock().unwrap().push(Seen {
            version: request.version(),
            method: request.method().clone(),
            target: request.uri().to_string(),
            headers: request.headers().clone(),
        });
        Ok(match request.uri().path() {
            "/echo" => Response::new(request.into_body().boxed()),
            "/slurp" => slurp(request).await,
            "/program" => with_type("text/html", PROGRAM),
            "/program-in-pieces" => {
                let pieces = PROGRAM.bytes().map(|byte| Frame::data(Bytes::copy_from_slice(&[byte])));
                let body = StreamBody::new(Frames(pieces.collect(), End::Now));
                Response::new(BodyExt::boxed(body))
            }
            "/program-as-stream" => with_type("text/event-stream", PROGRAM),
            "/program-as-part" => {
                let mut response = Response::new(full(PROGRAM));
                response.headers_mut().insert("content-range", "bytes 1-9/9".parse().unwrap());
                response
            }
            "/dns" => with_type("application/dns-message", "answer"),
            "/silence" => std::future::pending().await,
            "/trailers" => trailers(),
            "/websocket" => websocket(&mut request),
            "/websocket-liar" => {
                let mut response = websocket(&mut request);
                response.headers_mut().insert("sec-websocket-accept", "x".parse().unwrap());
                response
            }
            "/no" => with_status(StatusCode::NOT_FOUND),
            "/events" => {
                let body = StreamBody::new(Frames(
                    [Frame::data(Bytes::from_static(b"data: first\n\n"))].into(),
                    End::Never,
                ));
                let mut response = Response::new(BodyExt::boxed(body));
                response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
                response
            }
            "/endless" => {
                let body = StreamBody::new(Frames(
                    [Frame::data(Bytes::from(vec![7; 4_000_000]))].into(),
                    End::Never,
                ));
                Response::new(BodyExt::boxed(body))
            }
            "/range" => {
                let mut response = Response::new(full("part"));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                response.headers_mut().insert("content-range", "bytes 0-3/10".parse().unwrap());
                response
            }
            _ => {
                let is_head = request.method() == Method::HEAD;
                let mut response = Response::new(full(if is_head { "" } else { "hello from the origin" }));
                response.headers_mut().insert("content-length", "21".parse().unwrap());
                response.headers_mut().insert("alt-svc", "h3=\":443\"".parse().unwrap());
                response.headers_mut().insert("x-origin", "yes".parse().unwrap());
                response
            }
        })
    }
}

/// A Linux program; it calls itself a page.
const PROGRAM: &str = "\x7fELF\x02\x01\x01\0 and what a program is made of, up to many bytes, of which there are more than may be looked at one by one";

/// Takes a whole body in, and says whether it came.
async fn slurp(request: Request<Incoming>) -> Response<TestBody> {
    let whole = request.into_body().collect().await.is_ok();
    with_status(if whole { StatusCode::OK } else { StatusCode::BAD_REQUEST })
}

fn with_type(kind: &str, text: &'static str) -> Response<TestBody> {
    let mut response = Response::new(full(text));
    response.headers_mut().insert("content-type", kind.parse().unwrap());
    response
}

fn with_status(status: StatusCode) -> Response<TestBody> {
    let mut response = Response::new(full(""));
    *response.status_mut() = status;
    response
}

pub fn full(text: &'static str) -> TestBody {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed()
}

fn trailers() -> Response<TestBody> {
    let trailers: HeaderMap = [("x-sum".parse().unwrap(), "42".parse().unwrap())].into_iter().collect();
    let frames = [Frame::data(Bytes::from_static(b"body")), Frame::trailers(trailers)];
    let body = StreamBody::new(Frames(frames.into(), End::Now));
    let mut response = Response::new(BodyExt::boxed(body));
    response.headers_mut().insert("trailer", "x-sum".parse().unwrap());
    response
}

/// Frames that are there already, as a stream, and what comes after them.
struct Frames(std::collections::VecDeque<Frame<Bytes>>, End);

enum End {
    Now,
    Never,
}

impl futures_util::Stream for Frames {
    type Item = Result<Frame<Bytes>, hyper::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        match (self.0.pop_front(), &self.1) {
            (Some(frame), _) => std::task::Poll::Ready(Some(Ok(frame))),
            (None, End::Now) => std::task::Poll::Ready(None),
            (None, End::Never) => std::task::Poll::Pending,
        }
    }
}

/// Switches protocols and sends back every byte it gets, in capitals.
fn websocket(request: &mut Request<Incoming>) -> Response<TestBody> {
    let upgrade = hyper::upgrade::on(&mut *request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgrade.await.unwrap());
        let mut buffer = [0; 256];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            stream.write_all(&buffer[..count].to_ascii_uppercase()).await.unwrap();
        }
    });
    let mut response = Response::new(full(""));
    // Over HTTP/2 it is a CONNECT, which any success grants (RFC 8441).
    if request.method() == Method::CONNECT {
        return response;
    }
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let key =
        request.headers().get("sec-websocket-key").map(|key| key.as_bytes().to_vec()).unwrap_or_default();
    let hash = Sha1::new().chain_update(&key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
    let accept = STANDARD.encode(hash);
    for (name, value) in
        [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", accept.as_str())]
    {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
