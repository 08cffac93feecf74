//! Where lines of other systems are kept: a folder with files of a day, compressed, each line with its hash.
//!
//! A file is zstd frames one after the other, a frame for each batch, so that `zstdcat` reads a whole day. A process never
//! goes on with a file of an earlier one: what a power cut tears is the last frame of its own file and nothing else.
//!
//! Left out so far: encryption at rest, and a search; the history has both for requests.

use crate::{IntakeError, OutsideEvent};
use model::{Day, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files of one day: one for each start of the program.
const MOST_FILES_OF_A_DAY: u32 = 10_000;
/// zstd's own middle.
const LEVEL: i32 = 3;

/// The folder.
#[derive(Debug)]
pub struct LogShelf {
    folder: PathBuf,
    open: Option<(Day, File)>,
}

impl LogShelf {
    /// Opens the folder, making it where there is none; for its user alone.
    ///
    /// # Errors
    /// [`IntakeError::Shelf`], as the system says.
    pub fn open(folder: &Path) -> Result<Self, IntakeError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| failed(folder, source))?;
        Ok(Self { folder: folder.to_owned(), open: None })
    }

    /// Appends events to the days in which they came in. Durable when it returns; after an error the events of some days
    /// may be there.
    ///
    /// # Errors
    /// [`IntakeError::Shelf`], as the system says.
    pub fn append(&mut self, events: &[OutsideEvent]) -> Result<(), IntakeError> {
        let mut days: BTreeMap<Day, String> = BTreeMap::new();
        for event in events {
            write_line(days.entry(event.received.day()).or_default(), event);
        }
        for (day, lines) in days {
            let written = self.write(day, &lines);
            if written.is_err() {
                // A torn frame ends its file.
                self.open = None;
            }
            written.map_err(|source| failed(&self.folder, source))?;
        }
        Ok(())
    }

    /// Removes every day before this one for good, leaving a line for each file in `expired.log`; how many files went.
    ///
    /// # Errors
    /// [`IntakeError::Shelf`], as the system says.
    pub fn expire(&self, before: Day, now: Timestamp) -> Result<u32, IntakeError> {
        let removed = self.remove(before, now);
        removed.map_err(|source| failed(&self.folder, source))
    }

    fn write(&mut self, day: Day, lines: &str) -> io::Result<()> {
        let frame = zstd::encode_all(lines.as_bytes(), LEVEL)?;
        let mut file = match self.open.take() {
            Some((open, file)) if open == day => file,
            _ => new_file(&self.folder, day)?,
        };
        file.write_all(&frame)?;
        file.sync_data()?;
        self.open = Some((day, file));
        Ok(())
    }

    fn remove(&self, before: Day, now: Timestamp) -> io::Result<u32> {
        let mut removed = 0;
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(day) = name.to_str().and_then(day_of_file).filter(|day| *day < before) else { continue };
            let bytes = entry.metadata()?.len();
            let mut options = OpenOptions::new();
            let mut stones =
                options.create(true).append(true).mode(0o600).open(self.folder.join("expired.log"))?;
            stones.write_all(format!("{day}\t{bytes}\t{now}\n").as_bytes())?;
            stones.sync_data()?;
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
        Ok(removed)
    }
}

fn failed(folder: &Path, source: io::Error) -> IntakeError {
    IntakeError::Shelf { folder: folder.to_owned(), source }
}

fn new_file(folder: &Path, day: Day) -> io::Result<File> {
    for number in 1..=MOST_FILES_OF_A_DAY {
        let path = folder.join(format!("{day}.{number}.log.zst"));
        match OpenOptions::new().append(true).create_new(true).mode(0o600).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened,
        }
    }
    Err(io::Error::other("expected fewer starts in one day"))
}

fn day_of_file(name: &str) -> Option<Day> {
    let (day, _) = name.strip_suffix(".log.zst")?.split_once('.')?;
    Timestamp::parse(&format!("{day}T00:00:00Z")).map(Timestamp::day)
}

/// When it came in, when it happened, sender, deed, severity, SHA-256, the line: with tabs between them.
fn write_line(out: &mut String, event: &OutsideEvent) {
    let OutsideEvent { at, received, sender, deed, severity, line, hash, .. } = event;
    // Writing to a text does not fail.
    let _ = write!(out, "{received}\t{at}\t{sender}\t{}\t{severity}\t", deed.slug());
    for byte in hash {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('\t');
    for chunk in line.utf8_chunks() {
        for sign in chunk.valid().chars() {
            match sign {
                '\\' => out.push_str("\\\\"),
                _ if sign.is_control() => out.extend(sign.escape_default()),
                _ => out.push(sign),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_line;
    use jiff::tz::TimeZone;

    const DAY_MS: i64 = 86_400_000;

    fn event(line: &[u8], day: i64) -> OutsideEvent {
        read_line(line, &"fw".into(), Timestamp(day * DAY_MS), &TimeZone::UTC)
    }

    fn read(file: &Path) -> String {
        String::from_utf8(zstd::decode_all(File::open(file).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn lines_are_kept_by_day_with_their_hash_and_a_restart_begins_a_file_of_its_own() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("logs");
        let mut shelf = LogShelf::open(&folder).unwrap();
        shelf.append(&[event(b"a\tb\\ \xff", 0), event(b"second", 0), event(b"next day", 1)]).unwrap();
        shelf.append(&[event(b"third", 1)]).unwrap();
        LogShelf::open(&folder).unwrap().append(&[event(b"again", 1)]).unwrap();
        let first = read(&folder.join("1970-01-01.1.log.zst"));
        let lines: Vec<&str> = first.lines().collect();
        assert!(lines[0].ends_with("\ta\\tb\\\\ \\xff"), "{first}");
        assert_eq!((lines.len(), lines[1].split('\t').nth(5).unwrap().len()), (2, 64));
        assert_eq!(read(&folder.join("1970-01-02.1.log.zst")).lines().count(), 2);
        assert_eq!(read(&folder.join("1970-01-02.2.log.zst")).lines().count(), 1);
    }

    #[test]
    fn what_is_older_than_it_may_be_goes_and_leaves_a_line() {
        let home = tempfile::tempdir().unwrap();
        let mut shelf = LogShelf::open(home.path()).unwrap();
        shelf.append(&[event(b"old", 0), event(b"new", 9)]).unwrap();
        assert_eq!(shelf.expire(Day(9), Timestamp(10 * DAY_MS)).unwrap(), 1);
        assert!(!home.path().join("1970-01-01.1.log.zst").exists());
        assert!(home.path().join("1970-01-10.1.log.zst").exists());
        let stones = std::fs::read_to_string(home.path().join("expired.log")).unwrap();
        assert!(stones.starts_with("1970-01-01\t") && stones.lines().count() == 1, "{stones}");
    }
}
