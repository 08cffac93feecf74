//! The folder of lists: `images/REVISION.sgi`, beside each its report, and `current`, a pointer of up to five lines: the
//! revision in force and those before it, newest first; and what it was made of (see [`crate::copies`]). Each file is replaced by renaming, so that whoever reads finds
//! the old or the new, whole.
//!
//! After going back, `held` says so: until a person updates the lists, only lists of illegal content are read then.

use crate::background::in_front;
use crate::copies::SOURCES;
use crate::mapped::map;
use crate::report::{Cause, at};
use crate::{BuiltImage, ListError, Report};
use model::Timestamp;
use policy::image::Image;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

pub(crate) const IMAGES: &str = "images";
const POINTER: &str = "current";
const HELD: &str = "held";
/// How the name of a file ends that is being written.
pub(crate) const NEW: &str = "new";
/// So often, and so long in between, is a folder asked for that another program has.
const LOCK_TRIES: u32 = 120;
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// So many images are kept, the one in force among them.
pub const MOST_IMAGES: usize = 5;

/// An image of the folder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptImage {
    /// Its revision.
    pub revision: String,
    /// The account of how it came to be, where it can be read.
    pub report: Option<Report>,
    /// True for the one in force.
    pub is_current: bool,
}

/// Somebody went back to an earlier image; until a person updates the lists again, the gate reads those of illegal content
/// alone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Held {
    /// When.
    #[serde(with = "at")]
    pub at: Timestamp,
    /// Who, and why.
    pub cause: Cause,
    /// The revision that was left.
    pub from: String,
    /// The revision that was put in force.
    pub to: String,
}

impl Held {
    /// A sentence for screens.
    pub fn words(&self) -> String {
        format!(
            "The lists were put back to an earlier state on {}. Until somebody updates them by hand, only lists of illegal \
             content are read.",
            self.at.day()
        )
    }
}

/// What of the folder is one program's at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Turn {
    /// Reading sources and laying copies by: from the first look to the end of an update, downloads and all.
    Update,
    /// Putting lists in force: for the seconds of a swap.
    InForce,
}

impl Turn {
    fn file(self) -> &'static str {
        match self {
            Self::Update => "updating",
            Self::InForce => "lock",
        }
    }
}

/// A turn, given back when dropped, by whatever end.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

impl Lock {
    /// Waits for another program to end, a minute at most.
    pub(crate) async fn take(dir: &Path, turn: Turn) -> Result<Self, ListError> {
        for _ in 0..LOCK_TRIES {
            let dir = dir.to_owned();
            if let Some(lock) = in_front(move || Self::try_take(&dir, turn)).await?? {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_WAIT).await;
        }
        Err(ListError::Busy)
    }

