//! The chain every question goes through, and the event it leaves behind.
//!
//! A question is begun where it is read, without waiting, and most end there. What needs an upstream is finished by a
//! task of its own.

use crate::answer::{Answer, Explained};
use crate::blocked::{self, Blocked};
use crate::cache::{self, Kept, Key, KeyRef, Look, RenderContext};
use crate::client::{Caller, Client, Desk, Log, Moment, type_text};
use crate::config::{self, Discovery, LocalNames};
use crate::query::{Asked, NAME_LIMIT_BYTES, Received};
use crate::reply::{OWN_TTL_S, Reply};
use crate::special::SpecialNames;
use crate::upstream::{NoUpstreamAnswered, Resolver, UpstreamCounts};
use crate::{DnsConfig, DnsError, DnsPorts, cloak};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::{AccessEvent, Ask, DnsAnswer, EventOutcome, HandedOut, Host, Layer, Outcome, Timestamp, Verdict};
use policy::image::Trail;
use policy::{Snapshot, Viewpoint};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// How long a local name's addresses are kept by clients, in seconds.
const LOCAL_TTL_S: u32 = 60;

/// How long clients keep what came from upstream at most, in seconds, so that a change of the policy or the end of a
/// lunch hour is felt by those who have just been there. The cache here keeps it for its own time.
const CLIENT_TTL_S: u32 = 300;

/// What `ANY` is answered with: a processor by the name of the RFC, and no system (RFC 8482, 4.2).
const NEXT_TO_NOTHING: &[u8] = b"\x07RFC8482\x00";

/// Everything needed to answer a question.
pub(crate) struct Chain {
    ports: DnsPorts,
    local_names: LocalNames,
    special_names: SpecialNames,
    gate: Vec<IpAddr>,
    resolver: Arc<Resolver>,
    handed_out: Arc<HandedOut>,
}

/// A message to be answered, and what its reader knows of it already.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) received: &'a Received,
    pub(crate) caller: Caller,
    /// Where the caller was among the desk's clients a moment ago.
    pub(crate) client: Option<usize>,
    /// The names of its host, brought near.
    pub(crate) trail: Option<Trail<'a>>,
}

impl<'a> Question<'a> {
    /// A message of which nothing is known yet.
    pub(crate) fn of(received: &'a Received, caller: Caller) -> Self {
        Self { received, caller, client: None, trail: None }
    }
}

/// What became of a message at once.
pub(crate) enum Begun {
    /// Its answer is there.
    Answered,
    /// An answer to an outsider is there; not all of them need to be sent.
    Refused,
    /// It gets no answer.
    Dropped,
    /// An upstream must be asked.
    Later(Box<Pending>),
}

/// A question that waits for an upstream.
pub(crate) struct Pending {
    address: IpAddr,
    asked: Asked,
    key: Key,
    judged: Option<Judged>,
}

/// A question with its verdict, and all it takes to judge what its answer leads to.
struct Judged {
    ask: Ask,
    viewpoint: Viewpoint,
    snapshot: Arc<Snapshot>,
    verdict: Verdict,
    /// The name whose addresses are given instead: a safe form, or a list's alias of a blocked name.
    other_form: Option<Name>,
}

/// How an allowed question ended.
struct Ended {
    verdict: Verdict,
    outcome: EventOutcome,
}

impl Pending {
    /// Where the question came from.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}

impl Chain {
    /// `listening` are the server's own addresses, none of which may be an upstream. To be called within the runtime
    /// that asks the upstreams.
    pub(crate) fn new(
        config: &DnsConfig,
        ports: DnsPorts,
        listening: &[SocketAddr],
    ) -> Result<Self, DnsError> {
        let resolver = Resolver::new(&config::resolver(config, listening)?, ports.clock.clone())?;
        Ok(Self {
            local_names: LocalNames::new(&config.local_names)?,
            special_names: SpecialNames::new(Discovery::new(config)?.as_ref()),
            gate: config.block_page_addresses.clone(),
            resolver,
            handed_out: Arc::clone(&config.handed_out),
            ports,
        })
    }

