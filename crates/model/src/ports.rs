//! The seam between the edges (`dns`, `proxy`, `console`) and the use cases (`app`): the current roster and the live
//! identity map. Events go by their own queue; the current policy snapshot is `policy::CurrentSnapshot`.

use crate::{Device, DeviceId, KnownBy, Person, PersonId, Timestamp};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The people and devices the filter knows. Immutable; a change makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    people: HashMap<PersonId, Arc<Person>>,
    people_by_login: HashMap<String, Arc<Person>>,
    devices_by_id: HashMap<DeviceId, Arc<Device>>,
    devices_by_address: HashMap<IpAddr, Arc<Device>>,
}

impl Roster {
    /// Takes people and devices; where two share a login or an address, the later one counts.
    pub fn new(people: Vec<Person>, devices: Vec<Device>) -> Self {
        let mut roster = Self::default();
        for person in people.into_iter().map(Arc::new) {
            roster.people_by_login.insert(person.login.clone(), Arc::clone(&person));
            roster.people.insert(person.id, person);
        }
        for device in devices.into_iter().map(Arc::new) {
            for address in &device.addresses {
                roster.devices_by_address.insert(address.to_canonical(), Arc::clone(&device));
            }
            roster.devices_by_id.insert(device.id, device);
        }
        roster
    }

    /// The person with this id.
    pub fn person(&self, id: PersonId) -> Option<&Arc<Person>> {
        self.people.get(&id)
    }

    /// The person with this login, lower case.
    pub fn person_by_login(&self, login: &str) -> Option<&Arc<Person>> {
        self.people_by_login.get(login)
    }

    /// The device with this id, wherever it is.
    pub fn device(&self, id: DeviceId) -> Option<&Arc<Device>> {
        self.devices_by_id.get(&id)
    }

    /// The device at this address.
    pub fn device_at(&self, address: IpAddr) -> Option<&Arc<Device>> {
        self.devices_by_address.get(&address.to_canonical())
    }

    /// Every person, in no order.
    pub fn people(&self) -> impl Iterator<Item = &Arc<Person>> {
        self.people.values()
    }

    /// Every device, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Arc<Device>> {
        self.devices_by_id.values()
    }
}

/// The roster in force. Readers never wait for a writer.
#[derive(Debug, Default)]
pub struct CurrentRoster(ArcSwap<Roster>);

impl CurrentRoster {
    /// Starts with this roster.
    pub fn new(roster: Roster) -> Self {
        Self(ArcSwap::from_pointee(roster))
    }

    /// The roster in force now.
    pub fn get(&self) -> Arc<Roster> {
        self.0.load_full()
    }

    /// Puts a new roster in force.
    pub fn put(&self, roster: Roster) {
        self.0.store(Arc::new(roster));
    }
}

/// That a person is at an address, from when until when, and how that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The person.
    pub person: PersonId,
    /// How it is known.
    pub by: KnownBy,
    /// Since when.
    pub from: Timestamp,
    /// Until when; from then on it does not count.
    pub until: Timestamp,
}

/// Who is at which address now. Bounded: past [`IdentityMap::MOST_ADDRESSES`] the claim that ends first makes room.
#[derive(Debug, Default)]
pub struct IdentityMap {
    claims: RwLock<HashMap<IpAddr, Vec<Claim>>>,
    /// When the sessions of people were last ended from outside.
    ended: RwLock<HashMap<PersonId, Timestamp>>,
    revision: AtomicU64,
}

impl IdentityMap {
    /// The most addresses it remembers.
    pub const MOST_ADDRESSES: usize = 65_536;
    /// The most people it remembers at one address; a newer one takes the place of the oldest.
    pub const MOST_PEOPLE_AT_AN_ADDRESS: usize = 32;
    /// The most people whose ended sessions it remembers.
    pub const MOST_ENDED: usize = 65_536;

