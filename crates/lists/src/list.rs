//! A list as it was read, before the guard: its entries held close together, since there may be millions.

use crate::guard::Guard;
use crate::{Dropped, Tally};
use model::{Category, Host, ListId, Timestamp, ends_in_number};
use policy::image::rules::MOST_RULES;
use policy::image::{Conditions, DnsAnswer, Effect, NewRule, Pattern, Reach, Weight};
use std::net::IpAddr;
use std::sync::Arc;

/// One entry of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name or address.
    pub host: Host,
    /// What of it the entry covers.
    pub reach: Reach,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
    /// Its line, from 1; in a tree or a folder, the line in its own file.
    pub line: u32,
}

/// One entry of a list, its name where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row<'a> {
    /// The name in its one form (see [`Host`]), or the address without brackets.
    pub text: &'a str,
    /// Whether the text is an address.
    pub is_address: bool,
    /// What the entry says of it.
    pub says: Says,
    /// Its line, from 1; in a tree or a folder, the line in its own file.
    pub line: u32,
}

impl Row<'_> {
    /// The name or address, copied; `None` for an address that cannot be read, which no list holds.
    pub fn host(&self) -> Option<Host> {
        if self.is_address {
            return self.address().map(Host::Address);
        }
        Some(Host::Name(self.text.into()))
    }

    /// The address, where it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.text.parse().ok().filter(|_| self.is_address)
    }
}

/// What an entry says of its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Says {
    /// What of the name it covers.
    pub reach: Reach,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
}

impl Says {
    /// A usual block.
    pub(crate) fn block(reach: Reach, category: Category) -> Self {
        Self { reach, effect: Effect::Block, weight: Weight::Usual, category }
    }
}

/// Where the entries of a list come from this time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceState {
    /// From the source itself.
    Fresh,
    /// The source failed; the last good copy was read.
    Copy {
        /// When the copy was made.
        since: Timestamp,
        /// Why the source failed, in words.
        why: String,
    },
    /// The source failed and there is no copy: the list has no names.
    Missing {
        /// Why the source failed, in words.
        why: String,
    },
}

/// A list as it was read.
#[derive(Clone, Debug)]
pub struct ReadList {
    /// Its id in the policy.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// When its source was read.
    pub read_at: Timestamp,
    /// Where its entries come from.
    pub state: SourceState,
    /// Whether it may answer with an address or another name; without that, a rule that does is taken as a plain block.
    pub rewrites: bool,
    /// What the reader left out.
    pub dropped: Tally,
    names: String,
    rows: Vec<Kept>,
    rules: Vec<NewRule>,
    first_dropped: Vec<(u32, Dropped)>,
}

/// An entry as it is kept: 16 bytes and its name.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// Where its name ends in `names`; it begins where the one before ends.
    end: u64,
    line: u32,
    category: Category,
    flags: u8,
}

const ADDRESS: u8 = 1;
const SUBTREE: u8 = 2;
const EXCEPTION: u8 = 4;
const IMPORTANT: u8 = 8;

impl ReadList {
    /// So many of the lines that were left out are kept with their reason.
    pub const MOST_SHOWN: usize = 50;

