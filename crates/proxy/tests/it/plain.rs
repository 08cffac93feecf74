//! Plain HTTP.

use crate::certificates::now;
use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Request, StatusCode};
use model::{Channel, EventOutcome};
use policy::rules::TrafficRules;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_plain_page_is_fetched_and_a_denied_path_of_it_is_blocked() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    let get = |path: &str| {
        Request::builder()
            .uri(format!("http://good.test:{}{path}", origin.port()))
            .header("host", "misleading.test")
            .header("proxy-connection", "keep-alive")
            .body(full(""))
            .unwrap()
    };
    let answer = Answer::read(world.client().ask_proxy(get("/page")).await).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "hello from the origin"));
    let seen = &origin.seen()[0];
    assert_eq!(seen.target, "/page");
    assert_eq!(seen.headers["host"], format!("good.test:{}", origin.port()));
    assert!(!seen.headers.contains_key("proxy-connection"));
    let blocked = Answer::read(world.client().ask_proxy(get("/denied?x=1")).await).await;
    assert_eq!(blocked.status, StatusCode::FORBIDDEN);
    let events = world.finish().await;
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].channel, events[0].path.as_str()), (Channel::Http, "/page"));
    assert_eq!((events[1].outcome, events[1].path.as_str()), (EventOutcome::Blocked, "/denied?x=1"));
}

#[tokio::test]
async fn a_connection_to_an_address_that_dns_never_gave_out_is_counted() {
    let reachable = vec!["127.0.0.0/8".parse().unwrap()];
    let traffic = TrafficRules { shut: [].into(), ..TrafficRules::default() };
    let world = World::with(Setting { reachable, traffic, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    world.handed_out.note(&["127.0.0.2".parse().unwrap()], 60, now());
    for (host, counted) in [("good.test", 0), ("127.0.0.2", 0), ("127.0.0.1", 1)] {
        let uri = format!("http://{host}:{}/page", origin.port());
        let get = Request::builder().uri(uri).body(full("")).unwrap();
        Answer::read(world.client().ask_proxy(get).await).await;
        assert_eq!(world.handed_out.unknown_today(now()), counted, "{host}");
    }
    // The connection to the origin is there by now; whoever goes there over it counts all the same.
    let get =
        Request::builder().uri(format!("http://127.0.0.1:{}/page", origin.port())).body(full("")).unwrap();
    Answer::read(world.client().ask_proxy(get).await).await;
    assert_eq!((world.handed_out.unknown_today(now()), origin.connections()), (2, 2));
    world.client().tunnel("127.0.0.1", origin.port()).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn plain_http_inside_a_tunnel_is_read_like_any_other_and_its_websockets_work() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    let authority = format!("good.test:{}", origin.port());
    let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
    let denied = format!("GET /denied HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    stream.write_all(denied.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 403");
    let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
    let upgrade = format!(
        "GET /websocket HTTP/1.1\r\nhost: {authority}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"
    );
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream.write_all(b"abc").await.unwrap();
    let mut echoed = [0; 3];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"ABC");
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_go_on_is_told_and_its_upload_arrives() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    let mut stream = tokio::net::TcpStream::connect(world.proxy).await.unwrap();
    let port = origin.port();
    let head = format!(
        "POST http://good.test:{port}/echo HTTP/1.1\r\nhost: good.test:{port}\r\n\
         expect: 100-continue\r\ncontent-length: 4\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut told = [0; 25];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"four").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("four"), "{answer}");
}
