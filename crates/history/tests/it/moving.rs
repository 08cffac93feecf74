//! Moving a history between a folder and a server: everything is there afterwards, once, with its ids.

use crate::contract::{Place, full_event};
use crate::{DAY_MS, Folder, all_times, event, folder, open};
use history::{History, HistoryError, HoldReason, Keep, MovedDay, Query, Stored, move_history};
use model::{AccessEvent, Day, GateId, PersonId, SchoolId, Timestamp};
use std::ops::ControlFlow;
use testkit::clickhouse::ClickHouse;
use uuid::Uuid;

fn everything(history: &History) -> Vec<Stored> {
    let mut all = Vec::new();
    let mut out = |stored: Stored| {
        all.push(stored);
        ControlFlow::Continue(())
    };
    history.export(&Query::default(), &mut out).unwrap();
    all
}

/// Three days, of which two are columns, and a hold of what is gone and of what is there.
fn filled() -> (Folder, History) {
    let folder = folder();
    let history = open(folder.path());
    let by = |n: u128, at: i64| AccessEvent {
        person: Some(PersonId(Uuid::from_u128(n))),
        school: Some(SchoolId::new("ash")),
        ..event(at, "held.example")
    };
    for day in 0..4 {
        let some = (0..50i64).map(|n| by(u128::from(n.unsigned_abs() % 3), day * DAY_MS + n));
        history
            .append(
                &some
                    .chain([AccessEvent { at: Timestamp(day * DAY_MS), ..full_event() }])
                    .collect::<Vec<_>>(),
            )
            .unwrap();
    }
    history.compact(Day(3)).unwrap();
    let one = Query { people: Some(vec![PersonId(Uuid::from_u128(1))]), ..Query::default() };
    let reason = HoldReason { why: "asked".to_owned(), review_on: Some(Day(30)), ..HoldReason::default() };
    history.hold("case-1", &one, &reason, Timestamp(7)).unwrap();
    history.expire(&Keep::from(Day(1)), Timestamp(9)).unwrap();
    (folder, history)
}

fn moved(from: &History, to: &History) -> Result<Vec<MovedDay>, HistoryError> {
    let mut days = Vec::new();
    move_history(from, to, &mut |day| days.push(day.clone()))?;
    Ok(days)
}

#[test]
fn every_day_and_every_hold_goes_to_a_server_and_back_with_its_ids() {
    let engine = ClickHouse::start().unwrap();
    let (_folder, local) = filled();
    let place = Place::on(&engine, "there");
    let server = place.open();
    let days = moved(&local, &server).unwrap();
    assert_eq!(days.iter().filter(|day| day.hold.is_none()).count(), 3);
    assert_eq!(days.iter().filter(|day| day.hold.is_some()).count(), 4);
    assert!(days.iter().all(|day| !day.was_there && day.unreadable == 0 && day.events > 0));
    assert_eq!(everything(&server), everything(&local));
    assert!(
        moved(&local, &server).unwrap().iter().all(|day| day.was_there),
        "a second time nothing is copied"
    );

    let home = folder();
    let back = open(home.path());
    assert_eq!(moved(&server, &back).unwrap().len(), 7);
    assert!(moved(&server, &back).unwrap().iter().all(|day| day.was_there));
    assert_eq!(everything(&back), everything(&local));
    let (ours, theirs) = (local.holds().unwrap(), back.holds().unwrap());
    assert_eq!(
        (&theirs[0].name, &theirs[0].query, &theirs[0].reason, theirs[0].made),
        (&ours[0].name, &ours[0].query, &ours[0].reason, ours[0].made)
    );
    assert_eq!(theirs[0].events, ours[0].events);
    let held = |history: &History| history.held("case-1").unwrap().scan(&Query::default()).unwrap();
    assert_eq!(held(&back), held(&local));
    let stones = local.tombstones(&Query::default()).unwrap();
    assert_eq!((stones.len(), stones[0].day), (1, Day(0)));
    assert_eq!(server.tombstones(&Query::default()).unwrap(), stones);
    assert_eq!(back.tombstones(&Query::default()).unwrap(), stones);
    // Ids go on where they were, in both, and what comes late to a day that went is taken for no held row.
    for place in [&server, &back] {
        let late = place.append(&[event(1, "late.example")]).unwrap();
        assert!(late[0].sequence >= 50, "{late:?}");
    }
    let next = [event(3 * DAY_MS + 70, "next.example")];
    let expected = local.append(&next).unwrap();
    assert_eq!(server.append(&next).unwrap(), expected);
    assert_eq!(back.append(&next).unwrap(), expected);
}

#[test]
fn a_move_that_was_broken_off_goes_on_where_it_was() {
    let engine = ClickHouse::start().unwrap();
    let (_folder, local) = filled();
    for kind in ["drop", "lose", "late"] {
        let place = Place::on(&engine, &format!("broken_{kind}"));
        let server = place.open();
        // The first day arrives, the second does not.
        engine.fault("pass").unwrap();
        engine.fault(kind).unwrap();
        assert!(matches!(moved(&local, &server), Err(HistoryError::ServerSilent { .. })), "{kind}");
        let days = moved(&local, &place.open()).unwrap();
        assert_eq!(
            days.iter().filter(|day| day.was_there).count(),
            if kind == "lose" { 2 } else { 1 },
            "{kind}"
        );
        if kind == "late" {
            engine.go().unwrap_err();
        }
        assert_eq!(everything(&place.open()), everything(&local), "{kind}");
    }
}

#[test]
fn a_day_of_which_a_part_is_there_is_made_whole_and_one_that_differs_ends_the_move() {
    let engine = ClickHouse::start().unwrap();
    let (_folder, local) = filled();
    let place = Place::on(&engine, "parts");
    let server = place.open();
    moved(&local, &server).unwrap();
    engine.ask("ALTER TABLE parts.events DELETE WHERE day = 2 AND sequence < 20").unwrap();
    let days = moved(&local, &place.open()).unwrap();
    assert_eq!(days.iter().filter(|day| !day.was_there).count(), 1);
    assert_eq!(everything(&server), everything(&local));

    place.open().append(&[event(2 * DAY_MS, "other.example")]).unwrap();
    let error = moved(&local, &place.open()).unwrap_err();
    assert!(matches!(error, HistoryError::NotTheSame { day: Day(2), ours: 51, theirs: 52 }), "{error}");
    let home = folder();
    let other = open(home.path());
    other.append(&[event(DAY_MS, "other.example")]).unwrap();
    let error = moved(&server, &other).unwrap_err();
    assert!(matches!(error, HistoryError::NotTheSame { day: Day(1), .. }), "{error}");
    assert_eq!(all_times(&other, &Query::default()), [DAY_MS], "nothing was removed");
    assert!(matches!(moved(&local, &other), Err(HistoryError::SamePlace)));
    drop(other);
    assert!(History::open(home.path(), GateId(1)).is_ok());
}
