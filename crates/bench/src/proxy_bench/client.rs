//! The one client of every proxy: CONNECT, TLS, HTTP/1.1 on a connection that is kept. Blocking, one connection to a thread.
//!
//! Everything that comes back is checked: status, length and every byte of the body. Who signed the certificate is checked by
//! trust: a way trusts the one authority that must have signed, and no other. TLS is alike for all: version 1.3, X25519, no
//! resumption.

use super::sites::{BLOCK_BYTES, BULK_BYTES, PAGE_BYTES, PAGES, PORT, Site, block, pages};
use crate::error::BenchError;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::{CertificateDer, ServerName};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest silence that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 256 << 10;
const MOST_HEAD_BYTES: usize = 16 << 10;

/// A way to the sites: through a proxy or straight, and whose certificates are good on it.
#[derive(Clone)]
pub(crate) struct Way {
    proxy: Option<SocketAddrV4>,
    tls: Arc<ClientConfig>,
    expected: Arc<Expected>,
}

/// What the sites say.
pub(crate) struct Expected {
    pages: Vec<Vec<u8>>,
    block: Vec<u8>,
}

impl Expected {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { pages: pages(), block: block() })
    }
}

impl Way {
    /// `trusted` is the one authority whose certificates are good.
    pub(crate) fn new(
        proxy: Option<SocketAddrV4>,
        trusted: &CertificateDer<'static>,
        expected: &Arc<Expected>,
    ) -> Result<Self, BenchError> {
        let mut roots = RootCertStore::empty();
        roots.add(trusted.clone())?;
        let provider =
            CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
        let mut tls = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        tls.resumption = rustls::client::Resumption::disabled();
        Ok(Self { proxy, tls: Arc::new(tls), expected: Arc::clone(expected) })
    }

    /// Opens a connection to a site from one of the school's addresses.
    pub(crate) fn open(&self, site: &Site, from: Ipv4Addr) -> Result<Connection, BenchError> {
        let origin = SocketAddrV4::new(site.address, PORT);
        let mut stream = connect(from, self.proxy.unwrap_or(origin)).map_err(BenchError::Socket)?;
        if self.proxy.is_some() {
            ask_for_tunnel(&mut stream, &format!("{}:{PORT}", site.name))?;
        }
        let refused = |_| wrong("a site that has a name", &site.name);
        let name = ServerName::try_from(site.name.clone()).map_err(refused)?;
        let mut session = ClientConnection::new(Arc::clone(&self.tls), name)?;
        let mut stream = Buffered { stream, bytes: Vec::new(), at: 0, until: 0 };
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(BenchError::Socket)?;
        }
        let fields = format!("Host: {}\r\n{FIELDS}\r\n", site.name);
        let expected = Arc::clone(&self.expected);
        Ok(Connection { stream: StreamOwned::new(session, stream), fields, expected, answer: Vec::new() })
    }
}

/// What browsers send with each request, in kind and length.
const FIELDS: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-GB,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Cookie: seen=1; lesson=0f1e2d3c4b5a69788796a5b4c3d2e1f0\r\n\
    Sec-Fetch-Dest: document\r\n\
    Sec-Fetch-Mode: navigate\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    Connection: keep-alive\r\n";

/// An open connection to a site.
pub(crate) struct Connection {
    stream: StreamOwned<ClientConnection, Buffered>,
    fields: String,
    expected: Arc<Expected>,
    answer: Vec<u8>,
}

impl Connection {
    /// Fetches a small page; the moment its first byte came.
    pub(crate) fn page(&mut self, number: usize) -> Result<Instant, BenchError> {
        let number = number % PAGES;
        self.ask(&format!("/page/{number}"))?;
        let (first, start) = self.head(PAGE_BYTES)?;
        let expected = Arc::clone(&self.expected);
        let page = expected.pages.get(number).map(Vec::as_slice).unwrap_or_default();
        while self.answer.len() < start + page.len() {
            self.read()?;
        }
        if self.answer.get(start..) == Some(page) {
            Ok(first)
        } else {
            Err(wrong("the page's own text", "another"))
        }
    }

