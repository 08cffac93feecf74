//! The walk of a parsed document along its schema: finds every mistake of structure, of a name and of a text at once.
//!
//! What is mistaken is taken out of the tree, so that the rest can still be read and checked further. Left out: what
//! takes more than one value to see; that is `checks`.
//!
//! Invariants: the walk goes no deeper than the schema; a tree that it found sound deserialises.

use super::problem::{Findings, Miss, nearest, quoted};
use super::values::{TEXT_KEYWORD, check_text};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The schema's own keyword: what the keys of a table are, where there is a reason why others are refused.
const KEYS_KEYWORD: &str = "x-schoolgate-keys";
/// The most names that a message lists.
const MOST_NAMES_LISTED: usize = 16;

/// A schema that allows anything, where one is silent.
const ANYTHING: &Value = &Value::Null;

/// The ids that a document and its edition declare.
#[derive(Default, Debug)]
pub(crate) struct Ids {
    schools: HashSet<String>,
    networks: HashSet<String>,
    groups: HashSet<String>,
    lists: HashSet<String>,
}

impl Ids {
    /// Takes the ids that a tree declares, and reports those that are declared twice.
    pub(crate) fn declare(&mut self, tree: &DeTable<'_>, findings: &mut Findings<'_>) {
        declare(tree, "school", &mut self.schools, findings);
        declare(tree, "network", &mut self.networks, findings);
        declare(tree, "group", &mut self.groups, findings);
        declare(tree, "list", &mut self.lists, findings);
    }

    /// Takes the ids that a settings revision declares: its lists; its groups are those of the edition.
    pub(crate) fn declare_settings(&mut self, tree: &DeTable<'_>, findings: &mut Findings<'_>) {
        declare(tree, "list", &mut self.lists, findings);
    }

    fn of(&self, kind: &str) -> Option<&HashSet<String>> {
        match kind {
            "school" => Some(&self.schools),
            "group" => Some(&self.groups),
            _ => None,
        }
    }
}

fn declare(tree: &DeTable<'_>, noun: &str, ids: &mut HashSet<String>, findings: &mut Findings<'_>) {
    let rows = tree.get(noun).and_then(|rows| rows.get_ref().as_array());
    for id in rows.into_iter().flatten().filter_map(|row| row.get_ref().get("id")) {
        let Some(text) = id.get_ref().as_str() else { continue };
        if !ids.insert(text.to_owned()) {
            findings.error(&id.span(), Miss::new(format!("an id that no other {noun} has"), quoted(text)));
        }
    }
}

/// A walk over one file.
pub(crate) struct Walk<'a, 'f> {
    /// The definitions of the whole schema.
    pub(crate) definitions: &'a Map<String, Value>,
    /// The ids that references may name.
    pub(crate) ids: &'a Ids,
    pub(crate) findings: &'a mut Findings<'f>,
}

