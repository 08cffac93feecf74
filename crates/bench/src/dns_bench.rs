//! `bench dns`: blocked and cached answers on one core, beside Unbound and a plain echo; and a swap of the lists under load.

use crate::child::Program;
use crate::error::BenchError;
use crate::load::{Check, Client, Outcome, Pace, Server};
use crate::machine::{self, Disturbance};
use crate::names::Names;
use crate::questions::{Expected, Questions};
use crate::row::{Row, Target};
use crate::school::School;
use crate::unbound::{self, Unbound};
use crate::{Depth, lists_files, say, swap, sys, upstream};
use std::net::SocketAddrV4;
use std::time::Duration;

/// Questions under way at once: enough to keep a server busy, few enough to fit its socket's buffer.
const WINDOW: usize = 512;
const WARMING: Duration = Duration::from_millis(300);
/// Long enough for every allowed name to be asked of the upstream once.
const FILLING: Duration = Duration::from_secs(3);
/// Names that are allowed and asked often, by their first number: beyond those of every list.
const ALLOWED_FROM: u32 = 3_000_000_000;
const ALLOWED_NAMES: u32 = 8_000;
pub(crate) const SEED: u64 = 2_026;
/// How long a child may take to build or to start.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// How much of each.
pub(crate) struct Sizes {
    pub(crate) names: u32,
    pub(crate) swapped: u32,
    pub(crate) questions: usize,
    pub(crate) rounds: usize,
    pub(crate) measured: Duration,
}

impl Sizes {
    pub(crate) fn of(depth: Depth) -> Self {
        match depth {
            Depth::Full => Self {
                names: 5_000_000,
                swapped: 2_300_000,
                questions: 1_000_000,
                rounds: 5,
                measured: Duration::from_secs(3),
            },
            Depth::Quick => Self {
                names: 500_000,
                swapped: 230_000,
                questions: 300_000,
                rounds: 3,
                measured: Duration::from_millis(1_500),
            },
        }
    }
}

/// Measures; the rows in the order of the targets.
pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let sizes = Sizes::of(depth);
    let [server_core, client_core] = machine::two_cores()?;
    sys::stay_on(&[client_core]).map_err(BenchError::Socket)?;
    let folder = tempfile::tempdir().map_err(BenchError::Socket)?;
    let names = Names::new(SEED);
    let upstream = upstream::start()?;
    let (server_core, client_core) = (server_core.to_string(), client_core.to_string());
    say::remark(&format!(
        "making {} names; {} reads them, and ours builds them",
        sizes.names,
        unbound::version()
    ));
    let peer =
        Unbound::start(&folder.path().join("unbound"), &server_core, (names, 0..sizes.names), upstream)?;
    let (lists, files) = (folder.path().join("lists"), folder.path().join("files"));
    lists_files::write(&files, names, 0..sizes.names)?;
    let [lists, files] = [&lists, &files].map(|path| path.to_string_lossy().into_owned());
    let build = Program::own(&client_core, &["build-image", &lists, &files])?;
    build.hear("built", PATIENCE)?;
    drop(build);
    peer.ready()?;
    let ours = Program::own(&server_core, &["serve-dns", &lists, &upstream.to_string()])?;
    let echo = Program::own(&server_core, &["echo"])?;
    let mut field = Field {
        addresses: [listening(&ours)?, listening(&echo)?, peer.address()],
        processes: [ours.process(), echo.process(), peer.process()],
        own: machine::packet_threads(),
        blocked: blocked_questions(names, &sizes),
        cached: cached_questions(names),
    };
    field.own.extend(field.processes);
    field.own.push(std::process::id());
    let figures = field.measure(&sizes)?;
    drop((ours, echo, peer));
    let mut rows = figures.rows(&sizes);
    rows.extend(swap::rows(&sizes, &server_core, upstream)?);
    Ok(rows)
}

