//! How clients find the real program, and what it has shut off behind itself.

use crate::gate::Gate;
use std::collections::HashMap;
use std::process::Output;
use testkit::origin::{Origin, TestPage};
use tokio::process::Command;

/// What a browser that has only the address of the gate's file shows of a page. It finds every name at this machine, so
/// that what it reaches by itself is reached.
async fn shown(gate: &Gate, url: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg("--host-resolver-rules=MAP * 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--proxy-pac-url={}/proxy.pac", gate.address("proxy")))
        .args(["--timeout=20000", "--dump-dom", url])
        .kill_on_drop(true);
    let Output { stdout, stderr, .. } = chromium.output().await.unwrap();
    let (shown, words) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr));
    assert!(!shown.is_empty(), "{words}");
    shown
}

#[tokio::test]
async fn a_browser_follows_the_file_to_the_proxy_and_past_it_only_where_the_file_says_so() {
    let page = TestPage { content_type: "text/html", body: "<title>Game</title>Unmistakable 4711".into() };
    let origin = Origin::start(None, HashMap::from([("/".to_owned(), page)])).await.unwrap();
    let url = format!("http://games.schoolgate.test:{}/", origin.address().port());
    let led = Gate::start().await;
    let blocked = shown(&led, &url).await;
    assert!(!blocked.contains("Unmistakable 4711"), "{blocked}");
    assert!(origin.seen().is_empty());

    let direct = Gate::start_with("[[proxy.pac]]\ndirect = [\"games.schoolgate.test\"]\n").await;
    let open = shown(&direct, &url).await;
    assert!(open.contains("Unmistakable 4711"), "{open}");
}

#[tokio::test]
async fn the_program_prints_rules_that_lead_the_web_to_its_transparent_listeners() {
    let gate = Gate::start().await;
    let file = gate.folder.path().join("schoolgate.toml");
    let output = gate.command(&["proxy", "nftables", "--interface", "lan0"]).await;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("proxy.transparent"), "{words}");

    let text = std::fs::read_to_string(&file).unwrap();
    let led = "[proxy]\ntransparent = [{ listen = \"0.0.0.0:3129\", mode = \"redirect\" }]\n";
    std::fs::write(&file, text.replace("[proxy]\n", led)).unwrap();
    let output = gate.command(&["proxy", "nftables", "--interface", "lan0"]).await;
    let rules = String::from_utf8(output.stdout).unwrap();
    assert!(rules.contains("redirect to :3129") && rules.contains("lan0"), "{rules}");
}

#[tokio::test]
async fn the_running_program_is_narrowed_and_says_so() {
    let gate = Gate::start().await;
    assert_eq!(gate.narrowed(), ("in full".to_owned(), "in full".to_owned()));
    let status = gate.status();
    // proc(5): 2 is a filter.
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
}
