//! A query, prepared for looking at many rows: each condition is asked of the part of a row that it is about.

use crate::Query;
use crate::parts::{How, Who, Why};
use crate::row::Row;
use model::Timestamp;
use std::net::IpAddr;

/// A query's conditions.
pub(crate) struct Filter<'q> {
    pub query: &'q Query,
    pub from: Timestamp,
    pub until: Timestamp,
    /// What host and path must have in them.
    pub text: Option<TextTest>,
    people: Option<Vec<[u8; 16]>>,
    not_people: Option<Vec<[u8; 16]>>,
    devices: Option<Vec<[u8; 16]>>,
    address: Option<IpAddr>,
    host: Option<String>,
}

impl<'q> Filter<'q> {
    pub fn new(query: &'q Query) -> Self {
        let people = query.people.as_ref();
        let not_people = query.not_people.as_ref();
        let devices = query.devices.as_ref();
        Self {
            query,
            from: query.from.unwrap_or(Timestamp(i64::MIN)),
            until: query.until.unwrap_or(Timestamp(i64::MAX)),
            text: TextTest::new(query.url_contains.as_deref(), query.words.as_deref()),
            people: people.map(|ids| sorted(ids.iter().map(|id| *id.0.as_bytes()))),
            not_people: not_people.map(|ids| sorted(ids.iter().map(|id| *id.0.as_bytes()))),
            devices: devices.map(|ids| sorted(ids.iter().map(|id| *id.0.as_bytes()))),
            address: query.address.map(|address| address.to_canonical()),
            host: query.host_contains.as_ref().map(|part| part.to_ascii_lowercase()),
        }
    }

    /// True when nothing but the time and the cursor decides, so that headers can be counted instead of rows.
    pub fn is_time_alone(&self) -> bool {
        !(self.asks_who() || self.asks_why() || self.asks_how() || self.asks_host() || self.text.is_some())
    }

    /// True when nothing decides but the time, the school and the outcome, of which sums are kept.
    pub fn is_of_sums(&self) -> bool {
        let query = self.query;
        query.before.is_none()
            && query.people.is_none()
            && query.not_people.is_none()
            && query.groups.is_none()
            && query.devices.is_none()
            && query.address.is_none()
            && query.category.is_none()
            && query.layer.is_none()
            && query.list.is_none()
            && query.entry.is_none()
            && !(self.asks_how() || self.asks_host() || self.text.is_some())
    }

    pub fn asks_who(&self) -> bool {
        let query = self.query;
        query.schools.is_some()
            || query.people.is_some()
            || query.not_people.is_some()
            || query.groups.is_some()
            || query.devices.is_some()
            || query.address.is_some()
    }

    pub fn asks_why(&self) -> bool {
        let query = self.query;
        query.outcome.is_some()
            || query.category.is_some()
            || query.layer.is_some()
            || query.list.is_some()
            || query.entry.is_some()
    }

    pub fn asks_how(&self) -> bool {
        self.query.channels.is_some()
    }

    pub fn asks_host(&self) -> bool {
        self.host.is_some()
    }

    pub fn takes_school(&self, school: Option<&str>) -> bool {
        let schools = self.query.schools.as_ref();
        schools.is_none_or(|schools| {
            school.is_some_and(|name| schools.iter().any(|school| school.as_str() == name))
        })
    }

    pub fn takes_who(&self, who: &Who<'_>) -> bool {
        let groups = self.query.groups.as_ref();
        let is_hidden =
            |person| self.not_people.as_ref().is_some_and(|all| all.binary_search(person).is_ok());
        is_among(self.people.as_deref(), who.person.as_ref())
            && !who.person.as_ref().is_some_and(is_hidden)
            && is_among(self.devices.as_deref(), who.device.as_ref())
            && self.address.is_none_or(|address| address == who.address)
            && self.takes_school(who.school)
            && groups.is_none_or(|groups| {
                who.group.is_some_and(|name| groups.iter().any(|group| group.as_str() == name))
            })
    }

    pub fn takes_why(&self, why: &Why<'_>) -> bool {
        let query = self.query;
        query.outcome.is_none_or(|outcome| outcome.slug() == why.outcome)
            && query.category.is_none_or(|category| Some(category.slug()) == why.category)
            && query.layer.is_none_or(|layer| layer.slug() == why.layer)
            && query.list.as_ref().is_none_or(|list| why.list.is_some_and(|(name, _)| name == list.as_str()))
            && query.entry.as_ref().is_none_or(|entry| Some(entry.as_str()) == why.entry)
    }

    pub fn takes_how(&self, how: &How<'_>) -> bool {
        let channels = self.query.channels.as_ref();
        channels.is_none_or(|channels| channels.iter().any(|channel| channel.slug() == how.channel))
    }

    pub fn takes_host(&self, host: &str) -> bool {
        self.host.as_ref().is_none_or(|part| host.contains(part.as_str()))
    }

    pub fn matches(&self, row: &Row<'_>) -> bool {
        let at = Timestamp(row.at);
        at >= self.from
            && at < self.until
            && self.takes_who(&row.who())
            && self.takes_why(&row.why())
            && self.takes_how(&row.how())
            && self.takes_host(&row.host)
            && self
                .text
                .as_ref()
                .is_none_or(|text| text.takes(&row.host, row.path.to_ascii_lowercase().as_bytes()))
    }
}

