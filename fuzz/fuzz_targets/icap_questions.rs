//! Any bytes as what another proxy writes on its connection by ICAP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::icap::questions(bytes));
