//! What the history promises wherever it lies: each case runs in a folder, and on a ClickHouse server.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "a test fails by it")]

use crate::{DAY_MS, Folder, all_times, event, folder, open};
use history::{
    DaySummary, Every, History, HistoryError, HoldReason, Keep, Kind, Query, ServerPlace, Stored, Tombstone,
};
use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventOutcome, GateId, GroupId, Host, KnownBy, Layer,
    ListId, ListLine, PersonId, SchoolId, Timestamp,
};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use testkit::clickhouse::ClickHouse;
use testkit::seeded::Seeded;
use uuid::Uuid;

/// Sees that a place keeps a promise.
type Case = fn(&Place);

/// Each promise about what is written and found, by its name.
const FINDING: [(&str, Case); 11] = [
    ("an event comes back as it was, even after a restart", comes_back),
    ("ids are dense by gate and day, also after a restart", dense_ids),
    ("an event of an earlier day goes to its own day", earlier_day),
    ("each condition takes what it names and nothing else", conditions),
    ("what is typed is looked for and never obeyed", hostile_texts),
    ("a part of a URL and words are found", urls_and_words),
    ("counts by outcome are exact at the edges of the time asked for", edges),
    ("a count stops at the most it was asked for", count_stops),
    ("pages of any size show each event once, in the order of days", pages),
    ("an export hands over everything until it is told to stop", export),
    ("sums and hosts are those of the matching events", sums),
];

/// Each promise about what is kept and what goes.
const KEEPING: [(&str, Case); 7] = [
    ("expiry removes whole days, and leaves a line for each", expiry),
    ("a held row outlives its day with its id, also one that came after the hold", holds_outlive),
    ("a hold is listed and released, and its name is checked", holds_listed),
    ("rows of a kind that is kept for less long go, and the others keep their ids", thinning),
    ("no id is given twice, though its row went", never_twice),
    ("a hold keeps rows of a kind that go", holds_thinned),
    ("a hold whose query is changed keeps what it has, each row once", holds_changed),
];

#[test]
fn every_promise_holds_in_a_folder() {
    for (name, case) in FINDING.into_iter().chain(KEEPING) {
        run(name, case, &Place::Folder(folder()));
    }
}

#[test]
fn every_promise_about_finding_holds_on_a_clickhouse_server() {
    run_on_a_server(&FINDING);
}

#[test]
fn every_promise_about_keeping_holds_on_a_clickhouse_server() {
    run_on_a_server(&KEEPING);
}

fn run_on_a_server(cases: &[(&str, Case)]) {
    let engine = ClickHouse::start().unwrap();
    for ((name, case), number) in cases.iter().zip(0..) {
        run(name, *case, &Place::on(&engine, &format!("case_{number}")));
    }
}

/// A case that fails does so in a thread of its name.
fn run(name: &str, case: Case, place: &Place<'_>) {
    std::thread::scope(|scope| {
        let named = std::thread::Builder::new().name(name.to_owned());
        named.spawn_scoped(scope, || case(place)).unwrap().join().unwrap();
    });
}

/// Where a history lies.
pub(crate) enum Place<'e> {
    Folder(Folder),
    Server { engine: &'e ClickHouse, database: String },
}

impl<'e> Place<'e> {
    /// A database of its own.
    pub(crate) fn on(engine: &'e ClickHouse, database: &str) -> Self {
        engine.ask(&format!("CREATE DATABASE {database}")).unwrap();
        Self::Server { engine, database: database.to_owned() }
    }

    pub(crate) fn open(&self) -> History {
        match self {
            Self::Folder(folder) => open(folder.path()),
            Self::Server { .. } => self.as_gate(1),
        }
    }

    /// On the server, as another gate.
    pub(crate) fn as_gate(&self, gate: u16) -> History {
        match self {
            Self::Folder(_) => panic!("a folder has one gate"),
            Self::Server { engine, database } => {
                History::on_server(server(engine, database), GateId(gate)).unwrap()
            }
        }
    }

