//! Host names in one normal form, so that every list, rule and lookup agrees on what "the same name" is.

use smol_str::{SmolStr, StrExt as _};
use std::fmt;
use std::net::IpAddr;

/// A host: a DNS name (ASCII, lower case, no trailing dot, at most 253 bytes, labels of 1 to 63) or an address literal.
///
/// Underscores are kept (`_dmarc.example`), since the wire allows them. International names come in their `xn--` form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Host {
    /// A name; in place up to 23 bytes, so that most questions ask for no memory.
    Name(SmolStr),
    /// An address written out.
    Address(IpAddr),
}

/// Why a text is not a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("expected a host name, found nothing")]
    Empty,
    /// Longer than 253 bytes.
    #[error("expected at most 253 characters")]
    TooLong,
    /// An empty label or one over 63 bytes.
    #[error("expected parts of 1 to 63 characters between the dots")]
    Label,
    /// A character that no host name has.
    #[error("expected letters, digits, hyphens and dots; an international name in its xn-- form")]
    Character,
    /// A name whose last part is a number, which programs read as an address in one of its old forms.
    #[error("expected a last part that is no number, or an address as four numbers from 0 to 255")]
    Number,
}

impl Host {
    /// Reads a host as browsers and resolvers write it: any case, one trailing dot, an IPv6 literal in brackets or not.
    ///
    /// A name whose last part is a number is none (WHATWG URL, "ends in a number", read 2026-11-23): resolvers take
    /// `127.1`, `0x7f.1` and `2130706433` for an address, and rules would take it for a name.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        match Self::parse_asked(text)? {
            Self::Name(name) if ends_in_number(&name) => Err(HostError::Number),
            host => Ok(host),
        }
    }

    /// Reads a host as DNS was asked for it and as the history has it: there a name whose last part is a number is one
    /// like others.
    pub fn parse_asked(text: &str) -> Result<Self, HostError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.len() > 253 {
            return Err(HostError::TooLong);
        }
        for label in text.split('.') {
            if label.is_empty() || label.len() > 63 {
                return Err(HostError::Label);
            }
            if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
                return Err(HostError::Character);
            }
        }
        Ok(Self::Name(text.to_ascii_lowercase_smolstr()))
    }

    /// The name, or `None` for an address.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }

    /// True when this host is `parent` itself or lies below it (`www.bbc.co.uk` below `bbc.co.uk`).
    pub fn is_at_or_below(&self, parent: &str) -> bool {
        self.name().is_some_and(|name| {
            name.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// True for a name whose last part is a number: digits alone, or `0x` and hexadecimal digits, if any.
pub fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default().as_bytes();
    match last {
        [] => false,
        [b'0', b'x' | b'X', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        digits => digits.iter().all(u8::is_ascii_digit),
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_one_form() {
        for text in ["WWW.Example.COM", "www.example.com."] {
            assert_eq!(Host::parse(text).unwrap().to_string(), "www.example.com");
        }
        assert_eq!(Host::parse("[::ffff:10.0.0.1]"), Host::parse("10.0.0.1"));
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_reason() {
        let long = "a.".repeat(130);
        for (text, error) in [
            ("", HostError::Empty),
            ("a..b", HostError::Label),
            (long.as_str(), HostError::TooLong),
            ("exa mple.com", HostError::Character),
            ("bücher.example", HostError::Character),
        ] {
            assert_eq!(Host::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_address_in_an_old_form_is_neither_a_name_nor_an_address() {
        for text in [
            "134744072",
            "0x01.0x1",
            "0x7f.1",
            "0X7F000001",
            "017700000001",
            "127.1",
            "127.1.",
            "1.2.3.256",
            "0x",
            "printer.7",
            "www.example.0xcafe",
        ] {
            assert_eq!(Host::parse(text), Err(HostError::Number), "{text}");
            assert!(Host::parse_asked(text).unwrap().name().is_some(), "{text}");
        }
        for text in
            ["1e100.net", "0x7f.example", "7.example", "x0", "0xg", "127.0.0.1", "4.3.2.1.in-addr.arpa"]
        {
            assert_eq!(Host::parse(text), Host::parse_asked(text), "{text}");
        }
    }

    #[test]
    fn below_means_at_a_dot() {
        let host = Host::parse("notbbc.co.uk").unwrap();
        assert!(!host.is_at_or_below("bbc.co.uk"));
        assert!(Host::parse("news.bbc.co.uk").unwrap().is_at_or_below("bbc.co.uk"));
    }
}
