//! The fixed choices of a document: each has the name that the file writes and the words that a page shows.

use crate::rules::{InspectionSetting, ListFormat, SignInWay, TenantService, YouTube};
use model::Outcome;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// Makes an enum whose values are written by one name and shown by other words.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$value_doc:meta])* $value:ident = $slug:literal, $words:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[$name] = &[$($name::$value),+];

            /// The name in a policy file.
            pub fn slug(self) -> &'static str {
                match self { $($name::$value => $slug,)+ }
            }

            /// The words on a page.
            pub fn words(self) -> &'static str {
                match self { $($name::$value => $words,)+ }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let found = Self::ALL.iter().find(|value| value.slug() == text);
                found.copied().ok_or_else(|| serde::de::Error::custom("one of the names"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.words())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let names: Vec<&str> = Self::ALL.iter().map(|value| value.slug()).collect();
                json_schema!({ "type": "string", "enum": names })
            }
        }
    };
}

choice! {
    /// How people on a network become known.
    SignInChoice {
        /// On the school's page, where and when they like.
        Page = "page", "They sign in on the school\u{2019}s page when they like";
        /// On the school's page, to which plain web pages lead.
        Portal = "portal", "Whoever is not known is led to the sign-in page";
        /// The proxy asks.
        Proxy = "proxy", "The proxy asks each connection for a user name and a password";
    }
}

choice! {
    /// A phase of school.
    Phase {
        /// Nursery and reception.
        EarlyYears = "early-years", "Early years";
        /// Years 1 and 2.
        Ks1 = "ks1", "Key Stage 1";
        /// Years 3 and 4.
        LowerKs2 = "lower-ks2", "lower Key Stage 2";
        /// Years 5 and 6.
        UpperKs2 = "upper-ks2", "upper Key Stage 2";
        /// Years 7 to 9.
        Ks3 = "ks3", "Key Stage 3";
        /// Years 10 and 11.
        Ks4 = "ks4", "Key Stage 4";
        /// Years 12 and 13.
        SixthForm = "sixth-form", "sixth form";
    }
}

impl Phase {
    /// The year groups of the phase, as a policy file writes them.
    pub fn years(self) -> &'static [&'static str] {
        match self {
            Self::EarlyYears => &["N", "R"],
            Self::Ks1 => &["1", "2"],
            Self::LowerKs2 => &["3", "4"],
            Self::UpperKs2 => &["5", "6"],
            Self::Ks3 => &["7", "8", "9"],
            Self::Ks4 => &["10", "11"],
            Self::SixthForm => &["12", "13"],
        }
    }
}

choice! {
    /// What happens to what nothing else speaks of.
    DefaultChoice {
        /// It may be reached.
        Allow = "allow", "allowed";
        /// It may not.
        Block = "block", "blocked";
    }
}

impl From<DefaultChoice> for Outcome {
    fn from(choice: DefaultChoice) -> Self {
        match choice {
            DefaultChoice::Allow => Self::Allow,
            DefaultChoice::Block => Self::Block,
        }
    }
}

choice! {
    /// How far YouTube is narrowed.
    YouTubeChoice {
        /// As it is.
        Off = "off", "as it is";
        /// Its moderate restricted mode.
        Moderate = "moderate", "moderate restricted mode";
        /// Its strict restricted mode.
        Strict = "strict", "strict restricted mode";
    }
}

impl From<YouTubeChoice> for YouTube {
    fn from(choice: YouTubeChoice) -> Self {
        match choice {
            YouTubeChoice::Off => Self::Off,
            YouTubeChoice::Moderate => Self::Moderate,
            YouTubeChoice::Strict => Self::Strict,
        }
    }
}

choice! {
    /// Whether a group's encrypted connections are opened and read.
    InspectionChoice {
        /// Opened, but for the bypass list.
        On = "on", "opened and read, but for the bypass list";
        /// Passed unread, but where the illegal-content layer asks.
        Off = "off", "passed unread";
        /// The devices carry no school certificate.
        Never = "never", "never opened: the devices carry no school certificate";
    }
}

impl From<SignInChoice> for SignInWay {
    fn from(choice: SignInChoice) -> Self {
        match choice {
            SignInChoice::Page => Self::Page,
            SignInChoice::Portal => Self::Portal,
            SignInChoice::Proxy => Self::Proxy,
        }
    }
}

impl From<InspectionChoice> for InspectionSetting {
    fn from(choice: InspectionChoice) -> Self {
        match choice {
            InspectionChoice::On => Self::On,
            InspectionChoice::Off => Self::Off,
            InspectionChoice::Never => Self::Never,
        }
    }
}

choice! {
    /// Whether a way round the filter is shut.
    WayChoice {
        /// It is let through, and counted.
        Open = "open", "open";
        /// It is refused, and counted.
        Closed = "closed", "closed";
    }
}

choice! {
    /// Whether files are scanned for malware.
    ScanChoice {
        /// They are.
        On = "on", "on";
        /// They are not.
        Off = "off", "off";
    }
}

choice! {
    /// What becomes of a file that could not be scanned.
    UnscannedChoice {
        /// It is let through.
        Allow = "allow", "let through";
        /// It is refused where its kind can do harm by being opened.
        RefuseRisky = "refuse-risky", "refused where it can do harm by being opened";
        /// It is refused.
        Refuse = "refuse", "refused";
    }
}

