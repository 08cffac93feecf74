//! The words that a request carries to a service: a search, a question to a service of generative AI, a topic's name.
//!
//! Left out: what is sent as a body (searches inside YouTube's own page, most chats), and what a service asks while it
//! completes somebody's words. A site that is in no row is read by the form that most sites share, `/search?q=`.
//!
//! Invariant: the words are those of one parameter or one segment, cut at [`MOST_BYTES`].

use crate::table::{is_country, rows};
use crate::usual::usual;
use model::{Host, Said, SaidKind, Typing};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The most that is read of one request's words, in bytes.
pub const MOST_BYTES: usize = 2_048;

/// What somebody said with this request; `None` where it carries no words.
pub fn said(host: &Host, path_and_query: &str) -> Option<Said> {
    let name = host.name()?;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let path = usual(path);
    let mut rows = TABLE.of(name).peekable();
    if rows.peek().is_none() {
        return of_any_site(&path, query);
    }
    rows.find_map(|row| row.said(&path, query))
}

/// The words of a form that most sites share. They may still be typed: many such pages ask with each letter.
fn of_any_site(path: &str, query: &str) -> Option<Said> {
    const PARAMETERS: [&str; 8] =
        ["q", "query", "search", "s", "keyword", "keywords", "search_query", "term"];
    if query.is_empty() {
        return None;
    }
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let last = last.split_once('.').map_or(last, |(stem, _)| stem);
    if !["search", "results", "find"].iter().any(|name| last.eq_ignore_ascii_case(name)) {
        return None;
    }
    let words = PARAMETERS.iter().find_map(|parameter| parameter_of(query, parameter))?;
    Some(Said { kind: SaidKind::Search, words, typing: Typing::Going })
}

struct Row {
    path: &'static str,
    /// The query's parameter; empty: the next segment of the path.
    parameter: &'static str,
    kind: SaidKind,
    typing: Typing,
}

impl Row {
    fn said(&self, path: &str, query: &str) -> Option<Said> {
        let words = if self.parameter.is_empty() {
            let segment = path.strip_prefix(self.path)?.split('/').next()?;
            read(&segment.replace(['-', '_'], " "))?
        } else {
            let fits = match self.path.strip_suffix('*') {
                Some(beginning) => path.starts_with(beginning),
                None => path.trim_end_matches('/') == self.path.trim_end_matches('/'),
            };
            if !fits {
                return None;
            }
            parameter_of(query, self.parameter)?
        };
        Some(Said { kind: self.kind, words, typing: self.typing })
    }
}

fn parameter_of(query: &str, parameter: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let named =
        |name: &str| name == parameter || (name.contains('%') && read(name).as_deref() == Some(parameter));
    pairs.filter(|(name, _)| named(name)).find_map(|(_, value)| read(value))
}

/// The words of a value; `None` where there are none.
fn read(value: &str) -> Option<String> {
    let value = value.get(..value.floor_char_boundary(3 * MOST_BYTES)).unwrap_or_default();
    let mut words = text::decode::of_query(value);
    words.truncate(words.floor_char_boundary(MOST_BYTES));
    let words = words.trim();
    words.chars().any(char::is_alphanumeric).then(|| words.to_owned())
}

/// The rows by host.
#[derive(Default)]
struct Table {
    exact: HashMap<&'static str, Vec<Row>>,
    below: HashMap<&'static str, Vec<Row>>,
    countries: HashMap<&'static str, Vec<Row>>,
    countries_below: HashMap<&'static str, Vec<Row>>,
}

impl Table {
    /// The rows for a host, in the table's order for each way of writing it.
    fn of(&self, name: &str) -> impl Iterator<Item = &Row> {
        let exact = self.exact.get(name);
        let parents =
            std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent));
        let below = parents.clone().find_map(|parent| self.below.get(parent));
        let countries = for_country(name).find_map(|stem| self.countries.get(stem));
        let countries_below = parents.flat_map(for_country).find_map(|stem| self.countries_below.get(stem));
        [exact, below, countries, countries_below].into_iter().flatten().flatten()
    }
}

