//! `h2load`, which knows of no proxy, through the network that leads it to the gate: every answer is there, and every
//! request in the history once.

use crate::transparent_program::{CLASS, LESSON, Led};
use std::process::Output;
use testkit::network::SITE;

const REQUESTS: usize = 600;

/// What `h2load` says of so many requests for a path of a site.
async fn h2load(led: &Led, more: &[&str], url: &str) -> String {
    let requests = REQUESTS.to_string();
    let mut command = led.command("h2load");
    command.args(["-n", &requests, "-c", "6", &format!("--connect-to={}:443", SITE[0])]).args(more);
    let Output { status, stdout, stderr } = command.arg(url).output().await.unwrap();
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{said}{}", String::from_utf8_lossy(&stderr));
    said
}

#[tokio::test]
async fn h2load_is_given_every_answer_and_the_history_has_each_request_once() {
    let mut led = Led::start("redirect").await;
    let of_each =
        |whole: usize| format!("{whole} total, {whole} started, {whole} done, {whole} succeeded, 0 failed");
    for (protocol, more) in [("h2", &["-m", "10"][..]), ("http/1.1", &["--h1"])] {
        let url = format!("https://education.schoolgate.test/?h2load-{}", more.len());
        let said = h2load(&led, more, &url).await;
        for expected in [
            of_each(REQUESTS),
            format!("status codes: {REQUESTS} 2xx, 0 3xx, 0 4xx, 0 5xx"),
            format!("Application protocol: {protocol}"),
            format!("({}) data", LESSON.len() * REQUESTS),
        ] {
            assert!(said.contains(&expected), "{expected}\n{said}");
        }
        let marked = format!("/?h2load-{}", more.len());
        let seen = led.site.seen();
        assert_eq!(seen.iter().filter(|seen| seen.path == marked).count(), REQUESTS, "{protocol}");
    }
    let said = h2load(&led, &["-m", "10"], "https://games.schoolgate.test/?h2load").await;
    assert!(said.contains(&format!("status codes: 0 2xx, 0 3xx, {REQUESTS} 4xx, 0 5xx")), "{said}");

    let allowed = led.history("host=education.schoolgate.test&outcome=allowed").await;
    for marked in ["/?h2load-1,", "/?h2load-2,"] {
        assert_eq!(allowed.matches(marked).count(), REQUESTS, "{marked}");
    }
    let blocked = led.history("host=games.schoolgate.test&outcome=blocked").await;
    assert_eq!(blocked.matches(&format!(",{},", CLASS[0])).count(), REQUESTS);
}
