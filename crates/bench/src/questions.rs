//! Questions as they go over the wire, and whether an answer is the right one.
//!
//! Seven in ten ask for IPv4 addresses, the rest for IPv6; half of them carry EDNS, as half of the field's clients do.

use crate::names::Names;
use crate::school::Client;
use app::made_up::{Random, mix};
use std::net::Ipv4Addr;

const HEAD_BYTES: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// An `OPT` record that offers 1,232 bytes (RFC 6891, 6.1.2).
const EDNS: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

/// What the right answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Expected {
    /// `NXDOMAIN`.
    Blocked,
    /// The address that the bench's own upstream gives the name.
    Address,
    /// Blocked by the old lists and not by the new: either while they are swapped.
    BlockedBefore,
    /// Blocked by the new lists and not by the old.
    BlockedAfter,
}

/// Which lists an answer may be by, from when its question was sent until it came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InForce {
    Old,
    Either,
    New,
}

/// Questions in the order they are asked, over and over.
#[derive(Default)]
pub(crate) struct Questions {
    bytes: Vec<u8>,
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    start: u32,
    length: u16,
    expected: Expected,
    source: Ipv4Addr,
}

impl Questions {
    /// Adds a question for a name.
    pub(crate) fn add(&mut self, name: &str, client: Client, expected: Expected, random: &mut Random) {
        let kind = if random.below(10) < 7 { TYPE_A } else { TYPE_AAAA };
        let edns = random.below(2) == 1;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)]);
        for label in name.split('.') {
            self.bytes.push(u8::try_from(label.len()).unwrap_or(0));
            self.bytes.extend_from_slice(label.as_bytes());
        }
        self.bytes.push(0);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&1u16.to_be_bytes());
        if edns {
            self.bytes.extend_from_slice(&EDNS);
        }
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(0);
        let start = u32::try_from(start).unwrap_or(0);
        self.asked.push(Asked { start, length, expected, source: client.address });
    }

    /// Random questions: names of these numbers, whose group `expected` says what of.
    pub(crate) fn random(
        count: usize,
        names: Names,
        seed: u64,
        mut choose: impl FnMut(&mut Random) -> Option<(u32, Client, Expected)>,
    ) -> Self {
        let mut random = Random::new(seed);
        let mut questions = Self::default();
        let mut name = String::new();
        while questions.asked.len() < count {
            let Some((number, client, expected)) = choose(&mut random) else { continue };
            name.clear();
            names.append(number, &mut name);
            questions.add(&name, client, expected, &mut random);
        }
        questions
    }

    /// The place after this one.
    pub(crate) fn after(&self, place: usize) -> usize {
        if place + 1 < self.asked.len() { place + 1 } else { 0 }
    }

    /// Writes the id of a question.
    pub(crate) fn number(&mut self, place: usize, id: u16) {
        let Some(asked) = self.asked.get(place) else { return };
        let start = usize::try_from(asked.start).unwrap_or(0);
        if let Some(bytes) = self.bytes.get_mut(start..start + 2) {
            bytes.copy_from_slice(&id.to_be_bytes());
        }
    }

    /// The bytes of a question, and the address it comes from.
    pub(crate) fn question(&self, place: usize) -> Option<(&[u8], Ipv4Addr)> {
        let asked = self.asked.get(place)?;
        let start = usize::try_from(asked.start).ok()?;
        Some((self.bytes.get(start..start + usize::from(asked.length))?, asked.source))
    }

    /// Whether `answer` repeats the question, whatever it says.
    pub(crate) fn is_answer_to(&self, place: usize, answer: &[u8]) -> bool {
        self.question(place).is_some_and(|(question, _)| repeats(question, answer))
    }

    /// Whether `answer` is the right one, id aside.
    pub(crate) fn is_right(&self, place: usize, answer: &[u8], in_force: InForce) -> bool {
        let Some(asked) = self.asked.get(place) else { return false };
        let Some((question, _)) = self.question(place) else { return false };
        let blocked = || answer.get(3).is_some_and(|flags| flags & 0x0f == 3);
        let address = || gives_address(question, answer);
        repeats(question, answer)
            && match (asked.expected, in_force) {
                (Expected::Blocked, _)
                | (Expected::BlockedBefore, InForce::Old)
                | (Expected::BlockedAfter, InForce::New) => blocked(),
                (Expected::Address, _)
                | (Expected::BlockedBefore, InForce::New)
                | (Expected::BlockedAfter, InForce::Old) => address(),
                (_, InForce::Either) => blocked() || address(),
            }
    }
}

