//! What schools really send: files with the mistakes of real ones, all about people who are made up.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers fail the test by panicking"
)]

mod any_bytes;
mod compare;
mod formats;
mod one_roster_mistakes;
mod samples;
mod tables;

use jiff::civil::date;
use roster::{Format, Grades, Options, Reading, RosterError};

/// Options as for a school called Willow First School, on 22 November 2026.
pub fn options() -> Options {
    Options {
        format: None,
        grades: Grades::YearGroups,
        school: vec!["Willow First School".to_owned(), "willow".to_owned()],
        today: date(2026, 11, 22),
    }
}

/// Reads bytes that can be read as a whole.
pub fn read(bytes: &[u8]) -> Reading {
    roster::read(bytes, &options()).unwrap()
}

/// The error of bytes that cannot.
pub fn refused(bytes: &[u8]) -> RosterError {
    roster::read(bytes, &options()).unwrap_err()
}

/// The mistakes, each as `line column: what`.
pub fn faults(reading: &Reading) -> Vec<String> {
    reading.faults.iter().map(|fault| format!("{} {}: {}", fault.line, fault.column, fault.what)).collect()
}

#[test]
fn the_form_is_told_by_the_bytes() {
    assert_eq!(read(samples::ARBOR.as_bytes()).format, Format::Csv);
    assert_eq!(read(&samples::workbook()).format, Format::Xlsx);
    assert_eq!(read(&samples::one_roster_11(&[])).format, Format::OneRosterCsv);
    assert_eq!(read(samples::WONDE.as_bytes()).format, Format::WondeJson);
    assert_eq!(read(samples::ONE_ROSTER_JSON.as_bytes()).format, Format::OneRosterJson);
    for (bytes, found) in [
        (&b""[..], "nothing"),
        (b"  \n", "nothing"),
        (b"%PDF-1.7", "a PDF"),
        (b"<html>", "a web page or XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file, or one with a password"),
    ] {
        assert_eq!(refused(bytes), RosterError::UnknownForm { found });
        assert!(!refused(bytes).mend().is_empty());
    }
}
