//! What an image says of one host.

use super::layout::{EXCEPTION, IMPORTANT};
use model::{Category, CategorySet, ListLine};
use std::cmp::Reverse;
use std::sync::Arc;

/// The categories the lists put one host in, each with the list's line and the name that matched.
#[derive(Clone, Debug)]
pub struct Hits {
    host: Option<Arc<str>>,
    found: Vec<Found>,
}

/// The entry that decides for a category in one list so far.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) category: Category,
    /// The list's place among the lists.
    pub(super) list: usize,
    pub(super) rank: Rank,
    /// Where in the host's text the matched name begins.
    pub(super) start: usize,
    pub(super) line: ListLine,
}

/// Which entry of a list decides for a category; the greater does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    Block,
    Exception,
    ImportantBlock,
    ImportantException,
}

impl Rank {
    /// The rank that the flags of a stored entry give it.
    pub(super) fn of(flags: u8) -> Self {
        match (flags & EXCEPTION != 0, flags & IMPORTANT != 0) {
            (false, false) => Self::Block,
            (true, false) => Self::Exception,
            (false, true) => Self::ImportantBlock,
            (true, true) => Self::ImportantException,
        }
    }

    pub(super) fn is_exception(self) -> bool {
        matches!(self, Self::Exception | Self::ImportantException)
    }
}

impl Hits {
    /// No list knows the host.
    pub fn none() -> Self {
        Self { host: None, found: Vec::new() }
    }

    /// The categories of the host.
    pub fn categories(&self) -> CategorySet {
        self.found.iter().map(|found| found.category).collect()
    }

    /// The list and line that put it in `category`.
    pub fn line(&self, category: Category) -> Option<ListLine> {
        self.of(category).map(|found| found.line.clone())
    }

    /// The listed name that matched for `category`, such as `example.com` for the host `www.example.com`.
    pub fn name(&self, category: Category) -> Option<&str> {
        let found = self.of(category)?;
        self.host.as_deref()?.get(found.start..)
    }

    /// True when no list has it in a category.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Takes an entry in, unless one of its list that decides over it is there already. Nearer names come later.
    pub(super) fn consider(&mut self, host: &Arc<str>, entry: Found) {
        if self.host.is_none() {
            self.host = Some(host.clone());
        }
        let same = |found: &&mut Found| (found.category, found.list) == (entry.category, entry.list);
        match self.found.iter_mut().find(same) {
            Some(found) if (entry.rank, found.start) > (found.rank, entry.start) => *found = entry,
            Some(_) => {}
            None => self.found.push(entry),
        }
    }

    /// Forgets what an exception decided: its list then says nothing of the category, and other lists stand.
    pub(super) fn settled(mut self) -> Self {
        self.found.retain(|found| !found.rank.is_exception());
        self
    }

    fn of(&self, category: Category) -> Option<&Found> {
        let of = self.found.iter().filter(|found| found.category == category);
        of.max_by_key(|found| (found.rank, found.start, Reverse(found.list)))
    }
}
