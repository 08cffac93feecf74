//! How many questions a client may ask: a bucket of tokens for each, in a table of a fixed size.
//!
//! A client is an IPv4 address, or an IPv6 network of 56 bits (what one household or school is given). Where two share a
//! place in the table, each takes the other's place with a full bucket: a flood from many made-up addresses weakens the
//! limit, and keeps nobody out.

use crate::config::RateLimit;
use foldhash::quality::RandomState;
use model::Timestamp;
use policy::image::prefetch;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// Places in the table: a power of two.
const PLACES: usize = 16_384;
/// Refusals sent to all outsiders together, a second; the rest of them hears nothing, so that the gate is no amplifier.
const REFUSALS: RateLimit = RateLimit { per_s: 20, burst: 100 };
/// A thousandth of a token is given for each millisecond and question a second.
const TOKEN: u64 = 1_000;

/// What becomes of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pace {
    /// It is answered.
    Within,
    /// It is answered with nothing but "ask by TCP", which somebody with a made-up address cannot.
    Cut,
    /// It is not answered.
    Beyond,
}

/// The buckets of one worker, or of all connections.
pub(crate) struct Limiter {
    limit: RateLimit,
    hasher: RandomState,
    places: Vec<Bucket>,
    refusals: Bucket,
    over: u64,
}

/// Where the bucket of an address is, and what tells it from others there. Of the limiter that made it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whose {
    place: u32,
    tag: u32,
}

impl Whose {
    fn place(self) -> usize {
        usize::try_from(self.place).unwrap_or(0) % PLACES
    }
}

#[derive(Clone, Copy)]
struct Bucket {
    whose: u32,
    cuts: bool,
    tokens: u64,
    at: Timestamp,
}

impl Limiter {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let places = if limit.per_s == 0 { 0 } else { PLACES };
        let empty = |limit| Bucket::full(0, limit, Timestamp(0));
        Self {
            hasher: RandomState::default(),
            places: vec![empty(limit); places],
            refusals: empty(REFUSALS),
            limit,
            over: 0,
        }
    }

    /// Where the bucket of an address is.
    #[inline]
    pub(crate) fn whose(&self, address: IpAddr) -> Whose {
        let hash = self.hasher.hash_one(network(address));
        let [h0, h1, h2, h3, w0, w1, w2, w3] = hash.to_be_bytes();
        Whose { place: u32::from_be_bytes([h0, h1, h2, h3]), tag: u32::from_be_bytes([w0, w1, w2, w3]) }
    }

    /// Has a bucket brought from memory.
    #[inline]
    pub(crate) fn warm(&self, whose: Whose) {
        if let Some(bucket) = self.places.get(whose.place()) {
            prefetch(bucket);
        }
    }

    /// Takes a token of whoever asks.
    pub(crate) fn pace(&mut self, whose: Whose, now: Timestamp) -> Pace {
        // Without a limit there is no place.
        let Some(bucket) = self.places.get_mut(whose.place()) else { return Pace::Within };
        let whose = whose.tag;
        if bucket.whose != whose {
            *bucket = Bucket::full(whose, self.limit, now);
        }
        if bucket.take(self.limit, now) {
            return Pace::Within;
        }
        bucket.cuts = !bucket.cuts;
        let pace = if bucket.cuts { Pace::Cut } else { Pace::Beyond };
        self.over = self.over.saturating_add(1);
        if self.over.is_power_of_two() {
            tracing::warn!(questions = self.over, "a client asks more than it may");
        }
        pace
    }

    /// True where one more outsider may be told that he is one.
    pub(crate) fn may_refuse(&mut self, now: Timestamp) -> bool {
        self.refusals.take(REFUSALS, now)
    }
}

impl Bucket {
    fn full(whose: u32, limit: RateLimit, at: Timestamp) -> Self {
        Self { whose, cuts: false, tokens: u64::from(limit.burst.max(1)) * TOKEN, at }
    }

    fn take(&mut self, limit: RateLimit, now: Timestamp) -> bool {
        let passed_ms = u64::try_from(now.0.saturating_sub(self.at.0)).unwrap_or(0);
        self.at = now;
        let most = u64::from(limit.burst.max(1)) * TOKEN;
        self.tokens = self.tokens.saturating_add(passed_ms.saturating_mul(limit.per_s.into())).min(most);
        let Some(left) = self.tokens.checked_sub(TOKEN) else { return false };
        self.tokens = left;
        true
    }
}

/// What counts as one client.
fn network(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        // The upper 56 bits, and a bit that no IPv4 address has.
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 72).unwrap_or(0) | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_burst_and_then_its_rate_and_every_second_further_question_is_cut() {
        let mut limiter = Limiter::new(RateLimit { per_s: 10, burst: 3 });
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let [ash, elm] = [ash, elm].map(|address| limiter.whose(address));
        let paces: Vec<Pace> = (0..7).map(|_| limiter.pace(ash, Timestamp(5_000))).collect();
        let (within, cut, beyond) = (Pace::Within, Pace::Cut, Pace::Beyond);
        assert_eq!(paces, [within, within, within, cut, beyond, cut, beyond]);
        assert_eq!(limiter.pace(elm, Timestamp(5_000)), within);
        // A tenth of a second gives one token, and a clock that goes back gives none.
        assert_eq!(limiter.pace(ash, Timestamp(5_100)), within);
        assert_eq!(limiter.pace(ash, Timestamp(5_000)), cut);
        let rested: Vec<Pace> = (0..4).map(|_| limiter.pace(ash, Timestamp(90_000))).collect();
        assert_eq!(rested, [within, within, within, beyond]);
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let mut limiter = Limiter::new(RateLimit { per_s: 0, burst: 0 });
        let whose = limiter.whose("10.0.0.1".parse().unwrap());
        assert!((0..10_000).all(|_| limiter.pace(whose, Timestamp(0)) == Pace::Within));
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8:0:ff:9::2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:100::1"));
        assert_eq!(address("::ffff:10.0.0.1"), address("10.0.0.1"));
    }

    #[test]
    fn outsiders_hear_only_so_many_refusals() {
        let mut limiter = Limiter::new(RateLimit::default());
        let heard = (0..1_000).filter(|_| limiter.may_refuse(Timestamp(1))).count();
        assert_eq!(heard, 100);
    }
}
