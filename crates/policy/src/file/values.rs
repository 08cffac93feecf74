//! The checked texts of a document: a host, a range of addresses, a time, the name of a category.
//!
//! Each has one reader, which the walk over the document and the deserialiser share, so that what the one accepts the
//! other does too. As words (`Serialize`) each shows what a page shows, which is not always what the file writes.

use super::problem::{Miss, nearest, quoted};
use super::traffic::switched;
use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{
    Category, DeviceKind, FileKind, Host, Language, Role, Severity, Stage, Theme, WayRound, YearGroup,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::ops::{Deref, Range};
use toml::Spanned;

/// The schema's own keyword: what a text is, beyond being a text.
pub(crate) const TEXT_KEYWORD: &str = "x-schoolgate-text";

/// A value and where it stands in its file.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct At<T>(Spanned<T>);

impl<T> At<T> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.0.span()
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.get_ref()
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.get_ref().serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Makes a text that is read by a function into a value, and shown by another.
macro_rules! text_value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $kind:literal, $read:expr, $show:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let read: fn(&str) -> Result<$inner, Miss> = $read;
                read(&text).map(Self).map_err(|miss| serde::de::Error::custom(miss.expected))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let show: fn(&$inner) -> String = $show;
                serializer.serialize_str(&show(&self.0))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "x-schoolgate-text": $kind })
            }
        }
    };
}

/// Makes one of a fixed list of names into a value.
macro_rules! name_value {
    ($(#[$doc:meta])* $name:ident($inner:ty), $noun:literal, $all:expr, $slug:expr, $title:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct $name(pub $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let slug: fn($inner) -> String = $slug;
                let found = $all.into_iter().find(|value| slug(*value) == text);
                found.map(Self).ok_or_else(|| serde::de::Error::custom("one of the names"))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let title: fn($inner) -> String = $title;
                serializer.serialize_str(&title(self.0))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let slug: fn($inner) -> String = $slug;
                let names: Vec<String> = $all.into_iter().map(slug).collect();
                json_schema!({ "type": "string", "description": $noun, "enum": names })
            }
        }
    };
}

text_value! {
    /// A short name that the document chooses: lower-case letters, digits and hyphens, at most 40.
    Name(String), "name", read_name, Clone::clone
}
text_value! {
    /// The id of a school of the document.
    SchoolRef(String), "school", read_name, Clone::clone
}
text_value! {
    /// The id of a group of the document.
    GroupRef(String), "group", read_name, Clone::clone
}
text_value! {
    /// A host; it covers everything below it too.
    HostText(Host), "host", read_host, Host::to_string
}
text_value! {
    /// The beginning of a path.
    PathText(String), "path", read_path, Clone::clone
}
text_value! {
    /// A range of addresses.
    RangeText(IpNet), "range", read_range, IpNet::to_string
}
text_value! {
    /// A time of day, as minutes since midnight; 1440 is the midnight that ends the day.
    TimeText(u16), "time", read_time, |minute| clock(*minute)
}
text_value! {
    /// A date.
    DateText(Date), "date", read_date, show_date
}
text_value! {
    /// A time zone of the IANA database.
    TimeZoneText(TimeZone), "time-zone", read_time_zone, |zone| zone.iana_name().unwrap_or("UTC").to_owned()
}
text_value! {
    /// A SHA-256 in hexadecimal digits.
    HashText(String), "hash", read_hash, Clone::clone
}
text_value! {
    /// A host or a page without its scheme: `example.org/path`.
    AddressText(String), "address", read_address, Clone::clone
}
text_value! {
    /// A minisign public key: the line of letters and digits of its file.
    SigningKeyText(String), "signing-key", read_signing_key, Clone::clone
}
text_value! {
    /// Words that are looked for as they stand.
    TermText(String), "term", read_term, Clone::clone
}

