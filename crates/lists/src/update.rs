//! From the policy's lists to an image in force. A source that fails is replaced by its last good copy; the report says
//! which, since when and why.

use crate::archive::{self, Opened};
use crate::build::{BuiltImage, Report, build, built_in_illegal};
use crate::fetch::{address, download};
use crate::list::{ReadList, SourceState};
use crate::readers::{files_read, read_opened, read_starter};
use crate::tree::{Tree, read_file};
use crate::{Fetch, ListError, copies, folder};
use model::{ListId, Timestamp};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource};
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// How far an update has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A list is being downloaded.
    Fetching {
        /// The list.
        list: ListId,
        /// What has come.
        bytes: u64,
        /// Of how much, where the other side says so.
        of: Option<u64>,
    },
    /// A list was read.
    Read {
        /// The list.
        list: ListId,
        /// Its entries.
        entries: usize,
        /// Where they come from.
        state: SourceState,
    },
    /// All lists were read, and the image is being built.
    Building,
}

/// Told how far an update has come.
type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// Reads every list, builds their image with the built-in list of illegal content, writes it into `dir` and puts it in
/// force.
///
/// # Errors
/// [`ListError::WouldBeLost`], and what concerns the image itself: building and writing it; the image in force stays what
/// it was then. Another source's own failure is in the report.
pub async fn update(
    lists: &[ListSource],
    dir: &Path,
    settings: &Fetch,
    at: Timestamp,
    on_progress: OnProgress<'_>,
) -> Result<(Image, Report), ListError> {
    let mut read = Vec::with_capacity(lists.len());
    for source in lists {
        let fresh = fresh(source, settings, at, on_progress).await;
        let (source, dir) = (source.clone(), dir.to_owned());
        let list = blocking(move || Ok(settle(&source, &dir, at, fresh))).await?;
        let (id, state) = (list.id.clone(), list.state.clone());
        on_progress(Progress::Read { list: id, entries: list.len(), state });
        read.push(list);
    }
    on_progress(Progress::Building);
    read.push(built_in_illegal(at));
    let dir = dir.to_owned();
    blocking(move || {
        let built = build(&read)?;
        refuse_losses(&dir, &built)?;
        let image = folder::write(&dir, &built)?;
        tracing::info!(revision = &*built.report.revision, names = built.report.names, "lists updated");
        Ok((image, built.report))
    })
    .await
}

/// A list that decides today and cannot be read at all must not stop deciding.
fn refuse_losses(dir: &Path, built: &BuiltImage) -> Result<(), ListError> {
    let missing = built.report.lists.iter().filter(|list| matches!(list.state, SourceState::Missing { .. }));
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    let Some(in_force) = folder::open_current(dir) else { return Ok(()) };
    let decides = |id: &ListId| in_force.lists().iter().any(|list| list.id == *id && list.names > 0);
    let lost = missing.iter().filter(|list| decides(&list.id));
    let lists: Vec<String> = lost.map(|list| list.name.to_string()).collect();
    if lists.is_empty() { Ok(()) } else { Err(ListError::WouldBeLost { lists }) }
}

/// A list read from its own source, and the bytes to keep as its copy.
struct Fresh {
    list: ReadList,
    copy: Option<Vec<u8>>,
}

async fn fresh(
    source: &ListSource,
    settings: &Fetch,
    at: Timestamp,
    on_progress: OnProgress<'_>,
) -> Result<Fresh, ListError> {
    let source = source.clone();
    let Some(url) = address(&source.source) else {
        return blocking(move || read_local(&source, at)).await;
    };
    let mut on_bytes = |bytes, of| on_progress(Progress::Fetching { list: source.id.clone(), bytes, of });
    let bytes = download(url, settings, &mut on_bytes).await?;
    blocking(move || read_packed(&source, bytes, at)).await
}

fn read_local(source: &ListSource, at: Timestamp) -> Result<Fresh, ListError> {
    if source.format == ListFormat::Starter {
        let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
        read_starter(&mut list);
        return Ok(Fresh { list, copy: None });
    }
    let path = PathBuf::from(&*source.source);
    if !path.is_dir() {
        return read_packed(source, read_file(&path)?, at);
    }
    let opened = Opened::Tree(Tree::from_folder(&path)?);
    let list = read(source, &opened, at)?;
    let Opened::Tree(tree) = opened else { return Ok(Fresh { list, copy: None }) };
    let copy = archive::pack(&tree, files_read(source.format));
    let copy = copy.inspect_err(|error| {
        tracing::warn!(list = source.id.as_str(), error = error.chain(), "no copy made of a list's folder");
    });
    Ok(Fresh { list, copy: copy.ok() })
}

fn read_packed(source: &ListSource, bytes: Vec<u8>, at: Timestamp) -> Result<Fresh, ListError> {
    let list = read(source, &archive::open(&bytes, files_read(source.format))?, at)?;
    Ok(Fresh { list, copy: Some(bytes) })
}

/// A source of which not one rule can be read is a failure too: it is an error page or another format.
fn read(source: &ListSource, opened: &Opened, at: Timestamp) -> Result<ReadList, ListError> {
    let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
    read_opened(source, opened, &mut list)?;
    if list.is_empty() {
        return Err(ListError::NoNames { dropped: list.dropped.total() });
    }
    Ok(list)
}

/// Keeps the copy of a good list; takes the copy of one that failed.
fn settle(source: &ListSource, dir: &Path, at: Timestamp, fresh: Result<Fresh, ListError>) -> ReadList {
    let why = match fresh {
        Ok(Fresh { list, copy }) => {
            let kept = copy.map_or(Ok(()), |copy| copies::keep(dir, &source.id, &copy, at));
            if let Err(error) = kept {
                tracing::warn!(list = source.id.as_str(), error = error.chain(), "no copy kept of a list");
            }
            return list;
        }
        Err(error) => error.chain(),
    };
    match last_good(source, dir) {
        Ok((mut list, since)) => {
            tracing::warn!(list = source.id.as_str(), %since, error = why, "a list failed; its last copy is used");
            list.state = SourceState::Copy { since, why };
            list
        }
        Err(_) => {
            tracing::error!(
                list = source.id.as_str(),
                error = why,
                "a list failed, and there is no copy of it"
            );
            let mut list = ReadList::new(source.id.clone(), source.name.clone(), at);
            list.state = SourceState::Missing { why };
            list
        }
    }
}

fn last_good(source: &ListSource, dir: &Path) -> Result<(ReadList, Timestamp), ListError> {
    let (bytes, since) = copies::last(dir, &source.id)?;
    Ok((read_packed(source, bytes, since)?.list, since))
}

/// Runs what reads, sorts and writes beside the runtime's own threads.
async fn blocking<T, F>(work: F) -> Result<T, ListError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ListError> + Send + 'static,
{
    spawn_blocking(work).await.unwrap_or(Err(ListError::Stopped))
}
