//! `cargo xtask bench`: the benches of `crates/bench`, beside peers from Debian.
//!
//! The bench is built as it is released and runs as a program of its own, so that these commands stay light. Everything
//! but its result goes to standard error, which `--json` promises.

use crate::command::{cargo, run};
use crate::failure::Failure;
use crate::{packages, place};
use std::process::{Command, Stdio};

/// Runs one bench with its options.
pub fn bench(options: &[&str]) -> Result<(), Failure> {
    packages::install_for_benches()?;
    let mut build = cargo(&["build", "--quiet", "--release", "--package", "bench"]);
    if matches!(options.first(), Some(&("sign-in" | "alerts" | "class"))) {
        // They start the program itself.
        build.args(["--package", "schoolgate"]);
    }
    build.stdout(Stdio::null());
    run(build)?;
    let mut bench = Command::new(place::target().join("release/bench"));
    bench.args(options).current_dir(place::root());
    run(bench)
}
