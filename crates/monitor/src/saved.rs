//! The state as plain bytes: a form number, then trails and crowds.
//!
//! Left out: words, said or still typed; they are kept for seconds. Rules are saved by id: one that is gone keeps its id and
//! loses its sentence.

use crate::attempts::Attempt;
use crate::bytes::{Reader, Writer};
use crate::open::Open;
use crate::state::{Crowd, MOST_OF_CROWD, MOST_TRAILS, State};
use crate::trail::{MOST_HOSTS, ThemeDay, ThemeDays, Trail, Walker};
use crate::{MonitorError, Rules};
use model::{
    AlertSubject, Category, Day, DeviceId, EventId, GateId, MOST_EVENTS_OF_ALERT, PersonId, SchoolId,
    Severity, Theme, Timestamp,
};
use std::net::{IpAddr, Ipv6Addr};

/// The form that is written, and the only one that is read.
const FORM: u16 = 1;

impl State {
    /// The state as bytes.
    pub fn save(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.number(FORM.to_le_bytes());
        let trails = writer.length(self.trails.len());
        for (walker, trail) in self.trails.iter().take(trails) {
            write_walker(&mut writer, *walker);
            write_trail(&mut writer, trail);
        }
        let crowds = writer.length(self.crowds.len());
        for ((school, theme), crowd) in self.crowds.iter().take(crowds) {
            writer.maybe(school.as_ref(), |writer, school| writer.text(school.as_str()));
            writer.text(theme.slug());
            writer.maybe(crowd.told, |writer, day| writer.number(day.0.to_le_bytes()));
            writer.length(crowd.people.len());
            for (person, day) in &crowd.people {
                writer.number(person.to_le_bytes());
                writer.number(day.0.to_le_bytes());
            }
        }
        writer.bytes
    }

    /// The state out of bytes that [`State::save`] made; rules that are gone lose their sentence.
    pub fn restore(bytes: &[u8], rules: &Rules) -> Result<Self, MonitorError> {
        read_state(bytes, rules).ok_or(MonitorError::State { expected: FORM })
    }
}

fn read_state(bytes: &[u8], rules: &Rules) -> Option<State> {
    let mut reader = Reader::of(bytes);
    if u16::from_le_bytes(reader.number()?) != FORM {
        return None;
    }
    let trails = reader.many(|reader| Some((read_walker(reader)?, read_trail(reader, rules)?)))?;
    let crowds = reader.many(|reader| {
        let school = reader.maybe(Reader::text)?.map(SchoolId::new);
        let theme = Theme::parse(reader.text()?)?;
        let told = reader.maybe(Reader::i32)?.map(Day);
        let people = reader.many(|reader| Some((reader.u64()?, Day(reader.i32()?))))?;
        (people.len() <= MOST_OF_CROWD).then_some(((school, theme), Crowd { people, told }))
    })?;
    if !reader.is_at_end() || trails.len() > MOST_TRAILS {
        return None;
    }
    Some(State {
        trails: trails.into_iter().collect(),
        crowds: crowds.into_iter().collect(),
        ..State::default()
    })
}

fn write_walker(writer: &mut Writer, walker: Walker) {
    let (kind, number) = match walker {
        Walker::Person(person) => (0, person.0.as_u128()),
        Walker::Device(device) => (1, device.0.as_u128()),
        Walker::Address(address) => (2, as_v6(address).to_bits()),
    };
    writer.number([kind]);
    writer.number(number.to_le_bytes());
}

fn read_walker(reader: &mut Reader<'_>) -> Option<Walker> {
    let (kind, number) = (reader.byte()?, reader.u128()?);
    Some(match kind {
        0 => Walker::Person(PersonId(uuid::Uuid::from_u128(number))),
        1 => Walker::Device(DeviceId(uuid::Uuid::from_u128(number))),
        2 => Walker::Address(IpAddr::V6(Ipv6Addr::from_bits(number)).to_canonical()),
        _ => return None,
    })
}

