//! Hosts whose connections fail when the proxy opens them, as suggestions for the bypass list.
//!
//! An app that carries its own list of certificates (pinning) turns the school's away; a device that never got the school's
//! certificate turns it away too, on every host. So a refusal counts only from a client that took the certificate for some
//! host before; the others are counted as devices without it. Nothing is ever bypassed from here: somebody reads it and
//! decides.
//!
//! What it cannot tell: which of several apps behind one host, or who. After a restart it knows nothing.
//!
//! Invariants: its memory is bounded; no person and no path is in it.

use crate::{Host, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A week, in milliseconds: what is older says nothing about today's apps.
const COUNTS_MS: i64 = 7 * 24 * 3_600_000;
/// The most clients that are told apart for one host.
const MOST_CLIENTS: usize = 256;
/// The most clients whose trust is remembered.
const MOST_KNOWN: usize = 16_384;

/// Why a host may belong on the bypass list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SuggestionKind {
    /// A client that trusts the school's certificate elsewhere said that it does not trust it here.
    Distrusted,
    /// Such a client hung up on it without a word.
    HungUp,
    /// The origin asks for a certificate of the person or the device, which only they have.
    ClientCertificate,
}

/// A host that may belong on the bypass list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// The host.
    pub host: Host,
    /// Why.
    pub kind: SuggestionKind,
    /// How often.
    pub times: u64,
    /// From how many clients, at most 256 told apart; 0 where it is the origin that asks.
    pub clients: usize,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

/// The suggestions. Shared by the proxy, which notes, and whoever shows them.
#[derive(Debug, Default)]
pub struct Suggestions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hosts: HashMap<(Host, SuggestionKind), Noted>,
    /// When a client last took the school's certificate.
    trusting: HashMap<IpAddr, Timestamp>,
    /// When a client that never took it last turned it away.
    untrusting: HashMap<IpAddr, Timestamp>,
}

#[derive(Debug)]
struct Noted {
    times: u64,
    clients: HashSet<IpAddr>,
    first: Timestamp,
    last: Timestamp,
}

impl Suggestions {
    /// The most hosts that are remembered; the one that was met longest ago makes room.
    pub const MOST_HOSTS: usize = 1_024;

    /// A client took the school's certificate.
    pub fn accepted(&self, client: IpAddr, at: Timestamp) {
        let mut state = self.lock();
        state.untrusting.remove(&client);
        remember(&mut state.trusting, client, at);
    }

    /// A client turned the school's certificate away for a host that it may reach.
    pub fn refused(&self, host: &Host, kind: SuggestionKind, client: IpAddr, at: Timestamp) {
        let mut state = self.lock();
        let knows_it = state.trusting.get(&client).is_some_and(|last| last.plus_ms(COUNTS_MS) > at);
        if knows_it {
            state.note(host, kind, Some(client), at);
        } else {
            remember(&mut state.untrusting, client, at);
        }
    }

    /// An origin asks for a certificate of whoever connects.
    pub fn origin_asks(&self, host: &Host, at: Timestamp) {
        self.lock().note(host, SuggestionKind::ClientCertificate, None, at);
    }

    /// The suggestions of the last week: most clients first, then most often; at most 1,024.
    pub fn all(&self, now: Timestamp) -> Vec<Suggestion> {
        let mut all: Vec<Suggestion> = self
            .lock()
            .hosts
            .iter()
            .filter(|(_, noted)| noted.last.plus_ms(COUNTS_MS) > now)
            .map(|((host, kind), noted)| Suggestion {
                host: host.clone(),
                kind: *kind,
                times: noted.times,
                clients: noted.clients.len(),
                first: noted.first,
                last: noted.last,
            })
            .collect();
        all.sort_by(|one, other| {
            let weight = |suggestion: &Suggestion| (suggestion.clients, suggestion.times);
            weight(other).cmp(&weight(one)).then_with(|| one.host.cmp(&other.host))
        });
        all
    }

    /// How many clients turned the certificate away in the last week and never took it: devices that lack it.
    pub fn clients_without_certificate(&self, now: Timestamp) -> usize {
        self.lock().untrusting.values().filter(|last| last.plus_ms(COUNTS_MS) > now).count()
    }

