//! Any bytes are answered, and so are files that were damaged on their way.

use crate::{options, samples};
use proptest::prelude::*;
use roster::{Format, Options};

fn answers(bytes: &[u8], format: Option<Format>) {
    let options = Options { format, ..options() };
    if let Ok(reading) = roster::read(bytes, &options) {
        let before = roster::Before::default();
        let found = roster::difference(&reading, &before);
        let _ = roster::headlines(&found, Some(&reading), &before);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered_whatever_they_are_said_to_be(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        answers(&bytes, None);
        for format in Format::ALL {
            answers(&bytes, Some(format));
        }
    }

    #[test]
    fn damaged_files_are_answered(
        bytes in proptest::collection::vec(any::<u8>(), 1..20),
        at in 0_usize..4_000,
        which in 0_usize..6,
    ) {
        let mut file = match which {
            0 => samples::workbook(),
            1 => samples::one_roster_11(&[]),
            2 => samples::one_roster_12(),
            3 => samples::WONDE.as_bytes().to_vec(),
            4 => samples::ONE_ROSTER_JSON.as_bytes().to_vec(),
            _ => samples::WITH_MISTAKES.as_bytes().to_vec(),
        };
        let at = at % file.len();
        for (to, from) in file.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        answers(&file, None);
        answers(&file[..at], None);
    }

    #[test]
    fn any_table_is_answered(text in "(Adno|ID|UPN),(Name|Forename,Surname),(Year|Role|DOB|Class)\n(.{0,12},.{0,12},.{0,12}\n){0,6}") {
        answers(text.as_bytes(), Some(Format::Csv));
    }
}
