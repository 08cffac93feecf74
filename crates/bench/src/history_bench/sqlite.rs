//! The same rows in SQLite. It is filled without waiting for the disk, and indexed afterwards, which suits it best.

use super::numbered::{COLUMNS, INDEXES, Names, line, questions};
use super::{Answers, PERSON, each_file, year::Year};
use crate::error::BenchError;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const SETTINGS: &str = "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-100000;
.mode tabs
";

/// Fills a database in a folder, and asks it.
pub(super) fn ask(folder: &Path, year: &Year) -> Result<Answers, BenchError> {
    let database = folder.join("events.sqlite");
    let mut names = Names::default();
    let rows = folder.join("rows.tsv");
    let tables =
        format!("CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE events({COLUMNS});\n");
    run(&database, &tables)?;
    let append_rate = each_file(
        &rows,
        year,
        &mut |text, sequence, event| line(&mut names, text, sequence, event),
        &mut |file| run(&database, &format!("{SETTINGS}.import {} events\n", file.display())).map(|_| ()),
    )?;
    names.write(&rows)?;
    run(&database, &format!("{SETTINGS}.import {} names\n{INDEXES}", rows.display()))?;
    let bytes = std::fs::metadata(&database).map_err(BenchError::file(&database))?.len() as f64;
    let questions = questions(names.code(&Year::person(PERSON).to_string()), "LIKE");
    let mut answers = Answers { bytes, append_rate, ..Answers::default() };
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
