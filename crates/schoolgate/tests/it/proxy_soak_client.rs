//! The soak's client: connections through the proxy, each with what it may trust, and what became of each exchange.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use testkit::busy_origin::{Length, Pieces};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What a client says where something did not go as it should.
pub type Words = String;

/// What of an answer came.
pub struct Came {
    pub status: u16,
    pub body: Bytes,
    /// Whether the answer ended as it had said; the reason where it did not.
    pub whole: Result<(), Words>,
}

/// Whom a client believes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trusts {
    /// The school's authority alone: its connection must have been opened.
    School,
    /// The origins' own authority alone: its connection must not have been opened.
    Origins,
}

/// What a client speaks inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speaks {
    Http1,
    Http2,
}

#[derive(Clone)]
pub struct Client {
    pub proxy: String,
    school: Arc<rustls::RootCertStore>,
    origins: Arc<rustls::RootCertStore>,
}

/// An open connection to a site, with what sends a request on it.
pub enum Connection {
    Http1(http1::SendRequest<Pieces>),
    Http2(http2::SendRequest<Pieces>),
}

impl Client {
    pub fn new(proxy: &str, school: CertificateDer<'static>, origins: CertificateDer<'static>) -> Self {
        let store = |root| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(root).unwrap();
            Arc::new(roots)
        };
        let proxy = proxy.trim_start_matches("http://").to_owned();
        Self { proxy, school: store(school), origins: store(origins) }
    }

    /// A tunnel to a site, in which nothing has been said.
    pub async fn tunnel(&self, host: &str, port: u16) -> Result<TcpStream, Words> {
        let mut stream = TcpStream::connect(&self.proxy).await.map_err(words)?;
        let head = format!("CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.map_err(words)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.map_err(words)?);
        }
        match answer.starts_with(b"HTTP/1.1 200") {
            true => Ok(stream),
            false => Err(format!("the proxy refused: {}", String::from_utf8_lossy(&answer))),
        }
    }

    /// The same, with TLS inside.
    pub async fn tls(
        &self,
        (host, port): (&'static str, u16),
        trusts: Trusts,
        speaks: Speaks,
    ) -> Result<TlsStream<TcpStream>, Words> {
        let roots = match trusts {
            Trusts::School => &self.school,
            Trusts::Origins => &self.origins,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(roots))
            .with_no_client_auth();
        config.alpn_protocols = match speaks {
            Speaks::Http1 => vec![b"http/1.1".to_vec()],
            Speaks::Http2 => vec![b"h2".to_vec()],
        };
        let stream = self.tunnel(host, port).await?;
        let name = ServerName::try_from(host).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(words)
    }

    /// A connection on which requests are sent.
    pub async fn connect(
        &self,
        site: (&'static str, u16),
        trusts: Trusts,
        speaks: Speaks,
    ) -> Result<Connection, Words> {
        let stream = TokioIo::new(self.tls(site, trusts, speaks).await?);
        Ok(match speaks {
            Speaks::Http1 => {
                let (sender, connection) = http1::handshake(stream).await.map_err(words)?;
                tokio::spawn(connection);
                Connection::Http1(sender)
            }
            Speaks::Http2 => {
                let (sender, connection) =
                    http2::handshake(TokioExecutor::new(), stream).await.map_err(words)?;
                tokio::spawn(connection);
                Connection::Http2(sender)
            }
        })
    }

    /// A connection for plain requests, each with its whole address.
    pub async fn plain(&self) -> Result<Connection, Words> {
        let stream = TcpStream::connect(&self.proxy).await.map_err(words)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
        tokio::spawn(connection);
        Ok(Connection::Http1(sender))
    }
}

impl Connection {
    /// Sends a request, and waits for the head of its answer.
    pub async fn begin(&mut self, request: Request<Pieces>) -> Result<Response<Incoming>, Words> {
        match self {
            Self::Http1(sender) => {
                sender.ready().await.map_err(words)?;
                sender.send_request(request).await.map_err(words)
            }
            Self::Http2(sender) => {
                sender.ready().await.map_err(words)?;
                sender.send_request(request).await.map_err(words)
            }
        }
    }

    /// The same, and for all of its body, be that as it may.
    pub async fn ask(&mut self, request: Request<Pieces>) -> Result<Came, Words> {
        Ok(read(self.begin(request).await?).await)
    }

    /// Another that asks on the same connection (HTTP/2), or `None`.
    pub fn another(&self) -> Option<Self> {
        match self {
            Self::Http1(_) => None,
            Self::Http2(sender) => Some(Self::Http2(sender.clone())),
        }
    }
}

/// All that comes of an answer.
pub async fn read(answer: Response<Incoming>) -> Came {
    let status = answer.status().as_u16();
    let (mut body, mut read) = (answer.into_body(), Vec::new());
    let whole = loop {
        match body.frame().await {
            None => break Ok(()),
            Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().map_or(&[][..], |part| part)),
            Some(Err(error)) => break Err(words(error)),
        }
    };
    Came { status, body: read.into(), whole }
}

/// A request for a path of a site, with a body or without.
pub fn request(
    method: &str,
    target: &str,
    site: (&str, u16),
    body: Option<(Bytes, Length)>,
) -> Request<Pieces> {
    let (body, length) = body.unwrap_or((Bytes::new(), Length::Said));
    let request = Request::builder().method(method).uri(target).header("accept", "text/html");
    let named = match target.starts_with("https") {
        // The whole address, as HTTP/2 has it, says the host itself.
        true => request,
        false => request.header("host", format!("{}:{}", site.0, site.1)),
    };
    named.body(Pieces::of(body, length)).unwrap()
}

pub fn words(error: impl std::fmt::Debug) -> Words {
    format!("{error:?}")
}
