//! `append`, `scan`, `count`, `expire` and `export`.

use crate::{DAY_MS, all_times, event, folder, open};
use history::{DaySummary, History, HistoryError, Keep, Query, Stored};
use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventOutcome, GateId, GroupId, Host, KnownBy, Layer,
    ListId, ListLine, PersonId, SchoolId, Timestamp,
};
use proptest::prelude::*;
use std::collections::HashSet;
use std::fs::Permissions;
use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// An event with every field set.
fn full_event() -> AccessEvent {
    AccessEvent {
        school: Some(SchoolId::new("ash")),
        address: "2001:db8::7".parse().unwrap(),
        person: Some(PersonId(Uuid::from_u128(7))),
        known_by: Some(KnownBy::SignIn),
        known_since: Some(Timestamp(3)),
        known_until: Some(Timestamp(i64::MAX)),
        device: Some(DeviceId(Uuid::from_u128(8))),
        group: Some(GroupId::new("upper-ks2")),
        channel: Channel::Http,
        host: Host::parse("[2001:db8::1]").unwrap(),
        path: "/caf\u{e9}?q=1".to_owned(),
        outcome: EventOutcome::Blocked,
        layer: Layer::Category,
        category: Category::parse("gambling"),
        list: Some(ListLine { list: ListId::new("starter"), line: 12 }),
        entry: Some("*.example".into()),
        status: None,
        bytes_up: u64::MAX,
        ..event(5, "example.com")
    }
}

#[test]
fn an_event_comes_back_as_it_was_even_after_a_restart() {
    let folder = folder();
    let ids = open(folder.path()).append(&[full_event()]).unwrap();
    let page = open(folder.path()).scan(&Query::default()).unwrap();
    assert_eq!(page.events, [Stored { id: ids[0], event: full_event() }]);
    assert_eq!((page.next, page.unreadable), (None, 0));
}

#[test]
fn each_condition_takes_what_it_names_and_nothing_else() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[event(1, "www.example.com"), full_event()]).unwrap();
    let any = Query::default;
    let person = PersonId(Uuid::from_u128(7));
    let cases = [
        (any(), 2),
        (Query { from: Some(Timestamp(5)), ..any() }, 1),
        (Query { not_people: Some(vec![person]), ..any() }, 1),
        (Query { not_people: Some(Vec::new()), ..any() }, 2),
        (Query { until: Some(Timestamp(5)), ..any() }, 1),
        (Query { schools: Some(vec![SchoolId::new("ash")]), ..any() }, 1),
        (Query { schools: Some(vec![SchoolId::new("elm")]), ..any() }, 0),
        (Query { schools: Some(Vec::new()), ..any() }, 0),
        (Query { people: Some(vec![PersonId(Uuid::nil()), person]), ..any() }, 1),
        (Query { devices: Some(vec![DeviceId(Uuid::from_u128(8))]), ..any() }, 1),
        (Query { address: "::ffff:10.0.0.1".parse().ok(), ..any() }, 1),
        (Query { host_contains: Some("EXAMPLE.c".to_owned()), ..any() }, 1),
        (Query { outcome: Some(EventOutcome::Blocked), ..any() }, 1),
        (Query { outcome: Some(EventOutcome::Failed), ..any() }, 0),
        (Query { channels: Some(vec![Channel::Http, Channel::Dns]), ..any() }, 1),
        (Query { category: Category::parse("gambling"), ..any() }, 1),
    ];
    for (query, expected) in cases {
        assert_eq!(history.count(&query, 10).unwrap().events, expected, "{query:?}");
        assert_eq!(history.counts_by_outcome(&query).unwrap().total(), expected, "{query:?}");
        assert_eq!(history.scan(&query).unwrap().events.len() as u64, expected, "{query:?}");
    }
}

