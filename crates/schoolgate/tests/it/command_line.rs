//! The command line: what a technician types, and what it says back.

use crate::gate::Gate;
use std::path::PathBuf;
use std::process::{Command, Output};

fn schoolgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_schoolgate")).args(arguments).output().unwrap()
}

fn shipped(name: &str) -> String {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("../../policies")
        .join(name)
        .display()
        .to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_shipped_policies_have_no_mistakes() {
    for name in ["first-school.toml", "trust.toml"] {
        let checked = schoolgate(&["policy", "check", &shipped(name)]);
        assert!(checked.status.success(), "{name}: {}", text(&checked.stderr));
    }
}

#[test]
fn every_mistake_is_named_with_its_line_and_the_nearest_right_name() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.toml");
    let good = std::fs::read_to_string(shipped("first-school.toml")).unwrap();
    let bad = good.replacen("\"gambling\"", "\"gamblin\"", 1).replacen("stage = ", "stagee = ", 1);
    std::fs::write(&broken, &bad).unwrap();
    let checked = schoolgate(&["policy", "check", &broken.display().to_string()]);
    assert!(!checked.status.success());
    let said = text(&checked.stderr);
    let line = 1 + bad.lines().position(|line| line.contains("gamblin\"")).unwrap();
    assert!(said.contains(&format!("broken.toml:{line}:")) && said.contains("`gambling`"), "{said}");
    assert!(said.contains("stagee") && said.contains("`stage`"), "{said}");
}

#[test]
fn the_policy_is_shown_as_text_and_as_a_page() {
    let shown = schoolgate(&["policy", "show", &shipped("first-school.toml")]);
    assert!(text(&shown.stdout).contains("FLT-13") && text(&shown.stdout).contains("365"));
    let page = schoolgate(&["policy", "show", "--html", &shipped("trust.toml")]);
    assert!(text(&page.stdout).to_lowercase().starts_with("<!doctype html>"), "{}", text(&page.stdout));
}

#[test]
fn explain_prints_the_whole_chain_and_the_same_as_json() {
    let policy = shipped("first-school.toml");
    let asked = ["explain", "--policy", &policy, "--who", "ks1", "https://games.schoolgate.test/play"];
    let chain = text(&schoolgate(&asked).stdout);
    for layer in ["Illegal content", "Allow entries", "Blocked categories"] {
        assert!(chain.contains(layer), "{chain}");
    }
    let json = schoolgate(&[&asked[..], &["--json"]].concat());
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(answer["verdict"], "block");
    assert!(answer["steps"].as_array().unwrap().len() > 3);
}

#[test]
fn explain_knows_addresses_and_times() {
    let policy = shipped("first-school.toml");
    let ask = |who: &str, at: &str| {
        let asked =
            ["explain", "--policy", &policy, "--who", who, "--at", at, "--json", "games.schoolgate.test"];
        serde_json::from_slice::<serde_json::Value>(&schoolgate(&asked).stdout).unwrap()
    };
    let unknown = ask("127.0.0.1", "2026-11-23T10:00");
    assert_eq!(unknown["verdict"], "block");
    assert!(unknown["group"].is_null(), "{unknown}");
}

#[test]
fn what_cannot_be_answered_is_an_error_in_words() {
    let policy = shipped("first-school.toml");
    for (asked, word) in [
        (vec!["explain", "--policy", &policy, "--who", "no-such-group", "example.com"], "no-such-group"),
        (vec!["explain", "--policy", &policy, "--who", "ks1", "--at", "teatime", "example.com"], "teatime"),
        (vec!["policy", "check", "/nowhere/at-all.toml"], "/nowhere/at-all.toml"),
        (vec!["run", "--folder", "/nowhere/at/all"], "/nowhere"),
    ] {
        let said = schoolgate(&asked);
        assert!(!said.status.success(), "{asked:?}");
        assert!(text(&said.stderr).contains(word), "{asked:?}: {}", text(&said.stderr));
    }
}

#[tokio::test]
async fn a_gate_without_an_approved_policy_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[gate]\nname = \"gate.test\"\norganisation = \"A school\"\n";
    std::fs::write(folder.path().join("schoolgate.toml"), config).unwrap();
    let said = schoolgate(&["run", "--folder", &folder.path().display().to_string()]);
    assert!(!said.status.success());
    assert!(text(&said.stderr).contains("policy propose"), "{}", text(&said.stderr));
}

#[tokio::test]
async fn a_new_policy_comes_into_force_while_the_gate_runs_and_a_broken_one_never_does() {
    let gate = Gate::start().await;
    let folder = gate.folder.path();
    let good = std::fs::read_to_string(shipped("first-school.toml")).unwrap();

    let broken = folder.join("broken.toml");
    std::fs::write(&broken, good.replacen("[[group]]", "[[grupe]]", 1)).unwrap();
    let refused = gate.command(&["policy", "propose", &broken.display().to_string()]).await;
    assert!(!refused.status.success());

    let new = folder.join("new.toml");
    std::fs::write(&new, good.replacen("access_log_days = 365", "access_log_days = 364", 1)).unwrap();
    let proposed = gate.command(&["policy", "propose", &new.display().to_string()]).await;
    assert!(proposed.status.success(), "{}", text(&proposed.stderr));
    let said = text(&proposed.stdout);
    let hash = said.split_whitespace().find(|word| word.len() == 64).expect("it prints the hash").to_owned();
    let approved = gate.command(&["policy", "approve", &hash[..8], "--reason", "a test of the way"]).await;
    assert!(approved.status.success(), "{}", text(&approved.stderr));

    let mut governor = gate.console_browser("governor").await;
    let since = std::time::Instant::now();
    loop {
        governor.visit(&format!("{}/policy", gate.address("console"))).await.unwrap();
        let page = governor.value_of("document.body.textContent").await.unwrap().to_string();
        if page.contains(&hash[..8]) && page.contains("a test of the way") {
            break;
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(10), "{page}");
    }
    governor.visit(&format!("{}/policy/FLT-13", gate.address("console"))).await.unwrap();
    let clause = governor.text().await.unwrap();
    assert!(clause.contains("Fail") && clause.contains("364"), "less than a year is a failure: {clause}");
}
