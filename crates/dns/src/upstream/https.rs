//! Questions by HTTPS (RFC 8484): `POST` on one kept HTTP/2 connection, a stream for each.

use super::ExchangeError;
use super::message::Outgoing;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

/// The type of a DNS message (RFC 8484, 6).
const DNS_MESSAGE: &str = "application/dns-message";
/// The largest message there is.
const MESSAGE_LIMIT_BYTES: usize = 65_535;
/// The protocol that is offered in TLS.
pub(super) const ALPN: &[u8] = b"h2";

/// A resolver by HTTPS.
#[derive(Debug)]
pub(super) struct Doh {
    address: SocketAddr,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    url: String,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Doh {
    pub(super) fn new(
        address: SocketAddr,
        name: ServerName<'static>,
        path: &str,
        config: Arc<ClientConfig>,
    ) -> Self {
        let host = match &name {
            ServerName::IpAddress(_) => address.ip().to_string(),
            name => name.to_str().into_owned(),
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let url = format!("https://{host}:{}{path}", address.port());
        Self { address, name, config, url, connection: Mutex::default() }
    }

    /// Asks, and gives back the message. The question's id should be 0 (RFC 8484, 4.1). The caller sets the time. A
    /// connection that was kept and turns out to be closed is opened again, once.
    pub(super) async fn ask(&self, outgoing: &Outgoing) -> Result<Vec<u8>, ExchangeError> {
        let body = Bytes::copy_from_slice(outgoing.bytes());
        let (mut connection, is_new) = self.connection().await?;
        match self.send(&mut connection, body.clone()).await {
            Err(ExchangeError::Network(_)) if !is_new => {
                self.connection.lock().await.take();
                let (mut connection, _) = self.connection().await?;
                self.send(&mut connection, body).await
            }
            sent => sent,
        }
    }

    async fn connection(&self) -> Result<(SendRequest<Full<Bytes>>, bool), ExchangeError> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok((connection.clone(), false));
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(ALPN) {
            return Err(ExchangeError::NoHttp2);
        }
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (connection, driving) = handshake.map_err(network)?;
        tokio::spawn(async move {
            if let Err(error) = driving.await {
                tracing::debug!(%error, "a connection to an upstream name server ended");
            }
        });
        *held = Some(connection.clone());
        Ok((connection, true))
    }

    async fn send(
        &self,
        connection: &mut SendRequest<Full<Bytes>>,
        body: Bytes,
    ) -> Result<Vec<u8>, ExchangeError> {
        let request = Request::post(&self.url)
            .header(CONTENT_TYPE, DNS_MESSAGE)
            .header(ACCEPT, DNS_MESSAGE)
            .body(Full::new(body))
            .map_err(|error| network(io::Error::other(error)))?;
        connection.ready().await.map_err(network)?;
        let response = connection.send_request(request).await.map_err(network)?;
        if response.status() != StatusCode::OK {
            return Err(ExchangeError::Http(response.status()));
        }
        let body = Limited::new(response.into_body(), MESSAGE_LIMIT_BYTES).collect().await;
        Ok(body.map_err(|error| network(io::Error::other(error)))?.to_bytes().to_vec())
    }
}

fn network(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ExchangeError {
    ExchangeError::Network(io::Error::other(error))
}
