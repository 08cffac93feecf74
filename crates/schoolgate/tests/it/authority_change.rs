//! A school's inspection authority is replaced while the gate runs: devices that trust the old one, both, and then the new.

use crate::gate::Gate;
use model::Clock;
use std::path::Path;
use std::time::Duration;
use testkit::certificates::Fault;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(60);

/// Whether a client that trusts only these certificates takes what the proxy shows.
async fn takes(gate: &Gate, trusted: &Path, url: &str) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-f", "-o", "/dev/null", "--noproxy", "", "--proxy", &gate.address("proxy")]);
    curl.arg("--cacert").arg(trusted).arg(url).status().await.unwrap().success()
}

async fn until_taken(gate: &Gate, trusted: &Path, url: &str) {
    tokio::time::timeout(PATIENCE, async { while !takes(gate, trusted, url).await {} })
        .await
        .expect("the change is taken up in time");
}

async fn done(gate: &Gate, arguments: &[&str]) -> String {
    let output = gate.command(arguments).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_next_authority_takes_over_at_its_moment_and_is_then_the_only_one() {
    let gate = Gate::start().await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Maths</title>").await;
    let file = |name: &str| gate.folder.path().join(name);
    let old = file("kept-old.pem");
    std::fs::copy(file("authority.pem"), &old).unwrap();
    assert!(takes(&gate, &old, &url).await);

    let early = gate.command(&["authority", "finish", "--reason", "too soon"]).await;
    assert!(!early.status.success(), "there is nothing to finish");
    let moment = Clock::System.now().plus_ms(20_000);
    let from = moment.to_string();
    done(&gate, &["authority", "rotate", "--from", &from, "--reason", "the old one ends"]).await;
    let next = file("authority-next.pem");
    let early = gate.command(&["authority", "finish", "--reason", "too soon"]).await;
    assert!(!early.status.success(), "its moment has not come");
    let packs = file("packs");
    done(&gate, &["authority", "pack", "--out", &packs.display().to_string()]).await;
    let both = file("both.pem");
    let pem = |path: &Path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&both, format!("{}{}", pem(&old), pem(&next))).unwrap();
    assert!(takes(&gate, &both, &url).await);

    until_taken(&gate, &next, &url).await;
    assert!(Clock::System.now() >= moment, "not before its moment");
    assert!(!takes(&gate, &old, &url).await && takes(&gate, &both, &url).await);
    assert!(done(&gate, &["authority", "show"]).await.contains("Took over on "));
    let kept_next = file("kept-next.pem");
    std::fs::copy(&next, &kept_next).unwrap();
    done(&gate, &["authority", "finish", "--reason", "every device has it"]).await;
    assert_eq!(pem(&file("authority.pem")), pem(&kept_next));
    until_taken(&gate, &kept_next, &url).await;
    assert!(!takes(&gate, &old, &url).await);
}
