//! Who a connection belongs to: two pupils behind one address, passwords over TLS, the portal, shared addresses.

use crate::certificates::now;
use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use blockpage::Links;
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::{
    AccessEvent, Affiliation, Claim, KnownBy, Person, PersonId, Presented, Role, SchoolId, Scope, SignIn,
    SignInAnswer, YearGroup,
};
use policy::rules::{AddressUse, SignInWay};
use proxy::{Limits, PlainPasswords};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

const SIGN_IN_PAGE: &str = "https://gate.ash.test:8443/web/sign-in";

fn id(number: u128) -> PersonId {
    PersonId(uuid::Uuid::from_u128(number))
}

fn pupil(number: u128, login: &str, year: &str) -> Person {
    let scope = Scope::School(SchoolId::new("ash"));
    Person {
        id: id(number),
        login: login.to_owned(),
        display_name: login.to_owned(),
        affiliations: vec![Affiliation { scope, role: Role::Learner, year: YearGroup::parse(year) }],
    }
}

/// A network whose proxy asks; Amara is in Year 4 and Ben in Year 11. Each password is the login, twice; the counter says
/// how often one was looked at.
fn asking(plain_passwords: PlainPasswords) -> (Setting, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let sign_in = SignIn::new(move |presented| {
        let Presented::Password(credentials) = presented else { panic!("nobody has a ticket") };
        counter.fetch_add(1, Ordering::SeqCst);
        let number = ["amara", "ben"].iter().zip(1..).find(|(login, _)| **login == credentials.login);
        let right = credentials.password.as_str() == credentials.login.repeat(2);
        let answer = match number {
            Some((_, number)) if right => {
                SignInAnswer::Known { person: id(number), until: now().plus_ms(3_600_000) }
            }
            _ => SignInAnswer::Wrong,
        };
        async move { answer }
    });
    let setting = Setting {
        people: vec![pupil(1, "amara", "4"), pupil(2, "ben", "11")],
        sign_in_way: SignInWay::Proxy,
        sign_in: Some(sign_in),
        plain_passwords,
        ..Setting::default()
    };
    (setting, asked)
}

/// What a curl process of its own was answered, status by status.
async fn curl(proxy: &str, user: Option<&str>, urls: &[String]) -> Vec<u16> {
    let mut command = Command::new("curl");
    command.args(["-s", "-k", "--proxy-insecure", "--noproxy", "", "--max-time", "60"]);
    command.args(["-w", "%{http_code} %{http_connect}\\n", "--proxy", proxy]);
    if let Some(user) = user {
        command.args(["--proxy-user", user]);
    }
    for url in urls {
        command.args(["-o", "/dev/null", url.as_str()]);
    }
    let output = command.output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let status = |line: &str| {
        let (status, connect) = line.split_once(' ').unwrap();
        let (status, connect): (u16, u16) = (status.parse().unwrap(), connect.parse().unwrap());
        if status == 0 { connect } else { status }
    };
    text.lines().map(status).collect()
}