impl<'a> Walk<'a, '_> {
    /// Walks a table along a schema; false when it lacks something that it cannot do without.
    pub(crate) fn table(&mut self, schema: &'a Value, table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
        let schema = self.resolve(schema);
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut sound = true;
        for name in required.iter().filter(|name| !table.contains_key(**name)) {
            let what = properties
                .and_then(|all| all.get(*name))
                .map(|property| self.purpose(property))
                .unwrap_or_default();
            self.findings.error(span, Miss::new(format!("`{name}` here{what}"), "nothing of that name"));
            sound = false;
        }
        let mut mistaken = Vec::new();
        for (key, value) in table.iter_mut() {
            let name = key.get_ref().as_ref();
            match properties.and_then(|all| all.get(name)).or(others) {
                Some(property) if self.value(property, value) => continue,
                Some(_) => sound &= !required.contains(&name),
                None => self.findings.error(&key.span(), unknown_key(schema, properties, name)),
            }
            mistaken.push(name.to_owned());
        }
        for name in mistaken {
            table.remove(name.as_str());
        }
        sound
    }

    fn value(&mut self, schema: &'a Value, node: &mut Spanned<DeValue<'_>>) -> bool {
        let schema = self.resolve(schema);
        let span = node.span();
        normalise(schema, node.get_mut());
        let missed = match (kind_of(schema), node.get_mut()) {
            ("object", DeValue::Table(table)) => return self.table(schema, table, &span),
            ("array", DeValue::Array(rows)) => {
                let items = schema.get("items").unwrap_or(ANYTHING);
                let all = std::mem::replace(rows, std::iter::empty().collect());
                *rows = all
                    .into_iter()
                    .filter_map(|mut row| self.value(items, &mut row).then_some(row))
                    .collect();
                let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
                check_bounds(schema, ["minItems", "maxItems"], count, "entries")
            }
            ("string", DeValue::String(text)) => self.text(schema, text),
            ("integer", DeValue::Integer(number)) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => check_bounds(schema, ["minimum", "maximum"], number, ""),
                    Err(_) => Err(Miss::new("a whole number", number.as_str())),
                }
            }
            ("boolean", DeValue::Boolean(_)) => Ok(()),
            (_, other) => Err(Miss::new(expected(schema), found(other))),
        };
        let sound = missed.is_ok();
        if let Err(miss) = missed {
            self.findings.error(&span, miss);
        }
        sound
    }

    fn text(&self, schema: &Value, text: &str) -> Result<(), Miss> {
        if let Some(names) = schema.get("enum").and_then(Value::as_array) {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            if names.contains(&text) {
                return Ok(());
            }
            if text == model::Category::ILLEGAL.slug()
                && schema.get("description").is_some_and(|noun| noun == "a category")
            {
                let expected = "a category that can be configured; illegal content is always blocked, for everybody, by no setting";
                return Err(Miss::new(expected, quoted(text)));
            }
            return Err(Miss::new(expected(schema), quoted(text)).nearest(nearest(text, names)));
        }
        if text.len() > 2_000 {
            return Err(Miss::new("a text of at most 2000 bytes", format!("{} bytes", text.len())));
        }
        let Some(kind) = schema.get(TEXT_KEYWORD).and_then(Value::as_str) else {
            return match text.trim().is_empty() {
                true => Err(Miss::new("a text", "an empty one")),
                false => Ok(()),
            };
        };
        check_text(kind, text)?;
        match self.ids.of(kind) {
            Some(ids) if !ids.contains(text) => {
                let candidates = ids.iter().filter(|_| self.findings.has_room());
                let near = nearest(text, candidates.map(String::as_str));
                Err(Miss::new(format!("the id of a {kind} of the edition"), quoted(text)).nearest(near))
            }
            _ => Ok(()),
        }
    }

    /// The schema behind references and "or nothing"; a few steps at most.
    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let mut at = schema;
        for _ in 0..8 {
            let reference = at.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            let next = match reference {
                Some(name) => self.definitions.get(name),
                None => at.get("anyOf").and_then(Value::as_array).and_then(|any| any.first()),
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    fn purpose(&self, property: &'a Value) -> String {
        let described = property.get("description").and_then(Value::as_str);
        let resolved = self.resolve(property);
        let described = described.or(resolved.get("description").and_then(Value::as_str)).unwrap_or_default();
        let sentence = described.split(". ").next().unwrap_or_default().trim_end_matches('.');
        if sentence.is_empty() { String::new() } else { format!(" ({})", lower_first(sentence)) }
    }
}

/// A date or a number where a text of that look is meant becomes that text.
fn normalise(schema: &Value, value: &mut DeValue<'_>) {
    if kind_of(schema) != "string" {
        return;
    }
    let text = match value {
        DeValue::Datetime(date) if schema.get(TEXT_KEYWORD).is_some_and(|kind| kind == "date") => {
            date.to_string()
        }
        DeValue::Integer(number) if schema.get("enum").is_some() => number.as_str().to_owned(),
        _ => return,
    };
    *value = DeValue::String(Cow::Owned(text));
}

fn kind_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn unknown_key(schema: &Value, properties: Option<&Map<String, Value>>, key: &str) -> Miss {
    let names: Vec<&str> = properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let expected = match schema.get(KEYS_KEYWORD).and_then(Value::as_str) {
        Some(keys) => format!("{keys}: {listed}"),
        None => format!("one of {listed}"),
    };
    Miss::new(expected, format!("the unknown key `{}`", quoted(key).trim_matches('"')))
        .nearest(nearest(key, names))
}

fn check_bounds(schema: &Value, keys: [&str; 2], number: i64, unit: &str) -> Result<(), Miss> {
    let [least, most] = keys.map(|key| schema.get(key).and_then(Value::as_i64));
    if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
        return Ok(());
    }
    let range = match (least, most) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, most) => format!("at most {}", most.unwrap_or(i64::MAX)),
    };
    Err(Miss::new(format!("{range} {unit}").trim_end(), number.to_string()))
}

fn expected(schema: &Value) -> String {
    let noun = schema.get("description").and_then(Value::as_str);
    if let Some(names) = schema.get("enum").and_then(Value::as_array) {
        let listed: Vec<&str> = names.iter().filter_map(Value::as_str).take(MOST_NAMES_LISTED).collect();
        return match (noun, names.len() > MOST_NAMES_LISTED) {
            (noun, true) => {
                let some = listed.get(1..4).unwrap_or_default().join(", ");
                format!("{} (one of {} names, such as {some})", noun.unwrap_or("a name"), names.len())
            }
            (Some(noun), false) => format!("{noun}: one of {}", listed.join(", ")),
            (None, false) => format!("one of {}", listed.join(", ")),
        };
    }
    match kind_of(schema) {
        "object" => "a table",
        "array" => "a list in square brackets",
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "boolean" => "true or false",
        _ => "another value",
    }
    .to_owned()
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {}", quoted(text)),
        DeValue::Integer(number) => format!("the number {}", quoted(number.as_str()).trim_matches('"')),
        DeValue::Float(number) => format!("the number {}", quoted(number.as_str()).trim_matches('"')),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(date) => format!("the date or time {date} without quotes"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|first| first.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str()
}
