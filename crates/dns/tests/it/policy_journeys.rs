//! What the policy makes of a question, seen by the client and in the history.

use crate::world::{
    LEARNER, NOBODY, SHARED, STAFF_ROOM, World, compile, entry, explanations, person, policy, question,
};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use model::{Category, Channel, EventOutcome, KnownBy, Layer};
use std::net::IpAddr;
use testkit::upstream::{Says, a, cname};

fn one(name: &str, address: [u8; 4]) -> ((String, RecordType), Says) {
    ((name.to_owned(), RecordType::A), Says::Records(vec![a(name, 300, address)]))
}

#[tokio::test]
async fn an_allowed_name_is_answered_from_upstream_and_recorded() {
    let world = World::start([one("site.test.", [203, 0, 113, 7])].into()).await;
    let answer = world.ask(LEARNER, "Site.Test.", RecordType::A).await;
    assert_eq!(answer.answers, [a("site.test.", 300, [203, 0, 113, 7])]);
    assert_eq!(answer.queries[0].name.to_ascii(), "Site.Test.");
    assert!(answer.metadata.recursion_available && explanations(&answer).is_empty());
    let [event] = &world.events()[..] else { panic!("expected one event") };
    assert_eq!((event.channel, &*event.method, event.port), (Channel::Dns, "A", 0));
    assert_eq!((event.host.to_string().as_str(), event.path.as_str()), ("site.test", ""));
    assert_eq!((event.outcome, event.layer), (EventOutcome::Allowed, Layer::Default));
    assert_eq!((event.person, event.known_by), (Some(person(1)), Some(KnownBy::SignIn)));
    assert_eq!(event.address, LEARNER.parse::<IpAddr>().unwrap());
    assert_eq!((event.policy.len(), event.lists.len()), (64, 16));
}

