//! Tunnels that are passed on unread, and tunnels that are not what they seem.

use crate::websockets;
use crate::world::{Setting, World};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use model::{Channel, EventOutcome};
use proxy::Limits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn a_bypassed_host_shows_its_own_certificate_and_its_bytes_are_counted() {
    let world = World::usual().await;
    let origin = world.origin("bypass.test", BOTH).await;
    let client = world.client_trusting(world.root.der());
    let mut talk = client.talk("bypass.test", origin.port(), BOTH).await;
    assert_eq!(talk.get("/").await.status, StatusCode::OK);
    drop(talk);
    let events = world.finish().await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].channel, events[0].outcome), (Channel::Tunnel, EventOutcome::Allowed));
    assert_eq!((events[0].status, &*events[0].method), (None, "CONNECT"));
    assert!(events[0].bytes_up > 200 && events[0].bytes_down > 500, "{events:?}");
}

#[tokio::test]
async fn what_goes_on_unread_ends_soon_after_it_is_blocked() {
    let limits = Limits { judged_every: Duration::from_millis(20), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let (bypassed, good) =
        (world.origin("bypass.test", BOTH).await, world.origin("good.test", &["h2"]).await);
    let trusting = world.client_trusting(world.root.der());
    let tunnel = trusting.tunnel("bypass.test", bypassed.port()).await.unwrap();
    let mut tunnel = trusting.handshake(tunnel, "bypass.test", BOTH).await.unwrap();
    let mut talk = world.client().talk("good.test", good.port(), &["h2"]).await;
    talk.get("/").await;
    let websocket = websockets::ask(&mut talk, "/websocket").await;
    let mut websocket = TokioIo::new(hyper::upgrade::on(websocket).await.unwrap());
    world.swap_policy(&Setting { deny: vec!["bypass.test", "good.test"], ..Setting::default() });
    assert!(!matches!(tunnel.read(&mut [0; 8]).await, Ok(1..)));
    assert!(!matches!(websocket.read(&mut [0; 8]).await, Ok(1..)));
    drop((tunnel, websocket, talk));
    let events = world.finish().await;
    let outcomes = |host: &str| -> Vec<_> {
        let of_host = events.iter().filter(|event| event.host.to_string() == host);
        of_host.map(|event| event.outcome).collect()
    };
    assert_eq!(outcomes("bypass.test"), [EventOutcome::Blocked]);
    assert_eq!(outcomes("good.test"), [EventOutcome::Allowed, EventOutcome::Blocked]);
}

#[tokio::test]
async fn a_name_in_the_hello_that_differs_is_decided_too() {
    let world = World::usual().await;
    let client = world.client();
    let stream = client.tunnel("good.test", 443).await.unwrap();
    let stream = client.handshake(stream, "casino.test", &["http/1.1"]).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::builder()
        .uri("/")
        .header("host", "casino.test")
        .body(crate::origin::full(""))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::FORBIDDEN);
    drop(sender);
    let events = world.finish().await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].host.to_string().as_str(), events[0].outcome),
        ("casino.test", EventOutcome::Blocked)
    );
}

#[tokio::test]
async fn a_bypassed_host_cannot_lend_its_tunnel_to_a_host_that_is_not() {
    let world = World::usual().await;
    let bypassed = world.origin("bypass.test", BOTH).await;
    let client = world.client_trusting(world.root.der());
    let stream = client.tunnel("bypass.test", bypassed.port()).await.unwrap();
    // The answer comes from the gate, with a leaf of the school's, which this client does not trust.
    assert!(client.handshake(stream, "denied.test", BOTH).await.is_err());
    assert!(bypassed.seen().is_empty());
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_closed_unless_it_is_bypassed() {
    let world = World::usual().await;
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = echo.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    for (host, passes) in [("good.test", false), ("bypass.test", true)] {
        let mut stream = world.client().tunnel(host, port).await.unwrap();
        stream.write_all(b"\x00\x01custom").await.unwrap();
        let mut back = [0; 8];
        assert_eq!(stream.read_exact(&mut back).await.is_ok(), passes, "{host}");
    }
    let events = world.finish().await;
    let outcomes: Vec<_> = events.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [EventOutcome::Blocked, EventOutcome::Allowed]);
}

#[tokio::test]
async fn an_origin_that_speaks_first_is_heard_when_it_is_bypassed() {
    let world = World::usual().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = server.accept().await.unwrap();
        stream.write_all(b"220 ready").await.unwrap();
    });
    let mut stream = world.client().tunnel("bypass.test", port).await.unwrap();
    let mut greeting = [0; 9];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"220 ready");
}

#[tokio::test]
async fn a_tunnel_in_which_nobody_speaks_is_no_visit() {
    let world = World::usual().await;
    drop(world.client().tunnel("good.test", 443).await.unwrap());
    assert!(world.finish().await.is_empty());
}

#[tokio::test]
async fn a_hello_that_cannot_be_read_is_closed_even_on_the_bypass_list() {
    let world = World::with(Setting::default()).await;
    let origin = world.origin("bypass.test", BOTH).await;
    let mut stream = world.client().tunnel("bypass.test", origin.port()).await.unwrap();
    stream.write_all(&[22, 3, 1, 0, 8, 1, 0, 0, 4, 9, 9, 9, 9]).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.first() == Some(&21) && origin.seen().is_empty(), "an alert and nothing else: {rest:?}");
}
