//! A made-up school of 200 groups: its policy, its people, the addresses they ask from, and what each may reach.
//!
//! Twelve lists, each of one category; the name of number `n` stands in list `n % 12`. Each group blocks its own choice
//! of the twelve, `malware` and `phishing-scams` always. Group `g` has the network `127.1.g.0/24`; half of the ten
//! addresses used there have somebody signed in, whose group is that of their year, so that both ways of knowing a group
//! are asked.

use app::made_up::Random;
use ipnet::{IpNet, Ipv4Net};
use jiff::tz::TimeZone;
use model::{
    Affiliation, Category, CategorySet, Claim, GroupId, Host, IdentityMap, KnownBy, ListId, NetworkId,
    Outcome, Person, PersonId, PolicyHash, Role, Roster, SchoolId, Scope, Stage, Timestamp, YearGroup,
};
use policy::rules::{
    Entry, GroupRules, InspectionSetting, Members, Network, Origin, Policy, School as PolicySchool,
    TrafficRules, Window, WindowEffect, YouTube,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// The groups, each with a network of its own.
pub(crate) const GROUPS: u8 = 200;
/// Addresses that ask in each network.
pub(crate) const CLIENTS_A_NETWORK: u8 = 10;
/// The categories of the lists, in the lists' order.
const CATEGORIES: [&str; LISTS] = [
    "malware",
    "phishing-scams",
    "pornography",
    "gambling",
    "dating",
    "drugs",
    "violence",
    "piracy",
    "social-media",
    "games",
    "advertising-tracking",
    "cryptocurrency",
];
/// The lists.
pub(crate) const LISTS: usize = 12;
/// The lists that every group blocks.
const ALWAYS: usize = 2;
/// Entries of its own that a group allows, and as many that it denies.
const ENTRIES: u8 = 5;
const YEARS: [&str; 15] = ["N", "R", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];

/// The school: who is in which group, and which lists that group blocks.
pub(crate) struct School {
    /// For each group, the lists it blocks, a bit each.
    blocked: Vec<u16>,
}

/// Somebody who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Client {
    pub(crate) address: Ipv4Addr,
    /// The group whose rules count.
    pub(crate) group: u8,
}

impl School {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(200);
        let choice = |_| {
            let mut lists = 0b11u16;
            for list in ALWAYS..LISTS {
                lists |= u16::from(random.below(10) < 7) << list;
            }
            lists
        };
        Self { blocked: (0..GROUPS).map(choice).collect() }
    }

    /// Everybody who asks.
    pub(crate) fn clients() -> impl Iterator<Item = Client> {
        (0..GROUPS).flat_map(|network| (1..=CLIENTS_A_NETWORK).map(move |host| client(network, host)))
    }

    /// True when the group may not reach the names of this number's list.
    pub(crate) fn blocks(&self, group: u8, name: u32) -> bool {
        let list = list_of(name);
        self.blocked.get(usize::from(group)).is_some_and(|lists| lists >> list & 1 == 1)
    }

    /// The policy.
    pub(crate) fn policy(&self) -> Policy {
        let school = SchoolId::new("larkfield");
        Policy {
            hash: PolicyHash::new("0".repeat(64)),
            title: "Larkfield First School".into(),
            trust: None,
            schools: vec![PolicySchool { id: school.clone(), name: "Larkfield First School".into() }],
            time_zone: TimeZone::UTC,
            networks: (0..GROUPS).map(|group| network(&school, group)).collect(),
            groups: (0..GROUPS).map(|group| self.group(group)).collect(),
            lists: Vec::new(),
            bypass: vec![entry("bank.test"), entry("clinic.test")],
            watching: policy::rules::Watching::default(),
        }
    }

    fn group(&self, number: u8) -> GroupRules {
        let years = YEARS.get(usize::from(number)).and_then(|year| YearGroup::parse(year));
        let blocked = (0..LISTS)
            .filter(|list| self.blocked.get(usize::from(number)).is_some_and(|lists| lists >> list & 1 == 1));
        GroupRules {
            id: group_id(number),
            name: format!("Group {number}").into(),
            stage: if number.is_multiple_of(2) { Stage::Secondary } else { Stage::Juniors },
            members: Members { years: years.into_iter().collect(), ..Members::default() },
            default: Outcome::Allow,
            block: blocked.map(category_of).collect(),
            allow_categories: CategorySet::EMPTY,
            allow: (0..ENTRIES).map(|at| entry(&format!("allowed{at}.group{number}.test"))).collect(),
            deny: (0..ENTRIES).map(|at| entry(&format!("denied{at}.group{number}.test"))).collect(),
            windows: vec![Window {
                name: "Lunch".into(),
                days: [true, true, true, true, true, false, false],
                from_minute: 720,
                until_minute: 780,
                effect: WindowEffect::Close(Category::parse("shopping").into_iter().collect()),
            }],
            safe_search: true,
            youtube: YouTube::Moderate,
            inspection: InspectionSetting::On,
            traffic: TrafficRules::default(),
            tightened: Vec::new(),
        }
    }
}

