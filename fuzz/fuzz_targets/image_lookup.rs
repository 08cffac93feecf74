//! Entries out of the bytes, and the image's answers beside those of a table that is looked through entry by entry.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::images::look_up(bytes));
