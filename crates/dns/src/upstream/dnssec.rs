//! Checking signatures (RFC 4033 to 4035) over our own exchange: `hickory-net` builds the chain from the trust anchors
//! down, we fetch what it asks for and keep it.
//!
//! Upstreams are asked with `CD`, so that what is wrong comes here and can be told. Where a chain is broken the answer
//! is `SERVFAIL` with the reason; where a zone is unsigned, and its parent proves that, the answer passes without `AD`.
//! A client that sets `CD` checks for itself and gets what the upstream has.
//!
//! The library writes names it works on into the log; it is kept quiet here, since names that people visit have no
//! place there.

use super::{ExchangeError, Fetched, NoUpstreamAnswered, PATIENCE, Upstreams, failure};
use crate::answer::{Answer, Explained};
use crate::cache::{AnswerCache, Key, Look, Question};
use futures_util::{StreamExt, stream};
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::rdata::{DNSSECRData, DS};
use hickory_proto::dnssec::{Proof, PublicKey as _, TrustAnchors};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::Clock;
use std::pin::Pin;
use std::sync::Arc;
use tokio::time::timeout;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

/// Reasons of RFC 8914, 4.6 to 4.13.
const INDETERMINATE: u16 = 5;
const BOGUS: u16 = 6;
const SIGNATURE_EXPIRED: u16 = 7;
const SIGNATURE_NOT_YET_VALID: u16 = 8;
const KEYS_MISSING: u16 = 9;
const SIGNATURES_MISSING: u16 = 10;
const PROOF_OF_ABSENCE_MISSING: u16 = 12;
/// The most aliases that are put in order.
const MOST_ALIASES: usize = 16;

/// Asks upstreams and believes only what is proven, or proven to be unsigned.
pub(super) struct Validator {
    chain: DnssecDnsHandle<Exchange>,
    exchange: Exchange,
    clock: Clock,
}

/// How the library reaches upstreams.
#[derive(Clone)]
struct Exchange {
    upstreams: Arc<Upstreams>,
    cache: Arc<AnswerCache>,
    clock: Clock,
}

impl Validator {
    pub(super) fn new(
        upstreams: Arc<Upstreams>,
        cache: Arc<AnswerCache>,
        anchors: TrustAnchors,
        clock: Clock,
    ) -> Self {
        let exchange = Exchange { upstreams, cache, clock: clock.clone() };
        let chain = DnssecDnsHandle::with_trust_anchor(exchange.clone(), Arc::new(anchors));
        Self { chain, exchange, clock }
    }

    /// Asks and checks, within the time of any question.
    pub(super) async fn ask(&self, question: &Question) -> Result<Fetched, NoUpstreamAnswered> {
        let query = Query::query(question.name.clone(), question.record_type);
        let mut responses = self.chain.lookup(query, DnsRequestOptions::default());
        let first = responses.next().with_subscriber(NoSubscriber::new());
        let no_answer = || NoUpstreamAnswered(failure(&ExchangeError::NoAnswer));
        let response = timeout(PATIENCE, first).await.map_err(|_| no_answer())?.ok_or_else(no_answer)?;
        let message = match response {
            Ok(response) => response.into_message(),
            Err(NetError::Dns(DnsError::Nsec { response, proof: Proof::Insecure, .. })) => {
                response.into_message()
            }
            Err(NetError::Dns(DnsError::Nsec { response, .. })) => {
                return Err(bogus(self.why_absence(&response.into_message())));
            }
            Err(NetError::Timeout) => return Err(no_answer()),
            Err(error) => return Err(could_not(&error)),
        };
        let answer = self.judge(question, message)?;
        Ok(Fetched { answer, cut: false })
    }

