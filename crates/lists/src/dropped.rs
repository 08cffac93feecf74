//! Why a line, a name or a file of a list was left out, and how many were.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why something of a list was left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dropped {
    /// The line is longer than any rule.
    LongLine,
    /// The line is no UTF-8.
    NotText,
    /// No host name where one belongs.
    NotAName,
    /// A hosts line that sends a name to a real address: a redirection, not a block.
    Redirection,
    /// An AdGuard modifier that is not known here; without it the rule would mean something else.
    UnknownModifier,
    /// A wildcard or a regular expression.
    Pattern,
    /// A rule for parts of pages, not for names.
    PageRule,
    /// Cancelled by a `$badfilter` rule.
    Cancelled,
    /// An exception to the category `illegal`, which has none.
    IllegalException,
    /// The name is a public suffix: it would cover what belongs to many.
    PublicSuffix,
    /// It would block a host that no list may block.
    NeverBlocked,
    /// A folder of a tree that the policy gives no category.
    FolderWithoutCategory,
    /// A folder that the policy names and the tree does not have.
    FolderNotThere,
    /// A `urls` or `expressions` file: addresses of single pages and patterns.
    PageFile,
    /// A symbolic link that leads out of the tree.
    LinkOutside,
    /// A symbolic link that leads nowhere.
    LinkBroken,
    /// A path in an archive that leads out of it.
    PathOutside,
}

impl Dropped {
    /// The reason in words, as reports show it.
    pub fn words(self) -> &'static str {
        match self {
            Self::LongLine => "line too long",
            Self::NotText => "not readable as text",
            Self::NotAName => "not a host name",
            Self::Redirection => "redirection to a real address",
            Self::UnknownModifier => "unknown modifier",
            Self::Pattern => "wildcard or regular expression",
            Self::PageRule => "rule for parts of pages",
            Self::Cancelled => "cancelled by badfilter",
            Self::IllegalException => "exception to illegal content",
            Self::PublicSuffix => "public suffix",
            Self::NeverBlocked => "host that no list may block",
            Self::FolderWithoutCategory => "folder without a category",
            Self::FolderNotThere => "folder not in the tree",
            Self::PageFile => "file of page addresses or patterns",
            Self::LinkOutside => "link out of the tree",
            Self::LinkBroken => "broken link",
            Self::PathOutside => "path out of the archive",
        }
    }
}

/// How many were left out, by reason.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally(BTreeMap<Dropped, u64>);

impl Tally {
    /// Counts one more.
    pub fn add(&mut self, reason: Dropped) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// How many for this reason.
    pub fn count(&self, reason: Dropped) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The reasons that occurred, and how often, in the order of [`Dropped`].
    pub fn iter(&self) -> impl Iterator<Item = (Dropped, u64)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// The same in words, as an image keeps it.
    pub fn in_words(&self) -> Vec<(Arc<str>, u64)> {
        self.iter().map(|(reason, count)| (reason.words().into(), count)).collect()
    }

    /// Adds another tally to this one.
    pub(crate) fn add_all(&mut self, other: &Tally) {
        for (reason, count) in other.iter() {
            *self.0.entry(reason).or_default() += count;
        }
    }
}