    /// A list with no entries yet.
    pub fn new(id: ListId, name: Arc<str>, read_at: Timestamp) -> Self {
        Self {
            id,
            name,
            read_at,
            state: SourceState::Fresh,
            rewrites: false,
            dropped: Tally::default(),
            names: String::new(),
            rows: Vec::new(),
            rules: Vec::new(),
            first_dropped: Vec::new(),
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &Entry) {
        let Entry { line, category, reach, effect, weight, .. } = *entry;
        let says = Says { reach, effect, weight, category };
        match &entry.host {
            Host::Name(name) => self.push_name(name, says, line),
            Host::Address(address) => self.push_address(*address, says, line),
        }
    }

    /// Adds an entry for a name, which is in its one form already: lower case, ASCII, no last dot.
    pub fn push_name(&mut self, name: &str, says: Says, line: u32) {
        self.names.push_str(name);
        self.keep(says, 0, line);
    }

    /// Adds an entry for an address, which has nothing below it.
    pub fn push_address(&mut self, address: IpAddr, says: Says, line: u32) {
        self.names.push_str(&address.to_string());
        self.keep(Says { reach: Reach::Exact, ..says }, ADDRESS, line);
    }

    /// Adds an entry for a name as lists write it: any case, one last dot, international names in either form, or an
    /// address.
    pub(crate) fn read_name(&mut self, text: &str, says: Says, line: u32) -> Result<(), Dropped> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let bytes = text.as_bytes();
        // An address ends in a digit or a bracket, or has a colon, which no name has.
        let like_address = bytes.last().is_some_and(|byte| byte.is_ascii_digit() || *byte == b']');
        if !like_address && is_host_name(text) {
            self.keep_name(text, says, line);
            return Ok(());
        }
        if (like_address || bytes.contains(&b':'))
            && let Ok(Host::Address(address)) = Host::parse(text)
        {
            self.push_address(address, says, line);
            return Ok(());
        }
        if !text.is_ascii() {
            return self.read_international(text, says, line);
        }
        if !is_host_name(text) {
            return Err(Dropped::NotAName);
        }
        self.keep_name(text, says, line);
        Ok(())
    }

    fn keep_name(&mut self, text: &str, says: Says, line: u32) {
        let start = self.names.len();
        self.names.push_str(text);
        if let Some(name) = self.names.get_mut(start..) {
            name.make_ascii_lowercase();
        }
        self.keep(says, 0, line);
    }

    fn read_international(&mut self, text: &str, says: Says, line: u32) -> Result<(), Dropped> {
        let ascii = idna::domain_to_ascii(text).map_err(|_| Dropped::NotAName)?;
        let host = Host::parse(&ascii).map_err(|_| Dropped::NotAName)?;
        let Says { reach, effect, weight, category } = says;
        self.push(&Entry { host, reach, effect, weight, category, line });
        Ok(())
    }

    fn keep(&mut self, says: Says, address: u8, line: u32) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let flags = address
            | flag(says.reach == Reach::Subtree, SUBTREE)
            | flag(says.effect == Effect::Exception, EXCEPTION)
            | flag(says.weight == Weight::Important, IMPORTANT);
        self.rows.push(Kept { end: self.names.len() as u64, line, category: says.category, flags });
    }

    /// Adds a rule that is more than a name; those that no image would keep are left out. Where a block sends people is
    /// for the policy to allow, and never to a private address.
    pub fn rule(&mut self, mut rule: NewRule) {
        if rule.effect == Effect::Block
            && let Some(reason) = restrain(&mut rule.answer, self.rewrites)
        {
            self.left_out(rule.line, reason);
        }
        if rule.answer == DnsAnswer::AsUsual
            && rule.conditions == Conditions::default()
            && let Pattern::Name { host, reach } = rule.pattern
        {
            let NewRule { effect, weight, category, line, .. } = rule;
            self.push(&Entry { host, reach, effect, weight, category, line });
            return;
        }
        if self.rules.len() >= MOST_RULES {
            self.left_out(rule.line, Dropped::TooManyRules);
            return;
        }
        self.rules.push(rule);
    }

    /// How many entries and rules were read.
    pub fn len(&self) -> usize {
        self.rows.len() + self.rules.len()
    }

    /// True when none was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rules, in the order they were read.
    pub fn rules(&self) -> &[NewRule] {
        &self.rules
    }

    /// The entries, in the order they were read, without a copy of their names.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> + '_ {
        let mut start = 0;
        self.rows.iter().filter_map(move |kept| {
            let end = usize::try_from(kept.end).ok()?;
            let text = self.names.get(start..end)?;
            start = end;
            let has = |flag| kept.flags & flag != 0;
            let says = Says {
                reach: if has(SUBTREE) { Reach::Subtree } else { Reach::Exact },
                effect: if has(EXCEPTION) { Effect::Exception } else { Effect::Block },
                weight: if has(IMPORTANT) { Weight::Important } else { Weight::Usual },
                category: kept.category,
            };
            Some(Row { text, is_address: has(ADDRESS), says, line: kept.line })
        })
    }

    /// The entries, in the order they were read.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.rows().filter_map(|row| {
            let Says { reach, effect, weight, category } = row.says;
            Some(Entry { host: row.host()?, reach, effect, weight, category, line: row.line })
        })
    }

    /// The first lines that were left out, at most [`Self::MOST_SHOWN`], and why. Never what they say: a list may be one
    /// of illegal content. In a tree, each is the line in its own file; 0 where a whole file or folder was left out.
    pub fn first_dropped(&self) -> &[(u32, Dropped)] {
        &self.first_dropped
    }

    /// Counts what was left out of a line, from 1; of line 0 for a whole file or folder.
    pub(crate) fn left_out(&mut self, line: u32, reason: Dropped) {
        self.dropped.add(reason);
        if self.first_dropped.len() < Self::MOST_SHOWN {
            self.first_dropped.push((line, reason));
        }
    }
}

