//! Files out of a ZIP archive in memory (PKWARE APPNOTE 6.3), for OneRoster, and what a workbook would unpack to.
//!
//! Invariants: at most so many entries are looked at and at most so many bytes come out, whatever the archive claims.

use crate::RosterError;
use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};
use std::io::Read;

/// The most files of an archive.
const MOST_FILES: usize = 1_000;
/// The most bytes that come out of an archive in all.
pub(crate) const MOST_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// A file of an archive: its name without folders, lower case, and its bytes.
pub(crate) type Unpacked = (String, Vec<u8>);

/// The files that end in `.csv`, wherever in the archive they lie.
pub(crate) fn csv_files(bytes: &[u8]) -> Result<Vec<Unpacked>, RosterError> {
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let mut left = MOST_UNPACKED_BYTES;
    let mut files = Vec::new();
    for record in records(&archive)? {
        let path = record.file_path();
        let path = String::from_utf8_lossy(path.as_bytes()).replace('\\', "/");
        let name = path.rsplit('/').next().unwrap_or_default().to_lowercase();
        // Macintosh archives carry a shadow of each file.
        if record.is_dir() || !name.ends_with(".csv") || path.contains("__MACOSX") {
            continue;
        }
        let mut content = Vec::new();
        left = unpack(&archive, &record, left, &mut content)?;
        files.push((name, content));
    }
    Ok(files)
}

/// The names of an archive's files, as they stand.
pub(crate) fn names(bytes: &[u8]) -> Result<Vec<String>, RosterError> {
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let name = |record: &ZipFileHeaderRecord<'_>| {
        String::from_utf8_lossy(record.file_path().as_bytes()).into_owned()
    };
    Ok(records(&archive)?.iter().map(name).collect())
}

/// Unpacks everything once and keeps nothing: a library may then open it, and finds no more than the bound.
pub(crate) fn must_stay_small(bytes: &[u8]) -> Result<(), RosterError> {
    let archive = ZipArchive::from_slice(bytes).map_err(damaged)?;
    let mut left = MOST_UNPACKED_BYTES;
    for record in records(&archive)?.iter().filter(|record| !record.is_dir()) {
        left = unpack(&archive, record, left, &mut std::io::sink())?;
    }
    Ok(())
}

fn records<'a>(archive: &'a ZipSliceArchive<&[u8]>) -> Result<Vec<ZipFileHeaderRecord<'a>>, RosterError> {
    let mut records = Vec::new();
    for record in archive.entries() {
        if records.len() >= MOST_FILES {
            return Err(RosterError::TooMany { what: "files", most: MOST_FILES });
        }
        records.push(record.map_err(damaged)?);
    }
    Ok(records)
}

/// Unpacks one file, and says how much may still come out.
fn unpack(
    archive: &ZipSliceArchive<&[u8]>,
    record: &ZipFileHeaderRecord<'_>,
    left: u64,
    out: &mut impl std::io::Write,
) -> Result<u64, RosterError> {
    if record.flags().is_encrypted() {
        return Err(RosterError::Damaged { what: "a password on it".to_owned() });
    }
    let entry = archive.get_entry(record.wayfinder()).map_err(damaged)?;
    let unpacked: Box<dyn Read> = match record.compression_method() {
        CompressionMethod::STORE => Box::new(entry.data()),
        CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.data())),
        _ => return Err(RosterError::Damaged { what: "a way of packing that is not known".to_owned() }),
    };
    let mut bounded = entry.verifying_reader(unpacked).take(left + 1);
    let came = std::io::copy(&mut bounded, out).map_err(damaged)?;
    left.checked_sub(came).ok_or(RosterError::TooLarge {
        most: usize::try_from(MOST_UNPACKED_BYTES).unwrap_or(usize::MAX),
        found: usize::try_from(MOST_UNPACKED_BYTES.saturating_add(1)).unwrap_or(usize::MAX),
    })
}

fn damaged(error: impl std::fmt::Display) -> RosterError {
    RosterError::Damaged { what: error.to_string() }
}
