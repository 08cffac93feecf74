//! The DNS server through its sockets on loopback: what clients send, and what an upstream answers.
//!
//! The server runs beside the target, so that the whole path is fuzzed and nothing is opened for it: sockets, limits,
//! parser, policy, upstream, cache, answer. A blocked name asked after each input is the proof that it still answers.

use crate::readers::category;
use dns::{Certificate, DeviceTokens, DnsConfig, DnsPorts, DnsServer, Encrypted, RateLimit};
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use jiff::tz::TimeZone;
use model::{
    CategorySet, Clock, CurrentRoster, GroupId, Host, IdentityMap, ListId, NetworkId, Outcome, PolicyHash,
    SchoolId, Stage, Timestamp, event_channel,
};
use policy::image::{Effect, Image, ImageWriter, NewEntry, NewList, Reach, Weight};
use policy::rules::{GroupRules, InspectionSetting, Members, Network, School, TrafficRules, YouTube};
use policy::{CurrentSnapshot, Policy, Snapshot};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

/// How long an answer is waited for: longer than the server may take with a dead upstream.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// The largest datagram the server may send.
const UDP_LIMIT_BYTES: usize = 1_232;
/// The PROXY protocol, version 2: a connection of 127.0.0.9, by TCP over IPv4.
const PROXY_HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x09\x7f\0\0\x01\x10\0\0\x35";

/// What the server is called by those who ask it by HTTPS.
pub(crate) const NAME: &str = "dns.ash.test";

pub(crate) struct World {
    _runtime: Runtime,
    server: SocketAddr,
    /// The same by HTTPS, and what it takes to trust it.
    pub(crate) https: SocketAddr,
    pub(crate) trusting: ClientConfig,
    /// The same, and believes what a proxy on loopback says.
    believing: SocketAddr,
    client: UdpSocket,
    clock: Clock,
    /// What the upstream says next, before the truth.
    says: Arc<Mutex<Vec<u8>>>,
    asked: AtomicU64,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::start);

/// Sends the bytes as one datagram.
pub fn message(bytes: &[u8]) {
    let world = &*WORLD;
    if world.client.send(bytes).is_err() {
        return;
    }
    // What else came may be the answer to this input or a late one to an input before.
    for answer in world.sentinel() {
        check(&answer);
        assert!(answer.len() <= UDP_LIMIT_BYTES, "{} bytes by UDP", answer.len());
    }
}

/// Writes the bytes on a connection of their own.
pub fn stream(bytes: &[u8]) {
    connection(WORLD.server, bytes);
}

/// Writes the bytes on a connection whose other end believes a PROXY header: as they are, and behind a good header.
pub fn proxied(bytes: &[u8]) {
    connection(WORLD.believing, bytes);
    connection(WORLD.believing, &[PROXY_HEADER, bytes].concat());
}

fn connection(server: SocketAddr, bytes: &[u8]) {
    let world = &*WORLD;
    let stream = socket2::Socket::from(TcpStream::connect(server).expect("the server takes connections on"));
    // Closed at once, so that ports do not run out.
    stream.set_linger(Some(Duration::ZERO)).expect("a socket option");
    let mut stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answers = Vec::new();
    // The server may close with questions unread; whether it closes at all is the point.
    if let Err(error) = stream.read_to_end(&mut answers) {
        assert!(error.kind() == ErrorKind::ConnectionReset, "the server holds on to it: {error}");
    }
    let mut rest = &answers[..];
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some(answer) = after.get(..length) else { break };
        check(answer);
        rest = &after[length..];
    }
    let _ = world.sentinel();
}

/// Lets the upstream answer with the bytes: whole, or behind the right head and question.
pub fn upstream(bytes: &[u8]) {
    let world = &*WORLD;
    *world.says.lock().expect("nobody panicked") = bytes.to_vec();
    // What failed is avoided for a while; the next input finds it well again.
    world.clock.advance_ms(3_600_000);
    let number = world.asked.fetch_add(1, Ordering::Relaxed);
    let record_type = if bytes.len() % 3 == 0 { RecordType::HTTPS } else { RecordType::A };
    let question = question(world.next_id(), &format!("n{number}.site.test."), record_type);
    let id = u16::from_be_bytes([question[0], question[1]]);
    world.client.send(&question).expect("a question is sent");
    let answer = world.receive(id);
    check(&answer);
    nothing_leaks(&answer);
}

/// An answer of ours can be read, is an answer, and has one question at most.
pub(crate) fn check(answer: &[u8]) {
    let head = answer.first_chunk::<12>().expect("a head");
    assert!(head[2] & 0x80 != 0, "not a response");
    let read = Message::from_vec(answer).expect("our own answer can be read");
    assert!(read.queries.len() <= 1);
}

