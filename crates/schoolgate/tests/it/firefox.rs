//! What a child's Firefox gets, with the school's certificate put there by the roll-out pack that the program writes, and
//! with the gate's file to find its way by.

use crate::gate::Gate;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use testkit::certificates::Fault;
use testkit::firefox::{Firefox, FirefoxOptions, FirefoxWay};
use testkit::origin::{Origin, TestPage};

const LESSON: &str =
    "<!doctype html><html lang=en><title>Lesson</title><p id=it>Grüße, 日本, \u{1f98a}, &amp; \"quotes\"";
const PROTOCOL: &str = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
const ECHO: &str = "new Promise((done, failed) => {
    const socket = new WebSocket(`wss://${location.host}/echo`);
    socket.onopen = () => socket.send('are you there?');
    socket.onmessage = message => done(message.data);
    socket.onerror = () => failed(new Error('no websocket')); })";

/// A Firefox with the pack of this gate, which knows the address of the gate's file and nothing else.
async fn firefox(gate: &Gate) -> Firefox {
    let pack = gate.folder.path().join("pack");
    let written = gate.command(&["authority", "pack", "--out", &pack.display().to_string()]).await;
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let way = FirefoxWay::Pac(format!("{}/proxy.pac", gate.address("proxy")));
    Firefox::launch(&FirefoxOptions { way, pack: Some(pack), local_names: Vec::new() }).await.unwrap()
}

/// Signs somebody in to use the web from this machine, in place of whoever is.
async fn sign_in(firefox: &mut Firefox, gate: &Gate, login: &str) {
    let page = format!("{}/web/sign-in", gate.address("console"));
    firefox.visit(&page).await.unwrap();
    if firefox.text().await.unwrap().contains("Hello") {
        firefox.press("Sign out").await.unwrap();
        firefox.visit(&page).await.unwrap();
    }
    firefox.fill("login", login).await.unwrap();
    firefox.fill("password", &gate.password(login)).await.unwrap();
    firefox.press("Sign in").await.unwrap();
    let text = firefox.text().await.unwrap();
    assert!(text.contains("signed in"), "{text}");
}

/// An origin with this page that knows HTTP/1.1 alone.
async fn old_origin(gate: &Gate, name: &str) -> (Origin, String) {
    let tls = gate.authority.server(name, Fault::None, &["http/1.1"]).unwrap();
    let page = TestPage { content_type: "text/html; charset=utf-8", body: LESSON.into() };
    let origin = Origin::start(Some(tls), HashMap::from([("/".to_owned(), page)])).await.unwrap();
    let url = format!("https://{name}:{}/", origin.address().port());
    (origin, url)
}

#[tokio::test]
async fn with_the_pack_firefox_reads_pages_unharmed_over_both_protocols_and_websockets_and_is_told_why_not() {
    let gate = Gate::start().await;
    let mut firefox = firefox(&gate).await;
    let (games, blocked) = gate.origin("games.schoolgate.test", Fault::None, "Play").await;
    firefox.visit(&blocked).await.unwrap();
    let unknown = firefox.text().await.unwrap();
    assert!(unknown.contains("Sign in") && !unknown.contains("Play"), "{unknown}");

    sign_in(&mut firefox, &gate, "elsie").await;
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    let (old, old_url) = old_origin(&gate, "one.education.schoolgate.test").await;
    for (url, protocol) in [(url, "h2"), (old_url, "http/1.1")] {
        firefox.visit(&url).await.unwrap();
        assert_eq!(firefox.value_of(PROTOCOL).await.unwrap(), protocol);
        assert_eq!(firefox.value_of("fetch('/').then(r => r.text())").await.unwrap(), LESSON);
        assert_eq!(firefox.value_of(ECHO).await.unwrap(), "are you there?", "{protocol}");
    }
    assert!(origin.seen().iter().any(|seen| seen.version == "HTTP/2.0"), "{:?}", origin.seen());
    assert!(old.seen().iter().all(|seen| seen.version == "HTTP/1.1"), "{:?}", old.seen());

    firefox.visit(&blocked).await.unwrap();
    let pupil = firefox.text().await.unwrap();
    assert!(pupil != unknown && !pupil.contains("Play"), "a pupil has words of their own: {pupil}");
    assert!(games.seen().is_empty(), "a blocked request never reaches the origin");
    sign_in(&mut firefox, &gate, "class-teacher").await;
    let since = Instant::now();
    loop {
        firefox.visit(&blocked).await.unwrap();
        if firefox.text().await.unwrap().contains("Play") {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "{}", firefox.text().await.unwrap());
    }
    firefox.close().await.unwrap();
}

#[tokio::test]
async fn firefox_is_shown_no_bad_origin_under_a_good_certificate_of_ours_and_trusts_ours_by_the_pack_alone() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("class-teacher").await;
    let mut with_pack = firefox(&gate).await;
    for (name, fault, sentence) in [
        ("one.education.schoolgate.test", Fault::Expired, "its certificate has expired"),
        ("two.education.schoolgate.test", Fault::Untrusted, "comes from nobody the school trusts"),
    ] {
        let (origin, url) = gate.origin(name, fault, "<title>Must not be seen</title>").await;
        with_pack.visit(&url).await.unwrap();
        let text = with_pack.text().await.unwrap();
        assert!(text.contains(sentence), "{fault:?}: {text}");
        assert_ne!(with_pack.title().await.unwrap(), "Must not be seen");
        assert!(origin.seen().is_empty(), "{fault:?}: nothing was asked of it");
    }
    with_pack.close().await.unwrap();

    let way = FirefoxWay::Proxy(gate.address("proxy").trim_start_matches("http://").to_owned());
    let options = FirefoxOptions { way, pack: None, local_names: Vec::new() };
    let mut without = Firefox::launch(&options).await.unwrap();
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    let refused = without.open(&url).await.unwrap().unwrap_err();
    assert!(refused.contains("UNKNOWN_ISSUER") || refused.contains("nssFailure2"), "{refused}");
    assert!(origin.seen().is_empty());
    without.close().await.unwrap();
}

#[tokio::test]
async fn firefox_follows_the_file_to_the_proxy_and_past_it_only_where_the_file_says_so() {
    let page = TestPage { content_type: "text/html", body: "<title>Game</title>Unmistakable 4711".into() };
    let origin = Origin::start(None, HashMap::from([("/".to_owned(), page)])).await.unwrap();
    let url = format!("http://games.schoolgate.test:{}/", origin.address().port());
    for (more, opens) in [("", false), ("[[proxy.pac]]\ndirect = [\"games.schoolgate.test\"]\n", true)] {
        let gate = Gate::start_with(more).await;
        let way = FirefoxWay::Pac(format!("{}/proxy.pac", gate.address("proxy")));
        // It finds the name by itself, so that what it reaches past the proxy is reached.
        let local_names = vec!["games.schoolgate.test".to_owned()];
        let options = FirefoxOptions { way, pack: None, local_names };
        let mut firefox = Firefox::launch(&options).await.unwrap();
        firefox.visit(&url).await.unwrap();
        assert_eq!(firefox.text().await.unwrap().contains("Unmistakable 4711"), opens);
        assert_eq!(!origin.seen().is_empty(), opens);
        firefox.close().await.unwrap();
    }
}
