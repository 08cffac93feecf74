//! Upstream answers, kept for as long as they say. It holds no verdicts: the policy is asked before every look here.

use crate::answer::Answer;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::Timestamp;
use quick_cache::{Weighter, sync};
use std::sync::Arc;

/// The longest an answer is kept, in seconds: a day.
const LONGEST_S: u32 = 86_400;
/// The longest a "no" is kept, in seconds: an hour, well within RFC 2308, 5.
const LONGEST_NO_S: u32 = 3_600;

/// What an entry is reckoned to weigh when the bound is worked out, in bytes of the upstream's message. Real answers
/// average below it; somebody who asks for huge ones fills his share sooner.
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

#[derive(Clone)]
struct Kept {
    answer: Arc<Answer>,
    since: Timestamp,
    lasts_s: u32,
    bytes: u64,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Question, Kept> for ByBytes {
    fn weight(&self, _: &Question, kept: &Kept) -> u64 {
        kept.bytes.max(1)
    }
}

/// Answers, bounded by their bytes.
pub(crate) struct AnswerCache(sync::Cache<Question, Kept, ByBytes>);

impl AnswerCache {
    pub(crate) fn new(entries: usize) -> Self {
        let bytes = u64::try_from(entries).unwrap_or(u64::MAX).saturating_mul(USUAL_BYTES);
        Self(sync::Cache::with_weighter(entries, bytes, ByBytes))
    }

    /// The kept answer with its times to live run down to now; `None` when there is none or it has run out.
    pub(crate) fn get(&self, question: &Question, now: Timestamp) -> Option<Answer> {
        let kept = self.0.get(question)?;
        let age_s = u32::try_from(now.0.saturating_sub(kept.since.0).max(0) / 1_000).unwrap_or(u32::MAX);
        if age_s >= kept.lasts_s {
            self.0.remove(question);
            return None;
        }
        let mut answer = Answer::clone(&kept.answer);
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = record.ttl.saturating_sub(age_s);
        }
        Some(answer)
    }

    /// Keeps an answer, where it may be kept. `bytes` is the length of the message it came in.
    pub(crate) fn put(&self, question: Question, answer: &Answer, bytes: usize, now: Timestamp) {
        let lasts_s = lasts_s(question.record_type, answer);
        if lasts_s > 0 {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.0.insert(question, Kept { answer: Arc::new(answer.clone()), since: now, lasts_s, bytes });
        }
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
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, CNAME, SOA};

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
    fn a_kept_answer_ages_and_then_is_gone() {
        let cache = AnswerCache::new(10);
        cache.put(question(), &Answer::of_records(vec![a(60)]), 64, Timestamp(0));
        assert_eq!(cache.get(&question(), Timestamp(45_999)).unwrap().answers[0].ttl, 15);
        assert_eq!(cache.get(&question(), Timestamp(60_000)), None);
        let signed = Question { dnssec_ok: true, ..question() };
        assert_eq!(cache.get(&signed, Timestamp(0)), None);
    }

    #[test]
    fn a_clock_that_goes_back_makes_nothing_older_or_younger() {
        let cache = AnswerCache::new(10);
        cache.put(question(), &Answer::of_records(vec![a(60)]), 64, Timestamp(10_000));
        assert_eq!(cache.get(&question(), Timestamp(0)).unwrap().answers[0].ttl, 60);
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
        let cache = AnswerCache::new(8);
        for number in 0..1_000 {
            let question = Question { name: name(&format!("n{number}.test.")), ..question() };
            cache.put(question, &Answer::of_records(vec![a(60)]), 512, Timestamp(0));
        }
        assert!(cache.0.len() <= 8);
    }
}