/// Whatever upstream says: no private address of an outside name, no alias of a blocked name, no ECH key.
fn nothing_leaks(answer: &[u8]) {
    let read = Message::from_vec(answer).expect("our own answer can be read");
    for record in &read.answers {
        match &record.data {
            RData::A(address) => assert!(!policy::is_private(IpAddr::V4(address.0)), "{record}"),
            RData::AAAA(address) => assert!(!policy::is_private(IpAddr::V6(address.0)), "{record}"),
            RData::CNAME(target) => {
                let host = Host::parse(&target.0.to_ascii());
                assert!(!host.is_ok_and(|host| host.is_at_or_below("casino.test")), "{record}");
            }
            other => assert!(!other.to_string().contains("ech="), "{record}"),
        }
    }
}

impl World {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let upstream = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let config = DnsConfig {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            upstreams: vec![upstream.local_addr().expect("bound").into()],
            upstream_wait: Duration::from_millis(50),
            cache_entries: 1_024,
            workers: 1,
            // One client asks more than a school.
            rate_limit: RateLimit { per_s: 0, burst: 0 },
            tcp_idle: Duration::from_secs(1),
            ..DnsConfig::default()
        };
        let clock = Clock::fixed(Timestamp::parse("2026-11-23T12:00:00Z").expect("a time"));
        let snapshot = Snapshot::compile(policy(), image(), Vec::new());
        let (events, receiver) = event_channel(10_000);
        std::thread::spawn(move || {
            let mut batch = Vec::new();
            while receiver.batch(Duration::from_secs(1), 1_000, &mut batch) {}
        });
        let ports = DnsPorts {
            snapshot: Arc::new(CurrentSnapshot::new(snapshot)),
            roster: Arc::new(CurrentRoster::default()),
            identities: Arc::new(IdentityMap::default()),
            events,
            clock: clock.clone(),
        };
        let believes = vec!["127.0.0.1/32".parse().expect("a range")];
        let run = |config| {
            let dns = runtime.block_on(DnsServer::bind(config, ports.clone())).expect("the server is bound");
            let (server, https) = (dns.local_addrs()[0], dns.https_addrs().first().copied());
            runtime.spawn(dns.run(CancellationToken::new()));
            (server, https)
        };
        let (believing, _) = run(DnsConfig { proxy_peers: believes, ..config.clone() });
        let (encrypted, trusting) = encrypted();
        let (server, https) = run(DnsConfig { encrypted: Some(encrypted), ..config });
        let https = https.expect("the server listens for HTTPS");
        let says = Arc::<Mutex<Vec<u8>>>::default();
        let spoken = Arc::clone(&says);
        std::thread::spawn(move || serve_upstream(&upstream, &spoken));
        let client = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        client.connect(server).expect("loopback");
        client.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        Self {
            _runtime: runtime,
            server,
            https,
            trusting,
            believing,
            client,
            clock,
            says,
            asked: AtomicU64::new(0),
        }
    }

    fn next_id(&self) -> u16 {
        (self.asked.fetch_add(1, Ordering::Relaxed) % 65_536) as u16
    }

    /// Asks for a blocked name, which must be answered as one; what else came before.
    pub(crate) fn sentinel(&self) -> Vec<Vec<u8>> {
        let id = self.next_id();
        self.ask_until(id, &blocked_question(id))
    }

    /// Asks, and answers what else came before the answer to it did.
    fn ask_until(&self, id: u16, question: &[u8]) -> Vec<Vec<u8>> {
        self.client.send(question).expect("a question is sent");
        let mut others = Vec::new();
        loop {
            let answer = self.receive_any();
            let read = Message::from_vec(&answer).ok();
            let is_ours = |read: &Message| {
                read.metadata.id == id
                    && read
                        .queries
                        .first()
                        .is_some_and(|query| query.name.to_ascii() == "sentinel.casino.test.")
            };
            if let Some(read) = read.filter(is_ours) {
                assert_eq!(
                    read.metadata.response_code,
                    ResponseCode::NXDomain,
                    "a blocked name was answered"
                );
                return others;
            }
            others.push(answer);
        }
    }

    fn receive(&self, id: u16) -> Vec<u8> {
        loop {
            let answer = self.receive_any();
            if answer.get(..2) == Some(&id.to_be_bytes()) {
                return answer;
            }
        }
    }

    fn receive_any(&self) -> Vec<u8> {
        let mut buffer = [0; 65_535];
        loop {
            match self.client.recv(&mut buffer) {
                Ok(length) => return buffer[..length].to_vec(),
                // libFuzzer's own timer.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("the server answers no more: {error}"),
            }
        }
    }
}

