//! Times, sizes and links as screens write them.

use jiff::tz::TimeZone;
use model::{KnownBy, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// `22 November 2026, 10:15:03`, by the school's clock.
pub(crate) fn date_and_time(zone: &TimeZone, at: Timestamp) -> String {
    zone.to_datetime(at.to_jiff()).strftime("%-d %B %Y, %H:%M:%S").to_string()
}

/// `22 November 2026, 10:00`, by the school's clock.
pub(crate) fn date_and_hour(zone: &TimeZone, at: Timestamp) -> String {
    zone.to_datetime(at.to_jiff()).strftime("%-d %B %Y, %H:%M").to_string()
}

/// `22 November 2026`, by that clock.
pub(crate) fn date(zone: &TimeZone, at: Timestamp) -> String {
    zone.to_datetime(at.to_jiff()).strftime("%-d %B %Y").to_string()
}

/// `15:30`, by the school's clock.
pub(crate) fn time(zone: &TimeZone, at: Timestamp) -> String {
    zone.to_datetime(at.to_jiff()).strftime("%H:%M").to_string()
}

/// `2026-11-22`, by the school's clock: what a form's date field holds.
pub(crate) fn form_date(zone: &TimeZone, at: Timestamp) -> String {
    zone.to_datetime(at.to_jiff()).date().to_string()
}

/// The first millisecond of a date by the school's clock, as a form's date field holds it.
pub(crate) fn start_of_date(zone: &TimeZone, text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.trim().parse().ok()?;
    timestamp(date.to_zoned(zone.clone()).ok()?)
}

/// The first millisecond after a date by the school's clock.
pub(crate) fn end_of_date(zone: &TimeZone, text: &str) -> Option<Timestamp> {
    let date: jiff::civil::Date = text.trim().parse().ok()?;
    timestamp(date.tomorrow().ok()?.to_zoned(zone.clone()).ok()?)
}

/// The first millisecond of the school's day that `at` lies in; `at` itself where calendars end.
pub(crate) fn start_of_day(zone: &TimeZone, at: Timestamp) -> Timestamp {
    let date = zone.to_datetime(at.to_jiff()).date();
    date.to_zoned(zone.clone()).ok().and_then(timestamp).unwrap_or(at)
}

/// The last moment of the school's day that `at` lies in; `at` itself where calendars end.
pub(crate) fn end_of_day(zone: &TimeZone, at: Timestamp) -> Timestamp {
    let date = zone.to_datetime(at.to_jiff()).date();
    let tomorrow = date.tomorrow().ok().and_then(|day| day.to_zoned(zone.clone()).ok());
    tomorrow.and_then(timestamp).unwrap_or(at)
}

/// A date and time by the school's clock, as a form's time field holds it, with or without seconds.
pub(crate) fn moment(zone: &TimeZone, text: &str) -> Option<Timestamp> {
    let moment: jiff::civil::DateTime = text.trim().parse().ok()?;
    timestamp(moment.to_zoned(zone.clone()).ok()?)
}

fn timestamp(zoned: jiff::Zoned) -> Option<Timestamp> {
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// How somebody is known, and from when to when: `signed in on this device at 09:02, until 15:30`.
pub(crate) fn known(
    zone: &TimeZone,
    by: KnownBy,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> String {
    let mut words = match by {
        KnownBy::Proxy => "signed in to the proxy",
        KnownBy::Ticket => "signed in to the school\u{2019}s domain",
        KnownBy::SignIn => "signed in on this device",
        KnownBy::Radius => "signed in to the network",
        KnownBy::Device => "the device is lent to them",
        KnownBy::Named => "named in the question",
    }
    .to_owned();
    if let Some(since) = since {
        words.push_str(&format!(" at {}", time(zone, since)));
    }
    if let Some(until) = until {
        words.push_str(&format!(", until {}", time(zone, until)));
    }
    words
}

/// A path and query as somebody reads it: `%20` and, in the query, `+` are the characters that they stand for. What is no
/// text, and characters that would end a line or turn it round, are shown as a replacement character.
pub(crate) fn readable(path_and_query: &str) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut words = decoded(path);
    if !query.is_empty() {
        words.push('?');
        words.push_str(&decoded(&query.replace('+', " ")));
    }
    let turns = |letter: char| matches!(letter, '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    words
        .chars()
        .map(|letter| if letter.is_control() || turns(letter) { '\u{FFFD}' } else { letter })
        .collect()
}

/// Bytes in words: `512 bytes`, `1.5 KB`, `20 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, "KB");
    for next in UNITS.into_iter().skip(1) {
        if tenths < 10_000 {
            break;
        }
        (tenths, unit) = (tenths / 1_000, next);
    }
    match (tenths / 10, tenths % 10) {
        (whole, tenth) if whole < 10 && tenth > 0 => format!("{whole}.{tenth} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

/// A path with a query, every value encoded; empty values are left out.
pub(crate) fn link(path: &str, query: &[(&str, &str)]) -> String {
    let mut link = path.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        link.push(if link.contains('?') { '&' } else { '?' });
        link.push_str(name);
        link.push('=');
        link.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    #[test]
    fn a_date_in_summer_begins_an_hour_before_utc() {
        let start = start_of_date(&london(), "2026-07-01").unwrap();
        assert_eq!(start.to_string(), "2026-06-30T23:00:00Z");
        assert_eq!(end_of_date(&london(), " 2026-07-01 ").unwrap(), start.plus_ms(86_400_000));
        assert_eq!(end_of_day(&london(), start), start.plus_ms(86_400_000));
        assert_eq!(form_date(&london(), start), "2026-07-01");
        assert_eq!(moment(&london(), "2026-07-01T00:00"), Some(start));
        assert_eq!(date_and_time(&london(), start), "1 July 2026, 00:00:00");
        assert_eq!((start_of_date(&london(), "1 July"), moment(&london(), "noon")), (None, None));
    }

    #[test]
    fn a_search_is_read_as_it_was_typed_and_breaks_no_line() {
        for (path, words) in [
            ("/search?q=how+to%20sleep", "/search?q=how to sleep"),
            ("/a+b/%C3%A9", "/a+b/\u{e9}"),
            ("/?q=%0A%FF%E2%80%AE", "/?q=\u{fffd}\u{fffd}\u{fffd}"),
            ("", ""),
        ] {
            assert_eq!(readable(path), words, "{path}");
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1_500, "1.5 KB"),
            (20_000, "20 KB"),
            (999_999, "999 KB"),
            (1_200_000, "1.2 MB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_link_holds_any_value_as_it_is() {
        assert_eq!(
            link("/why", &[("who", "a&b"), ("at", ""), ("url", "x/?y")]),
            "/why?who=a%26b&url=x%2F%3Fy"
        );
    }
}
