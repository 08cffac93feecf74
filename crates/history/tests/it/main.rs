//! The history from outside: its verbs, and its promise.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod clickhouse;
mod columns;
mod contract;
mod hold;
mod killed;
mod moving;
mod retention;
#[path = "../../src/samples.rs"]
mod samples;
mod verbs;

use history::{History, Query};
use model::GateId;
use samples::event;
use std::path::{Path, PathBuf};

const DAY_MS: i64 = 86_400_000;

/// A new history's folder. The school's key lies beside it, and both go at the end.
struct Folder {
    _home: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    fn path(&self) -> &Path {
        &self.path
    }
}

fn folder() -> Folder {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("history");
    std::fs::create_dir(&path).unwrap();
    Folder { _home: home, path }
}

fn open(folder: &Path) -> History {
    History::open(folder, GateId(1)).unwrap().0
}

/// Every matching event's time, in the order it comes, over as many pages as it takes.
fn all_times(history: &History, query: &Query) -> Vec<i64> {
    let mut times = Vec::new();
    let mut query = query.clone();
    loop {
        let page = history.scan(&query).unwrap();
        times.extend(page.events.iter().map(|stored| stored.event.at.0));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return times,
        }
    }
}