/// The list a name stands in.
pub(crate) fn list_of(name: u32) -> usize {
    usize::try_from(name).unwrap_or(0) % LISTS
}

/// The category of a list.
pub(crate) fn category_of(list: usize) -> Category {
    CATEGORIES.get(list).and_then(|slug| Category::parse(slug)).unwrap_or(Category::ILLEGAL)
}

/// The id of a list.
pub(crate) fn list_id(list: usize) -> ListId {
    ListId::new(format!("list-{list:02}"))
}

/// The people, one at every second address that asks.
pub(crate) fn roster() -> Roster {
    let people = School::clients().filter_map(|client| signed_in(client.address)).map(person).collect();
    Roster::new(people, Vec::new())
}

/// Signs them in.
pub(crate) fn sign_in(identities: &IdentityMap, now: Timestamp) {
    for client in School::clients() {
        if let Some(number) = signed_in(client.address) {
            let (from, until) = (now, now.plus_ms(86_400_000));
            let claim = Claim { person: person_id(number), by: KnownBy::SignIn, from, until };
            identities.claim(IpAddr::V4(client.address), claim);
        }
    }
}

fn client(network: u8, host: u8) -> Client {
    let address = Ipv4Addr::new(127, 1, network, host);
    let group = signed_in(address).map_or(network, year_of);
    Client { address, group }
}

/// The number of the person who is signed in at an address, where somebody is.
fn signed_in(address: Ipv4Addr) -> Option<u16> {
    let [_, _, network, host] = address.octets();
    host.is_multiple_of(2).then(|| u16::from(network) * 256 + u16::from(host))
}

/// Which of the years, and so which of the first groups, a person is in.
fn year_of(person: u16) -> u8 {
    u8::try_from(usize::from(person) % YEARS.len()).unwrap_or(0)
}

fn person(number: u16) -> Person {
    let year = YEARS.get(usize::from(year_of(number))).and_then(|year| YearGroup::parse(year));
    Person {
        id: person_id(number),
        login: format!("pupil{number}"),
        display_name: format!("Pupil {number}"),
        affiliations: vec![Affiliation {
            scope: Scope::School(SchoolId::new("larkfield")),
            role: Role::Learner,
            year,
        }],
    }
}

fn person_id(number: u16) -> PersonId {
    PersonId(uuid::Uuid::from_u128(u128::from(number) + 1))
}

fn group_id(number: u8) -> GroupId {
    GroupId::new(format!("group-{number:03}"))
}

fn network(school: &SchoolId, number: u8) -> Network {
    let range = Ipv4Net::new_assert(Ipv4Addr::new(127, 1, number, 0), 24);
    Network {
        id: NetworkId::new(format!("network-{number:03}")),
        school: school.clone(),
        ranges: vec![IpNet::V4(range)],
        group: Some(group_id(number)),
        sign_in: Default::default(),
        addresses: Default::default(),
    }
}

fn entry(host: &str) -> Entry {
    let text: Arc<str> = host.into();
    Entry {
        host: Host::Name(host.into()),
        path: None,
        text,
        why: "for the bench".into(),
        from: Origin::School,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists_files::image_of;
    use crate::names::Names;
    use model::{Ask, Channel, Target};
    use policy::Snapshot;

    #[test]
    fn the_snapshot_decides_as_the_school_says() {
        let (school, names) = (School::new(), Names::new(3));
        let image = image_of(names, 0..240).unwrap();
        let snapshot = Snapshot::compile(school.policy(), image, Vec::new());
        let (roster, identities, at) = (roster(), IdentityMap::default(), Timestamp(1_800_000_000_000));
        sign_in(&identities, at);
        let (mut blocked, mut allowed) = (0, 0);
        for (client, number) in School::clients().zip((0..240).cycle()) {
            let who = snapshot.who(IpAddr::V4(client.address), at, &roster, &identities);
            let host = Host::parse(&names.name(number)).unwrap();
            let verdict = snapshot.decide(&Ask { who, what: Target::host(host), how: Channel::Dns, at });
            assert_eq!(verdict.outcome == Outcome::Block, school.blocks(client.group, number), "{client:?}");
            match verdict.outcome {
                Outcome::Block => blocked += 1,
                Outcome::Allow => allowed += 1,
            }
        }
        assert!(blocked > 1_000 && allowed > 200, "{blocked} {allowed}");
    }
}