    /// The answer, where every record of it is proven or proven to be unsigned.
    fn judge(&self, question: &Question, message: Message) -> Result<Answer, NoUpstreamAnswered> {
        let deciding = if message.answers.is_empty() { &message.authorities } else { &message.answers };
        let proofs = || deciding.iter().filter(|record| !is_signature(record)).map(|record| record.proof);
        if proofs().any(|proof| proof == Proof::Bogus) {
            return Err(bogus(self.why(deciding)));
        }
        if proofs().any(|proof| proof == Proof::Indeterminate) {
            return Err(bogus((INDETERMINATE, "the signatures could not be checked")));
        }
        let authentic = proofs().next().is_some() && proofs().all(|proof| proof == Proof::Secure);
        let mut answers = in_order(&question.name, message.answers);
        let mut authorities = message.authorities;
        if !question.dnssec_ok {
            let is_wanted = |record: &Record| {
                !is_of_dnssec(record.record_type()) || record.record_type() == question.record_type
            };
            answers.retain(is_wanted);
            authorities.retain(is_wanted);
        }
        let code = message.metadata.response_code;
        Ok(Answer { answers, authorities, authentic, ..Answer::of_code(code) })
    }

    /// What is wrong with the records that could not be proven, as far as can be told from them.
    fn why(&self, records: &[Record]) -> (u16, &'static str) {
        let now_s = u32::try_from(self.clock.now().0 / 1_000).unwrap_or(u32::MAX);
        let bad = records.iter().filter(|record| record.proof == Proof::Bogus && !is_signature(record));
        for record in bad {
            let signatures: Vec<_> = records
                .iter()
                .filter(|other| other.name == record.name)
                .filter_map(|other| match &other.data {
                    RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature.input()),
                    _ => None,
                })
                .filter(|input| input.type_covered == record.record_type())
                .collect();
            if signatures.is_empty() {
                return (SIGNATURES_MISSING, "a signed zone's answer came without signatures");
            }
            // Times count in a circle (RFC 4034, 3.1.5), which matters not before 2106.
            if signatures.iter().all(|input| input.sig_expiration.get() < now_s) {
                return (SIGNATURE_EXPIRED, "the signatures have expired");
            }
            if signatures.iter().all(|input| input.sig_inception.get() > now_s) {
                return (SIGNATURE_NOT_YET_VALID, "the signatures are not valid yet");
            }
            if signatures.iter().any(|input| self.exchange.lacks_keys(&input.signer_name)) {
                return (KEYS_MISSING, "the zone has none of the keys that the zone above vouches for");
            }
        }
        (BOGUS, "the signatures do not prove the answer")
    }

    fn why_absence(&self, message: &Message) -> (u16, &'static str) {
        if message.authorities.iter().any(|record| record.proof == Proof::Bogus) {
            return self.why(&message.authorities);
        }
        let is_proof = |record: &Record| matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3);
        if message.authorities.iter().any(is_proof) {
            return (BOGUS, "the zone does not prove that there is nothing");
        }
        (PROOF_OF_ABSENCE_MISSING, "a signed zone's answer came without proof that there is nothing")
    }
}

impl DnsHandle for Exchange {
    type Response = Pin<Box<dyn stream::Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let exchange = self.clone();
        Box::pin(stream::once(async move { exchange.answer(&request).await }))
    }
}

impl Exchange {
    async fn answer(&self, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let query = request.queries.first().ok_or(NetError::Message("expected a question"))?;
        let question = Question {
            name: query.name.to_lowercase(),
            record_type: query.query_type,
            dnssec_ok: true,
            checking_disabled: true,
        };
        let answer = self.fetch(&question).await?;
        let mut message = Message::response(request.metadata.id, OpCode::Query);
        message.metadata.response_code = answer.code;
        message.add_query(query.clone());
        message.answers = answer.answers;
        message.authorities = answer.authorities;
        Ok(DnsResponse::from_message(message)?)
    }

