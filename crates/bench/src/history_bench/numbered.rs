//! The rows as a relational peer keeps them: every text that repeats once, rows by number, an index by person and time and
//! one by time and host, and a table of sums. SQLite and PostgreSQL get the same.

use super::{PART, TOP, asked_times};
use crate::error::BenchError;
use model::AccessEvent;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;

/// The columns of the rows, in order.
pub(super) const COLUMNS: &str = "at BIGINT, sequence INTEGER, school INTEGER, address INTEGER, person INTEGER, \
    known_by INTEGER, known_since BIGINT, device INTEGER, grp INTEGER, channel INTEGER, method INTEGER, host INTEGER, \
    port INTEGER, path TEXT, outcome INTEGER, layer INTEGER, category INTEGER, list INTEGER, line INTEGER, \
    policy INTEGER, status INTEGER, up BIGINT, down BIGINT, took INTEGER";
/// What our columns answer from: one person's rows lie together, so do those of a time, and sums are kept.
pub(super) const INDEXES: &str = "CREATE INDEX by_person ON events(person, at);
CREATE INDEX by_time ON events(at, host);
CREATE TABLE sums AS SELECT at / 3600000 AS hour, host, count(*) AS events FROM events GROUP BY 1, 2;
CREATE INDEX sums_by_hour ON sums(hour);
";

/// The three questions, about a person of this number; `like` is the comparison that takes no account of case.
pub(super) fn questions(person: usize, like: &str) -> [String; 3] {
    let (until, week, month) = asked_times();
    let (until, week, month) = (until.0, week.0, month.0);
    [
        format!("SELECT * FROM events WHERE person = {person} AND at >= {week} AND at < {until};"),
        format!(
            "SELECT * FROM events JOIN names ON names.id = host
             WHERE at >= {month} AND at < {until} AND (path {like} '%{PART}%' OR name {like} '%{PART}%');"
        ),
        format!(
            "WITH top AS (SELECT host, sum(events) AS n FROM sums WHERE hour >= {month} / 3600000 AND hour < {until} / 3600000
             GROUP BY host ORDER BY n DESC LIMIT {TOP})
             SELECT top.n, hour, name, events FROM sums JOIN top ON top.host = sums.host JOIN names ON names.id = top.host
             WHERE hour >= {month} / 3600000 AND hour < {until} / 3600000 ORDER BY top.n DESC;"
        ),
    ]
}

/// Texts, each with a number.
#[derive(Default)]
pub(super) struct Names(HashMap<String, usize>);

impl Names {
    /// The number of a text.
    pub fn code(&mut self, name: &str) -> usize {
        if let Some(code) = self.0.get(name) {
            return *code;
        }
        let code = self.0.len() + 1;
        self.0.insert(name.to_owned(), code);
        code
    }

    /// Writes them to a file, number and text in a line.
    pub fn write(&self, path: &Path) -> Result<(), BenchError> {
        let lines: Vec<String> = self.0.iter().map(|(name, code)| format!("{code}\t{name}\n")).collect();
        std::fs::write(path, lines.concat()).map_err(BenchError::file(path))
    }
}

/// An event as a line, in the order of the columns of [`COLUMNS`].
pub(super) fn line(names: &mut Names, text: &mut Vec<u8>, sequence: u64, event: &AccessEvent) {
    let codes = [
        event.school.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.address.to_string(),
        event.person.map(|id| id.to_string()).unwrap_or_default(),
        event.known_by.map(model::KnownBy::slug).unwrap_or_default().to_owned(),
        event.device.map(|id| id.to_string()).unwrap_or_default(),
        event.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.channel.slug().to_owned(),
        event.method.to_string(),
        event.host.to_string(),
        event.outcome.slug().to_owned(),
        event.layer.slug().to_owned(),
        event.category.map(model::Category::slug).unwrap_or_default().to_owned(),
        event.list.as_ref().map(|list| list.list.to_string()).unwrap_or_default(),
        event.policy.to_string(),
    ];
    let [
        school,
        address,
        person,
        known_by,
        device,
        group,
        channel,
        method,
        host,
        outcome,
        layer,
        category,
        list,
        policy,
    ] = codes.map(|name| names.code(&name));
    let line = event.list.as_ref().map_or(0, |list| list.line);
    let since = event.known_since.map_or(0, |since| since.0);
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "{}\t{sequence}\t{school}\t{address}\t{person}\t{known_by}\t{since}\t{device}\t{group}\t{channel}\t{method}\t{host}\t{}\t{}\t{outcome}\t{layer}\t{category}\t{list}\t{line}\t{policy}\t{}\t{}\t{}\t{}",
        event.at.0,
        event.port,
        event.path,
        event.status.unwrap_or(0),
        event.bytes_up,
        event.bytes_down,
        event.took_ms,
    );
}
