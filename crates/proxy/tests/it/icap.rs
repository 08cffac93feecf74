//! The ICAP server, as another proxy asks it byte by byte. `icap_programs.rs` has the programs.

use crate::clamd::{Clamd, MALWARE};
use crate::scan::{program, zip};
use crate::world::{Setting, World};
use model::{Affiliation, EventOutcome, KnownBy, Layer, Person, PersonId, Role, SchoolId, Scope, YearGroup};
use policy::rules::{TenantRule, TenantService, TrafficRules};
use proxy::ScanConfig;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn peers() -> Vec<ipnet::IpNet> {
    vec!["127.0.0.1/32".parse().unwrap()]
}

pub async fn world(setting: Setting) -> (World, SocketAddr) {
    let world = World::with(Setting { icap_peers: peers(), ..setting }).await;
    let icap = world.icap.unwrap();
    (world, icap)
}

/// A question about a request, and whatever is answered until its last line is there.
async fn ask(stream: &mut TcpStream, fields: &str, request: &str) -> String {
    let head = format!("{request}\r\nHost: x\r\n\r\n");
    let question = format!(
        "REQMOD icap://gate.test/request ICAP/1.0\r\nHost: gate.test\r\n{fields}\r\n\
         Encapsulated: req-hdr=0, null-body={}\r\n\r\n{head}",
        head.len()
    );
    stream.write_all(question.as_bytes()).await.unwrap();
    read(stream).await
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        let is_short = text.contains("null-body=0") || text.starts_with("ICAP/1.0 100");
        if text.ends_with("\r\n0\r\n\r\n") || (is_short && text.ends_with("\r\n\r\n")) {
            return text;
        }
        if text.contains("req-hdr=0, null-body=") && text.matches("\r\n\r\n").count() == 2 {
            return text;
        }
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{text}");
    }
}

#[tokio::test]
async fn questions_on_one_connection_are_decided_and_told_like_the_gate_s_own() {
    let (world, icap) = world(Setting::default()).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    stream.write_all(b"OPTIONS icap://gate.test/request ICAP/1.0\r\nHost: gate.test\r\n\r\n").await.unwrap();
    let offered = read(&mut stream).await;
    assert!(offered.contains("Methods: REQMOD") && offered.contains("Preview: 4096"), "{offered}");
    let fields = "X-Client-IP: 127.0.0.9\r\nAllow: 204";
    let open = ask(&mut stream, fields, "GET http://good.test/page HTTP/1.1").await;
    assert!(open.starts_with("ICAP/1.0 204"), "{open}");
    let shut = ask(&mut stream, fields, "GET http://casino.test/ HTTP/1.1").await;
    assert!(shut.contains("HTTP/1.1 403 Forbidden") && shut.contains("betting, line 7"), "{shut}");
    let tunnel = ask(&mut stream, fields, "CONNECT denied.test:443 HTTP/1.1").await;
    assert!(tunnel.contains("HTTP/1.1 403"), "{tunnel}");
    let echoed = ask(&mut stream, "X-Client-IP: 127.0.0.9", "GET http://good.test/page HTTP/1.1").await;
    assert!(echoed.contains("ICAP/1.0 200 OK") && echoed.contains("GET http://good.test/page"), "{echoed}");
    drop(stream);
    let events = world.finish().await;
    let told: Vec<_> = events.iter().map(|event| (event.address.to_string(), event.outcome)).collect();
    let expected =
        [EventOutcome::Allowed, EventOutcome::Blocked, EventOutcome::Blocked, EventOutcome::Allowed];
    assert_eq!(told, expected.map(|outcome| ("127.0.0.9".to_owned(), outcome)));
}

#[tokio::test]
async fn nobody_has_the_school_s_fields_taken_out_at_another_proxy() {
    let google =
        TenantRule { service: TenantService::Google, allowed: vec!["ash.example".into()], own: None };
    let traffic = TrafficRules { tenants: vec![google], ..TrafficRules::default() };
    let listed = vec!["www.google.com"];
    let setting = Setting { traffic, listed, safe_search: false, ..Setting::default() };
    let (_world, icap) = world(setting).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    let request =
        "GET http://www.google.com/maps HTTP/1.1\r\nConnection: keep-alive, X-GoogApps-Allowed-Domains";
    let ready = ask(&mut stream, "X-Client-IP: 127.0.0.9\r\nAllow: 204", request).await;
    assert!(ready.contains("x-googapps-allowed-domains: ash.example\r\n"), "{ready}");
    assert!(ready.contains("connection: keep-alive\r\n"), "{ready}");
}

