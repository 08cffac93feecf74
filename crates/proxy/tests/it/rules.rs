//! What a group's connections may carry, through a running proxy.

use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World, host};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use model::{Category, CategorySet, EventOutcome, FileKind, Layer, WayRound};
use policy::rules::{
    FileRules, InspectionSetting, SWITCHED, TenantRule, TenantService, TrafficRules, UploadRules, YouTube,
};

const H2: &[&str] = &["h2", "http/1.1"];

fn traffic(change: impl FnOnce(&mut TrafficRules)) -> Setting {
    let mut traffic = TrafficRules::default();
    change(&mut traffic);
    Setting { traffic, ..Setting::default() }
}

fn category(slug: &str) -> CategorySet {
    CategorySet::EMPTY.with(Category::parse(slug).unwrap())
}

/// Asks for a path of `good.test` over TLS, with these fields; the answer, and the event's layer and rule.
async fn ask(setting: Setting, path: &str, fields: &[(&str, &str)]) -> (Answer, Layer, Option<String>) {
    let world = World::with(setting).await;
    let origin = world.origin("good.test", H2).await;
    let mut talk = world.client().talk("good.test", origin.port(), H2).await;
    let mut request = talk.request(Method::GET, path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let answer = Answer::read(talk.send(request.body(full("")).unwrap()).await).await;
    drop(talk);
    let event = world.finish().await.pop().unwrap();
    assert_eq!(event.outcome == EventOutcome::Blocked, answer.status == StatusCode::FORBIDDEN);
    (answer, event.layer, event.entry.map(|entry| entry.to_string()))
}

#[tokio::test]
async fn a_program_is_refused_whatever_it_calls_itself_and_other_files_pass() {
    let blocks = || traffic(|rules| rules.files.block = [FileKind::Programs].into());
    let (answer, layer, entry) = ask(blocks(), "/program", &[]).await;
    assert_eq!(
        (answer.status, layer, entry.as_deref()),
        (StatusCode::FORBIDDEN, Layer::FileType, Some("programs"))
    );
    assert!(answer.text().contains("it is a Linux program, whatever it is called"), "{}", answer.text());
    let (page, ..) = ask(blocks(), "/page", &[]).await;
    assert_eq!((page.status, page.text()), (StatusCode::OK, "hello from the origin"));
    let others = traffic(|rules| rules.files.block = [FileKind::Archives].into());
    let (answer, ..) = ask(others, "/program", &[]).await;
    assert!(answer.status == StatusCode::OK && answer.body.starts_with(b"\x7fELF"));
}

#[tokio::test]
async fn a_program_does_not_arrive_however_it_is_cut_up_or_announced() {
    for (path, has_page) in
        [("/program-as-part", true), ("/program-in-pieces", true), ("/program-as-stream", false)]
    {
        let world = World::with(traffic(|rules| rules.files.block = [FileKind::Programs].into())).await;
        let origin = Origin::start(None).await;
        let uri = format!("http://good.test:{}{path}", origin.port());
        let get = Request::builder().uri(uri).body(full("")).unwrap();
        let page = match world.client().try_ask_proxy(get).await {
            Ok(answer) if answer.status() == StatusCode::FORBIDDEN => answer.into_body().collect().await.ok(),
            Ok(answer) => {
                assert!(answer.into_body().collect().await.is_err(), "{path}");
                None
            }
            Err(_) => None,
        };
        assert_eq!(page.is_some(), has_page, "{path}");
        let event = world.finish().await.pop().unwrap();
        assert_eq!((event.layer, event.outcome), (Layer::FileType, EventOutcome::Blocked), "{path}");
    }
}

#[tokio::test]
async fn a_program_is_let_through_from_a_host_of_a_category_that_is_excepted() {
    let world = World::with(Setting {
        block: Vec::new(),
        ..traffic(|rules| {
            rules.files = FileRules { block: [FileKind::Programs].into(), except: category("gambling") };
        })
    })
    .await;
    for (name, expected) in [("casino.test", StatusCode::OK), ("good.test", StatusCode::FORBIDDEN)] {
        let origin = Origin::start(None).await;
        let uri = format!("http://{name}:{}/program", origin.port());
        let get = Request::builder().uri(uri).body(full("")).unwrap();
        assert_eq!(Answer::read(world.client().ask_proxy(get).await).await.status, expected, "{name}");
    }
}

#[tokio::test]
async fn dns_inside_https_is_refused_and_counted_and_passes_where_it_is_open() {
    let question = [("accept", "application/dns-message")];
    let (answer, layer, entry) = ask(Setting::default(), "/page", &question).await;
    assert_eq!(
        (answer.status, layer, entry.as_deref()),
        (StatusCode::FORBIDDEN, Layer::Circumvention, Some("doh"))
    );
    let (answer, ..) = ask(Setting::default(), "/dns", &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "told by its answer");
    let open = || {
        traffic(|rules| {
            rules.shut.remove(&WayRound::EncryptedDns);
        })
    };
    assert_eq!(ask(open(), "/dns", &question).await.0.status, StatusCode::OK);
    let world = World::with(open()).await;
    let origin = Origin::start(None).await;
    let uri = format!("http://good.test:{}/dns", origin.port());
    let get = Request::builder().uri(uri).body(full("")).unwrap();
    Answer::read(world.client().ask_proxy(get).await).await;
    assert_eq!(world.leaks.since_start(WayRound::EncryptedDns), 1, "counted although it is open");
}

#[tokio::test]
async fn an_invitation_to_http3_goes_on_only_where_quic_is_open() {
    let (answer, ..) = ask(Setting::default(), "/page", &[]).await;
    assert!(!answer.headers.contains_key("alt-svc"));
    let open = traffic(|rules| {
        rules.shut.remove(&WayRound::Quic);
    });
    let (answer, ..) = ask(open, "/page", &[]).await;
    assert!(answer.headers.contains_key("alt-svc"));
}

#[tokio::test]
async fn a_page_inside_an_archive_is_judged_as_if_it_had_been_asked_for_itself() {
    for (path, shut, expected) in [
        ("/web/2020/https://denied.test/", true, StatusCode::FORBIDDEN),
        ("/web/2020/https://casino.test/", true, StatusCode::FORBIDDEN),
        ("/web/2020/https://other.test/", true, StatusCode::OK),
        ("/web/2020/https://denied.test/", false, StatusCode::OK),
    ] {
        let setting = traffic(|rules| {
            if !shut {
                rules.shut.remove(&WayRound::TranslationOrArchive);
            }
        });
        let world = World::with(Setting { listed: vec!["web.archive.org"], ..setting }).await;
        let origin = Origin::start(None).await;
        let uri = format!("http://web.archive.org:{}{path}", origin.port());
        let get = Request::builder().uri(uri).body(full("")).unwrap();
        let answer = Answer::read(world.client().ask_proxy(get).await).await;
        assert_eq!(answer.status, expected, "{path} {shut}");
        assert_eq!(world.leaks.since_start(WayRound::TranslationOrArchive), 1);
        assert_eq!(origin.seen().is_empty(), expected == StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn uploads_are_refused_by_host_by_category_and_by_size_and_talk_is_not() {
    let setting = Setting {
        block: Vec::new(),
        ..traffic(|rules| {
            rules.uploads = UploadRules {
                block: category("gambling"),
                deny: vec![host("other.test")],
                most_bytes: Some(10),
                ..UploadRules::default()
            };
        })
    };
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    for (name, kind, body, expected) in [
        ("other.test", "image/png", "small", StatusCode::FORBIDDEN),
        ("casino.test", "multipart/form-data; boundary=x", "small", StatusCode::FORBIDDEN),
        ("good.test", "image/png", "more than ten bytes", StatusCode::FORBIDDEN),
        ("good.test", "image/png", "small", StatusCode::OK),
        ("other.test", "application/json", "more than ten bytes", StatusCode::OK),
    ] {
        let uri = format!("http://{name}:{}/echo", origin.port());
        let post = Request::builder().method(Method::POST).uri(uri).header("content-type", kind);
        let answer = Answer::read(world.client().ask_proxy(post.body(full(body)).unwrap()).await).await;
        assert_eq!(answer.status, expected, "{name} {kind}");
    }
    let events = world.finish().await;
    let layers: Vec<_> = events.iter().filter(|event| event.layer == Layer::Upload).collect();
    assert_eq!(layers.len(), 3);
    assert_eq!(layers[1].entry.as_deref(), Some("gambling"));
}

#[tokio::test]
async fn what_is_sent_over_http2_is_an_upload_though_no_field_says_so() {
    let world = World::with(traffic(|rules| rules.uploads.deny = vec![host("good.test")])).await;
    let origin = world.origin("good.test", H2).await;
    let mut talk = world.client().talk("good.test", origin.port(), H2).await;
    for method in [Method::POST, Method::GET] {
        let frames = [Ok::<_, hyper::Error>(Frame::data(Bytes::from_static(b"words")))];
        let body = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)));
        let request = talk.request(method.clone(), "/echo").body(body).unwrap();
        assert_eq!(Answer::read(talk.send(request).await).await.status, StatusCode::FORBIDDEN, "{method}");
    }
    assert_eq!(talk.get("/").await.status, StatusCode::OK, "nothing is sent");
}

#[tokio::test]
async fn talk_that_does_not_say_how_long_it_is_is_an_upload_once_it_is_long() {
    let denied = || traffic(|rules| rules.uploads.deny = vec![host("good.test")]);
    let bounded = || traffic(|rules| rules.uploads.most_bytes = Some(1_500_000));
    for (setting, pieces, expected) in [
        (denied(), 1, StatusCode::OK),
        (denied(), 32, StatusCode::FORBIDDEN),
        (bounded(), 20, StatusCode::OK),
        (bounded(), 32, StatusCode::FORBIDDEN),
        (Setting::default(), 32, StatusCode::OK),
    ] {
        let world = World::with(setting).await;
        let origin = world.origin("good.test", H2).await;
        let mut talk = world.client().talk("good.test", origin.port(), H2).await;
        let piece = Bytes::from(vec![b'a'; 64 * 1024]);
        let frames: Vec<_> = (0..pieces).map(|_| Ok::<_, hyper::Error>(Frame::data(piece.clone()))).collect();
        let body = BodyExt::boxed(StreamBody::new(futures_util::stream::iter(frames)));
        let post =
            talk.request(Method::POST, "/slurp").header("content-type", "text/plain").body(body).unwrap();
        assert_eq!(talk.send(post).await.status(), expected, "{pieces}");
        drop(talk);
        let event = world.finish().await.pop().unwrap();
        assert_eq!(event.layer == Layer::Upload, expected == StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn services_are_told_whose_accounts_to_let_in_and_searches_are_made_safe() {
    let google =
        TenantRule { service: TenantService::Google, allowed: vec!["ash.example".into()], own: None };
    let setting = Setting {
        safe_search: false,
        youtube: YouTube::Strict,
        listed: vec!["www.google.com", "www.youtube.com", "good.test"],
        ..traffic(|rules| rules.tenants = vec![google])
    };
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    let get = |name: &str, path: &str| {
        let uri = format!("http://{name}:{}{path}", origin.port());
        let mine = Request::builder().uri(uri).header("x-googapps-allowed-domains", "mine.example");
        // Nor does it help to call the field one between neighbours.
        let named = if name == "good.test" { "keep-alive" } else { "x-googapps-allowed-domains" };
        let mine = mine.header("connection", named);
        mine.body(full("")).unwrap()
    };
    for (name, path) in [("www.google.com", "/search?q=a"), ("good.test", "/")] {
        Answer::read(world.client().ask_proxy(get(name, path)).await).await;
    }
    let seen = origin.seen();
    assert_eq!(seen[0].headers["x-googapps-allowed-domains"], "ash.example");
    assert_eq!(
        seen[1].headers["x-googapps-allowed-domains"], "mine.example",
        "no business of ours elsewhere"
    );
}

#[tokio::test]
async fn what_is_not_inspected_is_not_read_and_every_way_has_a_switch() {
    let setting = Setting {
        inspection: InspectionSetting::Never,
        ..traffic(|rules| rules.files.block = [FileKind::Programs].into())
    };
    let world = World::with(setting).await;
    let origin = world.origin("good.test", H2).await;
    let client = world.client_trusting(world.root.der());
    let mut talk = client.talk("good.test", origin.port(), H2).await;
    assert_eq!(talk.get("/program").await.status, StatusCode::OK);
    assert!(SWITCHED.iter().all(|way| WayRound::parse(way.slug()) == Some(*way)));
}
