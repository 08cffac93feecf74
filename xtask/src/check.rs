//! `cargo xtask test`: everything that CI checks, in order, timed.
//!
//! A step that fails does not stop the ones after it, so that one run tells everything; only what cannot be without it
//! (tests without a build) is left out and counts as failed. Nothing is skipped in silence, and in CI a skipped test is
//! a failure. The last line is `N passed, N failed`: the tests, with each failed step that is not tests counted as one.

use crate::command::{cargo, follow, run};
use crate::failure::Failure;
use crate::tests_summary::TestsSummary;
use crate::{assets, clickhouse, fuzz, packages, say, start, tidy};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long the tests may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// What CI runs.
    Usual,
    /// With soaks, long fuzzing and many more property cases.
    Long,
}

const TESTS: &str = "tests";
/// Cases of a property test in a long run; tests whose cases take long run a fixed part of them.
const LONG_CASES: &str = "20000";

/// Runs every step. The last line it prints is the count, so it says itself how it ended.
pub fn check(depth: Depth) -> ExitCode {
    let mut run = Run { begun: Instant::now(), rows: Vec::new(), summary: TestsSummary::default() };
    run.step("Debian packages", packages::install);
    run.step("assets", assets::build);
    run.step("ClickHouse", clickhouse::fetch);
    run.step("format", || self::run(cargo(&["fmt", "--all", "--check"])));
    run.step("tidy", tidy::tidy);
    run.step("licences", tidy::licences);
    run.step("clippy", clippy);
    run.step("fuzz targets", fuzz::check);
    if run.step("build", start::build) {
        run.tests(depth);
    } else {
        say::line("the tests are not run: the build failed");
    }
    run.finish()
}

fn clippy() -> Result<(), Failure> {
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

struct Run {
    begun: Instant,
    rows: Vec<Row>,
    summary: TestsSummary,
}

struct Row {
    title: &'static str,
    took: Duration,
    passed: bool,
}

impl Run {
    /// Runs one step; true when it passed.
    fn step(&mut self, title: &'static str, step: impl FnOnce() -> Result<(), Failure>) -> bool {
        say::heading(title, self.begun.elapsed());
        let begun = Instant::now();
        let outcome = step();
        if let Err(failure) = &outcome {
            say::line(&format!("{title} failed: {failure}"));
        }
        self.rows.push(Row { title, took: begun.elapsed(), passed: outcome.is_ok() });
        outcome.is_ok()
    }

    fn tests(&mut self, depth: Depth) {
        let mut summary = TestsSummary::default();
        let passed = self.step(TESTS, || run_tests(depth, &mut summary));
        if !passed && summary.failed == 0 {
            summary.failed = 1;
        }
        self.summary = summary;
    }

    fn finish(self) -> ExitCode {
        say::line("\nstep                  time  result");
        for Row { title, took, passed } in &self.rows {
            let result = if *passed { "passed" } else { "FAILED" };
            say::line(&format!("{title:<16} {:>9}  {result}", say::time(*took)));
        }
        say::line(&format!("{:<16} {:>9}", "all", say::time(self.begun.elapsed())));
        let TestsSummary { passed, failed, skipped } = self.summary;
        say::line(&format!("{skipped} tests skipped"));
        let failed_steps = self.rows.iter().filter(|row| !row.passed && row.title != TESTS).count() as u64;
        let failed = failed + failed_steps;
        say::line(&format!("{passed} passed, {failed} failed"));
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn run_tests(depth: Depth, summary: &mut TestsSummary) -> Result<(), Failure> {
    let mut tests = if has_nextest() {
        cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])
    } else {
        say::line("cargo-nextest is not installed: the tests run with cargo test");
        cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"])
    };
    if depth == Depth::Long {
        tests.env("SCHOOLGATE_LONG", "1").env("PROPTEST_CASES", LONG_CASES);
    }
    let succeeded = follow(tests, &mut |line| {
        summary.add_line(line);
        say::line(line);
    })?;
    if !succeeded {
        return Err(Failure::new("a test failed, or the tests could not be built"));
    }
    if summary.passed == 0 {
        return Err(Failure::new("expected tests to run, found none in the output"));
    }
    if summary.skipped > 0 && in_ci() {
        return Err(Failure::new(format!("{} tests were skipped; in CI nothing may be", summary.skipped)));
    }
    Ok(())
}

fn has_nextest() -> bool {
    let mut version = cargo(&["nextest", "--version"]);
    version.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}
