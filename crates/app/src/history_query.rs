//! From what was typed in the history form to a query and to whose history is looked at, or to what is wrong with it.
//!
//! Invariants: the query never reaches further than whoever asks may see; words and parts of URLs are looked for without
//! those about whom they may not read; one person's history is looked at with a reason or not at all.

use crate::facade::Reach;
use crate::history_sight::Sight;
use crate::look_reason::Purpose;
use crate::pseudonyms::{code_in, code_of};
use crate::views::HistoryFilter;
use crate::words;
use history::Query;
use jiff::tz::TimeZone;
use model::{
    Category, Channel, Day, DeviceId, EventId, EventOutcome, GateId, GroupId, Layer, ListId, Person,
    PersonId, Role, SchoolId, Timestamp, YearGroup,
};
use std::net::IpAddr;
use std::sync::Arc;

/// The longest text of a field; a reason in words has its own bound.
const MOST_FIELD_BYTES: usize = 200;
/// The most people or devices that a year group or a part of a name may stand for; past that more must be typed.
const MOST_MATCHES: usize = 2_000;
/// The most people whose history is looked at by name at once: each look is recorded by itself.
const MOST_LOOKED_AT: usize = 20;

/// A field's name and what is wrong with it.
pub(crate) type Problems = Vec<(String, String)>;

/// A search that was read.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) query: Query,
    /// Whose history is looked at, where it is that of certain people.
    pub(crate) people: Vec<PersonId>,
    /// True where they were typed by name: whoever asks knows who they are.
    pub(crate) by_name: bool,
    /// Why, where one person is looked at.
    pub(crate) purpose: Option<Purpose>,
}

impl Plan {
    /// The plan, or what is missing of the reason where it is a look at somebody.
    pub(crate) fn with_reason(self, filter: &HistoryFilter) -> Result<Self, Problems> {
        match Purpose::read(&filter.reason, &filter.why) {
            Ok(purpose) => Ok(Self { purpose: Some(purpose), ..self }),
            Err(missing) if !self.people.is_empty() => Err(missing),
            Err(_) => Ok(self),
        }
    }
}

