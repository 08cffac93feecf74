//! The chain every question goes through, and the event it leaves behind.

use crate::answer::{Answer, Explained, Family, OWN_TTL_S, address_records};
use crate::cache::{AnswerCache, Question};
use crate::config::{self, LocalNames};
use crate::query::{self, Asked, Received, Wire};
use crate::scrub::{PrivateAddresses, scrub};
use crate::upstream::{NoUpstreamAnswered, Upstreams};
use crate::{DnsConfig, DnsError, DnsPorts, blocked, cloak, special};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, HINFO};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::{AccessEvent, Ask, Channel, EventOutcome, Host, Outcome, Target, Timestamp, Verdict};
use policy::{Snapshot, is_outsider};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How long a local name's addresses are kept by clients, in seconds.
const LOCAL_TTL_S: u32 = 60;

/// How long clients keep what came from upstream at most, in seconds, so that a change of the policy or the end of a
/// lunch hour is felt by those who have just been there. The cache here keeps it for its own time.
const CLIENT_TTL_S: u32 = 300;

/// Names that exist only within a site, so that a private address is what they ought to have: RFC 8375, RFC 6762, and
/// the name ICANN keeps free for private use (resolution 2024.07.29.06).
const PRIVATE_BY_NATURE: [&str; 3] = ["home.arpa", "local", "internal"];

/// Everything needed to answer a question.
pub(crate) struct Chain {
    ports: DnsPorts,
    local_names: LocalNames,
    private_suffixes: Vec<String>,
    gate: Vec<IpAddr>,
    cache: AnswerCache,
    upstreams: Upstreams,
}

/// How a question that was put to the policy ended.
struct Settled {
    answer: Answer,
    verdict: Verdict,
    outcome: EventOutcome,
}

impl Chain {
    /// `listening` are the server's own addresses, none of which may be an upstream.
    pub(crate) fn new(
        config: &DnsConfig,
        ports: DnsPorts,
        listening: &[SocketAddr],
    ) -> Result<Self, DnsError> {
        let upstreams = config::upstreams(config, listening)?;
        let mut private_suffixes = config::suffixes(&config.private_suffixes)?;
        private_suffixes.extend(PRIVATE_BY_NATURE.map(str::to_owned));
        Ok(Self {
            local_names: LocalNames::new(&config.local_names)?,
            private_suffixes,
            gate: config.block_page_addresses.clone(),
            cache: AnswerCache::new(config.cache_entries),
            upstreams: Upstreams::new(upstreams, config.upstream_wait, ports.clock.clone()),
            ports,
        })
    }

    /// The answer to a message, as bytes; `None` where none is due.
    pub(crate) async fn answer(&self, bytes: &[u8], from: IpAddr, wire: Wire) -> Option<Vec<u8>> {
        match query::read(bytes, wire) {
            Received::Dropped => None,
            Received::Refused(bytes) => Some(bytes),
            Received::Asked(asked) => Some(self.settle(&asked, from).await.encode(&asked)),
        }
    }

