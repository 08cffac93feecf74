//! Policy documents: reading them, and telling every mistake at once.
//!
//! Two kinds of TOML document: an *edition*, which governors approve and which is complete by itself, and a *settings
//! revision*, which leaders approve within the edition's bounds. [`read`] turns them into a [`Document`].
//!
//! A document is parsed once. `walk` goes over the parsed tree along the JSON Schema of the types and reports every
//! mistake of structure, name and text; what is left is deserialised, and `checks` reports what takes more than one
//! value to see. Left out: files and who may approve (the caller's), deciding (`Snapshot`'s).
//!
//! Invariants: no text panics the reader; a document over [`MAX_DOCUMENT_BYTES`] is refused; the category of illegal
//! content appears in no setting but as what a list adds to it.

mod build;
mod checks;
mod choices;
mod edition;
mod facts;
mod list_checks;
mod networks;
mod problem;
mod scan;
mod settings_checks;
mod traffic;
mod values;
mod walk;

pub use choices::{
    Counting, DayChoice, DefaultChoice, FormatChoice, Generator, InspectionChoice, MediaRule, Phase,
    PostPlace, ScanChoice, SignInChoice, TenantChoice, UnscannedChoice, WayChoice, YouTubeChoice,
};
pub use facts::{
    Access, AdultPasswords, Ai, Alerts, Approvers, Backups, Bounds, Change, Devices, Disposal, Edition,
    Facts, Filtering, LearnerPasswords, Lockout, Media, Monitoring, Passwords, Post, RelatedDocument,
    Retention, Review, Settings, Strategy, TemporaryPasswords, Training, YoungestPasswords,
};
pub use problem::{Problem, Severity};
pub(crate) use values::clock;
pub use values::{At, CategoryName, DateText, HashText, Name, RoleName, TimeZoneText, show_date};

use crate::rules::Policy;
use edition::{EditionFile, PolicyDocument, RulesPart, SettingsFile};
use jiff::civil::Date;
use model::PolicyHash;
use problem::{Findings, Miss};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
use toml::Spanned;
use toml::de::DeTable;
use walk::{Ids, Walk};

/// The longest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// Between an edition's bytes and a settings revision's, where both are hashed. No TOML text holds a NUL.
const HASH_SEPARATOR: &[u8] = b"\0settings\0";

/// A document as text, with the name that problems give it.
#[derive(Clone, Copy, Debug)]
pub struct SourceText<'a> {
    /// The file's name.
    pub name: &'a str,
    /// What is in it.
    pub text: &'a str,
}

/// A document without mistakes.
#[derive(Clone, Debug)]
pub struct Document {
    /// Who may reach what: what a `Snapshot` is compiled from.
    pub policy: Policy,
    /// Everything else that it says.
    pub facts: Facts,
    /// What its author should look at.
    pub warnings: Vec<Problem>,
    /// Every value by the names of the file, in the words of a page.
    words: Value,
    /// Dates by which something is to be looked at again.
    dated: Vec<(Date, Problem)>,
}

impl Document {
    /// The dates of the document that have passed on `today`, each as a warning at its place.
    pub fn overdue(&self, today: Date) -> Vec<Problem> {
        self.dated.iter().filter(|(date, _)| *date < today).map(|(_, problem)| problem.clone()).collect()
    }

    /// Every value by the names of the file, in the words of a page.
    pub(crate) fn words(&self) -> &Value {
        &self.words
    }
}

/// Reads an edition, with a settings revision where there is one.
///
/// The error is every mistake of both, in the order of the files, at least one of them an error; of one file at most
/// 1,000 errors and 1,000 warnings are told.
pub fn read(edition: &SourceText<'_>, settings: Option<&SourceText<'_>>) -> Result<Document, Vec<Problem>> {
    let edition_hash = hash_of(&[edition.text.as_bytes()]);
    let (tree, ids, mut findings) = load(edition, EDITION, Ids::default());
    let rules: Option<RulesPart> = tree.as_ref().and_then(Tree::part);
    if let Some(rules) = &rules {
        checks::check(rules, &mut findings);
    }
    let whole: Option<EditionFile> = tree.and_then(|tree| tree.whole(&mut findings));
    if let Some(edition) = &whole {
        checks::check_complete(edition, &mut findings);
    }
    let mut settings_findings = None;
    let mut settings_file: Option<SettingsFile> = None;
    if let Some(source) = settings {
        let (tree, _, mut found) = load(source, SETTINGS, ids);
        settings_file = tree.and_then(|tree| tree.whole(&mut found));
        if let (Some(file), Some(rules)) = (&settings_file, &rules) {
            settings_checks::check(file, rules, edition_hash.as_str(), &mut found);
        }
        settings_findings = Some(found);
    }
    let failed = findings.has_errors() || settings_findings.as_ref().is_some_and(Findings::has_errors);
    let whole = whole.filter(|_| !failed);
    let dated = whole.as_ref().map(|file| checks::dated(file, &findings)).unwrap_or_default();
    let hash = match settings {
        Some(settings) => hash_of(&[edition.text.as_bytes(), HASH_SEPARATOR, settings.text.as_bytes()]),
        None => edition_hash.clone(),
    };
    let built = whole.and_then(|file| build::build(&file, settings_file.as_ref(), hash, edition_hash));
    let mut problems = findings.into_problems();
    problems.extend(settings_findings.into_iter().flat_map(Findings::into_problems));
    match built {
        Some((policy, facts, words)) => Ok(Document { policy, facts, warnings: problems, words, dated }),
        None => Err(problems),
    }
}

