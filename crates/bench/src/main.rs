//! The benches: `bench lists`, `bench dns`, `bench proxy`, `bench history`, `bench alerts`, `bench sign-in`, each side by side with its peer in one run.
//!
//! Run by `cargo xtask bench`. Nothing of the product imports this crate. What the figures mean, and what they do not
//! say, is in `docs/performance.md`.
//!
//! Left out on purpose: statistics beyond the median of rounds. Where the machine is busy the bench says so instead of
//! guessing.
//!
//! Invariants: names, questions and groups are seeded, so that two runs ask the same; ours and the peer get the same
//! questions from the same client in turn; a server that answers wrongly gets no figure.

mod alert_bench;
mod badge_bench;
mod child;
mod class_bench;
mod dns_bench;
mod echo;
mod error;
mod gate;
mod history_bench;
mod hold;
mod lists_bench;
mod lists_files;
mod load;
mod machine;
mod names;
mod proxy_bench;
mod questions;
mod row;
mod say;
mod school;
mod serve;
mod sign_in_bench;
mod swap;
mod sys;
mod unbound;
mod upstream;
mod whole_gate;

use error::BenchError;
use row::Row;
use std::path::Path;
use std::process::ExitCode;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Depth {
    /// Everything in the sizes that the targets name.
    Full,
    /// The same with fewer names and rounds, to see within a minute and a half where one stands.
    Quick,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["serve-dns", folder, upstream] => serve_dns(folder, upstream),
        ["echo"] => echo::serve(),
        ["build-image", folder, files] => hold::build(Path::new(folder), Path::new(files)),
        ["hold-image", folder, names] => hold::hold(Path::new(folder), names),
        ["lists", options @ ..] => bench(lists_bench::rows, options),
        ["dns", options @ ..] => bench(dns_bench::rows, options),
        ["swap", options @ ..] => bench(swap::alone, options),
        ["serve-origin", folder] => proxy_bench::origin::serve(Path::new(folder)),
        ["serve-proxy", lists, own, origins] => {
            proxy_bench::serve::serve(Path::new(lists), Path::new(own), Path::new(origins))
        }
        ["serve-relay", own, origins] => proxy_bench::relay::serve(Path::new(own), Path::new(origins)),
        ["make-authority", folder] => proxy_bench::by_hand::make(Path::new(folder)),
        ["load-proxy", address, signer, work, seconds] => {
            proxy_bench::by_hand::load(address, Path::new(signer), work, seconds)
        }
        ["proxy", options @ ..] => bench(proxy_bench::rows, options),
        ["history", options @ ..] => history_bench::bench(options),
        ["alerts", options @ ..] => bench(alert_bench::rows, options),
        ["sign-in", options @ ..] => bench(sign_in_rows, options),
        ["class", options @ ..] => bench(class_bench::rows, options),
        ["keep-history", folder, events] => history_bench::keep(folder, events),
        ["ask-history", folder] => history_bench::ask_again(folder),
        other => Err(BenchError::Arguments { found: other.join(" ") }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::problem(&error);
            ExitCode::FAILURE
        }
    }
}

fn bench(rows: fn(Depth) -> Result<Vec<Row>, BenchError>, options: &[&str]) -> Result<(), BenchError> {
    let (mut depth, mut as_json) = (Depth::Full, false);
    for option in options {
        match *option {
            "--quick" => depth = Depth::Quick,
            "--json" => as_json = true,
            other => return Err(BenchError::Arguments { found: other.to_owned() }),
        }
    }
    say::remark(&machine::described());
    let rows = rows(depth)?;
    say::result(&if as_json { row::as_json(&rows)? } else { row::as_table(&rows) });
    Ok(())
}

fn sign_in_rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let mut rows = sign_in_bench::rows(depth)?;
    rows.extend(badge_bench::rows(depth)?);
    rows.extend(class_bench::rows(depth)?);
    Ok(rows)
}

fn serve_dns(folder: &str, upstream: &str) -> Result<(), BenchError> {
    let found = || BenchError::Arguments { found: upstream.to_owned() };
    serve::serve(Path::new(folder), upstream.parse().map_err(|_| found())?)
}
