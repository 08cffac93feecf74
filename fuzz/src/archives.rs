//! Archives and trees, through [`lists::prepare`] and [`lists::Prepared::swap`] as the gate calls them: a source on disk, an
//! image folder.

use crate::readers::category;
use lists::{ListError, Report, Update};
use model::{ListId, Timestamp};
use policy::Image;
use policy::rules::{ListFormat, ListSource, Subscription};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// A folder for the images of all targets, and what runs an update.
pub(crate) struct Place {
    runtime: Runtime,
    folder: TempDir,
}

impl Place {
    /// The folder of images.
    pub(crate) fn images(&self) -> PathBuf {
        self.folder.path().join("lists")
    }

    /// Runs something to its end.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

pub(crate) static PLACE: LazyLock<Place> = LazyLock::new(|| {
    // A file system in memory where there is one: an update forces its files to disk.
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    Place {
        runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"),
        folder: TempDir::new_in(parent).expect("a folder"),
    }
});

/// Makes the folder of images a new one.
pub(crate) fn empty_folder() {
    let images = PLACE.images();
    let _ = std::fs::remove_dir_all(&images);
    std::fs::create_dir_all(&images).expect("the folder of images");
}

/// An update of the gate's own, put in force.
pub(crate) async fn updated(sources: &[ListSource], images: &Path) -> Result<(Image, Report), ListError> {
    let (how, mut on_progress) = (Update::default(), |_| ());
    lists::prepare(sources, images, &how, Timestamp(0), &mut on_progress).await?.swap().await
}

/// Makes these bytes two lists' source, and updates the image from it.
pub fn update(bytes: &[u8]) {
    let place = &*PLACE;
    let source = place.folder.path().join("source");
    let images = place.images();
    empty_folder();
    std::fs::write(&source, bytes).expect("the source is written");
    let list = |format, category, folders| ListSource {
        id: ListId::new(format!("{format:?}").to_lowercase()),
        name: "Fuzzed".into(),
        format,
        source: source.display().to_string().into(),
        category,
        folders,
        subscription: Subscription::default(),
    };
    let sources = [
        list(ListFormat::Ut1, None, vec![("games".into(), category()), ("porn".into(), category())]),
        list(ListFormat::Hosts, Some(category()), Vec::new()),
    ];
    let updated = place.block_on(updated(&sources, &images));
    let (image, report) = updated.expect("nothing was in force that could be lost");
    let illegal = image.lists().iter().find(|list| list.id.as_str() == lists::BUILT_IN_ILLEGAL);
    assert!(illegal.is_some_and(|list| list.names > 0), "the built-in list is in every image");
    assert_eq!(image.revision(), &report.revision);
}
