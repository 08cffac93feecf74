//! The ICAP server, as another proxy asks it: by hand, with c-icap's client, and with Squid.

use crate::clamd::{Clamd, MALWARE};
use crate::origin::Origin;
use crate::world::{Setting, World, host};
use model::{
    Affiliation, EventOutcome, FileKind, KnownBy, Layer, Person, PersonId, Role, SchoolId, Scope, YearGroup,
};
use policy::rules::{TenantRule, TenantService, TrafficRules};
use std::net::SocketAddr;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

fn peers() -> Vec<ipnet::IpNet> {
    vec!["127.0.0.1/32".parse().unwrap()]
}

async fn world(setting: Setting) -> (World, SocketAddr) {
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

#[tokio::test]
async fn whoever_the_other_proxy_names_gets_their_group_and_a_stranger_gets_nobody_s() {
    let senior = Person {
        id: PersonId(uuid::Uuid::from_u128(11)),
        login: "ben".to_owned(),
        display_name: "Ben Beech".to_owned(),
        affiliations: vec![Affiliation {
            scope: Scope::School(SchoolId::new("ash")),
            role: Role::Learner,
            year: YearGroup::parse("11"),
        }],
    };
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

/// Runs a program to its end and gives what it said.
async fn said(program: &str, arguments: &[String]) -> String {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().await.unwrap();
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

#[tokio::test]
async fn the_client_of_c_icap_is_told_of_malware_and_of_nothing_where_there_is_none() {
    let clamd = Clamd::start().await;
    let (world, icap) = world(Setting { scan: Some(clamd.scanner()), ..Setting::default() }).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, text, expected) in [
        ("clean.bin", "nothing".repeat(20_000), false),
        ("bad.bin", format!("{}{MALWARE}", "nothing".repeat(20_000)), true),
    ] {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        for more in [&["-nopreview"][..], &["-no204"], &[]] {
            let out = folder.path().join("out");
            let _ = std::fs::remove_file(&out);
            let mut arguments: Vec<String> =
                ["-i", "127.0.0.1", "-s", "response", "-v", "-rhx", "Content-Disposition: attachment"]
                    .map(str::to_owned)
                    .to_vec();
            arguments.extend(["-p".to_owned(), icap.port().to_string()]);
            arguments.extend(["-resp".to_owned(), format!("http://good.test/{name}")]);
            arguments.extend(["-x".to_owned(), "X-Client-IP: 127.0.0.9".to_owned()]);
            arguments.extend([
                "-f".to_owned(),
                file.display().to_string(),
                "-o".to_owned(),
                out.display().to_string(),
            ]);
            arguments.extend(more.iter().map(|more| (*more).to_owned()));
            let words = said("c-icap-client", &arguments).await;
            let page = std::fs::read(&out).unwrap_or_default();
            let is_refused = String::from_utf8_lossy(&page).contains("malware");
            assert_eq!(is_refused, expected, "{name} {more:?}: {words}");
            if !expected && !page.is_empty() {
                assert!(page == std::fs::read(&file).unwrap(), "{more:?}");
            }
        }
    }
    let events = world.finish().await;
    assert!(events.len() == 3 && events.iter().all(|event| event.layer == Layer::Malware), "{events:?}");
}

#[tokio::test]
async fn a_squid_that_asks_here_blocks_what_the_policy_blocks_and_passes_the_rest() {
    let clamd = Clamd::start().await;
    let mut traffic = TrafficRules::default();
    traffic.files.block = [FileKind::Programs].into();
    let (world, icap) = world(Setting { scan: Some(clamd.scanner()), traffic, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let squid = Squid::start(icap).await;
    for (url, status, words) in [
        (format!("http://good.test:{}/page", origin.port()), 200, "hello from the origin"),
        ("http://casino.test/".to_owned(), 403, "Gambling"),
        (format!("http://good.test:{}/program", origin.port()), 403, "Linux program"),
    ] {
        let (found, body) = squid.get(&url).await;
        assert!(found == status && body.contains(words), "{url}: {found} {body}");
    }
    let posted =
        squid.post(&format!("http://good.test:{}/echo", origin.port()), &format!("x{MALWARE}")).await;
    assert_eq!(posted.0, 403, "{}", posted.1);
    let long = "words ".repeat(50_000);
    let posted = squid.post(&format!("http://good.test:{}/echo", origin.port()), &long).await;
    assert!(posted.0 == 200 && posted.1 == long, "{}", posted.0);
    drop(squid);
    let events = world.finish().await;
    assert!(events.iter().any(|event| event.layer == Layer::Category && event.host == host("casino.test")));
    assert!(events.iter().any(|event| event.layer == Layer::FileType));
    assert!(events.iter().any(|event| event.layer == Layer::Malware && event.method.as_ref() == "POST"));
}

/// A Squid that asks an ICAP server about everything.
struct Squid {
    port: u16,
    _folder: tempfile::TempDir,
    _program: tokio::process::Child,
}

impl Squid {
    async fn start(icap: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        // Squid takes no port of the system's choice; what was free is free for a moment.
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        std::fs::write(at("hosts"), "127.0.0.1 good.test casino.test\n").unwrap();
        let lines = [
            format!("http_port 127.0.0.1:{port}"),
            "http_access allow all".to_owned(),
            "cache deny all".to_owned(),
            format!("hosts_file {}", at("hosts")),
            format!("pid_filename {}", at("pid")),
            format!("cache_log {}", at("log")),
            "access_log none".to_owned(),
            "pinger_enable off".to_owned(),
            "shutdown_lifetime 0 seconds".to_owned(),
            "visible_hostname localhost".to_owned(),
            "icap_enable on".to_owned(),
            "icap_preview_enable on".to_owned(),
            "adaptation_send_client_ip on".to_owned(),
            format!("icap_service asked reqmod_precache icap://{icap}/request bypass=off"),
            format!("icap_service answered respmod_precache icap://{icap}/response bypass=off"),
            "adaptation_access asked allow all".to_owned(),
            "adaptation_access answered allow all".to_owned(),
            format!("coredump_dir {}", folder.path().display()),
        ];
        std::fs::write(at("squid.conf"), lines.join("\n") + "\n").unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let mut command = Command::new("squid");
        command.args(["-N", "-n", &format!("test{port}"), "-f"]).arg(at("squid.conf")).kill_on_drop(true);
        let program = command.stderr(Stdio::null()).spawn().unwrap();
        // It says nothing when it is ready, but to its log.
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(50));
        let mut left = 1_200;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            left -= 1;
            assert!(left > 0, "{}", std::fs::read_to_string(at("log")).unwrap_or_default());
            looks.tick().await;
        }
        Self { port, _folder: folder, _program: program }
    }

    async fn get(&self, url: &str) -> (u16, String) {
        self.exchange(&format!("GET {url} HTTP/1.0\r\naccept: text/html\r\n\r\n")).await
    }

    async fn post(&self, url: &str, body: &str) -> (u16, String) {
        let head = format!(
            "POST {url} HTTP/1.0\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.exchange(&format!("{head}{body}")).await
    }

    async fn exchange(&self, request: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        let (_, read) = tokio::join!(writing.write_all(request.as_bytes()), reading.read_to_end(&mut answer));
        read.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        (status, body)
    }
}
