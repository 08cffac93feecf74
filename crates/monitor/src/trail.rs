//! What is remembered of one person (or device, or address, where nobody is known).
//!
//! Invariants: at most [`MOST_DAYS`] days of each theme, [`MOST_HOSTS`] hosts of blocked attempts, one open alert a theme.
//! What was said is kept for seconds and never saved.

use crate::attempts::Attempt;
use crate::open::Open;
use model::{
    AccessEvent, AlertSubject, Day, DeviceId, EventId, PersonId, SchoolId, Severity, Theme, Timestamp,
};
use smallvec::SmallVec;
use std::net::IpAddr;

/// The most days of a theme that are remembered.
pub(crate) const MOST_DAYS: u32 = 14;
/// The most attempts of one person that are remembered.
pub(crate) const MOST_HOSTS: usize = 64;

/// Whose trail it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Walker {
    /// A person.
    Person(PersonId),
    /// A device with nobody known at it.
    Device(DeviceId),
    /// An address with neither known.
    Address(IpAddr),
}

impl Walker {
    pub(crate) fn of(event: &AccessEvent) -> Self {
        match (event.person, event.device) {
            (Some(person), _) => Self::Person(person),
            (None, Some(device)) => Self::Device(device),
            (None, None) => Self::Address(event.address),
        }
    }
}

/// One request, as far as alerts need it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Moment {
    pub(crate) id: EventId,
    pub(crate) at: Timestamp,
    pub(crate) subject: AlertSubject,
}

impl Moment {
    pub(crate) fn of(id: EventId, event: &AccessEvent) -> Self {
        let subject =
            AlertSubject { school: event.school.clone(), person: event.person, device: event.device };
        Self { id, at: event.at, subject }
    }

    pub(crate) fn school(&self) -> Option<&SchoolId> {
        self.subject.school.as_ref()
    }
}

/// What is remembered of one walker.
#[derive(Default, Debug)]
pub(crate) struct Trail {
    /// The newest event that counted.
    pub(crate) seen: Option<Timestamp>,
    /// The last words that were judged. Never saved.
    pub(crate) last: Option<LastSaid>,
    /// Words that may still be typed. Never saved.
    pub(crate) typing: Option<StillTyped>,
    /// Attempts that were blocked, oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// The themes that were found, each once.
    pub(crate) themes: Vec<ThemeDays>,
    /// Alerts in their quiet time.
    pub(crate) open: Vec<Open>,
}

/// Words that were judged.
#[derive(Debug)]
pub(crate) struct LastSaid {
    pub(crate) words: String,
    pub(crate) at: Timestamp,
    pub(crate) found: SmallVec<[(Theme, Severity); 2]>,
}

/// Words that wait for more.
#[derive(Debug)]
pub(crate) struct StillTyped {
    pub(crate) words: String,
    pub(crate) moment: Moment,
}

/// On which days a theme was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ThemeDays {
    pub(crate) theme: Theme,
    /// Oldest first.
    pub(crate) days: SmallVec<[ThemeDay; 4]>,
}

/// One day of a theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ThemeDay {
    pub(crate) day: Day,
    pub(crate) worst: Severity,
    pub(crate) count: u32,
}

impl Trail {
    /// Counts a find of a theme. Days beyond the most that are remembered fall away.
    pub(crate) fn count(&mut self, theme: Theme, day: Day, severity: Severity) {
        let place = self.themes.iter().position(|days| days.theme == theme);
        let days = match place.and_then(|place| self.themes.get_mut(place)) {
            Some(days) => days,
            None => {
                self.themes.push(ThemeDays { theme, days: SmallVec::new() });
                let Some(made) = self.themes.last_mut() else { return };
                made
            }
        };
        match days.days.iter_mut().find(|known| known.day == day) {
            Some(known) => {
                known.count = known.count.saturating_add(1);
                known.worst = known.worst.min(severity);
            }
            None => {
                days.days.push(ThemeDay { day, worst: severity, count: 1 });
                days.days.sort_unstable_by_key(|known| known.day);
            }
        }
        let oldest = oldest_of(day, MOST_DAYS);
        days.days.retain(|known| known.day > oldest);
    }

    pub(crate) fn days_of(&self, theme: Theme) -> &[ThemeDay] {
        self.themes.iter().find(|days| days.theme == theme).map_or(&[], |days| &days.days)
    }

    /// The severities of some themes by day, oldest first: of each of the last `days` days the worst.
    pub(crate) fn worst_by_day(&self, themes: &[Theme], today: Day, days: u32) -> Vec<Severity> {
        let oldest = oldest_of(today, days);
        let mut all: Vec<ThemeDay> = themes
            .iter()
            .flat_map(|theme| self.days_of(*theme))
            .filter(|known| known.day > oldest && known.day <= today)
            .copied()
            .collect();
        all.sort_unstable_by_key(|known| (known.day, known.worst));
        all.dedup_by_key(|known| known.day);
        all.into_iter().map(|known| known.worst).collect()
    }

    /// Whether nothing of it is worth keeping at `now`.
    pub(crate) fn is_empty_at(&self, now: Timestamp) -> bool {
        let oldest = oldest_of(now.day(), MOST_DAYS);
        self.open.is_empty()
            && self.typing.is_none()
            && self.themes.iter().flat_map(|days| &days.days).all(|known| known.day <= oldest)
            && self.seen.is_none_or(|seen| seen.day() < now.day())
    }
}

/// The newest day that lies too far back.
fn oldest_of(today: Day, days: u32) -> Day {
    Day(today.0.saturating_sub(i32::try_from(days).unwrap_or(i32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_s_days_are_counted_and_old_ones_fall_away() {
        let mut trail = Trail::default();
        trail.count(Theme::Drugs, Day(10), Severity::Low);
        trail.count(Theme::Drugs, Day(10), Severity::High);
        trail.count(Theme::Distress, Day(12), Severity::Critical);
        assert_eq!(trail.days_of(Theme::Drugs), [ThemeDay { day: Day(10), worst: Severity::High, count: 2 }]);
        let both = [Theme::Drugs, Theme::Distress];
        assert_eq!(trail.worst_by_day(&both, Day(12), 7), [Severity::High, Severity::Critical]);
        assert_eq!(trail.worst_by_day(&both, Day(12), 2), [Severity::Critical]);
        trail.count(Theme::Drugs, Day(30), Severity::Low);
        assert_eq!(trail.days_of(Theme::Drugs).len(), 1);
    }
}
