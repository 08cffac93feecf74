//! Very many steps from one seed: 20,000 as usual, a million where `SCHOOLGATE_LONG` is 1, as `cargo xtask test --long`
//! sets it.

use crate::world::{self, SUNDAY};
use model::{Ask, Channel, Claim, Host, IdentityMap, KnownBy, PersonId, Target, Timestamp};
use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::net::IpAddr;

const WHO: [&str; 14] = [
    "infant",
    "junior",
    "junior@elm",
    "teacher",
    "teacher@elm",
    "governor",
    "guest",
    "teacher+junior",
    "infant+junior@elm",
    "junior+governor",
    "10.1.0.2",
    "10.1.4.4",
    "10.1.9.7",
    "192.0.2.1",
];
const URLS: [&str; 16] = [
    "games.test",
    "www.poker.test",
    "vpn.test",
    "school.test/deep/page?of=it",
    "news.test",
    "bank.test",
    "mixed.test",
    "mixed.test/lesson/1",
    "mixed.test/play",
    "no.test",
    "deny.chess.games.test",
    "trust-says-no.test",
    "deep.illegal.test",
    "gate.test",
    "www.youtube.com",
    "elsewhere.test",
];
const WEEK_MINUTES: i64 = 7 * 24 * 60;

fn steps() -> usize {
    if std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1") { 1_000_000 } else { 20_000 }
}

fn rng() -> TestRng {
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}

fn any_of<T: Clone>(rng: &mut TestRng, from: &[T]) -> T {
    from[rng.random_range(0..from.len())].clone()
}

fn target(url: &str) -> Target {
    let (host, path) = url.find('/').map_or((url, None), |at| (&url[..at], Some(url[at..].to_owned())));
    Target { host: Host::parse(host).unwrap(), port: Some(443), path, record_type: None }
}

#[test]
fn what_is_explained_is_what_is_decided() {
    let snapshot = world::snapshot();
    let who = WHO.map(world::who);
    let targets = URLS.map(target);
    let sunday = Timestamp::parse(SUNDAY).unwrap();
    let mut rng = rng();
    for step in 0..steps() {
        let ask = Ask {
            who: any_of(&mut rng, &who),
            what: any_of(&mut rng, &targets),
            how: any_of(&mut rng, &[Channel::Dns, Channel::Tunnel, Channel::Http, Channel::Https]),
            at: sunday.plus_ms(rng.random_range(0..WEEK_MINUTES) * 60_000),
        };
        let explanation = snapshot.explain(&ask);
        assert_eq!(explanation.verdict, snapshot.decide(&ask), "step {step}: {ask:?}");
        let decided = explanation.steps.iter().filter(|step| step.decided).count();
        assert_eq!(decided, 1, "step {step}: {ask:?}");
    }
}

/// The identity map as its description says it, slowly: every claim in the order it came.
#[derive(Default)]
struct Naive(Vec<(IpAddr, Claim)>);

impl Naive {
    fn claim(&mut self, address: IpAddr, new: Claim) {
        self.0.retain(|(at, old)| {
            *at != address || ((old.person, old.by) != (new.person, new.by) && old.until > new.from)
        });
        let here = self.0.iter().filter(|(at, _)| *at == address).count();
        if here >= IdentityMap::MOST_PEOPLE_AT_AN_ADDRESS {
            let oldest = self.0.iter().position(|(at, _)| *at == address).unwrap();
            self.0.remove(oldest);
        }
        self.0.push((address, new));
    }

    fn end(&mut self, address: IpAddr, person: PersonId, by: KnownBy) -> bool {
        let before = self.0.len();
        self.0.retain(|(at, claim)| *at != address || claim.person != person || claim.by != by);
        before != self.0.len()
    }

    fn at(&self, address: IpAddr, now: Timestamp) -> Vec<Claim> {
        let counts = |claim: &Claim| claim.from <= now && now < claim.until;
        self.0.iter().filter(|(at, claim)| *at == address && counts(claim)).map(|(_, claim)| *claim).collect()
    }
}

#[test]
fn the_identity_map_remembers_as_a_plain_list_would() {
    let (map, mut naive, mut rng) = (IdentityMap::default(), Naive::default(), rng());
    let addresses: Vec<IpAddr> = (1..=3).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    let mapped: IpAddr = "::ffff:10.0.0.3".parse().unwrap();
    let mut fullest = 0;
    let mut now = Timestamp(0);
    for step in 0..steps() {
        now = now.plus_ms(rng.random_range(0..3));
        let address = any_of(&mut rng, &addresses);
        // A listener on IPv6 sees an IPv4 address in another form; to the map it is the same.
        let seen = if address == addresses[2] && rng.random_bool(0.5) { mapped } else { address };
        let person = PersonId(uuid::Uuid::from_u128(rng.random_range(0..48)));
        match rng.random_range(0..10) {
            0..6 => {
                // The times of a claim may lie, as a restored one's or a set-back clock's do.
                let from = now.plus_ms(rng.random_range(-5..5));
                let until = from.plus_ms(rng.random_range(-5..600));
                let claim = Claim { person, by: any_of(&mut rng, &KnownBy::ALL), from, until };
                map.claim(seen, claim);
                naive.claim(address, claim);
            }
            6 => {
                let by = any_of(&mut rng, &KnownBy::ALL);
                assert_eq!(map.end(seen, person, by), naive.end(address, person, by), "step {step}");
            }
            _ => {}
        }
        let asked = now.plus_ms(rng.random_range(-5..20));
        let known = map.at(seen, asked);
        assert_eq!(known, naive.at(address, asked), "step {step}");
        fullest = fullest.max(known.len());
    }
    assert!(fullest > IdentityMap::MOST_PEOPLE_AT_AN_ADDRESS / 2, "enough people to tell: {fullest}");
}
