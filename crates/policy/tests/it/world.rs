//! A small made-up school: groups, lists and people, and one helper that asks.

use ipnet::IpNet;
use jiff::tz::TimeZone;
use model::{
    Affiliation, Ask, Category, CategorySet, Channel, Device, DeviceId, DeviceKind, GroupId, Host,
    IdentityMap, Known, KnownBy, ListId, NetworkId, Outcome, Person, PersonId, PolicyHash, Role, Roster,
    SchoolId, Scope, Stage, Target, Timestamp, Verdict, Who, YearGroup,
};
use policy::image::{Effect, Image, ImageWriter, NewEntry, NewList, Reach, Weight};
use policy::rules::{
    Entry, GroupRules, InspectionSetting, Members, Network, Origin, School, Tightening, TrafficRules, Window,
    WindowEffect, YouTube,
};
use policy::{Policy, Snapshot};
use std::sync::Arc;

/// Sunday 22 November 2026, 10:15 in London.
pub const SUNDAY: &str = "2026-11-22T10:15:00Z";
/// Monday 23 November 2026, 12:20 in London: within the lunch club.
pub const MONDAY_LUNCH: &str = "2026-11-23T12:20:00Z";

pub fn category(slug: &str) -> Category {
    Category::parse(slug).unwrap()
}

pub fn categories(slugs: &[&str]) -> CategorySet {
    slugs.iter().map(|slug| category(slug)).collect()
}

pub fn entry(text: &str, from: Origin) -> Entry {
    let (host, path) =
        text.split_once('/').map_or((text, None), |(host, path)| (host, Some(format!("/{path}"))));
    let host = Host::parse(host).unwrap();
    Entry { host, path: path.map(Into::into), text: text.into(), why: "because".into(), from }
}

pub fn window(name: &str, days: [bool; 7], minutes: (u16, u16), effect: WindowEffect) -> Window {
    Window { name: name.into(), days, from_minute: minutes.0, until_minute: minutes.1, effect }
}

pub const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

fn group(id: &str, stage: Stage, members: Members) -> GroupRules {
    GroupRules {
        id: GroupId::new(id),
        name: id.into(),
        stage,
        members,
        default: Outcome::Allow,
        block: CategorySet::EMPTY,
        allow_categories: CategorySet::EMPTY,
        allow: Vec::new(),
        deny: Vec::new(),
        windows: Vec::new(),
        safe_search: false,
        youtube: YouTube::Off,
        inspection: InspectionSetting::On,
        traffic: TrafficRules::default(),
        tightened: Vec::new(),
    }
}

fn of_years(years: &[&str]) -> Members {
    let years = years.iter().map(|year| YearGroup::parse(year).unwrap()).collect();
    Members { years, ..Members::default() }
}

fn of_roles(roles: &[Role]) -> Members {
    Members { roles: roles.to_vec(), ..Members::default() }
}

/// The rules of the made-up school "ash" and, of the same trust, "elm", which is tighter.
pub fn policy() -> Policy {
    let lunch =
        window("Lunch club", WEEKDAYS, (12 * 60, 13 * 60), WindowEffect::Open(categories(&["games"])));
    let night = window("Night", [true; 7], (22 * 60, 1440), WindowEffect::CloseEverything);
    let tighter = Tightening {
        block: categories(&["news"]),
        deny: vec![entry("elm-says-no.test", Origin::School)],
        default_block: false,
        safe_search: true,
        youtube: YouTube::Strict,
        closed: Vec::new(),
        ..Tightening::default()
    };
    Policy {
        hash: PolicyHash::new("00".repeat(32)),
        title: "Made-up policy".into(),
        trust: None,
        schools: ["ash", "elm"].map(|id| School { id: SchoolId::new(id), name: id.into() }).into(),
        time_zone: TimeZone::get("Europe/London").unwrap(),
        networks: vec![
            network("guest-wifi", "10.1.9.0/24", "ash", Some("guests")),
            network("classrooms", "10.1.0.0/16", "ash", None),
            network("elm", "10.2.0.0/16", "elm", None),
        ],
        groups: vec![
            GroupRules {
                default: Outcome::Block,
                allow_categories: categories(&["education"]),
                ..group("infants", Stage::Infants, of_years(&["R", "1", "2"]))
            },
            GroupRules {
                block: categories(&["games", "gambling", "vpn-proxy", "pornography"]),
                allow: vec![
                    entry("chess.games.test", Origin::School),
                    entry("mixed.test/lesson", Origin::School),
                ],
                deny: vec![
                    entry("trust-says-no.test", Origin::Trust),
                    entry("no.test", Origin::School),
                    entry("deny.chess.games.test", Origin::School),
                ],
                windows: vec![lunch, night],
                safe_search: true,
                youtube: YouTube::Moderate,
                tightened: vec![(SchoolId::new("elm"), tighter)],
                ..group("juniors", Stage::Juniors, of_years(&["3", "4", "5", "6"]))
            },
            GroupRules {
                block: categories(&["vpn-proxy"]),
                allow: vec![entry("vpn.test", Origin::School), entry("illegal.test", Origin::School)],
                ..group("staff", Stage::Adults, of_roles(&[Role::Staff, Role::ClassTeacher]))
            },
            GroupRules {
                inspection: InspectionSetting::Never,
                block: categories(&["gambling"]),
                ..group("guests", Stage::Adults, of_roles(&[Role::Guest]))
            },
            GroupRules {
                default: Outcome::Block,
                allow_categories: categories(&["software-updates"]),
                ..group(
                    "servers",
                    Stage::Adults,
                    Members { equipment: vec![DeviceKind::Server], ..Members::default() },
                )
            },
        ],
        lists: Vec::new(),
        bypass: vec![entry("bank.test", Origin::School)],
        watching: policy::rules::Watching::default(),
    }
}

