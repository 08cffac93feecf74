//! The ICAP server, as programs of others ask it: c-icap's client, and Squid.

use crate::clamd::{Clamd, MALWARE};
use crate::icap::{learner, world};
use crate::origin::Origin;
use crate::scan::{FileOrigin, infected, program, zip};
use crate::squid::Squid;
use crate::world::Setting;
use model::{EventOutcome, FileKind, KnownBy, Layer};
use policy::rules::TrafficRules;
use proxy::ScanConfig;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Asks about a file as the answer for `http://good.test/NAME`, and gives what comes in its place.
async fn client_of_c_icap(icap: SocketAddr, file: &Path, name: &str, more: &[&str]) -> Vec<u8> {
    let out = file.with_extension("out");
    let _ = std::fs::remove_file(&out);
    let output = Command::new("c-icap-client")
        .args(["-i", "127.0.0.1", "-s", "response", "-rhx", "Content-Disposition: attachment"])
        .args(["-x", "X-Client-IP: 127.0.0.9", "-p", &icap.port().to_string()])
        .args(["-resp", &format!("http://good.test/{name}")])
        .args(["-f".as_ref(), file.as_os_str(), "-o".as_ref(), out.as_os_str()])
        .args(more)
        .stdin(Stdio::null())
        .output();
    assert!(output.await.unwrap().status.success());
    std::fs::read(&out).unwrap_or_default()
}

#[tokio::test]
async fn the_client_of_c_icap_is_told_of_malware_and_of_nothing_where_there_is_none() {
    let clamd = Clamd::start().await;
    let (world, icap) = world(Setting { scan: Some(clamd.scanner()), ..Setting::default() }).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file.bin");
    let long = "nothing".repeat(20_000);
    for (name, bytes, is_infected) in [
        ("long", long.clone(), false),
        ("short", "nothing".to_owned(), false),
        ("bad-behind-the-preview", format!("{long}{MALWARE}"), true),
        ("bad-in-the-preview", MALWARE.to_owned(), true),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        // This client reads no answer that comes where it waits to be asked for the rest, as one for a known address does.
        for (way, more) in [("a", &["-nopreview"][..]), ("b", &["-no204"]), ("c", &[])] {
            let given = client_of_c_icap(icap, &file, &format!("{name}-{way}"), more).await;
            let text = String::from_utf8_lossy(&given);
            assert_eq!(text.contains("malware"), is_infected, "{name} {way}: {text}");
            let is_given_back = !is_infected && given == bytes.as_bytes();
            // Where the preview was the whole, it need not come back whatever the client allows.
            let may_be_silent = way != "b" || name == "short";
            assert!(is_infected || is_given_back || (may_be_silent && given.is_empty()), "{name} {way}");
        }
    }
    let events = world.finish().await;
    assert!(events.len() == 6 && events.iter().all(|event| event.layer == Layer::Malware), "{events:?}");
}

