//! Load on a way: as much as it takes, or at a pace; and connections that only stay open.

use super::client::{Connection, Way};
use super::processes::cpu_seconds;
use super::sites::{Site, opened, unread};
use crate::error::BenchError;
use crate::machine::{Disturbance, Reading};
use crate::school::School;
use app::made_up::Random;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that ask for small pages at once.
const ASKING: usize = 32;
/// Connections that are being opened at once.
const OPENING: usize = 16;
/// Bulk transfers at once.
const TRANSFERS: usize = 2;
/// Users of the paced load, each with a connection.
const USERS: usize = 100;
/// How often each of them asks.
const EACH: Duration = Duration::from_millis(100);
/// Until the first of them asks.
const UNTIL_FIRST: Duration = Duration::from_millis(200);

/// What is done as fast as it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    /// Small pages on kept connections; counted in requests.
    Pages,
    /// A new connection for every page; counted in connections.
    Connections,
    /// Bulk bodies of a site that is opened; counted in bytes.
    OpenedBulk,
    /// Bulk bodies of the site that is passed unread; counted in bytes.
    UnreadBulk,
}

/// Whose CPU time counts, and whose is no disturbance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched<'a> {
    /// The proxy; `None` where there is none on the way.
    pub(crate) proxy: Option<u32>,
    /// Every process of the bench.
    pub(crate) own: &'a [u32],
}

/// What came of it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Measured {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    /// The proxy's CPU time.
    pub(crate) cpu_seconds: f64,
    pub(crate) disturbance: Disturbance,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// CPU seconds of the proxy for each that was counted.
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu_seconds / self.count.max(1) as f64
    }

    /// How much of its core the proxy used.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }
}

/// Works until `times` (warming up, measuring) are over. Errors: the first thing that went wrong on any connection.
pub(crate) fn run(
    way: &Way,
    work: Work,
    watched: Watched<'_>,
    [warming, measured]: [Duration; 2],
) -> Result<Measured, BenchError> {
    let shared = Shared { way, sites: opened(), sources: sources(), next: AtomicUsize::new(0) };
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let workers = match work {
        Work::Pages => ASKING,
        Work::Connections => OPENING,
        Work::OpenedBulk | Work::UnreadBulk => TRANSFERS,
    };
    thread::scope(|scope| {
        let (shared, count, stop) = (&shared, &count, &stop);
        let started: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(move || {
                    let outcome = shared.work(work, count, stop);
                    if outcome.is_err() {
                        stop.store(true, Ordering::Relaxed);
                    }
                    outcome
                })
            })
            .collect();
        wait_until(Instant::now() + warming, stop);
        let (before, begun) = (taken(watched, count), Instant::now());
        wait_until(begun + measured, stop);
        let (after, seconds) = (taken(watched, count), begun.elapsed().as_secs_f64());
        stop.store(true, Ordering::Relaxed);
        for worker in started {
            worker.join().map_err(|_| ended_early())??;
        }
        Ok(Measured {
            count: after.count - before.count,
            seconds,
            cpu_seconds: after.cpu_seconds - before.cpu_seconds,
            disturbance: after.reading.since(before.reading),
        })
    })
}

fn ended_early() -> BenchError {
    BenchError::Silent { program: "the load client".into(), expected: "an end without a panic" }
}

/// Everything as it stands at a moment.
struct Taken {
    count: u64,
    cpu_seconds: f64,
    reading: Reading,
}

fn taken(watched: Watched<'_>, count: &AtomicU64) -> Taken {
    Taken {
        count: count.load(Ordering::Relaxed),
        cpu_seconds: watched.proxy.map_or(0.0, cpu_seconds),
        reading: Reading::now(watched.own),
    }
}

/// Waits for a moment, or until told to stop.
fn wait_until(moment: Instant, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        thread::park_timeout(left.min(Duration::from_millis(100)));
    }
}

struct Shared<'a> {
    way: &'a Way,
    sites: Vec<Site>,
    sources: Vec<Ipv4Addr>,
    /// Numbers the connections, so that each is to another site and from another address than the one before.
    next: AtomicUsize,
}

