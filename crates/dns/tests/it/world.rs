//! A made-up school on loopback: its policy, its people by address, its gate's DNS server, and a client.

use dns::{DnsConfig, DnsPorts, DnsServer};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use jiff::tz::TimeZone;
use model::{
    AccessEvent, Affiliation, Category, CategorySet, Claim, Clock, CurrentRoster, Device, DeviceId,
    DeviceKind, EventReceiver, GroupId, HandedOut, Host, IdentityMap, KnownBy, ListId, NetworkId, Outcome,
    Person, PersonId, PolicyHash, Role, Roster, SchoolId, Scope, Stage, Timestamp, YearGroup, event_channel,
};
use policy::image::{Effect, Image, ImageWriter, ListIndex, NewEntry, NewList, Reach, Weight};
use policy::rules::{
    Entry, GroupRules, InspectionSetting, Members, Network, Origin, School, TrafficRules, YouTube,
};
use policy::{CurrentSnapshot, Policy, Snapshot};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use testkit::upstream::{Upstream, Zone, name_of};
use tokio::net::UdpSocket;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where nobody in particular is known.
pub const NOBODY: &str = "127.0.0.2";
/// A network whose people, where not known, are staff.
pub const STAFF_ROOM: &str = "127.0.0.3";
/// Where a learner has signed in.
pub const LEARNER: &str = "127.0.0.4";
/// Where a learner and a teacher have signed in.
pub const SHARED: &str = "127.0.0.6";

/// A laptop that is lent to a teacher, and has no address of its own.
pub const DEVICE: DeviceId = DeviceId(uuid::Uuid::from_u128(77));
/// What the laptop is known by.
pub const TOKEN: &str = "laptop-77-is-known-by-this";

const NOON: &str = "2026-11-23T12:00:00Z";

pub fn person(number: u128) -> PersonId {
    PersonId(uuid::Uuid::from_u128(number))
}

pub struct World {
    pub server: SocketAddr,
    /// DNS over TLS, where the settings offer it; else the same as `server`, and so is the next.
    pub tls: SocketAddr,
    pub https: SocketAddr,
    pub upstream: Upstream,
    pub snapshot: Arc<CurrentSnapshot>,
    pub handed_out: Arc<HandedOut>,
    pub clock: Clock,
    pub stop: CancellationToken,
    events: EventReceiver,
    _stop_at_the_end: DropGuard,
}

impl World {
    pub async fn start(zone: Zone) -> Self {
        Self::start_with(zone, |_| ()).await
    }

    /// Starts an upstream and a server that `change` may set otherwise.
    pub async fn start_with(zone: Zone, change: impl FnOnce(&mut DnsConfig)) -> Self {
        let upstream = Upstream::start(zone).await;
        let mut config = DnsConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            upstreams: vec![upstream.address.into()],
            upstream_wait: Duration::from_millis(300),
            ..DnsConfig::default()
        };
        change(&mut config);
        let handed_out = Arc::clone(&config.handed_out);
        let clock = Clock::fixed(Timestamp::parse(NOON).unwrap());
        let snapshot = Arc::new(CurrentSnapshot::new(compile(policy())));
        let (sender, events) = event_channel(100);
        let ports = DnsPorts {
            snapshot: Arc::clone(&snapshot),
            roster: Arc::new(CurrentRoster::new(roster())),
            identities: Arc::new(identities(&clock)),
            events: sender,
            clock: clock.clone(),
        };
        let dns = DnsServer::bind(config, ports).await.unwrap();
        let server = dns.local_addrs()[0];
        let tls = dns.tls_addrs().first().copied().unwrap_or(server);
        let https = dns.https_addrs().first().copied().unwrap_or(server);
        let stop = CancellationToken::new();
        tokio::spawn(dns.run(stop.clone()));
        Self {
            server,
            tls,
            https,
            upstream,
            snapshot,
            handed_out,
            clock,
            _stop_at_the_end: stop.clone().drop_guard(),
            stop,
            events,
        }
    }

    /// Asks by UDP from an address, with EDNS.
    pub async fn ask(&self, from: &str, name: &str, record_type: RecordType) -> Message {
        let mut message = question(name, record_type);
        message.set_edns(Edns::new().set_max_payload(1_232).clone());
        self.send(from, &message).await
    }

    pub async fn send(&self, from: &str, message: &Message) -> Message {
        let socket = self.client(from).await;
        socket.send(&message.to_vec().unwrap()).await.unwrap();
        let answer = receive(&socket).await;
        assert_eq!(answer.metadata.id, message.metadata.id);
        answer
    }

    /// A UDP socket of a client at an address, connected to the server.
    pub async fn client(&self, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).await.unwrap();
        socket.connect(self.server).await.unwrap();
        socket
    }

    /// The events so far. An event is there before its answer is.
    pub fn events(&self) -> Vec<AccessEvent> {
        let mut events = Vec::new();
        self.events.batch(Duration::ZERO, 100, &mut events);
        events
    }
}

