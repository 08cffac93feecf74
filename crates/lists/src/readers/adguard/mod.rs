//! AdGuard DNS rules (AdGuard's "DNS filtering syntax", read 2026-11), which hold the rules of Adblock Plus that name hosts.
//!
//! `||d^` is d and all below; `|d^` and a bare `d` d alone; `d^` any name that ends so; `/re/` a regular expression; `*`
//! stands for anything; `@@` begins an exception; lines of a hosts file are read as such. Modifiers: `important`,
//! `badfilter` (cancels the rule that is otherwise the same), `denyallow`, `client`, `ctag`, `dnstype`, `dnsrewrite`. A rule
//! with any other modifier is left out, never applied without it.
//!
//! Of rules for addresses, those without wildcards behind the host are pages. Differences to a browser's reading, where hosts
//! would be blocked that nobody meant: `||d` without `^` ends at the name's end when it looks like a whole name, and a
//! pattern that covers nearly everything is left out. Rules for parts of pages are left out.
//!
//! `@@||d^$dnsrewrite` lifts rewrites alone, and with a value that rewrite alone. A rewrite to an address or a name is a
//! plain block where the policy does not let the list rewrite, and then nothing is there to lift.

mod modifiers;
mod pattern;

use super::hosts::{is_hosts_line, read_line};
use super::lines::lines;
use crate::Dropped;
use crate::list::{Entry, ReadList, Says};
use model::{Category, Host};
use modifiers::{Modifiers, Rewrite};
use policy::image::{Conditions, DnsAnswer, Effect, NewRule, Pattern, Reach, Weight};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// What a rule says, apart from its line and category.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rule {
    patterns: Vec<Pattern>,
    effect: Effect,
    weight: Weight,
    conditions: Conditions,
    answer: DnsAnswer,
}

enum Parsed {
    /// A comment, a header, an empty line.
    Nothing,
    Rule(Rule),
    /// Cancels this rule.
    Cancel(Rule),
}

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    let cancelled = cancelled_rules(bytes);
    let mut answers = Answers::default();
    for (line, text) in lines(bytes) {
        let text = match text {
            Ok(text) => text,
            Err(reason) => {
                list.left_out(line, reason);
                continue;
            }
        };
        if (cancelled.is_empty() && read_plain(text, category, line, list)) || text.is_empty() {
            continue;
        }
        if is_hosts_line(text) {
            read_line(text, category, line, list);
            continue;
        }
        match parse(text) {
            Ok(Parsed::Rule(rule)) if cancelled.contains(&rule) => list.left_out(line, Dropped::Cancelled),
            Ok(Parsed::Rule(rule)) => match rule.answer {
                DnsAnswer::Addresses(_) if rule.effect == Effect::Block => answers.add(rule, line),
                _ => add(rule, category, line, list),
            },
            Ok(Parsed::Nothing | Parsed::Cancel(_)) => {}
            Err(reason) => list.left_out(line, reason),
        }
    }
    answers.finish(category, list);
}

/// Reads the form that nearly every line has, `||d^`; false for any other.
fn read_plain(text: &str, category: Category, line: u32, list: &mut ReadList) -> bool {
    let name = text.strip_prefix("||").and_then(|rest| rest.strip_suffix('^'));
    name.is_some_and(|name| list.read_name(name, Says::block(Reach::Subtree, category), line).is_ok())
}

fn cancelled_rules(bytes: &[u8]) -> HashSet<Rule> {
    let texts = lines(bytes).filter_map(|(_, text)| text.ok()).filter(|text| text.contains("badfilter"));
    let cancel = |text| match parse(text) {
        Ok(Parsed::Cancel(rule)) => Some(rule),
        _ => None,
    };
    texts.filter_map(cancel).collect()
}

/// Rewrites to addresses: several lines for one name are one answer of several addresses.
#[derive(Default)]
struct Answers {
    places: HashMap<Rule, usize>,
    rules: Vec<(Rule, Vec<IpAddr>, u32)>,
}

