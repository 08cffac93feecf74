use super::kept::Rendered;
use super::*;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, SOA, TXT};
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(ttl: u32) -> Record {
    Record::from_rdata(name("site.test."), ttl, RData::A(A([203, 0, 113, 1].into())))
}

fn soa(ttl: u32, minimum: u32) -> Record {
    let soa = SOA::new(name("ns.test."), name("ns.test."), 1, 1, 1, 1, minimum);
    Record::from_rdata(name("test."), ttl, RData::SOA(soa))
}

fn question() -> Question {
    let (name, record_type) = (name("site.test."), RecordType::A);
    Question { name, record_type, dnssec_ok: false, checking_disabled: false }
}

fn no(code: ResponseCode, authorities: Vec<Record>) -> Answer {
    Answer { authorities, ..Answer::of_code(code) }
}

fn question_bytes(text: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(name(text), record_type));
    message.to_vec().unwrap()[12..].to_vec()
}

fn context<'a>(question: &'a [u8], now: Timestamp) -> RenderContext<'a> {
    RenderContext {
        question,
        id: 0x1234,
        recursion_desired: true,
        checking_disabled: false,
        wants_authentic: true,
        edns: true,
        dnssec_ok: false,
        limit_bytes: 1_232,
        now,
        client_ttl_limit_s: 300,
    }
}

fn rendered(kept: &Kept, context: &RenderContext<'_>) -> (Rendered, Message) {
    let mut out = vec![0xaa; 3];
    let rendered = kept.render(context, &mut out);
    assert_eq!(out[..3], [0xaa; 3]);
    (rendered, Message::from_vec(&out[3..]).unwrap())
}

fn kept(cache: &AnswerCache, at: i64) -> Option<Arc<Kept>> {
    match cache.look(Key::of(&question()).as_ref(), Timestamp(at)) {
        Look::Fresh(kept) | Look::Ageing(kept) | Look::Stale(kept) => Some(kept),
        Look::Nothing => None,
    }
}

#[test]
fn an_answer_lasts_as_long_as_its_shortest_record_and_a_no_as_its_soa_says() {
    let alias = Record::from_rdata(name("site.test."), 5, RData::CNAME(CNAME(name("cdn.test."))));
    for (answer, expected) in [
        (Answer::of_records(vec![a(300), a(60)]), 60),
        (Answer::of_records(vec![a(0)]), 0),
        (no(ResponseCode::NXDomain, vec![soa(900, 120)]), 120),
        (no(ResponseCode::NoError, vec![soa(30, 120)]), 30),
        (no(ResponseCode::NXDomain, vec![soa(80_000, 80_000)]), LONGEST_NO_S),
        (no(ResponseCode::NXDomain, Vec::new()), 0),
        (no(ResponseCode::ServFail, vec![soa(900, 120)]), 0),
        (Answer { authorities: vec![soa(900, 120)], ..Answer::of_records(vec![alias]) }, 5),
    ] {
        assert_eq!(lasts_s(RecordType::A, &answer), expected, "{answer:?}");
    }
}

#[test]
fn a_kept_answer_ages_runs_out_is_held_for_bad_days_and_then_is_gone() {
    let cache = AnswerCache::new(10, LONGEST_S);
    cache.keep(Key::of(&question()), &Answer::of_records(vec![a(60)]), Timestamp(0));
    let bytes = question_bytes("SITE.test.", RecordType::A);
    let found = kept(&cache, 45_999).unwrap();
    let (how, message) = rendered(&found, &context(&bytes, Timestamp(45_999)));
    assert_eq!((how, message.answers[0].ttl), (Rendered::Whole, 15));
    assert_eq!(message.queries[0].name.to_ascii(), "SITE.test.");
    assert_eq!(message.answers[0].name.to_ascii(), "SITE.test.");
    let look = cache.look(Key::of(&question()).as_ref(), Timestamp(60_000));
    assert!(matches!(look, Look::Stale(_)));
    let (how, message) = rendered(&found, &context(&bytes, Timestamp(60_000)));
    assert_eq!((how, message.answers[0].ttl), (Rendered::Stale, 30));
    assert_eq!(message.edns.unwrap().options().as_ref().len(), 1);
    assert!(kept(&cache, (60 + 86_400) * 1_000).is_none());
    let signed = Question { dnssec_ok: true, ..question() };
    assert!(matches!(cache.look(Key::of(&signed).as_ref(), Timestamp(0)), Look::Nothing));
}

#[test]
fn what_is_asked_for_often_is_renewed_once_near_its_end() {
    let cache = AnswerCache::new(10, LONGEST_S);
    let key = Key::of(&question());
    cache.keep(key.clone(), &Answer::of_records(vec![a(100)]), Timestamp(0));
    let is_ageing = |at| matches!(cache.look(key.as_ref(), Timestamp(at)), Look::Ageing(_));
    assert!(!is_ageing(95_000), "asked once");
    assert!(is_ageing(95_001));
    assert!(!is_ageing(95_002), "said once");
    cache.keep(key.clone(), &Answer::of_records(vec![a(100)]), Timestamp(0));
    assert!(!is_ageing(10_000) && !is_ageing(89_999) && is_ageing(90_000));
}

#[test]
fn a_clock_that_goes_back_makes_nothing_older_or_younger() {
    let cache = AnswerCache::new(10, LONGEST_S);
    let key = Key::of(&question());
    cache.keep(key.clone(), &Answer::of_records(vec![a(60)]), Timestamp(10_000));
    assert_eq!(kept(&cache, 0).unwrap().answer(&key, Timestamp(0)).answers[0].ttl, 60);
}

