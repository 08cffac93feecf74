//! The promise: what `append` returned for is there after `kill -9`.

use crate::{DAY_MS, Folder, event, folder, open};
use history::{History, HoldReason, Keep, Query};
use model::{Day, Timestamp};
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

#[test]
fn a_hold_is_whole_or_gone_when_the_process_is_killed_while_it_is_changed_and_released() {
    let folder = kill_again_and_again("killed::appends_and_holds_until_it_is_killed");
    let history = open(folder.path());
    let by_hold = |name: &str| history.held(name).unwrap().count(&Query::default(), u64::MAX).unwrap().events;
    assert!(history.unreadable_holds().unwrap().is_empty());
    let all = events_of(&history);
    history.hold("always", &Query::default(), &HoldReason::default(), Timestamp(1)).unwrap();
    assert_eq!(by_hold("always"), all);
    for hold in history.holds().unwrap() {
        assert_eq!(by_hold(&hold.name), hold.events);
    }
    history.expire(&Keep::from(Day(9)), Timestamp(9 * DAY_MS)).unwrap();
    assert_eq!((by_hold("always"), events_of(&history)), (all, 0));
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

/// The same, while another thread makes, changes and releases holds.
#[test]
fn appends_and_holds_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let history = open(Path::new(&folder));
    let batch: Vec<_> = (0..50).map(|ms| event(ms, "www.example.com")).collect();
    let late = Query { from: Some(Timestamp(25)), ..Query::default() };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..100_000 {
                for (name, query) in [("always", &late), ("now-and-then", &Query::default())] {
                    history.hold(name, query, &HoldReason::default(), Timestamp(round)).unwrap();
                }
                history.release("now-and-then", Timestamp(round)).unwrap();
            }
        });
        for _ in 0..100_000 {
            history.append(&batch).unwrap();
            println!("\nappended");
        }
    });
}

fn events_in(folder: &Path) -> u64 {
    events_of(&open(folder))
}

fn events_of(history: &History) -> u64 {
    history.count(&Query::default(), u64::MAX).unwrap().events
}
