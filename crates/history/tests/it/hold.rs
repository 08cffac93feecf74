//! What is held outlives its day, and nothing else does.

use crate::{DAY_MS, all_times, event, folder, open};
use history::{HistoryError, Hold, HoldReason, Keep, Query};
use model::{AccessEvent, Day, EventOutcome, PersonId, Timestamp};
use std::ops::ControlFlow;
use std::path::Path;
use uuid::Uuid;

fn by(number: u128, at_ms: i64) -> AccessEvent {
    AccessEvent { person: Some(PersonId(Uuid::from_u128(number))), ..event(at_ms, "held.example") }
}

fn why() -> HoldReason {
    HoldReason {
        why: "The local authority asked".to_owned(),
        by: Some(PersonId(Uuid::from_u128(5))),
        case: None,
        review_on: Some(Day(90)),
    }
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
    let hold = history.hold("case-7", &of_person(1), &why(), Timestamp(9)).unwrap();
    assert_eq!((hold.events, hold.made, &hold.query), (2, Timestamp(9), &of_person(1)));
    assert_eq!(hold.reason, why());
    history.append(&[by(1, 3), by(2, 4)]).unwrap();
    let expired = history.expire(&Keep::from(Day(2)), Timestamp(2 * DAY_MS)).unwrap();
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
    history.hold("b", &blocked, &why(), Timestamp(5)).unwrap();
    history.hold("a", &of_person(1), &why(), Timestamp(6)).unwrap();
    let names = |holds: Vec<Hold>| holds.into_iter().map(|hold| (hold.name, hold.events)).collect::<Vec<_>>();
    assert_eq!(names(history.holds().unwrap()), [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(history.release("a", Timestamp(7)).unwrap().events, 1);
    assert_eq!(names(history.holds().unwrap()), [("b".to_owned(), 0)]);
    let stones = std::fs::read_to_string(folder.path().join("expired.log")).unwrap();
    assert!(stones.starts_with("held/a\t1\t") && stones.ends_with("\treleased\n"), "{stones}");
    for name in ["", "..", "a/b", "Upper", &"x".repeat(65)] {
        let refused = history.hold(name, &blocked, &why(), Timestamp(0)).err().unwrap();
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
    history.hold("case-1", &query, &why(), Timestamp(1)).unwrap();
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

fn all() -> Query {
    Query::default()
}

#[test]
fn a_changed_hold_keeps_what_it_held_and_what_it_asks_for_now_each_row_once() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[by(1, 1), by(2, 2), by(3, 3)]).unwrap();
    history.append(&[by(1, 4), by(2, 5), by(3, 6)]).unwrap();
    history.compact(Day(1)).unwrap();
    history.append(&[by(1, 7), by(2, 8), by(3, 9)]).unwrap();
    let held = |query: &Query| history.hold("case-7", query, &why(), Timestamp(9)).unwrap().events;
    assert_eq!(held(&of_person(1)), 3);
    assert_eq!(held(&of_person(2)), 6);
    assert_eq!(held_times(&history, "case-7"), [8, 7, 5, 4, 2, 1]);
    assert_eq!(held(&of_person(9)), 6, "a narrower hold drops nothing");
    assert_eq!(held(&all()), 9);
    history.expire(&Keep::from(Day(1)), Timestamp(2 * DAY_MS)).unwrap();
    assert_eq!(held(&of_person(9)), 9, "the day is gone");
    // A day that begins anew gives other ids, also after a restart, so that no held row is taken for another.
    history.append(&[by(9, 10)]).unwrap();
    assert_eq!(held(&of_person(9)), 10);
    drop(history);
    let history = open(folder.path());
    history.expire(&Keep::from(Day(1)), Timestamp(3 * DAY_MS)).unwrap();
    history.append(&[by(9, 11)]).unwrap();
    assert_eq!(history.hold("case-7", &all(), &why(), Timestamp(9)).unwrap().events, 11);
}

#[test]
fn a_hold_that_cannot_be_read_stops_the_days_it_may_need_and_no_other() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&(0..4).map(|day| by(1, day * DAY_MS)).collect::<Vec<_>>()).unwrap();
    let second = Query { from: Some(Timestamp(DAY_MS)), until: Some(Timestamp(2 * DAY_MS - 1)), ..all() };
    history.hold("broken", &second, &why(), Timestamp(9)).unwrap();
    history.hold("whole", &of_person(1), &why(), Timestamp(9)).unwrap();
    let note = folder.path().join("held/broken/hold");
    std::fs::write(&note, b"not what was written").unwrap();
    let names: Vec<_> = history.holds().unwrap().into_iter().map(|hold| hold.name).collect();
    assert_eq!(names, ["whole"]);
    let unreadable = history.unreadable_holds().unwrap();
    assert_eq!((unreadable[0].name.as_str(), unreadable[0].days.clone()), ("broken", Day(1)..=Day(1)));
    assert_eq!(history.expire(&Keep::from(Day(3)), Timestamp(5 * DAY_MS)).unwrap().days, 2);
    assert_eq!(all_times(&history, &all()), [3 * DAY_MS, DAY_MS]);
    assert_eq!(held_times(&history, "whole"), [3 * DAY_MS, 2 * DAY_MS, DAY_MS, 0]);
    // Where not even its days can be read, it may need every day.
    std::fs::write(folder.path().join("held/broken/span"), b"?").unwrap();
    assert_eq!(history.expire(&Keep::from(Day(9)), Timestamp(9 * DAY_MS)).unwrap().days, 0);
}

type Crash = fn(&Path, &str);

