//! The one form of ZIP (PKWARE APPNOTE 6.3) that a pack has: members stored one after the other, no comment, no extra
//! field, every date the same. Every byte of it follows from the members' names and contents, so every other byte is a
//! fault; and since nothing is packed, nothing can unpack to more than it is.
//!
//! Left out: compression, members of 4 GiB and more (ZIP64), encryption. Any program that reads ZIP reads these.

use crate::WireError;
use crate::hex::{CHUNK_BYTES, hexadecimal};
use crate::verify::PackFault;
use crc32fast::Hasher;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// The most bytes of a pack: 2 GiB, which every system reads.
pub const MOST_PACK_BYTES: u64 = 2 << 30;
/// The most members of a pack.
pub const MOST_MEMBERS: usize = 1_000;

const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: u64 = 46;
const END_BYTES: u64 = 22;
const MOST_NAME_BYTES: usize = 100;
/// 1 January 1980, midnight: the format's first moment.
const DATE: u16 = 0x0021;
/// Version 2.0 is needed to read it; names are UTF-8.
const VERSION: u16 = 20;
const FLAGS: u16 = 0x0800;

/// A member as the directory has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) crc: u32,
    pub(crate) bytes: u32,
    /// Where its local header begins.
    pub(crate) offset: u32,
}

impl Entry {
    /// What stands before the member's bytes.
    fn local(&self) -> Vec<u8> {
        let mut head = b"PK\x03\x04".to_vec();
        self.common(&mut head);
        head.extend_from_slice(self.name.as_bytes());
        head
    }

    /// What stands in the directory.
    fn central(&self) -> Vec<u8> {
        let mut head = b"PK\x01\x02".to_vec();
        head.extend_from_slice(&VERSION.to_le_bytes());
        self.common(&mut head);
        // Comment, disk, attributes inside and outside: none.
        head.extend_from_slice(&[0; 10]);
        head.extend_from_slice(&self.offset.to_le_bytes());
        head.extend_from_slice(self.name.as_bytes());
        head
    }

    fn common(&self, head: &mut Vec<u8>) {
        for number in [VERSION, FLAGS, 0, 0, DATE] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.crc, self.bytes, self.bytes] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        let name_bytes = u16::try_from(self.name.len()).unwrap_or(u16::MAX);
        head.extend_from_slice(&name_bytes.to_le_bytes());
        head.extend_from_slice(&0_u16.to_le_bytes());
    }

    fn end(&self) -> u64 {
        u64::from(self.offset) + LOCAL_BYTES + len(&self.name) + u64::from(self.bytes)
    }
}

/// Writes members one after the other.
#[derive(Debug)]
pub(crate) struct ZipWriter<W> {
    out: W,
    entries: Vec<Entry>,
    position: u64,
    directory_bytes: u64,
}

