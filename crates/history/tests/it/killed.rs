//! The promise: what `append` returned for is there after `kill -9`.

use crate::{Folder, event, folder, open};
use history::Query;
use model::Day;
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

/// Names the folder to a child process, which is this test program again.
const FOLDER: &str = "HISTORY_TEST_FOLDER";
const EVENTS_PER_APPEND: u64 = 50;

#[test]
fn nothing_that_was_promised_is_lost_when_the_process_is_killed() {
    kill_again_and_again("killed::appends_until_it_is_killed");
}

#[test]
fn nothing_is_lost_or_doubled_when_the_process_is_killed_while_logs_become_columns() {
    let folder = kill_again_and_again("killed::appends_and_compacts_until_it_is_killed");
    let history = open(folder.path());
    let before = history.count(&Query::default(), u64::MAX).unwrap();
    history.compact(Day(9)).unwrap();
    assert_eq!(history.count(&Query::default(), u64::MAX).unwrap(), before);
    let mut ids = HashSet::new();
    let mut out = |stored: history::Stored| {
        assert!(ids.insert(stored.id), "{:?} twice", stored.id);
        ControlFlow::Continue(())
    };
    assert_eq!(history.export(&Query::default(), &mut out).unwrap().unreadable, 0);
}

/// Lets a child of this program do its part, and kills it, some times over.
fn kill_again_and_again(part: &str) -> Folder {
    let folder = folder();
    for kill_after in [1, 7, 20, 33] {
        let before = events_in(folder.path());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", part, "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let appended = |line: &String| line.ends_with("appended");
        let promised = lines.map(Result::unwrap).filter(appended).take(kill_after).count() as u64;
        child.kill().unwrap();
        child.wait().unwrap();
        let after = events_in(folder.path());
        assert!(after >= before + promised * EVENTS_PER_APPEND, "{after} of {promised} appends");
        assert_eq!(after % EVENTS_PER_APPEND, 0, "an append is kept whole or not at all");
    }
    folder
}

/// The child's part; by itself it does nothing.
#[test]
fn appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let history = open(Path::new(&folder));
    let batch: Vec<_> = (0..50).map(|ms| event(ms, "www.example.com")).collect();
    for _ in 0..100_000 {
        history.append(&batch).unwrap();
        println!("\nappended");
    }
}

/// The same, while another thread turns the day's log into columns as fast as it can.
#[test]
fn appends_and_compacts_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let history = open(Path::new(&folder));
    let batch: Vec<_> = (0..50).map(|ms| event(ms, "www.example.com")).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100_000 {
                history.compact(Day(1)).unwrap();
            }
        });
        for _ in 0..100_000 {
            history.append(&batch).unwrap();
            println!("\nappended");
        }
    });
}

fn events_in(folder: &Path) -> u64 {
    open(folder).count(&Query::default(), u64::MAX).unwrap().events
}
