//! Files through the scanner: ClamAV's daemon with a signature of the tests' own.

use crate::clamd::{Clamd, IcapScanner, MALWARE, NAME, scanner};
use crate::client::Answer;
use crate::origin::{Origin, TestBody, full};
use crate::world::{Setting, World};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use model::{AccessEvent, EventOutcome, FileKind, Layer};
use policy::rules::{ScanRules, TrafficRules, Unscanned, UploadRules};
use proxy::{ScanConfig, ScanCounts, ScanService};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Notify;

/// An origin with one file, of which the second half comes when it is told to.
pub struct FileOrigin {
    pub port: u16,
    pub go_on: Arc<Notify>,
}

impl FileOrigin {
    pub async fn start(kind: &'static str, file: Vec<u8>) -> Self {
        Self::with(kind, file, 0).await
    }

    pub async fn with(fields: &'static str, file: Vec<u8>, held_back: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, go_on) = (listener.local_addr().unwrap().port(), Arc::new(Notify::new()));
        let told = Arc::clone(&go_on);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                let length = file.len();
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: {fields}\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (now, later) = file.split_at(file.len() - held_back);
                stream.write_all(now).await.unwrap();
                if !later.is_empty() {
                    told.notified().await;
                    let _ = stream.write_all(later).await;
                }
            }
        });
        Self { port, go_on }
    }

    fn get(&self, path: &str) -> http::request::Builder {
        Request::builder().uri(format!("http://good.test:{}{path}", self.port))
    }
}

async fn world(scan: ScanConfig, rules: ScanRules) -> World {
    let traffic = TrafficRules { scan: rules, ..TrafficRules::default() };
    World::with(Setting { scan: Some(scan), traffic, ..Setting::default() }).await
}

async fn get(world: &World, request: http::request::Builder) -> Answer {
    Answer::read(world.client().ask_proxy(request.body(full("")).unwrap()).await).await
}

pub fn zip(name: &str, file: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
    packed.write_all(file).unwrap();
    let packed = packed.finish().unwrap();
    let mut crc = flate2::Crc::new();
    crc.update(file);
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap().to_le_bytes();
    let common = [
        &[20, 0, 0, 0, 8, 0, 0, 0, 0, 0][..],
        &crc.sum().to_le_bytes(),
        &size(packed.len()),
        &size(file.len()),
        &name_length,
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), &packed].concat();
    let central = [b"PK\x01\x02\x14\0".as_slice(), &common, &[0; 14], name.as_bytes()].concat();
    let end =
        [b"PK\x05\x06\0\0\0\0\x01\0\x01\0".as_slice(), &size(central.len()), &size(local.len()), &[0, 0]]
            .concat();
    [local, central, end].concat()
}

pub fn infected() -> Vec<u8> {
    format!("a file with {MALWARE} in its middle").into_bytes()
}

pub fn program(bytes: usize) -> Vec<u8> {
    [b"\x7fELF\x02\x01\x01\0".as_slice(), &vec![7; bytes]].concat()
}

fn only(events: Vec<AccessEvent>) -> (Layer, EventOutcome, Option<String>) {
    assert_eq!(events.len(), 1, "{events:?}");
    (events[0].layer, events[0].outcome, events[0].entry.as_deref().map(str::to_owned))
}

#[tokio::test]
async fn malware_is_refused_in_files_in_archives_and_inside_codings_and_clean_files_arrive_as_they_are() {
    let clamd = Clamd::start().await;
    let world = world(clamd.scanner(), ScanRules::default()).await;
    let gzip = |bytes: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let clean = zip("a.txt", &vec![b'a'; 700_000]);
    let braced = "application/octet-stream\r\ncontent-encoding: gzip";
    for (kind, file, expected) in [
        ("text/plain", infected(), StatusCode::FORBIDDEN),
        // An origin may call it a form: what is saved is the whole of it.
        ("multipart/form-data; boundary=x", infected(), StatusCode::FORBIDDEN),
        ("application/zip", zip("a.txt", infected().repeat(30).as_slice()), StatusCode::FORBIDDEN),
        (braced, gzip(&infected()), StatusCode::FORBIDDEN),
        ("application/zip", clean, StatusCode::OK),
        ("application/octet-stream", program(900_000), StatusCode::OK),
        ("text/html", b"<p>a page</p>".to_vec(), StatusCode::OK),
    ] {
        let origin = FileOrigin::start(kind, file.clone()).await;
        let answer = get(&world, origin.get("/file")).await;
        assert_eq!(answer.status, expected, "{kind}");
        assert_eq!(answer.body == file, expected == StatusCode::OK, "{kind}");
    }
    assert_eq!(
        (world.scan_counts)(),
        ScanCounts { clean: 2, infected: 4, unscanned: 0, ..ScanCounts::default() }
    );
    let events = world.finish().await;
    let refused: Vec<_> = events.iter().filter(|event| event.layer == Layer::Malware).collect();
    assert_eq!(refused.len(), 4);
    assert_eq!(refused[0].outcome, EventOutcome::Blocked);
    assert_eq!(refused[0].entry.as_deref(), Some(NAME));
}

