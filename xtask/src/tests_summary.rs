//! What a test run says at its end: how many passed, failed and were skipped.

/// The sums of one or more test runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TestsSummary {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed or ran out of time.
    pub failed: u64,
    /// Tests that were not run.
    pub skipped: u64,
}

impl TestsSummary {
    /// Adds what a line of output says, where it is a summary: nextest's `Summary [...] 3 tests run: 2 passed, 1 failed,
    /// 0 skipped`, or the `test result: ok. 2 passed; 1 failed; 0 ignored; ...` of each `cargo test` program.
    pub fn add_line(&mut self, line: &str) {
        let line = without_colours(line);
        let counts = match line.split_once("tests run:").or_else(|| line.split_once("test run:")) {
            Some((before, counts)) if before.trim_start().starts_with("Summary [") => counts,
            _ => match line.strip_prefix("test result: ") {
                Some(counts) => counts,
                None => return,
            },
        };
        for part in counts.split([',', ';', '.']) {
            let mut words = part.split_whitespace();
            let Some(Ok(number)) = words.next().map(str::parse::<u64>) else { continue };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed" | "timed" | "exec") => self.failed += number,
                Some("skipped" | "ignored") => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// The text without terminal colours (`ESC [ ... m`).
fn without_colours(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_both_runners_are_read_and_nothing_else() {
        let cases = [
            ("     Summary [   0.521s] 24 tests run: 24 passed, 0 skipped", (24, 0, 0)),
            ("     Summary [   1.002s] 1 test run: 1 passed (1 slow), 2 skipped", (1, 0, 2)),
            (
                "\u{1b}[31;1m     Summary\u{1b}[0m [ 9s] 5/7 tests run: 3 passed, 1 failed, 1 timed out, 0 skipped",
                (3, 2, 0),
            ),
            (
                "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.1s",
                (3, 1, 2),
            ),
            ("        PASS [   0.007s] ( 1/24) history a_test_with_3 passed", (0, 0, 0)),
        ];
        for (line, (passed, failed, skipped)) in cases {
            let mut summary = TestsSummary::default();
            summary.add_line(line);
            assert_eq!(summary, TestsSummary { passed, failed, skipped }, "{line}");
        }
    }
}