fn as_v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn write_trail(writer: &mut Writer, trail: &Trail) {
    writer.maybe(trail.seen, |writer, seen| writer.number(seen.0.to_le_bytes()));
    writer.length(trail.attempts.len());
    for attempt in &trail.attempts {
        writer.number(attempt.at.0.to_le_bytes());
        writer.text(attempt.category.slug());
        writer.number(attempt.host.to_le_bytes());
    }
    writer.length(trail.themes.len());
    for days in &trail.themes {
        writer.text(days.theme.slug());
        writer.length(days.days.len());
        for day in &days.days {
            writer.number(day.day.0.to_le_bytes());
            writer.number([day.worst.number()]);
            writer.number(day.count.to_le_bytes());
        }
    }
    writer.length(trail.open.len());
    for open in &trail.open {
        write_open(writer, open);
    }
}

fn read_trail(reader: &mut Reader<'_>, rules: &Rules) -> Option<Trail> {
    let seen = reader.maybe(Reader::i64)?.map(Timestamp);
    let attempts = reader.many(|reader| {
        let at = Timestamp(reader.i64()?);
        Some(Attempt { at, category: Category::parse(reader.text()?)?, host: reader.u64()? })
    })?;
    let themes = reader.many(|reader| {
        let theme = Theme::parse(reader.text()?)?;
        let days = reader.many(|reader| {
            let day = Day(reader.i32()?);
            Some(ThemeDay { day, worst: read_severity(reader)?, count: reader.u32()? })
        })?;
        Some(ThemeDays { theme, days: days.into() })
    })?;
    let open = reader.many(|reader| read_open(reader, rules))?;
    let is_bounded =
        attempts.len() <= MOST_HOSTS && open.len() <= Theme::ALL.len() && themes.len() <= Theme::ALL.len();
    is_bounded.then_some(Trail { seen, attempts, themes, open, ..Trail::default() })
}

fn write_open(writer: &mut Writer, open: &Open) {
    writer.text(open.theme.slug());
    writer.number([open.severity.number()]);
    writer.maybe(open.subject.school.as_ref(), |writer, school| writer.text(school.as_str()));
    writer.maybe(open.subject.person, |writer, person| writer.number(person.0.as_u128().to_le_bytes()));
    writer.maybe(open.subject.device, |writer, device| writer.number(device.0.as_u128().to_le_bytes()));
    writer.text(&open.rule);
    for at in [open.first, open.last, open.told] {
        writer.number(at.0.to_le_bytes());
    }
    writer.number(open.count.to_le_bytes());
    writer.number([u8::from(open.has_news)]);
    writer.length(open.events.len());
    for event in &open.events {
        writer.number(event.gate.0.to_le_bytes());
        writer.number(event.day.0.to_le_bytes());
        writer.number(event.sequence.to_le_bytes());
    }
}

fn read_open(reader: &mut Reader<'_>, rules: &Rules) -> Option<Open> {
    let theme = Theme::parse(reader.text()?)?;
    let severity = read_severity(reader)?;
    let subject = AlertSubject {
        school: reader.maybe(Reader::text)?.map(SchoolId::new),
        person: reader.maybe(Reader::u128)?.map(|id| PersonId(uuid::Uuid::from_u128(id))),
        device: reader.maybe(Reader::u128)?.map(|id| DeviceId(uuid::Uuid::from_u128(id))),
    };
    let rule = reader.text()?;
    let (rule, why) = match rules.sentence(rule) {
        Some(says) => (says.id.clone(), says.why.clone()),
        None => (rule.into(), "A rule that is no longer among the school's rules.".into()),
    };
    let mut time = || reader.i64().map(Timestamp);
    let (first, last, told) = (time()?, time()?, time()?);
    let count = reader.u32()?;
    let has_news = reader.byte()? == 1;
    let events = reader.many(|reader| {
        let gate = GateId(u16::from_le_bytes(reader.number()?));
        Some(EventId { gate, day: Day(reader.i32()?), sequence: reader.u64()? })
    })?;
    if events.len() > MOST_EVENTS_OF_ALERT {
        return None;
    }
    Some(Open { theme, severity, subject, rule, why, first, last, count, events, told, has_news })
}

fn read_severity(reader: &mut Reader<'_>) -> Option<Severity> {
    let number = reader.byte()?;
    Severity::ALL.into_iter().find(|severity| severity.number() == number)
}
