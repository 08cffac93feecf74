//! When a list's source is to be looked at again: a pure function of the policy, the gate and the last look.
//!
//! Every gate looks a little earlier or later than another (a tenth of the interval either way), and each list at its own
//! moment, so that the public servers that many schools ask are not asked by all at once.

use crate::fingerprint::of_words;
use model::Timestamp;
use policy::rules::ListSource;

const HOUR_MS: i64 = 3_600_000;
/// A source that failed is looked at again after this at most.
const AGAIN_MS: i64 = HOUR_MS;
/// Silence is no alarm before this.
const SILENCE_MS: i64 = 48 * HOUR_MS;

/// How often sources are looked at, where a list does not say for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Hours between two looks at a source; 0 counts as 1.
    pub refresh_hours: u16,
    /// The gate's own number, the same after each start: gates with different numbers look at different moments.
    pub seed: u64,
}

impl Default for Schedule {
    /// Once a day, for a gate without a number.
    fn default() -> Self {
        Self { refresh_hours: 24, seed: 0 }
    }
}

/// The last looks at a source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Looked {
    /// The last look that went well, a "nothing new" included; `None`: none ever did.
    pub good: Option<Timestamp>,
    /// The last look of any kind.
    pub last: Timestamp,
}

impl Schedule {
    /// Milliseconds between two looks that go well, jitter included.
    pub fn interval_ms(&self, source: &ListSource) -> i64 {
        let base = self.base_ms(source);
        let noise = of_words([source.id.as_str().as_bytes(), &self.seed.to_le_bytes()]);
        // 0 to 2000 thousandths of a tenth, less one tenth: from -10 % to +10 %.
        let thousandths = i64::try_from(noise % 2_001).unwrap_or(1_000) - 1_000;
        base + base / 10_000 * thousandths
    }

    /// When the source is to be looked at next: at once where it never was, and where the last look lies ahead, since the
    /// clock was set back; within the hour after a failure.
    pub fn next(&self, source: &ListSource, looked: Option<Looked>, now: Timestamp) -> Timestamp {
        let Some(looked) = looked else { return Timestamp(0) };
        if looked.last > now {
            return now;
        }
        let interval = self.interval_ms(source);
        match looked.good.filter(|good| *good <= now) {
            Some(good) if looked.last <= good => good.plus_ms(interval),
            _ => looked.last.plus_ms(interval.min(AGAIN_MS)),
        }
    }

    /// True when the source is to be looked at now.
    pub fn is_due(&self, source: &ListSource, looked: Option<Looked>, now: Timestamp) -> bool {
        self.next(source, looked, now) <= now
    }

    /// True when somebody is to be told that nothing good came for long: three intervals, at least 48 hours. A good look
    /// that lies ahead says nothing of how long it is ago.
    pub fn is_silent(&self, source: &ListSource, good: Timestamp, now: Timestamp) -> bool {
        let silence_ms = self.base_ms(source).saturating_mul(3).max(SILENCE_MS);
        good > now || now.0.saturating_sub(good.0) > silence_ms
    }

    fn base_ms(&self, source: &ListSource) -> i64 {
        let hours = source.subscription.refresh_hours.unwrap_or(self.refresh_hours);
        i64::from(hours.max(1)) * HOUR_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ListId;
    use policy::rules::{ListFormat, Subscription};
    use std::collections::BTreeSet;

    fn source(id: &str, refresh_hours: Option<u16>) -> ListSource {
        ListSource {
            id: ListId::new(id),
            name: id.into(),
            format: ListFormat::Domains,
            source: "https://lists.example/names".into(),
            category: None,
            folders: Vec::new(),
            subscription: Subscription { refresh_hours, ..Subscription::default() },
        }
    }

    #[test]
    fn a_list_is_looked_at_within_a_tenth_of_its_interval_and_always_at_the_same_moment() {
        let schedule = Schedule { refresh_hours: 10, seed: 7 };
        let mut seen = BTreeSet::new();
        for number in 0..100 {
            let source = source(&format!("list-{number}"), None);
            let interval = schedule.interval_ms(&source);
            assert!((9 * HOUR_MS..=11 * HOUR_MS).contains(&interval), "{interval}");
            assert_eq!(interval, schedule.interval_ms(&source));
            seen.insert(interval);
        }
        assert!(seen.len() > 90, "{}", seen.len());
        let one = source("one", None);
        let other_gate = Schedule { refresh_hours: 10, seed: 8 };
        assert_ne!(schedule.interval_ms(&one), other_gate.interval_ms(&one));
    }

    #[test]
    fn a_failure_is_followed_by_a_look_within_the_hour_and_a_list_never_seen_is_due_at_once() {
        let (schedule, list) = (Schedule { refresh_hours: 24, seed: 1 }, source("one", Some(4)));
        let at = |hours: i64| Timestamp(1_000_000_000_000 + hours * HOUR_MS);
        assert!(schedule.is_due(&list, None, at(0)));
        let good = Looked { good: Some(at(0)), last: at(0) };
        assert!(!schedule.is_due(&list, Some(good), at(3)));
        assert!(schedule.is_due(&list, Some(good), at(5)));
        let failed = Looked { good: Some(at(0)), last: at(4) };
        assert!(!schedule.is_due(&list, Some(failed), at(4)));
        assert!(schedule.is_due(&list, Some(failed), at(5)));
    }

    #[test]
    fn silence_is_three_intervals_and_two_days_at_least() {
        let schedule = Schedule { refresh_hours: 24, seed: 1 };
        let at = |hours: i64| Timestamp(1_000_000_000_000 + hours * HOUR_MS);
        for (refresh_hours, most) in [(4, 48), (48, 144)] {
            let list = source("one", Some(refresh_hours));
            assert!(!schedule.is_silent(&list, at(0), at(most)));
            assert!(schedule.is_silent(&list, at(0), Timestamp(at(most).0 + 1)));
        }
    }

    #[test]
    fn a_clock_that_was_set_back_asks_for_a_look_and_for_another_within_the_hour_where_that_fails() {
        let (schedule, list) = (Schedule { refresh_hours: 24, seed: 1 }, source("one", None));
        let at = |hours: i64| Timestamp(1_000_000_000_000 + hours * HOUR_MS);
        let ahead = Looked { good: Some(at(500)), last: at(500) };
        assert_eq!(schedule.next(&list, Some(ahead), at(0)), at(0));
        assert!(schedule.is_silent(&list, at(500), at(0)));
        let failed = Looked { last: at(0), ..ahead };
        assert!(!schedule.is_due(&list, Some(failed), at(0)));
        assert!(schedule.is_due(&list, Some(failed), at(1)));
    }
}
