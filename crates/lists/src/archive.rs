//! What the bytes of a source are: a file, or a tar or zip archive, any of them compressed with gzip or not. Told by the
//! bytes themselves, since an address says little.
//!
//! Invariant: a source and everything that it is unpacked to lie in at most [`HELD_LIMIT_BYTES`] of memory together. It is
//! unpacked as a stream, so that no layer is held but the last; what flows through a layer, and with it the time, is bounded
//! in the same way, whatever the archive claims.

use crate::tree::{Tree, Unresolved, join, parent};
use crate::{Dropped, ListError, zip};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::borrow::Cow;
use std::io::{self, Cursor, Read, Write};
use tar::{Archive, Builder, EntryType, Header};

/// The most bytes that a source may hold, packed and unpacked together. The largest public tree has 30 MB and 150 MB.
pub(crate) const HELD_LIMIT_BYTES: u64 = 320 * 1024 * 1024;
/// The longest path or link that an archive may have (`PATH_MAX` of Linux).
pub(crate) const LONGEST_PATH: usize = 4_096;
/// The length of a tar header (POSIX.1-1988): by so much a file is told from an archive.
const HEAD_BYTES: u64 = 512;

/// A source, opened.
#[derive(Debug)]
pub(crate) enum Opened<'a> {
    /// One file's bytes.
    File(Cow<'a, [u8]>),
    /// A folder or an archive.
    Tree(Tree),
}

/// Unpacks what is packed. Of an archive, the bytes of the files that `keep` names are kept; the others stay as names.
pub(crate) fn open(bytes: &[u8], keep: fn(&str) -> bool) -> Result<Opened<'_>, ListError> {
    open_within(HELD_LIMIT_BYTES, bytes, keep)
}

fn open_within(limit_bytes: u64, bytes: &[u8], keep: fn(&str) -> bool) -> Result<Opened<'_>, ListError> {
    let too_large = ListError::TooLarge { limit_bytes };
    let left = limit_bytes.checked_sub(bytes.len() as u64).ok_or(too_large)?;
    if !is_packed(bytes) {
        return match bytes {
            _ if is_tar(bytes) => open_tar(bytes, keep).map(Opened::Tree),
            _ if is_zip(bytes) => zip::open(bytes, left, keep).map(Opened::Tree),
            _ => Ok(Opened::File(Cow::Borrowed(bytes))),
        };
    }
    // Packed by its keeper, and by the server once more.
    let (head, once) = peeked(Bounded::new(MultiGzDecoder::new(bytes), left))?;
    if !is_packed(&head) {
        return open_unpacked(&head, once, (left, keep));
    }
    let (head, twice) = peeked(Bounded::new(MultiGzDecoder::new(once), left))?;
    open_unpacked(&head, twice, (left, keep))
}

fn open_unpacked(
    head: &[u8],
    mut from: impl Read,
    (left_bytes, keep): (u64, fn(&str) -> bool),
) -> Result<Opened<'static>, ListError> {
    if is_tar(head) {
        return open_tar(from, keep).map(Opened::Tree);
    }
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).map_err(ListError::Unpack)?;
    if is_zip(&bytes) {
        return zip::open(&bytes, left_bytes.saturating_sub(bytes.len() as u64), keep).map(Opened::Tree);
    }
    Ok(Opened::File(Cow::Owned(bytes)))
}

fn is_packed(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b])
}

/// POSIX.1-1988 ustar, and GNU tar, both have this word at this place of the first header.
fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// A file's local header, or the end of an archive without files (PKWARE APPNOTE 6.3, 4.3.7 and 4.3.16).
fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// The first bytes of a stream, and the stream with them.
fn peeked<R: Read>(mut from: R) -> Result<(Vec<u8>, impl Read), ListError> {
    let mut head = Vec::new();
    from.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(ListError::Unpack)?;
    Ok((head.clone(), Cursor::new(head).chain(from)))
}

/// A stream that fails, instead of ending, where more comes than may.
pub(crate) struct Bounded<R> {
    from: R,
    pub(crate) left_bytes: u64,
}

impl<R> Bounded<R> {
    pub(crate) fn new(from: R, left_bytes: u64) -> Self {
        Self { from, left_bytes }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        let left = self.left_bytes.checked_sub(read as u64);
        self.left_bytes =
            left.ok_or_else(|| io::Error::other("it unpacks to more than a source may hold"))?;
        Ok(read)
    }
}

fn open_tar(from: impl Read, keep: fn(&str) -> bool) -> Result<Tree, ListError> {
    let mut tree = Tree::default();
    for entry in Archive::new(from).entries().map_err(ListError::Unpack)? {
        let mut entry = entry.map_err(ListError::Unpack)?;
        let link = entry.link_name_bytes();
        let is_long = |path: &[u8]| path.len() > LONGEST_PATH;
        if is_long(&entry.path_bytes()) || link.as_ref().is_some_and(|link| is_long(link)) {
            tree.refused.add(Dropped::PathOutside);
            continue;
        }
        let target = link.map(|target| String::from_utf8_lossy(&target).into_owned());
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some(path) = join("", &path).filter(|_| !path.split('/').any(|part| part == "..")) else {
            tree.refused.add(Dropped::PathOutside);
            continue;
        };
        match (entry.header().entry_type(), target) {
            (EntryType::Symlink, Some(target)) => tree.link(&path, parent(&path), &target)?,
            // A hard link names its target from the root of the archive.
            (EntryType::Link, Some(target)) => tree.link(&path, "", &target)?,
            // A sparse file would hold more than flows through, and no list is one.
            (EntryType::Regular | EntryType::Continuous, _) => {
                let mut bytes = Vec::new();
                if keep(&path) {
                    entry.read_to_end(&mut bytes).map_err(ListError::Unpack)?;
                }
                tree.file(path, bytes)?;
            }
            _ => {}
        }
    }
    Ok(tree)
}

