//! Patterns with `*` and regular expressions, as rules, and those that would cover nearly everything.

use crate::Dropped;
use crate::list::Says;
use policy::image::rules::{RegexProblem, regex_problem};
use policy::image::{Conditions, DnsAnswer, NewRule, Pattern};

/// Fewer letters and digits than these, the last label aside, say nothing of a name.
const FEWEST_LETTERS: usize = 3;

/// A wildcard over whole names, from a pattern in any case.
pub(super) fn pattern(text: &str) -> Result<Pattern, Dropped> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*');
    if text.is_empty() || text.len() > 253 || !text.bytes().all(allowed) {
        return Err(Dropped::NotAName);
    }
    let mut text = text.to_ascii_lowercase();
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    // `*.com` and `*.co.uk` cover far more than any list may mean, and so does `a*.com`.
    let (before, last) = text.rsplit_once('.').unwrap_or((&text, "*"));
    let said = if last.contains('*') { &*text } else { before };
    let letters = said.bytes().filter(u8::is_ascii_alphanumeric).count();
    let is_below_a_name = text.strip_prefix("*.").is_some_and(|name| !name.contains('*'));
    if is_suffix(text.trim_matches(['*', '.'])) || (letters < FEWEST_LETTERS && !is_below_a_name) {
        return Err(Dropped::TooBroad);
    }
    Ok(Pattern::Wildcard(text.into()))
}

fn is_suffix(name: &str) -> bool {
    psl::suffix(name.as_bytes())
        .is_some_and(|suffix| suffix.is_known() && suffix.as_bytes() == name.as_bytes())
}

/// The text of a regular expression, if it may be a rule.
pub(super) fn expression(text: &str) -> Result<std::sync::Arc<str>, Dropped> {
    match regex_problem(text) {
        None => Ok(text.into()),
        Some(RegexProblem::Syntax) => Err(Dropped::Expression),
        Some(RegexProblem::TooLarge) => Err(Dropped::LargeExpression),
        Some(RegexProblem::MatchesEverything) => Err(Dropped::TooBroad),
    }
}

/// A rule that always holds.
pub(super) fn rule(pattern: Pattern, says: Says, line: u32) -> NewRule {
    let Says { effect, weight, category, .. } = says;
    let (conditions, answer) = (Conditions::default(), DnsAnswer::AsUsual);
    NewRule { pattern, conditions, answer, effect, weight, category, line }
}
