//! What lists say beyond names: answers of their own, ranges of addresses; and what the timetable says of an answer's life.

use crate::world::{LEARNER, STAFF_ROOM, World, compile_with, explanations, policy, writer};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use model::{Category, DnsAnswer, EventOutcome, Host, Layer, Timestamp};
use policy::image::{Conditions, Effect, Image, NewEntry, NewRule, Pattern, Reach, Weight};
use policy::rules::{Window, WindowEffect};
use testkit::upstream::{Says, a, cname};

fn rule(pattern: Pattern, answer: DnsAnswer, line: u32) -> NewRule {
    NewRule {
        pattern,
        conditions: Conditions::default(),
        answer,
        effect: Effect::Block,
        weight: Weight::Usual,
        category: Category::parse("gambling").unwrap(),
        line,
    }
}

fn name(text: &str) -> Pattern {
    Pattern::Name { host: Host::parse(text).unwrap(), reach: Reach::Subtree }
}

fn image(rules: Vec<NewRule>) -> Image {
    let (mut writer, list) = writer();
    rules.into_iter().for_each(|rule| writer.rule(list, rule));
    Image::from_bytes(writer.finish().unwrap()).unwrap()
}

#[tokio::test]
async fn a_list_says_how_its_names_are_answered() {
    let zone = [(
        ("walled.test.".to_owned(), RecordType::A),
        Says::Records(vec![a("walled.test.", 60, [203, 0, 113, 9])]),
    )];
    let world = World::start(zone.into()).await;
    let alias = DnsAnswer::Alias(Host::parse("walled.test").unwrap());
    let addresses =
        DnsAnswer::Addresses(vec!["203.0.113.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
    let rules = [
        ("none.test", DnsAnswer::NoSuchName),
        ("nothing.test", DnsAnswer::Nothing),
        ("refused.test", DnsAnswer::Refused),
        ("addresses.test", addresses),
        ("alias.test", alias),
    ];
    let rules = (1..).zip(rules).map(|(line, (host, answer))| rule(name(host), answer, line)).collect();
    world.snapshot.put(compile_with(policy(), image(rules)));
    let one = |host: &str, last: u8| vec![a(host, 10, [203, 0, 113, last])];
    for (host, record_type, code, answers) in [
        ("none.test.", RecordType::A, ResponseCode::NXDomain, vec![]),
        ("nothing.test.", RecordType::A, ResponseCode::NoError, vec![]),
        ("www.refused.test.", RecordType::A, ResponseCode::Refused, vec![]),
        ("addresses.test.", RecordType::A, ResponseCode::NoError, one("addresses.test.", 1)),
        ("addresses.test.", RecordType::TXT, ResponseCode::NoError, vec![]),
        (
            "alias.test.",
            RecordType::CNAME,
            ResponseCode::NoError,
            vec![cname("alias.test.", 10, "walled.test.")],
        ),
        (
            "alias.test.",
            RecordType::A,
            ResponseCode::NoError,
            vec![cname("alias.test.", 10, "walled.test."), a("walled.test.", 60, [203, 0, 113, 9])],
        ),
    ] {
        let answer = world.ask(LEARNER, host, record_type).await;
        assert_eq!(
            (answer.metadata.response_code, &answer.answers),
            (code, &answers),
            "{host} {record_type}"
        );
        assert_eq!(explanations(&answer)[0].0, 17, "{host}");
        let [event] = &world.events()[..] else { panic!("expected one event") };
        assert_eq!(
            (event.outcome, event.layer),
            (EventOutcome::Blocked, Layer::Category),
            "{host} {record_type}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_leads_to_a_listed_address_is_blocked_for_whom_that_address_is() {
    let zone = [(
        ("site.test.".to_owned(), RecordType::A),
        Says::Records(vec![a("site.test.", 60, [203, 0, 113, 7])]),
    )];
    let world = World::start(zone.into()).await;
    let range = Pattern::Range("203.0.113.0/29".parse().unwrap());
    world.snapshot.put(compile_with(policy(), image(vec![rule(range, DnsAnswer::AsUsual, 5)])));
    for (from, code) in [(LEARNER, ResponseCode::NXDomain), (STAFF_ROOM, ResponseCode::NoError)] {
        // From upstream, and from what is kept.
        for _ in 0..2 {
            assert_eq!(
                world.ask(from, "site.test.", RecordType::A).await.metadata.response_code,
                code,
                "{from}"
            );
        }
    }
    let events = world.events();
    assert_eq!(events[0].entry.as_deref(), Some("address 203.0.113.7"));
    assert_eq!(events[0].host.to_string(), "site.test");
}

#[tokio::test]
async fn nobody_keeps_an_answer_beyond_the_next_bell() {
    let zone = [(
        ("site.test.".to_owned(), RecordType::A),
        Says::Records(vec![a("site.test.", 3_000, [203, 0, 113, 7])]),
    )];
    let world = World::start(zone.into()).await;
    let mut lessons = policy();
    // It is noon; in two minutes everything closes.
    lessons.groups[0].windows.push(Window {
        name: "Lessons".into(),
        days: [true; 7],
        from_minute: 12 * 60 + 2,
        until_minute: 15 * 60,
        effect: WindowEffect::CloseEverything,
    });
    world.snapshot.put(compile_with(lessons, image(Vec::new())));
    for (after_ms, ttl_s) in [(0, 120), (90_000, 30)] {
        world.clock.advance_ms(after_ms);
        assert_eq!(world.ask(LEARNER, "site.test.", RecordType::A).await.answers[0].ttl, ttl_s);
    }
    world.clock.advance_ms(30_000);
    let closed = world.ask(LEARNER, "site.test.", RecordType::A).await;
    assert_eq!(closed.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(world.ask(STAFF_ROOM, "site.test.", RecordType::A).await.answers[0].ttl, 300);
    assert!(
        world
            .handed_out
            .last_handed_out("203.0.113.7".parse().unwrap(), Timestamp(world.clock.now().0))
            .is_some()
    );
}

#[tokio::test]
async fn a_list_of_single_addresses_blocks_the_answers_that_lead_there() {
    let zone = [("site.test.", 7), ("other.test.", 8)].map(|(name, last)| {
        ((name.to_owned(), RecordType::A), Says::Records(vec![a(name, 60, [203, 0, 113, last])]))
    });
    let world = World::start(zone.into()).await;
    let (mut writer, list) = writer();
    let host = Host::parse("203.0.113.7").unwrap();
    let category = Category::parse("gambling").unwrap();
    let (reach, effect, weight) = (Reach::Exact, Effect::Block, Weight::Usual);
    writer.push(list, NewEntry { host: &host, reach, effect, weight, category, line: 9 });
    world.snapshot.put(compile_with(policy(), Image::from_bytes(writer.finish().unwrap()).unwrap()));
    for (from, name, code) in [
        (LEARNER, "site.test.", ResponseCode::NXDomain),
        (LEARNER, "other.test.", ResponseCode::NoError),
        (STAFF_ROOM, "site.test.", ResponseCode::NoError),
    ] {
        // From upstream, and from what is kept.
        for _ in 0..2 {
            let answer = world.ask(from, name, RecordType::A).await;
            assert_eq!(answer.metadata.response_code, code, "{from} {name}");
        }
    }
    assert_eq!(world.events()[0].entry.as_deref(), Some("address 203.0.113.7"));
}

#[tokio::test]
async fn an_answer_with_more_addresses_than_are_judged_is_not_given() {
    let records = (0..65).map(|last| a("site.test.", 60, [203, 0, 113, last])).collect();
    let world =
        World::start([(("site.test.".to_owned(), RecordType::A), Says::Records(records))].into()).await;
    for _ in 0..2 {
        let answer = world.ask(STAFF_ROOM, "site.test.", RecordType::A).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0));
    }
    assert!(world.events().iter().all(|event| event.outcome == EventOutcome::Failed));
}

#[tokio::test]
async fn the_history_does_not_name_an_illegal_host_behind_a_name() {
    let behind = vec![cname("site.test.", 60, "illegal.test."), a("illegal.test.", 60, [203, 0, 113, 7])];
    let world =
        World::start([(("site.test.".to_owned(), RecordType::A), Says::Records(behind))].into()).await;
    let answer = world.ask(STAFF_ROOM, "site.test.", RecordType::A).await;
    assert_eq!(explanations(&answer)[0].0, 16);
    let [event] = &world.events()[..] else { panic!("expected one event") };
    assert_eq!((event.layer, event.entry.as_deref()), (Layer::Illegal, None));
}

#[tokio::test]
async fn what_is_blocked_and_what_the_settings_name_is_not_kept_beyond_the_next_bell_either() {
    let world = World::start_with([].into(), |config| {
        config.local_names = vec![("portal.ash.test".into(), vec!["10.9.9.9".parse().unwrap()])];
    })
    .await;
    let mut lessons = policy();
    // It is noon; in a minute everything closes.
    lessons.groups[0].windows.push(Window {
        name: "Lessons".into(),
        days: [true; 7],
        from_minute: 12 * 60 + 1,
        until_minute: 15 * 60,
        effect: WindowEffect::CloseEverything,
    });
    world.snapshot.put(compile_with(lessons, image(Vec::new())));
    world.clock.advance_ms(55_000);
    let names = ["casino.test.", "portal.ash.test.", "www.google.com."];
    for (name, record_type) in
        names.map(|name| (name, RecordType::A)).into_iter().chain([("www.bing.com.", RecordType::HTTPS)])
    {
        let answer = world.ask(LEARNER, name, record_type).await;
        let mut records = answer.answers.iter().chain(&answer.authorities);
        assert!(records.all(|record| record.ttl <= 5), "{answer}");
    }
}
