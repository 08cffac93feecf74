//! The guard for rules that are more than a name. A pattern is tried on every host that must stay reachable, by the code
//! that will decide with it later; what it would close is refused.

use crate::guard::{Account, Guard};
use crate::list::Says;
use crate::{Dropped, ReadList};
use model::{Category, Host};
use policy::image::rules::{LeftOut, RuleAsk, Rules, encode};
use policy::image::{Conditions, Effect, NewRule, Pattern, Reach};
use std::collections::BTreeMap;

/// Which rules of a list are refused, by their place among its rules, and why.
pub(crate) fn refused(guard: &Guard, list: &ReadList, account: &mut Account) -> BTreeMap<usize, Dropped> {
    let mut refused = BTreeMap::new();
    let mut tried = Vec::new();
    for (place, rule) in list.rules().iter().enumerate() {
        if let Err(why) = check(guard, rule) {
            refused.insert(place, why);
        } else if is_tried(rule)
            && let Ok(number) = u32::try_from(place)
        {
            // Whoever it holds for, and whatever else it says; its place instead of its line, to know it again.
            let conditions = Conditions::default();
            tried.push((0, NewRule { conditions, line: number, ..rule.clone() }));
        }
    }
    try_all(guard, &tried, &mut refused);
    for (place, why) in &refused {
        if let Some(rule) = list.rules().get(*place) {
            account.add(&words(&rule.pattern), rule.category, rule.line, *why);
        }
    }
    refused
}

/// What can be said of a rule by itself.
fn check(guard: &Guard, rule: &NewRule) -> Result<(), Dropped> {
    let says = |reach| Says { reach, effect: rule.effect, weight: rule.weight, category: rule.category };
    match &rule.pattern {
        Pattern::Name { host: Host::Name(name), reach } => guard.check(name, &says(*reach)),
        // A page may be closed where its host may not; a page that is the whole host may not.
        Pattern::Page { host: Host::Name(name), path } if &**path == "/" => {
            guard.check(name, &says(Reach::Exact))
        }
        _ if rule.effect == Effect::Exception && rule.category == Category::ILLEGAL => {
            Err(Dropped::IllegalException)
        }
        _ => Ok(()),
    }
}

/// True for a rule whose reach is seen only by trying it. A hash of illegal content stands for one host or page, and
/// whoever keeps the list answers for it.
fn is_tried(rule: &NewRule) -> bool {
    let is_pattern = match rule.pattern {
        Pattern::Wildcard(_) | Pattern::Regex(_) | Pattern::PageRegex(_) => true,
        Pattern::Digest(_) => rule.category != Category::ILLEGAL,
        Pattern::Name { .. } | Pattern::Page { .. } | Pattern::Range(_) => false,
    };
    is_pattern && rule.effect == Effect::Block
}

/// Refuses the rules that close a host that must stay reachable, and those that cannot be tried: what nobody tried, nobody
/// knows. Where not all can be at once, halves are, down to the rule it is about.
fn try_all(guard: &Guard, tried: &[(u16, NewRule)], refused: &mut BTreeMap<usize, Dropped>) {
    match Rules::open(&encode(tried)) {
        Ok(rules) if rules.left_out(0) == LeftOut::default() => {
            let closing = closing(guard, &rules);
            refused.extend(closing.into_iter().map(|place| (place, Dropped::NeverBlocked)));
        }
        _ if tried.len() > 1 => {
            let (first, second) = tried.split_at(tried.len() / 2);
            try_all(guard, first, refused);
            try_all(guard, second, refused);
        }
        _ => {
            let places = tried.iter().filter_map(|(_, rule)| usize::try_from(rule.line).ok());
            refused.extend(places.map(|place| (place, Dropped::NotUnderstood)));
        }
    }
}

/// The places of the rules that close a host that must stay reachable.
fn closing(guard: &Guard, rules: &Rules) -> Vec<usize> {
    let mut found = Vec::new();
    if rules.is_empty() {
        return found;
    }
    for (name, own) in guard.protected() {
        for name in [name.to_owned(), format!("www.{name}")] {
            let host = Host::Name(name.into());
            let ask = RuleAsk {
                host: &host,
                path: Some("/"),
                record_type: None,
                client: None,
                device: None,
                tags: &[],
            };
            rules.look(&ask, &mut |hit| {
                if hit.effect == Effect::Block && !own.contains(hit.category) {
                    found.extend(usize::try_from(hit.line));
                }
            });
        }
    }
    found
}

/// A rule in short, for a report.
fn words(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Name { host, .. } => host.to_string(),
        Pattern::Page { host, path } => format!("{host}{path}"),
        Pattern::Range(range) => range.to_string(),
        Pattern::Wildcard(text) => text.to_string(),
        Pattern::Regex(text) | Pattern::PageRegex(text) => format!("/{text}/"),
        Pattern::Digest(_) => "a hash".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_bytes;
    use model::{ListId, Timestamp};
    use policy::image::{DnsAnswer, Weight};
    use policy::rules::ListFormat;

    #[test]
    fn a_pattern_that_would_close_a_protected_host_is_refused_and_the_others_stay() {
        let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
        let text = "||ads*.example.com^\n/^(www\\.)?bbc\\.co\\.uk$/\n/\\.uk$/\n/^ad[0-9]+\\./\n*childline*\n@@/\\.uk$/\n";
        let games = Category::parse("games").unwrap();
        read_bytes(ListFormat::AdGuard, text.as_bytes(), games, &mut list);
        let mut account = Account::default();
        let refused = refused(&Guard::new(&[]), &list, &mut account);
        let lines: Vec<u32> = account.refused.iter().map(|refusal| refusal.line).collect();
        assert_eq!(lines, [2, 3, 5], "{:?}", account.refused);
        assert_eq!(refused.len(), 3);
        assert!(refused.values().all(|why| *why == Dropped::NeverBlocked));
    }

    #[test]
    fn a_rule_that_cannot_be_tried_is_refused_and_the_others_are_tried() {
        let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
        let games = Category::parse("games").unwrap();
        let expression = |text: &str, line, answer| NewRule {
            pattern: Pattern::Regex(text.into()),
            conditions: Conditions::default(),
            answer,
            effect: Effect::Block,
            weight: Weight::Usual,
            category: games,
            line,
        };
        list.rewrites = true;
        list.rule(expression("^ads[.]", 1, DnsAnswer::AsUsual));
        list.rule(expression("^play[.]", 2, DnsAnswer::Alias(Host::Name("no name".into()))));
        list.rule(expression("[.]uk$", 3, DnsAnswer::AsUsual));
        let refused = refused(&Guard::new(&[]), &list, &mut Account::default());
        assert_eq!(
            refused.into_iter().collect::<Vec<_>>(),
            [(1, Dropped::NotUnderstood), (2, Dropped::NeverBlocked)]
        );
    }
}
