//! Any bytes as DNS over HTTPS: as a connection, as a parameter, as a body, as a path.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::https::request(bytes));
