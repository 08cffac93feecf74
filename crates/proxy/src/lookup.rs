//! Looking names up with the system's resolver, which waits on a thread of its own and cannot be told to stop.
//!
//! Invariants: no more threads wait than there are turns, however long names take to answer and whoever gave them up;
//! nobody has all the turns; equal lookups are one; what was found is kept for moments only, and of so many names at most.

use crate::turns::Turns;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch::{self, Receiver};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lookups at once: half of the threads that the whole program has for what waits.
const AT_ONCE: usize = 256;
/// Lookups at once for one asker.
const AT_ONCE_FOR_ONE: usize = 32;
/// For a turn and the answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer and a failure are kept; the resolver behind has its own, longer memory.
const KEEP: Duration = Duration::from_secs(5);
const MOST_KEPT: usize = 4_096;

/// How a name is looked up: its addresses, in order. It may wait.
pub type SystemLookup = fn(&str) -> io::Result<Vec<IpAddr>>;

/// Who a lookup is for: a client's address, or the gate itself.
pub(crate) type Asker = Option<IpAddr>;

/// Why there are no addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LookupFault {
    NoSuchName,
    TooSlow,
}

/// Names that are being looked up, and those that were a moment ago.
#[derive(Debug)]
pub(crate) struct Lookups {
    system: SystemLookup,
    names: Arc<Mutex<Names>>,
    turns: Arc<Semaphore>,
    turns_of: Turns<Asker>,
}

type Names = HashMap<Box<str>, Receiver<Looked>>;

/// What became of a lookup.
#[derive(Clone, Debug)]
enum Looked {
    NotYet,
    Found(Arc<[IpAddr]>),
    Nothing,
}

/// The right to keep a thread waiting, out of the asker's own and out of all.
struct Turn(
    #[expect(dead_code, reason = "held, and given back when it is dropped")] [OwnedSemaphorePermit; 2],
);

impl Default for Lookups {
    fn default() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }
}

impl Lookups {
    pub(crate) fn new(system: SystemLookup) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { system, names: Arc::default(), turns, turns_of: Turns::new(AT_ONCE_FOR_ONE) }
    }

    /// The addresses of a name, in the resolver's order; within five seconds.
    pub(crate) async fn addresses(&self, name: &str, asker: Asker) -> Result<Arc<[IpAddr]>, LookupFault> {
        let looked = tokio::time::timeout(TIMEOUT, self.look_up(name, asker)).await;
        match looked.map_err(|_| LookupFault::TooSlow)? {
            Looked::Found(addresses) => Ok(addresses),
            Looked::NotYet | Looked::Nothing => Err(LookupFault::NoSuchName),
        }
    }

    async fn look_up(&self, name: &str, asker: Asker) -> Looked {
        let begun = self.names().get(name).cloned();
        let mut looked = match begun {
            Some(begun) => begun,
            None => {
                let Some(turn) = self.turn(asker).await else { return Looked::Nothing };
                self.begin(name, turn)
            }
        };
        let ended = looked.wait_for(|looked| !matches!(looked, Looked::NotYet)).await;
        ended.map_or(Looked::Nothing, |looked| looked.clone())
    }

    async fn turn(&self, asker: Asker) -> Option<Turn> {
        let own = self.turns_of.take(asker).await?;
        let one_of_all = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some(Turn([own, one_of_all]))
    }

    /// Begins a lookup, unless somebody did while this one waited for its turn.
    fn begin(&self, name: &str, turn: Turn) -> Receiver<Looked> {
        let mut names = self.names();
        if let Some(begun) = names.get(name) {
            return begun.clone();
        }
        let (ended, looked) = watch::channel(Looked::NotYet);
        names.insert(name.into(), looked.clone());
        let (system, all, name) = (self.system, Arc::clone(&self.names), Box::<str>::from(name));
        tokio::spawn(async move {
            let asked = name.clone();
            // The turn ends with the thread's waiting, not with whoever waited for it.
            let found = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                system(&asked)
            });
            let looked = match found.await {
                Ok(Ok(addresses)) => Looked::Found(addresses.into()),
                Ok(Err(_)) | Err(_) => Looked::Nothing,
            };
            ended.send_replace(looked);
            if locked(&all).len() <= MOST_KEPT {
                tokio::time::sleep(KEEP).await;
            }
            locked(&all).remove(&name);
        });
        looked
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        locked(&self.names)
    }
}

