//! ClickHouse's engine for the tests: the Python module chdb, in a folder of the user's cache, since it is 530 MB.

use crate::command::{command, run};
use crate::failure::{Failure, at};
use crate::{place, say};
use std::path::PathBuf;
use std::process::Stdio;

const REQUIREMENTS: &str = "crates/testkit/src/clickhouse-requirements.txt";
/// As `testkit` has it.
const FOLDER: &str = ".cache/schoolgate/chdb-26.9.0";

/// Fetches it, where this machine's `python3` does not have it.
pub fn fetch() -> Result<(), Failure> {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = home.join(FOLDER);
    let mut look = command("python3", &["-c", "from chdb import session"]);
    look.env("PYTHONPATH", &folder).stdout(Stdio::null()).stderr(Stdio::null());
    if look.status().is_ok_and(|status| status.success()) {
        say::line("the engine is there");
        return Ok(());
    }
    say::line("fetching the engine, 530 MB");
    // What a fetch that was broken off left is no engine.
    let fresh = folder.with_extension("new");
    for half in [&fresh, &folder] {
        if half.exists() {
            std::fs::remove_dir_all(half).map_err(at("remove", half))?;
        }
    }
    let requirements = place::root().join(REQUIREMENTS);
    let (requirements, target) = (requirements.to_string_lossy(), fresh.to_string_lossy());
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"];
    let mut fetch = command("python3", &pip);
    fetch.args(["--target", &target, "-r", &requirements]);
    run(fetch).map_err(|failure| {
        Failure::new(format!(
            "{failure}: this needs python3 with pip (Debian: python3-pip) and its package index"
        ))
    })?;
    std::fs::rename(&fresh, &folder).map_err(at("rename", &fresh))
}
