//! What lists say of a host or page, entry by entry, in words and for programs: names, pages, patterns, addresses, hashes,
//! and the exceptions that lift them. Of illegal content the list and the line, never a name.

use model::{Category, Host};
use policy::Image;
use policy::image::rules::{RuleAsk, RuleKind, Spoken, SpokenBy};
use policy::image::{Effect, Weight};
use serde_json::{Value, json};

/// Everything that lists say of a page, and of other pages of its host.
pub(super) fn of(image: &Image, host: &Host, path: Option<&str>) -> Vec<Spoken> {
    let of_host = image.spoken(&RuleAsk::of(host));
    let Some(path) = path else { return of_host };
    let mut entries = image.spoken(&RuleAsk { path: Some(path), ..RuleAsk::of(host) });
    let others = of_host.into_iter().filter(|entry| entry.by == SpokenBy::SomePages);
    let new: Vec<Spoken> =
        others.filter(|other| !entries.iter().any(|entry| entry.line == other.line)).collect();
    entries.extend(new);
    entries
}

/// `Games, list more, line 3: the name game-1.example`.
pub(super) fn as_text(entry: &Spoken) -> String {
    let Spoken { category, line, .. } = entry;
    let important = if entry.weight == Weight::Important { "important " } else { "" };
    let effect = if entry.effect == Effect::Exception { "exception for " } else { "" };
    let name = name(entry).map(|name| format!(" {name}")).unwrap_or_default();
    let lifted = if entry.is_lifted { "; lifted by an exception of the same list" } else { "" };
    format!(
        "{}, list {}, line {}: {important}{effect}{}{name}{lifted}",
        category.title(),
        line.list,
        line.line,
        kind(entry).1
    )
}

pub(super) fn as_json(entry: &Spoken) -> Value {
    json!({
        "category": entry.category.slug(),
        "title": entry.category.title(),
        "list": entry.line.list.to_string(),
        "line": entry.line.line,
        "kind": kind(entry).0,
        "effect": if entry.effect == Effect::Exception { "exception" } else { "block" },
        "important": entry.weight == Weight::Important,
        "lifted": entry.is_lifted,
        "name": name(entry),
    })
}

fn name(entry: &Spoken) -> Option<&str> {
    match &entry.by {
        SpokenBy::Name(name) if entry.category != Category::ILLEGAL => Some(name),
        _ => None,
    }
}

/// For programs, and in words.
fn kind(entry: &Spoken) -> (&'static str, &'static str) {
    match entry.by {
        SpokenBy::Name(_) => ("name", "the name"),
        SpokenBy::SomePages => ("some-pages", "a page of this host"),
        SpokenBy::Rule(RuleKind::Name) => ("conditional-name", "a name, with conditions or an answer"),
        SpokenBy::Rule(RuleKind::Page) => ("page", "this page"),
        SpokenBy::Rule(RuleKind::Wildcard) => ("pattern", "a pattern"),
        SpokenBy::Rule(RuleKind::Expression) => ("expression", "an expression"),
        SpokenBy::Rule(RuleKind::PageExpression) => ("page-expression", "an expression for pages"),
        SpokenBy::Rule(RuleKind::Range) => ("addresses", "a range of addresses"),
        SpokenBy::Rule(RuleKind::Hash) => ("hash", "a hash"),
    }
}
