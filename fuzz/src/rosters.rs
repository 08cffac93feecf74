//! Files of people: the reader understands them or says why not, keeps to its bounds, and loses no row.

use jiff::civil::date;
use roster::{Before, Format, Grades, MOST_FAULTS, MOST_ROWS, Options, difference, headlines};

fn read(bytes: &[u8], format: Format) {
    let options = Options {
        format: Some(format),
        grades: Grades::YearGroups,
        school: vec!["Willow First School".to_owned()],
        today: date(2026, 11, 22),
    };
    let Ok(reading) = roster::read(bytes, &options) else { return };
    assert!(reading.rows.len() <= MOST_ROWS && reading.faults.len() <= MOST_FAULTS);
    for source in &reading.withheld {
        assert!(reading.rows.iter().all(|row| row.source != *source), "a row is taken or it is not");
    }
    let before = Before::default();
    let found = difference(&reading, &before);
    let there = reading.rows.iter().filter(|row| !row.leaving).count();
    assert_eq!(found.joiners.len(), there, "beside empty records everybody joins");
    headlines(&found, Some(&reading), &before);
}

/// Reads the bytes as a table of people.
pub fn csv(bytes: &[u8]) {
    read(bytes, Format::Csv);
}

/// Reads the bytes as a workbook.
pub fn xlsx(bytes: &[u8]) {
    read(bytes, Format::Xlsx);
}

/// Reads the bytes as an archive of OneRoster, and as the table of users in one.
pub fn one_roster(bytes: &[u8]) {
    read(bytes, Format::OneRosterCsv);
    read(&stored("users.csv", bytes), Format::OneRosterCsv);
}

/// Reads the bytes as JSON of either shape.
pub fn json(bytes: &[u8]) {
    read(bytes, Format::OneRosterJson);
    read(bytes, Format::WondeJson);
}

/// A ZIP archive of one file that is not packed (PKWARE APPNOTE 4.3).
fn stored(name: &str, content: &[u8]) -> Vec<u8> {
    let sizes = |out: &mut Vec<u8>| {
        let length = u32::try_from(content.len()).unwrap_or(0).to_le_bytes();
        out.extend(checksum(content).to_le_bytes());
        out.extend(length);
        out.extend(length);
        out.extend(u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
        out.extend([0, 0]);
    };
    let mut out = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".to_vec();
    sizes(&mut out);
    out.extend(name.as_bytes());
    out.extend(content);
    let directory = out.len();
    out.extend(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
    sizes(&mut out);
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let length = u32::try_from(out.len() - directory).unwrap_or(0);
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(length.to_le_bytes());
    out.extend(u32::try_from(directory).unwrap_or(0).to_le_bytes());
    out.extend([0, 0]);
    out
}

/// The CRC-32 of the archive's format, bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
        })
    })
}
