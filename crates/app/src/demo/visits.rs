//! What the people of the demo looked at in the last two days, each visit decided by the policy in force.

use super::Random;
use model::{AccessEvent, Ask, Channel, EventOutcome, Host, IdentityMap, Roster, Target, Timestamp};
use policy::Snapshot;
use std::net::IpAddr;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Days looked back on, the one that is not over among them.
const DAYS: i64 = 3;
/// Visits of each person on each day.
const VISITS: u32 = 12;
/// School begins this many minutes after midnight by the school's clock, and lasts so long.
const SCHOOL_BEGINS_MINUTE: i64 = 8 * 60 + 40;
const SCHOOL_LASTS_MINUTES: u32 = 6 * 60 + 30;

/// Pages a school visits, and some it is not let to.
const PAGES: [(&str, &str); 20] = [
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
    ("www.gov.uk", "/school-term-holiday-dates"),
    ("scratch.mit.edu", "/projects/editor/"),
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
    let identities = IdentityMap::default();
    let mut events = Vec::new();
    for day in 0..DAYS {
        let begins = school_begins(snapshot, now.plus_ms(-day * DAY_MS));
        for address in addresses {
            for _ in 0..VISITS {
                let minute = random.below(SCHOOL_LASTS_MINUTES);
                let at = begins.plus_ms(i64::from(minute) * MINUTE_MS + i64::from(random.below(60_000)));
                let Some((host, path)) = random.one_of(&PAGES) else { continue };
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

/// When school begins on the day of `at`, by the school's clock.
fn school_begins(snapshot: &Snapshot, at: Timestamp) -> Timestamp {
    let zone = &snapshot.policy().time_zone;
    let date = zone.to_datetime(at.to_jiff()).date();
    let midnight =
        date.to_zoned(zone.clone()).map_or(at, |midnight| Timestamp(midnight.timestamp().as_millisecond()));
    midnight.plus_ms(SCHOOL_BEGINS_MINUTE * MINUTE_MS)
}
