//! What a client says first inside a tunnel: TLS, plain HTTP, something else, or nothing.

use crate::streams::Replay;
use bytes::{Bytes, BytesMut};
use inspect::client_hello::may_hide_its_name;
use inspect::protocol::{self, Spoken};
use model::Host;
use rustls::server::{Accepted, Acceptor};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

/// The most that is read before it is decided what it is. A TLS handshake message ends before it.
const MOST_BYTES: usize = 64 * 1024;
/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// No request method in use is longer, with the space after it.
const LONGEST_METHOD: usize = 24;
/// What no protocol is known to begin with is heard so far, and so long, in case it was cut into pieces.
const MOST_UNKNOWN_BYTES: usize = 256;
const MOST_UNKNOWN_WAIT: Duration = Duration::from_millis(300);

/// What a client said first.
pub(crate) enum Hello<S> {
    /// A whole TLS ClientHello.
    Tls(Box<TlsHello<S>>),
    /// The beginning of an HTTP/1 request; the stream gives it back.
    Http(Replay<S>),
    /// Something else, and what; the stream gives it back.
    Other(Spoken, Replay<S>),
    /// TLS that cannot be understood.
    Broken,
    /// The client went away without a word.
    Silent,
}

/// A ClientHello, ready to be answered or passed on.
pub(crate) struct TlsHello<S> {
    /// What the library read; it finishes the handshake.
    pub(crate) accepted: Accepted,
    /// The name that the client asks for (SNI); `None` where it sends none or none that is a host.
    pub(crate) name: Option<Host>,
    /// The protocols it offers (ALPN), in its order.
    pub(crate) protocols: Vec<Vec<u8>>,
    /// That it may hide the name it is really for (ECH), and so names another in the open. Browsers say so to everybody.
    pub(crate) may_hide: bool,
    /// Everything that was read.
    pub(crate) raw: Bytes,
    /// The stream after what `accepted` holds.
    pub(crate) rest: Replay<S>,
    untouched: usize,
}

impl<S> TlsHello<S> {
    /// The stream as if nothing had been read of it.
    pub(crate) fn replay(self) -> Replay<Replay<S>> {
        let read = self.raw.len().saturating_sub(self.untouched);
        Replay::new(self.raw.slice(..read), self.rest)
    }
}

/// Reads until it is clear what the client speaks. The caller sets the time limit.
pub(crate) async fn listen<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> Hello<S> {
    let mut raw = BytesMut::with_capacity(4096);
    let mut acceptor = Acceptor::default();
    let mut fed = 0;
    loop {
        match stream.read_buf(&mut raw).await {
            Ok(0) | Err(_) if raw.is_empty() => return Hello::Silent,
            Ok(0) | Err(_) => return Hello::Broken,
            Ok(_) => {}
        }
        if raw.first() != Some(&TLS_HANDSHAKE) {
            match (looks_like_http(&raw), protocol::of_first_bytes(&raw)) {
                (_, spoken @ Spoken::Named(_)) => {
                    return Hello::Other(spoken, Replay::new(raw.freeze(), stream));
                }
                (Some(true), _) => return Hello::Http(Replay::new(raw.freeze(), stream)),
                (Some(false), _) => return other(raw, stream).await,
                (None, _) => continue,
            }
        }
        match feed(&mut acceptor, &raw, &mut fed) {
            Ok(Some(accepted)) => return tls_hello(accepted, raw.freeze(), fed, stream),
            Ok(None) if raw.len() < MOST_BYTES => {}
            Ok(None) => return Hello::Broken,
            Err(Unreadable(alert)) => {
                // Why it is closed; a client that is gone already need not know.
                let _ = stream.write_all(&alert).await;
                return Hello::Broken;
            }
        }
    }
}

/// Hears a little more of what nothing is known to begin with.
async fn other<S: AsyncRead + Unpin>(mut raw: BytesMut, mut stream: S) -> Hello<S> {
    let until = Instant::now() + MOST_UNKNOWN_WAIT;
    let mut spoken = protocol::of_first_bytes(&raw);
    while !matches!(spoken, Spoken::Named(_)) && raw.len() < MOST_UNKNOWN_BYTES {
        let Ok(Ok(1..)) = timeout_at(until, stream.read_buf(&mut raw)).await else { break };
        spoken = protocol::of_first_bytes(&raw);
    }
    Hello::Other(spoken, Replay::new(raw.freeze(), stream))
}

/// A ClientHello that cannot be read, and what TLS says to that.
struct Unreadable(Vec<u8>);

fn feed(acceptor: &mut Acceptor, raw: &[u8], fed: &mut usize) -> Result<Option<Accepted>, Unreadable> {
    while let Some(mut unread) = raw.get(*fed..).filter(|unread| !unread.is_empty()) {
        *fed += acceptor.read_tls(&mut unread).map_err(|_| Unreadable(Vec::new()))?;
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(Some(accepted)),
            Ok(None) => {}
            Err((_, mut alert)) => {
                let mut bytes = Vec::new();
                // Writing to memory does not fail.
                let _ = alert.write_all(&mut bytes);
                return Err(Unreadable(bytes));
            }
        }
    }
    Ok(None)
}

