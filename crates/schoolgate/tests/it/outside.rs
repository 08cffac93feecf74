//! From a server's log to a mail: `logger` tells the gate of passwords that are tried on an administrator's account, and IT
//! hears of it by a real mail server.

use crate::gate::Gate;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const PATIENCE: Duration = Duration::from_secs(60);
const FAILED: &str = "Failed password for root from 10.99.0.7 port 5 ssh2";

/// A mail server that takes unencrypted mail, as a relay in the school may; its port.
async fn mail_server(folder: &Path) -> (Child, u16) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notify/tests/it/smtp_server.py");
    let mut process = Command::new("/usr/bin/python3")
        .args(["-W", "ignore"])
        .arg(script)
        .arg("plain")
        .args([folder, Path::new("-"), Path::new("-")])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    (process, port)
}

fn configuration(port: u16) -> String {
    format!(
        "[notify.mail]\nrelay = \"127.0.0.1\"\nport = {port}\nsecurity = \"plain\"\nfrom = \"schoolgate@larkfield.test\"\n\
         [[notify.to]]\nname = \"it\"\naddressees = [\"it\"]\nmail = \"it@larkfield.test\"\n\
         [logs]\nudp = [\"127.0.0.1:0\"]\n\
         [[logs.sender]]\nname = \"server\"\naddress = \"127.0.0.1\"\n"
    )
}

async fn wait_for(file: &Path) -> String {
    let there = async {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        while !file.exists() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("the mail comes in time");
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test]
async fn passwords_tried_on_an_administrators_account_reach_it_by_mail_without_a_name() {
    let mails = tempfile::tempdir().unwrap();
    let (_server, port) = mail_server(mails.path()).await;
    let mut gate = Gate::start_with(&configuration(port)).await;
    let logs = gate.address("logs_udp");
    let (host, port) = logs.rsplit_once(':').unwrap();
    for _ in 0..5 {
        let mut logger = Command::new("logger");
        logger.args(["--server", host, "--port", port, "--udp", "--tag", "sshd", FAILED]);
        assert!(logger.status().await.unwrap().success());
    }
    let mail = wait_for(&mails.path().join("1.eml")).await;
    assert!(mail.contains("Subject: Security alert (medium) at Larkfield First School"), "{mail}");
    assert!(mail.contains("X-To: it@larkfield.test") && mail.contains("/alerts/"), "{mail}");
    assert!(!mail.contains("root") && !mail.contains("10.99.0.7"), "{mail}");
    let tried = gate.command(&["notify", "test"]).await;
    assert!(tried.status.success() && tried.stdout == b"it (mail): taken\n", "{tried:?}");
    let test = wait_for(&mails.path().join("2.eml")).await;
    assert!(test.contains("Subject: Test alert at Larkfield First School"), "{test}");
    // What is waiting is kept before the gate ends.
    gate.stop().await;
    let kept: Vec<_> = std::fs::read_dir(gate.folder.path().join("logs")).unwrap().flatten().collect();
    assert!(kept.iter().any(|file| file.metadata().unwrap().len() > 0), "{kept:?}");
}
