//! Which addresses our DNS has handed out, so that a connection to one it never named can be seen.
//!
//! What it can tell: that this gate answered somebody's question with an address, lately. What it cannot: for which
//! name or for whom, since many names share an address and one answer serves many clients; nor what an address means
//! that was learnt otherwise (written into a program, kept from home, given by a peer), which is what it is there to show.
//! After a restart it knows nothing, and in its first hour a connection to an unknown address says little.
//!
//! Invariants: its memory is bounded, and a part of it is asked for when the first address comes there; where it is full the
//! address that counts for the shortest time makes room.

use crate::{DAY_MS, Timestamp};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The number of locks; a power of two.
const SHARDS: usize = 64;
/// Addresses that share a place; a new one takes that of the one among them that counts for the shortest time.
const WAYS: usize = 8;
/// How long an address counts after its time to live has run out, in milliseconds: programs keep names for longer.
const GRACE_MS: i64 = 10 * 60_000;
/// How long it counts at least, in milliseconds: connections that stay open are opened again where they were.
const LEAST_MS: i64 = 60 * 60_000;
/// How long nothing is written again about an address, in milliseconds.
const SETTLED_MS: i64 = 60_000;

/// Addresses that DNS handed out, when, and until when that counts. Shared by the DNS server, which notes, and whoever
/// watches connections, who asks.
#[derive(Debug)]
pub struct HandedOut {
    /// Each empty until it is first written to, and whole from then on.
    shards: Vec<RwLock<Vec<Slot>>>,
    sets_of_a_shard: usize,
    hasher: RandomState,
    unknown: Mutex<OneDay>,
}

/// What was counted on a day, counted in days since 1970 (UTC).
#[derive(Clone, Copy, Default, Debug)]
struct OneDay {
    day: i64,
    count: u64,
}

/// One address; free while `until` is 0.
#[derive(Clone, Copy, Default, Debug)]
struct Slot {
    address: u128,
    noted: i64,
    until: i64,
}

impl Default for HandedOut {
    fn default() -> Self {
        Self::with_room_for(Self::MOST_ADDRESSES)
    }
}

impl HandedOut {
    /// The most addresses that are remembered: 8 MiB of them.
    pub const MOST_ADDRESSES: usize = 262_144;

    /// Room for about `addresses`, at least one place for each lock.
    fn with_room_for(addresses: usize) -> Self {
        let sets_of_a_shard = (addresses / (SHARDS * WAYS)).max(1);
        Self {
            shards: std::iter::repeat_with(RwLock::default).take(SHARDS).collect(),
            sets_of_a_shard,
            hasher: RandomState::new(),
            unknown: Mutex::default(),
        }
    }

    /// Notes that addresses were handed out now, for `ttl_s` seconds. Cheap where that was noted within the last minute.
    pub fn note(&self, addresses: &[IpAddr], ttl_s: u32, now: Timestamp) {
        let lasts_ms = i64::from(ttl_s).saturating_mul(1_000).saturating_add(GRACE_MS).max(LEAST_MS);
        let until = now.plus_ms(lasts_ms).0;
        for address in addresses {
            let (address, place) = self.place(*address);
            if !self.is_settled(address, place, now, until) {
                self.write(Slot { address, noted: now.0, until }, place);
            }
        }
    }

    /// When an address was last handed out, to a minute; `None` where it never was, or so long ago that it no longer
    /// counts.
    pub fn last_handed_out(&self, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        let (address, place) = self.place(address);
        let shard = self.read(place)?;
        let slot = shard.get(place.slots())?.iter().find(|slot| slot.address == address)?;
        (slot.until > now.0).then_some(Timestamp(slot.noted))
    }

    /// Counts a connection that was asked for by its address alone, where that was not handed out. The address is not kept.
    pub fn connected(&self, address: IpAddr, now: Timestamp) {
        if self.last_handed_out(address, now).is_some() {
            return;
        }
        let day = now.0.div_euclid(DAY_MS);
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if unknown.day == day { unknown.count } else { 0 };
        *unknown = OneDay { day, count: before.saturating_add(1) };
    }

    /// How many connections were made on this day (UTC) to addresses that were not handed out.
    pub fn unknown_today(&self, now: Timestamp) -> u64 {
        let unknown = *self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.day == now.0.div_euclid(DAY_MS) { unknown.count } else { 0 }
    }

    fn is_settled(&self, address: u128, place: Place, now: Timestamp, until: i64) -> bool {
        let Some(shard) = self.read(place) else { return true };
        let slots = shard.get(place.slots()).unwrap_or_default();
        slots.iter().any(|slot| {
            slot.address == address
                && (0..SETTLED_MS).contains(&now.0.saturating_sub(slot.noted))
                && slot.until >= until.saturating_sub(SETTLED_MS)
        })
    }

