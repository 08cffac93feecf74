//! One POST by HTTPS: the way to webhooks and to Teams.
//!
//! Left out on purpose: redirections (a receiver that moves is named anew), a web proxy on the way, and the response's
//! body, which nobody reads.

use crate::{NotifyError, Trouble};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

/// From the first step to the response's head.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Somewhere that takes posts. Its address may hold a key, and is never printed.
#[derive(Clone)]
pub struct Receiver(Url);

impl Receiver {
    /// Reads an https address, as it lies in its file; `name` is the receiver's in the configuration.
    ///
    /// # Errors
    /// [`NotifyError::ReceiverAddress`] for anything else.
    pub fn new(name: &str, address: &str) -> Result<Self, NotifyError> {
        let url = Url::parse(address.trim()).ok().filter(|url| url.scheme() == "https" && url.has_host());
        url.map(Self).ok_or_else(|| NotifyError::ReceiverAddress { name: name.to_owned() })
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver(hidden)")
    }
}

/// A POST that did not do what it should, and how many seconds the receiver asked us to wait.
pub(crate) struct NotPosted {
    pub(crate) trouble: Trouble,
    pub(crate) wait_s: Option<u32>,
}

impl From<Trouble> for NotPosted {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, wait_s: None }
    }
}

/// Whom posts trust: the public roots, and more.
pub(crate) fn tls(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<ClientConfig>, NotifyError> {
    let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for root in extra_roots {
        roots.add(root.clone()).map_err(|error| NotifyError::Root(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| NotifyError::Root(error.to_string()))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Posts JSON with these headers besides.
pub(crate) async fn post(
    to: &Receiver,
    tls: &Arc<ClientConfig>,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<(), NotPosted> {
    let request = request(&to.0, headers, body).map_err(|_| Trouble::Address)?;
    let response = tokio::time::timeout(TIME_LIMIT, exchange(&to.0, tls, request));
    let response = response.await.map_err(|_| Trouble::TimedOut)??;
    let code = response.status().as_u16();
    let wait_s = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match code {
        200..=299 => Ok(()),
        408 | 425 | 429 | 500..=599 => Err(NotPosted { trouble: Trouble::Busy { code }, wait_s }),
        _ => Err(Trouble::Refused { code }.into()),
    }
}

fn request(
    url: &Url,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let host = url.host_str().unwrap_or_default();
    let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut request = Request::post(path)
        .header(HOST, named)
        .header(USER_AGENT, "schoolgate-notify/1")
        .header(CONTENT_TYPE, "application/json; charset=utf-8");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Full::from(body))
}

async fn exchange(
    url: &Url,
    tls: &Arc<ClientConfig>,
    request: Request<Full<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, Trouble> {
    let host = url.host_str().ok_or(Trouble::Address)?.trim_matches(['[', ']']).to_owned();
    let port = url.port_or_known_default().ok_or(Trouble::Address)?;
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(|_| Trouble::Unreachable)?;
    let name = ServerName::try_from(host).map_err(|_| Trouble::Address)?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await.map_err(|_| Trouble::Unproven)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| Trouble::Unreachable)?;
    // Ends by itself when the sender and the response are dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(|_| Trouble::Unreachable)
}
