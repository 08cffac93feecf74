//! The part of an image that holds rules of lists which are more than a name: pages, patterns, ranges of addresses,
//! hashes, and whatever holds only for some clients or question types.
//!
//! Left out on purpose: which rule decides (`Hits` ranks them with the entries of the table of names), and the parts of
//! pages that a browser would hide.
//!
//! Invariants: opening never panics and is bounded, whatever the bytes; a look finds exactly the rules that
//! [`Rule::speaks_of`] finds one by one, only faster; a rule whose expression is too large, or comes after the most
//! that are kept, is left out and counted for its list ([`LeftOut`]), so that one rule never costs the image; those of
//! illegal content are the last to be. The same rules give the same bytes, whatever their order.
//!
//! # Forms
//!
//! *Pages* are compared as the policy's deny entries are: path in its normal form and as it was written, in any case, so
//! that neither `%2e` nor a double slash nor capitals go round a rule. In the query, encoded letters and digits are
//! decoded too, and a rule with a query also ends at an `&`. An exception must match in its own case, and as written
//! where servers may disagree. `www.` before either host makes no difference.
//!
//! *Hashes* are taken of these texts, in lower case and as asked: host with and without `www.`, then nothing, `/`, or
//! the path (as written and in normal form, each with and without its query and its last slash); before all of it
//! nothing, `http://` or `https://`. Without a path only the hosts are hashed.
//!
//! *An exception with an answer* lifts only rules of its list that have that answer; one with no addresses
//! ([`DnsAnswer::Addresses`] of none) lifts those with any.

mod ask;
mod codec;
mod digests;
mod hashed;
mod patterns;
mod ranges;

pub use super::hits::{MOST_SPOKEN, Spoken, SpokenBy};
pub use ask::RuleAsk;
pub use codec::encode;
pub use patterns::{RegexProblem, regex_problem};

use super::rule::{Conditions, Digest, DnsAnswer, NewRule, Pattern};
use super::write::{Effect, Weight};
use ask::Asked;
use hashed::{Hashed, page_keys, suffix_hashes};
use model::{Category, Host};
use patterns::Patterns;
use ranges::Ranges;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// The most rules that are kept of an image.
pub const MOST_RULES: usize = 500_000;

/// A rule that speaks of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleHit {
    /// The list's place among the image's lists.
    pub list: u16,
    /// The category it speaks of.
    pub category: Category,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// Its line, from 1.
    pub line: u32,
    /// Where in the host's text the name begins that it speaks of: 0 for the host itself and for patterns.
    pub start: usize,
    /// What of the host it speaks of.
    pub extent: Extent,
    /// How DNS answers where it decides.
    pub answer: DnsAnswer,
    /// What kind of rule it is.
    pub kind: RuleKind,
}

/// What kind of thing a rule speaks of, in a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleKind {
    /// A name with conditions or an answer.
    Name,
    /// A page and what continues it.
    Page,
    /// A pattern with `*`.
    Wildcard,
    /// A regular expression over names.
    Expression,
    /// A regular expression over pages.
    PageExpression,
    /// A range of addresses.
    Range,
    /// A hash.
    Hash,
}

/// What of a host a rule speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All that was asked: the host, or the page whose path was asked about.
    Asked,
    /// Some of its pages, and the question has no path yet. Told once for each list, category and weight, and of blocks
    /// alone; expressions and hashes of pages name no host, so they are not told.
    SomePages,
}

/// The bytes of an image's section are no rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the list image's rules cannot be read")]
pub struct RulesUnreadable;

/// Rules of one list that are left out: expressions that are too large or not understood, and what came after the most.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// All of them.
    pub rules: u64,
    /// Those among them that are of illegal content.
    pub illegal: u64,
}

/// What is left out, by the list's place among the image's lists.
#[derive(Debug, Default)]
struct AllLeftOut(BTreeMap<u16, LeftOut>);

impl AllLeftOut {
    fn add(&mut self, list: u16, category: Category) {
        let of = self.0.entry(list).or_default();
        of.rules += 1;
        of.illegal += u64::from(category == Category::ILLEGAL);
    }
}

/// The rules of an opened image.
#[derive(Default)]
pub struct Rules {
    rules: Vec<Rule>,
    left_out: AllLeftOut,
    names: Hashed,
    pages: Hashed,
    hosts_of_pages: Hashed,
    digests: Hashed,
    digest_kinds: digests::Kinds,
    ranges: Ranges,
    host_patterns: Patterns,
    page_patterns: Patterns,
}

