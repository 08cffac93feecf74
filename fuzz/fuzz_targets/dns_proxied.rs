//! Any bytes as what a proxy passes on, and behind a good PROXY header.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::wires::proxied(bytes));