/// Reads the form; `of_class` are those who learn in the class that was chosen.
pub(crate) fn read(
    filter: &HistoryFilter,
    of_class: Option<Vec<PersonId>>,
    sight: &Sight<'_>,
    zone: &TimeZone,
) -> Result<Plan, Problems> {
    let mut problems = too_long(filter);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut note = |field: &str, sentence: &str| problems.push((field.to_owned(), sentence.to_owned()));
    let mut query = Query { schools: sight.reach.schools(), ..Query::default() };
    query.schools = school(filter, sight.reach).or(query.schools);
    let mut looked_at = people(&filter.person, sight).unwrap_or_else(|sentence| {
        note("person", sentence);
        LookedAt::Nobody
    });
    match device(&filter.device, sight) {
        Ok(Some(Place::Address(address))) => query.address = Some(address),
        Ok(Some(Place::Devices { devices, lent_to })) => {
            query.devices = Some(devices);
            looked_at = looked_at.and_by_device(lent_to);
        }
        Ok(None) => {}
        Err(sentence) => note("device", sentence),
    }
    let of_year = year(&filter.year, sight).unwrap_or_else(|sentence| {
        note("year", sentence);
        None
    });
    query.people = both(both(looked_at.people(), of_year), of_class);
    if let (LookedAt::Nobody, Some([only])) = (&looked_at, query.people.as_deref()) {
        // A year group or a class in which one person learns names that person.
        looked_at = LookedAt::Alone(*only);
    }
    conditions(filter, &mut query, &mut note);
    query.from = moment(zone, (&filter.from, &filter.from_time), words::start_of_date)
        .unwrap_or_else(|()| noted(&mut note, "from", DATE));
    query.until = moment(zone, (&filter.until, &filter.until_time), words::end_of_date)
        .unwrap_or_else(|()| noted(&mut note, "until", DATE));
    if let (Some(from), Some(until)) = (query.from, query.until)
        && from >= until
    {
        note("until", "The end must not be before the beginning");
    }
    if query.words.is_some() || query.url_contains.is_some() {
        query.not_people = Some(sight.hidden());
    }
    let looks_at_somebody = !matches!(looked_at, LookedAt::Nobody);
    let purpose = Purpose::read(&filter.reason, &filter.why);
    if let Err(missing) = &purpose
        && looks_at_somebody
    {
        problems.extend(missing.iter().cloned());
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let by_name = matches!(looked_at, LookedAt::People { by_name: true, .. });
    Ok(Plan { query, people: looked_at.whose(), by_name, purpose: purpose.ok() })
}

const DATE: &str = "Write the date as year, month and day, such as 2026-11-22, and the time as 10:15";

/// What a search asks beside who and when.
fn conditions(filter: &HistoryFilter, query: &mut Query, note: &mut impl FnMut(&str, &str)) {
    query.groups = some(&filter.group).map(|group| vec![GroupId::new(group)]);
    query.host_contains = some(&filter.host).map(str::to_lowercase);
    query.url_contains = some(&filter.url).map(str::to_owned);
    query.words = some(&filter.words).map(str::to_owned);
    query.list = some(&filter.list).map(ListId::new);
    query.entry = some(&filter.entry).map(str::to_owned);
    query.outcome = some(&filter.outcome).and_then(|text| {
        EventOutcome::parse(text).or_else(|| noted(note, "outcome", "Choose an outcome from the list"))
    });
    query.channels = some(&filter.channel)
        .and_then(|text| channels(text).or_else(|| noted(note, "channel", "Choose a way from the list")));
    query.category = some(&filter.category).and_then(|text| {
        Category::parse(text).or_else(|| noted(note, "category", "Choose a category from the list"))
    });
    query.layer = some(&filter.layer)
        .and_then(|text| Layer::parse(text).or_else(|| noted(note, "layer", "Choose a rule from the list")));
    query.before = some(&filter.page).and_then(|text| {
        read_cursor(text).or_else(|| noted(note, "page", "Start again from the first page"))
    });
}

/// Where a page ended, as a link carries it.
pub(crate) fn cursor(id: EventId) -> String {
    format!("{}.{}.{}", id.gate.0, id.day.0, id.sequence)
}

pub(crate) fn read_cursor(text: &str) -> Option<EventId> {
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
    let long = filter.fields().filter(|(name, text)| *name != "why" && text.len() > MOST_FIELD_BYTES);
    long.map(|(field, _)| (field.to_owned(), format!("Use at most {MOST_FIELD_BYTES} characters"))).collect()
}

/// A date, and a time on it; the whole date where there is no time.
fn moment(
    zone: &TimeZone,
    (date, time): (&str, &str),
    whole: fn(&TimeZone, &str) -> Option<Timestamp>,
) -> Result<Option<Timestamp>, ()> {
    match (some(date), some(time)) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(()),
        (Some(date), None) => whole(zone, date).map(Some).ok_or(()),
        (Some(date), Some(time)) => words::moment(zone, &format!("{date}T{time}")).map(Some).ok_or(()),
    }
}

/// One school of those within reach; one beyond it is no school at all.
fn school(filter: &HistoryFilter, reach: &Reach) -> Option<Vec<SchoolId>> {
    let school = SchoolId::new(some(&filter.school)?);
    Some(match reach {
        Reach::Everything => vec![school],
        Reach::Schools(schools) => schools.iter().filter(|within| **within == school).cloned().collect(),
    })
}

/// Whose history is looked at.
enum LookedAt {
    /// Nobody in particular.
    Nobody,
    /// These, and nobody else; none of them where nobody is found.
    People { people: Vec<PersonId>, by_name: bool },
    /// Whoever uses devices that are lent to these people.
    ByDevice(Vec<PersonId>),
    /// Somebody who is alone in what was asked for.
    Alone(PersonId),
}

impl LookedAt {
    /// Whose events are asked for; `None`: everybody's.
    fn people(&self) -> Option<Vec<PersonId>> {
        match self {
            Self::People { people, .. } => Some(people.clone()),
            Self::Nobody | Self::ByDevice(_) | Self::Alone(_) => None,
        }
    }

    /// Of whom it is a look.
    fn whose(self) -> Vec<PersonId> {
        match self {
            Self::Nobody => Vec::new(),
            Self::People { people, .. } => people,
            Self::ByDevice(people) => people,
            Self::Alone(person) => vec![person],
        }
    }

    fn and_by_device(self, lent_to: Vec<PersonId>) -> Self {
        match self {
            Self::Nobody if !lent_to.is_empty() => Self::ByDevice(lent_to),
            other => other,
        }
    }
}

