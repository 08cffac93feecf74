//! An answer before it is bytes, and how it becomes bytes of the right size.

use crate::query::Asked;
use hickory_proto::op::{Edns, Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record};
use std::net::IpAddr;

/// How long our own answers about blocked and special names are kept by clients, in seconds: short, so that a change
/// of the policy is felt at once.
pub(crate) const OWN_TTL_S: u32 = 10;
/// What we say we can take over UDP.
pub(crate) const OUR_UDP_LIMIT_BYTES: u16 = 1_232;
/// The most of an explanation that is sent, in bytes, so that the answer without records always fits.
const EXPLANATION_LIMIT_BYTES: usize = 160;
/// The most explanations of one answer.
const MOST_EXPLANATIONS: usize = 2;
/// The number of the option that explains (RFC 8914, 2).
pub(crate) const EXPLANATION_OPTION: u16 = 15;

/// What is answered, whoever asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Answer {
    /// The response code.
    pub(crate) code: ResponseCode,
    /// The answer section.
    pub(crate) answers: Vec<Record>,
    /// The authority section.
    pub(crate) authorities: Vec<Record>,
    /// The upstream proved it (`AD`) and we left it as it came.
    pub(crate) authentic: bool,
    /// Private addresses of an outside name were taken out.
    pub(crate) withheld: bool,
    /// Why it is as it is, for clients that speak EDNS.
    pub(crate) explained: Vec<Explained>,
}

/// An extended DNS error (RFC 8914): a code, and words that anybody may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Explained {
    code: u16,
    text: String,
}

impl Explained {
    pub(crate) const FORGED: u16 = 4;
    pub(crate) const BLOCKED: u16 = 15;
    pub(crate) const CENSORED: u16 = 16;
    pub(crate) const FILTERED: u16 = 17;
    pub(crate) const PROHIBITED: u16 = 18;
    pub(crate) const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub(crate) const NETWORK_ERROR: u16 = 23;

    /// Cuts the text between characters where it is too long.
    pub(crate) fn new(code: u16, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.truncate(text.floor_char_boundary(EXPLANATION_LIMIT_BYTES));
        Self { code, text }
    }

    /// Reads the option's bytes; `None` when they are too short.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (code, text) = bytes.split_first_chunk::<2>()?;
        Some(Self::new(u16::from_be_bytes(*code), String::from_utf8_lossy(text)))
    }

    fn option(&self) -> EdnsOption {
        EdnsOption::Unknown(EXPLANATION_OPTION, self.to_bytes())
    }

    /// The option's bytes, without its number and length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.code.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.text.as_bytes());
        bytes
    }
}

impl Answer {
    /// An answer of nothing but its code.
    pub(crate) fn of_code(code: ResponseCode) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authorities: Vec::new(),
            authentic: false,
            withheld: false,
            explained: Vec::new(),
        }
    }

    /// The name does not exist.
    pub(crate) fn no_such_name(name: &Name) -> Self {
        Self { authorities: vec![own_soa(name)], ..Self::of_code(ResponseCode::NXDomain) }
    }

    /// The name has nothing of the type asked for.
    pub(crate) fn nothing_of_this_type(name: &Name) -> Self {
        Self { authorities: vec![own_soa(name)], ..Self::of_code(ResponseCode::NoError) }
    }

    /// These records.
    pub(crate) fn of_records(answers: Vec<Record>) -> Self {
        Self { answers, ..Self::of_code(ResponseCode::NoError) }
    }

    /// This answer with an explanation.
    pub(crate) fn explain(mut self, explained: Explained) -> Self {
        self.explained.push(explained);
        self
    }

    /// The answer's bytes for whoever asked: the records, where they fit what the client can take; else only that it
    /// must ask again over TCP (RFC 2181, 9).
    pub(crate) fn encode(&self, asked: &Asked) -> Vec<u8> {
        let message = self.message(asked);
        match message.to_vec() {
            Ok(bytes) if bytes.len() <= usize::from(asked.limit_bytes) => bytes,
            Ok(_) => message.truncate().to_vec().unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "an answer could not be written");
                Self::of_code(ResponseCode::ServFail).message(asked).to_vec().unwrap_or_default()
            }
        }
    }

    fn message(&self, asked: &Asked) -> Message {
        let mut message = Message::response(asked.id, OpCode::Query);
        message.metadata.recursion_desired = asked.recursion_desired;
        message.metadata.recursion_available = true;
        message.metadata.checking_disabled = asked.checking_disabled;
        message.metadata.authentic_data = self.authentic && (asked.dnssec_ok || asked.wants_authentic);
        message.metadata.response_code = self.code;
        message.add_query(asked.query.clone());
        message.answers.clone_from(&self.answers);
        message.authorities.clone_from(&self.authorities);
        if asked.edns {
            let mut edns = Edns::new();
            edns.set_max_payload(OUR_UDP_LIMIT_BYTES).set_dnssec_ok(asked.dnssec_ok);
            for explained in self.explained.iter().take(MOST_EXPLANATIONS) {
                edns.options_mut().insert(explained.option());
            }
            message.set_edns(edns);
        }
        message
    }
}

