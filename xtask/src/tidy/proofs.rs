//! A test that a document names as its proof exists.

use super::Finding;
use super::source::Source;
use std::collections::HashSet;

/// A name in back quotes is taken for a test's where it has this many underscores: shorter ones are settings and functions.
const FEWEST_UNDERSCORES: usize = 5;

/// Looks up each name of a test in the documents.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let code = sources.iter().filter(|source| source.path.ends_with(".rs"));
    let functions: HashSet<&str> = code.flat_map(|source| functions(&source.text)).collect();
    let documents =
        sources.iter().filter(|source| source.path.starts_with("docs/") && source.path.ends_with(".md"));
    documents.flat_map(|document| missing(document, &functions)).collect()
}

fn missing(document: &Source, functions: &HashSet<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(document.text.lines()) {
        for name in quoted(line).filter(|name| is_a_tests(name) && !functions.contains(name)) {
            findings.push(Finding {
                path: document.path.clone(),
                line: number,
                what: format!(
                    "there is no test `{name}`: name the one that shows it, or say that nothing does"
                ),
            });
        }
    }
    findings
}

/// The names of functions, as they are written.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("fn ").filter_map(|(at, found)| {
        let rest = text.get(at + found.len()..)?;
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        rest.get(..end)
    })
}

/// What stands between back quotes.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_a_tests(name: &str) -> bool {
    let is_word = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    name.matches('_').count() >= FEWEST_UNDERSCORES && name.chars().all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_named_and_not_there_is_found() {
        let code =
            Source::new("crates/a/src/lib.rs", "fn what_is_there_is_not_missed_at_all() {}".to_owned())
                .unwrap();
        let text = "| 1 | `what_is_there_is_not_missed_at_all` |\n`a_test_that_nobody_ever_wrote_down`, `page_log_days`\n";
        let document = Source::new("docs/a.md", text.to_owned()).unwrap();
        let found = check(&[code, document]);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|finding| finding.line == 2 && finding.what.contains("a_test_that_nobody")));
    }
}
