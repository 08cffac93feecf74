//! Logs that became columns say what they said before.

use crate::{DAY_MS, all_times, event, folder, open};
use history::{Every, History, Keep, Query, Stored};
use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventOutcome, GroupId, Layer, ListId, ListLine, PersonId,
    SchoolId, Timestamp,
};
use proptest::prelude::*;
use std::path::Path;
use uuid::Uuid;

const HOSTS: [&str; 4] = ["www.example.com", "cdn.example.com", "school.example", "[2001:db8::1]"];
const PATHS: [&str; 5] = ["/", "", "/Lesson/Frogs?page=2", "/search?q=life+cycle+of+a+frog", "/caf\u{e9}"];

/// An event out of a few different ones, told apart by these numbers.
fn one_of(at_ms: i64, pick: u32) -> AccessEvent {
    let of = |many: u32, shift: u32| (pick >> shift) % many;
    let path = PATHS.iter().cycle().nth(of(5, 2) as usize).unwrap().to_string();
    let host = HOSTS.iter().cycle().nth(of(4, 0) as usize).unwrap();
    let blocked = of(3, 5) == 0;
    AccessEvent {
        school: (of(3, 7) > 0).then(|| SchoolId::new(format!("school-{}", of(3, 7)))),
        person: (of(4, 9) > 0).then(|| PersonId(Uuid::from_u128(u128::from(of(4, 9))))),
        known_since: (of(4, 9) == 2).then_some(Timestamp(at_ms - 5)),
        device: (of(2, 11) > 0).then(|| DeviceId(Uuid::from_u128(9))),
        group: Some(GroupId::new(if of(2, 12) > 0 { "juniors" } else { "seniors" })),
        channel: if of(2, 13) > 0 { Channel::Https } else { Channel::Dns },
        outcome: if blocked { EventOutcome::Blocked } else { EventOutcome::Allowed },
        layer: if blocked { Layer::Category } else { Layer::Default },
        category: Category::parse("gambling").filter(|_| blocked),
        list: blocked.then(|| ListLine { list: ListId::new("starter"), line: of(50, 14) }),
        entry: (of(5, 20) == 0).then(|| "*.example".into()),
        status: (of(2, 22) > 0).then_some(200),
        bytes_up: u64::from(pick),
        bytes_down: u64::from(pick) * 7_919,
        took_ms: of(5_000, 3),
        path,
        ..event(at_ms, host)
    }
}

fn queries() -> Vec<Query> {
    let any = Query::default;
    vec![
        any(),
        Query { from: Some(Timestamp(DAY_MS / 2)), until: Some(Timestamp(DAY_MS + DAY_MS / 3)), ..any() },
        Query { schools: Some(vec![SchoolId::new("school-1")]), ..any() },
        Query { people: Some(vec![PersonId(Uuid::from_u128(2)), PersonId(Uuid::from_u128(3))]), ..any() },
        Query { devices: Some(vec![DeviceId(Uuid::from_u128(9))]), ..any() },
        Query { groups: Some(vec![GroupId::new("juniors")]), ..any() },
        Query { address: "10.0.0.1".parse().ok(), ..any() },
        Query { host_contains: Some("example.COM".to_owned()), ..any() },
        Query { url_contains: Some("example.com/lesson".to_owned()), ..any() },
        Query { url_contains: Some("FROG".to_owned()), ..any() },
        Query { url_contains: Some("cdn".to_owned()), ..any() },
        Query { words: Some("frog cycle".to_owned()), ..any() },
        Query { words: Some("caf\u{e9}".to_owned()), ..any() },
        Query { outcome: Some(EventOutcome::Blocked), ..any() },
        Query { channels: Some(vec![Channel::Dns]), ..any() },
        Query { category: Category::parse("gambling"), ..any() },
        Query { layer: Some(Layer::Category), ..any() },
        Query { list: Some(ListId::new("starter")), ..any() },
        Query { entry: Some("*.example".to_owned()), ..any() },
        Query { schools: Some(Vec::new()), ..any() },
    ]
}

fn everything(history: &History, query: &Query) -> Vec<Stored> {
    let mut all = Vec::new();
    let mut query = Query { limit: 25, ..query.clone() };
    loop {
        let page = history.scan(&query).unwrap();
        assert_eq!(page.unreadable, 0);
        all.extend(page.events);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return all,
        }
    }
}