impl<W: Write + Seek> ZipWriter<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, entries: Vec::new(), position: 0, directory_bytes: END_BYTES }
    }

    /// Adds a member with everything that `contents` gives; its size and its SHA-256.
    pub(crate) fn add(&mut self, name: &str, contents: &mut dyn Read) -> Result<(u64, String), WireError> {
        if !is_name(name) || self.entries.iter().any(|entry| entry.name == name) {
            return Err(WireError::Name { name: name.to_owned() });
        }
        if self.entries.len() >= MOST_MEMBERS {
            return Err(WireError::TooMany { most: MOST_MEMBERS });
        }
        let failed = WireError::file;
        let offset = small(self.position)?;
        let mut entry = Entry { name: name.to_owned(), crc: 0, bytes: 0, offset };
        self.directory_bytes += CENTRAL_BYTES + len(name);
        self.out.write_all(&entry.local()).map_err(failed("write a pack"))?;
        let (mut crc, mut hash, mut chunk) = (Hasher::new(), Sha256::new(), vec![0; CHUNK_BYTES]);
        let (begun, mut bytes) = (self.position + LOCAL_BYTES + len(name), 0);
        loop {
            let read = contents.read(&mut chunk).map_err(failed("read what goes into a pack"))?;
            let piece = chunk.get(..read).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            bytes += u64::try_from(read).unwrap_or(u64::MAX);
            small(begun + bytes + self.directory_bytes)?;
            crc.update(piece);
            hash.update(piece);
            self.out.write_all(piece).map_err(failed("write a pack"))?;
        }
        (entry.crc, entry.bytes) = (crc.finalize(), small(bytes)?);
        self.position = entry.end();
        let patched = self
            .out
            .seek(SeekFrom::Start(u64::from(offset)))
            .and_then(|_| self.out.write_all(&entry.local()))
            .and_then(|()| self.out.seek(SeekFrom::Start(self.position)));
        patched.map_err(failed("write a pack"))?;
        self.entries.push(entry);
        Ok((bytes, hexadecimal(&hash.finalize())))
    }

    /// Writes the directory; what was written to, and how many bytes it has.
    pub(crate) fn finish(mut self) -> Result<(W, u64), WireError> {
        let directory: Vec<u8> = self.entries.iter().flat_map(Entry::central).collect();
        let end = end_of(&self.entries, self.position, directory.len());
        let written = self.out.write_all(&directory).and_then(|()| self.out.write_all(&end));
        written.and_then(|()| self.out.flush()).map_err(WireError::file("write a pack"))?;
        let bytes = self.position + self.directory_bytes;
        Ok((self.out, bytes))
    }
}

/// The record that ends a pack.
fn end_of(entries: &[Entry], directory_at: u64, directory_bytes: usize) -> Vec<u8> {
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes();
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend_from_slice(&count);
    end.extend_from_slice(&count);
    end.extend_from_slice(&u32::try_from(directory_bytes).unwrap_or(u32::MAX).to_le_bytes());
    end.extend_from_slice(&u32::try_from(directory_at).unwrap_or(u32::MAX).to_le_bytes());
    end.extend_from_slice(&[0, 0]);
    end
}

/// The directory of a pack, read from its end. Nothing of the members was looked at yet.
pub(crate) fn directory(pack: &mut (impl Read + Seek)) -> Result<Vec<Entry>, PackFault> {
    let length = pack.seek(SeekFrom::End(0)).map_err(|_| PackFault::Unreadable)?;
    if length > MOST_PACK_BYTES {
        return Err(PackFault::TooLarge);
    }
    let at = length.checked_sub(END_BYTES).ok_or(PackFault::NotAPack)?;
    let end: [u8; 22] = read_at(pack, at)?;
    if !end.starts_with(b"PK\x05\x06") {
        return Err(PackFault::OtherEnd);
    }
    let count = usize::from(number(&end, 10));
    let (bytes, begins) = (wide(&end, 12), wide(&end, 16));
    if count > MOST_MEMBERS || u64::from(begins) + u64::from(bytes) != at {
        return Err(PackFault::OtherEnd);
    }
    let most = count * (46 + MOST_NAME_BYTES);
    let mut raw =
        vec![0; usize::try_from(bytes).ok().filter(|bytes| *bytes <= most).ok_or(PackFault::Directory)?];
    pack.seek(SeekFrom::Start(u64::from(begins))).map_err(|_| PackFault::Unreadable)?;
    pack.read_exact(&mut raw).map_err(|_| PackFault::Unreadable)?;
    let entries = entries_of(&raw, count)?;
    let follow = entries.iter().try_fold(0, |at, entry| (u64::from(entry.offset) == at).then(|| entry.end()));
    if end_of(&entries, u64::from(begins), raw.len()) != end || follow != Some(u64::from(begins)) {
        return Err(PackFault::Directory);
    }
    Ok(entries)
}

