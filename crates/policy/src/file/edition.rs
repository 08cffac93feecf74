//! The two kinds of document as they are written: an edition, and a settings revision within it.
//!
//! Left out: what it means. `build` turns a checked document into the values that decide.

use super::choices::{DayChoice, DefaultChoice, FormatChoice, InspectionChoice, SignInChoice, YouTubeChoice};
use super::facts::{
    Access, Ai, Alerts, Backups, Bounds, Devices, Disposal, Edition, Filtering, Lockout, Media, Monitoring,
    Passwords, Post, RelatedDocument, Retention, Review, Settings, Training,
};
use super::scan::ScanFile;
use super::traffic::{FilesFile, TenantFile, UploadsFile, WaysRoundFile};
use super::values::{
    AddressText, At, CategoryName, EquipmentName, FileKindName, GroupRef, HashText, HostText,
    ListCategoryName, Name, PathText, RangeText, RoleName, SchoolRef, SigningKeyText, StageName, TimeText,
    WayName, YearName,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Either kind of document, for the schema that editors read.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum PolicyDocument {
    /// What governors approve; complete by itself.
    EditionFile(Box<EditionFile>),
    /// What leaders approve, within an edition's bounds.
    SettingsFile(Box<SettingsFile>),
}

/// What governors approve; complete by itself.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EditionFile {
    /// The front page.
    pub(crate) edition: Edition,
    /// The schools; a lone school has one.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) school: Vec<SchoolFile>,
    /// Ranges of addresses.
    #[schemars(length(min = 1, max = 256))]
    pub(crate) network: Vec<NetworkFile>,
    /// Groups of people and equipment, in the order in which a person is looked for in them.
    #[schemars(length(min = 1, max = 100))]
    pub(crate) group: Vec<GroupFile>,
    /// The lists.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(crate) list: Vec<ListFile>,
    /// Hosts whose encrypted connections are never opened, for everybody.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) bypass: Vec<BypassFile>,
    /// What settings revisions may change; nothing, where it is left out.
    #[serde(default)]
    pub(crate) bounds: Bounds,
    /// How long records are kept.
    pub(crate) retention: Retention,
    /// Password rules.
    pub(crate) passwords: Passwords,
    /// What happens after wrong passwords.
    pub(crate) lockout: Lockout,
    /// Accounts and access rights.
    pub(crate) access: Access,
    /// Checks of the filter and its lists.
    pub(crate) filtering: Filtering,
    /// Who watches, and with what.
    pub(crate) monitoring: Monitoring,
    /// Who hears of what.
    pub(crate) alerts: Alerts,
    /// Devices and software.
    pub(crate) devices: Devices,
    /// Removable media.
    pub(crate) media: Media,
    /// Backups.
    pub(crate) backups: Backups,
    /// Getting rid of equipment.
    pub(crate) disposal: Disposal,
    /// Training and agreements.
    pub(crate) training: Training,
    /// Artificial intelligence.
    pub(crate) ai: Ai,
    /// The posts.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) post: Vec<Post>,
    /// The reviews that come round.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(crate) review: Vec<Review>,
    /// The documents that belong with this one.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(crate) document: Vec<RelatedDocument>,
}

/// The parts of an edition that are checked against each other, as far as they are sound.
#[derive(Debug, Deserialize)]
pub(crate) struct RulesPart {
    pub(crate) edition: Option<Edition>,
    #[serde(default)]
    pub(crate) school: Vec<SchoolFile>,
    #[serde(default)]
    pub(crate) network: Vec<NetworkFile>,
    #[serde(default)]
    pub(crate) group: Vec<GroupFile>,
    #[serde(default)]
    pub(crate) list: Vec<ListFile>,
    #[serde(default)]
    pub(crate) bypass: Vec<BypassFile>,
    #[serde(default)]
    pub(crate) bounds: Bounds,
    #[serde(default)]
    pub(crate) post: Vec<Post>,
    #[serde(default)]
    pub(crate) review: Vec<Review>,
}

impl RulesPart {
    /// Whether there is a trust; taken to be so while the front page cannot be read.
    pub(crate) fn may_have_trust(&self) -> bool {
        self.edition.as_ref().is_none_or(|edition| edition.trust.is_some())
    }
}

/// What leaders approve, within an edition's bounds.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SettingsFile {
    /// The front page.
    pub(crate) settings: Settings,
    /// What is added to a group of the edition.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) group: Vec<GroupChange>,
    /// Further lists.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub(crate) list: Vec<ListFile>,
    /// What a school of a trust tightens further.
    #[serde(default)]
    #[schemars(length(max = 2_000))]
    pub(crate) tighten: Vec<SchoolTightening>,
}

