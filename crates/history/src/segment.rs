//! One UTC day's log: eight bytes of mark and format, then blocks, only ever appended to.
//!
//! Opening walks the headers, steps over what is damaged, and cuts off a torn tail, which it keeps beside the file as
//! `.torn`. Invariants: `blocks` holds exactly what is durable, in order of sequence; bytes past `tail.end` count for
//! nothing. Blocks below `floor` lie in the day's columns already and count for nothing either. Many may read while one writes; the writer is whoever holds the history's write lock.

use crate::HistoryError;
use crate::block::{self, FIRST_MARK, HEADER_BYTES, Header, MARK, UNSEALED_MARK};
use crate::error::disk;
use crate::key::Key;
use crate::shelf::FILE_MODE;
use model::{AccessEvent, Day, Timestamp};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

/// The format this program writes. It is the last byte of [`OPENING`].
const FORMAT: u8 = 3;
/// What every day's file begins with.
const OPENING: [u8; 8] = *b"SGEVENT\x03";
/// What it began with in earlier formats. Such a file takes today's blocks too, under today's opening.
const EARLIER_OPENINGS: [[u8; 8]; 2] = [*b"SGEVENT\x01", *b"SGEVENT\x02"];
const SEARCH_BYTES: usize = 64 << 10;

/// A day's file, open.
pub(crate) struct Segment {
    pub day: Day,
    path: PathBuf,
    file: File,
    /// `None`: nobody has sealed anything of the day yet, and this one only reads.
    key: Option<Key>,
    blocks: RwLock<Vec<Block>>,
    tail: Mutex<Tail>,
}

/// Where a block lies, and what its header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    offset: u64,
    pub header: Header,
}

/// Where the next block goes.
struct Tail {
    end: u64,
    next_sequence: u64,
    /// Bytes past `end` may have been written; they are cut before the next write.
    untidy: bool,
}

/// What opening a day put right.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Repair {
    /// Bytes cut from the end.
    pub torn_bytes: u64,
    /// Places in the middle that were stepped over.
    pub damaged: u64,
}

/// Blocks that are written and not yet promised.
pub(crate) struct Staged {
    blocks: Vec<Block>,
    end: u64,
    pub first_sequence: u64,
}

