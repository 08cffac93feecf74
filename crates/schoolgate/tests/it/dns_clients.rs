//! Debian's DNS clients as a school's machines and testers use them: `dig`, `kdig` and `dnsperf`.

use crate::gate::Gate;
use crate::resolver::{Resolver, Start, categories, group, image, list, policy};
use dns::{Certificate, DeviceTokens, Encrypted, RateLimit};
use model::EventReceiver;
use policy::rules::{ListFormat, Members};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use testkit::certificates::{Fault, TestAuthority};
use testkit::upstream::{RecordType, Says, Upstream, Zone, a};
use tokio::process::Command;

/// The name of the encrypted resolver.
const NAME: &str = "gate.ash.internal";
/// Records of the answer that no datagram holds.
const MANY: u8 = 60;
const OPEN: &str = "203.0.113.7";

/// A resolver for learners, who may not gamble, and its outside.
async fn start(authority: &TestAuthority) -> (Resolver, EventReceiver, Upstream) {
    let (image, _) = image(&[list("made-up", ListFormat::Domains, "gambling", "casino.example\n")]);
    let mut learners = group("learners", Members::default());
    learners.block = categories(&["gambling"]);
    let many = (0..MANY).map(|number| a("many.example.", 60, [203, 0, 113, number])).collect();
    let zone: Zone = [
        (
            ("open.example.".into(), RecordType::A),
            Says::Records(vec![a("open.example.", 60, [203, 0, 113, 7])]),
        ),
        (("many.example.".into(), RecordType::A), Says::Records(many)),
    ]
    .into();
    let upstream = Upstream::start(zone).await;
    let mut start = Start::new(policy(&[("127.0.0.0/8", Some("learners"))], vec![learners]), image);
    start.config.upstreams = vec![upstream.address.into()];
    start.config.encrypted = Some(encrypted(authority));
    // One client asks as much as a town here.
    start.config.rate_limit = RateLimit { per_s: 0, burst: 0 };
    start.events = 50_000;
    let (resolver, events) = start.run().await;
    (resolver, events, upstream)
}

fn encrypted(authority: &TestAuthority) -> Encrypted {
    let free = || vec!["127.0.0.1:0".parse().unwrap()];
    Encrypted {
        tls_listen: free(),
        https_listen: free(),
        name: NAME.into(),
        certificate: Certificate::Ready(authority.server(NAME, Fault::None, &[]).unwrap()),
        addresses: Vec::new(),
        devices: DeviceTokens::default(),
    }
}

/// What a client prints.
pub async fn printed(program: &str, server: SocketAddr, arguments: &[&str]) -> String {
    let mut asked = Command::new(program);
    asked.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]).args(arguments);
    let output = asked.output().await.unwrap_or_else(|error| panic!("{program}: {error}"));
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

/// What `kdig` is told, and what its print must hold, piece by piece in this order.
const KDIG: [(&[&str], &[&str]); 16] = [
    (&["open.example"], &["status: NOERROR", "open.example.", OPEN]),
    (
        &["+edns", "www.casino.example"],
        &["status: NXDOMAIN", "EDE: 17 (Filtered)", "Gambling", "made-up", "line 1"],
    ),
    (&["+dnssec", "+cdflag", "open.example"], &["Flags: qr rd ra cd", "flags: do;", OPEN]),
    (&["-t", "ANY", "open.example"], &["status: NOERROR", "HINFO", "RFC8482"]),
    (&["-t", "ANY", "casino.example"], &["status: NXDOMAIN"]),
    (&["-t", "AXFR", "casino.example"], &["REFUSED"]),
    (&["-t", "IXFR=1", "open.example"], &["REFUSED"]),
    (&["-c", "CH", "-t", "TXT", "version.bind"], &["status: REFUSED"]),
    (&["-t", "NOTIFY", "open.example"], &["status: NOTIMPL"]),
    (&["+edns=1", "open.example"], &["status: BADVERS"]),
    (&["+noedns", "casino.example"], &["status: NXDOMAIN"]),
    (&["+cookie", "+padding", "+nsid", "+subnet=192.0.2.0/24", "open.example"], &["status: NOERROR", OPEN]),
    (&["+bufsize=512", "+ignore", "many.example"], &["Flags: qr tc rd ra"]),
    (&["+bufsize=512", "many.example"], &["status: NOERROR", "ANSWER: 60", "203.0.113.59"]),
    (&["+tcp", "many.example"], &["status: NOERROR", "ANSWER: 60", "203.0.113.59"]),
    (
        &["+tcp", "+keepopen", "open.example", "casino.example", "many.example", "open.example"],
        &["NOERROR", OPEN, "NXDOMAIN", "NOERROR", "ANSWER: 60", "NOERROR", OPEN],
    ),
];

