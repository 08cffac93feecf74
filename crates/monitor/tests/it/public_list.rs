//! The rules on a public list of rude words (the npm package `cuss`, fetched with the console's assets, never shipped).
//!
//! The list rates each word: 2 is likely rude, 0 is likely not. Most of its rude words are of old or foreign quarrels that no
//! rule looks for, so that the share that is found says less than that the harmless ones stay unfound.

use crate::school::RULES;
use model::Severity;
use std::fs;

/// The words of one rating.
fn rated(rating: &str) -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/assets/built/test/cuss.js");
    let list = fs::read_to_string(path).unwrap();
    let lines = list.lines().filter_map(|line| line.trim().strip_suffix(',')?.rsplit_once(": "));
    let words =
        lines.filter(|(_, rated)| *rated == rating).map(|(word, _)| word.trim_matches('\'').to_owned());
    words.collect()
}

fn is_told(word: &str) -> bool {
    RULES.judge(word).iter().any(|finding| finding.severity < Severity::NoConcern)
}

#[test]
fn accuracy_on_a_public_list_of_rude_words_stays_above_its_floors() {
    let mut shares = Vec::new();
    for rating in ["2", "1", "0"] {
        let words = rated(rating);
        let told: Vec<&String> = words.iter().filter(|word| is_told(word)).collect();
        println!("rated {rating}: {} of {} told", told.len(), words.len());
        if rating == "0" {
            println!("{told:?}");
        }
        assert!(words.len() > 100);
        shares.push(told.len() * 100 / words.len());
    }
    assert!(shares[0] >= 8, "of rude words {}%", shares[0]);
    assert!(shares[2] <= 2, "of harmless words {}%", shares[2]);
}
