//! The answer of the policy, with its whole reason: "why?" about the past never depends on old lists.

use crate::{Category, GroupId, Host, ListId, NetworkId, PolicyHash, Role, Stage, WayRound, YearGroup};
use std::net::IpAddr;
use std::sync::Arc;

/// A decision, with everything needed to carry it out and to explain it later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whether it may be reached.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// What the proxy does with TLS to this host.
    pub inspection: Inspection,
    /// Where a name is answered with another one (safe search).
    pub rewrite: Option<Rewrite>,
    /// How DNS answers where it is blocked, if the list's rule that decided asks for an answer of its own.
    pub answer: DnsAnswer,
    /// The words to speak in.
    pub stage: Stage,
    /// What was in force.
    pub revisions: Revisions,
}

/// Whether it may be reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// It may.
    Allow,
    /// It may not.
    Block,
}

impl Outcome {
    /// The name in history.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Block => "block",
        }
    }
}

/// Why: the layer that decided, and what it decided on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The layer that decided. Their order is written once, in `policy::precedence`.
    pub layer: Layer,
    /// The category, where a list decided.
    pub category: Option<Category>,
    /// The list and its line, where a list decided.
    pub list: Option<ListLine>,
    /// The entry of the policy that decided, as it is written there.
    pub entry: Option<Arc<str>>,
    /// What the policy gives as the entry's own reason.
    pub why: Option<Arc<str>>,
    /// The group whose rules decided; `None` when nobody was known, and all groups' denials were taken together.
    pub group: Option<Group>,
    /// Why the person or device is in that group.
    pub membership: Membership,
}

impl Reason {
    /// The reason as a sentence for adults' screens: the rule, the list, the group.
    pub fn sentence(&self, outcome: Outcome) -> String {
        let whose = match &self.group {
            Some(group) => format!("the group {}", group.name),
            None => "people who are not known, who get every group's denials".to_owned(),
        };
        let verb = match outcome {
            Outcome::Allow => "Allowed",
            Outcome::Block => "Blocked",
        };
        let category = self.category.map_or("this", Category::title);
        let entry = self.entry.as_deref().unwrap_or("this");
        let mut sentence = match self.layer {
            Layer::Illegal => "Blocked for everybody: it is on the list of illegal content".to_owned(),
            Layer::OwnPages => "Allowed: it is one of the school's own filter pages".to_owned(),
            Layer::TrustDeny => {
                format!("Blocked by the trust for {whose}: deny entry \u{201c}{entry}\u{201d}")
            }
            Layer::Deny => format!("Blocked for {whose}: deny entry \u{201c}{entry}\u{201d}"),
            Layer::Circumvention => {
                let by_entry = || self.entry.as_deref().and_then(WayRound::parse).map(WayRound::title);
                let way = self.category.map(Category::title).or_else(by_entry).unwrap_or(entry);
                format!("Blocked for {whose}: a way round the filter ({way})")
            }
            Layer::ClosedWindow => format!("Blocked for {whose} at this time: \u{201c}{entry}\u{201d}"),
            Layer::Allow => format!("Allowed for {whose}: allow entry \u{201c}{entry}\u{201d}"),
            Layer::OpenWindow => format!("Allowed for {whose} at this time: \u{201c}{entry}\u{201d}"),
            Layer::Category => format!("Blocked for {whose}: the category {category}"),
            Layer::AllowedCategory => format!("Allowed for {whose}: the category {category}"),
            Layer::FileType => format!("Blocked for {whose}: a kind of file ({entry})"),
            Layer::Upload => format!("Blocked for {whose}: an upload ({entry})"),
            Layer::Malware if outcome == Outcome::Allow => {
                format!("Allowed for {whose}, and not scanned for malware ({entry})")
            }
            Layer::Malware => format!("Blocked for {whose}: the scan for malware ({entry})"),
            Layer::Default => format!("{verb} for {whose}: no rule names it, so the default counts"),
        };
        if let Some(ListLine { list, line }) = &self.list
            && self.layer != Layer::Illegal
        {
            sentence.push_str(&format!(" (list {list}, line {line})"));
        }
        if let Some(why) = &self.why {
            sentence.push_str(&format!(". Reason given: {why}"));
        }
        sentence
    }
}

