//! The same rows in ClickHouse: its engine in a process of `python3`, a MergeTree sorted as our slices are, with codecs that
//! suit each column, an index of four letters over host and path, and a table of sums.

use super::{Answers, PART, PERSON, TOP, asked_times, each_file, year::Year};
use crate::error::BenchError;
use model::AccessEvent;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Runs one statement a line, and says how long each took and what it gave, in one line.
const DRIVER: &str = "
import sys, time
from chdb import session
s = session.Session(sys.argv[1])
for line in sys.stdin:
    t = time.perf_counter()
    out = str(s.query(line, 'TSV'))
    ms = (time.perf_counter() - t) * 1e3
    rows = out.rstrip('\\n').split('\\n') if out else []
    print(ms, len(rows), rows[0] if rows else '', sep='\\t', flush=True)
";
const COLUMNS: &str = "at Int64, sequence UInt64, school String, address String, person UUID, known_by String, known_since Int64, device UUID, grp String, channel String, method String, host String, port UInt16, path String, outcome String, layer String, category String, list String, line UInt32, policy String, lists String, status UInt16, up UInt64, down UInt64, took UInt32";
const TABLE: &str = "CREATE TABLE events (at Int64 CODEC(Delta, ZSTD(3)), sequence UInt64 CODEC(Delta, ZSTD(3)), school LowCardinality(String) CODEC(ZSTD(3)), address LowCardinality(String) CODEC(ZSTD(3)), person UUID CODEC(ZSTD(3)), known_by LowCardinality(String) CODEC(ZSTD(3)), known_since Int64 CODEC(ZSTD(3)), device UUID CODEC(ZSTD(3)), grp LowCardinality(String) CODEC(ZSTD(3)), channel LowCardinality(String) CODEC(ZSTD(3)), method LowCardinality(String) CODEC(ZSTD(3)), host LowCardinality(String) CODEC(ZSTD(3)), port UInt16 CODEC(ZSTD(3)), path String CODEC(ZSTD(3)), outcome LowCardinality(String) CODEC(ZSTD(3)), layer LowCardinality(String) CODEC(ZSTD(3)), category LowCardinality(String) CODEC(ZSTD(3)), list LowCardinality(String) CODEC(ZSTD(3)), line UInt32 CODEC(ZSTD(3)), policy LowCardinality(String) CODEC(ZSTD(3)), lists LowCardinality(String) CODEC(ZSTD(3)), status UInt16 CODEC(ZSTD(3)), up UInt64 CODEC(T64, ZSTD(3)), down UInt64 CODEC(T64, ZSTD(3)), took UInt32 CODEC(T64, ZSTD(3)), INDEX letters lower(concat(host, path)) TYPE ngrambf_v1(4, 65536, 2, 0) GRANULARITY 4) ENGINE = MergeTree PARTITION BY toYYYYMM(fromUnixTimestamp64Milli(at)) ORDER BY (school, person, at)";
const SUMS: &str = "CREATE TABLE sums (hour Int64, host LowCardinality(String), events UInt64) ENGINE = SummingMergeTree ORDER BY (hour, host)";

