//! The machine's clock: times in records are evidence, so a clock that jumps, or that nothing keeps right, is told.

use crate::silence::silence_alert;
use model::{Alert, Severity, Timestamp};

/// A step back of as much is told: what happens after it seems to have happened before.
const BACK_MS: i64 = 2_000;
/// A step forward of as much.
const FORWARD_MS: i64 = 60_000;
/// How long a clock may go without being kept right.
const UNKEPT_MS: i64 = 3_600_000;

/// What is known of the clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockKept {
    /// The system says that something keeps it right (NTP).
    Kept,
    /// The system says that nothing does.
    Unkept,
    /// The system does not say.
    Unknown,
}

/// The watch over the clock.
#[derive(Debug, Default)]
pub struct ClockWatch {
    before: Option<(Timestamp, u64)>,
    unkept_since: Option<Timestamp>,
    is_told: bool,
}

impl ClockWatch {
    /// Compares the clock with one that only runs forward, and has been running for `running_ms` milliseconds.
    pub fn step(&mut self, now: Timestamp, running_ms: u64, kept: ClockKept) -> Vec<Alert> {
        let stepped = self.before.replace((now, running_ms)).and_then(|(then, running_then)| {
            let passed = i64::try_from(running_ms.saturating_sub(running_then)).unwrap_or(i64::MAX);
            let should_be = then.plus_ms(passed);
            told_step(should_be, now)
        });
        stepped.into_iter().chain(self.told_unkept(now, kept)).collect()
    }

    fn told_unkept(&mut self, now: Timestamp, kept: ClockKept) -> Option<Alert> {
        if kept != ClockKept::Unkept {
            (self.unkept_since, self.is_told) = (None, false);
            return None;
        }
        let since = *self.unkept_since.get_or_insert(now);
        if self.is_told || now.0.saturating_sub(since.0) < UNKEPT_MS {
            return None;
        }
        self.is_told = true;
        let why = "Nothing keeps the gate\u{2019}s clock right (NTP). Times in records may be wrong.";
        Some(silence_alert(("silence.clock", Severity::Medium), why.to_owned(), (since, now)))
    }
}

fn told_step(should_be: Timestamp, now: Timestamp) -> Option<Alert> {
    let moved = now.0.saturating_sub(should_be.0);
    let way = match moved {
        _ if moved <= -BACK_MS => "back",
        _ if moved >= FORWARD_MS => "forward",
        _ => return None,
    };
    let seconds = moved.unsigned_abs() / 1_000;
    let why = format!(
        "The gate\u{2019}s clock was set {way} by {seconds} seconds. Times in records around it may be wrong."
    );
    let (first, last) = (now.min(should_be), now.max(should_be));
    Some(silence_alert(("silence.clock-step", Severity::Medium), why, (first, last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_and_one_that_runs_a_little_wrong_is_not() {
        let mut watch = ClockWatch::default();
        let mut look = |now, running| watch.step(Timestamp(now), running, ClockKept::Unknown).len();
        assert_eq!([look(1_000_000, 0), look(1_060_500, 60_000), look(1_119_400, 120_000)], [0, 0, 0]);
        assert_eq!(look(1_100_000, 121_000), 1);
        assert_eq!(look(1_160_000, 181_000), 0);
        assert_eq!(look(9_160_000, 182_000), 1);
        let back = told_step(Timestamp(10_000), Timestamp(7_000)).unwrap();
        assert!(back.why.contains("set back by 3 seconds"), "{}", back.why);
    }

    #[test]
    fn a_clock_that_nothing_keeps_right_is_told_after_an_hour_and_once() {
        let mut watch = ClockWatch::default();
        let mut look = |hour: i64, kept| {
            let running = u64::try_from(hour * 3_600_000).unwrap();
            watch.step(Timestamp(hour * 3_600_000), running, kept).len()
        };
        assert_eq!([0, 1, 2].map(|hour| look(hour, ClockKept::Unkept)), [0, 1, 0]);
        assert_eq!(
            [look(3, ClockKept::Kept), look(4, ClockKept::Unkept), look(5, ClockKept::Unkept)],
            [0, 0, 1]
        );
    }
}
