//! `bench history`: the event store beside SQLite, PostgreSQL and ClickHouse, with the same rows of a made-up school year.
//!
//! Each keeps the rows with what it needs to answer the same three questions: one person's last seven days, a part of a URL
//! over a month, the top hosts of a month by the hour. Each must give the same answers, or it gets no figure. SQLite and PostgreSQL are
//! Debian's; ClickHouse is its engine in a process (the Python module `chdb`), and is left out with a remark where
//! the machine has none.
//!
//! One store is filled at a time, and its files are gone before the next. Peers take up rows in files of some 400 MB, each in
//! the way that suits it best: none of them has a batch on the disk when it says so, and none keeps its indexes meanwhile
//! (ClickHouse keeps its sums). Left out: the time from a request to the alert on the lead's screen; that is `bench alerts`.

mod clickhouse;
mod keep;
mod numbered;
mod postgres;
mod sqlite;
mod watch;
mod year;

pub(crate) use keep::{ask_again, keep};

use crate::child::Program;
use crate::error::BenchError;
use crate::machine::{Disturbance, Reading, all_cores};
use crate::row::{self, Row, Target};
use crate::say;
use model::{AccessEvent, Timestamp};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use year::Year;

const SEED: u64 = 7;
const EVENTS: u64 = 10_000_000;
const QUICK_EVENTS: u64 = 1_000_000;
/// The year's day (from 1 September) up to which the questions look back: an ordinary week of the summer term.
const ASKED_DAY: i32 = 20_332 + 264;
const DAY_MS: i64 = 86_400_000;
/// Whom the questions are about.
const PERSON: u32 = 77;
/// A part of a URL that some pages have.
const PART: &str = "volcano-goblin";
const TOP: usize = 20;
/// Rows for a peer go through a file of this size.
const FILE_BYTES: usize = 400 << 20;
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);

const SQLITE: &str = "SQLite";
const POSTGRESQL: &str = "PostgreSQL";
const CLICKHOUSE: &str = "ClickHouse";
/// Fills a peer's store in a folder and asks it.
type AskPeer = fn(&Path, &Year) -> Result<Answers, BenchError>;
const PEERS: [(&str, AskPeer); 3] =
    [(SQLITE, sqlite::ask), (POSTGRESQL, postgres::ask), (CLICKHOUSE, clickhouse::ask)];

/// What ClickHouse takes for an event at the most, while its parts are merged, beside ours.
const CLICKHOUSE_BYTES_PER_EVENT: u64 = 200;
/// What the largest of the peers takes for an event at the most, with its indexes while they are made.
const PEER_BYTES_PER_EVENT: u64 = 700;
const SPARE_BYTES: u64 = 2 << 30;

/// What a store said, and how long it took.
#[derive(Clone, PartialEq, Debug, Default)]
struct Answers {
    /// How many events of the person, of the part of a URL, and of the host that is asked for most often.
    counts: [u64; 3],
    ms: [f64; 3],
    bytes: f64,
    /// Of a peer: events a second while rows were taken up; writing them down for it is not in it.
    append_rate: f64,
}

/// Runs the bench with its options.
pub(crate) fn bench(options: &[&str]) -> Result<(), BenchError> {
    let (mut events, mut as_json, mut beside) = (EVENTS, false, None);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let wrong = |found: &str| BenchError::Arguments { found: found.to_owned() };
        match *option {
            "--quick" => events = QUICK_EVENTS,
            "--json" => as_json = true,
            "--events" => {
                let number = options.next().ok_or_else(|| wrong("--events"))?;
                events = number.parse().map_err(|_| wrong(number))?;
            }
            "--beside" => {
                let name = options.next().ok_or_else(|| wrong("--beside"))?;
                let (name, _) = PEERS.iter().find(|(peer, _)| peer == name).ok_or_else(|| wrong(name))?;
                beside = Some(*name);
            }
            other => return Err(wrong(other)),
        }
    }
    say::remark(&crate::machine::described());
    let rows = rows(events, beside)?;
    say::result(&if as_json { row::as_json(&rows)? } else { row::as_table(&rows) });
    Ok(())
}

