//! Putting right what a crash left of holds: a hold that was being made, or being released.
//!
//! A hold's folder is made as `NAME.new` and renamed once its note is in it: one that is not renamed was never promised.
//! A release begins with the file `released` in the hold's folder: the line for `expired.log`. From then on it is only ever
//! finished: the line is written where it is not there, the folder is renamed to `NAME.released`, and removed. A crash
//! before leaves the hold as it was, a crash after is finished here.

use super::is_name;
use super::note::{read_file, write_file};
use crate::HistoryError;
use crate::error::disk;
use crate::shelf::sync_folder;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Puts right every hold in a folder of holds; one that is not there has none. `stones` is the end of `expired.log`, among
/// whose last lines that of an interrupted release is; `note` adds a line to it.
pub(crate) fn settle(
    holds: &Path,
    stones: &str,
    note: &dyn Fn(&str) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let entries = match fs::read_dir(holds) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(disk("list", holds)(source)),
    };
    for entry in entries {
        let path = entry.map_err(disk("list", holds))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name.rsplit_once('.') {
            Some((held, "new" | "released")) if is_name(held) => {
                fs::remove_dir_all(&path).map_err(disk("remove", &path))?;
            }
            None if is_name(name) => {
                remove_unfinished(&path)?;
                if let Ok(line) = read_file(&line_file(&path)) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    if !stones.contains(&line) {
                        note(&line)?;
                    }
                    remove(&path)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Releases the hold in a folder, and leaves the line. Where that fails before it is certain, the hold stands.
pub(super) fn release(
    folder: &Path,
    line: &str,
    note: &dyn Fn(&str) -> Result<(), HistoryError>,
) -> Result<(), HistoryError> {
    let begun = line_file(folder);
    write_file(&begun, line.as_bytes()).map_err(disk("write", &begun))?;
    let sure = sync_folder(folder).and_then(|()| note(line));
    if let Err(error) = sure {
        fs::remove_file(&begun).map_err(disk("remove", &begun))?;
        return Err(error);
    }
    remove(folder)
}

/// Removes a hold's folder: gone at once under its name, and then piece by piece.
fn remove(folder: &Path) -> Result<(), HistoryError> {
    let gone = folder.with_extension("released");
    fs::rename(folder, &gone).map_err(disk("rename", folder))?;
    if let Some(holds) = folder.parent() {
        sync_folder(holds)?;
    }
    fs::remove_dir_all(&gone).map_err(disk("remove", &gone))
}

/// Where the line of a release lies that has begun.
fn line_file(folder: &Path) -> PathBuf {
    folder.join("released")
}

/// Removes what was being written into a hold's folder.
fn remove_unfinished(folder: &Path) -> Result<(), HistoryError> {
    for entry in fs::read_dir(folder).map_err(disk("list", folder))? {
        let path = entry.map_err(disk("list", folder))?.path();
        if path.extension().is_some_and(|end| end == "new") {
            fs::remove_file(&path).map_err(disk("remove", &path))?;
        }
    }
    Ok(())
}
