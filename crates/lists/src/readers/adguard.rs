//! AdGuard DNS rules: `||d^` (subtree), `|d^` and `d` (exact), `@@` before an exception, hosts lines, and the
//! modifiers `important` and `badfilter`, which cancels the rule that is otherwise the same.
//!
//! A rule with any other modifier is left out, never applied without it. Wildcards and regular expressions are left
//! out for now, and so are rules for parts of pages.

use super::hosts::{is_hosts_line, read_line};
use super::lines::lines;
use crate::Dropped;
use crate::list::{Entry, ReadList};
use model::{Category, Host};
use policy::image::{Effect, Reach, Weight};
use std::collections::HashSet;

/// What a rule says, apart from its line.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Rule {
    host: Host,
    reach: Reach,
    effect: Effect,
    weight: Weight,
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
    for (line, text) in lines(bytes) {
        if let Ok(text) = text
            && is_hosts_line(text)
        {
            read_line(text, category, line, list);
            continue;
        }
        match text.and_then(parse) {
            Ok(Parsed::Rule(rule)) if cancelled.contains(&rule) => list.left_out(Dropped::Cancelled),
            Ok(Parsed::Rule(Rule { host, reach, effect, weight })) => {
                list.push(&Entry { host, reach, effect, weight, category, line });
            }
            Ok(Parsed::Nothing | Parsed::Cancel(_)) => {}
            Err(reason) => list.left_out(reason),
        }
    }
}

fn cancelled_rules(bytes: &[u8]) -> HashSet<Rule> {
    let texts = lines(bytes).filter_map(|(_, text)| text.ok()).filter(|text| text.contains("badfilter"));
    let cancel = |text| match parse(text) {
        Ok(Parsed::Cancel(rule)) => Some(rule),
        _ => None,
    };
    texts.filter_map(cancel).collect()
}

fn parse(text: &str) -> Result<Parsed, Dropped> {
    if text.is_empty() || text.starts_with(['!', '#', '[']) {
        return Ok(Parsed::Nothing);
    }
    if ["##", "#@#", "#?#", "#$#", "#%#", "$$"].iter().any(|mark| text.contains(mark)) {
        return Err(Dropped::PageRule);
    }
    let text = text.split_once(" #").map_or(text, |(rule, _)| rule.trim_end());
    let exception = text.strip_prefix("@@");
    let effect = if exception.is_some() { Effect::Exception } else { Effect::Block };
    let text = exception.unwrap_or(text);
    if text.starts_with('/') {
        return Err(Dropped::Pattern);
    }
    let (pattern, modifiers) = text.split_once('$').unwrap_or((text, ""));
    let Modifiers { weight, cancels } = read_modifiers(modifiers)?;
    let (host, reach) = read_pattern(pattern)?;
    let rule = Rule { host, reach, effect, weight };
    Ok(if cancels { Parsed::Cancel(rule) } else { Parsed::Rule(rule) })
}

struct Modifiers {
    weight: Weight,
    cancels: bool,
}

fn read_modifiers(text: &str) -> Result<Modifiers, Dropped> {
    let mut modifiers = Modifiers { weight: Weight::Usual, cancels: false };
    for modifier in text.split(',').map(str::trim).filter(|modifier| !modifier.is_empty()) {
        match modifier {
            "important" => modifiers.weight = Weight::Important,
            "badfilter" => modifiers.cancels = true,
            _ => return Err(Dropped::UnknownModifier),
        }
    }
    Ok(modifiers)
}

fn read_pattern(pattern: &str) -> Result<(Host, Reach), Dropped> {
    if pattern.contains('*') {
        return Err(Dropped::Pattern);
    }
    if pattern.contains('/') {
        return Err(Dropped::PageRule);
    }
    let anchored = pattern.strip_prefix("||").map(|rest| (rest, Reach::Subtree));
    let anchored = anchored.or_else(|| pattern.strip_prefix('|').map(|rest| (rest, Reach::Exact)));
    let Some((name, reach)) = anchored else {
        // A bare `d^` or `.d` is any name that ends so: a pattern, where a bare `d` is that name alone.
        if pattern.starts_with('.') || pattern.ends_with(['^', '|']) {
            return Err(Dropped::Pattern);
        }
        return Ok((super::host(pattern)?, Reach::Exact));
    };
    let name = name.strip_suffix('|').unwrap_or(name);
    Ok((super::host(name.strip_suffix('^').unwrap_or(name))?, reach))
}