/// A rule as it is kept.
struct Rule {
    list: u16,
    rule: NewRule,
    /// For a page: its path in the form that is compared.
    page: Option<Box<str>>,
}

impl Rules {
    /// Reads a section, whose hash was checked. Keeps no borrow of it.
    ///
    /// # Errors
    /// [`RulesUnreadable`]; never panics, whatever the bytes.
    pub fn open(bytes: &[u8]) -> Result<Self, RulesUnreadable> {
        let (stored, beyond) = codec::decode(bytes)?;
        let mut rules: Vec<Rule> = stored.into_iter().map(|(list, rule)| Rule::new(list, rule)).collect();
        let mut opened = Self {
            host_patterns: Patterns::new(&rules, patterns::of_hosts),
            page_patterns: Patterns::new(&rules, patterns::of_pages),
            left_out: beyond,
            ..Self::default()
        };
        for id in [&opened.host_patterns, &opened.page_patterns].into_iter().flat_map(Patterns::left_out) {
            if let Some(rule) = usize::try_from(*id).ok().and_then(|id| rules.get(id)) {
                opened.left_out.add(rule.list, rule.rule.category);
            }
        }
        let mut told = HashSet::new();
        for (id, rule) in (0..).zip(&rules) {
            opened.index(id, rule, &mut told);
        }
        for index in [&mut opened.names, &mut opened.pages, &mut opened.hosts_of_pages, &mut opened.digests] {
            index.settle();
        }
        opened.ranges = Ranges::new(&rules);
        rules.shrink_to_fit();
        opened.rules = rules;
        Ok(opened)
    }

    /// True when there is none, so that nobody need ask.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// How many rules are kept, expressions that are left out among them.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What is left out of the list at this place among the image's lists.
    pub fn left_out(&self, list: u16) -> LeftOut {
        self.left_out.0.get(&list).copied().unwrap_or_default()
    }

    /// Tells of each rule that speaks of the question, in the order of lists and lines.
    pub fn look(&self, ask: &RuleAsk<'_>, on_hit: &mut dyn FnMut(RuleHit)) {
        if self.rules.is_empty() {
            return;
        }
        let asked = Asked::new(ask);
        let mut ids = self.candidates(&asked);
        if ids.is_empty() {
            return;
        }
        ids.sort_unstable();
        ids.dedup();
        let spoken = |id: &u32| self.rule(*id).filter(|rule| rule.speaks_of(&asked));
        let mut hits: Vec<&Rule> = ids.iter().filter_map(spoken).collect();
        // Rules of illegal content lie before the others.
        hits.sort_by_key(|rule| (rule.list, rule.rule.line));
        for rule in hits.iter().filter(|rule| !rule.lifts_an_answer()) {
            if !hits.iter().any(|other| other.lifts(rule)) {
                on_hit(rule.hit(&asked));
            }
        }
    }

    fn rule(&self, id: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(id).ok()?)
    }

    /// `told`: for which hosts, lists, categories and weights a page without conditions is told of already.
    fn index(&mut self, id: u32, rule: &Rule, told: &mut HashSet<(u64, u16, Category, Weight)>) {
        match &rule.rule.pattern {
            Pattern::Name { host, .. } => self.names.add(hashed::name_key(host), id),
            Pattern::Page { host, path } => {
                let key = hashed::host_key(host);
                let NewRule { ref conditions, effect, weight, category, .. } = rule.rule;
                let always = *conditions == Conditions::default();
                if effect == Effect::Block && (!always || told.insert((key, rule.list, category, weight))) {
                    self.hosts_of_pages.add(key, id);
                }
                for path in [Some(&**path), rule.page.as_deref()].into_iter().flatten() {
                    self.pages.add(hashed::page_key(host, path), id);
                }
            }
            Pattern::Digest(digest) => {
                self.digest_kinds.add(digest);
                self.digests.add(digests::key(digest), id);
            }
            Pattern::Wildcard(text) => {
                if let Some(name) = patterns::below(text) {
                    self.names.add(hashed::text_key(name), id);
                }
            }
            Pattern::Range(_) | Pattern::Regex(_) | Pattern::PageRegex(_) => {}
        }
    }

    /// The rules that may speak of it: all that do, and few others; some twice.
    fn candidates(&self, asked: &Asked<'_>) -> Vec<u32> {
        let mut ids = Vec::new();
        if !self.names.is_empty() {
            for hash in suffix_hashes(asked.host()) {
                ids.extend_from_slice(self.names.get(hash));
            }
        }
        match asked.path() {
            Some(path) if !self.pages.is_empty() => {
                for text in [path.plain(), path.raw()] {
                    page_keys(asked.host(), text, &mut |key| ids.extend_from_slice(self.pages.get(key)));
                }
            }
            None if !self.hosts_of_pages.is_empty() => {
                ids.extend_from_slice(self.hosts_of_pages.get(hashed::host_key(asked.host())));
            }
            Some(_) | None => {}
        }
        self.ranges.containing(asked.host(), &mut ids);
        if !self.digests.is_empty() {
            let mut each = |digest: &Digest| {
                let of = self.digests.get(digests::key(digest)).iter().copied();
                ids.extend(of.filter(|id| self.rule(*id).is_some_and(|rule| rule.is_of(digest))));
            };
            digests::of(asked, self.digest_kinds, &mut each);
        }
        self.host_patterns.matching(asked.host_text(), &mut ids);
        if let Some(path) = asked.path().filter(|_| !self.page_patterns.is_empty()) {
            for text in path.addresses() {
                self.page_patterns.matching(&text, &mut ids);
            }
        }
        ids
    }
}

