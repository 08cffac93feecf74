//! Who is behind an address: the network, the device, and the people who may be there.

use crate::Snapshot;
use crate::rules::{AddressUse, Network, SignInWay};
use ipnet::IpNet;
use model::{IdentityMap, Known, KnownBy, NetworkId, Roster, Timestamp, Who};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Snapshot {
    /// Asks the policy's networks, the roster and the identity map who is behind an address.
    ///
    /// Only the strongest way of knowing counts ([`KnownBy::rank`]): who signed in on the page, else who signed the device
    /// in to the network, else the person it is lent to. Several who are known equally well all count. Where a network's
    /// addresses are shared, and where its proxy asks each connection, nobody is known by their address.
    pub fn who(&self, address: IpAddr, at: Timestamp, roster: &Roster, identities: &IdentityMap) -> Who {
        let network = self.network_at(address);
        let mut who = whereabouts(network, address, roster);
        if network.is_none_or(Network::knows_addresses) {
            who.people = known_at(address, at, roster, identities);
            if who.people.is_empty() {
                let lent_to = who.device.as_ref().and_then(|device| roster.person(device.assigned_to?));
                who.people.extend(lent_to.map(|person| Known::lasting(person, KnownBy::Device)));
            }
        }
        who
    }

    /// Who is behind a connection on which somebody signed in. What is known of its address counts no more.
    pub fn who_signed_in(&self, address: IpAddr, roster: &Roster, known: Known) -> Who {
        Who { people: vec![known], ..whereabouts(self.network_at(address), address, roster) }
    }

    /// The network with this id.
    pub fn network(&self, id: &NetworkId) -> Option<&Network> {
        self.policy.networks.iter().find(|network| network.id == *id)
    }

    /// True for an address of the school's own: it lies in one of the policy's networks. Ranges so wide that they mean
    /// everybody (wider than /8, with IPv6 than /16) say nothing of whose an address is.
    pub fn is_of_the_school(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let mut ranges = self.policy.networks.iter().flat_map(|network| &network.ranges);
        ranges.any(|range| range.prefix_len() >= narrowest_of_everybody(range) && range.contains(&address))
    }

    /// The narrowest network an address lies in.
    pub fn network_at(&self, address: IpAddr) -> Option<&Network> {
        self.policy.networks.get(self.ranges.network_at(address.to_canonical())?)
    }
}

fn narrowest_of_everybody(range: &IpNet) -> u8 {
    match range {
        IpNet::V4(_) => 8,
        IpNet::V6(_) => 16,
    }
}

/// Network, school and device of an address, with nobody at it.
fn whereabouts(network: Option<&Network>, address: IpAddr, roster: &Roster) -> Who {
    let device = roster.device_at(address);
    Who {
        address: Some(address.to_canonical()),
        school: network.map(|network| network.school.clone()).or(device.map(|device| device.school.clone())),
        network: network.map(|network| network.id.clone()),
        device: device.cloned(),
        people: Vec::new(),
        named_group: None,
    }
}

/// The ranges of all networks in the networks' order, close together: every new client is looked for among them.
#[derive(Debug, Default)]
pub(crate) struct Ranges {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
}

/// An address lies in it whose bits under the mask are these.
#[derive(Clone, Copy, Debug)]
struct Range<T> {
    bits: T,
    mask: T,
    network: usize,
}

impl Ranges {
    pub(crate) fn new(networks: &[Network]) -> Self {
        let mut ranges = Self::default();
        for (network, range) in networks
            .iter()
            .enumerate()
            .flat_map(|(place, at)| at.ranges.iter().map(move |range| (place, range)))
        {
            match range {
                IpNet::V4(range) => {
                    let mask = range.netmask().to_bits();
                    ranges.v4.push(Range { bits: range.network().to_bits(), mask, network });
                }
                IpNet::V6(range) => {
                    let mask = range.netmask().to_bits();
                    ranges.v6.push(Range { bits: range.network().to_bits(), mask, network });
                }
            }
        }
        ranges
    }

    /// The first network that an address lies in, by its place.
    fn network_at(&self, address: IpAddr) -> Option<usize> {
        match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                self.v4.iter().find(|range| bits & range.mask == range.bits).map(|range| range.network)
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                self.v6.iter().find(|range| bits & range.mask == range.bits).map(|range| range.network)
            }
        }
    }
}

impl Network {
    /// True where who is known at an address is known on all its connections.
    pub fn knows_addresses(&self) -> bool {
        self.addresses == AddressUse::OneDevice && self.sign_in != SignInWay::Proxy
    }
}

/// The people claimed to be at an address, by the strongest way that any of them is known.
fn known_at(address: IpAddr, at: Timestamp, roster: &Roster, identities: &IdentityMap) -> Vec<Known> {
    let claims = identities.at(address, at);
    let mut people: Vec<Known> = claims
        .iter()
        .filter_map(|claim| roster.person(claim.person).map(|person| Known::by_claim(person, claim)))
        .collect();
    let strongest = people.iter().map(|known| known.by.rank()).min();
    people.retain(|known| Some(known.by.rank()) == strongest);
    people
}

/// True for whoever comes from a public address that is in none of the policy's networks and no known device's: the edges
/// serve no outsiders, so that the gate is open to the school and not to the world.
pub fn is_outsider(who: &Who) -> bool {
    who.network.is_none() && who.device.is_none() && !who.address.is_some_and(is_private)
}

/// True for an address that lies within a site, a link or a machine: RFC 1918, 6598, 3927, 4193, 4291 and 1122.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || (first == 100 && (64..128).contains(&second))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || address.is_unique_local()
        || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Device, DeviceId, DeviceKind, SchoolId};
    use std::sync::Arc;

    #[test]
    fn an_outsider_is_who_is_neither_known_nor_from_within() {
        let network = Some(NetworkId::new("halls"));
        let device = Some(Arc::new(Device {
            id: DeviceId(uuid::Uuid::nil()),
            school: SchoolId::new("ash"),
            name: "LAPTOP-1".into(),
            kind: DeviceKind::Workstation,
            addresses: Vec::new(),
            assigned_to: None,
        }));
        let none = Who::default();
        for (who, from, outsider) in [
            (none.clone(), "203.0.113.9", true),
            (none.clone(), "2001:db8::9", true),
            (none.clone(), "::ffff:203.0.113.9", true),
            (none.clone(), "10.0.0.9", false),
            (none.clone(), "100.64.0.9", false),
            (none.clone(), "127.0.0.1", false),
            (none.clone(), "fe80::9", false),
            (none.clone(), "fd00::9", false),
            (Who { network, ..none.clone() }, "203.0.113.9", false),
            (Who { device, ..none }, "203.0.113.9", false),
        ] {
            let who = Who { address: Some(from.parse().unwrap()), ..who };
            assert_eq!(is_outsider(&who), outsider, "{from}");
        }
    }

    #[test]
    fn an_address_is_private_where_a_site_could_use_it() {
        for (address, private) in [
            ("10.1.2.3", true),
            ("100.64.0.1", true),
            ("169.254.1.1", true),
            ("127.0.0.1", true),
            ("0.0.0.0", true),
            ("::ffff:192.168.0.1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("::1", true),
            ("203.0.113.1", false),
            ("100.128.0.1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
        }
    }
}
