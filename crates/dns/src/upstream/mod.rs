//! Where answers come from: the upstream resolvers, by UDP, TCP, TLS or HTTPS; and zones that never leave the school.
//!
//! [`Resolver`] is the door: a look into the cache that never waits, and a fetch that does. Behind it one question goes
//! to one upstream however many clients ask it ([`resolver`]); the school's own zones go to their own servers, and
//! names that belong nowhere outside are answered here ([`zones`]); of several upstreams the best is asked first, and a
//! second one when that takes long ([`Upstreams`]); signatures are checked where the settings say so ([`dnssec`]).
//!
//! Invariants: no client's address or subnet leaves; what a zone's own servers should answer never goes to others;
//! every wait, queue and read is bounded; the log names upstreams, never what was asked of them.

mod dnssec;
mod health;
mod https;
mod message;
mod resolver;
mod server;
mod spec;
mod stream;
mod tls;
mod udp;
mod zones;

pub use health::UpstreamState;
use message::Fetched;
pub(crate) use resolver::Resolver;
pub use resolver::{ForwardZone, ResolverConfig, ResolverError, UpstreamCounts, Validation};
pub use spec::{UpstreamAddress, UpstreamTextError};

use crate::answer::{Answer, Explained};
use crate::cache::Question;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RecordType};
use rustls::ClientConfig;
use server::Server;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a question may take in all, whatever the upstreams do: below the five seconds of most clients.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often every upstream is tried: a datagram may be lost.
const ROUNDS: usize = 2;
/// How many upstreams work on one question at once.
const MOST_AT_ONCE: usize = 2;
/// The least that one upstream alone is waited for before the question is sent to it again.
const LEAST_RESEND: Duration = Duration::from_millis(500);

/// A group of upstream resolvers that answer the same questions.
#[derive(Debug)]
struct Upstreams {
    servers: Vec<Arc<Server>>,
    wait: Duration,
    started: Instant,
}

/// Why one exchange with one upstream came to nothing.
#[derive(Debug, thiserror::Error)]
enum ExchangeError {
    #[error("the upstream did not answer in time")]
    NoAnswer,
    #[error("the upstream could not be reached")]
    Network(#[from] io::Error),
    #[error("expected an answer to the question that was asked, found something else")]
    Stranger,
    #[error("the upstream answered: {0}")]
    CouldNotTell(ResponseCode),
    #[error("expected HTTP/2 from the upstream, found something else")]
    NoHttp2,
    #[error("expected the status 200 from the upstream, found {0}")]
    Http(http::StatusCode),
    #[error("the system gave no random numbers")]
    NoChance,
}

/// Why no upstream had an answer, and the answer to give instead.
#[derive(Clone, Debug)]
pub(crate) struct NoUpstreamAnswered(pub(crate) Answer);

/// One try: which upstream, how often it was tried before.
#[derive(Clone, Copy)]
struct Try<'a> {
    server: &'a Arc<Server>,
    round: usize,
    began: Instant,
}

impl Upstreams {
    /// Upstreams in order of preference; `wait` is how long one exchange may take.
    fn of(addresses: &[UpstreamAddress], tls: &Arc<ClientConfig>, wait: Duration) -> Self {
        let server = |address: &UpstreamAddress| Arc::new(Server::new(address.clone(), tls, wait));
        Self { servers: addresses.iter().map(server).collect(), wait, started: Instant::now() }
    }

    /// Asks until one upstream answers, for at most [`PATIENCE`].
    async fn ask(&self, question: &Question) -> Result<Fetched, NoUpstreamAnswered> {
        self.probe();
        match timeout(PATIENCE, self.race(question)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(NoUpstreamAnswered(failure(&ExchangeError::NoAnswer))),
        }
    }