/// The address that belongs to a question: the bench's upstream answers with it, and nothing else does.
pub(crate) fn address_of(question: &[u8]) -> [u8; 16] {
    let name = question_section(question).unwrap_or_default();
    let hash = name.iter().fold(17, |hash, byte| mix(hash ^ u64::from(byte.to_ascii_lowercase())));
    let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
    [0x20, 0x01, 0x0d, 0xb8, a, b, c, d, e, f, g, h, 203, 0, 113, h]
}

/// The question's type and the bytes of an address record's contents for it; `None` for other types.
pub(crate) fn contents_of(question: &[u8]) -> Option<(u16, usize, [u8; 16])> {
    let [.., high, low, _, _] = question_section(question)? else { return None };
    let (kind, address) = (u16::from_be_bytes([*high, *low]), address_of(question));
    match kind {
        TYPE_A => Some((kind, 12, address)),
        TYPE_AAAA => Some((kind, 0, address)),
        _ => None,
    }
}

/// The bytes of the question section: name, type and class.
pub(crate) fn question_section(message: &[u8]) -> Option<&[u8]> {
    let mut at = HEAD_BYTES;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1 + length;
        if length == 0 {
            return message.get(HEAD_BYTES..at + 4);
        }
        if length > 63 {
            return None;
        }
    }
}

fn repeats(question: &[u8], answer: &[u8]) -> bool {
    let Some(section) = question_section(question) else { return false };
    answer.get(HEAD_BYTES..HEAD_BYTES + section.len()) == Some(section) && is_response(answer)
}

fn is_response(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

/// True when the first record of the answer holds the address of the question.
fn gives_address(question: &[u8], answer: &[u8]) -> bool {
    let Some(section) = question_section(question) else { return false };
    let Some((kind, start, address)) = contents_of(question) else { return false };
    let Some(expected) = address.get(start..) else { return false };
    let record = answer.get(HEAD_BYTES + section.len()..).unwrap_or_default();
    let name_bytes = match record.first() {
        Some(0xc0..) => 2,
        _ => section.len() - 4,
    };
    let fixed = record.get(name_bytes..name_bytes + 10).unwrap_or_default();
    let [kind_high, kind_low, _, _, _, _, _, _, _, _] = fixed else { return false };
    u16::from_be_bytes([*kind_high, *kind_low]) == kind
        && answer.get(3).is_some_and(|flags| flags & 0x0f == 0)
        && record.get(name_bytes + 10..name_bytes + 10 + expected.len()) == Some(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::answer_to;
    use proptest::prelude::*;

    const CLIENT: Client = Client { address: Ipv4Addr::new(127, 1, 2, 3), group: 2 };

    fn questions(expected: Expected) -> Questions {
        let mut random = Random::new(1);
        let mut questions = Questions::default();
        for name in ["a.test", "www.example.test", "b.test", "c.test"] {
            questions.add(name, CLIENT, expected, &mut random);
        }
        questions
    }

    fn refusal(question: &[u8]) -> Vec<u8> {
        let mut answer = question.to_vec();
        answer[2] |= 0x80;
        answer[3] |= 3;
        answer
    }

    #[test]
    fn an_answer_is_right_by_question_code_and_address() {
        let questions = questions(Expected::Address);
        for place in 0..questions.asked.len() {
            let question = questions.question(place).unwrap().0.to_vec();
            let right = answer_to(&question).unwrap();
            assert!(questions.is_right(place, &right, InForce::Old));
            assert!(!questions.is_right(place, &refusal(&question), InForce::Old));
            assert!(!questions.is_right(questions.after(place), &right, InForce::Old));
            let other = answer_to(questions.question(questions.after(place)).unwrap().0).unwrap();
            let mut mixed_up = right.clone();
            let end = right.len() - usize::from(question[11]) * EDNS.len();
            mixed_up[end - 1] ^= 1;
            assert!(!questions.is_right(place, &mixed_up, InForce::Old), "{other:?}");
        }
    }

    #[test]
    fn during_a_swap_either_answer_is_right_and_after_it_only_the_new() {
        for (expected, old, new) in
            [(Expected::BlockedBefore, true, false), (Expected::BlockedAfter, false, true)]
        {
            let questions = questions(expected);
            let answer = refusal(questions.question(0).unwrap().0);
            assert_eq!(questions.is_right(0, &answer, InForce::Old), old);
            assert_eq!(questions.is_right(0, &answer, InForce::New), new);
            assert!(questions.is_right(0, &answer, InForce::Either));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let questions = questions(Expected::Address);
            let _ = questions.is_right(0, &bytes, InForce::Either);
            let _ = answer_to(&bytes);
        }
    }
}
