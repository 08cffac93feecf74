//! Where an upstream is and how it is spoken to, read from text:
//!
//! | text | wire |
//! | --- | --- |
//! | `198.51.100.1`, `[2001:db8::1]:53`, `udp://198.51.100.1` | UDP, and TCP where an answer was cut |
//! | `tcp://198.51.100.1` | TCP |
//! | `tls://dns.example@198.51.100.1` | DNS over TLS (RFC 7858), port 853 |
//! | `https://dns.example@198.51.100.1/dns-query` | DNS over HTTPS (RFC 8484), port 443 |
//!
//! An address is always given, so that no name is needed to look names up. The name is the one in the server's
//! certificate; left out, the certificate must name the address.

use rustls_pki_types::ServerName;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

const DNS_PORT: u16 = 53;
const TLS_PORT: u16 = 853;
const HTTPS_PORT: u16 = 443;
/// Where resolvers answer by custom (RFC 8484, 4.1.1 gives it as an example).
const USUAL_PATH: &str = "/dns-query";
const PATH_LIMIT_BYTES: usize = 256;

/// One upstream resolver: its address, and the wire to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamAddress {
    pub(super) address: SocketAddr,
    pub(super) wire: UpstreamWire,
}

/// The wire to an upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum UpstreamWire {
    /// UDP, and TCP where an answer was cut.
    Udp,
    /// TCP.
    Tcp,
    /// TLS, with the name in the server's certificate.
    Tls(ServerName<'static>),
    /// HTTPS, with the name in the server's certificate and the path.
    Https(ServerName<'static>, String),
}

/// Why a text is no upstream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UpstreamTextError {
    /// Another scheme.
    #[error("expected an address, udp://, tcp://, tls:// or https://")]
    Scheme,
    /// No address.
    #[error(
        "expected an address such as 198.51.100.1 or [2001:db8::1]:53, after a name and an @ where it has one"
    )]
    Address,
    /// A name that no certificate has.
    #[error("expected the name in the server's certificate before the @")]
    Name,
    /// A path that is none.
    #[error("expected a path such as /dns-query")]
    Path,
}

impl UpstreamAddress {
    /// Its address and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl From<SocketAddr> for UpstreamAddress {
    fn from(address: SocketAddr) -> Self {
        Self { address, wire: UpstreamWire::Udp }
    }
}

impl FromStr for UpstreamAddress {
    type Err = UpstreamTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(address(text, DNS_PORT)?.into());
        };
        match scheme {
            "udp" => Ok(address(rest, DNS_PORT)?.into()),
            "tcp" => Ok(Self { address: address(rest, DNS_PORT)?, wire: UpstreamWire::Tcp }),
            "tls" => {
                let (name, address) = named(rest, TLS_PORT)?;
                Ok(Self { address, wire: UpstreamWire::Tls(name) })
            }
            "https" => {
                let (host, path) = match rest.find('/') {
                    Some(at) => rest.split_at(at),
                    None => (rest, USUAL_PATH),
                };
                let (name, address) = named(host, HTTPS_PORT)?;
                Ok(Self { address, wire: UpstreamWire::Https(name, path_of(path)?) })
            }
            _ => Err(UpstreamTextError::Scheme),
        }
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match &self.wire {
            UpstreamWire::Udp => write!(f, "udp://{address}"),
            UpstreamWire::Tcp => write!(f, "tcp://{address}"),
            UpstreamWire::Tls(name) => write!(f, "tls://{}@{address}", name.to_str()),
            UpstreamWire::Https(name, path) => write!(f, "https://{}@{address}{path}", name.to_str()),
        }
    }
}

/// `NAME@ADDRESS`, or an address that is its own name.
fn named(text: &str, port: u16) -> Result<(ServerName<'static>, SocketAddr), UpstreamTextError> {
    let Some((name, rest)) = text.split_once('@') else {
        let address = address(text, port)?;
        return Ok((ServerName::from(address.ip()), address));
    };
    let name = ServerName::try_from(name.to_owned()).map_err(|_| UpstreamTextError::Name)?;
    Ok((name, address(rest, port)?))
}

fn address(text: &str, port: u16) -> Result<SocketAddr, UpstreamTextError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().map_err(|_| UpstreamTextError::Address)?;
    Ok(SocketAddr::new(address, port))
}

fn path_of(text: &str) -> Result<String, UpstreamTextError> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'"' | b'<' | b'>');
    if text.len() > PATH_LIMIT_BYTES || !text.bytes().all(fits) {
        return Err(UpstreamTextError::Path);
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_wire_is_read_and_written_back_whole() {
        for (text, whole) in [
            ("198.51.100.1", "udp://198.51.100.1:53"),
            ("2001:db8::1", "udp://[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "udp://[2001:db8::1]:5353"),
            ("tcp://198.51.100.1", "tcp://198.51.100.1:53"),
            ("tls://dns.example@198.51.100.1", "tls://dns.example@198.51.100.1:853"),
            ("tls://198.51.100.1", "tls://198.51.100.1@198.51.100.1:853"),
            ("https://dns.example@[2001:db8::1]", "https://dns.example@[2001:db8::1]:443/dns-query"),
            ("https://dns.example@198.51.100.1:8443/q", "https://dns.example@198.51.100.1:8443/q"),
        ] {
            let read: UpstreamAddress = text.parse().unwrap();
            assert_eq!(read.to_string(), whole);
            assert_eq!(whole.parse(), Ok(read));
        }
    }

    #[test]
    fn what_is_no_upstream_says_what_was_expected() {
        for (text, error) in [
            ("", UpstreamTextError::Address),
            ("dns.example", UpstreamTextError::Address),
            ("tls://dns.example", UpstreamTextError::Address),
            ("quic://198.51.100.1", UpstreamTextError::Scheme),
            ("tls://not a name@198.51.100.1", UpstreamTextError::Name),
            ("https://198.51.100.1/a b", UpstreamTextError::Path),
        ] {
            assert_eq!(text.parse::<UpstreamAddress>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(udp|tcp|tls|https)?(://)?\\PC{0,40}") {
            let _ = text.parse::<UpstreamAddress>();
        }
    }
}
