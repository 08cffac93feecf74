//! Any bytes as a list image, and an image of our own with damage done to it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::images::open(bytes));
