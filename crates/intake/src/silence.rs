//! Silence is an event: what should be heard from by a certain time, and was not.
//!
//! One table for everything that speaks by itself: senders of logs, lists, the history, the mail relay. Whoever knows when
//! each was last heard of fills it in; the rule is the same.
//!
//! Left out so far: a calendar of holidays. What is expected in school hours alone is expected on a weekday of the holidays
//! as well.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};
use model::{Alert, AlertKind, AlertSubject, Severity, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

const MINUTE_MS: i64 = 60_000;
/// The most days that are looked at for school hours; longer silences are long enough.
const MOST_DAYS: usize = 62;

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Watched {
    /// A sender of logs.
    LogSender,
    /// A filter list's source.
    List,
    /// A source of illegal-content entries.
    IllegalList,
    /// The recording of requests.
    History,
    /// The mail relay.
    Mail,
}

impl Watched {
    fn rule(self) -> (&'static str, Severity, &'static str) {
        match self {
            Self::LogSender => {
                ("silence.log-sender", Severity::Medium, "Nothing comes from a sender of logs")
            }
            Self::List => ("silence.list", Severity::Medium, "A filter list could not be read"),
            Self::IllegalList => {
                ("silence.illegal-list", Severity::High, "A list of illegal content could not be read")
            }
            Self::History => ("silence.history", Severity::Medium, "No request was recorded"),
            Self::Mail => ("silence.mail", Severity::High, "The mail relay takes no mail of ours"),
        }
    }
}

/// When something counts as silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExpectedIn {
    /// At any time.
    AllHours,
    /// In school hours; the time outside them does not count.
    SchoolHours,
}

/// One line of the table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expected {
    /// What is watched.
    pub what: Watched,
    /// Its name in the configuration or the policy; empty where there is only one.
    pub name: Arc<str>,
    /// When it was last heard of; `None`: not since the start.
    pub last: Option<Timestamp>,
    /// The longest time between two signs of life; 0: it was too long already.
    pub within_minutes: u32,
    /// When they are expected.
    pub expected_in: ExpectedIn,
}

/// When the school works: these days, from one minute of the day until another.
#[derive(Clone, Debug)]
pub struct SchoolHours {
    /// The school's time zone.
    pub zone: TimeZone,
    /// From this minute of the day, inclusive.
    pub from_minute: u16,
    /// Until this minute of the day, exclusive.
    pub until_minute: u16,
}

impl SchoolHours {
    /// How much of the time between two moments is within school hours, Monday to Friday.
    fn between_ms(&self, from: Timestamp, until: Timestamp) -> i64 {
        let first = from.to_jiff().to_zoned(self.zone.clone()).date();
        let days = first.series(1.day()).take(MOST_DAYS).map(|day| self.of_day(day));
        let open = days.take_while(|hours| hours.as_ref().is_none_or(|(opens, _)| *opens < until.0));
        open.flatten().map(|(opens, closes)| (closes.min(until.0) - opens.max(from.0)).max(0)).sum()
    }

    /// From when until when it works on a day, where it does; a day whose hours the calendar does not have is none.
    fn of_day(&self, day: Date) -> Option<(i64, i64)> {
        if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let midnight: Zoned = day.to_zoned(self.zone.clone()).ok()?;
        let at = |minute: u16| {
            let time = midnight.datetime().checked_add(i64::from(minute).minutes()).ok()?;
            Some(time.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond())
        };
        Some((at(self.from_minute)?, at(self.until_minute)?))
    }
}

/// What is silent now.
#[derive(Debug)]
pub struct Silences {
    started: Timestamp,
    silent: BTreeSet<(Watched, Arc<str>)>,
}

impl Silences {
    /// From now on.
    pub fn new(started: Timestamp) -> Self {
        Self { started, silent: BTreeSet::new() }
    }

    /// Looks at the table, and gives an alert for each line that has become silent since the last look. What was never
    /// heard of counts from the start.
    pub fn step(&mut self, table: &[Expected], hours: &SchoolHours, now: Timestamp) -> Vec<Alert> {
        let is_silent = |line: &&Expected| {
            let since = line.last.unwrap_or(self.started).min(now);
            let passed = match line.expected_in {
                ExpectedIn::AllHours => now.0 - since.0,
                ExpectedIn::SchoolHours => hours.between_ms(since, now),
            };
            passed > i64::from(line.within_minutes) * MINUTE_MS
        };
        let silent: Vec<&Expected> = table.iter().filter(is_silent).collect();
        let before = std::mem::take(&mut self.silent);
        self.silent = silent.iter().map(|line| (line.what, Arc::clone(&line.name))).collect();
        let is_new = |line: &&&Expected| !before.contains(&(line.what, Arc::clone(&line.name)));
        silent.iter().filter(is_new).map(|line| self.alert(line, now)).collect()
    }

