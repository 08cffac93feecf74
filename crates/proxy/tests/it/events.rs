//! What goes to history: each visit once, with its whole reason.

use crate::certificates::now;
use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Method, Request, StatusCode};
use model::{Category, Channel, EventOutcome, Layer};
use policy::rules::InspectionSetting;
use proxy::Limits;
use std::time::Duration;

const BOTH: &[&str] = &["h2", "http/1.1"];

#[tokio::test]
async fn every_request_is_one_event_and_its_tunnel_none() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    talk.get("/one?x=1&access_token=a.b").await;
    let request = talk.request(Method::POST, "/echo").body(full("four")).unwrap();
    Answer::read(talk.send(request).await).await;
    talk.get("/denied").await;
    drop(talk);
    assert!(origin.seen()[0].target.ends_with("/one?x=1&access_token=a.b"));
    let events = world.finish().await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (&*event.method, event.path.as_str(), event.status, event.bytes_up, event.outcome))
        .collect();
    assert_eq!(
        told,
        [
            ("GET", "/one?x=1&access_token=***", Some(200), 0, EventOutcome::Allowed),
            ("POST", "/echo", Some(200), 4, EventOutcome::Allowed),
            ("GET", "/denied", Some(403), 0, EventOutcome::Blocked),
        ]
    );
    let first = &events[0];
    assert_eq!((first.channel, first.at, first.port), (Channel::Https, now(), origin.port()));
    assert_eq!((first.host.to_string().as_str(), first.bytes_down), ("good.test", 21));
    assert_eq!(first.address.to_string(), "127.0.0.1");
    assert_eq!(first.group.as_ref().unwrap().as_str(), "everybody");
    assert!(events[2].bytes_down > 500);
}

#[tokio::test]
async fn a_blocked_visit_carries_the_category_the_list_and_the_line() {
    let world = World::usual().await;
    let mut talk = world.client().talk("casino.test", 443, BOTH).await;
    talk.get("/").await;
    drop(talk);
    let events = world.finish().await;
    assert_eq!((events.len(), events[0].layer), (1, Layer::Category));
    assert_eq!(events[0].category, Category::parse("gambling"));
    assert_eq!(events[0].list.as_ref().unwrap().line, 7);
}

#[tokio::test]
async fn a_name_that_leads_to_a_listed_address_is_blocked_as_the_address_is() {
    let sites = vec!["127.0.0.5".parse().unwrap()];
    let world = World::with(Setting { sites, ..Setting::default() }).await;
    let plain = Origin::at("127.0.0.5:0", None).await;
    let uri = format!("http://good.test:{}/", plain.port());
    let get = Request::builder().uri(uri).body(full("")).unwrap();
    assert_eq!(world.client().ask_proxy(get).await.status(), StatusCode::FORBIDDEN);
    for offer in [&["h2"][..], &["http/1.1"]] {
        let opened = world.origin_at("127.0.0.5:0", "good.test", offer).await;
        let mut talk = world.client().talk("good.test", opened.port(), offer).await;
        assert_eq!(talk.get("/").await.status, StatusCode::FORBIDDEN, "{offer:?}");
        assert_eq!(opened.seen().len(), 0, "{offer:?}");
    }
    let unread = world.origin_at("127.0.0.5:0", "bypass.test", BOTH).await;
    assert_eq!(world.client().tunnel("bypass.test", unread.port()).await.unwrap_err(), 403);
    assert!(plain.seen().is_empty());
    let events = world.finish().await;
    assert_eq!(events.len(), 4);
    for event in &events {
        assert_eq!((event.layer, event.outcome), (Layer::Category, EventOutcome::Blocked));
        assert_eq!(event.list.as_ref().unwrap().line, 9);
        assert_eq!(event.entry.as_deref(), Some("address 127.0.0.5"));
    }
}

#[tokio::test]
async fn a_refused_connect_is_one_event() {
    let world = World::with(Setting { inspection: InspectionSetting::Never, ..Setting::default() }).await;
    assert_eq!(world.client().tunnel("casino.test", 443).await.unwrap_err(), 403);
    let events = world.finish().await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].channel, events[0].outcome, events[0].status),
        (Channel::Tunnel, EventOutcome::Blocked, Some(403))
    );
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_is_told_as_failed() {
    let world = World::usual().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let mut stream = tokio::net::TcpStream::connect(world.proxy).await.unwrap();
    let request = format!("GET http://good.test:{port}/ HTTP/1.1\r\nhost: good.test\r\n\r\n");
    tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
    let (asked, _) = silent.accept().await.unwrap();
    drop(stream);
    let events = world.finish().await;
    assert_eq!((events.len(), events[0].outcome, events[0].status), (1, EventOutcome::Failed, None));
    drop(asked);
}

#[tokio::test]
async fn stopping_ends_what_is_open_and_still_tells_of_it() {
    let limits = Limits { drain_timeout: Duration::from_millis(100), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let origin = world.origin("good.test", BOTH).await;
    let bypassed = world.origin("bypass.test", BOTH).await;
    let mut waiting = world.client().talk("good.test", origin.port(), BOTH).await;
    let request = waiting.request(Method::GET, "/silence").body(full("")).unwrap();
    let asked = tokio::spawn(async move { waiting.try_send(request).await });
    let trusting = world.client_trusting(world.root.der());
    let mut tunnel = trusting.talk("bypass.test", bypassed.port(), BOTH).await;
    tunnel.get("/").await;
    while origin.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    let mut told: Vec<_> =
        world.finish().await.iter().map(|event| (event.host.to_string(), event.outcome)).collect();
    told.sort();
    let expected = [("bypass.test", EventOutcome::Allowed), ("good.test", EventOutcome::Failed)];
    assert_eq!(told, expected.map(|(host, outcome)| (host.to_owned(), outcome)));
    assert!(asked.await.unwrap().is_err());
}
