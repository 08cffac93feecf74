//! What the history does in a folder of this machine, beside what every place of it promises (`contract.rs`).

use crate::{DAY_MS, all_times, event, folder, open};
use history::{DaySummary, History, HistoryError, Keep, Query};
use model::{Day, EventOutcome, GateId, Timestamp};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_search_that_has_read_enough_says_where_to_go_on() {
    let folder = folder();
    let history = open(folder.path());
    for ms in 0..10 {
        history.append(&[event(ms, if ms == 0 { "rare.example" } else { "example.com" })]).unwrap();
    }
    let query = Query { host_contains: Some("rare".to_owned()), read_at_most: 4, ..Query::default() };
    let page = history.scan(&query).unwrap();
    assert!(page.events.is_empty() && page.next.is_some());
    assert!(history.count(&query, 5).unwrap().more);
    assert_eq!(all_times(&history, &query), [0]);
}

#[test]
fn expiry_removes_whole_days_and_leaves_a_line_for_each() {
    let folder = folder();
    let history = open(folder.path());
    for day in 0..20 {
        history.append(&[event(DAY_MS * day, "example.com")]).unwrap();
    }
    let expired = history.expire(&Keep::from(Day(18)), Timestamp(DAY_MS * 20)).unwrap();
    assert_eq!((expired.days, expired.events), (18, 18));
    let days: Vec<Day> = history.days().unwrap().iter().map(|summary: &DaySummary| summary.day).collect();
    assert_eq!(days, [Day(18), Day(19)]);
    let stones = std::fs::read_to_string(folder.path().join("expired.log")).unwrap();
    assert_eq!(stones.lines().count(), 18);
    assert!(stones.starts_with("1970-01-01\t1\t"), "{stones}");
    assert!(stones.lines().all(|line| line.ends_with("\t1970-01-21T00:00:00Z\tretention\t0 held")));
    history.append(&[event(1, "late.example")]).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [DAY_MS * 19, DAY_MS * 18, 1]);
}

#[test]
fn only_one_may_have_it_open() {
    let folder = folder();
    let _first = open(folder.path());
    let second = History::open(folder.path(), GateId(1)).err().unwrap();
    assert!(matches!(second, HistoryError::InUse { .. }), "{second}");
}

#[test]
fn hosts_are_counted_from_a_folder_that_another_has_open_and_is_writing_to() {
    let folder = folder();
    let history = open(folder.path());
    let events = ["one.example", "two.example", "one.example"].map(|host| event(3, host));
    history.append(&events).unwrap();
    let day = folder.path().join("1970-01-01.events");
    let whole = std::fs::read(&day).unwrap();
    std::fs::write(&day, [whole.as_slice(), b"torn"].concat()).unwrap();
    let reader = History::open_to_read(folder.path(), GateId(1)).unwrap();
    let used = reader.hosts_used(&Query::default(), 10).unwrap();
    let counted = |host: &str| used.hosts.get(host).copied();
    assert_eq!((counted("one.example"), counted("two.example"), used.more), (Some(2), Some(1), false));
    assert_eq!(std::fs::read(&day).unwrap().len(), whole.len() + 4, "a reader puts nothing right");
    assert_eq!(history.hosts_used(&Query::default(), 10).unwrap(), used);
    let first = reader.hosts_used(&Query::default(), 1).unwrap();
    assert_eq!((first.hosts.len(), first.more), (1, true));
    let blocked = Query { outcome: Some(EventOutcome::Blocked), ..Query::default() };
    assert!(reader.hosts_used(&blocked, 10).unwrap().hosts.is_empty());
}

#[test]
fn a_full_disk_is_reported_and_keeps_nothing_of_the_batch() {
    let folder = folder();
    let history = open(folder.path());
    // The second day of the batch lies on a device that is always full.
    let second_day = folder.path().join("1970-01-02.events");
    std::os::unix::fs::symlink("/dev/full", &second_day).unwrap();
    let batch = [event(1, "a.example"), event(DAY_MS, "b.example")];
    assert!(matches!(history.append(&batch), Err(HistoryError::Disk { .. })));
    assert!(all_times(&history, &Query::default()).is_empty());
    std::fs::remove_file(second_day).unwrap();
    history.append(&batch).unwrap();
    drop(history);
    assert_eq!(all_times(&open(folder.path()), &Query::default()), [DAY_MS, 1]);
}

#[test]
fn a_damaged_block_is_counted_and_the_rest_is_shown() {
    let folder = folder();
    let history = open(folder.path());
    for ms in 0..3 {
        history.append(&[event(ms, "example.com")]).unwrap();
    }
    drop(history);
    let path = folder.path().join("1970-01-01.events");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8 + 64 + 10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let page = open(folder.path()).scan(&Query::default()).unwrap();
    assert_eq!((page.events.len(), page.unreadable), (2, 1));
}

#[test]
fn readers_see_whole_appends_while_one_writes() {
    let folder = folder();
    let history = open(folder.path());
    let batch: Vec<_> = (0..10).map(|ms| event(ms, "example.com")).collect();
    let written = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..40 {
                assert_eq!(history.append(&batch).unwrap().len(), 10);
            }
            written.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !written.load(Ordering::SeqCst) {
                    assert_eq!(history.count(&Query::default(), u64::MAX).unwrap().events % 10, 0);
                }
            });
        }
    });
    assert_eq!(history.count(&Query::default(), u64::MAX).unwrap().events, 400);
}

#[test]
fn folder_and_files_are_for_their_user_alone_also_those_that_were_open_to_others() {
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    history.append(&[event(0, "example.com"), event(2 * DAY_MS, "example.com")]).unwrap();
    history.expire(&Keep::from(Timestamp(DAY_MS).day()), Timestamp(2 * DAY_MS)).unwrap();
    drop(history);
    let files = || std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(files().count(), 4, "a day and its key, the log of expiry, the lock");
    for path in files().chain([folder.to_owned()]) {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{path:?}");
        std::fs::set_permissions(&path, Permissions::from_mode(expected | 0o044)).unwrap();
    }
    let _history = open(folder);
    for path in files().chain([folder.to_owned()]) {
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
    }
}
