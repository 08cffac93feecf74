//! Any bytes as a pack of evidence.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::packs::verify(bytes));
