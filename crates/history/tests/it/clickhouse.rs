//! A ClickHouse server that is dead, slow, full, or has two masters: what was promised is there once, and nothing else is.

use crate::contract::{Place, full_event, server};
use crate::{DAY_MS, all_times, event, folder, open};
use history::{Every, History, HistoryError, HoldReason, Keep, Query};
use model::{
    AccessEvent, Category, Channel, EventId, EventOutcome, GateId, Host, PersonId, SchoolId, Timestamp,
};
use testkit::clickhouse::ClickHouse;
use testkit::seeded::Seeded;
use uuid::Uuid;

fn sequences(ids: &[EventId]) -> Vec<u64> {
    ids.iter().map(|id| id.sequence).collect()
}

/// Two appends about a mishap: the ids go on as if it had not been, and each event is there once.
#[test]
fn after_a_mishap_nothing_of_the_append_is_there_and_ids_go_on_without_a_gap() {
    let engine = ClickHouse::start().unwrap();
    for kind in ["drop", "lose", "late", "full"] {
        let place = Place::on(&engine, &format!("after_{kind}"));
        let history = place.open();
        assert_eq!(sequences(&history.append(&[event(1, "a.test"), event(2, "a.test")]).unwrap()), [0, 1]);
        engine.fault(kind).unwrap();
        let error = history.append(&[event(3, "b.test"), event(4, "b.test")]).unwrap_err();
        match kind {
            "full" => assert!(matches!(error, HistoryError::ServerRefused { code: 243, .. }), "{error}"),
            _ => assert!(matches!(error, HistoryError::ServerSilent { .. }), "{error}"),
        }
        assert_eq!(all_times(&history, &Query::default()), [2, 1], "{kind}");
        let again = [event(3, "b.test"), event(4, "b.test"), event(5, "b.test")];
        assert_eq!(sequences(&history.append(&again).unwrap()), [2, 3, 4], "{kind}");
        if kind == "late" {
            let refused = engine.go().unwrap_err();
            assert!(refused.contains("another writer"), "{refused}");
        }
        assert_eq!(all_times(&place.open(), &Query::default()), [5, 4, 3, 2, 1], "{kind}");
    }
}

#[test]
fn an_append_of_two_days_is_kept_whole_or_not_at_all() {
    let engine = ClickHouse::start().unwrap();
    for kind in ["drop", "lose", "full"] {
        let place = Place::on(&engine, &format!("two_days_{kind}"));
        let history = place.open();
        engine.fault("pass").unwrap();
        engine.fault(kind).unwrap();
        let batch = [event(1, "a.test"), event(DAY_MS, "b.test")];
        history.append(&batch).unwrap_err();
        assert!(all_times(&history, &Query::default()).is_empty(), "{kind}");
        assert_eq!(sequences(&history.append(&batch).unwrap()), [0, 0], "{kind}");
        assert_eq!(all_times(&history, &Query::default()), [DAY_MS, 1], "{kind}");
    }
}

#[test]
fn a_server_that_dies_in_the_middle_of_an_append_keeps_what_was_promised_and_nothing_twice() {
    let mut engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "dies");
    let history = place.open();
    history.append(&[event(1, "a.test")]).unwrap();
    // The insert is done, its answer is lost, and then nobody answers any more.
    engine.fault("lose").unwrap();
    engine.fault("deaf").unwrap();
    history.append(&[event(2, "b.test")]).unwrap_err();
    drop(place);
    engine.kill();
    for error in [
        history.append(&[event(2, "b.test")]).unwrap_err(),
        history.scan(&Query::default()).unwrap_err(),
        history.days().unwrap_err(),
    ] {
        assert!(matches!(error, HistoryError::ServerSilent { .. }), "{error}");
        assert!(error.to_string().contains("see that it runs"), "{error}");
    }
    engine.start_again().unwrap();
    let ids = history.append(&[event(2, "b.test"), event(3, "b.test")]).unwrap();
    assert_eq!(sequences(&ids), [1, 2]);
    assert_eq!(all_times(&history, &Query::default()), [3, 2, 1]);
}