    /// Notes that a person is at an address. An earlier claim of the same person there, known in the same way, is replaced.
    pub fn claim(&self, address: IpAddr, claim: Claim) {
        let mut claims = self.claims.write().unwrap_or_else(PoisonError::into_inner);
        if claims.len() >= Self::MOST_ADDRESSES && !claims.contains_key(&address.to_canonical()) {
            let first_to_end = claims
                .iter()
                .min_by_key(|(_, at)| at.iter().map(|claim| claim.until).max())
                .map(|(address, _)| *address);
            if let Some(address) = first_to_end {
                claims.remove(&address);
            }
        }
        let here = claims.entry(address.to_canonical()).or_default();
        here.retain(|held| !held.is_like(&claim) && held.until > claim.from);
        if here.len() >= Self::MOST_PEOPLE_AT_AN_ADDRESS {
            here.remove(0);
        }
        here.push(claim);
        // Before the lock is let go: whoever sees the old number saw the old claims at the latest.
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// Ends the claim that a person known in this way is at an address; true when there was one.
    pub fn end(&self, address: IpAddr, person: PersonId, by: KnownBy) -> bool {
        let mut claims = self.claims.write().unwrap_or_else(PoisonError::into_inner);
        let Some(here) = claims.get_mut(&address.to_canonical()) else { return false };
        let before = here.len();
        here.retain(|held| held.person != person || held.by != by);
        let ended = before != here.len();
        if here.is_empty() {
            claims.remove(&address.to_canonical());
        }
        if ended {
            self.revision.fetch_add(1, Ordering::Release);
        }
        ended
    }

    /// A number that is another one after every claim and every end, so that who was found at an address may be kept
    /// until then. A claim also ends by its own time, which changes nothing here: see [`IdentityMap::at_until`].
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Ends what a person signed in to until `at`: their sign-ins to the web end at every address, and whoever remembers
    /// one asks again. What the network says of them stays, since that is not a sign-in of ours.
    pub fn end_sessions(&self, person: PersonId, at: Timestamp) {
        let mut claims = self.claims.write().unwrap_or_else(PoisonError::into_inner);
        for here in claims.values_mut() {
            here.retain(|claim| claim.person != person || claim.by != KnownBy::SignIn || claim.from > at);
        }
        claims.retain(|_, here| !here.is_empty());
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= Self::MOST_ENDED && !ended.contains_key(&person) {
            // What is forgotten here was long ago; nothing that is remembered of a sign-in lasts as long.
            let oldest = ended.iter().min_by_key(|(_, at)| **at).map(|(person, _)| *person);
            oldest.and_then(|person| ended.remove(&person));
        }
        ended.insert(person, at);
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// When the person's sessions were last ended from outside: a sign-in that is remembered from then or before does
    /// not count any more. `None`: not since the program started.
    pub fn sessions_ended(&self, person: PersonId) -> Option<Timestamp> {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).get(&person).copied()
    }

    /// True where the person's sessions were ended from outside since they became known: their account was suspended, say.
    pub fn was_ended(&self, person: PersonId, since: Timestamp) -> bool {
        self.sessions_ended(person).is_some_and(|at| since <= at)
    }

    /// The claims as [`IdentityMap::at`] gives them, and until when they stay so unless the revision changes: the next
    /// moment at which one of the address begins or ends.
    pub fn at_until(&self, address: IpAddr, now: Timestamp) -> (Vec<Claim>, Timestamp) {
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        let here = claims.get(&address.to_canonical()).map(Vec::as_slice).unwrap_or_default();
        let edges = here.iter().flat_map(|claim| [claim.from, claim.until]).filter(|edge| *edge > now);
        let until = edges.min().unwrap_or(Timestamp(i64::MAX));
        (here.iter().filter(|claim| claim.counts_at(now)).copied().collect(), until)
    }

    /// The claims that count at an address at a time, oldest first.
    pub fn at(&self, address: IpAddr, now: Timestamp) -> Vec<Claim> {
        let claims = self.claims.read().unwrap_or_else(PoisonError::into_inner);
        let here = claims.get(&address.to_canonical()).map(Vec::as_slice).unwrap_or_default();
        here.iter().filter(|claim| claim.counts_at(now)).copied().collect()
    }
}

impl Claim {
    /// True when it says of the same person, in the same way.
    fn is_like(&self, other: &Claim) -> bool {
        self.person == other.person && self.by == other.by
    }

