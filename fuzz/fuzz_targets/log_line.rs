//! Any bytes as a line of a log, and what the detectors make of it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::logs::line(bytes));