#[test]
fn whoever_began_to_write_later_goes_on_and_the_other_says_so_for_good() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "two_writers");
    let (first, second) = (place.open(), place.open());
    first.append(&[event(1, "a.test")]).unwrap();
    assert_eq!(second.count(&Query::default(), 9).unwrap().events, 1, "reading takes nothing over");
    first.append(&[event(2, "a.test")]).unwrap();
    assert_eq!(sequences(&second.append(&[event(3, "b.test")]).unwrap()), [2]);
    for _ in 0..2 {
        let error = first.append(&[event(4, "a.test")]).unwrap_err();
        assert!(matches!(error, HistoryError::TakenOver { gate: 1 }), "{error}");
    }
    assert_eq!(sequences(&second.append(&[event(5, "b.test")]).unwrap()), [3]);
    assert_eq!(all_times(&first, &Query::default()), [5, 3, 2, 1]);
}

#[test]
fn gates_that_share_a_server_neither_see_nor_remove_each_others_rows() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "two_gates");
    let (one, two) = (place.as_gate(1), place.as_gate(2));
    one.append(&[event(1, "one.test")]).unwrap();
    assert_eq!(sequences(&two.append(&[event(2, "two.test")]).unwrap()), [0]);
    assert_eq!(sequences(&one.append(&[event(3, "one.test")]).unwrap()), [1]);
    one.hold("case", &Query::default(), &HoldReason::default(), Timestamp(4)).unwrap();
    assert!(two.holds().unwrap().is_empty() && two.held("case").is_err());
    one.expire(&Keep::from(model::Day(9)), Timestamp(5)).unwrap();
    assert_eq!(all_times(&two, &Query::default()), [2]);
    assert!(all_times(&one, &Query::default()).is_empty());
    let used = two.hosts_used(&Query::default(), 9).unwrap();
    assert_eq!((used.hosts.len(), used.hosts["two.test"]), (1, 1));
}

#[test]
fn a_refusal_says_what_to_do_and_repeats_nothing_that_was_asked() {
    let engine = ClickHouse::start().unwrap();
    let wrong = |change: fn(&mut history::ServerPlace)| {
        let mut place = server(&engine, "default");
        change(&mut place);
        History::on_server(place, GateId(1)).unwrap()
    };
    let query = Query { host_contains: Some("a-visited-host".to_owned()), ..Query::default() };
    let password = wrong(|place| place.password = "not this one".to_owned().into());
    let error = password.scan(&query).unwrap_err().to_string();
    assert!(error.contains("516 AUTHENTICATION_FAILED: look at the user and the password"), "{error}");
    let database = wrong(|place| place.database = "nowhere".to_owned());
    let error = database.scan(&query).unwrap_err().to_string();
    assert!(error.contains("81 UNKNOWN_DATABASE: make the database"), "{error}");
    let long = Query { host_contains: Some("x".repeat(30 << 10)), ..Query::default() };
    let right = wrong(|_| {});
    right.append(&[event(1, "a.test")]).unwrap();
    let error = right.scan(&long).unwrap_err();
    assert!(matches!(error, HistoryError::QueryTooLong { .. }), "{error}");
    for error in [&password.scan(&query), &database.scan(&query)] {
        let said = format!("{error:?}");
        assert!(!said.contains("a-visited-host") && !said.contains("not this one"), "{said}");
    }
}

#[test]
fn tables_of_a_later_program_are_left_alone() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "later");
    place.open().append(&[event(1, "a.test")]).unwrap();
    engine.ask("INSERT INTO later.form (form) VALUES (2)").unwrap();
    let error = place.open().append(&[event(2, "a.test")]).unwrap_err();
    assert!(matches!(error, HistoryError::LaterTables { expected: 1, found: 2 }), "{error}");
}