/// Where a child says it listens.
pub(crate) fn listening(program: &Program) -> Result<SocketAddrV4, BenchError> {
    let said = program.hear("listening", PATIENCE)?;
    let wrong =
        |_| BenchError::Said { program: "server".into(), expected: "an address", found: said.clone() };
    said.parse().map_err(wrong)
}

/// Blocked for whoever asks.
fn blocked_questions(names: Names, sizes: &Sizes) -> Questions {
    let (school, clients) = (School::new(), School::clients().collect::<Vec<_>>());
    let most = u32::try_from(clients.len()).unwrap_or(1);
    Questions::random(sizes.questions, names, 1, |random| {
        let client = *clients.get(usize::try_from(random.below(most)).ok()?)?;
        let number = random.below(sizes.names);
        school.blocks(client.group, number).then_some((number, client, Expected::Blocked))
    })
}

/// Allowed, and asked so often that every server keeps their answers.
fn cached_questions(names: Names) -> Questions {
    let clients: Vec<_> = School::clients().collect();
    let most = u32::try_from(clients.len()).unwrap_or(1);
    Questions::random(200_000, names, 2, |random| {
        let client = *clients.get(usize::try_from(random.below(most)).ok()?)?;
        Some((allowed_name(random.below(ALLOWED_NAMES)), client, Expected::Address))
    })
}

/// The number of a name that no list has.
pub(crate) fn allowed_name(number: u32) -> u32 {
    ALLOWED_FROM + number % ALLOWED_NAMES
}

const OURS: usize = 0;
const ECHO: usize = 1;
const PEER: usize = 2;
const SERVERS: [(usize, &str); 3] = [(OURS, "ours"), (ECHO, "echo"), (PEER, "Unbound")];

/// The servers, and what they are asked.
struct Field {
    addresses: [SocketAddrV4; 3],
    processes: [u32; 3],
    own: Vec<u32>,
    blocked: Questions,
    cached: Questions,
}

impl Field {
    /// In rounds, each server in turn, so that whatever slows the machine slows all of them.
    fn measure(&mut self, sizes: &Sizes) -> Result<Figures, BenchError> {
        let mut figures = Figures::default();
        for place in [OURS, PEER] {
            self.run(place, Asked::Cached, [FILLING, WARMING])?;
        }
        for _ in 0..sizes.rounds {
            for (place, name) in SERVERS {
                let outcome = self.run(place, Asked::Blocked, [WARMING, sizes.measured])?;
                refuse_wrong(name, &outcome)?;
                if let Some(series) = figures.blocked.get_mut(place) {
                    series.0.push(outcome);
                }
            }
            for (place, name) in [(OURS, "ours"), (PEER, "Unbound")] {
                let outcome = self.run(place, Asked::Cached, [WARMING, sizes.measured])?;
                refuse_wrong(name, &outcome)?;
                if let Some(series) = figures.cached.get_mut(place) {
                    series.0.push(outcome);
                }
            }
        }
        Ok(figures)
    }

    fn run(&mut self, place: usize, asked: Asked, times: [Duration; 2]) -> Result<Outcome, BenchError> {
        let address = self.addresses.get(place).copied();
        let process = self.processes.get(place).copied().unwrap_or(0);
        let Some(address) = address else { return Ok(Outcome::default()) };
        let server = Server { address, process, own: &self.own };
        let questions = match asked {
            Asked::Blocked => &mut self.blocked,
            Asked::Cached => &mut self.cached,
        };
        let mut client = Client::new(if place == ECHO { Check::Echo } else { Check::Answers })?;
        client.run(server, questions, Pace::Window(WINDOW), times)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Blocked,
    Cached,
}

fn refuse_wrong(server: &'static str, outcome: &Outcome) -> Result<(), BenchError> {
    let Outcome { wrong, answered: answers, .. } = *outcome;
    if answers == 0 || wrong > 0 { Err(BenchError::WrongAnswers { server, wrong, answers }) } else { Ok(()) }
}

/// The rounds of one server.
#[derive(Default)]
struct Series(Vec<Outcome>);

impl Series {
    fn rate(&self) -> f64 {
        median(self.0.iter().map(Outcome::rate).collect())
    }

