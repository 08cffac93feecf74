//! A school's day of DNS in half a minute: several hundred clients ask through bad weather while lists are swapped, the
//! policy changes and the upstream goes away for a while. Every answer is held against a reading of the same lists and
//! rules that is as simple as can be, and shares no code with the product.
//!
//! The day is short as usual; where `SCHOOLGATE_LONG` is 1, as `cargo xtask test --long` sets it, it is ten times as busy
//! and comes with three seeds.

use crate::resolver::{
    Resolver, Start, addresses, categories, entries, explanation_codes, first_alias, group, image, list,
    over_tcp, plain_question, policy, question,
};
use crate::school_day_oracle::{self, Expected, Rules, Seen};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use model::{
    Affiliation, Claim, Device, DeviceId, DeviceKind, EventReceiver, KnownBy, Person, PersonId, Role,
    SchoolId, Scope, Timestamp, YearGroup,
};
use policy::image::Image;
use policy::rules::{GroupRules, ListFormat, Members, Window, WindowEffect, YouTube};
use policy::{Policy, Snapshot};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::relay::{Relay, Weather};
use testkit::school_day::{Client, Crowd, LOCAL_NAMES, Lists, SchoolDay, Truth, Visit};
use testkit::upstream::{Says, Upstream, Zone, a, cname};
use tokio::net::UdpSocket;
use tokio::sync::Semaphore;

/// A Monday in term.
const MIDNIGHT: &str = "2026-11-23T00:00:00Z";
const CLIENTS: usize = 400;
/// Questions under way at once.
const MOST_AT_ONCE: usize = 48;
/// How long a client waits for one answer, and how often it asks, as stub resolvers do.
const WAIT: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 12;
/// Lists are swapped after so many questions.
const QUESTIONS_OF_AN_EDITION: usize = 150;
/// While the upstream is away, in shares of a hundred of the day's questions.
const AWAY: std::ops::Range<usize> = 40..46;
/// The policy changes here.
const CHANGE: usize = 60;
/// How much more memory may be held at the end than after a tenth of the day, in KiB.
const MOST_GROWTH_KIB: u64 = 48 * 1024;
const BETWEEN_CLIENT_AND_GATE: Weather =
    Weather { lost: 30, doubled: 20, delayed: 100, longest_delay: Duration::from_millis(40) };
const BETWEEN_GATE_AND_UPSTREAM: Weather =
    Weather { lost: 30, doubled: 20, delayed: 150, longest_delay: Duration::from_millis(60) };

