//! A gate's DNS within this process: the same server as the program's, with a clock that stands, a policy made here, and
//! lists made of texts through the real readers, the guard and the image.

use dns::{DnsConfig, DnsPorts, DnsServer};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, RecordType};
use lists::{ReadList, Report};
use model::{
    Category, CategorySet, Clock, CurrentRoster, Device, EventReceiver, EventSender, GroupId, Host,
    IdentityMap, ListId, NetworkId, Outcome, Person, PolicyHash, Roster, SchoolId, Stage, Timestamp,
    event_channel,
};
use policy::image::Image;
use policy::rules::{
    Entry, GroupRules, InspectionSetting, ListFormat, Members, Network, Origin, School, TrafficRules, YouTube,
};
use policy::{CurrentSnapshot, Policy, Snapshot};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UdpSocket};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a client on loopback waits where nothing is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a resolver starts with.
pub struct Start {
    pub config: DnsConfig,
    pub policy: Policy,
    pub image: Image,
    pub people: Vec<Person>,
    pub devices: Vec<Device>,
    pub at: Timestamp,
    /// Events that may wait to be taken.
    pub events: usize,
}

/// A running resolver.
pub struct Resolver {
    pub address: SocketAddr,
    pub tls: Option<SocketAddr>,
    pub https: Option<SocketAddr>,
    pub snapshot: Arc<CurrentSnapshot>,
    pub identities: Arc<IdentityMap>,
    pub clock: Clock,
    pub sender: EventSender,
    _stop: DropGuard,
}

impl Start {
    /// Everybody may do everything, and no upstream answers.
    pub fn new(policy: Policy, image: Image) -> Self {
        let config = DnsConfig {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            upstreams: vec!["127.0.0.1:9".parse().unwrap()],
            upstream_wait: Duration::from_millis(500),
            ..DnsConfig::default()
        };
        let at = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        Self { config, policy, image, people: Vec::new(), devices: Vec::new(), at, events: 1_000 }
    }

    pub async fn run(self) -> (Resolver, EventReceiver) {
        let clock = Clock::fixed(self.at);
        let snapshot = Arc::new(CurrentSnapshot::new(Snapshot::compile(self.policy, self.image, Vec::new())));
        let identities = Arc::<IdentityMap>::default();
        let (sender, receiver) = event_channel(self.events);
        let ports = DnsPorts {
            snapshot: Arc::clone(&snapshot),
            roster: Arc::new(CurrentRoster::new(Roster::new(self.people, self.devices))),
            identities: Arc::clone(&identities),
            events: sender.clone(),
            clock: clock.clone(),
        };
        let dns = DnsServer::bind(self.config, ports).await.unwrap();
        let address = dns.local_addrs()[0];
        let (tls, https) = (dns.tls_addrs().first().copied(), dns.https_addrs().first().copied());
        let stop = CancellationToken::new();
        tokio::spawn(dns.run(stop.clone()));
        let _stop = stop.drop_guard();
        (Resolver { address, tls, https, snapshot, identities, clock, sender, _stop }, receiver)
    }
}

impl Resolver {
    /// Asks by UDP from an address, with EDNS, and again by TCP where the answer was cut.
    pub async fn ask(&self, from: &str, name: &str, record_type: RecordType) -> Message {
        let question = question(name, record_type);
        let socket = UdpSocket::bind((from, 0)).await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(&question.to_vec().unwrap()).await.unwrap();
        let mut buffer = [0; 4096];
        let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
        let length = received.unwrap_or_else(|_| panic!("{name} was not answered")).unwrap();
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(answer.metadata.id, question.metadata.id);
        if !answer.metadata.truncation {
            return answer;
        }
        over_tcp(self.address, from.parse().unwrap(), &question).await.unwrap()
    }
}

/// Asks by TCP, on a connection of its own.
pub async fn over_tcp(server: SocketAddr, from: IpAddr, question: &Message) -> std::io::Result<Message> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let mut stream = socket.connect(server).await?;
    let bytes = question.to_vec().unwrap();
    stream.write_all(&[&u16::try_from(bytes.len()).unwrap().to_be_bytes(), &bytes[..]].concat()).await?;
    let mut answer = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut answer).await?;
    Message::from_vec(&answer).map_err(std::io::Error::other)
}

/// A question with EDNS, as stub resolvers ask it.
pub fn question(name: &str, record_type: RecordType) -> Message {
    let mut message = plain_question(name, record_type);
    message.set_edns(Edns::new().set_max_payload(1_232).clone());
    message
}

pub fn plain_question(name: &str, record_type: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
    message
}

/// The codes of an answer's extended errors (RFC 8914).
pub fn explanation_codes(message: &Message) -> Vec<u16> {
    let Some(edns) = &message.edns else { return Vec::new() };
    edns.options()
        .get_all(EdnsCode::Unknown(15))
        .into_iter()
        .filter_map(|option| match option {
            EdnsOption::Unknown(_, bytes) => Some(u16::from_be_bytes(*bytes.first_chunk::<2>()?)),
            _ => None,
        })
        .collect()
}

/// The addresses of an answer, in its order.
pub fn addresses(message: &Message) -> Vec<IpAddr> {
    message.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// The alias an answer begins with.
pub fn first_alias(message: &Message) -> Option<String> {
    message.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(alias) => Some(alias.0.to_ascii().to_ascii_lowercase()),
        _ => None,
    })
}

/// A list out of its text.
pub fn list(id: &str, format: ListFormat, category: &str, text: impl AsRef<[u8]>) -> ReadList {
    let mut list = ReadList::new(ListId::new(id), id.into(), Timestamp(0));
    lists::read_bytes(format, text.as_ref(), Category::parse(category).unwrap(), &mut list);
    list
}

/// The image of these lists, through the guard, and the account of it.
pub fn image(lists: &[ReadList]) -> (Image, Report) {
    let built = lists::build(lists).unwrap();
    (Image::from_bytes(built.bytes).unwrap(), built.report)
}

/// One school on loopback: networks by range, each with its group or none.
pub fn policy(networks: &[(&str, Option<&str>)], groups: Vec<GroupRules>) -> Policy {
    let school = SchoolId::new("ash");
    let networks = networks.iter().enumerate().map(|(number, (range, group))| Network {
        id: NetworkId::new(format!("network-{number}")),
        school: school.clone(),
        ranges: vec![range.parse().unwrap()],
        group: group.map(GroupId::new),
        sign_in: Default::default(),
        addresses: Default::default(),
    });
    Policy {
        hash: PolicyHash::new("ab".repeat(32)),
        title: "Made-up policy".into(),
        trust: None,
        networks: networks.collect(),
        schools: vec![School { id: school, name: "Ash".into() }],
        time_zone: jiff::tz::TimeZone::UTC,
        groups,
        lists: Vec::new(),
        bypass: Vec::new(),
        watching: policy::rules::Watching::default(),
    }
}

/// A group that may do everything.
pub fn group(id: &str, members: Members) -> GroupRules {
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

pub fn categories(slugs: &[&str]) -> CategorySet {
    slugs.iter().map(|slug| Category::parse(slug).unwrap()).collect()
}

pub fn entries(hosts: &[&str]) -> Vec<Entry> {
    let entry = |host: &&str| Entry {
        host: Host::parse(host).unwrap(),
        path: None,
        text: (*host).into(),
        why: "asked for by Asha Example".into(),
        from: Origin::School,
    };
    hosts.iter().map(entry).collect()
}
