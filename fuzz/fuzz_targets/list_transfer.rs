//! Any bytes as what a server of a zone answers to the question for it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::transfers::transfer(bytes));
