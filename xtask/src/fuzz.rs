//! `cargo xtask fuzz`: the fuzz targets of `fuzz/`, for a while each.
//!
//! The folder is a workspace of its own, whose configuration asks the stable compiler for the counters that fuzzing needs; it is
//! built apart, so that these flags build nothing of the product anew.

use crate::command::{cargo, run, within};
use crate::failure::{Failure, at};
use crate::{place, say};
use std::path::Path;

/// How long a target runs where nothing else is said.
const SECONDS: u32 = 60;

/// Runs one target or all of them.
pub fn fuzz(options: &[&str]) -> Result<(), Failure> {
    let Options { target, seconds } = Options::read(options)?;
    let folder = place::root().join("fuzz");
    let targets = targets(&folder)?;
    let chosen: Vec<&String> =
        targets.iter().filter(|name| target.is_none_or(|target| target == name.as_str())).collect();
    if chosen.is_empty() {
        return Err(Failure::new(format!(
            "expected one of the targets {}, found `{}`",
            targets.join(", "),
            target.unwrap_or_default()
        )));
    }
    for name in chosen {
        say::line(&format!("fuzzing {name} for {seconds} s"));
        let limit = format!("-max_total_time={seconds}");
        let seeds = format!("corpus/{name}");
        let fuzzed = ["run", "--quiet", "--bin", name, "--", &seeds, &limit];
        let mut command = within(cargo(&fuzzed), &folder);
        command.env("CARGO_TARGET_DIR", place::target().join("fuzz"));
        run(command)?;
    }
    Ok(())
}

/// Whether the targets can be built with the crates as they are; nothing is run.
pub fn check() -> Result<(), Failure> {
    let mut command = within(cargo(&["check", "--quiet", "--locked"]), &place::root().join("fuzz"));
    command.env("CARGO_TARGET_DIR", place::target().join("fuzz"));
    run(command)
}

#[derive(PartialEq, Eq, Debug)]
struct Options<'o> {
    target: Option<&'o str>,
    seconds: u32,
}

impl<'o> Options<'o> {
    fn read(words: &[&'o str]) -> Result<Self, Failure> {
        let mut options = Self { target: None, seconds: SECONDS };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--seconds" => {
                    let number = words.next().and_then(|word| word.parse().ok());
                    options.seconds =
                        number.ok_or_else(|| Failure::new("expected a number after `--seconds`"))?;
                }
                name if options.target.is_none() => options.target = Some(name),
                other => return Err(Failure::new(format!("expected one target, found `{other}` too"))),
            }
        }
        Ok(options)
    }
}

/// The names of the targets, a file each.
fn targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let sources = folder.join("fuzz_targets");
    let entries = std::fs::read_dir(&sources).map_err(at("read", &sources))?;
    let stems = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let mut names: Vec<String> =
        stems.filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_and_a_time_may_be_named() {
        let read = |words: &[&'static str]| Options::read(words).unwrap();
        assert_eq!(read(&[]), Options { target: None, seconds: SECONDS });
        let both = Options { target: Some("hosts"), seconds: 5 };
        assert_eq!(read(&["--seconds", "5", "hosts"]), both);
        assert!(Options::read(&["hosts", "rpz"]).is_err());
        assert!(Options::read(&["--seconds"]).is_err());
    }
}
