//! The entries of a list as sorted fingerprints, 8 bytes each: what two readings have in common is counted by walking
//! both once, without either reading's names.

use crate::ReadList;
use crate::fingerprint::{of_text, of_words};
use crate::list::Says;
use model::{Category, Host};
use policy::image::{Conditions, Digest, DnsAnswer, Effect, NewRule, Pattern, Reach};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The entries of a reading.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ReadSet(Vec<u64>);

impl ReadSet {
    pub(crate) fn of(list: &ReadList) -> Self {
        let mut seeds = Seeds::default();
        let mut numbers = Vec::with_capacity(list.len());
        numbers.extend(list.rows().map(|row| of_text(seeds.seed(&row.says), row.text)));
        numbers.extend(list.rules().iter().map(|rule| seeds.rule(rule)));
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        rest.is_empty().then(|| Self(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect()))
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Those of `newer` that are not here.
    pub(crate) fn added(&self, newer: &Self) -> Self {
        let mut before = self.0.iter().peekable();
        let mut is_new = |number: &u64| {
            loop {
                match before.peek().map(|old| (*old).cmp(number)) {
                    Some(Ordering::Less) => drop(before.next()),
                    Some(Ordering::Equal) => return false,
                    Some(Ordering::Greater) | None => return true,
                }
            }
        };
        Self(newer.0.iter().filter(|number| is_new(number)).copied().collect())
    }

    /// The first names of `list` that are in this set, as the list writes them; none that is illegal content.
    pub(crate) fn names_in(&self, list: &ReadList, most: usize) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        let mut seeds = Seeds::default();
        let has = |number: u64| self.0.binary_search(&number).is_ok();
        let shown = list.rows().filter(|row| row.says.category != Category::ILLEGAL);
        let names = shown.filter(|row| has(of_text(seeds.seed(&row.says), row.text)));
        names.take(most).map(|row| row.text.to_owned()).collect()
    }
}

/// Where the fingerprint of an entry begins: with what it says of its name.
#[derive(Default)]
struct Seeds(BTreeMap<(Category, bool, bool), u64>);

impl Seeds {
    fn seed(&mut self, says: &Says) -> u64 {
        let (below, lifts) = (says.reach == Reach::Subtree, says.effect == Effect::Exception);
        *self.0.entry((says.category, below, lifts)).or_insert_with(|| {
            // The slug, since a category's number may change with the catalogue.
            of_words([says.category.slug().as_bytes(), &[u8::from(below), u8::from(lifts)]])
        })
    }

    fn rule(&mut self, rule: &NewRule) -> u64 {
        let NewRule { effect, weight, category, .. } = *rule;
        let seed = self.seed(&Says { reach: Reach::Exact, effect, weight, category });
        if rule.conditions != Conditions::default() || rule.answer != DnsAnswer::AsUsual {
            return of_text(seed, &format!("{:?} {:?} {:?}", rule.pattern, rule.conditions, rule.answer));
        }
        match &rule.pattern {
            Pattern::Page { host: Host::Name(host), path } => of_text(of_text(seed, host), path),
            Pattern::Digest(Digest::Md5(hash)) => of_words([&seed.to_le_bytes(), hash]),
            Pattern::Digest(Digest::Sha1(hash)) => of_words([&seed.to_le_bytes(), hash]),
            Pattern::Digest(Digest::Sha256(hash)) => of_words([&seed.to_le_bytes(), hash]),
            other => of_text(seed, &format!("{other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_bytes;
    use model::{ListId, Timestamp};
    use policy::rules::ListFormat;

    fn list(text: &str) -> ReadList {
        let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
        read_bytes(ListFormat::Domains, text.as_bytes(), Category::parse("games").unwrap(), &mut list);
        list
    }

    #[test]
    fn what_a_reading_adds_is_counted_and_named_whatever_the_order() {
        let before = ReadSet::of(&list("a.example\nb.example\nc.example\n"));
        let now = list("d.example\nc.example\na.example\ne.example\n");
        let after = ReadSet::of(&now);
        let added = before.added(&after);
        assert_eq!((added.len(), after.added(&before).len()), (2, 1));
        assert_eq!(added.names_in(&now, 10), ["d.example", "e.example"]);
        assert_eq!(ReadSet::from_bytes(&after.to_bytes()), Some(after));
        assert_eq!(ReadSet::from_bytes(&[1, 2, 3]), None);
    }

    #[test]
    fn no_name_of_illegal_content_is_a_sample() {
        let mut list = list("a.example\n");
        list.push_name("b.example", Says::block(Reach::Exact, Category::ILLEGAL), 2);
        let set = ReadSet::of(&list);
        assert_eq!((set.len(), set.names_in(&list, 10)), (2, vec!["a.example".to_owned()]));
    }
}
