//! An answer before it is bytes, and how it becomes bytes of the right size.

use crate::query::{Asked, HEAD_BYTES};
use crate::reply::{EXPLANATION_LIMIT_BYTES, Reply, Told};
use hickory_proto::ProtoError;
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::Record;

pub(crate) use crate::reply::{EXPLANATION_OPTION, OUR_UDP_LIMIT_BYTES};

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

    /// Its code.
    pub(crate) fn code(&self) -> u16 {
        self.code
    }

    /// As a reply tells it.
    pub(crate) fn told(&self) -> Told<'_> {
        (self.code, &self.text)
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

    /// These records.
    pub(crate) fn of_records(answers: Vec<Record>) -> Self {
        Self { answers, ..Self::of_code(ResponseCode::NoError) }
    }

    /// This answer with an explanation.
    pub(crate) fn explain(mut self, explained: Explained) -> Self {
        self.explained.push(explained);
        self
    }

    /// Appends the answer's bytes for whoever asked.
    pub(crate) fn write(&self, asked: &Asked, out: &mut Vec<u8>) {
        let told: Vec<Told<'_>> = self.explained.iter().map(Explained::told).collect();
        let sections = match self.sections(asked) {
            Ok(sections) => sections,
            Err(error) => {
                tracing::warn!(%error, "an answer could not be written");
                return Reply::begin(asked, ResponseCode::ServFail, out).end(&[]);
            }
        };
        let mut reply = Reply::begin(asked, self.code, out);
        if self.authentic {
            reply.prove();
        }
        let count = |records: &[Record]| u16::try_from(records.len()).unwrap_or(u16::MAX);
        reply.sections(&sections, count(&self.answers), count(&self.authorities));
        reply.end(&told);
    }

    /// The records as bytes, as they stand after the question.
    fn sections(&self, asked: &Asked) -> Result<Vec<u8>, ProtoError> {
        let mut message = Message::response(asked.id, OpCode::Query);
        message.add_query(Query::query(asked.name(), asked.record_type()));
        message.answers.clone_from(&self.answers);
        message.authorities.clone_from(&self.authorities);
        let mut bytes = message.to_vec()?;
        bytes.drain(..bytes.len().min(HEAD_BYTES + asked.wire_question().len()));
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_reads_back_and_is_cut_between_characters() {
        let explained = Explained::new(17, "category Gambling");
        assert_eq!(Explained::read(&explained.to_bytes()), Some(explained));
        assert_eq!(Explained::read(&[1]), None);
        assert_eq!(Explained::new(15, "\u{e9}".repeat(400)).told().1.len(), EXPLANATION_LIMIT_BYTES);
    }
}
