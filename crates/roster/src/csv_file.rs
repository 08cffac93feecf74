//! Comma-separated files (RFC 4180), and those that are separated by semicolons or tabs, in whatever encoding.

use crate::decode::{Guessed, decode};
use crate::table::{MOST_COLUMNS, Table, clean};
use crate::{Fault, RosterError, Weight};

/// The table, and what should be known of its letters.
pub(crate) fn read_csv(file: &str, bytes: &[u8]) -> Result<(Table, Option<Fault>), RosterError> {
    let (text, guessed) = decode(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(&text))
        .from_reader(text.as_bytes());
    let mut table = Table { file: file.to_owned(), rows: Vec::new() };
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {
                let line = record.position().map_or(0, csv::Position::line);
                let cells = record.iter().take(MOST_COLUMNS).map(clean).collect();
                table.push(usize::try_from(line).unwrap_or(usize::MAX), cells)?;
            }
            Ok(false) => break,
            Err(error) => return Err(RosterError::Damaged { what: error.to_string() }),
        }
    }
    Ok((table, about_letters(file, guessed)))
}

/// The character that separates cells: the one that the first lines have most of, outside quotation marks.
fn separator(text: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut is_quoted = false;
    for byte in text.bytes().take(4_096) {
        if byte == b'"' {
            is_quoted = !is_quoted;
        }
        if let Some((_, count)) = counts.iter_mut().find(|(separator, _)| *separator == byte && !is_quoted) {
            *count += 1;
        }
    }
    // The first of equals: a comma.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| *separator)
}

fn about_letters(file: &str, guessed: Guessed) -> Option<Fault> {
    let what = match guessed {
        Guessed::No => return None,
        Guessed::Windows1252 => "The file is not UTF-8; it was read as Windows-1252.",
        Guessed::Broken => "The file says that it is Unicode and is not: some letters are lost.",
    };
    Some(Fault {
        file: file.to_owned(),
        line: 0,
        column: String::new(),
        what: what.to_owned(),
        mend: "Look at names with accents in the difference. Where they are wrong, export as UTF-8."
            .to_owned(),
        weight: Weight::Note,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_separator_is_the_one_that_the_first_lines_have_most_of() {
        for (text, expected) in [
            ("a,b,c\n", b','),
            ("a;b;c\n1,5;2;3\n", b';'),
            ("a\tb\n", b'\t'),
            ("\"Sample, Alex, Sam, Jo\";b;c\n", b';'),
            ("", b','),
        ] {
            assert_eq!(separator(text), expected, "{text}");
        }
    }
}
