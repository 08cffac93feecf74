//! Who is behind an address: the network, the device, and the people who may be there.

use crate::Snapshot;
use model::{IdentityMap, Known, KnownBy, Roster, Timestamp, Who};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

impl Snapshot {
    /// Asks the policy's networks, the roster and the identity map who is behind an address.
    ///
    /// People who signed in there come first; only where nobody did, the person a device is lent to.
    pub fn who(&self, address: IpAddr, at: Timestamp, roster: &Roster, identities: &IdentityMap) -> Who {
        let address = address.to_canonical();
        let network = self
            .policy
            .networks
            .iter()
            .find(|network| network.ranges.iter().any(|range| range.contains(&address)));
        let device = roster.device_at(address);
        let mut people: Vec<Known> = identities
            .at(address, at)
            .into_iter()
            .filter_map(|claim| {
                roster.person(claim.person).map(|person| Known { person: Arc::clone(person), by: claim.by })
            })
            .collect();
        if people.is_empty() {
            let lent_to = device.and_then(|device| device.assigned_to).and_then(|id| roster.person(id));
            people.extend(lent_to.map(|person| Known { person: Arc::clone(person), by: KnownBy::Device }));
        }
        Who {
            address: Some(address),
            school: network
                .map(|network| network.school.clone())
                .or(device.map(|device| device.school.clone())),
            network: network.map(|network| network.id.clone()),
            device: device.cloned(),
            people,
            named_group: None,
        }
    }
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
    use model::{Device, DeviceId, DeviceKind, NetworkId, SchoolId};

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
