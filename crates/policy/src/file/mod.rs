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
//! content appears in no setting.

mod build;
mod checks;
mod choices;
mod edition;
mod facts;
mod networks;
mod problem;
mod settings_checks;
mod values;
mod walk;

pub use choices::{
    Counting, DayChoice, DefaultChoice, FormatChoice, Generator, InspectionChoice, MediaRule, Phase,
    PostPlace, YouTubeChoice,
};
pub use facts::{
    Access, AdultPasswords, Ai, Alerts, Backups, Bounds, Change, Devices, Disposal, Edition, Facts,
    Filtering, LearnerPasswords, Lockout, Media, Monitoring, Passwords, Post, RelatedDocument, Retention,
    Review, Settings, Strategy, TemporaryPasswords, Training, YoungestPasswords,
};
pub use problem::{Problem, Severity};
pub use values::{At, CategoryName, DateText, HashText, Name, RoleName, TimeZoneText, show_date};

use crate::rules::Policy;
use edition::{EditionFile, PolicyDocument, SettingsFile};
use jiff::civil::Date;
use model::PolicyHash;
use problem::{Findings, Miss};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::OnceLock;
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
/// The error is every mistake of both, in the order of the files, at least one of them an error.
pub fn read(edition: &SourceText<'_>, settings: Option<&SourceText<'_>>) -> Result<Document, Vec<Problem>> {
    let edition_hash = hash_of(&[edition.text.as_bytes()]);
    let mut edition_read: Read<'_, EditionFile> = load(edition, Ids::default());
    if let Some(file) = &edition_read.file {
        checks::check(file, &mut edition_read.findings);
    }
    let ids = edition_read.ids;
    let mut settings_read: Option<Read<'_, SettingsFile>> = settings.map(|source| load(source, ids));
    if let Some(read) = &mut settings_read
        && let (Some(file), Some(edition)) = (&read.file, &edition_read.file)
    {
        settings_checks::check(file, edition, edition_hash.as_str(), &mut read.findings);
    }
    let settings_file = settings_read.as_ref().and_then(|read| read.file.as_ref());
    let failed = edition_read.findings.has_errors()
        || settings_read.as_ref().is_some_and(|read| read.findings.has_errors() || read.file.is_none());
    let whole = edition_read.file.filter(|_| !failed);
    let dated = whole.as_ref().map(|file| checks::dated(file, &edition_read.findings)).unwrap_or_default();
    let hash = match settings {
        Some(settings) => hash_of(&[edition.text.as_bytes(), HASH_SEPARATOR, settings.text.as_bytes()]),
        None => edition_hash.clone(),
    };
    let built = whole.and_then(|file| build::build(&file, settings_file, hash, edition_hash));
    let mut problems = edition_read.findings.into_problems();
    problems.extend(settings_read.into_iter().flat_map(|read| read.findings.into_problems()));
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

/// A file as far as it could be read.
struct Read<'a, T> {
    file: Option<T>,
    ids: Ids,
    findings: Findings<'a>,
}

/// What is told apart before anything else: which kind of document a file is.
trait Kind: DeserializeOwned {
    /// The schema's name of it.
    const DEFINITION: &'static str;
    /// The table that only it has.
    const TABLE: &'static str;
    /// What it is called.
    const NOUN: &'static str;

    fn declare(ids: &mut Ids, tree: &DeTable<'_>, findings: &mut Findings<'_>);
}

impl Kind for EditionFile {
    const DEFINITION: &'static str = "EditionFile";
    const TABLE: &'static str = "edition";
    const NOUN: &'static str = "an edition, with a table [edition]";

    fn declare(ids: &mut Ids, tree: &DeTable<'_>, findings: &mut Findings<'_>) {
        ids.declare(tree, findings);
    }
}

impl Kind for SettingsFile {
    const DEFINITION: &'static str = "SettingsFile";
    const TABLE: &'static str = "settings";
    const NOUN: &'static str = "a settings revision, with a table [settings]";

    fn declare(ids: &mut Ids, tree: &DeTable<'_>, findings: &mut Findings<'_>) {
        ids.declare_settings(tree, findings);
    }
}

fn load<'a, T: Kind>(source: &SourceText<'a>, mut ids: Ids) -> Read<'a, T> {
    let mut findings = Findings::new(source.name, source.text);
    if source.text.len() > MAX_DOCUMENT_BYTES {
        let most = format!("at most {MAX_DOCUMENT_BYTES} bytes");
        findings.error(&(0..0), Miss::new(most, format!("{} bytes", source.text.len())));
        return Read { file: None, ids, findings };
    }
    let (tree, errors) = DeTable::parse_recoverable(source.text);
    for error in &errors {
        findings.error(
            &error.span().unwrap_or(0..0),
            Miss::new("TOML", error.message().trim().replace('\n', ", ")),
        );
    }
    if !errors.is_empty() {
        return Read { file: None, ids, findings };
    }
    let span = tree.span();
    let mut table = tree.into_inner();
    if !table.contains_key(T::TABLE) {
        let found = ["edition", "settings"].into_iter().find(|kind| table.contains_key(*kind));
        let found =
            found.map_or_else(|| "neither [edition] nor [settings]".to_owned(), |kind| format!("[{kind}]"));
        findings.error(&(0..0), Miss::new(T::NOUN, found));
        return Read { file: None, ids, findings };
    }
    T::declare(&mut ids, &table, &mut findings);
    let empty = serde_json::Map::new();
    let definitions = schema_value().get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let schema = definitions.get(T::DEFINITION).cloned().unwrap_or_default();
    let sound = Walk { definitions, ids: &ids, findings: &mut findings }.table(&schema, &mut table, &(0..0));
    let file = if sound { deserialise(toml::Spanned::new(span, table), &mut findings) } else { None };
    Read { file, ids, findings }
}

fn deserialise<T: DeserializeOwned>(
    tree: toml::Spanned<DeTable<'_>>,
    findings: &mut Findings<'_>,
) -> Option<T> {
    match T::deserialize(toml::de::Deserializer::from(tree)) {
        Ok(file) => Some(file),
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            findings.error(
                &span,
                Miss::new("a document that can be read", error.message().trim().replace('\n', ", ")),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
