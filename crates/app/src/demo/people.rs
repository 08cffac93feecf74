//! Who is in the demo: one account for each role, a dozen pupils at each school, their devices and the posts they hold.

use super::STAFF;
use crate::made_up::Random;
use model::{
    Affiliation, ClassId, ClassKind, ClassPart, Device, DeviceId, DeviceKind, Person, PersonId, Role,
    SchoolId, Scope, Timestamp, YearGroup,
};
use policy::file::{Document, PostPlace};
use policy::rules::{GroupRules, Network, Policy, School};
use std::net::IpAddr;
use store::{Change, ClassChange};
use uuid::Uuid;

/// Pupils at each school.
const PUPILS: usize = 12;

/// First names for pupils.
const PUPIL_NAMES: [&str; PUPILS] =
    ["Amara", "Bryn", "Ceri", "Dilan", "Elsie", "Farah", "Gethin", "Hana", "Idris", "Jaya", "Kofi", "Lowri"];
/// First names for adults, one for each role of [`STAFF`].
const STAFF_NAMES: [&str; STAFF.len()] = [
    "Geraint", "Helena", "Sunil", "Daphne", "Oona", "Bashir", "Petra", "Lionel", "Greta", "Tariq", "Carys",
    "Stellan", "Winifred",
];
/// Surnames that nobody has.
const SURNAMES: [&str; 16] = [
    "Thistlewick",
    "Marshbeck",
    "Okwuosa-Lane",
    "Fernhollow",
    "Dunmoss",
    "Patelwood",
    "Brackenshaw",
    "Lindqvale",
    "Haverstone",
    "Rahmanfield",
    "Swiftwater",
    "Elmscroft",
    "Kowalbrook",
    "Nightingrove",
    "Adeyhill",
    "Pennyquarry",
];

/// Everybody and everything in the demo.
pub(crate) struct Cast {
    /// The people, staff first.
    pub people: Vec<Part>,
    /// Devices.
    pub devices: Vec<Device>,
    /// Posts that are held: which, where, by whom.
    posts: Vec<(Role, Scope, PersonId)>,
    /// A class at each school, of its class teacher and all its pupils.
    classes: Vec<(ClassId, SchoolId)>,
}

/// Somebody in the demo.
pub(crate) struct Part {
    /// The person.
    pub person: Person,
    /// The first address of the device that is lent to them.
    pub address: Option<IpAddr>,
}

impl Cast {
    /// Everything but the accounts, as changes of the records.
    pub(crate) fn changes(&self, now: Timestamp) -> Vec<Change> {
        let person = |part: &Part| Change::AddPerson { person: part.person.clone(), scope: Scope::Trust };
        let post = |(role, scope, person): &(Role, Scope, PersonId)| Change::GivePost {
            role: *role,
            scope: scope.clone(),
            person: *person,
            from: now,
        };
        let people = self.people.iter().map(person);
        people
            .chain(self.devices.iter().cloned().map(Change::AddDevice))
            .chain(self.posts.iter().map(post))
            .chain(self.classes.iter().flat_map(|(class, school)| self.class(*class, school, now)))
            .collect()
    }

    fn class(&self, class: ClassId, school: &SchoolId, from: Timestamp) -> Vec<Change> {
        let scope = Scope::School(school.clone());
        let (name, kind) = ("Hazel".to_owned(), ClassKind::Registration);
        let add = ClassChange::Add { id: class, school: school.clone(), name, kind, from };
        let join = |part: &Part| {
            let affiliation = part.person.affiliations.first().filter(|held| held.scope == scope)?;
            let part_of = match affiliation.role {
                Role::ClassTeacher => ClassPart::Teacher,
                Role::Learner => ClassPart::Learner,
                _ => return None,
            };
            let person = part.person.id;
            Some(ClassChange::Join { class, person, part: part_of, from, scope: scope.clone() })
        };
        std::iter::once(add).chain(self.people.iter().filter_map(join)).map(Change::Class).collect()
    }

    /// The addresses that people browse from.
    pub(crate) fn browsing(&self) -> Vec<IpAddr> {
        self.people.iter().filter_map(|part| part.address).collect()
    }
}

/// Casts the demo for every school of the policy.
pub(crate) fn cast(document: &Document, now: Timestamp, random: &mut Random) -> Cast {
    let mut cast = Cast { people: Vec::new(), devices: Vec::new(), posts: Vec::new(), classes: Vec::new() };
    let policy = &document.policy;
    for (number, school) in policy.schools.iter().enumerate() {
        // Logins of the first school are plain, since most demos have one.
        let suffix = if number == 0 { String::new() } else { format!("-{}", school.id) };
        let mut scene = Scene { policy, school, suffix, now, random, cast: &mut cast };
        scene.add_staff(document);
        scene.add_guest();
        scene.add_pupils();
        scene.add_equipment();
        let class = (ClassId(scene.new_id()), school.id.clone());
        cast.classes.push(class);
    }
    for part in &mut cast.people {
        let lent = cast.devices.iter().find(|device| device.assigned_to == Some(part.person.id));
        part.address = lent.and_then(|device| device.addresses.first().copied());
    }
    cast
}

