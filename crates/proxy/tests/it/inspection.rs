//! Tunnels that are opened.

use crate::certificates::Flaw;
use crate::client::{Answer, Talk};
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Method, StatusCode, Version};
use model::{EventOutcome, Stage};
use policy::rules::InspectionSetting;
use proxy::Limits;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn an_allowed_page_arrives_in_the_protocol_that_the_origin_speaks() {
    for (spoken, version) in
        [(BOTH, Version::HTTP_2), (&["http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let world = World::usual().await;
        let origin = world.origin("good.test", spoken).await;
        let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
        let answer = talk.get("/page?x=1").await;
        assert_eq!((answer.status, answer.version), (StatusCode::OK, version));
        assert_eq!(answer.text(), "hello from the origin");
        assert_eq!(answer.headers["x-origin"], "yes");
        assert!(!answer.headers.contains_key("alt-svc") && !answer.headers.contains_key("via"));
        let seen = origin.seen();
        assert_eq!((seen[0].version, seen.len()), (version, 1));
        assert!(seen[0].target.ends_with("/page?x=1") && !seen[0].headers.contains_key("via"));
    }
}

#[tokio::test]
async fn a_client_that_speaks_no_http2_is_not_given_it() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["http/1.1"]).await;
    assert_eq!(talk.get("/").await.version, Version::HTTP_11);
    assert_eq!(origin.seen()[0].version, Version::HTTP_11);
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request() {
    for spoken in [BOTH, &["http/1.1"]] {
        let world = World::usual().await;
        let origin = world.origin("good.test", spoken).await;
        let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
        for _ in 0..3 {
            assert_eq!(talk.get("/").await.status, StatusCode::OK);
        }
        assert_eq!(origin.connections(), 1);
    }
}

#[tokio::test]
async fn a_blocked_host_shows_the_block_page_in_the_words_of_the_stage() {
    for (stage, words) in [
        (Stage::Infants, "This page is closed, so please ask your teacher."),
        (Stage::Juniors, "it may be about betting games for adults"),
        (Stage::Secondary, "Blocked categories"),
        (Stage::Adults, "betting, line 7"),
    ] {
        for offer in [BOTH, &["http/1.1"]] {
            let world = World::with(Setting { stage, ..Setting::default() }).await;
            let mut talk = world.client().talk("casino.test", 443, offer).await;
            let answer = talk.get("/play").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            assert!(answer.text().contains(words), "{stage:?}");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
}

#[tokio::test]
async fn one_path_of_an_allowed_host_can_be_blocked() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    assert_eq!(talk.get("/denied").await.status, StatusCode::FORBIDDEN);
    assert_eq!(talk.get("/allowed").await.status, StatusCode::OK);
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn a_bad_certificate_is_refused_and_explained_and_nothing_is_sent_to_the_origin() {
    for (flaw, words) in [
        (Flaw::Expired, "its certificate has expired"),
        (Flaw::NotYetValid, "is not valid yet"),
        (Flaw::SelfSigned, "is self-signed"),
        (Flaw::WrongName, "is for another name"),
        (Flaw::UnknownRoot, "from nobody the school trusts"),
    ] {
        let world = World::usual().await;
        let origin = Origin::start(Some(world.root.server("good.test", flaw, BOTH))).await;
        let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
        let answer = talk.get("/secret").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(answer.text().contains(words), "{flaw:?}: {}", answer.text());
        assert!(origin.seen().is_empty());
        drop(talk);
        let events = world.finish().await;
        assert_eq!(events.len(), 1);
        assert_eq!((events[0].outcome, events[0].status), (EventOutcome::RefusedOrigin, Some(502)));
    }
}

#[tokio::test]
async fn an_origin_that_does_not_answer_is_explained() {
    let world = World::usual().await;
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut talk = world.client().talk("good.test", unused, BOTH).await;
    let answer = talk.get("/").await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.text().contains("could not be reached"));
}

#[tokio::test]
async fn a_websocket_works_both_ways() {
    let limits = Limits { connections_per_client: 1, ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["http/1.1"]).await;
    let request = talk
        .request(Method::GET, "/websocket")
        .header("connection", "keep-alive, Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-key", "x")
        .body(full(""))
        .unwrap();
    let response = talk.send(request).await;
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert!(response.headers().contains_key("sec-websocket-accept"));
    let mut stream = hyper_util::rt::TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut echoed = [0; 5];
    for text in [b"hello", b"world"] {
        stream.write_all(text).await.unwrap();
        stream.read_exact(&mut echoed).await.unwrap();
        assert_eq!(echoed.to_vec(), text.to_ascii_uppercase());
    }
    // It counts among its client's connections as long as it lasts.
    let mut second = tokio::net::TcpStream::connect(world.proxy).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    drop((stream, talk));
    let events = world.finish().await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].status, events[0].bytes_up, events[0].bytes_down), (Some(101), 10, 10));
}

#[tokio::test]
async fn an_origin_that_hung_up_on_a_kept_connection_is_dialled_again() {
    let world = World::usual().await;
    let origin = Origin::start_rude(world.root.server("good.test", Flaw::None, &["http/1.1"])).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    for _ in 0..3 {
        assert_eq!(talk.get("/").await.text(), "ok");
    }
    assert!(origin.connections() >= 3);
}

