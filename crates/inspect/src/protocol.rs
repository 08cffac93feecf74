//! What is spoken on a connection, by what is said first on it, whoever says it, and by the port it leads to.
//!
//! Left out: protocols whose first bytes are made to look like chance (obfs4, Shadowsocks): nothing honest can be said of
//! those, and they are [`Spoken::Unknown`].
//!
//! Invariant: any bytes are answered, and at most the first kibibyte is looked at.

use crate::table::{bytes, rows};
use model::WayRound;
use std::sync::LazyLock;

const MOST_BYTES: usize = 1024;
/// A TLS handshake record (RFC 8446, section 5.1).
const TLS: &[u8] = &[22, 3];

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spoken {
    /// TLS.
    Tls,
    /// HTTP/1.
    Http,
    /// Something that the table names.
    Named(Protocol),
    /// Nothing that is known.
    Unknown,
}

/// A protocol that the first bytes tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// Its short name.
    pub name: &'static str,
    /// What it is, after "it is": "a remote login (SSH)".
    pub words: &'static str,
    /// The way round the filter that it is.
    pub way: WayRound,
}

/// What is spoken where somebody begins so: the client, or a server that speaks first.
pub fn of_first_bytes(first: &[u8]) -> Spoken {
    let first = first.get(..MOST_BYTES).unwrap_or(first);
    if first.starts_with(TLS) {
        return Spoken::Tls;
    }
    if let Some(protocol) = by_fixed_bytes(first).or_else(|| by_lengths(first)) {
        return Spoken::Named(protocol);
    }
    if is_http(first) { Spoken::Http } else { Spoken::Unknown }
}

/// What a port is for where that is a way round the filter.
pub fn at_port(port: u16) -> Option<Protocol> {
    PORTS.iter().find(|row| row.port == port)?.protocol
}

/// True for a port at which a school's programs are not usually served.
pub fn is_odd_port(port: u16) -> bool {
    PORTS.iter().all(|row| row.port != port)
}

/// True for a name as Tor's programs show it in TLS, where there is none: `www.`, letters and digits in base32 as chance
/// has them, `.com` or `.net` (its specification, `tor-spec`, section "Negotiating TLS"). Others may look so too.
pub fn may_be_tors(name: &str) -> bool {
    let chance = name.strip_prefix("www.").and_then(|rest| {
        rest.strip_suffix(".com").or_else(|| rest.strip_suffix(".net")).filter(|label| !label.contains('.'))
    });
    chance.is_some_and(|label| {
        (4..=25).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
    })
}

/// True for a name of the Tor network, or of a site that leads into it.
pub fn leads_into_tor(name: &str) -> bool {
    TOR_NAMES
        .iter()
        .any(|tor| name.strip_suffix(tor).is_some_and(|below| below.is_empty() || below.ends_with('.')))
}

fn by_fixed_bytes(first: &[u8]) -> Option<Protocol> {
    let fits = |row: &&Row| first.get(row.offset..).is_some_and(|rest| rest.starts_with(&row.bytes));
    ROWS.iter().find(fits).map(|row| row.protocol)
}

/// Protocols that are told by a length that agrees with the bytes after it.
fn by_lengths(first: &[u8]) -> Option<Protocol> {
    let vpn = |name, words| Protocol { name, words, way: WayRound::Vpn };
    match *first {
        // RFC 1928, section 3: version, number of methods, that many methods.
        [5, count @ 1..=8, ref methods @ ..] if methods.len() == usize::from(count) => {
            Some(vpn("socks5", "a proxy (SOCKS 5)"))
        }
        // SOCKS 4: version, connect or bind, port, address, a name that ends with zero.
        [4, 1 | 2, _, _, _, _, _, _, .., 0] => Some(vpn("socks4", "a proxy (SOCKS 4)")),
        // OpenVPN over TCP: the packet's length, then a hard reset of the client, version 2 or 3, key 0.
        [high, low, 0x38 | 0x50, ref rest @ ..] if is_length(high, low, rest.len() + 1, 14) => {
            Some(vpn("openvpn", "a tunnel (OpenVPN)"))
        }
        // WireGuard's handshake initiation, 148 bytes, bare or after its length.
        [1, 0, 0, 0, ref rest @ ..] if rest.len() == 144 => Some(vpn("wireguard", "a tunnel (WireGuard)")),
        [0, 148, 1, 0, 0, 0, ..] => Some(vpn("wireguard", "a tunnel (WireGuard)")),
        // DNS over TCP (RFC 1035, section 4.2.2; RFC 7766): length, id, a question and nothing of an answer.
        [high, low, _, _, flags, _, 0, 1, 0, 0, 0, 0, 0, 0 | 1, ref rest @ ..]
            if flags & 0xf8 == 0 && is_length(high, low, rest.len() + 12, 17) =>
        {
            Some(Protocol { name: "dns", words: "a question of DNS", way: WayRound::EncryptedDns })
        }
        _ => None,
    }
}

/// True where two bytes are the length of what follows, at least `least`.
fn is_length(high: u8, low: u8, length: usize, least: usize) -> bool {
    usize::from(u16::from_be_bytes([high, low])) == length && length >= least
}

/// A method in capitals, a space, and what is no blank.
fn is_http(first: &[u8]) -> bool {
    let method = first.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    (3..=24).contains(&method)
        && first.get(method) == Some(&b' ')
        && first.get(method + 1).is_some_and(|byte| byte.is_ascii_graphic())
}

struct Row {
    offset: usize,
    bytes: Vec<u8>,
    protocol: Protocol,
}

