//! Searches that hold what must not stand in an address: kept here under an id that says nothing, for whoever made them.
//!
//! Left out: searches of nothing private; those stand in the address. Kept in memory alone: after a restart a search is
//! made again.
//!
//! Invariants: nobody but its maker finds a search; at most 1,024 are kept, 64 of one person, each for 12 hours.

use crate::AppError;
use crate::views::HistoryFilter;
use model::{Actor, Timestamp};
use std::collections::VecDeque;

/// The most searches that are kept.
const MOST: usize = 1_024;
/// The most of one person's.
const MOST_OF_ONE: usize = 64;
/// How long one is kept: a working day, as long as a session.
const KEPT_MS: i64 = 12 * 3_600_000;

/// The kept searches, oldest first.
#[derive(Default)]
pub(crate) struct Looks(VecDeque<Look>);

struct Look {
    id: String,
    owner: String,
    asked: Search,
    at: Timestamp,
}

/// What somebody searches for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Search {
    /// The form as it was filled in; around a request: the reason alone.
    pub(crate) filter: HistoryFilter,
    /// The request around which is looked, where that is what was asked for: its event, as links carry it.
    pub(crate) around: Option<String>,
}

impl From<HistoryFilter> for Search {
    fn from(filter: HistoryFilter) -> Self {
        Self { filter, around: None }
    }
}

impl Looks {
    /// Keeps a search; its id: 32 hexadecimal digits of the machine's randomness.
    pub(crate) fn keep(
        &mut self,
        actor: &Actor,
        asked: impl Into<Search>,
        now: Timestamp,
    ) -> Result<String, AppError> {
        let owner = actor.to_string();
        self.0.retain(|look| look.at.plus_ms(KEPT_MS) > now);
        if self.0.iter().filter(|look| look.owner == owner).count() >= MOST_OF_ONE
            && let Some(oldest) = self.0.iter().position(|look| look.owner == owner)
        {
            self.0.remove(oldest);
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        let bytes = identity::random_bytes::<16>()?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.push_back(Look { id: id.clone(), owner, asked: asked.into(), at: now });
        Ok(id)
    }

    /// The search of this id, where this person made it.
    pub(crate) fn find(&self, actor: &Actor, id: &str, now: Timestamp) -> Option<Search> {
        let owner = actor.to_string();
        let is_it = |look: &&Look| look.id == id && look.owner == owner && look.at.plus_ms(KEPT_MS) > now;
        self.0.iter().find(is_it).map(|look| look.asked.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody(name: &str) -> Actor {
        Actor::CommandLine { user: name.to_owned() }
    }

    fn filter(person: &str) -> HistoryFilter {
        HistoryFilter { person: person.to_owned(), ..HistoryFilter::default() }
    }

    #[test]
    fn a_search_is_found_by_its_maker_alone_and_for_half_a_day() {
        let (mut looks, one, other) = (Looks::default(), somebody("one"), somebody("other"));
        let id = looks.keep(&one, filter("amara"), Timestamp(0)).unwrap();
        assert_eq!(looks.find(&one, &id, Timestamp(1)), Some(filter("amara").into()));
        assert_eq!(looks.find(&other, &id, Timestamp(1)), None);
        assert_eq!(looks.find(&one, &id, Timestamp(KEPT_MS)), None);
        assert_eq!(looks.find(&one, "", Timestamp(1)), None);
    }

    #[test]
    fn nobody_crowds_out_the_others() {
        let (mut looks, one, other) = (Looks::default(), somebody("one"), somebody("other"));
        let kept = looks.keep(&other, filter("wesley"), Timestamp(0)).unwrap();
        for _ in 0..MOST {
            looks.keep(&one, filter("amara"), Timestamp(0)).unwrap();
        }
        assert!(looks.find(&other, &kept, Timestamp(1)).is_some());
        assert_eq!(looks.0.len(), MOST_OF_ONE + 1);
    }
}
