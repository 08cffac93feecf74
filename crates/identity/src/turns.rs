//! Turns to hash a password: as many at once as there are threads for it, and fair between zones, so that whoever floods the
//! gate from outside waits behind their own flood while a classroom signs in.
//!
//! Each zone (a network of the school; people who are signed in; everything outside as one) has a queue of its own, and the zones take turns. Who would
//! wait longer than [`LONGEST_WAIT_MS`] is told so at once; who waited so long after all is told then.
//!
//! Left out on purpose: hashing itself and threads. A turn is handed over by calling back; a [`HashingTurn`] that is dropped
//! passes on to the next.
//!
//! Invariants: never more turns than threads; every queue is bounded; every waiter is called exactly once.

use model::{Clock, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Nobody waits longer for a turn.
pub const LONGEST_WAIT_MS: i64 = 2_000;
/// The most that wait in all zones together.
const MOST_WAITING: usize = 1_024;
/// What a hash is taken to last before one was measured.
const FIRST_GUESS_MS: i64 = 80;

/// Whose queue somebody waits in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HashingZone {
    /// A network of the school, by any number that tells it from others.
    Inside(u32),
    /// Whoever is signed in already, and the machine itself.
    SignedIn,
    /// Everything else.
    Outside,
}

/// There are too many: try again in a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("expected a turn to hash within {LONGEST_WAIT_MS} ms, found too many before it")]
pub struct TooBusy;

/// What is called when it is somebody's turn, or never will be.
type Waiter = Box<dyn FnOnce(Result<HashingTurn, TooBusy>) + Send>;

/// The turns of a running program. A clone is another handle on the same ones.
#[derive(Clone)]
pub struct HashingTurns(Arc<Inner>);

struct Inner {
    clock: Clock,
    threads: usize,
    state: Mutex<State>,
}

/// A turn. Hash while you hold it, then drop it.
#[must_use = "the turn passes on when it is dropped"]
pub struct HashingTurn {
    turns: HashingTurns,
    begun: Timestamp,
}

impl std::fmt::Debug for HashingTurns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HashingTurns({} threads)", self.0.threads)
    }
}

impl std::fmt::Debug for HashingTurn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashingTurn")
    }
}

impl HashingTurns {
    /// So many at once; at least one.
    pub fn new(threads: usize, clock: Clock) -> Self {
        let state = State { free: threads.max(1), usual_ms: FIRST_GUESS_MS, zones: Zones::default() };
        Self(Arc::new(Inner { clock, threads: threads.max(1), state: Mutex::new(state) }))
    }

    /// Asks for a turn. The waiter is called at once where one is free or where it would wait too long, and otherwise when
    /// the turn comes, by whoever drops the one before.
    pub fn ask(&self, zone: HashingZone, waiter: impl FnOnce(Result<HashingTurn, TooBusy>) + Send + 'static) {
        let at = self.0.clock.now();
        let mut state = self.state();
        if state.free > 0 {
            state.free -= 1;
            drop(state);
            waiter(Ok(HashingTurn { turns: self.clone(), begun: at }));
            return;
        }
        if state.would_wait_ms(zone, self.0.threads) > LONGEST_WAIT_MS || state.zones.waiting >= MOST_WAITING
        {
            drop(state);
            waiter(Err(TooBusy));
            return;
        }
        state.zones.push(zone, (at, Box::new(waiter)));
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.state().zones.waiting
    }

