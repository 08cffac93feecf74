//! Dates, ages and numbers as the console writes them: 22 November 2026, 10:15, 3 hours ago, 1,204.
//!
//! Times are the United Kingdom's: no school that Schoolgate is for lies elsewhere.

use model::Timestamp;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

fn local(at: Timestamp) -> jiff::Zoned {
    let zone = jiff::tz::TimeZone::get("Europe/London").unwrap_or(jiff::tz::TimeZone::UTC);
    at.to_jiff().to_zoned(zone)
}

/// `22 November 2026, 10:15`.
pub(crate) fn day_and_time(at: Timestamp) -> String {
    local(at).strftime("%-d %B %Y, %H:%M").to_string()
}

/// `2026-11-22`, for names of files.
pub(crate) fn iso_day(at: Timestamp) -> String {
    local(at).strftime("%Y-%m-%d").to_string()
}

/// `16 November 2026` of `2026-11-16`; the same text where it is no date.
pub(crate) fn iso_in_words(text: &str) -> String {
    let date: Result<jiff::civil::Date, _> = text.parse();
    date.map_or_else(|_| text.to_owned(), |date| date.strftime("%-d %B %Y").to_string())
}

/// How long before `now` something was: `3 hours ago`. What lies ahead, as a clock may have been set back, is `just now`.
pub(crate) fn age(now: Timestamp, then: Timestamp) -> String {
    let passed = now.0.saturating_sub(then.0);
    let (count, unit) = match passed {
        ..MINUTE_MS => return "just now".to_owned(),
        MINUTE_MS..HOUR_MS => (passed / MINUTE_MS, "minute"),
        HOUR_MS..DAY_MS => (passed / HOUR_MS, "hour"),
        _ => (passed / DAY_MS, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural} ago")
}

/// `1,204`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_out_in_school_time() {
        let summer = Timestamp::parse("2026-07-01T23:30:00Z").unwrap();
        assert_eq!(day_and_time(summer), "2 July 2026, 00:30");
        let winter = Timestamp::parse("2026-11-22T10:05:00Z").unwrap();
        assert_eq!(day_and_time(winter), "22 November 2026, 10:05");
        assert_eq!(iso_day(winter), "2026-11-22");
        assert_eq!(iso_in_words("2026-11-16"), "16 November 2026");
    }

    #[test]
    fn an_age_is_said_in_the_largest_whole_unit() {
        let now = Timestamp(10 * DAY_MS);
        for (passed_ms, words) in [
            (-5, "just now"),
            (59_999, "just now"),
            (MINUTE_MS, "1 minute ago"),
            (HOUR_MS - 1, "59 minutes ago"),
            (3 * HOUR_MS, "3 hours ago"),
            (DAY_MS, "1 day ago"),
            (9 * DAY_MS, "9 days ago"),
        ] {
            assert_eq!(age(now, now.plus_ms(-passed_ms)), words);
        }
    }

    #[test]
    fn a_number_is_grouped_by_thousands() {
        for (value, words) in [(0, "0"), (999, "999"), (1_204, "1,204"), (1_000_000, "1,000,000")] {
            assert_eq!(number(value), words);
        }
    }
}
