//! The bytes of the rules (numbers little-endian unless said; a *varint* is LEB128; a *text* is a varint length and UTF-8):
//! varint categories, each a text; varint rules, each: `u16` list and `u32` line, both big-endian, so that sorting the
//! bytes sorts by them; a byte of flags (1 exception, 2 important, 4 conditions, 8 answer); varint category; pattern;
//! conditions and answer where the flags say so. Rules of illegal content come first, so that they are the last that a
//! bound would cost.
//!
//! A pattern is a byte and what belongs to it: 0 name alone, 1 name and below (a text); 2 page (host, path); 3 range; 4
//! wildcard; 5 expression; 6 page expression (a text); 7, 8, 9 MD5, SHA-1, SHA-256 (its bytes). Conditions are seven
//! lists in the order of their fields, each a varint count; a client is a byte (0 range, 1 name) and a text, a type a
//! varint. An answer is a byte: 1 no such name, 2 nothing, 3 refused, 4 alias (a text), 5 addresses (a list of texts).

use super::super::layout::{Cursor, put_text, put_varint};
use super::super::rule::{Client, Conditions, Digest, DnsAnswer, NewRule, Pattern};
use super::super::write::{Effect, Reach, Weight};
use super::{AllLeftOut, MOST_RULES, RulesUnreadable};
use model::{Category, CategorySet, Host};
use std::sync::Arc;

const EXCEPTION: u8 = 1;
const IMPORTANT: u8 = 2;
const CONDITIONS: u8 = 4;
const ANSWER: u8 = 8;

/// The section's bytes, the same whatever the order of the rules, each with its list's place among the image's lists;
/// nothing where there is no rule.
pub fn encode(rules: &[(u16, NewRule)]) -> Vec<u8> {
    if rules.is_empty() {
        return Vec::new();
    }
    let used: CategorySet = rules.iter().map(|(_, rule)| rule.category).collect();
    let categories: Vec<Category> = used.iter().collect();
    let mut written: Vec<(bool, Vec<u8>)> = rules
        .iter()
        .map(|(list, rule)| (rule.category != Category::ILLEGAL, put_rule(*list, rule, &categories)))
        .collect();
    written.sort_unstable();
    written.dedup();
    let mut out = Vec::new();
    put_all(&mut out, &categories, |out, category| put_text(out, category.slug()));
    put_varint(&mut out, written.len() as u64);
    out.extend(written.into_iter().flat_map(|(_, bytes)| bytes));
    out
}

fn put_rule(list: u16, rule: &NewRule, categories: &[Category]) -> Vec<u8> {
    let NewRule { pattern, conditions, answer, effect, weight, category, line } = rule;
    let mut out = Vec::new();
    out.extend(list.to_be_bytes());
    out.extend(line.to_be_bytes());
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let has_conditions = *conditions != Conditions::default();
    let has_answer = *answer != DnsAnswer::AsUsual;
    out.push(
        flag(*effect == Effect::Exception, EXCEPTION)
            | flag(*weight == Weight::Important, IMPORTANT)
            | flag(has_conditions, CONDITIONS)
            | flag(has_answer, ANSWER),
    );
    let place = categories.iter().position(|known| known == category);
    put_varint(&mut out, place.unwrap_or(0) as u64);
    put_pattern(&mut out, pattern);
    if has_conditions {
        put_conditions(&mut out, conditions);
    }
    if has_answer {
        put_answer(&mut out, answer);
    }
    out
}

fn put_pattern(out: &mut Vec<u8>, pattern: &Pattern) {
    let mut tagged = |tag: u8, text: &str| {
        out.push(tag);
        put_text(out, text);
    };
    match pattern {
        Pattern::Name { host, reach } => tagged(u8::from(*reach == Reach::Subtree), &host.to_string()),
        Pattern::Page { host, path } => {
            tagged(2, &host.to_string());
            put_text(out, path);
        }
        Pattern::Range(range) => tagged(3, &range.to_string()),
        Pattern::Wildcard(text) => tagged(4, text),
        Pattern::Regex(text) => tagged(5, text),
        Pattern::PageRegex(text) => tagged(6, text),
        Pattern::Digest(digest) => {
            let (tag, bytes): (u8, &[u8]) = match digest {
                Digest::Md5(bytes) => (7, bytes),
                Digest::Sha1(bytes) => (8, bytes),
                Digest::Sha256(bytes) => (9, bytes),
            };
            out.push(tag);
            out.extend_from_slice(bytes);
        }
    }
}

fn put_conditions(out: &mut Vec<u8>, conditions: &Conditions) {
    let Conditions { clients, not_clients, tags, not_tags, types, not_types, except } = conditions;
    for clients in [clients, not_clients] {
        put_all(out, clients, |out, client| match client {
            Client::Range(range) => {
                out.push(0);
                put_text(out, &range.to_string());
            }
            Client::Name(name) => {
                out.push(1);
                put_text(out, name);
            }
        });
    }
    for tags in [tags, not_tags] {
        put_all(out, tags, |out, tag| put_text(out, tag));
    }
    for types in [types, not_types] {
        put_all(out, types, |out, kind| put_varint(out, u64::from(*kind)));
    }
    put_all(out, except, |out, host| put_text(out, &host.to_string()));
}