name_value! {
    /// A category. Illegal content is not among them: no setting reaches it.
    CategoryName(Category), "a category",
    Category::all().filter(|category| *category != Category::ILLEGAL),
    |category| category.slug().to_owned(),
    |category| category.title().to_owned()
}
name_value! {
    /// What the names of a list are. A list may add to the illegal-content layer; nothing takes away from it.
    ListCategoryName(Category), "a category of a list",
    Category::all(),
    |category| category.slug().to_owned(),
    |category| category.title().to_owned()
}
name_value! {
    /// A way round the filter that a group can have open or closed.
    WayName(WayRound), "a way round the filter", switched(),
    |way| way.slug().to_owned(), |way| way.title().to_owned()
}
name_value! {
    /// A kind of file.
    FileKindName(FileKind), "a kind of file", FileKind::ALL,
    |kind| kind.slug().to_owned(), |kind| kind.title().to_owned()
}
name_value! {
    /// A role.
    RoleName(Role), "a role", Role::ALL, |role| role.slug().to_owned(), |role| role.title().to_owned()
}
name_value! {
    /// A language that monitoring rules are written in.
    LanguageName(Language), "a language that monitoring has rules in", Language::ALL,
    |language| language.slug().to_owned(), |language| language.title().to_owned()
}
name_value! {
    /// The theme of a monitoring rule.
    ThemeName(Theme), "a theme", Theme::ALL, |theme| theme.slug().to_owned(), |theme| theme.title().to_owned()
}
name_value! {
    /// How bad it may be.
    SeverityName(Severity), "a severity", Severity::ALL,
    |severity| severity.slug().to_owned(), |severity| severity.title().to_owned()
}
name_value! {
    /// A stage, whose words its people read.
    StageName(Stage), "a stage", Stage::ALL, |stage| stage.slug().to_owned(), |stage| stage.slug().to_owned()
}
name_value! {
    /// A year group: `N` nursery, `R` reception, `1` to `13`.
    YearName(YearGroup), "a year group", all_years(), |year| year.to_string(), |year| year.to_string()
}
name_value! {
    /// A kind of equipment that no person sits at.
    EquipmentName(DeviceKind), "a kind of equipment",
    DeviceKind::ALL.into_iter().filter(|kind| kind.is_equipment()),
    |kind| kind.slug().to_owned(),
    |kind| kind.slug().to_owned()
}

/// Checks a text of a kind that the schema names; kinds without a check of their own pass.
pub(crate) fn check_text(kind: &str, text: &str) -> Result<(), Miss> {
    match kind {
        "name" | "school" | "group" => read_name(text).map(drop),
        "host" => read_host(text).map(drop),
        "path" => read_path(text).map(drop),
        "range" => read_range(text).map(drop),
        "time" => read_time(text).map(drop),
        "date" => read_date(text).map(drop),
        "time-zone" => read_time_zone(text).map(drop),
        "hash" => read_hash(text).map(drop),
        "address" => read_address(text).map(drop),
        "signing-key" => read_signing_key(text).map(drop),
        "term" => read_term(text).map(drop),
        _ => Ok(()),
    }
}

/// A minute of the day as it is written: `12:10`.
pub(crate) fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// A date as a page shows it: `22 November 2026`.
pub fn show_date(date: &Date) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let month = usize::from(date.month().unsigned_abs()).saturating_sub(1);
    format!("{} {} {}", date.day(), MONTHS.get(month).copied().unwrap_or_default(), date.year())
}

fn all_years() -> impl Iterator<Item = YearGroup> {
    let numbers = (1..=13).map(|number| number.to_string());
    ["N", "R"].map(str::to_owned).into_iter().chain(numbers).filter_map(|text| YearGroup::parse(&text))
}

fn read_name(text: &str) -> Result<String, Miss> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.len() <= 40 && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    let slug: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = slug.trim_matches('-').to_owned();
    let miss = Miss::new("a short name of lower-case letters, digits and hyphens, at most 40", quoted(text));
    Err(miss.nearest(Some(slug).filter(|slug| !slug.is_empty() && slug.len() <= 40)))
}

