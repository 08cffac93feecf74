//! Any bytes as JSON of OneRoster and of Wonde.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::rosters::json(bytes));