fn put_answer(out: &mut Vec<u8>, answer: &DnsAnswer) {
    match answer {
        DnsAnswer::AsUsual => out.push(0),
        DnsAnswer::NoSuchName => out.push(1),
        DnsAnswer::Nothing => out.push(2),
        DnsAnswer::Refused => out.push(3),
        DnsAnswer::Alias(host) => {
            out.push(4);
            put_text(out, &host.to_string());
        }
        DnsAnswer::Addresses(addresses) => {
            out.push(5);
            put_all(out, addresses, |out, address| put_text(out, &address.to_string()));
        }
    }
}

fn put_all<T>(out: &mut Vec<u8>, all: &[T], put: impl Fn(&mut Vec<u8>, &T)) {
    put_varint(out, all.len() as u64);
    all.iter().for_each(|each| put(out, each));
}

/// A stored rule, and its list's place.
pub(super) type Stored = (u16, NewRule);

/// Reads rules, at most [`MOST_RULES`]; and which lists have how many beyond them.
pub(super) fn decode(bytes: &[u8]) -> Result<(Vec<Stored>, AllLeftOut), RulesUnreadable> {
    let (mut rules, mut beyond) = (Vec::new(), AllLeftOut::default());
    if bytes.is_empty() {
        return Ok((rules, beyond));
    }
    let mut cursor = Cursor(bytes);
    let known = |cursor: &mut Cursor<'_>| Category::parse(cursor.text()?);
    let categories = cursor.all(known).ok_or(RulesUnreadable)?;
    let count = cursor.varint().and_then(|count| usize::try_from(count).ok()).ok_or(RulesUnreadable)?;
    for _ in 0..count {
        let (list, rule) = cursor.rule(&categories).ok_or(RulesUnreadable)?;
        if rules.len() < MOST_RULES {
            rules.push((list, rule));
        } else {
            beyond.add(list, rule.category);
        }
    }
    Ok((rules, beyond))
}

/// What rules are made of; `None` past the end and for what no writer writes.
impl Cursor<'_> {
    fn shared(&mut self) -> Option<Arc<str>> {
        self.text().map(Into::into)
    }

    fn parsed<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.text()?.parse().ok()
    }

    fn host(&mut self) -> Option<Host> {
        Host::parse_asked(self.text()?).ok()
    }

    /// A list; each element takes a byte at least, so that a wrong count ends with the bytes.
    fn all<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.varint()?).ok().filter(|count| *count <= self.0.len())?;
        (0..count).map(|_| one(self)).collect()
    }

    fn rule(&mut self, categories: &[Category]) -> Option<Stored> {
        let list = u16::from_be_bytes(self.array()?);
        let line = u32::from_be_bytes(self.array()?);
        let flags = self.byte()?;
        let category = *categories.get(usize::try_from(self.varint()?).ok()?)?;
        let pattern = self.pattern()?;
        let conditions = if flags & CONDITIONS != 0 { self.conditions()? } else { Conditions::default() };
        let answer = if flags & ANSWER != 0 { self.answer()? } else { DnsAnswer::AsUsual };
        let effect = if flags & EXCEPTION != 0 { Effect::Exception } else { Effect::Block };
        let weight = if flags & IMPORTANT != 0 { Weight::Important } else { Weight::Usual };
        Some((list, NewRule { pattern, conditions, answer, effect, weight, category, line }))
    }

    fn pattern(&mut self) -> Option<Pattern> {
        Some(match self.byte()? {
            0 => Pattern::Name { host: self.host()?, reach: Reach::Exact },
            1 => Pattern::Name { host: self.host()?, reach: Reach::Subtree },
            2 => Pattern::Page { host: self.host()?, path: self.shared()? },
            3 => Pattern::Range(self.parsed()?),
            4 => Pattern::Wildcard(self.shared()?),
            5 => Pattern::Regex(self.shared()?),
            6 => Pattern::PageRegex(self.shared()?),
            7 => Pattern::Digest(Digest::Md5(self.array()?)),
            8 => Pattern::Digest(Digest::Sha1(self.array()?)),
            9 => Pattern::Digest(Digest::Sha256(self.array()?)),
            _ => return None,
        })
    }

    fn conditions(&mut self) -> Option<Conditions> {
        let client = |cursor: &mut Self| match cursor.byte()? {
            0 => cursor.parsed().map(Client::Range),
            1 => cursor.shared().map(Client::Name),
            _ => None,
        };
        let kind = |cursor: &mut Self| u16::try_from(cursor.varint()?).ok();
        Some(Conditions {
            clients: self.all(client)?,
            not_clients: self.all(client)?,
            tags: self.all(Self::shared)?,
            not_tags: self.all(Self::shared)?,
            types: self.all(kind)?,
            not_types: self.all(kind)?,
            except: self.all(Self::host)?,
        })
    }

    fn answer(&mut self) -> Option<DnsAnswer> {
        Some(match self.byte()? {
            0 => DnsAnswer::AsUsual,
            1 => DnsAnswer::NoSuchName,
            2 => DnsAnswer::Nothing,
            3 => DnsAnswer::Refused,
            4 => DnsAnswer::Alias(self.host()?),
            5 => DnsAnswer::Addresses(self.all(Self::parsed)?),
            _ => return None,
        })
    }
}