#[tokio::test]
async fn without_a_scanner_that_answers_the_policy_says_what_passes_and_history_marks_it() {
    let folder = tempfile::tempdir().unwrap();
    let silent = folder.path().join("silent");
    let _listener = UnixListener::bind(&silent).unwrap();
    for (socket, said) in
        [(silent, "unscanned: too slow"), (folder.path().join("nobody"), "unscanned: no scanner")]
    {
        for (unanswered, file, expected) in [
            (Unscanned::RefuseRisky, program(100), StatusCode::FORBIDDEN),
            (Unscanned::RefuseRisky, b"%PDF-1.7\n".to_vec(), StatusCode::OK),
            (Unscanned::Refuse, b"%PDF-1.7\n".to_vec(), StatusCode::FORBIDDEN),
            (Unscanned::Allow, program(100), StatusCode::OK),
        ] {
            let scan = ScanConfig {
                timeout: Duration::from_millis(200),
                ..scanner(ScanService::ClamdSocket(socket.clone()), folder.path())
            };
            let world = world(scan, ScanRules { unanswered, ..ScanRules::default() }).await;
            let origin = FileOrigin::start("application/octet-stream", file.clone()).await;
            let answer = get(&world, origin.get("/file")).await;
            assert_eq!(answer.status, expected, "{said} {unanswered:?}");
            assert!(expected != StatusCode::OK || answer.body == file);
            let outcome =
                if expected == StatusCode::OK { EventOutcome::Allowed } else { EventOutcome::Blocked };
            let silent = ScanCounts { unscanned: 1, silent: 1, ..ScanCounts::default() };
            assert_eq!((world.scan_counts)(), silent);
            assert_eq!(only(world.finish().await), (Layer::Malware, outcome, Some(said.to_owned())));
        }
    }
}

#[tokio::test]
async fn what_is_too_large_passes_whole_and_marked_or_is_refused_as_the_policy_says() {
    let clamd = Clamd::start().await;
    for (most_bytes, larger, expected) in [
        (100_000, Unscanned::Allow, StatusCode::OK),
        (100_000, Unscanned::Refuse, StatusCode::FORBIDDEN),
        // The daemon itself takes 2 MiB.
        (10_000_000, Unscanned::Allow, StatusCode::OK),
    ] {
        let world = world(clamd.scanner(), ScanRules { most_bytes, larger, ..ScanRules::default() }).await;
        let file = program(3_000_000);
        let origin = FileOrigin::start("application/octet-stream", file.clone()).await;
        let answer = get(&world, origin.get("/file")).await;
        assert_eq!(answer.status, expected, "{most_bytes}");
        assert!(expected != StatusCode::OK || answer.body == file, "{most_bytes}");
        let (layer, _, entry) = only(world.finish().await);
        assert_eq!((layer, entry.as_deref()), (Layer::Malware, Some("unscanned: too large")));
    }
}

#[tokio::test]
async fn a_person_sees_a_page_while_a_large_file_is_scanned_and_then_gets_the_file_or_the_block_page() {
    let clamd = Clamd::start().await;
    for is_infected in [false, true] {
        let scan = ScanConfig { patience: Duration::from_millis(50), ..clamd.scanner() };
        let world = world(scan, ScanRules::default()).await;
        let mut file = program(900_000);
        if is_infected {
            file.extend(infected());
        }
        let origin = FileOrigin::with("application/octet-stream\r\nx-of: origin", file.clone(), 10).await;
        let page = get(&world, origin.get("/a/tool.bin").header("accept", "text/html")).await;
        assert!(page.text().contains("Your file is being checked"), "{}", page.text());
        let place = |answer: &Answer| {
            let refresh = answer.headers["refresh"].to_str().unwrap();
            refresh.split("url=").nth(1).unwrap().to_owned()
        };
        let waiting = place(&page);
        let again = get(&world, origin.get(&waiting)).await;
        assert!(again.text().contains("have come"), "{}", again.text());
        origin.go_on.notify_one();
        let told = loop {
            let answer = get(&world, origin.get(&waiting)).await;
            if !answer.text().contains("Your file is being checked") {
                break answer;
            }
        };
        if is_infected {
            assert_eq!(told.status, StatusCode::FORBIDDEN);
        } else {
            let there = place(&told);
            assert!(there.ends_with("/tool.bin") && told.text().contains("Get the file"));
            for _ in 0..2 {
                let given = get(&world, origin.get(&there)).await;
                assert!(given.body == file);
                assert_eq!(given.headers["x-of"], "origin");
            }
        }
        let (layer, outcome, _) = only(world.finish().await);
        let expected = if is_infected { EventOutcome::Blocked } else { EventOutcome::Allowed };
        assert_eq!((outcome, layer == Layer::Malware), (expected, is_infected));
    }
}

