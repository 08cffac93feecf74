//! The head of a syslog message: RFC 5424, and RFC 3164 as devices really write it.

use super::fields::Fields;
use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use model::Timestamp;

/// What a message's sender says is severe where it says nothing: notice (RFC 5424, section 6.2.1).
pub(crate) const NOTICE: u8 = 5;
/// How far a sender's clock may be from ours before ours counts.
const FAR_MS: i64 = 24 * 3_600_000;
/// The most elements of structured data that are looked at.
const MOST_ELEMENTS: usize = 16;

/// A message with its head taken off.
pub(crate) struct Syslog<'a> {
    /// 0 emergency to 7 debug.
    pub severity: u8,
    /// When it happened.
    pub at: Timestamp,
    /// The program that wrote it.
    pub program: &'a str,
    /// Structured data.
    pub fields: Fields,
    /// The rest.
    pub message: &'a str,
}

/// Reads a message; whatever does not fit is part of the message's text. `zone`: of times without one.
pub(crate) fn read<'a>(line: &'a str, received: Timestamp, zone: &TimeZone) -> Syslog<'a> {
    let nothing =
        Syslog { severity: NOTICE, at: received, program: "", fields: Fields::default(), message: line };
    let Some((severity, rest)) = priority(line) else { return nothing };
    let read = modern(rest, received).or_else(|| older(rest, received, zone));
    read.map_or(Syslog { severity, message: rest, ..nothing }, |read| Syslog { severity, ..read })
}

/// `<PRI>`, up to 191.
fn priority(line: &str) -> Option<(u8, &str)> {
    let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
    let number: u8 = (number.len() <= 3).then(|| number.parse().ok())??;
    (number <= 191).then_some((number & 7, rest))
}

/// RFC 5424: `1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG`.
fn modern(rest: &str, received: Timestamp) -> Option<Syslog<'_>> {
    let rest = rest.strip_prefix("1 ")?;
    let mut parts = rest.splitn(6, ' ');
    let (time, _host, program) = (parts.next()?, parts.next()?, parts.next()?);
    let (_process, _id, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (fields, message) = structured(rest);
    let message = message.strip_prefix('\u{feff}').unwrap_or(message);
    let at = Timestamp::parse(time).map_or(received, |at| near(at, received));
    Some(Syslog { severity: NOTICE, at, program, fields, message })
}

/// Structured data and what follows it; without its end all of it is the message.
fn structured(text: &str) -> (Fields, &str) {
    if let Some(rest) = text.strip_prefix('-') {
        return (Fields::default(), rest.trim_start());
    }
    let (mut fields, mut rest) = (Fields::default(), text);
    for _ in 0..MOST_ELEMENTS {
        let Some(inside) = rest.strip_prefix('[') else { break };
        let Some(end) = element_end(inside) else { return (fields, rest) };
        let (element, after) = inside.split_at(end);
        fields.take_pairs(element);
        rest = after.strip_prefix(']').unwrap_or(after);
    }
    (fields, rest.trim_start())
}

/// Where an element ends: at the first `]` that is neither quoted nor escaped.
fn element_end(inside: &str) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, sign) in inside.char_indices() {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            ']' if !is_quoted => return Some(place),
            _ => {}
        }
    }
    None
}

/// RFC 3164: `Mmm dd hh:mm:ss HOST TAG: MSG`, also with a time as in RFC 3339, a year, or no host.
fn older<'a>(rest: &'a str, received: Timestamp, zone: &TimeZone) -> Option<Syslog<'a>> {
    let (at, rest) = older_time(rest, received, zone)?;
    let (first, after) = rest.split_once(' ').unwrap_or(("", rest));
    // A tag ends in a colon; without a host it comes first.
    let body = if first.ends_with(':') || is_payload(first) { rest } else { after };
    let (tag, message) = match body.split_once(": ") {
        Some((tag, message)) if is_tag(tag) => (tag, message),
        _ => ("", body),
    };
    let program = tag.split('[').next().unwrap_or(tag);
    Some(Syslog { severity: NOTICE, at, program, fields: Fields::default(), message: message.trim_start() })
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && !text.contains([' ', '=', '|', '{'])
}

/// True for what is plainly no host's name.
fn is_payload(word: &str) -> bool {
    word.contains(['=', '|', '{', '"'])
}

