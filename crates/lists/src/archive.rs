//! What the bytes of a source are: a file, or a tar archive, either of them compressed with gzip or not. Told by the
//! bytes themselves, since an address says little. Unpacking is bounded, whatever the archive claims.

use crate::tree::{Tree, Unresolved, join, parent};
use crate::{Dropped, ListError};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::borrow::Cow;
use std::io::Read;
use tar::{Archive, Builder, EntryType, Header};

/// The most bytes a source may hold, unpacked. The largest public tree holds about 150 MB.
pub(crate) const UNPACKED_LIMIT_BYTES: u64 = 768 * 1024 * 1024;

/// A source, opened.
#[derive(Debug)]
pub(crate) enum Opened {
    /// One file's bytes.
    File(Vec<u8>),
    /// A folder or an archive.
    Tree(Tree),
}

/// Unpacks what is packed. Of an archive, the bytes of the files that `keep` names are kept; the others stay as names.
pub(crate) fn open(bytes: &[u8], keep: fn(&str) -> bool) -> Result<Opened, ListError> {
    let mut unpacked = Cow::Borrowed(bytes);
    // Packed by its keeper, and by the server once more.
    for _ in 0..2 {
        if unpacked.starts_with(&[0x1f, 0x8b]) {
            unpacked = Cow::Owned(read_bounded(MultiGzDecoder::new(&*unpacked), UNPACKED_LIMIT_BYTES)?);
        }
    }
    let bytes = &*unpacked;
    // POSIX.1-1988 ustar, and GNU tar, both have this word at this place of the first header.
    if bytes.get(257..262) == Some(b"ustar") {
        return open_tar(bytes, keep).map(Opened::Tree);
    }
    Ok(Opened::File(unpacked.into_owned()))
}

fn open_tar(bytes: &[u8], keep: fn(&str) -> bool) -> Result<Tree, ListError> {
    let mut tree = Tree::default();
    let mut left_bytes = UNPACKED_LIMIT_BYTES;
    for entry in Archive::new(bytes).entries().map_err(ListError::Unpack)? {
        let mut entry = entry.map_err(ListError::Unpack)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(path) = join("", &path).filter(|_| !path.split('/').any(|part| part == "..")) else {
            tree.refused.add(Dropped::PathOutside);
            continue;
        };
        let kind = entry.header().entry_type();
        let target = entry.link_name_bytes().map(|target| String::from_utf8_lossy(&target).into_owned());
        match (kind, target) {
            (EntryType::Symlink, Some(target)) => tree.link(&path, parent(&path), &target)?,
            // A hard link names its target from the root of the archive.
            (EntryType::Link, Some(target)) => tree.link(&path, "", &target)?,
            (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => {
                let bytes = if keep(&path) { read_bounded(&mut entry, left_bytes)? } else { Vec::new() };
                left_bytes = left_bytes.saturating_sub(bytes.len() as u64);
                tree.file(path, bytes)?;
            }
            _ => {}
        }
    }
    Ok(tree)
}

fn read_bounded(from: impl Read, limit_bytes: u64) -> Result<Vec<u8>, ListError> {
    let mut bytes = Vec::new();
    from.take(limit_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(ListError::Unpack)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(ListError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}

/// Packs the parts of a tree that are read (names of the others, without bytes) into a compressed archive.
pub(crate) fn pack(tree: &Tree, keep: fn(&str) -> bool) -> Result<Vec<u8>, ListError> {
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for path in tree.paths() {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        if let Some(target) = tree.link_target(path) {
            // A link to the root of the tree has no name to be written by, and stands for no category.
            if target.is_empty() {
                continue;
            }
            header.set_entry_type(EntryType::Link);
            header.set_size(0);
            archive.append_link(&mut header, path, target).map_err(ListError::Unpack)?;
            continue;
        }
        let bytes = match tree.contents(path) {
            Ok(bytes) if keep(path) => bytes,
            Err(Unresolved::Failed(error)) => return Err(error),
            Ok(_) | Err(_) => Cow::Borrowed(&[][..]),
        };
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, &*bytes).map_err(ListError::Unpack)?;
    }
    archive.into_inner().and_then(GzEncoder::finish).map_err(ListError::Unpack)
}