    /// How the upstreams do.
    pub(crate) fn upstream_counts(&self) -> Vec<UpstreamCounts> {
        self.resolver.counts()
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// A place for one reader of questions to work at.
    pub(crate) fn desk(&self) -> Desk {
        Desk::new(&self.ports)
    }

    /// Takes up what is in force now: before each batch of questions, once they are there.
    pub(crate) fn open(&self, desk: &mut Desk) {
        desk.open(&self.ports);
    }

    /// Hands the events over: before the answers are sent.
    pub(crate) fn close(&self, desk: &mut Desk) {
        desk.close(&self.ports);
    }

    /// Answers a message at the end of `out`, as far as that can be done at once.
    pub(crate) fn begin(&self, question: Question<'_>, desk: &mut Desk, out: &mut Vec<u8>) -> Begun {
        match question.received {
            Received::Dropped => Begun::Dropped,
            Received::Broken(broken) => {
                broken.write(out);
                self.answered(question, desk)
            }
            Received::Unfit(asked, code) => {
                Reply::begin(asked, *code, out).end(&[]);
                self.answered(question, desk)
            }
            Received::Asked(asked) => self.settle(asked, question, desk, out),
        }
    }

    /// Answers a message with nothing but that it must be asked again by TCP.
    pub(crate) fn cut(&self, question: Question<'_>, desk: &mut Desk, out: &mut Vec<u8>) -> Begun {
        let Received::Asked(asked) = question.received else { return Begun::Dropped };
        Reply::begin(asked, ResponseCode::NoError, out).end_truncated();
        self.answered(question, desk)
    }

    /// An answer without a verdict: outsiders, whose addresses may be made up, get few of them.
    fn answered(&self, question: Question<'_>, desk: &mut Desk) -> Begun {
        let Desk { moment, clients, .. } = desk;
        let client = clients.find(question.caller, question.client, moment, &self.ports.identities);
        if client.is_some_and(|client| !client.is_outsider) { Begun::Answered } else { Begun::Refused }
    }

    /// The chain. The first step that has an answer gives it; the order is part of the meaning:
    ///
    /// 1. Outsiders are refused, so that the gate is nobody's amplifier and its policy nobody's to read.
    /// 2. Special names before the policy: they are software's questions to the network, not visits, and their answer
    ///    keeps software from going round every step below. They leave no event.
    /// 3. The root is no site; it is looked up for clients that check signatures. It leaves no event.
    /// 4. The verdict, before anything that answers: no kept answer outlives a change of the policy, and no name of the
    ///    settings opens what the policy shuts. The gate's own names pass by the verdict's own layer for them.
    /// 5. A blocked name is answered with the reason, and no upstream learns of it; where a list gives another name for it,
    ///    with where that leads.
    /// 6. An allowed local name is answered with the addresses of the settings.
    /// 7. A rewritten name is answered with its safe form.
    /// 8. `ANY` is answered with next to nothing (RFC 8482).
    /// 9. What is left is looked up: cache, then upstreams.
    /// 10. The names behind the answer are judged last, for whoever asks, since they are not known before.
    fn settle(&self, asked: &Asked, question: Question<'_>, desk: &mut Desk, out: &mut Vec<u8>) -> Begun {
        let (Desk { moment, clients, log, text }, caller) = (desk, question.caller);
        // There always is one; were there none, nobody would be known.
        let client = clients.find(caller, question.client, moment, &self.ports.identities);
        let Some(client) = client.filter(|client| !client.is_outsider) else {
            refuse_outsider(asked, out);
            return Begun::Refused;
        };
        if self.special_names.answer(asked, out) {
            return Begun::Answered;
        }
        let Some(host) = asked.host.clone() else {
            return self.settle_root(asked, caller.address, moment.now, out);
        };
        let verdict = client.verdict(host, asked.type_number, question.trail, moment);
        let alias = leads_on(asked).then(|| listed_alias(&verdict)).flatten();
        if let Some(target) = alias {
            let at = At { address: caller.address, client, moment, log, text, out };
            return later(asked, verdict, Some(target), at);
        }
        if verdict.outcome == Outcome::Block {
            let lasts_s = client_ttl_s(moment.now, client.viewpoint.until());
            blocked::write(asked, &verdict, Blocked { gate: &self.gate, lasts_s, text, out });
            log.note(client, verdict, EventOutcome::Blocked);
            return Begun::Answered;
        }
        if let Some(addresses) = asked.exact_host().and_then(|host| self.local_names.get(host)) {
            let lasts_s = client_ttl_s(moment.now, client.viewpoint.until());
            self.handed_out.note(addresses, LOCAL_TTL_S, moment.now);
            write_local(asked, addresses, lasts_s, out);
            log.note(client, verdict, EventOutcome::Allowed);
            return Begun::Answered;
        }
        self.settle_allowed(asked, verdict, At { address: caller.address, client, moment, log, text, out })
    }

    fn settle_root(&self, asked: &Asked, address: IpAddr, now: Timestamp, out: &mut Vec<u8>) -> Begun {
        if !asked.is_of_root() {
            Reply::begin(asked, ResponseCode::Refused, out).end(&[]);
            return Begun::Answered;
        }
        match self.kept(asked, now) {
            Some(kept) => {
                render(&kept, asked, (now, CLIENT_TTL_S), out);
                Begun::Answered
            }
            None => {
                let key = key(asked, None);
                Begun::Later(Box::new(Pending { address, asked: asked.clone(), key, judged: None }))
            }
        }
    }

    /// Steps 7 to 10, as far as they go without waiting.
    fn settle_allowed(&self, asked: &Asked, verdict: Verdict, at: At<'_>) -> Begun {
        let mut safe_form = None;
        if let Some(rewrite) = verdict.rewrite.as_ref().filter(|_| has_safe_form(asked.record_type())) {
            let target = Name::from_ascii(format!("{}.", rewrite.to)).ok();
            let Some(target) = target.filter(|_| leads_on(asked)) else {
                write_safe_form_alone(asked, &rewrite.to, at.lasts_s(), at.out);
                at.log.note(at.client, verdict, EventOutcome::Allowed);
                return Begun::Answered;
            };
            safe_form = Some(target);
        } else if asked.record_type() == RecordType::ANY {
            let lasts_s = at.lasts_s().min(LOCAL_TTL_S);
            let mut reply = Reply::begin(asked, ResponseCode::NoError, at.out);
            reply.record(RecordType::HINFO.into(), lasts_s, NEXT_TO_NOTHING);
            reply.end(&[]);
            at.log.note(at.client, verdict, EventOutcome::Allowed);
            return Begun::Answered;
        } else if let Some(kept) = self.kept(asked, at.moment.now) {
            let Client { ask, viewpoint, .. } = at.client;
            let judging = Judging { asked, ask, viewpoint, snapshot: &at.moment.snapshot };
            let paper = Paper { now: at.moment.now, text: at.text, out: at.out };
            let ended = self.settle_kept(&judging, verdict, &kept, paper);
            at.log.note(at.client, ended.verdict, ended.outcome);
            return Begun::Answered;
        }
        later(asked, verdict, safe_form, at)
    }

    /// Finishes what [`Chain::begin`] could not: the answer's bytes.
    pub(crate) async fn finish(&self, pending: Pending) -> Vec<u8> {
        let Pending { asked, key, judged, .. } = pending;
        let mut out = Vec::new();
        let found = self.resolver.fetch(key.clone()).await;
        let now = self.ports.clock.now();
        let Some(Judged { ask, viewpoint, snapshot, verdict, other_form }) = judged else {
            match found {
                Ok(kept) => render(&kept, &asked, (now, CLIENT_TTL_S), &mut out),
                Err(NoUpstreamAnswered(failure)) => failure.write(&asked, &mut out),
            }
            return out;
        };
        let judging = Judging { asked: &asked, ask: &ask, viewpoint: &viewpoint, snapshot: &snapshot };
        let paper = Paper { now, text: &mut String::new(), out: &mut out };
        let ended = match (found, other_form) {
            (Err(NoUpstreamAnswered(failure)), _) => {
                failure.write(&asked, paper.out);
                Ended { verdict, outcome: EventOutcome::Failed }
            }
            (Ok(kept), None) => self.settle_kept(&judging, verdict, &kept, paper),
            (Ok(kept), Some(target)) => {
                let answer = kept.answer(&key, now);
                self.settle_other_form(&judging, verdict, (target, answer), paper)
            }
        };
        let event = AccessEvent::of_verdict(&ask, ended.verdict, type_text(asked.type_number));
        let took_ms = took_ms(ask.at, now);
        self.ports.events.send(AccessEvent { outcome: ended.outcome, took_ms, ..event });
        out
    }

    /// Answers what [`Chain::begin`] could not while too much waits for the upstreams already.
    pub(crate) fn decline(&self, pending: &Pending) -> Vec<u8> {
        let mut out = Vec::new();
        let why = (Explained::NETWORK_ERROR, "too many questions wait for the upstreams");
        Reply::begin(&pending.asked, ResponseCode::ServFail, &mut out).end(&[why]);
        if let Some(Judged { ask, verdict, .. }) = &pending.judged {
            let event = AccessEvent::of_verdict(ask, verdict.clone(), type_text(pending.asked.type_number));
            self.ports.events.send(AccessEvent { outcome: EventOutcome::Failed, ..event });
        }
        out
    }

    /// The kept answer, where no upstream needs to be asked.
    fn kept(&self, asked: &Asked, now: Timestamp) -> Option<Arc<Kept>> {
        let mut name = [0; NAME_LIMIT_BYTES];
        let key = KeyRef {
            name: asked.lower_case_name(&mut name),
            record_type: asked.type_number,
            dnssec_ok: asked.dnssec_ok,
            checking_disabled: asked.checking_disabled,
        };
        match self.resolver.look(key, now) {
            Look::Fresh(kept) => Some(kept),
            Look::Ageing(kept) => {
                self.resolver.renew(key.to_key());
                Some(kept)
            }
            Look::Stale(_) | Look::Nothing => None,
        }
    }

    /// Step 10 for an answer as it came.
    fn settle_kept(&self, judging: &Judging<'_>, verdict: Verdict, kept: &Kept, paper: Paper<'_>) -> Ended {
        match self.judge_behind(judging, verdict.reason.layer, kept.behind()) {
            Behind::Nothing => {
                self.handed_out.note(kept.addresses(), CLIENT_TTL_S, paper.now);
                let lasts_s = client_ttl_s(paper.now, judging.viewpoint.until());
                render(kept, judging.asked, (paper.now, lasts_s), paper.out);
                let refused = kept.nothing_left();
                let outcome = if refused { EventOutcome::RefusedOrigin } else { EventOutcome::Allowed };
                Ended { verdict, outcome }
            }
            behind => self.settle_behind(judging, verdict, behind, paper),
        }
    }

    /// Steps 5, 7 and 10 for another form of a name: an alias, and where it leads.
    fn settle_other_form(
        &self,
        judging: &Judging<'_>,
        verdict: Verdict,
        (target, mut answer): (Name, Answer),
        paper: Paper<'_>,
    ) -> Ended {
        let lasts_s = client_ttl_s(paper.now, judging.viewpoint.until());
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = record.ttl.min(lasts_s);
        }
        let alias =
            Record::from_rdata(judging.asked.name(), lasts_s.min(OWN_TTL_S), RData::CNAME(CNAME(target)));
        answer.answers.insert(0, alias);
        answer.authentic = false;
        let behind = cloak::behind(&answer);
        let parts = behind.as_ref().map(|behind| (&*behind.hosts, &*behind.addresses));
        match self.judge_behind(judging, verdict.reason.layer, parts) {
            Behind::Nothing => {
                let addresses = behind.map(|behind| behind.addresses).unwrap_or_default();
                self.handed_out.note(&addresses, CLIENT_TTL_S, paper.now);
                let nothing_left =
                    answer.withheld && !answer.answers.iter().any(|record| record.data.ip_addr().is_some());
                let (code, words) = match verdict.outcome {
                    Outcome::Allow => SAFE_FORM,
                    Outcome::Block => blocked::why(&verdict.reason, paper.text),
                };
                answer.explain(Explained::new(code, words)).write(judging.asked, paper.out);
                let refused = nothing_left && verdict.outcome == Outcome::Allow;
                let outcome = if refused { EventOutcome::RefusedOrigin } else { verdict.outcome.into() };
                Ended { verdict, outcome }
            }
            behind => self.settle_behind(judging, verdict, behind, paper),
        }
    }

