//! DNS over TLS and over HTTPS, with real clients of both; and devices that keep their group wherever they are.

use crate::world::{DEVICE, LEARNER, NOBODY, STAFF_ROOM, TOKEN, World, explanations, question};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use dns::{Certificate, DeviceTokens, DnsConfig, Encrypted};
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{RData, RecordType};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::EventOutcome;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use testkit::certificates::{Fault, TestAuthority};
use testkit::upstream::{Says, a};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NAME: &str = "dns.ash.test";
const MEDIA_TYPE: &str = "application/dns-message";

/// A server with both encrypted wires, and what it takes to trust it.
struct Encrypting {
    world: World,
    roots: Arc<RootCertStore>,
}

impl Encrypting {
    async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    async fn start_with(change: impl FnOnce(&mut DnsConfig)) -> Self {
        let authority = TestAuthority::new().unwrap();
        let settings = authority.server(&format!("*.{NAME}"), Fault::None, &[]).unwrap();
        let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
        let mut devices = DeviceTokens::default();
        devices.insert(TOKEN, DEVICE).unwrap();
        let encrypted = Encrypted {
            tls_listen: vec![any],
            https_listen: vec![any],
            name: NAME.into(),
            certificate: Certificate::Ready(settings),
            addresses: Vec::new(),
            devices,
        };
        let zone = [(
            ("site.test.".to_owned(), RecordType::A),
            Says::Records(vec![a("site.test.", 120, [203, 0, 113, 7])]),
        )];
        let world = World::start_with(zone.into(), |config| {
            config.encrypted = Some(encrypted);
            change(config);
        })
        .await;
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        Self { world, roots: Arc::new(roots) }
    }

    async fn connect(
        &self,
        from: &str,
        to: SocketAddr,
        (name, protocol): (&str, &str),
    ) -> TlsStream<TcpStream> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from.parse::<Ipv4Addr>().unwrap(), 0).into()).unwrap();
        let stream = socket.connect(to).await.unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    /// Asks by TLS.
    async fn ask_tls(&self, from: &str, name: &str, message: &Message) -> Message {
        let mut stream = self.connect(from, self.world.tls, (name, "dot")).await;
        let bytes = message.to_vec().unwrap();
        stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
        stream.read_exact(&mut answer).await.unwrap();
        Message::from_vec(&answer).unwrap()
    }

    /// Sends one request by HTTP/2 or, where the protocol says so, HTTP/1.1.
    async fn request(&self, from: &str, protocol: &str, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let stream = self.connect(from, self.world.https, (&format!("any.{NAME}"), protocol)).await;
        let stream = TokioIo::new(stream);
        if protocol == "h2" {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        }
    }

    async fn ask_https(&self, from: &str, path: &str, message: &Message) -> Message {
        let response = self.request(from, "h2", post(path, MEDIA_TYPE, message.to_vec().unwrap())).await;
        assert_eq!(response.status(), StatusCode::OK);
        Message::from_vec(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }
}

fn post(path: &str, media_type: &str, body: Vec<u8>) -> Request<Full<Bytes>> {
    request(Method::POST, path).header("content-type", media_type).body(Full::new(body.into())).unwrap()
}

fn get(path: &str) -> Request<Full<Bytes>> {
    request(Method::GET, path).body(Full::default()).unwrap()
}

fn request(method: Method, path: &str) -> http::request::Builder {
    // The host stands in the address for HTTP/2, and in a header for HTTP/1.1.
    Request::builder()
        .method(method)
        .uri(format!("https://any.{NAME}{path}"))
        .header("host", format!("any.{NAME}"))
}

fn explained(name: &str) -> Message {
    let mut message = question(name, RecordType::A);
    message.set_edns(Edns::new());
    message
}

