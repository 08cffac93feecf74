//! Memory of connections that are open and say nothing: a proxy that has just started, and what it holds once they are open.
//!
//! Counted is what belongs to the proxy and the programs it started (PSS). What the kernel holds for its sockets is not in it, nor
//! in the peer's.

use super::figures::Place;
use super::{Runner, Stage, load, processes, squid};
use crate::error::BenchError;
use crate::row::{Row, Target};
use crate::say;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::thread;
use std::time::{Duration, Instant};

/// Connections that are open before memory is first read, so that what is made once is there.
const FIRST: usize = 50;
/// Until whatever was needed to open a connection is given back.
const SETTLING: Duration = Duration::from_secs(3);
/// Descriptors of a proxy that are not for connections.
const SPARE: u64 = 200;
/// The most that a connection may take, in kB.
const MOST_KB: f64 = 60.0;

/// Measures; `connections` or as many as descriptors allow.
pub(crate) fn row(stage: &Stage, connections: usize) -> Result<Row, BenchError> {
    let connections = connections.min(possible()?);
    let ours = stage.ours("idle")?;
    let ours = held(&ours, connections).map_err(|source| Place::Ours.failed(source))?;
    let peer = stage.squid("idle-squid")?;
    let peer = held(&peer, connections).map_err(|source| Place::Squid.failed(source))?;
    say::remark(&format!("{connections} idle connections: ours {ours:.1} kB each, Squid {peer:.1} kB each"));
    let what = format!("memory of each of {connections} idle inspected connections");
    Ok(Row::new(what, "kB", ours, Target::AtMost(MOST_KB)).beside(&squid::version(), peer))
}

/// How many connections the system lets a proxy hold, which needs two descriptors for each. Raises what may be raised, for the
/// programs that are started from now on too.
fn possible() -> Result<usize, BenchError> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| BenchError::Socket(error.into()))?;
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(SPARE) / 2;
    Ok(usize::try_from(most).unwrap_or(usize::MAX))
}

/// What each connection adds, in kB.
fn held(runner: &Runner, connections: usize) -> Result<f64, BenchError> {
    let Some(process) = runner.process() else { return Ok(0.0) };
    let settled = || {
        let begun = Instant::now();
        while let Some(left) = SETTLING.checked_sub(begun.elapsed()) {
            thread::park_timeout(left);
        }
        processes::memory_kb(process)
    };
    let first = load::hold(&runner.opened, FIRST)?;
    let before = settled();
    let mut held = load::hold(&runner.opened, connections)?;
    let after = settled();
    // Whoever gave a connection up to save memory would be found out here.
    for (number, connection) in held.iter_mut().enumerate() {
        connection.page(number)?;
    }
    drop(first);
    Ok((after - before) / connections.max(1) as f64)
}