/// Each question gets the fuzzed answer, and then a true one for whatever made nothing of the first.
fn serve_upstream(socket: &UdpSocket, says: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4_096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let asked = &buffer[..length];
        let Ok(read) = Message::from_vec(asked) else { continue };
        let said = says.lock().expect("nobody panicked").clone();
        if let Some((kind, rest)) = said.split_first() {
            let fuzzed =
                if kind & 1 == 0 { [&asked[..2], rest].concat() } else { behind_the_question(asked, rest) };
            let _ = socket.send_to(&fuzzed, from);
        }
        let mut answer = read;
        answer.metadata.message_type = hickory_proto::op::MessageType::Response;
        answer.metadata.response_code = ResponseCode::NXDomain;
        let _ = socket.send_to(&answer.to_vec().expect("an answer"), from);
    }
}

/// The id, eight bytes of the input for flags and counts (one question always), the question, and what is left.
fn behind_the_question(asked: &[u8], rest: &[u8]) -> Vec<u8> {
    let end = 12 + asked[12..].iter().position(|byte| *byte == 0).unwrap_or(0) + 5;
    let mut head = [0; 10];
    for (spot, byte) in head.iter_mut().zip(rest) {
        *spot = *byte;
    }
    head[0] |= 0x80;
    head[2..4].copy_from_slice(&[0, 1]);
    // Few records, or every input would end at the count.
    for count in [4, 6, 8] {
        head[count] = 0;
        head[count + 1] %= 4;
    }
    [&asked[..2], &head, &asked[12..end.min(asked.len())], rest.get(10..).unwrap_or_default()].concat()
}

/// DNS over HTTPS with a certificate that signed itself, and what it takes to trust that.
fn encrypted() -> (Encrypted, ClientConfig) {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
    let certificate = parameters.self_signed(&key).expect("a certificate").der().clone();
    let private = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("its key");
    let server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], private)
        .expect("settings of TLS");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let trusting = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let encrypted = Encrypted {
        tls_listen: Vec::new(),
        https_listen: vec!["127.0.0.1:0".parse().expect("an address")],
        name: NAME.into(),
        certificate: Certificate::Ready(Arc::new(server)),
        addresses: Vec::new(),
        devices: DeviceTokens::default(),
    };
    (encrypted, trusting)
}

fn blocked_question(id: u16) -> Vec<u8> {
    question(id, "sentinel.casino.test.", RecordType::A)
}

fn question(id: u16, name: &str, record_type: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).expect("a name"), record_type));
    message.to_vec().expect("a question")
}

fn policy() -> Policy {
    let school = SchoolId::new("ash");
    let network = Network {
        id: NetworkId::new("classrooms"),
        school: school.clone(),
        ranges: vec!["127.0.0.0/8".parse().expect("a range")],
        group: None,
        sign_in: Default::default(),
        addresses: Default::default(),
    };
    let learners = GroupRules {
        id: GroupId::new("learners"),
        name: "Learners".into(),
        stage: Stage::Secondary,
        members: Members::default(),
        default: Outcome::Allow,
        block: CategorySet::EMPTY.with(category()),
        allow_categories: CategorySet::EMPTY,
        allow: Vec::new(),
        deny: Vec::new(),
        windows: Vec::new(),
        safe_search: true,
        youtube: YouTube::Strict,
        inspection: InspectionSetting::On,
        traffic: TrafficRules::default(),
        tightened: Vec::new(),
    };
    Policy {
        hash: PolicyHash::new("ab".repeat(32)),
        title: "Made-up policy".into(),
        trust: None,
        schools: vec![School { id: school, name: "Ash".into() }],
        time_zone: TimeZone::UTC,
        networks: vec![network],
        groups: vec![learners],
        lists: Vec::new(),
        bypass: Vec::new(),
        watching: policy::rules::Watching::default(),
    }
}

fn image() -> Image {
    let mut writer = ImageWriter::default();
    let new = NewList {
        id: ListId::new("made-up"),
        name: "Made up".into(),
        read_at: Timestamp(0),
        dropped: vec![],
    };
    let list = writer.list(new).expect("one list fits");
    let host = Host::parse("casino.test").expect("a host");
    let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
    writer.push(list, NewEntry { host: &host, reach, effect, weight, category: category(), line: 1 });
    Image::from_bytes(writer.finish().expect("an image")).expect("its own image")
}
