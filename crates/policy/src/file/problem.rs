//! Mistakes in a document: each says where, what was expected, what was found, and the nearest right name.
//!
//! Left out: what counts as a mistake; that is for whoever reports it.
//!
//! Invariants: lines and columns count from 1, columns in characters; a found text is cut at 80 characters.

use std::fmt;
use std::ops::Range;

/// How much of the document's own text a problem repeats.
const MOST_FOUND_CHARS: usize = 80;

/// The most errors, and the most warnings, that are told of one file.
const MOST_PROBLEMS: usize = 1_000;

/// A mistake in a document, or something its author should look at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1, in characters.
    pub column: usize,
    /// Whether the document can still be used.
    pub severity: Severity,
    /// What belongs there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// The nearest right name, where one is near.
    pub nearest: Option<String>,
}

/// Whether a document with this problem can still be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can; somebody should look at it.
    Warning,
}

impl fmt::Display for Problem {
    /// `first-school.toml:12:5: error: expected ..., found ...; did you mean ...?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}:{}:{}: {word}: ", self.file, self.line, self.column)?;
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// What is wrong with a text, before it is known where the text stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Miss {
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) nearest: Option<String>,
}

impl Miss {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { expected: expected.into(), found: found.into(), nearest: None }
    }

    pub(crate) fn nearest(self, nearest: Option<String>) -> Self {
        Self { nearest, ..self }
    }
}

/// The text as a problem repeats it: quoted, on one line, cut.
pub(crate) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(MOST_FOUND_CHARS).flat_map(char::escape_debug).collect();
    let more = if text.chars().nth(MOST_FOUND_CHARS).is_some() { "..." } else { "" };
    format!("\"{short}{more}\"")
}

/// The nearest of `names`, where it is near enough to be what was meant.
pub(crate) fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let text: String = text.chars().take(MOST_FOUND_CHARS).collect::<String>().to_lowercase();
    names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&text, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

/// Collects the problems of one file.
pub(crate) struct Findings<'a> {
    file: &'a str,
    text: &'a str,
    /// The byte at which each line starts.
    line_starts: Vec<usize>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(breaks).collect();
        Self { file, text, line_starts, errors: Vec::new(), warnings: Vec::new() }
    }

    pub(crate) fn error(&mut self, span: &Range<usize>, miss: Miss) {
        if self.has_room() {
            let problem = self.problem(span, Severity::Error, miss);
            self.errors.push(problem);
        }
    }

    pub(crate) fn warning(&mut self, span: &Range<usize>, miss: Miss) {
        if self.warnings.len() < MOST_PROBLEMS {
            let problem = self.problem(span, Severity::Warning, miss);
            self.warnings.push(problem);
        }
    }

    /// A problem at a place, without collecting it.
    pub(crate) fn problem(&self, span: &Range<usize>, severity: Severity, miss: Miss) -> Problem {
        let (line, column) = self.place(span.start);
        let Miss { expected, found, nearest } = miss;
        Problem { file: self.file.to_owned(), line, column, severity, expected, found, nearest }
    }

    pub(crate) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// False once so many errors were told that no more are.
    pub(crate) fn has_room(&self) -> bool {
        self.errors.len() < MOST_PROBLEMS
    }

    /// The problems in the order of the file, each once.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.errors;
        problems.extend(self.warnings);
        problems.sort_by_key(|problem| (problem.line, problem.column, problem.severity));
        problems.dedup();
        problems
    }

    fn place(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let column = self.text.get(start..byte.max(start)).map_or(1, |before| before.chars().count() + 1);
        (line.max(1), column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "é = 1\n  ü = x\n";
        let mut findings = Findings::new("a.toml", text);
        let at = text.find('x').unwrap();
        findings.error(&(at..at + 1), Miss::new("a number", quoted("x")).nearest(Some("2".to_owned())));
        let problems = findings.into_problems();
        assert_eq!(
            problems[0].to_string(),
            "a.toml:2:7: error: expected a number, found \"x\"; did you mean `2`?"
        );
    }

    #[test]
    fn only_a_near_name_is_offered() {
        let names = ["social-media", "games", "gambling"];
        assert_eq!(nearest("socail-media", names), Some("social-media".to_owned()));
        assert_eq!(nearest("qqqqq", names), None);
    }
}
