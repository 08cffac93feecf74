//! What goes wrong in the middle of a swap: a disk that takes no more, and a program that is killed. After each the last good
//! image decides, and the next update mends what was left.

use crate::gate::Gate;
use crate::lists::{becomes, facts_of, gate_with_a_list, json, said, write_names};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// More than the records have, and less than an image of so many names.
const LARGEST_FILE_BYTES: u32 = 1 << 20;
const MANY: usize = 60_000;
const SIGKILL: i32 = 9;

/// The revision in force, by what `lists status` says; its exit says whether somebody must look.
async fn in_force(gate: &Gate) -> String {
    let status = json(&gate.command(&["lists", "status", "--json"]).await);
    let images = status["images"].as_array().unwrap();
    let current = images.iter().find(|image| image["in_force"] == true).unwrap_or_else(|| panic!("{status}"));
    current["revision"].as_str().unwrap().to_owned()
}

async fn update(gate: &Gate) -> Output {
    gate.command(&["lists", "update", "--reason", "more games", "--accept", "more"]).await
}

/// The files that an update writes on its way.
fn half_written(folder: &Path) -> Vec<String> {
    let names = ["lists/images", "lists/sources", "lists"].into_iter().flat_map(|part| {
        let entries = std::fs::read_dir(folder.join(part)).unwrap();
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned())
    });
    names.filter(|name| name.ends_with(".new") || name.contains(".next")).collect()
}

#[tokio::test]
async fn a_disk_that_takes_no_more_leaves_the_lists_that_decide_and_no_fact_of_a_swap() {
    let gate = gate_with_a_list(10).await;
    let (before, recorded) = (in_force(&gate).await, facts_of(&gate, "change-lists").await.len());
    write_names(&gate, 0..MANY);
    // A write past the limit fails as on a full disk; without the trap the system would end the program for it.
    let script = format!("trap '' XFSZ; exec prlimit --fsize={LARGEST_FILE_BYTES} -- \"$0\" \"$@\"");
    let mut limited = Command::new("sh");
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_schoolgate")]);
    limited.args(["lists", "update", "--reason", "more games", "--accept", "more", "--folder"]);
    let failed = limited.arg(gate.folder.path()).output().await.unwrap();
    assert!(!failed.status.success(), "{}", said(&failed));

    assert_eq!(in_force(&gate).await, before);
    assert_eq!(half_written(gate.folder.path()), Vec::<String>::new());
    assert_eq!(facts_of(&gate, "change-lists").await.len(), recorded, "no fact says what did not happen");
    assert_eq!(facts_of(&gate, "change-lists-failed").await[0].details()["reason"], "more games");
    becomes(&gate, "game-1.example", "Filtered").await;

    let updated = update(&gate).await;
    assert!(updated.status.success(), "{}", said(&updated));
    becomes(&gate, &format!("game-{}.example", MANY - 1), "Filtered").await;
}

/// When an update is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// While a file of it is half written.
    Writing,
    /// Once its image is in force, and before the program has ended: mostly before that is on record too.
    InForce,
}

/// So often an update may end before it can be killed.
const TRIES: usize = 5;

/// Starts an update and kills it; false where it ended before.
async fn kill_at(gate: &Gate, moment: Moment, before: &str) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_schoolgate"));
    command.args(["lists", "update", "--reason", "more games", "--accept", "more", "--folder"]);
    command.arg(gate.folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let pointer = gate.folder.path().join("lists/current");
    let is_now = || match moment {
        Moment::Writing => half_written(gate.folder.path()).iter().any(|name| name.contains(".sgi.")),
        Moment::InForce => !std::fs::read_to_string(&pointer).unwrap().starts_with(before),
    };
    while process.try_wait().unwrap().is_none() {
        if is_now() {
            process.start_kill().unwrap();
            return process.wait().await.unwrap().signal() == Some(SIGKILL);
        }
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    false
}

#[tokio::test]
async fn an_update_that_is_killed_in_mid_swap_leaves_whole_lists_and_the_gate_starts_with_them_on_record() {
    let mut gate = gate_with_a_list(10).await;
    let mut names = MANY;
    for moment in [Moment::Writing, Moment::InForce] {
        let mut tries = 0..TRIES;
        let before = loop {
            assert!(tries.next().is_some(), "{moment:?}: no update was killed");
            let before = in_force(&gate).await;
            names += 1;
            write_names(&gate, 0..names);
            if kill_at(&gate, moment, &before).await {
                break before;
            }
        };
        let after = in_force(&gate).await;
        match moment {
            Moment::Writing => assert_eq!(after, before),
            Moment::InForce => assert_ne!(after, before),
        }
        becomes(&gate, "game-1.example", "Filtered").await;
        gate.kill().await;
        gate.start_again().await;
        becomes(&gate, "game-1.example", "Filtered").await;
        let (now, facts) = (in_force(&gate).await, facts_of(&gate, "change-lists").await);
        assert_eq!(facts[0].details()["after"], now, "{moment:?}: what is in force is on record");
    }
    write_names(&gate, 0..names + 1);
    let updated = update(&gate).await;
    assert!(updated.status.success(), "{}", said(&updated));
    becomes(&gate, &format!("game-{names}.example"), "Filtered").await;
    assert_eq!(half_written(gate.folder.path()), Vec::<String>::new(), "what was left is gone");
}
