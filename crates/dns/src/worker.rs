//! Questions by UDP: a few threads, each with a socket of its own on every address, among which the system spreads the
//! clients. Each reads what is there, answers it, and sends the answers with one call.

use crate::batch::{self, Mail};
use crate::chain::{Begun, Chain, Pending, Question};
use crate::client::{Caller, Desk};
use crate::config::RateLimit;
use crate::limit::{Limiter, Pace, Whose};
use crate::query::{self, Received, UDP_QUERY_LIMIT_BYTES, Wire};
use crate::quota::Quota;
use ipnet::IpNet;
use model::{ProxyHeader, ProxyHeaderRead};
use policy::image::Warming;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Questions of one batch.
const BATCH: usize = 64;
/// Room for an answer, on average; more is made where it is needed.
const USUAL_ANSWER_BYTES: usize = 512;
/// What a proxy may put before a question.
const PROXY_HEADER_BYTES: usize = 536;
/// Questions under way to an upstream at once, by any wire; further ones by UDP are dropped, and clients ask again.
const MOST_QUESTIONS: usize = 2_048;
/// Of these, for one address. Generous, for another name server may stand before a whole school.
const MOST_QUESTIONS_OF_ONE: usize = 1_024;
/// How long a worker rests after the system refused to give it a datagram.
const REST: Duration = Duration::from_millis(50);
/// How long a worker waits for a question before it looks whether it is to stop.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// The quota that the questions of every wire share.
pub(crate) fn quota() -> Arc<Quota> {
    Quota::new("questions for upstreams", MOST_QUESTIONS, MOST_QUESTIONS_OF_ONE)
}

/// One socket and what it takes to serve it.
pub(crate) struct Worker {
    pub(crate) chain: Arc<Chain>,
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) rate_limit: RateLimit,
    pub(crate) proxy_peers: Arc<[IpNet]>,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
    pub(crate) stop: CancellationToken,
}

/// What a worker keeps between batches.
struct Bench {
    mail: Mail,
    desk: Desk,
    limiter: Limiter,
    questions: Vec<Taken>,
    warming: Warming,
    answers: Vec<u8>,
}

/// A question of a batch, and what was looked up of who asks.
struct Taken {
    received: Received,
    from: IpAddr,
    whose: Whose,
    client: Option<usize>,
}

impl Worker {
    /// Answers until it is told to stop. Blocks its thread.
    pub(crate) fn run(self) {
        let mut bench = Bench {
            // One byte more than is read, so that a longer datagram is seen to be longer.
            mail: Mail::new(BATCH, UDP_QUERY_LIMIT_BYTES + self.header_limit_bytes() + 1),
            desk: self.chain.desk(),
            limiter: Limiter::new(self.rate_limit),
            questions: Vec::with_capacity(BATCH),
            warming: Warming::default(),
            answers: Vec::with_capacity(BATCH * USUAL_ANSWER_BYTES),
        };
        while !self.stop.is_cancelled() {
            match bench.mail.receive(&self.socket) {
                Ok(count) => self.answer(count, &mut bench),
                // Where nobody asks, the lists of yesterday are not to be held on to.
                Err(error) if is_silence(&error) => self.chain.open(&mut bench.desk),
                Err(error) => {
                    tracing::warn!(%error, "could not read questions by UDP");
                    std::thread::park_timeout(REST);
                }
            }
        }
    }

    fn header_limit_bytes(&self) -> usize {
        if self.proxy_peers.is_empty() { 0 } else { PROXY_HEADER_BYTES }
    }

    fn answer(&self, count: usize, bench: &mut Bench) {
        self.chain.open(&mut bench.desk);
        self.read(count, bench);
        let Bench { mail, desk, limiter, questions, warming, answers } = bench;
        answers.clear();
        for (place, taken) in questions.iter().enumerate() {
            let start = answers.len();
            let caller = Caller::at(taken.from);
            let question = Question {
                received: &taken.received,
                caller,
                client: taken.client,
                trail: Some(warming.trail(place)),
            };
            let begun = match limiter.pace(taken.whose, desk.moment.now) {
                Pace::Within => self.chain.begin(question, desk, answers),
                Pace::Cut => self.chain.cut(question, desk, answers),
                Pace::Beyond => Begun::Dropped,
            };
            match begun {
                Begun::Answered => mail.reply(place, start..answers.len()),
                Begun::Refused if limiter.may_refuse(desk.moment.now) => {
                    mail.reply(place, start..answers.len());
                }
                Begun::Refused | Begun::Dropped => answers.truncate(start),
                Begun::Later(pending) => self.finish_later(place, mail, *pending),
            }
        }
        self.chain.close(desk);
        let failed = mail.send(&self.socket, answers);
        if failed > 0 {
            tracing::debug!(failed, "could not send answers by UDP");
        }
    }

    /// Reads the whole batch first, so that what is known of all its names and clients is on its way from memory at once.
    fn read(&self, count: usize, bench: &mut Bench) {
        let Bench { mail, desk, limiter, questions, warming, .. } = bench;
        questions.clear();
        for place in 0..count {
            let letter = mail.letter(place).and_then(|(bytes, from)| self.unwrap(bytes, from));
            let (received, from) = match letter {
                Some((bytes, from)) => (query::read(bytes, Wire::Udp), from),
                None => (Received::Dropped, IpAddr::from([0; 4])),
            };
            questions.push(Taken { received, from, whose: limiter.whose(from), client: None });
        }
        let hosts = questions.iter().map(|taken| match &taken.received {
            Received::Asked(asked) => asked.host.as_ref(),
            _ => None,
        });
        let image = desk.moment.snapshot.image();
        image.warm(hosts, warming);
        // The clients meanwhile: reasons can be asked for only once the names are there.
        for taken in questions.iter_mut() {
            limiter.warm(taken.whose);
            taken.client = desk.clients.warm(Caller::at(taken.from));
        }
        image.warm_reasons(warming);
    }

    /// The question itself, and who asks: a listed proxy says it, and nobody else may.
    fn unwrap<'a>(&self, bytes: &'a [u8], from: IpAddr) -> Option<(&'a [u8], IpAddr)> {
        if self.proxy_peers.iter().any(|peers| peers.contains(&from)) {
            let ProxyHeaderRead::Whole(header) = ProxyHeader::read(bytes) else { return None };
            return Some((bytes.get(header.bytes..)?, header.source.unwrap_or(from)));
        }
        (!bytes.starts_with(&ProxyHeader::SIGNATURE)).then_some((bytes, from))
    }

    fn finish_later(&self, place: usize, mail: &Mail, pending: Pending) {
        let Some(mut peer) = mail.peer(place) else { return };
        let Some(share) = self.quota.take(pending.address()) else { return };
        let (chain, socket) = (Arc::clone(&self.chain), Arc::clone(&self.socket));
        let finish = async move {
            let answer = chain.finish(pending).await;
            if let Err(error) = batch::send_back(&socket, &answer, &mut peer) {
                tracing::debug!(%error, "could not send an answer by UDP");
            }
            drop(share);
        };
        self.tasks.spawn_on(finish, &self.runtime);
    }
}

/// Nothing came in time, or the thread was called to something else.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
