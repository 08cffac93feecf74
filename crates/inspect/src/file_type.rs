//! What a file is, by its first bytes and never by its name alone.
//!
//! The library `infer` knows the signatures of common types; `data/` says which of our kinds each is, and adds what
//! the library does not know. Two containers are looked into as far as their first bytes go: ZIP, since apps, browser
//! extensions and office documents are ZIP archives, and OLE, which is an old office document or an installer.
//!
//! Left out: what only the end of a file tells (most disk images, macros behind the first bytes), text in general, and
//! what an archive's members hold.
//!
//! Invariants: [`of`] reads at most [`MOST_BYTES`]; any bytes are answered.

mod ole;
mod zip;

use crate::table::{bytes, rows};
use model::FileKind;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The most bytes of a file that are looked at.
pub const MOST_BYTES: usize = 8 * 1024;

/// So many bytes are needed to tell most types.
pub const ENOUGH_BYTES: usize = 64;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileType {
    /// Its kind.
    pub kind: FileKind,
    /// What it is, after "it is": "a Windows program".
    pub words: &'static str,
}

/// What a file is that begins with these bytes; `None` where they tell nothing that a policy speaks of.
pub fn of(first: &[u8]) -> Option<FileType> {
    let first = first.get(..MOST_BYTES).unwrap_or(first);
    if let Some(found) = by_signature(first).or_else(|| by_first_words(first)) {
        return Some(found);
    }
    if first.starts_with(zip::SIGNATURE) {
        return Some(zip::of(first));
    }
    if first.starts_with(ole::SIGNATURE) {
        return Some(ole::of(first));
    }
    let found = *TYPES.get(infer::get(first)?.extension())?;
    // Two letters alone make no Windows program: a text may begin with them.
    let is_text = first.starts_with(b"MZ") && !first.iter().take(ENOUGH_BYTES).any(|byte| *byte == 0);
    (!is_text).then_some(found)
}

/// True when more bytes may change the answer: a container's members come one after the other.
pub fn wants_more(first: &[u8]) -> bool {
    first.len() < ENOUGH_BYTES
        || (first.len() < MOST_BYTES
            && (first.starts_with(zip::SIGNATURE) || first.starts_with(ole::SIGNATURE)))
}

fn by_signature(first: &[u8]) -> Option<FileType> {
    let fits = |signature: &&Signature| {
        first.get(signature.offset..).is_some_and(|bytes| bytes.starts_with(&signature.bytes))
    };
    SIGNATURES.iter().find(fits).map(|signature| signature.file_type)
}

fn by_first_words(first: &[u8]) -> Option<FileType> {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first).trim_ascii_start();
    let fits = |(words, _): &&(&str, FileType)| {
        text.get(..words.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(words.as_bytes()))
    };
    FIRST_WORDS.iter().find(fits).map(|(_, found)| *found)
}

struct Signature {
    offset: usize,
    bytes: Vec<u8>,
    file_type: FileType,
}

/// What the library's types are, by its extensions for them.
static TYPES: LazyLock<HashMap<&str, FileType>> = LazyLock::new(|| {
    let rows = rows::<3>(include_str!("../data/file_types.txt"));
    rows.filter_map(|[extension, kind, words]| Some((extension, file_type(kind, words)?))).collect()
});

static SIGNATURES: LazyLock<Vec<Signature>> = LazyLock::new(|| {
    let rows = rows::<4>(include_str!("../data/signatures.txt"));
    rows.filter_map(|[offset, hex, kind, words]| {
        Some(Signature {
            offset: offset.parse().ok()?,
            bytes: bytes(hex)?,
            file_type: file_type(kind, words)?,
        })
    })
    .collect()
});

static FIRST_WORDS: LazyLock<Vec<(&str, FileType)>> = LazyLock::new(|| {
    let rows = rows::<3>(include_str!("../data/first_words.txt"));
    rows.filter_map(|[beginning, kind, words]| Some((beginning, file_type(kind, words)?))).collect()
});

