//! The project's own commands: `cargo xtask run`, `cargo xtask test` and their parts.
//!
//! Few dependencies on purpose: this is the first thing that a stranger compiles. `CARGO_TARGET_DIR` is respected because
//! every build is done by the same cargo that started this program.

mod assets;
mod bench;
mod check;
mod clickhouse;
mod command;
mod failure;
mod fuzz;
mod packages;
mod place;
mod say;
mod start;
mod tests_summary;
mod tidy;

use check::Depth;
use failure::Failure;
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  run            install what is missing, build, make a demo school under var/, and start it
  test [--long]  everything that CI checks; --long adds soaks, long fuzzing and the longest property tests
  tidy           layers, sizes, words, glossary, attributes
  licences       licences and banned crates of everything that is built (deny.toml)
  assets         build the console's style sheet, script and templates, where their inputs have changed
  packages       install the Debian packages that are missing
  bench lists|dns|proxy|history|alerts|sign-in|class [--quick] [--json]
                 measure, side by side with the field's other servers (docs/performance.md)
  fuzz [TARGET] [--seconds N]
                 run the fuzz targets of fuzz/
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["run"] => start::start(),
        ["test"] => return check::check(Depth::Usual),
        ["test", "--long"] => return check::check(Depth::Long),
        ["tidy"] => tidy::tidy(),
        ["licences"] => tidy::licences(),
        ["assets"] => assets::build(),
        ["packages"] => packages::install(),
        ["bench", options @ ..] => bench::bench(options),
        ["fuzz", options @ ..] => fuzz::fuzz(options),
        [] | ["help" | "--help" | "-h"] => {
            say::line(HELP);
            return ExitCode::SUCCESS;
        }
        other => {
            say::line(HELP);
            Err(Failure::new(format!("expected one of the commands above, found `{}`", other.join(" "))))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::problem(&failure);
            ExitCode::FAILURE
        }
    }
}
