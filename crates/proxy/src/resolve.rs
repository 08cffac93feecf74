//! Names to addresses, and which addresses the proxy serves.
//!
//! The proxy is no way into the school's own networks: what counts is the address a name leads to, not the name. The
//! caller connects to the very addresses that were checked.

use crate::error::DialError;
use crate::lookup::{Asker, LookupFault, Lookups, SystemLookup};
use blockpage::OriginFault;
use ipnet::IpNet;
use model::Host;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The most addresses of a name that are tried.
const MOST_ADDRESSES: usize = 8;

/// Names to addresses: the listed hosts first, then the system's resolver.
#[derive(Debug, Default)]
pub struct Resolver {
    listed: HashMap<Host, Vec<IpAddr>>,
    open_ranges: Vec<IpNet>,
    lookups: Lookups,
}

impl Resolver {
    /// `listed` are the school's own hosts and their addresses, wherever these lie; `open_ranges` are private networks
    /// that people may reach through the proxy.
    pub fn new(listed: HashMap<Host, Vec<IpAddr>>, open_ranges: Vec<IpNet>) -> Self {
        Self { listed, open_ranges, lookups: Lookups::default() }
    }

    /// The same, asking `system` in place of the system's resolver.
    pub fn looking_up(self, system: SystemLookup) -> Self {
        Self { lookups: Lookups::new(system), ..self }
    }

    /// The addresses of a host that may be connected to, at most 8: in the resolver's order, and the families in turn, so
    /// that one which leads nowhere leaves room for the other.
    pub(crate) async fn resolve(
        &self,
        host: &Host,
        port: u16,
        asker: Asker,
    ) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(addresses) = self.listed.get(host) {
            return Ok(addresses.iter().take(MOST_ADDRESSES).map(|at| SocketAddr::new(*at, port)).collect());
        }
        let found = match host {
            Host::Address(address) => Arc::from([*address]),
            Host::Name(name) => self.lookups.addresses(name, asker).await.map_err(fault)?,
        };
        let open = found.iter().filter(|address| self.is_open(**address));
        let mut open = in_turn(open.map(|address| SocketAddr::new(*address, port)).collect());
        open.truncate(MOST_ADDRESSES);
        if open.is_empty() { Err(DialError::PrivateAddress) } else { Ok(open) }
    }

    fn is_open(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.open_ranges.iter().any(|range| range.contains(&address))
    }
}

/// One of each family after the other, beginning with the first one's (RFC 8305, section 4).
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else { return addresses };
    let count = addresses.len();
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    (0..count).flat_map(|_| [one.next(), other.next()]).flatten().collect()
}

fn fault(fault: LookupFault) -> DialError {
    match fault {
        LookupFault::NoSuchName => OriginFault::NoSuchName.into(),
        LookupFault::TooSlow => OriginFault::TooSlow.into(),
    }
}

/// True for an address of the public internet (IANA's special-purpose registries, read 2026-11-22).
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match a {
        0 | 10 | 127 => true,
        100 => (64..128).contains(&b),
        169 => b == 254,
        172 => (16..32).contains(&b),
        192 => b == 168 || (b == 0 && (c == 0 || c == 2)),
        198 => b == 18 || b == 19 || (b == 51 && c == 100),
        203 => b == 0 && c == 113,
        224.. => true,
        _ => false,
    };
    !special
}

/// Only 2000::/3 is handed out. An IPv4 address inside 6to4 or NAT64 counts as itself.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(v4(high, low)),
        [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        [0x2001, 0 | 0xdb8, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_open() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("10.1.2.3", false),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("169.254.169.254", false),
            ("172.31.255.255", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("198.18.0.1", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2606:4700::1111", true),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::a00:1", false),
            ("64:ff9b::808:808", true),
            ("2002:a00:1::", false),
        ] {
            assert_eq!(Resolver::default().is_open(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn families_take_turns() {
        let addresses = |hosts: &[&str]| -> Vec<SocketAddr> {
            hosts.iter().map(|host| SocketAddr::new(host.parse().unwrap(), 443)).collect()
        };
        for (found, tried) in [
            (&["::1", "::2", "::3", "1.1.1.1"][..], &["::1", "1.1.1.1", "::2", "::3"][..]),
            (&["1.1.1.1", "1.1.1.2", "::1"], &["1.1.1.1", "::1", "1.1.1.2"]),
            (&["1.1.1.1"], &["1.1.1.1"]),
            (&[], &[]),
        ] {
            assert_eq!(in_turn(addresses(found)), addresses(tried));
        }
    }

    #[test]
    fn a_private_range_is_open_when_it_is_listed() {
        let resolver = Resolver::new(HashMap::new(), vec!["10.20.0.0/16".parse().unwrap()]);
        assert!(resolver.is_open("10.20.3.4".parse().unwrap()));
        assert!(!resolver.is_open("10.21.0.1".parse().unwrap()));
    }

    #[tokio::test]
    async fn a_listed_host_has_its_addresses_and_an_unlisted_private_one_is_refused() {
        let host = Host::parse("moodle.ash.example").unwrap();
        let listed = HashMap::from([(host.clone(), vec!["10.0.0.5".parse().unwrap()])]);
        let resolver = Resolver::new(listed, Vec::new());
        assert_eq!(resolver.resolve(&host, 443, None).await.unwrap(), ["10.0.0.5:443".parse().unwrap()]);
        let direct = Host::parse("10.0.0.5").unwrap();
        assert_eq!(resolver.resolve(&direct, 443, None).await, Err(DialError::PrivateAddress));
    }
}
