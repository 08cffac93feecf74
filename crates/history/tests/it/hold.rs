//! What is held outlives its day, and nothing else does.

use crate::{DAY_MS, all_times, event, folder, open};
use history::{HistoryError, Hold, Query};
use model::{AccessEvent, Day, EventOutcome, PersonId, Timestamp};
use std::ops::ControlFlow;
use std::path::Path;
use uuid::Uuid;

fn by(number: u128, at_ms: i64) -> AccessEvent {
    AccessEvent { person: Some(PersonId(Uuid::from_u128(number))), ..event(at_ms, "held.example") }
}

fn of_person(number: u128) -> Query {
    Query { people: Some(vec![PersonId(Uuid::from_u128(number))]), ..Query::default() }
}

fn held_times(history: &history::History, name: &str) -> Vec<i64> {
    let mut times = Vec::new();
    let mut out = |stored: history::Stored| {
        times.push(stored.event.at.0);
        ControlFlow::Continue(())
    };
    history.held(name).unwrap().export(&Query::default(), &mut out).unwrap();
    times
}

#[test]
fn a_held_row_outlives_its_day_with_its_id_also_one_that_came_after_the_hold() {
    let folder = folder();
    let history = open(folder.path());
    let ids = history.append(&[by(1, 1), by(2, 2), by(1, DAY_MS)]).unwrap();
    history.compact(Day(1)).unwrap();
    let hold = history.hold("case-7", &of_person(1), Timestamp(9)).unwrap();
    assert_eq!((hold.events, hold.made, &hold.query), (2, Timestamp(9), &of_person(1)));
    history.append(&[by(1, 3), by(2, 4)]).unwrap();
    let expired = history.expire(Day(2), Timestamp(2 * DAY_MS)).unwrap();
    assert_eq!((expired.days, expired.events), (2, 5));
    assert!(all_times(&history, &Query::default()).is_empty());
    drop(history);
    let history = open(folder.path());
    assert_eq!(held_times(&history, "case-7"), [DAY_MS, 3, 1]);
    let held = history.held("case-7").unwrap();
    let page = held.scan(&Query { limit: 2, ..Query::default() }).unwrap();
    assert_eq!((page.events[0].id, page.events[0].event.clone()), (ids[2], by(1, DAY_MS)));
    assert_eq!(held.count(&of_person(2), 10).unwrap().events, 0);
    let stones = std::fs::read_to_string(folder.path().join("expired.log")).unwrap();
    assert!(stones.lines().next().unwrap().ends_with("\tretention\t2 held"), "{stones}");
}

#[test]
fn a_hold_is_listed_and_released_and_its_name_is_checked() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[by(1, 1)]).unwrap();
    let blocked = Query { outcome: Some(EventOutcome::Blocked), ..Query::default() };
    history.hold("b", &blocked, Timestamp(5)).unwrap();
    history.hold("a", &of_person(1), Timestamp(6)).unwrap();
    let names = |holds: Vec<Hold>| holds.into_iter().map(|hold| (hold.name, hold.events)).collect::<Vec<_>>();
    assert_eq!(names(history.holds().unwrap()), [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(history.release("a", Timestamp(7)).unwrap().events, 1);
    assert_eq!(names(history.holds().unwrap()), [("b".to_owned(), 0)]);
    let stones = std::fs::read_to_string(folder.path().join("expired.log")).unwrap();
    assert!(stones.starts_with("held/a\t1\t") && stones.ends_with("\treleased\n"), "{stones}");
    for name in ["", "..", "a/b", "Upper", &"x".repeat(65)] {
        let refused = history.hold(name, &blocked, Timestamp(0)).err().unwrap();
        assert!(matches!(refused, HistoryError::HoldName { .. }), "{refused}");
    }
    assert!(matches!(history.held("a"), Err(HistoryError::Disk { .. })));
}

#[test]
fn what_is_held_lies_sealed_and_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let history = open(folder.path());
    history.append(&[event(1, "unmistakable.example")]).unwrap();
    let query = Query { host_contains: Some("unmistakable".to_owned()), ..Query::default() };
    history.hold("case-1", &query, Timestamp(1)).unwrap();
    let home = folder.path().join("held/case-1");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    for entry in std::fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(12).any(|window| window == b"unmistakable"), "{path:?}");
    }
}
