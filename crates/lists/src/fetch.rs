//! Downloads a list over HTTP(S), within bounds on size, time and redirections.
//!
//! Left out: a web proxy on the way, cookies, compression on the wire (archives bring their own), conditional requests.
//! Certificates are always checked, against the public roots that are compiled in and those the school adds.

use crate::ListError;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// The bounds of a download, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// Certificates that are trusted besides the public roots.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// For one list, redirections included.
    pub time_limit: Duration,
    /// For one list, as it comes over the wire.
    pub size_limit_bytes: u64,
    /// How often one list may send on to another address.
    pub most_redirections: u8,
}

impl Default for Fetch {
    /// The public roots, 10 minutes, 256 MiB, 5 redirections.
    fn default() -> Self {
        Self {
            extra_roots: Vec::new(),
            time_limit: Duration::from_mins(10),
            size_limit_bytes: 256 * 1024 * 1024,
            most_redirections: 5,
        }
    }
}

/// Told how many bytes have come, and of how many where that is known.
pub(crate) type OnBytes<'a> = &'a mut (dyn FnMut(u64, Option<u64>) + Send);

/// Reads an address, if it is one that can be fetched.
pub(crate) fn address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Downloads from an address.
pub(crate) async fn download(
    url: Url,
    settings: &Fetch,
    on_bytes: OnBytes<'_>,
) -> Result<Vec<u8>, ListError> {
    let timed_out = ListError::TimedOut { limit_s: settings.time_limit.as_secs() };
    tokio::time::timeout(settings.time_limit, follow(url, settings, on_bytes)).await.map_err(|_| timed_out)?
}

async fn follow(mut url: Url, settings: &Fetch, on_bytes: OnBytes<'_>) -> Result<Vec<u8>, ListError> {
    for _ in 0..=settings.most_redirections {
        let response = get(&url, settings).await?;
        let status = response.status();
        if status.is_redirection()
            && let Some(to) = response.headers().get(LOCATION)
        {
            url = sent_on(&url, &String::from_utf8_lossy(to.as_bytes()))?;
            continue;
        }
        if status.as_u16() != 200 {
            return Err(ListError::Status { found: status.as_u16() });
        }
        return read_body(response.into_body(), settings.size_limit_bytes, on_bytes).await;
    }
    Err(ListError::Redirections { most: settings.most_redirections })
}

fn sent_on(from: &Url, to: &str) -> Result<Url, ListError> {
    let url = from.join(to).ok().and_then(|url| address(url.as_str()));
    let url = url.ok_or_else(|| ListError::Address { found: to.to_owned() })?;
    if from.scheme() == "https" && url.scheme() != "https" {
        return Err(ListError::Downgrade);
    }
    Ok(url)
}

async fn get(url: &Url, settings: &Fetch) -> Result<Response<Incoming>, ListError> {
    let no_address = || ListError::Address { found: url.to_string() };
    let host = url.host_str().ok_or_else(no_address)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().ok_or_else(no_address)?;
    let failed = |source: io::Error| ListError::Connect { host: host.to_owned(), source };
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(failed)?;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let request = Request::get(path)
        .header(HOST, named)
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, "schoolgate-lists/1")
        .body(Empty::new())
        .map_err(|_| no_address())?;
    if url.scheme() == "http" {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(bare).map_err(|_| no_address())?;
    let stream = TlsConnector::from(tls(settings)?).connect(name, stream).await.map_err(failed)?;
    exchange(stream, request).await
}

fn tls(settings: &Fetch) -> Result<Arc<ClientConfig>, ListError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in &settings.extra_roots {
        roots.add(root.clone())?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Response<Incoming>, ListError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends by itself when the sender and the response's body are dropped.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn read_body(
    mut body: Incoming,
    limit_bytes: u64,
    on_bytes: OnBytes<'_>,
) -> Result<Vec<u8>, ListError> {
    let length = hyper::body::Body::size_hint(&body).exact();
    if length.is_some_and(|length| length > limit_bytes) {
        return Err(ListError::TooLarge { limit_bytes });
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(part) = frame?.into_data() else { continue };
        if bytes.len() as u64 + part.len() as u64 > limit_bytes {
            return Err(ListError::TooLarge { limit_bytes });
        }
        bytes.extend_from_slice(&part);
        on_bytes(bytes.len() as u64, length);
    }
    Ok(bytes)
}