fn locked(names: &Mutex<Names>) -> MutexGuard<'_, Names> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::task::JoinSet;

    /// What one test sees and rules of its lookups.
    struct Stage {
        begun: AtomicUsize,
        /// A permit for each of them.
        beginnings: Semaphore,
        may_end: (Mutex<bool>, Condvar),
    }

    impl Stage {
        const fn new() -> Self {
            let may_end = (Mutex::new(false), Condvar::new());
            Self { begun: AtomicUsize::new(0), beginnings: Semaphore::const_new(0), may_end }
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    static STAGES: [Stage; 3] = [const { Stage::new() }; 3];

    /// Names do not answer as long as this value lives.
    struct Silence(&'static Stage);

    impl Drop for Silence {
        fn drop(&mut self) {
            *self.0.may_end.0.lock().unwrap() = true;
            self.0.may_end.1.notify_all();
        }
    }

    fn system<const STAGE: usize>(name: &str) -> io::Result<Vec<IpAddr>> {
        let Stage { begun, beginnings, may_end: (may_end, ended) } = &STAGES[STAGE];
        begun.fetch_add(1, Ordering::SeqCst);
        beginnings.add_permits(1);
        if name.ends_with("silent.test") {
            drop(ended.wait_while(may_end.lock().unwrap(), |may_end| !*may_end).unwrap());
        }
        if name == "missing.test" {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(vec![IpAddr::from([198, 51, 100, 1])])
    }

    fn asker(last: u8) -> Asker {
        Some(IpAddr::from([10, 0, 0, last]))
    }

    /// Lets the time pass until nobody waits any more.
    async fn all_given_up(waiting: &mut JoinSet<Result<Arc<[IpAddr]>, LookupFault>>) {
        while !waiting.is_empty() {
            tokio::time::advance(TIMEOUT).await;
            while let Some(given_up) = waiting.try_join_next() {
                assert_eq!(given_up.unwrap().unwrap_err(), LookupFault::TooSlow);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn names_that_never_answer_take_one_askers_turns_and_nobody_elses() {
        let silence = Silence(&STAGES[0]);
        let lookups = Arc::new(Lookups::new(system::<0>));
        let mut waiting = JoinSet::new();
        for number in 0..600 {
            let lookups = Arc::clone(&lookups);
            waiting.spawn(async move { lookups.addresses(&format!("{number}.silent.test"), asker(1)).await });
        }
        let _begun = STAGES[0].beginnings.acquire_many(32).await.unwrap();
        assert_eq!(lookups.addresses("found.test", asker(2)).await.unwrap().len(), 1);
        all_given_up(&mut waiting).await;
        // All were given up, and none has ended.
        assert_eq!(STAGES[0].begun(), AT_ONCE_FOR_ONE + 1);
        assert_eq!(lookups.turns.available_permits(), AT_ONCE - AT_ONCE_FOR_ONE);
        drop(silence);
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_keep_half_of_the_threads_waiting_at_most() {
        let silence = Silence(&STAGES[1]);
        let lookups = Arc::new(Lookups::new(system::<1>));
        let mut waiting = JoinSet::new();
        for number in 0..600_u16 {
            let lookups = Arc::clone(&lookups);
            let asker = asker(u8::try_from(number % 30).unwrap());
            waiting.spawn(async move { lookups.addresses(&format!("{number}.silent.test"), asker).await });
        }
        all_given_up(&mut waiting).await;
        assert_eq!(lookups.turns.available_permits(), 0);
        assert!(STAGES[1].begun() <= AT_ONCE);
        drop(silence);
    }

    #[tokio::test(start_paused = true)]
    async fn equal_lookups_are_one_and_what_it_found_is_kept_for_a_moment() {
        let lookups = Lookups::new(system::<2>);
        for (round, begun) in [(1, 2), (2, 2)] {
            for _ in 0..3 {
                assert!(lookups.addresses("found.test", asker(1)).await.is_ok(), "{round}");
                assert_eq!(
                    lookups.addresses("missing.test", None).await.unwrap_err(),
                    LookupFault::NoSuchName
                );
            }
            assert_eq!(STAGES[2].begun(), begun, "{round}");
        }
        tokio::time::sleep(KEEP * 2).await;
        assert!(lookups.names().is_empty());
        assert!(lookups.addresses("found.test", asker(1)).await.is_ok());
        assert_eq!(STAGES[2].begun(), 3);
        assert_eq!(lookups.turns.available_permits(), AT_ONCE);
    }
}
