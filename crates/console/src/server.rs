//! The listener: TLS 1.2 and 1.3, HTTP/1.1 and HTTP/2, each connection bounded in number, size and time.

use crate::desk::Desk;
use crate::error::ConsoleError;
use crate::routes::router;
use crate::templates::Templates;
use app::App;
use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use model::{Clock, Share, Shares};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Connections at once; the next one waits in the system's queue.
const MOST_CONNECTIONS: usize = 512;
/// Connections at once from one address, as a class behind one may need; the next one is closed.
const MOST_OF_AN_ADDRESS: usize = 64;
/// From the first byte to a finished TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// For all the headers of one request, the first one from the handshake on; it also ends idle HTTP/1.1 connections.
const HEADERS_LIMIT: Duration = Duration::from_secs(15);
/// After this, a connection answers what it has begun and ends; browsers open another one unseen.
const CONNECTION_LIMIT: Duration = Duration::from_secs(600);
/// What a connection still has when it is told to end.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);
/// Headers in one request.
const MOST_HEADERS: usize = 64;
/// Bytes of headers in one request.
const MOST_HEADER_BYTES: u32 = 32 * 1024;
/// Requests at once on one HTTP/2 connection.
const MOST_STREAMS: u32 = 64;

/// What the console is told at start.
#[derive(Clone)]
pub struct ConsoleConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The console's certificate and those that lead to the school's authority, PEM.
    pub cert_chain_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
    /// The proxy's page on the school's certificate, linked where people may need it; `None` for no link.
    pub certificate_page: Option<String>,
    /// For ages on pages.
    pub clock: Clock,
}

/// The address a connection came from, in every request of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

/// The console, listening but not yet answering.
pub struct Console {
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: TlsAcceptor,
    router: Router,
}

impl Console {
    /// Takes the address, reads the certificate, parses the templates. Nothing is answered before [`Console::run`].
    ///
    /// # Errors
    /// [`ConsoleError`] says what was expected and what was found.
    pub async fn bind(config: ConsoleConfig, app: App) -> Result<Self, ConsoleError> {
        let tls = tls(&config)?;
        let templates = Templates::load()?;
        let listen = |source| ConsoleError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let desk = Desk {
            app,
            templates,
            clock: config.clock,
            certificate_page: config.certificate_page.unwrap_or_default(),
            promises_https: !local_addr.ip().is_loopback(),
        };
        Ok(Self { listener, local_addr, tls, router: router(desk) })
    }

    /// Where it listens, with the port the system chose where it was asked for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers until `shutdown` is done, then lets every connection finish the request it is in.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let places = Places {
            all: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
            by_address: Shares::new(MOST_OF_AN_ADDRESS),
        };
        let (ending, ended) = watch::channel(false);
        tokio::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = accept(&self.listener, &places) => accepted,
            };
            let Some((stream, peer, place)) = accepted else { continue };
            let (tls, router, ended) = (self.tls.clone(), self.router.clone(), ended.clone());
            tokio::spawn(async move {
                // Without it small answers wait for acknowledgements; a socket that refuses still works.
                let _ = stream.set_nodelay(true);
                converse(stream, Peer(peer), (tls, router), ended).await;
                drop(place);
            });
        }
        drop(self.listener);
        let _ = ending.send(true);
        let everybody = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(FAREWELL_LIMIT, places.all.acquire_many(everybody)).await;
    }
}

/// The places for connections.
struct Places {
    all: Arc<Semaphore>,
    by_address: Arc<Shares>,
}

/// A connection's place, free again when dropped: one of all, and one of its address's.
struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: Share,
}

/// The next connection, once there is a place for it; `None` where it failed, after a breath where the system is out of
/// handles, and where its address holds too many already.
async fn accept(listener: &TcpListener, places: &Places) -> Option<(TcpStream, IpAddr, Place)> {
    let of_all = Arc::clone(&places.all).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            let peer = peer.ip().to_canonical();
            let Some(of_address) = places.by_address.take(peer) else {
                tracing::warn!(
                    limit = MOST_OF_AN_ADDRESS,
                    "an address has too many connections; one was closed"
                );
                return None;
            };
            Some((stream, peer, Place { _of_all: of_all, _of_address: of_address }))
        }
        Err(error) => {
            tracing::warn!(%error, "the console could not take a connection");
            tokio::time::sleep(Duration::from_millis(50)).await;
            None
        }
    }
}