    /// The chain. The first step that has an answer gives it; the order is part of the meaning:
    ///
    /// 1. Outsiders are refused, so that the gate is nobody's amplifier and its policy nobody's to read.
    /// 2. Special names before the policy: they are software's questions to the network, not visits, and their answer
    ///    keeps software from going round every step below. They leave no event.
    /// 3. The root is no site; it is looked up for clients that check signatures. It leaves no event.
    /// 4. The verdict, before anything that answers: no kept answer outlives a change of the policy, and no name of the
    ///    settings opens what the policy shuts. The gate's own names pass by the verdict's own layer for them.
    /// 5. A blocked name is answered with the reason, and no upstream learns of it.
    /// 6. An allowed local name is answered with the addresses of the settings.
    /// 7. A rewritten name is answered with its safe form.
    /// 8. `ANY` is answered with next to nothing (RFC 8482).
    /// 9. What is left is looked up: cache, then upstreams.
    /// 10. The names behind the answer are judged last, for whoever asks, since they are not known before.
    async fn settle(&self, asked: &Asked, from: IpAddr) -> Answer {
        let at = self.ports.clock.now();
        let snapshot = self.ports.snapshot.get();
        let who = snapshot.who(from, at, &self.ports.roster.get(), &self.ports.identities);
        if is_outsider(&who) {
            return query::refuse_outsider();
        }
        if let Some(answer) = special::answer(asked) {
            return answer;
        }
        let Some(host) = asked.host.clone() else {
            return self.settle_root(asked).await;
        };
        let ask = Ask { who, what: Target::host(host), how: Channel::Dns, at };
        let verdict = snapshot.decide(&ask);
        let local = asked.exact_host().and_then(|host| self.local_names.get(host));
        let settled = match (verdict.outcome, local) {
            (Outcome::Block, _) => self.settle_blocked(asked, verdict),
            (Outcome::Allow, Some(addresses)) => settle_local(asked, addresses, verdict),
            (Outcome::Allow, None) => self.settle_allowed(asked, &ask, &snapshot, verdict).await,
        };
        self.record(&ask, asked, &settled);
        settled.answer
    }

    async fn settle_root(&self, asked: &Asked) -> Answer {
        if !asked.name().is_root() {
            return Answer::of_code(ResponseCode::Refused);
        }
        self.look_up(asked.name(), asked).await.unwrap_or_else(|NoUpstreamAnswered(failure)| failure)
    }

    fn settle_blocked(&self, asked: &Asked, verdict: Verdict) -> Settled {
        let answer = blocked::answer(asked, &verdict, &self.gate);
        Settled { answer, verdict, outcome: EventOutcome::Blocked }
    }

    /// Steps 7 to 10.
    async fn settle_allowed(
        &self,
        asked: &Asked,
        ask: &Ask,
        snapshot: &Snapshot,
        verdict: Verdict,
    ) -> Settled {
        let looked_up = match &verdict.rewrite {
            Some(rewrite) if has_safe_form(asked.record_type()) => self.safe_form(asked, &rewrite.to).await,
            _ if asked.record_type() == RecordType::ANY => Ok(next_to_nothing(asked.name())),
            _ => self.look_up(asked.name(), asked).await,
        };
        let answer = match looked_up {
            Ok(answer) => answer,
            Err(NoUpstreamAnswered(answer)) => {
                return Settled { answer, verdict, outcome: EventOutcome::Failed };
            }
        };
        let Some(behind) = cloak::hosts_behind(&answer) else {
            let why =
                Explained::new(Explained::NETWORK_ERROR, "the upstream's answer leads to too many names");
            let answer = Answer::of_code(ResponseCode::ServFail).explain(why);
            return Settled { answer, verdict, outcome: EventOutcome::Failed };
        };
        if let Some(uncloaked) = cloak::uncloak(snapshot, ask, verdict.reason.layer, &behind) {
            let mut verdict = uncloaked.verdict;
            verdict.reason.entry.get_or_insert_with(|| format!("CNAME {}", uncloaked.host).into());
            return self.settle_blocked(asked, verdict);
        }
        let nothing_left =
            answer.withheld && !answer.answers.iter().any(|record| record.data.ip_addr().is_some());
        let outcome = if nothing_left { EventOutcome::RefusedOrigin } else { EventOutcome::Allowed };
        Settled { answer, verdict, outcome }
    }

    /// The safe form of a search engine: an alias, and where it leads. Its `HTTPS` and `SVCB` records are withheld, for
    /// they would lead back to the usual form.
    async fn safe_form(&self, asked: &Asked, to: &str) -> Result<Answer, NoUpstreamAnswered> {
        let why = Explained::new(Explained::FORGED, "school filter: safe search");
        let target = match (asked.record_type(), Name::from_ascii(format!("{to}."))) {
            (RecordType::A | RecordType::AAAA | RecordType::CNAME, Ok(target)) => target,
            _ => return Ok(Answer::nothing_of_this_type(asked.name()).explain(why)),
        };
        let alias = RData::CNAME(CNAME(target.clone()));
        let alias = Record::from_rdata(asked.name().clone(), OWN_TTL_S, alias);
        if asked.record_type() == RecordType::CNAME {
            return Ok(Answer::of_records(vec![alias]).explain(why));
        }
        let mut answer = self.look_up(&target, asked).await?;
        answer.answers.insert(0, alias);
        answer.authentic = false;
        Ok(answer.explain(why))
    }

