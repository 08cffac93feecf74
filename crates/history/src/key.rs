//! Encryption at rest: a key for each day, wrapped by the school's key.
//!
//! Everything of a day is sealed with AES-256-GCM (NIST SP 800-38D) under that day's key, with a random nonce and with the
//! day and the place in it as associated text, so that no sealed piece passes for another. Dropping the wrapped key makes
//! the day unreadable wherever a copy of it lies, as long as the copy came without its key.
//!
//! The school's key lies *beside* the folder (`history.key` beside `history`): a copy of the folder alone tells nothing.
//!
//! **Left out:** changing the school's key.

use crate::HistoryError;
use crate::error::disk;
use crate::shelf::FILE_MODE;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use model::Day;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// What sealing adds: the tag, then the nonce.
pub(crate) const SEAL_BYTES: usize = TAG_BYTES + NONCE_LEN;
/// What a wrapped key's file begins with; the last byte is its form.
const OPENING: [u8; 8] = *b"SGDKEY\0\x01";
const WRAPPED_BYTES: usize = KEY_BYTES + SEAL_BYTES;

/// A key, for sealing and opening.
pub(crate) struct Key(RandomizedNonceKey);

/// The system has no random numbers, or refused to seal.
#[derive(Debug)]
pub(crate) struct Refused;

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self, Refused> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| Refused)
    }

    /// The same in every test.
    #[cfg(test)]
    pub fn of_tests() -> Self {
        Self::new(&[7; KEY_BYTES]).unwrap()
    }

    /// Seals bytes in place: afterwards they are longer by [`SEAL_BYTES`].
    pub fn seal(&self, about: &[u8], bytes: &mut Vec<u8>) -> Result<(), Refused> {
        let (nonce, tag) = self.0.seal_in_place_separate_tag(Aad::from(about), bytes).map_err(|_| Refused)?;
        bytes.extend_from_slice(tag.as_ref());
        bytes.extend_from_slice(nonce.as_ref());
        Ok(())
    }

    /// Opens what was sealed about the same; `None` where it was not, or was changed since.
    pub fn open(&self, about: &[u8], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let nonce = *bytes.last_chunk::<NONCE_LEN>()?;
        bytes.truncate(bytes.len() - NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.0.open_in_place(nonce, Aad::from(about), &mut bytes).ok()?.len();
        bytes.truncate(length);
        Some(bytes)
    }
}

/// The school's key, and where its days' keys lie.
pub(crate) struct Keys {
    folder: PathBuf,
    school: Arc<Key>,
}

impl Keys {
    /// The keys of a history's folder. The school's key is made where there is none, unless there are days that were
    /// sealed with one.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        let path = school_key_file(folder);
        let bytes = match read_exactly::<KEY_BYTES>(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !any_day_is_sealed(folder) => {
                let fresh = fresh_key(&path)?;
                write_new(&path, &fresh).map_err(disk("write", &path))?;
                fresh
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HistoryError::SchoolKeyMissing { file: path });
            }
            Err(source) => return Err(disk("read", &path)(source)),
        };
        Self::of(folder, &bytes, &path)
    }

    /// The same for somebody who only reads; `None` where nothing was ever sealed.
    pub fn open_to_read(folder: &Path) -> Result<Option<Self>, HistoryError> {
        let path = school_key_file(folder);
        match read_exactly::<KEY_BYTES>(&path) {
            Ok(bytes) => Self::of(folder, &bytes, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(disk("read", &path)(source)),
        }
    }

    fn of(folder: &Path, bytes: &[u8; KEY_BYTES], path: &Path) -> Result<Self, HistoryError> {
        let school = Key::new(bytes).map_err(|Refused| refused("read", path))?;
        Ok(Self { folder: folder.to_owned(), school: Arc::new(school) })
    }

    /// The same school's keys of days that lie in another folder.
    pub fn in_folder(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), school: Arc::clone(&self.school) }
    }

    /// The school's key.
    pub fn school(&self) -> &Key {
        &self.school
    }

    /// A day's key; `None` where the day has none.
    pub fn of_day(&self, day: Day) -> Result<Option<Key>, HistoryError> {
        let path = day_key_file(&self.folder, day);
        let wrapped = match read_exactly::<{ OPENING.len() + WRAPPED_BYTES }>(&path) {
            Ok(wrapped) => wrapped,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(HistoryError::WrongKey { day, file: path });
            }
            Err(source) => return Err(disk("read", &path)(source)),
        };
        let opened = wrapped
            .strip_prefix(&OPENING)
            .and_then(|sealed| self.school.open(&about_key(day), sealed.to_vec()))
            .and_then(|bytes| Key::new(bytes.first_chunk()?).ok());
        opened.map(Some).ok_or(HistoryError::WrongKey { day, file: path })
    }

    /// A day's key, made where the day has none. A new one is on the disk when this returns.
    pub fn of_day_or_new(&self, day: Day) -> Result<Key, HistoryError> {
        if let Some(key) = self.of_day(day)? {
            return Ok(key);
        }
        let path = day_key_file(&self.folder, day);
        let bytes = fresh_key(&path)?;
        let mut wrapped = bytes.to_vec();
        self.school.seal(&about_key(day), &mut wrapped).map_err(|Refused| refused("seal", &path))?;
        write_new(&path, &[OPENING.as_slice(), &wrapped].concat()).map_err(disk("write", &path))?;
        Key::new(&bytes).map_err(|Refused| refused("make", &path))
    }
}

