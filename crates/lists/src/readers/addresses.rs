//! Addresses and ranges of addresses: `192.0.2.7`, `192.0.2.0/24`, `192.0.2.3-192.0.2.9`, IPv6 the same. Comments after `#`,
//! `;` or `//`; whatever stands behind white space is passed over, as the lists of abused networks need.
//!
//! Private, local and multicast addresses are refused, since they are the school's own, and so is a range wider than /8
//! (IPv4) or /16 (IPv6).

use super::lines::lines;
use super::wildcard::rule;
use crate::Dropped;
use crate::list::{ReadList, Says};
use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use model::Category;
use policy::image::{Pattern, Reach};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const WIDEST_V4: u8 = 8;
const WIDEST_V6: u8 = 16;
/// More than these networks in a range from-to are no range that anybody wrote by hand.
const MOST_NETWORKS: usize = 256;

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        let read = text.and_then(|text| match parse(text)? {
            networks if networks.is_empty() => Ok(()),
            networks => networks.into_iter().try_for_each(|network| {
                check(network)?;
                add(network, Says::block(Reach::Exact, category), line, list);
                Ok(())
            }),
        });
        if let Err(reason) = read {
            list.left_out(line, reason);
        }
    }
}

/// Adds a network: a single address as an entry, a range as a rule.
pub(super) fn add(network: IpNet, says: Says, line: u32, list: &mut ReadList) {
    if network.prefix_len() == network.max_prefix_len() {
        list.push_address(network.addr().to_canonical(), says, line);
    } else {
        list.rule(rule(Pattern::Range(network), says, line));
    }
}

/// Why a network may not be listed.
pub(super) fn check(network: IpNet) -> Result<(), Dropped> {
    let widest = if matches!(network, IpNet::V4(_)) { WIDEST_V4 } else { WIDEST_V6 };
    if network.prefix_len() < widest {
        return Err(Dropped::WideRange);
    }
    let overlaps = |own: &IpNet| own.contains(&network) || network.contains(own);
    let is_own = OWN.iter().filter_map(|own| own.parse().ok()).any(|own| overlaps(&own));
    if is_own { Err(Dropped::PrivateRange) } else { Ok(()) }
}

/// Addresses that are no place on the internet (RFC 6890, RFC 5771, RFC 4291).
const OWN: [&str; 13] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    "::/127",
    "::ffff:0:0/96",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

fn parse(text: &str) -> Result<Vec<IpNet>, Dropped> {
    if text.starts_with("//") {
        return Ok(Vec::new());
    }
    let text = text.split(['#', ';']).next().unwrap_or(text);
    let mut words = text.split_ascii_whitespace();
    let Some(first) = words.next() else { return Ok(Vec::new()) };
    let range = match (words.next(), words.next()) {
        (Some("-"), Some(last)) => Some((first, last)),
        _ => first.split_once('-'),
    };
    if let Some((first, last)) = range {
        return between(first, last).ok_or(Dropped::NotAnAddress);
    }
    let bare = first.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(first);
    let network = match bare.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => bare.parse::<IpNet>().ok().map(|network| network.trunc()),
    };
    network.map(|network| vec![network]).ok_or(Dropped::NotAnAddress)
}

fn between(first: &str, last: &str) -> Option<Vec<IpNet>> {
    let networks: Vec<IpNet> = match (first.parse().ok()?, last.parse().ok()?) {
        (IpAddr::V4(first), IpAddr::V4(last)) if first <= last => v4(first, last),
        (IpAddr::V6(first), IpAddr::V6(last)) if first <= last => v6(first, last),
        _ => return None,
    };
    (networks.len() <= MOST_NETWORKS).then_some(networks)
}

fn v4(first: Ipv4Addr, last: Ipv4Addr) -> Vec<IpNet> {
    Ipv4Subnets::new(first, last, 0).map(IpNet::V4).take(MOST_NETWORKS + 1).collect()
}

fn v6(first: Ipv6Addr, last: Ipv6Addr) -> Vec<IpNet> {
    Ipv6Subnets::new(first, last, 0).map(IpNet::V6).take(MOST_NETWORKS + 1).collect()
}