fn network(id: &str, range: &str, school: &str, group: Option<&str>) -> Network {
    let ranges = vec![range.parse::<IpNet>().unwrap()];
    Network {
        id: NetworkId::new(id),
        school: SchoolId::new(school),
        ranges,
        group: group.map(GroupId::new),
        sign_in: Default::default(),
        addresses: Default::default(),
    }
}

/// A list image with one name for each category the tests use.
pub fn image() -> Image {
    let mut writer = ImageWriter::default();
    let list = NewList {
        id: ListId::new("made-up"),
        name: "Made up".into(),
        read_at: Timestamp(0),
        dropped: vec![],
    };
    let list = writer.list(list).unwrap();
    let named = [
        ("illegal.test", "illegal"),
        ("games.test", "games"),
        ("poker.test", "gambling"),
        ("poker.test", "games"),
        ("vpn.test", "vpn-proxy"),
        ("mixed.test", "games"),
        ("school.test", "education"),
        ("news.test", "news"),
        ("updates.test", "software-updates"),
        ("bank.test", "banking"),
    ];
    for (line, (name, slug)) in (1..).zip(named) {
        let host = Host::parse(name).unwrap();
        let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
        writer.push(list, NewEntry { host: &host, reach, effect, weight, category: category(slug), line });
    }
    Image::from_bytes(writer.finish().unwrap()).unwrap()
}

pub fn snapshot() -> Snapshot {
    Snapshot::compile(policy(), image(), vec![Host::parse("gate.test").unwrap()])
}

/// `infant`, `junior`, `teacher`, `governor` (in no group) or `guest`, at a school.
pub fn person(what: &str, school: &str) -> Arc<Person> {
    let (role, year) = match what {
        "infant" => (Role::Learner, YearGroup::parse("1")),
        "junior" => (Role::Learner, YearGroup::parse("4")),
        "teacher" => (Role::ClassTeacher, None),
        "guest" => (Role::Guest, None),
        _ => (Role::Governor, None),
    };
    let number = u128::from_be_bytes(*b"made-up-person-x") ^ what.bytes().map(u128::from).sum::<u128>();
    Arc::new(Person {
        id: PersonId(uuid::Uuid::from_u128(number)),
        login: what.into(),
        display_name: what.into(),
        affiliations: vec![Affiliation { scope: Scope::School(SchoolId::new(school)), role, year }],
    })
}

/// Who asks, in the words of the cases: people joined by `+`, at a school after `@`; or an address.
pub fn who(text: &str) -> Who {
    if let Ok(address) = text.parse() {
        let server = Device {
            id: DeviceId(uuid::Uuid::nil()),
            school: SchoolId::new("ash"),
            name: "SRV".into(),
            kind: DeviceKind::Server,
            addresses: vec!["10.1.0.2".parse().unwrap()],
            assigned_to: None,
        };
        let roster = Roster::new(Vec::new(), vec![server]);
        return snapshot().who(address, Timestamp(0), &roster, &IdentityMap::default());
    }
    let (people, school) = text.split_once('@').unwrap_or((text, "ash"));
    let known = |what| Known::lasting(&person(what, school), KnownBy::Named);
    Who {
        people: people.split('+').map(known).collect(),
        school: Some(SchoolId::new(school)),
        ..Who::default()
    }
}

/// A question in words: who, host with optional path, when; as a request whose path is readable when it has one.
pub fn ask(who_text: &str, url: &str, at: &str) -> Ask {
    let (host, path) =
        url.split_once('/').map_or((url, None), |(host, path)| (host, Some(format!("/{path}"))));
    let how = if path.is_some() { Channel::Https } else { Channel::Tunnel };
    let what = Target { host: Host::parse(host).unwrap(), port: Some(443), path, record_type: None };
    Ask { who: who(who_text), what, how, at: Timestamp::parse(at).unwrap() }
}

pub fn decide(who_text: &str, url: &str, at: &str) -> Verdict {
    snapshot().decide(&ask(who_text, url, at))
}
