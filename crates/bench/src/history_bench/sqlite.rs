//! The same rows in SQLite: every text that repeats once, rows by number, an index by person and time and one by time and
//! host, and a table of sums. It is filled without waiting for the disk, and indexed afterwards, which suits it best.

use super::{Answers, PART, PERSON, TOP, asked_times, each_file, year::Year};
use crate::error::BenchError;
use model::AccessEvent;
use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const TABLES: &str = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-100000;
CREATE TABLE IF NOT EXISTS names(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE IF NOT EXISTS events(at INTEGER, sequence INTEGER, school INTEGER, address INTEGER, person INTEGER, known_by INTEGER,
known_since INTEGER, device INTEGER, grp INTEGER, channel INTEGER, method INTEGER, host INTEGER, port INTEGER, path TEXT,
outcome INTEGER, layer INTEGER, category INTEGER, list INTEGER, line INTEGER, policy INTEGER, status INTEGER, up INTEGER, down INTEGER,
took INTEGER);
.mode tabs
";
const INDEXES: &str = "CREATE INDEX by_person ON events(person, at);
CREATE INDEX by_time ON events(at, host);
CREATE TABLE sums AS SELECT at / 3600000 AS hour, host, count(*) AS events FROM events GROUP BY 1, 2;
CREATE INDEX sums_by_hour ON sums(hour);
";

/// Fills a database in a folder, and asks it.
pub(super) fn ask(folder: &Path, year: &Year) -> Result<Answers, BenchError> {
    let database = folder.join("events.sqlite");
    let mut names = Names::default();
    let rows = folder.join("rows.tsv");
    each_file(
        &rows,
        year,
        &mut |text, sequence, event| line(&mut names, text, sequence, event),
        &mut |file| run(&database, &format!("{TABLES}.import {} events\n", file.display())).map(|_| ()),
    )?;
    names.write(&rows)?;
    run(&database, &format!("{TABLES}.import {} names\n{INDEXES}", rows.display()))?;
    let bytes = std::fs::metadata(&database).map_err(BenchError::file(&database))?.len() as f64;
    let (until, week, month) = asked_times();
    let person = names.code(&Year::person(PERSON).to_string());
    let (until, week, month) = (until.0, week.0, month.0);
    let questions = [
        format!("SELECT * FROM events WHERE person = {person} AND at >= {week} AND at < {until};"),
        format!(
            "SELECT * FROM events JOIN names ON names.id = host
             WHERE at >= {month} AND at < {until} AND (path LIKE '%{PART}%' OR name LIKE '%{PART}%');"
        ),
        format!(
            "WITH top AS (SELECT host, sum(events) AS n FROM sums WHERE hour >= {month} / 3600000 AND hour < {until} / 3600000
             GROUP BY host ORDER BY n DESC LIMIT {TOP})
             SELECT top.n, hour, name, events FROM sums JOIN top ON top.host = sums.host JOIN names ON names.id = top.host
             WHERE hour >= {month} / 3600000 AND hour < {until} / 3600000 ORDER BY top.n DESC;"
        ),
    ];
    let mut answers = Answers { bytes, ..Answers::default() };
    for ((question, count), ms) in questions.iter().zip(&mut answers.counts).zip(&mut answers.ms) {
        // Asked twice: the second time its pages are in memory, as ours are.
        let said = run(&database, &format!(".mode tabs\n{question}\n.print again\n.timer on\n{question}\n"))?;
        let again = said.split_once("again\n").map_or("", |(_, again)| again);
        let timed = again
            .lines()
            .find_map(|line| line.strip_prefix("Run Time: real ")?.split(' ').next()?.parse::<f64>().ok());
        *ms = timed.ok_or_else(|| silent("the time of a question"))? * 1e3;
        *count = again.lines().filter(|line| !line.starts_with("Run Time")).count() as u64;
        if question.starts_with("WITH") {
            *count = again.split('\t').next().and_then(|first| first.parse().ok()).unwrap_or(0);
        }
    }
    Ok(answers)
}

/// Texts, each with a number.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn code(&mut self, name: &str) -> usize {
        if let Some(code) = self.0.get(name) {
            return *code;
        }
        let code = self.0.len() + 1;
        self.0.insert(name.to_owned(), code);
        code
    }

    fn write(&self, path: &Path) -> Result<(), BenchError> {
        let lines: Vec<String> = self.0.iter().map(|(name, code)| format!("{code}\t{name}\n")).collect();
        std::fs::write(path, lines.concat()).map_err(BenchError::file(path))
    }
}

fn line(names: &mut Names, text: &mut Vec<u8>, sequence: u64, event: &AccessEvent) {
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

fn run(database: &Path, script: &str) -> Result<String, BenchError> {
    let program = "sqlite3".to_owned();
    let started = Command::new(&program).arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|source| BenchError::Start { program, source })?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes()).map_err(BenchError::file("sqlite3's input"))?;
    }
    let output = child.wait_with_output().map_err(BenchError::file("sqlite3's output"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(silent("a script to be run to its end")),
    }
}

fn silent(expected: &'static str) -> BenchError {
    BenchError::Silent { program: "sqlite3".to_owned(), expected }
}
