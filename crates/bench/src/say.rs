//! The one place that prints: results to standard output, everything else to standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program speaks here, and only here"
)]

use std::error::Error;
use std::io::Write as _;

/// A line of the result; a child's line to its parent.
pub(crate) fn result(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

/// A line of progress or of what the figures rest on.
pub(crate) fn remark(text: &str) {
    eprintln!("{text}");
}

/// What stopped the bench, with its causes.
pub(crate) fn problem(error: &dyn Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    eprintln!("bench: {text}");
}