/// The JSON Schema of both kinds of document, for editors: pretty, and the same each time.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(schema_value()).unwrap_or_default();
    text.push('\n');
    text
}

/// What a field of a table is for, in the words of the schema; its name, where the schema says nothing.
pub(crate) fn described(table: &str, field: &str) -> String {
    let described = schema_value().pointer(&format!("/$defs/{table}/properties/{field}/description"));
    let described =
        described.and_then(Value::as_str).map(|sentence| sentence.trim_end_matches('.').to_owned());
    described.unwrap_or_else(|| field.replace('_', " "))
}

fn schema_value() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let mut schema = schemars::schema_for!(PolicyDocument);
        schema.insert("title".to_owned(), "A Schoolgate policy".into());
        schema.to_value()
    })
}

fn hash_of(parts: &[&[u8]]) -> PolicyHash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    PolicyHash::new(digits)
}

/// A kind of document.
#[derive(Clone, Copy)]
struct Kind {
    /// The schema's name of it.
    definition: &'static str,
    /// The table that only it has.
    table: &'static str,
    /// What it is called.
    noun: &'static str,
    /// Takes the ids that such a document declares.
    declare: fn(&mut Ids, &DeTable<'_>, &mut Findings<'_>),
}

const EDITION: Kind = Kind {
    definition: "EditionFile",
    table: "edition",
    noun: "an edition, with a table [edition]",
    declare: Ids::declare,
};

const SETTINGS: Kind = Kind {
    definition: "SettingsFile",
    table: "settings",
    noun: "a settings revision, with a table [settings]",
    declare: Ids::declare_settings,
};

/// A parsed document without what was mistaken in it.
enum Tree<'a> {
    /// Nothing that it cannot do without is missing.
    Sound(Spanned<DeTable<'a>>),
    /// Something is.
    Mistaken(Spanned<DeTable<'a>>),
}

impl Tree<'_> {
    /// What of it can be read without the rest.
    fn part<T: DeserializeOwned>(&self) -> Option<T> {
        let (Self::Sound(tree) | Self::Mistaken(tree)) = self;
        T::deserialize(toml::de::Deserializer::from(tree.clone())).ok()
    }

    /// The whole of it, where it is sound.
    fn whole<T: DeserializeOwned>(self, findings: &mut Findings<'_>) -> Option<T> {
        let Self::Sound(tree) = self else { return None };
        let read = T::deserialize(toml::de::Deserializer::from(tree));
        read.map_err(|error| {
            let found = error.message().trim().replace('\n', ", ");
            findings.error(&error.span().unwrap_or(0..0), Miss::new("a document that can be read", found));
        })
        .ok()
    }
}

/// Parses a document and walks it; without a tree, nothing of it can be read.
fn load<'a>(source: &SourceText<'a>, kind: Kind, mut ids: Ids) -> (Option<Tree<'a>>, Ids, Findings<'a>) {
    let mut findings = Findings::new(source.name, source.text);
    let Some(mut tree) = parse(source, kind, &mut findings) else { return (None, ids, findings) };
    (kind.declare)(&mut ids, tree.get_ref(), &mut findings);
    let empty = serde_json::Map::new();
    let definitions = schema_value().get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let schema = definitions.get(kind.definition).unwrap_or(&Value::Null);
    let mut walk = Walk { definitions, ids: &ids, findings: &mut findings };
    let tree = match walk.table(schema, tree.get_mut(), &(0..0)) {
        true => Tree::Sound(tree),
        false => Tree::Mistaken(tree),
    };
    (Some(tree), ids, findings)
}

fn parse<'a>(
    source: &SourceText<'a>,
    kind: Kind,
    findings: &mut Findings<'_>,
) -> Option<Spanned<DeTable<'a>>> {
    if source.text.len() > MAX_DOCUMENT_BYTES {
        let most = format!("at most {MAX_DOCUMENT_BYTES} bytes");
        findings.error(&(0..0), Miss::new(most, format!("{} bytes", source.text.len())));
        return None;
    }
    let (tree, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        let found = error.message().trim().replace('\n', ", ");
        findings.error(&error.span().unwrap_or(0..0), Miss::new("TOML", found));
    }
    if !errors.is_empty() {
        return None;
    }
    if !tree.get_ref().contains_key(kind.table) {
        let found = ["edition", "settings"].into_iter().find(|other| tree.get_ref().contains_key(*other));
        let found =
            found.map_or_else(|| "neither [edition] nor [settings]".to_owned(), |other| format!("[{other}]"));
        findings.error(&(0..0), Miss::new(kind.noun, found));
        return None;
    }
    Some(tree)
}

#[cfg(test)]
mod tests;
