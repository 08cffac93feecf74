//! A table, wherever it came from: rows of text with their line numbers.

use crate::{MOST_ROWS, RosterError};

/// The most columns of a table; what stands further right is not read.
pub(crate) const MOST_COLUMNS: usize = 200;
/// The longest cell, in characters; the rest of a longer one is not read.
pub(crate) const MOST_CELL: usize = 500;

/// A table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// The file or sheet that it stands in; empty where there is one alone.
    pub(crate) file: String,
    /// The rows, with the line of each, from 1.
    pub(crate) rows: Vec<(usize, Vec<String>)>,
}

impl Table {
    /// Adds a row; one without anything in it is left out.
    pub(crate) fn push(&mut self, line: usize, cells: Vec<String>) -> Result<(), RosterError> {
        if cells.iter().all(|cell| cell.is_empty()) {
            return Ok(());
        }
        if self.rows.len() >= MOST_ROWS {
            return Err(RosterError::TooMany { what: "rows", most: MOST_ROWS });
        }
        self.rows.push((line, cells));
        Ok(())
    }
}

/// A cell without the spaces round it and without what breaks lines; at most 500 characters.
pub(crate) fn clean(text: &str) -> String {
    let plain = |letter: char| if letter.is_control() || letter == '\u{a0}' { ' ' } else { letter };
    let text: String =
        text.trim().trim_start_matches('\u{feff}').chars().take(MOST_CELL).map(plain).collect();
    text.trim().to_owned()
}
