//! Ways round the filter that a tunnel shows, each with its switch; and what looks like one and is none.

use crate::certificates::{Flaw, provider};
use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Request, StatusCode};
use model::{AccessEvent, EventOutcome, Layer, Timestamp, WayRound};
use policy::rules::{InspectionSetting, SWITCHED, TrafficRules};
use rustls::client::{EchGreaseConfig, EchMode};
use rustls::crypto::aws_lc_rs::hpke::ALL_SUPPORTED_SUITES;
use rustls::pki_types::ServerName;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How a way is tried.
struct Try {
    way: WayRound,
    /// What the tunnel is asked for; port 0 stands for that of a server that says whatever it hears.
    connect: (&'static str, u16),
    says: Vec<u8>,
}

/// What a client of the TLS library says first: for this name where it is one, with ECH's extension if asked.
pub fn hello(name: &'static str, protocols: &[&str], ech: Ech) -> Vec<u8> {
    let builder = rustls::ClientConfig::builder_with_provider(provider());
    let builder = match ech {
        Ech::None => builder.with_safe_default_protocol_versions().unwrap(),
        Ech::AsBrowsersDo => {
            let suite = ALL_SUPPORTED_SUITES[0];
            let (key, _) = suite.generate_key_pair().unwrap();
            builder.with_ech(EchMode::Grease(EchGreaseConfig::new(suite, key))).unwrap()
        }
    };
    let mut tls = builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(tls), name).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ech {
    None,
    AsBrowsersDo,
}

/// Every way that a tunnel shows, most in more than one form.
fn tries() -> Vec<Try> {
    let to_good = |way, says: &[u8]| Try { way, connect: ("good.test", 0), says: says.to_vec() };
    let to = |way, host, says: Vec<u8>| Try { way, connect: (host, 0), says };
    let at_port = |way, port| Try { way, connect: ("good.test", port), says: Vec::new() };
    let openvpn = [&[0, 14, 0x38], [7; 13].as_slice()].concat();
    let wireguard = [&[0, 148, 1, 0, 0, 0], [7; 144].as_slice()].concat();
    let dns =
        [&[0, 29, 1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 7], &b"example\x03com\0"[..], &[0, 1, 0, 1]].concat();
    vec![
        to_good(WayRound::UnknownProtocol, b"\x00\x01custom"),
        to_good(WayRound::UnknownProtocol, b"SSH-2.0-OpenSSH_9.2\r\n"),
        to_good(WayRound::UnknownProtocol, b"EHLO a.test\r\n"),
        to_good(WayRound::Vpn, &openvpn),
        to_good(WayRound::Vpn, &wireguard),
        to_good(WayRound::Vpn, b"\x05\x01\x00"),
        to_good(WayRound::Vpn, b"CONNECT denied.test:443 HTTP/1.1\r\n\r\n"),
        to_good(WayRound::Vpn, b"SSTP_DUPLEX_POST /sra_{BA195980}/ HTTP/1.1\r\n\r\n"),
        at_port(WayRound::Vpn, 1194),
        at_port(WayRound::EncryptedDns, 853),
        at_port(WayRound::Tor, 9001),
        to_good(WayRound::EncryptedDns, &dns),
        to(WayRound::EncryptedDns, "good.test", hello("good.test", &["dot"], Ech::None)),
        to(WayRound::EncryptedDns, "resolver.test", hello("resolver.test", &["h2"], Ech::None)),
        to(WayRound::Tor, "www.torproject.org", hello("www.torproject.org", &["h2"], Ech::None)),
        to(WayRound::Fronting, "good.test", hello("other.test", &["h2"], Ech::None)),
        to(WayRound::EncryptedHello, "good.test", hello("cloudflare-ech.com", &["h2"], Ech::AsBrowsersDo)),
        to(WayRound::EncryptedHello, "good.test", hello("other.test", &["h2"], Ech::AsBrowsersDo)),
        to(WayRound::AddressLiteral, "127.0.0.1", hello("127.0.0.1", &["h2"], Ech::None)),
    ]
}

fn setting(shut: BTreeSet<WayRound>) -> Setting {
    Setting {
        inspection: InspectionSetting::Never,
        traffic: TrafficRules { shut, ..TrafficRules::default() },
        listed: vec![
            "good.test",
            "other.test",
            "bypass.test",
            "resolver.test",
            "www.torproject.org",
            "cloudflare-ech.com",
        ],
        reachable: vec!["127.0.0.0/8".parse().unwrap()],
        ..Setting::default()
    }
}

/// Sends back whatever it hears.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    port
}

