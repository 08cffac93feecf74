//! Any bytes as what an upstream answers.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::wires::upstream(bytes));
