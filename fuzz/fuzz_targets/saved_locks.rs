//! Any bytes as a saved lock-out.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::secrets::locks(bytes));
