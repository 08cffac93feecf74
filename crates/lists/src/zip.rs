//! A zip archive in memory becomes a tree (PKWARE APPNOTE 6.3).
//!
//! Left out: entries that are encrypted, and methods other than "stored" and "deflated"; each fails the archive where its
//! file would be read.
//!
//! Invariants: of an archive that claims anything at all, at most so many entries are looked at as a tree may have, and at
//! most so many bytes come out as the source has left; each file is what its checksum says.

use crate::archive::{Bounded, LONGEST_PATH};
use crate::tree::{MOST_FILES, Tree, join, parent};
use crate::{Dropped, ListError};
use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};
use std::io::{self, Read};

/// The archive's files, those that `keep` names with their bytes.
pub(crate) fn open(bytes: &[u8], left_bytes: u64, keep: fn(&str) -> bool) -> Result<Tree, ListError> {
    let archive = ZipArchive::from_slice(bytes).map_err(failed)?;
    let (mut tree, mut left_bytes, mut looked) = (Tree::default(), left_bytes, 0);
    for record in archive.entries() {
        let record = record.map_err(failed)?;
        looked += 1;
        if looked > MOST_FILES {
            return Err(ListError::TooManyFiles { most: MOST_FILES });
        }
        let path = record.file_path();
        let Some(path) = place(path.as_bytes()) else {
            tree.refused.add(Dropped::PathOutside);
            continue;
        };
        if record.is_dir() {
            continue;
        }
        let is_link = record.mode().is_symlink();
        let mut content = Vec::new();
        if is_link || keep(&path) {
            (content, left_bytes) = read(&archive, &record, left_bytes)?;
        }
        if !is_link {
            tree.file(path, content)?;
        } else if content.len() <= LONGEST_PATH {
            tree.link(&path, parent(&path), &String::from_utf8_lossy(&content))?;
        } else {
            tree.refused.add(Dropped::LinkOutside);
        }
    }
    Ok(tree)
}

/// The path as the tree has it; `None` for one that leads out.
fn place(path: &[u8]) -> Option<String> {
    if path.len() > LONGEST_PATH {
        return None;
    }
    // Windows writes its own separators.
    let path = String::from_utf8_lossy(path).replace('\\', "/");
    join("", &path).filter(|path| !path.is_empty()).filter(|_| !path.split('/').any(|part| part == ".."))
}

/// What an entry holds, and how much may still come out of the archive.
fn read(
    archive: &ZipSliceArchive<&[u8]>,
    record: &ZipFileHeaderRecord<'_>,
    left_bytes: u64,
) -> Result<(Vec<u8>, u64), ListError> {
    if record.flags().is_encrypted() {
        return Err(ListError::Unpack(io::Error::other("it is encrypted")));
    }
    let entry = archive.get_entry(record.wayfinder()).map_err(failed)?;
    let unpacked: Box<dyn Read> = match record.compression_method() {
        CompressionMethod::STORE => Box::new(entry.data()),
        CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.data())),
        _ => return Err(ListError::Unpack(io::Error::other("it is packed in a way that is not known"))),
    };
    let mut bounded = Bounded::new(entry.verifying_reader(unpacked), left_bytes);
    let mut bytes = Vec::new();
    bounded.read_to_end(&mut bytes).map_err(ListError::Unpack)?;
    Ok((bytes, bounded.left_bytes))
}

fn failed(error: rawzip::Error) -> ListError {
    ListError::Unpack(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use proptest::prelude::*;
    use rawzip::ZipArchiveWriter;
    use rawzip::path::EntryPath;
    use std::io::Write as _;

    const PLENTY: u64 = 1 << 20;

    fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut out);
        for (path, bytes) in files {
            let path = EntryPath::verbatim(path.as_bytes());
            let new = archive.new_file(path).compression_method(CompressionMethod::DEFLATE);
            let (mut entry, config) = new.start().unwrap();
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            writer.write_all(bytes).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        out
    }

    #[test]
    fn files_are_read_where_they_lie_and_paths_that_lead_out_are_refused() {
        let bytes = zip(&[("ads/domains", b"a.example\n"), ("ads/usage", b"x"), ("../out/domains", b"y")]);
        let tree = open(&bytes, PLENTY, |path| path.ends_with("domains")).unwrap();
        assert_eq!(tree.paths().collect::<Vec<_>>(), ["ads/domains", "ads/usage"]);
        assert_eq!(&*tree.contents("ads/domains").unwrap(), b"a.example\n");
        assert!(tree.contents("ads/usage").unwrap().is_empty(), "nobody asked for it");
        assert_eq!(tree.refused.count(Dropped::PathOutside), 1);
    }

    #[test]
    fn what_unpacks_to_too_much_or_to_something_else_fails() {
        let much = vec![0; 100_000];
        let bomb = zip(&[("domains", &much), ("more/domains", &much)]);
        assert!(bomb.len() < 1_000);
        for (limit, fits) in [(200_000, true), (199_999, false), (10, false)] {
            assert_eq!(open(&bomb, limit, |_| true).is_ok(), fits, "{limit}");
        }
        let mut other = zip(&[("domains", b"a.example\n")]);
        let at = other.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        // The checksum in the directory (APPNOTE, 4.3.12).
        other[at + 16] ^= 1;
        assert!(open(&other, PLENTY, |_| true).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..200) {
            let _ = open(&bytes, PLENTY, |_| true);
            let mut damaged = zip(&[("ads/domains", b"a.example\n"), ("b", b"c")]);
            for (to, from) in damaged.iter_mut().skip(at).zip(&bytes) {
                *to = *from;
            }
            let _ = open(&damaged, PLENTY, |_| true);
        }
    }
}