/// True where the try came through to the server and back. At a port where nobody listens, the tunnel's answer tells.
async fn comes_through(world: &World, tried: &Try, echo: u16) -> bool {
    let (host, port) = tried.connect;
    let client = world.client();
    let mut stream = match client.tunnel(host, if port == 0 { echo } else { port }).await {
        Ok(stream) => stream,
        // 502: it was let through, and nobody is there.
        Err(status) => return status != 403,
    };
    stream.write_all(&tried.says).await.unwrap();
    let mut back = vec![0; tried.says.len()];
    stream.read_exact(&mut back).await.is_ok() && back == tried.says
}

/// What was counted, beside ports: ours are odd in these tests.
fn counted(world: &World) -> Vec<(WayRound, u64)> {
    let ways = WayRound::ALL.into_iter().filter(|way| *way != WayRound::OddPort);
    ways.map(|way| (way, world.leaks.since_start(way))).filter(|(_, count)| *count > 0).collect()
}

/// Asserts that these first words come through to a host where every way is shut, and that none is counted.
pub async fn passes_uncounted(host: &'static str, says: Vec<u8>) {
    let world = World::with(setting(all())).await;
    let tried = Try { way: WayRound::UnknownProtocol, connect: (host, 0), says };
    assert!(comes_through(&world, &tried, echo().await).await);
    assert_eq!(counted(&world), []);
}

fn blocked_for(events: &[AccessEvent]) -> Option<String> {
    let event = events.iter().find(|event| event.outcome == EventOutcome::Blocked)?;
    assert_eq!(event.layer, Layer::Circumvention);
    event.entry.as_ref().map(|entry| entry.to_string())
}

#[tokio::test]
async fn each_way_that_a_tunnel_shows_has_a_switch_of_its_own_and_is_counted_either_way() {
    let all: BTreeSet<WayRound> = SWITCHED.into_iter().collect();
    let now = crate::certificates::now();
    for (number, tried) in tries().into_iter().enumerate() {
        let way = tried.way;
        let only = BTreeSet::from([way]);
        let others: BTreeSet<WayRound> = all.iter().copied().filter(|other| *other != way).collect();
        for (shut, passes) in [(all.clone(), false), (only, false), (others, true), (BTreeSet::new(), true)] {
            let told = format!("{number}: {way:?} {:?}, shut: {shut:?}", tried.connect);
            let world = World::with(setting(shut)).await;
            let port = echo().await;
            assert_eq!(comes_through(&world, &tried, port).await, passes, "{told}");
            assert_eq!(counted(&world), [(way, 1)], "{told}");
            assert_eq!(world.leaks.let_through_today(way, now), u64::from(passes), "{told}");
            let events = world.finish().await;
            assert_eq!(blocked_for(&events).as_deref(), (!passes).then_some(way.slug()), "{told}");
        }
    }
}

#[tokio::test]
async fn a_tunnel_that_is_opened_shows_the_same_before_it_is_opened() {
    for (tried, comes) in [
        (Try { way: WayRound::Vpn, connect: ("good.test", 0), says: b"\x05\x01\x00".to_vec() }, false),
        (
            Try {
                way: WayRound::Fronting,
                connect: ("good.test", 0),
                says: hello("other.test", &[], Ech::None),
            },
            false,
        ),
    ] {
        let world = World::with(Setting { inspection: InspectionSetting::On, ..setting(all()) }).await;
        assert_eq!(comes_through(&world, &tried, echo().await).await, comes);
        assert_eq!(counted(&world), [(tried.way, 1)]);
        assert_eq!(blocked_for(&world.finish().await).as_deref(), Some(tried.way.slug()));
    }
}