/// Where a day's wrapped key lies.
pub(crate) fn day_key_file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{day}.key"))
}

/// The error of a system that refuses to seal.
pub(crate) fn refused(doing: &'static str, file: &Path) -> HistoryError {
    disk(doing, file)(io::Error::other("the system refused to encrypt"))
}

/// `history.key` beside `history`.
fn school_key_file(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    folder.with_file_name(name)
}

fn any_day_is_sealed(folder: &Path) -> bool {
    let is_key = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|end| end == "key");
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_key))
}

fn about_key(day: Day) -> [u8; 8] {
    let mut about = *b"key\0\0\0\0\0";
    if let Some(last) = about.last_chunk_mut::<4>() {
        *last = day.0.to_le_bytes();
    }
    about
}

fn fresh_key(path: &Path) -> Result<[u8; KEY_BYTES], HistoryError> {
    let mut bytes = [0; KEY_BYTES];
    rand::fill(&mut bytes).map_err(|_| refused("make", path))?;
    Ok(bytes)
}

/// Writes beside and renames, so that a key is there whole or not at all, and syncs file and folder.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("key.new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn read_exactly<const N: usize>(path: &Path) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open(path)?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_the_same_place_and_day_alone() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("history");
        std::fs::create_dir(&folder).unwrap();
        let keys = Keys::open(&folder).unwrap();
        let (one, other) = (keys.of_day_or_new(Day(1)).unwrap(), keys.of_day_or_new(Day(2)).unwrap());
        let mut sealed = b"who looked at what".to_vec();
        one.seal(b"1", &mut sealed).unwrap();
        assert_eq!(sealed.len(), 18 + SEAL_BYTES);
        assert_eq!(other.open(b"1", sealed.clone()), None);
        assert_eq!(one.open(b"2", sealed.clone()), None);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(one.open(b"1", changed), None, "bit {bit}");
        }
        let again = Keys::open(&folder).unwrap().of_day(Day(1)).unwrap().unwrap();
        assert_eq!(again.open(b"1", sealed).unwrap(), b"who looked at what");
    }

    #[test]
    fn a_school_key_that_is_lost_or_another_is_said_and_never_made_anew() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("history");
        std::fs::create_dir(&folder).unwrap();
        Keys::open(&folder).unwrap().of_day_or_new(Day(1)).unwrap();
        let file = home.path().join("history.key");
        std::fs::rename(&file, home.path().join("away")).unwrap();
        assert!(matches!(Keys::open(&folder), Err(HistoryError::SchoolKeyMissing { .. })));
        std::fs::write(&file, [7; KEY_BYTES]).unwrap();
        let wrong = Keys::open(&folder).unwrap().of_day(Day(1)).err().unwrap();
        assert!(matches!(wrong, HistoryError::WrongKey { day: Day(1), .. }), "{wrong}");
    }

    #[test]
    fn a_key_file_of_any_bytes_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("history");
        std::fs::create_dir(&folder).unwrap();
        let keys = Keys::open(&folder).unwrap();
        for bytes in [Vec::new(), vec![0; 20], vec![9; OPENING.len() + WRAPPED_BYTES]] {
            std::fs::write(day_key_file(&folder, Day(3)), bytes).unwrap();
            assert!(matches!(keys.of_day(Day(3)), Err(HistoryError::WrongKey { .. })));
        }
    }
}
