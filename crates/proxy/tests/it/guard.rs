//! What the proxy does not let itself be used for, and the bounds on its clients.

use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Request, StatusCode};
use proxy::Limits;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Condvar, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

#[tokio::test]
async fn nobody_gets_into_private_networks_or_the_gate_itself_through_the_proxy() {
    let world =
        World::with(Setting { bypass: vec!["127.0.0.1", "10.1.2.3", "good.test"], ..Setting::default() })
            .await;
    let origin = Origin::start(None).await;
    for host in ["127.0.0.1", "10.1.2.3", "169.254.169.254", "[::1]", "localhost"] {
        let request =
            Request::builder().uri(format!("http://{host}:{}/", origin.port())).body(full("")).unwrap();
        let answer = Answer::read(world.client().ask_proxy(request).await).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{host}");
    }
    assert!(world.client().tunnel("127.0.0.1", origin.port()).await.is_err());
    // A listed host may lie on loopback, but not on the proxy's own port.
    assert!(world.client().tunnel("good.test", world.proxy.port()).await.is_err());
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn the_schools_own_public_addresses_are_reached_only_where_they_are_listed() {
    let lookup = |name: &str| {
        let address = if name == "six.test" { "2a00:9f80:1::5" } else { "81.2.69.77" };
        Ok(vec![address.parse().unwrap()])
    };
    let ranges = ["81.2.69.0/24", "2a00:9f80::/32"].map(|range| range.parse().unwrap()).to_vec();
    let bypass = vec!["printer.test", "six.test", "81.2.69.77"];
    let world = World::with(Setting { lookup: Some(lookup), ranges, bypass, ..Setting::default() }).await;
    for host in ["printer.test", "six.test", "81.2.69.77"] {
        assert_eq!(world.client().tunnel(host, 443).await.unwrap_err(), 403, "{host}");
    }
    // Listed, in a network of the school too.
    let origin = Origin::start(None).await;
    let request = Request::builder().uri(format!("http://good.test:{}/", origin.port()));
    let answer = world.client().ask_proxy(request.body(full("")).unwrap()).await;
    assert_eq!(Answer::read(answer).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_address_in_an_old_form_is_looked_up_by_nobody() {
    let lookup = |name: &str| -> std::io::Result<Vec<IpAddr>> { panic!("{name} is looked up") };
    let world = World::with(Setting { lookup: Some(lookup), ..Setting::default() }).await;
    for host in ["134744072", "0x01.0x1", "0x7f.1", "017700000001", "127.1", "1.2.3.256"] {
        let request = Request::builder().uri(format!("http://{host}/")).body(full("")).unwrap();
        let answer = Answer::read(world.client().ask_proxy(request).await).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{host}");
        assert_eq!(world.client().tunnel(host, 443).await.unwrap_err(), 400, "{host}");
    }
}

/// A permit for each lookup that has begun and does not answer.
static SILENT: Semaphore = Semaphore::const_new(0);
static MAY_ANSWER: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Lets the lookups end that do not answer, or their threads would outlive the test.
struct Silence;

impl Drop for Silence {
    fn drop(&mut self) {
        *MAY_ANSWER.0.lock().unwrap() = true;
        MAY_ANSWER.1.notify_all();
    }
}

fn look_up(name: &str) -> std::io::Result<Vec<IpAddr>> {
    if name.ends_with("silent.test") {
        SILENT.add_permits(1);
        drop(MAY_ANSWER.1.wait_while(MAY_ANSWER.0.lock().unwrap(), |may| !*may).unwrap());
    }
    Ok(vec![IpAddr::from([127, 0, 0, 1])])
}

/// The first bytes of the proxy's answer to a plain request from an address.
async fn asked_from(from: &str, proxy: SocketAddr, url: String) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    let mut stream = socket.connect(proxy).await.unwrap();
    stream.write_all(format!("GET {url} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer.to_vec()).unwrap()
}

#[tokio::test]
async fn a_client_whose_names_never_answer_takes_nobody_elses_lookups() {
    let silence = Silence;
    let reachable = vec!["127.0.0.0/8".parse().unwrap()];
    let world = World::with(Setting { reachable, lookup: Some(look_up), ..Setting::default() }).await;
    let (origin, proxy) = (Origin::start(None).await, world.proxy);
    let mut waiting = JoinSet::new();
    for number in 0..600 {
        waiting.spawn(asked_from("127.0.0.1", proxy, format!("http://{number}.silent.test/")));
    }
    let _begun = SILENT.acquire_many(32).await.unwrap();
    let answer = asked_from("127.0.0.2", proxy, format!("http://found.test:{}/", origin.port())).await;
    assert_eq!(answer, "HTTP/1.1 200");
    assert_eq!(SILENT.available_permits(), 0, "one client has 32 lookups at once");
    drop(silence);
}

#[tokio::test]
async fn a_client_that_dawdles_over_its_head_is_cut_off() {
    let limits = Limits { head_timeout: Duration::from_millis(50), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let mut stream = TcpStream::connect(world.proxy).await.unwrap();
    stream.write_all(b"GET http://good.test/ HTTP/1.1\r\nx-slow: ").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_is_too_big_is_refused() {
    let world = World::usual().await;
    let mut stream = TcpStream::connect(world.proxy).await.unwrap();
    let head = format!("GET http://good.test/ HTTP/1.1\r\nx-big: {}\r\n\r\n", "x".repeat(80_000));
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_client_has_only_so_many_connections() {
    let limits = Limits { connections_per_client: 1, ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let kept = world.client().tunnel("good.test", 443).await.unwrap();
    let mut second = TcpStream::connect(world.proxy).await.unwrap();
    assert_eq!(second.read(&mut [0; 1]).await.unwrap_or(0), 0);
    drop(kept);
}

#[tokio::test]
async fn a_request_that_names_two_hosts_or_none_is_not_understood() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    for hosts in ["host: good.test\r\nhost: other.test\r\n", "x-none: 1\r\n"] {
        let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        stream.write_all(format!("GET / HTTP/1.1\r\n{hosts}\r\n").as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_asks_too_much_is_told_to_wait_and_one_that_comes_too_often_is_closed() {
    let limits = Limits { requests_per_second: 1, ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let uri = format!("http://good.test:{}/", origin.port());
        let request = Request::builder().uri(uri).body(full("")).unwrap();
        statuses.push(Answer::read(world.client().ask_proxy(request).await).await.status);
    }
    assert_eq!(statuses[0], StatusCode::OK);
    assert_eq!(statuses[5], StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.client().tunnel("good.test", 443).await.unwrap_err(), 429);

    let limits = Limits { connections_per_second: 1, ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let mut closed = false;
    for _ in 0..6 {
        let mut stream = TcpStream::connect(world.proxy).await.unwrap();
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        closed = stream.read(&mut [0; 1]).await.unwrap_or(0) == 0;
    }
    assert!(closed);
}