    fn cpu_us(&self) -> f64 {
        median(self.0.iter().map(Outcome::cpu_us).collect())
    }

    fn words(&self, name: &str) -> String {
        let busy = 100.0 * median(self.0.iter().map(Outcome::busy).collect());
        let lost: u64 = self.0.iter().map(|outcome| outcome.lost).sum();
        let (rate, cpu) = (self.rate(), self.cpu_us());
        format!("{name}: {rate:.0} a second, {cpu:.2} µs each, core {busy:.0} % busy, {lost} lost")
    }
}

/// The middle of some figures; 0 of none.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}

#[derive(Default)]
struct Figures {
    blocked: [Series; 3],
    cached: [Series; 3],
}

impl Figures {
    fn rows(&self, sizes: &Sizes) -> Vec<Row> {
        let [ours, echo, peer] = &self.blocked;
        let [ours_cached, _, peer_cached] = &self.cached;
        let mut disturbance = Disturbance::default();
        for outcome in self.blocked.iter().chain(&self.cached).flat_map(|series| &series.0) {
            disturbance += outcome.disturbance;
        }
        say::remark(&format!("while answers were counted: {}", disturbance.words()));
        for (name, series) in [
            ("echo", echo),
            ("ours, blocked", ours),
            ("Unbound, blocked", peer),
            ("ours, cached", ours_cached),
            ("Unbound, cached", peer_cached),
        ] {
            say::remark(&series.words(name));
        }
        // Where the client held the echo up, its core was not busy: what it could do is what its CPU time says.
        let echo_us = echo.cpu_us();
        let ceiling = echo.rate().max(1e6 / echo_us.max(f64::MIN_POSITIVE));
        let (machine, unbound) = (disturbance.verdict(), unbound::version());
        let names = format!("{} names, 200 groups", sizes.names);
        let rate = Row::new(
            format!("blocked answers on one core, {names}"),
            "answers/s",
            ours.rate(),
            Target::AtLeast(2.0 * peer.rate()),
        );
        let cpu =
            Row::new("CPU of a blocked answer", "µs", ours.cpu_us(), Target::AtMost(peer.cpu_us() / 2.0));
        let (rate_holds, cpu_holds) = (rate.holds(), cpu.holds());
        let share = Target::AtLeast(0.8);
        vec![
            rate.beside(&unbound, peer.rate()).limit(ceiling).or(cpu_holds).on(machine),
            cpu.beside(&unbound, peer.cpu_us()).limit(echo_us).or(rate_holds).on(machine),
            Row::new("blocked answers as a share of a batched echo", "share", ours.rate() / ceiling, share)
                .beside(&unbound, peer.rate() / ceiling)
                .limit(1.0)
                .on(machine),
            Row::new(
                "forwarded answers from the cache, one core, same lists",
                "answers/s",
                ours_cached.rate(),
                Target::AtLeast(peer_cached.rate()),
            )
            .beside(&unbound, peer_cached.rate())
            .limit(ceiling)
            .on(machine),
            Row::new(
                "CPU of an answer from the cache",
                "µs",
                ours_cached.cpu_us(),
                Target::AtMost(peer_cached.cpu_us()),
            )
            .beside(&unbound, peer_cached.cpu_us())
            .limit(echo_us)
            .on(machine),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_figure_counts() {
        assert_eq!(median(vec![3.0, 1.0, 200.0]), 3.0);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn no_list_has_an_allowed_name() {
        assert!(allowed_name(0) > Sizes::of(Depth::Full).names);
        assert_eq!(allowed_name(ALLOWED_NAMES), allowed_name(0));
    }
}
