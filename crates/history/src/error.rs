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
    /// There is no hold of this name.
    #[error("expected the name of a hold, found {found}, and there is none of that name")]
    NoSuchHold {
        /// What was given.
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
    /// The ClickHouse server gave no answer, or one that breaks off. What was asked of it may or may not be done.
    #[error(
        "expected the ClickHouse server to {doing}, and it did not answer: {why}; see that it runs and that this machine \
         reaches it"
    )]
    ServerSilent {
        /// What was asked of it.
        doing: &'static str,
        /// What happened instead.
        why: &'static str,
    },
    /// The ClickHouse server said no.
    #[error("expected the ClickHouse server to {doing}, and it refused with {code} {name}: {advice}")]
    ServerRefused {
        /// What was asked of it.
        doing: &'static str,
        /// Its number of the error.
        code: u32,
        /// Its name of the error.
        name: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The server's address cannot be asked, or must not.
    #[error("expected https:// and a host, perhaps a port (http:// for this machine alone), found {found}")]
    ServerAddress {
        /// What is there instead; never the address itself.
        found: &'static str,
    },
    /// The tables on the server were made by a later Schoolgate.
    #[error("expected tables of form {expected} on the ClickHouse server, found form {found}")]
    LaterTables {
        /// The form this program writes.
        expected: u16,
        /// The form of the tables.
        found: u16,
    },
    /// Another program has begun to write this gate's history.
    #[error(
        "expected to be alone in writing the history of gate {gate}, found another that began later: see that no two gates \
         have that number, and start this one again"
    )]
    TakenOver {
        /// The gate's number.
        gate: u16,
    },
    /// A query's texts are too long to be asked.
    #[error("expected {most_bytes} bytes of texts in a query at most, found more")]
    QueryTooLong {
        /// The most there may be.
        most_bytes: usize,
    },
    /// A history cannot be moved to where it is.
    #[error("expected to move a history from a folder to a server or back, found one kind of place twice")]
    SamePlace,
    /// A day that was copied is not what it was copied from.
    #[error(
        "expected {day} to be the same in both places, found {theirs} events where {ours} are: nothing was removed; see what \
         the place it goes to held before"
    )]
    NotTheSame {
        /// The day.
        day: Day,
        /// Events where it comes from.
        ours: u64,
        /// Events where it went.
        theirs: u64,
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
