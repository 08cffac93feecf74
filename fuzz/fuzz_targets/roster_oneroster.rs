//! Any bytes as an archive of OneRoster, and as its table of users.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::rosters::one_roster(bytes));
