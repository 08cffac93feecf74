//! Ways round the filter, through the real program: what becomes of them, and where the school sees that they were tried.

use crate::gate::Gate;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How soon what was refused must be in the history.
const SOON: Duration = Duration::from_secs(10);

/// What curl is told of these arguments through the gate: the status of the tunnel, and of the answer.
async fn statuses(gate: &Gate, arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "20", "--output", "/dev/null", "--proxy", &gate.address("proxy")]);
    curl.args(["--write-out", "%{http_connect} %{http_code}"]).args(arguments);
    String::from_utf8(curl.output().await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn what_a_pupil_tries_is_refused_shown_at_home_and_explained_in_the_history() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("elsie").await;
    for (arguments, expected) in [
        (&["http://203.0.113.9/"][..], "000 403"),
        (&["--proxytunnel", "https://education.schoolgate.test:1194/"], "403 000"),
        // Gopher's first words are whatever stands in the address.
        (&["--proxytunnel", "gopher://education.schoolgate.test:443/_SSH-2.0-tunnel"], "200 000"),
    ] {
        assert_eq!(statuses(&gate, arguments).await, expected, "{arguments:?}");
    }

    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.visit(&gate.address("console")).await.unwrap();
    let home = lead.text().await.unwrap();
    for way in
        ["Addresses instead of names 1", "VPNs and proxies inside connections 1", "Unknown protocols 1"]
    {
        assert!(home.contains(way), "{way}: {home}");
    }
    assert!(!home.contains("let through)"), "{home}");

    let since = Instant::now();
    loop {
        lead.visit(&format!("{}/history?outcome=blocked", gate.address("console"))).await.unwrap();
        let history = lead.text().await.unwrap();
        let told = |way: &&str| history.contains(&format!("a way round the filter ({way})"));
        let ways = ["Addresses instead of names", "VPNs and proxies inside connections", "Unknown protocols"];
        if ways.iter().all(told) {
            break;
        }
        assert!(since.elapsed() < SOON, "{history}");
    }
}
