//! Who is behind an address: the network, the device, and the people who may be there.

use crate::Snapshot;
use model::{IdentityMap, Known, KnownBy, Roster, Timestamp, Who};
use std::net::IpAddr;
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
