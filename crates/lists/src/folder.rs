//! The folder of lists: `images/REVISION.sgi`, and `current`, a pointer of one or two lines: the revision in force and
//! the one before it. Both files are replaced by renaming, so that whoever reads finds the old or the new, whole.

use crate::mapped::map;
use crate::{BuiltImage, ListError};
use policy::image::Image;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

const IMAGES: &str = "images";
const POINTER: &str = "current";

/// Which images the pointer names.
struct Pointer {
    current: String,
    previous: Option<String>,
}

/// Writes an image and puts it in force; the one in force before is kept, and older ones go.
///
/// # Errors
/// [`ListError::Write`], and what opening the written file can fail with; the image in force stays what it was.
pub fn write(dir: &Path, built: &BuiltImage) -> Result<Image, ListError> {
    let images = dir.join(IMAGES);
    fs::create_dir_all(&images).map_err(|source| ListError::Write { path: images, source })?;
    let revision = built.report.revision.to_string();
    replace(&image_path(dir, &revision), &built.bytes)?;
    // Opened before the pointer names it: what was written is what was meant.
    let image = open(dir, &revision)?;
    let before = read_pointer(dir);
    let previous = before
        .and_then(|before| if before.current == revision { before.previous } else { Some(before.current) });
    let pointer = Pointer { current: revision, previous };
    write_pointer(dir, &pointer)?;
    remove_others(dir, &pointer);
    Ok(image)
}

/// Opens the image in force. One that is damaged is passed over for the one before, and both facts are logged; `None`
/// when there is neither.
pub fn open_current(dir: &Path) -> Option<Image> {
    let Pointer { current, previous } = read_pointer(dir)?;
    let error = match open(dir, &current) {
        Ok(image) => return Some(image),
        Err(error) => error.chain(),
    };
    tracing::error!(revision = current, error, "the list image in force cannot be opened");
    let previous = previous?;
    match open(dir, &previous) {
        Ok(image) => {
            tracing::warn!(revision = previous, "the list image before it is used instead");
            Some(image)
        }
        Err(error) => {
            tracing::error!(
                revision = previous,
                error = error.chain(),
                "nor can the one before it be opened"
            );
            None
        }
    }
}

/// Puts the image before the present one in force again. Done twice, it is undone.
///
/// # Errors
/// [`ListError::NoEarlierImage`], and what opening and writing can fail with; then nothing has changed.
pub fn roll_back(dir: &Path) -> Result<Image, ListError> {
    let Pointer { current, previous } = read_pointer(dir).ok_or(ListError::NoEarlierImage)?;
    let earlier = previous.ok_or(ListError::NoEarlierImage)?;
    let image = open(dir, &earlier)?;
    write_pointer(dir, &Pointer { current: earlier, previous: Some(current) })?;
    Ok(image)
}

fn open(dir: &Path, revision: &str) -> Result<Image, ListError> {
    let path = image_path(dir, revision);
    let mapped = map(&path).map_err(|source| ListError::Read { path, source })?;
    Ok(Image::from_bytes(mapped)?)
}

fn image_path(dir: &Path, revision: &str) -> PathBuf {
    dir.join(IMAGES).join(format!("{revision}.sgi"))
}

fn read_pointer(dir: &Path) -> Option<Pointer> {
    let text = fs::read_to_string(dir.join(POINTER)).ok()?;
    let mut revisions = text.lines().filter(|line| is_revision(line)).map(str::to_owned);
    Some(Pointer { current: revisions.next()?, previous: revisions.next() })
}

/// The pointer names files: nothing but a revision may be taken from it.
fn is_revision(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn write_pointer(dir: &Path, pointer: &Pointer) -> Result<(), ListError> {
    let previous = pointer.previous.as_deref().unwrap_or_default();
    replace(&dir.join(POINTER), format!("{}\n{previous}\n", pointer.current).as_bytes())
}

/// Removes images that the pointer does not name. One that stays behind costs room and nothing else.
fn remove_others(dir: &Path, pointer: &Pointer) {
    let Ok(entries) = fs::read_dir(dir.join(IMAGES)) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let named = stem == pointer.current || pointer.previous.as_deref() == Some(stem);
        let image = path.extension() == Some(OsStr::new("sgi"));
        if image && !named && fs::remove_file(&path).is_err() {
            tracing::warn!(revision = stem, "an old list image cannot be removed");
        }
    }
}

/// Writes a file whole: another file, forced to disk, renamed over it, and the folder forced to disk.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ListError> {
    let failed = |source| ListError::Write { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let mut file = File::create(&new).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
