//! Upstream answers, kept as the bytes they will be sent as, for as long as they say and, for the day on which every
//! upstream is gone, a while longer (RFC 8767). It holds no verdicts: the policy is asked before every look here.
//!
//! Invariants: bounded by bytes; a look neither decodes nor copies an answer; locks are per shard.

mod kept;
mod wire;

pub(crate) use kept::{Kept, RenderContext};

use crate::answer::Answer;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use model::Timestamp;
use quick_cache::{Equivalent, Weighter, sync};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The longest an answer is kept, in seconds: a day.
const LONGEST_S: u32 = 86_400;
/// The longest a "no" is kept, in seconds: an hour, well within RFC 2308, 5.
const LONGEST_NO_S: u32 = 3_600;

/// What an entry is reckoned to weigh when the bound is worked out, in bytes. Real answers average below it; somebody
/// who asks for huge ones fills his share sooner.
const USUAL_BYTES: u64 = 512;

/// What is asked of an upstream, and what answers are kept by.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Question {
    /// The name, in lower case.
    pub(crate) name: Name,
    /// The type.
    pub(crate) record_type: RecordType,
    /// With signatures.
    pub(crate) dnssec_ok: bool,
    /// Unchecked by the upstream.
    pub(crate) checking_disabled: bool,
}

/// A [`Question`] as bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    name: Box<[u8]>,
    record_type: u16,
    bits: u8,
}

/// A [`Key`] that borrows its name, for a look without a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyRef<'a> {
    /// The name on the wire, its letters in lower case, to its last, empty label.
    pub(crate) name: &'a [u8],
    /// The type, by number.
    pub(crate) record_type: u16,
    /// With signatures.
    pub(crate) dnssec_ok: bool,
    /// Unchecked by the upstream.
    pub(crate) checking_disabled: bool,
}

impl KeyRef<'_> {
    fn bits(self) -> u8 {
        u8::from(self.dnssec_ok) | u8::from(self.checking_disabled) << 1
    }

    /// The key with a name of its own.
    pub(crate) fn to_key(self) -> Key {
        Key { name: self.name.into(), record_type: self.record_type, bits: self.bits() }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_parts(self.name, self.record_type, self.bits(), state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_parts(&self.name, self.record_type, self.bits, state);
    }
}

fn hash_parts(name: &[u8], record_type: u16, bits: u8, state: &mut impl Hasher) {
    state.write(name);
    state.write_u32(u32::from(record_type) << 8 | u32::from(bits));
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self == key.as_ref()
    }
}

impl Key {
    /// The key of a question.
    pub(crate) fn of(question: &Question) -> Self {
        let mut name = Vec::with_capacity(question.name.len() + 1);
        for label in &question.name {
            name.extend(u8::try_from(label.len()));
            name.extend(label.iter().map(u8::to_ascii_lowercase));
        }
        name.push(0);
        let (dnssec_ok, checking_disabled) = (question.dnssec_ok, question.checking_disabled);
        let record_type = question.record_type.into();
        KeyRef { name: &name, record_type, dnssec_ok, checking_disabled }.to_key()
    }

    /// The question of a key; `None` where its name is none.
    pub(crate) fn to_question(&self) -> Option<Question> {
        let KeyRef { dnssec_ok, checking_disabled, .. } = self.as_ref();
        let record_type = self.record_type();
        Some(Question { name: self.to_name()?, record_type, dnssec_ok, checking_disabled })
    }

    /// The key, borrowed.
    pub(crate) fn as_ref(&self) -> KeyRef<'_> {
        let (dnssec_ok, checking_disabled) = (self.bits & 1 != 0, self.bits & 2 != 0);
        KeyRef { name: &self.name, record_type: self.record_type, dnssec_ok, checking_disabled }
    }

    fn name(&self) -> &[u8] {
        &self.name
    }

    fn to_name(&self) -> Option<Name> {
        Name::read(&mut BinDecoder::new(&self.name)).ok()
    }

    fn record_type(&self) -> RecordType {
        RecordType::from(self.record_type)
    }
}

/// What is known of a question.
#[derive(Clone, Debug)]
pub(crate) enum Look {
    /// An answer to give.
    Fresh(Arc<Kept>),
    /// An answer to give, and to renew beside: it is asked for often and near its end. Said once for each renewal.
    Ageing(Arc<Kept>),
    /// An answer that has run out, to be given only where no new one can be had.
    Stale(Arc<Kept>),
    /// Nothing.
    Nothing,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Arc<Kept>> for ByBytes {
    fn weight(&self, key: &Key, kept: &Arc<Kept>) -> u64 {
        kept.bytes().saturating_add(u64::try_from(key.name.len()).unwrap_or(0))
    }
}

/// Answers, bounded by their bytes.
pub(crate) struct AnswerCache {
    answers: sync::Cache<Key, Arc<Kept>, ByBytes>,
    stale_s: u32,
}

impl AnswerCache {
    /// `entries` of usual size; what has run out is held for `stale_s` seconds more.
    pub(crate) fn new(entries: usize, stale_s: u32) -> Self {
        let bytes = u64::try_from(entries).unwrap_or(u64::MAX).saturating_mul(USUAL_BYTES);
        Self { answers: sync::Cache::with_weighter(entries, bytes, ByBytes), stale_s }
    }

    /// What is kept for a question. Neither waits, nor decodes, nor allocates.
    pub(crate) fn look(&self, key: KeyRef<'_>, now: Timestamp) -> Look {
        let Some(kept) = self.answers.get(&key) else { return Look::Nothing };
        let age_s = kept.age_s(now);
        if age_s < kept.lasts_s() {
            return if kept.asked_and_due(now) { Look::Ageing(kept) } else { Look::Fresh(kept) };
        }
        if age_s < kept.lasts_s().saturating_add(self.stale_s) {
            return Look::Stale(kept);
        }
        self.answers.remove(&key);
        Look::Nothing
    }

    /// Keeps an answer, where it may be kept; either way it is given back for those who wait. `None` where it cannot be
    /// written as one message.
    pub(crate) fn keep(&self, key: Key, answer: &Answer, now: Timestamp) -> Option<Arc<Kept>> {
        let kept = Arc::new(Kept::new(&key, answer, now)?);
        if kept.lasts_s() > 0 {
            self.answers.insert(key, Arc::clone(&kept));
        }
        Some(kept)
    }
}

/// Brings times to live into bounds: at most a day; one with its highest bit set counts as 0 (RFC 2181, 8).
pub(crate) fn bound_times(answer: &mut Answer) {
    for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
        record.ttl = if record.ttl > u32::MAX / 2 { 0 } else { record.ttl.min(LONGEST_S) };
    }
}

/// How long an answer may be kept, in seconds: 0 when not at all. A failure never is, nor a "no" without its `SOA`.
fn lasts_s(record_type: RecordType, answer: &Answer) -> u32 {
    if !matches!(answer.code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return 0;
    }
    let records = answer.answers.iter().map(|record| record.ttl).min().unwrap_or(LONGEST_S);
    let found = answer.answers.iter().any(|record| record.record_type() == record_type);
    let limit = if answer.code == ResponseCode::NoError && found {
        LONGEST_S
    } else {
        answer.authorities.iter().find_map(no_lasts_s).unwrap_or(0).min(LONGEST_NO_S)
    };
    records.min(limit)
}

fn no_lasts_s(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(soa.minimum.min(record.ttl)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