static TOR_NAMES: LazyLock<Vec<&str>> =
    LazyLock::new(|| rows::<1>(include_str!("../data/tor_names.txt")).map(|[name]| name).collect());

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = rows::<5>(include_str!("../data/protocols.txt"));
    rows.filter_map(|[name, way, offset, hex, words]| {
        let protocol = Protocol { name, words, way: WayRound::parse(way)? };
        Some(Row { offset: offset.parse().ok()?, bytes: bytes(hex)?, protocol })
    })
    .collect()
});

struct PortRow {
    port: u16,
    protocol: Option<Protocol>,
}

static PORTS: LazyLock<Vec<PortRow>> = LazyLock::new(|| {
    let rows = rows::<3>(include_str!("../data/ports.txt"));
    rows.filter_map(|[port, way, words]| {
        let protocol = WayRound::parse(way).map(|way| Protocol { name: "port", words, way });
        (protocol.is_some() || way == "-").then_some(())?;
        Some(PortRow { port: port.parse().ok()?, protocol })
    })
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(first: &[u8]) -> &'static str {
        match of_first_bytes(first) {
            Spoken::Tls => "tls",
            Spoken::Http => "http",
            Spoken::Named(protocol) => protocol.name,
            Spoken::Unknown => "unknown",
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(ROWS.len(), rows::<1>(include_str!("../data/protocols.txt")).count());
        assert_eq!(PORTS.len(), rows::<1>(include_str!("../data/ports.txt")).count());
    }

    #[test]
    fn protocols_are_told_by_their_first_bytes() {
        let openvpn = [&[0, 14, 0x38], [7; 13].as_slice()].concat();
        let wireguard = [&[1, 0, 0, 0], [7; 144].as_slice()].concat();
        let framed = [&[0, 148, 1, 0, 0, 0], [7; 20].as_slice()].concat();
        let dns = [&[0, 29, 1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7], &b"example\x03com\0"[..], &[0, 1, 0, 1]]
            .concat();
        assert_eq!(dns.len(), 31);
        let rdp = b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0";
        let cookie = b"\x03\0\0\x2c\x27\xe0\0\0\0\0\0Cookie: mstshash=a\r\n";
        for (first, expected) in [
            (b"\x16\x03\x01\x02\0".as_slice(), "tls"),
            (b"GET / HTTP/1.1\r\n", "http"),
            (b"SSTP_DUPLEX_POST /sra", "sstp"),
            (b"CONNECT elsewhere.test:443 HTTP/1.1\r\n", "proxy"),
            (b"220 mail.test ESMTP\r\n", "greeting"),
            (b"* OK ready\r\n", "imap"),
            (&dns, "dns"),
            (&dns[..28], "unknown"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
            (&openvpn, "openvpn"),
            (&openvpn[..15], "unknown"),
            (&wireguard, "wireguard"),
            (&framed, "wireguard"),
            (b"\x05\x02\x00\x02", "socks5"),
            (b"\x05\x02\x00\x02\x03", "unknown"),
            (b"\x04\x01\x01\xbb\xcb\0\x71\x07me\0", "socks4"),
            (rdp, "rdp"),
            (cookie, "rdp"),
            (b"\x13BitTorrent protocol", "bittorrent"),
            (b"EHLO a.example\r\n", "smtp"),
            (b"\0\x9c\0\x01\x1a\x2b\x3c\x4d", "pptp"),
            (b"IKETCP\0\x05", "ike"),
            (b"\0\x03\0\x08\x21\x12\xa4\x42", "turn"),
            (b"", "unknown"),
            (b"\0\0\0", "unknown"),
        ] {
            assert_eq!(name(first), expected, "{first:?}");
        }
    }

    #[test]
    fn tunnels_are_a_way_round_of_their_own() {
        let way = |first: &[u8]| match of_first_bytes(first) {
            Spoken::Named(protocol) => protocol.way,
            _ => WayRound::Quic,
        };
        assert_eq!(way(b"\x05\x01\x00"), WayRound::Vpn);
        assert_eq!(way(b"IKETCP"), WayRound::Vpn);
        assert_eq!(way(b"SSH-2.0-x"), WayRound::UnknownProtocol);
    }

    #[test]
    fn ports_are_those_of_a_way_round_or_usual_or_odd() {
        let way = |port| at_port(port).map(|protocol| protocol.way);
        for (port, expected, odd) in [
            (443, None, false),
            (993, None, false),
            (1194, Some(WayRound::Vpn), false),
            (853, Some(WayRound::EncryptedDns), false),
            (9001, Some(WayRound::Tor), false),
            (444, None, true),
            (0, None, true),
        ] {
            assert_eq!((way(port), is_odd_port(port)), (expected, odd), "{port}");
        }
    }

    #[test]
    fn a_name_as_tor_makes_it_up_is_told_by_its_form() {
        for (name, expected) in [
            ("www.6z3kqomd2vlgw4.com", true),
            ("www.xlfaqe2.net", true),
            ("www.bbc.co.uk", false),
            ("www.abc.com", false),
            ("www.a-school.com", false),
            ("6z3kqomd2vlgw4.com", false),
            ("www.abcdefghijklmnopqrstuvwxyz.com", false),
        ] {
            assert_eq!(may_be_tors(name), expected, "{name}");
        }
    }

    #[test]
    fn names_of_tor_are_told_with_all_below_them() {
        for (name, expected) in [
            ("abcdefgh.onion", true),
            ("abcdefgh.onion.ly", true),
            ("www.torproject.org", true),
            ("torproject.org.example", false),
            ("onion.example", false),
            ("spring-onion", false),
        ] {
            assert_eq!(leads_into_tor(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = of_first_bytes(&bytes);
        }
    }
}
