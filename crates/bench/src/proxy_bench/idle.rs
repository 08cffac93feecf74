//! Memory of connections that are open and say nothing: a proxy that has just started, and what it holds once they are open.
//!
//! Counted is what belongs to the proxy and the programs it started (PSS). What the kernel holds for its sockets is not in it, nor
//! in the peer's.

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

/// Measures; `connections` or as many as descriptors allow. Whoever cannot hold them has a row that says so.
pub(crate) fn row(stage: &Stage, connections: usize) -> Result<Row, BenchError> {
    let connections = connections.min(possible()?);
    let runner = stage.ours("idle")?;
    let ours = held(&runner, connections)?;
    drop(runner);
    let what = format!("memory of each of {connections} idle inspected connections");
    let missed = !ours.are_all() || ours.is_none();
    let mut row = Row::new(ours.said_of(&what, "ours"), "kB", ours.kb_each(), Target::AtMost(MOST_KB));
    if missed {
        row = row.missed();
    }
    ours.say("ours");
    let peer = stage.squid("idle-squid").and_then(|peer| held(&peer, connections));
    match peer {
        Ok(peer) => {
            peer.say("Squid");
            let name = peer.said_of(&squid::version(), "it");
            Ok(if peer.is_none() { row } else { row.beside(&name, peer.kb_each()) })
        }
        Err(fault) => {
            say::remark(&format!("Squid has no figure of idle connections: {}", chain(&fault)));
            Ok(row)
        }
    }
}

/// What came of holding connections.
struct Held {
    /// How many were to be held.
    wanted: usize,
    /// How many were open at the same time.
    opened: usize,
    /// How many of these still answered at the end.
    kept: usize,
    /// What all of them add, in kB.
    added_kb: f64,
    /// Why there are no more.
    fault: Option<BenchError>,
}

impl Held {
    fn are_all(&self) -> bool {
        self.kept == self.wanted
    }

    fn is_none(&self) -> bool {
        self.opened == 0
    }

    fn kb_each(&self) -> f64 {
        self.added_kb / self.opened.max(1) as f64
    }

    /// The text, and where not all were held how many were.
    fn said_of(&self, text: &str, who: &str) -> String {
        if self.are_all() { text.to_owned() } else { format!("{text} ({who} held {})", self.kept) }
    }

    fn say(&self, who: &str) {
        let Self { wanted, opened, kept, .. } = self;
        let why = self.fault.as_ref().map(|fault| format!(": {}", chain(fault))).unwrap_or_default();
        let each = self.kb_each();
        say::remark(&format!(
            "{wanted} idle connections, {who}: {opened} opened, {kept} kept, {each:.1} kB each{why}"
        ));
    }
}

/// An error with its causes.
fn chain(error: &BenchError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
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

/// Opens connections, waits, and asks each of them once more: whoever gave one up to save memory is found out by that.
fn held(runner: &Runner, connections: usize) -> Result<Held, BenchError> {
    let process = runner.process();
    let settled = || {
        let begun = Instant::now();
        while let Some(left) = SETTLING.checked_sub(begun.elapsed()) {
            thread::park_timeout(left);
        }
        process.map_or(0.0, processes::memory_kb)
    };
    let first = load::hold(&runner.opened, FIRST)?;
    let before = settled();
    let load::Holding { connections: mut open, stopped: mut fault } =
        load::hold(&runner.opened, connections)?;
    let after = settled();
    let mut kept = 0;
    for (number, connection) in open.iter_mut().enumerate() {
        match connection.page(number) {
            Ok(_) => kept += 1,
            Err(gone) => fault = fault.or(Some(gone)),
        }
    }
    drop(first);
    Ok(Held { wanted: connections, opened: open.len(), kept, added_kb: after - before, fault })
}
