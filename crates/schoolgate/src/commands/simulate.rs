//! `schoolgate simulate`: what a rule would cost, before governors choose it.

use crate::cli::SimulateCommand;
use crate::error::ProgramError;
use identity::{DayOutcome, SimulatedRule};
use serde_json::json;
use std::fmt::Write as _;

pub(crate) fn run(command: &SimulateCommand) -> Result<(), ProgramError> {
    let SimulateCommand::Lockout { seed, json } = command;
    let day = identity::day(*seed).map_err(ProgramError::part("simulation"))?;
    let outcomes: Result<Vec<DayOutcome>, _> =
        SimulatedRule::ALL.into_iter().map(|rule| identity::run(&day, rule)).collect();
    let outcomes = outcomes.map_err(ProgramError::part("simulation"))?;
    crate::print(&if *json { as_json(&outcomes) } else { as_table(&outcomes) })
}

fn as_json(outcomes: &[DayOutcome]) -> String {
    let line = |outcome: &DayOutcome| {
        let object = json!({
            "rule": outcome.rule.slug(),
            "teachers_locked": outcome.teachers_locked,
            "pupils_locked": outcome.pupils_locked,
            "honest_success": outcome.honest_success(),
            "honest_by_passkey": outcome.by_passkey,
            "attacker_success": outcome.attacker_success(),
        });
        format!("{object}\n")
    };
    outcomes.iter().map(line).collect()
}

fn as_table(outcomes: &[DayOutcome]) -> String {
    let mut table =
        "rule              teachers locked  pupils locked  honest success  by passkey  attacker success\n"
            .to_owned();
    for outcome in outcomes {
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{:<16}  {:>15}  {:>13}  {:>13.2}%  {:>10}  {:>15.1}%",
            outcome.rule.slug(),
            outcome.teachers_locked,
            outcome.pupils_locked,
            100.0 * outcome.honest_success(),
            outcome.by_passkey,
            100.0 * outcome.attacker_success(),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> DayOutcome {
        DayOutcome {
            rule: SimulatedRule::Lanes,
            teachers_locked: 0,
            pupils_locked: 6,
            honest: 2_000,
            honest_succeeded: 1_990,
            by_passkey: 12,
            weak: 40,
            broken_into: 5,
        }
    }

    #[test]
    fn the_objects_have_the_names_that_scripts_read() {
        let text = as_json(&[outcome(), outcome()]);
        assert_eq!(text.lines().count(), 2);
        let object: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(object["rule"], "schoolgate-lanes");
        assert_eq!((&object["teachers_locked"], &object["pupils_locked"]), (&json!(0), &json!(6)));
        assert_eq!((&object["honest_success"], &object["attacker_success"]), (&json!(0.995), &json!(0.125)));
    }

    #[test]
    fn the_table_stands_in_columns() {
        let text = as_table(&[outcome()]);
        let widths: Vec<usize> = text.lines().map(str::len).collect();
        assert!(widths.len() == 2 && widths[0] == widths[1], "{text}");
        assert!(text.contains("99.50%") && text.contains("12.5%"), "{text}");
    }
}