/// What a crash may leave of a hold that was being made, copied, or released; whether the hold stands then, and how many
/// lines say that it was released.
fn crashes() -> [(&'static str, Crash, bool, usize); 7] {
    [
        ("nothing", |_, _| {}, true, 0),
        (
            "made, and not named yet",
            |held, _| {
                std::fs::create_dir(held.join("other.new")).unwrap();
                std::fs::write(held.join("other.new/span"), b"half").unwrap();
            },
            true,
            0,
        ),
        (
            "a copy, a note and a key half written",
            |held, _| {
                for name in ["1970-01-01.columns.new", "hold.new", "span.new", "1970-01-02.key.new"] {
                    std::fs::write(held.join("kept").join(name), b"half").unwrap();
                }
            },
            true,
            0,
        ),
        (
            "a release half begun",
            |held, _| std::fs::write(held.join("kept/released.new"), b"held").unwrap(),
            true,
            0,
        ),
        ("a release begun", |held, line| std::fs::write(held.join("kept/released"), line).unwrap(), false, 1),
        (
            "a release of which the line is written",
            |held, line| {
                std::fs::write(held.join("kept/released"), line).unwrap();
                std::fs::write(held.join("../expired.log"), line).unwrap();
            },
            false,
            1,
        ),
        (
            "a release half removed",
            |held, line| {
                std::fs::write(held.join("../expired.log"), line).unwrap();
                std::fs::rename(held.join("kept"), held.join("kept.released")).unwrap();
                std::fs::remove_file(held.join("kept.released/hold")).unwrap();
            },
            false,
            1,
        ),
    ]
}

#[test]
fn whatever_a_crash_leaves_of_a_hold_is_put_right_when_the_history_is_opened() {
    let line = "held/kept\t1\t400\t1970-01-01T00:00:00.007Z\treleased\n";
    for (what, crash, stands, lines) in crashes() {
        let folder = folder();
        let folder = folder.path();
        let history = open(folder);
        history.append(&[by(1, 1)]).unwrap();
        history.hold("kept", &of_person(1), &why(), Timestamp(5)).unwrap();
        drop(history);
        crash(&folder.join("held"), line);
        let history = open(folder);
        let holds = history.holds().unwrap();
        assert_eq!(holds.iter().any(|hold| hold.name == "kept" && hold.events == 1), stands, "{what}");
        assert!(history.unreadable_holds().unwrap().is_empty(), "{what}");
        let stones = std::fs::read_to_string(folder.join("expired.log")).unwrap_or_default();
        assert_eq!(stones.matches("released").count(), lines, "{what}");
        let left: Vec<_> =
            std::fs::read_dir(folder.join("held")).unwrap().map(|one| one.unwrap().file_name()).collect();
        assert_eq!(left.len(), usize::from(stands), "{what}: {left:?}");
        assert_eq!(history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap().days, 1, "{what}");
        if stands {
            assert_eq!(held_times(&history, "kept"), [1], "{what}");
        }
    }
}

#[test]
fn a_release_that_cannot_leave_its_line_leaves_the_hold() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&[by(1, 1)]).unwrap();
    history.hold("kept", &of_person(1), &why(), Timestamp(5)).unwrap();
    // The line would go to a device that is always full.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("expired.log")).unwrap();
    assert!(matches!(history.release("kept", Timestamp(7)), Err(HistoryError::Disk { .. })));
    std::fs::remove_file(folder.path().join("expired.log")).unwrap();
    drop(history);
    let history = open(folder.path());
    assert_eq!(held_times(&history, "kept"), [1]);
    history.release("kept", Timestamp(8)).unwrap();
    assert!(history.holds().unwrap().is_empty());
}

#[test]
fn held_rows_whose_copy_is_damaged_come_again_from_their_day_and_the_damaged_file_stays() {
    let folder = folder();
    let history = open(folder.path());
    history.append(&(0..40_000).map(|ms| by(1, ms)).collect::<Vec<_>>()).unwrap();
    history.hold("kept", &of_person(1), &why(), Timestamp(5)).unwrap();
    let copy = folder.path().join("held/kept/1970-01-01.columns");
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    assert_eq!(history.hold("kept", &of_person(1), &why(), Timestamp(6)).unwrap().events, 40_000);
    assert_eq!(held_times(&history, "kept").len(), 40_000);
    assert_eq!(std::fs::read(copy.with_extension("columns.damaged")).unwrap(), bytes);
}

#[test]
fn a_day_of_which_a_part_cannot_be_read_stays_while_a_hold_may_need_it() {
    let folder = folder();
    let history = open(folder.path());
    for ms in 0..3 {
        history.append(&[by(1, ms)]).unwrap();
    }
    history.append(&[by(1, DAY_MS)]).unwrap();
    drop(history);
    let path = folder.path().join("1970-01-01.events");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8 + 64 + 10] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let history = open(folder.path());
    let later = Query { from: Some(Timestamp(DAY_MS)), ..of_person(1) };
    history.hold("later", &later, &why(), Timestamp(5)).unwrap();
    history.hold("all", &of_person(1), &why(), Timestamp(5)).unwrap();
    let expire = || history.expire(&Keep::from(Day(2)), Timestamp(3 * DAY_MS)).unwrap();
    assert_eq!((expire().days, history.days().unwrap().len()), (1, 1), "the damaged day stays");
    history.release("all", Timestamp(6)).unwrap();
    assert_eq!((expire().days, history.days().unwrap().len()), (1, 0), "no hold needs it any more");
    assert_eq!(held_times(&history, "later"), [DAY_MS]);
}
