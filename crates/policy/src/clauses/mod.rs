//! The clause catalogue: every clause of the policy in words, with the document's values filled in.
//!
//! The texts are files under `clauses/`, one an area. Left out: whether a clause holds; that is for the checks that
//! look at the running system, which a clause names where there is one.
//!
//! Invariants: the catalogue is the same for everybody and ships with the program; a value that a document does not
//! have is called "not set", never left out.

mod words;

pub(crate) use words::{joined, lookup, words};

use crate::file::{Document, RoleName};
use model::{ClauseId, HowMet, Role};
use serde::Deserialize;
use std::sync::OnceLock;

/// What a clause shows where the document has no such value.
const NOT_SET: &str = "not set";

/// The files of the catalogue, in the order in which areas are shown.
const FILES: [&str; 12] = [
    include_str!("../../clauses/gov.toml"),
    include_str!("../../clauses/acc.toml"),
    include_str!("../../clauses/pwd.toml"),
    include_str!("../../clauses/flt.toml"),
    include_str!("../../clauses/mon.toml"),
    include_str!("../../clauses/dev.toml"),
    include_str!("../../clauses/usb.toml"),
    include_str!("../../clauses/bkp.toml"),
    include_str!("../../clauses/dsp.toml"),
    include_str!("../../clauses/trn.toml"),
    include_str!("../../clauses/rev.toml"),
    include_str!("../../clauses/ai.toml"),
];

/// Every clause, by area.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// The areas, in the order in which they are shown.
    pub areas: Vec<Area>,
}

impl Catalogue {
    /// Every clause, in order.
    pub fn clauses(&self) -> impl Iterator<Item = &Clause> {
        self.areas.iter().flat_map(|area| &area.clauses)
    }
}

/// One area, such as Filtering.
#[derive(Clone, Debug)]
pub struct Area {
    /// Its name.
    pub title: String,
    /// Its short name, such as `FLT`.
    pub prefix: String,
    /// Its clauses, in order.
    pub clauses: Vec<Clause>,
}

/// One clause.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Its id, such as `FLT-2`.
    pub id: ClauseId,
    /// Its title.
    pub title: String,
    /// Its text, with `{names.of.values}`.
    pub text: String,
    /// The ways in which it is met.
    pub how: Vec<HowMet>,
    /// How the product meets it today, and what of it is not built yet.
    pub met_by: String,
    /// The values that it shows, by their names in a policy file.
    pub settings: Vec<String>,
    /// Who owns it.
    pub owner: Role,
    /// The check that looks whether it holds, where there is one.
    pub check: Option<String>,
}

impl Clause {
    /// Its text with the document's values in place of their names.
    pub fn filled(&self, document: &Document) -> String {
        let mut filled = String::with_capacity(self.text.len());
        let mut rest = self.text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((path, after)) = after.split_once('}') else { break };
            filled.push_str(before);
            filled.push_str(&value(document, path));
            rest = after;
        }
        filled + rest
    }

    /// The values that it shows: each name and what the document says, in words.
    pub fn shown_settings(&self, document: &Document) -> Vec<(String, String)> {
        self.settings.iter().map(|path| (path.clone(), value(document, path))).collect()
    }
}

/// The catalogue that ships.
#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads each of them")]
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| Catalogue {
        areas: FILES.iter().map(|text| area(text).expect("a file of the catalogue reads")).collect(),
    })
}

fn value(document: &Document, path: &str) -> String {
    lookup(document.words(), path).unwrap_or_else(|| NOT_SET.to_owned())
}

