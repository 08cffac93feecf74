//! A running proxy with a policy, a root it trusts, and everything it sends to history.

use crate::certificates::{Flaw, Root, now, provider};
use crate::client::Client;
use crate::origin::Origin;
use blockpage::Links;
use model::{
    AccessEvent, Category, CategorySet, Clock, CurrentRoster, EventReceiver, GroupId, HandedOut, Host,
    IdentityMap, Leaks, ListId, NetworkId, Outcome, Person, PolicyHash, Roster, SchoolId, SignIn, Stage,
    Suggestions, YearGroup, event_channel,
};
use policy::image::{Effect, ImageWriter, NewEntry, NewList, Reach, Weight};
use policy::rules::{
    AddressUse, Entry, GroupRules, InspectionSetting, Members, Network, Origin as EntryOrigin, Policy,
    School, SignInWay, TrafficRules, YouTube,
};
use policy::{CurrentSnapshot, Image, Snapshot};
use proxy::{
    CertificateAuthority, Config, Icap, LeafSigner, Limits, PacRule, PlainPasswords, Ports, Proxy, Resolver,
    ScanConfig, ScanCounts, SystemLookup, Transparent,
};
use rustls::ClientConfig;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub struct World {
    pub proxy: SocketAddr,
    pub over_tls: SocketAddr,
    pub root: Root,
    pub clock: Clock,
    pub snapshot: Arc<CurrentSnapshot>,
    pub signer: Arc<LeafSigner>,
    pub handed_out: Arc<HandedOut>,
    pub leaks: Arc<Leaks>,
    pub identities: Arc<IdentityMap>,
    pub suggestions: Arc<Suggestions>,
    pub revocation_counts: Box<dyn Fn() -> proxy::RevocationCounts + Send + Sync>,
    pub scan_counts: Box<dyn Fn() -> ScanCounts + Send + Sync>,
    pub icap: Option<SocketAddr>,
    events: EventReceiver,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

/// What a test changes of a usual school: everybody on loopback is in one group that may reach everything.
pub struct Setting {
    pub stage: Stage,
    pub deny: Vec<&'static str>,
    pub block: Vec<&'static str>,
    pub bypass: Vec<&'static str>,
    pub inspection: InspectionSetting,
    pub safe_search: bool,
    pub youtube: YouTube,
    pub traffic: TrafficRules,
    pub limits: Limits,
    pub listed: Vec<&'static str>,
    pub advertised_host: Option<String>,
    pub reachable: Vec<ipnet::IpNet>,
    /// More ranges of the school's network.
    pub ranges: Vec<ipnet::IpNet>,
    /// How names are looked up that are not listed; `None`: as the system does.
    pub lookup: Option<SystemLookup>,
    pub proxy_peers: Vec<ipnet::IpNet>,
    pub people: Vec<Person>,
    pub sign_in_way: SignInWay,
    pub addresses: AddressUse,
    pub sign_in: Option<SignIn>,
    pub plain_passwords: PlainPasswords,
    pub links: Links,
    /// Roots that origins may have beside the usual one.
    pub roots: Vec<rustls_pki_types::CertificateDer<'static>>,
    pub transparent: Vec<Transparent>,
    pub pac_rules: Vec<PacRule>,
    /// Where the listed names lie.
    pub sites: Vec<IpAddr>,
    pub scan: Option<ScanConfig>,
    /// Who may ask by ICAP; nobody: nothing listens.
    pub icap_peers: Vec<ipnet::IpNet>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            stage: Stage::Adults,
            deny: vec!["denied.test", "good.test/denied"],
            block: vec!["gambling"],
            bypass: vec!["bypass.test"],
            inspection: InspectionSetting::On,
            safe_search: false,
            youtube: YouTube::Off,
            traffic: TrafficRules::default(),
            limits: Limits::default(),
            listed: vec!["good.test", "other.test", "bypass.test", "denied.test", "casino.test"],
            advertised_host: None,
            reachable: Vec::new(),
            ranges: Vec::new(),
            lookup: None,
            proxy_peers: Vec::new(),
            people: Vec::new(),
            sign_in_way: SignInWay::Page,
            addresses: AddressUse::OneDevice,
            sign_in: None,
            plain_passwords: PlainPasswords::Refused,
            links: Links::default(),
            roots: Vec::new(),
            transparent: Vec::new(),
            pac_rules: Vec::new(),
            sites: vec![IpAddr::from([127, 0, 0, 1])],
            scan: None,
            icap_peers: Vec::new(),
        }
    }
}