/// A school.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SchoolFile {
    /// Its id.
    pub(crate) id: Name,
    /// Its name.
    pub(crate) name: String,
    /// What it adds to the trust's baseline; a school can only tighten.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub(crate) tighten: Vec<TightenFile>,
}

/// What a school of a trust adds to a group. There is nothing here that could loosen anything.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-schoolgate-keys" = "a setting that tightens, since a school may add to the trust's baseline and never loosen it"))]
pub(crate) struct TightenFile {
    /// The group.
    pub(crate) group: At<GroupRef>,
    /// `block` closes what nothing else speaks of.
    pub(crate) default: Option<At<DefaultChoice>>,
    /// Further categories it may not reach.
    #[serde(default)]
    pub(crate) block: Vec<At<CategoryName>>,
    /// Further hosts and paths it may not reach.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) deny: Vec<EntryFile>,
    /// Further windows; they may only close.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) window: Vec<WindowFile>,
    /// True turns safe search on.
    pub(crate) safe_search: Option<At<bool>>,
    /// A narrower YouTube.
    pub(crate) youtube: Option<At<YouTubeChoice>>,
    /// Further ways round the filter that are closed.
    #[serde(default)]
    pub(crate) close_ways: Vec<At<WayName>>,
    /// Further kinds of files it may not fetch.
    #[serde(default)]
    pub(crate) block_files: Vec<At<FileKindName>>,
}

/// A school's tightening in a settings revision.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-schoolgate-keys" = "a setting that tightens, since a school may add to the trust's baseline and never loosen it"))]
pub(crate) struct SchoolTightening {
    /// The school.
    pub(crate) school: At<SchoolRef>,
    /// The group.
    pub(crate) group: At<GroupRef>,
    /// Further categories it may not reach.
    #[serde(default)]
    pub(crate) block: Vec<At<CategoryName>>,
    /// Further hosts and paths it may not reach.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) deny: Vec<EntryFile>,
    /// Further windows; they may only close.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) window: Vec<WindowFile>,
    /// Further ways round the filter that are closed.
    #[serde(default)]
    pub(crate) close_ways: Vec<At<WayName>>,
    /// Further kinds of files it may not fetch.
    #[serde(default)]
    pub(crate) block_files: Vec<At<FileKindName>>,
}

/// A range of addresses of a school.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NetworkFile {
    /// Its id.
    pub(crate) id: Name,
    /// The school it is in.
    pub(crate) school: At<SchoolRef>,
    /// Its ranges of addresses.
    #[schemars(length(min = 1, max = 32))]
    pub(crate) ranges: Vec<At<RangeText>>,
    /// The group of whoever is on it and not known; left out, such people get every group's denials.
    pub(crate) group: Option<At<GroupRef>>,
    /// How people on it become known.
    #[serde(default = "on_the_page")]
    pub(crate) sign_in: SignInChoice,
    /// Whether several people at a time stand behind one of its addresses, as with address translation or a terminal
    /// server. Nobody is known by their address there.
    #[serde(default)]
    pub(crate) shared_addresses: bool,
}

fn on_the_page() -> SignInChoice {
    SignInChoice::Page
}

/// What a group of people or equipment may reach.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct GroupFile {
    /// Its id.
    pub(crate) id: At<Name>,
    /// Its name on screens.
    pub(crate) name: String,
    /// Whose words its people read.
    pub(crate) stage: StageName,
    /// Who is in it.
    #[serde(default)]
    pub(crate) members: MembersFile,
    /// What happens to what nothing else speaks of.
    pub(crate) default: DefaultChoice,
    /// Categories it may not reach.
    #[serde(default)]
    pub(crate) block: Vec<At<CategoryName>>,
    /// Categories it may reach although its default is to block.
    #[serde(default)]
    pub(crate) allow_categories: Vec<At<CategoryName>>,
    /// Hosts it may reach whatever their category.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) allow: Vec<EntryFile>,
    /// Hosts it may not reach.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) deny: Vec<EntryFile>,
    /// Times at which something opens or closes.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) window: Vec<WindowFile>,
    /// Whether search engines are answered with their safe form.
    pub(crate) safe_search: bool,
    /// How far YouTube is narrowed.
    pub(crate) youtube: YouTubeChoice,
    /// Whether encrypted connections are opened and read.
    pub(crate) inspection: InspectionChoice,
    /// Ways round the filter; each is closed where it is left out.
    #[serde(default)]
    pub(crate) ways_round: WaysRoundFile,
    /// Services that are open for the school's own accounts alone.
    #[serde(default)]
    #[schemars(length(max = 7))]
    pub(crate) tenant: Vec<TenantFile>,
    /// Kinds of files it may not fetch.
    #[serde(default)]
    pub(crate) files: FilesFile,
    /// What it may not send.
    #[serde(default)]
    pub(crate) uploads: UploadsFile,
    /// What of its files a malware scanner looks at, where the gate has one.
    #[serde(default)]
    pub(crate) scan: ScanFile,
    /// Ways that a settings revision closed; an edition writes them in `ways_round`.
    #[serde(skip)]
    #[schemars(skip)]
    pub(crate) close_ways: Vec<At<WayName>>,
}

