//! The one place that prints.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks here, and only here"
)]

use crate::failure::Failure;
use std::io::Write;
use std::time::Duration;

/// A line of progress or of a result.
pub fn line(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

/// A line of progress that is no part of a result.
pub fn aside(text: &str) {
    eprintln!("{text}");
}

/// The beginning of a step, and how long the whole has taken.
pub fn heading(title: &str, elapsed: Duration) {
    line(&format!("\n== {title} ({} since the start)", time(elapsed)));
}

/// What stopped the command.
pub fn problem(failure: &Failure) {
    eprintln!("xtask: {failure}");
}

/// `3m 07s`, `12.4s`.
pub fn time(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds >= 60 {
        format!("{}m {:02}s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1}s", elapsed.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well_at_any_length() {
        assert_eq!(time(Duration::from_millis(12_440)), "12.4s");
        assert_eq!(time(Duration::from_secs(187)), "3m 07s");
    }
}
