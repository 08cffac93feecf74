//! What a client says first inside a tunnel: TLS, plain HTTP, something else, or nothing.

use crate::streams::Replay;
use bytes::{Bytes, BytesMut};
use model::Host;
use rustls::server::{Accepted, Acceptor};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The most that is read before it is decided what it is. A TLS handshake message ends before it.
const MOST_BYTES: usize = 64 * 1024;
/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// No request method in use is longer, with the space after it.
const LONGEST_METHOD: usize = 24;

/// What a client said first.
pub(crate) enum Hello<S> {
    /// A whole TLS ClientHello.
    Tls(Box<TlsHello<S>>),
    /// The beginning of an HTTP/1 request; the stream gives it back.
    Http(Replay<S>),
    /// Something else; the stream gives it back.
    Other(Replay<S>),
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
pub(crate) async fn listen<S: AsyncRead + Unpin>(mut stream: S) -> Hello<S> {
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
            match looks_like_http(&raw) {
                Some(true) => return Hello::Http(Replay::new(raw.freeze(), stream)),
                Some(false) => return Hello::Other(Replay::new(raw.freeze(), stream)),
                None => continue,
            }
        }
        match feed(&mut acceptor, &raw, &mut fed) {
            Ok(Some(accepted)) => return tls_hello(accepted, raw.freeze(), fed, stream),
            Ok(None) if raw.len() < MOST_BYTES => {}
            Ok(None) | Err(Unreadable) => return Hello::Broken,
        }
    }
}

/// A ClientHello that cannot be read.
struct Unreadable;

fn feed(acceptor: &mut Acceptor, raw: &[u8], fed: &mut usize) -> Result<Option<Accepted>, Unreadable> {
    while let Some(mut unread) = raw.get(*fed..).filter(|unread| !unread.is_empty()) {
        *fed += acceptor.read_tls(&mut unread).map_err(|_| Unreadable)?;
        if let Some(accepted) = acceptor.accept().map_err(|_| Unreadable)? {
            return Ok(Some(accepted));
        }
    }
    Ok(None)
}

fn tls_hello<S>(accepted: Accepted, raw: Bytes, fed: usize, stream: S) -> Hello<S> {
    let hello = accepted.client_hello();
    let name = hello.server_name().and_then(|name| Host::parse(name).ok());
    let protocols = hello.alpn().map(|offered| offered.map(<[u8]>::to_vec).collect()).unwrap_or_default();
    let after = raw.slice(fed..);
    let untouched = after.len();
    Hello::Tls(Box::new(TlsHello {
        accepted,
        name,
        protocols,
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

    proptest! {
        #[test]
        fn any_bytes_are_listened_to_without_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..2048),
            tls in any::<bool>(),
        ) {
            if tls {
                bytes.splice(0..0, [TLS_HANDSHAKE, 3, 1]);
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(listen(bytes.as_slice()));
        }
    }
}
