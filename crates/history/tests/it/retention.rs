//! Kinds of events that are kept for different times.

use crate::{DAY_MS, all_times, event, folder, open};
use history::{HoldReason, Keep, Kind, Query, Stored, Tombstone};
use model::{AccessEvent, Channel, Day, EventOutcome, Timestamp};
use std::path::Path;

fn name(at_ms: i64) -> AccessEvent {
    AccessEvent { channel: Channel::Dns, ..event(at_ms, "www.example.com") }
}

fn blocked(at_ms: i64) -> AccessEvent {
    AccessEvent { outcome: EventOutcome::Blocked, ..name(at_ms) }
}

/// Name look-ups that were answered are kept from `names` on, everything else from `rest` on.
fn names_from(names: i32, rest: i32) -> Keep {
    Keep { names: Day(names), ..Keep::from(Day(rest)) }
}

fn stored(history: &history::History) -> Vec<Stored> {
    history.scan(&Query { limit: 1_000, ..Query::default() }).unwrap().events
}

fn lines(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("expired.log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn rows_of_a_kind_that_is_kept_for_less_long_go_and_the_others_keep_their_ids() {
    let folder = folder();
    let history = open(folder.path());
    for day in 0..3 {
        let at = day * DAY_MS;
        history.append(&[event(at, "one.example"), name(at + 1), blocked(at + 2), name(at + 3)]).unwrap();
    }
    let before = stored(&history);
    let expired = history.expire(&names_from(2, 0), Timestamp(3 * DAY_MS)).unwrap();
    assert_eq!((expired.days, expired.thinned, expired.events), (0, 2, 4));
    let kept =
        |one: &&Stored| one.id.day == Day(2) || Kind::of(one.event.channel, one.event.outcome) != Kind::Names;
    let expected: Vec<Stored> = before.iter().filter(kept).cloned().collect();
    assert_eq!(stored(&history), expected);
    assert_eq!(history.counts_by_outcome(&Query::default()).unwrap().total(), 8);
    let said = lines(folder.path());
    assert_eq!(said.len(), 2);
    assert!(
        said[0].starts_with("1970-01-01\t2\t") && said[0].ends_with("\tretention of names 2\t0 held"),
        "{said:?}"
    );
    let first = Query { until: Some(Timestamp(DAY_MS - 1)), ..Query::default() };
    let stone = Tombstone { day: Day(0), events: 2, kinds: vec![(Kind::Names, 2)] };
    assert_eq!(history.tombstones(&first).unwrap(), [stone]);
    // It was done, and is not done again; nor after a restart.
    assert_eq!(history.expire(&names_from(2, 0), Timestamp(4 * DAY_MS)).unwrap().thinned, 0);
    drop(history);
    let history = open(folder.path());
    assert_eq!(history.expire(&names_from(2, 0), Timestamp(4 * DAY_MS)).unwrap().thinned, 0);
    assert_eq!((stored(&history), lines(folder.path()).len()), (expected, 2));
}

#[test]
fn no_id_is_given_twice_though_the_last_rows_of_a_day_went() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    let given = history.append(&[name(1), name(2)]).unwrap();
    assert_eq!(history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap().events, 2);
    assert!(stored(&history).is_empty());
    drop(history);
    let history = open(folder);
    let late = history.append(&[name(3), blocked(4)]).unwrap();
    assert!(late.iter().all(|id| id.sequence > given[1].sequence), "{late:?}");
    // What came late goes as well.
    let expired = history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap();
    assert_eq!((expired.thinned, expired.events), (1, 1));
    assert_eq!(all_times(&history, &Query::default()), [4]);
    assert_eq!(lines(folder).len(), 2);
    // At last the day goes whole.
    assert_eq!(history.expire(&Keep::from(Day(1)), Timestamp(2 * DAY_MS)).unwrap().days, 1);
    let stones = history.tombstones(&Query::default()).unwrap();
    assert_eq!(stones.iter().map(|stone| stone.events).collect::<Vec<_>>(), [2, 1, 1]);
}

#[test]
fn a_hold_keeps_rows_of_a_kind_that_go() {
    let folder = folder();
    let history = open(folder.path());
    let ids = history.append(&[event(0, "one.example"), name(1), name(2)]).unwrap();
    history.hold("kept", &Query::default(), &HoldReason::default(), Timestamp(5)).unwrap();
    history.append(&[name(3)]).unwrap();
    history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [0]);
    history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap();
    let held = history.held("kept").unwrap().scan(&Query::default()).unwrap().events;
    assert_eq!(held.iter().map(|one| one.event.at.0).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(held[3].id, ids[0]);
    assert!(lines(folder.path())[0].ends_with("\t4 held"));
}

#[test]
fn a_day_that_cannot_be_read_whole_is_not_rewritten() {
    let folder = folder();
    let folder = folder.path();
    let history = open(folder);
    history.append(&(0..40_000).map(name).collect::<Vec<_>>()).unwrap();
    history.compact(Day(1)).unwrap();
    drop(history);
    let path = folder.join("1970-01-01.columns");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let history = open(folder);
    assert_eq!(history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap().thinned, 0);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(!folder.join("1970-01-01.columns.new").exists() && lines(folder).is_empty());
    assert_eq!(history.expire(&Keep::from(Day(1)), Timestamp(2 * DAY_MS)).unwrap().days, 1);
}

#[test]
fn a_day_that_a_later_program_wrote_to_stays_as_it_is_and_takes_events_again() {
    let later: [(&str, &[u8]); 2] =
        [("events", b"SGEVENT\x09and more"), ("columns", b"SGCOLS\0\x09and more")];
    for (end, bytes) in later {
        let folder = folder();
        let folder = folder.path();
        let history = open(folder);
        let before = history.append(&[name(1), name(DAY_MS)]).unwrap();
        drop(history);
        std::fs::write(folder.join(format!("1970-01-01.{end}")), bytes).unwrap();
        let history = open(folder);
        history.compact(Day(1)).unwrap();
        let second = Query { from: Some(Timestamp(DAY_MS)), ..Query::default() };
        assert_eq!(all_times(&history, &second), [DAY_MS], "{end}");
        let after = history.append(&[name(2)]).unwrap();
        assert!(after[0].sequence > before[0].sequence, "{end}");
        assert_eq!(std::fs::read(folder.join(format!("1970-01-01.{end}.unreadable-1"))).unwrap(), bytes);
        drop(history);
        let expected = if end == "events" { vec![DAY_MS, 2] } else { vec![DAY_MS, 2, 1] };
        assert_eq!(all_times(&open(folder), &Query::default()), expected, "{end}");
    }
}
