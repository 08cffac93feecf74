//! One answer as the bytes it will be sent as, and how it becomes a message for whoever asks.
//!
//! Kept is everything after the question. The question has the same length however the client spells it, so that
//! compression pointers into it stay right, and only id, bits, times to live and EDNS differ from client to client.

use super::wire::{HEAD_BYTES, after_name, ttl_offsets};
use super::{Key, lasts_s};
use crate::answer::{Answer, EXPLANATION_OPTION, Explained, OUR_UDP_LIMIT_BYTES};
use crate::cloak::{self, LeadsTo};
use hickory_proto::op::{Message, OpCode, Query, ResponseCode};
use model::{Host, Timestamp};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

/// The time to live of what is given out although it has run out (RFC 8767, 4).
const STALE_TTL_S: u32 = 30;
/// How long what failed to be renewed is given out before it is tried again (RFC 8767, 5), in milliseconds.
const RECHECK_MS: i64 = 30_000;
/// The share of its life after which an answer is renewed before it runs out, in percent.
const AGEING_PERCENT: u64 = 90;
/// How often an answer must have been asked for to be renewed before it runs out.
const ASKED_OFTEN: u8 = 2;
/// How long a renewal may take before another one may be tried, in milliseconds.
const RENEWAL_MS: i64 = 10_000;

/// An answer of an upstream, scrubbed, as bytes. Shared by all who ask for it; only its counters change.
#[derive(Debug)]
pub(crate) struct Kept {
    code: u8,
    authentic: bool,
    withheld: bool,
    has_addresses: bool,
    answers: u16,
    authorities: u16,
    sections: Box<[u8]>,
    ttls: Box<[u16]>,
    explanations: Box<[u8]>,
    behind: Option<LeadsTo>,
    since: Timestamp,
    lasts_s: u32,
    asked: AtomicU8,
    renewal_from: AtomicI64,
    rests_until: AtomicI64,
}

/// What a client's message adds to a kept answer. Times and limits are those of this one answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RenderContext<'a> {
    /// The question as the client wrote it: its name without pointers, its type and its class.
    pub(crate) question: &'a [u8],
    /// The message's id.
    pub(crate) id: u16,
    /// `RD`, to be repeated.
    pub(crate) recursion_desired: bool,
    /// `CD`, to be repeated.
    pub(crate) checking_disabled: bool,
    /// The client understands `AD`: it set that bit or `DO` (RFC 6840, 5.8).
    pub(crate) wants_authentic: bool,
    /// The client speaks EDNS.
    pub(crate) edns: bool,
    /// `DO`, to be repeated.
    pub(crate) dnssec_ok: bool,
    /// The largest message the client can take.
    pub(crate) limit_bytes: u16,
    /// The time.
    pub(crate) now: Timestamp,
    /// The longest the client may keep the answer, in seconds.
    pub(crate) client_ttl_limit_s: u32,
}

/// What became of an answer on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Rendered {
    /// It is there, whole.
    Whole,
    /// It is there, whole, and had run out.
    Stale,
    /// It is too long: the message says to ask over TCP.
    Truncated,
}

impl Kept {
    /// The answer to `key`'s question; `None` where it cannot be written as one message.
    pub(crate) fn new(key: &Key, answer: &Answer, now: Timestamp) -> Option<Self> {
        let (sections, answers, authorities) = sections(key, answer)?;
        Some(Self {
            code: u8::try_from(u16::from(answer.code)).ok().filter(|code| *code < 16)?,
            authentic: answer.authentic,
            withheld: answer.withheld,
            has_addresses: answer.answers.iter().any(|record| record.data.ip_addr().is_some()),
            answers,
            authorities,
            ttls: ttl_offsets(&sections)?.into(),
            sections: sections.into(),
            explanations: options(&answer.explained).into(),
            behind: cloak::behind(answer),
            since: now,
            lasts_s: lasts_s(key.record_type(), answer),
            asked: AtomicU8::new(0),
            renewal_from: AtomicI64::new(i64::MIN),
            rests_until: AtomicI64::new(i64::MIN),
        })
    }

    /// Appends the message to `out`: the records where they fit, else only that the client must ask over TCP.
    pub(crate) fn render(&self, context: &RenderContext<'_>, out: &mut Vec<u8>) -> Rendered {
        let age_s = self.age_s(context.now);
        let stale = age_s >= self.lasts_s && self.lasts_s > 0;
        let stale_option = if stale { self.stale_option() } else { [0; STALE_OPTION_BYTES] };
        let stale_option: &[u8] = if stale { &stale_option } else { &[] };
        let edns_bytes =
            if context.edns { OPT_BYTES + self.explanations.len() + stale_option.len() } else { 0 };
        let length = HEAD_BYTES + context.question.len() + self.sections.len() + edns_bytes;
        let fits = length <= usize::from(context.limit_bytes);
        out.reserve(length);
        self.put_head(context, fits, out);
        out.extend_from_slice(context.question);
        if fits {
            let from = out.len();
            out.extend_from_slice(&self.sections);
            let age = Age { s: age_s, stale, limit_s: context.client_ttl_limit_s };
            age_times(out.get_mut(from..).unwrap_or_default(), &self.ttls, age);
        }
        if context.edns {
            put_opt(context.dnssec_ok, [&self.explanations, stale_option], out);
        }
        match (fits, stale) {
            (false, _) => Rendered::Truncated,
            (true, false) => Rendered::Whole,
            (true, true) => Rendered::Stale,
        }
    }