pub async fn receive(socket: &UdpSocket) -> Message {
    let mut buffer = [0; 4096];
    let length =
        tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await.unwrap().unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

/// What a proxy says before a connection or datagram of this address.
pub fn proxy_header(of: &str) -> Vec<u8> {
    let of: Ipv4Addr = of.parse().unwrap();
    let addresses = [&of.octets()[..], &[127, 0, 0, 1], &[0x9c, 0x40, 0, 53]].concat();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"[..], &addresses].concat()
}

pub fn question(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name_of(name), record_type));
    message
}

/// The extended errors of an answer: code and text.
pub fn explanations(message: &Message) -> Vec<(u16, String)> {
    let Some(edns) = &message.edns else { return Vec::new() };
    edns.options()
        .get_all(EdnsCode::Unknown(15))
        .into_iter()
        .map(|option| match option {
            EdnsOption::Unknown(_, bytes) => {
                let (code, text) = bytes.split_first_chunk::<2>().unwrap();
                (u16::from_be_bytes(*code), String::from_utf8(text.to_vec()).unwrap())
            }
            other => panic!("expected an extended error, found {other:?}"),
        })
        .collect()
}

pub fn compile(policy: Policy) -> Snapshot {
    compile_with(policy, Image::from_bytes(writer().0.finish().unwrap()).unwrap())
}

pub fn compile_with(policy: Policy, image: Image) -> Snapshot {
    Snapshot::compile(policy, image, Vec::new())
}

/// Learners may not gamble, get safe search and have deny and allow entries; staff may do all but what is illegal.
pub fn policy() -> Policy {
    let school = SchoolId::new("ash");
    let network = |id: &str, range: &str, group: Option<&str>| Network {
        id: NetworkId::new(id),
        school: school.clone(),
        ranges: vec![range.parse().unwrap()],
        group: group.map(GroupId::new),
        sign_in: Default::default(),
        addresses: Default::default(),
    };
    let years = vec![YearGroup::parse("7").unwrap()];
    Policy {
        hash: PolicyHash::new("ab".repeat(32)),
        title: "Made-up policy".into(),
        trust: None,
        schools: vec![School { id: school.clone(), name: "Ash".into() }],
        time_zone: TimeZone::UTC,
        networks: vec![
            network("staff-room", "127.0.0.3/32", Some("staff")),
            network("classrooms", "127.0.0.0/8", None),
        ],
        groups: vec![
            GroupRules {
                block: categories(&["gambling", "advertising-tracking"]),
                allow: vec![entry("museum.test")],
                deny: vec![entry("denied.test")],
                safe_search: true,
                ..group("learners", Members { years, ..Members::default() })
            },
            group("staff", Members { roles: vec![Role::ClassTeacher], ..Members::default() }),
        ],
        lists: Vec::new(),
        bypass: Vec::new(),
        watching: policy::rules::Watching::default(),
    }
}

fn categories(slugs: &[&str]) -> CategorySet {
    slugs.iter().map(|slug| Category::parse(slug).unwrap()).collect()
}

pub fn entry(text: &str) -> Entry {
    let host = Host::parse(text).unwrap();
    Entry {
        host,
        path: None,
        text: text.into(),
        why: "asked for by Asha Example".into(),
        from: Origin::School,
    }
}

fn group(id: &str, members: Members) -> GroupRules {
    GroupRules {
        id: GroupId::new(id),
        name: id.into(),
        stage: Stage::Secondary,
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

/// The school's list, to which more may be written.
pub fn writer() -> (ImageWriter, ListIndex) {
    let mut writer = ImageWriter::default();
    let new = NewList {
        id: ListId::new("starter"),
        name: "Starter".into(),
        read_at: Timestamp(0),
        dropped: vec![],
    };
    let list = writer.list(new).unwrap();
    let lines =
        [("casino.test", "gambling"), ("tracker.test", "advertising-tracking"), ("illegal.test", "illegal")];
    for (line, (name, category)) in (1..).zip(lines) {
        let host = Host::parse(name).unwrap();
        let category = Category::parse(category).unwrap();
        let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
        writer.push(list, NewEntry { host: &host, reach, effect, weight, category, line });
    }
    (writer, list)
}

fn roster() -> Roster {
    let of = |number, role, year: Option<&str>| Person {
        id: person(number),
        login: format!("person{number}"),
        display_name: format!("Person {number}"),
        affiliations: vec![Affiliation {
            scope: Scope::School(SchoolId::new("ash")),
            role,
            year: year.and_then(YearGroup::parse),
        }],
    };
    let laptop = Device {
        id: DEVICE,
        school: SchoolId::new("ash"),
        name: "LAPTOP-77".into(),
        kind: DeviceKind::Workstation,
        addresses: Vec::new(),
        assigned_to: Some(person(2)),
    };
    Roster::new(vec![of(1, Role::Learner, Some("7")), of(2, Role::ClassTeacher, None)], vec![laptop])
}

fn identities(clock: &Clock) -> IdentityMap {
    let identities = IdentityMap::default();
    let now = clock.now();
    for (address, number) in [(LEARNER, 1), (SHARED, 1), (SHARED, 2)] {
        let until = now.plus_ms(86_400_000);
        let claim = Claim { person: person(number), by: KnownBy::SignIn, from: now, until };
        identities.claim(address.parse().unwrap(), claim);
    }
    identities
}
