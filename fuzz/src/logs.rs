//! Lines of other systems: the reader understands them or not, and keeps to its bounds.

use intake::{Deed, Detectors, MOST_LINE_BYTES, read_line};
use jiff::tz::TimeZone;
use model::Timestamp;
use std::sync::Arc;
use std::sync::LazyLock;

const RECEIVED: Timestamp = Timestamp(1_795_348_800_000);
const DAY_MS: u64 = 86_400_000;

static ZONE: LazyLock<TimeZone> =
    LazyLock::new(|| TimeZone::get("Europe/London").expect("a zone that is compiled in"));

/// Reads the bytes as a line, twice alike, and hands the event to the detectors.
pub fn line(bytes: &[u8]) {
    let sender = Arc::from("fuzzed");
    let event = read_line(bytes, &sender, RECEIVED, &ZONE);
    assert!(event.line.len() <= MOST_LINE_BYTES && bytes.starts_with(&event.line));
    assert!(event.severity <= 7 && event.at.0.abs_diff(RECEIVED.0) <= DAY_MS);
    for name in event.account.iter().chain(&event.group) {
        assert!(!name.is_empty() && name.chars().count() <= 256, "{name:?}");
    }
    assert!(Deed::ALL.contains(&event.deed));
    assert_eq!(read_line(bytes, &sender, RECEIVED, &ZONE), event);
    Detectors::default().step(&[event]);
}
