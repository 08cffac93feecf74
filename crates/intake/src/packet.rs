//! RADIUS accounting on the wire (RFC 2866; RFC 2865, section 3; IPv6 attributes by RFC 3162 and 6911), read 2026-11-22.
//!
//! Left out: every attribute that says nothing about who is where. Unknown ones are stepped over.
//!
//! Invariants: pure; no bytes make it panic; what is read lies within the length that the packet names for itself.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most bytes of a packet (RFC 2865, section 3).
pub(crate) const MOST_BYTES: usize = 4_096;
/// Code, identifier, length, authenticator.
const HEADER_BYTES: usize = 20;
const ACCOUNTING_REQUEST: u8 = 4;
const ACCOUNTING_RESPONSE: u8 = 5;
/// The longest login that is looked up, and session id that is kept.
const MOST_TEXT_BYTES: usize = 253;
/// Addresses that one session may have.
const MOST_ADDRESSES: usize = 8;
/// A signature by HMAC-MD5.
const MESSAGE_AUTHENTICATOR_BYTES: usize = 16;

/// Attribute numbers.
mod kind {
    pub(super) const USER_NAME: u8 = 1;
    pub(super) const NAS_IP_ADDRESS: u8 = 4;
    pub(super) const FRAMED_IP_ADDRESS: u8 = 8;
    pub(super) const CALLING_STATION_ID: u8 = 31;
    pub(super) const NAS_IDENTIFIER: u8 = 32;
    pub(super) const ACCT_STATUS_TYPE: u8 = 40;
    pub(super) const ACCT_SESSION_ID: u8 = 44;
    pub(super) const MESSAGE_AUTHENTICATOR: u8 = 80;
    pub(super) const NAS_IPV6_ADDRESS: u8 = 95;
    pub(super) const FRAMED_IPV6_PREFIX: u8 = 97;
    pub(super) const FRAMED_IPV6_ADDRESS: u8 = 168;
}

/// A request whose sender proved the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    /// Chosen by the sender; a repeated question has it again.
    pub identifier: u8,
    /// The Request Authenticator.
    pub authenticator: [u8; 16],
    /// What it reports.
    pub report: Report,
}

/// What a request reports.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Report {
    /// What happened; `None`: nothing that we know.
    pub status: Option<Status>,
    /// Which access server it is about, as all its attributes that say so; empty where none does. A sender may report for
    /// several.
    pub server: Vec<u8>,
    /// Acct-Session-Id; with the sender and the access server it names the session.
    pub session: Vec<u8>,
    /// User-Name; empty where there is none.
    pub login: String,
    /// Calling-Station-Id: the device, by its hardware address; empty where there is none.
    pub station: Vec<u8>,
    /// The addresses of the device. An IPv6 prefix counts where it is one address (/128).
    pub addresses: Vec<IpAddr>,
}

/// Acct-Status-Type (RFC 2866, section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Start,
    Stop,
    Interim,
    /// The access server begins to report, or ends: none of its sessions from before goes on.
    OnOrOff,
}

/// Why a packet is no request of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rejected {
    /// Its lengths do not fit.
    Malformed,
    /// It is another kind of packet.
    OtherCode,
    /// Its sender does not have the secret, or somebody changed it.
    Unproven,
}

impl Request {
    /// Reads a packet, and proves it by the secret: the Request Authenticator (RFC 2866, section 3), and a
    /// Message-Authenticator where there is one (RFC 3579, section 3.2).
    pub(crate) fn read(bytes: &[u8], secret: &[u8]) -> Result<Self, Rejected> {
        let &[code, identifier, high, low, ..] = bytes else { return Err(Rejected::Malformed) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // What lies beyond the length is padding (RFC 2865, section 3).
        let bytes = bytes.get(..length).filter(|bytes| (HEADER_BYTES..=MOST_BYTES).contains(&bytes.len()));
        let bytes = bytes.ok_or(Rejected::Malformed)?;
        if code != ACCOUNTING_REQUEST {
            return Err(Rejected::OtherCode);
        }
        let (header, attributes) = bytes.split_at_checked(HEADER_BYTES).ok_or(Rejected::Malformed)?;
        let start = header.first_chunk::<4>().ok_or(Rejected::Malformed)?;
        let authenticator = *header.last_chunk::<16>().ok_or(Rejected::Malformed)?;
        let report = Report::read(attributes).ok_or(Rejected::Malformed)?;
        if !same(&digest(&[start, &[0; 16], attributes, secret]), &authenticator)
            || !message_is_proven(start, attributes, secret)
        {
            return Err(Rejected::Unproven);
        }
        Ok(Self { identifier, authenticator, report })
    }

    /// The Accounting-Response that says that it was taken, signed with the secret (RFC 2866, section 4.2).
    pub(crate) fn response(&self, secret: &[u8]) -> Vec<u8> {
        const LENGTH: u8 = 20;
        let start = [ACCOUNTING_RESPONSE, self.identifier, 0, LENGTH];
        [&start[..], &digest(&[&start, &self.authenticator, secret])].concat()
    }
}

impl Report {
    /// Reads attributes; `None` where a length does not fit.
    fn read(mut rest: &[u8]) -> Option<Self> {
        let mut report = Self::default();
        while let Some((kind, value, after)) = next_attribute(rest)? {
            report.take(kind, value);
            rest = after;
        }
        Some(report)
    }