/// What a settings revision adds to a group.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("x-schoolgate-keys" = "an addition that a settings revision may make, since anything else needs a new edition"))]
pub(crate) struct GroupChange {
    /// The group of the edition.
    pub(crate) id: At<GroupRef>,
    /// Further categories it may not reach.
    #[serde(default)]
    pub(crate) block: Vec<At<CategoryName>>,
    /// Further hosts it may reach.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) allow: Vec<EntryFile>,
    /// Further hosts it may not reach.
    #[serde(default)]
    #[schemars(length(max = 20_000))]
    pub(crate) deny: Vec<EntryFile>,
    /// Further windows.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub(crate) window: Vec<WindowFile>,
    /// Further ways round the filter that are closed.
    #[serde(default)]
    pub(crate) close_ways: Vec<At<WayName>>,
    /// Further kinds of files it may not fetch.
    #[serde(default)]
    pub(crate) block_files: Vec<At<FileKindName>>,
}

/// Who is in a group.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct MembersFile {
    /// People with these roles.
    #[serde(default)]
    pub(crate) roles: Vec<At<RoleName>>,
    /// Learners in these year groups.
    #[serde(default)]
    pub(crate) years: Vec<At<YearName>>,
    /// Equipment of these kinds.
    #[serde(default)]
    pub(crate) equipment: Vec<At<EquipmentName>>,
}

/// An allow or deny entry.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct EntryFile {
    /// The host; the entry covers everything below it too.
    pub(crate) host: At<HostText>,
    /// Only paths that begin so; left out, the whole host.
    pub(crate) path: Option<PathText>,
    /// Why.
    pub(crate) why: String,
}

/// A host whose encrypted connections are never opened.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct BypassFile {
    /// The host, with everything below it.
    pub(crate) host: At<HostText>,
    /// Why.
    pub(crate) why: String,
}

/// A time at which something opens or closes, in the schools' local time. It does one of the three.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct WindowFile {
    /// Its name on screens.
    pub(crate) name: At<String>,
    /// The days.
    #[schemars(length(min = 1, max = 7))]
    pub(crate) days: Vec<DayChoice>,
    /// From this time, inclusive.
    pub(crate) from: At<TimeText>,
    /// Until this time, exclusive; "24:00" is midnight.
    pub(crate) until: At<TimeText>,
    /// Categories that may be reached meanwhile.
    pub(crate) open: Option<Vec<At<CategoryName>>>,
    /// Categories that may not be reached meanwhile.
    pub(crate) close: Option<Vec<At<CategoryName>>>,
    /// True: nothing may be reached meanwhile.
    pub(crate) close_everything: Option<At<bool>>,
}

/// A list.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ListFile {
    /// Its id.
    pub(crate) id: At<Name>,
    /// Its name on screens.
    pub(crate) name: String,
    /// How it is written.
    pub(crate) format: FormatChoice,
    /// Where it is: a folder, a file or archive, an http(s) address, an rpz:// address to transfer a zone from, or
    /// "starter" for the lists that ship.
    pub(crate) source: At<String>,
    /// The category of its names; a tree's folders say instead.
    pub(crate) category: Option<At<ListCategoryName>>,
    /// For a tree: folder name to category; other folders are left out.
    #[serde(default)]
    pub(crate) folders: BTreeMap<String, CategoryName>,
    /// Hours between two looks at its source; left out, as the gate's configuration says.
    #[schemars(range(min = 1, max = 744))]
    pub(crate) refresh_hours: Option<u16>,
    /// The name of the file in the gate's folder "secrets" that opens its source; never the secret itself.
    pub(crate) credentials: Option<At<Name>>,
    /// The SHA-256 of its one right content, for a list that never changes.
    pub(crate) sha256: Option<At<HashText>>,
    /// The minisign key that signs it; the signature is at its address with .minisig behind.
    pub(crate) minisign_key: Option<At<SigningKeyText>>,
    /// The most names that one update may newly list; left out, 10,000 or half of what it has, whichever is more.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub(crate) most_new_names: Option<u64>,
    /// A host or page that must be blocked while the list works.
    pub(crate) test_address: Option<At<AddressText>>,
    /// True: it may answer with an address or another name, instead of blocking alone.
    pub(crate) rewrites: Option<At<bool>>,
}
