//! From what was typed in the history form to a query, or to what is wrong with it.

use crate::facade::Reach;
use crate::views::HistoryFilter;
use crate::words;
use history::Query;
use jiff::tz::TimeZone;
use model::{Category, Channel, Day, DeviceId, EventId, EventOutcome, GateId, PersonId, Roster};
use std::net::IpAddr;

/// The longest text of a field.
const MOST_FIELD_BYTES: usize = 200;
/// The most people or devices that a part of a name may stand for; past that more must be typed.
const MOST_MATCHES: usize = 2_000;

/// A field's name and what is wrong with it.
pub(crate) type Problems = Vec<(String, String)>;

/// Reads the form. The query never reaches further than `reach`, whatever was typed.
pub(crate) fn read(
    filter: &HistoryFilter,
    reach: &Reach,
    roster: &Roster,
    zone: &TimeZone,
) -> Result<Query, Problems> {
    let mut problems = too_long(filter);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut note = |field: &str, sentence: &str| problems.push((field.to_owned(), sentence.to_owned()));
    let mut query = Query { schools: reach.schools(), ..Query::default() };
    query.people = people(&filter.person, roster).unwrap_or_else(|sentence| {
        note("person", sentence);
        None
    });
    match device(&filter.device, roster, reach) {
        Ok(Some(Place::Address(address))) => query.address = Some(address),
        Ok(Some(Place::Devices(devices))) => query.devices = Some(devices),
        Ok(None) => {}
        Err(sentence) => note("device", sentence),
    }
    query.host_contains = some(&filter.host).map(str::to_lowercase);
    query.outcome = some(&filter.outcome).and_then(|text| {
        EventOutcome::parse(text).or_else(|| noted(&mut note, "outcome", "Choose an outcome from the list"))
    });
    query.channels = some(&filter.channel).and_then(|text| {
        channels(text).or_else(|| noted(&mut note, "channel", "Choose a way from the list"))
    });
    query.category = some(&filter.category).and_then(|text| {
        Category::parse(text).or_else(|| noted(&mut note, "category", "Choose a category from the list"))
    });
    query.from = some(&filter.from).and_then(|text| {
        words::start_of_date(zone, text)
            .or_else(|| noted(&mut note, "from", "Write the date as year, month and day, such as 2026-11-22"))
    });
    query.until = some(&filter.until).and_then(|text| {
        words::end_of_date(zone, text).or_else(|| {
            noted(&mut note, "until", "Write the date as year, month and day, such as 2026-11-22")
        })
    });
    query.before = some(&filter.page).and_then(|text| {
        read_cursor(text).or_else(|| noted(&mut note, "page", "Start again from the first page"))
    });
    if let (Some(from), Some(until)) = (query.from, query.until)
        && from >= until
    {
        note("until", "The last day must not be before the first");
    }
    if problems.is_empty() { Ok(query) } else { Err(problems) }
}

/// Where a page ended, as a link carries it.
pub(crate) fn cursor(id: EventId) -> String {
    format!("{}.{}.{}", id.gate.0, id.day.0, id.sequence)
}

fn read_cursor(text: &str) -> Option<EventId> {
    let mut parts = text.split('.');
    let gate = GateId(parts.next()?.parse().ok()?);
    let day = Day(parts.next()?.parse().ok()?);
    let sequence = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(EventId { gate, day, sequence })
}

/// Notes what is wrong with a field, and stands for its missing value.
fn noted<T>(note: &mut impl FnMut(&str, &str), field: &str, sentence: &str) -> Option<T> {
    note(field, sentence);
    None
}

fn some(text: &str) -> Option<&str> {
    let text = text.trim();
    (!text.is_empty()).then_some(text)
}

fn too_long(filter: &HistoryFilter) -> Problems {
    let HistoryFilter { person, device, host, outcome, channel, category, from, until, page } = filter;
    let fields = [
        ("person", person),
        ("device", device),
        ("host", host),
        ("outcome", outcome),
        ("channel", channel),
        ("category", category),
        ("from", from),
        ("until", until),
        ("page", page),
    ];
    let long = fields.into_iter().filter(|(_, text)| text.len() > MOST_FIELD_BYTES);
    long.map(|(field, _)| (field.to_owned(), format!("Use at most {MOST_FIELD_BYTES} characters"))).collect()
}

