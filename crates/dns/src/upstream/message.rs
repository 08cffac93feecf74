//! The question as it goes out, and what comes back to it.
//!
//! Pure: chance comes in as bytes. What comes back counts only as a response with the same id and the same question,
//! spelt as it was sent (draft-vixie-dnsext-dns0x20): whoever guesses must guess the capitals too. No client subnet
//! (RFC 7871) is ever sent.

use crate::answer::{Answer, EXPLANATION_OPTION, Explained, OUR_UDP_LIMIT_BYTES};
use crate::cache::{Key, Question, bound_times};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;

const HEAD_BYTES: usize = 12;
/// Type and class, after the name.
const QUESTION_END_BYTES: usize = 4;
/// Enough chance for the id and for a capital at every place of the longest name.
pub(super) const CHANCE_BYTES: usize = 2 + 32;

/// A question on its way to an upstream.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    name_bytes: usize,
}

/// How a name is spelt in a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spelling {
    /// With capitals here and there, which the answer must repeat.
    Mixed,
    /// In lower case; the answer may spell it as it likes.
    Plain,
}

/// An answer of an upstream.
#[derive(Clone, Debug)]
pub(super) struct Fetched {
    /// The answer.
    pub(super) answer: Answer,
    /// It was cut, and is to be had over TCP.
    pub(super) cut: bool,
}

/// What some bytes are to a question.
#[derive(Debug)]
pub(super) enum Incoming {
    /// Its answer.
    Answer(Fetched),
    /// Its answer but for the capitals.
    OtherSpelling,
    /// Anything else.
    Stranger,
}

impl Outgoing {
    /// The question, with an id and, where the spelling is mixed, capitals of `chance`.
    pub(super) fn new(question: &Question, spelling: Spelling, chance: [u8; CHANCE_BYTES]) -> Self {
        let key = Key::of(question);
        let key = key.as_ref();
        let [i0, i1, capitals @ ..] = chance;
        let checking_disabled = if question.checking_disabled { 0x10 } else { 0 };
        let mut bytes = vec![i0, i1, 0x01, 0x20 | checking_disabled, 0, 1, 0, 0, 0, 0, 0, 1];
        for (place, byte) in key.name.iter().enumerate() {
            let bit = capitals.get(place / 8).is_some_and(|bits| bits >> (place % 8) & 1 == 1);
            let capital = spelling == Spelling::Mixed && bit;
            bytes.push(if capital { byte.to_ascii_uppercase() } else { *byte });
        }
        bytes.extend_from_slice(&key.record_type.to_be_bytes());
        let [p0, p1] = OUR_UDP_LIMIT_BYTES.to_be_bytes();
        let dnssec_ok = if question.dnssec_ok { 0x80 } else { 0 };
        bytes.extend_from_slice(&[0, 1, 0, 0, 41, p0, p1, 0, 0, dnssec_ok, 0, 0, 0]);
        Self { bytes, name_bytes: key.name.len() }
    }

    /// The message.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message with another id.
    pub(super) fn with_id(&self, id: u16) -> Self {
        let mut other = self.clone();
        if let Some(place) = other.bytes.first_chunk_mut::<2>() {
            *place = id.to_be_bytes();
        }
        other
    }

    fn question(&self) -> &[u8] {
        self.bytes.get(HEAD_BYTES..HEAD_BYTES + self.name_bytes + QUESTION_END_BYTES).unwrap_or_default()
    }

    /// What the bytes are to this question. Where they are its answer, our capitals are taken out of it again.
    pub(super) fn read(&self, bytes: &[u8]) -> Incoming {
        let Some(spelling) = self.fits(bytes) else { return Incoming::Stranger };
        if spelling == Spelling::Mixed {
            return Incoming::OtherSpelling;
        }
        self.decode(bytes).map_or(Incoming::Stranger, Incoming::Answer)
    }

    /// As [`Outgoing::read`], for a wire on which nobody can guess: however the name is spelt.
    pub(super) fn read_any_spelling(&self, bytes: &[u8]) -> Option<(Fetched, Spelling)> {
        let spelling = self.fits(bytes)?;
        Some((self.decode(bytes)?, spelling))
    }

    /// Whether the bytes are a response to this question: `Plain` where the name is spelt as it was sent, `Mixed` where
    /// it is spelt otherwise.
    fn fits(&self, bytes: &[u8]) -> Option<Spelling> {
        let head: &[u8; HEAD_BYTES] = bytes.first_chunk()?;
        let [i0, i1, flags, _, q0, q1, ..] = *head;
        let is_response = flags & 0x80 != 0 && flags & 0x78 == 0;
        if self.bytes.get(..2)? != [i0, i1] || !is_response || [q0, q1] != [0, 1] {
            return None;
        }
        let asked = self.question();
        let repeated = bytes.get(HEAD_BYTES..HEAD_BYTES + asked.len())?;
        let (name, end) = asked.split_at_checked(self.name_bytes)?;
        let (repeated_name, repeated_end) = repeated.split_at_checked(self.name_bytes)?;
        if end != repeated_end || !name.eq_ignore_ascii_case(repeated_name) {
            return None;
        }
        Some(if name == repeated_name { Spelling::Plain } else { Spelling::Mixed })
    }