fn all() -> BTreeSet<WayRound> {
    SWITCHED.into_iter().collect()
}

#[tokio::test]
async fn a_hidden_name_is_answered_under_the_other_where_connections_are_opened() {
    let world = World::with(Setting { inspection: InspectionSetting::On, ..setting(all()) }).await;
    let mut stream = world.client().tunnel("good.test", 443).await.unwrap();
    stream.write_all(&hello("cloudflare-ech.com", &["h2"], Ech::AsBrowsersDo)).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), 22, "a handshake goes on");
    assert_eq!(counted(&world), [(WayRound::EncryptedHello, 1)]);
}

#[tokio::test]
async fn what_is_no_web_inside_an_opened_connection_is_refused_and_counted() {
    let world = World::with(Setting { inspection: InspectionSetting::On, ..setting(BTreeSet::new()) }).await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let client = world.client();
    let stream = client.tunnel("good.test", origin.port()).await.unwrap();
    let mut stream = client.handshake(stream, "good.test", &["http/1.1"]).await.unwrap();
    stream.write_all(b"\x00\x0e\x38\x00 a tunnel within").await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(origin.seen().is_empty());
    let leaks = Arc::clone(&world.leaks);
    let events = world.finish().await;
    assert_eq!(leaks.since_start(WayRound::UnknownProtocol), 1);
    assert_eq!(blocked_for(&events).as_deref(), Some("unknown_protocols"));
}

#[tokio::test]
async fn a_proxy_inside_an_opened_connection_is_refused_and_counted() {
    let world = World::with(Setting { inspection: InspectionSetting::On, ..setting(BTreeSet::new()) }).await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["http/1.1"]).await;
    let connect = Request::builder().method("CONNECT").uri("denied.test:443").body(full("")).unwrap();
    assert_eq!(talk.send(connect).await.status(), StatusCode::BAD_REQUEST);
    drop(talk);
    assert_eq!(counted(&world), [(WayRound::Vpn, 1)]);
    assert_eq!(blocked_for(&world.finish().await).as_deref(), Some("vpn"));
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_where_whatever_is_spoken_may_pass() {
    for inspection in [InspectionSetting::On, InspectionSetting::Never] {
        for (is_shut, greeting) in [(false, &b"220 ready\r\n"[..]), (true, b"SSH-2.0-x\r\n")] {
            let shut = if is_shut { all() } else { BTreeSet::new() };
            let world = World::with(Setting { inspection, ..setting(shut) }).await;
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = server.local_addr().unwrap().port();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = server.accept().await {
                    let _ = stream.write_all(greeting).await;
                    let _ = stream.read_u8().await;
                }
            });
            if is_shut && inspection == InspectionSetting::On {
                // Nobody is dialled before the client spoke.
                continue;
            }
            let mut stream = world.client().tunnel("good.test", port).await.unwrap();
            let mut heard = vec![0; greeting.len()];
            let came = stream.read_exact(&mut heard).await.is_ok();
            assert_eq!((came, came && heard == greeting), (!is_shut, !is_shut), "{inspection:?}");
            assert_eq!(counted(&world), [(WayRound::UnknownProtocol, 1)], "{inspection:?}");
        }
    }
}

