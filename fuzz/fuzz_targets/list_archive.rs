//! Any bytes as a UT1 archive, and as an archive of host files, through a whole update.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::archives::update(bytes));