impl Segment {
    /// Opens a day's log, making it where there is none. What it is given to keep begins at sequence `floor` at the lowest.
    pub fn open(path: PathBuf, day: Day, key: Key, floor: u64) -> Result<(Self, Repair), HistoryError> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&path)
            .map_err(disk("open", &path))?;
        let len = file.metadata().map_err(disk("measure", &path))?.len();
        refuse_later_format(&file, &path)?;
        let walk = walk(&file, len).map_err(disk("read", &path))?;
        let mut repair = Repair { torn_bytes: len - walk.end, damaged: walk.damaged };
        let mut end = walk.end;
        if repair.torn_bytes > 0 {
            set_torn_tail_aside(&file, &path, walk.end);
            file.set_len(walk.end).map_err(disk("cut the torn end of", &path))?;
            file.sync_all().map_err(disk("sync", &path))?;
        }
        if end == 0 || walk.is_earlier {
            file.write_all_at(&OPENING, 0).map_err(disk("write", &path))?;
            file.sync_all().map_err(disk("sync", &path))?;
        }
        if end == 0 {
            end = OPENING.len() as u64;
            repair.damaged = 0;
        }
        let next_sequence = walk.next_sequence().max(floor);
        let tail = Mutex::new(Tail { end, next_sequence, untidy: false });
        let blocks = RwLock::new(above(floor, walk.blocks));
        Ok((Self { day, path, file, key: Some(key), blocks, tail }, repair))
    }

    /// Opens a day's file that another process may be writing to: nothing is put right, and what does not read ends it.
    pub fn open_to_read(path: PathBuf, day: Day, key: Option<Key>, floor: u64) -> Result<Self, HistoryError> {
        let file = File::open(&path).map_err(disk("open", &path))?;
        let len = file.metadata().map_err(disk("measure", &path))?.len();
        refuse_later_format(&file, &path)?;
        let walk = walk(&file, len).map_err(disk("read", &path))?;
        let next_sequence = walk.next_sequence().max(floor);
        let tail = Mutex::new(Tail { end: walk.end, next_sequence, untidy: false });
        let blocks = RwLock::new(above(floor, walk.blocks));
        Ok(Self { day, path, file, key, blocks, tail })
    }

    /// Gives no sequence below `lowest` from here on; what is in the log stays as it is.
    pub fn begin_at(&self, lowest: u64) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.next_sequence = tail.next_sequence.max(lowest);
    }

    /// Writes events after the last promised ones. They are neither durable nor seen yet.
    pub fn write(&self, events: &[&AccessEvent]) -> Result<Staged, HistoryError> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let first_sequence = tail.next_sequence;
        let key = self.key.as_ref().ok_or(HistoryError::DayKeyMissing { day: self.day })?;
        let sealed = block::seal_all(events, first_sequence, (self.day, key))?;
        if tail.untidy {
            self.file.set_len(tail.end).map_err(disk("cut", &self.path))?;
        }
        tail.untidy = true;
        let mut end = tail.end;
        let mut blocks = Vec::with_capacity(sealed.len());
        let mut bytes = Vec::with_capacity(sealed.iter().map(|one| HEADER_BYTES + one.payload.len()).sum());
        for one in sealed {
            one.write_to(&mut bytes);
            blocks.push(Block { offset: end, header: one.header });
            end += one.header.block_bytes();
        }
        self.file.write_all_at(&bytes, tail.end).map_err(disk("write", &self.path))?;
        Ok(Staged { blocks, end, first_sequence })
    }

    /// Waits until what was written is on the disk.
    pub fn sync(&self) -> Result<(), HistoryError> {
        self.file.sync_data().map_err(disk("sync", &self.path))
    }

    /// Lets readers see what is now durable.
    pub fn publish(&self, staged: Staged) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        tail.end = staged.end;
        tail.next_sequence =
            staged.blocks.last().map_or(tail.next_sequence, |last| last.header.next_sequence());
        tail.untidy = false;
        blocks.extend(staged.blocks);
    }

    /// Takes back what was written and not published. Where the system refuses even that, the next write does it.
    pub fn undo(&self) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.untidy = self.file.set_len(tail.end).is_err();
    }

    /// The newest block with events before `sequence` whose times touch `from..until`.
    pub fn block_before(&self, sequence: u64, from: Timestamp, until: Timestamp) -> Option<Block> {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let older = blocks.partition_point(|block| block.header.first_sequence < sequence);
        let mut candidates = blocks.iter().take(older).rev();
        candidates.find(|block| block.header.latest >= from && block.header.earliest < until).copied()
    }

    /// The uncompressed rows of a block; `None` when it is damaged.
    pub fn read(&self, block: &Block) -> Result<Option<Vec<u8>>, HistoryError> {
        if block.header.is_sealed && self.key.is_none() {
            return Err(HistoryError::DayKeyMissing { day: self.day });
        }
        let payload = read_payload(&self.file, block).map_err(disk("read", &self.path))?;
        Ok(payload.and_then(|payload| block.header.open(payload, self.day, self.key.as_ref())))
    }

    /// Every block, oldest first.
    pub fn all_blocks(&self) -> Vec<Block> {
        self.blocks.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A block as it lies in the file.
    pub fn read_whole(&self, block: &Block) -> Result<Vec<u8>, HistoryError> {
        let mut bytes = vec![0; usize::try_from(block.header.block_bytes()).unwrap_or(0)];
        self.file.read_exact_at(&mut bytes, block.offset).map_err(disk("read", &self.path))?;
        Ok(bytes)
    }

    /// Events in the log.
    pub fn events(&self) -> u64 {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().map(|block| u64::from(block.header.events)).sum()
    }

    /// The latest time in the log.
    pub fn latest(&self) -> Option<Timestamp> {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().map(|block| block.header.latest).max()
    }

    /// Bytes of the file that count.
    pub fn bytes(&self) -> u64 {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).end
    }
}

fn refuse_later_format(file: &File, path: &Path) -> Result<(), HistoryError> {
    let mut opening = [0; OPENING.len()];
    if file.read_exact_at(&mut opening, 0).is_err() {
        return Ok(());
    }
    match opening {
        [mark @ .., found] if OPENING.starts_with(&mark) && found > FORMAT => {
            Err(HistoryError::LaterFormat { file: path.to_owned(), expected: FORMAT, found })
        }
        _ => Ok(()),
    }
}

/// What a walk along the headers found.
struct Walk {
    blocks: Vec<Block>,
    /// Where the last good block ends; 0 when not even the opening is there.
    end: u64,
    damaged: u64,
    /// The file's opening is that of an earlier format.
    is_earlier: bool,
}

impl Walk {
    fn next_sequence(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.header.next_sequence())
    }
}

/// The blocks that are not in the day's columns.
fn above(floor: u64, mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.retain(|block| block.header.next_sequence() > floor);
    blocks
}

