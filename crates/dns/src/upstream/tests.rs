//! The door and what is behind it, with real upstreams on loopback.

use super::*;
use crate::cache::{Key, Look};
use hickory_proto::rr::Record;
use model::{Clock, Timestamp};
use std::sync::Arc;
use testkit::certificates::TestAuthority;
use testkit::upstream::{Manner, Says, Upstream, Zone, a, name_of};
use tokio::sync::Notify;

const SITE: &str = "site.test.";

fn site(says: Says) -> Zone {
    [((SITE.to_owned(), RecordType::A), says)].into()
}

fn records() -> Vec<Record> {
    vec![a(SITE, 60, [203, 0, 113, 7])]
}

fn found() -> Says {
    Says::Records(records())
}

fn question(name: &str, record_type: RecordType) -> Question {
    Question { name: name_of(name), record_type, dnssec_ok: false, checking_disabled: false }
}

fn key() -> Key {
    Key::of(&question(SITE, RecordType::A))
}

fn clock() -> Clock {
    Clock::fixed(Timestamp::parse("2026-11-23T12:00:00Z").unwrap())
}

fn config(upstreams: &[&str]) -> ResolverConfig {
    let upstreams = upstreams.iter().map(|text| text.parse().unwrap()).collect();
    ResolverConfig { upstreams, upstream_wait: Duration::from_millis(400), ..ResolverConfig::default() }
}

fn resolver(upstreams: &[&Upstream]) -> (Arc<Resolver>, Clock) {
    let addresses: Vec<String> = upstreams.iter().map(|upstream| upstream.address.to_string()).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let clock = clock();
    (Resolver::new(&config(&addresses), clock.clone()).unwrap(), clock)
}

/// The answer's records, or the code of the failure's first explanation.
async fn fetch(resolver: &Arc<Resolver>, clock: &Clock) -> Result<Vec<Record>, u16> {
    fetch_key(resolver, clock, key()).await.map(|answer| answer.answers)
}

async fn fetch_key(resolver: &Arc<Resolver>, clock: &Clock, key: Key) -> Result<Answer, u16> {
    match resolver.fetch(key.clone()).await {
        Ok(kept) => Ok(kept.answer(&key, clock.now())),
        Err(NoUpstreamAnswered(failure)) => {
            let why = failure.explained[0].to_bytes();
            Err(u16::from_be_bytes([why[0], why[1]]))
        }
    }
}

#[tokio::test]
async fn one_question_goes_out_once_however_many_wait_for_it() {
    let let_go = Arc::new(Notify::new());
    let upstream = Upstream::start(site(Says::Held(Arc::clone(&let_go), records()))).await;
    let (resolver, clock) = resolver(&[&upstream]);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            let (resolver, clock) = (Arc::clone(&resolver), clock.clone());
            tokio::spawn(async move { fetch(&resolver, &clock).await })
        })
        .collect();
    let_go.notify_one();
    for one in waiting {
        assert_eq!(one.await.unwrap(), Ok(records()));
    }
    assert_eq!(upstream.times_asked(SITE, RecordType::A), 1);
}

#[tokio::test]
async fn what_has_run_out_is_given_where_no_upstream_answers_and_asked_for_again_later() {
    let upstream = Upstream::start(site(found())).await;
    let (resolver, clock) = resolver(&[&upstream]);
    fetch(&resolver, &clock).await.unwrap();
    upstream.now_says(SITE, RecordType::A, Says::Code(ResponseCode::ServFail));
    clock.advance_ms(61_000);
    assert!(matches!(resolver.look(key().as_ref(), clock.now()), Look::Stale(_)));
    for _ in 0..3 {
        let stale = fetch_key(&resolver, &clock, key()).await.unwrap();
        assert_eq!((stale.answers[0].ttl, stale.explained.len()), (30, 1));
    }
    assert_eq!(upstream.times_asked(SITE, RecordType::A), 2, "rests after a failure");
    upstream.now_says(SITE, RecordType::A, found());
    clock.advance_ms(31_000);
    assert_eq!(fetch(&resolver, &clock).await.unwrap()[0].ttl, 60);
    clock.advance_ms(60_000 + 86_400_000);
    assert!(matches!(resolver.look(key().as_ref(), clock.now()), Look::Nothing));
}