/// ICAP for these peers, and none where there is no peer.
fn icap(peers: Vec<ipnet::IpNet>) -> Icap {
    let listen = peers.first().map(|_| "127.0.0.1:0".parse().unwrap());
    Icap { listen: listen.into_iter().collect(), peers }
}

impl World {
    pub async fn usual() -> Self {
        Self::with(Setting::default()).await
    }

    pub async fn with(setting: Setting) -> Self {
        let root = Root::new("Ash Trust root");
        let clock = Clock::fixed(now());
        let authority = CertificateAuthority::create("Ash Primary web filter", now()).unwrap();
        let signer = Arc::new(LeafSigner::new(authority, clock.clone()).unwrap());
        let (sender, events) = event_channel(1024);
        let snapshot = Arc::new(CurrentSnapshot::new(snapshot(&setting)));
        let handed_out = Arc::<HandedOut>::default();
        let leaks = Arc::<Leaks>::default();
        let identities = Arc::<IdentityMap>::default();
        let suggestions = Arc::<Suggestions>::default();
        let resolver = resolver(&setting);
        let ports = Ports {
            snapshot: Arc::clone(&snapshot),
            roster: Arc::new(CurrentRoster::new(Roster::new(setting.people, Vec::new()))),
            identities: Arc::clone(&identities),
            events: sender,
            clock: clock.clone(),
            signer: Arc::clone(&signer),
            resolver: Arc::new(resolver),
            handed_out: Arc::clone(&handed_out),
            leaks: Arc::clone(&leaks),
            suggestions: Arc::clone(&suggestions),
        };
        let config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            tls_listen: vec!["127.0.0.1:0".parse().unwrap()],
            proxy_peers: setting.proxy_peers,
            transparent: setting.transparent,
            pac_rules: setting.pac_rules,
            extra_roots: setting.roots.into_iter().chain([root.der()]).collect(),
            limits: setting.limits,
            advertised_host: setting.advertised_host,
            sign_in: setting.sign_in,
            plain_passwords: setting.plain_passwords,
            links: setting.links,
            negotiate: None,
            scan: setting.scan,
            icap: icap(setting.icap_peers),
        };
        let proxy = Proxy::bind(config, ports).await.unwrap();
        let address = proxy.local_addresses()[0];
        let over_tls = proxy.addresses().explicit_tls[0];
        let revocation_counts = Box::new(proxy.revocation_counts());
        let counts = proxy.scan_counts();
        // A body that was given may still be held for a moment.
        let scan_counts = Box::new(move || ScanCounts { held: 0, ..counts().unwrap_or_default() });
        let icap = proxy.addresses().icap.first().copied();
        let stop = CancellationToken::new();
        let running = tokio::spawn(proxy.run(stop.clone().cancelled_owned()));
        Self {
            proxy: address,
            over_tls,
            root,
            clock,
            snapshot,
            signer,
            handed_out,
            leaks,
            identities,
            suggestions,
            revocation_counts,
            scan_counts,
            icap,
            events,
            stop,
            running,
        }
    }

    /// An origin with a good certificate.
    pub async fn origin(&self, name: &str, protocols: &[&str]) -> Origin {
        Origin::start(Some(self.root.server(name, Flaw::None, protocols))).await
    }

    /// The same, listening there.
    pub async fn origin_at(&self, address: &str, name: &str, protocols: &[&str]) -> Origin {
        Origin::at(address, Some(self.root.server(name, Flaw::None, protocols))).await
    }

    /// A connection to the port at which the proxy itself speaks TLS.
    pub async fn tls_stream(&self) -> TcpStream {
        TcpStream::connect(self.over_tls).await.unwrap()
    }

    /// A client that goes through the proxy and trusts the school's authority.
    pub fn client(&self) -> Client {
        self.client_trusting(self.signer.authority().certificate_der().clone())
    }

    pub fn client_trusting(&self, root: rustls_pki_types::CertificateDer<'static>) -> Client {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(root).unwrap();
        let time = Arc::new(crate::certificates::Stopped);
        let tls = ClientConfig::builder_with_details(provider(), time)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Client { proxy: self.proxy, tls: Arc::new(tls) }
    }

    pub fn swap_policy(&self, setting: &Setting) {
        self.snapshot.put(snapshot(setting));
    }

    /// Stops the proxy and gives everything it sent to history, in the order it came.
    pub async fn finish(self) -> Vec<AccessEvent> {
        self.stop.cancel();
        self.running.await.unwrap();
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        while self.events.batch(Duration::ZERO, 1024, &mut batch) {
            all.append(&mut batch);
        }
        all
    }
}

