//! How often the rules are right: on sentences that were written by somebody who did not write the rules, and frozen.
//!
//! Left out: tuning. A sentence that the rules get wrong stays wrong in the table until a rule is right for its own reasons.

use crate::school::RULES;
use model::{Severity, Theme};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A file of `tests/accuracy`; its README says what each part means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    example: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    words: String,
    /// A theme's name, or `none`.
    expect: String,
    /// The least bad and the worst severity that would be right; any where they are left out.
    at_least: Option<String>,
    at_most: Option<String>,
}

#[derive(Default)]
struct Score {
    found: u32,
    missed: u32,
    false_alarms: u32,
    wrong_severity: u32,
}

impl Score {
    fn precision(&self) -> f64 {
        share(self.found, self.false_alarms)
    }

    fn recall(&self) -> f64 {
        share(self.found, self.missed)
    }
}

fn share(right: u32, wrong: u32) -> f64 {
    if right + wrong == 0 { 1.0 } else { f64::from(right) / f64::from(right + wrong) }
}

/// The findings that somebody would be told of.
fn told(words: &str) -> Vec<(Theme, Severity)> {
    let findings = RULES.judge(words);
    let told = findings.iter().filter(|finding| finding.severity < Severity::NoConcern);
    told.map(|finding| (finding.theme, finding.severity)).collect()
}

/// Takes one example into the scores, and says what is wrong with it.
fn take(example: &Example, scores: &mut BTreeMap<Theme, Score>) -> Option<String> {
    let told = told(&example.words);
    let expected = Theme::parse(&example.expect);
    assert!(expected.is_some() || example.expect == "none", "{}: no theme", example.expect);
    let Some(theme) = expected else {
        for (theme, _) in &told {
            scores.entry(*theme).or_default().false_alarms += 1;
        }
        return (!told.is_empty()).then(|| format!("false alarm {told:?}: {}", example.words));
    };
    let score = scores.entry(theme).or_default();
    let Some((_, severity)) = told.iter().find(|(found, _)| *found == theme) else {
        score.missed += 1;
        return Some(format!("missed {}, found {told:?}: {}", theme.slug(), example.words));
    };
    score.found += 1;
    let limit = |name: &Option<String>| name.as_deref().map(|name| Severity::parse(name).unwrap());
    let too_mild = limit(&example.at_least).is_some_and(|least| *severity > least);
    let too_bad = limit(&example.at_most).is_some_and(|most| *severity < most);
    if too_mild || too_bad {
        score.wrong_severity += 1;
        return Some(format!("severity {}: {}", severity.slug(), example.words));
    }
    None
}

fn files() -> Vec<(String, Examples)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accuracy");
    let mut files: Vec<(String, Examples)> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let examples = toml::from_str(&fs::read_to_string(&path).unwrap());
            files.push((path.file_stem().unwrap().to_string_lossy().into_owned(), examples.unwrap()));
        }
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

#[test]
fn accuracy_on_frozen_examples_stays_above_its_floors() {
    let mut scores: BTreeMap<Theme, Score> = BTreeMap::new();
    let mut ordinary = 0;
    let mut wrong = String::new();
    for (file, examples) in files() {
        for example in &examples.example {
            ordinary += u32::from(example.expect == "none");
            if let Some(what) = take(example, &mut scores) {
                writeln!(wrong, "{file}: {what}").unwrap();
            }
        }
    }
    println!(
        "{wrong}\n{:<18} {:>6} {:>6} {:>6} {:>9} {:>7} {:>9}",
        "theme", "found", "missed", "false", "precision", "recall", "severity"
    );
    let mut all = Score::default();
    for (theme, score) in &scores {
        println!("{:<18} {}", theme.slug(), row(score));
        all.found += score.found;
        all.missed += score.missed;
        all.false_alarms += score.false_alarms;
        all.wrong_severity += score.wrong_severity;
    }
    println!("{:<18} {}\nordinary examples: {ordinary}", "all", row(&all));
    assert!(all.recall() >= 0.75, "recall {:.2}", all.recall());
    assert!(all.precision() >= 0.92, "precision {:.2}", all.precision());
}

fn row(score: &Score) -> String {
    format!(
        "{:>6} {:>6} {:>6} {:>9.2} {:>7.2} {:>9}",
        score.found,
        score.missed,
        score.false_alarms,
        score.precision(),
        score.recall(),
        score.wrong_severity
    )
}
