//! `bench sign-in`, of a whole gate: what others wait for a page while every thread that hashes is busy, and what the program
//! holds in memory at rest with 10,000 people.
//!
//! The program is the released one, beside the bench's own; its folder is made by `schoolgate demo`.

use crate::error::BenchError;
use crate::gate::{Gate, Visitor, change_records, configure, demo_password, wait_until};
use crate::machine::{Disturbance, Reading};
use crate::row::{Row, Target};
use model::{Affiliation, PersonId, Role, SchoolId, Scope, YearGroup};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use store::Change;

const PEOPLE: u128 = 10_000;
/// Sign-ins under way at once.
const SIGN_INS: usize = 6;
/// A page is asked for this often.
const EVERY: Duration = Duration::from_millis(20);
/// How long the gate is left alone before its memory is read.
const REST: Duration = Duration::from_secs(15);
const LOGIN: &str = "headteacher";

/// So many pages are asked for.
pub(crate) fn rows(pages: usize) -> Result<Vec<Row>, BenchError> {
    let home = tempfile::tempdir().map_err(BenchError::file("a folder for a gate"))?;
    let folder = home.path().join("gate");
    configure(&folder, "")?;
    let gate = Gate::start("demo", &folder)?;
    let mut rows = vec![waits_for_pages(&gate, &folder, pages)?];
    drop(gate);
    change_records(&folder, &people().collect::<Vec<_>>())?;
    let gate = Gate::start("run", &folder)?;
    wait_until(Instant::now() + REST);
    rows.push(Row::new(
        "memory of a gate at rest with 10,000 people, shared pages by their part",
        "MB",
        memory_mb(&gate)?,
        Target::AtMost(64.0),
    ));
    Ok(rows)
}

/// The 99th percentile of a page's whole time, connection and TLS too, while sign-ins keep every hashing thread busy.
fn waits_for_pages(gate: &Gate, folder: &Path, pages: usize) -> Result<Row, BenchError> {
    let password = demo_password(folder)?;
    let form = format!("login={LOGIN}&password={password}&next=");
    let (stop, signed_in, visitor) = (AtomicBool::new(false), AtomicU64::new(0), &gate.visitor);
    let before = Reading::now(&[std::process::id(), gate.process()]);
    let times = thread::scope(|scope| {
        let signing_in = || {
            while !stop.load(Ordering::Relaxed) {
                if visitor.send("/sign-in", &form).is_ok_and(|answered| answered.status == 303) {
                    signed_in.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        for _ in 0..SIGN_INS {
            scope.spawn(signing_in);
        }
        let times = ask_for_pages(visitor, pages);
        stop.store(true, Ordering::Relaxed);
        times
    });
    let disturbance: Disturbance = Reading::now(&[std::process::id(), gate.process()]).since(before);
    let (mut times, signed_in) = (times?, signed_in.into_inner());
    let seconds = (EVERY * u32::try_from(pages).unwrap_or(u32::MAX)).as_secs_f64();
    crate::say::remark(&format!(
        "pages while signing in: {:.1} sign-ins a second; {}",
        signed_in as f64 / seconds,
        disturbance.words()
    ));
    if signed_in == 0 {
        return Err(BenchError::Answer {
            expected: "somebody who could sign in",
            found: "nobody".to_owned(),
        });
    }
    times.sort_by(f64::total_cmp);
    let p99 = times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(f64::NAN);
    let what = "a page while every hashing thread is busy, 99th percentile";
    Ok(Row::new(what, "ms", p99, Target::AtMost(50.0)).on(disturbance.verdict()))
}

/// Its private memory, and its part of what it shares (PSS).
fn memory_mb(gate: &Gate) -> Result<f64, BenchError> {
    let file = PathBuf::from(format!("/proc/{}/smaps_rollup", gate.process()));
    let text = std::fs::read_to_string(&file).map_err(BenchError::file(&file))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
    Ok(kib * 1_024.0 / 1e6)
}

/// One page each [`EVERY`], by the clock: a late one counts from when it was due.
fn ask_for_pages(visitor: &Visitor, pages: usize) -> Result<Vec<f64>, BenchError> {
    let begun = Instant::now();
    let mut times = Vec::with_capacity(pages);
    for number in 0..u32::try_from(pages).unwrap_or(u32::MAX) {
        let due = begun + EVERY * number;
        wait_until(due);
        match visitor.ask("/sign-in")?.status {
            200 => times.push(due.elapsed().as_secs_f64() * 1_000.0),
            other => {
                return Err(BenchError::Answer { expected: "a page", found: other.to_string() });
            }
        }
    }
    Ok(times)
}

/// Learners of one school, in every year group.
fn people() -> impl Iterator<Item = Change> {
    (0..PEOPLE).map(|number| {
        let year = YearGroup::parse(&(number % 13 + 1).to_string());
        let scope = Scope::School(SchoolId::new("larkfield"));
        let person = model::Person {
            id: PersonId(uuid::Uuid::from_u128(0x5c40_0000 + number)),
            login: format!("made-up-{number}"),
            display_name: format!("Made Up {number}"),
            affiliations: vec![Affiliation { scope, role: Role::Learner, year }],
        };
        Change::AddPerson { person, scope: Scope::Trust }
    })
}
