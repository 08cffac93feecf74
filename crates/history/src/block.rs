//! One block: a header of 64 bytes and compressed rows.
//!
//! Header, little-endian: mark `SGB3` (`SGB2` where the payload is not sealed, `SGB1` where the rows are of the first form
//! as well; both are read and no longer written); payload bytes, u32; uncompressed bytes, u32; events, u32; first sequence, u64;
//! earliest and latest time in ms, i64 each; events by outcome (allowed, blocked, refused-origin, failed), u32 each;
//! CRC-32 of the payload; CRC-32 of the 60 bytes before. The header has a checksum of its own, so that a day can be
//! walked by its headers alone and a damaged block can be stepped over. Both lengths are bounded. The payload is sealed with
//! the day's key, about the day and the first sequence.

use crate::key::{Key, Refused, SEAL_BYTES};
use crate::row::{Row, RowForm};
use crate::{HistoryError, threads};
use model::{AccessEvent, Day, EventOutcome, Timestamp};
use zstd::bulk::Compressor;

/// The bytes of a header.
pub(crate) const HEADER_BYTES: usize = 64;
/// What every block begins with that is written today.
pub(crate) const MARK: [u8; 4] = *b"SGB3";
/// What a block began with whose payload is not sealed.
pub(crate) const UNSEALED_MARK: [u8; 4] = *b"SGB2";
/// What a block of the first form began with.
pub(crate) const FIRST_MARK: [u8; 4] = *b"SGB1";

/// A block is full at this many events...
pub(crate) const FULL_EVENTS: usize = 4096;
/// ...or at this many uncompressed bytes, give or take one row; it must stay under what a block may say that it holds.
const FULL_RAW_BYTES: usize = 7 << 18;
/// The most a block may say that it holds.
const MOST_RAW_BYTES: u32 = 2 << 20;
const MOST_PAYLOAD_BYTES: u32 = MOST_RAW_BYTES + (64 << 10);
/// zstd's least effort of the usual ones: a log is there for a day, and becomes columns then.
const COMPRESSION_LEVEL: i32 = 1;

/// What a header says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub form: RowForm,
    pub is_sealed: bool,
    pub payload_bytes: u32,
    pub raw_bytes: u32,
    pub events: u32,
    pub first_sequence: u64,
    pub earliest: Timestamp,
    pub latest: Timestamp,
    pub outcomes: [u32; 4],
    pub payload_crc: u32,
}

impl Header {
    /// The sequence after the block's last event.
    pub fn next_sequence(&self) -> u64 {
        self.first_sequence.saturating_add(u64::from(self.events))
    }

    /// The bytes of header and payload together.
    pub fn block_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut fields = Fields(&mut bytes);
        fields.put(match (self.form, self.is_sealed) {
            (RowForm::First, _) => &FIRST_MARK,
            (RowForm::WithAdded, false) => &UNSEALED_MARK,
            (RowForm::WithAdded, true) => &MARK,
        });
        fields.put(&self.payload_bytes.to_le_bytes());
        fields.put(&self.raw_bytes.to_le_bytes());
        fields.put(&self.events.to_le_bytes());
        fields.put(&self.first_sequence.to_le_bytes());
        fields.put(&self.earliest.0.to_le_bytes());
        fields.put(&self.latest.0.to_le_bytes());
        for count in self.outcomes {
            fields.put(&count.to_le_bytes());
        }
        fields.put(&self.payload_crc.to_le_bytes());
        let crc = header_crc(&bytes);
        if let Some(last) = bytes.last_chunk_mut::<4>() {
            *last = crc.to_le_bytes();
        }
        bytes
    }

    /// Reads a header; `None` when the bytes are not a whole, undamaged one within the bounds.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let mut rest: &[u8] = bytes;
        let (form, is_sealed) = match take(&mut rest)? {
            FIRST_MARK => (RowForm::First, false),
            UNSEALED_MARK => (RowForm::WithAdded, false),
            MARK => (RowForm::WithAdded, true),
            _ => return None,
        };
        let header = Self {
            form,
            is_sealed,
            payload_bytes: u32::from_le_bytes(take(&mut rest)?),
            raw_bytes: u32::from_le_bytes(take(&mut rest)?),
            events: u32::from_le_bytes(take(&mut rest)?),
            first_sequence: u64::from_le_bytes(take(&mut rest)?),
            earliest: Timestamp(i64::from_le_bytes(take(&mut rest)?)),
            latest: Timestamp(i64::from_le_bytes(take(&mut rest)?)),
            outcomes: [
                u32::from_le_bytes(take(&mut rest)?),
                u32::from_le_bytes(take(&mut rest)?),
                u32::from_le_bytes(take(&mut rest)?),
                u32::from_le_bytes(take(&mut rest)?),
            ],
            payload_crc: u32::from_le_bytes(take(&mut rest)?),
        };
        let crc = u32::from_le_bytes(take(&mut rest)?);
        let whole = crc == header_crc(bytes);
        let bounded = header.payload_bytes <= MOST_PAYLOAD_BYTES && header.raw_bytes <= MOST_RAW_BYTES;
        (whole && bounded && header.events > 0).then_some(header)
    }

    /// Whether the payload is what was written.
    pub fn is_whole(&self, payload: &[u8]) -> bool {
        crc32fast::hash(payload) == self.payload_crc
    }

    /// The uncompressed rows; `None` when the payload is damaged, or sealed with another key.
    pub fn open(&self, payload: Vec<u8>, day: Day, key: Option<&Key>) -> Option<Vec<u8>> {
        if !self.is_whole(&payload) {
            return None;
        }
        let packed = match self.is_sealed {
            true => key?.open(&about(day, self.first_sequence), payload)?,
            false => payload,
        };
        zstd::bulk::decompress(&packed, usize::try_from(self.raw_bytes).ok()?).ok()
    }
}

