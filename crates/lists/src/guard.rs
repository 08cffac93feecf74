//! The guard between lists and the image. Public lists do contain `com`, `blogspot.com` and now and then `bbc.co.uk`;
//! one such line would close half the internet or a help line.
//!
//! Three rules. A name that is a public suffix is refused, whatever the list and category. A host of
//! `guard/never-block.txt`, or of the school's own, is refused by itself, with `www.` before it, and as a part of a subtree
//! above it; the categories that the file names for it are its own (the BBC is news), and those it may be listed in.
//! For illegal content an exact host is taken even where it is in that file: whoever keeps that list answers for it. A
//! private or local address is refused: it is the school's own.

use crate::list::Says;
use crate::{Dropped, Tally};
use model::{Category, CategorySet, Host};
use policy::image::{Effect, Reach};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

const NEVER_BLOCK: &str = include_str!("../guard/never-block.txt");

/// An entry the guard refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refusal {
    /// The name in the list; `None` for a list of illegal content, of which no name is shown.
    pub name: Option<Arc<str>>,
    /// Its line in the list.
    pub line: u32,
    /// Why, in words.
    pub why: Arc<str>,
}

/// What the guard knows of one name.
#[derive(Clone, Copy, Debug, Default)]
struct Protected {
    /// For a host that must stay reachable, the categories that are its own.
    own: Option<CategorySet>,
    /// The same, for what begins with `www.` before such a host.
    own_below_www: Option<CategorySet>,
    /// True for every name above such a host.
    is_above: bool,
}

/// The names of hosts that no list may block, in the file's order, with the categories that are their own.
pub fn never_block() -> impl Iterator<Item = (&'static str, CategorySet)> {
    NEVER_BLOCK.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.filter_map(Category::parse).collect()))
    })
}

pub(crate) struct Guard {
    names: HashMap<Box<str>, Protected, BuildHasherDefault<NameHasher>>,
}

impl Guard {
    /// The guard of the file, and of the hosts that are the school's own.
    pub(crate) fn new(own: &[Host]) -> Self {
        let mut guard = Self { names: HashMap::default() };
        for (name, own) in never_block() {
            guard.protect(name, own);
        }
        for name in own.iter().filter_map(Host::name) {
            guard.protect(name, CategorySet::default());
        }
        guard
    }

    fn protect(&mut self, name: &str, own: CategorySet) {
        // A host of the file that is the school's own as well keeps the file's categories.
        self.entry(name).own.get_or_insert(own);
        self.entry(&format!("www.{name}")).own_below_www.get_or_insert(own);
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            self.entry(parent).is_above = true;
            rest = parent;
        }
    }

    fn entry(&mut self, name: &str) -> &mut Protected {
        self.names.entry(name.into()).or_default()
    }

    /// Whether an entry for a name may enter the image; if not, why. One look into a small table, and the public suffixes.
    pub(crate) fn check(&self, name: &str, says: &Says) -> Result<(), Dropped> {
        if says.effect == Effect::Exception && says.category == Category::ILLEGAL {
            return Err(Dropped::IllegalException);
        }
        let protected = self.names.get(name).copied().unwrap_or_default();
        if protected.own.is_some_and(|own| own.contains(says.category)) {
            return Ok(());
        }
        if is_public_suffix(name) {
            return Err(Dropped::PublicSuffix);
        }
        if says.effect == Effect::Block && protected.is_closed_by(says) {
            return Err(Dropped::NeverBlocked);
        }
        Ok(())
    }

    /// Whether an entry for an address may enter the image: not where the address is the school's own.
    pub(crate) fn check_address(address: IpAddr) -> Result<(), Dropped> {
        let is_own = policy::is_private(address) || address.to_canonical().is_multicast();
        if is_own { Err(Dropped::PrivateRange) } else { Ok(()) }
    }

    /// The hosts that must stay reachable, each with the categories that are its own.
    pub(crate) fn protected(&self) -> impl Iterator<Item = (&str, CategorySet)> {
        self.names.iter().filter_map(|(name, protected)| Some((&**name, protected.own?)))
    }
}

impl Protected {
    fn is_closed_by(&self, says: &Says) -> bool {
        if says.category == Category::ILLEGAL && says.reach == Reach::Exact {
            return false;
        }
        if says.reach == Reach::Subtree && self.is_above {
            return true;
        }
        let own = self.own.or(self.own_below_www);
        own.is_some_and(|own| !own.contains(says.category))
    }
}

/// A hash of a name, eight bytes at a time: the table is ours and small, so that nobody can fill one of its places.
#[derive(Clone, Copy, Default)]
struct NameHasher(u64);

impl NameHasher {
    /// Digits of pi, as good as any.
    const KEY: u64 = 0x243f_6a88_85a3_08d3;

    fn take_in(&mut self, word: u64) {
        let (low, high) = (self.0 ^ word).carrying_mul(Self::KEY, 1);
        self.0 = low ^ high;
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.take_in(u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        self.take_in(rest ^ (bytes.len() as u64) << 56);
    }

    /// What a text ends with; its length tells it from others already.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// True for `com`, `co.uk` and `blogspot.com`: names below which names are given to others. A last label that nobody
/// registered counts as one too.
fn is_public_suffix(name: &str) -> bool {
    psl::suffix_str(name).is_some_and(|suffix| suffix.len() == name.len())
}

/// The guard's account of one list.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) tally: Tally,
    pub(crate) refused: Vec<Refusal>,
    /// For a list of illegal content, of which no name is shown.
    pub(crate) hides_names: bool,
}

impl Account {
    /// A report shows this many refusals of a list; all are counted.
    const MOST_SHOWN: usize = 50;

    pub(crate) fn add(&mut self, name: &str, category: Category, line: u32, why: Dropped) {
        self.tally.add(why);
        if self.refused.len() < Self::MOST_SHOWN {
            let is_hidden = self.hides_names || category == Category::ILLEGAL;
            let name = (!is_hidden).then(|| name.into());
            self.refused.push(Refusal { name, line, why: why.words().into() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::image::Weight;
    fn check(host: &str, reach: Reach, effect: Effect, category: &str) -> Result<(), Dropped> {
        let category = Category::parse(category).unwrap();
        let own = [Host::parse("school.example").unwrap()];
        Guard::new(&own).check(host, &Says { reach, effect, weight: Weight::Usual, category })
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
            ("school.example", Subtree, Block, "education", Err(NeverBlocked)),
            ("www.school.example", Exact, Block, "games", Err(NeverBlocked)),
            ("portal.school.example", Exact, Block, "games", Ok(())),
            ("school.example", Exact, Block, "illegal", Ok(())),
        ] {
            assert_eq!(
                check(host, reach, effect, category),
                expected,
                "{host} {reach:?} {effect:?} {category}"
            );
        }
    }

    #[test]
    fn an_address_of_the_schools_own_is_refused() {
        for (address, is_own) in [
            ("10.1.2.3", true),
            ("::ffff:192.168.0.1", true),
            ("127.0.0.1", true),
            ("100.64.0.1", true),
            ("100.127.255.254", true),
            ("100.63.255.255", false),
            ("100.128.0.0", false),
            ("fd00::1", true),
            ("198.51.100.7", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(Guard::check_address(address.parse().unwrap()).is_err(), is_own, "{address}");
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
