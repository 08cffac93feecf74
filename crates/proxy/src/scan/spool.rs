//! Files that are held: the beginning in memory, the rest on disk, in files that have no name.
//!
//! Invariants: what is on disk is bounded, of all files together and of one address, and so are the files at once; nothing is left behind
//! by a crash but an empty name, which the next start takes away; bytes that found no room are not lost, so that what is
//! held can still be passed on.

use super::ScanFault;
use bytes::Bytes;
use model::{Share, Shares};
use std::collections::HashMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

/// Of each file, so much is held in memory.
pub(super) const FIRST_BYTES: usize = 256 * 1024;
/// So much is gathered before it goes to disk.
const TAIL_BYTES: usize = 256 * 1024;
/// Read at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Files held at once, each with at most half a MiB in memory.
const MOST_FILES: usize = 256;
/// Of these, for one address, so that nobody takes everybody's places.
const MOST_OF_AN_ADDRESS: usize = 32;
/// The part of the disk's room that one address may have.
const PART_OF_AN_ADDRESS: u64 = 4;
const NAME: &str = "held-";

/// Where files are held.
pub(crate) struct Spool {
    folder: PathBuf,
    most_bytes: u64,
    used: Mutex<Used>,
    names: AtomicU64,
    places: Arc<Semaphore>,
    shares: Arc<Shares>,
}

/// What is on disk.
#[derive(Default)]
struct Used {
    bytes: u64,
    /// Of it, by address; no address without a byte.
    of: HashMap<IpAddr, u64>,
}

impl Spool {
    /// Makes the folder, for this user alone, and takes away what is left in it.
    pub(super) fn open(folder: PathBuf, most_bytes: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(NAME) {
                std::fs::remove_file(entry.path())?;
            }
        }
        let places = Arc::new(Semaphore::new(MOST_FILES));
        let shares = Shares::new(MOST_OF_AN_ADDRESS);
        Ok(Self { folder, most_bytes, used: Mutex::default(), names: AtomicU64::new(0), places, shares })
    }

    /// Begins to hold a file for this address.
    pub(super) fn begin(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Spooling, ScanFault> {
        let share = match address {
            Some(address) => Some(self.shares.take(address).ok_or(ScanFault::NoRoom)?),
            None => None,
        };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| ScanFault::NoRoom)?;
        let address = address.map(|address| address.to_canonical());
        let room = Room { spool: Arc::clone(self), address, bytes: 0, _place: place, _share: share };
        Ok(Spooling { arrived: Arc::default(), tail: Vec::new(), file: None, on_disk: 0, room })
    }

    /// How many files are held now.
    pub(super) fn held(&self) -> u64 {
        let taken = MOST_FILES.saturating_sub(self.places.available_permits());
        u64::try_from(taken).unwrap_or(u64::MAX)
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new file that has lost its name already.
    fn file(&self) -> io::Result<File> {
        let name = format!("{NAME}{}", self.names.fetch_add(1, Ordering::Relaxed));
        let path = self.folder.join(name);
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        std::fs::remove_file(&path)?;
        Ok(file)
    }
}

/// A file's room on disk and its place among the files; free again when dropped.
struct Room {
    spool: Arc<Spool>,
    /// For whom.
    address: Option<IpAddr>,
    bytes: u64,
    _place: OwnedSemaphorePermit,
    _share: Option<Share>,
}

