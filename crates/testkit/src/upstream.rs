//! An upstream resolver that knows what a test tells it, and remembers what it was asked.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what cannot be here fails the test by panicking"
)]

use hickory_proto::op::{Message, OpCode, ResponseCode};
pub use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What an upstream says to one question.
#[derive(Clone)]
pub enum Says {
    /// These records.
    Records(Vec<Record>),
    /// No records, and this code.
    Code(ResponseCode),
    /// Its answer comes with another id first, as from somebody who guesses, and then rightly.
    AfterAGuess(Vec<Record>),
    /// Nothing at all.
    Nothing,
}

/// What it says, by name (with its last dot) and type.
pub type Zone = HashMap<(String, RecordType), Says>;

/// A running upstream.
pub struct Upstream {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, RecordType)>>>,
}

impl Upstream {
    /// Starts answering from `zone`; what is not in it does not exist.
    pub async fn start(zone: Zone) -> Self {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        let tcp = TcpListener::bind(address).await.unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let speaker = Speaker { zone: Arc::new(zone), asked: Arc::clone(&asked) };
        tokio::spawn(speaker.clone().serve_udp(udp));
        tokio::spawn(speaker.serve_tcp(tcp));
        Self { address, asked }
    }

    /// How often it was asked this.
    pub fn times_asked(&self, name: &str, record_type: RecordType) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(held, kind)| held == name && *kind == record_type).count()
    }
}

#[derive(Clone)]
struct Speaker {
    zone: Arc<Zone>,
    asked: Arc<Mutex<Vec<(String, RecordType)>>>,
}

impl Speaker {
    async fn serve_udp(self, socket: UdpSocket) {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            for message in self.says(&buffer[..length]) {
                let bytes = message.to_vec().unwrap();
                let fits = bytes.len() <= usize::from(message.max_payload());
                let bytes = if fits { bytes } else { message.truncate().to_vec().unwrap() };
                socket.send_to(&bytes, from).await.unwrap();
            }
        }
    }

    async fn serve_tcp(self, listener: TcpListener) {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            self.answer_tcp(stream).await;
        }
    }

    async fn answer_tcp(&self, mut stream: TcpStream) {
        let length = stream.read_u16().await.unwrap();
        let mut bytes = vec![0; length.into()];
        stream.read_exact(&mut bytes).await.unwrap();
        for message in self.says(&bytes) {
            let bytes = message.to_vec().unwrap();
            stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
    }

    fn says(&self, bytes: &[u8]) -> Vec<Message> {
        let question = Message::from_vec(bytes).unwrap();
        let query = question.queries[0].clone();
        let name = query.name.to_ascii();
        self.asked.lock().unwrap().push((name.clone(), query.query_type));
        let mut message = Message::response(question.metadata.id, OpCode::Query);
        message.add_query(query.clone());
        if let Some(edns) = question.edns {
            message.set_edns(edns);
        }
        match self.zone.get(&(name, query.query_type)).cloned() {
            Some(Says::Records(records)) => {
                message.answers = records;
                vec![message]
            }
            Some(Says::AfterAGuess(records)) => {
                let mut guess = message.clone();
                guess.metadata.id = guess.metadata.id.wrapping_add(1);
                guess.answers = vec![a(&query.name.to_ascii(), 60, [203, 0, 113, 66])];
                message.answers = records;
                vec![guess, message]
            }
            Some(Says::Code(code)) => {
                message.metadata.response_code = code;
                vec![message]
            }
            Some(Says::Nothing) => Vec::new(),
            None => {
                message.metadata.response_code = ResponseCode::NXDomain;
                let soa = SOA::new(name_of("ns.test."), name_of("ns.test."), 1, 1, 1, 1, 30);
                message.authorities = vec![Record::from_rdata(name_of("test."), 900, RData::SOA(soa))];
                vec![message]
            }
        }
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