pub fn host(name: &str) -> Host {
    Host::parse(name).unwrap()
}

fn resolver(setting: &Setting) -> Resolver {
    let listed: HashMap<Host, Vec<IpAddr>> =
        setting.listed.iter().map(|name| (host(name), setting.sites.clone())).collect();
    let resolver = Resolver::new(listed, setting.reachable.clone());
    match setting.lookup {
        None => resolver,
        Some(lookup) => resolver.looking_up(lookup),
    }
}

fn entry(text: &str) -> Entry {
    let (name, path) = text.find('/').map_or((text, None), |at| (&text[..at], Some(text[at..].into())));
    Entry {
        host: host(name),
        path,
        text: text.into(),
        why: "a test asks for it".into(),
        from: EntryOrigin::School,
    }
}

fn snapshot(setting: &Setting) -> Snapshot {
    let group = GroupRules {
        id: GroupId::new("everybody"),
        name: "Everybody".into(),
        stage: setting.stage,
        members: Members::default(),
        default: Outcome::Allow,
        block: setting.block.iter().map(|slug| Category::parse(slug).unwrap()).collect(),
        allow_categories: CategorySet::EMPTY,
        allow: Vec::new(),
        deny: setting.deny.iter().map(|text| entry(text)).collect(),
        windows: Vec::new(),
        safe_search: setting.safe_search,
        youtube: setting.youtube,
        inspection: setting.inspection,
        traffic: setting.traffic.clone(),
        tightened: Vec::new(),
    };
    let year_four = vec![YearGroup::parse("4").unwrap()];
    let juniors = GroupRules {
        id: GroupId::new("juniors"),
        name: "Juniors".into(),
        stage: Stage::Juniors,
        members: Members { years: year_four, ..Members::default() },
        deny: vec![entry("good.test/seniors")],
        ..group.clone()
    };
    let year_eleven = vec![YearGroup::parse("11").unwrap()];
    let seniors = GroupRules {
        id: GroupId::new("seniors"),
        name: "Seniors".into(),
        stage: Stage::Secondary,
        members: Members { years: year_eleven, ..Members::default() },
        deny: vec![entry("good.test/juniors")],
        ..group.clone()
    };
    let school = SchoolId::new("ash");
    let usual = ["127.0.0.0/8", "10.77.0.0/24", "fd77::/64"].map(|range| range.parse().unwrap());
    let policy = Policy {
        hash: PolicyHash::new("ab".repeat(32)),
        title: "Ash Primary".into(),
        trust: None,
        schools: vec![School { id: school.clone(), name: "Ash Primary".into() }],
        time_zone: jiff::tz::TimeZone::get("Europe/London").unwrap(),
        networks: vec![Network {
            id: NetworkId::new("classrooms"),
            school,
            ranges: usual.into_iter().chain(setting.ranges.iter().copied()).collect(),
            group: Some(group.id.clone()),
            sign_in: setting.sign_in_way,
            addresses: setting.addresses,
        }],
        groups: vec![group, juniors, seniors],
        lists: Vec::new(),
        bypass: setting.bypass.iter().map(|text| entry(text)).collect(),
        watching: policy::rules::Watching::default(),
    };
    Snapshot::compile(policy, image(), Vec::new())
}

/// One list: `casino.test` and what lies at 127.0.0.5 are gambling, `resolver.test` a service of encrypted DNS.
fn image() -> Image {
    let mut writer = ImageWriter::default();
    let new =
        NewList { id: ListId::new("betting"), name: "Betting".into(), read_at: now(), dropped: Vec::new() };
    let list = writer.list(new).unwrap();
    for (name, category, line) in
        [("casino.test", "gambling", 7), ("resolver.test", "encrypted-dns", 8), ("127.0.0.5", "gambling", 9)]
    {
        let category = Category::parse(category).unwrap();
        let (reach, effect, weight) = (Reach::Subtree, Effect::Block, Weight::Usual);
        writer.push(list, NewEntry { host: &host(name), reach, effect, weight, category, line });
    }
    Image::from_bytes(writer.finish().unwrap()).unwrap()
}
