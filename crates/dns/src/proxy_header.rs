//! The head of the PROXY protocol, version 2, by which a proxy says whose connection or datagram it passes on
//! (haproxy.org, "The PROXY protocol", 2.2, read 2026-11-22).
//!
//! Version 1 is not spoken: it is text of no fixed length. What a proxy adds after the addresses is passed over.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What every head begins with.
pub(crate) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The head before the addresses: signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// The most that follows the fixed part; addresses take 12 or 36 bytes of it.
const MOST_BYTES: usize = 512;

/// A head that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ProxyHeader {
    /// Whose connection it is; `None` where the proxy asks for itself, or cannot tell.
    pub(crate) source: Option<IpAddr>,
    /// How long the head is; the rest is what was passed on.
    pub(crate) bytes: usize,
}

impl ProxyHeader {
    /// Reads the head that `bytes` begin with; `None` where there is none, or one that is too long or broken.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_BYTES>()?;
        let length = length(fixed)?;
        let rest = rest.get(..length)?;
        let [.., command, family, _, _] = *fixed;
        let source = match (command & 0x0f, family >> 4) {
            // The proxy's own question: of its health, mostly.
            (0, _) | (1, 0) => None,
            (1, 1) => Some(IpAddr::V4(Ipv4Addr::from_octets(*rest.first_chunk().filter(|_| length >= 12)?))),
            (1, 2) => Some(IpAddr::V6(Ipv6Addr::from_octets(*rest.first_chunk().filter(|_| length >= 36)?))),
            _ => return None,
        };
        Some(Self { source: source.map(|address| address.to_canonical()), bytes: FIXED_BYTES + length })
    }

    /// Takes the head off the front of a connection.
    ///
    /// # Errors
    /// `InvalidData` where there is none; else what the connection says.
    pub(crate) async fn take(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut head = vec![0; FIXED_BYTES];
        stream.read_exact(&mut head).await?;
        let length = head.first_chunk().and_then(length).ok_or(io::ErrorKind::InvalidData)?;
        head.resize(FIXED_BYTES + length, 0);
        if let Some(rest) = head.get_mut(FIXED_BYTES..) {
            stream.read_exact(rest).await?;
        }
        Self::read(&head).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// The length of what follows the fixed part, where that is the beginning of a head.
fn length(fixed: &[u8; FIXED_BYTES]) -> Option<usize> {
    let [.., command, _, l0, l1] = *fixed;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    (fixed.starts_with(&SIGNATURE) && command >> 4 == 2 && length <= MOST_BYTES).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    #[test]
    fn a_head_says_whose_connection_it_is() {
        let v4 = [10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53];
        let with_more = [&v4[..], &[4, 0, 1, 0]].concat();
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"fd00::1".parse::<Ipv6Addr>().unwrap().octets());
        for (bytes, source) in [
            (head(0x21, 0x11, &v4), Some(Some("10.0.0.1"))),
            (head(0x21, 0x12, &with_more), Some(Some("10.0.0.1"))),
            (head(0x21, 0x22, &v6), Some(Some("fd00::1"))),
            (head(0x20, 0x11, &v4), Some(None)),
            (head(0x21, 0x00, &[]), Some(None)),
            (head(0x11, 0x11, &v4), None),
            (head(0x22, 0x11, &v4), None),
            (head(0x21, 0x11, &v4[..11]), None),
            (head(0x21, 0x21, &v4), None),
            (head(0x21, 0x31, &v6), None),
            (head(0x21, 0x11, &[0; 513]), None),
            (b"PROXY TCP4 10.0.0.1 10.0.0.2 53 53\r\n".to_vec(), None),
        ] {
            let read = ProxyHeader::read(&[&bytes[..], b"rest"].concat());
            let source = source.map(|source| source.map(|text| text.parse::<IpAddr>().unwrap()));
            assert_eq!(read.map(|head| head.source), source, "{bytes:?}");
            assert!(read.is_none_or(|head| head.bytes == bytes.len()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(rest in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = ProxyHeader::read(&rest);
            let _ = ProxyHeader::read(&[&SIGNATURE[..], &rest].concat());
        }
    }
}
