//! Why a line, a name or a file of a list was left out, and how many were.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Why something of a list was left out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dropped {
    /// The line is longer than any rule.
    LongLine,
    /// The line is no UTF-8, or holds a zero byte.
    NotText,
    /// No host name where one belongs.
    NotAName,
    /// No address or range of addresses where one belongs.
    NotAnAddress,
    /// No address of a page where one belongs.
    NotAPage,
    /// No MD5, SHA-1 or SHA-256 in hexadecimal where one belongs.
    NotAHash,
    /// Not of the format at all.
    NotUnderstood,
    /// A rule that sends a name to a real address or another name: a redirection, not a block.
    Redirection,
    /// A rule that answers with an address or another name, of a list that may not: it was taken as a plain block.
    RewriteAsBlock,
    /// A private or local address in a rule's answer: it was taken out, and without another the rule is a plain block.
    PrivateAnswer,
    /// A modifier that is not known here; without it the rule would mean something else.
    UnknownModifier,
    /// A modifier of what only a browser knows: who embeds, what kind of part of a page.
    BrowserModifier,
    /// A modifier whose value is not understood.
    ModifierValue,
    /// A regular expression in a syntax that is not read.
    Expression,
    /// A regular expression that would take too much memory.
    LargeExpression,
    /// It would cover everything, or nearly.
    TooBroad,
    /// A rule for parts of pages, not for names.
    PageRule,
    /// Cancelled by a `$badfilter` rule.
    Cancelled,
    /// A setting of the other program that lists no name.
    OtherSetting,
    /// A trigger of a response policy zone that looks at clients or name servers.
    UnknownTrigger,
    /// An action or a kind of record that is not known here.
    UnknownAction,
    /// Private, local or multicast addresses.
    PrivateRange,
    /// A range so wide that it would close a part of the internet.
    WideRange,
    /// The first line names no column that is read.
    NoHeading,
    /// More rules than an image keeps.
    TooManyRules,
    /// An exception to the category `illegal`, which has none.
    IllegalException,
    /// A row that says `illegal` in a list that the policy does not call one of illegal content.
    IllegalRow,
    /// The name is a public suffix: it would cover what belongs to many.
    PublicSuffix,
    /// It would block a host that no list may block.
    NeverBlocked,
    /// A folder of a tree that the policy gives no category.
    FolderWithoutCategory,
    /// A folder that the policy names and the tree does not have.
    FolderNotThere,
    /// A file of single words (`very_restrictive_expression`), which match far more than the category.
    WordFile,
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
            Self::NotAnAddress => "not an address",
            Self::NotAPage => "not the address of a page",
            Self::NotAHash => "not a hash",
            Self::NotUnderstood => "not of this format",
            Self::Redirection => "redirection to a real address",
            Self::RewriteAsBlock => "answer that the policy does not let this list give: taken as a block",
            Self::PrivateAnswer => "private or local address as an answer: taken out",
            Self::UnknownModifier => "unknown modifier",
            Self::BrowserModifier => "modifier that only a browser can apply",
            Self::ModifierValue => "modifier with a value that is not understood",
            Self::Expression => "regular expression that is not understood",
            Self::LargeExpression => "regular expression that is too large",
            Self::TooBroad => "rule that would cover nearly everything",
            Self::PageRule => "rule for parts of pages",
            Self::Cancelled => "cancelled by badfilter",
            Self::OtherSetting => "setting that lists no name",
            Self::UnknownTrigger => "zone rule about clients or name servers",
            Self::UnknownAction => "unknown action or kind of record",
            Self::PrivateRange => "private or local addresses",
            Self::WideRange => "range of addresses that is too wide",
            Self::NoHeading => "no heading with a known column",
            Self::TooManyRules => "more rules than an image keeps",
            Self::IllegalException => "exception to illegal content",
            Self::IllegalRow => "illegal content in a list that is not one of it",
            Self::PublicSuffix => "public suffix",
            Self::NeverBlocked => "host that no list may block",
            Self::FolderWithoutCategory => "folder without a category",
            Self::FolderNotThere => "folder not in the tree",
            Self::WordFile => "file of single words that match too much",
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
        self.add_many(reason, 1);
    }

    /// Counts so many more; of none there is no count.
    pub(crate) fn add_many(&mut self, reason: Dropped, count: u64) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
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
            self.add_many(reason, count);
        }
    }
}