#[tokio::test]
async fn a_program_gets_a_large_file_drop_by_drop_and_never_the_end_of_an_infected_one_nor_the_rest_by_asking_again()
 {
    let clamd = Clamd::start().await;
    for is_infected in [false, true] {
        let scan = ScanConfig { patience: Duration::from_millis(50), ..clamd.scanner() };
        let world = world(scan, ScanRules::default()).await;
        let mut file = program(900_000);
        if is_infected {
            file.extend(infected());
        }
        let origin =
            FileOrigin::with("application/octet-stream\r\netag: x\r\naccept-ranges: bytes", file.clone(), 10)
                .await;
        let answer = world.client().ask_proxy(origin.get("/tool.bin").body(full("")).unwrap()).await;
        assert!(answer.status() == StatusCode::OK && !answer.headers().contains_key("etag"));
        let mut body = answer.into_body();
        let mut had = body.frame().await.unwrap().unwrap().into_data().unwrap().to_vec();
        assert!(!had.is_empty() && had.len() < 2_000);
        origin.go_on.notify_one();
        let broken = loop {
            match body.frame().await {
                None => break false,
                Some(Err(_)) => break true,
                Some(Ok(frame)) => had.extend_from_slice(&frame.into_data().unwrap()),
            }
        };
        assert_eq!(broken, is_infected);
        if is_infected {
            assert!(had.len() < 10_000);
            let rest = get(&world, origin.get("/tool.bin").header("range", "bytes=1000-")).await;
            assert_eq!(rest.status, StatusCode::FORBIDDEN, "it is known by now");
        } else {
            assert!(had == file);
        }
    }
}

#[tokio::test]
async fn an_icap_service_scans_as_the_daemon_does() {
    let clamd = Clamd::start().await;
    let service = IcapScanner::start(&clamd).await;
    let folder = tempfile::tempdir().unwrap();
    let icap = ScanService::Icap { authority: service.authority.clone(), path: "/virus_scan".to_owned() };
    let world = world(scanner(icap, folder.path()), ScanRules::default()).await;
    let large = zip("b.txt", &vec![b'b'; 900_000]);
    for (file, expected) in
        [(infected(), StatusCode::FORBIDDEN), (large, StatusCode::OK), (program(500_000), StatusCode::OK)]
    {
        let origin = FileOrigin::start("application/octet-stream", file.clone()).await;
        let answer = get(&world, origin.get("/file")).await;
        assert_eq!(answer.status, expected, "{}", answer.status);
        assert_eq!(answer.body == file, expected == StatusCode::OK);
    }
    assert_eq!(
        (world.scan_counts)(),
        ScanCounts { clean: 2, infected: 1, unscanned: 0, ..ScanCounts::default() }
    );
    let events = world.finish().await;
    assert_eq!((events[0].layer, events[0].outcome), (Layer::Malware, EventOutcome::Blocked));
}

fn form(files: &[(&str, &[u8])]) -> TestBody {
    let mut form = Vec::new();
    for (name, file) in files {
        let head = format!("--x\r\ncontent-disposition: form-data; name=f; filename=\"{name}\"\r\n\r\n");
        form.extend([head.as_bytes(), file, b"\r\n"].concat());
    }
    form.extend(b"--x--\r\n");
    Full::new(Bytes::from(form)).map_err(|never| match never {}).boxed()
}

async fn send(world: &World, port: u16, body: TestBody) -> StatusCode {
    let post = Request::builder().method(Method::POST).uri(format!("http://good.test:{port}/slurp"));
    let post = post.header("content-type", "multipart/form-data; boundary=x").body(body).unwrap();
    world.client().ask_proxy(post).await.status()
}

