//! Names and addresses of pages by wildcards and regular expressions.
//!
//! Each needs a literal that every match holds; one pass of an automaton over the text finds which literals are there,
//! and only their patterns are tried. Expressions without such a literal are tried together, some dozens at a time.
//!
//! Expressions are read in ASCII and in any case. Each is bounded by [`LARGEST_REGEX_BYTES`] and all together by
//! [`REGEXES_BYTES`]; matching takes time in proportion to the text, whatever the expression.

use super::super::rule::Pattern;
use super::Rule;
use aho_corasick::{AhoCorasick, MatchKind as Literals};
use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use regex_syntax::hir::{Hir, HirKind};

/// The most bytes that one compiled expression may take.
const LARGEST_REGEX_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes that all of one kind may take.
const REGEXES_BYTES: usize = 48 * 1024 * 1024;
/// The most patterns of one kind.
const MOST_PATTERNS: usize = 50_000;
/// What a lazily built automaton may keep of its work.
const CACHE_BYTES: usize = 512 * 1024;
const TRIED_TOGETHER: usize = 32;
const LONGEST_REGEX_BYTES: usize = 16 * 1024;

/// The name in `*.name`: what is below a name needs no pattern, and response policy zones have many of these.
pub(super) fn below(wildcard: &str) -> Option<&str> {
    wildcard.strip_prefix("*.").filter(|name| !name.is_empty() && !name.contains('*'))
}

/// Which patterns of a rule a set holds.
pub(super) fn of_hosts(pattern: &Pattern) -> Option<Source<'_>> {
    match pattern {
        Pattern::Wildcard(text) if below(text).is_none() => Some(Source::Wildcard(text)),
        Pattern::Regex(text) => Some(Source::Regex(text)),
        _ => None,
    }
}

/// Which patterns of a rule a set for pages holds.
pub(super) fn of_pages(pattern: &Pattern) -> Option<Source<'_>> {
    match pattern {
        Pattern::PageRegex(text) => Some(Source::Regex(text)),
        _ => None,
    }
}

pub(super) enum Source<'a> {
    Wildcard(&'a str),
    Regex(&'a str),
}

/// Why a regular expression cannot be a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RegexProblem {
    /// Not in the syntax that is read (a look to either side, a reference back), or no expression at all.
    Syntax,
    /// It would take too much memory.
    TooLarge,
    /// It finds something in every text.
    MatchesEverything,
}

/// What keeps a regular expression from being a rule; `None`: it may be one.
pub fn regex_problem(text: &str) -> Option<RegexProblem> {
    if text.len() > LONGEST_REGEX_BYTES {
        return Some(RegexProblem::TooLarge);
    }
    let Ok(hir) = parse(text) else { return Some(RegexProblem::Syntax) };
    let Some(regex) = compile(&[&hir]) else { return Some(RegexProblem::TooLarge) };
    let everything = regex.is_match("") || UNLIKE.iter().all(|text| regex.is_match(*text));
    everything.then_some(RegexProblem::MatchesEverything)
}

/// Names with nothing in common: no expression that means something finds itself in all of them.
const UNLIKE: [&str; 3] = ["qjx.vwk", "a-b.c1.d2.example", "zzz9.uk"];

/// The patterns of one kind, ready to be tried.
#[derive(Default)]
pub(super) struct Patterns {
    left_out: Vec<u32>,
    literals: Option<AhoCorasick>,
    /// By the number of the literal.
    with_literal: Vec<(u32, Tried)>,
    /// Expressions without a literal, and the rules they are of.
    together: Vec<(Regex, Vec<u32>)>,
    /// Wildcards without a literal that is worth looking for.
    bare: Vec<(u32, Box<str>)>,
}

enum Tried {
    Wildcard(Box<str>),
    Regex(Box<Regex>),
}

impl Patterns {
    pub(super) fn new(rules: &[Rule], of: fn(&Pattern) -> Option<Source<'_>>) -> Self {
        let mut building = Building::default();
        for (id, rule) in (0..).zip(rules) {
            match of(&rule.rule.pattern) {
                Some(Source::Wildcard(text)) => building.wildcard(id, text),
                Some(Source::Regex(text)) => building.regex(id, text),
                None => {}
            }
        }
        building.finish()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.literals.is_none() && self.together.is_empty() && self.bare.is_empty()
    }

    /// The rules whose patterns are not tried, since they or all before them are too large.
    pub(super) fn left_out(&self) -> &[u32] {
        &self.left_out
    }

    /// Adds the rules whose pattern matches the text, which is in lower case.
    pub(super) fn matching(&self, text: &str, ids: &mut Vec<u32>) {
        if let Some(literals) = &self.literals {
            for literal in literals.find_overlapping_iter(text) {
                let Some((id, tried)) = self.with_literal.get(literal.pattern().as_usize()) else { continue };
                // A literal may occur more than once.
                if !ids.contains(id) && tried.matches(text) {
                    ids.push(*id);
                }
            }
        }
        let bare = self.bare.iter().filter(|(_, wildcard)| wildcard_matches(wildcard, text));
        ids.extend(bare.map(|(id, _)| *id));
        for (regex, of) in &self.together {
            let mut found = PatternSet::new(of.len());
            regex.which_overlapping_matches(&Input::new(text), &mut found);
            ids.extend(found.iter().filter_map(|pattern| of.get(pattern.as_usize())));
        }
    }
}

