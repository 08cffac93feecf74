//! What a rule's author writes, as plain phrases.
//!
//! `(cut|cutting) my (arm|arms)` is four phrases; `(some|) pills` is two, one without the first word; `{self}` stands for
//! the words of a named set, which may hold patterns in their turn; `~` is a gap of at most [`MOST_WORDS_IN_GAP`] words.
//!
//! Invariant: the words of a phrase are cut as those of a text are ([`crate::words`]), so that a phrase can be found at all.

use crate::words::words;
use std::collections::BTreeMap;

/// The sign of a gap.
pub const GAP: &str = "~";
/// The most words that a gap leaves out.
pub const MOST_WORDS_IN_GAP: usize = 3;
/// The most phrases of one pattern.
pub const MOST_PHRASES: usize = 4_096;
/// The deepest that brackets and sets stand within each other.
const DEEPEST: usize = 6;

/// Named sets of patterns.
pub type Sets = BTreeMap<String, Vec<String>>;

/// Why a pattern cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// A bracket or brace without its fellow.
    #[error("a bracket stands alone in \u{201c}{0}\u{201d}")]
    Bracket(String),
    /// A set that is not there.
    #[error("no set is named \u{201c}{0}\u{201d}")]
    Set(String),
    /// More phrases than [`MOST_PHRASES`].
    #[error("\u{201c}{0}\u{201d} stands for more than {MOST_PHRASES} phrases")]
    Phrases(String),
    /// Brackets or sets within each other too deep, or a set within itself.
    #[error("sets or brackets stand too deep within each other in \u{201c}{0}\u{201d}")]
    Depth(String),
    /// Nothing to look for.
    #[error("\u{201c}{0}\u{201d} stands for no word")]
    Empty(String),
    /// A gap at an end of a phrase: it would say nothing.
    #[error("a gap begins or ends \u{201c}{0}\u{201d}")]
    Gap(String),
}

/// The phrases a pattern stands for: folded words with one blank between, gaps as [`GAP`]; each once, in order.
pub fn phrases_of(pattern: &str, sets: &Sets) -> Result<Vec<String>, PatternError> {
    let mut reader = Reader { pattern, rest: pattern, sets };
    let written = reader.alternatives(0)?;
    if !reader.rest.is_empty() {
        return Err(PatternError::Bracket(pattern.to_owned()));
    }
    let mut phrases: Vec<String> = written.iter().map(|phrase| normal(phrase)).collect();
    phrases.sort_unstable();
    phrases.dedup();
    if phrases.iter().any(String::is_empty) {
        return Err(PatternError::Empty(pattern.to_owned()));
    }
    if phrases.iter().any(|phrase| phrase.starts_with(GAP) || phrase.ends_with(GAP)) {
        return Err(PatternError::Gap(pattern.to_owned()));
    }
    Ok(phrases)
}

fn normal(phrase: &str) -> String {
    let between_gaps = phrase.split(GAP).map(|part| words(part).join(" "));
    between_gaps.collect::<Vec<_>>().join(" ~ ").trim_matches(' ').to_owned()
}

struct Reader<'p> {
    pattern: &'p str,
    rest: &'p str,
    sets: &'p Sets,
}

impl Reader<'_> {
    /// Alternatives up to a closing bracket or the end.
    fn alternatives(&mut self, depth: usize) -> Result<Vec<String>, PatternError> {
        if depth > DEEPEST {
            return Err(PatternError::Depth(self.pattern.to_owned()));
        }
        let mut all = Vec::new();
        loop {
            all.extend(self.sequence(depth)?);
            self.bound(all.len())?;
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return Ok(all),
            }
        }
    }

    /// What stands one after another, up to a bar, a closing bracket or the end.
    fn sequence(&mut self, depth: usize) -> Result<Vec<String>, PatternError> {
        let mut phrases = vec![String::new()];
        loop {
            let plain_ends = self.rest.find(['(', ')', '|', '{', '}']).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at(plain_ends);
            phrases.iter_mut().for_each(|phrase| phrase.push_str(plain));
            self.rest = rest;
            let next = if let Some(inside) = rest.strip_prefix('(') {
                self.rest = inside;
                let inner = self.alternatives(depth + 1)?;
                self.rest = self
                    .rest
                    .strip_prefix(')')
                    .ok_or_else(|| PatternError::Bracket(self.pattern.to_owned()))?;
                inner
            } else if let Some(inside) = rest.strip_prefix('{') {
                let (name, after) =
                    inside.split_once('}').ok_or_else(|| PatternError::Bracket(self.pattern.to_owned()))?;
                self.rest = after;
                self.set(name, depth)?
            } else {
                return Ok(phrases);
            };
            self.bound(phrases.len().saturating_mul(next.len()))?;
            phrases = phrases
                .iter()
                .flat_map(|phrase| next.iter().map(move |end| format!("{phrase}{end}")))
                .collect();
        }
    }

    fn set(&self, name: &str, depth: usize) -> Result<Vec<String>, PatternError> {
        if depth >= DEEPEST {
            return Err(PatternError::Depth(self.pattern.to_owned()));
        }
        let patterns = self.sets.get(name).ok_or_else(|| PatternError::Set(name.to_owned()))?;
        let mut all = Vec::new();
        for pattern in patterns {
            let mut reader = Reader { pattern, rest: pattern, sets: self.sets };
            all.extend(reader.alternatives(depth + 1)?);
            if !reader.rest.is_empty() {
                return Err(PatternError::Bracket(pattern.clone()));
            }
            self.bound(all.len())?;
        }
        Ok(all)
    }

    fn bound(&self, phrases: usize) -> Result<(), PatternError> {
        if phrases > MOST_PHRASES { Err(PatternError::Phrases(self.pattern.to_owned())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sets() -> Sets {
        let of = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let mut sets = Sets::new();
        sets.insert("self".to_owned(), of(&["myself", "my (arm|arms)"]));
        sets.insert("round".to_owned(), of(&["{round}"]));
        sets
    }

    #[test]
    fn a_pattern_stands_for_its_phrases() {
        for (pattern, expected) in [
            ("self-harm", "self harm"),
            ("(some|) pills", "pills|some pills"),
            ("cut {self}", "cut my arm|cut my arms|cut myself"),
            ("wants ~ die", "wants ~ die"),
            ("(a|b(c|d)) e", "a e|bc e|bd e"),
            ("Chc\u{119} umrze\u{107}", "chce umrzec"),
        ] {
            assert_eq!(phrases_of(pattern, &sets()).unwrap().join("|"), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_says_why() {
        for (pattern, expected) in [
            ("(a", PatternError::Bracket("(a".to_owned())),
            ("a)", PatternError::Bracket("a)".to_owned())),
            ("{a", PatternError::Bracket("{a".to_owned())),
            ("{other}", PatternError::Set("other".to_owned())),
            ("(|a)", PatternError::Empty("(|a)".to_owned())),
            ("~ a", PatternError::Gap("~ a".to_owned())),
            ("{round}", PatternError::Depth("{round}".to_owned())),
        ] {
            assert_eq!(phrases_of(pattern, &sets()), Err(expected), "{pattern}");
        }
        let many = "(a|b|c|d|e|f|g|h|i|j)".repeat(5);
        assert_eq!(phrases_of(&many, &sets()), Err(PatternError::Phrases(many)));
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in "[a-c(){}|~ ]{0,30}") {
            let _ = phrases_of(&pattern, &sets());
        }
    }
}
