//! Clients that speak HTTP/2 with the proxy itself, over its TLS port: many tunnels on one connection.

use crate::client::Answer;
use crate::origin::{Origin, TestBody, full};
use crate::world::World;
use http::{Method, Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A connection to the proxy on which HTTP/2 was agreed.
async fn connect(world: &World) -> SendRequest<TestBody> {
    let stream = world.client().handshake(world.tls_stream().await, "127.0.0.1", &["h2", "http/1.1"]).await;
    let stream = stream.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: Method, target: &str) -> Request<TestBody> {
    Request::builder().method(method).uri(target).header("accept", "text/html").body(full("")).unwrap()
}

async fn get(proxy: &mut SendRequest<TestBody>, target: &str) -> Answer {
    Answer::read(proxy.send_request(request(Method::GET, target)).await.unwrap()).await
}

#[tokio::test]
async fn many_tunnels_and_plain_requests_share_a_connection_to_the_proxy() {
    let world = World::usual().await;
    let (secure, plain) = (world.origin("good.test", &["h2", "http/1.1"]).await, Origin::start(None).await);
    let mut proxy = connect(&world).await;
    let client = world.client();
    let mut talks = Vec::new();
    for offer in [&["h2"][..], &["http/1.1"]] {
        let target = format!("good.test:{}", secure.port());
        let opened = proxy.send_request(request(Method::CONNECT, &target)).await.unwrap();
        assert_eq!(opened.status(), StatusCode::OK);
        let tunnel = TokioIo::new(hyper::upgrade::on(opened).await.unwrap());
        talks.push(client.talk_over(tunnel, "good.test", secure.port(), offer).await);
    }
    for (talk, version) in talks.iter_mut().zip([Version::HTTP_2, Version::HTTP_11]) {
        let answer = talk.get("/").await;
        assert_eq!((answer.status, answer.version), (StatusCode::OK, version));
        assert_eq!(talk.get("/denied").await.status, StatusCode::FORBIDDEN);
    }
    let answer = get(&mut proxy, &format!("http://good.test:{}/", plain.port())).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = get(&mut proxy, &format!("http://denied.test:{}/", plain.port())).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    drop((talks, proxy));
    assert_eq!(world.finish().await.len(), 6, "each request and no tunnel is in the history");
}

#[tokio::test]
async fn a_tunnel_that_is_passed_unread_holds_every_byte_both_ways() {
    let world = World::usual().await;
    let origin = world.origin("bypass.test", &["http/1.1"]).await;
    let mut proxy = connect(&world).await;
    let target = format!("bypass.test:{}", origin.port());
    let opened = proxy.send_request(request(Method::CONNECT, &target)).await.unwrap();
    let tunnel = TokioIo::new(hyper::upgrade::on(opened).await.unwrap());
    let client = world.client_trusting(world.root.der());
    let mut stream = client.handshake(tunnel, "bypass.test", &[]).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
    let head = format!(
        "POST /echo HTTP/1.1\r\nhost: {target}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        sent.len()
    );
    let (mut reading, mut writing) = tokio::io::split(&mut stream);
    let mut answer = Vec::new();
    let write = async {
        writing.write_all(head.as_bytes()).await.unwrap();
        writing.write_all(&sent).await.unwrap();
        writing.flush().await.unwrap();
    };
    let ((), read) = tokio::join!(write, reading.read_to_end(&mut answer));
    read.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.windows(1_000).any(|part| part == &sent[..1_000]));
}

#[tokio::test]
async fn the_proxys_own_pages_are_there_and_what_is_no_proxys_business_is_refused() {
    let world = World::usual().await;
    let mut proxy = connect(&world).await;
    let own = format!("https://127.0.0.1:{}", world.over_tls.port());
    let pac = get(&mut proxy, &format!("{own}/proxy.pac")).await;
    assert_eq!(pac.status, StatusCode::OK);
    assert!(pac.text().contains("FindProxyForURL"), "{}", pac.text());
    for target in ["https://good.test/", "ftp://good.test/"] {
        assert_eq!(get(&mut proxy, target).await.status, StatusCode::BAD_REQUEST, "{target}");
    }
    let mut websocket = request(Method::CONNECT, "http://good.test/");
    websocket.extensions_mut().insert(Protocol::from_static("websocket"));
    assert_eq!(proxy.send_request(websocket).await.unwrap().status(), StatusCode::BAD_REQUEST);
    let blocked = request(Method::CONNECT, "good.test:0");
    let refused = proxy.send_request(blocked).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(!refused.into_body().collect().await.unwrap().to_bytes().is_empty());
}
