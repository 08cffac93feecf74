//! Going through days from the newest slice back, in areas that grow while little is found.
//!
//! The server looks into one area at a time, so that a search that has found enough, or looked at enough, ends there.

use super::condition::{Source, days};
use super::rows::Fields;
use super::server::{Server, Statement};
use super::tables::SLICE;
use crate::{HistoryError, Query};
use model::{Day, EventId};

const DOING: &str = "say which days there are";

/// A day on the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DayRows {
    pub day: Day,
    pub rows: u64,
    /// The highest slice that has rows.
    pub last_slice: u64,
}

/// The days there are between two, newest first.
pub(super) fn days_of(
    server: &Server,
    from: &Source,
    (first, last): (i32, i32),
) -> Result<Vec<DayRows>, HistoryError> {
    // Days are what the tables are parted by, and slices their first order: this reads no row.
    let sql = format!(
        "SELECT day, count(), max(slice) FROM {} WHERE {} AND day BETWEEN {first} AND {last} GROUP BY day ORDER BY day DESC",
        from.table(),
        from.rows()
    );
    let mut fields = Fields::of(server.ask(DOING, &Statement::new(sql))?, DOING);
    let mut days = Vec::new();
    while !fields.is_at_end()? {
        days.push(DayRows { day: fields.day()?, rows: fields.u64()?, last_slice: fields.u64()? });
    }
    Ok(days)
}

/// Some slices on end, of one day or of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Area {
    newest: (Day, u64),
    oldest: (Day, u64),
}

impl Area {
    /// The condition that its rows meet.
    pub fn condition(&self) -> String {
        let ((last, high), (first, low)) = (self.newest, self.oldest);
        if first == last {
            return format!("day = {} AND slice BETWEEN {low} AND {high}", first.0);
        }
        format!(
            "day BETWEEN {f} AND {l} AND NOT (day = {l} AND slice > {high}) AND NOT (day = {f} AND slice < {low})",
            f = first.0,
            l = last.0
        )
    }

    /// From here back everything is older.
    pub fn end(&self) -> (Day, u64) {
        (self.oldest.0, self.oldest.1.saturating_mul(SLICE))
    }

    /// This one and every newer one.
    pub fn and_newer(&self) -> String {
        let (first, low) = self.oldest;
        format!("day >= {f} AND NOT (day = {f} AND slice < {low})", f = first.0)
    }
}

/// What is left to go through.
pub(super) struct Walk {
    /// Every day, oldest first, with its highest slice.
    days: Vec<(Day, u64)>,
    /// What of them is left, with the highest slice that is.
    left: Vec<(Day, u64)>,
    width: u64,
}

impl Walk {
    /// All that a query may match.
    pub fn new(server: &Server, from: &Source, query: &Query) -> Result<Self, HistoryError> {
        let days = days_of(server, from, days(query))?;
        Ok(Self::over(&days, query.before))
    }

    fn over(days: &[DayRows], before: Option<EventId>) -> Self {
        let days: Vec<(Day, u64)> = days.iter().rev().map(|day| (day.day, day.last_slice)).collect();
        let mut walk = Self { left: days.clone(), days, width: 1 };
        if let Some(before) = before {
            walk.go_on_before(before);
        }
        walk
    }

    /// Leaves to go through what is older than an event, and the slice that it is in.
    pub fn go_on_before(&mut self, before: EventId) {
        self.left.clone_from(&self.days);
        while let Some((day, slice)) = self.left.last_mut() {
            if *day < before.day {
                return;
            }
            if *day == before.day && before.sequence > 0 {
                *slice = (*slice).min((before.sequence - 1) / SLICE);
                return;
            }
            self.left.pop();
        }
    }

    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// The next area.
    pub fn next(&mut self) -> Option<Area> {
        let newest = *self.left.last()?;
        let (mut oldest, mut width) = (newest, self.width.max(1));
        while let Some((day, high)) = self.left.pop() {
            if high >= width {
                self.left.push((day, high - width));
                oldest = (day, high - width + 1);
                break;
            }
            oldest = (day, 0);
            width -= high + 1;
            if width == 0 {
                break;
            }
        }
        Some(Area { newest, oldest })
    }

    /// Makes the next step twice as wide as the last, but no wider than what may still be looked at.
    pub fn widen(&mut self, looked_at: u64, left: u64) {
        let of_one = (looked_at / self.width.max(1)).max(1);
        self.width = self.width.saturating_mul(2).min(left / of_one).max(1);
    }

    /// Makes the next step smaller: the last found more than was wanted at once.
    pub fn narrow(&mut self) {
        self.width = (self.width / 4).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::GateId;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_slice_is_gone_through_once_and_the_newest_first(
            highest in prop::collection::btree_map(0..9i32, 0..40u64, 1..6),
            steps in prop::collection::vec(any::<bool>(), 0..9),
            cursor in prop::option::of((0..9i32, 0..30 * SLICE)),
        ) {
            let days: Vec<DayRows> = highest
                .iter()
                .rev()
                .map(|(day, last_slice)| DayRows { day: Day(*day), rows: 1, last_slice: *last_slice })
                .collect();
            let before = cursor.map(|(day, sequence)| EventId { gate: GateId(1), day: Day(day), sequence });
            let mut walk = Walk::over(&days, before);
            let (mut seen, mut steps) = (Vec::new(), steps.into_iter());
            while let Some(area) = walk.next() {
                let within = |day: &DayRows| {
                    let (low, high) = (area.oldest, area.newest);
                    (0..=day.last_slice).map(|slice| (day.day, slice)).filter(|spot| *spot >= low && *spot <= high).rev().collect::<Vec<_>>()
                };
                seen.extend(days.iter().flat_map(within));
                if steps.next().unwrap_or(true) { walk.widen(0, u64::MAX) } else { walk.narrow() }
            }
            let wanted = |spot: &(Day, u64)| {
                before.is_none_or(|before| (spot.0, spot.1 * SLICE) < (before.day, before.sequence))
            };
            let all = days.iter().flat_map(|day| (0..=day.last_slice).rev().map(|slice| (day.day, slice)));
            prop_assert_eq!(seen, all.filter(wanted).collect::<Vec<_>>());
        }
    }
}
