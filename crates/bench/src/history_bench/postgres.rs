//! The same rows in PostgreSQL, as Debian has it, over its own protocol by `psql`: a cluster of the bench's own, filled
//! without waiting for the disk, and indexed and vacuumed afterwards, which suits it best.

use super::numbered::{COLUMNS, INDEXES, Names, line, questions};
use super::{Answers, PERSON, each_file, year::Year};
use crate::error::BenchError;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use testkit::postgres::Cluster;

const SETTINGS: &str = "SET work_mem = '256MB'; SET maintenance_work_mem = '512MB';\n";

/// Fills a database in a folder of its own, and asks it. Files for it are written to `folder`.
pub(super) fn ask(folder: &Path, year: &Year) -> Result<Answers, BenchError> {
    let started = Cluster::start();
    let cluster = started.map_err(|found| BenchError::Answer { expected: "a running PostgreSQL", found })?;
    let url = cluster.url();
    let tables =
        format!("CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE events({COLUMNS});");
    run(&url, &tables)?;
    let (mut names, rows) = (Names::default(), folder.join("rows.tsv"));
    let append_rate = each_file(
        &rows,
        year,
        &mut |text, sequence, event| line(&mut names, text, sequence, event),
        &mut |file| run(&url, &format!("\\copy events from '{}'\n", file.display())).map(|_| ()),
    )?;
    names.write(&rows)?;
    run(&url, &format!("{SETTINGS}\\copy names from '{}'\n{INDEXES}VACUUM ANALYZE;\n", rows.display()))?;
    std::fs::remove_file(&rows).map_err(BenchError::file(&rows))?;
    let size = run(&url, "SELECT pg_database_size('postgres');\n")?;
    let bytes = size.trim().parse().map_err(|_| silent("the size of its tables"))?;
    let mut answers = Answers { bytes, append_rate, ..Answers::default() };
    let questions = questions(names.code(&Year::person(PERSON).to_string()), "ILIKE");
    for (place, (question, count)) in questions.iter().zip(&mut answers.counts).enumerate() {
        // Asked twice: the second time its pages are in memory, as ours are.
        let script = format!("{SETTINGS}{question}\n\\echo again\n\\timing on\n{question}\n");
        let said = run(&url, &script)?;
        let again = said.split_once("again\n").map_or("", |(_, again)| again);
        let (time, rows): (Vec<&str>, Vec<&str>) = again
            .lines()
            .filter(|line| !line.starts_with("Timing"))
            .partition(|line| line.starts_with("Time: "));
        let ms = time.first().and_then(|line| line.strip_prefix("Time: ")?.split(' ').next()?.parse().ok());
        if let Some(space) = answers.ms.get_mut(place) {
            *space = ms.ok_or_else(|| silent("the time of a question"))?;
        }
        *count = match question.starts_with("WITH") {
            true => rows.first().and_then(|row| row.split('\t').next()?.parse().ok()).unwrap_or(0),
            false => rows.len() as u64,
        };
    }
    Ok(answers)
}

fn run(url: &str, script: &str) -> Result<String, BenchError> {
    let program = "psql".to_owned();
    let mut command = Command::new(&program);
    command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-f", "-", url]);
    let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|source| BenchError::Start { program, source })?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(script.as_bytes()).map_err(BenchError::file("psql's input"))?;
    }
    let output = child.wait_with_output().map_err(BenchError::file("psql's output"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(silent("a script to be run to its end")),
    }
}

fn silent(expected: &'static str) -> BenchError {
    BenchError::Silent { program: "psql".to_owned(), expected }
}