    /// Fetches a bulk body, counting its bytes as they come, until its end or until told to stop.
    pub(crate) fn bulk(&mut self, bytes: &AtomicU64, stop: &AtomicBool) -> Result<(), BenchError> {
        self.ask("/bulk")?;
        let (_, start) = self.head(BULK_BYTES)?;
        let expected = Arc::clone(&self.expected);
        let mut came = 0;
        let early = self.answer.split_off(start);
        came = checked(&expected.block, came, &early)?;
        let mut buffer = vec![0; READ_BYTES];
        while came < BULK_BYTES && !stop.load(Ordering::Relaxed) {
            let count = self.stream.read(&mut buffer).map_err(BenchError::Socket)?;
            if count == 0 {
                return Err(wrong("a whole body", &format!("{came} bytes")));
            }
            came = checked(&expected.block, came, buffer.get(..count).unwrap_or_default())?;
            bytes.fetch_add(count as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    fn ask(&mut self, path: &str) -> Result<(), BenchError> {
        self.answer.clear();
        let head = format!("GET {path} HTTP/1.1\r\n{}", self.fields);
        self.stream.write_all(head.as_bytes()).and_then(|()| self.stream.flush()).map_err(BenchError::Socket)
    }

    /// Reads the head of a good answer: when its first byte came, and where its body begins.
    fn head(&mut self, length: usize) -> Result<(Instant, usize), BenchError> {
        self.read()?;
        let first = Instant::now();
        let end = loop {
            if let Some(end) = end_of_head(&self.answer) {
                break end;
            }
            if self.answer.len() > MOST_HEAD_BYTES {
                return Err(wrong("a head that ends", "one without end"));
            }
            self.read()?;
        };
        let head = String::from_utf8_lossy(self.answer.get(..end).unwrap_or_default());
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(wrong("status 200", head.lines().next().unwrap_or_default()));
        }
        match content_length(&head) {
            Some(found) if found == length => Ok((first, end)),
            _ => Err(wrong("the body's length in the head", &head)),
        }
    }

    /// Reads what is there, or waits for it.
    fn read(&mut self) -> Result<(), BenchError> {
        let filled = self.answer.len();
        self.answer.resize(filled + 4_096, 0);
        let count = self.stream.read(self.answer.get_mut(filled..).unwrap_or_default());
        let count = count.map_err(BenchError::Socket)?;
        self.answer.truncate(filled + count);
        if count == 0 { Err(wrong("an answer", "the end of the connection")) } else { Ok(()) }
    }
}

fn connect(from: Ipv4Addr, to: SocketAddrV4) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    socket.connect(&to.into())?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn ask_for_tunnel(stream: &mut TcpStream, authority: &str) -> Result<(), BenchError> {
    let head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: bench\r\n\r\n");
    stream.write_all(head.as_bytes()).map_err(BenchError::Socket)?;
    let mut answer = Vec::new();
    // The server says nothing after this head until it is asked, so nothing of TLS is taken with it.
    while end_of_head(&answer).is_none() {
        let mut part = [0; 1_024];
        let count = stream.read(&mut part).map_err(BenchError::Socket)?;
        if count == 0 || answer.len() > MOST_HEAD_BYTES {
            return Err(wrong("a tunnel", "the end of the connection"));
        }
        answer.extend_from_slice(part.get(..count).unwrap_or_default());
    }
    let line = String::from_utf8_lossy(&answer);
    let line = line.lines().next().unwrap_or_default();
    let opened = line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.0 200");
    if opened { Ok(()) } else { Err(wrong("a tunnel", line)) }
}

/// Where the body begins.
fn end_of_head(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &str) -> Option<usize> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

/// How much of a bulk body has come, once `part` is seen to be what comes next.
fn checked(block: &[u8], mut came: usize, mut part: &[u8]) -> Result<usize, BenchError> {
    while !part.is_empty() {
        let expected = block.get(came % BLOCK_BYTES..).unwrap_or_default();
        let (now, later) = part.split_at(part.len().min(expected.len()));
        if !expected.starts_with(now) {
            return Err(wrong("the body's own bytes", "others"));
        }
        came += now.len();
        part = later;
    }
    Ok(came)
}

fn wrong(expected: &'static str, found: &str) -> BenchError {
    BenchError::Answer { expected, found: found.to_owned() }
}

/// A stream that is read in large parts: the TLS library itself would ask for 4 KiB at a time.
struct Buffered {
    stream: TcpStream,
    /// Empty until more comes than one call asks for.
    bytes: Vec<u8>,
    at: usize,
    until: usize,
}

impl Read for Buffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.until {
            if self.bytes.is_empty() {
                let count = self.stream.read(buffer)?;
                if count == buffer.len() {
                    self.bytes.resize(READ_BYTES, 0);
                }
                return Ok(count);
            }
            (self.at, self.until) = (0, self.stream.read(&mut self.bytes)?);
        }
        let ready = self.bytes.get(self.at..self.until).unwrap_or_default();
        let count = ready.len().min(buffer.len());
        if let (Some(place), Some(ready)) = (buffer.get_mut(..count), ready.get(..count)) {
            place.copy_from_slice(ready);
        }
        self.at += count;
        Ok(count)
    }
}

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_its_empty_line_and_gives_its_length() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 12\r\n\r\nbody";
        assert_eq!(end_of_head(answer), Some(answer.len() - 4));
        assert_eq!(content_length("HTTP/1.1 200 OK\r\ncontent-LENGTH: 12\r\n"), Some(12));
        assert_eq!(end_of_head(b"HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn a_bulk_body_is_checked_wherever_it_is_cut() {
        let block = block();
        let body = [block.as_slice(), &block].concat();
        let mut came = 0;
        for part in body.chunks(10_007) {
            came = checked(&block, came, part).unwrap();
        }
        assert_eq!(came, body.len());
        assert!(checked(&block, 1, &block[..2]).is_err());
    }
}
