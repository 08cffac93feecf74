//! What a rule's author writes, read.
//!
//! `(cut|cutting) my (arm|arms)` is either word, then `my`, then either; `(some|) pills` may lack the first word; `{self}`
//! stands for the patterns of a named set, any of them; `~` is a gap of at most [`MOST_WORDS_IN_GAP`] words.
//!
//! Invariant: the words of a pattern are cut as those of a text are ([`crate::words`]), so that it can be found at all.

use crate::words::words;
use std::collections::BTreeMap;

/// The most words that a gap leaves out.
pub const MOST_WORDS_IN_GAP: usize = 3;
/// The deepest that brackets and sets stand within each other.
const DEEPEST: usize = 8;
/// The most pieces of one pattern, its sets written out.
const MOST_PIECES: usize = 8_192;

/// Named sets of patterns.
pub type Sets = BTreeMap<String, Vec<String>>;

/// A pattern, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a pattern.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Piece {
    /// This word.
    Word(String),
    /// Any of these; an empty one may be left out.
    Either(Vec<Vec<Piece>>),
    /// A few words, whatever they are.
    Gap,
}

/// Why a pattern cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternError {
    /// A bracket or brace without its fellow.
    #[error("a bracket stands alone in \u{201c}{0}\u{201d}")]
    Bracket(String),
    /// A bracket or brace in the middle of a word.
    #[error("a bracket stands within a word in \u{201c}{0}\u{201d}: write the whole words")]
    WithinWord(String),
    /// A set that is not there.
    #[error("no set is named \u{201c}{0}\u{201d}")]
    Set(String),
    /// Sets and brackets that come to too much, too deep within each other, or a set within itself.
    #[error(
        "sets and brackets of \u{201c}{0}\u{201d} stand too deep within each other, or come to too many words"
    )]
    Size(String),
    /// Nothing to look for.
    #[error("\u{201c}{0}\u{201d} may stand for no word at all")]
    Empty(String),
    /// A gap at an end: it would say nothing.
    #[error("a gap begins or ends \u{201c}{0}\u{201d}")]
    Gap(String),
}

impl Pattern {
    /// Reads a pattern.
    pub fn read(text: &str, sets: &Sets) -> Result<Self, PatternError> {
        let mut reader = Reader { text, rest: text, sets, pieces: 0, before: ' ' };
        let mut alternatives = reader.alternatives(0)?;
        if !reader.rest.is_empty() {
            return Err(PatternError::Bracket(text.to_owned()));
        }
        let pieces = match alternatives.len() {
            1 => alternatives.remove(0),
            _ => vec![Piece::Either(alternatives)],
        };
        if may_be_empty(&pieces) {
            return Err(PatternError::Empty(text.to_owned()));
        }
        if pieces.first() == Some(&Piece::Gap) || pieces.last() == Some(&Piece::Gap) {
            return Err(PatternError::Gap(text.to_owned()));
        }
        Ok(Self { pieces })
    }
}

fn may_be_empty(pieces: &[Piece]) -> bool {
    pieces.iter().all(|piece| match piece {
        Piece::Word(_) => false,
        Piece::Gap => true,
        Piece::Either(all) => all.iter().any(|pieces| may_be_empty(pieces)),
    })
}

struct Reader<'p> {
    text: &'p str,
    rest: &'p str,
    sets: &'p Sets,
    pieces: usize,
    /// What stands before the rest.
    before: char,
}

