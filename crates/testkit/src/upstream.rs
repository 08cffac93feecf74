//! An upstream resolver that knows what a test tells it, and remembers what it was asked.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what cannot be here fails the test by panicking"
)]

mod wires;

use crate::TestError;
use crate::certificates::{Fault, TestAuthority};
use crate::ports::free_port;
use hickory_proto::op::{Message, OpCode, ResponseCode};
pub use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;

/// What an upstream says to one question.
#[derive(Clone)]
pub enum Says {
    /// These records.
    Records(Vec<Record>),
    /// No records, and this code.
    Code(ResponseCode),
    /// All of this.
    Whole {
        /// The code.
        code: ResponseCode,
        /// The answer section.
        answers: Vec<Record>,
        /// The authority section.
        authorities: Vec<Record>,
    },
    /// Its answer comes with another id first, as from somebody who guesses, and then rightly.
    AfterAGuess(Vec<Record>),
    /// By UDP comes only a guess with the right id and a name in lower case; by TCP its answer, spelt rightly.
    GuessedByUdp(Vec<Record>),
    /// Nothing to the first question, as where a datagram is lost; then these records.
    AfterALoss(Vec<Record>),
    /// These records, once the test lets them go.
    Held(Arc<Notify>, Vec<Record>),
    /// Nothing at all.
    Nothing,
}

/// What it says, by name (with its last dot, in lower case) and type.
pub type Zone = HashMap<(String, RecordType), Says>;

/// How it does everything it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// As it should be done.
    Usual,
    /// It writes names in lower case, whatever the question's spelling.
    LosesCapitals,
}

/// A running upstream.
pub struct Upstream {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    speaker: Speaker,
    stop: watch::Sender<bool>,
    tasks: Vec<AbortHandle>,
}

/// Where an upstream listens under TLS.
#[derive(Clone, Copy, Debug)]
pub struct EncryptedAddresses {
    /// DNS over TLS.
    pub tls: SocketAddr,
    /// DNS over HTTPS, at `/dns-query`.
    pub https: SocketAddr,
}

impl Upstream {
    /// Starts answering from `zone`; what is not in it does not exist.
    pub async fn start(zone: Zone) -> Self {
        Self::start_in_manner(zone, Manner::Usual).await
    }

    /// The same, in some manner.
    pub async fn start_in_manner(zone: Zone, manner: Manner) -> Self {
        let (udp, tcp) = free_port().await.unwrap();
        let address = udp.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let speaker = Speaker { zone: Arc::new(Mutex::new(zone)), asked: Arc::default(), manner, stopped };
        let tasks = vec![
            tokio::spawn(speaker.clone().serve_udp(udp)).abort_handle(),
            tokio::spawn(speaker.clone().serve_tcp(tcp)).abort_handle(),
        ];
        Self { address, speaker, stop, tasks }
    }

    /// Listens for DNS over TLS and HTTPS too, with a certificate of `authority` for `name`.
    pub async fn listen_encrypted(
        &mut self,
        authority: &TestAuthority,
        name: &str,
    ) -> Result<EncryptedAddresses, TestError> {
        let tls = TcpListener::bind("127.0.0.1:0").await?;
        let https = TcpListener::bind("127.0.0.1:0").await?;
        let addresses = EncryptedAddresses { tls: tls.local_addr()?, https: https.local_addr()? };
        let dot = authority.server(name, Fault::None, &["dot"])?;
        let doh = authority.server(name, Fault::None, &["h2"])?;
        self.tasks.push(tokio::spawn(self.speaker.clone().serve_tls(tls, dot)).abort_handle());
        self.tasks.push(tokio::spawn(self.speaker.clone().serve_https(https, doh)).abort_handle());
        Ok(addresses)
    }

    /// How often it was asked this.
    pub fn times_asked(&self, name: &str, record_type: RecordType) -> usize {
        let asked = self.speaker.asked.lock().unwrap();
        asked.iter().filter(|(held, kind)| held == name && *kind == record_type).count()
    }