    fn counts_at(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(number: u128, from: i64, until: i64) -> Claim {
        let person = PersonId(uuid::Uuid::from_u128(number));
        Claim { person, by: KnownBy::SignIn, from: Timestamp(from), until: Timestamp(until) }
    }

    #[test]
    fn a_claim_counts_from_its_start_until_its_end() {
        let map = IdentityMap::default();
        let address = "10.0.0.1".parse().unwrap();
        map.claim(address, claim(1, 10, 20));
        assert!(map.at(address, Timestamp(9)).is_empty());
        assert_eq!(map.at("::ffff:10.0.0.1".parse().unwrap(), Timestamp(19)), [claim(1, 10, 20)]);
        assert!(map.at(address, Timestamp(20)).is_empty());
    }

    #[test]
    fn two_people_at_one_address_are_both_remembered_until_one_leaves() {
        let map = IdentityMap::default();
        let address = "10.0.0.1".parse().unwrap();
        map.claim(address, claim(1, 0, 50));
        map.claim(address, claim(2, 5, 50));
        assert_eq!(map.at(address, Timestamp(6)).len(), 2);
        assert!(map.end(address, claim(1, 0, 0).person, KnownBy::SignIn));
        assert_eq!(map.at(address, Timestamp(6)), [claim(2, 5, 50)]);
    }

    #[test]
    fn what_the_network_says_neither_replaces_nor_ends_what_a_person_said() {
        let map = IdentityMap::default();
        let address = "10.0.0.1".parse().unwrap();
        map.claim(address, claim(1, 0, 50));
        map.claim(address, Claim { by: KnownBy::Radius, ..claim(1, 5, 60) });
        assert_eq!(map.at(address, Timestamp(6)).len(), 2);
        assert!(map.end(address, claim(1, 0, 0).person, KnownBy::Radius));
        assert_eq!(map.at(address, Timestamp(6)), [claim(1, 0, 50)]);
    }

    #[test]
    fn ending_somebodys_sessions_ends_what_they_said_everywhere_and_nothing_else() {
        let map = IdentityMap::default();
        let (here, there) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        map.claim(here, claim(1, 0, 50));
        map.claim(here, claim(2, 0, 50));
        map.claim(there, claim(1, 0, 50));
        map.claim(there, Claim { by: KnownBy::Radius, ..claim(1, 0, 50) });
        let before = map.revision();
        map.end_sessions(claim(1, 0, 0).person, Timestamp(7));
        assert_eq!(map.at(here, Timestamp(8)), [claim(2, 0, 50)]);
        assert_eq!(map.at(there, Timestamp(8)), [Claim { by: KnownBy::Radius, ..claim(1, 0, 50) }]);
        assert_eq!(map.sessions_ended(claim(1, 0, 0).person), Some(Timestamp(7)));
        assert_eq!(map.sessions_ended(claim(2, 0, 0).person), None);
        assert_ne!(map.revision(), before);
    }

    #[test]
    fn the_revision_changes_with_every_claim_and_end_and_the_next_edge_is_named() {
        let map = IdentityMap::default();
        let address = "10.0.0.1".parse().unwrap();
        let mut revisions = vec![map.revision()];
        map.claim(address, claim(1, 10, 20));
        revisions.push(map.revision());
        map.claim(address, claim(2, 12, 15));
        revisions.push(map.revision());
        for (now, known, until) in [(9, 0, 10), (10, 1, 12), (13, 2, 15), (15, 1, 20), (20, 0, i64::MAX)] {
            let (claims, edge) = map.at_until(address, Timestamp(now));
            assert_eq!((claims.len(), edge), (known, Timestamp(until)), "{now}");
        }
        assert!(!map.end(address, claim(3, 0, 0).person, KnownBy::SignIn));
        assert_eq!(map.revision(), revisions[2]);
        assert!(map.end(address, claim(1, 0, 0).person, KnownBy::SignIn));
        revisions.push(map.revision());
        revisions.dedup();
        assert_eq!(revisions.len(), 4);
    }

    #[test]
    fn the_map_stays_bounded_however_many_addresses_come() {
        let map = IdentityMap::default();
        for number in 0..u32::try_from(IdentityMap::MOST_ADDRESSES).unwrap() + 10 {
            map.claims.write().unwrap().insert(IpAddr::V4(number.into()), vec![claim(1, 0, 100)]);
            if number as usize >= IdentityMap::MOST_ADDRESSES {
                break;
            }
        }
        let before = map.claims.read().unwrap().len();
        map.claim("fe80::1".parse().unwrap(), claim(2, 0, 100));
        assert_eq!(map.claims.read().unwrap().len(), before);
    }
}
