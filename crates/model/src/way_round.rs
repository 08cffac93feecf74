//! Ways round the filter, and how often each was tried.
//!
//! Left out: telling one (the edges and `inspect` do), and whether a group may use it (the policy says so).
//!
//! Invariants: counting never waits and never fails; no host, address or person is kept, only numbers.

use crate::{DAY_MS, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A way round the filter that the gate can tell by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WayRound {
    /// A hello that hides the name it asks for (ECH, RFC 9849).
    EncryptedHello,
    /// The web over UDP (QUIC, HTTP/3).
    Quic,
    /// DNS past the school's: inside the web (RFC 8484), inside TLS (RFC 7858), or plain inside a tunnel.
    EncryptedDns,
    /// A tunnel into another network.
    Vpn,
    /// The Tor network.
    Tor,
    /// Names that differ within one connection: in the tunnel, in TLS, in the request.
    Fronting,
    /// A site called by its address alone.
    AddressLiteral,
    /// A connection to an address that is none of the name's it asks for.
    OtherAddress,
    /// A translation, an archive or a cache that shows another site's page.
    TranslationOrArchive,
    /// Something other than the web inside a tunnel.
    UnknownProtocol,
    /// A tunnel to a port where no web is.
    OddPort,
}

impl WayRound {
    /// Every way.
    pub const ALL: [WayRound; 11] = [
        Self::EncryptedHello,
        Self::Quic,
        Self::EncryptedDns,
        Self::Vpn,
        Self::Tor,
        Self::Fronting,
        Self::AddressLiteral,
        Self::OtherAddress,
        Self::TranslationOrArchive,
        Self::UnknownProtocol,
        Self::OddPort,
    ];

    /// The name in a policy and in log lines.
    pub fn slug(self) -> &'static str {
        match self {
            Self::EncryptedHello => "ech",
            Self::Quic => "quic",
            Self::EncryptedDns => "doh",
            Self::Vpn => "vpn",
            Self::Tor => "tor",
            Self::Fronting => "fronting",
            Self::AddressLiteral => "address_literals",
            Self::OtherAddress => "other_address",
            Self::TranslationOrArchive => "translation_and_archives",
            Self::UnknownProtocol => "unknown_protocols",
            Self::OddPort => "odd_ports",
        }
    }

    /// The name on adults' screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::EncryptedHello => "Encrypted names in TLS (ECH)",
            Self::Quic => "QUIC and HTTP/3",
            Self::EncryptedDns => "DNS past the school's",
            Self::Vpn => "VPNs and proxies inside connections",
            Self::Tor => "Tor",
            Self::Fronting => "Domain fronting",
            Self::AddressLiteral => "Addresses instead of names",
            Self::OtherAddress => "Names called at other addresses",
            Self::TranslationOrArchive => "Pages inside translations and archives",
            Self::UnknownProtocol => "Unknown protocols",
            Self::OddPort => "Odd ports",
        }
    }

    /// Reads the name in a policy.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.slug() == text)
    }

    fn place(self) -> usize {
        Self::ALL.iter().position(|way| *way == self).unwrap_or(0)
    }
}

/// How often each way round was tried at this gate, and how often it was let through: since it started, and today (UTC).
#[derive(Debug, Default)]
pub struct Leaks {
    since_start: [AtomicU64; WayRound::ALL.len()],
    today: Mutex<OneDay>,
}

/// What was counted on a day, counted in days since 1970 (UTC).
#[derive(Clone, Copy, Default, Debug)]
struct OneDay {
    day: i64,
    tries: [u64; WayRound::ALL.len()],
    let_through: [u64; WayRound::ALL.len()],
}

impl Leaks {
    /// Counts one try that was refused.
    pub fn refused(&self, way: WayRound, now: Timestamp) {
        drop(self.count(way, now));
    }

    /// Counts one try that was let through.
    pub fn let_through(&self, way: WayRound, now: Timestamp) {
        let mut today = self.count(way, now);
        if let Some(count) = today.let_through.get_mut(way.place()) {
            *count = count.saturating_add(1);
        }
    }

    fn count(&self, way: WayRound, now: Timestamp) -> MutexGuard<'_, OneDay> {
        if let Some(count) = self.since_start.get(way.place()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let day = now.0.div_euclid(DAY_MS);
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            *today = OneDay { day, ..OneDay::default() };
        }
        if let Some(count) = today.tries.get_mut(way.place()) {
            *count = count.saturating_add(1);
        }
        today
    }

    /// How many tries since the gate started, refused or not.
    pub fn since_start(&self, way: WayRound) -> u64 {
        self.since_start.get(way.place()).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How many tries on this day (UTC), since the gate started, refused or not.
    pub fn today(&self, way: WayRound, now: Timestamp) -> u64 {
        self.on_day(now).tries.get(way.place()).copied().unwrap_or(0)
    }

    /// How many of them were let through.
    pub fn let_through_today(&self, way: WayRound, now: Timestamp) -> u64 {
        self.on_day(now).let_through.get(way.place()).copied().unwrap_or(0)
    }

    fn on_day(&self, now: Timestamp) -> OneDay {
        let today = *self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if today.day == now.0.div_euclid(DAY_MS) { today } else { OneDay::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_counted_for_itself_and_day_by_day() {
        let leaks = Leaks::default();
        for at in [0, 1, DAY_MS] {
            leaks.refused(WayRound::Fronting, Timestamp(at));
        }
        leaks.let_through(WayRound::Vpn, Timestamp(DAY_MS));
        let seen = |way, day: i64| {
            let at = Timestamp(day * DAY_MS);
            (leaks.since_start(way), leaks.today(way, at), leaks.let_through_today(way, at))
        };
        assert_eq!(seen(WayRound::Fronting, 1), (3, 1, 0));
        assert_eq!(seen(WayRound::Vpn, 1), (1, 1, 1));
        assert_eq!(seen(WayRound::Tor, 1), (0, 0, 0));
        assert_eq!(seen(WayRound::Fronting, 2), (3, 0, 0));
    }

    #[test]
    fn every_way_has_a_name_that_is_read_back() {
        for way in WayRound::ALL {
            assert_eq!(WayRound::parse(way.slug()), Some(way));
        }
    }
}