/// What host and path together must have in them. Texts are given in lower case (ASCII).
pub(crate) struct TextTest {
    url: Option<UrlPart>,
    words: Vec<String>,
    /// The one that no encoding changes, and that is the longest.
    plain_word: Option<String>,
}

/// A part of a URL.
struct UrlPart {
    whole: String,
    /// Where it has a slash in it: the end of a host, and the beginning of its path.
    across: Option<(String, String)>,
}

impl TextTest {
    fn new(url: Option<&str>, words: Option<&str>) -> Option<Self> {
        let url = url.map(|part| {
            let part = part.trim().to_ascii_lowercase();
            let bare = part.strip_prefix("https://").or_else(|| part.strip_prefix("http://"));
            let whole = bare.unwrap_or(&part).to_owned();
            let slash = whole.find('/').filter(|place| *place > 0);
            let across = slash.map(|place| whole.split_at(place));
            UrlPart { across: across.map(|(host, path)| (host.to_owned(), path.to_owned())), whole }
        });
        let words: Vec<String> =
            words.unwrap_or_default().split_whitespace().map(str::to_lowercase).collect();
        if url.is_none() && words.is_empty() {
            return None;
        }
        let plain = words.iter().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let plain_word = plain.max_by_key(|word| word.len()).cloned();
        Some(Self { url, words, plain_word })
    }

    /// What every path that is taken has in it, unless its host [`may_be_in_host`](Self::may_be_in_host).
    pub fn sure_part(&self) -> Option<&[u8]> {
        let part = match &self.url {
            Some(url) => Some(&url.whole),
            None => self.plain_word.as_ref(),
        };
        part.map(String::as_bytes).filter(|part| !part.is_empty())
    }

    /// Whether paths of this host must be asked whatever is in them.
    pub fn may_be_in_host(&self, host: &str) -> bool {
        self.url.as_ref().is_some_and(|url| {
            host.contains(&url.whole) || url.across.as_ref().is_some_and(|(end, _)| host.ends_with(end))
        })
    }

    pub fn takes(&self, host: &str, path: &[u8]) -> bool {
        self.url.as_ref().is_none_or(|url| url.is_in(host, path)) && self.has_words(path)
    }

    fn has_words(&self, path: &[u8]) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let is_missing = |word: &String| memchr::memmem::find(path, word.as_bytes()).is_none();
        if self.plain_word.as_ref().is_some_and(is_missing) {
            return false;
        }
        let decoded = decoded(path);
        self.words.iter().all(|word| decoded.contains(word.as_str()))
    }
}

impl UrlPart {
    fn is_in(&self, host: &str, path: &[u8]) -> bool {
        host.contains(&self.whole)
            || memchr::memmem::find(path, self.whole.as_bytes()).is_some()
            || self
                .across
                .as_ref()
                .is_some_and(|(end, start)| host.ends_with(end) && path.starts_with(start.as_bytes()))
    }
}

/// A path as it was meant to be read: `+` is a space, `%20` the byte it stands for (RFC 3986), in lower case.
fn decoded(path: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).to_lowercase()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn sorted(ids: impl Iterator<Item = [u8; 16]>) -> Vec<[u8; 16]> {
    let mut ids: Vec<[u8; 16]> = ids.collect();
    ids.sort_unstable();
    ids
}

fn is_among(wanted: Option<&[[u8; 16]]>, found: Option<&[u8; 16]>) -> bool {
    wanted.is_none_or(|wanted| found.is_some_and(|found| wanted.binary_search(found).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn takes(url: Option<&str>, words: Option<&str>, host: &str, path: &str) -> bool {
        let test = TextTest::new(url, words).unwrap();
        test.takes(host, path.to_ascii_lowercase().as_bytes())
    }

    #[test]
    fn a_part_of_a_url_is_found_in_the_host_in_the_path_and_across_both() {
        let (host, path) = ("www.example.com", "/News/Today?q=1");
        for (part, expected) in [
            ("example", true),
            ("NEWS/to", true),
            ("https://www.example.com/news", true),
            ("example.com/news/today?q", true),
            ("ample.com/new", true),
            ("example.com/today", false),
            ("example.org", false),
        ] {
            assert_eq!(takes(Some(part), None, host, path), expected, "{part}");
        }
    }

    #[test]
    fn words_are_found_however_they_were_encoded() {
        let path = "/search?q=Life+cycle%20of%2Ba+caf%C3%A9";
        for (words, expected) in [
            ("life", true),
            ("cycle LIFE", true),
            ("caf\u{c9}", true),
            ("of+a", true),
            ("frog", false),
            ("life frog", false),
        ] {
            assert_eq!(takes(None, Some(words), "www.example.com", path), expected, "{words}");
        }
    }

    proptest! {
        #[test]
        fn any_path_decodes_without_a_panic(path in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = decoded(&path);
        }

        #[test]
        fn what_is_taken_has_the_sure_part_or_a_host_in_question(
            url in "[a-c./]{1,4}", host in "[a-c]{1,3}\\.[a-c]{1,3}", path in "/[a-c/]{0,6}",
        ) {
            let test = TextTest::new(Some(&url), None).unwrap();
            if test.takes(&host, path.as_bytes()) {
                let sure = test.sure_part().is_none_or(|part| memchr::memmem::find(path.as_bytes(), part).is_some());
                prop_assert!(sure || test.may_be_in_host(&host));
            }
        }
    }
}
