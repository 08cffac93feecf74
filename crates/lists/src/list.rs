//! A list as it was read, before the guard: its entries held close together, since there may be millions.

use crate::{Dropped, Tally};
use model::{Category, Host, ListId, Timestamp};
use policy::image::{Effect, NewRule, Reach, Weight};
use std::sync::Arc;

/// One entry of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name or address.
    pub host: Host,
    /// What of it the entry covers.
    pub reach: Reach,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
    /// Its line, from 1; in a tree or a folder, the line in its own file.
    pub line: u32,
}

/// Where the entries of a list come from this time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceState {
    /// From the source itself.
    Fresh,
    /// The source failed; the last good copy was read.
    Copy {
        /// When the copy was made.
        since: Timestamp,
        /// Why the source failed, in words.
        why: String,
    },
    /// The source failed and there is no copy: the list has no names.
    Missing {
        /// Why the source failed, in words.
        why: String,
    },
}

/// A list as it was read.
#[derive(Clone, Debug)]
pub struct ReadList {
    /// Its id in the policy.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// When its source was read.
    pub read_at: Timestamp,
    /// Where its entries come from.
    pub state: SourceState,
    /// What the reader left out.
    pub dropped: Tally,
    names: String,
    rows: Vec<Row>,
    rules: Vec<NewRule>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Where its name ends in `names`; it begins where the one before ends.
    end: u64,
    line: u32,
    category: Category,
    reach: Reach,
    effect: Effect,
    weight: Weight,
}

impl ReadList {
    /// A list with no entries yet.
    pub fn new(id: ListId, name: Arc<str>, read_at: Timestamp) -> Self {
        Self {
            id,
            name,
            read_at,
            state: SourceState::Fresh,
            dropped: Tally::default(),
            names: String::new(),
            rows: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &Entry) {
        match &entry.host {
            Host::Name(name) => self.names.push_str(name),
            Host::Address(address) => self.names.push_str(&address.to_string()),
        }
        let Entry { line, category, reach, effect, weight, .. } = *entry;
        self.rows.push(Row { end: self.names.len() as u64, line, category, reach, effect, weight });
    }

    /// Adds a rule that is more than a name.
    pub fn rule(&mut self, rule: NewRule) {
        self.rules.push(rule);
    }

    /// How many entries and rules were read.
    pub fn len(&self) -> usize {
        self.rows.len() + self.rules.len()
    }

    /// True when none was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules, in the order they were read.
    pub fn rules(&self) -> &[NewRule] {
        &self.rules
    }

    /// The entries, in the order they were read.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let mut start = 0;
        self.rows.iter().filter_map(move |row| {
            let end = usize::try_from(row.end).ok()?;
            let host = Host::parse(self.names.get(start..end)?).ok()?;
            start = end;
            let Row { line, category, reach, effect, weight, .. } = *row;
            Some(Entry { host, reach, effect, weight, category, line })
        })
    }

    pub(crate) fn left_out(&mut self, reason: Dropped) {
        self.dropped.add(reason);
    }
}
