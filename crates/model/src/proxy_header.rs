//! The head of the PROXY protocol, versions 1 and 2, by which a proxy says whose connection or datagram it passes on
//! (haproxy.org, "The PROXY protocol", 2.1 and 2.2, read 2026-11-22).
//!
//! Left out: reading from a wire. [`ProxyHeader::read`] says how much more to read, so that nothing after the head is
//! taken. What a proxy adds after the addresses of version 2 is passed over.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The head of version 2 before the addresses: signature, version and command, family, length.
const FIXED_BYTES: usize = 16;
/// The most that follows the fixed part of version 2; addresses take 12 or 36 bytes of it.
const MOST_BYTES: usize = 512;
/// The longest line of version 1, its end included.
const LONGEST_LINE: usize = 107;
/// What a line of version 1 begins with.
const LINE_START: &[u8] = b"PROXY ";

/// A head that was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProxyHeader {
    /// Whose connection it is; `None` where the proxy asks for itself, or cannot tell.
    pub source: Option<IpAddr>,
    /// How long the head is; the rest is what was passed on.
    pub bytes: usize,
}

/// What some bytes are of a head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyHeaderRead {
    /// They begin with a whole one.
    Whole(ProxyHeader),
    /// So many more belong to it, at least; reading that many takes nothing of what follows.
    Needs(usize),
    /// They begin with none, or with one that is too long or broken.
    Broken,
}

impl ProxyHeader {
    /// What every head of version 2 begins with.
    pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

    /// Reads the head that `bytes` begin with.
    pub fn read(bytes: &[u8]) -> ProxyHeaderRead {
        let is_beginning_of = |whole: &[u8]| bytes.iter().zip(whole).all(|(here, there)| here == there);
        let outcome = if is_beginning_of(&Self::SIGNATURE) {
            binary(bytes)
        } else if is_beginning_of(LINE_START) {
            line(bytes)
        } else {
            None
        };
        outcome.unwrap_or(ProxyHeaderRead::Broken)
    }
}

/// Version 2; `None` where it is broken.
fn binary(bytes: &[u8]) -> Option<ProxyHeaderRead> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else {
        // Where nothing is known yet, no more than the shortest line of version 1.
        return Some(ProxyHeaderRead::Needs(if bytes.is_empty() { 12 } else { FIXED_BYTES - bytes.len() }));
    };
    let [.., command, family, l0, l1] = *fixed;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if command >> 4 != 2 || length > MOST_BYTES {
        return None;
    }
    let Some(rest) = rest.get(..length) else {
        return Some(ProxyHeaderRead::Needs(length - rest.len()));
    };
    let source = match (command & 0x0f, family >> 4) {
        // The proxy's own question: of its health, mostly.
        (0, _) | (1, 0) => None,
        (1, 1) => Some(IpAddr::V4(Ipv4Addr::from_octets(*rest.first_chunk().filter(|_| length >= 12)?))),
        (1, 2) => Some(IpAddr::V6(Ipv6Addr::from_octets(*rest.first_chunk().filter(|_| length >= 36)?))),
        _ => return None,
    };
    Some(whole(source, FIXED_BYTES + length))
}

/// Version 1; `None` where it is broken.
fn line(bytes: &[u8]) -> Option<ProxyHeaderRead> {
    let head = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = head.windows(2).position(|pair| pair == b"\r\n") else {
        return (head.len() < LONGEST_LINE).then_some(ProxyHeaderRead::Needs(1));
    };
    let text = std::str::from_utf8(head.get(LINE_START.len()..end)?).ok()?;
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Some(whole(None, end + 2));
    }
    let [family, source, target, source_port, target_port] = five(text)?;
    let source: IpAddr = source.parse().ok()?;
    let target: IpAddr = target.parse().ok()?;
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok();
    let fits = match family {
        "TCP4" => source.is_ipv4() && target.is_ipv4(),
        "TCP6" => source.is_ipv6() && target.is_ipv6(),
        _ => false,
    };
    (fits && is_port(source_port) && is_port(target_port)).then(|| whole(Some(source), end + 2))
}

fn five(text: &str) -> Option<[&str; 5]> {
    let mut parts = text.split(' ');
    let five = [parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(five)
}

fn whole(source: Option<IpAddr>, bytes: usize) -> ProxyHeaderRead {
    ProxyHeaderRead::Whole(ProxyHeader { source: source.map(|address| address.to_canonical()), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&ProxyHeader::SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    /// Reads as a wire is read: never more than what is needed.
    fn by_and_by(bytes: &[u8]) -> Option<ProxyHeader> {
        let mut upto = 0;
        loop {
            match ProxyHeader::read(&bytes[..upto]) {
                ProxyHeaderRead::Whole(header) => {
                    assert_eq!(header.bytes, upto, "nothing after the head was taken");
                    return Some(header);
                }
                ProxyHeaderRead::Needs(more) => {
                    assert!(more > 0);
                    upto += more;
                    if upto > bytes.len() {
                        return None;
                    }
                }
                ProxyHeaderRead::Broken => return None,
            }
        }
    }

    #[test]
    fn a_head_says_whose_connection_it_is() {
        let v4 = [10, 0, 0, 1, 10, 0, 0, 2, 0, 53, 0, 53];
        let with_more = [&v4[..], &[4, 0, 1, 0]].concat();
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"fd00::1".parse::<Ipv6Addr>().unwrap().octets());
        let line = |text: &str| text.as_bytes().to_vec();
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
            (line("PROXY TCP4 10.0.0.1 10.0.0.2 5353 53\r\n"), Some(Some("10.0.0.1"))),
            (line("PROXY TCP6 fd00::1 fd00::2 65535 443\r\n"), Some(Some("fd00::1"))),
            (line("PROXY TCP6 ::ffff:10.0.0.1 ::1 1 2\r\n"), Some(Some("10.0.0.1"))),
            (line("PROXY UNKNOWN\r\n"), Some(None)),
            (line("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), Some(None)),
            (line("PROXY TCP4 fd00::1 10.0.0.2 1 2\r\n"), None),
            (line("PROXY TCP4 10.0.0.1 10.0.0.2 1 65536\r\n"), None),
            (line("PROXY TCP4 10.0.0.1 10.0.0.2 +1 2\r\n"), None),
            (line("PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n"), None),
            (line("PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n"), None),
            (line("PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n"), None),
            (line("proxy TCP4 10.0.0.1 10.0.0.2 1 2\r\n"), None),
            (line(&format!("PROXY UNKNOWN {}\r\n", "x".repeat(100))), None),
        ] {
            let with_rest = [&bytes[..], b"rest"].concat();
            let read = match ProxyHeader::read(&with_rest) {
                ProxyHeaderRead::Whole(header) => Some(header),
                _ => None,
            };
            assert_eq!(by_and_by(&with_rest), read, "{bytes:?}");
            let source = source.map(|source| source.map(|text| text.parse::<IpAddr>().unwrap()));
            assert_eq!(read.map(|head| head.source), source, "{bytes:?}");
            assert!(read.is_none_or(|head| head.bytes == bytes.len()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(rest in proptest::collection::vec(any::<u8>(), 0..600), text in ".{0,120}") {
            let line = format!("PROXY {text}\r\n");
            for start in [&b""[..], &ProxyHeader::SIGNATURE, LINE_START, line.as_bytes()] {
                let bytes = [start, &rest].concat();
                let _ = ProxyHeader::read(&bytes);
                let _ = by_and_by(&bytes);
            }
        }
    }
}