#[tokio::test]
async fn what_has_run_out_is_given_while_a_slow_upstream_is_still_at_it_and_its_answer_is_kept() {
    let upstream = Upstream::start(site(found())).await;
    let address = upstream.address.to_string();
    let clock = clock();
    let slow = ResolverConfig { upstream_wait: Duration::from_secs(30), ..config(&[&address]) };
    let resolver = Resolver::new(&slow, clock.clone()).unwrap();
    fetch(&resolver, &clock).await.unwrap();
    let let_go = Arc::new(Notify::new());
    upstream.now_says(SITE, RecordType::A, Says::Held(Arc::clone(&let_go), records()));
    clock.advance_ms(61_000);
    assert_eq!(fetch(&resolver, &clock).await.unwrap()[0].ttl, 30);
    let_go.notify_one();
    let fresh = async {
        while !matches!(resolver.look(key().as_ref(), clock.now()), Look::Fresh(_)) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), fresh).await.unwrap();
}

#[tokio::test]
async fn an_answer_near_its_end_is_renewed_beside() {
    let upstream = Upstream::start(site(found())).await;
    let (resolver, clock) = resolver(&[&upstream]);
    fetch(&resolver, &clock).await.unwrap();
    clock.advance_ms(55_000);
    resolver.look(key().as_ref(), clock.now());
    assert!(matches!(resolver.look(key().as_ref(), clock.now()), Look::Ageing(_)));
    resolver.renew(key());
    let renewed = async {
        loop {
            if let Look::Fresh(kept) = resolver.look(key().as_ref(), clock.now())
                && kept.age_s(clock.now()) == 0
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), renewed).await.unwrap();
    assert_eq!(upstream.times_asked(SITE, RecordType::A), 2);
}

#[tokio::test]
async fn a_second_upstream_is_asked_where_the_first_takes_long_and_comes_first_from_then_on() {
    let silent = Upstream::start(site(Says::Nothing)).await;
    let quick = Upstream::start(site(found())).await;
    let (resolver, clock) = resolver(&[&silent, &quick]);
    assert_eq!(fetch(&resolver, &clock).await, Ok(records()));
    let other = Key::of(&question("other.test.", RecordType::A));
    fetch_key(&resolver, &clock, other).await.unwrap();
    assert_eq!(silent.times_asked("other.test.", RecordType::A), 0);
    assert_eq!(quick.times_asked("other.test.", RecordType::A), 1);
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    let upstream = Upstream::start(site(Says::AfterALoss(records()))).await;
    let (resolver, clock) = resolver(&[&upstream]);
    assert_eq!(fetch(&resolver, &clock).await, Ok(records()));
    assert_eq!(upstream.times_asked(SITE, RecordType::A), 2);
}

#[tokio::test]
async fn a_failure_is_remembered_for_a_moment_and_no_longer() {
    let upstream = Upstream::start(site(Says::Code(ResponseCode::ServFail))).await;
    let (resolver, clock) = resolver(&[&upstream]);
    for (ms, times) in [(0, 1), (999, 1), (1, 2)] {
        clock.advance_ms(ms);
        assert_eq!(fetch(&resolver, &clock).await, Err(23));
        assert_eq!(upstream.times_asked(SITE, RecordType::A), times);
    }
}

#[tokio::test]
async fn a_guess_with_the_right_id_and_the_wrong_capitals_does_not_count() {
    // A name of many letters, so that chance does not leave it in lower case.
    let name = "a-name-with-a-great-many-letters-in-it.example.test.";
    let right = vec![a(name, 60, [203, 0, 113, 7])];
    for manner in [Manner::Usual, Manner::LosesCapitals] {
        let zone = [((name.to_owned(), RecordType::A), Says::GuessedByUdp(right.clone()))].into();
        let upstream = Upstream::start_in_manner(zone, manner).await;
        let (resolver, clock) = resolver(&[&upstream]);
        let key = Key::of(&question(name, RecordType::A));
        let answer = fetch_key(&resolver, &clock, key).await.unwrap();
        assert_eq!(answer.answers, right, "{manner:?}");
        assert_eq!(upstream.times_asked(name, RecordType::A), 2);
    }
}

#[tokio::test]
async fn an_upstream_that_loses_capitals_is_asked_without_them_once_that_is_sure() {
    let long = |number: usize| format!("a-name-with-a-great-many-letters-in-it-{number}.example.test.");
    let upstream = Upstream::start_in_manner(Zone::new(), Manner::LosesCapitals).await;
    let (resolver, clock) = resolver(&[&upstream]);
    for (number, times) in [(0, 2), (1, 1), (2, 1)] {
        let key = Key::of(&question(&long(number), RecordType::A));
        assert_eq!(fetch_key(&resolver, &clock, key).await.unwrap().code, ResponseCode::NXDomain);
        assert_eq!(upstream.times_asked(&long(number), RecordType::A), times, "{number}");
    }
}

