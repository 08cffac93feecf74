//! Connections to origins, shared by clients; and when they are not.

use crate::certificates::Flaw;
use crate::client::{Answer, Talk};
use crate::origin::{Origin, full};
use crate::raw::RawOrigin;
use crate::world::{Setting, World};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use proxy::Limits;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn clients_that_come_one_after_another_or_together_share_connections_to_an_origin() {
    for spoken in [BOTH, &["http/1.1"]] {
        let world = World::usual().await;
        let origin = world.origin("good.test", spoken).await;
        for _ in 0..3 {
            let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
            assert_eq!(talk.get("/").await.status, StatusCode::OK);
        }
        assert_eq!(origin.connections(), 1);
    }
}

#[tokio::test]
async fn plain_requests_share_connections_too() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    for _ in 0..3 {
        let request = Request::builder()
            .uri(format!("http://good.test:{}/page", origin.port()))
            .body(full(""))
            .unwrap();
        let answer = Answer::read(world.client().ask_proxy(request).await).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn who_signs_in_to_an_origin_over_a_connection_has_it_alone() {
    for spoken in [BOTH, &["http/1.1"]] {
        let world = World::usual().await;
        let origin = world.origin("good.test", spoken).await;
        let mut first = world.client().talk("good.test", origin.port(), BOTH).await;
        assert_eq!(first.get("/").await.status, StatusCode::OK);
        for _ in 0..2 {
            let sign_in = first
                .request(Method::GET, "/")
                .header("authorization", "Negotiate YII=")
                .body(full(""))
                .unwrap();
            assert_eq!(Answer::read(first.send(sign_in).await).await.status, StatusCode::OK);
        }
        // What comes after it goes the same way: the origin knows the person by the connection.
        assert_eq!(first.get("/").await.status, StatusCode::OK);
        assert_eq!(origin.connections(), 2);
        let mut second = world.client().talk("good.test", origin.port(), BOTH).await;
        assert_eq!(second.get("/").await.status, StatusCode::OK);
        assert_eq!(origin.connections(), 2);
        let signed_in =
            origin.seen().into_iter().filter(|seen| seen.version == http::Version::HTTP_11).count();
        assert!(signed_in >= 3);
    }
}

#[tokio::test]
async fn an_origin_that_answers_only_over_http1_is_asked_over_http1() {
    let world = World::usual().await;
    let tls = TlsAcceptor::from(world.root.server("good.test", Flaw::None, BOTH));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = tls.accept(stream).await.unwrap();
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut answer))) = connection.accept().await {
                        answer.send_reset(h2::Reason::HTTP_1_1_REQUIRED);
                    }
                });
            } else {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold").await.unwrap();
                tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
            }
        }
    });
    let mut talk = world.client().talk("good.test", port, BOTH).await;
    let answer = talk.get("/").await;
    assert_eq!((answer.text(), answer.version), ("old", http::Version::HTTP_2));
}

#[tokio::test]
async fn what_an_origin_says_it_did_not_take_in_is_sent_again_with_its_body() {
    for body in ["name=Ash&form=4B", ""] {
        let world = World::usual().await;
        let tls = TlsAcceptor::from(world.root.server("good.test", Flaw::None, &["h2"]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(tls.accept(stream).await.unwrap()).await.unwrap();
            let (_, mut answer) = connection.accept().await.unwrap().unwrap();
            answer.send_reset(h2::Reason::REFUSED_STREAM);
            connection.graceful_shutdown();
            tokio::spawn(async move { while connection.accept().await.is_some() {} });
            let (stream, _) = listener.accept().await.unwrap();
            let mut connection = h2::server::handshake(tls.accept(stream).await.unwrap()).await.unwrap();
            let (request, mut answer) = connection.accept().await.unwrap().unwrap();
            let mut sent = answer.send_response(http::Response::new(()), false).unwrap();
            tokio::spawn(async move {
                let mut body = request.into_body();
                while let Some(Ok(part)) = body.data().await {
                    sent.send_data(part, false).unwrap();
                }
                sent.send_data(Bytes::new(), true).unwrap();
            });
            while connection.accept().await.is_some() {}
        });
        let mut talk = world.client().talk("good.test", port, BOTH).await;
        let request = talk.request(Method::POST, "/form").body(full(body)).unwrap();
        let answer = Answer::read(talk.send(request).await).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, body));
    }
}

#[tokio::test]
async fn an_origin_is_given_no_more_streams_on_a_connection_than_it_allows() {
    let world = World::usual().await;
    let tls = TlsAcceptor::from(world.root.server("good.test", Flaw::None, &["h2"]));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let stream = tls.accept(stream).await.unwrap();
            tokio::spawn(async move {
                let mut settings = h2::server::Builder::new();
                let mut connection =
                    settings.max_concurrent_streams(1).handshake::<_, Bytes>(stream).await.unwrap();
                let mut unended = Vec::new();
                while let Some(Ok((request, mut answer))) = connection.accept().await {
                    let is_endless = request.uri().path() == "/endless";
                    let sent = answer.send_response(http::Response::new(()), !is_endless).unwrap();
                    unended.extend(is_endless.then_some(sent));
                }
            });
        }
    });
    let mut ash = world.client().talk("good.test", port, BOTH).await;
    let endless = ash.request(Method::GET, "/endless").body(full("")).unwrap();
    let endless = ash.send(endless).await;
    let mut elm = world.client().talk("good.test", port, BOTH).await;
    assert_eq!(elm.get("/").await.status, StatusCode::OK);
    drop(endless);
}

