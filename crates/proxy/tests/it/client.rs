//! A client that goes through the proxy: CONNECT by hand, then real TLS and real HTTP.

use crate::origin::{TestBody, full};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub struct Client {
    pub proxy: SocketAddr,
    pub tls: Arc<ClientConfig>,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        Self {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
        }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// An HTTP connection to an origin, through the tunnel.
pub enum Talk {
    Http1(http1::SendRequest<TestBody>, String),
    Http2(http2::SendRequest<TestBody>, String),
}

impl Client {
    /// A tunnel, or the status with which it was refused.
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<TcpStream, u16> {
        let mut stream = TcpStream::connect(self.proxy).await.unwrap();
        let head = format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        let status: u16 = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        if status == 200 { Ok(stream) } else { Err(status) }
    }

    pub async fn handshake<S>(&self, stream: S, name: &str, offer: &[&str]) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let offer = offer.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::clone(&self.tls)).with_alpn(offer).connect(name, stream).await
    }

    /// Tunnel, TLS and HTTP in the protocol that was agreed on.
    pub async fn talk(&self, host: &str, port: u16, offer: &[&str]) -> Talk {
        let tunnel = self.tunnel(host, port).await.unwrap();
        self.talk_over(tunnel, host, port, offer).await
    }

    /// The same inside a tunnel that is there.
    pub async fn talk_over<S>(&self, tunnel: S, host: &str, port: u16, offer: &[&str]) -> Talk
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = self.handshake(tunnel, host, offer).await.unwrap();
        let authority = format!("{host}:{port}");
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            Talk::Http2(sender, authority)
        } else {
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection.with_upgrades());
            Talk::Http1(sender, authority)
        }
    }

    /// A plain request to the proxy's port, with this request target.
    pub async fn ask_proxy(&self, request: Request<TestBody>) -> Response<Incoming> {
        self.try_ask_proxy(request).await.unwrap()
    }

    /// The same, where the answer may break off.
    pub async fn try_ask_proxy(&self, request: Request<TestBody>) -> hyper::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.proxy).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await
    }
}

impl Talk {
    pub fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let builder = Request::builder().method(method).header("accept", "text/html");
        match self {
            Self::Http1(_, authority) => builder.uri(path).header("host", authority),
            Self::Http2(_, authority) => builder.uri(format!("https://{authority}{path}")),
        }
    }

    pub async fn send(&mut self, request: Request<TestBody>) -> Response<Incoming> {
        self.try_send(request).await.unwrap()
    }

    pub async fn try_send(&mut self, request: Request<TestBody>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::Http1(sender, _) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Http2(sender, _) => sender.send_request(request).await,
        }
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).body(full("")).unwrap();
        Answer::read(self.send(request).await).await
    }
}