/// Every peer, or the one that is named: the disk may have no room for the others.
fn rows(events: u64, beside: Option<&str>) -> Result<Vec<Row>, BenchError> {
    say::remark(&format!("history: {events} events asked for, over a school year"));
    refuse_small_disk(events, beside)?;
    let ours = ours(events)?;
    let mut peers = Vec::new();
    for (name, ask) in PEERS.into_iter().filter(|(name, _)| beside.is_none_or(|beside| beside == *name)) {
        if name == CLICKHOUSE && !clickhouse::is_here() {
            say::remark("ClickHouse is left out: this machine's python3 has no module chdb");
            continue;
        }
        say::remark(&format!("{name}: filling it"));
        let answers = in_folder(|folder| ask(folder, &Year::new(SEED, events)))?;
        check(name, &ours.answers, &answers)?;
        peers.push((name, answers));
    }
    let mut rows = in_rows(&ours, &peers);
    rows.push(Row::new("monitoring rules", "events/s", watch::rate(events)?, Target::AtLeast(50_000.0)));
    Ok(rows)
}

fn in_rows(ours: &Ours, peers: &[(&'static str, Answers)]) -> Vec<Row> {
    let machine = ours.disturbance.verdict();
    let append = |what: &str, rate| Row::new(what, "events/s", rate, Target::AtLeast(200_000.0));
    let mut rows = vec![
        append("append, durable", ours.append_rate).on(machine),
        append("append, by the time a core is busy", ours.append_core_rate),
    ];
    for (name, peer) in peers {
        rows.push(on_disk(ours, name, peer));
    }
    for (name, peer) in peers {
        let row = append("append, durable, beside a load that waits for no disk", ours.append_rate);
        rows.push(row.beside(name, peer.append_rate).on(machine));
    }
    let questions = [
        ("one person, 7 days", 100.0),
        ("part of a URL, a month", 1_000.0),
        ("top hosts by hour, a month", 1_000.0),
    ];
    for (place, (what, most)) in questions.into_iter().enumerate() {
        let time = |answers: &Answers| answers.ms.get(place).copied().unwrap_or(f64::NAN);
        for (name, peer) in peers {
            let beaten = place == 0 && *name == CLICKHOUSE;
            let most = if beaten { time(peer).min(most) } else { most };
            let row = Row::new(what, "ms", time(&ours.answers), Target::AtMost(most));
            rows.push(row.beside(name, time(peer)).on(machine));
        }
    }
    rows.push(Row::new("resident memory, all of it", "MB", ours.resident_mb, Target::AtMost(256.0)));
    rows
}

/// No more than a peer takes for the same rows, and of SQLite's, with its indexes, a third.
fn on_disk(ours: &Ours, name: &str, peer: &Answers) -> Row {
    let per_event = |bytes: f64| bytes / ours.events;
    let (what, share) = match name {
        SQLITE => ("an event on disk, a third of SQLite's", 1.0 / 3.0),
        _ => ("an event on disk", 1.0),
    };
    let most = Target::AtMost(per_event(peer.bytes) * share);
    Row::new(what, "bytes", per_event(ours.answers.bytes), most).beside(name, per_event(peer.bytes))
}

/// What ours came to.
struct Ours {
    events: f64,
    append_rate: f64,
    append_core_rate: f64,
    resident_mb: f64,
    answers: Answers,
    disturbance: Disturbance,
}

/// Fills and asks ours in a program of its own, so that its memory can be told.
fn ours(events: u64) -> Result<Ours, BenchError> {
    let home = room("a folder for the history")?;
    let folder = home.path().join("history");
    let cores = format!("0-{}", all_cores().saturating_sub(1));
    let before = Reading::now(&[std::process::id()]);
    let child = Program::own(&cores, &["keep-history", &folder.to_string_lossy(), &events.to_string()])?;
    let hear = |word| child.hear_number(word, PATIENCE);
    let (events, append_rate, append_core_rate) = (hear("events")?, hear("append")?, hear("append-core")?);
    let bytes = hear("bytes")?;
    let mut answers = Answers { bytes, ..Answers::default() };
    for (count, ms) in answers.counts.iter_mut().zip(&mut answers.ms) {
        *count = whole(hear("count")?);
        *ms = hear("ms")?;
    }
    let resident_mb = hear("resident")?;
    let disturbance = Reading::now(&[std::process::id(), child.process()]).since(before);
    say::remark(&format!("ours: {answers:?}; {}", disturbance.words()));
    Ok(Ours { events, append_rate, append_core_rate, resident_mb, answers, disturbance })
}

fn in_folder(ask: impl FnOnce(&Path) -> Result<Answers, BenchError>) -> Result<Answers, BenchError> {
    ask(room("a folder for a peer")?.path())
}

fn room(what: &'static str) -> Result<TempDir, BenchError> {
    tempfile::tempdir().map_err(BenchError::file(what))
}

/// The bench takes no machine to its last byte: there must be room for the largest of the peers.
fn refuse_small_disk(events: u64, beside: Option<&str>) -> Result<(), BenchError> {
    let folder = std::env::temp_dir();
    let disk = rustix::fs::statvfs(&folder).map_err(|error| BenchError::file(&folder)(error.into()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let an_event = if beside == Some(CLICKHOUSE) { CLICKHOUSE_BYTES_PER_EVENT } else { PEER_BYTES_PER_EVENT };
    let needed = events.saturating_mul(an_event).saturating_add(SPARE_BYTES);
    let gigabytes = |bytes: u64| bytes.div_ceil(1_000_000_000);
    say::remark(&format!("disk: {} GB free, {} GB needed at the most", gigabytes(free), gigabytes(needed)));
    match free >= needed {
        true => Ok(()),
        false => Err(BenchError::Disk { folder, needed: gigabytes(needed), found: gigabytes(free) }),
    }
}

/// Says how far filling a store has come, ten times on the way.
pub(super) struct Progress {
    what: &'static str,
    all: u64,
    said: u64,
}

impl Progress {
    pub fn new(what: &'static str, all: u64) -> Self {
        Self { what, all: all.max(1), said: 0 }
    }

    /// So many events are in.
    pub fn reached(&mut self, events: u64) {
        let tenths = events.saturating_mul(10) / self.all;
        if tenths > self.said {
            self.said = tenths;
            say::remark(&format!("{}: {events} events, {} per cent", self.what, tenths * 10));
        }
    }
}

fn check(peer: &'static str, ours: &Answers, theirs: &Answers) -> Result<(), BenchError> {
    say::remark(&format!("{peer}: {theirs:?}"));
    if ours.counts == theirs.counts {
        return Ok(());
    }
    let found = format!("{peer} {:?}, ours {:?}", theirs.counts, ours.counts);
    Err(BenchError::Answer { expected: "the same answers of every store", found })
}

/// The time up to which questions look back, and the beginnings of the week and of the month before it.
fn asked_times() -> (Timestamp, Timestamp, Timestamp) {
    let until = model::Day(ASKED_DAY).start();
    (until, until.plus_ms(-7 * DAY_MS), until.plus_ms(-30 * DAY_MS))
}

/// Writes the year's rows for a peer, a file at a time, and hands each file over to be loaded; how many events a second it took.
fn each_file(
    path: &Path,
    year: &Year,
    line: &mut dyn FnMut(&mut Vec<u8>, u64, &AccessEvent),
    load: &mut dyn FnMut(&Path) -> Result<(), BenchError>,
) -> Result<f64, BenchError> {
    let (mut text, mut written, mut progress) = (Vec::new(), 0u64, Progress::new("rows", year.events()));
    let mut took = Duration::ZERO;
    let mut write = |text: &mut Vec<u8>| {
        if text.is_empty() {
            return Ok(());
        }
        let file = File::create(path).map_err(BenchError::file(path))?;
        let mut file = BufWriter::new(file);
        file.write_all(text).and_then(|()| file.flush()).map_err(BenchError::file(path))?;
        text.clear();
        let begun = Instant::now();
        load(path)?;
        took += begun.elapsed();
        std::fs::remove_file(path).map_err(BenchError::file(path))
    };
    for day in year.days() {
        let mut sequence = 0;
        year.each_batch(day, 4_096, &mut |batch| {
            for event in batch {
                line(&mut text, sequence, event);
                sequence += 1;
            }
            written += batch.len() as u64;
            progress.reached(written);
            if text.len() >= FILE_BYTES { write(&mut text) } else { Ok(()) }
        })?;
    }
    write(&mut text)?;
    Ok(written as f64 / took.as_secs_f64())
}

/// What a child counted, which it writes as a number.
fn whole(number: f64) -> u64 {
    format!("{number:.0}").parse().unwrap_or(0)
}