#[tokio::test]
async fn kdig_gets_what_the_protocol_and_the_policy_say() {
    let (resolver, _events, _upstream) = start(&TestAuthority::new().unwrap()).await;
    let mut wrong = String::new();
    for (arguments, pieces) in KDIG {
        let all = [&["+timeout=5", "+retry=2"], arguments].concat();
        let text = printed("kdig", resolver.address, &all).await;
        let mut rest = text.as_str();
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => writeln!(wrong, "{arguments:?}: no {piece:?} in {text}").unwrap(),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[tokio::test]
async fn kdig_gets_the_same_by_tls_and_https_and_only_from_a_server_it_trusts() {
    let authority = TestAuthority::new().unwrap();
    let (resolver, _events, _upstream) = start(&authority).await;
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, authority.pem()).unwrap();
    let trusted = [format!("+tls-ca={}", roots.display()), format!("+tls-hostname={NAME}")];
    let url = format!("+https={NAME}/dns-query");
    let (tls, https) = (resolver.tls.unwrap(), resolver.https.unwrap());
    let mut wrong = String::new();
    for (server, wire) in [
        (tls, &["+tls"][..]),
        (tls, &["+tls", "+keepopen"]),
        (https, &[&url]),
        (https, &[&url, "+https-get"]),
    ] {
        let asked = ["+edns", "open.example", "www.casino.example", "many.example"];
        let trust: Vec<&str> = trusted.iter().map(String::as_str).collect();
        let text = printed("kdig", server, &[&trust, wire, &asked].concat()).await;
        let mut rest = text.as_str();
        for piece in ["NOERROR", OPEN, "NXDOMAIN", "EDE: 17 (Filtered)", "NOERROR", "ANSWER: 60"] {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => writeln!(wrong, "{wire:?}: no {piece:?} in {text}").unwrap(),
            }
        }
        let strange = [
            &["+tls-ca", "+tls-hostname=somebody-else.test", "+timeout=3", "+retry=0"],
            wire,
            &["open.example"],
        ];
        let text = printed("kdig", server, &strange.concat()).await;
        assert!(!text.contains(OPEN), "{wire:?}: a server of another name was trusted: {text}");
    }
    assert!(wrong.is_empty(), "{wrong}");
    let text =
        printed("kdig", https, &["+https=gate.ash.internal/other", "+timeout=3", "+retry=0", "open.example"])
            .await;
    assert!(!text.contains(OPEN), "another path is no resolver: {text}");
}

#[tokio::test]
async fn dig_asks_as_old_and_odd_clients_do() {
    let (resolver, _events, _upstream) = start(&TestAuthority::new().unwrap()).await;
    for (arguments, pieces) in [
        (&["+noedns", "+noad", "open.example"][..], &["status: NOERROR", OPEN][..]),
        (&["oPeN.ExAmPlE"], &["status: NOERROR", ";oPeN.ExAmPlE.", OPEN]),
        (&["CaSiNo.eXaMpLe"], &["status: NXDOMAIN", ";CaSiNo.eXaMpLe.", "EDE: 17 (Filtered)"]),
        (&["+noedns", "many.example"], &["ANSWER: 60"]),
        (&["+opcode=update", "open.example"], &["status: NOTIMP"]),
        (&["+opcode=status", "open.example"], &["status: NOTIMP"]),
        (&["+norecurse", "casino.example"], &["status: NXDOMAIN"]),
        (&["-t", "TYPE65535", "casino.example"], &["status: NXDOMAIN"]),
        (&["-x", "203.0.113.7"], &["status: NXDOMAIN"]),
        (&["."], &["status: "]),
    ] {
        let text = printed("dig", resolver.address, arguments).await;
        for piece in pieces {
            assert!(text.contains(piece), "{arguments:?}: no {piece:?} in {text}");
        }
    }
}

