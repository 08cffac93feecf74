//! The tables: what is made where nothing is yet, and how their form is known.
//!
//! Every table waits for the disk at each insert. Rows of an event lie as in our own columns: by slices of sequences, and
//! within one by who asked, so that the newest are read first and one person's rows lie in one place.

use super::rows::{COLUMNS, Fields};
use super::server::{Server, Statement};
use crate::HistoryError;

/// The form of the tables that this program writes.
const FORM: u16 = 1;
/// Sequences of a slice.
pub(super) const SLICE: u64 = 262_144;
/// What the server calls a table that is not there.
const UNKNOWN_TABLE: u32 = 60;
/// The disk is waited for: what an insert says is kept is kept.
const DURABLE: &str = "fsync_after_insert = 1, fsync_part_directory = 1";

/// Makes the tables where they are not, and refuses those of a later program.
pub(super) fn prepare(server: &Server) -> Result<(), HistoryError> {
    let doing = "look at its tables";
    let found = match server.ask(doing, &Statement::new("SELECT max(form) FROM form")) {
        Ok(answer) => Fields::of(answer, doing).u16()?,
        Err(HistoryError::ServerRefused { code: UNKNOWN_TABLE, .. }) => 0,
        Err(error) => return Err(error),
    };
    match found {
        FORM => Ok(()),
        0 => make(server),
        found => Err(HistoryError::LaterTables { expected: FORM, found }),
    }
}

fn make(server: &Server) -> Result<(), HistoryError> {
    for sql in statements() {
        server.tell("make its tables", sql)?;
    }
    Ok(())
}

/// The form comes last: where it stands, everything does.
fn statements() -> Vec<String> {
    let columns = COLUMNS.map(|(name, kind, codec)| format!("{name} {kind} CODEC({codec})")).join(", ");
    let columns = format!(
        "{columns}, slice UInt64 MATERIALIZED intDiv(sequence, {SLICE}) CODEC(Delta, ZSTD(1)), \
         INDEX letters lower(concat(host, path)) TYPE ngrambf_v1(4, 65536, 2, 0) GRANULARITY 4"
    );
    let order = "ORDER BY (slice, school, person, sequence)";
    let settings = format!("SETTINGS allow_nullable_key = 1, {DURABLE}");
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS events ({columns}) ENGINE = MergeTree PARTITION BY (gate, day) {order} {settings}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS held (hold LowCardinality(String), {columns}) ENGINE = MergeTree \
             PARTITION BY (gate, hold, day) {order} {settings}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS holds (gate UInt16, name String, first Int32, last Int32, note String, \
             changed DateTime64(6) DEFAULT now64(6)) ENGINE = MergeTree PARTITION BY (gate, name) ORDER BY changed \
             SETTINGS {DURABLE}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS expired (gate UInt16, what String, events UInt64, bytes UInt64, at Int64, \
             why String, held UInt64, next UInt64) ENGINE = MergeTree ORDER BY (gate, at) SETTINGS {DURABLE}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS writers (gate UInt16, writer UUID, since DateTime64(6)) \
             ENGINE = ReplacingMergeTree(since) ORDER BY gate SETTINGS {DURABLE}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS form (form UInt16) ENGINE = MergeTree ORDER BY form SETTINGS {DURABLE}"
        ),
        format!("INSERT INTO form (form) VALUES ({FORM})"),
    ]
}
