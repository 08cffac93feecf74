//! An answer's bytes, written where they will be sent from.
//!
//! Whatever the answer is made of, its head, its `OPT` record, its length and its padding are made here. Nothing is
//! allocated but the room in the buffer, which its owner keeps.

use crate::query::{Asked, HEAD_BYTES, QUESTION_END_BYTES, skip_name};
use hickory_proto::op::ResponseCode;
use model::Host;
use std::net::IpAddr;

/// How long our own answers about blocked and special names are kept by clients, in seconds: short, so that a change
/// of the policy is felt at once.
pub(crate) const OWN_TTL_S: u32 = 10;
/// What we say we can take over UDP.
pub(crate) const OUR_UDP_LIMIT_BYTES: u16 = 1_232;
/// The most of an explanation that is sent, in bytes, so that the answer without records always fits.
pub(crate) const EXPLANATION_LIMIT_BYTES: usize = 160;
/// The most explanations of one answer.
const MOST_EXPLANATIONS: usize = 2;
/// The number of the option that explains (RFC 8914, 2).
pub(crate) const EXPLANATION_OPTION: u16 = 15;
/// The number of the option that fills up (RFC 7830).
const PADDING_OPTION: u16 = 12;
/// What the length of a padded answer is a multiple of (RFC 8467, 4.1).
const PADDED_TO_BYTES: usize = 468;
/// An option's number and length.
const OPTION_HEAD_BYTES: usize = 4;

const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
const CLASS_IN: u16 = 1;
/// The question's name, which every answer has after its head (RFC 1035, 4.1.4).
const POINTER_TO_QUESTION: [u8; 2] = [0xc0, 0x0c];
/// A record's bytes between its owner, where that is a pointer, and its content; with the pointer.
const RECORD_HEAD_BYTES: usize = 12;
/// The name server and mailbox of our own "no".
const OWN_SERVER: &[u8] = b"\x0aschoolgate\x07invalid\x00";
/// Our own "no" with its head: the server's name, a pointer to it, and five numbers.
const OWN_SOA_BYTES: usize = RECORD_HEAD_BYTES + OWN_SERVER.len() + 2 + 5 * 4;

/// An extended DNS error (RFC 8914): a code, and words that anybody may read.
pub(crate) type Told<'a> = (u16, &'a str);

/// An answer that is being written.
pub(crate) struct Reply<'a> {
    asked: &'a Asked,
    out: &'a mut Vec<u8>,
    start: usize,
    code: ResponseCode,
    answers: u16,
    authorities: u16,
    authentic: bool,
}

impl<'a> Reply<'a> {
    /// Begins an answer at the end of `out`, with the question.
    pub(crate) fn begin(asked: &'a Asked, code: ResponseCode, out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_BYTES]);
        out.extend_from_slice(asked.wire_question());
        Self { asked, out, start, code, answers: 0, authorities: 0, authentic: false }
    }

    /// Notes that the answer is proven (`AD`), for a client that wants to know.
    pub(crate) fn prove(&mut self) {
        self.authentic = true;
    }

    /// Adds an address of the question's name, where it is of the type asked for.
    pub(crate) fn address(&mut self, address: IpAddr, ttl_s: u32) {
        match address {
            IpAddr::V4(address) if self.asked.type_number == TYPE_A => {
                self.record(TYPE_A, ttl_s, &address.octets());
            }
            IpAddr::V6(address) if self.asked.type_number == TYPE_AAAA => {
                self.record(TYPE_AAAA, ttl_s, &address.octets());
            }
            _ => {}
        }
    }

    /// Adds an alias of the question's name; nothing where `to` is no name.
    pub(crate) fn alias(&mut self, to: &Host, ttl_s: u32) {
        let Some(name) = to.name() else { return };
        let mut wire = Vec::with_capacity(name.len() + 2);
        for label in name.split('.') {
            wire.push(u8::try_from(label.len()).unwrap_or(0));
            wire.extend_from_slice(label.as_bytes());
        }
        wire.push(0);
        self.record(TYPE_CNAME, ttl_s, &wire);
    }

    /// Adds a record of the question's name to the answer section.
    pub(crate) fn record(&mut self, type_number: u16, ttl_s: u32, content: &[u8]) {
        let Ok(length) = u16::try_from(content.len()) else { return };
        self.record_head(type_number, ttl_s, length);
        self.out.extend_from_slice(content);
        self.answers = self.answers.saturating_add(1);
    }