fn is_long() -> bool {
    std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_day_of_reloads_losses_and_an_upstream_that_goes_away_every_answer_is_right() {
    let (seeds, visits): (&[u64], usize) = if is_long() { (&[1, 2, 3], 40_000) } else { (&[1], 3_000) };
    for seed in seeds {
        let (day, events) = Day::start(SchoolDay::new(*seed, CLIENTS, visits), *seed).await;
        replay(day, events).await;
    }
}

/// What is in force, counted up before and after each change: an answer may be by anything between the two.
#[derive(Default)]
struct InForce {
    put_on: AtomicUsize,
    taken_up: AtomicUsize,
}

impl InForce {
    fn change(&self, put: impl FnOnce(usize)) {
        let next = self.put_on.fetch_add(1, Ordering::SeqCst) + 1;
        put(next);
        self.taken_up.store(next, Ordering::SeqCst);
    }

    fn is(&self) -> usize {
        self.put_on.load(Ordering::SeqCst)
    }
}

struct Day {
    day: SchoolDay,
    resolver: Resolver,
    to_gate: Relay,
    to_upstream: Relay,
    _upstream: Upstream,
    images: Vec<Image>,
    rules: [Vec<Rules>; 2],
    editions: InForce,
    policies: InForce,
    tally: Mutex<BTreeMap<&'static str, usize>>,
    /// Visits that got no answer while the upstream was away: asked again when it is back.
    put_off: Mutex<Vec<Visit>>,
    /// Names that were answered while the upstream was there: their answers are kept for when it is not.
    known: Mutex<HashSet<String>>,
    /// Visits that ought to have got one and did not.
    unanswered: Mutex<Vec<Visit>>,
    /// The longest time that this process was not let run, in milliseconds: seconds of it explain what was not answered.
    stood_still_ms: AtomicU64,
}

/// How one question ended: its answer, if any, and between what and what it was asked for.
struct Ended {
    answer: Option<Box<Message>>,
    /// Milliseconds after midnight.
    times: [i64; 2],
    editions: [usize; 2],
    policies: [usize; 2],
}

impl Day {
    async fn start(day: SchoolDay, seed: u64) -> (Arc<Self>, EventReceiver) {
        let upstream = Upstream::start(zone(&day)).await;
        let to_upstream = Relay::start(upstream.address, seed, BETWEEN_GATE_AND_UPSTREAM).await.unwrap();
        let rules = [school_day_oracle::rules(0), school_day_oracle::rules(1)];
        let images: Vec<Image> = day.editions.iter().map(compile).collect();
        let mut start = Start::new(policy_of(&rules[0]), images[0].clone());
        start.at = Timestamp::parse(MIDNIGHT).unwrap().plus_ms(day.visits[0].at_ms);
        start.config.upstreams = vec![to_upstream.address.into()];
        start.config.upstream_wait = Duration::from_millis(250);
        start.config.local_names =
            LOCAL_NAMES.map(|(name, at)| (name.to_owned(), vec![IpAddr::from(at)])).into();
        start.people = vec![learner(2, "4"), learner(3, "10")];
        start.devices = vec![printers(&day.clients)];
        start.events = 16_384;
        let (resolver, events) = start.run().await;
        sign_in(&resolver, &day.clients);
        let to_gate = Relay::start(resolver.address, seed + 1_000, BETWEEN_CLIENT_AND_GATE).await.unwrap();
        let day = Arc::new(Self {
            day,
            resolver,
            to_gate,
            to_upstream,
            _upstream: upstream,
            images,
            rules,
            editions: InForce::default(),
            policies: InForce::default(),
            tally: Mutex::default(),
            put_off: Mutex::default(),
            known: Mutex::default(),
            unanswered: Mutex::default(),
            stood_still_ms: AtomicU64::default(),
        });
        (day, events)
    }

    /// Time goes on ten times as fast as it does, also while everybody waits for an answer.
    async fn tick(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        let mut last = Instant::now();
        loop {
            ticks.tick().await;
            let passed_ms = u64::try_from(last.elapsed().as_millis()).unwrap();
            self.stood_still_ms.fetch_max(passed_ms, Ordering::Relaxed);
            last = Instant::now();
            self.resolver.clock.advance_ms(100);
        }
    }

    /// Answers the memory held after a tenth of the day.
    async fn ask_everything(self: &Arc<Self>) -> u64 {
        let room = Arc::new(Semaphore::new(MOST_AT_ONCE));
        let ticking = tokio::spawn(Arc::clone(self).tick());
        let visits = self.day.visits.len();
        let mut memory = 0;
        for (number, visit) in self.day.visits.iter().enumerate() {
            self.change_what_is_in_force(number);
            if number == visits / 10 {
                memory = memory_kib();
            }
            let permit = Arc::clone(&room).acquire_owned().await.unwrap();
            let now = Timestamp::parse(MIDNIGHT).unwrap().plus_ms(visit.at_ms);
            self.resolver.clock.advance_ms((now.0 - self.resolver.clock.now().0).max(0));
            let (day, visit) = (Arc::clone(self), visit.clone());
            tokio::spawn(async move {
                day.make(visit).await;
                drop(permit);
            });
        }
        let _everybody = room.acquire_many(u32::try_from(MOST_AT_ONCE).unwrap()).await.unwrap();
        let put_off = std::mem::take(&mut *self.put_off.lock().unwrap());
        for visit in put_off {
            self.make(visit).await;
        }
        assert!(self.put_off.lock().unwrap().is_empty(), "the upstream is back");
        ticking.abort();
        let _aborted = ticking.await;
        memory
    }

    fn change_what_is_in_force(&self, number: usize) {
        let visits = self.day.visits.len();
        let at = |share: usize| number == visits * share / 100;
        if number % QUESTIONS_OF_AN_EDITION == QUESTIONS_OF_AN_EDITION - 1 {
            self.editions.change(|edition| self.put(self.policies.is(), edition));
        }
        if at(CHANGE) {
            self.policies.change(|policy| self.put(policy, self.editions.is()));
        }
        if at(AWAY.start) {
            self.to_upstream.set(Weather::CUT);
        }
        if at(AWAY.end) {
            self.to_upstream.set(BETWEEN_GATE_AND_UPSTREAM);
        }
    }

    fn put(&self, policy: usize, edition: usize) {
        let image = self.images[edition % self.images.len()].clone();
        let snapshot = Snapshot::compile(policy_of(&self.rules[policy]), image, Vec::new());
        self.resolver.snapshot.put(snapshot);
    }

    fn is_away(&self, at_ms: i64) -> bool {
        let visits = &self.day.visits;
        let edge =
            |share| visits.get(visits.len() * share / 100).map_or(i64::MAX, |visit: &Visit| visit.at_ms);
        (edge(AWAY.start)..=edge(AWAY.end)).contains(&at_ms)
    }

    fn now_ms(&self) -> i64 {
        self.resolver.clock.now().0 - Timestamp::parse(MIDNIGHT).unwrap().0
    }

    /// Asks until there is an answer, and holds it against what is right.
    async fn make(&self, visit: Visit) {
        let client = self.day.clients[visit.client];
        let ended = self.ask(&visit, client).await;
        let expected = self.expected(client, &visit, &ended);
        let away = ended.times.map(|at_ms| self.is_away(at_ms));
        let Some(answer) = &ended.answer else {
            // What is blocked is answered with or without an upstream, and so is what was answered before; anything else
            // may have to wait for it.
            let waits = expected.iter().any(|expected| *expected != Expected::Blocked);
            let known = self.known.lock().unwrap().contains(&visit.name.to_ascii_lowercase());
            if away.contains(&true) && waits && !known {
                self.put_off.lock().unwrap().push(visit);
                self.count("put off");
            } else {
                self.unanswered.lock().unwrap().push(visit);
            }
            return;
        };
        let right = expected.iter().find(|expected| fits(answer, expected, &visit));
        let right = right
            .unwrap_or_else(|| panic!("{client:?} {visit:?}: expected one of {expected:?}, found {answer}"));
        self.count(right.title());
        if matches!(right, Expected::Address(_)) && away == [false; 2] {
            self.known.lock().unwrap().insert(visit.name.to_ascii_lowercase());
        }
        match right {
            Expected::Blocked if away == [true; 2] => self.count("while away: blocked"),
            Expected::Address(_) if away == [true; 2] => self.count("while away: kept"),
            _ => {}
        }
    }

    /// What is right by each edition, policy and time that the answer may go by.
    fn expected(&self, client: Client, visit: &Visit, ended: &Ended) -> Vec<Expected> {
        let mut expected = Vec::new();
        for edition in ended.editions[0]..=ended.editions[1] {
            for policy in ended.policies[0]..=ended.policies[1] {
                for at_ms in ended.times {
                    let seen = Seen {
                        lists: &self.day.editions[edition % self.day.editions.len()],
                        rules: &self.rules[policy],
                        truths: &self.day.truths,
                        minute: u16::try_from(at_ms / 60_000).unwrap(),
                    };
                    expected.push(seen.expected(client.crowd, &visit.name));
                }
            }
        }
        expected.dedup();
        expected
    }

    async fn ask(&self, visit: &Visit, client: Client) -> Ended {
        let message =
            if visit.plain { plain_question } else { question }(&format!("{}.", visit.name), RecordType::A);
        let since = self.now_ms();
        let first = [&self.editions, &self.policies].map(|of| of.taken_up.load(Ordering::SeqCst));
        let socket = UdpSocket::bind((client.address, 0)).await.unwrap();
        socket.connect(self.to_gate.address).await.unwrap();
        let mut answer = None;
        for _ in 0..ATTEMPTS {
            answer = if visit.over_tcp {
                let asked = over_tcp(self.to_gate.address, client.address.into(), &message);
                tokio::time::timeout(WAIT * 2, asked).await.ok().and_then(Result::ok)
            } else {
                by_udp(&socket, self.to_gate.address, client, &message).await
            };
            let Some(came) = &answer else { continue };
            if came.metadata.response_code != ResponseCode::ServFail {
                break;
            }
            answer = None;
            if self.is_away(self.now_ms()) {
                break;
            }
            // A server that could not tell is asked again in a moment, as clients do.
            tokio::time::sleep(WAIT / 10).await;
        }
        Ended {
            answer: answer.map(Box::new),
            times: [since, self.now_ms()],
            editions: [first[0], self.editions.is()],
            policies: [first[1], self.policies.is()],
        }
    }

    fn count(&self, what: &'static str) {
        *self.tally.lock().unwrap().entry(what).or_default() += 1;
    }
}

#[expect(clippy::print_stdout, reason = "the day's count, for whoever reads the test's output")]
async fn replay(day: Arc<Day>, events: EventReceiver) {
    let began = Instant::now();
    let recorder = std::thread::spawn(move || {
        let (mut recorded, mut batch) = (0, Vec::new());
        while events.batch(Duration::from_millis(200), 1_000, &mut batch) {
            recorded += batch.len();
        }
        recorded
    });
    let memory = day.ask_everything().await;
    let after = memory_kib();
    let tally = day.tally.lock().unwrap().clone();
    let counts = [day.to_gate.counts(), day.to_upstream.counts()]
        .map(|counts| (counts.came.load(Ordering::Relaxed), counts.lost.load(Ordering::Relaxed)));
    let lost_events = day.resolver.sender.lost();
    let still_ms = day.stood_still_ms.load(Ordering::Relaxed);
    println!(
        "{:?}, stood still for {still_ms} ms at most: {tally:?}; came and lost {counts:?}; {memory} -> {after} KiB",
        began.elapsed()
    );
    let unanswered = day.unanswered.lock().unwrap().clone();
    assert_eq!(unanswered, [], "never answered; the machine stood still for {still_ms} ms at most");
    assert_eq!(lost_events, 0, "events were lost");
    assert!(after < memory + MOST_GROWTH_KIB, "memory grew from {memory} to {after} KiB");
    for (what, least) in [
        ("blocked", 10),
        ("blocked behind an alias", 1),
        ("address", 50),
        ("safe form", 2),
        ("no such name", 1),
    ] {
        let came = tally.get(what).copied().unwrap_or(0);
        assert!(came * 100 > least * day.day.visits.len(), "{came} times {what}");
    }
    assert!(tally["while away: blocked"] >= 10 && tally["while away: kept"] >= 3, "{tally:?}");
    let day_visits = day.day.visits.len();
    drop(Arc::into_inner(day).expect("every client has ended"));
    let recorded = tokio::task::spawn_blocking(|| recorder.join().unwrap()).await.unwrap();
    assert!(recorded >= day_visits * 9 / 10, "{recorded} events of {day_visits} questions");
}

async fn by_udp(socket: &UdpSocket, gate: SocketAddr, client: Client, message: &Message) -> Option<Message> {
    let _ = socket.send(&message.to_vec().unwrap()).await;
    let mut buffer = [0; 4096];
    let answer = tokio::time::timeout(WAIT, async {
        loop {
            let Ok(length) = socket.recv(&mut buffer).await else { continue };
            let answer = Message::from_vec(&buffer[..length]).expect("the gate's answers can be read");
            if answer.metadata.id == message.metadata.id {
                return answer;
            }
        }
    });
    let answer = answer.await.ok()?;
    if !answer.metadata.truncation {
        return Some(answer);
    }
    over_tcp(gate, client.address.into(), message).await.ok()
}

/// True where the answer is what was expected, in every part that a client goes by.
fn fits(answer: &Message, expected: &Expected, visit: &Visit) -> bool {
    let asked_back =
        answer.queries.first().is_some_and(|query| query.name.to_ascii() == format!("{}.", visit.name));
    let codes = explanation_codes(answer);
    let code = answer.metadata.response_code;
    let last = addresses(answer).last().copied();
    asked_back
        && match expected {
            Expected::Blocked | Expected::BlockedBehind => {
                code == ResponseCode::NXDomain
                    && answer.answers.is_empty()
                    && (visit.plain || codes.iter().any(|code| (15..=17).contains(code)))
            }
            Expected::NoSuchName => {
                code == ResponseCode::NXDomain && !codes.iter().any(|code| (15..=17).contains(code))
            }
            Expected::Address(address) => {
                code == ResponseCode::NoError && last == Some(IpAddr::from(*address))
            }
            Expected::Safe(target, address) => {
                code == ResponseCode::NoError
                    && first_alias(answer).is_some_and(|alias| alias == format!("{target}."))
                    && last == Some(IpAddr::from(*address))
            }
        }
}

fn zone(day: &SchoolDay) -> Zone {
    let address = |name: &str| match day.truths.get(name) {
        Some(Truth::Address(address, ttl_s)) => a(&format!("{name}."), *ttl_s, *address),
        other => panic!("{name} leads to {other:?}"),
    };
    let says = |name: &String, truth: &Truth| {
        let records = match truth {
            Truth::Address(..) => vec![address(name)],
            Truth::Alias(target) => {
                vec![cname(&format!("{name}."), 60, &format!("{target}.")), address(target)]
            }
        };
        ((format!("{name}."), RecordType::A), Says::Records(records))
    };
    day.truths.iter().map(|(name, truth)| says(name, truth)).collect()
}

fn compile(lists: &Lists) -> Image {
    let (image, _) = image(&[
        list("gambling", ListFormat::Domains, "gambling", &lists.gambling),
        list("games", ListFormat::AdGuard, "games", &lists.games),
        list("social", ListFormat::DomainsExact, "social-media", &lists.social),
        list("advertising", ListFormat::Hosts, "advertising-tracking", &lists.advertising),
        list("ways-round", ListFormat::Domains, "vpn-proxy", &lists.ways_round),
        list("illegal", ListFormat::Domains, "illegal", &lists.illegal),
    ]);
    image
}

fn policy_of(rules: &[Rules]) -> Policy {
    let networks = [
        ("127.1.0.0/16", Some("staff")),
        ("127.2.0.0/16", None),
        ("127.3.0.0/16", None),
        ("127.4.0.0/16", None),
        ("127.5.0.0/16", None),
    ];
    policy(&networks, rules.iter().map(group_of).collect())
}

fn group_of(rules: &Rules) -> GroupRules {
    let members = match rules.crowd {
        Crowd::Juniors => Members { years: vec![YearGroup::parse("4").unwrap()], ..Members::default() },
        Crowd::Seniors => Members { years: vec![YearGroup::parse("10").unwrap()], ..Members::default() },
        Crowd::Printers => Members { equipment: vec![DeviceKind::Printer], ..Members::default() },
        Crowd::Staff | Crowd::Unknown => Members { roles: vec![Role::ClassTeacher], ..Members::default() },
    };
    let window = |hours: &Option<(u16, u16, &'static str)>,
                  effect: fn(model::CategorySet) -> WindowEffect| {
        hours.map(|(from_minute, until_minute, category)| Window {
            name: "A time".into(),
            days: [true; 7],
            from_minute,
            until_minute,
            effect: effect(categories(&[category])),
        })
    };
    let windows = [window(&rules.opens, WindowEffect::Open), window(&rules.closes, WindowEffect::Close)];
    GroupRules {
        block: categories(rules.blocks),
        allow: entries(rules.allows),
        deny: entries(rules.denies),
        windows: windows.into_iter().flatten().collect(),
        safe_search: rules.safe_search,
        youtube: if rules.safe_search { YouTube::Strict } else { YouTube::Off },
        ..group(rules.id(), members)
    }
}

fn learner(number: u8, year: &str) -> Person {
    Person {
        id: person(number),
        login: format!("person{number}"),
        display_name: format!("Person {number}"),
        affiliations: vec![Affiliation {
            scope: Scope::School(SchoolId::new("ash")),
            role: Role::Learner,
            year: YearGroup::parse(year),
        }],
    }
}

fn printers(clients: &[Client]) -> Device {
    let printers = clients.iter().filter(|client| client.crowd == Crowd::Printers);
    Device {
        id: DeviceId::parse("00000000-0000-7000-8000-000000000001").unwrap(),
        school: SchoolId::new("ash"),
        name: "PRINT-01".into(),
        kind: DeviceKind::Printer,
        addresses: printers.map(|client| client.address.into()).collect(),
        assigned_to: None,
    }
}

fn person(number: u8) -> PersonId {
    PersonId::parse(&format!("00000000-0000-7000-8000-00000000000{number}")).unwrap()
}

/// One person stands for all of a crowd: the filter goes by groups.
fn sign_in(resolver: &Resolver, clients: &[Client]) {
    let from = Timestamp::parse(MIDNIGHT).unwrap();
    for client in clients {
        let number = match client.crowd {
            Crowd::Juniors => 2,
            Crowd::Seniors => 3,
            _ => continue,
        };
        let claim =
            Claim { person: person(number), by: KnownBy::SignIn, from, until: from.plus_ms(86_400_000) };
        resolver.identities.claim(client.address.into(), claim);
    }
}

fn memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.split_whitespace().next().unwrap().parse().unwrap()
}
