//! The last good copy of each source, and what is known of it: `sources/list-NAME` its bytes, `.json` what is known,
//! `.set` the fingerprints of its entries, sorted. A new copy waits as `.next` until its image is in force.
//!
//! `images/REVISION.sources/list-NAME` is the copy that an image was made of: the same file under another name, since a copy
//! is never written to but replaced.

use crate::folder::{IMAGES, NEW, remove, replace};
use crate::report::{Alarm, at};
use crate::schedule::Looked;
use crate::tree::read_file;
use crate::{ListError, ReadSet};
use model::{ListId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(crate) const SOURCES: &str = "sources";
const NEXT: &str = "next";
const KNOWN: &str = "json";
const SET: &str = "set";

/// What is known of a list's source and of the copy of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    /// What the policy said of the source when this was written; another address or proof makes all of this void.
    pub(crate) origin: u64,
    /// When the copy was taken; `None` while there is none.
    pub(crate) taken: Option<i64>,
    /// When the source was last known to hold what the copy holds, or something that waits to be accepted.
    pub(crate) good: Option<i64>,
    /// The last look of any kind.
    #[serde(with = "at")]
    pub(crate) last: Timestamp,
    /// Why the last look failed, in words, where it did.
    pub(crate) failure: Option<String>,
    /// Why what the source held at the last look was not taken.
    pub(crate) held: Option<Alarm>,
    /// The length of the copy: one that has another is not what these tags speak of.
    pub(crate) copy_bytes: u64,
    /// The server's tag of the copy (RFC 9110, 8.8.3).
    pub(crate) etag: Option<String>,
    /// The server's time of the copy (RFC 9110, 8.8.2), as it was written.
    pub(crate) last_modified: Option<String>,
}

impl Known {
    pub(crate) fn new(origin: u64, at: Timestamp) -> Self {
        Self {
            origin,
            taken: None,
            good: None,
            last: at,
            failure: None,
            held: None,
            copy_bytes: 0,
            etag: None,
            last_modified: None,
        }
    }

    pub(crate) fn looked(&self) -> Looked {
        Looked { good: self.good.map(Timestamp), last: self.last }
    }

    pub(crate) fn taken(&self) -> Timestamp {
        // A copy whose time was lost is old: as old as can be.
        Timestamp(self.taken.unwrap_or(0))
    }
}

/// What is known of a list's source; `None` where nothing is.
pub(crate) fn known(dir: &Path, list: &ListId) -> Option<Known> {
    let bytes = std::fs::read(path(dir, list).with_added_extension(KNOWN)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Writes down a look at a source that brought no new copy.
pub(crate) fn note(dir: &Path, list: &ListId, known: &Known) -> Result<(), ListError> {
    make_folder(dir)?;
    replace(&path(dir, list).with_added_extension(KNOWN), &json(known))
}

/// The last good copy.
pub(crate) fn last(dir: &Path, list: &ListId) -> Result<Vec<u8>, ListError> {
    read_file(&path(dir, list))
}

/// True when there is a copy of the length that is known.
pub(crate) fn is_there(dir: &Path, list: &ListId, known: &Known) -> bool {
    std::fs::metadata(path(dir, list)).is_ok_and(|copy| copy.len() == known.copy_bytes)
}

/// Lays a new copy by, until its image is in force.
pub(crate) fn stage(dir: &Path, list: &ListId, bytes: &[u8], known: &Known) -> Result<(), ListError> {
    make_folder(dir)?;
    let next = path(dir, list).with_added_extension(NEXT);
    replace(&next, bytes)?;
    replace(&next.with_added_extension(KNOWN), &json(known))
}

/// Puts a copy that was laid by in place of the last.
pub(crate) fn take(dir: &Path, list: &ListId) -> Result<(), ListError> {
    let path = path(dir, list);
    let next = path.with_added_extension(NEXT);
    let moved = |from: PathBuf, to: PathBuf| {
        std::fs::rename(&from, &to).map_err(|source| ListError::Write { path: to, source })
    };
    // The bytes first: tags of the copy before with these bytes are void by their length, or ask once too often.
    moved(next.clone(), path.clone())?;
    moved(next.with_added_extension(KNOWN), path.with_added_extension(KNOWN))
}

/// Takes away a copy that was laid by and is not wanted.
pub(crate) fn leave(dir: &Path, list: &ListId) {
    let next = path(dir, list).with_added_extension(NEXT);
    remove(&next.with_added_extension(KNOWN));
    remove(&next);
}

/// Takes away what a program that was killed left laid by or half written. For whoever has the turn to update.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir.join(SOURCES)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let ends = [format!(".{NEXT}"), format!(".{NEXT}.{KNOWN}"), format!(".{NEW}")];
        if ends.iter().any(|end| name.ends_with(end.as_str())) {
            remove(&path);
        }
    }
}

/// The fingerprints of the entries in force.
pub(crate) fn set(dir: &Path, list: &ListId) -> Option<ReadSet> {
    let bytes = read_file(&path(dir, list).with_added_extension(SET)).ok()?;
    ReadSet::from_bytes(&bytes)
}

/// Keeps the fingerprints of the entries in force.
pub(crate) fn keep_set(dir: &Path, list: &ListId, set: &ReadSet) -> Result<(), ListError> {
    make_folder(dir)?;
    replace(&path(dir, list).with_added_extension(SET), &set.to_bytes())
}

/// Keeps the copies that an image was made of, each for its list: the last one, or that of an earlier image.
pub(crate) fn keep_for<'a>(
    dir: &Path,
    revision: &str,
    made_of: impl Iterator<Item = (&'a ListId, Option<&'a str>)>,
) -> Result<(), ListError> {
    let folder = kept_folder(dir, revision);
    std::fs::create_dir_all(&folder).map_err(|source| ListError::Write { path: folder.clone(), source })?;
    for (list, earlier) in made_of {
        let to = folder.join(file_name(list));
        let from = earlier
            .map_or_else(|| path(dir, list), |earlier| kept_folder(dir, earlier).join(file_name(list)));
        match std::fs::hard_link(&from, &to) {
            // The same revision was in force before, or the list has no copy.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
            linked => linked.map_err(|source| ListError::Write { path: to, source })?,
        }
    }
    Ok(())
}

/// The copy of a list that an image was made of.
pub(crate) fn kept_for(dir: &Path, revision: &str, list: &ListId) -> Result<Vec<u8>, ListError> {
    read_file(&kept_folder(dir, revision).join(file_name(list)))
}

/// True when the copy of a list that an image was made of is there.
pub(crate) fn is_kept_for(dir: &Path, revision: &str, list: &ListId) -> bool {
    kept_folder(dir, revision).join(file_name(list)).is_file()
}

fn kept_folder(dir: &Path, revision: &str) -> PathBuf {
    dir.join(IMAGES).join(format!("{revision}.{SOURCES}"))
}

fn make_folder(dir: &Path) -> Result<(), ListError> {
    let folder = dir.join(SOURCES);
    std::fs::create_dir_all(&folder).map_err(|source| ListError::Write { path: folder, source })
}

fn json(known: &Known) -> Vec<u8> {
    serde_json::to_vec_pretty(known).unwrap_or_default()
}

fn path(dir: &Path, list: &ListId) -> PathBuf {
    dir.join(SOURCES).join(file_name(list))
}

/// A list's id may hold what a file name may not.
fn file_name(list: &ListId) -> String {
    let mut name = String::from("list-");
    for byte in list.as_str().bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            name.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(name, "_{byte:02x}");
        }
    }
    name
}
