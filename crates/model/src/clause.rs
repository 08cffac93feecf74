//! Clauses of the school's policy, and the honest state of each.

use crate::Timestamp;
use std::fmt;
use std::sync::Arc;

/// A clause's id in the catalogue, such as `FLT-2`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClauseId(Arc<str>);

impl ClauseId {
    /// Takes the id as the catalogue writes it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as the catalogue writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClauseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the product meets a clause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HowMet {
    /// The software makes it so.
    Enforce,
    /// The software sees for itself whether it is so.
    Measure,
    /// People do it; the software asks for it, and keeps the record.
    Record,
}

/// The state of a clause. What nothing checks is `Unknown`, never `Pass`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClauseState {
    /// A check saw that it holds.
    Pass {
        /// When the check looked.
        checked: Timestamp,
        /// What it saw.
        evidence: String,
    },
    /// A check saw that it does not hold.
    Fail {
        /// When the check looked.
        checked: Timestamp,
        /// What it saw, and what to do.
        evidence: String,
    },
    /// A check saw that it holds in another form than the clause's plain one, which those who approve the policy have not
    /// accepted yet.
    Excepted {
        /// When the check looked.
        checked: Timestamp,
        /// What is other, who is asked to accept it, and until when.
        evidence: String,
    },
    /// Nothing checks it yet, or the check could not tell.
    Unknown {
        /// Why it is not known.
        why: String,
    },
}

impl ClauseState {
    /// The word on the screen.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "Pass",
            Self::Fail { .. } => "Fail",
            Self::Excepted { .. } => "Excepted",
            Self::Unknown { .. } => "Unknown",
        }
    }
}
