//! What a file says: rows of people with their classes, and what was wrong with it.

use crate::{Format, MOST_FAULTS};
use jiff::civil::Date;
use model::{ClassKind, Role, YearGroup};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// The longest id, in characters.
const MOST_ID: usize = 100;

/// What the school's system calls somebody: its own id, or the print of a UPN where the file has nothing else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(String);

impl SourceId {
    /// Takes an id as it stands; `None` for an empty one, one of more than 100 characters, or with control characters.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.chars().count() <= MOST_ID && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id without the zeros in front of it, which spreadsheets eat.
    pub(crate) fn without_zeros(&self) -> &str {
        self.0.trim_start_matches('0')
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What somebody is, as far as a school's export is believed: nobody gets a post by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// A pupil or student.
    Learner,
    /// A teacher.
    Teacher,
    /// Anybody else who works at the school.
    Staff,
}

impl Part {
    /// The role that it becomes.
    pub fn role(self) -> Role {
        match self {
            Self::Learner => Role::Learner,
            Self::Teacher => Role::ClassTeacher,
            Self::Staff => Role::Staff,
        }
    }
}

/// A class, by its name at one school.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClassName {
    /// What it is for.
    pub kind: ClassKind,
    /// Its name, as the file has it.
    pub name: String,
}

/// One person as a file has them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The file within the upload, such as `users.csv`; empty where there is one alone.
    pub file: String,
    /// The line or row, from 1.
    pub line: usize,
    /// Their id in the school's system.
    pub source: SourceId,
    /// What they are.
    pub part: Part,
    /// The name that they go by, given name first.
    pub given: String,
    /// The family name that they go by.
    pub family: String,
    /// When they were born, where the file says so.
    pub born: Option<Date>,
    /// A learner's year group.
    pub year: Option<YearGroup>,
    /// The classes that they learn in or teach, in order, none twice.
    pub classes: Vec<ClassName>,
    /// True where the file says that they have left.
    pub leaving: bool,
}

impl Row {
    /// The name as a register shows it.
    pub fn name(&self) -> String {
        format!("{} {}", self.given, self.family).trim().to_owned()
    }
}

/// How much a mistake costs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// The row is not taken; nothing changes for whom it is about.
    Lost,
    /// The row is taken, and somebody should look.
    Note,
}

/// A mistake in a file: where, what, and how to mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The file within the upload; empty where there is one alone.
    pub file: String,
    /// The line or row, from 1; 0 where it is about the whole file.
    pub line: usize,
    /// The column's heading, as the file has it; empty where it is about the whole row.
    pub column: String,
    /// What is wrong, in words.
    pub what: String,
    /// How to mend it, in words.
    pub mend: String,
    /// How much it costs.
    pub weight: Weight,
}

/// What a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Its form.
    pub format: Format,
    /// Who stands in it, in its order, no id twice.
    pub rows: Vec<Row>,
    /// What was wrong, in its order, at most [`MOST_FAULTS`].
    pub faults: Vec<Fault>,
    /// Mistakes beyond those.
    pub more_faults: usize,
    /// Ids of rows that were not taken: nothing changes for them.
    pub withheld: Vec<SourceId>,
    /// Rows that were not taken and whose id nobody can tell.
    pub nameless: usize,
    /// Rows that were not taken, two of one id twice.
    pub lost: usize,
    /// Rows about people whom a filter has no use for, such as parents.
    pub left_out: usize,
    /// True where the file says that it is everybody: who is missing from it has left.
    pub is_whole: bool,
}

impl Reading {
    pub(crate) fn new(format: Format) -> Self {
        Self {
            format,
            rows: Vec::new(),
            faults: Vec::new(),
            more_faults: 0,
            withheld: Vec::new(),
            nameless: 0,
            lost: 0,
            left_out: 0,
            is_whole: true,
        }
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        } else {
            self.more_faults += 1;
        }
    }

    /// Notes that a row is not taken, and whose it is where that can be told.
    pub(crate) fn lose(&mut self, source: Option<SourceId>, fault: Fault) {
        self.lost += 1;
        match source {
            Some(source) if !self.withheld.contains(&source) => self.withheld.push(source),
            Some(_) => {}
            None => self.nameless += 1,
        }
        self.fault(Fault { weight: Weight::Lost, ..fault });
    }
}

/// The SHA-256 of a file's bytes, in lower-case hexadecimal.
pub fn file_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
