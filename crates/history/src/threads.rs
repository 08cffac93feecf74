//! Work on many pieces in two threads, so that a search, or an append of many blocks, uses a second core where one is free.

use crate::HistoryError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Pieces that are worked on at once, by this many threads.
const THREADS: usize = 2;

/// Does something with each piece in two threads, and gives what came of it in their order. `worker` makes what a thread
/// needs again and again.
pub(crate) fn in_order<P: Sync, T: Send, W>(
    pieces: &[P],
    worker: impl Fn() -> Result<W, HistoryError> + Sync,
    work: impl Fn(&mut W, &P) -> Result<T, HistoryError> + Sync,
) -> Vec<Result<T, HistoryError>> {
    let run = |made: &mut Result<W, HistoryError>, piece: &P| match made {
        Ok(made) => work(made, piece),
        Err(_) => worker().and_then(|mut made| work(&mut made, piece)),
    };
    if pieces.len() < 2 {
        let mut made = worker();
        return pieces.iter().map(|piece| run(&mut made, piece)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(pieces.len()));
    let take = || {
        let mut made = worker();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(place) else { return };
            let outcome = run(&mut made, piece);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((place, outcome));
        }
    };
    thread::scope(|scope| {
        for _ in 1..THREADS.min(pieces.len()) {
            // Where the system has no thread to give, this one does it all.
            let _ = thread::Builder::new().name("history".into()).spawn_scoped(scope, take);
        }
        take();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_of_each_piece_is_given_in_their_order() {
        for many in [0, 1, 2, 50] {
            let pieces: Vec<u32> = (0..many).collect();
            let done = in_order(&pieces, || Ok(0u32), |_, piece| Ok(piece * 2));
            let done: Vec<u32> = done.into_iter().map(Result::unwrap).collect();
            assert_eq!(done, pieces.iter().map(|piece| piece * 2).collect::<Vec<_>>());
        }
    }
}