#[tokio::test]
async fn an_address_may_stand_for_a_name_where_an_entry_names_it_or_our_dns_gave_it_out() {
    for (inspection, bypass, given_out) in [
        (InspectionSetting::On, vec!["127.0.0.1"], false),
        (InspectionSetting::Never, vec!["bypass.test"], true),
    ] {
        let world = World::with(Setting { inspection, bypass, ..setting(all()) }).await;
        if given_out {
            world.handed_out.note(&["127.0.0.1".parse().unwrap()], 60, crate::certificates::now());
        }
        let says = hello("127.0.0.1", &["h2"], Ech::None);
        let tried = Try { way: WayRound::AddressLiteral, connect: ("127.0.0.1", 0), says };
        assert!(comes_through(&world, &tried, echo().await).await, "given out: {given_out}");
        assert_eq!(counted(&world), []);
    }
}

#[tokio::test]
async fn a_plain_request_for_an_address_gets_a_page_that_says_why() {
    let world = World::with(setting(all())).await;
    let origin = Origin::start(None).await;
    let uri = format!("http://127.0.0.1:{}/", origin.port());
    let get = || Request::builder().uri(&uri).body(full("")).unwrap();
    let answer = Answer::read(world.client().ask_proxy(get()).await).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text().contains("address instead of a name"), "{}", answer.text());
    assert_eq!(counted(&world), [(WayRound::AddressLiteral, 1)]);
    assert_eq!(world.handed_out.unknown_today(crate::certificates::now()), 1);
    world.swap_policy(&setting(BTreeSet::new()));
    assert_eq!(Answer::read(world.client().ask_proxy(get()).await).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_browsers_and_mail_programs_do_is_no_way_round() {
    use InspectionSetting::{Never, On};
    for (inspection, host, says, odd) in [
        // ECH's extension with noise in it, as browsers send to everybody; a post-quantum key share.
        (Never, "good.test", hello("good.test", &["h2", "http/1.1"], Ech::AsBrowsersDo), 1),
        (Never, "good.test", hello("good.test", &[], Ech::None), 1),
        // Mail, games and whatever else on the bypass list.
        (On, "bypass.test", b"\x00\x01custom".to_vec(), 0),
        (On, "bypass.test", b"EHLO a.test\r\n".to_vec(), 0),
    ] {
        let world = World::with(Setting { inspection, ..setting(all()) }).await;
        let tried = Try { way: WayRound::UnknownProtocol, connect: (host, 0), says };
        assert!(comes_through(&world, &tried, echo().await).await, "{host} {:?}", &tried.says[..3]);
        assert_eq!(counted(&world), []);
        assert_eq!(world.leaks.since_start(WayRound::OddPort), odd, "not where an entry names the host");
        let _ = world.client().tunnel("good.test", 993).await;
        assert_eq!(world.leaks.since_start(WayRound::OddPort), odd, "mail");
    }
}

#[tokio::test]
async fn a_browser_that_shares_a_connection_among_the_names_of_its_certificate_is_sent_back_and_not_counted()
{
    let world = World::usual().await;
    let names = ["good.test", "*.other.test"];
    let tls = world.root.server_of(&names, Flaw::None, &["h2"]);
    let origin = Origin::start(Some(tls)).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["h2"]).await;
    let leaks = Arc::clone(&world.leaks);
    for (other, expected) in [("www.other.test", 0), ("other.test", 1)] {
        let uri = format!("https://{other}:{}/", origin.port());
        let request = Request::builder().uri(uri).body(full("")).unwrap();
        let answer = Answer::read(talk.send(request).await).await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{other}");
        assert_eq!(leaks.since_start(WayRound::Fronting), expected, "{other}");
    }
    drop(talk);
    let events = world.finish().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn a_host_that_a_list_knows_as_a_way_round_is_counted_when_it_is_blocked() {
    let world = World::with(Setting { block: vec!["encrypted-dns"], ..setting(BTreeSet::new()) }).await;
    assert_eq!(world.client().tunnel("resolver.test", 443).await.err(), Some(403));
    assert_eq!(counted(&world), [(WayRound::EncryptedDns, 1)]);
    assert_eq!(world.leaks.let_through_today(WayRound::EncryptedDns, Timestamp(0)), 0);
}
