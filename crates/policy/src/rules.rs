//! A policy document after every check: what it says, as values. `crate::Snapshot` is compiled from this.

pub use crate::scanning::{ScanRules, Unscanned};

use ipnet::IpNet;
use jiff::tz::TimeZone;
use model::{
    CategorySet, DeviceKind, FileKind, GroupId, Host, Language, ListId, NetworkId, Outcome, PolicyHash, Role,
    SchoolId, Severity, Stage, Theme, WayRound, YearGroup,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// An approved edition with its settings revision applied. Every reference in it leads somewhere.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The hash of the bytes it was read from.
    pub hash: PolicyHash,
    /// The name on the front page.
    pub title: Arc<str>,
    /// The trust, where there is one.
    pub trust: Option<Arc<str>>,
    /// The schools; a lone school is one.
    pub schools: Vec<School>,
    /// Where the schools' clocks stand.
    pub time_zone: TimeZone,
    /// Ranges of addresses, narrowest first, so that the first match is the right one.
    pub networks: Vec<Network>,
    /// Groups in the order of the document: a person is in the first whose members they are among.
    pub groups: Vec<GroupRules>,
    /// The lists to compile.
    pub lists: Vec<ListSource>,
    /// Hosts whose TLS is never opened, for everybody.
    pub bypass: Vec<Entry>,
    /// What monitoring looks for.
    pub watching: Watching,
}

/// What monitoring looks for, as far as a school chooses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Watching {
    /// The languages whose rules count.
    pub languages: Vec<Language>,
    /// The school's own terms, at most 200.
    pub terms: Vec<OwnTerm>,
}

impl Default for Watching {
    /// English and Welsh, and no own terms.
    fn default() -> Self {
        Self { languages: vec![Language::English, Language::Welsh], terms: Vec::new() }
    }
}

/// Words that mean something at this school alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnTerm {
    /// The words, one after another: letters, digits, spaces, hyphens and apostrophes.
    pub words: Arc<str>,
    /// The theme of the alert.
    pub theme: Theme,
    /// How bad it may be.
    pub severity: Severity,
    /// Why it is looked for, for adults.
    pub why: Arc<str>,
}

/// A school under the policy.
#[derive(Clone, Debug)]
pub struct School {
    /// Its id.
    pub id: SchoolId,
    /// Its name.
    pub name: Arc<str>,
}

/// A range of addresses of a school.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// The school it is in.
    pub school: SchoolId,
    /// Its ranges.
    pub ranges: Vec<IpNet>,
    /// The group of whoever is on it and not known; `None`: unknown people get all groups' denials.
    pub group: Option<GroupId>,
    /// How people on it become known.
    pub sign_in: SignInWay,
    /// Whether several people share each of its addresses at a time, or each address is one device's.
    pub addresses: AddressUse,
}

/// How people on a network become known. RADIUS accounting and lent devices count besides, but for [`SignInWay::Proxy`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SignInWay {
    /// On the school's page, where and when they like.
    #[default]
    Page,
    /// On the school's page, to which plain web pages lead whoever is not known: a captive portal.
    Portal,
    /// The proxy asks each connection for a login and a password, and the address tells nothing.
    Proxy,
}

/// How many people an address of a network may stand for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AddressUse {
    /// Each is one device's: who is known at the address is known on all its connections.
    #[default]
    OneDevice,
    /// Several people at once stand behind one, as with address translation or a terminal server: nobody is known by
    /// their address.
    Shared,
}

/// What a group of people or equipment may reach.
#[derive(Clone, Debug)]
pub struct GroupRules {
    /// Its id.
    pub id: GroupId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// The words its people read.
    pub stage: Stage,
    /// Who is in it.
    pub members: Members,
    /// What happens to what nothing else speaks of.
    pub default: Outcome,
    /// Categories it may not reach.
    pub block: CategorySet,
    /// Categories it may reach although its default is to block.
    pub allow_categories: CategorySet,
    /// Hosts and paths it may reach whatever their category; never the illegal layer, never a deny entry.
    pub allow: Vec<Entry>,
    /// Hosts and paths it may not reach.
    pub deny: Vec<Entry>,
    /// Times at which a category, or everything, opens or closes.
    pub windows: Vec<Window>,
    /// Whether search engines are answered with their safe form.
    pub safe_search: bool,
    /// How far YouTube is narrowed.
    pub youtube: YouTube,
    /// Whether TLS is opened.
    pub inspection: InspectionSetting,
    /// What its connections may carry, wherever they lead.
    pub traffic: TrafficRules,
    /// What each school of a trust adds; a school can only tighten.
    pub tightened: Vec<(SchoolId, Tightening)>,
}