fn older_time<'a>(rest: &'a str, received: Timestamp, zone: &TimeZone) -> Option<(Timestamp, &'a str)> {
    let (first, after) = rest.split_once(' ')?;
    if let Some(at) = Timestamp::parse(first) {
        return Some((near(at, received), after));
    }
    let month = month(first)?;
    let (day, after) = after.trim_start().split_once(' ')?;
    let (mut time, mut after) = after.trim_start().split_once(' ')?;
    let mut year = None;
    if let Some(found) = time.parse::<i16>().ok().filter(|year| (1990..=9999).contains(year)) {
        year = Some(found);
        (time, after) = after.trim_start().split_once(' ')?;
    }
    let time: Time = time.trim_end_matches(':').parse().ok()?;
    let day: i8 = day.parse().ok()?;
    let here = received.to_jiff().to_zoned(zone.clone());
    let at = match year {
        Some(year) => in_zone(Date::new(year, month, day).ok()?.to_datetime(time), zone)?,
        None => nearest_year(&here, (month, day, time), zone)?,
    };
    Some((near(at, received), after))
}

fn month(text: &str) -> Option<i8> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let place = MONTHS.iter().position(|month| *month == text)?;
    i8::try_from(place + 1).ok()
}

/// The time has no year: of the last, this and the next one, that which is nearest.
fn nearest_year(here: &Zoned, (month, day, time): (i8, i8, Time), zone: &TimeZone) -> Option<Timestamp> {
    let now = here.timestamp().as_millisecond();
    let years = [here.year() - 1, here.year(), here.year().saturating_add(1)].into_iter();
    let times = years.filter_map(|year| in_zone(Date::new(year, month, day).ok()?.to_datetime(time), zone));
    times.min_by_key(|at| at.0.abs_diff(now))
}

fn in_zone(at: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = at.to_zoned(zone.clone()).ok()?;
    Some(Timestamp(zoned.timestamp().as_millisecond()))
}

/// A sender's clock counts where it is within a day of ours.
pub(crate) fn near(at: Timestamp, received: Timestamp) -> Timestamp {
    if at.0.abs_diff(received.0) <= FAR_MS.unsigned_abs() { at } else { received }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn received() -> Timestamp {
        Timestamp::parse("2026-01-01T00:10:00Z").unwrap()
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn reading(line: &str) -> (u8, String, String, String) {
        let read = read(line, received(), &london());
        (read.severity, read.at.to_string(), read.program.to_owned(), read.message.to_owned())
    }

    #[test]
    fn messages_of_both_forms_are_read_with_their_time_program_and_text() {
        let at = "2026-01-01T00:05:00Z";
        for (line, severity, when, program, message) in [
            ("<34>1 2026-01-01T00:05:00Z dc1 sshd 12 - - hello", 2, at, "sshd", "hello"),
            (
                "<34>1 2026-01-01T01:05:00+01:00 dc1 sshd 12 ID [a@1 k=\"v\\]\"] \u{feff}hello",
                2,
                at,
                "sshd",
                "hello",
            ),
            ("<13>Jan  1 00:05:00 dc1 sshd[12]: hello: there", 5, at, "sshd", "hello: there"),
            ("<13>Jan 01 2026 00:05:00: hello", 5, at, "", "hello"),
            ("<13>2026-01-01T00:05:00Z dc1 app: hello", 5, at, "app", "hello"),
            // The year that is not said is last year's.
            ("<13>Dec 31 23:55:00 dc1 app: hello", 5, "2025-12-31T23:55:00Z", "app", "hello"),
            // A clock that stands far away does not count.
            ("<13>Jun  1 00:05:00 dc1 app: hello", 5, "2026-01-01T00:10:00Z", "app", "hello"),
            (
                "<13>date=2026-01-01 srcip=10.0.0.1",
                5,
                "2026-01-01T00:10:00Z",
                "",
                "date=2026-01-01 srcip=10.0.0.1",
            ),
            ("no head at all", 5, "2026-01-01T00:10:00Z", "", "no head at all"),
            ("<192>out of range", 5, "2026-01-01T00:10:00Z", "", "<192>out of range"),
        ] {
            let expected = (severity, when.to_owned(), program.to_owned(), message.to_owned());
            assert_eq!(reading(line), expected, "{line}");
        }
    }

    #[test]
    fn structured_data_is_read_as_fields() {
        let line = "<34>1 - - app - - [x@1 src=\"10.0.0.1\" quote=\"a \\\"b\\]\"][y@1 dpt=\"22\"] text";
        let read = read(line, received(), &london());
        assert_eq!(read.fields.get(&["src"]), Some("10.0.0.1"));
        assert_eq!((read.fields.get(&["quote"]), read.fields.get(&["dpt"])), (Some("a \"b]"), Some("22")));
        assert_eq!(read.message, "text");
    }

    proptest! {
        #[test]
        fn no_line_stops_the_reader(line in "\\PC{0,200}", head in "(<[0-9]{1,3}>)?(1 |Jan  1 00:00:0[0-9] )?(\\[[a-z@\"=\\\\\\]]{0,20})?") {
            let line = format!("{head}{line}");
            let read = read(&line, received(), &london());
            prop_assert!(read.severity <= 7 && read.at.0.abs_diff(received().0) <= FAR_MS.unsigned_abs());
        }
    }
}
