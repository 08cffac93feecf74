//! Allow, deny and bypass entries, found by host in one walk from the whole name to its last label.
//!
//! Paths are compared in their normal form (`path`), and in doubt on the side of blocking: a deny entry matches in any
//! case, and also where only the path as written begins so; an allow entry matches in its own case, and where servers
//! may disagree about a path, only if the path as written begins so too.

use crate::path::{AskedPath, normal};
use crate::rules::Entry;
use model::Host;
use std::collections::HashMap;

/// Entries by host. The most specific one answers: the longest host, then the longest path.
#[derive(Clone, Debug)]
pub(crate) struct EntrySet {
    by_host: HashMap<String, Vec<Prepared>>,
    leaning: Leaning,
}

/// What a path in doubt must not lead to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaning {
    /// Slipping past a deny entry.
    Deny,
    /// Slipping in by an allow entry.
    Allow,
}

/// An entry with its path in normal form.
#[derive(Clone, Debug)]
struct Prepared {
    entry: Entry,
    path: Option<String>,
}

/// What is known of the path when entries are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PathKnown<'a> {
    /// The request is readable.
    Yes(&'a AskedPath<'a>),
    /// It is not, and never will be: an entry with a path does not match.
    Never,
    /// It is not yet: an entry with a path matches, and the request itself is asked about again.
    Later,
}

impl EntrySet {
    pub(crate) fn new<'a>(leaning: Leaning, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut by_host: HashMap<String, Vec<Prepared>> = HashMap::new();
        for entry in entries {
            let prepared = Prepared { path: entry.path.as_deref().map(normal), entry: entry.clone() };
            by_host.entry(entry.host.to_string()).or_default().push(prepared);
        }
        for entries in by_host.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.path.as_ref().map_or(0, String::len)));
        }
        Self { by_host, leaning }
    }

    pub(crate) fn find(&self, host: &Host, path: PathKnown<'_>) -> Option<&Entry> {
        if self.by_host.is_empty() {
            return None;
        }
        let text = host.to_string();
        let is_name = host.name().is_some();
        let parents = std::iter::successors(Some(text.as_str()), |name| {
            if is_name { name.split_once('.').map(|(_, parent)| parent) } else { None }
        });
        let found = parents
            .filter_map(|name| self.by_host.get(name))
            .find_map(|entries| entries.iter().find(|entry| entry.matches(path, self.leaning)));
        found.map(|prepared| &prepared.entry)
    }
}

impl Prepared {
    fn matches(&self, known: PathKnown<'_>, leaning: Leaning) -> bool {
        let (Some(raw), Some(normal)) = (self.entry.path.as_deref(), self.path.as_deref()) else {
            return true;
        };
        match (known, leaning) {
            (PathKnown::Later, _) => true,
            (PathKnown::Never, _) => false,
            (PathKnown::Yes(asked), Leaning::Deny) => {
                begins(asked.normal(), normal, <[u8]>::eq_ignore_ascii_case)
                    || begins(asked.raw(), raw, <[u8]>::eq_ignore_ascii_case)
            }
            (PathKnown::Yes(asked), Leaning::Allow) => {
                begins(asked.normal(), normal, <[u8]>::eq)
                    && (!asked.is_doubtful() || begins(asked.raw(), raw, <[u8]>::eq))
            }
        }
    }
}

/// True when `path` begins with `prefix` up to a border.
fn begins(path: &str, prefix: &str, same: fn(&[u8], &[u8]) -> bool) -> bool {
    path.as_bytes().split_at_checked(prefix.len()).is_some_and(|(start, rest)| {
        same(start, prefix.as_bytes())
            && (prefix.ends_with('/') || matches!(rest.first(), None | Some(b'/' | b'?' | b'#')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Origin;

    const DENY: Leaning = Leaning::Deny;
    const ALLOW: Leaning = Leaning::Allow;

    fn entry(host: &str, path: Option<&str>) -> Entry {
        Entry {
            host: Host::parse(host).unwrap(),
            path: path.map(Into::into),
            text: format!("{host}{}", path.unwrap_or_default()).into(),
            why: "".into(),
            from: Origin::School,
        }
    }

    #[test]
    fn the_most_specific_entry_answers_and_paths_match_at_their_borders() {
        let set = EntrySet::new(
            ALLOW,
            &[
                entry("example.com", None),
                entry("example.com", Some("/games")),
                entry("www.example.com", Some("/a/")),
            ],
        );
        let [chess, games, gamester, a] = ["/games/chess", "/games", "/gamester", "/a/b"].map(AskedPath::new);
        for (host, path, expected) in [
            ("example.com", PathKnown::Yes(&chess), Some("example.com/games")),
            ("example.com", PathKnown::Yes(&games), Some("example.com/games")),
            ("example.com", PathKnown::Yes(&gamester), Some("example.com")),
            ("deep.example.com", PathKnown::Never, Some("example.com")),
            ("www.example.com", PathKnown::Yes(&a), Some("www.example.com/a/")),
            ("www.example.com", PathKnown::Later, Some("www.example.com/a/")),
            ("badexample.com", PathKnown::Later, None),
            ("192.0.2.1", PathKnown::Later, None),
        ] {
            let found = set.find(&Host::parse(host).unwrap(), path).map(|entry| &*entry.text);
            assert_eq!(found, expected, "{host} {path:?}");
        }
    }
    /// Whether one entry with a path matches each path.
    fn each_matches(leaning: Leaning, prefix: &str, cases: &[(&str, bool)]) {
        let set = EntrySet::new(leaning, &[entry("example.com", Some(prefix))]);
        let host = Host::parse("example.com").unwrap();
        for (path, matches) in cases {
            let found = set.find(&host, PathKnown::Yes(&AskedPath::new(path))).is_some();
            assert_eq!(found, *matches, "{leaning:?} {prefix} {path}");
        }
    }

    #[test]
    fn no_other_writing_of_a_path_slips_past_a_deny_entry() {
        let cases = [
            ("/games", true),
            ("/%67ames", true),
            ("//games", true),
            ("/./games", true),
            ("/x/../games", true),
            ("/games%2fx", true),
            ("/games;x", true),
            ("/games%3Bx", true),
            ("/GAMES/x", true),
            ("\\games", true),
            ("/games?x", true),
            // A server that leaves this undecoded shows what lies below the entry.
            ("/games/..%2fx", true),
            ("/gamester", false),
            ("/news/games", false),
        ];
        each_matches(DENY, "/games", &cases);
        each_matches(DENY, "/%67ames", &[("/games", true), ("/GAMES", true), ("/gamester", false)]);
    }

    #[test]
    fn no_other_writing_of_a_path_slips_in_by_an_allow_entry() {
        let cases = [
            ("/cbeebies", true),
            ("/cbeebies/x/../y", true),
            ("/%63beebies/x", true),
            ("/cbeebies?x", true),
            ("/cbeebies/../news", false),
            ("/cbeebies/%2e%2e/news", false),
            ("/cbeebies%2f..%2fnews", false),
            ("/cbeebies/..;/news", false),
            // Decoded it is the entry's; a server that leaves it undecoded shows something else.
            ("/news/..%2fcbeebies", false),
            ("/news/../cbeebies", false),
            ("/CBeebies", false),
        ];
        each_matches(ALLOW, "/cbeebies", &cases);
    }
}