    /// From the cache, where it is about keys, else from the upstreams. Other records are kept only after they have been
    /// looked through, by whoever asked for them.
    async fn fetch(&self, question: &Question) -> Result<Answer, NetError> {
        let key = is_about_keys(question.record_type).then(|| Key::of(question));
        if let Some(key) = &key
            && let Look::Fresh(kept) | Look::Ageing(kept) = self.cache.look(key.as_ref(), self.clock.now())
        {
            return Ok(kept.answer(key, self.clock.now()));
        }
        let mut fetched = self.upstreams.ask(question).await.map_err(|NoUpstreamAnswered(failure)| {
            let waited_in_vain =
                failure.explained.iter().any(|why| why.code() == Explained::NO_REACHABLE_AUTHORITY);
            if waited_in_vain { NetError::Timeout } else { NetError::Message("the upstream could not tell") }
        })?;
        // What the upstream says of it is no proof here.
        fetched.answer.authentic = false;
        if let Some(key) = key {
            self.cache.keep(key, &fetched.answer, self.clock.now());
        }
        Ok(fetched.answer)
    }

    /// True where the zone above has digests of keys, and not one of the zone's keys is among them by its tag and
    /// algorithm (RFC 8914, 4.10). As far as is known: nothing is asked for it.
    fn lacks_keys(&self, zone: &Name) -> bool {
        let keys = self.known(zone, RecordType::DNSKEY);
        let has = |digest: &DS| {
            keys.iter().any(|key| match key {
                DNSSECRData::DNSKEY(key) => {
                    key.calculate_key_tag().is_ok_and(|tag| tag == digest.key_tag())
                        && key.public_key().algorithm() == digest.algorithm()
                }
                _ => false,
            })
        };
        let mut digests = self.known(zone, RecordType::DS).into_iter().filter_map(|record| match record {
            DNSSECRData::DS(digest) => Some(digest),
            _ => None,
        });
        let Some(first) = digests.next() else { return false };
        !has(&first) && !digests.any(|digest| has(&digest))
    }

    /// What is kept of a zone's keys or digests.
    fn known(&self, zone: &Name, record_type: RecordType) -> Vec<DNSSECRData> {
        let (dnssec_ok, checking_disabled) = (true, true);
        let question = Question { name: zone.to_lowercase(), record_type, dnssec_ok, checking_disabled };
        let key = Key::of(&question);
        let now = self.clock.now();
        let (Look::Fresh(kept) | Look::Ageing(kept)) = self.cache.look(key.as_ref(), now) else {
            return Vec::new();
        };
        let records = kept.answer(&key, now).answers.into_iter();
        records
            .filter_map(|record| match record.data {
                RData::DNSSEC(data) => Some(data),
                _ => None,
            })
            .collect()
    }
}

/// What the chain is made of: nothing in it is ever taken out of an answer.
fn is_about_keys(record_type: RecordType) -> bool {
    matches!(record_type, RecordType::DNSKEY | RecordType::DS | RecordType::NS)
}

fn is_of_dnssec(record_type: RecordType) -> bool {
    matches!(
        record_type,
        RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3 | RecordType::DS | RecordType::DNSKEY
    )
}

fn is_signature(record: &Record) -> bool {
    record.record_type() == RecordType::RRSIG
}

/// The records in the order of the aliases, each with its signatures after it; what belongs to none of them last.
fn in_order(name: &Name, mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(is_signature);
    let mut ordered = Vec::with_capacity(records.len());
    let mut name = name.clone();
    for _ in 0..MOST_ALIASES {
        let (here, others): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.name == name);
        records = others;
        let next = here.iter().find_map(|record| match &record.data {
            RData::CNAME(target) => Some(target.0.clone()),
            _ => None,
        });
        ordered.extend(here);
        match next {
            Some(next) => name = next,
            None => break,
        }
    }
    ordered.extend(records);
    ordered
}

fn bogus((code, words): (u16, &'static str)) -> NoUpstreamAnswered {
    NoUpstreamAnswered(Answer::of_code(ResponseCode::ServFail).explain(Explained::new(code, words)))
}

fn could_not(error: &NetError) -> NoUpstreamAnswered {
    // The library's words may hold names; only ours are passed on.
    let words = match error {
        NetError::Message(words) => words,
        _ => "the answer could not be checked",
    };
    let why = Explained::new(Explained::NETWORK_ERROR, words);
    NoUpstreamAnswered(Answer::of_code(ResponseCode::ServFail).explain(why))
}

#[cfg(test)]
mod tests;