/// Whether a day's log may have something sealed in it; a log that is not there has not.
pub(crate) fn may_be_sealed(path: &Path) -> io::Result<bool> {
    let mut opening = [0; OPENING.len()];
    match File::open(path).and_then(|file| file.read_exact_at(&mut opening, 0)) {
        Ok(()) => Ok(opening == OPENING),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Writes a log that holds these blocks of another one, and waits until it is on the disk.
pub(crate) fn write_log(path: &Path, from: &Segment, blocks: &[Block]) -> Result<(), HistoryError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let file = options.open(path).map_err(disk("make", path))?;
    file.write_all_at(&OPENING, 0).map_err(disk("write", path))?;
    let mut end = OPENING.len() as u64;
    for block in blocks {
        let bytes = from.read_whole(block)?;
        file.write_all_at(&bytes, end).map_err(disk("write", path))?;
        end += bytes.len() as u64;
    }
    file.sync_all().map_err(disk("sync", path))
}

fn walk(file: &File, len: u64) -> io::Result<Walk> {
    let mut opening = [0; OPENING.len()];
    if len >= OPENING.len() as u64 {
        file.read_exact_at(&mut opening, 0)?;
    }
    let is_earlier = EARLIER_OPENINGS.contains(&opening);
    let start = if is_earlier || opening == OPENING { OPENING.len() as u64 } else { 0 };
    let mut found = Walk { blocks: Vec::new(), end: start, damaged: 0, is_earlier };
    let mut offset = start;
    let mut next_sequence = 0;
    loop {
        let block = match block_at(file, offset, len, next_sequence)? {
            Some(block) => block,
            None => match search(file, offset.saturating_add(1), len, next_sequence)? {
                Some(block) => {
                    found.damaged += 1;
                    block
                }
                None => break,
            },
        };
        next_sequence = block.header.next_sequence();
        offset = block.offset + block.header.block_bytes();
        found.blocks.push(block);
    }
    // A crash may leave the last blocks at their full length with unwritten bytes in them.
    while let Some(last) = found.blocks.last() {
        if read_payload(file, last)?.is_some_and(|payload| last.header.is_whole(&payload)) {
            break;
        }
        found.blocks.pop();
    }
    if let Some(last) = found.blocks.last() {
        found.end = last.offset + last.header.block_bytes();
    }
    Ok(found)
}

/// The block that begins at `offset`, if a whole one does.
fn block_at(file: &File, offset: u64, len: u64, next_sequence: u64) -> io::Result<Option<Block>> {
    if offset.saturating_add(HEADER_BYTES as u64) > len {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_BYTES];
    file.read_exact_at(&mut bytes, offset)?;
    let fits = |header: &Header| {
        header.first_sequence >= next_sequence && offset.saturating_add(header.block_bytes()) <= len
    };
    Ok(Header::decode(&bytes).filter(fits).map(|header| Block { offset, header }))
}

/// The first whole block at or after `offset`.
fn search(file: &File, mut offset: u64, len: u64, next_sequence: u64) -> io::Result<Option<Block>> {
    let mut chunk = vec![0; SEARCH_BYTES];
    while offset < len {
        let filled = file.read_at(&mut chunk, offset)?;
        let bytes = chunk.get(..filled).unwrap_or_default();
        for (place, window) in bytes.windows(MARK.len()).enumerate() {
            if (window == MARK || window == UNSEALED_MARK || window == FIRST_MARK)
                && let Some(block) = block_at(file, offset + place as u64, len, next_sequence)?
            {
                return Ok(Some(block));
            }
        }
        if filled < MARK.len() {
            break;
        }
        // A mark may straddle two chunks.
        offset += (filled - (MARK.len() - 1)) as u64;
    }
    Ok(None)
}

/// The compressed rows; `None` where the file has become shorter.
fn read_payload(file: &File, block: &Block) -> io::Result<Option<Vec<u8>>> {
    let Ok(length) = usize::try_from(block.header.payload_bytes) else { return Ok(None) };
    let mut payload = vec![0; length];
    match file.read_exact_at(&mut payload, block.offset + HEADER_BYTES as u64) {
        Ok(()) => Ok(Some(payload)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps what is about to be cut, as far as the disk has room: it was never promised, and may help to see what happened.
fn set_torn_tail_aside(file: &File, path: &Path, end: u64) {
    let aside = path.with_extension("torn");
    let copy = || -> io::Result<()> {
        let mut source = file;
        io::Seek::seek(&mut source, io::SeekFrom::Start(end))?;
        let mut kept = OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(&aside)?;
        io::copy(&mut source, &mut kept)?;
        Ok(())
    };
    if let Err(error) = copy() {
        tracing::warn!(file = %aside.display(), %error, "could not keep the torn end of a history file");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::event;
    use proptest::prelude::*;

    const ALWAYS: (Timestamp, Timestamp) = (Timestamp(i64::MIN), Timestamp(i64::MAX));

    fn append(segment: &Segment, at_ms: i64) {
        let staged = segment.write(&[&event(at_ms, "example.com")]).unwrap();
        segment.sync().unwrap();
        segment.publish(staged);
    }

    fn open(path: &Path) -> Result<(Segment, Repair), HistoryError> {
        Segment::open(path.to_owned(), Day(0), Key::of_tests(), 0)
    }

    fn three_blocks(path: &Path) -> Vec<u64> {
        let (segment, _) = open(path).unwrap();
        (0..3).map(|at_ms| (append(&segment, at_ms), segment.bytes()).1).collect()
    }

    #[test]
    fn a_failed_write_is_taken_back_and_the_next_one_works() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        let (segment, _) = open(&path).unwrap();
        append(&segment, 1);
        let before = segment.bytes();
        let _never_published = segment.write(&[&event(2, "example.org")]).unwrap();
        segment.undo();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), before);
        // Where even the cut failed, garbage is still past the end when the next write comes.
        segment.file.write_all_at(&[7; 500], before).unwrap();
        segment.tail.lock().unwrap().untidy = true;
        append(&segment, 3);
        drop(segment);
        let (again, repair) = open(&path).unwrap();
        assert_eq!((again.events(), repair.torn_bytes), (2, 0));
    }

    #[test]
    fn a_cut_at_any_byte_keeps_every_whole_block_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        let ends = three_blocks(&path);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (segment, _) = open(&path).unwrap();
            let kept = ends.iter().filter(|end| **end <= length as u64).count() as u64;
            assert_eq!(segment.events(), kept, "cut at {length}");
            append(&segment, 9);
            drop(segment);
            let (again, repair) = open(&path).unwrap();
            assert_eq!((again.events(), repair.torn_bytes), (kept + 1, 0), "cut at {length}");
        }
    }

    #[test]
    fn a_damaged_block_is_stepped_over_and_its_neighbours_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        let ends = three_blocks(&path);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[usize::try_from(ends[0]).unwrap() + 5] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let (segment, repair) = open(&path).unwrap();
        assert_eq!((segment.events(), repair.damaged, repair.torn_bytes), (2, 1, 0));
        let newest = segment.block_before(u64::MAX, ALWAYS.0, ALWAYS.1).unwrap();
        assert_eq!(newest.header.first_sequence, 2);
    }

    #[test]
    fn a_file_of_a_later_format_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        std::fs::write(&path, b"SGEVENT\x09and more").unwrap();
        let opened = open(&path).err().unwrap();
        assert!(matches!(opened, HistoryError::LaterFormat { found: 9, .. }), "{opened}");
        assert_eq!(std::fs::read(&path).unwrap(), b"SGEVENT\x09and more");
    }

    #[test]
    fn a_day_that_began_in_the_first_form_goes_on_in_todays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        std::fs::write(&path, EARLIER_OPENINGS[0]).unwrap();
        let (segment, repair) = open(&path).unwrap();
        assert_eq!(repair.torn_bytes, 0);
        append(&segment, 4);
        drop(segment);
        assert!(std::fs::read(&path).unwrap().starts_with(&OPENING));
        assert_eq!(open(&path).unwrap().0.events(), 1);
    }

    fn a_block() -> Vec<u8> {
        let one = event(1, "example.com");
        let mut bytes = Vec::new();
        block::seal_all(&[&one], 3, (Day(0), &Key::of_tests())).unwrap().remove(0).write_to(&mut bytes);
        bytes
    }

    #[test]
    fn blocks_that_lie_in_the_columns_count_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.events");
        three_blocks(&path);
        for (floor, events, next) in [(0, 3, 3), (2, 1, 3), (3, 0, 3), (9, 0, 9)] {
            let (segment, _) = Segment::open(path.clone(), Day(0), Key::of_tests(), floor).unwrap();
            assert_eq!(segment.events(), events, "floor {floor}");
            assert_eq!(segment.tail.lock().unwrap().next_sequence, next, "floor {floor}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_open_as_a_day_and_take_an_event(
            opened in any::<bool>(),
            parts in prop::collection::vec(prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                Just(MARK.to_vec()),
                Just(a_block()),
            ], 0..6),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("day.events");
            let mut bytes = if opened { OPENING.to_vec() } else { Vec::new() };
            bytes.extend(parts.concat());
            std::fs::write(&path, bytes).unwrap();
            if let Ok((segment, _)) = open(&path) {
                let before = segment.events();
                append(&segment, 2);
                prop_assert_eq!(segment.events(), before + 1);
            }
        }
    }
}
