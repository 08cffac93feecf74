//! Attempts that the filter blocked: one that matters by itself, and many of one kind.
//!
//! Different hosts are counted, not requests: one page asks for a blocked host many times over, and a device asks the DNS
//! again and again.

use crate::Rules;
use crate::rules::Blocked;
use crate::trail::{MOST_HOSTS, Trail};
use foldhash::fast::FixedState;
use model::{AccessEvent, Category, EventOutcome, Timestamp};
use std::hash::BuildHasher as _;

/// A blocked host, remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    pub(crate) category: Category,
    /// A fingerprint of the host; two hosts with one fingerprint count as one.
    pub(crate) host: u64,
}

/// The category of an event that the rules about attempts watch.
pub(crate) fn watched(rules: &Rules, event: &AccessEvent) -> Option<Category> {
    let category = event.category.filter(|category| rules.watched.contains(*category))?;
    (event.outcome == EventOutcome::Blocked).then_some(category)
}

/// Takes note of an attempt, and gives the rules whose number it reaches. A host that is already remembered reaches none.
pub(crate) fn reached<'r>(
    rules: &'r Rules,
    trail: &mut Trail,
    event: &AccessEvent,
    category: Category,
) -> Vec<&'r Blocked> {
    let longest = rules.blocked.iter().map(|rule| rule.within_ms).max().unwrap_or(0);
    trail.attempts.retain(|attempt| attempt.at.0 > event.at.0.saturating_sub(longest));
    let host = FixedState::with_seed(0).hash_one(event.host.to_string());
    if trail.attempts.iter().any(|attempt| attempt.host == host && attempt.category == category) {
        return Vec::new();
    }
    if trail.attempts.len() >= MOST_HOSTS {
        trail.attempts.remove(0);
    }
    trail.attempts.push(Attempt { at: event.at, category, host });
    let counts = |rule: &&Blocked| {
        let from = event.at.0.saturating_sub(rule.within_ms);
        let inside = trail.attempts.iter().filter(|attempt| attempt.at.0 > from);
        let hosts = inside.filter(|attempt| rule.categories.contains(attempt.category)).count();
        rule.categories.contains(category) && u32::try_from(hosts).is_ok_and(|hosts| hosts >= rule.times)
    };
    rules.blocked.iter().filter(counts).collect()
}
