//! So many turns for each of those who ask for them, who wait while they have all of theirs.
//!
//! Left out: how many there are in all, which whoever gives them bounds. Where nobody is to wait there are
//! [`model::Shares`].

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of turns for each; it remembers nobody but who has one or waits for one.
#[derive(Debug)]
pub(crate) struct Turns<K> {
    each: usize,
    of: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Eq + Hash> Turns<K> {
    /// `each` turns for everybody.
    pub(crate) fn new(each: usize) -> Self {
        Self { each, of: Mutex::default() }
    }

    /// A turn, in the order of asking; it goes back when it is dropped. `None`: never.
    pub(crate) async fn take(&self, whose: K) -> Option<OwnedSemaphorePermit> {
        let own = {
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            if !of.contains_key(&whose) {
                // Who has a turn or waits for one has a part in it.
                of.retain(|_, turns| Arc::strong_count(turns) > 1);
            }
            Arc::clone(of.entry(whose).or_insert_with(|| Arc::new(Semaphore::new(self.each))))
        };
        own.acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::Poll;

    #[tokio::test]
    async fn whoever_has_all_turns_waits_and_nobody_else_and_who_is_done_is_forgotten() {
        let turns = Turns::new(2);
        let held = (turns.take("ash").await, turns.take("ash").await);
        let mut third = pin!(turns.take("ash"));
        assert!(matches!(futures_util::poll!(third.as_mut()), Poll::Pending));
        assert!(turns.take("elm").await.is_some());
        drop(held);
        assert!(third.await.is_some());
        assert!(turns.take("oak").await.is_some());
        assert_eq!(turns.of.lock().unwrap().len(), 1);
    }
}
