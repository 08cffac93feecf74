//! Our own store: filled day by day as a gate fills it, each day rewritten into columns once it is over, and then asked.

use super::{Answers, PART, PERSON, Progress, SEED, TOP, asked_times, year::Year};
use crate::error::BenchError;
use crate::say;
use history::{Every, History, Query};
use model::{Day, GateId};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// As many as the gate's intake appends at once when they come this fast.
const BATCH: usize = 16_384;
/// Each question is asked so many times; the middle time counts.
const ROUNDS: usize = 3;

/// Fills a folder with a year of so many events, asks the questions, and says what it came to, in lines.
pub(crate) fn keep(folder: &str, events: &str) -> Result<(), BenchError> {
    let events = events.parse().map_err(|_| BenchError::Arguments { found: events.to_owned() })?;
    let year = Year::new(SEED, events);
    let (history, _) = History::open(Path::new(folder), GateId(1))?;
    let (mut kept, mut took, mut busy) = (0u64, Duration::ZERO, Duration::ZERO);
    let mut progress = Progress::new("ours", events);
    for day in year.days() {
        year.each_batch(day, BATCH, &mut |batch| {
            let (begun, busy_before) = (Instant::now(), cpu_time());
            history.append(batch)?;
            took += begun.elapsed();
            busy += cpu_time().saturating_sub(busy_before);
            kept += batch.len() as u64;
            progress.reached(kept);
            Ok::<_, BenchError>(())
        })?;
        history.compact(Day(day.0 + 1))?;
    }
    say::result(&format!("events {kept}"));
    say::result(&format!("append {}", kept as f64 / took.as_secs_f64()));
    say::result(&format!("append-core {}", kept as f64 / busy.as_secs_f64()));
    tell(&history)
}

/// Asks the questions of a folder that was filled before, and says what it came to, in lines.
pub(crate) fn ask_again(folder: &str) -> Result<(), BenchError> {
    let (history, _) = History::open(Path::new(folder), GateId(1))?;
    tell(&history)
}

fn tell(history: &History) -> Result<(), BenchError> {
    let answers = ask(history)?;
    say::result(&format!("bytes {}", answers.bytes));
    for (count, ms) in answers.counts.iter().zip(answers.ms) {
        say::result(&format!("count {count}"));
        say::result(&format!("ms {ms}"));
    }
    say::result(&format!("resident {}", most_resident_mb()));
    Ok(())
}

fn ask(history: &History) -> Result<Answers, BenchError> {
    let (until, week, month) = asked_times();
    let any = Query { until: Some(until), read_at_most: u64::MAX, ..Query::default() };
    let person = Query { from: Some(week), people: Some(vec![Year::person(PERSON)]), ..any.clone() };
    let url = Query { from: Some(month), url_contains: Some(PART.to_owned()), ..any.clone() };
    let top = Query { from: Some(month), ..any };
    let person = timed(|| {
        let mut rows = 0;
        history.export(&person, &mut |_| {
            rows += 1;
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    })?;
    let url = timed(|| {
        let mut rows = 0;
        history.export(&url, &mut |_| {
            rows += 1;
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    })?;
    let top = timed(|| {
        let top = history.top_hosts(&top, Every::Hour, TOP)?;
        Ok(top.hosts.first().map_or(0, |host| host.events))
    })?;
    let bytes = history.days()?.iter().map(|day| day.bytes).sum::<u64>() as f64;
    let (counts, ms) = ([person.0, url.0, top.0], [person.1, url.1, top.1]);
    Ok(Answers { counts, ms, bytes, ..Answers::default() })
}

/// What an answer is, and the middle of the times it took.
fn timed(mut ask: impl FnMut() -> Result<u64, BenchError>) -> Result<(u64, f64), BenchError> {
    let (mut answer, mut times) = (0, Vec::new());
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        answer = ask()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok((answer, times.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)))
}

/// How long all threads of the process were busy.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(used.tv_sec), u32::try_from(used.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}

/// The most memory that the process had at once.
fn most_resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kb =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0) * 1_024.0 / 1e6
}
