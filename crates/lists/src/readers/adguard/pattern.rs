//! The part of a rule before its modifiers.

use super::super::{host, urls, wildcard};
use super::name;
use crate::Dropped;
use policy::image::{Pattern, Reach};

/// Splits `/expression/$modifiers`; the last slash that something may follow ends the expression.
pub(super) fn split_expression(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('/')?;
    let mut ends = inside.rmatch_indices('/').map(|(at, _)| inside.split_at(at));
    ends.find_map(|(expression, rest)| match rest.strip_prefix('/')? {
        "" => Some((expression, "")),
        rest => rest.strip_prefix('$').map(|modifiers| (expression, modifiers)),
    })
}

/// An expression over names, or over addresses of pages where it has a slash in it.
pub(super) fn expression(text: &str) -> Result<Pattern, Dropped> {
    let expression = wildcard::expression(text)?;
    Ok(if text.contains('/') { Pattern::PageRegex(expression) } else { Pattern::Regex(expression) })
}

/// Where a pattern must begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Anywhere.
    Open,
    /// At the name's beginning.
    Name,
    /// At the name's beginning or after a dot.
    Label,
}

/// What a pattern covers; more than one where a wildcard may begin at the name or below.
pub(super) fn read(text: &str) -> Result<Vec<Pattern>, Dropped> {
    let (start, rest) = match (text.strip_prefix("||"), text.strip_prefix('|')) {
        (Some(rest), _) => (Start::Label, rest),
        (None, Some(rest)) => (Start::Name, rest),
        (None, None) => (Start::Open, text),
    };
    let schemes = ["https://", "http://", "*://", "://"];
    let bare = schemes.iter().find_map(|scheme| rest.strip_prefix(scheme));
    let start = if bare.is_some() && start == Start::Open { Start::Name } else { start };
    let rest = bare.unwrap_or(rest);
    if let Some(at) = rest.find('/') {
        let (authority, path) = rest.split_at(at);
        return page(start, authority, path);
    }
    let goes_on = rest.ends_with('*');
    let rest = rest.trim_end_matches('*');
    let is_closed = rest.ends_with(['^', '|']);
    let rest = rest.trim_end_matches(['^', '|']);
    if rest.trim_matches(['*', '.']).is_empty() {
        return Err(if text.is_empty() { Dropped::NotAName } else { Dropped::TooBroad });
    }
    if rest.contains(['^', '|']) {
        return Err(Dropped::NotUnderstood);
    }
    let ends_here = is_closed || (!goes_on && looks_whole(rest));
    hosts(start, rest, ends_here, is_closed || goes_on)
}

fn hosts(start: Start, rest: &str, ends_here: bool, has_end: bool) -> Result<Vec<Pattern>, Dropped> {
    let end = if ends_here { "" } else { "*" };
    let has_star = rest.contains('*');
    match start {
        Start::Label if ends_here && !has_star => Ok(vec![name(host(rest)?, Reach::Subtree)]),
        Start::Name if ends_here && !has_star => Ok(vec![name(host(rest)?, Reach::Exact)]),
        // A bare name is that name alone, as in a hosts file.
        Start::Open if !has_end && !has_star && !rest.starts_with('.') && !rest.ends_with(['.', '-']) => {
            Ok(vec![name(host(rest)?, Reach::Exact)])
        }
        Start::Open if has_end && ends_here => Ok(vec![wildcard::pattern(&format!("*{rest}"))?]),
        Start::Open => Ok(vec![wildcard::pattern(&format!("*{rest}*"))?]),
        Start::Name => Ok(vec![wildcard::pattern(&format!("{rest}{end}"))?]),
        Start::Label if rest.starts_with('*') => Ok(vec![wildcard::pattern(&format!("{rest}{end}"))?]),
        Start::Label => {
            let below = wildcard::pattern(&format!("*.{rest}{end}"))?;
            Ok(vec![wildcard::pattern(&format!("{rest}{end}"))?, below])
        }
    }
}

/// True for what a list's author meant as a whole name although no `^` ends it.
fn looks_whole(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(before, last)| {
        !before.is_empty() && last.len() > 1 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
    }) || host(text).is_ok_and(|host| host.name().is_none())
}

/// A rule for addresses of pages: exact enough where the path has no wildcard inside.
fn page(start: Start, authority: &str, path: &str) -> Result<Vec<Pattern>, Dropped> {
    let path = path.trim_end_matches('*').trim_end_matches(['^', '|']);
    if start == Start::Open || authority.contains(['*', '^', '|']) || path.contains(['*', '^', '|']) {
        return Err(Dropped::PageRule);
    }
    let reach = if start == Start::Label { Reach::Subtree } else { Reach::Exact };
    if path.is_empty() || path == "/" {
        return Ok(vec![name(host(authority)?, reach)]);
    }
    Ok(vec![urls::page(authority, path)?])
}
