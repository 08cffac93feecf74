//! The monitoring rules over the event stream: words read out of requests, judged, and remembered, in one thread.
//!
//! Every rule is on, in English and Welsh. The year's days are looked at until enough events were; making them is not timed.

use super::{SEED, year::Year};
use crate::error::BenchError;
use model::{AccessEvent, EventId, GateId};
use monitor::{Observed, Rules, Settings, State};
use std::time::{Duration, Instant};

/// As many as the gate's intake looks at at once.
const BATCH: usize = 4_096;
const ENOUGH: u64 = 1_000_000;

/// How many events a second the rules look at.
pub(super) fn rate(events: u64) -> Result<f64, BenchError> {
    let found = |error: monitor::MonitorError| error.to_string();
    let rules = Rules::shipped(Settings::usual())
        .map_err(|error| BenchError::Answer { expected: "rules that can be read", found: found(error) })?;
    let year = Year::new(SEED, events);
    let (mut state, mut seen, mut took) = (State::default(), 0u64, Duration::ZERO);
    for day in year.days() {
        year.each_batch(day, BATCH, &mut |batch| {
            let begun = Instant::now();
            look(&mut state, &rules, batch);
            took += begun.elapsed();
            seen += batch.len() as u64;
            Ok::<_, BenchError>(())
        })?;
        if seen >= ENOUGH {
            break;
        }
    }
    Ok(seen as f64 / took.as_secs_f64())
}

fn look(state: &mut State, rules: &Rules, batch: &[AccessEvent]) {
    let Some(now) = batch.iter().map(|event| event.at).max() else { return };
    let observed: Vec<Observed<'_>> = (0..)
        .zip(batch)
        .map(|(sequence, event)| Observed {
            id: EventId { gate: GateId(1), day: event.at.day(), sequence },
            event,
            said: inspect::search_words::said(&event.host, &event.path),
        })
        .collect();
    monitor::step(state, rules, now, &observed);
}
