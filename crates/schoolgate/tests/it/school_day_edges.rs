//! Timetable edges: what was told before one is not kept beyond it, whichever way the edge goes.

use crate::resolver::{Resolver, Start, addresses, categories, group, image, list, policy};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use model::{EventReceiver, Timestamp};
use policy::rules::{ListFormat, Members, Window, WindowEffect};
use testkit::upstream::{Says, Upstream, Zone, a, cname};

const LEARNER: &str = "127.0.0.2";

/// Games are open from 12:00 to 13:00, chat is closed from 14:00 to 15:00.
async fn start(at: &str) -> (Resolver, EventReceiver, Upstream) {
    let (image, _) = image(&[
        list("games", ListFormat::Domains, "games", "play.example\n"),
        list("chat", ListFormat::Domains, "chat-messaging", "chat.example\n"),
    ]);
    let window = |hour: u16, effect| Window {
        name: "A time".into(),
        days: [true; 7],
        from_minute: hour * 60,
        until_minute: (hour + 1) * 60,
        effect,
    };
    let mut learners = group("learners", Members::default());
    learners.block = categories(&["games"]);
    learners.windows = vec![
        window(12, WindowEffect::Open(categories(&["games"]))),
        window(14, WindowEffect::Close(categories(&["chat-messaging"]))),
    ];
    let of = |name: &str| {
        let name = format!("{name}.example.");
        ((name.clone(), RecordType::A), Says::Records(vec![a(&name, 3_600, [203, 0, 113, 7])]))
    };
    let alias =
        vec![cname("alias.example.", 3_600, "play.example."), a("play.example.", 3_600, [203, 0, 113, 7])];
    let mut zone: Zone = [of("play"), of("chat"), of("lesson")].into();
    zone.insert(("alias.example.".into(), RecordType::A), Says::Records(alias));
    let upstream = Upstream::start(zone).await;
    let mut start = Start::new(policy(&[("127.0.0.0/8", Some("learners"))], vec![learners]), image);
    start.config.upstreams = vec![upstream.address.into()];
    start.at = Timestamp::parse(at).unwrap();
    let (resolver, events) = start.run().await;
    (resolver, events, upstream)
}

/// The longest time that anything of the answer may be kept, in seconds.
fn kept_s(answer: &Message) -> u32 {
    answer.answers.iter().chain(&answer.authorities).map(|record| record.ttl).max().unwrap()
}

fn is_open(answer: &Message) -> bool {
    answer.metadata.response_code == ResponseCode::NoError && !addresses(answer).is_empty()
}

#[tokio::test]
async fn no_answer_is_kept_beyond_the_edge_that_ends_it() {
    let before =
        ["2026-11-23T12:59:20Z", "2026-11-23T13:59:20Z", "2026-11-23T11:59:55Z", "2026-11-23T14:59:55Z"];
    for (at, name, left_s, open) in [
        (before[0], "play.example.", 40, true),
        (before[0], "alias.example.", 40, true),
        (before[1], "chat.example.", 40, true),
        (before[2], "play.example.", 5, false),
        (before[2], "alias.example.", 5, false),
        (before[3], "chat.example.", 5, false),
    ] {
        let (resolver, _events, _upstream) = start(at).await;
        for round in ["from the outside", "from the cache"] {
            let answer = resolver.ask(LEARNER, name, RecordType::A).await;
            assert_eq!(is_open(&answer), open, "{at} {name} {round}: {answer}");
            assert!(kept_s(&answer) <= left_s, "{at} {name} {round}: kept beyond the edge: {answer}");
        }
        resolver.clock.advance_ms(i64::from(left_s) * 1_000);
        let answer = resolver.ask(LEARNER, name, RecordType::A).await;
        assert_eq!(is_open(&answer), !open, "{at} {name} past the edge: {answer}");
    }
}

#[tokio::test]
async fn far_from_any_edge_answers_are_kept_for_minutes() {
    let (resolver, _events, _upstream) = start("2026-11-23T09:00:00Z").await;
    for name in ["lesson.example.", "chat.example."] {
        let answer = resolver.ask(LEARNER, name, RecordType::A).await;
        assert!(is_open(&answer) && kept_s(&answer) >= 60, "{answer}");
    }
}