#[tokio::test]
async fn a_connection_with_an_answer_that_was_not_read_to_its_end_is_not_used_again() {
    let world = World::usual().await;
    let endless =
        RawOrigin::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\nabc".to_vec()).await;
    for expected in 1..=2 {
        let request =
            Request::builder().uri(format!("http://good.test:{}/", endless.port())).body(full("")).unwrap();
        let response = world.client().ask_proxy(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        drop(response);
        assert_eq!(endless.connections(), expected);
    }
}

#[tokio::test]
async fn an_origin_that_closes_without_saying_so_in_tls_has_ended_and_its_announced_length_counts() {
    for (head, is_whole) in [("", true), ("content-length: 99\r\n", false)] {
        let world = World::usual().await;
        let tls = TlsAcceptor::from(world.root.server("good.test", Flaw::None, &["http/1.1"]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = tls.accept(stream).await.unwrap();
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\nall of it").as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
                stream.get_mut().0.shutdown().await.unwrap();
            }
        });
        let mut talk = world.client().talk("good.test", port, BOTH).await;
        let request = talk.request(Method::GET, "/").body(full("")).unwrap();
        let came = talk.send(request).await.into_body().collect().await;
        assert_eq!(came.is_ok(), is_whole);
        assert!(came.is_err() || came.unwrap().to_bytes() == "all of it");
    }
}

#[tokio::test]
async fn bytes_beyond_an_answer_are_nobody_s_next_answer() {
    let world = World::usual().await;
    let lying = RawOrigin::start(|_| {
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
            .to_vec()
    })
    .await;
    for _ in 0..3 {
        let request =
            Request::builder().uri(format!("http://good.test:{}/", lying.port())).body(full("")).unwrap();
        assert_eq!(Answer::read(world.client().ask_proxy(request).await).await.text(), "ok");
    }
}

#[tokio::test]
async fn what_is_kept_does_not_hold_up_the_end() {
    let world = World::usual().await;
    for spoken in [BOTH, &["http/1.1"]] {
        let origin = world.origin("good.test", spoken).await;
        let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
        assert_eq!(talk.get("/").await.status, StatusCode::OK);
        drop(talk);
    }
    let began = Instant::now();
    assert_eq!(world.finish().await.len(), 2);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_with_the_proxy() {
    for offer in [BOTH, &["http/1.1"]] {
        let limits = Limits { drain_timeout: Duration::from_millis(50), ..Limits::default() };
        let world = World::with(Setting { limits, ..Setting::default() }).await;
        let origin = world.origin("good.test", offer).await;
        let mut talk = world.client().talk("good.test", origin.port(), offer).await;
        let request = talk.request(Method::GET, "/silence").body(full("")).unwrap();
        let waiting = tokio::spawn(async move { talk.try_send(request).await.is_ok() });
        while origin.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.finish().await.len(), 1);
        assert!(!waiting.await.unwrap());
    }
}

#[tokio::test]
async fn whoever_waits_for_an_origin_that_is_silent_waits_no_longer_than_the_first() {
    let limits = Limits { handshake_timeout: Duration::from_secs(1), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let began = Instant::now();
    let waiting = (0..8).map(|_| async {
        let mut talk = world.client().talk("good.test", port, BOTH).await;
        talk.get("/").await.status
    });
    for status in futures_util::future::join_all(waiting).await {
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_session_with_an_origin_is_resumed_on_the_next_connection() {
    let world = World::usual().await;
    let rude = Origin::start_rude(world.root.server("good.test", Flaw::None, &["http/1.1"])).await;
    let mut talk = world.client().talk("good.test", rude.port(), BOTH).await;
    for _ in 0..3 {
        assert_eq!(talk.get("/").await.text(), "ok");
    }
    assert_eq!((rude.connections(), rude.resumed()), (3, 2));
}

#[tokio::test]
async fn more_streams_than_a_connection_takes_get_another() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["h2"]).await;
    let talk = world.client().talk("good.test", origin.port(), BOTH).await;
    let Talk::Http2(sender, _) = &talk else { panic!("expected HTTP/2") };
    let waiting: Vec<_> = (0..80)
        .map(|_| {
            let request = talk.request(Method::GET, "/silence").body(full("")).unwrap();
            let mut sender = sender.clone();
            tokio::spawn(async move { sender.send_request(request).await.is_ok() })
        })
        .collect();
    while origin.seen().len() < 80 {
        tokio::task::yield_now().await;
    }
    assert_eq!(origin.connections(), 2);
    // Another client is not held up by them.
    let mut other = world.client().talk("good.test", origin.port(), BOTH).await;
    assert_eq!(other.get("/").await.status, StatusCode::OK);
    drop((talk, waiting));
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_nobody_who_shares_its_connection() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["h2"]).await;
    let mut stalled = world.client().talk("good.test", origin.port(), BOTH).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let request = stalled.request(Method::GET, "/endless").body(full("")).unwrap();
        held.push(stalled.send(request).await);
    }
    let mut other = world.client().talk("good.test", origin.port(), BOTH).await;
    for _ in 0..3 {
        assert_eq!(other.get("/").await.text(), "hello from the origin");
    }
    assert_eq!(origin.connections(), 1);
    drop(held);
}

#[tokio::test]
async fn a_certificate_that_went_bad_is_seen_by_the_next_connection() {
    let world = World::usual().await;
    let rude = Origin::start_rude(world.root.server("good.test", Flaw::None, &["http/1.1"])).await;
    let mut talk = world.client().talk("good.test", rude.port(), BOTH).await;
    assert_eq!(talk.get("/").await.text(), "ok");
    rude.change_tls(world.root.server("good.test", Flaw::Expired, &["http/1.1"]));
    // What is believed of the origin is still fresh; its certificate is looked at all the same.
    let mut talk = world.client().talk("good.test", rude.port(), BOTH).await;
    assert_eq!(talk.get("/").await.status, StatusCode::BAD_GATEWAY);
}
