//! Downloads a list over HTTP(S), within bounds on size, time and redirections; only what is new, where the server can
//! tell (RFC 9110, 13.1).
//!
//! Left out: a web proxy on the way, cookies, compression other than gzip. What comes packed stays packed: whoever reads a
//! copy unpacks it, as for any archive. Certificates are always checked, against the public roots that are compiled in
//! and those the school adds. Credentials go to the host, port and scheme of the policy's own address and, after a
//! redirection, nowhere else; never over plain http.

use crate::ListError;
use crate::credentials::Header;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HOST, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, LOCATION, USER_AGENT,
};
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

/// What is to be downloaded.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) url: Url,
    /// For the address's own server: credentials, mostly.
    pub(crate) own_header: Option<Header>,
    /// What the server said of the copy that is there.
    pub(crate) tags: Tags,
    /// Whether the body may come packed.
    pub(crate) packing: Packing,
}

/// Whether a body may come packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Packing {
    /// As it lies on the server, since its bytes are to be proved.
    AsItIs,
    /// With gzip around it, if the server likes.
    Gzip,
}

/// What a server says of a content, to be asked later whether it is still the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tags {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// The end of a download.
#[derive(Debug)]
pub(crate) enum Downloaded {
    /// The content, and what the server says of it.
    New(Vec<u8>, Tags),
    /// The copy that is there is what the server has.
    Unchanged,
}

/// Reads an address, if it is one that can be fetched.
pub(crate) fn address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Downloads from an address.
pub(crate) async fn download(
    wanted: Wanted,
    settings: &Fetch,
    on_bytes: OnBytes<'_>,
) -> Result<Downloaded, ListError> {
    if wanted.own_header.is_some() && wanted.url.scheme() != "https" {
        return Err(ListError::SecretInClear);
    }
    let timed_out = ListError::TimedOut { limit_s: settings.time_limit.as_secs() };
    tokio::time::timeout(settings.time_limit, follow(wanted, settings, on_bytes))
        .await
        .map_err(|_| timed_out)?
}

async fn follow(wanted: Wanted, settings: &Fetch, on_bytes: OnBytes<'_>) -> Result<Downloaded, ListError> {
    let mut url = wanted.url.clone();
    for _ in 0..=settings.most_redirections {
        let response = get(&url, &wanted, settings).await?;
        let status = response.status();
        if status.is_redirection()
            && let Some(to) = response.headers().get(LOCATION)
        {
            url = sent_on(&url, &String::from_utf8_lossy(to.as_bytes()))?;
            continue;
        }
        let asked = wanted.tags != Tags::default();
        return match status.as_u16() {
            304 if asked => Ok(Downloaded::Unchanged),
            200 => {
                check_encoding(&response)?;
                let tags = tags(&response);
                let bytes = read_body(response.into_body(), settings.size_limit_bytes, on_bytes).await?;
                Ok(Downloaded::New(bytes, tags))
            }
            found => Err(ListError::Status { found }),
        };
    }
    Err(ListError::Redirections { most: settings.most_redirections })
}

fn tags(response: &Response<Incoming>) -> Tags {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        // Nothing that a server says fills the disk.
        (value.len() <= 256).then(|| value.to_owned())
    };
    Tags { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// Gzip is found by its first bytes when the copy is read; anything else could not be.
fn check_encoding(response: &Response<Incoming>) -> Result<(), ListError> {
    let Some(encoding) = response.headers().get(CONTENT_ENCODING) else { return Ok(()) };
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase();
    match encoding.as_str() {
        "gzip" | "x-gzip" | "identity" | "" => Ok(()),
        _ => Err(ListError::Encoding { found: encoding.chars().take(40).collect() }),
    }
}

fn sent_on(from: &Url, to: &str) -> Result<Url, ListError> {
    let url = from.join(to).ok().and_then(|url| address(url.as_str()));
    let url = url.ok_or_else(|| ListError::Address { found: scheme(to) })?;
    if from.scheme() == "https" && url.scheme() != "https" {
        return Err(ListError::Downgrade);
    }
    Ok(url)
}

/// All that an error says of an address: the rest may hold keys.
fn scheme(address: &str) -> String {
    let (scheme, rest) = address.split_once(':').unwrap_or(("", address));
    let is_scheme =
        !scheme.is_empty() && !rest.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_scheme { format!("{scheme}:") } else { "another text".to_owned() }
}

async fn get(url: &Url, wanted: &Wanted, settings: &Fetch) -> Result<Response<Incoming>, ListError> {
    let no_address = || ListError::Address { found: scheme(url.as_str()) };
    let host = url.host_str().ok_or_else(no_address)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = url.port_or_known_default().ok_or_else(no_address)?;
    let failed = |source: io::Error| ListError::Connect { host: host.to_owned(), source };
    let stream = TcpStream::connect((bare.as_str(), port)).await.map_err(failed)?;
    let request = request(url, host, wanted).map_err(|_| no_address())?;
    if url.scheme() == "http" {
        return exchange(stream, request).await;
    }
    let name = ServerName::try_from(bare).map_err(|_| no_address())?;
    let stream = TlsConnector::from(tls(settings)?).connect(name, stream).await.map_err(failed)?;
    exchange(stream, request).await
}

fn request(url: &Url, host: &str, wanted: &Wanted) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let encoding = if wanted.packing == Packing::Gzip { "gzip" } else { "identity" };
    let mut request = Request::get(path)
        .header(HOST, named)
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, encoding)
        .header(USER_AGENT, "schoolgate-lists/1");
    if let Some(etag) = &wanted.tags.etag {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(time) = &wanted.tags.last_modified {
        request = request.header(IF_MODIFIED_SINCE, time);
    }
    if let Some(own) = wanted.own_header.as_ref().filter(|_| wanted.url.origin() == url.origin()) {
        request = request.header(own.name.clone(), own.value.clone());
    }
    request.body(Empty::new())
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
