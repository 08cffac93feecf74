//! What comes back from upstream: kept, aged, withheld, or missing.

use crate::world::{NOBODY, STAFF_ROOM, World, explanations};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::HTTPS;
use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::EventOutcome;
use std::time::{Duration, Instant};
use testkit::upstream::{Says, Upstream, a, aaaa, name_of};

fn site(says: Says) -> testkit::upstream::Zone {
    [(("site.test.".to_owned(), RecordType::A), says)].into()
}

fn found() -> Says {
    Says::Records(vec![a("site.test.", 60, [203, 0, 113, 7])])
}

#[tokio::test]
async fn a_kept_answer_ages_with_the_clock_and_is_asked_for_again_when_it_has_run_out() {
    let world = World::start(site(found())).await;
    for (seconds, ttl_s, times_asked) in [(0, 60, 1), (45, 15, 1), (8, 7, 1), (7, 60, 2)] {
        world.clock.advance_ms(seconds * 1_000);
        let answer = world.ask(NOBODY, "SITE.test.", RecordType::A).await;
        assert_eq!(answer.answers[0].ttl, ttl_s);
        assert_eq!(world.upstream.times_asked("site.test.", RecordType::A), times_asked);
    }
    assert_eq!(world.events().len(), 4);
}

#[tokio::test]
async fn clients_keep_an_answer_for_five_minutes_at_most_and_the_server_for_its_time() {
    let world = World::start(site(Says::Records(vec![a("site.test.", 3_600, [203, 0, 113, 7])]))).await;
    for (seconds, ttl_s) in [(0, 300), (3_400, 200)] {
        world.clock.advance_ms(seconds * 1_000);
        let answer = world.ask(NOBODY, "site.test.", RecordType::A).await;
        assert_eq!(answer.answers[0].ttl, ttl_s);
    }
    assert_eq!(world.upstream.times_asked("site.test.", RecordType::A), 1);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_remembered_as_long_as_its_zone_says() {
    let world = World::start([].into()).await;
    for (seconds, times_asked) in [(0, 1), (29, 1), (1, 2)] {
        world.clock.advance_ms(seconds * 1_000);
        let answer = world.ask(NOBODY, "gone.test.", RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(world.upstream.times_asked("gone.test.", RecordType::A), times_asked);
    }
    assert!(world.events().iter().all(|event| event.outcome == EventOutcome::Allowed));
}

#[tokio::test]
async fn a_dead_upstream_is_reported_at_once_and_recorded_as_failed() {
    let unused = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::start_with([].into(), |config| config.upstreams = vec![unused.into()]).await;
    let began = Instant::now();
    let answer = world.ask(NOBODY, "site.test.", RecordType::A).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(explanations(&answer)[0].0, 23);
    assert_eq!(world.events()[0].outcome, EventOutcome::Failed);
}

#[tokio::test]
async fn a_silent_upstream_is_reported_after_its_time() {
    let world = World::start(site(Says::Nothing)).await;
    let answer = world.ask(NOBODY, "site.test.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(explanations(&answer)[0].0, 22);
}

#[tokio::test]
async fn the_next_upstream_is_asked_where_one_fails_and_the_failed_one_is_then_asked_last() {
    for failing in [Says::Nothing, Says::Code(ResponseCode::ServFail)] {
        let silent = matches!(failing, Says::Nothing);
        let first = Upstream::start(site(failing)).await;
        let first_address = first.address;
        let world =
            World::start_with(site(found()), |config| config.upstreams.insert(0, first_address.into())).await;
        let answer = world.ask(NOBODY, "site.test.", RecordType::A).await;
        assert_eq!(answer.answers.len(), 1);
        if silent {
            world.ask(NOBODY, "other.test.", RecordType::A).await;
            assert_eq!(first.times_asked("other.test.", RecordType::A), 0);
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_guessed_id_does_not_count() {
    let right = vec![a("site.test.", 60, [203, 0, 113, 7])];
    let world = World::start(site(Says::AfterAGuess(right.clone()))).await;
    assert_eq!(world.ask(NOBODY, "site.test.", RecordType::A).await.answers, right);
}

#[tokio::test]
async fn a_private_address_of_an_outside_name_is_withheld_and_of_the_schools_own_is_not() {
    let both = |name: &str| {
        let records = vec![a(name, 60, [192, 168, 0, 1])];
        ((name.to_owned(), RecordType::A), Says::Records(records))
    };
    let v6 = (
        ("rebind.test.".to_owned(), RecordType::AAAA),
        Says::Records(vec![aaaa("rebind.test.", 60, "fd00::1"), aaaa("rebind.test.", 60, "2001:db8::1")]),
    );
    let zone = [both("rebind.test."), both("server.ash.test."), both("printer.internal."), v6].into();
    let world = World::start_with(zone, |config| config.private_suffixes = vec![".ash.test".into()]).await;
    for (name, answers) in [("rebind.test.", 0), ("server.ash.test.", 1), ("printer.internal.", 1)] {
        let answer = world.ask(NOBODY, name, RecordType::A).await;
        assert_eq!(answer.answers.len(), answers, "{name}");
        assert_eq!(explanations(&answer).len(), 1 - answers, "{name}");
    }
    let answer = world.ask(NOBODY, "rebind.test.", RecordType::AAAA).await;
    assert_eq!(answer.answers, [aaaa("rebind.test.", 60, "2001:db8::1")]);
    let outcomes: Vec<EventOutcome> = world.events().iter().map(|event| event.outcome).collect();
    let (allowed, refused) = (EventOutcome::Allowed, EventOutcome::RefusedOrigin);
    assert_eq!(outcomes, [refused, allowed, allowed, allowed]);
}

#[tokio::test]
async fn a_site_keeps_its_service_record_without_the_ech_key() {
    let https = |params| {
        Record::from_rdata(name_of("site.test."), 60, RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), params))))
    };
    let alpn = (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".into()])));
    let ech = (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![0; 40])));
    let records = vec![https(vec![alpn.clone(), ech])];
    let zone = [(("site.test.".to_owned(), RecordType::HTTPS), Says::Records(records))].into();
    let world = World::start(zone).await;
    let answer = world.ask(NOBODY, "site.test.", RecordType::HTTPS).await;
    assert_eq!(answer.answers, [https(vec![alpn])]);
}

#[tokio::test]
async fn any_is_answered_with_next_to_nothing_and_the_root_is_looked_up_without_an_event() {
    let world = World::start([].into()).await;
    let any = world.ask(STAFF_ROOM, "site.test.", RecordType::ANY).await;
    assert_eq!((any.answers.len(), any.answers[0].record_type()), (1, RecordType::HINFO));
    assert_eq!(world.upstream.times_asked("site.test.", RecordType::ANY), 0);
    assert_eq!(world.events().len(), 1);
    world.ask(STAFF_ROOM, ".", RecordType::NS).await;
    assert_eq!(world.upstream.times_asked(".", RecordType::NS), 1);
    assert!(world.events().is_empty());
}