#[tokio::test]
async fn a_blocked_name_does_not_exist_and_says_why_without_naming_anybody() {
    let world = World::start([one("casino.test.", [203, 0, 113, 7])].into()).await;
    for (name, code, words) in [
        ("www.casino.test.", 17, "school filter: category Gambling (list starter, line 1)"),
        ("denied.test.", 15, "school filter: deny entry of the school: denied.test"),
        ("illegal.test.", 16, "school filter: illegal content, blocked for everybody"),
    ] {
        let answer = world.ask(LEARNER, name, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
        assert_eq!(explanations(&answer), [(code, words.to_owned())]);
        let RData::SOA(soa) = &answer.authorities[0].data else { panic!("expected an SOA") };
        assert_eq!((answer.authorities[0].ttl, soa.minimum), (10, 10));
    }
    let events = world.events();
    let layers: Vec<Layer> = events.iter().map(|event| event.layer).collect();
    assert_eq!(layers, [Layer::Category, Layer::Deny, Layer::Illegal]);
    assert!(events.iter().all(|event| event.outcome == EventOutcome::Blocked));
    assert_eq!(events[0].category, Category::parse("gambling"));
    assert_eq!(events[0].list.as_ref().unwrap().line, 1);
    assert_eq!(world.upstream.times_asked("www.casino.test.", RecordType::A), 0);
}

#[tokio::test]
async fn the_strictest_counts_where_nobody_or_more_than_one_is_known() {
    let world = World::start([one("casino.test.", [203, 0, 113, 7])].into()).await;
    for (from, code) in [
        (NOBODY, ResponseCode::NXDomain),
        (SHARED, ResponseCode::NXDomain),
        (STAFF_ROOM, ResponseCode::NoError),
    ] {
        let answer = world.ask(from, "casino.test.", RecordType::A).await;
        assert_eq!(answer.metadata.response_code, code, "{from}");
    }
    assert!(world.events().iter().all(|event| event.person.is_none()));
}

#[tokio::test]
async fn a_blocked_name_leads_to_the_gate_where_the_settings_say_so() {
    let world = World::start_with([].into(), |config| {
        config.block_page_addresses = vec!["10.9.9.9".parse().unwrap()];
    })
    .await;
    let answer = world.ask(LEARNER, "casino.test.", RecordType::A).await;
    assert_eq!(answer.answers, [a("casino.test.", 10, [10, 9, 9, 9])]);
    let codes: Vec<u16> = explanations(&answer).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [17, 4]);
    for other in [RecordType::AAAA, RecordType::HTTPS] {
        let answer = world.ask(LEARNER, "casino.test.", other).await;
        assert_eq!(
            (answer.metadata.response_code, answer.answers.len()),
            (ResponseCode::NoError, 0),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_search_engine_is_answered_with_its_safe_form_and_its_address() {
    let world = World::start([one("forcesafesearch.google.com.", [203, 0, 113, 9])].into()).await;
    let answer = world.ask(LEARNER, "www.google.co.uk.", RecordType::A).await;
    let expected = [
        cname("www.google.co.uk.", 10, "forcesafesearch.google.com."),
        a("forcesafesearch.google.com.", 300, [203, 0, 113, 9]),
    ];
    assert_eq!(answer.answers, expected);
    assert_eq!(explanations(&answer), [(4, "school filter: safe search".to_owned())]);
    let https = world.ask(LEARNER, "www.google.co.uk.", RecordType::HTTPS).await;
    assert_eq!((https.metadata.response_code, https.answers.len()), (ResponseCode::NoError, 0));
    assert_eq!(world.upstream.times_asked("www.google.co.uk.", RecordType::HTTPS), 0);
    assert_eq!(world.events().len(), 2);
}

#[tokio::test]
async fn a_name_that_hides_a_blocked_one_is_blocked_for_whom_that_one_is_cached_or_not() {
    let alias = |name: &str| {
        let records =
            vec![cname(name, 300, "edge.tracker.test."), a("edge.tracker.test.", 300, [203, 0, 113, 5])];
        ((name.to_owned(), RecordType::A), Says::Records(records))
    };
    let world = World::start([alias("stats.site.test."), alias("museum.test.")].into()).await;
    for (from, name, code) in [
        (STAFF_ROOM, "stats.site.test.", ResponseCode::NoError),
        (LEARNER, "stats.site.test.", ResponseCode::NXDomain),
        // What an allow entry opened stays open, wherever it is kept.
        (LEARNER, "museum.test.", ResponseCode::NoError),
    ] {
        let answer = world.ask(from, name, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, code, "{from} {name}");
    }
    let events = world.events();
    assert_eq!((events[1].outcome, events[1].layer), (EventOutcome::Blocked, Layer::Category));
    assert_eq!(events[1].host.to_string(), "stats.site.test");
    assert_eq!(events[1].entry.as_deref(), Some("CNAME edge.tracker.test"));
    assert_eq!(world.upstream.times_asked("stats.site.test.", RecordType::A), 1);
}

#[tokio::test]
async fn a_new_policy_counts_for_the_next_question_although_the_answer_is_kept() {
    let world = World::start([one("site.test.", [203, 0, 113, 7])].into()).await;
    let before = world.ask(LEARNER, "site.test.", RecordType::A).await;
    assert_eq!(before.metadata.response_code, ResponseCode::NoError);
    let mut stricter = policy();
    stricter.groups[0].deny.push(entry("site.test"));
    world.snapshot.put(compile(stricter));
    let after = world.ask(LEARNER, "site.test.", RecordType::A).await;
    assert_eq!(after.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn software_that_looks_for_a_way_round_is_told_that_there_is_none() {
    let world = World::start([].into()).await;
    for (name, record_type, code) in [
        ("use-application-dns.net.", RecordType::A, ResponseCode::NXDomain),
        ("mask.icloud.com.", RecordType::AAAA, ResponseCode::NXDomain),
        ("mask-h2.icloud.com.", RecordType::HTTPS, ResponseCode::NXDomain),
        ("_dns.resolver.arpa.", RecordType::SVCB, ResponseCode::NoError),
    ] {
        let answer = world.ask(STAFF_ROOM, name, record_type).await;
        assert_eq!(answer.metadata.response_code, code, "{name}");
        assert!(answer.answers.is_empty() && answer.authorities.len() == 1);
        assert_eq!(world.upstream.times_asked(name, record_type), 0);
    }
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn a_local_name_is_answered_with_its_addresses_where_the_policy_allows_it() {
    let world = World::start_with([].into(), |config| {
        let names = ["Portal.Ash.test", "filter.casino.test", "in.illegal.test"];
        config.local_names = names.map(|name| (name.into(), vec!["10.0.0.5".parse().unwrap()])).into();
    })
    .await;
    let answer = world.ask(LEARNER, "portal.ash.test.", RecordType::A).await;
    assert_eq!(answer.answers, [a("portal.ash.test.", 60, [10, 0, 0, 5])]);
    let other = world.ask(LEARNER, "portal.ash.test.", RecordType::AAAA).await;
    assert_eq!((other.metadata.response_code, other.answers.len()), (ResponseCode::NoError, 0));
    // A name below it that is no host name is judged by it, and is not it.
    let mut message = question("portal.ash.test.", RecordType::A);
    message.queries[0].name = message.queries[0].name.prepend_label(&b"Room 4"[..]).unwrap();
    let below = world.send(STAFF_ROOM, &message).await;
    assert_eq!(below.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(world.upstream.times_asked("portal.ash.test.", RecordType::A), 0);
    world.events();
    for (from, name, code, outcome, layer) in [
        (LEARNER, "portal.ash.test.", ResponseCode::NoError, EventOutcome::Allowed, Layer::Default),
        (LEARNER, "filter.casino.test.", ResponseCode::NXDomain, EventOutcome::Blocked, Layer::Category),
        (STAFF_ROOM, "filter.casino.test.", ResponseCode::NoError, EventOutcome::Allowed, Layer::Default),
        (STAFF_ROOM, "in.illegal.test.", ResponseCode::NXDomain, EventOutcome::Blocked, Layer::Illegal),
    ] {
        let answer = world.ask(from, name, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, code, "{from} {name}");
        let [event] = &world.events()[..] else { panic!("expected one event") };
        assert_eq!((event.outcome, event.layer), (outcome, layer), "{from} {name}");
    }
}