/// The addresses of one family as records.
pub(crate) fn address_records(name: &Name, addresses: &[IpAddr], kind: Family, ttl_s: u32) -> Vec<Record> {
    let fitting = addresses.iter().filter_map(|address| match (kind, address) {
        (Family::V4, IpAddr::V4(address)) => Some(RData::A(A(*address))),
        (Family::V6, IpAddr::V6(address)) => Some(RData::AAAA(AAAA(*address))),
        _ => None,
    });
    fitting.map(|data| Record::from_rdata(name.clone(), ttl_s, data)).collect()
}

/// A family of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The record that lets a client keep a "no" for [`OWN_TTL_S`] (RFC 2308, 5). Its owner is the name itself, so that the
/// "no" says nothing of any other name.
fn own_soa(name: &Name) -> Record {
    let server = Name::from_labels(["schoolgate", "invalid"]).unwrap_or_default();
    let ttl_s = i32::try_from(OWN_TTL_S).unwrap_or(0);
    let soa = SOA::new(server.clone(), server, 1, ttl_s, ttl_s, ttl_s, OWN_TTL_S);
    Record::from_rdata(name.clone(), OWN_TTL_S, RData::SOA(soa))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Received, Wire, read};
    use hickory_proto::op::Query;
    use hickory_proto::rr::RecordType;

    fn asked(edns: Option<u16>) -> Asked {
        let mut message = Message::query();
        let name = Name::from_ascii("www.example.test.").unwrap();
        message.add_query(Query::query(name, RecordType::A));
        if let Some(payload) = edns {
            message.set_edns(Edns::new().set_max_payload(payload).clone());
        }
        match read(&message.to_vec().unwrap(), Wire::Udp) {
            Received::Asked(asked) => *asked,
            other => panic!("expected a question, found {other:?}"),
        }
    }

    fn many_addresses(asked: &Asked) -> Answer {
        let addresses: Vec<IpAddr> = (0..60).map(|last| IpAddr::from([203, 0, 113, last])).collect();
        Answer::of_records(address_records(asked.name(), &addresses, Family::V4, 60))
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_says_so() {
        let asked = asked(None);
        let message = Message::from_vec(&many_addresses(&asked).encode(&asked)).unwrap();
        assert!(message.metadata.truncation && message.answers.is_empty());
        assert_eq!(message.queries.len(), 1);
    }

    #[test]
    fn an_explanation_is_sent_only_to_who_can_read_it_and_fits_even_when_long() {
        for (edns, options) in [(None, 0), (Some(512), 1)] {
            let asked = asked(edns);
            let why = Explained::new(Explained::BLOCKED, "\u{e9}".repeat(400));
            let bytes = Answer::no_such_name(asked.name()).explain(why).encode(&asked);
            let message = Message::from_vec(&bytes).unwrap();
            let found = message.edns.map_or(0, |edns| edns.options().as_ref().len());
            assert_eq!((found, message.metadata.truncation), (options, false));
        }
    }

    #[test]
    fn an_explanation_reads_back() {
        let explained = Explained::new(17, "category Gambling");
        let EdnsOption::Unknown(EXPLANATION_OPTION, bytes) = explained.option() else {
            panic!("other option")
        };
        assert_eq!(Explained::read(&bytes), Some(explained));
        assert_eq!(Explained::read(&[1]), None);
    }
}
