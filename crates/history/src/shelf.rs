//! The folder of days: which there are, which are open, and which are gone for good.
//!
//! A day is a log, or columns, or columns and a log of what came after them. At most [`MOST_OPEN`] days are open while nobody
//! uses them, so that a year of history costs neither its file handles nor its indexes. A day that somebody still reads or
//! writes is never closed, so a log that is written to has one [`Segment`] at a time.
//!
//! One process writes at a time: the file `lock` is held for as long as its shelf lives. A shelf that only reads takes no
//! lock, and puts nothing right.

use crate::HistoryError;
use crate::columns::{Columns, columns_file};
use crate::error::disk;
use crate::expire::MOST_READ_BYTES;
use crate::hold::{held_folder, settle};
use crate::key::{Key, Keys, day_key_file};
use crate::query::DaySummary;
use crate::segment::{Block, Repair, Segment, may_be_sealed, write_log};
use model::{Day, Timestamp};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A month and some days.
const MOST_OPEN: usize = 40;
/// What is inside is personal: it is for the user the program runs as, and for nobody else on the machine.
pub(crate) const FOLDER_MODE: u32 = 0o700;
/// The same for each file.
pub(crate) const FILE_MODE: u32 = 0o600;
/// 9999-12-30, the last whole day whose name has four digits of year.
const LAST_DAY: i32 = 2_932_895;
/// What a file is called while it is written that will take another's place.
const UNFINISHED: &str = "new";
/// What sequences begin at once a day's files were set aside, or the day went and an event of it came all the same: how far
/// they went cannot be read any more, and no day comes near it, so no id is ever given twice: a hold may have its row. The
/// second time begins at twice that, and so on.
const FIRST_AFTER_ASIDE: u64 = 1 << 40;
/// How often the files of one day may be set aside.
const MOST_ASIDES: u64 = 1_000;

/// The days, and the lock that keeps others out.
pub(crate) struct Shelf {
    folder: PathBuf,
    access: Access,
    days: Mutex<BTreeMap<Day, Place>>,
    /// How often each day went whole, as far back as `expired.log` is read.
    gone: Mutex<BTreeMap<Day, u64>>,
}

/// What may be done with the folder.
enum Access {
    /// The lock is held for as long as this lives.
    Write { _lock: File, keys: Keys },
    /// No keys: nothing was ever sealed.
    Read(Option<Keys>),
}

/// A day that is there.
#[derive(Default)]
struct Place {
    files: Option<Arc<DayFiles>>,
    last_used: u64,
    /// What it held when it was last closed.
    closed: Option<(u64, u64)>,
}

/// An open day. What it has does not change: a log that begins, or columns that take rows over, make another.
pub(crate) struct DayFiles {
    pub day: Day,
    pub columns: Option<Arc<Columns>>,
    /// What came after the columns.
    pub log: Option<Arc<Segment>>,
}

/// One day that is gone.
pub(crate) struct Removed {
    pub events: u64,
    pub bytes: u64,
}

impl DayFiles {
    pub fn events(&self) -> u64 {
        self.columns.as_ref().map_or(0, |columns| columns.events())
            + self.log.as_ref().map_or(0, |log| log.events())
    }

    pub fn bytes(&self) -> u64 {
        self.columns.as_ref().map_or(0, |columns| columns.bytes())
            + self.log.as_ref().map_or(0, |log| log.bytes())
    }

    pub fn latest(&self) -> Option<Timestamp> {
        let columns = self.columns.as_ref().map(|columns| columns.latest());
        columns.max(self.log.as_ref().and_then(|log| log.latest()))
    }

    fn is_idle(&self) -> bool {
        self.log.as_ref().is_none_or(|log| Arc::strong_count(log) == 1)
    }
}

