//! When what did not arrive is tried again: soon at first, later and later after, and not for ever.

use model::Timestamp;
use uuid::Uuid;

/// The most attempts: with [`retry_at`]'s times about 12 hours, so that a relay that fails over night is outlasted.
pub const MOST_ATTEMPTS: u32 = 30;

/// After the first attempt.
const FIRST_MS: i64 = 15_000;
/// The longest time between two attempts.
const LONGEST_MS: i64 = 30 * 60_000;
/// How far a time may be moved either way, in parts of a thousand.
const SPREAD: i64 = 200;

/// How far a retry is moved, so that what failed together does not come again together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter(i64);

impl Jitter {
    /// One for each attempt of each job: the last bits of a UUIDv7 are random.
    pub fn of(job: Uuid, attempt: u32) -> Self {
        let (_, low) = job.as_u64_pair();
        let mixed = low.wrapping_add(u64::from(attempt)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let spread = i64::try_from(mixed).unwrap_or(0).rem_euclid(2 * SPREAD + 1);
        Self(spread - SPREAD)
    }
}

/// When to try again after this many attempts (the first is 1); `None`: it was tried often enough.
pub fn retry_at(attempts: u32, now: Timestamp, jitter: Jitter) -> Option<Timestamp> {
    if attempts >= MOST_ATTEMPTS {
        return None;
    }
    let doubled = FIRST_MS.saturating_mul(1_i64 << attempts.saturating_sub(1).min(20));
    let wait = doubled.min(LONGEST_MS);
    Some(now.plus_ms(wait + wait * jitter.0 / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_348_800_000);

    #[test]
    fn it_is_tried_soon_then_ever_later_and_given_up_after_half_a_day() {
        let still = Jitter(0);
        let wait = |attempts| retry_at(attempts, NOW, still).map(|at| (at.0 - NOW.0) / 1_000);
        assert_eq!([1, 2, 3, 7, 8, 29].map(wait), [15, 30, 60, 960, 1_800, 1_800].map(Some));
        assert_eq!(wait(MOST_ATTEMPTS), None);
        let all: i64 = (1..MOST_ATTEMPTS).filter_map(wait).sum();
        assert!((11 * 3_600..13 * 3_600).contains(&all), "{all}");
    }

    #[test]
    fn what_failed_together_comes_again_spread_out_and_never_by_more_than_a_fifth() {
        let jobs: Vec<Uuid> = (0..64_u128).map(|number| Uuid::from_u128(number * 0x1_0000_0001)).collect();
        let times: std::collections::BTreeSet<i64> = jobs
            .iter()
            .filter_map(|job| retry_at(8, NOW, Jitter::of(*job, 8)))
            .map(|at| at.0 - NOW.0)
            .collect();
        assert!(times.len() > 40, "{}", times.len());
        assert!(times.iter().all(|wait| (LONGEST_MS * 4 / 5..=LONGEST_MS * 6 / 5).contains(wait)));
    }
}