/// What a block is sealed about.
fn about(day: Day, first_sequence: u64) -> [u8; 20] {
    let mut about = [0; 20];
    let mut fields = Fields(&mut about);
    fields.put(b"block\0\0\0");
    fields.put(&day.0.to_le_bytes());
    fields.put(&first_sequence.to_le_bytes());
    about
}

/// The place of an outcome in a header's counts.
pub(crate) fn outcome_place(outcome: EventOutcome) -> usize {
    match outcome {
        EventOutcome::Allowed => 0,
        EventOutcome::Blocked => 1,
        EventOutcome::RefusedOrigin => 2,
        EventOutcome::Failed => 3,
    }
}

/// A block that is ready to be written.
pub(crate) struct Sealed {
    pub header: Header,
    pub payload: Vec<u8>,
}

impl Sealed {
    /// Header and payload, as they are written.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.header.encode());
        out.extend_from_slice(&self.payload);
    }
}

/// Turns events of a day into blocks, in the order given, counting on from `first_sequence`. Many events are sealed in two
/// threads.
pub(crate) fn seal_all(
    events: &[&AccessEvent],
    first_sequence: u64,
    (day, key): (Day, &Key),
) -> Result<Vec<Sealed>, HistoryError> {
    let runs: Vec<(u64, &[&AccessEvent])> =
        (first_sequence..).step_by(FULL_EVENTS).zip(events.chunks(FULL_EVENTS)).collect();
    let sealed = threads::in_order(&runs, Sealer::new, |sealer, (first_sequence, run)| {
        sealer.seal_run(run, *first_sequence, (day, key))
    });
    let sealed: Vec<Vec<Sealed>> = sealed.into_iter().collect::<Result<_, _>>()?;
    Ok(sealed.into_iter().flatten().collect())
}

/// Seals blocks one after the other; keeps what that needs again and again.
struct Sealer {
    compressor: Compressor<'static>,
    raw: Vec<u8>,
}

impl Sealer {
    fn new() -> Result<Self, HistoryError> {
        let compressor = Compressor::new(COMPRESSION_LEVEL).map_err(|error| encode_error(0, &error))?;
        Ok(Self { compressor, raw: Vec::with_capacity(FULL_RAW_BYTES) })
    }

    /// Turns at most [`FULL_EVENTS`] into blocks: one, unless their texts are long.
    fn seal_run(
        &mut self,
        run: &[&AccessEvent],
        first_sequence: u64,
        (day, key): (Day, &Key),
    ) -> Result<Vec<Sealed>, HistoryError> {
        let mut blocks: Vec<Sealed> = Vec::with_capacity(1);
        let mut sequence = first_sequence;
        let mut rest = run;
        while !rest.is_empty() {
            let (sealed, after) = self.seal_first(rest, sequence, (day, key))?;
            sequence = sealed.header.next_sequence();
            blocks.push(sealed);
            rest = after;
        }
        Ok(blocks)
    }