/// One connection, from its handshake to its end. What goes wrong here is the other side's, and common: it is not logged
/// above debug.
async fn converse<S>(
    stream: S,
    peer: Peer,
    (tls, router): (TlsAcceptor, Router),
    mut ended: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = tokio::select! {
        _ = ended.wait_for(|ended| *ended) => return,
        handshake = tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)) => handshake,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => TokioIo::new(stream),
        Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake with the console failed"),
        Err(_) => return tracing::debug!("a TLS handshake with the console took too long"),
    };
    let has_asked = Arc::new(AtomicBool::new(false));
    let asking = Arc::clone(&has_asked);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        asking.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        router.clone().oneshot(request.map(Body::new))
    });
    let builder = http();
    let connection = builder.serve_connection(stream, service);
    tokio::pin!(connection);
    let stop = async {
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => {}
            () = silence(&has_asked) => {}
            () = tokio::time::sleep(CONNECTION_LIMIT) => {}
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop => connection.as_mut().graceful_shutdown(),
    }
    let _ = tokio::time::timeout(FAREWELL_LIMIT, connection).await;
}

/// Ends when nothing was asked in good time. The HTTP server's own limit counts only from the first byte on, and for
/// HTTP/2 not at all.
async fn silence(has_asked: &AtomicBool) {
    tokio::time::sleep(HEADERS_LIMIT).await;
    if has_asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

fn http() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS_LIMIT).max_headers(MOST_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADERS_LIMIT)
        .max_header_list_size(MOST_HEADER_BYTES)
        .max_concurrent_streams(MOST_STREAMS);
    builder
}

fn tls(config: &ConsoleConfig) -> Result<TlsAcceptor, ConsoleError> {
    let chain = CertificateDer::pem_slice_iter(config.cert_chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ConsoleError::CertificateChain { found: error.to_string() })?;
    if chain.is_empty() {
        return Err(ConsoleError::CertificateChain { found: "none".to_owned() });
    }
    let key = PrivateKeyDer::from_pem_slice(config.key_pem.as_bytes())
        .map_err(|error| ConsoleError::PrivateKey { found: error.to_string() })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream};
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    fn refused(cert_chain_pem: &str, key_pem: &str) -> ConsoleError {
        let config = ConsoleConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            cert_chain_pem: cert_chain_pem.to_owned(),
            key_pem: key_pem.to_owned(),
            certificate_page: None,
            clock: Clock::System,
        };
        tls(&config).err().unwrap()
    }

    #[test]
    fn what_is_wrong_with_certificate_or_key_is_said_without_repeating_the_key() {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (chain, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        assert!(matches!(refused("no PEM", &key), ConsoleError::CertificateChain { .. }));
        let broken = refused(&chain, "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n");
        assert!(matches!(broken, ConsoleError::PrivateKey { .. }));
        assert!(!broken.to_string().contains("c2VjcmV0"));
        let strangers = refused(&chain, &other.signing_key.serialize_pem());
        assert!(matches!(strangers, ConsoleError::Tls(_)), "{strangers}");
    }

    /// How long the console stays with somebody who says `words` over TLS, or not even TLS, and then nothing.
    async fn lasts(words: Option<&[u8]>) -> Duration {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let config = ConsoleConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            cert_chain_pem: own.cert.pem(),
            key_pem: own.signing_key.serialize_pem(),
            certificate_page: None,
            clock: Clock::System,
        };
        let (here, there) = tokio::io::duplex(64 * 1024);
        let (_ending, ended) = watch::channel(false);
        let peer = Peer(IpAddr::from([10, 0, 0, 1]));
        let began = tokio::time::Instant::now();
        let console = tokio::spawn(converse(there, peer, (tls(&config).unwrap(), Router::new()), ended));
        match words {
            None => {
                let _here = here;
                console.await.unwrap();
            }
            Some(words) => {
                let mut here = shake_hands(here, own.cert.der().clone()).await;
                here.write_all(words).await.unwrap();
                console.await.unwrap();
            }
        }
        began.elapsed()
    }

    async fn shake_hands(stream: DuplexStream, root: CertificateDer<'static>) -> TlsStream<DuplexStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_nothing_in_good_time_is_shown_out_whatever_the_http_version() {
        let http2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        let half = b"GET / HTTP/1.1\r\nhost: local";
        for words in [None, Some(&b""[..]), Some(&half[..]), Some(&http2[..])] {
            let lasted = lasts(words).await;
            assert!(lasted >= HANDSHAKE_LIMIT, "{words:?}: {lasted:?}");
            assert!(lasted <= HEADERS_LIMIT + FAREWELL_LIMIT, "{words:?}: {lasted:?}");
        }
    }
}