impl Room {
    fn take(&mut self, bytes: u64) -> Result<(), ScanFault> {
        let most = self.spool.most_bytes;
        let mut used = self.spool.used();
        let mine = self.address.and_then(|address| used.of.get(&address).copied()).unwrap_or(0);
        let (all, mine) = (used.bytes.saturating_add(bytes), mine.saturating_add(bytes));
        if all > most || (self.address.is_some() && mine > most / PART_OF_AN_ADDRESS) {
            return Err(ScanFault::NoRoom);
        }
        used.bytes = all;
        if let Some(address) = self.address {
            used.of.insert(address, mine);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut used = self.spool.used();
        used.bytes = used.bytes.saturating_sub(self.bytes);
        if let Some(address) = self.address
            && let Some(mine) = used.of.get_mut(&address)
        {
            *mine = mine.saturating_sub(self.bytes);
            if *mine == 0 {
                used.of.remove(&address);
            }
        }
    }
}

/// What has come of a file so far.
#[derive(Default)]
pub(super) struct Arrived {
    bytes: AtomicU64,
    first: Mutex<Vec<u8>>,
}

impl Arrived {
    /// How many bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A piece of its beginning.
    pub(super) fn piece(&self, from: usize, until: usize) -> Option<Bytes> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        let piece = first.get(from..until.min(first.len()))?;
        (!piece.is_empty()).then(|| Bytes::copy_from_slice(piece))
    }
}

/// A file that is coming in.
pub(crate) struct Spooling {
    arrived: Arc<Arrived>,
    /// What has not gone to disk yet.
    tail: Vec<u8>,
    file: Option<Arc<File>>,
    on_disk: u64,
    room: Room,
}

impl Spooling {
    /// What has come so far, for whoever looks on.
    pub(super) fn arrived(&self) -> &Arc<Arrived> {
        &self.arrived
    }

    /// Takes the next bytes in, also where it says that there was no room for them.
    pub(super) async fn push(&mut self, bytes: &[u8]) -> Result<(), ScanFault> {
        self.arrived.bytes.fetch_add(length(bytes), Ordering::Relaxed);
        let rest = {
            let mut first = self.arrived.first.lock().unwrap_or_else(PoisonError::into_inner);
            let room = FIRST_BYTES.saturating_sub(first.len()).min(bytes.len());
            let (here, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            first.extend_from_slice(here);
            rest
        };
        self.tail.extend_from_slice(rest);
        if self.tail.len() < TAIL_BYTES { Ok(()) } else { self.write().await }
    }

    async fn write(&mut self) -> Result<(), ScanFault> {
        let count = length(&self.tail);
        self.room.take(count)?;
        let (spool, file, at) = (Arc::clone(&self.room.spool), self.file.clone(), self.on_disk);
        let tail = std::mem::take(&mut self.tail);
        let work = move || {
            let file = match file {
                Some(file) => Ok(file),
                None => spool.file().map(Arc::new),
            };
            let written = file.and_then(|file| file.write_all_at(&tail, at).map(|()| file));
            (tail, written)
        };
        let (tail, written) = spawn_blocking(work).await.map_err(|_| ScanFault::NoRoom)?;
        match written {
            Ok(file) => {
                self.file = Some(file);
                self.on_disk = self.on_disk.saturating_add(count);
                Ok(())
            }
            Err(error) => {
                self.tail = tail;
                tracing::warn!(phase = "body", kind = %error.kind(), "a file that is held cannot be written");
                Err(ScanFault::NoRoom)
            }
        }
    }

    /// What was taken in.
    pub(super) fn end(self) -> Spooled {
        let first = {
            let mut first = self.arrived.first.lock().unwrap_or_else(PoisonError::into_inner);
            Bytes::from(std::mem::take(&mut *first))
        };
        Spooled { first, file: self.file, on_disk: self.on_disk, tail: self.tail.into(), _room: self.room }
    }
}

/// A file that was taken in.
pub(crate) struct Spooled {
    first: Bytes,
    file: Option<Arc<File>>,
    on_disk: u64,
    tail: Bytes,
    _room: Room,
}

impl Spooled {
    /// Its length.
    pub(crate) fn bytes(&self) -> u64 {
        length(&self.first).saturating_add(self.on_disk).saturating_add(length(&self.tail))
    }

    /// The next piece from a place on; empty at its end.
    pub(crate) async fn read(&self, at: u64) -> io::Result<Bytes> {
        if let Some(piece) = piece_of(&self.first, Some(at)) {
            return Ok(piece);
        }
        let at = at.saturating_sub(length(&self.first));
        let left = self.on_disk.saturating_sub(at);
        if let (1.., Some(file)) = (left, &self.file) {
            let (file, room) =
                (Arc::clone(file), usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES));
            let work = move || {
                let mut piece = vec![0; room];
                file.read_exact_at(&mut piece, at).map(|()| Bytes::from(piece))
            };
            return spawn_blocking(work).await.map_err(io::Error::other)?;
        }
        Ok(piece_of(&self.tail, at.checked_sub(self.on_disk)).unwrap_or_default())
    }
}