    /// `behind` are the names and addresses behind the answer; `None` where there are too many to be of any use. Addresses
    /// are judged only where a list may speak of them: one by one, or by rules for whole ranges.
    fn judge_behind(
        &self,
        judging: &Judging<'_>,
        allowed_by: Layer,
        behind: Option<(&[Host], &[IpAddr])>,
    ) -> Behind {
        let Some((hosts, addresses)) = behind else { return Behind::TooMuch };
        let image = judging.snapshot.image();
        let with_rules = image.has_rules();
        let addresses = addresses.iter().copied().map(Host::Address);
        let listed = addresses.filter(|address| with_rules || !image.lookup(address).is_empty());
        let mut all = hosts.iter().cloned().chain(listed).peekable();
        if all.peek().is_none() {
            return Behind::Nothing;
        }
        let mut ask = judging.ask.clone();
        let judge = |host: &Host| {
            ask.what.host = host.clone();
            judging.snapshot.judge(judging.viewpoint, &ask)
        };
        let Some(uncloaked) = cloak::uncloak(allowed_by, all, judge) else { return Behind::Nothing };
        let mut verdict = uncloaked.verdict;
        let kind = if uncloaked.host.name().is_some() { "CNAME" } else { "address" };
        // What is illegal is named nowhere, also not in the history.
        if verdict.reason.layer != Layer::Illegal {
            verdict.reason.entry.get_or_insert_with(|| format!("{kind} {}", uncloaked.host).into());
        }
        Behind::Blocked(Box::new(verdict))
    }