    /// Asks the best; asks the next one where that fails or takes long; the first answer counts.
    async fn race(&self, question: &Question) -> Result<Fetched, NoUpstreamAnswered> {
        let mut to_try: VecDeque<(&Arc<Server>, usize)> =
            self.in_order().into_iter().map(|server| (server, 1)).collect();
        let mut under_way = FuturesUnordered::new();
        let mut running: Vec<Try<'_>> = Vec::new();
        let mut last_failure = None;
        loop {
            if under_way.is_empty() {
                let Some((server, round)) = to_try.pop_front() else { break };
                let one = Try { server, round, began: Instant::now() };
                running.push(one);
                under_way.push(self.one(one, question));
            }
            let patience = running.last().map(|one| self.patience(one, to_try.is_empty()));
            let hedge = tokio::time::sleep_until(patience.unwrap_or_else(Instant::now));
            let (done, result) = tokio::select! {
                Some(ended) = under_way.next() => ended,
                () = hedge, if under_way.len() < MOST_AT_ONCE => {
                    let again = running.last().map(|one| (one.server, ROUNDS));
                    let Some((server, round)) = to_try.pop_front().or(again) else { break };
                    let one = Try { server, round, began: Instant::now() };
                    running.push(one);
                    under_way.push(self.one(one, question));
                    continue;
                }
            };
            running.retain(|one| one.began != done.began);
            match result {
                Ok(fetched) if is_answer(fetched.answer.code) => {
                    self.note_order(done, &running);
                    return Ok(fetched);
                }
                // It could not tell, and will not know better the second time; another upstream may.
                Ok(fetched) => last_failure = Some(could_not_tell(fetched.answer)),
                Err(error) => {
                    last_failure = last_failure.or_else(|| Some(failure(&error)));
                    if done.round < ROUNDS {
                        to_try.push_back((done.server, done.round + 1));
                    }
                }
            }
        }
        Err(NoUpstreamAnswered(last_failure.unwrap_or_else(|| failure(&ExchangeError::NoAnswer))))
    }

    async fn one<'a>(&self, one: Try<'a>, question: &Question) -> (Try<'a>, Result<Fetched, ExchangeError>) {
        (one, one.server.exchange(question, self.now_ms()).await)
    }

    /// Until when a try is waited for alone. `is_last` when nobody is left but itself, who is asked again only when the
    /// question may well have been lost.
    fn patience(&self, one: &Try<'_>, is_last: bool) -> Instant {
        let hedge = one.server.health().hedge();
        one.began + if is_last { hedge.max(self.wait / 2).max(LEAST_RESEND) } else { hedge }
    }

    /// Those that were asked before the one that answered are slower than it; all others get nearer their next chance.
    fn note_order(&self, answered: Try<'_>, still_running: &[Try<'_>]) {
        for one in still_running.iter().filter(|one| one.began < answered.began) {
            if !Arc::ptr_eq(one.server, answered.server) {
                one.server.health().overtaken(one.began.elapsed());
            }
        }
        for server in self.servers.iter().filter(|server| !Arc::ptr_eq(server, answered.server)) {
            server.health().fades();
        }
    }

    /// The upstreams, best first.
    fn in_order(&self) -> Vec<&Arc<Server>> {
        let mut order: Vec<&Arc<Server>> = self.servers.iter().collect();
        order.sort_by_key(|server| server.health().rank());
        order
    }

    /// Tries those that failed and have rested, with a question that tells nobody anything.
    fn probe(&self) {
        let now_ms = self.now_ms();
        for server in self.servers.iter().filter(|server| server.health().take_probe(now_ms)) {
            let server = Arc::clone(server);
            tokio::spawn(async move {
                let root = Question {
                    name: Name::root(),
                    record_type: RecordType::NS,
                    dnssec_ok: false,
                    checking_disabled: false,
                };
                let _noted = server.exchange(&root, now_ms).await;
            });
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn counts(&self) -> Vec<UpstreamCounts> {
        let counts = |server: &Arc<Server>| {
            let (answered, failed, takes_ms) = server.health().counts();
            let state = server.health().state();
            UpstreamCounts { upstream: server.address().to_string(), state, answered, failed, takes_ms }
        };
        self.servers.iter().map(counts).collect()
    }
}

/// Everything but "here it is" and "there is no such name" says that the upstream could not tell.
fn is_answer(code: ResponseCode) -> bool {
    matches!(code, ResponseCode::NoError | ResponseCode::NXDomain)
}

/// The upstream's own failure, with the upstream's own reason where it gave one.
fn could_not_tell(theirs: Answer) -> Answer {
    if theirs.explained.is_empty() {
        return failure(&ExchangeError::CouldNotTell(theirs.code));
    }
    Answer { explained: theirs.explained, ..Answer::of_code(ResponseCode::ServFail) }
}

/// What a client is told when nobody answered (RFC 8914, 4.23 and 4.24).
fn failure(error: &ExchangeError) -> Answer {
    let code = match error {
        ExchangeError::NoAnswer => Explained::NO_REACHABLE_AUTHORITY,
        _ => Explained::NETWORK_ERROR,
    };
    Answer::of_code(ResponseCode::ServFail).explain(Explained::new(code, error.to_string()))
}

#[cfg(test)]
mod tests;
