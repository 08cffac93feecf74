//! Any bytes as a list of the format `Domains`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policy::rules::ListFormat;

fuzz_target!(|bytes: &[u8]| schoolgate_fuzz::readers::read(ListFormat::Domains, bytes));