#[tokio::test]
async fn a_new_policy_counts_for_the_next_request_on_a_kept_connection() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    assert_eq!(talk.get("/").await.status, StatusCode::OK);
    world.swap_policy(&Setting { deny: vec!["good.test"], ..Setting::default() });
    assert_eq!(talk.get("/").await.status, StatusCode::FORBIDDEN);
    world.swap_policy(&Setting::default());
    assert_eq!(talk.get("/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_host_that_was_blocked_when_its_tunnel_opened_can_be_reached_once_it_is_allowed() {
    for spoken in [BOTH, &["http/1.1"]] {
        let world = World::usual().await;
        let origin = world.origin("denied.test", spoken).await;
        let mut talk = world.client().talk("denied.test", origin.port(), BOTH).await;
        assert_eq!(talk.get("/").await.status, StatusCode::FORBIDDEN);
        world.swap_policy(&Setting { deny: Vec::new(), ..Setting::default() });
        for _ in 0..2 {
            let answer = talk.get("/").await;
            assert_eq!((answer.status, answer.version), (StatusCode::OK, Version::HTTP_2));
        }
        assert_eq!(origin.connections(), 1);
    }
}

#[tokio::test]
async fn many_streams_of_a_client_share_few_connections_to_an_origin_that_speaks_no_http2() {
    let world = World::usual().await;
    let origin = world.origin("denied.test", &["http/1.1"]).await;
    let mut talk = world.client().talk("denied.test", origin.port(), BOTH).await;
    assert_eq!(talk.get("/").await.status, StatusCode::FORBIDDEN);
    world.swap_policy(&Setting { deny: Vec::new(), ..Setting::default() });
    let request = |talk: &Talk| talk.request(Method::POST, "/echo").body(full("four")).unwrap();
    let Talk::Http2(sender, _) = &talk else { panic!("expected HTTP/2") };
    let answers = (0..40).map(|_| {
        let (mut sender, request) = (sender.clone(), request(&talk));
        async move { Answer::read(sender.send_request(request).await.unwrap()).await }
    });
    for answer in futures_util::future::join_all(answers).await {
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "four"));
    }
    assert!(origin.connections() <= 6, "{}", origin.connections());
}

#[tokio::test]
async fn an_origin_that_says_nothing_for_too_long_is_given_up() {
    let limits = Limits { answer_timeout: Duration::from_millis(100), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    let answer = talk.get("/silence").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.text().contains("took too long"));
}

#[tokio::test]
async fn safe_search_dials_the_safe_name_and_verifies_the_name_that_was_asked_for() {
    let setting =
        Setting { safe_search: true, listed: vec!["forcesafesearch.google.com"], ..Setting::default() };
    let world = World::with(setting).await;
    let origin = world.origin("www.google.com", BOTH).await;
    let mut talk = world.client().talk("www.google.com", origin.port(), BOTH).await;
    assert_eq!(talk.get("/search?q=owls").await.status, StatusCode::OK);
    assert!(origin.seen()[0].target.contains("www.google.com"));
}

#[tokio::test]
async fn a_head_a_range_and_trailers_pass_unharmed() {
    for spoken in [BOTH, &["http/1.1"]] {
        let world = World::usual().await;
        let origin = world.origin("good.test", spoken).await;
        let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
        let request = talk.request(Method::HEAD, "/").body(full("")).unwrap();
        let head = Answer::read(talk.send(request).await).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!(head.headers["content-length"], "21");
        let request =
            talk.request(Method::GET, "/range").header("range", "bytes=0-3").body(full("")).unwrap();
        let part = Answer::read(talk.send(request).await).await;
        assert_eq!((part.status, part.text()), (StatusCode::PARTIAL_CONTENT, "part"));
        assert_eq!(origin.seen()[1].headers["range"], "bytes=0-3");
        let request = talk.request(Method::GET, "/trailers").header("te", "trailers").body(full("")).unwrap();
        let answer = Answer::read(talk.send(request).await).await;
        assert_eq!(
            (answer.text(), &answer.trailers.as_ref().unwrap()["x-sum"]),
            ("body", &"42".parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_request_for_another_host_than_its_tunnel_s_is_misdirected() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["http/1.1"]).await;
    for named in ["other.test", "good.test:1"] {
        let request = http::Request::builder().uri("/").header("host", named).body(full("")).unwrap();
        assert_eq!(talk.send(request).await.status(), StatusCode::MISDIRECTED_REQUEST);
    }
    assert!(origin.seen().is_empty());
    drop(talk);
    let events = world.finish().await;
    assert_eq!(events[0].host.to_string(), "other.test");
    assert_eq!((events[0].outcome, events[0].status), (EventOutcome::Blocked, Some(421)));
}

#[tokio::test]
async fn without_the_school_s_certificate_the_client_stops_and_the_tunnel_is_recorded_as_failed() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let stranger = world.client_trusting(world.root.der());
    let stream = stranger.tunnel("good.test", origin.port()).await.unwrap();
    assert!(stranger.handshake(stream, "good.test", BOTH).await.is_err());
    let events = world.finish().await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].outcome, events[0].channel), (EventOutcome::Failed, model::Channel::Tunnel));
}

#[tokio::test]
async fn where_devices_carry_no_certificate_a_blocked_host_is_refused_at_once_and_an_allowed_one_is_untouched()
 {
    let world = World::with(Setting { inspection: InspectionSetting::Never, ..Setting::default() }).await;
    assert_eq!(world.client().tunnel("denied.test", 443).await.unwrap_err(), 403);
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client_trusting(world.root.der()).talk("good.test", origin.port(), BOTH).await;
    assert_eq!(talk.get("/denied").await.status, StatusCode::OK);
}