#[tokio::test]
async fn an_answer_to_what_cannot_be_read_is_not_let_through() {
    let (_world, icap) = world(Setting::default()).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    let request = "GET ftp://good.test/file HTTP/1.1\r\nHost: good.test\r\n\r\n";
    let response = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
    let question = format!(
        "RESPMOD icap://gate.test/response ICAP/1.0\r\nHost: gate.test\r\nAllow: 204\r\n\
         Encapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{request}{response}5\r\nwords\r\n0\r\n\r\n",
        request.len(),
        request.len() + response.len(),
    );
    stream.write_all(question.as_bytes()).await.unwrap();
    let answer = read(&mut stream).await;
    assert!(answer.starts_with("ICAP/1.0 200") && answer.contains("HTTP/1.1 400"), "{answer}");
}

/// Somebody in this year, whose login is also their name.
pub fn learner(login: &str, year: &str) -> Person {
    Person {
        id: PersonId(uuid::Uuid::from_u128(login.bytes().map(u128::from).sum())),
        login: login.to_owned(),
        display_name: login.to_owned(),
        affiliations: vec![Affiliation {
            scope: Scope::School(SchoolId::new("ash")),
            role: Role::Learner,
            year: YearGroup::parse(year),
        }],
    }
}

#[tokio::test]
async fn whoever_the_other_proxy_names_gets_their_group_and_a_stranger_gets_nobody_s() {
    let senior = learner("ben", "11");
    let (world, icap) = world(Setting { people: vec![senior.clone()], ..Setting::default() }).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    let named =
        |login: &str| format!("X-Client-IP: 127.0.0.9\r\nAllow: 204\r\nX-Authenticated-User: {login}");
    for (login, path, is_open) in [("SCHOOL\\Ben", "seniors", true), ("ben", "juniors", false)] {
        let answer = ask(&mut stream, &named(login), &format!("GET http://good.test/{path} HTTP/1.1")).await;
        assert_eq!(answer.starts_with("ICAP/1.0 204"), is_open, "{login} {path} {answer}");
    }
    ask(&mut stream, &named("somebody-else"), "GET http://good.test/a HTTP/1.1").await;
    drop(stream);
    let events = world.finish().await;
    assert_eq!(events[0].person, Some(senior.id));
    assert_eq!(events[0].known_by, Some(KnownBy::Proxy));
    assert_eq!(events[2].person, None);
}

#[tokio::test]
async fn a_proxy_that_is_not_listed_is_turned_away_and_nonsense_ends_its_connection() {
    let (world, icap) = world(Setting { icap_peers: Vec::new(), ..Setting::default() }).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    stream.write_all(b"what?\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("ICAP/1.0 400"), "{answer}");
    drop(world);
    let elsewhere = Setting { icap_peers: vec!["10.9.9.9/32".parse().unwrap()], ..Setting::default() };
    let world = World::with(elsewhere).await;
    let mut stream = TcpStream::connect(world.icap.unwrap()).await.unwrap();
    let mut nothing = Vec::new();
    assert_eq!(stream.read_to_end(&mut nothing).await.unwrap_or(0), 0);
}

/// A question about an answer with this file in it: what comes before the body, with the fields given.
fn about_file(fields: &str, length: usize) -> String {
    let request = "GET http://good.test/file HTTP/1.1\r\nHost: good.test\r\n\r\n";
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: x\r\n\r\n");
    format!(
        "RESPMOD icap://gate.test/response ICAP/1.0\r\nHost: gate.test\r\n{fields}\r\n\
         Encapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n{request}{response}",
        request.len(),
        request.len() + response.len(),
    )
}

/// The bytes of chunks, as far as they came.
fn unchunked(mut chunks: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = chunks.windows(2).position(|two| two == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..end]).unwrap(), 16).unwrap();
        let Some(chunk) = chunks.get(end + 2..end + 2 + size) else { break };
        all.extend_from_slice(chunk);
        chunks = &chunks[(end + 4 + size).min(chunks.len())..];
    }
    all
}