/// A pseudonym, a login, or everybody with this in their name or login, as far as whoever asks may look at them.
fn people(text: &str, sight: &Sight<'_>) -> Result<LookedAt, &'static str> {
    let Some(text) = some(text) else { return Ok(LookedAt::Nobody) };
    if let Some(code) = code_in(text) {
        let is_it = |person: &&Arc<Person>| code_of(person, sight.pepper) == code && sight.may_trace(person);
        let people = sight.roster.people().filter(is_it).map(|person| person.id).collect();
        return Ok(LookedAt::People { people, by_name: false });
    }
    if !sight.names_somebody() {
        return Err("Your post looks people up by pseudonym, such as 4F2A-91C3, and not by name");
    }
    let text = text.to_lowercase();
    if let Some(person) = sight.roster.person_by_login(&text) {
        let people = if sight.may_name(person) { vec![person.id] } else { Vec::new() };
        return Ok(LookedAt::People { people, by_name: true });
    }
    let matches = sight
        .roster
        .people()
        .filter(|person| person.login.contains(&text) || person.display_name.to_lowercase().contains(&text))
        .filter(|person| sight.may_name(person));
    let people: Vec<PersonId> = matches.map(|person| person.id).take(MOST_LOOKED_AT + 1).collect();
    if people.len() > MOST_LOOKED_AT {
        return Err("More than 20 people have this in their name: type more of it");
    }
    Ok(LookedAt::People { people, by_name: true })
}

/// The learners of a year group within reach.
fn year(text: &str, sight: &Sight<'_>) -> Result<Option<Vec<PersonId>>, &'static str> {
    let Some(text) = some(text) else { return Ok(None) };
    let year = YearGroup::parse(text).ok_or("Choose a year group from the list")?;
    let is_in = |person: &&Arc<Person>| {
        person.affiliations.iter().any(|affiliation| {
            affiliation.role == Role::Learner
                && affiliation.year == Some(year)
                && (*sight.reach == Reach::Everything || sight.reach.covers(&affiliation.scope))
        })
    };
    let people: Vec<PersonId> =
        sight.roster.people().filter(is_in).map(|person| person.id).take(MOST_MATCHES + 1).collect();
    if people.len() > MOST_MATCHES {
        return Err("Too many learners are in this year group: choose a school as well");
    }
    Ok(Some(people))
}

/// Those who are in both, where both were asked for.
fn both(one: Option<Vec<PersonId>>, other: Option<Vec<PersonId>>) -> Option<Vec<PersonId>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.into_iter().filter(|person| other.contains(person)).collect()),
        (one, other) => one.or(other),
    }
}

enum Place {
    Address(IpAddr),
    /// Devices, and whom they are lent to where they are so few that they stand for people; past that it is a search among
    /// many, as that of a year group is.
    Devices {
        devices: Vec<DeviceId>,
        lent_to: Vec<PersonId>,
    },
}

