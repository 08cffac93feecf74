//! Any bytes as a table of people, separated by commas or anything else.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::rosters::csv(bytes));
