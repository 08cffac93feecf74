//! `schoolgate lists` on the folder of a running gate: what is typed, what it says, what is in force and what is recorded.

use crate::dns::dig;
use crate::gate::{Gate, shipped_policy};
use serde_json::Value;
use std::fmt::Write as _;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::{AuditRow, Place, Store};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

/// How long what is put in force may take to decide.
const SOON: Duration = Duration::from_secs(20);

pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

/// A gate whose policy has one list more: names of games, in a file of its folder.
pub async fn gate_with_a_list(names: usize) -> Gate {
    let gate = Gate::start().await;
    write_names(&gate, 0..names);
    let more = "\n[[list]]\nid = \"more\"\nname = \"More games\"\nformat = \"domains\"\nsource = \"more.txt\"\n\
                category = \"games\"\n";
    propose(&gate, &(shipped_policy() + more)).await;
    becomes(&gate, "game-0.example", "Filtered").await;
    gate
}

/// Puts another policy in force.
pub async fn propose(gate: &Gate, text: &str) {
    let policy = gate.folder.path().join("more.toml");
    std::fs::write(&policy, text).unwrap();
    let proposed = gate.command(&["policy", "propose", &policy.display().to_string()]).await;
    let words = said(&proposed);
    let hash = words.split_whitespace().find(|word| word.len() == 64).unwrap_or_else(|| panic!("{words}"));
    let approved = gate.command(&["policy", "approve", hash, "--reason", "a test asks for it"]).await;
    assert!(approved.status.success(), "{}", said(&approved));
}

pub fn write_names(gate: &Gate, numbers: std::ops::Range<usize>) {
    let mut names = String::from("not a name\n");
    for number in numbers {
        writeln!(names, "game-{number}.example").unwrap();
    }
    std::fs::write(gate.folder.path().join("more.txt"), names).unwrap();
}

