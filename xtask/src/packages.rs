//! The Debian packages that the two commands need (`packages.txt`), and those of the benches (`packages-bench.txt`).

use crate::command::{command, is_there, output, run};
use crate::failure::Failure;
use crate::say;
use std::process::Stdio;

const LIST: &str = include_str!("../packages.txt");
/// What only the benches need.
const LIST_FOR_BENCHES: &str = include_str!("../packages-bench.txt");

/// Installs what is missing when run as root on Debian; otherwise says the command that does.
pub fn install() -> Result<(), Failure> {
    let missing = missing(LIST);
    if missing.is_empty() {
        say::line("every package is there");
        return Ok(());
    }
    install_these(&missing)
}

/// The same for what only the benches need; says nothing where nothing is missing.
pub fn install_for_benches() -> Result<(), Failure> {
    let missing = missing(LIST_FOR_BENCHES);
    if missing.is_empty() { Ok(()) } else { install_these(&missing) }
}

fn missing(list: &str) -> Vec<&str> {
    needed(list).filter(|needed| !needed.is_here()).map(|needed| needed.package).collect()
}

fn install_these(missing: &[&str]) -> Result<(), Failure> {
    let names = missing.join(" ");
    let by_hand = format!("apt-get update && apt-get install --no-install-recommends {names}");
    if !is_there("apt-get") {
        return Err(Failure::new(format!(
            "missing, by their names in Debian: {names}; install them and try again"
        )));
    }
    let user = output(command("id", &["-u"]))?;
    if user.trim() != "0" {
        return Err(Failure::new(format!("missing packages; run as root and try again: {by_hand}")));
    }
    say::aside(&format!("installing {names}"));
    let mut update = command("apt-get", &["update", "--quiet"]);
    update.stdout(std::io::stderr());
    run(update)?;
    let mut apt = command("apt-get", &["install", "--yes", "--quiet", "--no-install-recommends"]);
    // A bench's standard output is for its rows alone.
    apt.args(missing).env("DEBIAN_FRONTEND", "noninteractive").stdout(std::io::stderr());
    run(apt)
}

/// A line of the list.
#[derive(PartialEq, Eq, Debug)]
struct Needed<'l> {
    package: &'l str,
    /// The program that shows it is there, whoever installed it.
    program: Option<&'l str>,
}

impl Needed<'_> {
    fn is_here(&self) -> bool {
        match self.program {
            Some(program) => is_there(program),
            None => is_installed(self.package),
        }
    }
}

fn needed(list: &str) -> impl Iterator<Item = Needed<'_>> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (package, program) = line.split_once(char::is_whitespace)?;
        Some(Needed { package, program: Some(program.trim()).filter(|program| *program != "-") })
    })
}

fn is_installed(package: &str) -> bool {
    let mut query = command("dpkg-query", &["--show", "--showformat=${db:Status-Status}", package]);
    query.stderr(Stdio::null());
    query.output().is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_names_a_package_and_how_it_is_known() {
        let list = "# words\nbind9-dnsutils  dig\npostgresql -\n";
        let expected = [
            Needed { package: "bind9-dnsutils", program: Some("dig") },
            Needed { package: "postgresql", program: None },
        ];
        assert_eq!(needed(list).collect::<Vec<_>>(), expected);
        assert!(needed(LIST).count() > 5 && needed(LIST_FOR_BENCHES).count() > 0);
    }
}
