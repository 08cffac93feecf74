//! The rows of a bench: what was measured, beside a peer and the machine's own limit, and whether the target holds.
//!
//! Every bench of the project gives rows of this shape, so that whoever reads one reads all.

use serde::Serialize;
use std::fmt::Write as _;

/// One figure.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured, as a phrase.
    what: String,
    unit: &'static str,
    ours: f64,
    /// The program beside it; `None` where no other does the like.
    peer_name: Option<String>,
    peer: Option<f64>,
    /// What the machine itself allows: the same work without any of the program's own.
    limit: Option<f64>,
    /// What must be reached.
    target: f64,
    /// Whether it is; `None` where the machine was too busy to tell.
    holds: Option<bool>,
}

/// Which side of the target is right.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

/// Whether the machine left the bench alone while a figure was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Machine {
    Quiet,
    Busy,
}

impl Row {
    /// A figure against its target.
    pub(crate) fn new(what: impl Into<String>, unit: &'static str, ours: f64, target: Target) -> Self {
        let (bound, holds) = match target {
            Target::AtLeast(bound) => (bound, ours >= bound),
            Target::AtMost(bound) => (bound, ours <= bound),
        };
        let (ours, target) = (rounded(ours), rounded(bound));
        let what = what.into();
        Self { what, unit, ours, peer_name: None, peer: None, limit: None, target, holds: Some(holds) }
    }

    /// The peer's figure.
    pub(crate) fn beside(mut self, name: &str, figure: f64) -> Self {
        self.peer_name = Some(name.to_owned());
        self.peer = Some(rounded(figure));
        self
    }

    /// The machine's own limit.
    pub(crate) fn limit(mut self, figure: f64) -> Self {
        self.limit = Some(rounded(figure));
        self
    }

    /// Another way to reach the same target: one of both is enough.
    pub(crate) fn or(mut self, holds: Option<bool>) -> Self {
        self.holds = self.holds.or(holds).map(|own| own || holds == Some(true));
        self
    }

    /// The target is missed, whatever the figure says.
    pub(crate) fn missed(self) -> Self {
        Self { holds: Some(false), ..self }
    }

    /// Says nothing of the target where the machine was busy.
    pub(crate) fn on(mut self, machine: Machine) -> Self {
        if machine == Machine::Busy {
            self.holds = None;
        }
        self
    }

    /// Whether the target is reached.
    pub(crate) fn holds(&self) -> Option<bool> {
        self.holds
    }
}

/// Rows as one JSON array.
pub(crate) fn as_json(rows: &[Row]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(rows)
}

/// Rows as an aligned table.
pub(crate) fn as_table(rows: &[Row]) -> String {
    let heading = ["what", "unit", "ours", "peer", "limit", "target", "holds"].map(str::to_owned);
    let lines: Vec<[String; 7]> = std::iter::once(heading).chain(rows.iter().map(cells)).collect();
    let mut widths = [0; 7];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut table = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Writing to a string does not fail.
            let _ = match column {
                0 | 1 | 6 => write!(table, "{cell:<width$}  "),
                _ => write!(table, "{cell:>width$}  "),
            };
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

fn cells(row: &Row) -> [String; 7] {
    let figure = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), grouped);
    let peer = match (&row.peer_name, row.peer) {
        (Some(name), Some(peer)) => format!("{} ({name})", grouped(peer)),
        _ => "-".to_owned(),
    };
    let holds = match row.holds {
        Some(true) => "holds",
        Some(false) => "MISSED",
        None => "too busy to tell",
    };
    [
        row.what.clone(),
        row.unit.to_owned(),
        grouped(row.ours),
        peer,
        figure(row.limit),
        grouped(row.target),
        holds.to_owned(),
    ]
}

/// Four digits that mean something; more would be noise.
fn rounded(figure: f64) -> f64 {
    if figure == 0.0 || !figure.is_finite() {
        return 0.0;
    }
    let scale = 10f64.powf(3.0 - figure.abs().log10().floor());
    if scale >= 1.0 { (figure * scale).round() / scale } else { figure.round() }
}

/// `123 456` or `0.1234`.
fn grouped(figure: f64) -> String {
    if figure.abs() < 1_000.0 {
        return format!("{figure}");
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_agreed_shape() {
        let row = Row::new("blocked answers", "per second", 123_456.7, Target::AtLeast(100.0))
            .beside("Unbound 1.17.1", 60_000.0)
            .limit(140_000.0);
        let expected = r#"{"what":"blocked answers","unit":"per second","ours":123457.0,"peer_name":"Unbound 1.17.1","peer":60000.0,"limit":140000.0,"target":100.0,"holds":true}"#;
        assert_eq!(serde_json::to_string(&row).unwrap(), expected);
        let alone = Row::new("lookup", "ns", 0.123_456, Target::AtMost(0.1)).on(Machine::Busy);
        let expected = r#"{"what":"lookup","unit":"ns","ours":0.1235,"peer_name":null,"peer":null,"limit":null,"target":0.1,"holds":null}"#;
        assert_eq!(serde_json::to_string(&alone).unwrap(), expected);
    }

    #[test]
    fn either_of_two_ways_is_enough_unless_the_machine_was_busy() {
        let missed = || Row::new("rate", "per second", 1.0, Target::AtLeast(2.0));
        let reached = Row::new("CPU", "µs", 1.0, Target::AtMost(2.0));
        assert_eq!(missed().holds(), Some(false));
        assert_eq!(missed().or(reached.holds()).holds(), Some(true));
        assert_eq!(missed().or(reached.holds()).on(Machine::Busy).holds(), None);
    }

    #[test]
    fn the_table_is_aligned() {
        let rows = [
            Row::new("a", "per second", 1_234_567.0, Target::AtLeast(1.0)),
            Row::new("longer", "ns", 2.5, Target::AtMost(1.0)).beside("Unbound", 3.0),
        ];
        let table = as_table(&rows);
        let ends: Vec<usize> = table.lines().map(|line| line.split("  ").next().unwrap().len()).collect();
        assert_eq!(ends.len(), 3);
        assert!(table.contains("1 235 000") || table.contains("1 234 567"), "{table}");
        assert!(table.contains("3 (Unbound)") && table.contains("MISSED"), "{table}");
    }
}
