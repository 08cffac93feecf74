//! `cargo xtask run`: from a fresh machine to a demo school that runs.

use crate::command::{cargo, command, not_started, run};
use crate::failure::Failure;
use crate::{assets, packages, place, say};
use std::os::unix::process::CommandExt;
use std::time::Instant;

type Step = fn() -> Result<(), Failure>;

/// Prepares everything, then becomes the program itself, so that Ctrl-C reaches it and nothing stands between.
pub fn start() -> Result<(), Failure> {
    let begun = Instant::now();
    let steps: [(&str, Step); 3] = [
        ("1 of 4: Debian packages", packages::install),
        ("2 of 4: the console's assets", assets::build),
        ("3 of 4: build", build),
    ];
    for (title, step) in steps {
        say::heading(title, begun.elapsed());
        step()?;
    }
    say::heading("4 of 4: the demo school under var/", begun.elapsed());
    let program = place::target().join("debug/schoolgate");
    let mut demo = command(&program.to_string_lossy(), &["demo", "--folder", "var"]);
    let error = demo.exec();
    Err(not_started(&demo, &error))
}

/// Builds what `cargo xtask test` builds too: with another selection of crates cargo would choose other features, and
/// build much of it twice.
pub fn build() -> Result<(), Failure> {
    run(cargo(&["build", "--workspace"]))
}
