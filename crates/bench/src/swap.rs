//! A rebuild and swap of the lists while questions are answered at seven tenths of the highest rate, beside the same time
//! without a swap.

use crate::child::Program;
use crate::dns_bench::{PATIENCE, SEED, Sizes, allowed_name, listening};
use crate::error::BenchError;
use crate::load::{Check, Client, Outcome, Pace, Server};
use crate::machine;
use crate::names::Names;
use crate::questions::{Expected, InForce, Questions};
use crate::row::{Row, Target};
use crate::school::School;
use crate::{Depth, lists_files, say, sys, upstream};
use std::net::SocketAddr;
use std::time::Duration;

const WINDOW: usize = 512;
const WARMING: Duration = Duration::from_secs(2);
const LOAD: f64 = 0.7;
/// Names that the new lists drop, and as many that they add.
const CHANGED: u32 = 500;

/// The same by itself: for whoever looks for what is lost.
pub(crate) fn alone(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let [server_core, client_core] = machine::two_cores()?;
    sys::stay_on(&[client_core]).map_err(BenchError::Socket)?;
    rows(&Sizes::of(depth), &server_core.to_string(), upstream::start()?)
}

/// Measures; rows of what was wrong and what was lost.
pub(crate) fn rows(sizes: &Sizes, core: &str, upstream: SocketAddr) -> Result<Vec<Row>, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::Socket)?;
    let [lists, old, new] = ["lists", "old", "new"].map(|name| folder.path().join(name));
    let names = Names::new(SEED);
    lists_files::write(&old, names, 0..sizes.swapped)?;
    lists_files::write(&new, names, CHANGED..sizes.swapped + CHANGED)?;
    let [lists, old, new] = [lists, old, new].map(|path| path.to_string_lossy().into_owned());
    let [_, client_core] = machine::two_cores()?;
    let build = Program::own(&client_core.to_string(), &["build-image", &lists, &old])?;
    let build_s = build.hear_number("built", PATIENCE)?;
    drop(build);
    let mut ours = Program::own(core, &["serve-dns", &lists, &upstream.to_string()])?;
    let mut own = machine::packet_threads();
    own.extend([ours.process(), std::process::id()]);
    let server = Server { address: listening(&ours)?, process: ours.process(), own: &own };
    let mut questions = mixed_questions(names, sizes);
    let mut client = Client::new(Check::Answers)?;
    let highest = client.run(server, &mut questions, Pace::Window(WINDOW), [WARMING, sizes.measured])?;
    let pace = Pace::PerSecond(LOAD * highest.rate());
    // Room for a build that gets what the server and its clients leave.
    let time = Duration::from_secs_f64((8.0 * build_s + 2.0).clamp(4.0, 60.0));
    let control = client.run(server, &mut questions, pace, [WARMING, time])?;
    ours.tell(&format!("swap {new}"))?;
    let mut build_cpu_s = None;
    let mut in_force = InForce::Old;
    let mut meanwhile = |_| {
        if in_force == InForce::Old && ours.heard("swapping").is_some() {
            in_force = InForce::Either;
        }
        if in_force == InForce::Either
            && let Some(seconds) = ours.heard("swapped")
        {
            build_cpu_s = seconds.parse::<f64>().ok();
            in_force = InForce::New;
        }
        in_force
    };
    let swapped =
        client.run_meanwhile(server, &mut questions, pace, ([Duration::ZERO, time], &mut meanwhile))?;
    let silent = BenchError::Silent { program: "serve-dns".into(), expected: "a swap within the run" };
    let build_cpu_s = build_cpu_s.ok_or(silent)?;
    Ok(rows_of(sizes, [&highest, &control, &swapped], build_cpu_s))
}

/// Nine in ten as in the blocked and cached runs, the rest of the names that change.
fn mixed_questions(names: Names, sizes: &Sizes) -> Questions {
    let (school, clients) = (School::new(), School::clients().collect::<Vec<_>>());
    let most = u32::try_from(clients.len()).unwrap_or(1);
    Questions::random(sizes.questions, names, 3, |random| {
        let client = *clients.get(usize::try_from(random.below(most)).ok()?)?;
        let (number, expected) = match random.below(20) {
            0 => (random.below(CHANGED), Expected::BlockedBefore),
            1 => (sizes.swapped + random.below(CHANGED), Expected::BlockedAfter),
            2..8 => {
                (allowed_name(random.number().to_le_bytes().map(u32::from).iter().sum()), Expected::Address)
            }
            _ => (CHANGED + random.below(sizes.swapped - CHANGED), Expected::Blocked),
        };
        let counts = expected == Expected::Address || school.blocks(client.group, number);
        counts.then_some((number, client, expected))
    })
}

fn rows_of(sizes: &Sizes, [highest, control, swapped]: [&Outcome; 3], build_cpu_s: f64) -> Vec<Row> {
    let mut disturbance = control.disturbance;
    disturbance += swapped.disturbance;
    let per_million = build_cpu_s / (f64::from(sizes.swapped) / 1e6);
    say::remark(&format!(
        "swap: highest rate {:.0}, asked {:.0} a second for {:.1} s; building took {per_million:.2} CPU s a million; {}",
        highest.rate(),
        swapped.asked as f64 / swapped.seconds,
        swapped.seconds,
        disturbance.words()
    ));
    let machine = disturbance.verdict();
    let names = sizes.swapped;
    let lost_in_control = control.lost as f64;
    let wrong = Row::new(
        format!("answers wrong while {names} names are rebuilt and swapped at 70 % load"),
        "answers",
        swapped.wrong as f64,
        Target::AtMost(0.0),
    );
    // None wrong may be luck where the machine was busy; a wrong one is wrong on any machine.
    let wrong = if swapped.wrong == 0 { wrong.on(machine) } else { wrong };
    let lost = Row::new(
        "answers lost in that time; limit: lost in the same time without a swap",
        "answers",
        swapped.lost as f64,
        Target::AtMost(lost_in_control),
    );
    let build = Row::new(
        format!("CPU of the rebuild of {names} names under that load"),
        "s per million names",
        per_million,
        Target::AtMost(1.0),
    );
    vec![wrong, lost.limit(lost_in_control).on(machine), build.on(machine)]
}