#[tokio::test]
async fn every_wire_carries_many_questions_and_is_opened_again_when_it_was_closed() {
    let authority = TestAuthority::new().unwrap();
    let mut upstream = Upstream::start(site(found())).await;
    let addresses = upstream.listen_encrypted(&authority, "dns.example").await.unwrap();
    for text in [
        format!("tcp://{}", upstream.address),
        format!("tls://dns.example@{}", addresses.tls),
        format!("https://dns.example@{}/dns-query", addresses.https),
    ] {
        let clock = clock();
        let trusting = ResolverConfig {
            extra_roots: vec![authority.der().to_vec()],
            upstream_wait: Duration::from_secs(5),
            ..config(&[&text])
        };
        let resolver = Resolver::new(&trusting, clock.clone()).unwrap();
        for round in 0..2 {
            let asking: Vec<_> = (0..40)
                .map(|number| {
                    let key = Key::of(&question(&format!("n{round}-{number}.test."), RecordType::A));
                    let (resolver, clock) = (Arc::clone(&resolver), clock.clone());
                    tokio::spawn(async move { fetch_key(&resolver, &clock, key).await })
                })
                .collect();
            for one in asking {
                assert_eq!(
                    one.await.unwrap().map(|answer| answer.code),
                    Ok(ResponseCode::NXDomain),
                    "{text}"
                );
            }
            upstream.close_connections();
        }
        assert_eq!(fetch(&resolver, &clock).await, Ok(records()), "{text}");
        let counts = resolver.counts();
        assert_eq!((counts[0].answered, counts[0].upstream.as_str()), (81, text.as_str()));
    }
}

#[tokio::test]
async fn a_server_that_nobody_vouches_for_is_not_believed() {
    let authority = TestAuthority::new().unwrap();
    let mut upstream = Upstream::start(site(found())).await;
    let addresses = upstream.listen_encrypted(&authority, "dns.example").await.unwrap();
    for (text, roots) in [
        (format!("tls://dns.example@{}", addresses.tls), vec![]),
        (format!("tls://other.example@{}", addresses.tls), vec![authority.der().to_vec()]),
        (format!("https://other.example@{}", addresses.https), vec![authority.der().to_vec()]),
    ] {
        let clock = clock();
        let settings = ResolverConfig { extra_roots: roots, ..config(&[&text]) };
        let resolver = Resolver::new(&settings, clock.clone()).unwrap();
        assert_eq!(fetch(&resolver, &clock).await, Err(23), "{text}");
    }
    assert_eq!(upstream.times_asked(SITE, RecordType::A), 0);
}

#[tokio::test]
async fn a_zone_with_servers_of_its_own_is_never_asked_of_others() {
    let inside = "server.ash.test.";
    let outside = Upstream::start(site(found())).await;
    let zone =
        [((inside.to_owned(), RecordType::A), Says::Records(vec![a(inside, 60, [10, 0, 0, 9])]))].into();
    let own = Upstream::start(zone).await;
    let clock = clock();
    let forward = vec![ForwardZone { zone: "ash.test".into(), upstreams: vec![own.address.into()] }];
    let settings = ResolverConfig {
        forward,
        local_zones: vec!["elm.test".into()],
        ..config(&[&outside.address.to_string()])
    };
    let resolver = Resolver::new(&settings, clock.clone()).unwrap();
    let ask = |name: &str| fetch_key(&resolver, &clock, Key::of(&question(name, RecordType::A)));
    // The address is private, and for this zone that is as it should be.
    assert_eq!(ask(inside).await.unwrap().answers, [a(inside, 60, [10, 0, 0, 9])]);
    own.now_says("gone.ash.test.", RecordType::A, Says::Code(ResponseCode::Refused));
    assert_eq!(ask("gone.ash.test.").await, Err(23));
    let nobody = ask("x.elm.test.").await.unwrap();
    assert_eq!(
        (nobody.code, nobody.authorities[0].name.to_ascii().as_str()),
        (ResponseCode::NXDomain, "elm.test.")
    );
    assert_eq!(ask("x.onion.").await.unwrap().code, ResponseCode::NXDomain);
    assert_eq!(outside.asked(), []);
}

#[tokio::test]
async fn settings_that_are_of_no_use_are_refused_with_what_was_expected() {
    for (settings, words) in [
        (ResolverConfig { local_zones: vec!["no zone".into()], ..config(&[]) }, "no zone"),
        (ResolverConfig { extra_roots: vec![vec![1, 2, 3]], ..config(&[]) }, "certificates"),
        (ResolverConfig { validation: Validation::FromKeys("nothing".into()), ..config(&[]) }, "DNSKEY"),
    ] {
        let error = Resolver::new(&settings, clock()).err().unwrap();
        assert!(error.to_string().contains(words), "{error}");
    }
}
