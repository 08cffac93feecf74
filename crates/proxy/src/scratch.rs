//! One buffer for each thread, for bytes that are read and passed on in the same breath: idle connections hold none.

use std::cell::Cell;

/// Measured as the best trade between calls and the processor's nearest memory.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Lends the thread's buffer, [`SCRATCH_BYTES`] long, with whatever was in it. A loan within a loan gets a new one.
pub(crate) fn with_scratch<T>(borrow: impl FnOnce(&mut [u8]) -> T) -> T {
    let mut scratch = SCRATCH.take();
    scratch.resize(SCRATCH_BYTES, 0);
    let result = borrow(&mut scratch);
    SCRATCH.set(scratch);
    result
}
