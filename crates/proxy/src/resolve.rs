//! Names to addresses, and which addresses the proxy serves.
//!
//! The proxy is no way into the school's own networks, private or public: what counts is the address a name leads to, not
//! the name. The caller connects to the very addresses that were checked.

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
    /// `listed` are the school's own hosts and their addresses, wherever these lie; `open_ranges` are networks, private or
    /// the school's own, that people may reach through the proxy.
    pub fn new(listed: HashMap<Host, Vec<IpAddr>>, open_ranges: Vec<IpNet>) -> Self {
        Self { listed, open_ranges, lookups: Lookups::default() }
    }

    /// The same, asking `system` in place of the system's resolver.
    pub fn looking_up(self, system: SystemLookup) -> Self {
        Self { lookups: Lookups::new(system), ..self }
    }

    /// The addresses of a host that may be connected to, at most 8: in the resolver's order, and the families in turn, so
    /// that one which leads nowhere leaves room for the other.
    /// `is_ours` says which addresses lie in the school's networks: none of them is open unless it is listed.
    pub(crate) async fn resolve(
        &self,
        (host, port): (&Host, u16),
        asker: Asker,
        is_ours: impl Fn(IpAddr) -> bool,
    ) -> Result<Vec<SocketAddr>, DialError> {
        if let Some(addresses) = self.listed.get(host) {
            return Ok(addresses.iter().take(MOST_ADDRESSES).map(|at| SocketAddr::new(*at, port)).collect());
        }
        let found = match host {
            Host::Address(address) => Arc::from([*address]),
            Host::Name(name) => self.lookups.addresses(name, asker).await.map_err(fault)?,
        };
        let open = found.iter().filter(|address| self.is_open(**address, &is_ours));
        let mut open = in_turn(open.map(|address| SocketAddr::new(*address, port)).collect());
        open.truncate(MOST_ADDRESSES);
        if open.is_empty() { Err(DialError::PrivateAddress) } else { Ok(open) }
    }

    fn is_open(&self, address: IpAddr, is_ours: impl Fn(IpAddr) -> bool) -> bool {
        let address = address.to_canonical();
        let is_the_worlds = is_public(address) && !is_ours(address) && !is_ours(meant(address));
        is_the_worlds || self.open_ranges.iter().any(|range| range.contains(&address))
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

/// Where packets to an address end: the IPv4 address inside one of 6to4 or NAT64.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(outer) = address else { return address };
    match outer.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

/// Only 2000::/3 is handed out. An IPv4 address inside 6to4 or NAT64 counts as itself.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let IpAddr::V4(inner) = meant(address.into()) {
        return is_public_v4(inner);
    }
    match address.segments() {
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
            let is_open = Resolver::default().is_open(address.parse().unwrap(), |_| false);
            assert_eq!(is_open, public, "{address}");
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
        assert!(resolver.is_open("10.20.3.4".parse().unwrap(), |_| false));
        assert!(!resolver.is_open("10.21.0.1".parse().unwrap(), |_| false));
    }

    #[test]
    fn a_public_address_of_the_school_is_shut_unless_its_range_is_listed() {
        let resolver = Resolver::new(HashMap::new(), vec!["81.2.69.0/28".parse().unwrap()]);
        let network: IpNet = "81.2.69.0/24".parse().unwrap();
        for (address, open) in [
            ("81.2.69.3", true),
            ("81.2.69.77", false),
            ("81.2.70.77", true),
            ("::ffff:81.2.69.77", false),
            ("64:ff9b::81.2.69.77", false),
            ("64:ff9b::81.2.70.77", true),
        ] {
            let is_ours = |address| network.contains(&address);
            assert_eq!(resolver.is_open(address.parse().unwrap(), is_ours), open, "{address}");
        }
    }

    #[tokio::test]
    async fn a_listed_host_has_its_addresses_and_an_unlisted_private_one_is_refused() {
        let host = Host::parse("moodle.ash.example").unwrap();
        let listed = HashMap::from([(host.clone(), vec!["10.0.0.5".parse().unwrap()])]);
        let resolver = Resolver::new(listed, Vec::new());
        assert_eq!(
            resolver.resolve((&host, 443), None, |_| true).await.unwrap(),
            ["10.0.0.5:443".parse().unwrap()]
        );
        let direct = Host::parse("10.0.0.5").unwrap();
        assert_eq!(resolver.resolve((&direct, 443), None, |_| false).await, Err(DialError::PrivateAddress));
    }
}