    fn take(&mut self, kind: u8, value: &[u8]) {
        match kind {
            kind::USER_NAME => self.login = std::str::from_utf8(short(value)).unwrap_or_default().to_owned(),
            kind::CALLING_STATION_ID => self.station = short(value).to_ascii_lowercase(),
            kind::NAS_IP_ADDRESS | kind::NAS_IDENTIFIER | kind::NAS_IPV6_ADDRESS => {
                self.is_about(kind, value)
            }
            kind::ACCT_SESSION_ID => self.session = short(value).to_vec(),
            kind::ACCT_STATUS_TYPE => self.status = value.try_into().ok().and_then(Status::of),
            kind::FRAMED_IP_ADDRESS => {
                let octets: Option<[u8; 4]> = value.try_into().ok();
                self.is_at(octets.map(|octets| IpAddr::V4(Ipv4Addr::from(octets))));
            }
            kind::FRAMED_IPV6_ADDRESS => {
                let octets: Option<[u8; 16]> = value.try_into().ok();
                self.is_at(octets.map(|octets| IpAddr::V6(Ipv6Addr::from(octets))));
            }
            // Reserved, prefix length, prefix (RFC 3162, section 2.3).
            kind::FRAMED_IPV6_PREFIX => {
                if let [0, 128, prefix @ ..] = value {
                    let octets: Option<[u8; 16]> = prefix.try_into().ok();
                    self.is_at(octets.map(|octets| IpAddr::V6(Ipv6Addr::from(octets))));
                }
            }
            _ => {}
        }
    }

    fn is_about(&mut self, kind: u8, value: &[u8]) {
        if self.server.len() < MOST_TEXT_BYTES {
            self.server.push(kind);
            self.server.extend(short(value));
        }
    }