fn piece_of(bytes: &Bytes, at: Option<u64>) -> Option<Bytes> {
    let at = usize::try_from(at?).ok().filter(|at| *at < bytes.len())?;
    Some(bytes.slice(at..bytes.len().min(at.saturating_add(PIECE_BYTES))))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect()
    }

    async fn read(spooled: &Spooled) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let piece = spooled.read(length(&all)).await.unwrap();
            if piece.is_empty() {
                return all;
            }
            all.extend_from_slice(&piece);
        }
    }

    #[tokio::test]
    async fn what_is_held_comes_back_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("held-7"), "left over").unwrap();
        let spool = Arc::new(Spool::open(folder.path().to_owned(), 4 << 20).unwrap());
        for count in [0, 10, FIRST_BYTES, FIRST_BYTES + 1, 3_000_000] {
            let file = bytes(count);
            let mut spooling = spool.begin(None).unwrap();
            for piece in file.chunks(10_007) {
                spooling.push(piece).await.unwrap();
            }
            let spooled = spooling.end();
            assert_eq!(spooled.bytes(), length(&file));
            assert!(read(&spooled).await == file, "{count}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no name is left");
        }
        assert_eq!(spool.used().bytes, 0);
    }

    #[test]
    fn one_address_leaves_places_for_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(folder.path().to_owned(), 4 << 20).unwrap());
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let held: Vec<_> = (0..MOST_OF_AN_ADDRESS).map(|_| spool.begin(Some(ash)).unwrap()).collect();
        assert_eq!(spool.begin(Some(ash)).err(), Some(ScanFault::NoRoom));
        assert!(spool.begin(Some(elm)).is_ok());
        drop(held);
        assert!(spool.begin(Some(ash)).is_ok());
    }

    #[tokio::test]
    async fn one_address_leaves_room_on_disk_for_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(folder.path().to_owned(), 4 << 20).unwrap());
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let (part, half) = (bytes(FIRST_BYTES + (1 << 20)), bytes(FIRST_BYTES + (1 << 19)));
        let mut first = spool.begin(Some(ash)).unwrap();
        first.push(&part).await.unwrap();
        assert_eq!(spool.held(), 1);
        for address in ["10.0.0.1", "::ffff:10.0.0.1"] {
            let mut more = spool.begin(Some(address.parse().unwrap())).unwrap();
            assert_eq!(more.push(&half).await, Err(ScanFault::NoRoom));
        }
        spool.begin(Some(elm)).unwrap().push(&half).await.unwrap();
        drop(first);
        spool.begin(Some(ash)).unwrap().push(&half).await.unwrap();
        assert!(spool.used().of.is_empty() && spool.held() == 0);
    }

    #[tokio::test]
    async fn past_the_room_that_all_files_have_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(folder.path().to_owned(), 600_000).unwrap());
        let file = bytes(1_200_000);
        let mut spooling = spool.begin(None).unwrap();
        let mut faults = 0;
        for piece in file.chunks(50_000) {
            faults += usize::from(spooling.push(piece).await == Err(ScanFault::NoRoom));
        }
        assert!(faults > 0);
        assert!(read(&spooling.end()).await == file);
    }

    #[tokio::test]
    async fn on_a_full_disk_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Arc::new(Spool::open(folder.path().to_owned(), 4 << 20).unwrap());
        let mut spooling = spool.begin(None).unwrap();
        spooling.file = Some(Arc::new(File::options().read(true).write(true).open("/dev/full").unwrap()));
        let file = bytes(FIRST_BYTES + TAIL_BYTES);
        assert_eq!(spooling.push(&file).await, Err(ScanFault::NoRoom));
        assert!(read(&spooling.end()).await == file);
    }
}
