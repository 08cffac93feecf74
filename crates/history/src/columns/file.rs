//! A day's columns on the disk: eight bytes of mark and form, sealed chunks, the sealed directory, and an end of fixed
//! length that says where the directory lies.
//!
//! A file is written beside its place, synced, and renamed into it; a file that is there is whole. When more rows of the day
//! come, the chunks that are there are copied as they lie, and others follow.
//!
//! The end, little-endian: where the directory begins, u64; its sealed bytes, u32; events, u64; the sequence after the last,
//! u64; latest time, i64; CRC-32 of all that; `SGCOLEND`.

use super::planes::{Unpack, Writer};
use crate::HistoryError;
use crate::error::disk;
use crate::key::{Key, Refused, SEAL_BYTES, refused};
use crate::shelf::FILE_MODE;
use model::{Day, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The form this program writes, the last byte of [`OPENING`].
const FORM: u8 = 1;
const OPENING: [u8; 8] = *b"SGCOLS\0\x01";
const ENDING: [u8; 8] = *b"SGCOLEND";
const END_BYTES: usize = 48;
/// The number of the directory, which no chunk has.
const DIRECTORY: u32 = u32::MAX;
/// The most a chunk or a directory may take.
const MOST_CHUNK_BYTES: u32 = 80 << 20;
/// Chunks are put together to writes of this size.
const WRITE_BYTES: usize = 1 << 20;

/// Where a chunk lies.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Place {
    offset: u64,
    sealed_bytes: u32,
    number: u32,
}

/// A page of a slice.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct PageEntry {
    pub rows: u32,
    pub earliest: i64,
    pub latest: i64,
    /// The lowest sequence in it.
    pub first_sequence: u64,
    /// Order and times, names, sizes, paths.
    pub places: [Place; 4],
}

/// A slice of the file.
#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
pub(crate) struct SliceEntry {
    pub first_sequence: u64,
    pub next_sequence: u64,
    pub events: u64,
    pub earliest: i64,
    pub latest: i64,
    pub outcomes: [u64; 4],
    pub whos: Place,
    pub names: Place,
    pub tally: Place,
    pub pages: Vec<PageEntry>,
}

/// Rows of a kind that were left out when the columns were written anew.
#[derive(Serialize, Deserialize, Clone, PartialEq, Eq, Debug)]
pub(crate) struct LeftOut {
    pub kind: String,
    pub events: u64,
    /// Of rows with sequences below this.
    pub below: u64,
}

/// What the end says.
#[derive(Clone, Copy)]
struct End {
    directory_at: u64,
    directory_bytes: u32,
    events: u64,
    next_sequence: u64,
    latest: i64,
}

/// A day's columns, open.
pub(crate) struct Columns {
    pub day: Day,
    path: PathBuf,
    file: File,
    key: Key,
    end: End,
    slices: Vec<SliceEntry>,
    left_out: Vec<LeftOut>,
}

impl Columns {
    /// Opens a day's columns; `None` where the day has none.
    pub fn open(
        path: PathBuf,
        day: Day,
        key: impl FnOnce() -> Result<Option<Key>, HistoryError>,
    ) -> Result<Option<Self>, HistoryError> {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(disk("open", &path)(source)),
        };
        let damaged = || HistoryError::DamagedDay { day, file: path.clone() };
        let mut opening = [0; OPENING.len()];
        file.read_exact_at(&mut opening, 0).map_err(|_| damaged())?;
        match opening {
            OPENING => {}
            [mark @ .., found] if OPENING.starts_with(&mark) && found > FORM => {
                return Err(HistoryError::LaterFormat { file: path, expected: FORM, found });
            }
            _ => return Err(damaged()),
        }
        let length = file.metadata().map_err(disk("measure", &path))?.len();
        let end = read_end(&file, length).ok_or_else(damaged)?;
        let key = key()?.ok_or(HistoryError::DayKeyMissing { day })?;
        let place = Place { offset: end.directory_at, sealed_bytes: end.directory_bytes, number: DIRECTORY };
        let columns = Self { day, path, file, key, end, slices: Vec::new(), left_out: Vec::new() };
        let mut unpack = Unpack::new().map_err(disk("read", &columns.path))?;
        let packed = columns.chunk(place)?;
        let text = packed.and_then(|packed| super::planes::Reader::new(&packed).text(&mut unpack));
        let directory = text.and_then(|text| directory_of(&text));
        match directory.filter(|(slices, _)| are_in_order(slices)) {
            Some((slices, left_out)) => Ok(Some(Self { slices, left_out, ..columns })),
            None => Err(HistoryError::DamagedDay { day, file: columns.path }),
        }
    }

    /// The slices, oldest first.
    pub fn slices(&self) -> &[SliceEntry] {
        &self.slices
    }

    /// What was left out, each kind once.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    pub fn events(&self) -> u64 {
        self.end.events
    }

    /// The sequence after the last.
    pub fn next_sequence(&self) -> u64 {
        self.end.next_sequence
    }

    pub fn latest(&self) -> Timestamp {
        Timestamp(self.end.latest)
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.end.directory_at + u64::from(self.end.directory_bytes) + END_BYTES as u64
    }

    /// What a chunk holds; `None` where it is damaged.
    pub fn chunk(&self, place: Place) -> Result<Option<Vec<u8>>, HistoryError> {
        let length = usize::try_from(place.sealed_bytes).unwrap_or(usize::MAX);
        if place.sealed_bytes > MOST_CHUNK_BYTES || place.offset > self.end.directory_at {
            return Ok(None);
        }
        let mut sealed = vec![0; length];
        match self.file.read_exact_at(&mut sealed, place.offset) {
            Ok(()) => Ok(self.key.open(&about(self.day, place.number), sealed)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(source) => Err(disk("read", &self.path)(source)),
        }
    }
}