/// What stands before a country's ending: `www.google` of `www.google.co.uk`.
fn for_country(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.')
        .filter_map(|(at, _)| Some((name.get(..at)?, name.get(at + 1..)?)))
        .filter(|(_, rest)| is_country(rest))
        .map(|(stem, _)| stem)
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table::default();
    for [host, path, place, kind, typing] in rows::<5>(include_str!("../data/searches.txt")) {
        let row = Row {
            path,
            parameter: place.strip_prefix('?').unwrap_or_default(),
            kind: SaidKind::parse(kind).unwrap_or(SaidKind::Visit),
            typing: if typing == "going" { Typing::Going } else { Typing::Sent },
        };
        let below = host.strip_prefix("*.");
        let host = below.unwrap_or(host);
        let (host, index) = match (below, host.strip_suffix(".*")) {
            (None, None) => (host, &mut table.exact),
            (Some(_), None) => (host, &mut table.below),
            (None, Some(stem)) => (stem, &mut table.countries),
            (Some(_), Some(stem)) => (stem, &mut table.countries_below),
        };
        index.entry(host).or_default().push(row);
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(host: &str, path: &str) -> Option<(SaidKind, String)> {
        said(&Host::parse(host).unwrap(), path).map(|said| (said.kind, said.words))
    }

    #[test]
    fn every_row_of_the_table_is_whole() {
        for [host, path, place, kind, typing] in rows::<5>(include_str!("../data/searches.txt")) {
            let line = format!("{host}{path}");
            assert!(!host.is_empty() && path.starts_with('/'), "{line}");
            assert!(
                place == "/" && path.ends_with('/') || place.starts_with('?') && place.len() > 1,
                "{line}"
            );
            assert!(SaidKind::parse(kind).is_some() && ["sent", "going"].contains(&typing), "{line}");
        }
    }

    #[test]
    fn words_are_read_where_services_put_them() {
        use SaidKind::{Prompt, Search, Visit};
        for (host, path, expected) in [
            ("www.google.com", "/search?client=x&q=self+harm&start=10", Some((Search, "self harm"))),
            ("www.google.co.uk", "/search?q=caf%C3%A9", Some((Search, "caf\u{e9}"))),
            ("www.google.com", "/%73earch?q=cats", Some((Search, "cats"))),
            ("www.google.com", "/complete/search?q=self+h", None),
            ("www.google.com", "/maps/search/knife+shop/@51,1", Some((Search, "knife shop"))),
            ("www.google.com", "/search?q=", None),
            ("www.google.evil.example", "/search?q=cats", Some((Search, "cats"))),
            ("www.bing.com", "/images/search?q=cats", Some((Search, "cats"))),
            ("www.bing.com", "/AS/Suggestions?qry=ca", None),
            ("duckduckgo.com", "/?q=cats&ia=web", Some((Search, "cats"))),
            ("duckduckgo.com", "/ac/?q=ca", None),
            ("uk.search.yahoo.com", "/search;_ylt=a?p=cats", Some((Search, "cats"))),
            ("yandex.com.tr", "/search/?text=cats", Some((Search, "cats"))),
            ("www.youtube.com", "/results?search_query=cats", Some((Search, "cats"))),
            ("www.amazon.co.uk", "/s?k=kitchen+knife", Some((Search, "kitchen knife"))),
            ("www.ebay.co.uk", "/sch/i.html?_nkw=bb+gun", Some((Search, "bb gun"))),
            ("uk.pinterest.com", "/search/pins/?q=thin", Some((Search, "thin"))),
            ("www.tiktok.com", "/tag/maths-help", Some((Visit, "maths help"))),
            ("old.reddit.com", "/r/AskUK/comments/1", Some((Visit, "AskUK"))),
            ("www.quora.com", "/How-do-bees-fly", Some((Visit, "How do bees fly"))),
            ("chatgpt.com", "/?q=who+was+Henry", Some((Prompt, "who was Henry"))),
            ("chatgpt.com", "/backend-api/me", None),
            ("www.example.org", "/uk/search/?q=bees", Some((Search, "bees"))),
            ("www.example.org", "/search/suggest?q=be", None),
            ("www.example.org", "/find.php?x=1&keyword=bees", Some((Search, "bees"))),
            ("192.0.2.1", "/search?q=bees", None),
        ] {
            let expected = expected.map(|(kind, words)| (kind, words.to_owned()));
            assert_eq!(words(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let path = format!("/search?q={}", "%C3%A9".repeat(4_000));
        assert!(words("www.google.com", &path).unwrap().1.len() <= MOST_BYTES);
    }

    proptest! {
        #[test]
        fn any_path_is_read(path in "/[a-z/%?&=+#.]{0,40}\\PC{0,20}") {
            for host in ["www.google.com", "www.reddit.com", "a.example"] {
                said(&Host::parse(host).unwrap(), &path);
            }
        }
    }
}