#[test]
fn times_to_live_are_brought_into_bounds() {
    let mut answer = Answer::of_records(vec![a(u32::MAX), a(1_000_000), a(7)]);
    bound_times(&mut answer);
    let times: Vec<u32> = answer.answers.iter().map(|record| record.ttl).collect();
    assert_eq!(times, [0, LONGEST_S, 7]);
}

#[test]
fn the_cache_stays_bounded() {
    let cache = AnswerCache::new(8, LONGEST_S);
    for number in 0..1_000 {
        let question = Question { name: name(&format!("n{number}.test.")), ..question() };
        cache.keep(Key::of(&question), &Answer::of_records(vec![a(60)]), Timestamp(0));
    }
    assert!(cache.answers.weight() <= 8 * USUAL_BYTES);
}

#[test]
fn what_does_not_fit_is_left_out_whole_and_says_so() {
    let key = Key::of(&question());
    let kept = Kept::new(&key, &Answer::of_records(vec![a(60); 60]), Timestamp(0)).unwrap();
    let bytes = question_bytes("site.test.", RecordType::A);
    let small = RenderContext { limit_bytes: 512, edns: false, ..context(&bytes, Timestamp(0)) };
    let (how, message) = rendered(&kept, &small);
    assert_eq!(how, Rendered::Truncated);
    assert!(message.metadata.truncation && message.answers.is_empty() && message.edns.is_none());
    let large = RenderContext { limit_bytes: u16::MAX, ..small };
    assert_eq!(rendered(&kept, &large).1.answers.len(), 60);
}

#[test]
fn proof_is_shown_only_to_who_asked_for_it() {
    let key = Key::of(&question());
    let answer = Answer { authentic: true, ..Answer::of_records(vec![a(60)]) };
    let kept = Kept::new(&key, &answer, Timestamp(0)).unwrap();
    let bytes = question_bytes("site.test.", RecordType::A);
    for wants_authentic in [true, false] {
        let context = RenderContext { wants_authentic, ..context(&bytes, Timestamp(0)) };
        assert_eq!(rendered(&kept, &context).1.metadata.authentic_data, wants_authentic);
    }
}

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9]{1,12}"
}

fn any_name() -> impl Strategy<Value = Name> {
    proptest::collection::vec(label(), 1..5).prop_map(|labels| Name::from_labels(labels).unwrap())
}

fn any_record(owner: Name) -> impl Strategy<Value = Record> {
    let rdata = prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| RData::A(A(bytes.into()))),
        any::<[u8; 16]>().prop_map(|bytes| RData::AAAA(AAAA(bytes.into()))),
        any_name().prop_map(|target| RData::CNAME(CNAME(target))),
        any_name().prop_map(|target| RData::MX(MX::new(10, target))),
        "[ -~]{0,40}".prop_map(|text| RData::TXT(TXT::new(vec![text]))),
    ];
    let own =
        prop_oneof![Just(owner.clone()), label().prop_map(move |label| owner.prepend_label(label).unwrap())];
    (own, 0..100_000_u32, rdata).prop_map(|(name, ttl, rdata)| Record::from_rdata(name, ttl, rdata))
}

fn any_answer() -> impl Strategy<Value = (Question, Answer)> {
    any_name().prop_flat_map(|name| {
        let question = Question { name: name.clone(), ..question() };
        let answers = proptest::collection::vec(any_record(name.clone()), 0..8);
        let authorities = proptest::collection::vec(any_record(name), 0..4);
        (Just(question), answers, authorities).prop_map(|(question, answers, authorities)| {
            (question, Answer { answers, authorities, ..Answer::of_code(ResponseCode::NoError) })
        })
    })
}

proptest! {
    /// What a client gets is the original, its times run down.
    #[test]
    fn a_rendered_answer_decodes_to_the_original_with_its_times_run_down(
        (question, answer) in any_answer(), age_s in 0..200_000_u32, limit_s in 1..100_000_u32,
    ) {
        let key = Key::of(&question);
        let kept = Kept::new(&key, &answer, Timestamp(0)).unwrap();
        let upper = question.name.to_ascii().to_uppercase();
        let bytes = question_bytes(&upper, RecordType::A);
        let now = Timestamp(i64::from(age_s) * 1_000);
        let context = RenderContext {
            limit_bytes: u16::MAX, client_ttl_limit_s: limit_s, ..context(&bytes, now)
        };
        let (how, message) = rendered(&kept, &context);
        let stale = how == Rendered::Stale;
        prop_assert_eq!(stale, kept.lasts_s() > 0 && age_s >= kept.lasts_s());
        let mut expected = answer.clone();
        for record in expected.answers.iter_mut().chain(&mut expected.authorities) {
            record.ttl = if stale { 30 } else { record.ttl.saturating_sub(age_s) }.min(limit_s);
        }
        prop_assert_eq!(message.answers, expected.answers);
        prop_assert_eq!(message.authorities, expected.authorities);
        prop_assert_eq!(message.queries[0].name.to_ascii(), upper);
        prop_assert_eq!(kept.answer(&key, Timestamp(0)).answers, answer.answers);
    }

    #[test]
    fn a_key_is_its_question(name in any_name(), dnssec_ok: bool, checking_disabled: bool) {
        let question = Question { name, dnssec_ok, checking_disabled, ..question() };
        prop_assert_eq!(Key::of(&question).to_question(), Some(question));
    }
}