    fn decode(&self, bytes: &[u8]) -> Option<Fetched> {
        let mut plain = bytes.to_vec();
        // Names in the answer point at the question's: in lower case there, they are so everywhere.
        plain.get_mut(HEAD_BYTES..HEAD_BYTES + self.name_bytes)?.make_ascii_lowercase();
        let message = Message::from_vec(&plain).ok()?;
        let cut = message.metadata.truncation;
        Some(Fetched { answer: answer_of(message), cut })
    }
}

fn answer_of(mut response: Message) -> Answer {
    let told = response.edns.as_ref().map(|edns| edns.options().as_ref()).unwrap_or_default();
    let explained = told
        .iter()
        .filter_map(|(_, option)| match option {
            EdnsOption::Unknown(EXPLANATION_OPTION, bytes) => Explained::read(bytes),
            _ => None,
        })
        .take(1)
        .collect();
    if let Some(asked) = response.queries.first() {
        // Some upstreams write the name out again instead of pointing at it, with our capitals.
        for record in response.answers.iter_mut().filter(|record| record.name == asked.name) {
            record.name = asked.name.clone();
        }
    }
    let mut answer = Answer {
        code: response.metadata.response_code,
        authentic: response.metadata.authentic_data,
        answers: response.answers,
        authorities: response.authorities,
        withheld: false,
        explained,
    };
    bound_times(&mut answer);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, CNAME};
    use hickory_proto::rr::{Name, RData, Record, RecordType};
    use proptest::prelude::*;

    fn question() -> Question {
        let name = Name::from_ascii("www.example.test.").unwrap();
        Question { name, record_type: RecordType::A, dnssec_ok: true, checking_disabled: false }
    }

    fn outgoing() -> Outgoing {
        Outgoing::new(&question(), Spelling::Mixed, [0b1010_0110; CHANCE_BYTES])
    }

    fn response(outgoing: &Outgoing) -> Message {
        let asked = Message::from_vec(outgoing.bytes()).unwrap();
        let mut response = asked.clone().into_response();
        let name = asked.queries[0].name.clone();
        let target = Name::from_ascii("cdn").unwrap().append_domain(&name.base_name()).unwrap();
        response.answers = vec![
            Record::from_rdata(name, 60, RData::CNAME(CNAME(target.clone()))),
            Record::from_rdata(target, 60, RData::A(A([203, 0, 113, 7].into()))),
        ];
        response
    }

    #[test]
    fn a_question_goes_out_with_capitals_and_says_what_it_wants() {
        let message = Message::from_vec(outgoing().bytes()).unwrap();
        let spelt = message.queries[0].name.to_ascii();
        assert!(spelt != spelt.to_lowercase() && spelt.to_lowercase() == "www.example.test.");
        assert_eq!(message.metadata.id, 0b1010_0110_1010_0110);
        assert!(message.metadata.recursion_desired && message.metadata.authentic_data);
        let edns = message.edns.unwrap();
        assert!(edns.flags().dnssec_ok && edns.options().as_ref().is_empty());
        assert_eq!(edns.max_payload(), 1_232);
        let plain = Outgoing::new(&question(), Spelling::Plain, [0xff; CHANCE_BYTES]);
        assert_eq!(Message::from_vec(plain.bytes()).unwrap().queries[0].name.to_ascii(), "www.example.test.");
    }

    #[test]
    fn a_response_counts_only_with_the_id_the_question_and_the_spelling_that_were_sent() {
        let outgoing = outgoing();
        let right = response(&outgoing);
        let mut other_id = right.clone();
        other_id.metadata.id = other_id.metadata.id.wrapping_add(1);
        let mut other_name = right.clone();
        other_name.queries[0].name = Name::from_ascii("other.test.").unwrap();
        let mut other_spelling = right.clone();
        other_spelling.queries[0].name = question().name;
        let asked = Message::from_vec(outgoing.bytes()).unwrap();
        let read = |message: &Message| outgoing.read(&message.to_vec().unwrap());
        assert!(matches!(read(&right), Incoming::Answer(_)));
        assert!(matches!(read(&other_id), Incoming::Stranger));
        assert!(matches!(read(&other_name), Incoming::Stranger));
        assert!(matches!(read(&other_spelling), Incoming::OtherSpelling));
        assert!(matches!(read(&asked), Incoming::Stranger));
    }

    #[test]
    fn no_capitals_of_ours_are_left_in_an_answer() {
        let outgoing = outgoing();
        let bytes = response(&outgoing).to_vec().unwrap();
        let Incoming::Answer(fetched) = outgoing.read(&bytes) else { panic!("expected the answer") };
        for record in &fetched.answer.answers {
            let name = record.name.to_ascii();
            assert_eq!(name, name.to_lowercase());
        }
    }

    proptest! {
        #[test]
        fn no_response_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let outgoing = outgoing();
            let _ = outgoing.read(&bytes);
            let mut guessed = outgoing.bytes().to_vec();
            guessed[2] |= 0x80;
            guessed.extend(bytes);
            let _ = outgoing.read(&guessed);
            let _ = outgoing.read_any_spelling(&guessed);
        }
    }
}