    /// True where no record has been added.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers == 0
    }

    /// Adds sections as they are, with how many records each has: answers and authorities. Their pointers lead to
    /// where the question's name and they themselves will stand.
    pub(crate) fn sections(&mut self, bytes: &[u8], answers: u16, authorities: u16) {
        self.out.extend_from_slice(bytes);
        self.answers = self.answers.saturating_add(answers);
        self.authorities = self.authorities.saturating_add(authorities);
    }

    /// Adds the record that lets a client keep a "no" for `most_s`, and [`OWN_TTL_S`] at most (RFC 2308, 5). Its owner is the name itself, so
    /// that the "no" says nothing of any other name.
    pub(crate) fn own_soa(&mut self, most_s: u32) {
        let ttl_s = most_s.min(OWN_TTL_S);
        let at = self.out.len() - self.start + RECORD_HEAD_BYTES;
        // Where the server's name stands; the question alone is before it, so it is always within a pointer's reach.
        let pointer = u16::try_from(at).unwrap_or(0) | 0xc000;
        self.out.extend_from_slice(&own_soa(ttl_s, pointer));
        self.authorities = self.authorities.saturating_add(1);
    }

    /// Ends the answer, with explanations for clients that speak EDNS. An answer that does not fit what the client can
    /// take becomes one that only says to ask again over TCP (RFC 2181, 9).
    pub(crate) fn end(mut self, told: &[Told<'_>]) {
        self.opt(told);
        let truncated = self.out.len() - self.start > usize::from(self.asked.limit_bytes);
        if truncated {
            self.cut();
        }
        self.head(truncated);
        if self.asked.padded {
            pad(self.out, self.start);
        }
    }

    /// Ends the answer with nothing but that it must be asked for again over TCP.
    pub(crate) fn end_truncated(mut self) {
        self.cut();
        self.head(true);
    }

    fn cut(&mut self) {
        self.out.truncate(self.start + HEAD_BYTES + self.asked.wire_question().len());
        (self.answers, self.authorities) = (0, 0);
        self.opt(&[]);
    }

    fn record_head(&mut self, type_number: u16, ttl_s: u32, length: u16) {
        self.out.extend_from_slice(&record_head(type_number, ttl_s, length));
    }

    /// Adds our `OPT` record for a client that sent one.
    fn opt(&mut self, told: &[Told<'_>]) {
        if !self.asked.edns {
            return;
        }
        let [t0, t1] = TYPE_OPT.to_be_bytes();
        let [c0, c1] = OUR_UDP_LIMIT_BYTES.to_be_bytes();
        let dnssec_ok = if self.asked.dnssec_ok { 0x80 } else { 0 };
        self.out.extend_from_slice(&[0, t0, t1, c0, c1, self.code.high(), 0, dnssec_ok, 0, 0, 0]);
        let at = self.out.len();
        for (code, text) in told.iter().take(MOST_EXPLANATIONS) {
            let text = text.get(..text.floor_char_boundary(EXPLANATION_LIMIT_BYTES)).unwrap_or_default();
            let [o0, o1] = EXPLANATION_OPTION.to_be_bytes();
            let [l0, l1] = u16::try_from(text.len() + 2).unwrap_or(0).to_be_bytes();
            let [c0, c1] = code.to_be_bytes();
            self.out.extend_from_slice(&[o0, o1, l0, l1, c0, c1]);
            self.out.extend_from_slice(text.as_bytes());
        }
        let length = self.out.len() - at;
        put_number(self.out, at - 2, length);
    }

    fn head(&mut self, truncated: bool) {
        let asked = self.asked;
        let [id0, id1] = asked.id.to_be_bytes();
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let authentic = self.authentic && !truncated && (asked.dnssec_ok || asked.wants_authentic);
        let high = 0x80 | bit(truncated, 0x02) | bit(asked.recursion_desired, 0x01);
        let low = 0x80 | bit(authentic, 0x20) | bit(asked.checking_disabled, 0x10) | self.code.low();
        let [an0, an1] = self.answers.to_be_bytes();
        let [ns0, ns1] = self.authorities.to_be_bytes();
        let head = [id0, id1, high, low, 0, 1, an0, an1, ns0, ns1, 0, u8::from(asked.edns)];
        if let Some(place) = self.out.get_mut(self.start..self.start + HEAD_BYTES) {
            place.copy_from_slice(&head);
        }
    }
}

fn record_head(type_number: u16, ttl_s: u32, length: u16) -> [u8; RECORD_HEAD_BYTES] {
    let [t0, t1] = type_number.to_be_bytes();
    let [c0, c1] = CLASS_IN.to_be_bytes();
    let [s0, s1, s2, s3] = ttl_s.to_be_bytes();
    let [l0, l1] = length.to_be_bytes();
    let [p0, p1] = POINTER_TO_QUESTION;
    [p0, p1, t0, t1, c0, c1, s0, s1, s2, s3, l0, l1]
}

/// The record of our own "no", in one piece: almost every blocked answer has it.
fn own_soa(ttl_s: u32, server: u16) -> [u8; OWN_SOA_BYTES] {
    let mut soa = [0; OWN_SOA_BYTES];
    let content_bytes = u16::try_from(OWN_SOA_BYTES - RECORD_HEAD_BYTES).unwrap_or(0);
    let head = record_head(TYPE_SOA, ttl_s, content_bytes);
    let numbers = [1, ttl_s, ttl_s, ttl_s, ttl_s].map(u32::to_be_bytes);
    let pieces = [&head[..], OWN_SERVER, &server.to_be_bytes(), numbers.as_flattened()];
    let mut rest = &mut soa[..];
    for piece in pieces {
        let Some((place, after)) = rest.split_at_mut_checked(piece.len()) else { return soa };
        place.copy_from_slice(piece);
        rest = after;
    }
    soa
}

/// Fills a message that begins at `start` up to an even length, where it ends with an `OPT` record (RFC 8467, 4.1).
pub(crate) fn pad(out: &mut Vec<u8>, start: usize) {
    let Some(opt) = out.get(start..).and_then(opt_length_at).map(|at| start + at) else { return };
    let before = out.len() - start + OPTION_HEAD_BYTES;
    let filling = before.next_multiple_of(PADDED_TO_BYTES) - before;
    let Ok(length) = u16::try_from(filling) else { return };
    out.extend_from_slice(&PADDING_OPTION.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.resize(out.len() + filling, 0);
    let length = out.len() - opt - 2;
    put_number(out, opt, length);
}

/// Where the length of a message's last record stands, where that is an `OPT` record.
fn opt_length_at(message: &[u8]) -> Option<usize> {
    let last = records(message)?.last()?;
    (last.type_number == TYPE_OPT).then_some(last.length_at)
}

/// The time to live of the record that lives shortest; of a "no", how long that may be kept (RFC 2308, 5). `None` where
/// nothing may be kept.
pub(crate) fn shortest_ttl_s(message: &[u8]) -> Option<u32> {
    let lives = records(message)?.filter(|record| record.type_number != TYPE_OPT).map(|record| {
        let minimum = if record.type_number == TYPE_SOA { record.last_number } else { None };
        minimum.map_or(record.ttl_s, |minimum| minimum.min(record.ttl_s))
    });
    lives.min()
}

/// A record of a finished message, as far as that is looked at again.
struct Written {
    type_number: u16,
    ttl_s: u32,
    length_at: usize,
    /// The last four bytes of its content: the smallest time of an `SOA`.
    last_number: Option<u32>,
}

/// The records of a message, up to the first that is broken.
fn records(message: &[u8]) -> Option<impl Iterator<Item = Written>> {
    let (head, rest) = message.split_first_chunk::<HEAD_BYTES>()?;
    let [_, _, _, _, _, _, an0, an1, ns0, ns1, ar0, ar1] = *head;
    let counts = [[an0, an1], [ns0, ns1], [ar0, ar1]].map(u16::from_be_bytes);
    let mut left: u32 = counts.into_iter().map(u32::from).sum();
    let mut rest = skip_name(rest)?.get(QUESTION_END_BYTES..)?;
    Some(std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let fixed = skip_name(rest)?;
        let (numbers, content) = fixed.split_first_chunk::<10>()?;
        let [t0, t1, _, _, s0, s1, s2, s3, l0, l1] = *numbers;
        let (content, after) = content.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        rest = after;
        Some(Written {
            type_number: u16::from_be_bytes([t0, t1]),
            ttl_s: u32::from_be_bytes([s0, s1, s2, s3]),
            length_at: message.len() - fixed.len() + 8,
            last_number: content.last_chunk().map(|number| u32::from_be_bytes(*number)),
        })
    }))
}

