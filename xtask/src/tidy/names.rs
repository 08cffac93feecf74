//! Words that say nothing (data, info, ...) are in no name of a type, a trait, a module or a file of Rust.

use super::Finding;
use super::source::{Source, line_of};
use syn::visit::{self, Visit};

const SAY_NOTHING: [&str; 10] =
    ["data", "info", "information", "manager", "helper", "helpers", "util", "utils", "utility", "misc"];

/// The names of one file.
pub fn check(source: &Source) -> Vec<Finding> {
    let Some(file) = &source.syntax else { return Vec::new() };
    let mut names = Names { source, findings: Vec::new() };
    let stem = source.path.rsplit('/').next().and_then(|name| name.split('.').next()).unwrap_or_default();
    names.look_at(stem, 1);
    names.visit_file(file);
    names.findings
}

/// The words of a name in any of Rust's styles, lower case: `URLFilterId`, `url_filter_id` are both url, filter, id.
pub fn words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (place, character) in characters.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| characters.get(place));
        let after = characters.get(place + 1);
        let starts_word = character.is_uppercase()
            && (before.is_some_and(|before| !before.is_uppercase())
                || after.is_some_and(|after| after.is_lowercase()));
        if starts_word || *character == '_' {
            words.push(String::new());
        }
        if *character != '_'
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

struct Names<'s> {
    source: &'s Source,
    findings: Vec<Finding>,
}

impl Names<'_> {
    fn look_at(&mut self, name: &str, line: usize) {
        for word in words(name) {
            if SAY_NOTHING.contains(&word.as_str()) {
                let what =
                    format!("`{name}` has \u{201c}{word}\u{201d} in it, which says nothing: name what it is");
                self.findings.push(self.source.finding(line, what));
            }
        }
    }

    fn look_at_ident(&mut self, ident: &syn::Ident) {
        self.look_at(&ident.to_string(), line_of(ident));
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.look_at_ident(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.look_at_ident(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.look_at_ident(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.look_at_ident(&item.ident);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.look_at_ident(&item.ident);
        visit::visit_item_mod(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words_in_every_style() {
        for (name, expected) in [
            ("AccessEvent", "access event"),
            ("URLFilterId", "url filter id"),
            ("tests_summary", "tests summary"),
            ("Ask", "ask"),
        ] {
            assert_eq!(words(name).join(" "), expected);
        }
    }

    #[test]
    fn a_word_that_says_nothing_is_found_in_types_and_modules_and_only_whole() {
        let text =
            "struct UserData;\nmod net_utils {\n    enum Metadata {}\n}\nstruct Database;\n".to_owned();
        let source = Source::new("crates/model/src/person_info.rs", text).unwrap();
        let lines: Vec<usize> = check(&source).iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 1, 2]);
    }
}