    /// Looks a name up, with the type and bits of the question.
    async fn look_up(&self, name: &Name, asked: &Asked) -> Result<Answer, NoUpstreamAnswered> {
        let mut answer = self.kept_or_fetched(name, asked).await?;
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = record.ttl.min(CLIENT_TTL_S);
        }
        Ok(answer)
    }

    /// From the cache, else from the upstreams.
    async fn kept_or_fetched(&self, name: &Name, asked: &Asked) -> Result<Answer, NoUpstreamAnswered> {
        let question = Question {
            name: name.to_lowercase(),
            record_type: asked.record_type(),
            dnssec_ok: asked.dnssec_ok,
            checking_disabled: asked.checking_disabled,
        };
        if let Some(answer) = self.cache.get(&question, self.ports.clock.now()) {
            return Ok(answer);
        }
        let fetched = self.upstreams.ask(&question).await?;
        let mut answer = fetched.answer;
        scrub(&mut answer, self.private_addresses(name));
        self.cache.put(question, &answer, fetched.bytes, self.ports.clock.now());
        Ok(answer)
    }

    fn private_addresses(&self, name: &Name) -> PrivateAddresses {
        let host = query::judged_host(name);
        let is_ours = |host: Host| self.private_suffixes.iter().any(|suffix| host.is_at_or_below(suffix));
        if host.is_some_and(is_ours) { PrivateAddresses::Keep } else { PrivateAddresses::Withhold }
    }

    /// Puts a settled question into the history.
    fn record(&self, ask: &Ask, asked: &Asked, settled: &Settled) {
        let took_ms = took_ms(ask.at, self.ports.clock.now());
        let event = AccessEvent::of(ask, &settled.verdict, type_text(asked.record_type()));
        self.ports.events.send(AccessEvent { outcome: settled.outcome, took_ms, ..event });
    }
}

fn settle_local(asked: &Asked, addresses: &[IpAddr], verdict: Verdict) -> Settled {
    let name = asked.name();
    let records = match asked.record_type() {
        RecordType::A => address_records(name, addresses, Family::V4, LOCAL_TTL_S),
        RecordType::AAAA => address_records(name, addresses, Family::V6, LOCAL_TTL_S),
        _ => Vec::new(),
    };
    let answer =
        if records.is_empty() { Answer::nothing_of_this_type(name) } else { Answer::of_records(records) };
    Settled { answer, verdict, outcome: EventOutcome::Allowed }
}

fn has_safe_form(record_type: RecordType) -> bool {
    matches!(
        record_type,
        RecordType::A | RecordType::AAAA | RecordType::CNAME | RecordType::HTTPS | RecordType::SVCB
    )
}

/// The answer to `ANY` (RFC 8482, 4.2).
fn next_to_nothing(name: &Name) -> Answer {
    let data = HINFO::from_bytes(b"RFC8482".as_slice().into(), b"".as_slice().into());
    Answer::of_records(vec![Record::from_rdata(name.clone(), LOCAL_TTL_S, RData::HINFO(data))])
}

/// A type as the field writes it; one without a name by its number (RFC 3597, 5).
fn type_text(record_type: RecordType) -> Arc<str> {
    match record_type {
        RecordType::Unknown(number) => format!("TYPE{number}").into(),
        known => known.to_string().into(),
    }
}

fn took_ms(from: Timestamp, until: Timestamp) -> u32 {
    u32::try_from(until.0.saturating_sub(from.0).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_without_a_name_is_written_by_its_number() {
        assert_eq!(&*type_text(RecordType::AAAA), "AAAA");
        assert_eq!(&*type_text(RecordType::Unknown(4_242)), "TYPE4242");
    }
}