/// Waits until the answer for a host has this in it.
pub async fn becomes(gate: &Gate, host: &str, part: &str) {
    let since = Instant::now();
    loop {
        let answer = dig(gate, &[host, "A"]).await;
        if answer.contains(part) {
            return;
        }
        assert!(since.elapsed() < SOON, "{host} does not become {part}: {answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn facts(gate: &Gate) -> Vec<AuditRow> {
    facts_of(gate, "change-lists").await
}

/// The facts of an action, newest first, once their chain was found whole.
pub async fn facts_of(gate: &Gate, action: &str) -> Vec<AuditRow> {
    let place = Place::File(gate.folder.path().join("records.sqlite"));
    let store = Store::open(&place, model::Timestamp(0)).await.unwrap();
    let facts = store.facts_of(&model::Scope::Trust, action, 50).await.unwrap();
    assert_eq!(store.verify_audit(&model::Scope::Trust).await.unwrap().broken_at, None);
    store.close().await;
    facts
}

#[tokio::test]
async fn an_update_is_compared_accepted_put_in_force_and_recorded() {
    let gate = gate_with_a_list(10).await;
    let tested = gate.command(&["lists", "test"]).await;
    assert!(tested.status.success(), "{}", said(&tested));
    let looked_up = gate.command(&["lists", "test", "game-1.example", "game-90.example"]).await;
    let words = said(&looked_up);
    assert!(words.contains("game-1.example: Games, list more, line 3"), "{words}");
    assert!(words.contains("game-90.example: no list speaks of it"), "{words}");

    write_names(&gate, 0..12);
    let differs = json(&gate.command(&["lists", "diff", "--json"]).await);
    let list =
        &differs["diff"]["lists"].as_array().unwrap().iter().find(|list| list["id"] == "more").unwrap();
    assert_eq!((&list["added"], &list["removed"]), (&2.into(), &0.into()), "{differs}");
    assert!(!dig(&gate, &["game-11.example", "A"]).await.contains("Filtered"), "a look changes nothing");
    let updated = gate.command(&["lists", "update", "--reason", "two games more"]).await;
    assert!(updated.status.success(), "{}", said(&updated));
    assert!(said(&updated).contains("2 new, 0 gone") && said(&updated).contains("more: 12 entries"));
    becomes(&gate, "game-11.example", "Filtered").await;

    write_names(&gate, 0..13);
    let other = gate.command(&["lists", "update", "--reason", "not this one", "--only", "starter"]).await;
    assert!(said(&other).contains("more: 12 entries"), "{}", said(&other));
    let only = gate.command(&["lists", "update", "--reason", "this one", "--only", "more"]).await;
    assert!(said(&only).contains("more: 13 entries"), "{}", said(&only));

    write_names(&gate, 0..3);
    let shrunk = gate.command(&["lists", "update", "--reason", "fewer"]).await;
    assert_eq!(shrunk.status.code(), Some(1), "{}", said(&shrunk));
    assert!(said(&shrunk).contains("shrank") && said(&shrunk).contains("--accept more"), "{}", said(&shrunk));
    let accepted =
        gate.command(&["lists", "update", "--reason", "they were wrong", "--accept", "more"]).await;
    assert!(accepted.status.success(), "{}", said(&accepted));
    let facts = facts(&gate).await;
    let newest = facts[0].details();
    assert_eq!(
        (newest["how"].as_str(), newest["accepted"].as_str(), newest["reason"].as_str()),
        ("update", "more", "they were wrong")
    );
    assert!(facts[0].actor.starts_with("command-line:"), "{}", facts[0].actor);
    assert_eq!(facts[1].details()["after"], newest["before"], "from one to the next without a gap");
    assert!(facts.iter().any(|fact| fact.actor == "program"), "the gate's own updates too");
}

/// An update at a terminal, which waits for an answer.
async fn asked_at_a_terminal(gate: &Gate) -> (Child, String) {
    let typed = format!(
        "{} lists update --reason fewer --folder {}",
        env!("CARGO_BIN_EXE_schoolgate"),
        gate.folder.path().display()
    );
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &typed, "/dev/null"]);
    terminal.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut process = terminal.spawn().unwrap();
    let (mut said, mut part) = (String::new(), [0; 1_024]);
    while !said.contains("[y/N]") {
        let read = tokio::time::timeout(SOON, process.stdout.as_mut().unwrap().read(&mut part)).await;
        let read = read.unwrap_or_else(|_| panic!("no question: {said}")).unwrap();
        assert!(read > 0, "no question: {said}");
        said.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    (process, said)
}

async fn says_yes(mut process: Child) -> Output {
    process.stdin.as_mut().unwrap().write_all(b"y\n").await.unwrap();
    process.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn whoever_is_asked_keeps_no_update_waiting_and_says_yes_to_what_was_shown_alone() {
    let gate = gate_with_a_list(10).await;
    write_names(&gate, 0..3);
    let (process, said_first) = asked_at_a_terminal(&gate).await;
    assert!(said_first.contains("from 10 to 3 entries"), "{said_first}");
    let turn = std::fs::File::open(gate.folder.path().join("lists/updating")).unwrap();
    let since = Instant::now();
    while turn.try_lock().is_err() {
        // The gate itself looks at the list too; whoever waits at the terminal would hold it for good.
        assert!(since.elapsed() < SOON, "the question holds the folder");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(turn);
    write_names(&gate, 0..1);
    let other = says_yes(process).await;
    assert_eq!(other.status.code(), Some(1), "{}", said(&other));
    assert!(said(&other).contains("something else than what was shown"), "{}", said(&other));
    becomes(&gate, "game-9.example", "Filtered").await;

    let (process, said_then) = asked_at_a_terminal(&gate).await;
    assert!(said_then.contains("from 10 to 1 entries"), "{said_then}");
    let taken = says_yes(process).await;
    assert!(taken.status.success(), "{}", said(&taken));
    assert_eq!(facts(&gate).await[0].details()["accepted"], "more");
    becomes(&gate, "game-0.example", "Filtered").await;
    let since = Instant::now();
    while dig(&gate, &["game-9.example", "A"]).await.contains("Filtered") {
        assert!(since.elapsed() < SOON, "the gate does not take up what was accepted");
    }
}

#[tokio::test]
async fn going_back_under_load_loses_no_query_and_holds_updates() {
    let gate = Arc::new(gate_with_a_list(10).await);
    write_names(&gate, 0..12);
    assert!(gate.command(&["lists", "update", "--reason", "two more"]).await.status.success());
    becomes(&gate, "game-11.example", "Filtered").await;
    let (asking, stop) = (Arc::clone(&gate), Arc::new(AtomicBool::new(false)));
    let load = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let (mut asked, mut wrong) = (0, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let answer = dig(&asking, &["game-1.example", "A"]).await;
                asked += 1;
                if !answer.contains("Filtered") {
                    wrong.push(answer);
                }
            }
            (asked, wrong)
        }
    });
    let back = gate.command(&["lists", "rollback", "--reason", "too much is closed", "--json"]).await;
    assert!(back.status.success(), "{}", said(&back));
    let since = Instant::now();
    while dig(&gate, &["game-11.example", "A"]).await.contains("Filtered") {
        assert!(since.elapsed() < SOON, "the gate does not take up the earlier lists");
    }
    stop.store(true, Ordering::Relaxed);
    let (asked, wrong) = load.await.unwrap();
    assert!(asked > 2 && wrong.is_empty(), "{} of {asked}: {:?}", wrong.len(), wrong.first());

    let newest = facts(&gate).await[0].clone();
    assert_eq!(newest.details()["how"], "roll-back");
    assert_eq!(newest.subject, format!("lists:{}", json(&back)["after"].as_str().unwrap()));
    let status = gate.command(&["lists", "status", "--json"]).await;
    assert_eq!(status.status.code(), Some(1), "somebody must look: {}", said(&status));
    assert!(json(&status)["held_since"].is_string());
    let mut head = gate.console_browser("headteacher").await;
    head.visit(&format!("{}/lists", gate.address("console"))).await.unwrap();
    let page = head.text().await.unwrap();
    assert!(page.contains("too much is closed") && page.contains("put back to an earlier state"), "{page}");

    let updated = gate.command(&["lists", "update", "--reason", "it was right after all"]).await;
    assert!(updated.status.success(), "{}", said(&updated));
    becomes(&gate, "game-11.example", "Filtered").await;
    let status = gate.command(&["lists", "status"]).await;
    assert!(status.status.success() && said(&status).contains("left out: 1"), "{}", said(&status));
}