/// Packs the parts of a tree that are read (names of the others, without bytes) into a compressed archive, one that
/// [`open`] opens.
///
/// # Errors
/// [`ListError::TooLarge`] where a source may not hold so much.
pub(crate) fn pack(tree: &Tree, keep: fn(&str) -> bool) -> Result<Vec<u8>, ListError> {
    pack_within(HELD_LIMIT_BYTES, tree, keep)
}

fn pack_within(limit_bytes: u64, tree: &Tree, keep: fn(&str) -> bool) -> Result<Vec<u8>, ListError> {
    let fits = |bytes| if bytes <= limit_bytes { Ok(()) } else { Err(ListError::TooLarge { limit_bytes }) };
    let mut archive = Builder::new(Packing { to: GzEncoder::new(Vec::new(), Compression::fast()), bytes: 0 });
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
        let bytes = match tree.bytes(path) {
            Ok(bytes) if keep(path) => bytes,
            Err(Unresolved::Failed(error)) => return Err(error),
            Ok(_) | Err(_) => Cow::Borrowed(&[][..]),
        };
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, &*bytes).map_err(ListError::Unpack)?;
        fits(archive.get_ref().bytes)?;
    }
    let Packing { to, bytes } = archive.into_inner().map_err(ListError::Unpack)?;
    let packed = to.finish().map_err(ListError::Unpack)?;
    fits(bytes.saturating_add(packed.len() as u64))?;
    Ok(packed)
}

/// A packer that counts what it is given.
struct Packing {
    to: GzEncoder<Vec<u8>>,
    bytes: u64,
}

impl Write for Packing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.to.write(bytes)?;
        self.bytes = self.bytes.saturating_add(taken as u64);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 128 * 1024;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(bytes).unwrap();
        packed.finish().unwrap()
    }

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, bytes) in files {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, path, *bytes).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn opens(bytes: &[u8]) -> Result<u64, ListError> {
        let size = |opened| match opened {
            Opened::File(bytes) => bytes.len() as u64,
            Opened::Tree(tree) => {
                tree.paths().filter_map(|path| Some(tree.contents(path).ok()?.len() as u64)).sum()
            }
        };
        open_within(LIMIT, bytes, |path| path.ends_with("domains")).map(size)
    }

    #[test]
    fn what_is_packed_once_or_twice_is_opened_up_to_the_bound_and_the_source_counts() {
        let room = usize::try_from(LIMIT).unwrap() - 10_000;
        for bytes in [vec![b'a'; room], tar_of(&[("ads/domains", &vec![b'a'; room - 10_000])])] {
            let once = gzip(&bytes);
            let sizes = [&bytes, &once, &gzip(&once)].map(|source| opens(source).unwrap());
            assert!(sizes.iter().all(|size| *size == sizes[0] && *size > LIMIT / 2), "{sizes:?}");
        }
        let plain = vec![b'a'; usize::try_from(LIMIT).unwrap() + 1];
        assert!(matches!(opens(&plain), Err(ListError::TooLarge { limit_bytes: LIMIT })));
    }

    #[test]
    fn a_copy_of_a_folder_that_could_not_be_opened_again_is_not_made() {
        let mut tree = Tree::default();
        let noise = |seed: u32| {
            (0..3_000_u32).flat_map(move |n| (n ^ seed).wrapping_mul(2_654_435_761).to_le_bytes())
        };
        tree.file("ads/domains".to_owned(), noise(1).collect()).unwrap();
        tree.file("games/domains".to_owned(), noise(2).collect()).unwrap();
        tree.link("more", "", "ads").unwrap();
        let all = |_: &str| true;
        let packed = pack_within(u64::MAX, &tree, all).unwrap();
        let mut fewest = 0;
        let mut most = u64::MAX / 2;
        while fewest < most {
            let middle = fewest.midpoint(most);
            let fits = pack_within(middle, &tree, all).is_ok();
            assert!(!fits || open_within(middle, &packed, all).is_ok(), "{middle}");
            (fewest, most) = if fits { (fewest, middle) } else { (middle + 1, most) };
        }
        // The end of an archive is two empty blocks, which nobody need read.
        assert!(open_within(fewest - 2 * HEAD_BYTES - 1, &packed, all).is_err(), "{fewest}");
    }

    #[test]
    fn a_bomb_of_any_shape_is_left_before_it_is_held() {
        let much = vec![0; 4 * usize::try_from(LIMIT).unwrap()];
        // A gzip stream may be many, one after another: a small one that never ends.
        let many: Vec<u8> = std::iter::repeat_n(gzip(&much), 16).flatten().collect();
        let long = "a/".repeat(LONGEST_PATH);
        for (name, bomb) in [
            ("a file", gzip(&much)),
            ("a file, twice", gzip(&gzip(&much))),
            ("a long file, twice", gzip(&many)),
            (
                "nothing, very often",
                gzip(&std::iter::repeat_n(gzip(b""), 10_000).flatten().collect::<Vec<_>>()),
            ),
            ("a kept file of an archive", gzip(&gzip(&tar_of(&[("ads/domains", &much)])))),
            ("a file of an archive that is not kept", gzip(&gzip(&tar_of(&[("ads/usage", &much)])))),
        ] {
            assert!(bomb.len() < 40_000, "{name}: {}", bomb.len());
            let error = opens(&bomb).unwrap_err().chain();
            assert!(error.contains("more than a source may hold"), "{name}: {error}");
        }
        let archive = tar_of(&[(&long, b"x"), ("ads/domains", b"one")]);
        assert_eq!(opens(&gzip(&archive)).unwrap(), 3, "a path that no disk has is left out");
    }
}