fn area(text: &str) -> Result<Area, toml::de::Error> {
    let file: AreaFile = toml::from_str(text)?;
    let clauses = file.clause.into_iter().map(Clause::from).collect();
    Ok(Area { title: file.title, prefix: file.prefix, clauses })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AreaFile {
    prefix: String,
    title: String,
    clause: Vec<ClauseFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClauseFile {
    id: String,
    title: String,
    text: String,
    how: Vec<HowFile>,
    met_by: String,
    settings: Vec<String>,
    owner: RoleName,
    check: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum HowFile {
    Enforce,
    Measure,
    Record,
}

impl From<ClauseFile> for Clause {
    fn from(file: ClauseFile) -> Self {
        let how = file.how.into_iter().map(|how| match how {
            HowFile::Enforce => HowMet::Enforce,
            HowFile::Measure => HowMet::Measure,
            HowFile::Record => HowMet::Record,
        });
        Self {
            id: ClauseId::new(file.id),
            title: file.title,
            text: file.text,
            how: how.collect(),
            met_by: file.met_by,
            settings: file.settings,
            owner: file.owner.0,
            check: file.check,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::{SourceText, read};

    /// How many clauses each area has: they are numbered from 1 without a gap.
    const AREAS: [(&str, usize); 12] = [
        ("GOV", 9),
        ("ACC", 7),
        ("PWD", 17),
        ("FLT", 18),
        ("MON", 11),
        ("DEV", 13),
        ("USB", 4),
        ("BKP", 5),
        ("DSP", 5),
        ("TRN", 5),
        ("REV", 5),
        ("AI", 1),
    ];

    const CHECKED: [(&str, &str); 25] = [
        ("GOV-1", "roles-held"),
        ("GOV-5", "policy-in-force"),
        ("ACC-1", "rights-approved"),
        ("ACC-2", "rights-reviewed"),
        ("ACC-3", "visitors-end"),
        ("ACC-4", "administrators"),
        ("ACC-5", "recovery-account"),
        ("ACC-6", "accounts-shared"),
        ("ACC-7", "resets-recorded"),
        ("PWD-4", "first-replaced"),
        ("PWD-10", "temporary-end"),
        ("PWD-12", "wrong-passwords-lock"),
        ("PWD-13", "password-hash"),
        ("FLT-1", "dns-and-proxy"),
        ("FLT-2", "illegal-layer"),
        ("FLT-3", "harmful-content"),
        ("FLT-4", "group-rules"),
        ("FLT-6", "circumvention"),
        ("FLT-7", "alerts-raised"),
        ("FLT-8", "lists-fresh"),
        ("FLT-9", "requests-recorded"),
        ("FLT-11", "reports-open"),
        ("FLT-13", "retention"),
        ("MON-1", "incidents-dealt-with"),
        ("MON-5", "reports-open"),
    ];

    fn shipped() -> Vec<Document> {
        let texts = [
            include_str!("../../../../policies/first-school.toml"),
            include_str!("../../../../policies/trust.toml"),
        ];
        texts.iter().map(|text| read(&SourceText { name: "policy", text }, None).unwrap()).collect()
    }

    #[test]
    fn every_clause_is_there_once_and_in_order() {
        let expected: Vec<String> = AREAS
            .iter()
            .flat_map(|(prefix, last)| (1..=*last).map(move |n| format!("{prefix}-{n}")))
            .collect();
        let found: Vec<String> = catalogue().clauses().map(|clause| clause.id.to_string()).collect();
        assert_eq!(found, expected);
        for (area, (prefix, _)) in catalogue().areas.iter().zip(AREAS) {
            assert_eq!(area.prefix, prefix);
        }
    }

    #[test]
    fn a_check_is_named_only_where_one_is_made() {
        let found: Vec<(&str, &str)> = catalogue()
            .clauses()
            .filter_map(|clause| clause.check.as_deref().map(|check| (clause.id.as_str(), check)))
            .collect();
        assert_eq!(found, CHECKED);
    }

    #[test]
    fn every_value_that_a_clause_names_is_in_both_shipped_policies() {
        for document in shipped() {
            for clause in catalogue().clauses() {
                let filled = clause.filled(&document);
                assert!(!filled.contains(['{', '}']) && !filled.contains(NOT_SET), "{}: {filled}", clause.id);
                assert!(!clause.met_by.contains(['{', '}']), "{}", clause.id);
                for (name, value) in clause.shown_settings(&document) {
                    assert!(
                        !value.is_empty() && value != NOT_SET && value != "none",
                        "{}: {name}",
                        clause.id
                    );
                }
            }
        }
    }

    #[test]
    fn the_file_claims_no_approval_that_only_the_record_can_show() {
        for document in shipped() {
            let clause = catalogue().clauses().find(|clause| clause.id.as_str() == "GOV-5").unwrap();
            let filled = clause.filled(&document);
            assert!(filled.contains("to approve") && filled.contains("record of approvals"), "{filled}");
            assert!(!filled.contains("approved by"), "{filled}");
        }
    }

    #[test]
    fn a_filled_text_says_the_figure_of_the_document() {
        let document = &shipped()[0];
        let clause = catalogue().clauses().find(|clause| clause.id.as_str() == "MON-3").unwrap();
        assert!(clause.filled(document).contains("kept for 365 days and looked through every 7 days"));
        assert!(
            clause.shown_settings(document).contains(&("retention.access_log_days".into(), "365".into()))
        );
    }
}
