//! The files of `rules/`, as they are written.
//!
//! Invariant: an unknown key is an error, so that a misspelt one is never a rule that silently lacks a part.

use crate::MonitorError;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One theme's file.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct ThemeFile {
    pub(crate) theme: String,
    #[serde(default)]
    pub(crate) sets: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) rule: Vec<WordRule>,
    #[serde(default)]
    pub(crate) blocked: Vec<BlockedRule>,
}

/// A rule about words.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordRule {
    /// The rule's name within its theme.
    pub(crate) id: String,
    pub(crate) severity: String,
    /// What it looks for, in a sentence for adults.
    pub(crate) why: String,
    /// The guidance it follows.
    pub(crate) source: String,
    #[serde(default = "english")]
    pub(crate) languages: Vec<String>,
    /// Any of these is a find.
    pub(crate) any: Vec<String>,
    /// Where given, one of these must stand within `within` words of the find.
    #[serde(default)]
    pub(crate) near: Vec<String>,
    #[serde(default = "within")]
    pub(crate) within: usize,
    /// Any of these anywhere, and the rule does not count.
    #[serde(default)]
    pub(crate) unless: Vec<String>,
    /// Where given, the most other words of the text: the bare word says something, a sentence explains itself.
    pub(crate) most_beside: Option<usize>,
    /// What becomes of it among words of a lesson: a severity, `same` or `drop`.
    #[serde(default = "drop")]
    pub(crate) lesson: String,
    /// What becomes of it where somebody looks for help: a severity, `same` or `drop`.
    #[serde(default = "drop")]
    pub(crate) help: String,
    /// Sentences that must, and must not, be a find of this rule. The tests try all of them.
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests alone try the examples"))]
    pub(crate) must: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "the tests alone try the examples"))]
    pub(crate) must_not: Vec<String>,
}

/// A rule about attempts that the filter blocked.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockedRule {
    pub(crate) id: String,
    pub(crate) severity: String,
    pub(crate) why: String,
    pub(crate) source: String,
    /// Categories of the catalogue.
    pub(crate) categories: Vec<String>,
    /// How many different hosts ...
    pub(crate) times: u32,
    /// ... within so many minutes.
    pub(crate) minutes: u32,
}

/// The words that change what a find means: `contexts.toml`.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// Sets that the files of all themes may use.
    pub(crate) sets: BTreeMap<String, Vec<String>>,
    /// Words of a lesson.
    pub(crate) lesson: Vec<String>,
    /// Names and sayings: a find that overlaps one is none.
    pub(crate) innocent: Vec<String>,
}

/// The rules over days and people: `over_time.toml`.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverTimeFile {
    pub(crate) night: NightRule,
    pub(crate) escalation: DaysRule,
    pub(crate) new_theme: DaysRule,
    pub(crate) many_people: DaysRule,
}

/// At night these themes count one severity more.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct NightRule {
    pub(crate) themes: Vec<String>,
}

/// So many within so many days.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(crate) struct DaysRule {
    pub(crate) severity: String,
    pub(crate) why: String,
    pub(crate) source: String,
    pub(crate) themes: Vec<String>,
    pub(crate) times: u32,
    pub(crate) days: u32,
}

/// Reads a file; `name` is for the message.
pub(crate) fn read<'t, F: Deserialize<'t>>(name: &str, text: &'t str) -> Result<F, MonitorError> {
    toml::from_str(text).map_err(|error| MonitorError::File { file: name.to_owned(), error: Box::new(error) })
}

fn english() -> Vec<String> {
    vec!["en".to_owned()]
}

fn within() -> usize {
    8
}

fn drop() -> String {
    "drop".to_owned()
}