#[test]
fn counts_by_outcome_are_exact_at_the_edges_of_the_time_asked_for() {
    let folder = folder();
    let history = open(folder.path());
    for start in [0, 100, 200] {
        let batch: Vec<_> = (start..start + 100)
            .map(|ms| {
                let outcome = if ms % 10 == 0 { EventOutcome::Blocked } else { EventOutcome::Allowed };
                AccessEvent { outcome, ..event(ms, "example.com") }
            })
            .collect();
        history.append(&batch).unwrap();
    }
    let query = Query { from: Some(Timestamp(50)), until: Some(Timestamp(250)), ..Query::default() };
    let counts = history.counts_by_outcome(&query).unwrap();
    assert_eq!((counts.of(EventOutcome::Blocked), counts.of(EventOutcome::Allowed)), (20, 180));
    assert_eq!((counts.total(), counts.more), (200, false));
}

#[test]
fn a_count_stops_at_the_most_it_was_asked_for() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[event(1, "a.example"), event(2, "b.example")]).unwrap();
    for (most, expected) in [(1, (1, true)), (2, (2, false)), (3, (2, false))] {
        let count = history.count(&Query::default(), most).unwrap();
        assert_eq!((count.events, count.more), expected, "most {most}");
    }
}

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
fn an_event_of_an_earlier_day_goes_to_its_own_day() {
    let folder = folder();
    let history = open(folder.path());
    let ids = history.append(&[event(DAY_MS * 3, "a.example"), event(DAY_MS + 1, "b.example")]).unwrap();
    assert_eq!((ids[0].day, ids[1].day), (Day(3), Day(1)));
    history.append(&[event(i64::MIN, "c.example"), event(i64::MAX - 1, "d.example")]).unwrap();
    let again = {
        drop(history);
        open(folder.path())
    };
    assert_eq!(all_times(&again, &Query::default()), [i64::MAX - 1, DAY_MS * 3, DAY_MS + 1, i64::MIN]);
    assert_eq!(again.newest().unwrap(), Some(Timestamp(i64::MAX - 1)));
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
fn an_export_hands_over_everything_until_it_is_told_to_stop() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&(0..10).map(|ms| event(ms, "example.com")).collect::<Vec<_>>()).unwrap();
    let query = Query { limit: 1, read_at_most: 1, ..Query::default() };
    let mut times = Vec::new();
    let mut out = |stored: Stored| {
        times.push(stored.event.at.0);
        if stored.event.at.0 == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    assert_eq!(history.export(&query, &mut out).unwrap().events, 7);
    assert_eq!(times, [9, 8, 7, 6, 5, 4, 3]);
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
    let used = history::hosts_used(folder.path(), &Query::default(), 10).unwrap();
    let counted = |host: &str| used.hosts.get(host).copied();
    assert_eq!((counted("one.example"), counted("two.example"), used.more), (Some(2), Some(1), false));
    assert_eq!(std::fs::read(&day).unwrap().len(), whole.len() + 4, "a reader puts nothing right");
    assert_eq!(history.hosts_used(&Query::default(), 10).unwrap(), used);
    let first = history::hosts_used(folder.path(), &Query::default(), 1).unwrap();
    assert_eq!((first.hosts.len(), first.more), (1, true));
    let blocked = Query { outcome: Some(EventOutcome::Blocked), ..Query::default() };
    assert!(history::hosts_used(folder.path(), &blocked, 10).unwrap().hosts.is_empty());
    let nowhere = history::hosts_used(&folder.path().join("nowhere"), &Query::default(), 10).unwrap();
    assert!(nowhere.hosts.is_empty());
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

proptest! {
    // Each append waits for the disk, so fewer cases than is usual.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
    #[test]
    fn pages_of_any_size_show_each_event_once_in_the_order_of_days(
        batches in prop::collection::vec(prop::collection::vec(0..DAY_MS * 3, 1..30), 1..12),
        limit in 1usize..40,
    ) {
        let folder = folder();
        let history = open(folder.path());
        let mut ids = HashSet::new();
        for batch in &batches {
            let events: Vec<_> = batch.iter().map(|at| event(*at, "example.com")).collect();
            ids.extend(history.append(&events).unwrap());
        }
        let mut expected: Vec<i64> = batches.concat();
        prop_assert_eq!(ids.len(), expected.len());
        let mut times = all_times(&history, &Query { limit, ..Query::default() });
        let days: Vec<i64> = times.iter().map(|at| at / DAY_MS).collect();
        prop_assert!(days.is_sorted_by(|newer, older| newer >= older));
        times.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(times, expected);
    }
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