    /// Of what is gone: what it was, events, why, and how many of them are held.
    fn stones(&self) -> Vec<String> {
        match self {
            Self::Folder(folder) => {
                let log = std::fs::read_to_string(folder.path().join("expired.log")).unwrap_or_default();
                log.lines()
                    .map(|line| {
                        let fields: Vec<&str> = line.split('\t').collect();
                        let held = fields.get(5).map_or("0", |held| held.strip_suffix(" held").unwrap());
                        [fields[0], fields[1], fields[4], held].join(" ")
                    })
                    .collect()
            }
            Self::Server { engine, database } => {
                let sql = format!("SELECT what, events, why, held FROM {database}.expired ORDER BY at, what");
                engine.ask(&sql).unwrap().lines().map(|line| line.replace('\t', " ")).collect()
            }
        }
    }
}

pub(crate) fn server(engine: &ClickHouse, database: &str) -> ServerPlace {
    let (user, password) = engine.login();
    ServerPlace {
        address: engine.address(),
        database: database.to_owned(),
        user: user.to_owned(),
        password: password.to_owned().into(),
        roots: Vec::new(),
    }
}

/// An event with every field set.
pub(crate) fn full_event() -> AccessEvent {
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

fn comes_back(place: &Place) {
    let ids = place.open().append(&[full_event()]).unwrap();
    let page = place.open().scan(&Query::default()).unwrap();
    assert_eq!(page.events, [Stored { id: ids[0], event: full_event() }]);
    assert_eq!((page.next, page.unreadable), (None, 0));
}

fn dense_ids(place: &Place) {
    let mut sequences: BTreeMap<Day, Vec<u64>> = BTreeMap::new();
    for round in 0..3i64 {
        let history = place.open();
        for append in 0..4i64 {
            let events: Vec<_> =
                (0..7i64).map(|n| event((n % 3) * DAY_MS + 100 * round + append, "example.com")).collect();
            for id in history.append(&events).unwrap() {
                assert_eq!(id.gate, GateId(1));
                sequences.entry(id.day).or_default().push(id.sequence);
            }
        }
        assert!(history.append(&[]).unwrap().is_empty());
    }
    for (day, mut given) in sequences {
        given.sort_unstable();
        assert_eq!(given, (0..given.len() as u64).collect::<Vec<_>>(), "{day}");
    }
}

fn earlier_day(place: &Place) {
    let history = place.open();
    assert_eq!((history.newest().unwrap(), history.oldest_day().unwrap()), (None, None));
    let ids = history.append(&[event(DAY_MS * 3, "a.example"), event(DAY_MS + 1, "b.example")]).unwrap();
    assert_eq!((ids[0].day, ids[1].day), (Day(3), Day(1)));
    history.append(&[event(i64::MIN, "c.example"), event(i64::MAX - 1, "d.example")]).unwrap();
    drop(history);
    let again = place.open();
    assert_eq!(all_times(&again, &Query::default()), [i64::MAX - 1, DAY_MS * 3, DAY_MS + 1, i64::MIN]);
    assert_eq!(again.newest().unwrap(), Some(Timestamp(i64::MAX - 1)));
    assert_eq!(again.oldest_day().unwrap(), Some(Day(0)));
    let sums = again.sums(&Query::default(), Every::Hour).unwrap();
    assert_eq!((sums.by_time.len(), sums.by_category[&None].total()), (4, 4));
}

fn conditions(place: &Place) {
    let history = place.open();
    history.append(&[full_event(), event(4, "www.example.com")]).unwrap();
    let person = PersonId(Uuid::from_u128(7));
    let any = Query::default;
    let cases = [
        (any(), 2),
        (Query { from: Some(Timestamp(5)), ..any() }, 1),
        (Query { until: Some(Timestamp(5)), ..any() }, 1),
        (Query { schools: Some(vec![SchoolId::new("ash"), SchoolId::new("elm")]), ..any() }, 1),
        (Query { schools: Some(vec![SchoolId::new("elm")]), ..any() }, 0),
        (Query { schools: Some(Vec::new()), ..any() }, 0),
        (Query { people: Some(vec![PersonId(Uuid::nil()), person]), ..any() }, 1),
        (Query { people: Some(Vec::new()), ..any() }, 0),
        (Query { not_people: Some(vec![person]), ..any() }, 1),
        (Query { not_people: Some(Vec::new()), ..any() }, 2),
        (Query { groups: Some(vec![GroupId::new("upper-ks2")]), ..any() }, 1),
        (Query { groups: Some(vec![GroupId::new("staff")]), ..any() }, 0),
        (Query { devices: Some(vec![DeviceId(Uuid::from_u128(8))]), ..any() }, 1),
        (Query { address: "::ffff:10.0.0.1".parse().ok(), ..any() }, 1),
        (Query { address: "2001:db8::7".parse().ok(), ..any() }, 1),
        (Query { host_contains: Some("EXAMPLE.c".to_owned()), ..any() }, 1),
        (Query { host_contains: Some(String::new()), ..any() }, 2),
        (Query { outcome: Some(EventOutcome::Blocked), ..any() }, 1),
        (Query { outcome: Some(EventOutcome::Failed), ..any() }, 0),
        (Query { channels: Some(vec![Channel::Http, Channel::Dns]), ..any() }, 1),
        (Query { channels: Some(Vec::new()), ..any() }, 0),
        (Query { category: Category::parse("gambling"), ..any() }, 1),
        (Query { layer: Some(Layer::Category), ..any() }, 1),
        (Query { list: Some(ListId::new("starter")), ..any() }, 1),
        (Query { entry: Some("*.example".to_owned()), ..any() }, 1),
        (Query { entry: Some("*.example.com".to_owned()), ..any() }, 0),
    ];
    for (query, expected) in cases {
        assert_eq!(history.count(&query, 10).unwrap().events, expected, "{query:?}");
        assert_eq!(history.counts_by_outcome(&query).unwrap().total(), expected, "{query:?}");
        assert_eq!(history.scan(&query).unwrap().events.len() as u64, expected, "{query:?}");
    }
}

/// Texts that mean something to SQL, to its parameters, to patterns, or to the forms texts travel in.
const HOSTILE: [&str; 12] = [
    "' OR 1=1 --",
    "\\",
    "\\' OR \\'1\\'=\\'1",
    "a\0b",
    "tab\there",
    "line\nbreak\r",
    "100%_",
    "{t0:String}",
    "%7B%27%7D&query=DROP TABLE events",
    "\"; DROP TABLE events; --",
    "\u{feff}caf\u{e9}\u{1f600}",
    "\\N",
];

fn hostile_texts(place: &Place) {
    let history = place.open();
    let of = |text: &str| AccessEvent {
        path: format!("/x{text}y"),
        entry: Some(text.into()),
        school: Some(SchoolId::new(text)),
        group: Some(GroupId::new(text)),
        list: Some(ListLine { list: ListId::new(text), line: 1 }),
        ..event(1, "example.com")
    };
    let events: Vec<_> = HOSTILE.iter().map(|text| of(text)).chain([event(2, "plain.example")]).collect();
    history.append(&events).unwrap();
    let page = history.scan(&Query::default()).unwrap();
    assert_eq!(page.events.len(), events.len());
    assert!(events.iter().all(|event| page.events.iter().any(|stored| stored.event == *event)));
    for text in HOSTILE {
        let holding = HOSTILE.iter().filter(|other| other.to_lowercase().contains(&text.to_lowercase()));
        let holding = holding.count() as u64;
        let cases = [
            (Query { entry: Some(text.to_owned()), ..Query::default() }, 1),
            (Query { schools: Some(vec![SchoolId::new(text)]), ..Query::default() }, 1),
            (Query { groups: Some(vec![GroupId::new(text)]), ..Query::default() }, 1),
            (Query { list: Some(ListId::new(text)), ..Query::default() }, 1),
            (Query { host_contains: Some(text.to_owned()), ..Query::default() }, 0),
            (Query { url_contains: Some(format!("x{text}y")), ..Query::default() }, 1),
            (Query { url_contains: Some(text.trim().to_owned()), ..Query::default() }, holding),
        ];
        for (query, expected) in cases {
            assert_eq!(history.count(&query, 100).unwrap().events, expected, "{query:?}");
        }
    }
    assert_eq!(history.count(&Query::default(), 100).unwrap().events, events.len() as u64);
}

fn urls_and_words(place: &Place) {
    let history = place.open();
    let path = "/News/Today?q=Life+cycle%20of%2Ba+caf%C3%A9";
    let page = AccessEvent { path: path.to_owned(), ..event(1, "www.example.com") };
    let odd = AccessEvent { path: "/%zz%e2%28%/".to_owned(), ..event(2, "odd.test") };
    history.append(&[page, odd]).unwrap();
    for (part, expected) in [
        ("example", 1),
        ("NEWS/to", 1),
        ("https://www.example.com/news", 1),
        ("example.com/news/today?q", 1),
        ("ample.com/new", 1),
        ("example.com/today", 0),
        ("example.org", 0),
        ("/%ZZ", 1),
        ("odd.test/%zz%e2", 1),
        ("", 2),
    ] {
        let query = Query { url_contains: Some(part.to_owned()), ..Query::default() };
        assert_eq!(history.count(&query, 10).unwrap().events, expected, "{part}");
    }
    for (words, expected) in [
        ("life", 1),
        ("cycle LIFE", 1),
        ("caf\u{c9}", 1),
        ("of+a", 1),
        ("frog", 0),
        ("life frog", 0),
        ("%zz", 1),
        ("  ", 2),
    ] {
        let query = Query { words: Some(words.to_owned()), ..Query::default() };
        assert_eq!(history.count(&query, 10).unwrap().events, expected, "{words}");
    }
}

fn edges(place: &Place) {
    let history = place.open();
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

fn count_stops(place: &Place) {
    let history = place.open();
    history.append(&[event(1, "a.example"), event(2, "b.example")]).unwrap();
    for (most, expected) in [(1, (1, true)), (2, (2, false)), (3, (2, false))] {
        let count = history.count(&Query::default(), most).unwrap();
        assert_eq!((count.events, count.more), expected, "most {most}");
    }
}

fn pages(place: &Place) {
    let history = place.open();
    let mut random = Seeded::new(7);
    let (mut ids, mut expected) = (HashSet::new(), Vec::new());
    for _ in 0..12 {
        let batch: Vec<_> = (0..1 + random.below(30))
            .map(|_| event(i64::try_from(random.below(3 * DAY_MS.unsigned_abs())).unwrap(), "example.com"))
            .collect();
        expected.extend(batch.iter().map(|event| event.at.0));
        ids.extend(history.append(&batch).unwrap());
    }
    assert_eq!(ids.len(), expected.len());
    expected.sort_unstable();
    for limit in [1, 7, 40, 1_000] {
        let mut times = all_times(&history, &Query { limit, ..Query::default() });
        let days: Vec<i64> = times.iter().map(|at| at / DAY_MS).collect();
        assert!(days.is_sorted_by(|newer, older| newer >= older));
        times.sort_unstable();
        assert_eq!(times, expected, "{limit} a page");
    }
}

fn export(place: &Place) {
    let history = place.open();
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

fn sums(place: &Place) {
    let history = place.open();
    let gambling = Category::parse("gambling");
    let of = |hour: i64, host: &str, blocked: bool| AccessEvent {
        outcome: if blocked { EventOutcome::Blocked } else { EventOutcome::Allowed },
        category: if blocked { gambling } else { None },
        ..event(hour * 3_600_000 + 5, host)
    };
    let batch =
        [of(1, "a.test", false), of(1, "b.test", true), of(2, "b.test", false), of(26, "b.test", true)];
    history.append(&batch).unwrap();
    let hourly = history.sums(&Query::default(), Every::Hour).unwrap();
    let hours: Vec<(i64, u64)> = hourly.by_time.iter().map(|(at, n)| (at.0 / 3_600_000, n.total())).collect();
    assert_eq!((hours, hourly.more), (vec![(1, 2), (2, 1), (26, 1)], false));
    assert_eq!(hourly.by_category[&gambling].of(EventOutcome::Blocked), 2);
    let daily = history.sums(&Query::default(), Every::Day).unwrap();
    assert_eq!(daily.by_time.values().map(history::OutcomeCounts::total).collect::<Vec<_>>(), [3, 1]);
    let top = history.top_hosts(&Query::default(), Every::Day, 1).unwrap();
    let days: Vec<(i64, u64)> = top.hosts[0].by_time.iter().map(|(at, n)| (at.0 / DAY_MS, *n)).collect();
    assert_eq!((top.hosts.len(), top.hosts[0].host.as_str(), top.hosts[0].events), (1, "b.test", 3));
    assert_eq!(days, [(0, 2), (1, 1)]);
    let allowed = Query { outcome: Some(EventOutcome::Allowed), ..Query::default() };
    let used = history.hosts_used(&allowed, 9).unwrap();
    assert_eq!((used.hosts["a.test"], used.hosts["b.test"], used.more), (1, 1, false));
    let one = history.hosts_used(&allowed, 1).unwrap();
    assert_eq!((one.hosts.len(), one.more), (1, true));
}

fn expiry(place: &Place) {
    let history = place.open();
    for day in 0..6 {
        history.append(&[event(DAY_MS * day, "example.com")]).unwrap();
    }
    let expired = history.expire(&Keep::from(Day(4)), Timestamp(DAY_MS * 20)).unwrap();
    assert_eq!((expired.days, expired.events), (4, 4));
    assert!(expired.bytes > 0);
    let days: Vec<Day> = history.days().unwrap().iter().map(|summary: &DaySummary| summary.day).collect();
    assert_eq!(days, [Day(4), Day(5)]);
    assert!(history.days().unwrap().iter().all(|day| day.events == 1 && day.bytes > 0));
    let stones = place.stones();
    let expected: Vec<String> = (1..5).map(|day| format!("1970-01-0{day} 1 retention 0")).collect();
    assert_eq!(stones, expected);
    let second =
        Query { from: Some(Timestamp(DAY_MS)), until: Some(Timestamp(2 * DAY_MS)), ..Query::default() };
    let told = history.tombstones(&second).unwrap();
    let whole = |day: i32| Tombstone { day: Day(day), events: 1, kinds: Vec::new() };
    assert_eq!(told, [whole(1), whole(2)]);
    history.append(&[event(1, "late.example")]).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [DAY_MS * 5, DAY_MS * 4, 1]);
}

fn why() -> HoldReason {
    HoldReason {
        why: "The authority's letter".to_owned(),
        by: Some(PersonId(Uuid::from_u128(5))),
        case: None,
        review_on: Some(Day(90)),
    }
}

fn by(number: u128, at_ms: i64) -> AccessEvent {
    AccessEvent { person: Some(PersonId(Uuid::from_u128(number))), ..event(at_ms, "held.example") }
}

fn of_person(number: u128) -> Query {
    Query { people: Some(vec![PersonId(Uuid::from_u128(number))]), ..Query::default() }
}

fn holds_outlive(place: &Place) {
    let history = place.open();
    let ids = history.append(&[by(1, 1), by(2, 2), by(1, DAY_MS)]).unwrap();
    let hold = history.hold("case-7", &of_person(1), &why(), Timestamp(9)).unwrap();
    assert_eq!((hold.events, hold.made, &hold.query), (2, Timestamp(9), &of_person(1)));
    assert_eq!(hold.reason, why());
    assert_eq!(history.holds().unwrap()[0].reason, why());
    history.append(&[by(1, 3), by(2, 4)]).unwrap();
    let expired = history.expire(&Keep::from(Day(2)), Timestamp(2 * DAY_MS)).unwrap();
    assert_eq!((expired.days, expired.events), (2, 5));
    assert!(all_times(&history, &Query::default()).is_empty());
    drop(history);
    let history = place.open();
    let held = history.held("case-7").unwrap();
    let mut times = Vec::new();
    let mut out = |stored: Stored| {
        times.push(stored.event.at.0);
        ControlFlow::Continue(())
    };
    held.export(&Query::default(), &mut out).unwrap();
    assert_eq!(times, [DAY_MS, 3, 1]);
    let page = held.scan(&Query { limit: 2, ..Query::default() }).unwrap();
    assert_eq!((page.events[0].id, page.events[0].event.clone()), (ids[2], by(1, DAY_MS)));
    assert_eq!(held.count(&of_person(2), 10).unwrap().events, 0);
    assert_eq!(held.days().unwrap().iter().map(|day| day.events).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(place.stones(), ["1970-01-01 4 retention 2", "1970-01-02 1 retention 1"]);
}

fn holds_listed(place: &Place) {
    let history = place.open();
    history.append(&[by(1, 1)]).unwrap();
    let blocked = Query { outcome: Some(EventOutcome::Blocked), ..Query::default() };
    history.hold("b", &blocked, &why(), Timestamp(5)).unwrap();
    history.hold("a", &of_person(1), &why(), Timestamp(6)).unwrap();
    let listed: Vec<_> = history.holds().unwrap().into_iter().map(|hold| (hold.name, hold.events)).collect();
    assert_eq!(listed, [("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!(history.release("a", Timestamp(7)).unwrap().events, 1);
    assert_eq!(history.holds().unwrap().len(), 1);
    assert_eq!(place.stones(), ["held/a 1 released 0"]);
    for name in ["", "..", "a/b", "Upper", "x' OR '1'='1", &"x".repeat(65)] {
        for refused in [
            history.hold(name, &blocked, &why(), Timestamp(0)).err().unwrap(),
            history.release(name, Timestamp(0)).err().unwrap(),
        ] {
            assert!(matches!(refused, HistoryError::HoldName { .. }), "{refused}");
        }
    }
    assert!(history.held("a").is_err());
}

fn name(at_ms: i64) -> AccessEvent {
    AccessEvent { channel: Channel::Dns, ..event(at_ms, "www.example.com") }
}

fn refused_name(at_ms: i64) -> AccessEvent {
    AccessEvent { outcome: EventOutcome::Blocked, ..name(at_ms) }
}

/// Name look-ups that were answered are kept from `names` on, everything else from `rest` on.
fn names_from(names: i32, rest: i32) -> Keep {
    Keep { names: Day(names), ..Keep::from(Day(rest)) }
}

fn thinning(place: &Place) {
    let history = place.open();
    for day in 0..3 {
        let at = day * DAY_MS;
        let four = [event(at, "one.example"), name(at + 1), refused_name(at + 2), name(at + 3)];
        history.append(&four).unwrap();
    }
    let stored = |history: &History| history.scan(&Query::default()).unwrap().events;
    let before = stored(&history);
    let expired = history.expire(&names_from(2, 0), Timestamp(3 * DAY_MS)).unwrap();
    assert_eq!((expired.days, expired.thinned, expired.events), (0, 2, 4));
    let stays =
        |one: &&Stored| one.id.day == Day(2) || Kind::of(one.event.channel, one.event.outcome) != Kind::Names;
    let expected: Vec<Stored> = before.iter().filter(stays).cloned().collect();
    assert_eq!(stored(&history), expected);
    assert_eq!(history.counts_by_outcome(&Query::default()).unwrap().total(), 8);
    let stone = |day: i32| Tombstone { day: Day(day), events: 2, kinds: vec![(Kind::Names, 2)] };
    assert_eq!(history.tombstones(&Query::default()).unwrap(), [stone(0), stone(1)]);
    assert_eq!(place.stones()[0], "1970-01-01 2 retention of names 2 0");
    // It was done, and is not done again.
    drop(history);
    let again = place.open().expire(&names_from(2, 0), Timestamp(4 * DAY_MS)).unwrap();
    assert_eq!((again.thinned, again.events, place.stones().len()), (0, 0, 2));
    let pages = Keep { pages: Day(1), ..names_from(2, 0) };
    assert_eq!(place.open().expire(&pages, Timestamp(5 * DAY_MS)).unwrap().events, 1);
}

fn never_twice(place: &Place) {
    let history = place.open();
    let given = history.append(&[name(1), name(2)]).unwrap();
    assert_eq!(history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap().events, 2);
    assert!(all_times(&history, &Query::default()).is_empty());
    drop(history);
    let history = place.open();
    let late = history.append(&[name(3), refused_name(4)]).unwrap();
    assert!(late[0].sequence > given[1].sequence, "{late:?}");
    // What came late goes as well, and at last the day goes whole.
    let expired = history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap();
    assert_eq!((expired.thinned, expired.events), (1, 1));
    assert_eq!(all_times(&history, &Query::default()), [4]);
    assert_eq!(history.expire(&Keep::from(Day(1)), Timestamp(2 * DAY_MS)).unwrap().days, 1);
    let stones = history.tombstones(&Query::default()).unwrap();
    assert_eq!(stones.iter().map(|stone| stone.events).collect::<Vec<_>>(), [2, 1, 1]);
    let later = history.append(&[event(5, "late.example")]).unwrap();
    assert!(later[0].sequence > late[1].sequence, "{later:?}");
    drop(history);
    let last = place.open().append(&[event(6, "late.example")]).unwrap();
    assert_eq!(last[0].sequence, later[0].sequence + 1);
}

fn holds_thinned(place: &Place) {
    let history = place.open();
    let ids = history.append(&[event(0, "one.example"), name(1), name(2)]).unwrap();
    history.hold("kept", &Query::default(), &HoldReason::default(), Timestamp(5)).unwrap();
    history.append(&[name(3)]).unwrap();
    history.expire(&names_from(1, 0), Timestamp(DAY_MS)).unwrap();
    assert_eq!(all_times(&history, &Query::default()), [0]);
    history.expire(&Keep::from(Day(1)), Timestamp(2 * DAY_MS)).unwrap();
    let held = history.held("kept").unwrap().scan(&Query::default()).unwrap().events;
    assert_eq!(held.iter().map(|one| one.event.at.0).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(held[3].id, ids[0]);
    assert_eq!(place.stones()[0], "1970-01-01 3 retention of names 3 4");
}

fn holds_changed(place: &Place) {
    let history = place.open();
    history.append(&[by(1, 1), by(2, 2), by(3, 3)]).unwrap();
    let hold = |query: &Query| history.hold("case-7", query, &why(), Timestamp(9)).unwrap().events;
    assert_eq!((hold(&of_person(1)), hold(&of_person(1)), hold(&of_person(2))), (1, 1, 2));
    let but_one = Query { not_people: Some(vec![PersonId(Uuid::from_u128(3))]), ..Query::default() };
    assert_eq!(hold(&but_one), 2);
    assert_eq!(history.holds().unwrap()[0].query, but_one);
    drop(history);
    let history = place.open();
    assert_eq!(history.holds().unwrap()[0].query, but_one, "whom a hold leaves out is remembered");
    history.expire(&Keep::from(Day(1)), Timestamp(DAY_MS)).unwrap();
    assert_eq!(history.held("case-7").unwrap().count(&Query::default(), 9).unwrap().events, 2);
    // What comes late has an id of its own, so that no held row is taken for it.
    history.append(&[by(1, 4)]).unwrap();
    assert_eq!(history.hold("case-7", &but_one, &why(), Timestamp(9)).unwrap().events, 3);
}