    /// Everything it was asked, in order.
    pub fn asked(&self) -> Vec<(String, RecordType)> {
        self.speaker.asked.lock().unwrap().clone()
    }

    /// Says this from now on.
    pub fn now_says(&self, name: &str, record_type: RecordType, says: Says) {
        self.speaker.zone.lock().unwrap().insert((name.to_owned(), record_type), says);
    }

    /// Closes every open connection; new ones are taken on.
    pub fn close_connections(&self) {
        self.stop.send_modify(|stop| *stop = !*stop);
    }

    /// Stops for good: its ports are closed.
    pub fn stop(&self) {
        self.close_connections();
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What a question came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Udp,
    Stream,
}

#[derive(Clone)]
struct Speaker {
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<(String, RecordType)>>>,
    manner: Manner,
    stopped: watch::Receiver<bool>,
}

impl Speaker {
    /// The messages to send for a question, in order.
    async fn says(&self, bytes: &[u8], by: By) -> Vec<Message> {
        let question = Message::from_vec(bytes).unwrap();
        let query = question.queries[0].clone();
        let name = query.name.to_ascii().to_lowercase();
        let key = (name, query.query_type);
        self.asked.lock().unwrap().push(key.clone());
        let mut message = Message::response(question.metadata.id, OpCode::Query);
        let mut repeated = query.clone();
        if self.manner == Manner::LosesCapitals {
            repeated.name = query.name.to_lowercase();
        }
        message.add_query(repeated);
        if let Some(edns) = question.edns {
            message.set_edns(edns);
        }
        let says = self.zone.lock().unwrap().get(&key).cloned();
        match says {
            Some(Says::Records(records)) => message.answers = records,
            Some(Says::Held(let_go, records)) => {
                let_go.notified().await;
                message.answers = records;
            }
            Some(Says::Whole { code, answers, authorities }) => {
                message.metadata.response_code = code;
                message.answers = answers;
                message.authorities = authorities;
            }
            Some(Says::AfterAGuess(records)) => {
                let mut guess = message.clone();
                guess.metadata.id = guess.metadata.id.wrapping_add(1);
                guess.answers = vec![a(&key.0, 60, [203, 0, 113, 66])];
                message.answers = records;
                return vec![guess, message];
            }
            Some(Says::GuessedByUdp(_)) if by == By::Udp => {
                message.queries[0].name = query.name.to_lowercase();
                message.answers = vec![a(&key.0, 60, [203, 0, 113, 66])];
            }
            Some(Says::GuessedByUdp(records)) => message.answers = records,
            Some(Says::AfterALoss(records)) => {
                self.zone.lock().unwrap().insert(key, Says::Records(records));
                return Vec::new();
            }
            Some(Says::Code(code)) => message.metadata.response_code = code,
            Some(Says::Nothing) => return Vec::new(),
            None => {
                message.metadata.response_code = ResponseCode::NXDomain;
                let soa = SOA::new(name_of("ns.test."), name_of("ns.test."), 1, 1, 1, 1, 30);
                message.authorities = vec![Record::from_rdata(name_of("test."), 900, RData::SOA(soa))];
            }
        }
        vec![message]
    }
}

/// A name out of its text.
pub fn name_of(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// An `A` record.
pub fn a(name: &str, ttl_s: u32, address: [u8; 4]) -> Record {
    Record::from_rdata(name_of(name), ttl_s, RData::A(A(address.into())))
}

/// An `AAAA` record.
pub fn aaaa(name: &str, ttl_s: u32, address: &str) -> Record {
    Record::from_rdata(name_of(name), ttl_s, RData::AAAA(AAAA(address.parse().unwrap())))
}

/// A `CNAME` record.
pub fn cname(name: &str, ttl_s: u32, target: &str) -> Record {
    Record::from_rdata(name_of(name), ttl_s, RData::CNAME(CNAME(name_of(target))))
}