/// What `dnsperf` counted.
#[derive(Debug)]
struct Performed {
    sent: u32,
    completed: u32,
    lost: u32,
    codes: BTreeMap<String, u32>,
}

/// Runs `dnsperf` through a file of questions once.
async fn dnsperf(server: SocketAddr, mode: &str, questions: &str) -> Performed {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("questions");
    std::fs::write(&file, questions).unwrap();
    let mut command = Command::new("dnsperf");
    command.args(["-m", mode, "-s", &server.ip().to_string(), "-p", &server.port().to_string(), "-n", "1"]);
    // What a machine loses of a burst is not what is asked here: few questions are under way at once.
    command.args(["-e", "-c", "4", "-q", "40", "-t", "20", "-d"]).arg(&file);
    command.args(["-O", &format!("doh-uri=https://{NAME}/dns-query")]);
    let output = command.output().await.expect("dnsperf is there; `cargo xtask test` installs it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let after = |label: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
        line.unwrap_or_else(|| panic!("no {label:?} in {text}")).trim().to_owned()
    };
    let number = |label: &str| after(label).split_whitespace().next().unwrap().parse().unwrap();
    let codes = after("Response codes:");
    let code = |part: &str| {
        let mut words = part.split_whitespace();
        (words.next().unwrap().to_owned(), words.next().unwrap().parse().unwrap())
    };
    Performed {
        sent: number("Queries sent:"),
        completed: number("Queries completed:"),
        lost: number("Queries lost:"),
        codes: codes.split(", ").map(code).collect(),
    }
}

/// Three of four questions are for names below a blocked one.
fn questions(many: u32, open: &str, blocked: &str) -> String {
    (0..many).fold(String::new(), |mut text, number| {
        let asked = if number % 4 == 0 {
            writeln!(text, "{open} A")
        } else {
            writeln!(text, "n{number}.{blocked} A")
        };
        asked.unwrap();
        text
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dnsperf_loses_nothing_and_counts_the_right_answers() {
    let (resolver, events, _upstream) = start(&TestAuthority::new().unwrap()).await;
    for mode in ["udp", "tcp"] {
        let performed =
            dnsperf(resolver.address, mode, &questions(4_000, "open.example", "casino.example")).await;
        assert_eq!(
            (performed.sent, performed.completed, performed.lost),
            (4_000, 4_000, 0),
            "{mode}: {performed:?}"
        );
        assert_eq!(performed.codes, [("NOERROR".into(), 1_000), ("NXDOMAIN".into(), 3_000)].into(), "{mode}");
        let mut recorded = Vec::new();
        assert!(events.batch(Duration::from_secs(1), 50_000, &mut recorded));
        let recorded = recorded.len();
        assert_eq!((resolver.sender.lost(), recorded), (0, 4_000), "{mode}: every question is one event");
    }
}

#[tokio::test]
async fn the_running_gate_answers_kdig_and_dnsperf() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("elsie").await;
    let server = gate.address("dns").parse().unwrap();
    let blocked = printed("kdig", server, &["+edns", "gambling.schoolgate.test"]).await;
    assert!(blocked.contains("status: NXDOMAIN") && blocked.contains("EDE: 17 (Filtered)"), "{blocked}");
    let safe = printed("kdig", server, &["+tcp", "www.google.com"]).await;
    assert!(safe.contains("forcesafesearch.google.com.") && safe.contains("203.0.113.8"), "{safe}");
    let before = gate.memory_kib();
    for mode in ["udp", "tcp"] {
        let asked = questions(4_000, "reading.education.schoolgate.test", "gambling.schoolgate.test");
        let performed = dnsperf(server, mode, &asked).await;
        assert_eq!((performed.completed, performed.lost), (4_000, 0), "{mode}: {performed:?}");
        assert_eq!(performed.codes, [("NOERROR".into(), 1_000), ("NXDOMAIN".into(), 3_000)].into(), "{mode}");
    }
    let after = gate.memory_kib();
    assert!(after < before + 32 * 1024, "memory grew from {before} to {after} KiB");
}