    /// After a turn: the next waiter, or a free thread.
    fn pass_on(&self, begun: Timestamp) {
        let at = self.0.clock.now();
        loop {
            let next = {
                let mut state = self.state();
                let took = at.0.saturating_sub(begun.0).clamp(1, 60_000);
                state.usual_ms = (state.usual_ms * 7 + took) / 8;
                let next = state.zones.pop();
                state.free += usize::from(next.is_none());
                next
            };
            match next {
                // Called without the lock: it may ask again.
                Some((since, waiter)) if at.0.saturating_sub(since.0) > LONGEST_WAIT_MS => {
                    waiter(Err(TooBusy))
                }
                Some((_, waiter)) => {
                    waiter(Ok(HashingTurn { turns: self.clone(), begun: at }));
                    return;
                }
                None => return,
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HashingTurn {
    fn drop(&mut self) {
        self.turns.pass_on(self.begun);
    }
}

struct State {
    free: usize,
    /// What a hash lasts, as the last eight or so did.
    usual_ms: i64,
    zones: Zones,
}

impl State {
    /// How long the next of this zone would wait: its own queue, and of each other zone at most as many.
    fn would_wait_ms(&self, zone: HashingZone, threads: usize) -> i64 {
        let own = self.zones.queues.get(&zone).map_or(0, VecDeque::len);
        let others = self.zones.queues.iter().filter(|(other, _)| **other != zone);
        let before = own + others.map(|(_, queue)| queue.len().min(own + 1)).sum::<usize>();
        let rounds = i64::try_from(before / threads + 1).unwrap_or(i64::MAX);
        rounds.saturating_mul(self.usual_ms)
    }
}

/// The queues, which take turns.
#[derive(Default)]
struct Zones {
    queues: BTreeMap<HashingZone, VecDeque<(Timestamp, Waiter)>>,
    /// Zones in which somebody waits, the next first.
    order: VecDeque<HashingZone>,
    waiting: usize,
}

impl Zones {
    fn push(&mut self, zone: HashingZone, waiter: (Timestamp, Waiter)) {
        let queue = self.queues.entry(zone).or_default();
        if queue.is_empty() {
            self.order.push_back(zone);
        }
        queue.push_back(waiter);
        self.waiting += 1;
    }

    fn pop(&mut self) -> Option<(Timestamp, Waiter)> {
        let zone = self.order.pop_front()?;
        let queue = self.queues.get_mut(&zone)?;
        let waiter = queue.pop_front()?;
        self.waiting -= 1;
        if queue.is_empty() {
            self.queues.remove(&zone);
        } else {
            self.order.push_back(zone);
        }
        Some(waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    type Told = (&'static str, Result<HashingTurn, TooBusy>);

    fn ask(turns: &HashingTurns, zone: HashingZone, name: &'static str, told: &Sender<Told>) {
        let told = told.clone();
        turns.ask(zone, move |turn| drop(told.send((name, turn))));
    }

    /// Takes turns as they come, each for so long; in which order.
    fn hash_all(told: &Receiver<Told>, clock: &Clock, each_ms: i64) -> Vec<&'static str> {
        let mut order = Vec::new();
        while let Ok((name, turn)) = told.try_recv() {
            clock.advance_ms(each_ms);
            order.push(if turn.is_ok() { name } else { "too busy" });
            drop(turn);
        }
        order
    }

    #[test]
    fn a_classroom_takes_turns_with_a_flood_from_outside() {
        let clock = Clock::fixed(Timestamp(0));
        let (turns, (told, tells)) = (HashingTurns::new(1, clock.clone()), channel());
        for _ in 0..20 {
            ask(&turns, HashingZone::Outside, "flood", &told);
        }
        for _ in 0..3 {
            ask(&turns, HashingZone::Inside(1), "class", &told);
        }
        let order = hash_all(&tells, &clock, 80);
        assert_eq!(
            order.get(..8).unwrap(),
            ["flood", "flood", "class", "flood", "class", "flood", "class", "flood"]
        );
        assert_eq!((order.len(), turns.waiting()), (23, 0));
    }

    #[test]
    fn a_flood_is_refused_at_once_when_its_own_queue_is_long_and_others_are_not() {
        let clock = Clock::fixed(Timestamp(0));
        let (turns, (told, tells)) = (HashingTurns::new(1, clock.clone()), channel());
        for _ in 0..1_000 {
            ask(&turns, HashingZone::Outside, "flood", &told);
        }
        assert!(turns.waiting() <= 25, "two seconds of 80 ms: {}", turns.waiting());
        ask(&turns, HashingZone::Inside(7), "class", &told);
        let taken = turns.waiting();
        assert!(taken <= 26);
        drop(told);
        let mut named = Vec::new();
        while let Ok((name, turn)) = tells.try_recv() {
            if turn.is_ok() {
                named.push(name);
            }
            clock.advance_ms(if turn.is_ok() { 80 } else { 0 });
        }
        assert_eq!(named.get(2), Some(&"class"), "{named:?}");
        assert_eq!(turns.waiting(), 0);
    }

    #[test]
    fn who_waited_too_long_after_all_is_told_so() {
        let clock = Clock::fixed(Timestamp(0));
        let (turns, (told, tells)) = (HashingTurns::new(1, clock.clone()), channel());
        for name in ["first", "second", "third"] {
            ask(&turns, HashingZone::Inside(1), name, &told);
        }
        assert_eq!(hash_all(&tells, &clock, 1_500), ["first", "second", "too busy"]);
        ask(&turns, HashingZone::Inside(1), "fourth", &told);
        assert_eq!(hash_all(&tells, &clock, 1), ["fourth"], "the thread is free again");
    }

    #[test]
    fn never_more_at_once_than_threads_and_everybody_is_called_once() {
        let clock = Clock::fixed(Timestamp(0));
        let (turns, (told, tells)) = (HashingTurns::new(3, clock.clone()), channel());
        for number in 0..30 {
            ask(&turns, HashingZone::Inside(number % 5), "one", &told);
        }
        let mut held = VecDeque::new();
        let mut served = 0;
        loop {
            held.extend(tells.try_iter().filter_map(|(_, turn)| turn.ok()));
            assert!(held.len() <= 3, "{}", held.len());
            if held.pop_front().is_none() {
                break;
            }
            served += 1;
            clock.advance_ms(10);
        }
        assert_eq!((served, turns.waiting()), (30, 0));
    }
}