    /// Forgets a host, once somebody has decided about it.
    pub fn forget(&self, host: &Host) {
        self.lock().hosts.retain(|(noted, _), _| noted != host);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, host: &Host, kind: SuggestionKind, client: Option<IpAddr>, at: Timestamp) {
        let key = (host.clone(), kind);
        if self.hosts.len() >= Suggestions::MOST_HOSTS && !self.hosts.contains_key(&key) {
            let oldest = self.hosts.iter().min_by_key(|(_, noted)| noted.last).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.hosts.remove(&oldest));
        }
        let fresh = || Noted { times: 0, clients: HashSet::new(), first: at, last: at };
        let noted = self.hosts.entry(key).or_insert_with(fresh);
        noted.times = noted.times.saturating_add(1);
        noted.last = noted.last.max(at);
        if noted.clients.len() < MOST_CLIENTS {
            noted.clients.extend(client);
        }
    }
}

/// Remembers a client. Where too many are known the oldest half goes: a scan for each newcomer would cost too much.
fn remember(known: &mut HashMap<IpAddr, Timestamp>, client: IpAddr, at: Timestamp) {
    if known.len() >= MOST_KNOWN && !known.contains_key(&client) {
        let mut times: Vec<Timestamp> = known.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        known.retain(|_, last| *last > median);
    }
    known.insert(client, at);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_348_800_000);

    fn host(name: &str) -> Host {
        Host::parse(name).unwrap()
    }

    fn client(number: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, number])
    }

    #[test]
    fn a_pinned_app_is_told_from_a_device_without_the_certificate() {
        let suggestions = Suggestions::default();
        suggestions.accepted(client(1), NOON);
        suggestions.refused(&host("pinned.example"), SuggestionKind::Distrusted, client(1), NOON);
        suggestions.refused(&host("pinned.example"), SuggestionKind::Distrusted, client(1), NOON.plus_ms(5));
        for name in ["pinned.example", "news.example"] {
            suggestions.refused(&host(name), SuggestionKind::Distrusted, client(2), NOON);
        }
        let expected = Suggestion {
            host: host("pinned.example"),
            kind: SuggestionKind::Distrusted,
            times: 2,
            clients: 1,
            first: NOON,
            last: NOON.plus_ms(5),
        };
        assert_eq!(suggestions.all(NOON), [expected]);
        assert_eq!(suggestions.clients_without_certificate(NOON), 1);
        suggestions.accepted(client(2), NOON);
        assert_eq!(suggestions.clients_without_certificate(NOON), 0);
    }

    #[test]
    fn what_most_clients_meet_comes_first_and_old_news_not_at_all() {
        let suggestions = Suggestions::default();
        suggestions.origin_asks(&host("bank.example"), NOON);
        for number in 1..=3 {
            suggestions.accepted(client(number), NOON);
            suggestions.refused(&host("app.example"), SuggestionKind::HungUp, client(number), NOON);
        }
        let hosts = |now| suggestions.all(now).into_iter().map(|one| one.host).collect::<Vec<_>>();
        assert_eq!(hosts(NOON), [host("app.example"), host("bank.example")]);
        suggestions.forget(&host("app.example"));
        assert_eq!(hosts(NOON), [host("bank.example")]);
        assert!(hosts(NOON.plus_ms(COUNTS_MS)).is_empty());
    }

    #[test]
    fn neither_hosts_nor_clients_grow_without_end() {
        let suggestions = Suggestions::default();
        for number in 0..40_000_u32 {
            let at = NOON.plus_ms(i64::from(number));
            suggestions.accepted(IpAddr::from(number.to_be_bytes()), at);
            suggestions.origin_asks(&host(&format!("n{number}.example")), at);
        }
        let state = suggestions.lock();
        assert_eq!(state.hosts.len(), Suggestions::MOST_HOSTS);
        assert!(state.trusting.len() <= MOST_KNOWN);
        assert!(state.hosts.contains_key(&(host("n39999.example"), SuggestionKind::ClientCertificate)));
    }
}
