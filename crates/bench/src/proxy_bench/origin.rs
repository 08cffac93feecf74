//! The origin of every site: TLS 1.3, HTTP/1.1, small pages and bulk bodies. One process, one thread, beside the client.
//!
//! It knows `GET` of paths it has, and closes on anything else: it is asked by the bench alone.

use super::authority;
use super::sites::{BLOCK_BYTES, BULK_BYTES, PORT, all, block, pages};
use crate::error::BenchError;
use crate::say;
use model::{Clock, Host};
use proxy::LeafSigner;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddrV4;
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The most bytes of a request's head.
pub(crate) const MOST_HEAD_BYTES: usize = 16 << 10;

/// Serves every site with certificates of the authority in `folder`, until the program's input ends.
pub(crate) fn serve(folder: &Path) -> Result<(), BenchError> {
    let acceptor = acceptor(folder)?;
    let answers = Arc::new(Answers::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::Socket)?.block_on(async {
        for site in all() {
            let address = SocketAddrV4::new(site.address, PORT);
            let listener = TcpListener::bind(address).await.map_err(BenchError::Socket)?;
            tokio::spawn(accept(listener, acceptor.clone(), Arc::clone(&answers)));
        }
        say::result("serving");
        super::input_ended()?.cancelled().await;
        Ok(())
    })
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, answers: Arc<Answers>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
        // A client that leaves is the client's to tell.
        tokio::spawn(async move { answers.serve(acceptor, stream).await });
    }
}

/// TLS with a certificate for each site, signed by the authority in `folder`.
pub(crate) fn acceptor(folder: &Path) -> Result<TlsAcceptor, BenchError> {
    let signer = LeafSigner::new(authority::load(folder)?, Clock::System)?;
    let mut certificates = HashMap::new();
    for site in all() {
        if let Ok(host) = Host::parse(&site.name) {
            certificates.insert(site.name, signer.leaf(&host, None)?);
        }
    }
    let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(BySite(certificates)));
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

#[derive(Debug)]
struct BySite(HashMap<String, Arc<CertifiedKey>>);

impl ResolvesServerCert for BySite {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.get(hello.server_name()?).map(Arc::clone)
    }
}

/// Everything that can be asked for, ready to be sent.
struct Answers {
    pages: Vec<Vec<u8>>,
    block: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let whole = |page: Vec<u8>| [head(page.len()).as_bytes(), &page].concat();
        Self { pages: pages().into_iter().map(whole).collect(), block: block() }
    }

    async fn serve(&self, acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = acceptor.accept(stream).await?;
        let mut head = Vec::with_capacity(2_048);
        loop {
            head.clear();
            while !head.ends_with(b"\r\n\r\n") {
                if head.len() > MOST_HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
                    return Ok(());
                }
            }
            match asked(&head) {
                Some(Asked::Page(number)) => {
                    let Some(page) = self.pages.get(number) else { return Ok(()) };
                    stream.write_all(page).await?;
                }
                Some(Asked::Bulk) => {
                    stream.write_all(self::head(BULK_BYTES).as_bytes()).await?;
                    for _ in 0..BULK_BYTES / BLOCK_BYTES {
                        stream.write_all(&self.block).await?;
                    }
                }
                None => return Ok(()),
            }
            stream.flush().await?;
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Page(usize),
    Bulk,
}

fn asked(head: &[u8]) -> Option<Asked> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let path = std::str::from_utf8(line).ok()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    match path.strip_prefix("/page/") {
        Some(number) => Some(Asked::Page(number.parse().ok()?)),
        None => (path == "/bulk").then_some(Asked::Bulk),
    }
}

/// The fields that servers of today send with a page that is not to be kept.
fn head(bytes: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 16 Nov 2026 11:00:00 GMT\r\n\
         Content-Type: text/html; charset=utf-8\r\nContent-Length: {bytes}\r\nCache-Control: private, no-store\r\n\
         Connection: keep-alive\r\nVary: Accept-Encoding\r\nStrict-Transport-Security: max-age=31536000\r\nX-Content-Type-Options: nosniff\r\n\
         Set-Cookie: seen=1; Path=/; Secure; HttpOnly\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_bulk_are_known_by_their_request_lines() {
        for (head, expected) in [
            (&b"GET /page/7 HTTP/1.1\r\nHost: a\r\n\r\n"[..], Some(Asked::Page(7))),
            (b"GET /bulk HTTP/1.1\r\n\r\n", Some(Asked::Bulk)),
            (b"GET /page/x HTTP/1.1\r\n\r\n", None),
            (b"POST /bulk HTTP/1.1\r\n\r\n", None),
            (b"", None),
        ] {
            assert_eq!(asked(head), expected);
        }
    }
}
