//! What a child's browser gets: a page unharmed, a page explained, a door that opens when the person is another.

use crate::gate::Gate;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::certificates::Fault;

/// A page with everything that a careless proxy would change.
const LESSON: &str =
    "<!doctype html><html lang=en><title>Lesson</title><p id=it>Grüße, 日本, \u{1f98a}, &amp; \"quotes\"";

#[tokio::test]
async fn an_allowed_page_arrives_unharmed_over_http2_on_both_sides_and_is_recorded_with_its_reason() {
    let gate = Gate::start().await;
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    gate.sign_in_to_web("elsie").await;

    let mut browser = gate.browser().await;
    browser.visit(&url).await.unwrap();
    let arrived = browser.value_of("fetch('/').then(r => r.text())").await.unwrap();
    assert_eq!(arrived, LESSON);
    let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.value_of(protocol).await.unwrap(), "h2");
    let seen = origin.seen();
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.version == "HTTP/2.0"), "{seen:?}");

    let csv = gate.history_csv("safeguarding-lead", "host=education.schoolgate.test&outcome=allowed").await;
    assert!(csv.contains("the category Education") || csv.contains("the default counts"), "{csv}");
}

#[tokio::test]
async fn a_browser_that_speaks_http2_with_the_proxy_itself_reads_pages_and_is_shown_what_is_blocked() {
    let listening = |text: String| text.replacen("[proxy]\n", "[proxy]\ntls_listen = [\"127.0.0.1:0\"]\n", 1);
    let gate = Gate::start_changed(&[], listening).await;
    let (_lesson, lesson) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    let (game_origin, game) =
        gate.origin("games.schoolgate.test", Fault::None, "<title>Game</title>Play").await;
    let trusted_ca = Some(PathBuf::from(gate.address("authority")));
    let mut browser = gate.browser_through("proxy_over_tls", trusted_ca).await;
    browser.visit(&lesson).await.unwrap();
    let all = "Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(i => fetch('/?' + i).then(r => r.text())))
        .then(all => all.filter(text => text.includes('Lesson')).length)";
    assert_eq!(browser.value_of(all).await.unwrap(), 8);
    browser.visit(&game).await.unwrap();
    let text = browser.text().await.unwrap();
    assert!(text.contains("not available at school") && !text.contains("Play"), "{text}");
    assert!(game_origin.seen().is_empty());
}

#[tokio::test]
async fn an_event_is_in_the_console_within_two_seconds() {
    let gate = Gate::start().await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    gate.sign_in_to_web("elsie").await;
    let mut lead = gate.console_browser("safeguarding-lead").await;
    let mut browser = gate.browser().await;

    let marked = format!("{url}?unmistakable-4711");
    browser.visit(&marked).await.unwrap();
    let visited = Instant::now();
    let history = format!("{}/history?host=education.schoolgate.test", gate.address("console"));
    loop {
        lead.visit(&history).await.unwrap();
        if lead.text().await.unwrap().contains("unmistakable-4711") {
            break;
        }
        assert!(
            visited.elapsed() < Duration::from_secs(2),
            "the event is not in the console after two seconds"
        );
    }
}

#[tokio::test]
async fn a_blocked_page_speaks_to_its_reader_and_opens_when_the_pupil_is_staff() {
    let gate = Gate::start().await;
    let (origin, url) = gate.origin("games.schoolgate.test", Fault::None, "<title>Game</title>Play").await;
    let mut browser = gate.browser().await;

    browser.visit(&url).await.unwrap();
    let unknown = browser.text().await.unwrap();
    assert!(unknown.contains("Sign in"), "nobody known is offered to sign in: {unknown}");

    gate.sign_in_to_web("bryn").await;
    browser.visit(&url).await.unwrap();
    let infant = browser.text().await.unwrap();
    gate.command(&["people", "move", "bryn", "--role", "learner", "--year", "5", "--reason", "test"]).await;
    until_it_says(&mut browser, &url, |text| text != infant && !text.contains("Play")).await;
    let junior = browser.text().await.unwrap();
    assert_ne!(infant, junior, "each stage has words of its own");
    assert!(infant.len() < junior.len(), "the youngest read the least");
    assert!(origin.seen().is_empty(), "a blocked request never reaches the origin");

    let moved = gate.command(&["people", "move", "bryn", "--role", "staff", "--reason", "test"]).await;
    assert!(moved.status.success(), "{moved:?}");
    until_it_says(&mut browser, &url, |text| text.contains("Play")).await;
    assert_eq!(browser.title().await.unwrap(), "Game");
}

#[tokio::test]
async fn a_websocket_works_through_the_proxy() {
    let gate = Gate::start().await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    gate.sign_in_to_web("class-teacher").await;
    let mut browser = gate.browser().await;
    browser.visit(&url).await.unwrap();
    let echoed = browser
        .value_of(
            "new Promise((done, failed) => {
                const socket = new WebSocket(`wss://${location.host}/echo`);
                socket.onopen = () => socket.send('are you there?');
                socket.onmessage = message => done(message.data);
                socket.onerror = () => failed('no websocket'); })",
        )
        .await
        .unwrap();
    assert_eq!(echoed, "are you there?");
}

#[tokio::test]
async fn without_the_schools_certificate_the_same_page_does_not_open() {
    let gate = Gate::start().await;
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, LESSON).await;
    gate.sign_in_to_web("elsie").await;
    let mut browser = gate.browser_with(None).await;
    assert_eq!(browser.open(&url).await.unwrap(), Err("net::ERR_CERT_AUTHORITY_INVALID".to_owned()));
    assert!(origin.seen().is_empty());
}

/// Opens the page again until it says what is expected; a change at the command line is in force within seconds.
async fn until_it_says(browser: &mut testkit::browser::Browser, url: &str, expected: impl Fn(&str) -> bool) {
    let since = Instant::now();
    loop {
        browser.visit(url).await.unwrap();
        let text = browser.text().await.unwrap();
        if expected(&text) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(10), "still says: {text}");
    }
}