impl Pattern {
    fn kind(&self) -> RuleKind {
        match self {
            Self::Name { .. } => RuleKind::Name,
            Self::Page { .. } => RuleKind::Page,
            Self::Range(_) => RuleKind::Range,
            Self::Wildcard(_) => RuleKind::Wildcard,
            Self::Regex(_) => RuleKind::Expression,
            Self::PageRegex(_) => RuleKind::PageExpression,
            Self::Digest(_) => RuleKind::Hash,
        }
    }
}

impl Rule {
    fn new(list: u16, rule: NewRule) -> Self {
        let page = match &rule.pattern {
            Pattern::Page { path, .. } => Some(ask::plain(path).into()),
            _ => None,
        };
        Self { list, rule, page }
    }

    /// Whether the rule speaks of what is asked. What an index has already answered for good (ranges, patterns, hashes)
    /// is not asked again.
    fn speaks_of(&self, asked: &Asked<'_>) -> bool {
        let spoken = match &self.rule.pattern {
            Pattern::Name { host, reach } => asked.is_covered_by(host, *reach),
            Pattern::Page { host, path } => {
                hashed::page_host(host) == hashed::page_host(asked.host())
                    && asked.path().is_none_or(|asked| {
                        asked.begins(self.rule.effect, path, self.page.as_deref().unwrap_or(path))
                    })
            }
            Pattern::Wildcard(text) => patterns::below(text)
                .is_none_or(|name| asked.host().is_at_or_below(name) && asked.host_text().len() > name.len()),
            Pattern::Range(_) | Pattern::Digest(_) | Pattern::Regex(_) | Pattern::PageRegex(_) => true,
        };
        spoken && asked.meets(&self.rule.conditions)
    }

    fn is_of(&self, digest: &Digest) -> bool {
        matches!(&self.rule.pattern, Pattern::Digest(own) if own == digest)
    }

    /// True for an exception that speaks of answers alone.
    fn lifts_an_answer(&self) -> bool {
        self.rule.effect == Effect::Exception && self.rule.answer != DnsAnswer::AsUsual
    }

    fn lifts(&self, other: &Rule) -> bool {
        let same_answer = match (&self.rule.answer, &other.rule.answer) {
            (_, DnsAnswer::AsUsual) => false,
            (DnsAnswer::Addresses(all), _) if all.is_empty() => true,
            (DnsAnswer::Addresses(own), DnsAnswer::Addresses(all)) => all.iter().all(|one| own.contains(one)),
            (own, other) => own == other,
        };
        same_answer
            && self.lifts_an_answer()
            && (self.list, self.rule.category) == (other.list, other.rule.category)
    }

    fn hit(&self, asked: &Asked<'_>) -> RuleHit {
        let extent = match &self.rule.pattern {
            Pattern::Page { .. } if asked.path().is_none() => Extent::SomePages,
            _ => Extent::Asked,
        };
        let start = match &self.rule.pattern {
            Pattern::Name { host: Host::Name(name), .. } => {
                asked.host_text().len().saturating_sub(name.len())
            }
            _ => 0,
        };
        let NewRule { line, category, effect, weight, ref answer, .. } = self.rule;
        let kind = self.rule.pattern.kind();
        RuleHit {
            list: self.list,
            category,
            effect,
            weight,
            line,
            start,
            extent,
            answer: answer.clone(),
            kind,
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("rules", &self.rules.len()).field("left_out", &self.left_out).finish()
    }
}

#[cfg(test)]
mod tests;