    fn is_at(&mut self, address: Option<IpAddr>) {
        // 255.255.255.255 and .254: the device, or the sender, is to choose (RFC 2865, section 5.8).
        let stands_for_one = |address: &IpAddr| match address.to_canonical() {
            IpAddr::V4(v4) => !v4.is_unspecified() && v4.octets() < [224, 0, 0, 0] && !v4.is_loopback(),
            IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && !v6.is_loopback(),
        };
        let room = self.addresses.len() < MOST_ADDRESSES;
        self.addresses.extend(address.filter(stands_for_one).filter(|_| room));
    }
}

impl Status {
    fn of(value: [u8; 4]) -> Option<Self> {
        match u32::from_be_bytes(value) {
            1 => Some(Self::Start),
            2 => Some(Self::Stop),
            3 => Some(Self::Interim),
            7 | 8 => Some(Self::OnOrOff),
            _ => None,
        }
    }
}

/// Number, value, and what follows; `Some(None)` at the end, `None` where a length does not fit.
#[expect(clippy::type_complexity, reason = "the three parts of one attribute")]
fn next_attribute(rest: &[u8]) -> Option<Option<(u8, &[u8], &[u8])>> {
    let [kind, length, ..] = *rest else { return rest.is_empty().then_some(None) };
    let (attribute, after) = rest.split_at_checked(usize::from(length))?;
    Some(Some((kind, attribute.get(2..)?, after)))
}

/// True where every Message-Authenticator is right, and where there is none.
fn message_is_proven(start: &[u8; 4], attributes: &[u8], secret: &[u8]) -> bool {
    let mut at = 0;
    let mut rest = attributes;
    while let Some(Some((kind, value, after))) = next_attribute(rest) {
        if kind == kind::MESSAGE_AUTHENTICATOR {
            let before = attributes.get(..at + 2).unwrap_or_default();
            let zeros = [0; MESSAGE_AUTHENTICATOR_BYTES];
            if !same(&hmac(secret, &[start, &[0; 16], before, &zeros, after]), value) {
                return false;
            }
        }
        at = attributes.len() - after.len();
        rest = after;
    }
    true
}

fn digest(parts: &[&[u8]]) -> [u8; 16] {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize().into()
}

fn hmac(secret: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(secret) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Equal, in the same time wherever they differ.
fn same(one: &[u8; 16], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn short(value: &[u8]) -> &[u8] {
    value.get(..MOST_TEXT_BYTES).unwrap_or(value)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &[u8] = b"sixteen bytes of it";

    /// A signed packet of these attributes.
    pub(crate) fn packet(identifier: u8, attributes: &[(u8, &[u8])], secret: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.push(*kind);
            body.push(u8::try_from(value.len() + 2).unwrap());
            body.extend(*value);
        }
        let length = u16::try_from(HEADER_BYTES + body.len()).unwrap().to_be_bytes();
        let start = [ACCOUNTING_REQUEST, identifier, length[0], length[1]];
        let authenticator = digest(&[&start, &[0; 16], &body, secret]);
        [&start[..], &authenticator, &body].concat()
    }

    fn start() -> Vec<u8> {
        packet(
            7,
            &[
                (kind::USER_NAME, b"Amara@larkfield.example"),
                (kind::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
                (kind::ACCT_SESSION_ID, b"5F-01"),
                (kind::CALLING_STATION_ID, b"02-00-00-AA-BB-CC"),
                (kind::FRAMED_IP_ADDRESS, &[10, 20, 0, 7]),
                (kind::NAS_IDENTIFIER, b"ap-7"),
                (25, b"a class that says nothing"),
                (kind::FRAMED_IPV6_ADDRESS, &Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 7).octets()),
            ],
            SECRET,
        )
    }

    #[test]
    fn a_report_is_read_with_all_that_says_who_is_where() {
        let request = Request::read(&start(), SECRET).unwrap();
        assert_eq!(request.identifier, 7);
        let Report { status, server, session, login, station, addresses } = request.report;
        assert_eq!(status, Some(Status::Start));
        assert_eq!((session.as_slice(), login.as_str()), (&b"5F-01"[..], "Amara@larkfield.example"));
        assert_eq!(server, b"\x20ap-7");
        assert_eq!(station, b"02-00-00-aa-bb-cc");
        assert_eq!(addresses, ["10.20.0.7".parse::<IpAddr>().unwrap(), "fd00::7".parse().unwrap()]);
    }

    #[test]
    fn whoever_lacks_the_secret_or_turns_a_bit_proves_nothing() {
        let good = start();
        assert_eq!(Request::read(&good, b"another secret of theirs"), Err(Rejected::Unproven));
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // The identifier is proven too; nothing of a changed packet is ever believed.
            assert!(Request::read(&bytes, SECRET).is_err(), "bit {bit}");
        }
        assert!(Request::read(&[&good[..], b"padding"].concat(), SECRET).is_ok());
    }

    #[test]
    fn a_message_authenticator_counts_where_there_is_one() {
        let attributes = |signature: &[u8; 16]| {
            packet(3, &[(kind::ACCT_STATUS_TYPE, &[0, 0, 0, 2]), (80, signature), (25, b"x")], SECRET)
        };
        let zeros = attributes(&[0; 16]);
        assert_eq!(Request::read(&zeros, SECRET), Err(Rejected::Unproven));
        let signature = hmac(SECRET, &[&zeros[..4], &[0; 16], &zeros[20..]]);
        assert!(Request::read(&attributes(&signature), SECRET).is_ok());
        assert_eq!(Request::read(&attributes(&[1; 16]), SECRET), Err(Rejected::Unproven));
    }

    #[test]
    fn an_address_that_stands_for_nobody_is_left_out() {
        let report = |attributes: &[(u8, &[u8])]| {
            Request::read(&packet(1, attributes, SECRET), SECRET).unwrap().report.addresses
        };
        for value in [[255; 4], [255, 255, 255, 254], [0; 4], [127, 0, 0, 1], [239, 1, 1, 1]] {
            assert!(report(&[(kind::FRAMED_IP_ADDRESS, &value)]).is_empty(), "{value:?}");
        }
        let whole = [&[0, 128][..], &Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 9).octets()].concat();
        assert_eq!(report(&[(kind::FRAMED_IPV6_PREFIX, &whole)]).len(), 1);
        let prefix = [&[0, 64][..], &[0xfd; 8]].concat();
        assert!(report(&[(kind::FRAMED_IPV6_PREFIX, &prefix)]).is_empty());
    }

    #[test]
    fn a_response_is_signed_for_its_request_alone() {
        let request = Request::read(&start(), SECRET).unwrap();
        let response = request.response(SECRET);
        assert_eq!((response[0], response[1], response.len()), (ACCOUNTING_RESPONSE, 7, 20));
        assert_eq!(response[4..], digest(&[&response[..4], &request.authenticator, SECRET]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(bytes in prop::collection::vec(any::<u8>(), 0..300), signed in any::<bool>()) {
            let _ = Request::read(&bytes, SECRET);
            let _ = Report::read(&bytes);
            if signed {
                let length = u16::try_from(HEADER_BYTES + bytes.len()).unwrap().to_be_bytes();
                let start = [ACCOUNTING_REQUEST, 1, length[0], length[1]];
                let authenticator = digest(&[&start, &[0; 16], &bytes, SECRET]);
                let whole = [&start[..], &authenticator, &bytes].concat();
                prop_assert_ne!(Request::read(&whole, SECRET), Err(Rejected::OtherCode));
            }
        }
    }
}
