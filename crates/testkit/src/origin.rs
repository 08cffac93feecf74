//! Web servers on loopback, as the outside world of a test: each keeps a record of what reached it.

use crate::TestError;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{handshake::derive_accept_key, protocol::Role};

/// One request as the origin saw it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The protocol of the connection: `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The host it was asked for.
    pub host: String,
}

/// A page an origin serves.
#[derive(Clone, Debug)]
pub struct TestPage {
    /// Its content type.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

/// A web server of the tests' own. It echoes WebSocket messages at `/echo`.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Origin {
    /// Starts a server on a free loopback port: over TLS with this configuration, or in plain HTTP.
    pub async fn start(
        tls: Option<Arc<ServerConfig>>,
        pages: HashMap<String, TestPage>,
    ) -> Result<Self, TestError> {
        Self::at("127.0.0.1:0", tls, pages).await
    }

    /// The same at an address of its own, such as `[::]:443`.
    pub async fn at(
        listen: &str,
        tls: Option<Arc<ServerConfig>>,
        pages: HashMap<String, TestPage>,
    ) -> Result<Self, TestError> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let task =
            tokio::spawn(serve(listener, tls.map(TlsAcceptor::from), Arc::new(pages), Arc::clone(&seen)));
        Ok(Self { address, seen, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What reached it so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Pages = Arc<HashMap<String, TestPage>>;
type Record = Arc<Mutex<Vec<Seen>>>;

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, pages: Pages, seen: Record) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, pages, seen) = (tls.clone(), Arc::clone(&pages), Arc::clone(&seen));
        tokio::spawn(connection(stream, tls, pages, seen));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, pages: Pages, seen: Record) {
    match tls {
        None => serve_http(stream, pages, seen).await,
        // A client that does not like the certificate goes away here, as some tests want it to.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve_http(stream, pages, seen).await;
            }
        }
    }
}

async fn serve_http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    pages: Pages,
    seen: Record,
) {
    let service = service_fn(move |request| {
        let answer = answer(request, &pages, &seen);
        async move { Ok::<_, Infallible>(answer) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    // The client going away in the middle is no failure of the test.
    drop(builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await);
}

fn answer(mut request: Request<Incoming>, pages: &Pages, seen: &Record) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
        version: if request.version() == Version::HTTP_2 { "HTTP/2.0".into() } else { "HTTP/1.1".into() },
        method: request.method().to_string(),
        path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        host: host.or(request.uri().authority().map(ToString::to_string)).unwrap_or_default(),
    });
    if request.uri().path() == "/echo" {
        return echo(&mut request);
    }
    match pages.get(request.uri().path()) {
        Some(page) => Response::builder()
            .header(header::CONTENT_TYPE, page.content_type)
            .body(Full::new(page.body.clone()))
            .unwrap_or_default(),
        None => status(StatusCode::NOT_FOUND),
    }
}

/// Answers a handshake of a WebSocket that sends back what it is sent.
pub(crate) fn echo(request: &mut Request<Incoming>) -> Response<Full<Bytes>> {
    let Some(key) = request.headers().get(header::SEC_WEBSOCKET_KEY) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let accept = derive_accept_key(key.as_bytes());
    tokio::spawn(echo_messages(hyper::upgrade::on(request)));
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Full::default())
        .unwrap_or_default()
}

async fn echo_messages(upgrade: OnUpgrade) {
    let Ok(stream) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(stream), Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || (message.is_text() && socket.send(message).await.is_err()) {
            return;
        }
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