/// Who is in a group.
#[derive(Clone, Debug, Default)]
pub struct Members {
    /// People with these roles.
    pub roles: Vec<Role>,
    /// Learners in these year groups.
    pub years: Vec<YearGroup>,
    /// Equipment of these kinds.
    pub equipment: Vec<DeviceKind>,
}

impl Members {
    /// True for a group of servers, printers and the like; its denials do not count for unknown people.
    pub fn is_equipment(&self) -> bool {
        !self.equipment.is_empty()
    }
}

/// What a school of a trust adds to a group. There is no field here that could loosen anything.
#[derive(Clone, Debug, Default)]
pub struct Tightening {
    /// Further categories it may not reach.
    pub block: CategorySet,
    /// Further hosts and paths it may not reach.
    pub deny: Vec<Entry>,
    /// Further closed windows.
    pub closed: Vec<Window>,
    /// True turns safe search on.
    pub safe_search: bool,
    /// A narrower YouTube than the baseline's.
    pub youtube: YouTube,
    /// True closes what nothing else speaks of.
    pub default_block: bool,
    /// Further ways round the filter that are shut.
    pub shut: BTreeSet<WayRound>,
    /// Further kinds of files it may not fetch.
    pub block_files: BTreeSet<FileKind>,
}

/// One allow, deny or bypass entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The host; the entry covers it and everything below it.
    pub host: Host,
    /// Only paths that begin so, at a `/`, `?` or their end, whatever way they are written; `None`: the whole host.
    pub path: Option<Arc<str>>,
    /// As the document writes it.
    pub text: Arc<str>,
    /// Why, as the document gives it.
    pub why: Arc<str>,
    /// Whose entry it is.
    pub from: Origin,
}

/// Whose entry it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// The trust's baseline, over its schools.
    Trust,
    /// The school's own edition or settings.
    School,
}

/// A time at which something opens or closes, in the school's local time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its name on screens, such as "Lunch club".
    pub name: Arc<str>,
    /// Monday first.
    pub days: [bool; 7],
    /// From this minute of the day, inclusive.
    pub from_minute: u16,
    /// Until this minute of the day, exclusive; always after `from_minute` (1440: midnight).
    pub until_minute: u16,
    /// What it does.
    pub effect: WindowEffect,
}

/// What a window does while it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowEffect {
    /// These categories may be reached.
    Open(CategorySet),
    /// These categories may not be reached.
    Close(CategorySet),
    /// Nothing may be reached, allow entries or not: the network rests.
    CloseEverything,
}

/// How far YouTube is narrowed; in this order, so that the greater is the stricter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum YouTube {
    /// As it is.
    #[default]
    Off,
    /// `restrictmoderate.youtube.com`.
    Moderate,
    /// `restrict.youtube.com`.
    Strict,
}

/// Whether a group's TLS is opened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum InspectionSetting {
    /// Opened, but for the bypass list.
    On,
    /// Passed unread; opened where the illegal-content layer asks for it.
    Off,
    /// The devices carry no school certificate: passed unread, and a host of the illegal-content layer is closed whole.
    Never,
}

/// The ways round the filter that a group can have open or shut. The others that [`WayRound`] names are only counted.
pub const SWITCHED: [WayRound; 9] = [
    WayRound::EncryptedHello,
    WayRound::Quic,
    WayRound::EncryptedDns,
    WayRound::Vpn,
    WayRound::Tor,
    WayRound::Fronting,
    WayRound::AddressLiteral,
    WayRound::TranslationOrArchive,
    WayRound::UnknownProtocol,
];

/// What a group's connections may carry, wherever they lead; the proxy sees to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrafficRules {
    /// The ways round the filter that are shut.
    pub shut: BTreeSet<WayRound>,
    /// Services that are open for the school's own accounts alone; each service once.
    pub tenants: Vec<TenantRule>,
    /// What may be fetched.
    pub files: FileRules,
    /// What may be sent.
    pub uploads: UploadRules,
    /// What a malware scanner looks at.
    pub scan: ScanRules,
}

impl Default for TrafficRules {
    /// Every way round is shut, and nothing else is said.
    fn default() -> Self {
        Self {
            shut: SWITCHED.into(),
            tenants: Vec::new(),
            files: FileRules::default(),
            uploads: UploadRules::default(),
            scan: ScanRules::default(),
        }
    }
}

/// A service that is open for some accounts alone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TenantRule {
    /// The service.
    pub service: TenantService,
    /// The accounts that it is open for, in the service's own ids; empty where the rule shuts all of them.
    pub allowed: Vec<Arc<str>>,
    /// The school's own id, where the service asks who restricts.
    pub own: Option<Arc<str>>,
}

