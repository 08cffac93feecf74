//! Files that rest at a gate, sealed: read, written and gone about in as if they were not, a block at a time.
//!
//! A file is a row of blocks of 64 KiB, the last one shorter; each is sealed with AES-256-GCM (NIST SP 800-38D) under a random
//! nonce, with the file's name and the block's place as associated text, so that no block passes for another. Memory holds one
//! block.
//!
//! Left out: proof of the length. A file that was cut between blocks opens as a shorter one; what is in it says of itself
//! whether it is whole, as a pack does. And a file that is not finished ([`SealedFile::finish`]) lacks its last block.

use crate::WireError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// What a block holds.
const BLOCK_BYTES: u64 = 64 << 10;
/// What sealing adds to it: the tag, then the nonce.
const SEAL_BYTES: u64 = 16 + NONCE_LEN as u64;
const SEALED_BYTES: u64 = BLOCK_BYTES + SEAL_BYTES;

/// A key for files that rest.
pub struct RestKey(RandomizedNonceKey);

impl std::fmt::Debug for RestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RestKey(hidden)")
    }
}

impl RestKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// [`WireError::NotAKey`], which 32 bytes never are.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, WireError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| WireError::NotAKey)
    }
}

/// A sealed file that is open. Whoever writes to one finishes it.
#[derive(Debug)]
pub struct SealedFile {
    file: File,
    key: Arc<RestKey>,
    /// What it is called, wherever it lies.
    name: String,
    /// How long what it holds is.
    length: u64,
    position: u64,
    block: Block,
}

/// The block that is in memory.
#[derive(Debug, Default)]
struct Block {
    /// Its place; `None`: there is none yet.
    place: Option<u64>,
    bytes: Vec<u8>,
    is_changed: bool,
}

impl SealedFile {
    /// A new one in an empty file.
    pub fn create(file: File, key: Arc<RestKey>, name: &str) -> Self {
        Self { file, key, name: name.to_owned(), length: 0, position: 0, block: Block::default() }
    }

    /// One that is there. Whether it was sealed under this key and name is told by reading it.
    ///
    /// # Errors
    /// Those of the file.
    pub fn open(file: File, key: Arc<RestKey>, name: &str) -> io::Result<Self> {
        let sealed = file.metadata()?.len();
        let (blocks, rest) = (sealed / SEALED_BYTES, sealed % SEALED_BYTES);
        let length = blocks.saturating_mul(BLOCK_BYTES).saturating_add(rest.saturating_sub(SEAL_BYTES));
        Ok(Self { length, ..Self::create(file, key, name) })
    }

    /// How long what it holds is, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes what is in memory, and waits for the disk.
    ///
    /// # Errors
    /// Those of the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.put_down()?;
        self.file.sync_all()
    }

    fn about(&self, place: u64) -> Vec<u8> {
        [self.name.as_bytes(), &[0], &place.to_be_bytes()].concat()
    }

    /// Seals the block in memory and writes it where it belongs.
    fn put_down(&mut self) -> io::Result<()> {
        let (Some(place), true) = (self.block.place, self.block.is_changed) else { return Ok(()) };
        let mut bytes = self.block.bytes.clone();
        let about = self.about(place);
        let sealed = self.key.0.seal_in_place_separate_tag(Aad::from(about), &mut bytes);
        let (nonce, tag) = sealed.map_err(|_| io::Error::other("the system refuses to seal"))?;
        bytes.extend_from_slice(tag.as_ref());
        bytes.extend_from_slice(nonce.as_ref());
        self.file.seek(SeekFrom::Start(place.saturating_mul(SEALED_BYTES)))?;
        self.file.write_all(&bytes)?;
        self.block.is_changed = false;
        Ok(())
    }

    /// Brings the block of the position into memory.
    fn take_up(&mut self) -> io::Result<()> {
        let place = self.position / BLOCK_BYTES;
        if self.block.place == Some(place) {
            return Ok(());
        }
        self.put_down()?;
        let bytes = if place.saturating_mul(BLOCK_BYTES) < self.length {
            self.read_block(place)?
        } else {
            Vec::new()
        };
        self.block = Block { place: Some(place), bytes, is_changed: false };
        Ok(())
    }

    fn read_block(&mut self, place: u64) -> io::Result<Vec<u8>> {
        self.file.seek(SeekFrom::Start(place.saturating_mul(SEALED_BYTES)))?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut self.file).take(SEALED_BYTES).read_to_end(&mut bytes)?;
        let broken =
            || io::Error::new(io::ErrorKind::InvalidData, "a sealed file was changed, or is another's");
        let nonce = *bytes.last_chunk::<NONCE_LEN>().ok_or_else(broken)?;
        bytes.truncate(bytes.len().saturating_sub(NONCE_LEN));
        let about = self.about(place);
        let opened =
            self.key.0.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut bytes);
        let length = opened.map_err(|_| broken())?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Where the position stands within its block.
    fn within(&self) -> usize {
        usize::try_from(self.position % BLOCK_BYTES).unwrap_or(0)
    }
}

