//! Counts of what is to be seen in the log and is not to fill it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often something happened since the start.
#[derive(Default)]
pub(crate) struct Tally(AtomicU64);

impl Tally {
    /// Counts one more. The count, the first time and at each doubling: then it is worth a line in the log.
    pub(crate) fn add(&self) -> Option<u64> {
        let count = self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        count.is_power_of_two().then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_of_a_few_times() {
        let tally = Tally::default();
        let told: Vec<u64> = (0..1_000).filter_map(|_| tally.add()).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    }
}