fn entries_of(mut raw: &[u8], count: usize) -> Result<Vec<Entry>, PackFault> {
    let (mut entries, mut names) = (Vec::with_capacity(count), BTreeSet::new());
    for _ in 0..count {
        let head = raw.get(..46).ok_or(PackFault::Directory)?;
        let name_bytes = usize::from(number(head, 28));
        let name = raw.get(46..46 + name_bytes).and_then(|name| std::str::from_utf8(name).ok());
        let name = name.filter(|name| is_name(name)).ok_or(PackFault::Directory)?;
        let entry = Entry {
            name: name.to_owned(),
            crc: wide(head, 16),
            bytes: wide(head, 24),
            offset: wide(head, 42),
        };
        if !names.insert(name) {
            return Err(PackFault::Twice { name: name.to_owned() });
        }
        if !raw.starts_with(&entry.central()) {
            return Err(PackFault::Directory);
        }
        raw = raw.get(46 + name_bytes..).unwrap_or_default();
        entries.push(entry);
    }
    if raw.is_empty() { Ok(entries) } else { Err(PackFault::Directory) }
}

/// Reads a member: its SHA-256, and its bytes where they are `most` or fewer.
pub(crate) fn member(
    pack: &mut (impl Read + Seek),
    entry: &Entry,
    most: u32,
) -> Result<(String, Option<Vec<u8>>), PackFault> {
    let expected = entry.local();
    let mut head = vec![0; expected.len()];
    pack.seek(SeekFrom::Start(u64::from(entry.offset))).map_err(|_| PackFault::Unreadable)?;
    pack.read_exact(&mut head).map_err(|_| PackFault::Unreadable)?;
    if head != expected {
        return Err(PackFault::Head { name: entry.name.clone() });
    }
    let (mut crc, mut hash, mut chunk) = (Hasher::new(), Sha256::new(), vec![0; CHUNK_BYTES]);
    let mut kept = (entry.bytes <= most).then(Vec::new);
    let mut left = usize::try_from(entry.bytes).map_err(|_| PackFault::TooLarge)?;
    while left > 0 {
        let piece = chunk.get_mut(..left.min(CHUNK_BYTES)).unwrap_or_default();
        pack.read_exact(piece).map_err(|_| PackFault::Unreadable)?;
        crc.update(piece);
        hash.update(&*piece);
        left -= piece.len();
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(piece);
        }
    }
    if crc.finalize() != entry.crc {
        return Err(PackFault::Changed { name: entry.name.clone() });
    }
    Ok((hexadecimal(&hash.finalize()), kept))
}

/// True for a name that a member may have: lower-case letters, digits, hyphens, dots and slashes, and no way out.
fn is_name(name: &str) -> bool {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
    };
    name.len() <= MOST_NAME_BYTES && name.split('/').all(is_part)
}

fn read_at<const N: usize>(pack: &mut (impl Read + Seek), at: u64) -> Result<[u8; N], PackFault> {
    let mut bytes = [0; N];
    pack.seek(SeekFrom::Start(at))
        .and_then(|_| pack.read_exact(&mut bytes))
        .map_err(|_: io::Error| PackFault::Unreadable)?;
    Ok(bytes)
}

fn number(bytes: &[u8], at: usize) -> u16 {
    let two = bytes.get(at..at + 2).and_then(|two| two.try_into().ok());
    u16::from_le_bytes(two.unwrap_or_default())
}

fn wide(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_le_bytes(four.unwrap_or_default())
}

/// A place or size within a pack.
fn small(bytes: u64) -> Result<u32, WireError> {
    let fits = Some(bytes).filter(|bytes| *bytes <= MOST_PACK_BYTES);
    fits.and_then(|bytes| u32::try_from(bytes).ok())
        .ok_or(WireError::TooLarge { most_bytes: MOST_PACK_BYTES })
}

fn len(name: &str) -> u64 {
    u64::try_from(name.len()).unwrap_or(u64::MAX)
}