#[tokio::test]
async fn questions_by_tls_get_the_answers_of_whoever_asks() {
    let encrypting = Encrypting::start().await;
    let found = encrypting
        .ask_tls(LEARNER, &format!("any-name.{NAME}"), &question("site.test.", RecordType::A))
        .await;
    assert_eq!(found.answers, [a("site.test.", 120, [203, 0, 113, 7])]);
    let mut padded = explained("casino.test.");
    padded.edns.as_mut().unwrap().options_mut().insert(EdnsOption::Unknown(12, vec![0; 20]));
    let blocked = encrypting.ask_tls(LEARNER, &format!("any-name.{NAME}"), &padded).await;
    assert_eq!(blocked.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(explanations(&blocked)[0].0, 17);
    assert_eq!(blocked.to_vec().unwrap().len() % 468, 0);
}

#[tokio::test]
async fn questions_by_https_come_by_both_methods_and_both_versions() {
    let encrypting = Encrypting::start().await;
    let message = question("site.test.", RecordType::A);
    let text = BASE64_URL_SAFE_NO_PAD.encode(message.to_vec().unwrap());
    for (protocol, request) in [
        ("h2", get(&format!("/dns-query?dns={text}"))),
        ("http/1.1", get(&format!("/dns-query?other=1&dns={text}"))),
        ("h2", post("/dns-query", MEDIA_TYPE, message.to_vec().unwrap())),
        ("http/1.1", post("/dns-query", "Application/DNS-message; x=y", message.to_vec().unwrap())),
    ] {
        let response = encrypting.request(LEARNER, protocol, request).await;
        assert_eq!(response.status(), StatusCode::OK, "{protocol}");
        assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
        assert_eq!(response.headers()["cache-control"], "private, max-age=120");
        let answer = Message::from_vec(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!((answer.metadata.id, answer.answers.len()), (message.metadata.id, 1));
    }
    let blocked = post("/dns-query", MEDIA_TYPE, question("casino.test.", RecordType::A).to_vec().unwrap());
    let response = encrypting.request(LEARNER, "h2", blocked).await;
    assert_eq!(response.headers()["cache-control"], "private, max-age=10");
}

#[tokio::test]
async fn what_is_no_question_by_https_has_the_status_that_says_so() {
    let encrypting = Encrypting::start().await;
    let long = "A".repeat(6_000);
    for (request, status) in [
        (get("/dns-query"), StatusCode::BAD_REQUEST),
        (get("/dns-query?dns=%%%"), StatusCode::BAD_REQUEST),
        (get("/dns-query?dns=AAAA"), StatusCode::BAD_REQUEST),
        (get(&format!("/dns-query?dns={long}")), StatusCode::URI_TOO_LONG),
        (get("/other"), StatusCode::NOT_FOUND),
        (get("/dns-query/a/b"), StatusCode::NOT_FOUND),
        (post("/dns-query", "text/plain", vec![0; 20]), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (post("/dns-query", MEDIA_TYPE, vec![0; 5_000]), StatusCode::PAYLOAD_TOO_LARGE),
        (request(Method::PUT, "/dns-query").body(Full::default()).unwrap(), StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let shown = format!("{request:?}");
        let response = encrypting.request(LEARNER, "h2", request).await;
        assert_eq!(response.status(), status, "{shown}");
        assert_eq!(response.headers().contains_key("allow"), status == StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn a_device_with_its_token_keeps_its_group_and_a_wrong_token_opens_nothing() {
    let encrypting = Encrypting::start().await;
    let casino = explained("casino.test.");
    let (blocked, open) = (ResponseCode::NXDomain, ResponseCode::NoError);
    // The device is lent to a teacher; nobody in particular is known at the first address, and staff are at the second.
    for (from, token, code) in [
        (NOBODY, None, blocked),
        (NOBODY, Some(TOKEN), open),
        (LEARNER, Some(TOKEN), open),
        (STAFF_ROOM, None, open),
        (STAFF_ROOM, Some("nobodys-token-at-all"), blocked),
        (STAFF_ROOM, Some("short"), blocked),
    ] {
        let path = token.map_or("/dns-query".to_owned(), |token| format!("/dns-query/{token}"));
        let answer = encrypting.ask_https(from, &path, &casino).await;
        let is_blocked = !explanations(&answer).is_empty() && explanations(&answer)[0].0 == 17;
        assert_eq!(is_blocked, code == blocked, "https {from} {token:?}: {:?}", explanations(&answer));
        // A label that is too short for a token is none.
        let Some(token) = token.filter(|token| token.len() >= DeviceTokens::FEWEST_CHARACTERS) else {
            continue;
        };
        let answer = encrypting.ask_tls(from, &format!("{token}.{NAME}"), &casino).await;
        let is_blocked = !explanations(&answer).is_empty() && explanations(&answer)[0].0 == 17;
        assert_eq!(is_blocked, code == blocked, "tls {from} {token}");
    }
    let events = encrypting.world.events();
    let by_device: Vec<_> = events.iter().filter(|event| event.device == Some(DEVICE)).collect();
    assert_eq!(by_device.len(), 4);
    assert!(by_device.iter().all(|event| event.person.is_some() && event.outcome == EventOutcome::Allowed));
}

#[tokio::test]
async fn who_asks_too_much_by_https_is_told_so() {
    let encrypting =
        Encrypting::start_with(|config| config.rate_limit = dns::RateLimit { per_s: 1, burst: 2 }).await;
    for status in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        let message = question("illegal.test.", RecordType::A).to_vec().unwrap();
        let response = encrypting.request(LEARNER, "h2", post("/dns-query", MEDIA_TYPE, message)).await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn who_sends_wrong_tokens_is_soon_not_answered_and_a_right_one_beside_it_is() {
    let encrypting = Encrypting::start().await;
    let message = question("casino.test.", RecordType::A);
    let stream = encrypting.connect(NOBODY, encrypting.world.https, (&format!("any.{NAME}"), "h2")).await;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut statuses = Vec::new();
    for number in 0..70 {
        let path = format!("/dns-query/nobodys-token-number-{number}");
        let wrong = post(&path, MEDIA_TYPE, message.to_vec().unwrap());
        statuses.push(sender.send_request(wrong).await.unwrap().status());
    }
    // The clock stands, so that nobody has rested.
    assert!(statuses[..60].iter().all(|status| *status == StatusCode::OK), "{statuses:?}");
    assert!(statuses[60..].iter().all(|status| *status == StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let right = post(&format!("/dns-query/{TOKEN}"), MEDIA_TYPE, message.to_vec().unwrap());
    assert_eq!(sender.send_request(right).await.unwrap().status(), StatusCode::OK);

    // By TLS the token is in the name, and the connection ends.
    let (wrong, right) = (format!("nobodys-token-at-all.{NAME}"), format!("{TOKEN}.{NAME}"));
    for _ in 0..60 {
        drop(encrypting.connect(LEARNER, encrypting.world.tls, (&wrong, "dot")).await);
    }
    let mut closed = encrypting.connect(LEARNER, encrypting.world.tls, (&wrong, "dot")).await;
    assert!(matches!(closed.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    let answer = encrypting.ask_tls(LEARNER, &right, &message).await;
    assert_eq!(answer.metadata.id, message.metadata.id);
    // A second later there is room for more.
    encrypting.world.clock.advance_ms(1_000);
    let answer = encrypting.ask_tls(LEARNER, &wrong, &message).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn an_outsider_is_served_by_a_token_alone() {
    let proxy: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    let encrypting = Encrypting::start_with(|config| {
        config.proxy_peers = vec![format!("{}/32", proxy.ip()).parse().unwrap()]
    })
    .await;
    for (path, code) in [
        ("/dns-query", ResponseCode::Refused),
        ("/dns-query/nobodys-token-at-all", ResponseCode::Refused),
        (&format!("/dns-query/{TOKEN}"), ResponseCode::NoError),
    ] {
        let mut stream = TcpStream::connect(encrypting.world.https).await.unwrap();
        stream.write_all(&crate::world::proxy_header("203.0.113.99")).await.unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(Arc::clone(&encrypting.roots))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from(format!("any.{NAME}")).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = post(path, MEDIA_TYPE, question("site.test.", RecordType::A).to_vec().unwrap());
        let response = sender.send_request(request).await.unwrap();
        let answer = Message::from_vec(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        assert_eq!(answer.metadata.response_code, code, "{path}");
    }
}

#[tokio::test]
async fn clients_are_told_where_the_encrypted_resolver_is() {
    let encrypting = Encrypting::start().await;
    let answer = encrypting.world.ask(LEARNER, "_dns.resolver.arpa.", RecordType::SVCB).await;
    let ports: Vec<String> = answer
        .answers
        .iter()
        .map(|record| match &record.data {
            RData::SVCB(svcb) => svcb.to_string(),
            other => panic!("expected SVCB, found {other}"),
        })
        .collect();
    assert!(ports[0].contains(&format!("port={}", encrypting.world.https.port())), "{ports:?}");
    assert!(ports[1].contains(&format!("port={}", encrypting.world.tls.port())), "{ports:?}");
    assert!(encrypting.world.events().is_empty());
}

#[tokio::test]
async fn clients_are_told_the_gates_addresses_where_it_listens_on_all() {
    let encrypting = Encrypting::start_with(|config| {
        let encrypted = config.encrypted.as_mut().unwrap();
        encrypted.https_listen = vec!["0.0.0.0:0".parse().unwrap()];
        encrypted.tls_listen = Vec::new();
        encrypted.addresses = vec!["10.1.0.2".parse().unwrap()];
    })
    .await;
    let answer = encrypting.world.ask(LEARNER, "_dns.resolver.arpa.", RecordType::SVCB).await;
    let RData::SVCB(svcb) = &answer.answers[0].data else { panic!("expected SVCB") };
    assert!(svcb.to_string().contains("10.1.0.2"), "{svcb}");
}

#[tokio::test]
async fn an_idle_encrypted_connection_is_closed() {
    let encrypting = Encrypting::start_with(|config| config.tcp_idle = Duration::from_millis(100)).await;
    for (to, protocol) in [(encrypting.world.tls, "dot"), (encrypting.world.https, "h2")] {
        let mut stream = encrypting.connect(LEARNER, to, (&format!("any.{NAME}"), protocol)).await;
        let closed = async { while stream.read(&mut [0; 100]).await.is_ok_and(|length| length > 0) {} };
        tokio::time::timeout(Duration::from_secs(10), closed).await.unwrap();
    }
}