    fn settle_behind(
        &self,
        judging: &Judging<'_>,
        verdict: Verdict,
        behind: Behind,
        paper: Paper<'_>,
    ) -> Ended {
        if let Behind::Blocked(verdict) = behind {
            let lasts_s = client_ttl_s(paper.now, judging.viewpoint.until());
            let blocked = Blocked { gate: &self.gate, lasts_s, text: paper.text, out: paper.out };
            blocked::write(judging.asked, &verdict, blocked);
            return Ended { verdict: *verdict, outcome: EventOutcome::Blocked };
        }
        let why = (Explained::NETWORK_ERROR, "the upstream's answer leads to too many places");
        Reply::begin(judging.asked, ResponseCode::ServFail, paper.out).end(&[why]);
        Ended { verdict, outcome: EventOutcome::Failed }
    }
}

/// Where a question is settled: whose it is, and what the answer and the event go to.
struct At<'a> {
    address: IpAddr,
    client: &'a Client,
    moment: &'a Moment,
    log: &'a mut Log,
    text: &'a mut String,
    out: &'a mut Vec<u8>,
}

impl At<'_> {
    /// How long the client may keep an answer at most, in seconds.
    fn lasts_s(&self) -> u32 {
        client_ttl_s(self.moment.now, self.client.viewpoint.until())
    }
}

