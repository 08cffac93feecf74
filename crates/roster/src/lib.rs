//! Who is at the school, as its management information system (MIS) exports it: any bytes become rows with the mistakes
//! of each, and rows beside the records become a difference in words.
//!
//! It reads CSV, XLSX, OneRoster 1.1 and 1.2 (as a ZIP of CSV files, and pages of its JSON as a file), and JSON in the
//! shape of Wonde's. Left out: fetching over the network (whoever fetches hands the bytes in here), photographs, contacts,
//! special needs, ethnicity and whatever else a filter has no use for: such columns are not read. Left out on purpose:
//! writing records, which `app` does.
//!
//! Invariants: it is pure and never fails but as a whole; every row that is not taken is a [`Fault`] with its line, its
//! column and how to mend it; nobody counts as a leaver on the strength of a row that could not be read; sizes, rows, cells
//! and what comes out of an archive are bounded.

mod columns;
mod csv_file;
mod date;
mod decode;
mod difference;
mod error;
mod format;
mod holds;
mod json;
mod login;
mod oneroster;
mod oneroster_json;
mod reading;
mod rollover;
mod table;
mod table_people;
mod unpack;
mod wonde;
mod words;
mod xlsx;
mod year;

pub use difference::{Answer, Before, Difference, FieldChange, Known, Mover, Question, difference};
pub use error::RosterError;
pub use format::{Format, Grades, Options, read};
pub use holds::{Hold, Thresholds, holds};
pub use login::{fold_name, login_for};
pub use reading::{ClassName, Fault, Part, Reading, Row, SourceId, Weight, file_hash};
pub use rollover::{Rollover, roll_over};
pub use words::{Headline, headlines};

/// The largest file that is taken, in bytes.
pub const MOST_FILE_BYTES: usize = 16 * 1024 * 1024;
/// The largest JSON file that is taken, in bytes: read, it takes several times as much.
pub const MOST_JSON_BYTES: usize = 8 * 1024 * 1024;
/// The most rows of a file, in all its tables.
pub const MOST_ROWS: usize = 200_000;
/// The most mistakes that are kept with their words; what goes beyond is counted.
pub const MOST_FAULTS: usize = 10_000;