/// All that the verbs say, for each query.
fn answers(history: &History) -> Vec<String> {
    let mut said = Vec::new();
    for query in queries() {
        let top = history.top_hosts(&query, Every::Hour, 3).unwrap();
        let sums = history.sums(&query, Every::Hour).unwrap();
        let count = history.count(&query, u64::MAX).unwrap();
        let outcomes = history.counts_by_outcome(&query).unwrap();
        let used = history.hosts_used(&query, 10).unwrap();
        let mut used: Vec<_> = used.hosts.into_iter().collect();
        used.sort();
        let events = everything(history, &query);
        assert_eq!(events.len() as u64, count.events, "{query:?}");
        assert_eq!(outcomes.total(), count.events, "{query:?}");
        assert_eq!(used.iter().map(|(_, times)| times).sum::<u64>(), count.events, "{query:?}");
        said.push(format!("{query:?}: {events:?} {count:?} {outcomes:?} {top:?} {sums:?} {used:?}"));
    }
    said
}

fn append_all(history: &History, batches: &[Vec<(i64, u32)>]) {
    for batch in batches {
        let events: Vec<_> = batch.iter().map(|(at, pick)| one_of(*at, *pick)).collect();
        history.append(&events).unwrap();
    }
}

proptest! {
    // Each append waits for the disk, so fewer cases than is usual.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 64))]
    #[test]
    fn columns_say_what_the_logs_said(
        batches in prop::collection::vec(prop::collection::vec((0..DAY_MS * 2, any::<u32>()), 1..30), 1..8),
        late in prop::collection::vec(prop::collection::vec((0..DAY_MS * 2, any::<u32>()), 1..10), 0..3),
    ) {
        let (logs, columns) = (folder(), folder());
        let (logs, columns) = (open(logs.path()), open(columns.path()));
        append_all(&logs, &batches);
        append_all(&columns, &batches);
        let expected = answers(&logs);
        prop_assert_eq!(&answers(&columns), &expected);
        columns.compact(Day(2)).unwrap();
        prop_assert_eq!(&answers(&columns), &expected);
        append_all(&logs, &late);
        append_all(&columns, &late);
        let expected = answers(&logs);
        prop_assert_eq!(&answers(&columns), &expected);
        columns.compact(Day(2)).unwrap();
        prop_assert_eq!(&answers(&columns), &expected);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_closed_day_is_one_file_of_columns_and_a_key_and_today_stays_a_log() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    history.append(&[event(1, "one.example"), event(DAY_MS, "two.example")]).unwrap();
    let done = history.compact(Day(1)).unwrap();
    assert_eq!((done.days, done.events, done.damaged), (1, 1, 0));
    let expected = ["1970-01-01.columns", "1970-01-01.key", "1970-01-02.events", "1970-01-02.key", "lock"];
    assert_eq!(names(folder), expected);
    assert_eq!(history.compact(Day(1)).unwrap().days, 0);
    drop(history);
    assert_eq!(all_times(&open(folder), &Query::default()), [DAY_MS, 1]);
}

#[test]
fn a_crash_between_columns_and_log_shows_no_event_twice() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    history.append(&[event(1, "one.example")]).unwrap();
    history.append(&[event(2, "two.example")]).unwrap();
    let log = std::fs::read(folder.join("1970-01-01.events")).unwrap();
    history.compact(Day(1)).unwrap();
    drop(history);
    // The columns were renamed into place, and the log was not shortened; another rewriting had just begun.
    std::fs::write(folder.join("1970-01-01.events"), log).unwrap();
    std::fs::write(folder.join("1970-01-01.columns.new"), "half").unwrap();
    let history = open(folder);
    assert_eq!(all_times(&history, &Query::default()), [2, 1]);
    history.append(&[event(3, "late.example")]).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [3, 2, 1]);
    history.compact(Day(1)).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [3, 2, 1]);
    assert_eq!(names(folder), ["1970-01-01.columns", "1970-01-01.key", "lock"]);
}

#[test]
fn what_of_a_log_cannot_be_read_is_kept_aside() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    for ms in 0..3 {
        history.append(&[event(ms, "example.com")]).unwrap();
    }
    let path = folder.join("1970-01-01.events");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8 + 64 + 10] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let done = history.compact(Day(1)).unwrap();
    assert_eq!((done.events, done.damaged), (2, 1));
    assert_eq!(all_times(&history, &Query::default()), [2, 1]);
    assert_eq!(std::fs::read(folder.join("1970-01-01.damaged")).unwrap(), bytes);
    history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap();
    assert_eq!(names(folder), ["expired.log", "lock"]);
}

#[test]
fn a_full_disk_leaves_the_log_as_it_is() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[event(1, "one.example"), event(2, "two.example")]).unwrap();
    // The columns are written to a device that is always full.
    let fresh = folder.path().join("1970-01-01.columns.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
    assert!(matches!(history.compact(Day(1)), Err(history::HistoryError::Disk { .. })));
    assert_eq!(all_times(&history, &Query::default()), [2, 1]);
    std::fs::remove_file(fresh).unwrap();
    assert_eq!(history.compact(Day(1)).unwrap().events, 2);
    assert_eq!(all_times(&history, &Query::default()), [2, 1]);
}