    fn put_head(&self, context: &RenderContext<'_>, fits: bool, out: &mut Vec<u8>) {
        let high = RESPONSE
            | if fits { 0 } else { TRUNCATED }
            | if context.recursion_desired { RECURSION_DESIRED } else { 0 };
        let low = RECURSION_AVAILABLE
            | if self.authentic && context.wants_authentic { AUTHENTIC } else { 0 }
            | if context.checking_disabled { CHECKING_DISABLED } else { 0 }
            | self.code;
        out.extend_from_slice(&context.id.to_be_bytes());
        out.extend_from_slice(&[high, low, 0, 1]);
        let (answers, authorities) = if fits { (self.answers, self.authorities) } else { (0, 0) };
        out.extend_from_slice(&answers.to_be_bytes());
        out.extend_from_slice(&authorities.to_be_bytes());
        out.extend_from_slice(&u16::from(context.edns).to_be_bytes());
    }

    /// The answer as records again, their times as [`Kept::render`] would give them. `key` is the one it was made with.
    pub(crate) fn answer(&self, key: &Key, now: Timestamp) -> Answer {
        let mut message = vec![0, 0, RESPONSE, RECURSION_AVAILABLE | self.code, 0, 1];
        message.extend_from_slice(&self.answers.to_be_bytes());
        message.extend_from_slice(&self.authorities.to_be_bytes());
        message.extend_from_slice(&[0, 0]);
        message.extend_from_slice(key.name());
        message.extend_from_slice(&u16::from(key.record_type()).to_be_bytes());
        message.extend_from_slice(&[0, 1]);
        message.extend_from_slice(&self.sections);
        let Ok(message) = Message::from_vec(&message) else {
            return Answer::of_code(ResponseCode::ServFail);
        };
        let age_s = self.age_s(now);
        let age = Age { s: age_s, stale: age_s >= self.lasts_s && self.lasts_s > 0, limit_s: u32::MAX };
        let mut answer = Answer {
            code: message.metadata.response_code,
            authentic: self.authentic,
            withheld: self.withheld,
            answers: message.answers,
            authorities: message.authorities,
            explained: explained(&self.explanations),
        };
        for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
            record.ttl = age.of(record.ttl);
        }
        if age.stale {
            answer.explained.push(Explained::new(self.stale_code(), ""));
        }
        answer
    }

    /// The names and addresses the answer leads to; `None` when there are too many to judge ([`cloak::behind`]).
    pub(crate) fn behind(&self) -> Option<(&[Host], &[IpAddr])> {
        self.behind.as_ref().map(|behind| (&*behind.hosts, &*behind.addresses))
    }

    /// The addresses among those.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        self.behind.as_ref().map_or(&[], |behind| &behind.addresses)
    }

    /// Private addresses of an outside name were taken out, and no other address is left.
    pub(crate) fn nothing_left(&self) -> bool {
        self.withheld && !self.has_addresses
    }

    /// What it weighs in memory, about.
    pub(crate) fn bytes(&self) -> u64 {
        let behind = self.behind.as_ref();
        let behind = behind.map_or(0, |to| to.hosts.len() * 64 + to.addresses.len() * size_of::<IpAddr>());
        let bytes =
            size_of::<Self>() + self.sections.len() + self.ttls.len() * 2 + self.explanations.len() + behind;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// How long it may be given out, in seconds; 0 where it is for those who asked just now alone.
    pub(crate) fn lasts_s(&self) -> u32 {
        self.lasts_s
    }

    /// Seconds since it came; never less than none, whatever the clock does.
    pub(crate) fn age_s(&self, now: Timestamp) -> u32 {
        u32::try_from(now.0.saturating_sub(self.since.0).max(0) / 1_000).unwrap_or(u32::MAX)
    }

    /// Counts one question for it, and says whether it ought to be renewed now: it is near its end and asked for often.
    /// True once for each renewal that is due.
    pub(super) fn asked_and_due(&self, now: Timestamp) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        if asked < ASKED_OFTEN {
            self.asked.store(asked + 1, Ordering::Relaxed);
        }
        let ageing =
            u64::from(self.age_s(now)) * 100 >= u64::from(self.lasts_s) * AGEING_PERCENT && self.lasts_s > 1;
        ageing && asked + 1 >= ASKED_OFTEN && !self.rests(now) && self.take_renewal(now)
    }

    fn take_renewal(&self, now: Timestamp) -> bool {
        let due = self.renewal_from.load(Ordering::Relaxed);
        due <= now.0
            && self
                .renewal_from
                .compare_exchange(due, now.plus_ms(RENEWAL_MS).0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Notes that it could not be renewed: it is given out for a while before the next try.
    pub(crate) fn not_renewed(&self, now: Timestamp) {
        self.rests_until.store(now.plus_ms(RECHECK_MS).0, Ordering::Relaxed);
    }

    /// True while the last renewal that failed is so fresh that no other one is tried.
    pub(crate) fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.load(Ordering::Relaxed) > now.0
    }

    fn stale_code(&self) -> u16 {
        if self.code == NO_SUCH_NAME { STALE_NO_SUCH_NAME } else { STALE_ANSWER }
    }

    fn stale_option(&self) -> [u8; STALE_OPTION_BYTES] {
        let [n0, n1] = EXPLANATION_OPTION.to_be_bytes();
        let [c0, c1] = self.stale_code().to_be_bytes();
        [n0, n1, 0, 2, c0, c1]
    }
}

