//! Taking up lists that another program put in force: the pointer file is looked at, and the image opened only where that
//! changed.

use crate::App;
use policy::rules::ListFormat;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::PoisonError;

/// Which file the pointer is: it is replaced whole, so that a change is another file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pointer {
    inode: u64,
    changed: (i64, i64),
}

impl Pointer {
    fn of(folder: &Path) -> Option<Self> {
        let file = std::fs::metadata(folder.join("current")).ok()?;
        Some(Self { inode: file.ino(), changed: (file.mtime(), file.mtime_nsec()) })
    }
}

impl App {
    /// Looks whether another program put other lists in force, and takes them up. To be called every second or two, where
    /// blocking does no harm; without a change it costs one look at a file's dates.
    pub fn take_up_lists(&self) {
        let folder = &self.0.parts.lists.folder;
        let Some(found) = Pointer::of(folder) else { return };
        let mut seen = self.0.lists_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == Some(found) {
            return;
        }
        *seen = Some(found);
        let Some(image) = lists::open_current(folder) else { return };
        let snapshot = self.snapshot();
        let read_at =
            |image: &policy::Image| image.lists().iter().map(|list| list.read_at).collect::<Vec<_>>();
        let same =
            image.revision() == snapshot.image().revision() && read_at(&image) == read_at(snapshot.image());
        if !same {
            self.put_lists(image);
        }
        self.see_lists();
    }

    /// Looks at what the folder of lists says is wrong, and tells every screen. To be called after each update and now and
    /// then, where blocking does no harm.
    pub fn see_lists(&self) {
        let place = &self.0.parts.lists;
        let mut troubles: Vec<String> = lists::held(&place.folder).iter().map(lists::Held::words).collect();
        let report = lists::last_report(&place.folder);
        troubles.extend(report.iter().flat_map(lists::Report::troubles));
        let sources = place.sources(&self.in_force().document.policy.lists);
        let silent = lists::heartbeats(&sources, &place.folder, &place.schedule, self.now());
        let starter = |id: &model::ListId| {
            sources.iter().any(|source| source.id == *id && source.format == ListFormat::Starter)
        };
        let read_once =
            silent.iter().filter(|beat| beat.is_overdue && beat.last_good.is_some() && !starter(&beat.list));
        for name in read_once.map(|beat| &beat.name) {
            if !troubles.iter().any(|trouble| trouble.contains(&**name)) {
                troubles
                    .push(format!("The list \u{201c}{name}\u{201d} has not been read well for too long."));
            }
        }
        self.0.parts.health.lists_trouble((!troubles.is_empty()).then(|| troubles.join(" ")));
    }
}
