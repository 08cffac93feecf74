//! Small files that the gate itself needs from the web over plain HTTP: certificates and revocation lists.
//!
//! What comes is signed by somebody we trust or is of no use, so plain HTTP is what their publishers use.
//!
//! Invariants: an address is only fetched where people may go too: its host goes through the same guard of addresses, and
//! the proxy's own ports are refused; no more is read than was asked for; there is one time limit for all of it; nothing
//! is followed, sent along or kept.

use crate::dial::Dialer;
use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use model::Host;
use std::time::Duration;
use tokio::task::JoinSet;

/// From the first packet to the last byte.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer's head.
const HEAD_BYTES: usize = 16 * 1024;

/// Why a file could not be fetched. Neither says where from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum SideFetchError {
    /// It is no address of plain HTTP.
    #[error("expected an address of plain HTTP")]
    Address,
    /// It cannot be reached, or may not be.
    #[error("it could not be reached")]
    Unreachable,
    /// It took too long.
    #[error("it took too long")]
    TooSlow,
    /// The answer was no file, or too long.
    #[error("expected a file within the limit of size")]
    Answer,
}

/// Fetches a file of at most `most_bytes`.
pub(crate) async fn fetch(dialer: &Dialer, url: &str, most_bytes: usize) -> Result<Bytes, SideFetchError> {
    let uri: Uri = url.parse().map_err(|_| SideFetchError::Address)?;
    match tokio::time::timeout(TIMEOUT, exchange(dialer, &uri, most_bytes)).await {
        Ok(answered) => answered,
        Err(_) => Err(SideFetchError::TooSlow),
    }
}

async fn exchange(dialer: &Dialer, uri: &Uri, most_bytes: usize) -> Result<Bytes, SideFetchError> {
    let authority =
        uri.authority().filter(|_| uri.scheme_str() == Some("http")).ok_or(SideFetchError::Address)?;
    let host = Host::parse(authority.host()).map_err(|_| SideFetchError::Address)?;
    let port = authority.port_u16().unwrap_or(80);
    let stream = dialer.tcp(&host, port, None).await.map_err(|_| SideFetchError::Unreachable)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| SideFetchError::Answer)?;
    // Ends with this function, whichever way that ends.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, authority.as_str())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| SideFetchError::Address)?;
    let response = sender.send_request(request).await.map_err(|_| SideFetchError::Answer)?;
    if response.status() != StatusCode::OK {
        return Err(SideFetchError::Answer);
    }
    let body = Limited::new(response.into_body(), most_bytes).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|_| SideFetchError::Answer)
}
