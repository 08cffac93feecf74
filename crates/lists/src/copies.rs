//! The last good copy of each source: `sources/LIST` with its bytes, and `sources/LIST.at` with the time it was made.

use crate::ListError;
use crate::folder::replace;
use crate::tree::read_file;
use model::{ListId, Timestamp};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const SOURCES: &str = "sources";

/// Keeps a copy in place of the last.
pub(crate) fn keep(dir: &Path, list: &ListId, bytes: &[u8], at: Timestamp) -> Result<(), ListError> {
    let path = path(dir, list);
    let folder = dir.join(SOURCES);
    std::fs::create_dir_all(&folder).map_err(|source| ListError::Write { path: folder, source })?;
    replace(&path, bytes)?;
    replace(&path.with_added_extension("at"), at.to_string().as_bytes())
}

/// The last good copy, and when it was made.
pub(crate) fn last(dir: &Path, list: &ListId) -> Result<(Vec<u8>, Timestamp), ListError> {
    let path = path(dir, list);
    let bytes = read_file(&path)?;
    let at = read_file(&path.with_added_extension("at"))?;
    let at = std::str::from_utf8(&at).ok().and_then(Timestamp::parse);
    // A copy whose time was lost is old: as old as can be.
    Ok((bytes, at.unwrap_or(Timestamp(0))))
}

/// A list's id may hold what a file name may not.
fn path(dir: &Path, list: &ListId) -> PathBuf {
    let mut name = String::from("list-");
    for byte in list.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    dir.join(SOURCES).join(name)
}
