//! JSON: one page or several behind each other, in OneRoster's shape or in Wonde's.

use crate::{Format, Options, Reading, RosterError, oneroster_json, wonde};
use serde_json::Value;

/// The most pages of one file.
const MOST_PAGES: usize = 5_000;

/// Which of the two shapes it has, by the names that only OneRoster uses.
pub(crate) fn form_of(bytes: &[u8]) -> Format {
    let start = bytes.get(..bytes.len().min(16 * 1024)).unwrap_or_default();
    let has = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    if has(b"\"sourcedId\"") { Format::OneRosterJson } else { Format::WondeJson }
}

/// Reads every page.
pub(crate) fn read_json(bytes: &[u8], options: &Options, reading: &mut Reading) -> Result<(), RosterError> {
    let mut pages = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for page in serde_json::Deserializer::from_slice(bytes).into_iter::<Value>() {
        let page =
            page.map_err(|error| RosterError::BrokenJson { line: error.line(), column: error.column() })?;
        // Some tools put the pages into a list.
        match page {
            Value::Array(inner) if inner.iter().all(is_page) => pages.extend(inner),
            other => pages.push(other),
        }
        if pages.len() > MOST_PAGES {
            return Err(RosterError::TooMany { what: "pages", most: MOST_PAGES });
        }
    }
    match reading.format {
        Format::OneRosterJson => oneroster_json::read_pages(pages, options, reading),
        _ => wonde::read_pages(&pages, options, reading),
    }
}

/// True for an object that holds lists: a page, and not somebody.
fn is_page(value: &Value) -> bool {
    const LISTS: [&str; 9] = [
        "data",
        "users",
        "classes",
        "enrollments",
        "orgs",
        "academicSessions",
        "students",
        "employees",
        "teachers",
    ];
    value.get("sourcedId").is_none()
        && value.get("id").is_none()
        && LISTS.iter().any(|name| value.get(name).is_some())
}

/// A value as text: a string, or a number without a fraction; empty for everything else.
pub(crate) fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => crate::table::clean(text),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
