//! Bytes become a question, a refusal, or nothing.
//!
//! Pure. The head is looked at before anything is decoded, so that a lying head costs no memory.

use crate::answer::{Answer, Explained};
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};
use model::Host;

/// The length of a message's head (RFC 1035, 4.1.1).
const HEAD_BYTES: usize = 12;
/// The largest query that is read. Real ones are far below; larger ones come from nobody who wants an answer.
pub(crate) const QUERY_LIMIT_BYTES: usize = 4_096;
/// The most additional records of a query: `OPT` and a signature.
const MOST_ADDITIONALS: u16 = 4;
/// What every answer over UDP fits into, whatever the client offers: it passes today's links unfragmented.
const UDP_LIMIT_BYTES: u16 = 1_232;
/// What an answer over UDP fits into when the client offers nothing (RFC 1035, 4.2.1).
const UDP_LIMIT_WITHOUT_EDNS_BYTES: u16 = 512;

/// The wire a query came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    Udp,
    Tcp,
}

/// A well-formed question of class `IN`.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The message's id.
    pub(crate) id: u16,
    /// The question, in the client's own spelling.
    pub(crate) query: Query,
    /// What the policy judges; `None` for the root, which is nobody's site.
    pub(crate) host: Option<Host>,
    /// `RD`: repeated in the answer; every question is answered in full either way.
    pub(crate) recursion_desired: bool,
    /// `CD`: the client checks signatures itself.
    pub(crate) checking_disabled: bool,
    /// `DO`: the client wants signatures (RFC 3225).
    pub(crate) dnssec_ok: bool,
    /// `AD` in a query: the client understands the bit (RFC 6840, 5.7).
    pub(crate) wants_authentic: bool,
    /// The client speaks EDNS, so it can be told why.
    pub(crate) edns: bool,
    /// The largest answer that may be sent.
    pub(crate) limit_bytes: u16,
}

impl Asked {
    pub(crate) fn name(&self) -> &Name {
        &self.query.name
    }

    pub(crate) fn record_type(&self) -> RecordType {
        self.query.query_type
    }

    /// The host, where the name itself is one and not only something above it.
    pub(crate) fn exact_host(&self) -> Option<&Host> {
        let host = self.host.as_ref()?;
        let labels = host.to_string().split('.').count();
        (labels == self.name().iter().count()).then_some(host)
    }
}

/// What bytes turned out to be.
#[derive(Debug)]
pub(crate) enum Received {
    /// A question.
    Asked(Box<Asked>),
    /// Something that is answered with an error: the answer's bytes.
    Refused(Vec<u8>),
    /// Something that is not answered at all.
    Dropped,
}

/// Reads a message. Responses and what is too short for a head are dropped, since answering them could go round in
/// circles; everything else gets at least an error.
pub(crate) fn read(bytes: &[u8], wire: Wire) -> Received {
    let Some(head) = Head::read(bytes) else { return Received::Dropped };
    if head.is_response || bytes.len() > QUERY_LIMIT_BYTES {
        return Received::Dropped;
    }
    if head.op_code != OpCode::Query {
        return head.refuse(ResponseCode::NotImp);
    }
    // An IXFR carries one authority record (RFC 1995, 3); it is refused below, by its type.
    if head.questions != 1 || head.answers != 0 || head.authorities > 1 || head.additionals > MOST_ADDITIONALS
    {
        return head.refuse(ResponseCode::FormErr);
    }
    let Ok(message) = Message::from_vec(bytes) else { return head.refuse(ResponseCode::FormErr) };
    let Some(asked) = Asked::new(&message, wire) else { return head.refuse(ResponseCode::FormErr) };
    match unfit(&message) {
        Some(code) => Received::Refused(Answer::of_code(code).encode(&asked)),
        None => Received::Asked(Box::new(asked)),
    }
}

/// Why a question is not taken on, where it is not.
fn unfit(message: &Message) -> Option<ResponseCode> {
    if message.edns.as_ref().is_some_and(|edns| edns.version() != 0) {
        return Some(ResponseCode::BADVERS);
    }
    let query = message.queries.first()?;
    if query.query_class != DNSClass::IN {
        return Some(ResponseCode::Refused);
    }
    // 128 to 254 are questions about transfers, keys and signatures of a connection (RFC 6895, 3.1), 41 is `OPT`.
    match u16::from(query.query_type) {
        0 | 41 => Some(ResponseCode::FormErr),
        128..=254 => Some(ResponseCode::Refused),
        _ => None,
    }
}

impl Asked {
    fn new(message: &Message, wire: Wire) -> Option<Self> {
        let query = message.queries.first()?.clone();
        let offered = message.edns.as_ref().map_or(UDP_LIMIT_WITHOUT_EDNS_BYTES, |edns| edns.max_payload());
        Some(Self {
            id: message.metadata.id,
            host: judged_host(&query.name),
            query,
            recursion_desired: message.metadata.recursion_desired,
            checking_disabled: message.metadata.checking_disabled,
            dnssec_ok: message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok),
            wants_authentic: message.metadata.authentic_data,
            edns: message.edns.is_some(),
            limit_bytes: match wire {
                Wire::Udp => offered.clamp(UDP_LIMIT_WITHOUT_EDNS_BYTES, UDP_LIMIT_BYTES),
                Wire::Tcp => u16::MAX,
            },
        })
    }
}