#[tokio::test]
async fn what_speaks_of_a_host_is_told_and_an_image_is_built_without_a_gate() {
    let gate = gate_with_a_list(3).await;
    let explained = json(&gate.command(&["lists", "explain", "https://game-1.example/play", "--json"]).await);
    assert_eq!(explained["lists"][0]["list"], "more", "{explained}");
    assert!(explained["groups"].as_array().unwrap().iter().any(|group| group["verdict"] == "block"));
    let kind = explained["lists"][0]["kind"].as_str();
    assert_eq!(
        (kind, &explained["lists"][0]["name"]),
        (Some("name"), &"game-1.example".into()),
        "{explained}"
    );
    let illegal = said(&gate.command(&["lists", "explain", "illegal-test.schoolgate.test"]).await);
    assert!(illegal.contains("Illegal content, list") && illegal.contains("BLOCKED"), "{illegal}");

    let schoolgate = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_schoolgate")).args(arguments).output().unwrap()
    };
    let (policy, image) = (gate.folder.path().join("more.toml"), gate.folder.path().join("lists.sgi"));
    let (policy, image) = (policy.display().to_string(), image.display().to_string());
    let home = gate.folder.path().display().to_string();
    let build = ["lists", "build", "--policy", &policy, "--home", &home, "-o", &image, "--json"];
    let built = schoolgate(&build);
    assert!(built.status.success(), "{}", said(&built));
    assert!(std::fs::metadata(&image).unwrap().len() > 1_000);
    assert!(json(&built)["names"].as_u64().unwrap() > 100);
    let left: Vec<_> = std::fs::read_dir(&home).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".work")), "{left:?}");

    let catalogue = schoolgate(&["lists", "catalogue"]);
    assert!(said(&catalogue).contains("[[list]]") && said(&catalogue).contains("Licence"));
    for wrong in [
        &["lists", "update", "--reason", "x", "--accept", "nonsense", "--folder", &home][..],
        &["lists", "update", "--folder", &home],
        &["lists", "catalogue", "--category", "nonsense"],
        &["lists", "nonsense"],
    ] {
        assert_eq!(schoolgate(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