impl Tried {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Wildcard(wildcard) => wildcard_matches(wildcard, text),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Default)]
struct Building {
    patterns: Patterns,
    literals: Vec<String>,
    without: Vec<(u32, Hir)>,
    count: usize,
    bytes: usize,
}

impl Building {
    fn is_full(&mut self) -> bool {
        self.count += 1;
        self.count > MOST_PATTERNS || self.bytes > REGEXES_BYTES
    }

    fn wildcard(&mut self, id: u32, text: &str) {
        if self.is_full() {
            self.patterns.left_out.push(id);
            return;
        }
        let literal = text.split('*').max_by_key(|part| part.len()).unwrap_or_default();
        if literal.len() < SHORTEST_LITERAL {
            self.patterns.bare.push((id, text.into()));
            return;
        }
        self.literals.push(literal.into());
        self.patterns.with_literal.push((id, Tried::Wildcard(text.into())));
    }

    fn regex(&mut self, id: u32, text: &str) {
        let hir =
            Some(text).filter(|text| text.len() <= LONGEST_REGEX_BYTES).and_then(|text| parse(text).ok());
        let compiled = hir.and_then(|hir| Some((compile(&[&hir])?, hir)));
        let Some((regex, hir)) = compiled.filter(|_| !self.is_full()) else {
            self.patterns.left_out.push(id);
            return;
        };
        self.bytes = self.bytes.saturating_add(regex.memory_usage());
        match literal(text) {
            Some(literal) => {
                self.literals.push(literal);
                self.patterns.with_literal.push((id, Tried::Regex(Box::new(regex))));
            }
            None => self.without.push((id, hir)),
        }
    }

    fn finish(mut self) -> Patterns {
        if !self.literals.is_empty() {
            let found = AhoCorasick::builder().match_kind(Literals::Standard).build(&self.literals);
            match found {
                Ok(found) => self.patterns.literals = Some(found),
                Err(_) => {
                    let unfound = self.patterns.with_literal.drain(..);
                    self.patterns.left_out.extend(unfound.map(|(id, _)| id));
                }
            }
        }
        for chunk in self.without.chunks(TRIED_TOGETHER) {
            let hirs: Vec<&Hir> = chunk.iter().map(|(_, hir)| hir).collect();
            if let Some(regex) = compile(&hirs) {
                self.patterns.together.push((regex, chunk.iter().map(|(id, _)| *id).collect()));
                continue;
            }
            // Together they are too large; one by one they are not.
            for (id, hir) in chunk {
                match compile(&[hir]) {
                    Some(regex) => self.patterns.together.push((regex, vec![*id])),
                    None => self.patterns.left_out.push(*id),
                }
            }
        }
        self.patterns
    }
}

/// Shorter ones are in almost every text.
const SHORTEST_LITERAL: usize = 3;

fn syntax_config() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false).nest_limit(64)
}

fn parse(text: &str) -> Result<Hir, ()> {
    syntax::parse_with(text, &syntax_config().case_insensitive(true)).map_err(|_| ())
}

fn compile(hirs: &[&Hir]) -> Option<Regex> {
    let limits = meta::Config::new()
        .match_kind(MatchKind::All)
        .utf8_empty(false)
        .nfa_size_limit(Some(LARGEST_REGEX_BYTES))
        .hybrid_cache_capacity(CACHE_BYTES)
        .onepass(false)
        .dfa(false);
    meta::Builder::new().configure(limits).build_many_from_hir(hirs).ok()
}

/// The longest text that every match holds, in lower case.
fn literal(text: &str) -> Option<String> {
    let hir = syntax::parse_with(text, &syntax_config()).ok()?;
    let mut longest = String::new();
    longest_literal(&hir, &mut longest);
    (longest.len() >= SHORTEST_LITERAL).then_some(longest)
}

fn longest_literal(hir: &Hir, longest: &mut String) {
    match hir.kind() {
        HirKind::Literal(literal) => {
            if literal.0.len() > longest.len()
                && literal.0.is_ascii()
                && let Ok(text) = std::str::from_utf8(&literal.0)
            {
                *longest = text.to_ascii_lowercase();
            }
        }
        HirKind::Capture(capture) => longest_literal(&capture.sub, longest),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub, longest),
        HirKind::Concat(parts) => parts.iter().for_each(|part| longest_literal(part, longest)),
        _ => {}
    }
}

/// Whether a pattern with `*` matches the whole text. Takes at most the product of their lengths.
fn wildcard_matches(wildcard: &str, text: &str) -> bool {
    let mut parts = wildcard.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at.saturating_add(part.len())..).unwrap_or_default();
    }
    rest.ends_with(last)
}