#[tokio::test]
async fn an_infected_file_in_a_form_does_not_leave_and_a_clean_form_arrives() {
    let clamd = Clamd::start().await;
    let world = world(clamd.scanner(), ScanRules::default()).await;
    let origin = Origin::start(None).await;
    let (bad, good) = (zip("b.txt", &infected().repeat(20)), vec![b'g'; 600_000]);
    assert_eq!(send(&world, origin.port(), form(&[("a", &good), ("b", &bad)])).await, StatusCode::FORBIDDEN);
    assert!(origin.seen().is_empty());
    assert_eq!(send(&world, origin.port(), form(&[("a", &good), ("b", b"x")])).await, StatusCode::OK);
    assert_eq!(origin.seen().len(), 1);
    let events = world.finish().await;
    assert_eq!((events[0].layer, events[0].status), (Layer::Malware, Some(403)));
    assert!(events[1].bytes_up > 600_000);
}

#[tokio::test]
async fn a_program_is_not_sent_whatever_it_is_called_and_wherever_in_a_form_it_lies() {
    let uploads = UploadRules { block_files: [FileKind::Programs].into(), ..UploadRules::default() };
    let traffic = TrafficRules { uploads, ..TrafficRules::default() };
    let world = World::with(Setting { traffic, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let (text, tool) = (vec![b'a'; 500_000], program(1_000));
    for (files, expected) in [
        (form(&[("homework.txt", &tool)]), StatusCode::FORBIDDEN),
        (form(&[("a.txt", &text), ("homework.txt", &tool), ("b.txt", &text)]), StatusCode::FORBIDDEN),
        (form(&[("a.txt", &text), ("b.txt", b"")]), StatusCode::OK),
    ] {
        assert_eq!(send(&world, origin.port(), files).await, expected);
    }
    let put = Request::builder().method(Method::PUT).uri(format!("http://good.test:{}/slurp", origin.port()));
    let body = Full::new(Bytes::from(tool)).map_err(|never| match never {}).boxed();
    let answer = world.client().ask_proxy(put.header("content-type", "image/png").body(body).unwrap()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let events = world.finish().await;
    let refused =
        events.iter().filter(|event| event.layer == Layer::Upload && event.outcome == EventOutcome::Blocked);
    assert_eq!(refused.count(), 3);
}

#[tokio::test]
async fn a_form_that_its_host_may_read_otherwise_hides_no_program() {
    let uploads = UploadRules { block_files: [FileKind::Programs].into(), ..UploadRules::default() };
    let traffic = TrafficRules { uploads, ..TrafficRules::default() };
    let world = World::with(Setting { traffic, ..Setting::default() }).await;
    let origin = Origin::start(None).await;
    let tool = program(1_000);
    let form = |line_end: &str, file: &[u8]| {
        let head = ["--x", "content-disposition: form-data; name=f; filename=a.txt", "", ""].join(line_end);
        let tail = format!("{line_end}--x--{line_end}");
        [head.as_bytes(), file, tail.as_bytes()].concat()
    };
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &form("\r\n", b"text")).unwrap();
    let packed = packed.finish().unwrap();
    let (plain, short) = ("multipart/form-data; boundary=x", form("\r\n", &tool[..56]));
    for (kinds, coding, body, expected) in [
        (vec![plain], None, form("\n", b"text"), StatusCode::OK),
        (vec![plain], None, form("\n", &tool), StatusCode::FORBIDDEN),
        (vec!["multipart/related; boundary=x"], None, form("\r\n", &tool), StatusCode::FORBIDDEN),
        (vec!["text/plain", plain], None, form("\r\n", b"text"), StatusCode::FORBIDDEN),
        (vec!["multipart/form-data"], None, form("\r\n", b"text"), StatusCode::FORBIDDEN),
        (vec!["multipart/form-data; boundary=y"], None, form("\r\n", b"text"), StatusCode::FORBIDDEN),
        (vec![plain], Some("gzip"), packed, StatusCode::FORBIDDEN),
        // Short, and without the boundary that ends it.
        (vec![plain], None, short.strip_suffix(b"\r\n--x--\r\n").unwrap().to_vec(), StatusCode::FORBIDDEN),
    ] {
        let post = Request::builder().method(Method::POST);
        let mut post = post.uri(format!("http://good.test:{}/slurp", origin.port()));
        for kind in &kinds {
            post = post.header("content-type", *kind);
        }
        post = coding.into_iter().fold(post, |post, coding: &str| post.header("content-encoding", coding));
        let length = body.len();
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed();
        let answer = world.client().ask_proxy(post.body(body).unwrap()).await;
        assert_eq!(answer.status(), expected, "{kinds:?} {coding:?} {length}");
    }
    assert_eq!(origin.seen().len(), 1, "nothing that was refused arrived whole");
}
