//! The bytes of an image: head and table. What they mean is said in the parent module.

use super::sets::Sets;
use super::tops::Tops;
use super::{ImageError, ImageList};
use model::{Category, ListId, Timestamp};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

pub(super) const MAGIC: &[u8; 8] = b"SGIMAGE\n";
pub(super) const VERSION: u32 = 3;
pub(super) const HEAD_BYTES: usize = 120;
/// The part of the head that its own check covers, before the times.
pub(super) const CHECKED_HEAD_BYTES: usize = 112;
/// The table of names begins at a multiple of this, so that a bucket is a cache line of a mapped file.
pub(super) const ALIGNMENT: usize = 64;

pub(super) const SUBTREE: u8 = 1;
pub(super) const EXCEPTION: u8 = 2;
pub(super) const IMPORTANT: u8 = 4;

type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// A part of shared bytes.
pub(super) struct Section {
    bytes: SharedBytes,
    range: Range<usize>,
}

impl Section {
    pub(super) fn len(&self) -> usize {
        self.range.len()
    }
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
    pub(super) homes: u64,
    pub(super) seed: u64,
    pub(super) table: Table,
    pub(super) hot: Section,
    pub(super) index: Section,
    pub(super) reasons: Section,
    pub(super) rules: Section,
}

/// The small part of an image, which is read when it is opened.
pub(super) struct Table {
    pub(super) lists: Vec<ImageList>,
    pub(super) categories: Vec<Category>,
    pub(super) tails: Vec<Box<str>>,
    pub(super) tops: Tops,
    pub(super) sets: Sets,
}

/// Checks head, lengths and hashes, and reads the table.
pub(super) fn open(bytes: SharedBytes) -> Result<Layout, ImageError> {
    let all = (*bytes).as_ref();
    let head = Head::read(all)?;
    let [times, table, hot, index, reasons, rules] = head.sections(all.len())?;
    let part = |range: &Range<usize>| all.get(range.clone()).unwrap_or_default();
    let content = part(&(table.start..rules.end));
    let head_check = head_check(all.get(..CHECKED_HEAD_BYTES).unwrap_or_default(), part(&times));
    if head.check != head_check || head.hash.as_slice() != Sha256::digest(content).as_slice() {
        return Err(ImageError::Hash);
    }
    let mut table = Table::read(part(&table))?;
    let times_read = part(&times).chunks_exact(8).filter_map(|chunk| <[u8; 8]>::try_from(chunk).ok());
    for (list, at) in table.lists.iter_mut().zip(times_read) {
        list.read_at = Timestamp(i64::from_le_bytes(at));
    }
    let revision = hex(head.hash.get(..8).unwrap_or_default());
    let [hot, index, reasons, rules] =
        [hot, index, reasons, rules].map(|range| Section { bytes: bytes.clone(), range });
    let Head { names, homes, seed, .. } = head;
    Ok(Layout { revision, names, homes, seed, table, hot, index, reasons, rules })
}

/// The check over the head and the times.
pub(super) fn head_check(head: &[u8], times: &[u8]) -> [u8; 8] {
    let digest = Sha256::new().chain_update(head).chain_update(times).finalize();
    digest.first_chunk::<8>().copied().unwrap_or_default()
}

struct Head {
    lists: u64,
    lengths: [u64; 5],
    names: u64,
    homes: u64,
    seed: u64,
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
            lengths: [cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?],
            names: cursor.u64()?,
            homes: cursor.u64()?,
            seed: cursor.u64()?,
            hash: cursor.array()?,
            check: cursor.array()?,
        })
    }

    /// Where times, table, names, index, reasons and rules lie in `length` bytes.
    fn sections(&self, length: usize) -> Result<[Range<usize>; 6], ImageError> {
        let [table, hot, index, reasons, rules] = self.lengths;
        let mut at = HEAD_BYTES as u64;
        let times = self.lists.saturating_mul(8);
        let ranges = [times, table, hot, index, reasons, rules].map(|part| {
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

impl Table {
    fn read(bytes: &[u8]) -> Result<Self, ImageError> {
        let mut cursor = Cursor(bytes);
        let mut categories = Vec::new();
        for _ in 0..cursor.varint().ok_or(ImageError::Table)? {
            let slug = cursor.text().ok_or(ImageError::Table)?;
            let category = Category::parse(slug);
            categories.push(category.ok_or_else(|| ImageError::UnknownCategory { slug: slug.to_owned() })?);
        }
        Self::read_rest(&mut cursor, categories).ok_or(ImageError::Table)
    }

    fn read_rest(cursor: &mut Cursor<'_>, categories: Vec<Category>) -> Option<Self> {
        let mut lists = Vec::new();
        for _ in 0..cursor.varint()? {
            lists.push(read_list(cursor)?);
        }
        let mut tails = Vec::new();
        for _ in 0..cursor.varint()? {
            tails.push(cursor.text()?.into());
        }
        let tops = Tops::read(cursor)?;
        let sets = Sets::read(cursor, &categories, lists.len())?;
        Some(Self { lists, categories, tails, tops, sets })
    }
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

/// Reads from the front; `None` past the end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
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

    /// Passes over a varint, however long.
    #[inline]
    pub(super) fn pass_varint(&mut self) -> Option<()> {
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            if byte & 0x80 == 0 {
                return Some(());
            }
        }
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.varint()?).ok()?;
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

/// The parts of an image, to be written.
pub(super) struct NewImage<'a> {
    pub(super) times: &'a [u8],
    /// Table, names, index, reasons and rules; times and table end where [`ALIGNMENT`] asks.
    pub(super) parts: [&'a [u8]; 5],
    pub(super) lists: u32,
    pub(super) names: u64,
    pub(super) homes: u64,
    pub(super) seed: u64,
}

/// The bytes of an image.
pub(super) fn put_image(image: &NewImage<'_>) -> Vec<u8> {
    let length: usize = image.parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(HEAD_BYTES + image.times.len() + length);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&image.lists.to_le_bytes());
    for part in image.parts {
        out.extend_from_slice(&(part.len() as u64).to_le_bytes());
    }
    for number in [image.names, image.homes, image.seed] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    let hash = image.parts.into_iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    out.extend_from_slice(&hash);
    debug_assert_eq!(out.len(), CHECKED_HEAD_BYTES, "the head's length is part of the format");
    let check = head_check(&out, image.times);
    out.extend_from_slice(&check);
    out.extend_from_slice(image.times);
    for part in image.parts {
        out.extend_from_slice(part);
    }
    out
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
