//! Many clients at once for a while: three seconds as usual, ten minutes where `SCHOOLGATE_LONG` is 1, as
//! `cargo xtask test --long` sets it.

use crate::gate::Gate;
use bytes::Bytes;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::certificates::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;

const LESSON: &str = "<!doctype html><title>Lesson</title><p>One page of many.";
/// Requests on a connection before it is opened anew.
const REQUESTS_OF_A_CONNECTION: usize = 500;
/// How much more memory the gate may hold after the load than after the warm-up, in KiB.
const MOST_GROWTH_KIB: u64 = 64 * 1024;
/// The most rows of a download.
const MOST_ROWS: usize = 100_000;

/// What every client needs to know.
struct Outside {
    proxy: String,
    dns: String,
    tls: TlsConnector,
    /// The port of the one origin.
    port: u16,
    until: Instant,
}

fn lasts() -> Duration {
    let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
    Duration::from_secs(if long { 600 } else { 3 })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_is_right_nothing_is_lost_and_memory_stays() {
    let gate = Gate::start().await;
    let (origin, _) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    gate.sign_in_to_web("elsie").await;
    let port = origin.address().port();

    let warm_up = load(&gate, port, lasts() / 6).await;
    let before = gate.memory_kib();
    let pages = warm_up + load(&gate, port, lasts()).await;
    let after = gate.memory_kib();
    assert!(pages > 100, "enough load to tell: {pages}");
    assert!(after < before + MOST_GROWTH_KIB, "memory grew from {before} to {after} KiB in {pages} pages");

    let filter = "host=education.schoolgate.test&outcome=allowed&channel=https";
    let asked = Instant::now();
    loop {
        let csv = gate.history_csv("safeguarding-lead", filter).await;
        let rows = csv.lines().filter(|line| line.contains("/?soak-")).count();
        if rows == pages.min(MOST_ROWS) {
            break;
        }
        assert!(asked.elapsed() < Duration::from_secs(30), "{rows} of {pages} are in the history");
    }
    let lead = gate.console_browser("headteacher").await.text().await.unwrap();
    assert!(lead.contains("Nothing was lost since start"), "{lead}");
}

/// Everybody at once for this long. Answers how many pages came.
async fn load(gate: &Gate, port: u16, lasts: Duration) -> usize {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(gate.address("authority")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let outside = Arc::new(Outside {
        proxy: gate.address("proxy").trim_start_matches("http://").to_owned(),
        dns: gate.address("dns"),
        tls: TlsConnector::from(Arc::new(tls)),
        port,
        until: Instant::now() + lasts,
    });
    let readers: Vec<_> = (0..3).map(|_| tokio::spawn(read_pages(Arc::clone(&outside)))).collect();
    let blocked = tokio::spawn(meet_blocks(Arc::clone(&outside)));
    let asker = tokio::spawn(ask_names(Arc::clone(&outside)));
    let mut pages = 0;
    for reader in readers {
        pages += reader.await.unwrap();
    }
    assert!(blocked.await.unwrap() > 0 && asker.await.unwrap() > 0);
    pages
}

async fn read_pages(outside: Arc<Outside>) -> usize {
    let mut pages = 0;
    while Instant::now() < outside.until {
        let mut connection = outside.connect("education.schoolgate.test").await;
        for _ in 0..REQUESTS_OF_A_CONNECTION {
            let (status, body) = connection.get(&format!("/?soak-{pages}")).await;
            // The origin of the tests has a page at `/` and looks at the path alone.
            assert_eq!((status, body.as_str()), (StatusCode::OK, LESSON));
            pages += 1;
            if Instant::now() >= outside.until {
                break;
            }
        }
    }
    pages
}

async fn meet_blocks(outside: Arc<Outside>) -> usize {
    let mut met = 0;
    while Instant::now() < outside.until {
        let mut connection = outside.connect("gambling.schoolgate.test").await;
        for _ in 0..REQUESTS_OF_A_CONNECTION / 50 {
            let (status, body) = connection.get("/").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{body}");
            assert!(!body.contains(LESSON));
            met += 1;
        }
    }
    met
}

async fn ask_names(outside: Arc<Outside>) -> usize {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(&outside.dns).await.unwrap();
    let mut answered = 0;
    // One client may ask a thousand times a second, and is sent to TCP beyond.
    let mut pace = tokio::time::interval(Duration::from_millis(3));
    while Instant::now() < outside.until {
        pace.tick().await;
        let answer = ask(&socket, "reading.education.schoolgate.test.").await;
        assert_eq!(
            answer.answers.iter().map(|record| record.data.to_string()).next().unwrap(),
            "203.0.113.7"
        );
        let answer = ask(&socket, "gambling.schoolgate.test.").await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
        answered += 2;
    }
    answered
}

/// Asks once more where an answer does not come, as every resolver does.
async fn ask(socket: &UdpSocket, name: &str) -> Message {
    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii(name).unwrap(), RecordType::A));
    let mut buffer = [0; 4096];
    for _ in 0..3 {
        socket.send(&question.to_vec().unwrap()).await.unwrap();
        while let Ok(received) = tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await
        {
            let answer = Message::from_vec(&buffer[..received.unwrap()]).unwrap();
            if answer.metadata.id == question.metadata.id {
                return answer;
            }
        }
    }
    panic!("{name} was not answered");
}

/// A kept connection to a site, through the proxy.
struct Connection {
    sender: http1::SendRequest<Empty<Bytes>>,
    authority: String,
}

impl Outside {
    async fn connect(&self, host: &'static str) -> Connection {
        let authority = format!("{host}:{}", self.port);
        let mut stream = TcpStream::connect(&self.proxy).await.unwrap();
        let head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        let stream = self.tls.connect(ServerName::try_from(host).unwrap(), stream).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Connection { sender, authority }
    }
}

impl Connection {
    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", &self.authority).body(Empty::new()).unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}