#[test]
fn a_hold_that_cannot_be_read_stops_the_days_it_may_need_and_no_other() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "unread");
    let history = place.open();
    history.append(&(0..4).map(|day| event(day * DAY_MS, "a.test")).collect::<Vec<_>>()).unwrap();
    let second =
        Query { from: Some(Timestamp(DAY_MS)), until: Some(Timestamp(2 * DAY_MS - 1)), ..Query::default() };
    for (name, query) in [("broken", &second), ("whole", &Query::default())] {
        history.hold(name, query, &HoldReason::default(), Timestamp(9)).unwrap();
    }
    let spoil = "INSERT INTO unread.holds (gate, name, first, last, note) SELECT gate, name, first, last, unhex('ff') \
        FROM unread.holds WHERE name = 'broken'";
    engine.ask(spoil).unwrap();
    let names: Vec<_> = history.holds().unwrap().into_iter().map(|hold| hold.name).collect();
    assert_eq!(names, ["whole"]);
    let unreadable = history.unreadable_holds().unwrap();
    let day = model::Day(1);
    assert_eq!((unreadable[0].name.as_str(), unreadable[0].days.clone()), ("broken", day..=day));
    assert_eq!(history.expire(&Keep::from(model::Day(3)), Timestamp(5 * DAY_MS)).unwrap().days, 2);
    assert_eq!(all_times(&history, &Query::default()), [3 * DAY_MS, DAY_MS]);
    assert_eq!(history.held("whole").unwrap().count(&Query::default(), 9).unwrap().events, 4);
    let home = folder();
    let to = open(home.path());
    let refused = history::move_history(&history, &to, &mut |_| {}).unwrap_err();
    assert!(matches!(refused, HistoryError::UnreadableHold { .. }), "{refused}");
}

#[test]
fn a_row_that_makes_no_sense_is_counted_and_the_rest_is_shown() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "senseless");
    let history = place.open();
    history.append(&[event(1, "a.test"), full_event()]).unwrap();
    let copy = "INSERT INTO senseless.events SELECT * REPLACE (toUInt64(2) AS sequence, unhex('ff80') AS path) FROM \
        senseless.events WHERE events.sequence = 0";
    engine.ask(copy).unwrap();
    let page = history.scan(&Query { limit: 1, ..Query::default() }).unwrap();
    assert_eq!((page.events.len(), page.unreadable, page.next.is_some()), (1, 1, true));
    assert_eq!(all_times(&history, &Query::default()), [5, 1]);
}

/// The same rows in both places, and the same answers to questions that chance asks.
#[test]
fn a_server_answers_as_a_folder_does() {
    let engine = ClickHouse::start().unwrap();
    let (place, folder) = (Place::on(&engine, "alike"), folder());
    let (server, local) = (place.open(), open(folder.path()));
    let mut random = Seeded::new(11);
    for _ in 0..8 {
        let batch: Vec<_> = (0..40).map(|_| any_event(&mut random)).collect();
        assert_eq!(server.append(&batch).unwrap(), local.append(&batch).unwrap());
    }
    local.compact(model::Day(2)).unwrap();
    for _ in 0..24 {
        let query = any_query(&mut random);
        assert_eq!(server.scan(&query).unwrap(), local.scan(&query).unwrap(), "{query:?}");
        assert_eq!(server.count(&query, 900).unwrap(), local.count(&query, 900).unwrap(), "{query:?}");
        let outcomes = (server.counts_by_outcome(&query).unwrap(), local.counts_by_outcome(&query).unwrap());
        assert_eq!(outcomes.0, outcomes.1, "{query:?}");
        let sums = (server.sums(&query, Every::Hour).unwrap(), local.sums(&query, Every::Hour).unwrap());
        assert_eq!(sums.0, sums.1, "{query:?}");
        let top = (server.top_hosts(&query, Every::Day, 3), local.top_hosts(&query, Every::Day, 3));
        assert_eq!(top.0.unwrap(), top.1.unwrap(), "{query:?}");
    }
}