/// A login, or everybody with this in their name or login. Nobody with it: a list of nobody, which matches nothing.
fn people(text: &str, roster: &Roster) -> Result<Option<Vec<PersonId>>, &'static str> {
    let Some(text) = some(text).map(str::to_lowercase) else { return Ok(None) };
    if let Some(person) = roster.person_by_login(&text) {
        return Ok(Some(vec![person.id]));
    }
    let matches = roster
        .people()
        .filter(|person| person.login.contains(&text) || person.display_name.to_lowercase().contains(&text));
    let matches: Vec<PersonId> = matches.map(|person| person.id).take(MOST_MATCHES + 1).collect();
    if matches.len() > MOST_MATCHES {
        return Err("Too many people have this in their name: type more of it");
    }
    Ok(Some(matches))
}

enum Place {
    Address(IpAddr),
    Devices(Vec<DeviceId>),
}

fn device(text: &str, roster: &Roster, reach: &Reach) -> Result<Option<Place>, &'static str> {
    let Some(text) = some(text) else { return Ok(None) };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(Place::Address(address.to_canonical())));
    }
    let text = text.to_lowercase();
    let mut matches: Vec<DeviceId> = roster
        .devices()
        .filter(|device| device.name.to_lowercase().contains(&text))
        .filter(|device| reach.covers(&model::Scope::School(device.school.clone())))
        .map(|device| device.id)
        .take(MOST_MATCHES + 1)
        .collect();
    if matches.len() > MOST_MATCHES {
        return Err("Too many devices have this in their name: type more of it");
    }
    matches.sort_unstable();
    matches.dedup();
    Ok(Some(Place::Devices(matches)))
}

fn channels(text: &str) -> Option<Vec<Channel>> {
    match text {
        "web" => Some(vec![Channel::Http, Channel::Https, Channel::Tunnel]),
        other => {
            Channel::parse(other).filter(|channel| *channel != Channel::Explain).map(|channel| vec![channel])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SchoolId;
    use proptest::prelude::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn problems(change: impl FnOnce(&mut HistoryFilter)) -> Vec<String> {
        let mut filter = HistoryFilter::default();
        change(&mut filter);
        let read = read(&filter, &Reach::Everything, &Roster::default(), &zone());
        read.err().unwrap_or_default().into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn each_field_says_what_is_wrong_with_it() {
        assert_eq!(problems(|_| ()), [""; 0]);
        assert_eq!(problems(|f| f.outcome = "maybe".to_owned()), ["outcome"]);
        assert_eq!(problems(|f| f.channel = "explain".to_owned()), ["channel"]);
        assert_eq!(problems(|f| f.category = "fun".to_owned()), ["category"]);
        assert_eq!(problems(|f| f.from = "22 November".to_owned()), ["from"]);
        assert_eq!(problems(|f| f.host = "x".repeat(201)), ["host"]);
        assert_eq!(problems(|f| f.page = "1.2".to_owned()), ["page"]);
        let backwards = |f: &mut HistoryFilter| {
            (f.from, f.until) = ("2026-11-23".to_owned(), "2026-11-22".to_owned());
        };
        assert_eq!(problems(backwards), ["until"]);
    }

    #[test]
    fn a_name_that_nobody_has_matches_nobody_rather_than_everybody() {
        let filter = HistoryFilter { person: "nobody".to_owned(), ..HistoryFilter::default() };
        let query = read(&filter, &Reach::Everything, &Roster::default(), &zone()).unwrap();
        assert_eq!(query.people, Some(Vec::new()));
    }

    #[test]
    fn a_cursor_reads_back() {
        let id = EventId { gate: GateId(3), day: Day(20_779), sequence: u64::MAX };
        assert_eq!(read_cursor(&cursor(id)), Some(id));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_query_stays_within_reach(texts in prop::array::uniform9("\\PC{0,30}")) {
            let [person, device, host, outcome, channel, category, from, until, page] = texts;
            let filter = HistoryFilter { person, device, host, outcome, channel, category, from, until, page };
            let reach = Reach::Schools(vec![SchoolId::new("ash")]);
            if let Ok(query) = read(&filter, &reach, &Roster::default(), &zone()) {
                prop_assert_eq!(query.schools, Some(vec![SchoolId::new("ash")]));
            }
        }
    }
}