impl Reader<'_> {
    /// Alternatives up to a closing bracket or the end.
    fn alternatives(&mut self, depth: usize) -> Result<Vec<Vec<Piece>>, PatternError> {
        if depth > DEEPEST {
            return Err(PatternError::Size(self.text.to_owned()));
        }
        let mut all = vec![self.sequence(depth)?];
        while let Some(rest) = self.rest.strip_prefix('|') {
            self.rest = rest;
            self.before = ' ';
            all.push(self.sequence(depth)?);
        }
        Ok(all)
    }

    /// What stands one after another, up to a bar, a closing bracket or the end.
    fn sequence(&mut self, depth: usize) -> Result<Vec<Piece>, PatternError> {
        let mut pieces = Vec::new();
        loop {
            let plain_ends = self.rest.find(['(', ')', '|', '{', '}']).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at(plain_ends);
            if self.before == ')' && plain.starts_with(char::is_alphanumeric) {
                return Err(PatternError::WithinWord(self.text.to_owned()));
            }
            push_plain(plain, &mut pieces);
            self.count(pieces.len())?;
            if let Some(last) = plain.chars().next_back() {
                self.before = last;
            }
            self.rest = rest;
            let is_bracket = rest.starts_with(['(', '{']);
            if is_bracket && (self.before.is_alphanumeric() || self.before == ')') {
                return Err(PatternError::WithinWord(self.text.to_owned()));
            }
            let bracket = || PatternError::Bracket(self.text.to_owned());
            if let Some(inside) = rest.strip_prefix('(') {
                self.rest = inside;
                self.before = ' ';
                let inner = self.alternatives(depth + 1)?;
                self.rest =
                    self.rest.strip_prefix(')').ok_or_else(|| PatternError::Bracket(self.text.to_owned()))?;
                pieces.push(Piece::Either(inner));
            } else if let Some(inside) = rest.strip_prefix('{') {
                let (name, after) = inside.split_once('}').ok_or_else(bracket)?;
                self.rest = after;
                pieces.push(self.set(name, depth)?);
            } else {
                return Ok(pieces);
            }
            self.before = ')';
        }
    }

    fn set(&mut self, name: &str, depth: usize) -> Result<Piece, PatternError> {
        let patterns = self.sets.get(name).ok_or_else(|| PatternError::Set(name.to_owned()))?;
        let mut all = Vec::new();
        for pattern in patterns {
            let mut reader =
                Reader { text: pattern, rest: pattern, sets: self.sets, pieces: self.pieces, before: ' ' };
            all.extend(reader.alternatives(depth + 1)?);
            if !reader.rest.is_empty() {
                return Err(PatternError::Bracket(pattern.clone()));
            }
            self.pieces = reader.pieces;
        }
        Ok(Piece::Either(all))
    }

    fn count(&mut self, more: usize) -> Result<(), PatternError> {
        self.pieces += more;
        if self.pieces > MOST_PIECES { Err(PatternError::Size(self.text.to_owned())) } else { Ok(()) }
    }
}

fn push_plain(plain: &str, pieces: &mut Vec<Piece>) {
    for (place, part) in plain.split('~').enumerate() {
        if place > 0 {
            pieces.push(Piece::Gap);
        }
        pieces.extend(words(part).into_iter().map(Piece::Word));
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

    /// A pattern, written plainly.
    fn plain(pieces: &[Piece]) -> String {
        let plain = |piece: &Piece| match piece {
            Piece::Word(word) => word.clone(),
            Piece::Gap => "~".to_owned(),
            Piece::Either(all) => {
                format!("({})", all.iter().map(|pieces| plain(pieces)).collect::<Vec<_>>().join("|"))
            }
        };
        pieces.iter().map(plain).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_pattern_is_read_with_its_sets_and_its_words_cut() {
        for (pattern, expected) in [
            ("self-harm", "self harm"),
            ("(some|) pills", "(some|) pills"),
            ("cut {self}", "cut (myself|my (arm|arms))"),
            ("wants ~ die", "wants ~ die"),
            ("Chc\u{119} umrze\u{107}", "chce umrzec"),
            ("don't", "dont"),
        ] {
            assert_eq!(plain(&Pattern::read(pattern, &sets()).unwrap().pieces), expected, "{pattern}");
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
            ("cut(ting|)", PatternError::WithinWord("cut(ting|)".to_owned())),
            ("(cut)ting", PatternError::WithinWord("(cut)ting".to_owned())),
            ("{round}", PatternError::Size("{round}".to_owned())),
        ] {
            assert_eq!(Pattern::read(pattern, &sets()), Err(expected), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in "[a-c(){}|~ ]{0,30}") {
            let _ = Pattern::read(&pattern, &sets());
        }
    }
}