fn tls_hello<S>(accepted: Accepted, raw: Bytes, fed: usize, stream: S) -> Hello<S> {
    let hello = accepted.client_hello();
    let name = hello.server_name().and_then(|name| Host::parse(name).ok());
    let protocols = hello.alpn().map(|offered| offered.map(<[u8]>::to_vec).collect()).unwrap_or_default();
    let may_hide = may_hide_its_name(&raw);
    let after = raw.slice(fed..);
    let untouched = after.len();
    Hello::Tls(Box::new(TlsHello {
        accepted,
        name,
        protocols,
        may_hide,
        raw,
        rest: Replay::new(after, stream),
        untouched,
    }))
}

/// True for the beginning of an HTTP/1 request line, `None` while it is too short to say.
fn looks_like_http(raw: &[u8]) -> Option<bool> {
    for (index, byte) in raw.iter().take(LONGEST_METHOD).enumerate() {
        match byte {
            b' ' => return Some(index >= 3),
            b'A'..=b'Z' | b'-' => {}
            _ => return Some(false),
        }
    }
    (raw.len() >= LONGEST_METHOD).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_line_is_told_from_other_protocols() {
        for (raw, expected) in [
            (&b"GET / HTTP/1.1"[..], Some(true)),
            (b"VERSION-CONTROL /", Some(true)),
            (b"GE", None),
            (b"SSH-2.0-OpenSSH", Some(false)),
            (b"EHLO", None),
            (b"\x00\x01", Some(false)),
            (b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", Some(false)),
        ] {
            assert_eq!(looks_like_http(raw), expected, "{raw:?}");
        }
    }

    /// What the library's own client says first: with a post-quantum key share it is about 1.5 kB long.
    fn real_hello(name: &str) -> Vec<u8> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
        let mut tls = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
        let mut client = rustls::ClientConnection::new(tls.into(), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    /// The same handshake message in records of at most `most` bytes (RFC 8446, section 5.1).
    fn in_records(hello: &[u8], most: usize) -> Vec<u8> {
        let message = &hello[5..];
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [&[TLS_HANDSHAKE, 3, 1], &length[..], part].concat()
        };
        message.chunks(most).flat_map(record).collect()
    }

    #[tokio::test]
    async fn a_hello_is_read_however_it_is_cut_and_given_back_whole() {
        let hello = real_hello("www.example.com");
        assert!(hello.len() > 1_200, "the key share is post-quantum");
        for (records, window) in [(16_384, 16_384), (16_384, 1), (100, 7), (1, 1), (1, 16_384)] {
            let sent = in_records(&hello, records);
            let after = b"early data or whatever comes next";
            let (mut client, server) = tokio::io::duplex(window);
            let whole = [&sent[..], after].concat();
            let writing = tokio::spawn(async move { client.write_all(&whole).await.map(|()| client) });
            let Hello::Tls(read) = listen(server).await else { panic!("{records} {window}: no TLS") };
            assert_eq!(read.name, Host::parse("www.example.com").ok());
            assert_eq!(read.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
            assert!(!read.may_hide);
            let mut back = vec![0; sent.len() + after.len()];
            read.replay().read_exact(&mut back).await.unwrap();
            assert_eq!(back, [&sent[..], after].concat());
            drop(writing.await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_protocol_that_is_known_is_told_however_it_is_cut() {
        let openvpn = [&[0, 14, 0x38], [7; 13].as_slice()].concat();
        for (first, piece, expected) in [
            (openvpn.as_slice(), 16, Some("openvpn")),
            (&openvpn, 3, Some("openvpn")),
            (b"EHLO a.test\r\n", 16, Some("smtp")),
            (b"CONNECT a.test:443 HTTP/1.1\r\n\r\n", 64, Some("proxy")),
            (b"\0\x01custom", 16, None),
        ] {
            let (mut client, server) = tokio::io::duplex(piece);
            let sent = first.to_vec();
            let writing = tokio::spawn(async move { client.write_all(&sent).await.map(|()| client) });
            let Hello::Other(spoken, mut stream) = listen(server).await else { panic!("{first:?}") };
            let name = if let Spoken::Named(protocol) = spoken { Some(protocol.name) } else { None };
            assert_eq!(name, expected, "{first:?} {piece}");
            let mut back = vec![0; first.len()];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(back, first);
            drop(writing.await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_client_whose_hello_cannot_be_read_is_told_so() {
        let (mut client, server) = tokio::io::duplex(1_024);
        client.write_all(&[TLS_HANDSHAKE, 3, 1, 0, 4, 1, 0, 0, 0]).await.unwrap();
        assert!(matches!(listen(server).await, Hello::Broken));
        let mut told = Vec::new();
        client.read_to_end(&mut told).await.unwrap();
        assert_eq!(told.first(), Some(&21), "an alert: {told:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_listened_to_without_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..2048),
            tls in any::<bool>(),
        ) {
            if tls {
                bytes.splice(0..0, [TLS_HANDSHAKE, 3, 1]);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let stream = tokio::io::join(bytes.as_slice(), tokio::io::sink());
            let _ = runtime.block_on(listen(stream));
        }
    }
}
