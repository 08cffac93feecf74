//! Tests of the reading of questions.

use super::*;
use hickory_proto::op::{Edns as TheirEdns, Message, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Record as TheirRecord};
use proptest::prelude::*;

fn question(name: &str, record_type: RecordType) -> Message {
    question_of(Name::from_ascii(name).unwrap(), record_type)
}

fn question_of(name: Name, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(name, record_type));
    message
}

fn code_of(received: Received) -> ResponseCode {
    match received {
        Received::Unfit(_, code) => code,
        Received::Broken(broken) => ResponseCode::from(0, broken.code),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

fn read_message(message: &Message) -> Received {
    read(&message.to_vec().unwrap(), Wire::Udp)
}

fn asked(message: &Message, wire: Wire) -> Asked {
    match read(&message.to_vec().unwrap(), wire) {
        Received::Asked(asked) => asked,
        other => panic!("expected a question, found {other:?}"),
    }
}

#[test]
fn what_is_no_plain_question_is_refused_with_its_own_code() {
    let mut two = question("a.test.", RecordType::A);
    two.add_query(Query::query(Name::from_ascii("b.test.").unwrap(), RecordType::A));
    let mut notify = question("a.test.", RecordType::SOA);
    notify.metadata.op_code = OpCode::Notify;
    let mut chaos = question("version.bind.", RecordType::TXT);
    chaos.queries[0].query_class = DNSClass::CH;
    let mut future = question("a.test.", RecordType::A);
    let mut edns = TheirEdns::new();
    edns.set_version(1);
    future.set_edns(edns);
    for (message, code) in [
        (two, ResponseCode::FormErr),
        (notify, ResponseCode::NotImp),
        (chaos, ResponseCode::Refused),
        (future, ResponseCode::BADVERS),
        (question("a.test.", RecordType::AXFR), ResponseCode::Refused),
        (question("a.test.", RecordType::IXFR), ResponseCode::Refused),
        (question("a.test.", RecordType::OPT), ResponseCode::FormErr),
    ] {
        assert_eq!(code_of(read_message(&message)), code, "{message}");
    }
}

#[test]
fn a_response_is_dropped_and_a_question_with_an_answer_is_not_taken_on() {
    let response = question("a.test.", RecordType::A).into_response();
    assert!(matches!(read_message(&response), Received::Dropped));
    let mut answered = question("a.test.", RecordType::A);
    answered.add_answer(TheirRecord::update0(Name::root(), 0, RecordType::A));
    assert_eq!(code_of(read_message(&answered)), ResponseCode::FormErr);
}

#[test]
fn a_question_that_is_far_too_long_or_has_a_pointer_or_two_opt_records_is_broken() {
    let plain = question("a.test.", RecordType::A).to_vec().unwrap();
    let mut with_opt = question("a.test.", RecordType::A);
    with_opt.set_edns(TheirEdns::new());
    let mut two = with_opt.to_vec().unwrap();
    two.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    two[11] = 2;
    let mut pointer = plain.clone();
    pointer.splice(12..20, [0xc0, 0x0c]);
    let mut long = plain;
    long.resize(QUERY_LIMIT_BYTES + 1, 0);
    for bytes in [two, pointer, long] {
        assert_eq!(code_of(read(&bytes, Wire::Udp)), ResponseCode::FormErr);
    }
}

#[test]
fn the_answer_fits_what_the_client_offers_and_never_more_than_links_carry() {
    for (offered, limit) in [(None, 512), (Some(400), 512), (Some(900), 900), (Some(4_096), 1_232)] {
        let mut message = question("a.test.", RecordType::A);
        if let Some(offered) = offered {
            let mut edns = TheirEdns::new();
            edns.set_max_payload(offered);
            message.set_edns(edns);
        }
        assert_eq!(asked(&message, Wire::Udp).limit_bytes, limit, "{offered:?}");
        assert_eq!(asked(&message, Wire::Tcp).limit_bytes, u16::MAX);
    }
}

#[test]
fn padding_is_for_encrypted_wires_alone() {
    let mut message = question("a.test.", RecordType::A);
    let mut edns = TheirEdns::new();
    edns.options_mut().insert(EdnsOption::Unknown(OPTION_PADDING, vec![0; 40]));
    message.set_edns(edns);
    assert!(asked(&message, Wire::Encrypted).padded);
    assert!(!asked(&message, Wire::Udp).padded);
}

#[test]
fn an_odd_name_is_judged_by_the_nearest_host_above_it() {
    for (labels, host) in [
        (vec![&b"WWW"[..], b"Example", b"TEST"], Some("www.example.test")),
        (vec![&b"_dns"[..], b"example", b"test"], Some("_dns.example.test")),
        (vec![&b"Room 4 Printer"[..], b"_ipp", b"test"], Some("_ipp.test")),
        (vec![&b"www.allowed.test"[..], b"example", b"test"], Some("example.test")),
        (vec![&b"caf\xc3\xa9"[..], b"test"], Some("test")),
        (vec![&b"a"[..], b"!", b"10", b"0", b"0", b"1"], Some("10.0.0.1")),
        (vec![&b"!"[..]], None),
        (vec![], None),
    ] {
        let name = Name::from_labels(labels).unwrap();
        let host = host.map(|host| Host::parse(host).unwrap());
        assert_eq!(judged_host(&name), host);
        let asked = asked(&question_of(name.clone(), RecordType::A), Wire::Udp);
        assert_eq!((asked.host.clone(), asked.name()), (host, name.clone()));
        let exact = asked
            .host
            .as_ref()
            .is_some_and(|host| host.to_string().split('.').count() == name.iter().count());
        assert_eq!(asked.exact_host().is_some(), exact, "{name}");
    }
}

fn any_name() -> impl Strategy<Value = Name> {
    let label = prop_oneof![
        4 => proptest::collection::vec(prop_oneof![Just(b'-'), Just(b'_'), b'a'..=b'z', b'A'..=b'Z', b'0'..=b'9'], 1..20),
        1 => proptest::collection::vec(any::<u8>(), 1..64),
        1 => proptest::collection::vec(b'0'..=b'9', 1..4),
    ];
    let labels = proptest::collection::vec(label, 0..12);
    labels.prop_filter_map("no name", |labels| Name::from_labels(labels.iter().map(Vec::as_slice)).ok())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = read(&bytes, Wire::Udp);
    }

    #[test]
    fn no_damage_to_a_question_makes_it_panic(at in 0_usize..60, byte in any::<u8>(), cut in 0_usize..60) {
        let mut message = question("www.example.test.", RecordType::HTTPS);
        message.set_edns(TheirEdns::new());
        let mut bytes = message.to_vec().unwrap();
        if let Some(spot) = bytes.get_mut(at) {
            *spot = byte;
        }
        bytes.truncate(cut.max(12));
        let _ = read(&bytes, Wire::Tcp);
    }

    #[test]
    fn a_question_reads_as_another_decoder_reads_it(
        name in any_name(),
        number in 1_u16..60,
        bits in any::<[bool; 5]>(),
        payload in any::<u16>(),
    ) {
        prop_assume!(number != TYPE_OPT);
        let [recursion_desired, checking_disabled, authentic, edns, dnssec_ok] = bits;
        let mut message = question_of(name, RecordType::from(number));
        message.metadata.recursion_desired = recursion_desired;
        message.metadata.checking_disabled = checking_disabled;
        message.metadata.authentic_data = authentic;
        if edns {
            message.set_edns(TheirEdns::new().set_max_payload(payload).set_dnssec_ok(dnssec_ok).clone());
        }
        let theirs = Message::from_vec(&message.to_vec().unwrap()).unwrap();
        let ours = asked(&message, Wire::Udp);
        prop_assert_eq!(ours.id, theirs.metadata.id);
        prop_assert_eq!(ours.name(), theirs.queries[0].name.clone());
        prop_assert_eq!(ours.record_type(), theirs.queries[0].query_type);
        prop_assert_eq!(ours.host.clone(), judged_host(&theirs.queries[0].name));
        prop_assert_eq!(ours.recursion_desired, theirs.metadata.recursion_desired);
        prop_assert_eq!(ours.checking_disabled, theirs.metadata.checking_disabled);
        prop_assert_eq!(ours.wants_authentic, theirs.metadata.authentic_data);
        prop_assert_eq!(ours.edns, theirs.edns.is_some());
        prop_assert_eq!(ours.dnssec_ok, theirs.edns.is_some_and(|edns| edns.flags().dnssec_ok));
    }
}