choice! {
    /// A service that can be told which accounts to let in.
    TenantChoice {
        /// Google Workspace.
        Google = "google", "Google";
        /// Microsoft Entra.
        Microsoft = "microsoft", "Microsoft";
        /// Microsoft's accounts of private people.
        MicrosoftPersonal = "microsoft-personal", "Microsoft accounts of private people";
        /// Slack.
        Slack = "slack", "Slack";
        /// Dropbox.
        Dropbox = "dropbox", "Dropbox";
        /// ChatGPT.
        ChatGpt = "chatgpt", "ChatGPT";
        /// Claude.
        Claude = "claude", "Claude";
    }
}

impl From<TenantChoice> for TenantService {
    fn from(choice: TenantChoice) -> Self {
        match choice {
            TenantChoice::Google => Self::Google,
            TenantChoice::Microsoft => Self::Microsoft,
            TenantChoice::MicrosoftPersonal => Self::MicrosoftPersonal,
            TenantChoice::Slack => Self::Slack,
            TenantChoice::Dropbox => Self::Dropbox,
            TenantChoice::ChatGpt => Self::ChatGpt,
            TenantChoice::Claude => Self::Claude,
        }
    }
}

choice! {
    /// How a list is written.
    FormatChoice {
        /// A name a line; each covers what is below it.
        Domains = "domains", "names with all below them";
        /// A name a line; each covers itself alone.
        DomainsExact = "domains-exact", "names alone";
        /// A hosts file.
        Hosts = "hosts", "a hosts file";
        /// AdGuard DNS rules.
        AdGuard = "adguard", "AdGuard DNS rules";
        /// dnsmasq's `address=` and `server=` lines; each name covers itself and everything below it.
        Dnsmasq = "dnsmasq", "dnsmasq lines";
        /// Unbound's `local-zone:` and `local-data:` lines.
        Unbound = "unbound", "Unbound local zones";
        /// A response policy zone: a zone file, or `rpz://SERVER/ZONE` to transfer it from a name server.
        Rpz = "rpz", "a response policy zone";
        /// Addresses of pages, with or without a scheme.
        Urls = "urls", "addresses of pages";
        /// Addresses and ranges of addresses.
        Addresses = "addresses", "addresses and ranges";
        /// Comma-separated values with a heading line.
        Csv = "csv", "comma-separated values";
        /// A hash a line (MD5, SHA-1 or SHA-256, in hexadecimal) of a host or page address.
        Hashes = "hashes", "hashes of hosts and pages";
        /// A UT1 or squidGuard category tree.
        Ut1 = "ut1", "a UT1 category tree";
        /// The lists that ship.
        Starter = "starter", "the lists that ship with Schoolgate";
    }
}

impl From<FormatChoice> for ListFormat {
    fn from(choice: FormatChoice) -> Self {
        match choice {
            FormatChoice::Domains => Self::Domains,
            FormatChoice::DomainsExact => Self::DomainsExact,
            FormatChoice::Hosts => Self::Hosts,
            FormatChoice::AdGuard => Self::AdGuard,
            FormatChoice::Dnsmasq => Self::Dnsmasq,
            FormatChoice::Unbound => Self::Unbound,
            FormatChoice::Rpz => Self::Rpz,
            FormatChoice::Urls => Self::Urls,
            FormatChoice::Addresses => Self::Addresses,
            FormatChoice::Csv => Self::Csv,
            FormatChoice::Hashes => Self::Hashes,
            FormatChoice::Ut1 => Self::Ut1,
            FormatChoice::Starter => Self::Starter,
        }
    }
}

choice! {
    /// A day of the week.
    DayChoice {
        /// Monday.
        Mon = "mon", "Monday";
        /// Tuesday.
        Tue = "tue", "Tuesday";
        /// Wednesday.
        Wed = "wed", "Wednesday";
        /// Thursday.
        Thu = "thu", "Thursday";
        /// Friday.
        Fri = "fri", "Friday";
        /// Saturday.
        Sat = "sat", "Saturday";
        /// Sunday.
        Sun = "sun", "Sunday";
    }
}

choice! {
    /// How a password is made for somebody.
    Generator {
        /// No password: a badge is scanned.
        Badge = "badge", "a badge and no password";
        /// A short word and two digits.
        WordAndDigits = "word-and-digits", "one short word and two digits";
        /// Two words and a digit.
        TwoWordsAndDigit = "two-words-and-digit", "two words and a digit";
        /// Three words.
        ThreeWords = "three-words", "three words";
        /// Four unconnected words.
        FourWords = "four-words", "four unconnected words";
        /// Five unconnected words.
        FiveWords = "five-words", "five unconnected words";
        /// Six unconnected words.
        SixWords = "six-words", "six unconnected words";
    }
}

choice! {
    /// How wrong passwords are counted.
    Counting {
        /// By account and by where the attempts come from, so that a pupil cannot lock a teacher out.
        Lane = "lane", "for each account by where the attempts come from";
        /// By account alone, wherever the attempts come from.
        Account = "account", "for each account, wherever the attempts come from";
    }
}

choice! {
    /// Whether a post is held at each school or once for the trust.
    PostPlace {
        /// At each school.
        School = "school", "each school";
        /// Once for the trust.
        Trust = "trust", "the trust";
    }
}

choice! {
    /// Which removable media may be used.
    MediaRule {
        /// None.
        None = "none", "no removable media";
        /// Encrypted ones that the register names.
        RegisteredEncrypted = "registered-encrypted", "only encrypted media that are on the register";
    }
}
