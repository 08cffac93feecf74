//! The bytes of an image: head, table and records. What they mean is said in the parent module.

use super::{ImageError, ImageList};
use model::{Category, ListId, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

pub(super) const MAGIC: &[u8; 8] = b"SGIMAGE\n";
pub(super) const VERSION: u32 = 1;
pub(super) const HEAD_BYTES: usize = 88;
/// The part of the head that its own check covers, before the times.
pub(super) const CHECKED_HEAD_BYTES: usize = 80;

pub(super) const SUBTREE: u8 = 1;
pub(super) const EXCEPTION: u8 = 2;
pub(super) const IMPORTANT: u8 = 4;

type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A part of shared bytes.
pub(super) struct Section {
    bytes: SharedBytes,
    range: Range<usize>,
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        (*self.bytes).as_ref().get(self.range.clone()).unwrap_or_default()
    }
}

/// An opened image, its parts checked.
pub(super) struct Layout {
    pub(super) revision: Arc<str>,
    pub(super) names: u64,
    pub(super) lists: Vec<ImageList>,
    pub(super) categories: Vec<Category>,
    pub(super) map: Section,
    pub(super) records: Section,
}

/// Checks head, lengths and hashes, and reads the table.
pub(super) fn open(bytes: SharedBytes) -> Result<Layout, ImageError> {
    let all = (*bytes).as_ref();
    let head = Head::read(all)?;
    let [times, table, records, map] = head.sections(all.len())?;
    let part = |range: &Range<usize>| all.get(range.clone()).unwrap_or_default();
    let content = part(&(table.start..map.end));
    let head_check = head_check(all.get(..CHECKED_HEAD_BYTES).unwrap_or_default(), part(&times));
    if head.check != head_check || head.hash.as_slice() != Sha256::digest(content).as_slice() {
        return Err(ImageError::Hash);
    }
    let (categories, mut lists) = read_table(part(&table))?;
    let times_read = part(&times).chunks_exact(8).filter_map(|chunk| <[u8; 8]>::try_from(chunk).ok());
    for (list, at) in lists.iter_mut().zip(times_read) {
        list.read_at = Timestamp(i64::from_le_bytes(at));
    }
    let revision = hex(head.hash.get(..8).unwrap_or_default());
    let section = |range: Range<usize>| Section { bytes: bytes.clone(), range };
    let (map, records) = (section(map), section(records));
    Ok(Layout { revision, names: head.names, lists, categories, map, records })
}

/// The check over the head and the times.
pub(super) fn head_check(head: &[u8], times: &[u8]) -> [u8; 8] {
    let digest = Sha256::new().chain_update(head).chain_update(times).finalize();
    digest.first_chunk::<8>().copied().unwrap_or_default()
}

struct Head {
    lists: u64,
    lengths: [u64; 3],
    names: u64,
    hash: [u8; 32],
    check: [u8; 8],
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Err(ImageError::Magic) };
        let mut cursor = Cursor(rest);
        let too_short = ImageError::Length { expected: HEAD_BYTES as u64, found: bytes.len() as u64 };
        let Some(version) = cursor.array::<4>().map(u32::from_le_bytes) else { return Err(too_short) };
        if version != VERSION {
            return Err(ImageError::Version { expected: VERSION, found: version });
        }
        Self::read_rest(cursor).ok_or(too_short)
    }

    fn read_rest(mut cursor: Cursor<'_>) -> Option<Self> {
        Some(Self {
            lists: u64::from(cursor.array().map(u32::from_le_bytes)?),
            lengths: [cursor.u64()?, cursor.u64()?, cursor.u64()?],
            names: cursor.u64()?,
            hash: cursor.array()?,
            check: cursor.array()?,
        })
    }

    /// Where times, table, records and map lie in `length` bytes.
    fn sections(&self, length: usize) -> Result<[Range<usize>; 4], ImageError> {
        let [table, records, map] = self.lengths;
        let mut at = HEAD_BYTES as u64;
        let ranges = [self.lists.saturating_mul(8), table, records, map].map(|part| {
            let start = at;
            at = at.saturating_add(part);
            start..at
        });
        if at != length as u64 {
            return Err(ImageError::Length { expected: at, found: length as u64 });
        }
        // Every end is at most `length`, which is a `usize`.
        Ok(ranges
            .map(|range| usize::try_from(range.start).unwrap_or(0)..usize::try_from(range.end).unwrap_or(0)))
    }
}

fn read_table(bytes: &[u8]) -> Result<(Vec<Category>, Vec<ImageList>), ImageError> {
    let mut cursor = Cursor(bytes);
    let mut categories = Vec::new();
    for _ in 0..cursor.varint().ok_or(ImageError::Table)? {
        let slug = cursor.text().ok_or(ImageError::Table)?;
        let category = Category::parse(slug);
        categories.push(category.ok_or_else(|| ImageError::UnknownCategory { slug: slug.to_owned() })?);
    }
    let mut lists = Vec::new();
    for _ in 0..cursor.varint().ok_or(ImageError::Table)? {
        lists.push(read_list(&mut cursor).ok_or(ImageError::Table)?);
    }
    Ok((categories, lists))
}

fn read_list(cursor: &mut Cursor<'_>) -> Option<ImageList> {
    let id = ListId::new(cursor.text()?);
    let name = cursor.text()?.into();
    let names = cursor.varint()?;
    let mut dropped = Vec::new();
    for _ in 0..cursor.varint()? {
        dropped.push((cursor.text()?.into(), cursor.varint()?));
    }
    Some(ImageList { id, name, names, read_at: Timestamp(0), dropped })
}

/// One entry of a record, as indices into the tables.
#[derive(Clone, Copy)]
pub(super) struct StoredEntry {
    pub(super) flags: u8,
    pub(super) category: usize,
    pub(super) list: usize,
    pub(super) line: u32,
}

/// The entries of the record at `offset`; none where there is no record.
pub(super) fn entries(records: &[u8], offset: u64) -> impl Iterator<Item = StoredEntry> + '_ {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let mut cursor = Cursor(records.get(offset..).unwrap_or_default());
    let count = cursor.varint().unwrap_or(0);
    (0..count).map_while(move |_| {
        Some(StoredEntry {
            flags: cursor.byte()?,
            category: usize::try_from(cursor.varint()?).ok()?,
            list: usize::try_from(cursor.varint()?).ok()?,
            line: u32::try_from(cursor.varint()?).ok()?,
        })
    })
}

/// Reads from the front; `None` past the end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.varint()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_seven_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_seven_bits(value));
}

fn low_seven_bits(value: u64) -> u8 {
    value.to_le_bytes().first().copied().unwrap_or(0) & 0x7f
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn hex(bytes: &[u8]) -> Arc<str> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// The key of an address, made without allocating.
pub(super) struct AddressKey {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl AddressKey {
    /// The longest address text has 45 bytes (RFC 4291, section 2.2, form 3); two more for the brackets.
    const CAPACITY: usize = 48;

    pub(super) fn new(address: IpAddr) -> Self {
        let mut key = Self { bytes: [0; Self::CAPACITY], length: 0 };
        // It fits: see `CAPACITY`.
        let _ = write!(key, "[{address}]");
        key
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl std::fmt::Write for AddressKey {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
