//! The guard between lists and the image. Public lists do contain `com`, `blogspot.com` and now and then `bbc.co.uk`;
//! one such line would close half the internet or a help line.
//!
//! Two rules. A name that is a public suffix is refused, whatever the list and category. A host of
//! `guard/never-block.txt` is refused by itself, with `www.` before it, and as a part of a subtree above it; the
//! categories that the file names for it are its own (the BBC is news), and those it may be listed in.
//! For illegal content an exact host is taken even where it is in that file: whoever keeps that list answers for it.

use crate::list::Entry;
use crate::{Dropped, Tally};
use model::{Category, CategorySet};
use policy::image::{Effect, Reach};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

const NEVER_BLOCK: &str = include_str!("../guard/never-block.txt");

/// An entry the guard refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The name in the list.
    pub name: Arc<str>,
    /// Its line in the list.
    pub line: u32,
    /// Why: [`Dropped::PublicSuffix`], [`Dropped::NeverBlocked`] or [`Dropped::IllegalException`].
    pub why: Dropped,
}

pub(crate) struct Guard {
    own_categories: HashMap<&'static str, CategorySet>,
    above: HashSet<&'static str>,
}

impl Guard {
    pub(crate) fn new() -> Self {
        let mut own_categories = HashMap::new();
        let mut above = HashSet::new();
        for line in NEVER_BLOCK.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            own_categories.insert(name, words.filter_map(Category::parse).collect());
            let mut rest = name;
            while let Some((_, parent)) = rest.split_once('.') {
                above.insert(parent);
                rest = parent;
            }
        }
        Self { own_categories, above }
    }

    /// Whether an entry may enter the image; if not, why.
    pub(crate) fn check(&self, entry: &Entry) -> Result<(), Dropped> {
        let Some(name) = entry.host.name() else { return Ok(()) };
        if entry.effect == Effect::Exception && entry.category == Category::ILLEGAL {
            return Err(Dropped::IllegalException);
        }
        if let Some(own) = self.own_categories.get(name)
            && own.contains(entry.category)
        {
            return Ok(());
        }
        if is_public_suffix(name) {
            return Err(Dropped::PublicSuffix);
        }
        if entry.effect == Effect::Block && self.closes_a_protected_host(name, entry) {
            return Err(Dropped::NeverBlocked);
        }
        Ok(())
    }

    fn closes_a_protected_host(&self, name: &str, entry: &Entry) -> bool {
        if entry.category == Category::ILLEGAL && entry.reach == Reach::Exact {
            return false;
        }
        if entry.reach == Reach::Subtree && self.above.contains(name) {
            return true;
        }
        let own = self.own_categories.get(name.strip_prefix("www.").unwrap_or(name));
        own.is_some_and(|own| !own.contains(entry.category))
    }
}

/// True for `com`, `co.uk` and `blogspot.com`: names below which names are given to others. A last label that nobody
/// registered counts as one too.
fn is_public_suffix(name: &str) -> bool {
    psl::suffix_str(name).is_some_and(|suffix| suffix == name)
}

/// The guard's account of one list.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) tally: Tally,
    pub(crate) refused: Vec<Refusal>,
}

impl Account {
    /// A report shows this many refusals of a list; all are counted.
    const MOST_SHOWN: usize = 50;

    pub(crate) fn add(&mut self, entry: &Entry, why: Dropped) {
        self.tally.add(why);
        if self.refused.len() < Self::MOST_SHOWN {
            self.refused.push(Refusal { name: entry.host.to_string().into(), line: entry.line, why });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Host;
    use policy::image::Weight;

    fn check(host: &str, reach: Reach, effect: Effect, category: &str) -> Result<(), Dropped> {
        let host = Host::parse(host).unwrap();
        let category = Category::parse(category).unwrap();
        Guard::new().check(&Entry { host, reach, effect, weight: Weight::Usual, category, line: 1 })
    }

    #[test]
    fn the_guard_lets_through_what_it_should_and_refuses_the_rest() {
        use {Dropped::*, Effect::*, Reach::*};
        for (host, reach, effect, category, expected) in [
            ("example.com", Subtree, Block, "games", Ok(())),
            ("com", Subtree, Block, "games", Err(PublicSuffix)),
            ("com", Exact, Block, "games", Err(PublicSuffix)),
            ("co.uk", Subtree, Block, "illegal", Err(PublicSuffix)),
            ("blogspot.com", Subtree, Block, "games", Err(PublicSuffix)),
            ("blogspot.com", Exact, Block, "games", Err(PublicSuffix)),
            ("github.io", Exact, Block, "illegal", Err(PublicSuffix)),
            ("someone.github.io", Exact, Block, "games", Ok(())),
            ("com", Subtree, Exception, "games", Err(PublicSuffix)),
            ("bbc.co.uk", Subtree, Block, "pornography", Err(NeverBlocked)),
            ("www.bbc.co.uk", Exact, Block, "pornography", Err(NeverBlocked)),
            ("bbc.co.uk", Subtree, Block, "news", Ok(())),
            ("bbc.co.uk", Subtree, Exception, "pornography", Ok(())),
            ("gov.uk", Subtree, Block, "government", Ok(())),
            ("gov.uk", Subtree, Block, "gambling", Err(PublicSuffix)),
            ("www.gov.uk", Exact, Block, "gambling", Err(NeverBlocked)),
            ("samaritans.org", Subtree, Block, "self-harm-suicide", Err(NeverBlocked)),
            ("samaritans.org", Exact, Block, "illegal", Ok(())),
            ("samaritans.org", Subtree, Block, "illegal", Err(NeverBlocked)),
            ("pearson.com", Subtree, Block, "games", Err(NeverBlocked)),
            ("illegal.example", Exact, Exception, "illegal", Err(IllegalException)),
            ("198.51.100.7", Exact, Block, "malware", Ok(())),
        ] {
            assert_eq!(
                check(host, reach, effect, category),
                expected,
                "{host} {reach:?} {effect:?} {category}"
            );
        }
    }

    #[test]
    fn every_line_of_the_file_is_a_host_with_known_categories() {
        for line in NEVER_BLOCK.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let Some(name) = words.next() else { continue };
            assert_eq!(Host::parse(name).unwrap().to_string(), name);
            for slug in words {
                assert!(Category::parse(slug).is_some(), "{line}");
            }
        }
    }
}
