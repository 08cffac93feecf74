//! The folder of days: which there are, which are open, and which are gone for good.
//!
//! At most [`MOST_OPEN`] days are open while nobody uses them, so that a year of history costs neither its file handles nor
//! its indexes. A day that somebody still reads or writes is never closed, so a file has one [`Segment`] at a time.
//!
//! One process writes at a time: the file `lock` is held for as long as its shelf lives. A shelf that only reads takes no
//! lock, and puts nothing right.

use crate::HistoryError;
use crate::error::disk;
use crate::segment::{Repair, Segment};
use model::{Day, Timestamp};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::Write;
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const MOST_OPEN: usize = 16;
/// What is inside is personal: it is for the user the program runs as, and for nobody else on the machine.
const FOLDER_MODE: u32 = 0o700;
/// The same for each file.
pub(crate) const FILE_MODE: u32 = 0o600;
/// 9999-12-30, the last whole day whose name has four digits of year.
const LAST_DAY: i32 = 2_932_895;

/// The days, and the lock that keeps others out.
pub(crate) struct Shelf {
    folder: PathBuf,
    /// `None`: it only reads.
    lock: Option<File>,
    days: Mutex<BTreeMap<Day, Place>>,
}

/// A day that is there.
#[derive(Default)]
struct Place {
    segment: Option<Arc<Segment>>,
    last_used: u64,
    /// What it held when it was last closed.
    closed: Option<(u64, u64)>,
}

/// One day that is gone.
pub(crate) struct Removed {
    pub events: u64,
    pub bytes: u64,
}