    fn alert(&self, line: &Expected, now: Timestamp) -> Alert {
        let (rule, severity, words) = line.what.rule();
        let first = line.last.unwrap_or(self.started).min(now);
        let since = if line.last.is_some() { "for" } else { "since the start, for" };
        let length = length(line.within_minutes);
        let (rule, what) = match &*line.name {
            "" => (rule.to_owned(), words.to_owned()),
            name => (format!("{rule}.{name}"), format!("{words}: {name}")),
        };
        let why = format!("{what}. Nothing was heard {since} {length}.");
        silence_alert((&rule, severity), why, (first, now))
    }
}

/// "more than 15 minutes", "more than 2 hours"; of 0 whoever filled in the table knows how long is too long.
fn length(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0, 0) => "longer than its timetable allows".to_owned(),
        (1, 0) => "more than an hour".to_owned(),
        (hours, 0) => format!("more than {hours} hours"),
        _ => format!("more than {minutes} minutes"),
    }
}

pub(crate) fn silence_alert(
    (rule, severity): (&str, Severity),
    why: String,
    (first, last): (Timestamp, Timestamp),
) -> Alert {
    Alert {
        kind: AlertKind::Silence,
        severity,
        subject: AlertSubject::default(),
        rule: rule.into(),
        why: why.into(),
        first,
        last,
        count: 1,
        events: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours() -> SchoolHours {
        SchoolHours {
            zone: TimeZone::get("Europe/London").unwrap(),
            from_minute: 8 * 60,
            until_minute: 16 * 60,
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn line(last: Option<&str>, expected_in: ExpectedIn) -> Expected {
        Expected {
            what: Watched::LogSender,
            name: "firewall".into(),
            last: last.map(at),
            within_minutes: 60,
            expected_in,
        }
    }

    #[test]
    fn what_falls_silent_is_told_once_and_again_after_it_was_heard_of() {
        let mut silences = Silences::new(at("2026-11-23T09:00:00Z"));
        let mut look = |last: Option<&str>, now: &str| {
            let found = silences.step(&[line(last, ExpectedIn::AllHours)], &hours(), at(now));
            (found.len(), silences.silent.len())
        };
        assert_eq!(look(None, "2026-11-23T10:00:00Z"), (0, 0));
        assert_eq!(look(None, "2026-11-23T10:00:01Z"), (1, 1));
        assert_eq!(look(None, "2026-11-23T12:00:00Z"), (0, 1));
        assert_eq!(look(Some("2026-11-23T12:01:00Z"), "2026-11-23T12:02:00Z"), (0, 0));
        assert_eq!(look(Some("2026-11-23T12:01:00Z"), "2026-11-23T13:02:00Z"), (1, 1));
    }

    #[test]
    fn an_alert_says_what_is_silent_and_since_when() {
        let mut silences = Silences::new(at("2026-11-23T09:00:00Z"));
        let table = [line(Some("2026-11-23T09:30:00Z"), ExpectedIn::AllHours)];
        let alert = silences.step(&table, &hours(), at("2026-11-23T11:00:00Z")).remove(0);
        assert_eq!((alert.kind, &*alert.rule), (AlertKind::Silence, "silence.log-sender.firewall"));
        assert_eq!(
            &*alert.why,
            "Nothing comes from a sender of logs: firewall. Nothing was heard for more than an hour."
        );
        assert_eq!((alert.first, alert.last), (at("2026-11-23T09:30:00Z"), at("2026-11-23T11:00:00Z")));
    }

    #[test]
    fn nights_weekends_and_a_change_of_the_clocks_do_not_count_as_school_hours() {
        // Friday afternoon, in summer time, to Monday morning, in winter time.
        let friday = at("2026-10-23T14:30:00Z");
        for (now, minutes) in [
            ("2026-10-23T15:10:00Z", 30),
            ("2026-10-25T12:00:00Z", 30),
            ("2026-10-26T08:00:00Z", 30),
            ("2026-10-26T08:29:00Z", 59),
            ("2026-10-27T08:29:00Z", 30 + 8 * 60 + 29),
        ] {
            assert_eq!(hours().between_ms(friday, at(now)) / MINUTE_MS, minutes, "{now}");
        }
        assert_eq!(hours().between_ms(friday, friday), 0);
    }

    #[test]
    fn a_source_that_is_taken_from_the_table_is_forgotten() {
        let mut silences = Silences::new(Timestamp(0));
        let now = at("2026-11-23T11:00:00Z");
        assert_eq!(silences.step(&[line(None, ExpectedIn::SchoolHours)], &hours(), now).len(), 1);
        assert!(silences.step(&[], &hours(), now).is_empty());
        assert_eq!(silences.silent.len(), 0);
    }
}