/// An allowed question whose answer is judged.
struct Judging<'a> {
    asked: &'a Asked,
    ask: &'a Ask,
    viewpoint: &'a Viewpoint,
    snapshot: &'a Snapshot,
}

/// What an answer is written on.
struct Paper<'a> {
    now: Timestamp,
    text: &'a mut String,
    out: &'a mut Vec<u8>,
}

/// What lies behind an answer.
enum Behind {
    /// Nothing that is blocked.
    Nothing,
    /// More than can be judged.
    TooMuch,
    /// Something blocked.
    Blocked(Box<Verdict>),
}

/// What is said of a safe form.
const SAFE_FORM: (u16, &str) = (Explained::FORGED, "school filter: safe search");

/// A question that is finished once an upstream has answered: with where the name or its other form leads.
fn later(asked: &Asked, verdict: Verdict, other_form: Option<Name>, at: At<'_>) -> Begun {
    let key = key(asked, other_form.as_ref());
    let judged = Some(Judged {
        ask: at.client.ask.clone(),
        viewpoint: at.client.viewpoint.clone(),
        snapshot: Arc::clone(&at.moment.snapshot),
        verdict,
        other_form,
    });
    Begun::Later(Box::new(Pending { address: at.address, asked: asked.clone(), key, judged }))
}

