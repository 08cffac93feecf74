//! When it is night for a school's pupils.

use jiff::tz::TimeZone;
use model::Timestamp;

/// The school's hours, as far as monitoring asks for them.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// The school's time zone.
    pub zone: TimeZone,
    /// The hour in which night begins, 0 to 23.
    pub night_from: i8,
    /// The hour in which it is over, 0 to 23.
    pub night_until: i8,
}

impl Timetable {
    /// Night from eleven to five, in the United Kingdom's time (UTC where that zone is not known).
    pub fn usual() -> Self {
        let zone = TimeZone::get("Europe/London").unwrap_or(TimeZone::UTC);
        Self { zone, night_from: 23, night_until: 5 }
    }

    /// Whether it is night at the school.
    pub(crate) fn is_night(&self, at: Timestamp) -> bool {
        let hour = self.zone.to_datetime(at.to_jiff()).hour();
        if self.night_from <= self.night_until {
            (self.night_from..self.night_until).contains(&hour)
        } else {
            hour >= self.night_from || hour < self.night_until
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn night_goes_over_midnight_and_by_the_school_s_own_clock() {
        let timetable = Timetable::usual();
        for (at, expected) in [
            ("2026-11-22T23:10:00Z", true),
            ("2026-11-22T04:59:00Z", true),
            ("2026-11-22T05:00:00Z", false),
            ("2026-11-22T12:00:00Z", false),
            ("2026-07-01T22:10:00Z", true),
        ] {
            assert_eq!(timetable.is_night(Timestamp::parse(at).unwrap()), expected, "{at}");
        }
    }
}