impl Shared<'_> {
    fn work(&self, work: Work, count: &AtomicU64, stop: &AtomicBool) -> Result<(), BenchError> {
        match work {
            Work::Pages => {
                let mut connection = self.open()?;
                let mut number = self.next.load(Ordering::Relaxed);
                while !stop.load(Ordering::Relaxed) {
                    connection.page(number)?;
                    number += 1;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            Work::Connections => {
                while !stop.load(Ordering::Relaxed) {
                    let number = self.next.load(Ordering::Relaxed);
                    self.open()?.page(number)?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            Work::OpenedBulk => self.transfer(self.open()?, count, stop)?,
            Work::UnreadBulk => {
                let connection = self.way.open(&unread(), self.source(self.number()))?;
                self.transfer(connection, count, stop)?;
            }
        }
        Ok(())
    }

    fn transfer(
        &self,
        mut connection: Connection,
        count: &AtomicU64,
        stop: &AtomicBool,
    ) -> Result<(), BenchError> {
        while !stop.load(Ordering::Relaxed) {
            connection.bulk(count, stop)?;
        }
        Ok(())
    }

    fn open(&self) -> Result<Connection, BenchError> {
        let number = self.number();
        let site = self.sites.get(number % self.sites.len().max(1));
        let site = site.ok_or_else(|| BenchError::Answer { expected: "a site", found: String::new() })?;
        self.way.open(site, self.source(number))
    }

    /// Opens connections one after the other and asks each for a page, until one fails.
    fn hold(&self, connections: usize) -> Holding {
        let mut held = Holding { connections: Vec::with_capacity(connections), stopped: None };
        for number in 0..connections {
            let opened = self.open().and_then(|mut open| open.page(number).map(|_| open));
            match opened {
                Ok(connection) => held.connections.push(connection),
                Err(fault) => return Holding { stopped: Some(fault), ..held },
            }
        }
        held
    }

    fn number(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn source(&self, number: usize) -> Ipv4Addr {
        self.sources.get(number % self.sources.len().max(1)).copied().unwrap_or(Ipv4Addr::LOCALHOST)
    }
}

/// The addresses of the school, in an order that goes through the networks first.
fn sources() -> Vec<Ipv4Addr> {
    let mut addresses: Vec<Ipv4Addr> = School::clients().map(|client| client.address).collect();
    addresses.sort_by_key(|address| address.octets()[3]);
    addresses
}

/// Times to the first byte of paced requests, shortest first.
pub(crate) struct Paced {
    times: Vec<Duration>,
    pub(crate) disturbance: Disturbance,
}

impl Paced {
    /// The time that this share of a thousand stays below, in milliseconds.
    pub(crate) fn at_permille(&self, permille: usize) -> f64 {
        self.times.get(self.times.len() * permille / 1_000).map_or(0.0, |time| 1e3 * time.as_secs_f64())
    }
}

/// Asks at a pace, answered or not: 100 users, each at a random moment of each tenth of a second. A time counts from the
/// moment a request was due, so that whoever answers late is charged for those that had to wait.
pub(crate) fn pace(way: &Way, watched: Watched<'_>, measured: Duration) -> Result<Paced, BenchError> {
    let shared = Shared { way, sites: opened(), sources: sources(), next: AtomicUsize::new(0) };
    let (open, begin) = (Barrier::new(USERS + 1), OnceLock::new());
    let turns = u32::try_from(measured.as_millis() / EACH.as_millis()).unwrap_or(1);
    thread::scope(|scope| {
        let (shared, open, begin) = (&shared, &open, &begin);
        let users: Vec<_> = (0..USERS as u64)
            .map(|user| {
                scope.spawn(move || {
                    let connection = shared.open().and_then(|mut open| open.page(0).map(|_| open));
                    open.wait();
                    open.wait();
                    let begun = begin.get().copied().unwrap_or_else(Instant::now);
                    ask_in_turns(&mut connection?, user, begun, turns)
                })
            })
            .collect();
        open.wait();
        let before = Reading::now(watched.own);
        let _ = begin.set(Instant::now() + UNTIL_FIRST);
        open.wait();
        let mut times = Vec::new();
        for user in users {
            times.extend(user.join().map_err(|_| ended_early())??);
        }
        times.sort_unstable();
        Ok(Paced { times, disturbance: Reading::now(watched.own).since(before) })
    })
}

fn ask_in_turns(
    connection: &mut Connection,
    user: u64,
    begun: Instant,
    turns: u32,
) -> Result<Vec<Duration>, BenchError> {
    let mut random = Random::new(user);
    let never = AtomicBool::new(false);
    let most_us = u32::try_from(EACH.as_micros()).unwrap_or(1);
    let mut times = Vec::new();
    for turn in 0..turns {
        let due = begun + EACH * turn + Duration::from_micros(u64::from(random.below(most_us)));
        wait_until(due, &never);
        let first = connection.page(usize::try_from(turn).unwrap_or(0))?;
        times.push(first.saturating_duration_since(due));
    }
    Ok(times)
}

/// Connections that are held, and why there are no more.
pub(crate) struct Holding {
    pub(crate) connections: Vec<Connection>,
    pub(crate) stopped: Option<BenchError>,
}

/// Fetches a page of every site, one after the other, so that every proxy has made its certificates before it is measured.
pub(crate) fn meet_sites(way: &Way) -> Result<(), BenchError> {
    let shared = Shared { way, sites: opened(), sources: sources(), next: AtomicUsize::new(0) };
    shared.hold(shared.sites.len()).stopped.map_or(Ok(()), Err)
}

/// Opens connections, several at a time, asks each for a page, and keeps them all. Errors: of the bench itself; where the
/// other side takes no more, what it took is held.
pub(crate) fn hold(way: &Way, connections: usize) -> Result<Holding, BenchError> {
    let shared = Shared { way, sites: opened(), sources: sources(), next: AtomicUsize::new(0) };
    thread::scope(|scope| {
        let shared = &shared;
        let share = |opener| connections / OPENING + usize::from(opener < connections % OPENING);
        let openers: Vec<_> =
            (0..OPENING).map(|opener| scope.spawn(move || shared.hold(share(opener)))).collect();
        let mut all = Holding { connections: Vec::with_capacity(connections), stopped: None };
        for opener in openers {
            let held = opener.join().map_err(|_| ended_early())?;
            all.connections.extend(held.connections);
            all.stopped = all.stopped.or(held.stopped);
        }
        Ok(all)
    })
}
