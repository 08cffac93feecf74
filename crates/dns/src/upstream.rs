//! Asking the upstream resolvers: UDP first, TCP where the answer was cut, the next one where one fails.
//!
//! Every question goes out from a socket of its own with a random id, so that nobody off the path can answer it
//! (RFC 5452); what comes back counts only with that id and that question. No client subnet (RFC 7871) is ever sent.

use crate::answer::{Answer, EXPLANATION_OPTION, Explained, OUR_UDP_LIMIT_BYTES};
use crate::cache::{Question, bound_times};
use crate::query::questions_of_response;
use hickory_proto::op::{Edns, Message, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use model::Clock;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a question may take in all, whatever the upstreams do: below the five seconds of most clients.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often every upstream is tried: a datagram may be lost.
const ROUNDS: usize = 2;
/// How long an upstream that failed is asked last, in milliseconds.
const AVOIDED_MS: i64 = 5_000;
/// Datagrams that are no answer to the question, after which a socket is given up: somebody is guessing.
const MOST_STRANGERS: usize = 8;
/// The largest datagram that is read.
const DATAGRAM_LIMIT_BYTES: usize = 4_096;

/// The upstream resolvers.
pub(crate) struct Upstreams {
    servers: Vec<Upstream>,
    wait: Duration,
    clock: Clock,
}

struct Upstream {
    address: SocketAddr,
    avoided_until_ms: AtomicI64,
}

/// An answer, and the length of the message it came in.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) answer: Answer,
    pub(crate) bytes: usize,
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
    #[error("the question could not be written")]
    Question(#[from] hickory_proto::ProtoError),
}

/// Why no upstream had an answer, and the answer to give instead.
#[derive(Debug)]
pub(crate) struct NoUpstreamAnswered(pub(crate) Answer);

impl Upstreams {
    pub(crate) fn new(addresses: Vec<SocketAddr>, wait: Duration, clock: Clock) -> Self {
        let servers = addresses
            .into_iter()
            .map(|address| Upstream { address, avoided_until_ms: AtomicI64::new(i64::MIN) })
            .collect();
        Self { servers, wait, clock }
    }

    /// Asks until one upstream answers, for at most [`PATIENCE`].
    pub(crate) async fn ask(&self, question: &Question) -> Result<Fetched, NoUpstreamAnswered> {
        match timeout(PATIENCE, self.ask_in_turn(question)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(NoUpstreamAnswered(failure(&ExchangeError::NoAnswer))),
        }
    }

    async fn ask_in_turn(&self, question: &Question) -> Result<Fetched, NoUpstreamAnswered> {
        let mut last_failure = None;
        for _ in 0..ROUNDS {
            let mut nobody_answered = true;
            for server in self.in_order() {
                match self.exchange(server.address, question).await {
                    Ok(fetched) if is_answer(fetched.answer.code) => {
                        server.avoided_until_ms.store(i64::MIN, Ordering::Relaxed);
                        return Ok(fetched);
                    }
                    // It could not tell; another upstream may know better.
                    Ok(fetched) => {
                        nobody_answered = false;
                        last_failure = Some(could_not_tell(fetched.answer));
                    }
                    Err(error) => {
                        self.avoid(server, &error);
                        last_failure = last_failure.or_else(|| Some(failure(&error)));
                    }
                }
            }
            // Those that answered will not know better the second time.
            if !nobody_answered {
                break;
            }
        }
        Err(NoUpstreamAnswered(last_failure.unwrap_or_else(|| failure(&ExchangeError::NoAnswer))))
    }

    /// The upstreams in the order of the settings, those that failed a moment ago last.
    fn in_order(&self) -> Vec<&Upstream> {
        let now_ms = self.clock.now().0;
        let mut order: Vec<&Upstream> = self.servers.iter().collect();
        order.sort_by_key(|server| server.avoided_until_ms.load(Ordering::Relaxed) > now_ms);
        order
    }

    fn avoid(&self, server: &Upstream, error: &ExchangeError) {
        let now = self.clock.now();
        let until_ms = now.plus_ms(AVOIDED_MS).0;
        if server.avoided_until_ms.swap(until_ms, Ordering::Relaxed) <= now.0 {
            tracing::warn!(upstream = %server.address, %error, "an upstream name server does not answer");
        }
    }

    async fn exchange(&self, server: SocketAddr, question: &Question) -> Result<Fetched, ExchangeError> {
        let asked = message(question);
        let bytes = asked.to_vec()?;
        let over_udp = timeout(self.wait, over_udp(server, &asked, &bytes)).await;
        let (response, length) = over_udp.map_err(|_| ExchangeError::NoAnswer)??;
        if !response.metadata.truncation {
            return Ok(Fetched { answer: answer_of(response), bytes: length });
        }
        let over_tcp = timeout(self.wait, over_tcp(server, &asked, &bytes)).await;
        let (response, length) = over_tcp.map_err(|_| ExchangeError::NoAnswer)??;
        Ok(Fetched { answer: answer_of(response), bytes: length })
    }
}

fn message(question: &Question) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.metadata.checking_disabled = question.checking_disabled;
    message.add_query(Query::query(question.name.clone(), question.record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(OUR_UDP_LIMIT_BYTES).set_dnssec_ok(question.dnssec_ok);
    message.set_edns(edns);
    message
}

async fn over_udp(
    server: SocketAddr,
    asked: &Message,
    bytes: &[u8],
) -> Result<(Message, usize), ExchangeError> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; DATAGRAM_LIMIT_BYTES];
    for _ in 0..MOST_STRANGERS {
        let length = socket.recv(&mut buffer).await?;
        if let Some(response) = buffer.get(..length).and_then(|bytes| response_to(asked, bytes)) {
            return Ok((response, length));
        }
    }
    Err(ExchangeError::Stranger)
}

