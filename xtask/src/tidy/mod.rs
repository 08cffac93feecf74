//! The rules that a machine can keep, over the files that git knows or would take.
//!
//! Each finding says where, what is wrong and what to do. A rule is a function from sources to findings, so that its test
//! is a bad sample. Product code is what is neither under `tests/` nor in an item marked `#[cfg(test)]`.

mod attributes;
mod glossary;
mod layers;
mod licences;
mod names;
mod proofs;
mod sizes;
mod source;
mod texts;

pub use licences::licences;

use crate::command::{command, output};
use crate::failure::Failure;
use crate::{place, say};
use source::Source;
use std::fmt;

/// Something that breaks a rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// The file, from the root.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what to do.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Runs every rule over the checkout; an error when one finds anything.
pub fn tidy() -> Result<(), Failure> {
    let listed = output(command("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"]))?;
    let mut sources = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // A file may be gone from the folder and not yet from git; pictures and fonts are no text.
        if let Ok(text) = std::fs::read_to_string(place::root().join(path)) {
            sources.push(Source::new(path, text)?);
        }
    }
    let layers = layers::Layers::parse(&place::read("layers.toml")?)?;
    let mut findings = layers.check(&sources)?;
    findings.extend(glossary::check(&sources)?);
    findings.extend(proofs::check(&sources));
    for source in &sources {
        findings.extend(sizes::check(source));
        findings.extend(names::check(source));
        findings.extend(attributes::check(source));
        findings.extend(texts::check(source));
    }
    conclude(findings, &format!("{} files are tidy", sources.len()))
}

/// Prints the findings, in order; an error when there are any.
fn conclude(mut findings: Vec<Finding>, all_well: &str) -> Result<(), Failure> {
    findings.sort();
    for finding in &findings {
        say::line(&finding.to_string());
    }
    match findings.len() {
        0 => {
            say::line(all_well);
            Ok(())
        }
        count => Err(Failure::new(format!("findings: {count}; each says what to do"))),
    }
}
