//! Any bytes as what a client writes on a TCP connection.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::wires::stream(bytes));
