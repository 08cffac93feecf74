//! What an update changes, told before it is in force: for each list what comes and goes, and which hosts that were used
//! lately would be blocked by it.

use model::{Category, Host, ListId};
use policy::image::Image;
use serde::Serialize;
use std::sync::Arc;

/// So many names of what a list adds are shown.
pub(crate) const MOST_SAMPLES: usize = 20;

/// What an update changes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Diff {
    /// For each list of the new image, in its order.
    pub lists: Vec<ListDiff>,
    /// The names of lists whose entries are in the image in force and not in the new one.
    pub gone: Vec<Arc<str>>,
}

/// What an update changes in one list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ListDiff {
    /// The list.
    #[serde(with = "crate::report::id")]
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// The different entries before; `None` where it is not known.
    pub before: Option<u64>,
    /// The different entries now.
    pub after: u64,
    /// Entries that are new.
    pub added: u64,
    /// Entries that are gone.
    pub removed: u64,
    /// The first names that are new, at most 20; none of a list of illegal content.
    pub samples: Vec<String>,
}

impl Diff {
    /// True when no list gains or loses an entry.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.lists.iter().all(|list| list.added == 0 && list.removed == 0)
    }
}

/// A host that an update would block in a category that it is not in now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewlyListed {
    /// The host.
    pub host: Host,
    /// The category that it would be in.
    pub category: Category,
    /// The list that would put it there.
    pub list: ListId,
}

/// Which of these hosts (those used lately, say) the new image puts into a category that the old one does not. Whether
/// that blocks anybody is for the policy to say. Illegal content is left out: no such name is shown.
pub fn newly_listed(old: &Image, new: &Image, hosts: impl IntoIterator<Item = Host>) -> Vec<NewlyListed> {
    let mut found = Vec::new();
    for host in hosts {
        let now = new.lookup(&host);
        let categories = now.categories();
        if categories.is_empty() {
            continue;
        }
        let before = old.lookup(&host).categories();
        let added = categories.iter().filter(|category| !before.contains(*category));
        for category in added.filter(|category| *category != Category::ILLEGAL) {
            let Some(line) = now.line(category) else { continue };
            found.push(NewlyListed { host: host.clone(), category, list: line.list });
        }
    }
    found
}
