//! The memory that a hash works in, used again by the next.
//!
//! It is 19 MiB, aligned. Asking the allocator for it at each sign-in and giving it back makes a program grow with glibc
//! before 2.38, which often cannot use again what was aligned (sourceware bug 14581): by 19 MiB a sign-in, without end.
//!
//! Invariants: what is kept was wiped; as much is kept as hashed at once, at most [`MOST_KEPT`] times; other sizes than the
//! usual, which a stored hash may ask for, are never kept.

use argon2::Block;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// More are never kept.
const MOST_KEPT: usize = 64;

static KEPT: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

/// Hashes in so many blocks of 1 KiB. `usual` is the number that today's hashes need.
pub(crate) fn in_memory<T>(blocks: usize, usual: usize, hash: impl FnOnce(&mut [Block]) -> T) -> T {
    if blocks != usual {
        return hash(&mut vec![Block::new(); blocks]);
    }
    let reused = kept().pop();
    let mut memory = reused.unwrap_or_else(|| vec![Block::new(); usual]);
    let hashed = hash(&mut memory);
    memory.fill(Block::new());
    let mut kept = kept();
    if kept.len() < MOST_KEPT {
        kept.push(memory);
    }
    hashed
}

fn kept() -> MutexGuard<'static, Vec<Vec<Block>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}
