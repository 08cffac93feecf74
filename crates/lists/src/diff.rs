//! What an update changes, told before it is in force: for each list what comes and goes. What that closes for anybody
//! is for the policy to say, and not asked here.

use model::ListId;
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
