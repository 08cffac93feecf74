//! Taking up lists that were put in force, by this program or another: the pointer file is looked at, and the image opened
//! only where that changed. One that cannot be opened is tried again each minute, and every screen says so.

use super::seen::report_in_force;
use crate::App;
use model::Timestamp;
use policy::Image;
use policy::rules::ListFormat;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::PoisonError;

/// How often lists that cannot be opened are tried again.
const AGAIN_MS: i64 = 60_000;

const CANNOT_BE_OPENED: &str = "The lists that were put in force last cannot be opened; those from before decide. The \
                                technician's log says why.";

/// The last look into what the pointer names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastLook {
    pointer: Pointer,
    /// When the first that it names could not be opened; `None`: that one decides.
    failed: Option<Timestamp>,
}

impl LastLook {
    /// True when there is nothing to look into: the pointer is the same, and a failure is no minute old.
    fn counts(&self, pointer: Pointer, now: Timestamp) -> bool {
        let is_new = |failed: Timestamp| (0..AGAIN_MS).contains(&now.0.saturating_sub(failed.0));
        self.pointer == pointer && self.failed.is_none_or(is_new)
    }
}

/// Which file the pointer is: it is replaced whole, so that a change is another file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pointer {
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
    /// Looks whether other lists were put in force, and takes them up. To be called every second or two and after each
    /// update of the gate's own, where blocking does no harm; without a change it costs one look at a file's dates.
    pub fn take_up_lists(&self) {
        let folder = &self.0.parts.lists.folder;
        let Some(pointer) = Pointer::of(folder) else { return };
        let now = self.now();
        let mut seen = self.0.lists_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| seen.counts(pointer, now)) {
            return;
        }
        let opened = lists::open_current(folder);
        let named = lists::images(folder).into_iter().next().map(|image| image.revision);
        let is_named = opened.as_ref().is_some_and(|image| named.as_deref() == Some(&**image.revision()));
        if let Some(image) = opened {
            self.put_other_lists(image);
        }
        *seen = Some(LastLook { pointer, failed: (!is_named).then_some(now) });
        drop(seen);
        self.see_lists();
    }

    fn put_other_lists(&self, image: Image) {
        let snapshot = self.snapshot();
        let read_at = |image: &Image| image.lists().iter().map(|list| list.read_at).collect::<Vec<_>>();
        let same =
            image.revision() == snapshot.image().revision() && read_at(&image) == read_at(snapshot.image());
        if !same {
            self.put_lists(image);
        }
    }

    /// Looks at what the folder of lists says is wrong, and tells every screen. To be called after each update and now and
    /// then, where blocking does no harm.
    pub fn see_lists(&self) {
        let place = &self.0.parts.lists;
        let mut troubles: Vec<String> = lists::held(&place.folder).iter().map(lists::Held::words).collect();
        let seen = *self.0.lists_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.is_some_and(|seen| seen.failed.is_some()) {
            troubles.push(CANNOT_BE_OPENED.to_owned());
        }
        let report = report_in_force(&place.folder, self.snapshot().image());
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
