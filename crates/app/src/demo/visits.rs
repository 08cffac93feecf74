//! What the people of the demo looked at in the last three days, each visit decided by the policy in force.
//!
//! Every one of these days is one of term, whatever the calendar says: on a Sunday in August, too, a stranger is to see what a
//! school sees.

use crate::made_up::{DayKind, Minutes, Random};
use crate::words;
use model::{AccessEvent, Ask, Channel, EventOutcome, Host, IdentityMap, Roster, Target, Timestamp};
use policy::Snapshot;
use std::net::IpAddr;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Days looked back on, the one that is not over among them.
const DAYS: i64 = 3;
/// Visits of each person on each day.
const VISITS: u32 = 12;
/// Of so many visits in a hundred, everybody looks at the page of the lesson.
const OF_THE_LESSON: u32 = 45;

/// Pages that lessons are about.
const LESSONS: [(&str, &str); 11] = [
    ("www.bbc.co.uk", "/bitesize/primary"),
    ("www.bbc.co.uk", "/newsround"),
    ("www.bbc.co.uk", "/bitesize/topics/z6882hv"),
    ("www.topmarks.co.uk", "/maths-games"),
    ("www.phonicsplay.co.uk", "/resources/phase/2"),
    ("ttrockstars.com", "/"),
    ("www.google.co.uk", "/search?q=how+do+volcanoes+work"),
    ("www.google.co.uk", "/search?q=life+cycle+of+a+frog"),
    ("en.wikipedia.org", "/wiki/Roman_Britain"),
    ("www.nationalgeographic.com", "/animals"),
    ("scratch.mit.edu", "/projects/editor/"),
];
/// Pages that one likes to look at, and some that one is not let to.
const OTHERS: [(&str, &str); 9] = [
    ("www.gov.uk", "/school-term-holiday-dates"),
    ("www.youtube.com", "/watch?v=volcano"),
    ("www.roblox.com", "/games"),
    ("www.tiktok.com", "/foryou"),
    ("poki.com", "/en/g/racing"),
    ("gambling.schoolgate.test", "/"),
    ("vpn-proxy.schoolgate.test", "/download"),
    ("social-media.schoolgate.test", "/feed"),
    ("encrypted-dns.schoolgate.test", "/dns-query"),
];

/// The visits from these addresses, oldest first, all before `now`.
pub(crate) fn visits(
    snapshot: &Snapshot,
    roster: &Roster,
    addresses: &[IpAddr],
    now: Timestamp,
    mut random: Random,
) -> Vec<AccessEvent> {
    let (identities, minutes) = (IdentityMap::default(), Minutes::of(DayKind::Term));
    let mut events = Vec::new();
    for day in 0..DAYS {
        let midnight = words::start_of_day(&snapshot.policy().time_zone, now.plus_ms(-day * DAY_MS));
        for address in addresses {
            for _ in 0..VISITS {
                let minute = minutes.draw(&mut random);
                let at = midnight.plus_ms(i64::from(minute) * MINUTE_MS + i64::from(random.below(60_000)));
                let Some((host, path)) = page(at, &mut random) else { continue };
                let Ok(host) = Host::parse(host) else { continue };
                if at >= now {
                    continue;
                }
                let who = snapshot.who(*address, at, roster, &identities);
                let what =
                    Target { host, port: Some(443), path: Some((*path).to_owned()), record_type: None };
                let ask = Ask { who, what, how: Channel::Https, at };
                events.extend(visit(snapshot, ask, &mut random));
            }
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

/// A visit as the gate sees it: the question to DNS, and the request where DNS let it through.
fn visit(snapshot: &Snapshot, ask: Ask, random: &mut Random) -> Vec<AccessEvent> {
    let name = Ask { what: Target::host(ask.what.host.clone()), how: Channel::Dns, ..ask.clone() };
    let mut question = AccessEvent::of(&name, &snapshot.decide(&name), "A");
    question.took_ms = random.below(20);
    if question.outcome == EventOutcome::Blocked {
        return vec![question];
    }
    let asked = Ask { at: ask.at.plus_ms(i64::from(question.took_ms) + 5), ..ask };
    let mut request = AccessEvent::of(&asked, &snapshot.decide(&asked), "GET");
    let blocked = request.outcome == EventOutcome::Blocked;
    request.status = Some(if blocked { 403 } else { 200 });
    request.bytes_up = u64::from(400 + random.below(900));
    request.bytes_down = u64::from(if blocked { 6_000 } else { 2_000 + random.below(900_000) });
    request.took_ms = 20 + random.below(400);
    vec![question, request]
}

/// What somebody looks at: the page of the hour's lesson, or what they like.
fn page(at: Timestamp, random: &mut Random) -> Option<&'static (&'static str, &'static str)> {
    if random.below(100) < OF_THE_LESSON {
        let hour = at.0.unsigned_abs() / (60 * 60_000);
        return Random::new(hour).one_of(&LESSONS);
    }
    match random.below(2) {
        0 => random.one_of(&LESSONS),
        _ => random.one_of(&OTHERS),
    }
}
