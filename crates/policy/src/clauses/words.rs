//! A document's values by their names in the file, in the words of a page.

use serde_json::{Map, Value};

/// The value at a dotted path, in words; a path through rows takes that column of each. `None`: there is no such value.
pub(crate) fn lookup(values: &Value, path: &str) -> Option<String> {
    let mut found = vec![values];
    let mut through_rows = false;
    for key in path.split('.') {
        let mut next = Vec::new();
        for value in found {
            match value {
                Value::Array(rows) => {
                    through_rows = true;
                    next.extend(rows.iter().filter_map(|row| row.get(key)));
                }
                other => next.extend(other.get(key)),
            }
        }
        found = next;
    }
    match (found.as_slice(), through_rows) {
        ([], false) => None,
        ([only], false) => Some(words(only)),
        (column, _) => Some(distinct(column.iter().flat_map(|value| leaves(value)).map(words).collect())),
    }
}

/// A value in words.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(rows) if rows.iter().any(Value::is_object) => {
            rows.iter().map(words).collect::<Vec<_>>().join("; ")
        }
        Value::Array(values) => joined(&values.iter().map(words).collect::<Vec<_>>()),
        Value::Object(fields) => row(fields),
    }
}

/// A value, or the values of a list.
fn leaves(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        one => std::slice::from_ref(one),
    }
}

/// Texts as a list in a sentence: "a, b and c"; by semicolons where the texts have commas or "and" of their own.
pub(crate) fn joined(texts: &[String]) -> String {
    match texts {
        [] => "none".to_owned(),
        [only] => only.clone(),
        texts if texts.iter().any(|text| text.contains(", ") || text.contains(" and ")) => texts.join("; "),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

/// Each text once, in order.
fn distinct(texts: Vec<String>) -> String {
    let mut seen = std::collections::HashSet::new();
    let once: Vec<String> = texts.into_iter().filter(|text| seen.insert(text.clone())).collect();
    joined(&once)
}

/// A row as "Key Stage 1: at most 6, ...": what it is about first.
fn row(fields: &Map<String, Value>) -> String {
    let others = fields.iter().filter(|(name, _)| *name != "who");
    let others = others.map(|(name, value)| format!("{} {}", name.replace('_', " "), words(value)));
    let others = others.collect::<Vec<_>>().join(", ");
    match fields.get("who") {
        Some(who) => format!("{}: {others}", words(who)),
        None => others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_to_words_through_tables_and_rows() {
        let values = json!({
            "a": { "days": 365, "yes": true, "gone": null, "to": ["x", "y", "z"] },
            "post": [{ "role": "Governor" }, { "role": "Headteacher" }, { "role": "Governor" }],
            "rules": [{ "who": "Year 3", "at_least": 8 }, { "who": "Year 5", "at_least": 10 }],
            "none": [],
        });
        for (path, expected) in [
            ("a.days", Some("365")),
            ("a.yes", Some("yes")),
            ("a.gone", Some("not set")),
            ("a.to", Some("x, y and z")),
            ("post.role", Some("Governor and Headteacher")),
            ("rules", Some("Year 3: at least 8; Year 5: at least 10")),
            ("none", Some("none")),
            ("a.nothing", None),
            ("b.days", None),
        ] {
            assert_eq!(lookup(&values, path).as_deref(), expected, "{path}");
        }
    }
}
