//! Any bytes as whatever somebody may type, scan or send to sign in.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::secrets::typed(bytes));