    fn write(&self, new: Slot, place: Place) {
        let Some(mut shard) = self.lock(place) else { return };
        if shard.is_empty() {
            shard.resize(self.sets_of_a_shard * WAYS, Slot::default());
        }
        let slots = shard.get_mut(place.slots()).unwrap_or_default();
        let held = slots.iter_mut().find(|slot| slot.until > 0 && slot.address == new.address);
        if let Some(held) = held {
            *held = Slot { until: held.until.max(new.until), ..new };
        } else if let Some(soonest) = slots.iter_mut().min_by_key(|slot| slot.until) {
            *soonest = new;
        }
    }

    /// The address in one form for both families, and where it belongs.
    fn place(&self, address: IpAddr) -> (u128, Place) {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let hash = self.hasher.hash_one(address);
        let within = |many: usize, part: u64| {
            let many = u64::try_from(many).unwrap_or(1);
            usize::try_from(part % many).unwrap_or(0)
        };
        let place = Place { shard: within(SHARDS, hash), set: within(self.sets_of_a_shard, hash >> 32) };
        (address, place)
    }

    fn read(&self, place: Place) -> Option<RwLockReadGuard<'_, Vec<Slot>>> {
        Some(self.shards.get(place.shard)?.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn lock(&self, place: Place) -> Option<RwLockWriteGuard<'_, Vec<Slot>>> {
        Some(self.shards.get(place.shard)?.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Clone, Copy)]
struct Place {
    shard: usize,
    set: usize,
}

impl Place {
    fn slots(self) -> std::ops::Range<usize> {
        self.set * WAYS..(self.set + 1) * WAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_counts_for_an_hour_at_least_and_for_ten_minutes_past_its_time() {
        let handed_out = HandedOut::default();
        for (ttl_s, minutes) in [(60, 60), (7_200, 130)] {
            let site = address("203.0.113.7");
            handed_out.note(&[site], ttl_s, Timestamp(0));
            let at = |minutes: i64| handed_out.last_handed_out(site, Timestamp(minutes * MINUTE_MS - 1));
            assert_eq!(at(minutes), Some(Timestamp(0)), "{ttl_s}");
            assert_eq!(at(minutes + 1), None, "{ttl_s}");
        }
        assert_eq!(handed_out.last_handed_out(address("203.0.113.8"), Timestamp(0)), None);
        assert_eq!(handed_out.last_handed_out(address("::"), Timestamp(0)), None);
    }

    #[test]
    fn both_forms_of_an_address_are_one_and_a_later_note_counts() {
        let handed_out = HandedOut::default();
        handed_out.note(&[address("::ffff:203.0.113.7"), address("2001:db8::7")], 60, Timestamp(0));
        handed_out.note(&[address("203.0.113.7")], 60, Timestamp(30_000));
        let last = |text, at| handed_out.last_handed_out(address(text), Timestamp(at));
        assert_eq!(last("203.0.113.7", 40_000), Some(Timestamp(0)), "within the minute nothing is written");
        handed_out.note(&[address("203.0.113.7")], 60, Timestamp(90_000));
        assert_eq!(last("::ffff:203.0.113.7", 100_000), Some(Timestamp(90_000)));
        assert_eq!(last("2001:db8::7", 100_000), Some(Timestamp(0)));
    }

    #[test]
    fn connections_to_addresses_that_were_never_handed_out_are_counted_day_by_day() {
        let handed_out = HandedOut::default();
        handed_out.note(&[address("203.0.113.7")], 60, Timestamp(0));
        for site in ["203.0.113.7", "::ffff:203.0.113.7", "203.0.113.8", "2001:db8::8"] {
            handed_out.connected(address(site), Timestamp(1));
        }
        assert_eq!(handed_out.unknown_today(Timestamp(2)), 2);
        assert_eq!(handed_out.unknown_today(Timestamp(DAY_MS)), 0);
        handed_out.connected(address("203.0.113.7"), Timestamp(DAY_MS));
        assert_eq!(handed_out.unknown_today(Timestamp(DAY_MS + 1)), 1, "it no longer counts by then");
    }

    #[test]
    fn where_it_is_full_the_shortest_lived_make_room() {
        let handed_out = HandedOut::with_room_for(0);
        let held = || handed_out.shards.iter().map(|shard| shard.read().unwrap().len()).sum::<usize>();
        assert_eq!(held(), 0, "nothing is asked for before the first");
        let lasting = address("198.51.100.1");
        handed_out.note(&[lasting], 86_400, Timestamp(0));
        for number in 0..10_000_u32 {
            handed_out.note(&[IpAddr::V4(number.into())], 60, Timestamp(i64::from(number)));
        }
        assert!(handed_out.last_handed_out(lasting, Timestamp(10_000)).is_some());
        assert_eq!(held(), SHARDS * WAYS);
    }
}