/// A service that can be told which accounts to let in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TenantService {
    /// Google Workspace, by domains.
    Google,
    /// Microsoft Entra, by domains or ids of tenants.
    Microsoft,
    /// Microsoft's accounts of private people, which can only be shut.
    MicrosoftPersonal,
    /// Slack, by ids of workspaces.
    Slack,
    /// Dropbox, by ids of teams.
    Dropbox,
    /// ChatGPT, by ids of workspaces.
    ChatGpt,
    /// Claude, by ids of organisations.
    Claude,
}

impl TenantService {
    /// Where people sign in to it: the host whose requests must be read for the rule to work.
    pub fn sign_in_host(self) -> &'static str {
        match self {
            Self::Google => "accounts.google.com",
            Self::Microsoft => "login.microsoftonline.com",
            Self::MicrosoftPersonal => "login.live.com",
            Self::Slack => "slack.com",
            Self::Dropbox => "www.dropbox.com",
            Self::ChatGpt => "chatgpt.com",
            Self::Claude => "claude.ai",
        }
    }

    /// Its name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Google => "Google",
            Self::Microsoft => "Microsoft",
            Self::MicrosoftPersonal => "Microsoft accounts of private people",
            Self::Slack => "Slack",
            Self::Dropbox => "Dropbox",
            Self::ChatGpt => "ChatGPT",
            Self::Claude => "Claude",
        }
    }
}

/// What may be fetched.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FileRules {
    /// Kinds of files that may not be fetched.
    pub block: BTreeSet<FileKind>,
    /// Categories of hosts from which all kinds may be fetched.
    pub except: CategorySet,
}

/// What may be sent.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UploadRules {
    /// Categories of hosts to which nothing may be uploaded.
    pub block: CategorySet,
    /// Hosts to which nothing may be uploaded, each with everything below it.
    pub deny: Vec<Host>,
    /// Kinds of files that may not be uploaded anywhere.
    pub block_files: BTreeSet<FileKind>,
    /// The most bytes of one upload, anywhere.
    pub most_bytes: Option<u64>,
}

/// A list to compile, and what its names mean.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListSource {
    /// Its id.
    pub id: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// How it is written.
    pub format: ListFormat,
    /// Where it is: a folder, a file or archive, an `http(s)` address, or `starter` for the lists that ship.
    pub source: Arc<str>,
    /// The category of its names. `None` for a tree, whose folders say.
    pub category: Option<model::Category>,
    /// For a tree: folder name to category. Folders that are not here are left out, and counted.
    pub folders: Vec<(Arc<str>, model::Category)>,
    /// How it is fetched and how it is proved.
    pub subscription: Subscription,
}

/// How a list is fetched, and what must hold of it before it may replace the one before.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Subscription {
    /// Hours between two looks at the source; `None`: as the gate's configuration says.
    pub refresh_hours: Option<u16>,
    /// The name of a credentials file in the gate's folder of secrets; never the secret itself.
    pub credentials: Option<Arc<str>>,
    /// The SHA-256 of the one right content, for lists that never change.
    pub sha256: Option<[u8; 32]>,
    /// The minisign public key (its base64 line) that signs it; the signature is at the address with `.minisig` behind.
    pub minisign_key: Option<Arc<str>>,
    /// The most names one update may newly list; `None`: the guard's own limit.
    pub most_new_names: Option<u64>,
    /// A host or page of the list that must be blocked while the list works: the test address of whoever keeps it.
    pub test_address: Option<Arc<str>>,
    /// Whether it may answer with an address or another name, instead of blocking alone.
    pub rewrites: bool,
}

/// How a list is written. Each reading has its own meaning of "a name".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ListFormat {
    /// A name a line; each covers itself and everything below it.
    Domains,
    /// A name a line; each covers itself alone.
    DomainsExact,
    /// A hosts file; each name covers itself alone.
    Hosts,
    /// AdGuard DNS rules.
    AdGuard,
    /// dnsmasq's `address=/name/` and `server=/name/` lines; each covers itself and everything below it.
    Dnsmasq,
    /// Unbound's `local-zone:` and `local-data:` lines.
    Unbound,
    /// A response policy zone: a zone file, or an address `rpz://server/zone` to transfer it from.
    Rpz,
    /// Addresses of pages, without scheme or with one; one without a path is a host.
    Urls,
    /// Addresses and ranges of addresses.
    Addresses,
    /// Comma-separated values with a heading: `host` or `url`, and where there is one, `category`.
    Csv,
    /// A hash a line: MD5, SHA-1 or SHA-256 of a host or page address, in hexadecimal.
    Hashes,
    /// A UT1 / squidGuard category tree.
    Ut1,
    /// The starter lists that ship: one file a category, a name a line.
    Starter,
}