/// The layers of the policy, first to last. See `policy::precedence` for what each is for; the last three are no question
/// of where something leads, and the proxy asks them of what it carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// Illegal content: always, for everybody.
    Illegal,
    /// The gate's own pages: the block page, the sign-in page, the certificate.
    OwnPages,
    /// A deny entry of the trust's baseline.
    TrustDeny,
    /// A deny entry of the school.
    Deny,
    /// Ways round the filter.
    Circumvention,
    /// A time window that closes a category or everything.
    ClosedWindow,
    /// An allow entry.
    Allow,
    /// A time window that opens a category.
    OpenWindow,
    /// A category the group may not reach.
    Category,
    /// A category the group may reach, where everything else is closed to it.
    AllowedCategory,
    /// Nothing matched: the group's default.
    Default,
    /// A kind of file the group may not fetch; seen once the answer comes.
    FileType,
    /// Something the group may not send; seen once the request is read.
    Upload,
    /// What the malware scanner says of a file, or does not say; asked once the file is there.
    Malware,
}

impl Layer {
    /// Every layer, first to last.
    pub const ALL: [Layer; 14] = [
        Self::Illegal,
        Self::OwnPages,
        Self::TrustDeny,
        Self::Deny,
        Self::Circumvention,
        Self::ClosedWindow,
        Self::Allow,
        Self::OpenWindow,
        Self::Category,
        Self::AllowedCategory,
        Self::Default,
        Self::FileType,
        Self::Upload,
        Self::Malware,
    ];

    /// The name in history.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Illegal => "illegal",
            Self::OwnPages => "own-pages",
            Self::TrustDeny => "trust-deny",
            Self::Deny => "deny",
            Self::Circumvention => "circumvention",
            Self::ClosedWindow => "closed-window",
            Self::Allow => "allow",
            Self::OpenWindow => "open-window",
            Self::Category => "category",
            Self::AllowedCategory => "allowed-category",
            Self::FileType => "file-type",
            Self::Upload => "upload",
            Self::Malware => "malware",
            Self::Default => "default",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Illegal => "Illegal content",
            Self::OwnPages => "The filter's own pages",
            Self::TrustDeny => "The trust's deny entries",
            Self::Deny => "The school's deny entries",
            Self::Circumvention => "Ways round the filter",
            Self::ClosedWindow => "Closed at this time",
            Self::Allow => "Allow entries",
            Self::OpenWindow => "Open at this time",
            Self::Category => "Blocked categories",
            Self::AllowedCategory => "Allowed categories",
            Self::FileType => "Blocked kinds of files",
            Self::Upload => "Blocked uploads",
            Self::Malware => "Malware",
            Self::Default => "The group's default",
        }
    }

    /// Reads the name in history.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.slug() == text)
    }
}

/// A group by id and by the name on screens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The id in the policy.
    pub id: GroupId,
    /// The name on screens.
    pub name: Arc<str>,
}

/// A line of a list: what put the host in its category.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListLine {
    /// The list.
    pub list: ListId,
    /// The line, counted from 1.
    pub line: u32,
}

/// Why somebody is in the group whose rules decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Membership {
    /// A learner of this year group.
    Year(YearGroup),
    /// Somebody with this role.
    Role(Role),
    /// A device of this kind: `server`, `printer`, `other`.
    Equipment(&'static str),
    /// Whoever is on this network, where nobody in particular is known.
    Network(NetworkId),
    /// The question named the group.
    Named,
    /// Nobody is known: every group's denials count.
    Unknown,
}

impl Membership {
    /// Why, as half a sentence: "is a learner in Year 3".
    pub fn because(&self) -> String {
        match self {
            Self::Year(year) => format!("is a learner in year group {year}"),
            Self::Role(role) => format!("has the role {}", role.title()),
            Self::Equipment(kind) => format!("is equipment of the kind {kind}"),
            Self::Network(network) => {
                format!("is on the network {network}, and nobody in particular is known")
            }
            Self::Named => "the question names the group".to_owned(),
            Self::Unknown => "nobody is known, so every group's denials count".to_owned(),
        }
    }
}

/// What the proxy does with TLS to a host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Inspection {
    /// It is opened, read and closed again.
    Inspect,
    /// It passes unread: the host is on the bypass list.
    Bypass,
    /// It passes unread: the group's devices do not carry the school's certificate.
    Never,
}

/// A name that is answered with another one, such as a search engine's safe form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rewrite {
    /// The name to answer with.
    pub to: Arc<str>,
}

/// How DNS answers where a rule decides.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum DnsAnswer {
    /// As every blocked name is answered.
    #[default]
    AsUsual,
    /// The name does not exist.
    NoSuchName,
    /// The name has nothing of the type.
    Nothing,
    /// The question is refused.
    Refused,
    /// Another name instead.
    Alias(Host),
    /// These addresses.
    Addresses(Vec<IpAddr>),
}

/// What was in force when a verdict was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revisions {
    /// The hash of the policy document.
    pub policy: PolicyHash,
    /// The revision of the lists: the first 16 hexadecimal digits of the image's hash.
    pub lists: Arc<str>,
}
