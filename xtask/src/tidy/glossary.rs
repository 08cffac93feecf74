//! Every public type of `model` has its word in `docs/glossary.md`.

use super::Finding;
use super::names::words;
use super::source::{Source, line_of};
use crate::failure::Failure;

const NOUNS: &str = "crates/model/src/lib.rs";
const GLOSSARY: &str = "docs/glossary.md";

/// Looks up what `model` exports.
pub fn check(sources: &[Source]) -> Result<Vec<Finding>, Failure> {
    let find = |path: &str| {
        let found = sources.iter().find(|source| source.path == path);
        found.ok_or_else(|| Failure::new(format!("expected the file {path}")))
    };
    Ok(compare(find(NOUNS)?, &find(GLOSSARY)?.text))
}

fn compare(nouns: &Source, glossary: &str) -> Vec<Finding> {
    let known = entries(glossary);
    let mut findings = Vec::new();
    for ident in exported_types(nouns) {
        let word = words(&ident.to_string()).join(" ");
        if known.contains(&word) {
            continue;
        }
        let nearest =
            known.iter().min_by_key(|entry| distance(entry, &word)).map_or("nothing", String::as_str);
        let what = format!(
            "\u{201c}{word}\u{201d} is not in {GLOSSARY} (nearest: {nearest}): add it with its source, or use the word that is there"
        );
        findings.push(nouns.finding(line_of(&ident), what));
    }
    findings
}

/// The words of the first column, lower case, without what is in brackets.
fn entries(glossary: &str) -> Vec<String> {
    let rows = glossary.lines().filter_map(|line| line.strip_prefix('|'));
    let cells = rows.filter_map(|row| row.split('|').next());
    cells
        .flat_map(|cell| cell.split(','))
        .map(|word| word.split('(').next().unwrap_or_default().trim().to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The names in `pub use`, and the public items of the file itself, that are written as types are.
fn exported_types(source: &Source) -> Vec<syn::Ident> {
    let mut names = Vec::new();
    for item in source.syntax.iter().flat_map(|file| &file.items) {
        match item {
            syn::Item::Use(item) if matches!(item.vis, syn::Visibility::Public(_)) => {
                leaves(&item.tree, &mut names)
            }
            syn::Item::Struct(item) => names.push(item.ident.clone()),
            syn::Item::Enum(item) => names.push(item.ident.clone()),
            _ => {}
        }
    }
    let is_type = |name: &syn::Ident| {
        let name = name.to_string();
        name.starts_with(char::is_uppercase) && (name.len() == 1 || name.contains(char::is_lowercase))
    };
    names.retain(is_type);
    names
}

fn leaves(tree: &syn::UseTree, names: &mut Vec<syn::Ident>) {
    match tree {
        syn::UseTree::Path(path) => leaves(&path.tree, names),
        syn::UseTree::Name(name) => names.push(name.ident.clone()),
        syn::UseTree::Rename(rename) => names.push(rename.rename.clone()),
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        _ => {}
    }
}

/// How many letters must be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (taken, letter) in one.chars().enumerate() {
        let mut next = vec![taken + 1];
        for ((place, there), above) in other.iter().enumerate().zip(row.iter().skip(1)) {
            let corner = row.get(place).copied().unwrap_or(0) + usize::from(*there != letter);
            let left = next.last().copied().unwrap_or(0) + 1;
            next.push(corner.min(left).min(above + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOSSARY: &str =
        "| word | meaning |\n| --- | --- |\n| access event | x |\n| Clock (time), day | x |\n";

    #[test]
    fn a_type_without_its_word_is_found_with_the_nearest_one() {
        let text = "pub use a::{AccessEvent, Clock, Day, MAX_BYTES, event_channel};\npub use b::AccessEvents;\nuse c::Hidden;\n";
        let found = compare(&Source::new(NOUNS, text.to_owned()).unwrap(), GLOSSARY);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].line, 2);
        assert!(
            found[0].what.contains("\u{201c}access events\u{201d}")
                && found[0].what.contains("nearest: access event)")
        );
    }

    #[test]
    fn the_distance_of_words_is_the_letters_between_them() {
        for (one, other, expected) in
            [("day", "day", 0), ("day", "days", 1), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
