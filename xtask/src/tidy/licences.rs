//! Licences and banned crates of everything that is built, by `deny.toml`.
//!
//! `cargo tree` lists what is really linked on this system; the lock file also names crates that no feature takes. The
//! rules are our own and few: installing cargo-deny builds some four hundred crates, and its database of advisories is
//! not part of an offline check. Two versions of one crate are allowed.

use super::Finding;
use super::layers::{names, parse};
use crate::command::{cargo, output};
use crate::failure::Failure;
use crate::place;
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = "deny.toml";

/// Checks everything that the workspace is built from.
pub fn licences() -> Result<(), Failure> {
    let rules = Rules::parse(&place::read(RULES)?)?;
    let tree = output(cargo(&[
        "tree",
        "--locked",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--format",
        "{p}|{l}",
    ]))?;
    let crates = Linked::parse_tree(&tree);
    super::conclude(rules.check(&crates), &format!("{} crates have licences that are allowed", crates.len()))
}

/// What `deny.toml` says.
struct Rules {
    allowed: Vec<String>,
    exceptions: BTreeMap<String, Vec<String>>,
    banned: BTreeMap<String, String>,
}

/// A crate that is linked.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Linked {
    name: String,
    licence: String,
}

impl Linked {
    /// Reads lines such as `serde v1.0.0|MIT OR Apache-2.0`; a line may end in ` (*)`.
    fn parse_tree(tree: &str) -> BTreeSet<Self> {
        let rows = tree.lines().filter_map(|line| line.split_once('|'));
        let crates = rows.filter_map(|(package, licence)| {
            let name = package.split_whitespace().next()?.to_owned();
            Some(Self { name, licence: licence.trim_end_matches("(*)").trim().to_owned() })
        });
        crates.collect()
    }
}

impl Rules {
    fn parse(text: &str) -> Result<Self, Failure> {
        let table = parse(RULES, text)?;
        let section = |name: &str| {
            let found = table.get(name).and_then(toml::Value::as_table);
            found.ok_or_else(|| Failure::new(format!("{RULES}: expected the section [{name}]")))
        };
        let licences = section("licences")?;
        let allowed =
            licences.get("allow").ok_or_else(|| Failure::new(format!("{RULES}: expected `allow`")))?;
        let exceptions =
            section("exceptions")?.iter().map(|(name, list)| Ok((name.clone(), names(name, list)?)));
        let reason = |(name, reason): (&String, &toml::Value)| {
            let reason = reason.as_str().filter(|reason| !reason.is_empty());
            let missing = || Failure::new(format!("{RULES}: `{name}` is banned without a reason"));
            Ok((name.clone(), reason.ok_or_else(missing)?.to_owned()))
        };
        Ok(Self {
            allowed: names("allow", allowed)?,
            exceptions: exceptions.collect::<Result<_, Failure>>()?,
            banned: section("banned")?.iter().map(reason).collect::<Result<_, Failure>>()?,
        })
    }

    fn check(&self, crates: &BTreeSet<Linked>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for Linked { name, licence } in crates {
            let mut find = |what| findings.push(Finding { path: "Cargo.lock".to_owned(), line: 1, what });
            if let Some(reason) = self.banned.get(name) {
                find(format!(
                    "`{name}` is banned ({reason}): see who takes it with `cargo tree --invert {name}`"
                ));
            }
            let is_allowed = |id: &str| {
                let exception = self.exceptions.get(name);
                self.allowed.iter().chain(exception.into_iter().flatten()).any(|allowed| allowed == id)
            };
            match evaluate(licence, &is_allowed) {
                Some(true) => {}
                Some(false) => find(format!(
                    "`{name}` has the licence \u{201c}{licence}\u{201d}, which {RULES} does not allow: use another crate, or allow it with a reason"
                )),
                None => find(format!("`{name}` has no licence that can be read (\u{201c}{licence}\u{201d})")),
            }
        }
        findings
    }
}

/// Whether a licence expression (SPDX: `A OR B`, `A AND (B OR C)`, `A WITH exception`; the old `A/B` is an OR) can be met
/// with allowed licences; `None` when it is no such expression. AND binds closer than OR.
fn evaluate(expression: &str, is_allowed: &dyn Fn(&str) -> bool) -> Option<bool> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Expression { words: &words, is_allowed, depth: 0 };
    let met = reader.either()?;
    reader.words.is_empty().then_some(met)
}

struct Expression<'e> {
    words: &'e [&'e str],
    is_allowed: &'e dyn Fn(&str) -> bool,
    depth: u8,
}

impl Expression<'_> {
    const MOST_DEPTH: u8 = 16;

    fn either(&mut self) -> Option<bool> {
        let mut met = self.both()?;
        while self.next_is("OR") {
            met |= self.both()?;
        }
        Some(met)
    }

    fn both(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.next_is("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.next_is("(") {
            self.depth += 1;
            let met = if self.depth > Self::MOST_DEPTH { None } else { self.either() }?;
            self.depth -= 1;
            return self.next_is(")").then_some(met);
        }
        let (id, rest) = self.words.split_first()?;
        if ["OR", "AND", "WITH", ")"].contains(id) {
            return None;
        }
        self.words = rest;
        if self.next_is("WITH") {
            let (exception, rest) = self.words.split_first()?;
            self.words = rest;
            return Some((self.is_allowed)(&format!("{id} WITH {exception}")));
        }
        Some((self.is_allowed)(id))
    }

    fn next_is(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_met_as_its_words_say() {
        let allowed = |id: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&id);
        for (expression, expected) in [
            ("MIT", Some(true)),
            ("GPL-3.0", Some(false)),
            ("GPL-3.0 OR MIT", Some(true)),
            ("GPL-3.0/MIT", Some(true)),
            ("MIT AND GPL-3.0", Some(false)),
            ("MIT OR GPL-3.0 AND GPL-2.0", Some(true)),
            ("ISC AND (GPL-3.0 OR MIT)", Some(true)),
            ("(MIT OR ISC) AND GPL-3.0", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("Apache-2.0", Some(false)),
            ("", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT ISC", None),
        ] {
            assert_eq!(evaluate(expression, &allowed), expected, "{expression}");
        }
        assert_eq!(evaluate(&"(".repeat(1000), &allowed), None);
    }

    #[test]
    fn a_banned_crate_and_a_licence_that_is_not_allowed_are_found() {
        let rules = "[licences]\nallow = ['MIT']\n[exceptions]\nodd = ['MPL-2.0']\n[banned]\nring = 'one TLS stack'\n";
        let tree = "good v1.0.0|MIT\nodd v1.0.0|MPL-2.0\nring v0.17.0|MIT (*)\nbad v2.0.0 (proc-macro)|MPL-2.0\nnone v1.0.0|\n";
        let found = Rules::parse(rules).unwrap().check(&Linked::parse_tree(tree));
        let words: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(words.len(), 3, "{words:?}");
        assert!(words[0].contains("`bad` has the licence"));
        assert!(words[1].contains("`none` has no licence"));
        assert!(words[2].contains("`ring` is banned (one TLS stack)"));
    }
}