/// One school while it is cast.
struct Scene<'a> {
    policy: &'a Policy,
    school: &'a School,
    suffix: String,
    now: Timestamp,
    random: &'a mut Random,
    cast: &'a mut Cast,
}

impl Scene<'_> {
    fn add_staff(&mut self, document: &Document) {
        for (role, first_name) in STAFF.into_iter().zip(STAFF_NAMES) {
            let post = document.facts.posts.iter().find(|post| post.role.0 == role);
            let scope = match post.map(|post| post.at) {
                Some(PostPlace::Trust) => Scope::Trust,
                _ => Scope::School(self.school.id.clone()),
            };
            if scope == Scope::Trust && !self.suffix.is_empty() {
                continue;
            }
            let login = format!("{}{}", role.slug(), self.suffix);
            let person =
                self.add_person(login, first_name, Affiliation { scope: scope.clone(), role, year: None });
            if post.is_some() {
                self.cast.posts.push((role, scope, person));
            }
            self.lend(person, "STAFF");
        }
    }

    fn add_guest(&mut self) {
        let scope = Scope::School(self.school.id.clone());
        let login = format!("guest{}", self.suffix);
        self.add_person(login, "Vesna", Affiliation { scope, role: Role::Guest, year: None });
    }

    /// Pupils of every year group that the policy has a group for, nursery left out, since it has no logins.
    fn add_pupils(&mut self) {
        let years: Vec<YearGroup> =
            self.policy.groups.iter().flat_map(|group| group.members.years.clone()).collect();
        let years: Vec<YearGroup> =
            years.into_iter().filter(|year| Some(*year) != YearGroup::parse("N")).collect();
        if years.is_empty() {
            return;
        }
        for (first_name, year) in PUPIL_NAMES.into_iter().zip(years.into_iter().cycle()) {
            let scope = Scope::School(self.school.id.clone());
            let login = format!("{}{}", first_name.to_lowercase(), self.suffix);
            let person = self.add_person(
                login,
                first_name,
                Affiliation { scope, role: Role::Learner, year: Some(year) },
            );
            self.lend(person, "PUPIL");
        }
    }

    fn add_equipment(&mut self) {
        for (kind, label) in [(DeviceKind::Server, "SERVER"), (DeviceKind::Printer, "PRINTER")] {
            let groups: Vec<&GroupRules> =
                self.policy.groups.iter().filter(|group| group.members.equipment.contains(&kind)).collect();
            let here = |network: &&Network| {
                network.group.as_ref().is_some_and(|id| groups.iter().any(|group| group.id == *id))
            };
            let address =
                self.free_address(here).or_else(|| self.free_address(|network| network.group.is_none()));
            self.add_device(label, kind, address, None);
        }
    }

    fn add_person(&mut self, login: String, first_name: &str, affiliation: Affiliation) -> PersonId {
        let surname = self.random.one_of(&SURNAMES).copied().unwrap_or("Pennyquarry");
        let person = Person {
            id: PersonId(self.new_id()),
            login,
            display_name: format!("{first_name} {surname}"),
            affiliations: vec![affiliation],
        };
        let id = person.id;
        self.cast.people.push(Part { person, address: None });
        id
    }

    fn lend(&mut self, person: PersonId, label: &str) {
        let address = self.free_address(|network| network.group.is_none());
        self.add_device(label, DeviceKind::Workstation, address, Some(person));
    }

    fn add_device(
        &mut self,
        label: &str,
        kind: DeviceKind,
        address: Option<IpAddr>,
        assigned_to: Option<PersonId>,
    ) {
        let named = self.cast.devices.iter().filter(|device| device.name.starts_with(label)).count();
        let device = Device {
            id: DeviceId(self.new_id()),
            school: SchoolId::clone(&self.school.id),
            name: format!("{label}-{:02}", named + 1),
            kind,
            addresses: address.into_iter().collect(),
            assigned_to,
        };
        self.cast.devices.push(device);
    }

    /// An address that no device has yet, in the first of this school's networks that fits; never the machine's own.
    fn free_address(&self, fits: impl Fn(&&Network) -> bool) -> Option<IpAddr> {
        let taken =
            |address: &IpAddr| self.cast.devices.iter().any(|device| device.addresses.contains(address));
        let networks = self.policy.networks.iter().filter(|network| network.school == self.school.id);
        let mut ranges = networks.filter(|network| fits(network)).flat_map(|network| &network.ranges);
        let range = ranges.find(|range| range.addr().is_ipv4() && !range.addr().is_loopback())?;
        range.hosts().skip(20).take(200).find(|address| !taken(address))
    }

    /// A UUIDv7 of the demo's time and seed.
    fn new_id(&mut self) -> Uuid {
        let millis = u64::try_from(self.now.0).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.random.bytes()).into_uuid()
    }
}