async fn over_tcp(
    server: SocketAddr,
    asked: &Message,
    bytes: &[u8],
) -> Result<(Message, usize), ExchangeError> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(|_| ExchangeError::Stranger)?;
    let framed = [&length.to_be_bytes(), bytes].concat();
    stream.write_all(&framed).await?;
    let length = usize::from(stream.read_u16().await?);
    let mut buffer = vec![0; length];
    stream.read_exact(&mut buffer).await?;
    let response = response_to(asked, &buffer).ok_or(ExchangeError::Stranger)?;
    Ok((response, length))
}

/// The response in `bytes`, where it is one to what was asked: same id, same question.
fn response_to(asked: &Message, bytes: &[u8]) -> Option<Message> {
    if questions_of_response(bytes)? != 1 {
        return None;
    }
    let response = Message::from_vec(bytes).ok()?;
    let fits = response.metadata.id == asked.metadata.id && response.queries == asked.queries;
    fits.then_some(response)
}

fn answer_of(response: Message) -> Answer {
    let told = response.edns.as_ref().map(|edns| edns.options().as_ref()).unwrap_or_default();
    let explained = told
        .iter()
        .filter_map(|(_, option)| match option {
            EdnsOption::Unknown(EXPLANATION_OPTION, bytes) => Explained::read(bytes),
            _ => None,
        })
        .take(1)
        .collect();
    let mut answer = Answer {
        code: response.metadata.response_code,
        authentic: response.metadata.authentic_data,
        answers: response.answers,
        authorities: response.authorities,
        withheld: false,
        explained,
    };
    bound_times(&mut answer);
    answer
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
mod tests {
    use super::*;
    use hickory_proto::rr::{Name, RecordType};
    use proptest::prelude::*;

    fn question() -> Question {
        let name = Name::from_ascii("www.example.test.").unwrap();
        Question { name, record_type: RecordType::A, dnssec_ok: false, checking_disabled: false }
    }

    #[test]
    fn a_response_counts_only_with_the_id_and_the_question_that_were_asked() {
        let asked = message(&question());
        let right = asked.clone().into_response();
        let mut other_id = right.clone();
        other_id.metadata.id = asked.metadata.id.wrapping_add(1);
        let mut other_name = right.clone();
        other_name.queries[0].name = Name::from_ascii("other.test.").unwrap();
        for (response, counts) in [(&right, true), (&other_id, false), (&other_name, false), (&asked, false)]
        {
            assert_eq!(response_to(&asked, &response.to_vec().unwrap()).is_some(), counts, "{response}");
        }
    }

    proptest! {
        #[test]
        fn no_response_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let asked = message(&question());
            let _ = response_to(&asked, &bytes).map(answer_of);
        }
    }
}