/// The name that a list gives instead of a blocked one.
fn listed_alias(verdict: &Verdict) -> Option<Name> {
    let DnsAnswer::Alias(to) = &verdict.answer else { return None };
    to.name().and_then(|to| Name::from_ascii(format!("{to}.")).ok())
}

/// True for who wants to know where a name leads in the end.
fn leads_on(asked: &Asked) -> bool {
    matches!(asked.record_type(), RecordType::A | RecordType::AAAA)
}

/// The refusal of somebody outside the school's networks (RFC 8914, 4.19).
fn refuse_outsider(asked: &Asked, out: &mut Vec<u8>) {
    let why = (Explained::PROHIBITED, "this name server serves the school's networks only");
    Reply::begin(asked, ResponseCode::Refused, out).end(&[why]);
}

/// What is asked of an upstream: the name itself, or the safe form of it.
fn key(asked: &Asked, safe_form: Option<&Name>) -> Key {
    Key::of(&cache::Question {
        name: safe_form.cloned().unwrap_or_else(|| asked.name()),
        record_type: asked.record_type(),
        dnssec_ok: asked.dnssec_ok,
        checking_disabled: asked.checking_disabled,
    })
}

/// `lasts_s` is how long the client may keep it at most, from now on.
fn render(kept: &Kept, asked: &Asked, (now, lasts_s): (Timestamp, u32), out: &mut Vec<u8>) {
    let start = out.len();
    let context = RenderContext {
        question: asked.wire_question(),
        id: asked.id,
        recursion_desired: asked.recursion_desired,
        checking_disabled: asked.checking_disabled,
        wants_authentic: asked.wants_authentic || asked.dnssec_ok,
        edns: asked.edns,
        dnssec_ok: asked.dnssec_ok,
        limit_bytes: asked.limit_bytes,
        now,
        client_ttl_limit_s: lasts_s,
    };
    kept.render(&context, out);
    if asked.padded {
        crate::reply::pad(out, start);
    }
}

fn write_local(asked: &Asked, addresses: &[IpAddr], lasts_s: u32, out: &mut Vec<u8>) {
    let mut reply = Reply::begin(asked, ResponseCode::NoError, out);
    addresses.iter().for_each(|address| reply.address(*address, lasts_s.min(LOCAL_TTL_S)));
    if reply.is_empty() {
        reply.own_soa(lasts_s);
    }
    reply.end(&[]);
}

/// The alias itself for who asks for it; for a service nothing, for its record would lead back to the usual form.
fn write_safe_form_alone(asked: &Asked, to: &str, lasts_s: u32, out: &mut Vec<u8>) {
    let mut reply = Reply::begin(asked, ResponseCode::NoError, out);
    if let (RecordType::CNAME, Ok(to)) = (asked.record_type(), Host::parse(to)) {
        reply.alias(&to, lasts_s.min(OWN_TTL_S));
    }
    if reply.is_empty() {
        reply.own_soa(lasts_s);
    }
    reply.end(&[SAFE_FORM]);
}

fn has_safe_form(record_type: RecordType) -> bool {
    matches!(
        record_type,
        RecordType::A | RecordType::AAAA | RecordType::CNAME | RecordType::HTTPS | RecordType::SVCB
    )
}

/// How long a client may keep an answer: [`CLIENT_TTL_S`], and not beyond the next bell, at which another answer may be
/// due. A second at least, for a client without a name asks without end.
fn client_ttl_s(now: Timestamp, until: Timestamp) -> u32 {
    let left_s = until.0.saturating_sub(now.0).max(0) / 1_000;
    u32::try_from(left_s).unwrap_or(u32::MAX).clamp(1, CLIENT_TTL_S)
}

fn took_ms(from: Timestamp, until: Timestamp) -> u32 {
    u32::try_from(until.0.saturating_sub(from.0).max(0)).unwrap_or(u32::MAX)
}