/// Takes out of an answer what the list may not give, and says why; an answer of which nothing is left is the usual one.
fn restrain(answer: &mut DnsAnswer, rewrites: bool) -> Option<Dropped> {
    let reason = match answer {
        DnsAnswer::Alias(_) if !rewrites => Dropped::RewriteAsBlock,
        DnsAnswer::Addresses(_) if !rewrites => Dropped::RewriteAsBlock,
        DnsAnswer::Addresses(addresses) => {
            let all = addresses.len();
            addresses.retain(|address| Guard::check_address(*address).is_ok());
            if addresses.len() == all {
                return None;
            }
            if !addresses.is_empty() {
                return Some(Dropped::PrivateAnswer);
            }
            Dropped::PrivateAnswer
        }
        _ => return None,
    };
    *answer = DnsAnswer::AsUsual;
    Some(reason)
}

/// RFC 1035, section 2.3.4, as text without the last dot.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Whether a text is a host's name, in any case, the same as for [`Host::parse`].
fn is_host_name(text: &str) -> bool {
    is_name(text) && !ends_in_number(text)
}

/// The same, whatever its last part is.
fn is_name(text: &str) -> bool {
    let mut label = 0;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < LONGEST_LABEL => label += 1,
            b'.' if label > 0 => label = 0,
            _ => return false,
        }
    }
    label > 0 && text.len() <= LONGEST_NAME
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Host> {
        let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
        let category = Category::parse("games").unwrap();
        list.read_name(text, Says::block(Reach::Exact, category), 1).ok()?;
        list.entries().next().map(|entry| entry.host)
    }

    #[test]
    fn an_entry_comes_back_as_it_went_in() {
        let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
        let games = Category::parse("games").unwrap();
        let entry = |text, reach, effect, weight| Entry {
            host: Host::parse(text).unwrap(),
            reach,
            effect,
            weight,
            category: games,
            line: 7,
        };
        let entries = [
            entry("a.example", Reach::Exact, Effect::Block, Weight::Usual),
            entry("2001:db8::1", Reach::Exact, Effect::Exception, Weight::Usual),
            entry("b.example", Reach::Subtree, Effect::Exception, Weight::Important),
        ];
        entries.iter().for_each(|entry| list.push(entry));
        assert_eq!(list.entries().collect::<Vec<_>>(), entries);
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_a_host_is(text in "(\\[)?[a-zA-Z0-9._:%-]{0,70}(\\])?\\.?|([a-b]{1,70}\\.){1,9}|[0-9.]{3,16}|(a\\.)?0[xX][0-9a-g]{0,4}\\.?") {
            prop_assert_eq!(read(&text), Host::parse(&text).ok());
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            if let Some(host) = read(&text) {
                prop_assert_eq!(Host::parse(&host.to_string()), Ok(host));
            }
        }
    }
}