fn file_type(kind: &str, words: &'static str) -> Option<FileType> {
    FileKind::parse(kind).map(|kind| FileType { kind, words })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind(first: &[u8]) -> Option<FileKind> {
        of(first).map(|found| found.kind)
    }

    #[test]
    fn every_row_of_the_tables_is_read() {
        let count = |text: &'static str| rows::<1>(text).count();
        assert_eq!(TYPES.len(), count(include_str!("../data/file_types.txt")));
        assert_eq!(SIGNATURES.len(), count(include_str!("../data/signatures.txt")));
        assert_eq!(FIRST_WORDS.len(), count(include_str!("../data/first_words.txt")));
    }

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let pe = [b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0".as_slice(), &[0; 64]].concat();
        let tar = [&[b'a'; 257], b"ustar\0".as_slice(), &[0; 300]].concat();
        let elf = [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 60]].concat();
        let mach = [b"\xcf\xfa\xed\xfe".as_slice(), &[0; 60]].concat();
        for (first, expected) in [
            (pe.as_slice(), Some(FileKind::Programs)),
            (&elf, Some(FileKind::Programs)),
            (&mach, Some(FileKind::Programs)),
            (b"Cr24\x03\0\0\0", Some(FileKind::Programs)),
            (b"!<arch>\ndebian-binary", Some(FileKind::Installers)),
            (b"xar!\0\x1c\0\x01", Some(FileKind::Installers)),
            (b"#!/bin/sh\n", Some(FileKind::Scripts)),
            (b"\xef\xbb\xbf\r\n@ECHO OFF\r\n", Some(FileKind::Scripts)),
            (b"[InternetShortcut]\r\nURL=", Some(FileKind::Scripts)),
            (b"7z\xbc\xaf\x27\x1c\0\x04", Some(FileKind::Archives)),
            (b"Rar!\x1a\x07\x01\0", Some(FileKind::Archives)),
            (b"\x1f\x8b\x08\0\0\0\0\0", Some(FileKind::Archives)),
            (&tar, Some(FileKind::Archives)),
            (b"conectix\0\0", Some(FileKind::DiskImages)),
            (b"d8:announce35:udp://tracker.example", Some(FileKind::Torrents)),
            (b"magnet:?xt=urn:btih:0", Some(FileKind::Torrents)),
            (b"%PDF-1.7\n", Some(FileKind::Documents)),
            (b"{\\rtf1\\ansi", Some(FileKind::Documents)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(FileKind::Images)),
            (b"GIF89a\x01\0\x01\0", Some(FileKind::Images)),
            (b"ID3\x04\0\0\0\0", Some(FileKind::Audio)),
            (
                b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04webm",
                Some(FileKind::Video),
            ),
            (b"<!doctype html><title>MZ</title>", None),
            (b"MZ is how this text begins, and it is no program at all, whatever its first letters.", None),
            (b"{\"a\": 1}", None),
            (b"body { color: red }", None),
            (b"", None),
        ] {
            assert_eq!(kind(first), expected, "{:?}", String::from_utf8_lossy(first));
        }
    }

    #[test]
    fn more_is_wanted_of_short_beginnings_and_of_containers() {
        assert!(wants_more(b"MZ"));
        assert!(!wants_more(&[b'a'; ENOUGH_BYTES]));
        assert!(wants_more(&[b"PK\x03\x04".as_slice(), &[0; 100]].concat()));
        assert!(!wants_more(&[b"PK\x03\x04".as_slice(), &[0; MOST_BYTES]].concat()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(
            start in prop::sample::select(vec![
                b"".as_slice(), b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"MZ", b"\x7fELF", b"\x1aE\xdf\xa3", b"RIFF",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let bytes = [start, &rest].concat();
            let _ = (of(&bytes), wants_more(&bytes));
        }
    }
}