impl Read for SealedFile {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || self.position >= self.length {
            return Ok(0);
        }
        self.take_up()?;
        let rest = self.block.bytes.get(self.within()..).unwrap_or_default();
        let many = rest.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..many), rest.get(..many)) {
            to.copy_from_slice(from);
        }
        self.position = self.position.saturating_add(many as u64);
        Ok(many)
    }
}

impl Write for SealedFile {
    /// Writes at the position, which lies within what was written or right behind it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.position > self.length {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a sealed file has no holes"));
        }
        self.take_up()?;
        let begin = self.within();
        let room = usize::try_from(BLOCK_BYTES).unwrap_or(0).saturating_sub(begin);
        let piece = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        let end = begin + piece.len();
        if self.block.bytes.len() < end {
            self.block.bytes.resize(end, 0);
        }
        if let Some(to) = self.block.bytes.get_mut(begin..end) {
            to.copy_from_slice(piece);
        }
        self.block.is_changed |= !piece.is_empty();
        self.position = self.position.saturating_add(piece.len() as u64);
        self.length = self.length.max(self.position);
        Ok(piece.len())
    }

    /// Does nothing: the block in memory is written when another is asked for, or at the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SealedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "a place before the file's beginning");
        self.position = target.ok_or_else(before)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(byte: u8) -> Arc<RestKey> {
        Arc::new(RestKey::from_bytes(&[byte; 32]).unwrap())
    }

    fn again(file: &File) -> File {
        file.try_clone().unwrap()
    }

    fn all_of(file: &File, (byte, name): (u8, &str)) -> io::Result<Vec<u8>> {
        let mut sealed = SealedFile::open(again(file), key(byte), name)?;
        let mut bytes = Vec::new();
        sealed.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn what_was_written_anywhere_is_read_back_and_stands_nowhere_in_the_file(
            writes in prop::collection::vec((0_usize..200_000, 1_usize..90_000, any::<u8>()), 1..6),
        ) {
            let file = tempfile::tempfile().unwrap();
            let mut sealed = SealedFile::create(again(&file), key(1), "pack");
            let mut plain: Vec<u8> = Vec::new();
            for (at, many, byte) in writes {
                let at = at.min(plain.len());
                plain.resize(plain.len().max(at + many), 0);
                plain[at..at + many].fill(byte);
                sealed.seek(SeekFrom::Start(at as u64)).unwrap();
                sealed.write_all(&vec![byte; many]).unwrap();
            }
            sealed.finish().unwrap();
            prop_assert!(all_of(&file, (1, "pack")).unwrap() == plain);
            prop_assert_eq!(SealedFile::open(again(&file), key(1), "pack").unwrap().length(), plain.len() as u64);
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            let read = all_of(&file, (1, "pack"));
            prop_assert!(read.is_err() || bytes.len() <= 28);
        }
    }

    #[test]
    fn another_key_another_name_another_place_and_a_changed_byte_open_nothing() {
        let mut file = tempfile::tempfile().unwrap();
        let words: Vec<u8> = b"somebody's name ".iter().copied().cycle().take(200_000).collect();
        let mut sealed = SealedFile::create(again(&file), key(1), "pack");
        sealed.write_all(&words).unwrap();
        sealed.finish().unwrap();
        let mut bytes = Vec::new();
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"somebody"), "nothing of it can be read");
        assert_eq!(all_of(&file, (1, "pack")).unwrap(), words);
        assert!(all_of(&file, (2, "pack")).is_err() && all_of(&file, (1, "other")).is_err());
        let block = usize::try_from(SEALED_BYTES).unwrap();
        let swapped = [&bytes[block..2 * block], &bytes[..block], &bytes[2 * block..]].concat();
        let mut changed = bytes.clone();
        changed[100] ^= 1;
        for other in [swapped, changed] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&other).unwrap();
            assert!(all_of(&file, (1, "pack")).is_err());
        }
    }
}
