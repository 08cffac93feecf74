//! Killed in mid-load and started again: the state is intact and the loss is within the promise.

use crate::gate::Gate;
use std::process::Stdio;
use std::time::{Duration, Instant};
use testkit::browser::{Browser, BrowserOptions};
use testkit::certificates::Fault;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

#[tokio::test]
async fn killed_in_mid_load_it_starts_again_with_all_but_the_last_second() {
    let mut gate = Gate::start().await;
    let (origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Page</title>").await;
    gate.sign_in_to_web("elsie").await;
    let mut browser = gate.browser().await;
    browser.visit(&url).await.unwrap();
    // Requests one after the other for three seconds; each carries its time, so that what must be kept is known.
    let began = Instant::now();
    let mut sent: Vec<Duration> = Vec::new();
    while began.elapsed() < Duration::from_secs(3) {
        let fetched = format!("fetch('/?request-{}').then(r => r.text()).then(() => true)", sent.len());
        assert_eq!(browser.value_of(&fetched).await.unwrap(), true);
        sent.push(began.elapsed());
    }
    let killed = began.elapsed();
    gate.kill().await;
    gate.start_again().await;

    let must_be_there = sent.iter().filter(|at| killed - **at > Duration::from_secs(1)).count();
    assert!(must_be_there > 20, "enough load to tell: {must_be_there}");
    let csv = gate.history_csv("safeguarding-lead", "host=education.schoolgate.test").await;
    for number in 0..must_be_there {
        let kept = csv.lines().any(|line| line.contains(&format!("/?request-{number},")));
        assert!(kept, "request {number} of {} is lost", sent.len());
    }
    // Who is signed in where is remembered, and the policy still decides.
    let mut browser = gate.browser().await;
    browser.visit(&url).await.unwrap();
    assert_eq!(browser.title().await.unwrap(), "Page");
    assert!(!origin.seen().is_empty());
}

#[tokio::test]
async fn stopped_cleanly_nothing_is_lost() {
    let mut gate = Gate::start().await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Page</title>").await;
    gate.sign_in_to_web("elsie").await;
    let mut browser = gate.browser().await;
    browser.visit(&format!("{url}?the-very-last-one")).await.unwrap();
    browser.close().await.unwrap();
    gate.stop().await;
    gate.start_again().await;
    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.visit(&format!("{}/history?host=education.schoolgate.test", gate.address("console"))).await.unwrap();
    assert!(lead.text().await.unwrap().contains("the-very-last-one"));
}

#[tokio::test]
async fn asked_to_stop_while_it_starts_it_ends_cleanly() {
    let mut gate = Gate::start().await;
    gate.stop().await;
    for signal in ["INT", "TERM"] {
        let mut starting = Command::new(env!("CARGO_BIN_EXE_schoolgate"))
            .args(["run", "--folder"])
            .arg(gate.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut log = BufReader::new(starting.stderr.take().unwrap()).lines();
        while !log.next_line().await.unwrap().expect("it starts").contains("the history is open") {}
        assert_eq!(ended_by(&mut starting, signal).await, Some(0), "{signal}");
    }
    gate.start_again().await;
}

/// How a process ends that is sent this signal; nothing where the signal itself ended it.
async fn ended_by(process: &mut Child, signal: &str) -> Option<i32> {
    let id = process.id().unwrap().to_string();
    assert!(
        Command::new("kill").args([&format!("-{signal}"), id.as_str()]).status().await.unwrap().success()
    );
    let ended = tokio::time::timeout(Duration::from_secs(60), process.wait()).await;
    ended.expect("it stops when it is asked to").unwrap().code()
}

#[tokio::test]
async fn the_records_can_be_in_postgresql_and_are_there_again_after_a_kill() {
    let cluster = testkit::postgres::Cluster::start().unwrap();
    let mut gate = Gate::start_with(&format!("[store]\npostgres = \"{}\"\n", cluster.url())).await;
    assert!(!gate.folder.path().join("records.sqlite").exists());
    gate.kill().await;
    gate.start_again().await;
    let mut governor = gate.console_browser("governor").await;
    governor.visit(&format!("{}/policy/GOV-5", gate.address("console"))).await.unwrap();
    assert!(governor.text().await.unwrap().contains("GOV-5"));
}

#[tokio::test]
async fn a_lost_key_or_pepper_is_never_made_anew_in_silence() {
    let mut gate = Gate::start().await;
    gate.stop().await;
    for lost in ["authority.key", "authority.pem", "pepper"] {
        let (file, aside) = (gate.folder.path().join(lost), gate.folder.path().join("aside"));
        std::fs::rename(&file, &aside).unwrap();
        let refused = gate.command(&["run"]).await;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains(lost) && said.contains("backup"),
            "{lost}: {said}"
        );
        assert!(!file.exists(), "{lost}");
        std::fs::rename(&aside, &file).unwrap();
    }
    gate.start_again().await;
}

#[tokio::test]
async fn wrong_passwords_that_were_counted_outlive_a_restart() {
    let mut gate = Gate::start().await;
    for number in 0..3 {
        sign_in_wrongly(&gate, number).await;
    }
    gate.stop().await;
    gate.start_again().await;
    // Of three more at least one is too early for the third, fourth or fifth in a row; three of a count begun anew never wait.
    let mut waited = false;
    for number in 3..6 {
        let told = sign_in_wrongly(&gate, number).await;
        waited |= told.contains("Wait ") && told.contains(" second");
    }
    assert!(waited);
}

async fn sign_in_wrongly(gate: &Gate, number: usize) -> String {
    let trusted_ca = Some(gate.address("authority").into());
    let mut browser = Browser::launch(&BrowserOptions { proxy: String::new(), trusted_ca }).await.unwrap();
    browser.visit(&format!("{}/sign-in", gate.address("console"))).await.unwrap();
    browser.fill("login", "headteacher").await.unwrap();
    browser.fill("password", &format!("wrong {number}")).await.unwrap();
    browser.press("Sign in").await.unwrap();
    browser.text().await.unwrap()
}