fn device(text: &str, sight: &Sight<'_>) -> Result<Option<Place>, &'static str> {
    let Some(text) = some(text) else { return Ok(None) };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Some(Place::Address(address.to_canonical())));
    }
    let text = text.to_lowercase();
    let may_trace = |id: PersonId| sight.roster.person(id).is_some_and(|person| sight.may_trace(person));
    let mut matches: Vec<(DeviceId, Option<PersonId>)> = sight
        .roster
        .devices()
        .filter(|device| device.name.to_lowercase().contains(&text))
        .filter(|device| sight.reach.covers(&model::Scope::School(device.school.clone())))
        .filter(|device| device.assigned_to.is_none_or(may_trace))
        .map(|device| (device.id, device.assigned_to))
        .take(MOST_MATCHES + 1)
        .collect();
    if matches.len() > MOST_MATCHES {
        return Err("Too many devices have this in their name: type more of it");
    }
    matches.sort_unstable();
    let mut lent_to: Vec<PersonId> = matches.iter().filter_map(|(_, person)| *person).collect();
    lent_to.sort_unstable();
    lent_to.dedup();
    if lent_to.len() > MOST_LOOKED_AT {
        lent_to.clear();
    }
    Ok(Some(Place::Devices { devices: matches.into_iter().map(|(device, _)| device).collect(), lent_to }))
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
    use identity::Pepper;
    use model::{Actor, Affiliation, Device, DeviceKind, Roster, Scope};
    use proptest::prelude::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    fn school(name: &str) -> Scope {
        Scope::School(SchoolId::new(name))
    }

    fn person(number: u128, login: &str, role: Role, place: &str) -> Person {
        let year = (role == Role::Learner).then(|| YearGroup::parse("5").unwrap());
        Person {
            id: PersonId(uuid::Uuid::from_u128(number)),
            login: login.to_owned(),
            display_name: format!("{login} Thistlewick"),
            affiliations: vec![Affiliation { scope: school(place), role, year }],
        }
    }

    fn roster() -> Roster {
        let people = vec![
            person(1, "amara", Role::Learner, "ash"),
            person(2, "wesley", Role::Learner, "elm"),
            person(3, "teacher", Role::ClassTeacher, "ash"),
            person(4, "head", Role::Headteacher, "ash"),
            person(9, "lead", Role::SafeguardingLead, "ash"),
            Person { affiliations: Vec::new(), ..person(5, "left", Role::ClassTeacher, "ash") },
        ];
        let tablet = |number: u128, lent_to: u128| Device {
            id: DeviceId(uuid::Uuid::from_u128(number)),
            school: SchoolId::new("ash"),
            name: format!("Tablet {number}"),
            kind: DeviceKind::Workstation,
            addresses: Vec::new(),
            assigned_to: (lent_to != 0).then(|| PersonId(uuid::Uuid::from_u128(lent_to))),
        };
        Roster::new(people, vec![tablet(21, 1), tablet(22, 1), tablet(30, 0)])
    }

    /// What somebody of this role at Ash finds.
    fn read_as(role: Role, filter: &HistoryFilter) -> Result<Plan, Problems> {
        let id = PersonId(uuid::Uuid::from_u128(9));
        let actor = Actor::Person { id, login: "lead".to_owned(), roles: vec![(role, school("ash"))] };
        let (reach, pepper) =
            (Reach::Schools(vec![SchoolId::new("ash")]), Pepper::from_bytes(&[7; 32]).unwrap());
        let roster = roster();
        let sight =
            Sight { actor: &actor, reach: &reach, roster: &roster, pepper: &pepper, only_school: None };
        read(filter, None, &sight, &zone())
    }

    fn asked(change: impl FnOnce(&mut HistoryFilter)) -> HistoryFilter {
        let mut filter = HistoryFilter::default();
        change(&mut filter);
        filter
    }

    fn named(who: &str) -> HistoryFilter {
        asked(|f| {
            (f.person, f.reason, f.why) = (who.to_owned(), "concern".to_owned(), "she said so".to_owned())
        })
    }

    fn problems(change: impl FnOnce(&mut HistoryFilter)) -> Vec<String> {
        let read = read_as(Role::SafeguardingLead, &asked(change));
        read.err().unwrap_or_default().into_iter().map(|(field, _)| field).collect()
    }

    #[test]
    fn each_field_says_what_is_wrong_with_it() {
        assert_eq!(problems(|_| ()), [""; 0]);
        assert_eq!(problems(|f| f.outcome = "maybe".to_owned()), ["outcome"]);
        assert_eq!(problems(|f| f.channel = "explain".to_owned()), ["channel"]);
        assert_eq!(problems(|f| f.category = "fun".to_owned()), ["category"]);
        assert_eq!(problems(|f| f.layer = "cake".to_owned()), ["layer"]);
        assert_eq!(problems(|f| f.year = "14".to_owned()), ["year"]);
        assert_eq!(problems(|f| f.from = "22 November".to_owned()), ["from"]);
        assert_eq!(problems(|f| f.from_time = "10:15".to_owned()), ["from"], "a time alone is no moment");
        assert_eq!(problems(|f| f.host = "x".repeat(201)), ["host"]);
        assert_eq!(problems(|f| f.page = "1.2".to_owned()), ["page"]);
        assert_eq!(problems(|f| f.person = "amara".to_owned()), ["reason", "why"]);
        let backwards = |f: &mut HistoryFilter| {
            (f.from, f.until) = ("2026-11-23".to_owned(), "2026-11-22".to_owned());
        };
        assert_eq!(problems(backwards), ["until"]);
    }

    #[test]
    fn a_time_of_day_narrows_its_date() {
        let filter = asked(|f| {
            (f.from, f.from_time) = ("2026-11-22".to_owned(), "10:15".to_owned());
            (f.until, f.until_time) = ("2026-11-22".to_owned(), "10:20".to_owned());
        });
        let query = read_as(Role::Technician, &filter).unwrap().query;
        assert_eq!(query.until.unwrap(), query.from.unwrap().plus_ms(5 * 60_000));
    }

    #[test]
    fn whoever_may_name_somebody_finds_them_and_nobody_else() {
        use Role::{DataProtectionOfficer, Headteacher, SafeguardingLead, Technician};
        for (role, who, found) in [
            (SafeguardingLead, "amara", Some(vec![1])),
            (SafeguardingLead, "THISTLE", Some(vec![1])),
            (SafeguardingLead, "wesley", Some(vec![])),
            (SafeguardingLead, "teacher", Some(vec![])),
            (SafeguardingLead, "lead", Some(vec![])),
            (SafeguardingLead, "nobody", Some(vec![])),
            (Headteacher, "teacher", Some(vec![3])),
            (Headteacher, "head", Some(vec![])),
            (DataProtectionOfficer, "head", Some(vec![4])),
            (Technician, "amara", None),
        ] {
            let plan = read_as(role, &named(who));
            let ids = |people: Vec<PersonId>| people.iter().map(|id| id.0.as_u128()).collect::<Vec<_>>();
            let mut people = plan.as_ref().ok().map(|plan| ids(plan.people.clone()));
            if let Some(people) = &mut people {
                people.sort_unstable();
            }
            assert_eq!(people, found, "{role:?} {who}");
            if let Ok(plan) = plan {
                assert_eq!(plan.query.people, Some(plan.people), "nobody found is not everybody");
            }
        }
    }

    #[test]
    fn a_pseudonym_finds_its_person_for_whoever_may_read_about_them() {
        let (roster, pepper) = (roster(), Pepper::from_bytes(&[7; 32]).unwrap());
        let code = |number| code_of(roster.person(PersonId(uuid::Uuid::from_u128(number))).unwrap(), &pepper);
        for (role, number, finds) in [
            (Role::Technician, 1, true),
            (Role::Technician, 2, false),
            (Role::Technician, 3, false),
            (Role::Headteacher, 3, true),
        ] {
            let plan = read_as(role, &named(&format!("Pupil {}, year group 5", code(number)))).unwrap();
            assert_eq!((plan.people.len() == 1, plan.by_name), (finds, false), "{role:?} {number}");
        }
    }

    #[test]
    fn devices_that_are_lent_name_whoever_has_them_however_many_they_are() {
        for (device, fields) in
            [("tablet", vec!["reason", "why"]), ("tablet 2", vec!["reason", "why"]), ("tablet 3", vec![])]
        {
            assert_eq!(problems(|f| f.device = device.to_owned()), fields, "{device}");
        }
        let whole = HistoryFilter { device: "tablet".to_owned(), person: String::new(), ..named("") };
        let plan = read_as(Role::SafeguardingLead, &whole).unwrap();
        assert_eq!(plan.people, [PersonId(uuid::Uuid::from_u128(1))]);
        assert_eq!((plan.query.devices.unwrap().len(), plan.query.people), (3, None));
    }

    #[test]
    fn a_year_group_in_which_one_person_learns_names_that_person() {
        assert_eq!(problems(|f| f.year = "5".to_owned()), ["reason", "why"]);
        assert_eq!(problems(|f| f.year = "6".to_owned()), [""; 0]);
    }

    #[test]
    fn words_are_looked_for_without_those_who_may_not_be_read_about() {
        let words = asked(|f| f.words = "pregnancy test".to_owned());
        let hidden = |role| {
            let plan = read_as(role, &words).unwrap();
            let mut hidden: Vec<u128> =
                plan.query.not_people.unwrap().iter().map(|id| id.0.as_u128()).collect();
            hidden.sort_unstable();
            hidden
        };
        assert_eq!(
            hidden(Role::SafeguardingLead),
            [3, 4, 5, 9],
            "whoever has left is protected as staff are"
        );
        assert_eq!(hidden(Role::Headteacher), [4, 9], "nobody reads about themselves");
        assert_eq!(read_as(Role::SafeguardingLead, &asked(|_| ())).unwrap().query.not_people, None);
    }

    #[test]
    fn a_cursor_reads_back() {
        let id = EventId { gate: GateId(3), day: Day(20_779), sequence: u64::MAX };
        assert_eq!(read_cursor(&cursor(id)), Some(id));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_the_query_stays_within_reach(texts in prop::collection::vec("\\PC{0,30}", 22)) {
            let mut filter = HistoryFilter::default();
            let names: Vec<&str> = HistoryFilter::default().fields().map(|(name, _)| name).collect();
            for (name, text) in names.into_iter().zip(texts) {
                *filter.field_mut(name).unwrap() = text;
            }
            if let Ok(plan) = read_as(Role::SafeguardingLead, &filter) {
                let schools = plan.query.schools.unwrap();
                prop_assert!(schools.iter().all(|school| school.as_str() == "ash"));
            }
        }
    }
}
