//! Workbooks (XLSX, ECMA-376): every sheet becomes a table. Formulas stand by the value that was saved with them; cells
//! that were merged all hold what the first of them holds; old workbooks (XLS) are not read.
//!
//! Invariants: nothing is opened that would unpack to more than the bound; cells are read one by one, so that a sheet that
//! claims to reach to its last corner takes no memory for it.

use crate::date::from_serial;
use crate::table::{MOST_COLUMNS, Table, clean};
use crate::unpack::must_stay_small;
use crate::{MOST_ROWS, RosterError};
use calamine::{DataRef, Reader as _, Xlsx};
use std::collections::BTreeMap;
use std::io::Cursor;

/// The most cells of a workbook.
const MOST_CELLS: usize = 4_000_000;
/// The most sheets that are looked at.
const MOST_SHEETS: usize = 20;
/// The most cells that are filled for having been merged.
const MOST_MERGED: u64 = 100_000;

/// A sheet's rows by number, and their cells by column, both from 0.
type Cells = BTreeMap<u32, BTreeMap<u32, String>>;

/// The sheets as tables.
pub(crate) fn read_xlsx(bytes: &[u8]) -> Result<Vec<Table>, RosterError> {
    must_stay_small(bytes)?;
    let mut book: Xlsx<Cursor<&[u8]>> = Xlsx::new(Cursor::new(bytes)).map_err(damaged)?;
    let names = book.sheet_names();
    let (mut tables, mut cells_left) = (Vec::new(), MOST_CELLS);
    for name in names.into_iter().take(MOST_SHEETS) {
        let mut cells = read_sheet(&mut book, &name, &mut cells_left)?;
        fill_merged(&mut book, &name, &mut cells);
        tables.push(as_table(name, cells)?);
    }
    if let [only] = tables.as_mut_slice() {
        only.file = String::new();
    }
    Ok(tables)
}

fn read_sheet(
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    cells_left: &mut usize,
) -> Result<Cells, RosterError> {
    let mut cells: Cells = BTreeMap::new();
    // A chart is a sheet too, and has no cells.
    let Ok(mut reader) = book.worksheet_cells_reader(name) else { return Ok(cells) };
    while let Some(cell) = reader.next_cell().map_err(damaged)? {
        *cells_left =
            cells_left.checked_sub(1).ok_or(RosterError::TooMany { what: "cells", most: MOST_CELLS })?;
        let (row, column) = cell.get_position();
        let text = in_words(cell.get_value());
        let is_within = usize::try_from(column).is_ok_and(|column| column < MOST_COLUMNS);
        if text.is_empty() || !is_within {
            continue;
        }
        if cells.len() >= MOST_ROWS && !cells.contains_key(&row) {
            return Err(RosterError::TooMany { what: "rows", most: MOST_ROWS });
        }
        cells.entry(row).or_default().insert(column, text);
    }
    Ok(cells)
}

/// A cell as a person reads it: whole numbers without a point, dates as dates.
fn in_words(value: &DataRef<'_>) -> String {
    match value {
        DataRef::String(text) => clean(text),
        DataRef::SharedString(text) => clean(text),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => {
            if number.fract() == 0.0 && number.abs() < 1e15 {
                format!("{number:.0}")
            } else {
                number.to_string()
            }
        }
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(moment) => {
            from_serial(moment.as_f64()).map_or_else(|| moment.as_f64().to_string(), |date| date.to_string())
        }
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => clean(text),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// Merged cells down a column are a class written once for all who are in it.
fn fill_merged(book: &mut Xlsx<Cursor<&[u8]>>, name: &str, cells: &mut Cells) {
    let Ok(regions) = book.merge_cells_by_sheet_name(name) else { return };
    let mut left = MOST_MERGED;
    for region in regions {
        let ((top, first), (bottom, last)) = (region.start, region.end);
        let Some(text) = cells.get(&top).and_then(|row| row.get(&first)).cloned() else { continue };
        // A title across the sheet is no value of its columns.
        if first != last || bottom <= top {
            continue;
        }
        let Some(rest) = left.checked_sub(u64::from(bottom - top)) else { return };
        left = rest;
        for row in top + 1..=bottom {
            // A row that holds nothing else is no row.
            if let Some(row) = cells.get_mut(&row) {
                row.entry(first).or_insert_with(|| text.clone());
            }
        }
    }
}

fn as_table(name: String, cells: Cells) -> Result<Table, RosterError> {
    let mut table = Table { file: name, rows: Vec::new() };
    for (row, cells) in cells {
        let width =
            cells.keys().next_back().and_then(|last| usize::try_from(*last).ok()).map_or(0, |last| last + 1);
        let mut texts = vec![String::new(); width.min(MOST_COLUMNS)];
        for (column, text) in cells {
            if let Some(cell) = usize::try_from(column).ok().and_then(|column| texts.get_mut(column)) {
                *cell = text;
            }
        }
        table.push(usize::try_from(row).unwrap_or(usize::MAX).saturating_add(1), texts)?;
    }
    Ok(table)
}

fn damaged(error: impl std::fmt::Display) -> RosterError {
    RosterError::Damaged { what: error.to_string() }
}