#[test]
fn a_damaged_chunk_is_counted_and_the_rest_is_shown() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    let batch: Vec<_> = (0..40_000).map(|ms| one_of(ms, u32::try_from(ms).unwrap() * 77)).collect();
    history.append(&batch).unwrap();
    history.compact(Day(1)).unwrap();
    drop(history);
    let path = folder.join("1970-01-01.columns");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let history = open(folder);
    let mut shown = 0;
    let exported = history.export(&Query::default(), &mut |_| {
        shown += 1;
        std::ops::ControlFlow::Continue(())
    });
    let exported = exported.unwrap();
    assert!(exported.unreadable > 0 && shown > 0, "{exported:?}");
    assert_eq!(exported.events + exported.unreadable, 40_000);
}

#[test]
fn nothing_of_an_event_lies_readable_on_the_disk() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    let events: Vec<_> = (0..50).map(|ms| event(ms, "unmistakable.example")).collect();
    history.append(&events).unwrap();
    let lies_open = || {
        names(folder).iter().any(|name| {
            let bytes = std::fs::read(folder.join(name)).unwrap();
            bytes.windows(12).any(|window| window == b"unmistakable")
        })
    };
    assert!(!lies_open());
    history.compact(Day(1)).unwrap();
    assert!(!lies_open());
}

#[test]
fn a_day_without_its_key_says_so() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    history.append(&[event(1, "one.example")]).unwrap();
    history.compact(Day(1)).unwrap();
    drop(history);
    std::fs::remove_file(folder.join("1970-01-01.key")).unwrap();
    let (history, recovery) = History::open(folder, model::GateId(1)).unwrap();
    assert_eq!(recovery.unreadable_days, 1);
    assert_eq!(
        history.scan(&Query::default()).err().unwrap().to_string(),
        "expected a key for 1970-01-01, found none: the day cannot be read without it"
    );
    // The others go on.
    history.append(&[event(DAY_MS, "two.example")]).unwrap();
    assert_eq!(history.compact(Day(2)).unwrap().days, 1);
    let query = Query { from: Some(Timestamp(DAY_MS)), ..Query::default() };
    assert_eq!(all_times(&history, &query), [DAY_MS]);
    assert_eq!(history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap().days, 1);
    assert_eq!(all_times(&history, &Query::default()), [DAY_MS]);
}

#[test]
fn a_day_that_cannot_be_read_is_set_aside_and_takes_events_again() {
    for broken in ["columns", "key"] {
        let folder = folder();
        let folder = folder.path();
        let history = open(folder);
        let before = history.append(&[event(1, "one.example")]).unwrap();
        history.compact(Day(1)).unwrap();
        drop(history);
        std::fs::write(folder.join(format!("1970-01-01.{broken}")), b"not what was written").unwrap();
        let history = open(folder);
        let after = history.append(&[event(2, "two.example"), event(DAY_MS, "three.example")]).unwrap();
        assert!(after[0].sequence > before[0].sequence, "{broken}");
        drop(history);
        let history = open(folder);
        assert_eq!(all_times(&history, &Query::default()), [DAY_MS, 2], "{broken}");
        let aside = folder.join(format!("1970-01-01.{broken}.unreadable-1"));
        assert_eq!(std::fs::read(aside).unwrap(), b"not what was written");
        history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap();
        assert!(!names(folder).iter().any(|name| name.starts_with("1970-01-01")), "{broken}");
    }
}

#[test]
fn today_becomes_columns_slice_by_slice() {
    let folder = folder();
    let history = open(folder.path());
    let batch: Vec<_> = (0..4_000).map(|ms| event(ms, "example.com")).collect();
    for _ in 0..70 {
        history.append(&batch).unwrap();
    }
    let done = history.compact(Day(0)).unwrap();
    assert_eq!((done.days, done.events), (1, 264_000));
    history.append(&batch).unwrap();
    assert_eq!(history.count(&Query::default(), u64::MAX).unwrap().events, 71 * 4_000);
    let ids = |query: &Query| {
        history.scan(query).unwrap().events.iter().map(|one| one.id.sequence).collect::<Vec<_>>()
    };
    assert_eq!(ids(&Query { limit: 2, ..Query::default() }), [283_999, 283_998]);
    let cursor = model::EventId { gate: model::GateId(1), day: Day(0), sequence: 264_001 };
    assert_eq!(
        ids(&Query { limit: 3, before: Some(cursor), ..Query::default() }),
        [264_000, 263_999, 263_998]
    );
}