const PATHS: [&str; 6] =
    ["/", "", "/Search?q=Life+cycle", "/a%20B/caf%C3%A9", "/watch?v=1&list=a_b%", "/news/today"];

fn pick<T: Clone>(random: &mut Seeded, of: &[T]) -> T {
    random.one_of(of).unwrap().clone()
}

fn maybe<T: Clone>(random: &mut Seeded, of: &[T]) -> Option<T> {
    (random.below(3) == 0).then(|| pick(random, of))
}

fn any_time(random: &mut Seeded) -> Timestamp {
    Timestamp(i64::try_from(random.below(3 * DAY_MS.unsigned_abs())).unwrap())
}

fn any_event(random: &mut Seeded) -> AccessEvent {
    AccessEvent {
        at: any_time(random),
        school: maybe(random, &["ash", "elm"]).map(SchoolId::new),
        person: maybe(random, &[1, 2, 3, 4]).map(|number| PersonId(Uuid::from_u128(number))),
        host: Host::parse(pick(random, &["example.com", "www.example.com", "news.test"])).unwrap(),
        path: pick(random, &PATHS).to_owned(),
        category: maybe(random, &["gambling"]).and_then(Category::parse),
        outcome: pick(random, &EventOutcome::ALL),
        ..event(0, "example.com")
    }
}

fn any_query(random: &mut Seeded) -> Query {
    let people = |random: &mut Seeded| {
        maybe(random, &[1, 2, 3, 4]).map(|number| vec![PersonId(Uuid::from_u128(number))])
    };
    let urls = ["example", "example.com/news", "m/", "A%20b", "_b%", "https://news.test"];
    Query {
        from: maybe(random, &[()]).map(|()| any_time(random)),
        until: maybe(random, &[()]).map(|()| any_time(random)),
        schools: maybe(random, &["ash", "elm"]).map(|school| vec![SchoolId::new(school)]),
        people: people(random),
        not_people: people(random),
        url_contains: maybe(random, &urls).map(str::to_owned),
        words: maybe(random, &["life", "caf\u{e9}", "cycle of", "b"]).map(str::to_owned),
        outcome: maybe(random, &EventOutcome::ALL),
        channels: maybe(random, &[vec![Channel::Https]]),
        limit: 1000,
        ..Query::default()
    }
}

/// More than a slice holds, so that a search goes through several of them.
#[test]
fn a_search_that_has_looked_at_enough_says_where_to_go_on_and_gets_everywhere() {
    let engine = ClickHouse::start().unwrap();
    let place = Place::on(&engine, "many");
    let history = place.open();
    let rare = || event(0, "rare.example");
    history.append(&[rare()]).unwrap();
    // As many rows as ten slices hold, made by the engine itself.
    let fill = "INSERT INTO many.events SELECT * REPLACE (toUInt64(n) AS sequence, toInt64(1000 + n) AS at, \
        'plain.example' AS host) FROM many.events ARRAY JOIN range(1, 2600001) AS n WHERE events.sequence = 0";
    engine.ask(fill).unwrap();
    let days = history.days().unwrap();
    assert_eq!(days.iter().map(|day| day.events).sum::<u64>(), 2_600_001);
    let query = Query {
        host_contains: Some("rare".to_owned()),
        read_at_most: 600_000,
        until: Some(Timestamp(DAY_MS)),
        ..Query::default()
    };
    let page = history.scan(&query).unwrap();
    assert!(page.events.is_empty() && page.next.is_some(), "it stops before the end");
    assert!(history.count(&query, 5).unwrap().more);
    assert!(history.sums(&query, Every::Hour).unwrap().more);
    assert_eq!(all_times(&history, &query), [0]);
    let mut exported = 0u64;
    let whole = history.export(&Query::default(), &mut |_| {
        exported += 1;
        if exported == 40_000 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    });
    assert_eq!(whole.unwrap().events, 40_000);
    drop(history);
    assert_eq!(sequences(&place.open().append(&[event(7, "next.example")]).unwrap()), [2_600_001]);
}