impl Shelf {
    /// Opens the folder, making it where there is none.
    pub fn open(folder: &Path) -> Result<Self, HistoryError> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder).map_err(disk("make", folder))?;
        restrict(folder, FOLDER_MODE)?;
        let lock = lock(folder)?;
        let mut days = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(disk("list", folder))? {
            let entry = entry.map_err(disk("list", folder))?;
            let (path, name) = (entry.path(), entry.file_name());
            if path.extension().is_some_and(|end| end == UNFINISHED) {
                fs::remove_file(&path).map_err(disk("remove", &path))?;
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                restrict(&path, FILE_MODE)?;
            }
            if let Some(day) = name.to_str().and_then(day_of_file) {
                days.insert(day, Place::default());
            }
        }
        let access = Access::Write { _lock: lock, keys: Keys::open(folder)? };
        let (days, gone) = (Mutex::new(days), Mutex::default());
        let shelf = Self { folder: folder.to_owned(), access, days, gone };
        let stones = shelf.expired_log(MOST_READ_BYTES)?;
        *shelf.gone() = times_gone(&stones);
        settle(&held_folder(folder), &stones, &|line| shelf.note_expired(line))?;
        Ok(shelf)
    }

    /// Opens a folder that is there, which another process may be writing to.
    pub fn open_to_read(folder: &Path) -> Result<Self, HistoryError> {
        let entries = fs::read_dir(folder).map_err(disk("list", folder))?;
        let days = entries.flatten().filter_map(|entry| day_of_file(entry.file_name().to_str()?));
        let days = days.map(|day| (day, Place::default())).collect();
        let access = Access::Read(Keys::open_to_read(folder)?);
        Ok(Self { folder: folder.to_owned(), access, days: Mutex::new(days), gone: Mutex::default() })
    }

    /// Opens the folder of a hold, to read.
    pub fn held(folder: &Path, keys: Keys) -> Result<Self, HistoryError> {
        let shelf = Self::open_to_read(folder)?;
        Ok(Self { access: Access::Read(Some(keys)), ..shelf })
    }

    /// The keys of days in a folder of this school's.
    pub fn keys_in(&self, folder: &Path) -> Result<Keys, HistoryError> {
        match &self.access {
            Access::Write { keys, .. } | Access::Read(Some(keys)) => Ok(keys.in_folder(folder)),
            Access::Read(None) => Err(HistoryError::SchoolKeyMissing { file: folder.to_owned() }),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every day there is, oldest first.
    pub fn days(&self) -> Vec<Day> {
        self.locked().keys().copied().collect()
    }

    /// The days of a range, newest first.
    pub fn days_within(&self, range: RangeInclusive<Day>) -> Vec<Day> {
        self.locked().range(range).rev().map(|(day, _)| *day).collect()
    }

    /// A day that is there, opened if need be, and what had to be put right in it; `None` when there is no such day.
    pub fn files(&self, day: Day) -> Result<Option<(Arc<DayFiles>, Repair)>, HistoryError> {
        let mut days = self.locked();
        if !days.contains_key(&day) {
            return Ok(None);
        }
        self.take_down(&mut days, day).map(Some)
    }

    /// The same for work that goes on with the other days: `None` also where the day cannot be read, which is logged.
    pub fn readable_files(&self, day: Day) -> Result<Option<(Arc<DayFiles>, Repair)>, HistoryError> {
        match self.files(day) {
            Err(error) if error.is_of_one_day() => {
                tracing::error!(%day, %error, "a day of history cannot be read, and is left as it is");
                Ok(None)
            }
            other => other,
        }
    }

    /// A day's log, made if need be. What of the day cannot be read is set aside as it is, so that recording goes on.
    pub fn log_or_new(&self, day: Day) -> Result<Arc<Segment>, HistoryError> {
        let mut days = self.locked();
        match self.log_in(&mut days, day) {
            Err(error) if error.is_of_one_day() => {
                self.set_aside(&mut days, day, &error)?;
                self.log_in(&mut days, day)
            }
            done => done,
        }
    }

    fn log_in(&self, days: &mut BTreeMap<Day, Place>, day: Day) -> Result<Arc<Segment>, HistoryError> {
        let columns = match days.contains_key(&day) {
            false => None,
            true => {
                let (files, _) = self.take_down(days, day)?;
                if let Some(log) = &files.log {
                    return Ok(Arc::clone(log));
                }
                files.columns.clone()
            }
        };
        let floor = columns.as_ref().map_or(0, |columns| columns.next_sequence());
        let (log, _) = Segment::open(log_file(&self.folder, day), day, self.key_or_new(day)?, floor)?;
        log.begin_at(self.lowest_sequence(day));
        let log = Arc::new(log);
        put(days, Arc::new(DayFiles { day, columns, log: Some(Arc::clone(&log)) }));
        sync_folder(&self.folder)?;
        Ok(log)
    }

    /// Renames what of a day cannot be read, so that the day can begin anew: the file of a later program alone, the columns
    /// alone where the key opens, else everything that was sealed with it, and the key. Nothing is removed before the day
    /// expires.
    fn set_aside(
        &self,
        days: &mut BTreeMap<Day, Place>,
        day: Day,
        why: &HistoryError,
    ) -> Result<(), HistoryError> {
        let Access::Write { keys, .. } = &self.access else {
            return Err(HistoryError::DayKeyMissing { day });
        };
        let number = self.asides(day) + 1;
        let key_opens = matches!(keys.of_day(day), Ok(Some(_)));
        let [columns, log, key] = self.files_of(day);
        if number > MOST_ASIDES {
            return Err(disk("set aside", &columns)(io::Error::other("it was done too often before")));
        }
        let broken = match why {
            HistoryError::LaterFormat { file, .. } => vec![file.clone()],
            _ if key_opens => vec![columns],
            _ => vec![columns, log, key],
        };
        for path in broken {
            let aside = aside_of(&path, number);
            match fs::rename(&path, &aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(disk("set aside", &path)(error));
                }
                _ => {}
            }
        }
        sync_folder(&self.folder)?;
        days.insert(day, Place::default());
        tracing::error!(%day, error = %why, number, "a day of history cannot be read: it was set aside and begins anew");
        Ok(())
    }

    /// Whether something of a day was set aside because it could not be read.
    pub fn has_asides(&self, day: Day) -> bool {
        self.asides(day) > 0
    }

    /// How often files of a day were set aside.
    fn asides(&self, day: Day) -> u64 {
        let files = self.files_of(day);
        let is_there = |number: &u64| files.iter().any(|path| aside_of(path, *number).exists());
        (1..=MOST_ASIDES).take_while(is_there).last().unwrap_or(0)
    }

    fn lowest_sequence(&self, day: Day) -> u64 {
        let gone = self.gone().get(&day).copied().unwrap_or(0);
        self.asides(day).saturating_add(gone).saturating_mul(FIRST_AFTER_ASIDE)
    }

    fn gone(&self) -> MutexGuard<'_, BTreeMap<Day, u64>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a day is kept in, the key last: a day whose key alone is left is no day.
    fn files_of(&self, day: Day) -> [PathBuf; 3] {
        [columns_file(&self.folder, day), log_file(&self.folder, day), day_key_file(&self.folder, day)]
    }

    /// A day's key for sealing, made if need be.
    pub fn key_or_new(&self, day: Day) -> Result<Key, HistoryError> {
        let log = log_file(&self.folder, day);
        match &self.access {
            Access::Write { keys, .. } => match keys.of_day(day)? {
                Some(key) => Ok(key),
                None if may_be_sealed(&log).map_err(disk("read", &log))? => {
                    Err(HistoryError::DayKeyMissing { day })
                }
                None => keys.of_day_or_new(day),
            },
            Access::Read(_) => Err(HistoryError::DayKeyMissing { day }),
        }
    }

    /// Whether a day has a log. Told without opening the day: most days of a year have none.
    pub fn has_log(&self, day: Day) -> bool {
        log_file(&self.folder, day).exists()
    }

    /// Events and bytes of a day.
    pub fn size(&self, day: Day) -> Result<Option<(u64, u64)>, HistoryError> {
        if let Some(closed) = self.locked().get(&day).and_then(|place| place.closed) {
            return Ok(Some(closed));
        }
        Ok(self.files(day)?.map(|(files, _)| (files.events(), files.bytes())))
    }

    /// Puts new columns in the place of those there were, and of the log all but the blocks that follow. To be called while
    /// nobody appends. `keep_log_as`: what the log is kept as, where not all of it could be taken over.
    pub fn take_over(
        &self,
        before: &DayFiles,
        columns: &Path,
        rest: &[Block],
        keep_log_as: Option<&str>,
    ) -> Result<(), HistoryError> {
        let day = before.day;
        let mut days = self.locked();
        let (place, log) = (columns_file(&self.folder, day), log_file(&self.folder, day));
        fs::rename(columns, &place).map_err(disk("rename", columns))?;
        sync_folder(&self.folder)?;
        // From here on the log's blocks count for nothing that the columns hold, whatever becomes of the log.
        if let Some(end) = keep_log_as {
            let kept = log.with_extension(end);
            match fs::hard_link(&log, &kept) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(disk("keep", &kept)(error));
                }
                _ => {}
            }
        }
        match (&before.log, rest) {
            (Some(segment), [_, ..]) => {
                let fresh = log.with_extension("events.new");
                write_log(&fresh, segment, rest)?;
                fs::rename(&fresh, &log).map_err(disk("rename", &fresh))?;
            }
            (Some(_), []) => fs::remove_file(&log).map_err(disk("remove", &log))?,
            (None, _) => {}
        }
        sync_folder(&self.folder)?;
        days.insert(day, Place::default());
        Ok(())
    }

    /// Removes a day for good, after a line about it is safely in `expired.log`: day, events, bytes, when, why, and how
    /// many of its events are held. Whoever is reading it reads on to its end.
    pub fn remove(
        &self,
        day: Day,
        now: Timestamp,
        (why, held): (&str, u64),
    ) -> Result<Option<Removed>, HistoryError> {
        let files = [log_file(&self.folder, day), columns_file(&self.folder, day)];
        if !self.locked().contains_key(&day) {
            return Ok(None);
        }
        // What cannot be read any more must go all the same.
        let (events, bytes) = match self.size(day) {
            Ok(Some(size)) => size,
            _ => (0, files.iter().filter_map(|path| fs::metadata(path).ok()).map(|file| file.len()).sum()),
        };
        self.note_expired(&format!("{day}\t{events}\t{bytes}\t{now}\t{why}\t{held} held\n"))?;
        *self.gone().entry(day).or_default() += 1;
        let mut days = self.locked();
        let log = log_file(&self.folder, day);
        let pieces = ["torn", "damaged"].map(|end| log.with_extension(end));
        let all = self.files_of(day);
        // The newest first: those that are left after a crash are still counted from the first.
        let asides = (1..=self.asides(day)).rev();
        let asides = asides.flat_map(|number| all.iter().map(move |path| aside_of(path, number)));
        // The key last: a day whose key alone is left is no day.
        for path in asides.chain(files).chain(pieces).chain([day_key_file(&self.folder, day)]) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(disk("remove", &path)(error));
                }
                _ => {}
            }
        }
        days.remove(&day);
        sync_folder(&self.folder)?;
        Ok(Some(Removed { events, bytes }))
    }

    /// Adds a line to `expired.log`, and waits until it is on the disk.
    pub fn note_expired(&self, line: &str) -> Result<(), HistoryError> {
        let stone = self.expired_log_file();
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(FILE_MODE);
        let mut stones = options.open(&stone).map_err(disk("open", &stone))?;
        stones.write_all(line.as_bytes()).map_err(disk("write", &stone))?;
        stones.sync_all().map_err(disk("sync", &stone))
    }

    /// Adds a line that another place has.
    pub fn take_over_line(&self, line: &str) -> Result<(), HistoryError> {
        self.note_expired(&format!("{line}\n"))?;
        for (day, times) in times_gone(line) {
            *self.gone().entry(day).or_default() += times;
        }
        Ok(())
    }

    /// The end of `expired.log`, from the beginning of a line; empty where nothing ever expired.
    pub fn expired_log(&self, most_bytes: u64) -> Result<String, HistoryError> {
        let path = self.expired_log_file();
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            let from = file.metadata()?.len().saturating_sub(most_bytes);
            file.seek(SeekFrom::Start(from))?;
            let mut text = Vec::new();
            file.take(most_bytes).read_to_end(&mut text)?;
            if from > 0 {
                let first_end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
                text.drain(..first_end);
            }
            Ok(text)
        };
        match read() {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(source) => Err(disk("read", &path)(source)),
        }
    }

    fn expired_log_file(&self) -> PathBuf {
        self.folder.join("expired.log")
    }

    fn take_down(
        &self,
        days: &mut BTreeMap<Day, Place>,
        day: Day,
    ) -> Result<(Arc<DayFiles>, Repair), HistoryError> {
        let mut repair = Repair::default();
        let files = match days.get(&day).and_then(|place| place.files.clone()) {
            Some(files) => files,
            None => {
                let (files, repaired) = self.open_day(day)?;
                report(day, repaired);
                repair = repaired;
                Arc::new(files)
            }
        };
        put(days, Arc::clone(&files));
        Ok((files, repair))
    }

    fn open_day(&self, day: Day) -> Result<(DayFiles, Repair), HistoryError> {
        let key = || match &self.access {
            Access::Write { keys, .. } => keys.of_day(day),
            Access::Read(keys) => keys.as_ref().map_or(Ok(None), |keys| keys.of_day(day)),
        };
        let columns = Columns::open(columns_file(&self.folder, day), day, key)?;
        let floor = columns.as_ref().map_or(0, Columns::next_sequence);
        let path = log_file(&self.folder, day);
        let mut repair = Repair::default();
        let log = match (&self.access, path.exists()) {
            (_, false) if columns.is_some() => None,
            (Access::Write { .. }, _) => {
                let (log, repaired) = Segment::open(path, day, self.key_or_new(day)?, floor)?;
                repair = repaired;
                log.begin_at(self.lowest_sequence(day));
                Some(log)
            }
            (Access::Read(_), _) => Some(Segment::open_to_read(path, day, key()?, floor)?),
        };
        Ok((DayFiles { day, columns: columns.map(Arc::new), log: log.map(Arc::new) }, repair))
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<Day, Place>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often each day went whole, by the lines about it.
fn times_gone(expired_log: &str) -> BTreeMap<Day, u64> {
    let mut gone = BTreeMap::new();
    let whole =
        expired_log.lines().filter_map(crate::expire::tombstone).filter(|stone| stone.kinds.is_empty());
    for stone in whole {
        *gone.entry(stone.day).or_default() += 1;
    }
    gone
}

/// The days of a shelf, oldest first; those that cannot be read are left out. The first call opens each day once.
pub(crate) fn summaries(shelf: &Shelf) -> Result<Vec<DaySummary>, HistoryError> {
    let mut summaries = Vec::new();
    for day in shelf.days() {
        match shelf.size(day) {
            Ok(Some((events, bytes))) => summaries.push(DaySummary { day, events, bytes }),
            Err(error) if error.is_of_one_day() => {
                tracing::error!(%day, %error, "a day of history cannot be read, and is left out");
            }
            other => {
                other?;
            }
        }
    }
    Ok(summaries)
}

/// The day whose file an event of this time goes to: times no calendar has go to the first and last day it does have.
pub(crate) fn shelf_day(at: Timestamp) -> Day {
    at.day().clamp(Day(0), Day(LAST_DAY))
}

/// Notes that a day is open and was used just now.
fn put(days: &mut BTreeMap<Day, Place>, files: Arc<DayFiles>) {
    let now = days.values().map(|place| place.last_used).max().unwrap_or(0) + 1;
    days.insert(files.day, Place { files: Some(files), last_used: now, closed: None });
    close_idle(days);
}

/// Closes the days that were used longest ago, past the most that stay open; never one that is in use.
fn close_idle(days: &mut BTreeMap<Day, Place>) {
    while days.values().filter(|place| place.files.is_some()).count() > MOST_OPEN {
        let idle = |place: &&mut Place| {
            place.files.as_ref().is_some_and(|files| Arc::strong_count(files) == 1 && files.is_idle())
        };
        let Some(place) = days.values_mut().filter(idle).min_by_key(|place| place.last_used) else { return };
        place.closed = place.files.take().map(|files| (files.events(), files.bytes()));
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

fn log_file(folder: &Path, day: Day) -> PathBuf {
    folder.join(format!("{day}.events"))
}

/// What a file is called once it was set aside for the `number`th time.
fn aside_of(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".unreadable-{number}"));
    PathBuf::from(name)
}

fn day_of_file(name: &str) -> Option<Day> {
    let text = name.strip_suffix(".events").or_else(|| name.strip_suffix(".columns"))?;
    let day = Timestamp::parse(&format!("{text}T00:00:00Z"))?.day();
    (day.to_string() == text).then_some(day)
}

/// Makes a new or removed name in the folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), HistoryError> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(disk("sync", folder))
}

fn report(day: Day, repair: Repair) {
    if repair.torn_bytes > 0 || repair.damaged > 0 {
        let Repair { torn_bytes, damaged } = repair;
        tracing::warn!(%day, torn_bytes, damaged, "a day of history was put right when it was opened");
    }
}
