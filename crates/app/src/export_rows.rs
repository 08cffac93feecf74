//! One request of the history in a pack: as it is kept, and as a row of a page.

use history::Stored;
use serde::Serialize;

/// A request as it is kept: every field, ids for people and devices, times in UTC. Where a name is hidden a pseudonym stands
/// in the place of the person's id.
#[derive(Serialize)]
pub(crate) struct Original {
    event: String,
    at: String,
    school: Option<String>,
    address: String,
    person: Option<String>,
    known_by: Option<&'static str>,
    known_since: Option<String>,
    known_until: Option<String>,
    device: Option<String>,
    group: Option<String>,
    channel: &'static str,
    method: String,
    host: String,
    port: u16,
    path: String,
    outcome: &'static str,
    layer: &'static str,
    category: Option<&'static str>,
    list: Option<String>,
    list_line: Option<u64>,
    entry: Option<String>,
    policy: String,
    lists: String,
    status: Option<u16>,
    bytes_up: u64,
    bytes_down: u64,
    took_ms: u32,
}

impl Original {
    pub(crate) fn of(stored: &Stored, pseudonym: Option<String>) -> Self {
        let event = &stored.event;
        Self {
            event: crate::history_query::cursor(stored.id),
            at: event.at.to_string(),
            school: event.school.as_ref().map(ToString::to_string),
            address: event.address.to_string(),
            person: pseudonym.or_else(|| event.person.map(|person| person.to_string())),
            known_by: event.known_by.map(model::KnownBy::slug),
            known_since: event.known_since.map(|at| at.to_string()),
            known_until: event.known_until.map(|at| at.to_string()),
            device: event.device.map(|device| device.to_string()),
            group: event.group.as_ref().map(ToString::to_string),
            channel: event.channel.slug(),
            method: event.method.to_string(),
            host: event.host.to_string(),
            port: event.port,
            path: event.path.clone(),
            outcome: event.outcome.slug(),
            layer: event.layer.slug(),
            category: event.category.map(model::Category::slug),
            list: event.list.as_ref().map(|line| line.list.to_string()),
            list_line: event.list.as_ref().map(|line| u64::from(line.line)),
            entry: event.entry.as_ref().map(ToString::to_string),
            policy: event.policy.to_string(),
            lists: event.lists.to_string(),
            status: event.status,
            bytes_up: event.bytes_up,
            bytes_down: event.bytes_down,
            took_ms: event.took_ms,
        }
    }
}

/// What stands before the rows of a page.
pub(crate) fn page_start(number: usize, columns: &[&str]) -> String {
    let heads: String =
        columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", escaped(column))).collect();
    format!(
        "<!doctype html>\n<html lang=\"en-GB\"><head><meta charset=\"utf-8\"><title>Requests, page {number}</title>\n\
         <style>body{{font-family:sans-serif}}table{{border-collapse:collapse}}td,th{{border:1px solid;padding:2px 6px;\
         text-align:left;vertical-align:top;overflow-wrap:anywhere}}</style></head>\n<body><main><h1>Requests, page \
         {number}</h1>\n<table><thead><tr>{heads}</tr></thead><tbody>\n"
    )
}

/// A row of a page.
pub(crate) fn row_as_html(cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

/// What stands after them.
pub(crate) fn page_end() -> &'static str {
    "</tbody></table></main></body></html>\n"
}

/// The text as a page shows it; characters that are none of a line are replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter if letter.is_control() => out.push('\u{FFFD}'),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_typed_into_an_address_is_no_markup() {
        let row = row_as_html(&["<script>\"'&\u{7}".to_owned()]);
        assert_eq!(row, "<tr><td>&lt;script&gt;&quot;&#39;&amp;\u{FFFD}</td></tr>\n");
    }
}
