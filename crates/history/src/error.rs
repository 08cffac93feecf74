//! What can go wrong with the history.

use model::Day;
use std::io;
use std::path::{Path, PathBuf};

/// Why the history could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// Another program, or another part of this one, has the folder open.
    #[error("expected to be alone with the history in {}, found it open elsewhere", folder.display())]
    InUse {
        /// The history's folder.
        folder: PathBuf,
    },
    /// A day was written by a later Schoolgate.
    #[error("expected format {expected} in {}, found format {found}", file.display())]
    LaterFormat {
        /// The day's file.
        file: PathBuf,
        /// The format this program writes.
        expected: u8,
        /// The format in the file.
        found: u8,
    },
    /// There are days that were sealed, and the key of their school is not where it was.
    #[error(
        "expected the history's key in {}, found none; put the one back that the days were sealed with, or set the \
         history's folder aside to begin a new one",
        file.display()
    )]
    SchoolKeyMissing {
        /// Where it should lie.
        file: PathBuf,
    },
    /// A day was sealed, and its key is gone.
    #[error("expected a key for {day}, found none: the day cannot be read without it")]
    DayKeyMissing {
        /// The day.
        day: Day,
    },
    /// A day's key was wrapped with another school's key, or was changed since.
    #[error("expected the key of {day} in {} to open with the history's key, and it did not", file.display())]
    WrongKey {
        /// The day.
        day: Day,
        /// The wrapped key.
        file: PathBuf,
    },
    /// A hold's name that is none.
    #[error("expected a hold's name of 1 to 64 lower-case letters, digits and hyphens, found {found:?}")]
    HoldName {
        /// What was given, cut to 64 characters.
        found: String,
    },
    /// A closed day's columns are not what was written.
    #[error("expected whole columns of {day} in {}, found them damaged", file.display())]
    DamagedDay {
        /// The day.
        day: Day,
        /// The day's columns.
        file: PathBuf,
    },
    /// A hold that may need a day cannot be read, so the day stays.
    #[error("expected to read the hold {hold:?}, which may need {day}, and it cannot be read")]
    UnreadableHold {
        /// The day.
        day: Day,
        /// The hold's name.
        hold: String,
    },
    /// The disk, or the system, refused.
    #[error("could not {doing} {}", file.display())]
    Disk {
        /// What was being done: "write", "read".
        doing: &'static str,
        /// To which file or folder.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Events could not be turned into bytes: memory ran out.
    #[error("could not encode a block of {events} events: {why}")]
    Encode {
        /// How many events were in the block.
        events: usize,
        /// What the encoder said.
        why: String,
    },
}

impl HistoryError {
    /// True where one day cannot be read, or must stay, and the others are as ever.
    pub(crate) fn is_of_one_day(&self) -> bool {
        matches!(
            self,
            Self::DayKeyMissing { .. }
                | Self::WrongKey { .. }
                | Self::DamagedDay { .. }
                | Self::LaterFormat { .. }
                | Self::UnreadableHold { .. }
        )
    }
}

/// Names what was being done to which file when the system refused.
pub(crate) fn disk<'a>(
    doing: &'static str,
    file: &'a Path,
) -> impl FnOnce(io::Error) -> HistoryError + use<'a> {
    move |source| HistoryError::Disk { doing, file: file.to_owned(), source }
}