/// A day's columns while they are written.
pub(crate) struct NewFile {
    day: Day,
    path: PathBuf,
    file: File,
    key: Key,
    end: u64,
    unwritten: Vec<u8>,
    next_number: u32,
    slices: Vec<SliceEntry>,
    left_out: Vec<LeftOut>,
    /// The sequence that follows is this at the lowest.
    least_next: u64,
}

impl NewFile {
    /// Begins a file at `path`, with everything of `before` in it.
    pub fn begin(path: PathBuf, day: Day, key: Key, before: Option<&Columns>) -> Result<Self, HistoryError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(FILE_MODE);
        let mut file = options.open(&path).map_err(disk("make", &path))?;
        let mut begun = |before: Option<&Columns>| match before {
            Some(before) => {
                let mut source = &before.file;
                source.rewind()?;
                io::copy(&mut source.take(before.end.directory_at), &mut file)
            }
            None => file.write_all(&OPENING).map(|()| OPENING.len() as u64),
        };
        let end = begun(before).map_err(disk("write", &path))?;
        let slices = before.map(|before| before.slices.clone()).unwrap_or_default();
        Ok(Self {
            day,
            path,
            file,
            key,
            end,
            unwritten: Vec::new(),
            next_number: before.map_or(0, next_number),
            slices,
            left_out: before.map(|before| before.left_out.clone()).unwrap_or_default(),
            least_next: before.map_or(0, Columns::next_sequence),
        })
    }

    /// Begins a file at `path` that takes the place of `before`, with none of its rows yet. What was left out of it stays
    /// said, and none of its ids is given again.
    pub fn begin_anew(path: PathBuf, key: Key, before: &Columns) -> Result<Self, HistoryError> {
        let file = Self::begin(path, before.day, key, None)?;
        Ok(Self {
            next_number: next_number(before),
            left_out: before.left_out.clone(),
            least_next: before.next_sequence(),
            ..file
        })
    }

    /// Notes that so many rows of a kind were left out.
    pub fn leave_out(&mut self, kind: &str, events: u64) {
        let below = self.least_next;
        match self.left_out.iter_mut().find(|left| left.kind == kind) {
            Some(left) => {
                *left = LeftOut { events: left.events.saturating_add(events), below, kind: kind.to_owned() }
            }
            None => self.left_out.push(LeftOut { kind: kind.to_owned(), events, below }),
        }
    }

    /// Removes what was written; where it lay.
    pub fn give_up(self) -> Result<PathBuf, HistoryError> {
        std::fs::remove_file(&self.path).map_err(disk("remove", &self.path))?;
        Ok(self.path)
    }

    /// Seals and writes a chunk.
    pub fn put(&mut self, mut chunk: Vec<u8>) -> Result<Place, HistoryError> {
        let number = self.next_number;
        self.next_number = number.saturating_add(1);
        self.seal(number, &mut chunk)
    }

    /// Takes a slice into the directory.
    pub fn add(&mut self, slice: SliceEntry) {
        self.slices.push(slice);
    }

    /// Ends the file, waits until it is on the disk, and says where it lies.
    pub fn finish(mut self) -> Result<PathBuf, HistoryError> {
        let failed = |error: io::Error| HistoryError::Encode { events: 0, why: error.to_string() };
        let directory = postcard::to_stdvec(&(&self.slices, &self.left_out));
        let directory = directory.map_err(|error| failed(io::Error::other(error)))?;
        let mut writer = Writer::new(3).map_err(failed)?;
        writer.text(&directory).map_err(failed)?;
        let place = self.seal(DIRECTORY, &mut writer.take())?;
        let end = End {
            directory_at: place.offset,
            directory_bytes: place.sealed_bytes,
            events: self.slices.iter().map(|slice| slice.events).sum(),
            next_sequence: self.slices.last().map_or(0, |last| last.next_sequence).max(self.least_next),
            latest: self.slices.iter().map(|slice| slice.latest).max().unwrap_or(0),
        };
        self.unwritten.extend_from_slice(&end_bytes(&end));
        self.flush()?;
        self.file.sync_all().map_err(disk("sync", &self.path))?;
        Ok(self.path)
    }

    fn seal(&mut self, number: u32, chunk: &mut Vec<u8>) -> Result<Place, HistoryError> {
        self.key.seal(&about(self.day, number), chunk).map_err(|Refused| refused("seal", &self.path))?;
        let sealed_bytes = u32::try_from(chunk.len()).ok().filter(|bytes| *bytes <= MOST_CHUNK_BYTES);
        let sealed_bytes = sealed_bytes.ok_or_else(|| HistoryError::Encode {
            events: 0,
            why: format!("a chunk of {} bytes", chunk.len()),
        })?;
        let place = Place { offset: self.end, sealed_bytes, number };
        self.end += u64::from(sealed_bytes);
        self.unwritten.append(chunk);
        if self.unwritten.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(place)
    }

    fn flush(&mut self) -> Result<(), HistoryError> {
        self.file.write_all(&self.unwritten).map_err(disk("write", &self.path))?;
        self.unwritten.clear();
        Ok(())
    }
}

