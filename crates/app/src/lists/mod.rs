//! The use cases of the lists: putting others in force, going back, taking up what another program put in force, and the
//! screen. How lists are read, built and kept is the crate `lists`'.
//!
//! Invariants: no image goes in force without a fact that says who, why, which before and which after; of a list of
//! illegal content nothing is shown but counts and lines.

mod changes;
mod closing;
mod screen;
mod seen;
mod take_up;

pub use changes::{GoBack, ListsSwap, SwapBy, note_unrecorded_lists, record_lists_swap, roll_back_lists};
pub use closing::{Closing, DAYS_LOOKED_BACK, NewlyBlocked, closing, sites_used};
pub use screen::{where_from, written_as};
pub use seen::categories_of;

pub(crate) use seen::{lists_seen, member_lists};
pub(crate) use take_up::LastLook;

use lists::Schedule;
use policy::rules::{ListFormat, ListSource};
use std::path::PathBuf;

/// Where a gate's lists lie, and how often their sources are looked at.
#[derive(Clone, Debug, Default)]
pub struct ListsPlace {
    /// Where sources that are no whole path are looked for: the gate's own folder.
    pub home: PathBuf,
    /// The folder of images and copies.
    pub folder: PathBuf,
    /// How often sources are looked at, where a list does not say for itself.
    pub schedule: Schedule,
}

impl ListsPlace {
    /// The policy's lists, with relative paths made whole: whoever asks the folder of lists about them asks with these.
    pub fn sources(&self, lists: &[ListSource]) -> Vec<ListSource> {
        let at_home = |source: &ListSource| {
            let is_file = source.format != ListFormat::Starter && !source.source.contains("://");
            match is_file.then(|| self.home.join(&*source.source)) {
                Some(path) => ListSource { source: path.display().to_string().into(), ..source.clone() },
                None => source.clone(),
            }
        };
        lists.iter().map(at_home).collect()
    }
}
