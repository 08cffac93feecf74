//! Whether something keeps this machine's clock right, as the kernel knows it (adjtimex(2)).
#![expect(unsafe_code, reason = "a system call that no safe crate of ours offers")]

use intake::ClockKept;

/// What the kernel says. It is only asked, and nothing is set.
pub(crate) fn clock_kept() -> ClockKept {
    // SAFETY: every field of `timex` is a number, so all zeros is a value of it; its `modes` is then 0, which only asks.
    let mut asked: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `asked` is ours, lives through the call, and is as large as the kernel expects.
    let state = unsafe { libc::adjtimex(&raw mut asked) };
    match state {
        -1 => ClockKept::Unknown,
        _ if state == libc::TIME_ERROR || asked.status & libc::STA_UNSYNC != 0 => ClockKept::Unkept,
        _ => ClockKept::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_asked_and_gives_the_same_answer_twice() {
        assert_eq!(clock_kept(), clock_kept());
    }
}
