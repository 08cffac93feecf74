//! Updates after somebody went back to an earlier image: lists of illegal content are read on, every other list stays as
//! it is in force, until a person updates them all.
//!
//! An image keeps the copies that it was made of (see [`crate::copies`]), so that what was left does not come back with
//! the next image. A list that the image in force does not have was left too, and stays out.

use crate::copies;
use crate::folder;
use crate::report::Report;
use crate::source::{Look, Seen};
use crate::update::Update;
use crate::{By, ListError, SourceState};
use model::{Category, ListId, Timestamp};
use policy::image::Image;
use policy::rules::{ListFormat, ListSource};
use std::path::{Path, PathBuf};

/// What an update must leave as it is.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    dir: PathBuf,
    /// When somebody went back.
    since: Timestamp,
    /// The lists that are read all the same.
    read: Vec<ListId>,
    in_force: Option<(String, Vec<ListId>)>,
    report: Option<Report>,
}

impl Hold {
    /// The hold on an update; `None` where nobody went back, and for a person's update of every list, which ends it.
    pub(crate) fn on(
        how: &Update,
        dir: &Path,
        in_force: Option<&Image>,
        lists: &[ListSource],
    ) -> Option<Self> {
        let held = folder::held(dir)?;
        if is_end(how) {
            return None;
        }
        let is_read = lists.iter().filter(|list| goes_on(list) || how.look.names(&list.id));
        let has = |image: &Image| image.lists().iter().map(|list| list.id.clone()).collect();
        Some(Self {
            dir: dir.to_owned(),
            since: held.at,
            read: is_read.map(|list| list.id.clone()).collect(),
            in_force: in_force.map(|image| (image.revision().to_string(), has(image))),
            report: folder::last_report(dir),
        })
    }

    /// The lists of the next image: those that are read, and those that stay.
    ///
    /// # Errors
    /// [`ListError::OnHold`] where there is none to read, and where one that stays cannot be made again.
    pub(crate) fn lists(&self, lists: &[ListSource]) -> Result<Vec<ListSource>, ListError> {
        let on_hold = || ListError::OnHold { since: self.since };
        let (revision, has) = self.in_force.as_ref().ok_or_else(on_hold)?;
        let taken = lists.iter().filter(|list| !self.keeps(&list.id) || has.contains(&list.id));
        let taken: Vec<ListSource> = taken.cloned().collect();
        let can_stay = |list: &ListSource| {
            list.format == ListFormat::Starter || copies::is_kept_for(&self.dir, revision, &list.id)
        };
        let can_be_made = taken.iter().all(|list| !self.keeps(&list.id) || can_stay(list));
        if can_be_made && !self.read.is_empty() { Ok(taken) } else { Err(on_hold()) }
    }

    /// True when a list stays as it is in force.
    pub(crate) fn keeps(&self, list: &ListId) -> bool {
        !self.read.contains(list)
    }

    /// The revision whose copies the lists that stay are made of.
    pub(crate) fn revision(&self) -> Option<&str> {
        self.in_force.as_ref().map(|(revision, _)| revision.as_str())
    }

    /// What a list that stays is made of.
    pub(crate) fn seen(&self, list: &ListSource) -> Seen {
        if list.format == ListFormat::Starter {
            return Seen::Local;
        }
        let bytes = match copies::kept_for(&self.dir, self.revision().unwrap_or_default(), &list.id) {
            Ok(bytes) => bytes,
            Err(error) => return Seen::Failed(error),
        };
        let told = self.report.as_ref().and_then(|report| report.list(&list.id));
        let (read_at, state) =
            told.map_or((self.since, SourceState::Fresh), |told| (told.read_at, told.state.clone()));
        Seen::Kept { bytes, read_at, state }
    }
}

/// True for a list that is read although somebody went back: one of illegal content.
pub(crate) fn goes_on(list: &ListSource) -> bool {
    list.category == Some(Category::ILLEGAL)
}

/// True when an update ends a hold: a person's, of every list.
pub(crate) fn is_end(how: &Update) -> bool {
    matches!(how.cause.by, By::Person(_)) && !matches!(how.look, Look::These(_))
}
