//! Why the program could not do what was asked, in words for whoever typed it.

use std::path::{Path, PathBuf};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProgramError {
    /// A file could not be read or written.
    #[error("{file}: {source}")]
    File { file: String, source: std::io::Error },
    /// The configuration does not read.
    #[error("{file}: {words}", file = file.display())]
    Configuration { file: PathBuf, words: String },
    /// A policy document has mistakes; each is one line.
    #[error("{0}")]
    Policy(String),
    /// A question that does not make sense.
    #[error("{0}")]
    Question(String),
    /// Something that cannot be typed so; the program ends as for an option that there is not.
    #[error("{0}")]
    Usage(String),
    /// What was asked for was done, or looked at, and somebody must look at what came of it.
    #[error("{0}")]
    Trouble(String),
    /// A part of the gate could not start or stopped.
    #[error("{part}: {words}")]
    Part { part: &'static str, words: String },
}

impl ProgramError {
    pub(crate) fn file(file: &Path, source: std::io::Error) -> Self {
        Self::File { file: file.display().to_string(), source }
    }

    /// A file that must not be made anew is gone; `why` ends in "trusts the gate any more" or the like.
    pub(crate) fn lost(file: &Path, why: &str) -> Self {
        Self::Question(format!("{}: it is gone, and {why}: restore it from the backup", file.display()))
    }

    /// A use case that was asked for did not do it; the words for the person are the ones to show.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
    pub(crate) fn asked(error: app::AppError) -> Self {
        match &error {
            app::AppError::Failed { ours, .. } => Self::Question(ours.clone()),
            _ => Self::Question(error.theirs().to_owned()),
        }
    }

    /// Wraps a part's own error with the part's name.
    pub(crate) fn part<E: std::error::Error>(part: &'static str) -> impl FnOnce(E) -> Self {
        move |error| {
            let mut words = error.to_string();
            let mut cause = error.source();
            while let Some(below) = cause {
                let below_words = below.to_string();
                if !words.contains(&below_words) {
                    words = format!("{words}: {below_words}");
                }
                cause = below.source();
            }
            Self::Part { part, words }
        }
    }
}