    fn seal_first<'e>(
        &mut self,
        events: &'e [&'e AccessEvent],
        first_sequence: u64,
        (day, key): (Day, &Key),
    ) -> Result<(Sealed, &'e [&'e AccessEvent]), HistoryError> {
        let raw = &mut self.raw;
        raw.clear();
        let mut taken = 0;
        for event in events {
            Row::of(event).write(raw).map_err(|error| encode_error(taken, &error))?;
            taken += 1;
            if raw.len() >= FULL_RAW_BYTES {
                break;
            }
        }
        let (block, rest) = events.split_at(taken);
        let mut payload = Vec::with_capacity(zstd::zstd_safe::compress_bound(raw.len()) + SEAL_BYTES);
        self.compressor.compress_to_buffer(raw, &mut payload).map_err(|error| encode_error(taken, &error))?;
        let refused =
            |Refused| HistoryError::Encode { events: taken, why: "the system refused to encrypt".into() };
        key.seal(&about(day, first_sequence), &mut payload).map_err(refused)?;
        let mut outcomes = [0u32; 4];
        let (mut earliest, mut latest) = (i64::MAX, i64::MIN);
        for event in block {
            if let Some(count) = outcomes.get_mut(outcome_place(event.outcome)) {
                *count += 1;
            }
            (earliest, latest) = (earliest.min(event.at.0), latest.max(event.at.0));
        }
        let header = Header {
            form: RowForm::WithAdded,
            is_sealed: true,
            payload_bytes: u32::try_from(payload.len()).map_err(|error| encode_error(taken, &error))?,
            raw_bytes: u32::try_from(raw.len()).map_err(|error| encode_error(taken, &error))?,
            events: u32::try_from(taken).map_err(|error| encode_error(taken, &error))?,
            first_sequence,
            earliest: Timestamp(earliest),
            latest: Timestamp(latest),
            outcomes,
            payload_crc: crc32fast::hash(&payload),
        };
        Ok((Sealed { header, payload }, rest))
    }
}

fn encode_error(events: usize, error: &dyn std::error::Error) -> HistoryError {
    HistoryError::Encode { events, why: error.to_string() }
}

fn header_crc(bytes: &[u8; HEADER_BYTES]) -> u32 {
    crc32fast::hash(
        bytes.first_chunk::<{ HEADER_BYTES - 4 }>().map_or(&[], <[u8; HEADER_BYTES - 4]>::as_slice),
    )
}

/// Fills a header from its start, field by field.
struct Fields<'b>(&'b mut [u8]);

impl Fields<'_> {
    fn put(&mut self, field: &[u8]) {
        if let Some((space, rest)) = std::mem::take(&mut self.0).split_at_mut_checked(field.len()) {
            space.copy_from_slice(field);
            self.0 = rest;
        }
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row;
    use crate::samples::event;

    #[test]
    fn events_come_back_from_their_blocks_in_order() {
        let events: Vec<_> = (0..5000).map(|ms| event(ms, "www.example.com")).collect();
        let key = Key::of_tests();
        let blocks = seal_all(&events.iter().collect::<Vec<_>>(), 7, (Day(0), &key)).unwrap();
        assert_eq!(blocks.len(), 2);
        let mut back = Vec::new();
        for block in &blocks {
            let header = Header::decode(&block.header.encode()).unwrap();
            assert_eq!(header, block.header);
            assert_eq!(header.first_sequence, 7 + back.len() as u64);
            let payload = block.payload.clone();
            assert!(header.open(payload.clone(), Day(1), Some(&key)).is_none());
            assert!(header.open(payload.clone(), Day(0), None).is_none());
            let raw = header.open(payload, Day(0), Some(&key)).unwrap();
            back.extend(
                row::decode(&raw, header.events, header.form).iter().map(|row| row.to_event().unwrap()),
            );
        }
        assert_eq!(back, events);
    }

    #[test]
    fn a_header_with_any_bit_turned_is_refused() {
        let one = event(1, "example.com");
        let block = seal_all(&[&one], 0, (Day(0), &Key::of_tests())).unwrap().remove(0);
        for bit in 0..HEADER_BYTES * 8 {
            let mut bytes: [u8; HEADER_BYTES] = block.header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), None, "bit {bit}");
        }
    }
}