fn people_at(events: &[AccessEvent], path: &str) -> Vec<Option<PersonId>> {
    let mut people: Vec<_> =
        events.iter().filter(|event| event.path.starts_with(path)).map(|event| event.person).collect();
    people.dedup();
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pupils_behind_one_address_in_the_same_minute_are_kept_apart() {
    let (setting, asked) = asking(PlainPasswords::Taken);
    let world = World::with(setting).await;
    let (plain, tls) = (Origin::start(None).await, world.origin("good.test", &["h2", "http/1.1"]).await);
    let urls = |who: &str| {
        let paths = [format!("/juniors/of-{who}-[1-10]"), format!("/seniors/of-{who}-[1-10]")];
        let starts =
            [format!("http://good.test:{}", plain.port()), format!("https://good.test:{}", tls.port())];
        let all = starts.iter().flat_map(|start| paths.iter().map(move |path| format!("{start}{path}")));
        all.collect::<Vec<_>>()
    };
    let proxy = format!("http://{}", world.proxy);
    let (amaras, bens) = (urls("amara"), urls("ben"));
    let (amara, ben) = tokio::join!(
        curl(&proxy, Some("amara:amaraamara"), &amaras),
        curl(&proxy, Some("ben:benben"), &bens),
    );
    let ten = |status: u16| vec![status; 10];
    assert_eq!(amara, [ten(200), ten(403), ten(200), ten(403)].concat(), "what is the seniors' is shut");
    assert_eq!(ben, [ten(403), ten(200), ten(403), ten(200)].concat(), "what is the juniors' is shut");
    assert_eq!(asked.load(Ordering::SeqCst), 2, "each password is compared once");
    let events = world.finish().await;
    assert_eq!(events.len(), 80);
    for event in &events {
        let whose = if event.path.contains("amara") { id(1) } else { id(2) };
        assert_eq!((event.person, event.known_by), (Some(whose), Some(KnownBy::Proxy)), "{}", event.path);
        assert_eq!(event.known_since, Some(now()));
        assert_eq!(event.known_until, Some(now().plus_ms(3_600_000)));
    }
}

#[tokio::test]
async fn who_signs_in_anew_on_a_connection_that_is_kept_is_known_until_later() {
    let (setting, _) = asking(PlainPasswords::Taken);
    let asked = AtomicI64::new(0);
    let sign_in = SignIn::new(move |_| {
        let hours = asked.fetch_add(1, Ordering::SeqCst) + 1;
        async move { SignInAnswer::Known { person: id(1), until: now().plus_ms(hours * 3_600_000) } }
    });
    let world = World::with(Setting { sign_in: Some(sign_in), ..setting }).await;
    let origin = Origin::start(None).await;
    let stream = TokioIo::new(TcpStream::connect(world.proxy).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let uri = format!("http://good.test:{}/juniors", origin.port());
        let request =
            Request::builder().uri(uri).header("proxy-authorization", "Basic YW1hcmE6YW1hcmFhbWFyYQ==");
        let answer = sender.send_request(request.body(full("")).unwrap()).await.unwrap();
        assert_eq!(Answer::read(answer).await.status, StatusCode::OK);
        world.clock.advance_ms(3_600_001);
    }
    let known: Vec<_> = world
        .finish()
        .await
        .iter()
        .map(|event| (event.person, event.known_since, event.known_until))
        .collect();
    let hour = |number: i64| Some(now().plus_ms(number * 3_600_000));
    let again = now().plus_ms(3_600_001);
    assert_eq!(known, [(Some(id(1)), hour(0), hour(1)), (Some(id(1)), Some(again), hour(2))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_sessions_are_ended_is_nobody_in_a_tunnel_that_is_open() {
    let (setting, _) = asking(PlainPasswords::Taken);
    let world = World::with(setting).await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let (host, port) = ("good.test", origin.port());
    let mut stream = TcpStream::connect(world.proxy).await.unwrap();
    let ticket = STANDARD.encode("amara:amaraamara");
    let connect = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\nproxy-authorization: Basic {ticket}\r\n\r\n"
    );
    stream.write_all(connect.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let mut talk = world.client().talk_over(stream, host, port, &["http/1.1"]).await;
    assert_eq!(talk.get("/juniors/").await.status, StatusCode::OK);
    world.identities.end_sessions(id(1), now());
    talk.get("/juniors/").await;
    drop(talk);
    let people: Vec<_> = world.finish().await.into_iter().map(|event| event.person).collect();
    assert_eq!(people, [Some(id(1)), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_enters_without_a_password_or_with_a_wrong_one() {
    let (setting, asked) = asking(PlainPasswords::Taken);
    let world = World::with(setting).await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let proxy = format!("http://{}", world.proxy);
    let urls = [format!("https://good.test:{}/", origin.port()), "http://good.test/".to_owned()];
    assert_eq!(curl(&proxy, None, &urls).await, [407, 407]);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(curl(&proxy, Some("amara:of last term"), &urls).await, [407, 407]);
    assert_eq!(curl(&proxy, Some("mallory:mallorymallory"), &urls[..1]).await, [407]);
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a wrong one that comes again is not compared again at once");
    assert_eq!(world.finish().await, [], "what was not let in was no visit");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_passwords_is_held_to_a_pace_as_well() {
    let (setting, asked) = asking(PlainPasswords::Taken);
    let limits = Limits { requests_per_second: 1, ..Limits::default() };
    let world = World::with(Setting { limits, ..setting }).await;
    let urls: Vec<String> = (0..6).map(|page| format!("http://good.test/{page}")).collect();
    let statuses = curl(&format!("http://{}", world.proxy), Some("amara:of last term"), &urls).await;
    assert_eq!((statuses[0], statuses[5]), (407, 429));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_asked_for_over_tls_and_not_looked_at_in_the_clear() {
    let (setting, asked) = asking(PlainPasswords::Refused);
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    let (clear, tls): (String, SocketAddr) = (format!("http://{}", world.proxy), world.over_tls);
    let url = |path: &str| [format!("http://good.test:{}/{path}", origin.port())];
    assert_eq!(curl(&clear, Some("amara:amaraamara"), &url("clear")).await, [200]);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert_eq!(curl(&format!("https://{tls}"), None, &url("none")).await, [407]);
    assert_eq!(curl(&format!("https://{tls}"), Some("amara:amaraamara"), &url("known")).await, [200]);
    let events = world.finish().await;
    assert_eq!(people_at(&events, "/clear"), [None], "the network's group counts, and nobody's own");
    assert_eq!(people_at(&events, "/known"), [Some(id(1))]);
}

#[tokio::test]
async fn a_portal_leads_whoever_is_not_known_to_the_sign_in_page_and_answers_the_systems_probes() {
    let links = Links { sign_in: Some(SIGN_IN_PAGE.to_owned()), ..Links::default() };
    let people = vec![pupil(1, "amara", "4")];
    let setting = Setting { people, sign_in_way: SignInWay::Portal, links, ..Setting::default() };
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    let ask = async |method: &str, url: &str, dest: &str| {
        let request = Request::builder().method(method).uri(url).header("sec-fetch-dest", dest);
        Answer::read(world.client().ask_proxy(request.body(full("")).unwrap()).await).await
    };
    let page = format!("http://good.test:{}/page", origin.port());
    let probes = [
        ("http://connectivitycheck.gstatic.com/generate_204", 204, ""),
        ("http://captive.apple.com/hotspot-detect.html", 200, "<BODY>Success</BODY>"),
        ("http://www.msftconnecttest.com/connecttest.txt", 200, "Microsoft Connect Test"),
        ("http://detectportal.firefox.com/success.txt?ipv4", 200, "success\n"),
    ];
    for url in probes.iter().map(|(url, _, _)| *url).chain([page.as_str()]) {
        let led = ask("GET", url, "document").await;
        assert_eq!(
            (led.status, &led.headers["location"]),
            (StatusCode::FOUND, &SIGN_IN_PAGE.parse().unwrap())
        );
        assert_eq!(led.headers["cache-control"], "no-store");
    }
    for (method, dest) in [("POST", "document"), ("GET", "image")] {
        let asked = ask(method, &page, dest).await;
        assert_eq!(asked.status, StatusCode::NETWORK_AUTHENTICATION_REQUIRED);
        assert!(asked.text().contains(SIGN_IN_PAGE));
    }
    let claim = Claim { person: id(1), by: KnownBy::SignIn, from: now(), until: now().plus_ms(1) };
    world.identities.claim(world.proxy.ip(), claim);
    for (url, status, body) in probes {
        let open = ask("GET", url, "empty").await;
        assert_eq!(open.status.as_u16(), status, "{url}");
        assert!(open.text().contains(body), "{url}");
    }
    assert_eq!(ask("GET", &page, "document").await.status, StatusCode::OK);
    assert!(world.identities.end(world.proxy.ip(), id(1), KnownBy::SignIn));
    assert_eq!(ask("GET", &page, "document").await.status, StatusCode::FOUND);
    assert_eq!(origin.seen().len(), 1, "nothing was fetched for whoever was led away");
}

#[tokio::test]
async fn where_an_address_is_shared_nobody_is_known_by_it() {
    let people = vec![pupil(1, "amara", "4")];
    let setting = Setting { people, addresses: AddressUse::Shared, ..Setting::default() };
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    let claim = Claim { person: id(1), by: KnownBy::Radius, from: now(), until: now().plus_ms(1) };
    world.identities.claim(world.proxy.ip(), claim);
    let uri = format!("http://good.test:{}/seniors", origin.port());
    let get = Request::builder().uri(uri).body(full("")).unwrap();
    let answer = Answer::read(world.client().ask_proxy(get).await).await;
    assert_eq!(answer.status, StatusCode::OK, "the rules of Year 4 do not count for who else is there");
    assert_eq!(world.finish().await[0].person, None);
}

#[tokio::test]
async fn who_signs_in_at_an_address_counts_before_whoever_the_network_says_is_there() {
    let people = vec![pupil(1, "amara", "4"), pupil(2, "ben", "11")];
    let world = World::with(Setting { people, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let until = now().plus_ms(1_000);
    let get = async || {
        let uri = format!("http://good.test:{}/page", origin.port());
        let request = Request::builder().uri(uri).body(full("")).unwrap();
        assert_eq!(Answer::read(world.client().ask_proxy(request).await).await.status, StatusCode::OK);
    };
    let at = world.proxy.ip();
    world.identities.claim(at, Claim { person: id(2), by: KnownBy::Radius, from: now(), until });
    get().await;
    world.identities.claim(at, Claim { person: id(1), by: KnownBy::SignIn, from: now(), until });
    get().await;
    world.identities.end(at, id(1), KnownBy::SignIn);
    get().await;
    let known: Vec<_> =
        world.finish().await.into_iter().map(|event| (event.person, event.known_by)).collect();
    let (ben, amara) = ((Some(id(2)), Some(KnownBy::Radius)), (Some(id(1)), Some(KnownBy::SignIn)));
    assert_eq!(known, [ben, amara, ben]);
}