impl Answers {
    fn add(&mut self, mut rule: Rule, line: u32) {
        let DnsAnswer::Addresses(addresses) = std::mem::take(&mut rule.answer) else { return };
        let place = *self.places.entry(rule.clone()).or_insert(self.rules.len());
        match self.rules.get_mut(place) {
            Some((_, of, _)) => of.extend(addresses),
            None => self.rules.push((rule, addresses, line)),
        }
    }

    fn finish(self, category: Category, list: &mut ReadList) {
        for (rule, mut addresses, line) in self.rules {
            addresses.sort_unstable();
            addresses.dedup();
            add(Rule { answer: DnsAnswer::Addresses(addresses), ..rule }, category, line, list);
        }
    }
}

fn add(rule: Rule, category: Category, line: u32, list: &mut ReadList) {
    let Rule { patterns, effect, weight, conditions, answer } = rule;
    let is_plain = conditions == Conditions::default() && answer == DnsAnswer::AsUsual;
    for pattern in patterns {
        match pattern {
            Pattern::Name { host, reach } if is_plain => {
                list.push(&Entry { host, reach, effect, weight, category, line });
            }
            pattern => {
                let (conditions, answer) = (conditions.clone(), answer.clone());
                list.rule(NewRule { pattern, conditions, answer, effect, weight, category, line });
            }
        }
    }
}

/// What stands between a host and a selector, a style or a script for its pages.
const PAGE_MARKS: [&str; 8] = ["##", "#@#", "#?#", "#@?#", "#$#", "#@$#", "#%#", "$$"];

fn parse(text: &str) -> Result<Parsed, Dropped> {
    if text.is_empty() || text.starts_with(['!', '[']) {
        return Ok(Parsed::Nothing);
    }
    let exception = text.strip_prefix("@@");
    let effect = if exception.is_some() { Effect::Exception } else { Effect::Block };
    let rest = exception.unwrap_or(text);
    if let Some((expression, modifiers)) = pattern::split_expression(rest) {
        let modifiers = modifiers::read(modifiers)?;
        return Ok(parsed(effect, vec![pattern::expression(expression)?], modifiers));
    }
    if PAGE_MARKS.iter().any(|mark| rest.contains(mark)) && !is_comment(rest) {
        return Err(Dropped::PageRule);
    }
    if rest.starts_with('#') {
        return Ok(Parsed::Nothing);
    }
    let rest = rest.split_once(" #").map_or(rest, |(rule, _)| rule.trim_end());
    let (pattern, modifiers) = rest.split_once('$').unwrap_or((rest, ""));
    let modifiers = modifiers::read(modifiers)?;
    Ok(parsed(effect, pattern::read(pattern)?, modifiers))
}

/// True for a `#` line that is no selector without a host (`##.banner`).
fn is_comment(text: &str) -> bool {
    let rest = text.trim_start_matches('#');
    text.starts_with('#') && (rest.is_empty() || rest.starts_with([' ', '\t', '=', '-', '*']))
}

fn parsed(effect: Effect, patterns: Vec<Pattern>, modifiers: Modifiers) -> Parsed {
    let Modifiers { weight, cancels, conditions, rewrite } = modifiers;
    let answer = match rewrite {
        None => DnsAnswer::AsUsual,
        Some(Rewrite::To(answer)) => answer,
        Some(Rewrite::Any) => DnsAnswer::Addresses(Vec::new()),
    };
    let rule = Rule { patterns, effect, weight, conditions, answer };
    // Without a value there is nothing to rewrite to: only an exception may leave it out.
    let is_empty = effect == Effect::Block && rule.answer == DnsAnswer::Addresses(Vec::new());
    match (cancels, is_empty) {
        (_, true) => Parsed::Nothing,
        (true, false) => Parsed::Cancel(rule),
        (false, false) => Parsed::Rule(rule),
    }
}

/// A name and what of it is covered.
fn name(host: Host, reach: Reach) -> Pattern {
    Pattern::Name { host, reach }
}
