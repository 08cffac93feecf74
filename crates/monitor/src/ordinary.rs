//! Ordinary words: those of a dictionary alert nobody, and none is read as a word of the rules that it is not.
//!
//! The words of `rules/ordinary.txt` follow from the rules and a dictionary. With `SCHOOLGATE_WRITE_ORDINARY` set, the test
//! writes them anew.

use crate::rules::Rules;
use std::fmt::Write as _;
use std::fs;

/// Debian's `wbritish`.
const DICTIONARY: &str = "/usr/share/dict/british-english";

/// The dictionary's words of letters alone, without names.
fn dictionary() -> Vec<String> {
    let text = fs::read_to_string(DICTIONARY).unwrap();
    let words = text.lines().filter(|word| word.chars().all(|c| c.is_lowercase()) && word.len() > 2);
    let mut words: Vec<String> = words.map(text::fold::folded).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Whether a word is only another form of one of the rules: `overdosed`, `zombie` of `zombies`.
fn is_form_of_one(rules: &Rules, word: &str) -> bool {
    let shorter = word.strip_suffix(['s', 'd', 'r', 'y']).is_some_and(|stem| rules.patterns.knows(stem));
    shorter || ["s", "d", "r", "n"].iter().any(|end| rules.patterns.knows(&format!("{word}{end}")))
}

/// Ordinary words that the rules would read as others.
fn read_as_others(rules: &Rules) -> Vec<String> {
    let is_misread = |word: &String| {
        !rules.patterns.knows(word)
            && ((rules.patterns.takes_for_another(word) && !is_form_of_one(rules, word))
                || (!rules.judge(word).is_empty() && !is_form_of_one(rules, word)))
    };
    dictionary().into_iter().filter(is_misread).collect()
}

#[test]
fn no_word_of_a_dictionary_is_read_as_a_word_of_the_rules() {
    let rules = crate::judge::tests::every_rule();
    let misread = read_as_others(&rules);
    if std::env::var_os("SCHOOLGATE_WRITE_ORDINARY").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/rules/ordinary.txt");
        let mut text = fs::read_to_string(path).unwrap();
        for line in misread.chunks(12) {
            writeln!(text, "{}", line.join(" ")).unwrap();
        }
        fs::write(path, text).unwrap();
    }
    assert!(misread.is_empty(), "{} words: {misread:?}", misread.len());
}
