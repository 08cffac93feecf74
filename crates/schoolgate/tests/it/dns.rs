//! `dig` against the DNS port: allowed, blocked, safe search; and what the console says of the name servers outside.

use crate::gate::Gate;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// What `dig` prints when it asks a gate.
pub async fn dig(gate: &Gate, arguments: &[&str]) -> String {
    let (server, port) =
        gate.address("dns").rsplit_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let mut asked = Command::new("dig");
    asked.arg(format!("@{server}")).args(["-p", &port, "+tries=1", "+time=3"]).args(arguments);
    let output = asked.output().await.expect("dig is there; `cargo xtask test` installs dnsutils");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn dig_sees_allowed_blocked_and_safe_search_answers_over_udp_and_tcp() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("elsie").await;
    for transport in ["+notcp", "+tcp"] {
        let allowed = dig(&gate, &["reading.education.schoolgate.test", "A", transport]).await;
        assert!(allowed.contains("status: NOERROR") && allowed.contains("203.0.113.7"), "{allowed}");
        let blocked = dig(&gate, &["gambling.schoolgate.test", "A", transport]).await;
        assert!(blocked.contains("status: NXDOMAIN"), "{blocked}");
        assert!(blocked.contains("EDE: 17 (Filtered)") && blocked.contains("Gambling"), "{blocked}");
        let safe = dig(&gate, &["www.google.com", "A", transport]).await;
        assert!(safe.contains("forcesafesearch.google.com") && safe.contains("203.0.113.8"), "{safe}");
        let canary = dig(&gate, &["use-application-dns.net", "A", transport]).await;
        assert!(canary.contains("status: NXDOMAIN"), "{canary}");
    }
}

#[tokio::test]
async fn home_tells_how_the_name_servers_outside_do() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("elsie").await;
    let mut head = gate.console_browser("headteacher").await;
    let before = head.text().await.unwrap();
    assert!(before.contains("DNS upstreams") && before.contains("None was asked since start"), "{before}");
    let answer = dig(&gate, &["reading.education.schoolgate.test", "A"]).await;
    assert!(answer.contains("203.0.113.7"), "{answer}");
    let asked = Instant::now();
    loop {
        head.visit(&gate.address("console")).await.unwrap();
        let text = head.text().await.unwrap();
        if text.contains("The one that was asked answers") {
            break;
        }
        assert!(asked.elapsed() < Duration::from_secs(20), "{text}");
    }
}