/// Slices, and what was left out; the first programs wrote none of that.
fn directory_of(text: &[u8]) -> Option<(Vec<SliceEntry>, Vec<LeftOut>)> {
    let (slices, rest) = postcard::take_from_bytes::<Vec<SliceEntry>>(text).ok()?;
    match rest {
        [] => Some((slices, Vec::new())),
        rest => Some((slices, postcard::from_bytes(rest).ok()?)),
    }
}

/// A number that no chunk of these columns has.
fn next_number(columns: &Columns) -> u32 {
    let numbers = columns.slices.iter().flat_map(|slice| {
        let own = [slice.whos, slice.names, slice.tally];
        let pages = slice.pages.iter().flat_map(|page| page.places);
        own.into_iter().chain(pages).map(|place| place.number)
    });
    numbers.max().map_or(0, |last| last.saturating_add(1))
}

/// Slices follow each other, and none says more than it may.
fn are_in_order(slices: &[SliceEntry]) -> bool {
    let mut next = 0;
    slices.iter().all(|slice| {
        let rows: u64 = slice.pages.iter().map(|page| u64::from(page.rows)).sum();
        let fits = slice.first_sequence >= next
            && slice.next_sequence >= slice.first_sequence
            && slice.events <= super::MOST_SLICE_EVENTS as u64
            && rows == slice.events;
        next = slice.next_sequence;
        fits
    })
}

fn about(day: Day, number: u32) -> [u8; 16] {
    let mut about = *b"columns\0........";
    let (day, number) = (day.0.to_le_bytes(), number.to_le_bytes());
    for (space, byte) in about.iter_mut().skip(8).zip(day.into_iter().chain(number)) {
        *space = byte;
    }
    about
}

fn end_bytes(end: &End) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(END_BYTES);
    bytes.extend_from_slice(&end.directory_at.to_le_bytes());
    bytes.extend_from_slice(&end.directory_bytes.to_le_bytes());
    bytes.extend_from_slice(&end.events.to_le_bytes());
    bytes.extend_from_slice(&end.next_sequence.to_le_bytes());
    bytes.extend_from_slice(&end.latest.to_le_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(&ENDING);
    bytes
}

fn read_end(file: &File, length: u64) -> Option<End> {
    let at = length.checked_sub(END_BYTES as u64)?;
    let mut bytes = [0; END_BYTES];
    file.read_exact_at(&mut bytes, at).ok()?;
    let (fields, rest) = bytes.split_at_checked(END_BYTES - 12)?;
    let (crc, ending) = rest.split_first_chunk::<4>()?;
    if ending != ENDING || u32::from_le_bytes(*crc) != crc32fast::hash(fields) {
        return None;
    }
    let mut fields = fields;
    let end = End {
        directory_at: u64::from_le_bytes(take(&mut fields)?),
        directory_bytes: u32::from_le_bytes(take(&mut fields)?),
        events: u64::from_le_bytes(take(&mut fields)?),
        next_sequence: u64::from_le_bytes(take(&mut fields)?),
        latest: i64::from_le_bytes(take(&mut fields)?),
    };
    let bytes = u64::from(end.directory_bytes);
    let fits = end.directory_at.checked_add(bytes) == Some(at) && bytes >= SEAL_BYTES as u64;
    fits.then_some(end)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}

/// Where a day's columns lie.
pub(crate) fn columns_file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{day}.columns"))
}