fn read_host(text: &str) -> Result<Host, Miss> {
    let error = match Host::parse(text) {
        Ok(host) => return Ok(host),
        Err(error) => error.to_string(),
    };
    if let Some(below) = text.strip_prefix("*.") {
        let nearest = Host::parse(below).ok().map(|host| host.to_string());
        return Err(
            Miss::new("a host without a star: it covers everything below it", quoted(text)).nearest(nearest)
        );
    }
    if let Some((host, path)) = split_address(text) {
        let expected = match path {
            "" | "/" => "a host alone",
            _ => "a host alone; the rest of an address goes into `path`",
        };
        return Err(Miss::new(expected, quoted(text)).nearest(Some(host.to_string())));
    }
    if let Ok(ascii) = idna::domain_to_ascii(text)
        && let Ok(host) = Host::parse(&ascii)
    {
        return Err(
            Miss::new("an international name in its xn-- form", quoted(text)).nearest(Some(host.to_string()))
        );
    }
    let expected =
        error.strip_prefix("expected ").unwrap_or(&error).split(", found").next().unwrap_or_default();
    Err(Miss::new(format!("a host with {expected}"), quoted(text)))
}

/// An address that was pasted where a host belongs: its host and its path.
fn split_address(text: &str) -> Option<(Host, &str)> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (authority, path) = bare.split_at(bare.find(['/', '?', '#']).unwrap_or(bare.len()));
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    (host != text).then(|| Host::parse(host).ok()).flatten().map(|host| (host, path))
}

/// Words without the signs that a rule's author writes with: what a school looks for is looked for as it stands.
fn read_term(text: &str) -> Result<String, Miss> {
    let is_joint = |c: char| matches!(c, ' ' | '-' | '\'' | '\u{2019}');
    // Marks of other scripts are part of their words.
    let fits = |c: char| {
        c.is_alphanumeric() || is_joint(c) || !(c.is_ascii() || c.is_control() || c.is_whitespace())
    };
    let is_one = text.len() <= 80
        && text.split(' ').count() <= 8
        && text.split(' ').all(|word| word.starts_with(char::is_alphanumeric))
        && text.bytes().filter(|byte| !byte.is_ascii_punctuation()).count() >= 3
        && text.chars().all(fits);
    if is_one {
        return Ok(text.to_owned());
    }
    let expected =
        "one to eight words of letters, digits, hyphens and apostrophes, at most 80 bytes, one space between";
    Err(Miss::new(expected, quoted(text)))
}

fn read_path(text: &str) -> Result<String, Miss> {
    let fits = text.starts_with('/')
        && text.len() <= 2_000
        && !text.contains(|c: char| c.is_whitespace() || c == '#');
    if fits {
        return Ok(text.to_owned());
    }
    let begun = (!text.starts_with('/')).then(|| format!("/{}", text.trim()));
    Err(Miss::new("a path that begins with `/`, without spaces or `#`", quoted(text)).nearest(begun))
}

fn read_range(text: &str) -> Result<IpNet, Miss> {
    let expected = "a range of addresses such as 10.20.0.0/16 or 2001:db8::/32";
    let range = match (text.parse::<IpNet>(), text.parse::<std::net::IpAddr>()) {
        (Ok(range), _) => range,
        (_, Ok(address)) => {
            let alone = IpNet::from(address).to_string();
            return Err(Miss::new(expected, quoted(text)).nearest(Some(alone)));
        }
        _ => return Err(Miss::new(expected, quoted(text))),
    };
    if range.trunc() == range {
        return Ok(range);
    }
    let begins =
        format!("a range that begins at its first address (/{} has no such start)", range.prefix_len());
    Err(Miss::new(begins, quoted(text)).nearest(Some(range.trunc().to_string())))
}

fn read_time(text: &str) -> Result<u16, Miss> {
    let miss = || Miss::new("a time of day such as \"12:10\", from \"00:00\" to \"24:00\"", quoted(text));
    let padded = (text.len() == 4 && text.as_bytes().get(1) == Some(&b':')).then(|| format!("0{text}"));
    let (hour, minute) = text.split_once(':').ok_or_else(miss)?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return Err(miss().nearest(padded.filter(|time| read_time(time).is_ok())));
    }
    match (hour.parse::<u16>(), minute.parse::<u16>()) {
        (Ok(24), Ok(0)) => Ok(1440),
        (Ok(hour @ 0..=23), Ok(minute @ 0..=59)) => Ok(hour * 60 + minute),
        _ => Err(miss()),
    }
}