    fn try_take(dir: &Path, turn: Turn) -> Result<Option<Self>, ListError> {
        let path = dir.join(turn.file());
        let failed = |source| ListError::Write { path: path.clone(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// What an update is prepared beside: the revision in force, and whether somebody went back to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    revision: Option<String>,
    held: Option<Held>,
}

impl Standing {
    /// As it is now.
    pub(crate) fn of(dir: &Path) -> Self {
        Self { revision: read_pointer(dir).into_iter().next(), held: held(dir) }
    }
}

/// Writes an image with its report and puts it in force; the ones before are kept, as many as [`MOST_IMAGES`].
///
/// # Errors
/// [`ListError::Write`], and what opening the written file can fail with; the image in force stays what it was, and what
/// was written of the new one is taken away again.
pub fn write(dir: &Path, built: &BuiltImage) -> Result<Image, ListError> {
    let images = dir.join(IMAGES);
    fs::create_dir_all(&images).map_err(|source| ListError::Write { path: images, source })?;
    let written = write_beside(dir, built);
    let pointer = read_pointer(dir);
    // What is half there takes the room that the next attempt needs, on a disk that may be full.
    remove_others(dir, &pointer);
    written
}

fn write_beside(dir: &Path, built: &BuiltImage) -> Result<Image, ListError> {
    let revision = built.report.revision.to_string();
    replace(&image_path(dir, &revision), &built.bytes)?;
    // Opened before the pointer names it: what was written is what was meant.
    let image = open(dir, &revision)?;
    replace(&report_path(dir, &revision), &built.report.to_json())?;
    let mut pointer = read_pointer(dir);
    put_first(&mut pointer, revision);
    write_pointer(dir, &pointer)?;
    Ok(image)
}

/// Opens the image in force. One that is damaged is passed over for the one before, and both facts are logged; `None`
/// when there is none that can be opened.
pub fn open_current(dir: &Path) -> Option<Image> {
    for (place, revision) in read_pointer(dir).into_iter().enumerate() {
        match open(dir, &revision) {
            Ok(image) if place == 0 => return Some(image),
            Ok(image) => {
                tracing::warn!(revision, "an earlier list image is used instead");
                return Some(image);
            }
            Err(error) => {
                tracing::error!(revision, error = error.chain(), "a list image cannot be opened");
            }
        }
    }
    None
}

/// The images of the folder, the one in force first, then the newest before it.
pub fn images(dir: &Path) -> Vec<KeptImage> {
    let kept = read_pointer(dir).into_iter().enumerate().map(|(place, revision)| KeptImage {
        report: report(dir, &revision),
        is_current: place == 0,
        revision,
    });
    kept.collect()
}

/// The account of the update whose image is in force; `None` where there is none that can be read.
pub fn last_report(dir: &Path) -> Option<Report> {
    report(dir, read_pointer(dir).first()?)
}

/// Puts an earlier image in force again, the one before the present where no revision is named, and holds the gate's own
/// updates until a person updates the lists ([`Held`]).
///
/// # Errors
/// [`ListError::NoEarlierImage`], [`ListError::NoSuchImage`], [`ListError::Busy`] where another program is putting lists in
/// force for more than a minute, and what opening and writing can fail with; then nothing has changed. An update that is
/// under way ends with [`ListError::Overtaken`].
pub async fn roll_back(
    dir: &Path,
    to: Option<&str>,
    cause: Cause,
    at: Timestamp,
) -> Result<Image, ListError> {
    let lock = Lock::take(dir, Turn::InForce).await?;
    let (dir, to) = (dir.to_owned(), to.map(str::to_owned));
    in_front(move || {
        let image = go_back(&dir, to.as_deref(), cause, at);
        drop(lock);
        image
    })
    .await?
}

fn go_back(dir: &Path, to: Option<&str>, cause: Cause, at: Timestamp) -> Result<Image, ListError> {
    let mut pointer = read_pointer(dir);
    let from = pointer.first().cloned().ok_or(ListError::NoEarlierImage)?;
    let earlier = match to {
        None => pointer.get(1).ok_or(ListError::NoEarlierImage)?,
        Some(named) => pointer
            .iter()
            .find(|revision| *revision == named)
            .ok_or_else(|| ListError::NoSuchImage { found: named.to_owned() })?,
    };
    let earlier = earlier.clone();
    let image = open(dir, &earlier)?;
    // The hold first: an update between the two would undo what is being done.
    let held = Held { at, cause, from, to: earlier.clone() };
    let json = serde_json::to_vec_pretty(&held).map_err(ListError::Report)?;
    replace(&dir.join(HELD), &json)?;
    tracing::warn!(
        from = held.from,
        to = held.to,
        "the lists were put back; but those of illegal content, updates wait for a person"
    );
    put_first(&mut pointer, earlier);
    write_pointer(dir, &pointer)?;
    Ok(image)
}

/// Whether updates wait for a person, since one went back to an earlier image. A note of it that cannot be read says so too:
/// the next update would undo what a person did.
pub fn held(dir: &Path) -> Option<Held> {
    let path = dir.join(HELD);
    match fs::read(&path) {
        Ok(json) => Some(serde_json::from_slice(&json).unwrap_or_else(|_| unread(dir, &path))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(unread(dir, &path)),
    }
}

/// What is known of going back where the note of it cannot be read: the lists in force, and when the note was written.
fn unread(dir: &Path, note: &Path) -> Held {
    let written = fs::metadata(note).and_then(|note| note.modified()).ok();
    let since = written.and_then(|written| written.duration_since(UNIX_EPOCH).ok());
    let at = since.and_then(|since| i64::try_from(since.as_millis()).ok()).map_or(Timestamp(0), Timestamp);
    let cause = Cause::person("not known", "the note of it cannot be read");
    Held { at, cause, from: String::new(), to: read_pointer(dir).into_iter().next().unwrap_or_default() }
}

/// Lets the gate update the lists by itself again.
pub(crate) fn release(dir: &Path) {
    remove(&dir.join(HELD));
}

fn report(dir: &Path, revision: &str) -> Option<Report> {
    Report::from_json(&fs::read(report_path(dir, revision)).ok()?).ok()
}

fn open(dir: &Path, revision: &str) -> Result<Image, ListError> {
    let path = image_path(dir, revision);
    let mapped = map(&path).map_err(|source| ListError::Read { path, source })?;
    Ok(Image::from_bytes(mapped)?)
}

fn image_path(dir: &Path, revision: &str) -> PathBuf {
    dir.join(IMAGES).join(format!("{revision}.sgi"))
}

fn report_path(dir: &Path, revision: &str) -> PathBuf {
    dir.join(IMAGES).join(format!("{revision}.json"))
}

/// The revisions that the pointer names, the one in force first.
fn read_pointer(dir: &Path) -> Vec<String> {
    let text = fs::read_to_string(dir.join(POINTER)).unwrap_or_default();
    text.lines().filter(|line| is_revision(line)).take(MOST_IMAGES).map(str::to_owned).collect()
}

/// The pointer names files: nothing but a revision may be taken from it.
fn is_revision(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn put_first(pointer: &mut Vec<String>, revision: String) {
    pointer.retain(|kept| *kept != revision);
    pointer.insert(0, revision);
    pointer.truncate(MOST_IMAGES);
}

fn write_pointer(dir: &Path, pointer: &[String]) -> Result<(), ListError> {
    replace(&dir.join(POINTER), format!("{}\n", pointer.join("\n")).as_bytes())
}

/// Removes images and reports that the pointer does not name, and what a program that was killed left half written. One that stays behind costs room and nothing else.
fn remove_others(dir: &Path, pointer: &[String]) {
    let Ok(entries) = fs::read_dir(dir.join(IMAGES)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let ours = is_revision(stem) && path.extension().is_some_and(|kind| kind == "sgi" || kind == "json");
        let is_named = pointer.iter().any(|revision| revision == stem);
        if (ours && !is_named) || path.extension().is_some_and(|kind| kind == NEW) {
            remove(&path);
        }
        if is_revision(stem)
            && !is_named
            && path.extension().is_some_and(|kind| kind == SOURCES)
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!(path = %path.display(), %error, "old copies of the lists cannot be removed");
        }
    }
}

/// Takes a file away; one that stays behind is named in the log.
pub(crate) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), %error, "an old file of the lists cannot be removed");
        }
        _ => {}
    }
}

/// Writes a file whole: another file, forced to disk, renamed over it, and the folder forced to disk. Its owner alone may
/// read it: there are lists among these that nobody else may see.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ListError> {
    let failed = |source| ListError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{NEW}", std::process::id()));
    let new = path.with_file_name(name);
    let written = write_whole(&new, bytes).and_then(|()| fs::rename(&new, path));
    // On a full disk a part would take the room that the next attempt needs.
    written.inspect_err(|_| remove(&new)).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
