//! Having memory brought near before it is read, so that the reads of a batch are on their way at once.
//!
//! A hint and nothing more: no value is read, and an address that nobody may read does no harm.
#![expect(unsafe_code, reason = "the standard library has no stable word for it")]

const LINE_BYTES: usize = 64;
/// The most lines brought for one value; more would drive out what was brought for the value before.
const MOST_LINES: usize = 8;

/// Asks the processor to bring a value's bytes; nothing where it has no word for that.
#[inline]
pub fn prefetch<T: ?Sized>(value: &T) {
    let address = std::ptr::from_ref(value).cast::<i8>();
    for line in 0..size_of_val(value).div_ceil(LINE_BYTES).min(MOST_LINES) {
        bring(address.wrapping_add(line * LINE_BYTES));
    }
}

#[inline]
fn bring(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction reads nothing and never faults, whatever the address; every x86-64 processor has it.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above, and it changes neither flags nor the stack.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

#[cfg(test)]
mod tests {
    use super::prefetch;

    #[test]
    fn bringing_memory_near_leaves_it_as_it_is() {
        let bytes = vec![7_u8; 4096];
        prefetch(bytes.as_slice());
        bytes.iter().for_each(prefetch);
        prefetch(bytes.get(4096..).unwrap_or_default());
        assert!(bytes.iter().all(|byte| *byte == 7));
    }
}