/// What the policy judges a name by: the name itself; where a label has characters that no host name has (a printer's
/// service name, a dot within a label), the nearest name above it that is one. `None` where there is none.
pub(crate) fn judged_host(name: &Name) -> Option<Host> {
    let mut labels: Vec<&str> = Vec::new();
    let from_the_top: Vec<&[u8]> = name.iter().collect();
    for label in from_the_top.into_iter().rev() {
        let fits = label.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        match std::str::from_utf8(label) {
            Ok(text) if fits => labels.push(text),
            _ => break,
        }
    }
    labels.reverse();
    Host::parse(&labels.join(".")).ok()
}

/// The head of a message, as far as it is needed before the rest is decoded.
struct Head {
    id: u16,
    is_response: bool,
    op_code: OpCode,
    questions: u16,
    answers: u16,
    authorities: u16,
    additionals: u16,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let [id_high, id_low, flags, _, numbers @ ..] = *head;
        let [q0, q1, an0, an1, ns0, ns1, ar0, ar1] = numbers;
        Some(Self {
            id: u16::from_be_bytes([id_high, id_low]),
            is_response: flags & 0x80 != 0,
            op_code: OpCode::from_u8((flags >> 3) & 0x0f),
            questions: u16::from_be_bytes([q0, q1]),
            answers: u16::from_be_bytes([an0, an1]),
            authorities: u16::from_be_bytes([ns0, ns1]),
            additionals: u16::from_be_bytes([ar0, ar1]),
        })
    }

    /// An error without the question, since the question may be what is wrong.
    fn refuse(&self, code: ResponseCode) -> Received {
        let message = Message::error_msg(self.id, self.op_code, code);
        message.to_vec().map_or(Received::Dropped, Received::Refused)
    }
}

/// The number of questions a response claims, before it is decoded; `None` when it is no response.
pub(crate) fn questions_of_response(bytes: &[u8]) -> Option<u16> {
    Head::read(bytes).filter(|head| head.is_response).map(|head| head.questions)
}

/// The refusal of somebody outside the school's networks (RFC 8914, 4.19).
pub(crate) fn refuse_outsider() -> Answer {
    let explained =
        Explained::new(Explained::PROHIBITED, "this name server serves the school's networks only");
    Answer::of_code(ResponseCode::Refused).explain(explained)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::Edns;
    use hickory_proto::rr::Record;
    use proptest::prelude::*;

    fn question(name: &str, record_type: RecordType) -> Message {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
        message
    }

    fn code_of(received: Received) -> ResponseCode {
        match received {
            Received::Refused(bytes) => Message::from_vec(&bytes).unwrap().metadata.response_code,
            other => panic!("expected a refusal, found {other:?}"),
        }
    }

    fn read_message(message: &Message) -> Received {
        read(&message.to_vec().unwrap(), Wire::Udp)
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
        let mut edns = Edns::new();
        edns.set_version(1);
        future.set_edns(edns);
        for (message, code) in [
            (two, ResponseCode::FormErr),
            (notify, ResponseCode::NotImp),
            (chaos, ResponseCode::Refused),
            (future, ResponseCode::BADVERS),
            (question("a.test.", RecordType::AXFR), ResponseCode::Refused),
            (question("a.test.", RecordType::IXFR), ResponseCode::Refused),
        ] {
            // By number: 16 is BADVERS in a response and BADSIG in a signature, and reads back as the latter.
            assert_eq!(u16::from(code_of(read_message(&message))), u16::from(code), "{message}");
        }
    }

    #[test]
    fn a_response_is_dropped_and_a_question_with_an_answer_is_not_taken_on() {
        let response = question("a.test.", RecordType::A).into_response();
        assert!(matches!(read_message(&response), Received::Dropped));
        let mut answered = question("a.test.", RecordType::A);
        answered.add_answer(Record::update0(Name::root(), 0, RecordType::A));
        assert_eq!(code_of(read_message(&answered)), ResponseCode::FormErr);
    }

    #[test]
    fn the_answer_fits_what_the_client_offers_and_never_more_than_links_carry() {
        for (offered, limit) in [(None, 512), (Some(400), 512), (Some(900), 900), (Some(4_096), 1_232)] {
            let mut message = question("a.test.", RecordType::A);
            if let Some(offered) = offered {
                let mut edns = Edns::new();
                edns.set_max_payload(offered);
                message.set_edns(edns);
            }
            let Received::Asked(asked) = read_message(&message) else { panic!("expected a question") };
            assert_eq!(asked.limit_bytes, limit, "{offered:?}");
        }
    }

    #[test]
    fn an_odd_name_is_judged_by_the_nearest_host_above_it() {
        for (labels, host) in [
            (vec![&b"WWW"[..], b"Example", b"TEST"], Some("www.example.test")),
            (vec![&b"_dns"[..], b"example", b"test"], Some("_dns.example.test")),
            (vec![&b"Room 4 Printer"[..], b"_ipp", b"test"], Some("_ipp.test")),
            (vec![&b"www.allowed.test"[..], b"example", b"test"], Some("example.test")),
            (vec![&b"caf\xc3\xa9"[..], b"test"], Some("test")),
            (vec![&b"!"[..]], None),
            (vec![], None),
        ] {
            let name = Name::from_labels(labels).unwrap();
            assert_eq!(judged_host(&name), host.map(|host| Host::parse(host).unwrap()));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes, Wire::Udp);
        }

        #[test]
        fn no_damage_to_a_question_makes_it_panic(at in 0_usize..60, byte in any::<u8>(), cut in 0_usize..60) {
            let mut message = question("www.example.test.", RecordType::HTTPS);
            message.set_edns(Edns::new());
            let mut bytes = message.to_vec().unwrap();
            if let Some(spot) = bytes.get_mut(at) {
                *spot = byte;
            }
            bytes.truncate(cut.max(12));
            let _ = read(&bytes, Wire::Tcp);
        }
    }
}