fn read_date(text: &str) -> Result<Date, Miss> {
    let is_iso = text.len() == 10 && text.as_bytes().get(4) == Some(&b'-');
    let date = is_iso.then(|| text.parse::<Date>().ok()).flatten();
    date.ok_or_else(|| Miss::new("a date such as \"2026-09-01\"", quoted(text)))
}

fn read_time_zone(text: &str) -> Result<TimeZone, Miss> {
    TimeZone::get(text).map_err(|_| {
        let known =
            ["Europe/London", "Europe/Jersey", "Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Gibraltar"];
        Miss::new("a time zone such as \"Europe/London\"", quoted(text)).nearest(nearest(text, known))
    })
}

fn read_hash(text: &str) -> Result<String, Miss> {
    let is_hash =
        text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let miss = || Miss::new("a SHA-256 in 64 lower-case hexadecimal digits", quoted(text));
    is_hash.then(|| text.to_owned()).ok_or_else(miss)
}

fn read_address(text: &str) -> Result<String, Miss> {
    let expected = "a host or a page such as example.org/path, without `https://`";
    if let Some((_, bare)) = text.split_once("://") {
        return Err(Miss::new(expected, quoted(text)).nearest(Some(bare.to_owned())));
    }
    let (host, rest) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    let fits = Host::parse(host).is_ok() && !rest.contains(|c: char| c.is_whitespace() || c == '#');
    if fits { Ok(text.to_owned()) } else { Err(Miss::new(expected, quoted(text))) }
}

/// The key's file has two lines; the second is 42 bytes in base64, of which the first two are `Ed`.
fn read_signing_key(text: &str) -> Result<String, Miss> {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    if text.len() == 56 && text.starts_with("RW") && text.bytes().all(is_base64) {
        return Ok(text.to_owned());
    }
    Err(Miss::new(
        "the second line of a minisign key file: 56 letters and digits that begin with RW",
        quoted(text),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistaken_text_is_answered_with_what_was_meant() {
        for (kind, text, nearest) in [
            ("host", "bücher.example", Some("xn--bcher-kva.example")),
            ("host", "*.example.org", Some("example.org")),
            ("host", "https://www.example.org/news", Some("www.example.org")),
            ("host", "example.org:8080", Some("example.org")),
            ("host", "a b", None),
            ("range", "10.1.2.3/16", Some("10.1.0.0/16")),
            ("range", "10.1.2.3", Some("10.1.2.3/32")),
            ("range", "10.0.0.0/33", None),
            ("time", "9:05", Some("09:05")),
            ("time", "25:00", None),
            ("time", "24:01", None),
            ("name", "Upper KS2", Some("upper-ks2")),
            ("path", "news", Some("/news")),
            ("date", "1/9/2026", None),
            ("time-zone", "Europe/Londn", Some("Europe/London")),
            ("hash", "abc", None),
            ("address", "https://example.org/a", Some("example.org/a")),
            ("address", "a b/", None),
            ("signing-key", "untrusted comment: minisign public key", None),
        ] {
            let miss = check_text(kind, text).unwrap_err();
            assert_eq!(miss.nearest.as_deref(), nearest, "{kind} {text}");
        }
    }

    #[test]
    fn a_right_text_passes() {
        for (kind, text) in [
            ("host", "www.example.org"),
            ("host", "192.0.2.1"),
            ("range", "::1/128"),
            ("time", "24:00"),
            ("date", "2026-09-01"),
            ("time-zone", "Europe/London"),
            ("name", "upper-ks2"),
            ("address", "example.org/path?a=b"),
            ("address", "192.0.2.1"),
            ("signing-key", "RWAbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQr"),
        ] {
            assert_eq!(check_text(kind, text), Ok(()), "{kind} {text}");
        }
        assert_eq!(show_date(&read_date("2026-09-01").unwrap()), "1 September 2026");
    }
}