fn put_number(out: &mut [u8], at: usize, number: usize) {
    let number = u16::try_from(number).unwrap_or(0);
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Received, Wire, read};
    use hickory_proto::op::{Edns, Message, Query};
    use hickory_proto::rr::rdata::opt::EdnsOption;
    use hickory_proto::rr::{Name, RData, RecordType};

    fn asked(edns: Option<u16>, wire: Wire) -> Asked {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        let name = Name::from_ascii("Www.Example.test.").unwrap();
        message.add_query(Query::query(name, RecordType::A));
        if let Some(payload) = edns {
            let mut edns = Edns::new();
            edns.set_max_payload(payload);
            edns.options_mut().insert(EdnsOption::Unknown(PADDING_OPTION, vec![0; 8]));
            message.set_edns(edns);
        }
        match read(&message.to_vec().unwrap(), wire) {
            Received::Asked(asked) => asked,
            other => panic!("expected a question, found {other:?}"),
        }
    }

    #[test]
    fn our_own_answers_read_back_as_what_they_say() {
        let asked = asked(Some(1_232), Wire::Udp);
        // Something else stands in the buffer already, as in a batch.
        let mut out = vec![1, 2, 3];
        let mut reply = Reply::begin(&asked, ResponseCode::NXDomain, &mut out);
        reply.own_soa(OWN_TTL_S);
        reply.end(&[(17, "words")]);
        let message = Message::from_vec(&out[3..]).unwrap();
        assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
        assert_eq!(message.queries[0].name.to_ascii(), "Www.Example.test.");
        let RData::SOA(soa) = &message.authorities[0].data else { panic!("expected an SOA") };
        assert_eq!((soa.mname.to_ascii(), soa.minimum), ("schoolgate.invalid.".to_owned(), OWN_TTL_S));
        assert_eq!(soa.mname, soa.rname);

        let mut out = Vec::new();
        let mut reply = Reply::begin(&asked, ResponseCode::NoError, &mut out);
        reply.address([203, 0, 113, 1].into(), 60);
        reply.address([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(), 60);
        reply.alias(&Host::parse("safe.test").unwrap(), 60);
        reply.end(&[]);
        let message = Message::from_vec(&out).unwrap();
        let types: Vec<RecordType> = message.answers.iter().map(|record| record.record_type()).collect();
        assert_eq!(types, [RecordType::A, RecordType::CNAME]);
        assert!(message.answers.iter().all(|record| record.name == asked.name() && record.ttl == 60));
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_says_so() {
        for edns in [None, Some(512)] {
            let asked = asked(edns, Wire::Udp);
            let mut out = Vec::new();
            let mut reply = Reply::begin(&asked, ResponseCode::NoError, &mut out);
            (0..60).for_each(|last| reply.address([203, 0, 113, last].into(), 60));
            reply.end(&[(4, "words")]);
            let message = Message::from_vec(&out).unwrap();
            assert!(message.metadata.truncation && message.answers.is_empty());
            assert_eq!((message.queries.len(), message.edns.is_some()), (1, edns.is_some()));
        }
    }

    #[test]
    fn an_explanation_is_sent_only_to_who_can_read_it_and_fits_even_when_long() {
        for (edns, options) in [(None, 0), (Some(512), 1)] {
            let asked = asked(edns, Wire::Udp);
            let mut out = Vec::new();
            let mut reply = Reply::begin(&asked, ResponseCode::NXDomain, &mut out);
            reply.own_soa(OWN_TTL_S);
            reply.end(&[(15, &"\u{e9}".repeat(400))]);
            let message = Message::from_vec(&out).unwrap();
            let found = message.edns.map_or(0, |edns| edns.options().as_ref().len());
            assert_eq!((found, message.metadata.truncation), (options, false));
        }
    }

    #[test]
    fn an_answer_by_an_encrypted_wire_is_of_an_even_length_where_the_client_padded() {
        for records in [0, 1, 40] {
            let asked = asked(Some(1_232), Wire::Encrypted);
            let mut out = Vec::new();
            let mut reply = Reply::begin(&asked, ResponseCode::NoError, &mut out);
            (0..records).for_each(|last| reply.address([203, 0, 113, last].into(), 60));
            reply.end(&[(4, "words")]);
            assert_eq!(out.len() % PADDED_TO_BYTES, 0);
            assert_eq!(Message::from_vec(&out).unwrap().answers.len(), usize::from(records));
        }
    }
}
