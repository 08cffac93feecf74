//! The account of an update: for whoever asked for it, and beside its image, so that the last one can be shown after a
//! restart.
//!
//! Of a list of illegal content it holds counts and references (list and line), never a name.

use crate::{ListError, Refusal, SourceState};
use model::{ListId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who or what asked for an update.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum By {
    /// The gate itself, by its schedule, at its start or because the policy names other lists.
    Schedule,
    /// A person, by the name that they are known by.
    Person(String),
}

/// Who asked for an update or for going back, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cause {
    /// Who.
    pub by: By,
    /// Why, in their words.
    pub why: String,
}

impl Cause {
    /// The gate's own schedule.
    pub fn schedule() -> Self {
        Self { by: By::Schedule, why: "by schedule".into() }
    }

    /// A person, with their reason.
    pub fn person(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { by: By::Person(name.into()), why: why.into() }
    }
}

/// The account of an update.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The image's revision.
    pub revision: Arc<str>,
    /// When it was built.
    #[serde(with = "at")]
    pub at: Timestamp,
    /// Who asked for it, and why.
    pub cause: Cause,
    /// How many different names it holds.
    pub names: u64,
    /// The lists, in the order of the policy, and the one that is built in.
    pub lists: Vec<ListReport>,
}

/// The account of one list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ListReport {
    /// Its id.
    #[serde(with = "id")]
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// True for a list of illegal content, of which no name is shown anywhere.
    pub is_illegal: bool,
    /// How many different names of it are in the image.
    pub names: u64,
    /// How many entries and rules were read.
    pub entries: u64,
    /// How many rules of it are in the image that are more than a name: pages, patterns, ranges, hashes.
    #[serde(default)]
    pub rules: u64,
    /// Where its entries come from.
    #[serde(with = "state")]
    pub state: SourceState,
    /// When the bytes it was read from were last known to be what the source has.
    #[serde(with = "at")]
    pub read_at: Timestamp,
    /// What somebody should look at.
    pub alarms: Vec<Alarm>,
    /// What was left out, by the reader and by the guard: the reason in words, and how often.
    pub dropped: Vec<(Arc<str>, u64)>,
    /// The first lines that the reader left out, with the reason in words.
    pub first_dropped: Vec<DroppedLine>,
    /// What the guard refused, in the order of the list: the first 50.
    pub refused: Vec<Refusal>,
    /// What the entries were read from, as a hash of the policy's words: two readings are compared only where it is the same.
    pub(crate) meaning: u64,
}

/// A line that a reader left out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DroppedLine {
    /// Its line in the list, from 1.
    pub line: u32,
    /// The reason in words.
    pub why: Arc<str>,
}

/// What of a list somebody should look at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Alarm {
    /// Its source has not been read well for three times its interval, at least 48 hours.
    Silent {
        /// When it last was.
        #[serde(with = "at")]
        since: Timestamp,
    },
    /// It lost a fifth or more of its entries; the reading before stays in force until a person accepts the new one.
    Shrank {
        /// The entries in force.
        before: u64,
        /// The entries of the new reading.
        after: u64,
    },
    /// It would newly list more than one update may; the reading before stays in force until a person accepts the new one.
    Grew {
        /// The entries that would be new.
        new: u64,
        /// How many may be.
        most: u64,
    },
    /// The address that must be blocked while the list works is not.
    TestFailed,
    /// It has more rules than there is room for beside those of the other lists.
    RulesLeftOut {
        /// The rules that decide nothing.
        left_out: u64,
        /// Those that do.
        kept: u64,
    },
}

impl Alarm {
    /// True when the new reading was not taken because of it.
    pub fn holds_back(&self) -> bool {
        matches!(self, Self::Shrank { .. } | Self::Grew { .. })
    }

    /// A sentence for screens.
    pub fn words(&self, list: &str) -> String {
        match self {
            Self::Silent { since } => {
                format!("The list \u{201c}{list}\u{201d} was last read well on {}.", since.day())
            }
            Self::Shrank { before, after } => format!(
                "The list \u{201c}{list}\u{201d} shrank from {before} to {after} entries; what it held before stays in \
                 force until somebody accepts the change."
            ),
            Self::Grew { new, most } => format!(
                "The list \u{201c}{list}\u{201d} would newly list {new} names, of {most} that one update may; what it \
                 held before stays in force until somebody accepts the change."
            ),
            Self::TestFailed => {
                format!("The test address of the list \u{201c}{list}\u{201d} is not blocked as it must be.")
            }
            Self::RulesLeftOut { left_out, kept } => format!(
                "The list \u{201c}{list}\u{201d} has more pages, patterns, ranges or hashes than there is room for: \
                 {left_out} of them decide nothing, {kept} do."
            ),
        }
    }
}

impl Report {
    /// What is wrong with which list, a sentence each, for screens: causes with their addresses and files are in the log.
    pub fn troubles(&self) -> Vec<String> {
        self.lists.iter().flat_map(ListReport::troubles).collect()
    }

    /// The names of the lists that are missing.
    pub fn missing(&self) -> Vec<&str> {
        let missing = self.lists.iter().filter(|list| matches!(list.state, SourceState::Missing { .. }));
        missing.map(|list| &*list.name).collect()
    }

    /// The lists whose new reading waits for somebody to accept it.
    pub fn held_back(&self) -> impl Iterator<Item = &ListReport> {
        self.lists.iter().filter(|list| list.alarms.iter().any(Alarm::holds_back))
    }

    pub(crate) fn list(&self, id: &ListId) -> Option<&ListReport> {
        self.lists.iter().find(|list| list.id == *id)
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, ListError> {
        serde_json::from_slice(bytes).map_err(ListError::Report)
    }
}

impl ListReport {
    fn troubles(&self) -> impl Iterator<Item = String> + '_ {
        let held = self.alarms.iter().any(Alarm::holds_back);
        let state = match &self.state {
            SourceState::Fresh => None,
            // The alarm says why the copy is in use.
            SourceState::Copy { .. } if held => None,
            SourceState::Copy { since, .. } => Some(format!(
                "The list \u{201c}{}\u{201d} could not be read; its copy of {} is in use.",
                self.name,
                since.day()
            )),
            SourceState::Missing { .. } => Some(format!(
                "The list \u{201c}{}\u{201d} could not be read, and there is no copy of it.",
                self.name
            )),
        };
        state.into_iter().chain(self.alarms.iter().map(|alarm| alarm.words(&self.name)))
    }
}

/// A moment as milliseconds.
pub(crate) mod at {
    use model::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp)
    }
}

/// A list's id as text.
pub(crate) mod id {
    use model::ListId;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &ListId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(id.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ListId, D::Error> {
        String::deserialize(from).map(|text| ListId::new(text.as_str()))
    }
}

/// Where entries come from.
mod state {
    use crate::SourceState;
    use model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    enum Stored {
        Fresh,
        Copy { since: i64, why: String },
        Missing { why: String },
    }

    pub(super) fn serialize<S: Serializer>(state: &SourceState, to: S) -> Result<S::Ok, S::Error> {
        let stored = match state {
            SourceState::Fresh => Stored::Fresh,
            SourceState::Copy { since, why } => Stored::Copy { since: since.0, why: why.clone() },
            SourceState::Missing { why } => Stored::Missing { why: why.clone() },
        };
        stored.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SourceState, D::Error> {
        Ok(match Stored::deserialize(from)? {
            Stored::Fresh => SourceState::Fresh,
            Stored::Copy { since, why } => SourceState::Copy { since: Timestamp(since), why },
            Stored::Missing { why } => SourceState::Missing { why },
        })
    }
}
