//! When a made-up school asks for things: on which days of the year, and in which minutes of a day.
//!
//! Holidays lie on the same dates every year, about where those of English schools do. No school's calendar is copied, and
//! nothing that decides anything reads this one.

use super::Random;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use model::Day;

const MINUTES_OF_A_DAY: u32 = 24 * 60;
/// When lessons begin, and when they are over, in minutes after midnight.
const LESSONS: std::ops::Range<u32> = 520..930;
/// First and last days of holidays, as month and day; none goes over the end of a year.
const HOLIDAYS: [((i8, i8), (i8, i8)); 7] = [
    ((1, 1), (1, 4)),
    ((2, 14), (2, 20)),
    ((3, 28), (4, 10)),
    ((5, 25), (5, 31)),
    ((7, 20), (8, 31)),
    ((10, 25), (10, 31)),
    ((12, 19), (12, 31)),
];

/// What a day is to the school.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DayKind {
    /// There are lessons.
    Term,
    /// A weekend or a holiday.
    Off,
}

impl DayKind {
    /// That of a day, by its date in UTC.
    pub fn of(day: Day) -> Self {
        let date = TimeZone::UTC.to_datetime(day.start().to_jiff()).date();
        let is_weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        let at = (date.month(), date.day());
        let is_holiday = HOLIDAYS.iter().any(|(first, last)| (*first..=*last).contains(&at));
        if is_weekend || is_holiday { Self::Off } else { Self::Term }
    }

    /// How much is asked for: 1,000 on a day of term, little on others.
    pub fn weight(self) -> u64 {
        match self {
            Self::Term => 1_000,
            Self::Off => 25,
        }
    }
}

/// How much is asked for in a minute of the day: lessons, which all begin at once, the breaks around them, and homework in
/// the evening.
pub fn minute_weight(minute: u32, kind: DayKind) -> u64 {
    match (minute, kind) {
        (0..420, _) => 1,
        // The beginning of a lesson: everybody opens something.
        (_, DayKind::Term) if LESSONS.contains(&minute) && (minute - LESSONS.start) % 60 < 8 => 260,
        (_, DayKind::Term) if LESSONS.contains(&minute) => 130,
        (420..520, DayKind::Term) => 40,
        (930..1_320, DayKind::Term) => 30,
        (420..1_320, DayKind::Off) => 20,
        _ => 4,
    }
}

/// The minutes of a day, to draw from by their weight.
#[derive(Clone, Debug)]
pub struct Minutes {
    /// The weights up to each minute and with it.
    sums: Vec<u64>,
}

impl Minutes {
    /// Those of such a day.
    pub fn of(kind: DayKind) -> Self {
        let mut sum = 0;
        let sums = (0..MINUTES_OF_A_DAY).map(|minute| {
            sum += minute_weight(minute, kind);
            sum
        });
        Self { sums: sums.collect() }
    }

    /// A minute after midnight.
    pub fn draw(&self, random: &mut Random) -> u32 {
        let all = self.sums.last().copied().unwrap_or(0);
        let drawn = u64::from(random.below(u32::try_from(all).unwrap_or(u32::MAX)));
        u32::try_from(self.sums.partition_point(|sum| *sum <= drawn)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(year: i16, month: i8, day: i8) -> DayKind {
        let start = jiff::civil::date(year, month, day).to_zoned(TimeZone::UTC).unwrap().timestamp();
        DayKind::of(model::Timestamp(start.as_millisecond()).day())
    }

    #[test]
    fn weekends_and_holidays_are_no_days_of_term() {
        for (year, month, day) in [(2025, 9, 1), (2025, 10, 24), (2025, 12, 18), (2026, 1, 5), (2026, 7, 17)]
        {
            assert_eq!(kind(year, month, day), DayKind::Term, "{year}-{month}-{day}");
        }
        for (year, month, day) in [(2025, 9, 6), (2025, 10, 27), (2026, 1, 1), (2026, 4, 10), (2026, 8, 31)] {
            assert_eq!(kind(year, month, day), DayKind::Off, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn most_of_what_is_drawn_of_a_day_of_term_lies_in_its_lessons() {
        let (minutes, mut random) = (Minutes::of(DayKind::Term), Random::new(1));
        let drawn: Vec<u32> = (0..10_000).map(|_| minutes.draw(&mut random)).collect();
        let in_lessons = drawn.iter().filter(|minute| LESSONS.contains(minute)).count();
        assert!((7_500..9_000).contains(&in_lessons), "{in_lessons}");
        assert!(drawn.iter().any(|minute| *minute < 420) && drawn.iter().all(|minute| *minute < 1_440));
        assert!(drawn.iter().any(|minute| (930..1_320).contains(minute)), "homework");
    }
}