/// Whether this machine has the engine.
pub(super) fn is_here() -> bool {
    let run = Command::new("python3").args(["-c", "import chdb"]).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// Fills tables in a folder, and asks them.
pub(super) fn ask(folder: &Path, year: &Year) -> Result<Answers, BenchError> {
    let mut engine = Engine::start(&folder.join("clickhouse"))?;
    for statement in ["CREATE DATABASE bench", "USE bench", TABLE, SUMS] {
        engine.ask(statement)?;
    }
    let append_rate = each_file(&folder.join("rows.tsv"), year, &mut line, &mut |file| {
        let rows = format!("file('{}', 'TSV', '{COLUMNS}')", file.display());
        engine.ask(&format!("INSERT INTO events SELECT * FROM {rows}"))?;
        let sums = format!("SELECT intDiv(at, 3600000), host, count() FROM {rows} GROUP BY 1, 2");
        engine.ask(&format!("INSERT INTO sums {sums}")).map(|_| ())
    })?;
    for statement in ["OPTIMIZE TABLE events FINAL", "OPTIMIZE TABLE sums FINAL"] {
        engine.ask(statement)?;
    }
    let size =
        engine.ask("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'bench'")?;
    let bytes = size.first.parse().map_err(|_| silent("the size of its tables"))?;
    let (until, week, month) = asked_times();
    let (until, week, month) = (until.0, week.0, month.0);
    let person = Year::person(PERSON);
    let within = format!("hour >= intDiv({month}, 3600000) AND hour < intDiv({until}, 3600000)");
    let questions = [
        format!("SELECT * FROM events WHERE person = '{person}' AND at >= {week} AND at < {until}"),
        format!(
            "SELECT * FROM events WHERE at >= {month} AND at < {until} AND lower(concat(host, path)) LIKE '%{PART}%'"
        ),
        format!(
            "SELECT n, host, hour, sum(events) FROM sums JOIN (SELECT host, sum(events) AS n FROM sums WHERE {within} GROUP BY host ORDER BY n DESC LIMIT {TOP}) AS top USING host WHERE {within} GROUP BY n, host, hour ORDER BY n DESC"
        ),
    ];
    let mut answers = Answers { bytes, append_rate, ..Answers::default() };
    for ((question, count), ms) in questions.iter().zip(&mut answers.counts).zip(&mut answers.ms) {
        let mut times = Vec::new();
        for _ in 0..3 {
            let said = engine.ask(question)?;
            times.push(said.ms);
            *count = match question.starts_with("SELECT n,") {
                true => said.first.parse().unwrap_or(0),
                false => said.rows,
            };
        }
        times.sort_by(f64::total_cmp);
        *ms = times.get(1).copied().unwrap_or(f64::NAN);
    }
    Ok(answers)
}

/// The engine, in a process.
struct Engine {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// What a statement gave.
struct Said {
    ms: f64,
    rows: u64,
    /// The first field of the first row.
    first: String,
}

impl Engine {
    fn start(folder: &Path) -> Result<Self, BenchError> {
        let mut command = Command::new("python3");
        command.args(["-c", DRIVER]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|source| BenchError::Start { program: "python3".to_owned(), source })?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(input), Some(output)) => Ok(Self { child, input, lines: BufReader::new(output).lines() }),
            _ => Err(silent("its input and output")),
        }
    }

    fn ask(&mut self, statement: &str) -> Result<Said, BenchError> {
        writeln!(self.input, "{statement}")
            .and_then(|()| self.input.flush())
            .map_err(|_| silent("an open input"))?;
        let line = self.lines.next().and_then(Result::ok).ok_or_else(|| silent("an answer"))?;
        let mut fields = line.split('\t');
        let ms = fields.next().and_then(|ms| ms.parse().ok()).ok_or_else(|| silent("a time"))?;
        let rows = fields.next().and_then(|rows| rows.parse().ok()).unwrap_or(0);
        Ok(Said { ms, rows, first: fields.next().unwrap_or_default().to_owned() })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(text: &mut Vec<u8>, sequence: u64, event: &AccessEvent) {
    let list = event.list.as_ref();
    let nobody = || uuid::Uuid::nil().to_string();
    // Writing to memory does not fail.
    let _ = writeln!(
        text,
        "{}\t{sequence}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
        event.at.0,
        event.school.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.address,
        event.person.map_or_else(nobody, |id| id.to_string()),
        event.known_by.map(model::KnownBy::slug).unwrap_or_default(),
        event.known_since.map_or(0, |since| since.0),
        event.device.map_or_else(nobody, |id| id.to_string()),
        event.group.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.channel.slug(),
        event.method,
        event.host,
        event.port,
        event.path,
        event.outcome.slug(),
        event.layer.slug(),
        event.category.map(model::Category::slug).unwrap_or_default(),
        list.map(|list| list.list.to_string()).unwrap_or_default(),
        list.map_or(0, |list| list.line),
        event.policy,
        event.lists,
        event.status.unwrap_or(0),
        event.bytes_up,
        event.bytes_down,
        event.took_ms,
    );
}

fn silent(expected: &'static str) -> BenchError {
    BenchError::Silent { program: "python3 with chdb".to_owned(), expected }
}