#[tokio::test]
async fn behind_a_squid_a_search_is_blocked_by_group_and_told_once_for_whoever_signed_in() {
    let people = vec![learner("ada", "4"), learner("ben", "11")];
    let (world, icap) = world(Setting { people: people.clone(), ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let squid = Squid::start(icap).await;
    let search = format!("http://good.test:{}/seniors?q=a+word", origin.port());
    let child = squid.get("ada", &search).await;
    assert!(child.status == 403 && child.text().contains("is not available at school"), "{}", child.text());
    assert!(origin.seen().is_empty());
    let senior = squid.get("ben", &search).await;
    assert!(senior.status == 200 && senior.text() == "hello from the origin", "{}", senior.text());
    let nobody = squid.get("somebody-else", &format!("http://good.test:{}/page", origin.port())).await;
    assert_eq!(nobody.status, 200);
    let gambling = squid.get("ben", "http://casino.test/").await;
    assert!(gambling.status == 403 && gambling.text().contains("betting games"), "{}", gambling.text());
    let events = world.finish().await;
    let told: Vec<_> = events.iter().map(|event| (event.person, event.outcome)).collect();
    let expected = [
        (Some(people[0].id), EventOutcome::Blocked),
        (Some(people[1].id), EventOutcome::Allowed),
        (None, EventOutcome::Allowed),
        (Some(people[1].id), EventOutcome::Blocked),
    ];
    assert_eq!(told, expected);
    assert_eq!((events[0].known_by, events[0].path.as_str()), (Some(KnownBy::Proxy), "/seniors?q=a+word"));
    // The gate is gone: nobody gets by.
    let refused = squid.get("ben", &search).await;
    assert!(refused.status >= 500 && !refused.text().contains("hello"), "{}", refused.text());
    assert_eq!(origin.seen().len(), 2);
}

#[tokio::test]
async fn behind_a_squid_files_are_told_by_their_content_and_scanned_both_ways() {
    let clamd = Clamd::start().await;
    let mut traffic = TrafficRules::default();
    traffic.files.block = [FileKind::Programs].into();
    let scan = ScanConfig { patience: Duration::from_secs(1), ..clamd.scanner() };
    let (world, icap) = world(Setting { scan: Some(scan), traffic, ..Setting::default() }).await;
    let squid = Squid::start(icap).await;
    let page = format!("<p>{}</p>", "words ".repeat(100_000)).into_bytes();
    let archive = zip("a.txt", &vec![b'a'; 40_000_000]);
    assert!(archive.len() < 60_000);
    for (name, kind, file, expected) in [
        ("a long page", "text/html", page, None),
        ("an archive", "application/zip", archive, None),
        ("a program", "text/html", program(200), Some("Linux program")),
        ("malware", "text/plain", infected(), Some("malware")),
        ("malware in an archive", "application/zip", zip("a.txt", &infected().repeat(30)), Some("malware")),
    ] {
        let origin = FileOrigin::start(kind, file.clone()).await;
        let given = squid.get("ben", &format!("http://good.test:{}/file", origin.port)).await;
        let words = expected.unwrap_or_default();
        assert_eq!(given.status, if expected.is_some() { 403 } else { 200 }, "{name}: {}", given.text());
        assert!(given.is_whole && (expected.is_some() || given.body == file), "{name}");
        assert!(given.text().contains(words), "{name}: {}", given.text());
    }
    let origin = Origin::start(None).await;
    let upload = format!("http://good.test:{}/slurp", origin.port());
    let long = b"words ".repeat(50_000);
    assert_eq!(squid.post("ben", &upload, &long).await.status, 200);
    let bad = [long.as_slice(), MALWARE.as_bytes()].concat();
    assert_eq!(squid.post("ben", &upload, &bad).await.status, 403);
    assert_eq!(origin.seen().len(), 1);
    let events = world.finish().await;
    let told: Vec<_> =
        events.iter().map(|event| (event.method.as_ref(), event.layer, event.outcome)).collect();
    let (open, shut) = (EventOutcome::Allowed, EventOutcome::Blocked);
    let default = events[0].layer;
    let expected = [
        ("GET", default, open),
        ("GET", default, open),
        ("GET", default, open),
        ("GET", Layer::FileType, shut),
        ("GET", default, open),
        ("GET", Layer::Malware, shut),
        ("GET", default, open),
        ("GET", Layer::Malware, shut),
        ("POST", default, open),
        ("POST", Layer::Malware, shut),
    ];
    assert_eq!(told, expected);
}

/// Squid before 6.13 stops reading an answer of more than 64 KiB that comes faster than it is asked about (its bug 5352), and
/// goes on when the first of the answer reaches its client.
#[tokio::test]
async fn behind_a_squid_a_long_file_arrives_whole_while_it_is_scanned_and_malware_is_cut_off() {
    let clamd = Clamd::start().await;
    for is_infected in [false, true] {
        let scan = ScanConfig { patience: Duration::from_millis(50), ..clamd.scanner() };
        let (world, icap) = world(Setting { scan: Some(scan), ..Setting::default() }).await;
        let squid = Squid::start(icap).await;
        let mut file = program(300_000);
        if is_infected {
            file.extend(MALWARE.bytes());
        }
        let origin = FileOrigin::with("application/octet-stream", file.clone(), 10).await;
        origin.go_on.notify_one();
        let given = squid.get("ben", &format!("http://good.test:{}/file", origin.port)).await;
        assert_eq!(
            (given.is_whole && given.body == file, given.body.len() < 10_000),
            (!is_infected, is_infected)
        );
        let events = world.finish().await;
        assert_eq!(
            events.iter().filter(|event| event.layer == Layer::Malware).count(),
            usize::from(is_infected)
        );
    }
}