async fn read_until(stream: &mut TcpStream, had: &mut Vec<u8>, wanted: &[u8]) {
    while !had.windows(wanted.len()).any(|part| part == wanted) {
        assert!(stream.read_buf(had).await.unwrap() > 0, "{}", String::from_utf8_lossy(had));
    }
}

#[tokio::test]
async fn a_file_falls_drop_by_drop_where_the_scanner_takes_long_and_malware_has_no_end() {
    let clamd = Clamd::start().await;
    for is_infected in [false, true] {
        let scan = ScanConfig { patience: Duration::from_millis(50), ..clamd.scanner() };
        let (world, icap) = world(Setting { scan: Some(scan), ..Setting::default() }).await;
        let mut file = program(900_000);
        if is_infected {
            file.extend(MALWARE.bytes());
        }
        let mut stream = TcpStream::connect(icap).await.unwrap();
        let (preview, rest) = file.split_at(1_024);
        let (begins, ends) = rest.split_at(rest.len() - 30);
        let head = about_file("X-Client-IP: 127.0.0.9\r\nAllow: 204\r\nPreview: 1024", file.len());
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        stream.write_all(&[head.as_bytes(), &chunk(preview), b"0\r\n\r\n"].concat()).await.unwrap();
        let mut had = Vec::new();
        read_until(&mut stream, &mut had, b"100 Continue\r\n\r\n").await;
        had.clear();
        stream.write_all(&chunk(begins)).await.unwrap();
        read_until(&mut stream, &mut had, b"ELF").await;
        stream.write_all(&[chunk(ends).as_slice(), b"0\r\n\r\n"].concat()).await.unwrap();
        if is_infected {
            let _ = stream.read_to_end(&mut had).await;
        } else {
            read_until(&mut stream, &mut had, b"\r\n0\r\n\r\n").await;
        }
        let from = had.windows(10).position(|part| part == b"HTTP/1.1 2").unwrap();
        let body = had[from..].windows(4).position(|part| part == b"\r\n\r\n").unwrap() + from + 4;
        assert!(!String::from_utf8_lossy(&had[..body]).to_lowercase().contains("etag"));
        let given = unchunked(&had[body..]);
        if is_infected {
            assert!(file.starts_with(&given) && given.len() < 10_000, "{}", given.len());
        } else {
            assert!(given == file, "{}", given.len());
        }
        drop(stream);
        let told: Vec<_> = world.finish().await.iter().map(|event| (event.layer, event.outcome)).collect();
        let expected = is_infected.then_some((Layer::Malware, EventOutcome::Blocked));
        assert_eq!(told, Vec::from_iter(expected));
    }
}

#[tokio::test]
async fn questions_that_come_all_at_once_are_answered_one_after_the_other() {
    let clamd = Clamd::start().await;
    let (world, icap) = world(Setting { scan: Some(clamd.scanner()), ..Setting::default() }).await;
    let mut stream = TcpStream::connect(icap).await.unwrap();
    let file = zip("a.txt", b"words");
    let body = [format!("{:x}\r\n", file.len()).as_bytes(), &file, b"\r\n0; ieof\r\n\r\n"].concat();
    let asked = [
        b"OPTIONS icap://gate.test/response ICAP/1.0\r\nHost: gate.test\r\n\r\n".to_vec(),
        [about_file("Preview: 4096", file.len()).as_bytes(), &body].concat(),
        [about_file("Allow: 204, 206\r\nPreview: 4096\r\nConnection: close", file.len()).as_bytes(), &body]
            .concat(),
    ];
    stream.write_all(&asked.concat()).await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let answered: Vec<_> = answers.matches("ICAP/1.0 ").collect();
    assert!(answered.len() == 3 && answers.matches("204 No Content").count() == 2, "{answers}");
    assert!(world.finish().await.is_empty());
}