impl Shelf {
    /// Opens the folder, making it where there is none.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(disk("make", folder))?;
        restrict(folder, FOLDER_MODE)?;
        let lock = Some(lock(folder)?);
        let mut days = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(disk("list", folder))? {
            let entry = entry.map_err(disk("list", folder))?;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                restrict(&entry.path(), FILE_MODE)?;
            }
            let name = entry.file_name();
            if let Some(day) = name.to_str().and_then(day_of_file) {
                days.insert(day, Place::default());
            }
        }
        Ok(Self { folder: folder.to_owned(), lock, days: Mutex::new(days) })
    }

    /// Opens a folder that is there, which another process may be writing to.
    pub fn open_to_read(folder: &Path) -> Result<Self, HistoryError> {
        let entries = fs::read_dir(folder).map_err(disk("list", folder))?;
        let days = entries.flatten().filter_map(|entry| day_of_file(entry.file_name().to_str()?));
        let days = days.map(|day| (day, Place::default())).collect();
        Ok(Self { folder: folder.to_owned(), lock: None, days: Mutex::new(days) })
    }

    /// Every day there is, oldest first.
    pub fn days(&self) -> Vec<Day> {
        self.locked().keys().copied().collect()
    }

    /// The days of a range, newest first.
    pub fn days_within(&self, range: RangeInclusive<Day>) -> Vec<Day> {
        self.locked().range(range).rev().map(|(day, _)| *day).collect()
    }

    /// A day that is there, opened if need be; `None` when there is no such day.
    pub fn segment(&self, day: Day) -> Result<Option<Arc<Segment>>, HistoryError> {
        let mut days = self.locked();
        if !days.contains_key(&day) {
            return Ok(None);
        }
        self.take_down(&mut days, day).map(|(segment, _)| Some(segment))
    }

    /// A day, made if need be, and what had to be put right in it.
    pub fn segment_or_new(&self, day: Day) -> Result<(Arc<Segment>, Repair), HistoryError> {
        let mut days = self.locked();
        let is_new = !days.contains_key(&day);
        let taken = self.take_down(&mut days, day)?;
        if is_new {
            sync_folder(&self.folder)?;
        }
        Ok(taken)
    }

    /// Events and bytes of a day.
    pub fn size(&self, day: Day) -> Result<Option<(u64, u64)>, HistoryError> {
        if let Some(closed) = self.locked().get(&day).and_then(|place| place.closed) {
            return Ok(Some(closed));
        }
        Ok(self.segment(day)?.map(|segment| (segment.events(), segment.bytes())))
    }

    /// Removes a day for good, after a line about it is safely in `expired.log`. Whoever is reading it reads on to its end.
    pub fn remove(&self, day: Day, now: Timestamp) -> Result<Option<Removed>, HistoryError> {
        let Some((events, bytes)) = self.size(day)? else { return Ok(None) };
        let stone = self.folder.join("expired.log");
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(FILE_MODE);
        let mut stones = options.open(&stone).map_err(disk("open", &stone))?;
        let line = format!("{day}\t{events}\t{bytes}\t{now}\n");
        stones.write_all(line.as_bytes()).map_err(disk("write", &stone))?;
        stones.sync_all().map_err(disk("sync", &stone))?;
        let mut days = self.locked();
        let path = file_of_day(&self.folder, day);
        let torn = path.with_extension("torn");
        if torn.exists() {
            fs::remove_file(&torn).map_err(disk("remove", &torn))?;
        }
        fs::remove_file(&path).map_err(disk("remove", &path))?;
        days.remove(&day);
        sync_folder(&self.folder)?;
        Ok(Some(Removed { events, bytes }))
    }

    fn take_down(
        &self,
        days: &mut BTreeMap<Day, Place>,
        day: Day,
    ) -> Result<(Arc<Segment>, Repair), HistoryError> {
        let now = days.values().map(|place| place.last_used).max().unwrap_or(0) + 1;
        let mut repair = Repair::default();
        let segment = match days.get(&day).and_then(|place| place.segment.clone()) {
            Some(segment) => segment,
            None => {
                let path = file_of_day(&self.folder, day);
                let (segment, repaired) = match self.lock {
                    Some(_) => Segment::open(path, day)?,
                    None => (Segment::open_to_read(path, day)?, Repair::default()),
                };
                report(day, repaired);
                repair = repaired;
                Arc::new(segment)
            }
        };
        let place = Place { segment: Some(Arc::clone(&segment)), last_used: now, closed: None };
        days.insert(day, place);
        close_idle(days);
        Ok((segment, repair))
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Day, Place>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The day whose file an event of this time goes to: times no calendar has go to the first and last day it does have.
pub(crate) fn shelf_day(at: Timestamp) -> Day {
    at.day().clamp(Day(0), Day(LAST_DAY))
}

/// Closes the days that were used longest ago, past the most that stay open; never one that is in use.
fn close_idle(days: &mut BTreeMap<Day, Place>) {
    while days.values().filter(|place| place.segment.is_some()).count() > MOST_OPEN {
        let idle = |place: &&mut Place| {
            place.segment.as_ref().is_some_and(|segment| Arc::strong_count(segment) == 1)
        };
        let Some(place) = days.values_mut().filter(idle).min_by_key(|place| place.last_used) else { return };
        place.closed = place.segment.take().map(|segment| (segment.events(), segment.bytes()));
    }
}

fn lock(folder: &Path) -> Result<File, HistoryError> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(FILE_MODE);
    let file = options.open(&path).map_err(disk("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(HistoryError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(disk("lock", &path)(error)),
    }
}

/// Takes away what an earlier program or another hand gave to others.
fn restrict(path: &Path, mode: u32) -> Result<(), HistoryError> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(disk("restrict", path))
}

fn file_of_day(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{day}.events"))
}

fn day_of_file(name: &str) -> Option<Day> {
    let text = name.strip_suffix(".events")?;
    let day = Timestamp::parse(&format!("{text}T00:00:00Z"))?.day();
    (day.to_string() == text).then_some(day)
}

/// Makes a new or removed name in the folder durable.
fn sync_folder(folder: &Path) -> Result<(), HistoryError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(disk("sync", folder))
}

fn report(day: Day, repair: Repair) {
    if repair.torn_bytes > 0 || repair.damaged > 0 {
        let Repair { torn_bytes, damaged } = repair;
        tracing::warn!(%day, torn_bytes, damaged, "a day of history was put right when it was opened");
    }
}
