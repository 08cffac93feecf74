//! Why a command of this program did not succeed: one sentence for the person at the keyboard.

use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong, and where it helps, what to do.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// Takes the sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names what was being done to which path when the system refused.
pub fn at<'a>(doing: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> Failure + use<'a> {
    move |error| Failure::new(format!("could not {doing} {}: {error}", path.display()))
}