const RESPONSE: u8 = 0x80;
const TRUNCATED: u8 = 0x02;
const RECURSION_DESIRED: u8 = 0x01;
const RECURSION_AVAILABLE: u8 = 0x80;
const AUTHENTIC: u8 = 0x20;
const CHECKING_DISABLED: u8 = 0x10;
/// `NXDOMAIN`.
const NO_SUCH_NAME: u8 = 3;
/// What has run out is given out (RFC 8914, 4.4).
const STALE_ANSWER: u16 = 3;
/// The same of a name that did not exist (RFC 8914, 4.20).
const STALE_NO_SUCH_NAME: u16 = 19;
/// An `OPT` record without options (RFC 6891, 6.1.2).
const OPT_BYTES: usize = 11;
/// An explanation without words, with its number and length.
const STALE_OPTION_BYTES: usize = 6;

/// How old an answer is, and what that makes of its times to live.
#[derive(Clone, Copy)]
struct Age {
    s: u32,
    stale: bool,
    limit_s: u32,
}

impl Age {
    fn of(self, ttl_s: u32) -> u32 {
        let left = if self.stale { STALE_TTL_S } else { ttl_s.saturating_sub(self.s) };
        left.min(self.limit_s)
    }
}

fn age_times(sections: &mut [u8], offsets: &[u16], age: Age) {
    for offset in offsets {
        let rest = sections.get_mut(usize::from(*offset)..).unwrap_or_default();
        if let Some(ttl) = rest.first_chunk_mut::<4>() {
            *ttl = age.of(u32::from_be_bytes(*ttl)).to_be_bytes();
        }
    }
}

fn put_opt(dnssec_ok: bool, options: [&[u8]; 2], out: &mut Vec<u8>) {
    let length: usize = options.iter().map(|option| option.len()).sum();
    let [p0, p1] = OUR_UDP_LIMIT_BYTES.to_be_bytes();
    let [l0, l1] = u16::try_from(length).unwrap_or(0).to_be_bytes();
    let dnssec_ok = if dnssec_ok { 0x80 } else { 0 };
    out.extend_from_slice(&[0, 0, 41, p0, p1, 0, 0, dnssec_ok, 0, l0, l1]);
    for option in options {
        out.extend_from_slice(option);
    }
}

/// The records after the question, as bytes, and how many there are in either section.
fn sections(key: &Key, answer: &Answer) -> Option<(Vec<u8>, u16, u16)> {
    let mut message = Message::response(0, OpCode::Query);
    message.add_query(Query::query(key.to_name()?, key.record_type()));
    message.answers.clone_from(&answer.answers);
    message.authorities.clone_from(&answer.authorities);
    let bytes = message.to_vec().ok()?;
    let from = after_name(&bytes, HEAD_BYTES)?.checked_add(QUESTION_END_BYTES)?;
    let counts = (u16::try_from(answer.answers.len()).ok()?, u16::try_from(answer.authorities.len()).ok()?);
    let written = bytes.get(6..10)? == [counts.0.to_be_bytes(), counts.1.to_be_bytes()].concat();
    written.then_some((bytes.get(from..)?.to_vec(), counts.0, counts.1))
}

/// Type and class of a question, after its name.
const QUESTION_END_BYTES: usize = 4;
/// The most explanations that are kept with an answer.
const MOST_EXPLANATIONS: usize = 2;

fn options(explained: &[Explained]) -> Vec<u8> {
    let mut options = Vec::new();
    for explained in explained.iter().take(MOST_EXPLANATIONS) {
        let bytes = explained.to_bytes();
        let Ok(length) = u16::try_from(bytes.len()) else { continue };
        options.extend_from_slice(&EXPLANATION_OPTION.to_be_bytes());
        options.extend_from_slice(&length.to_be_bytes());
        options.extend_from_slice(&bytes);
    }
    options
}

fn explained(mut options: &[u8]) -> Vec<Explained> {
    let mut all = Vec::new();
    while let Some(([_, _, l0, l1], rest)) = options.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let Some((bytes, rest)) = rest.split_at_checked(length) else { break };
        all.extend(Explained::read(bytes));
        options = rest;
    }
    all
}
