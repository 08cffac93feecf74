//! Allow, deny and bypass entries, found by host in one walk from the whole name to its last label.

use crate::rules::Entry;
use model::Host;
use std::collections::HashMap;

/// Entries by host. The most specific one answers: the longest host, then the longest path.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntrySet(HashMap<String, Vec<Entry>>);

/// What is known of the path when entries are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PathKnown<'a> {
    /// The request is readable.
    Yes(&'a str),
    /// It is not, and never will be: an entry with a path does not match.
    Never,
    /// It is not yet: an entry with a path matches, and the request itself is asked about again.
    Later,
}

impl EntrySet {
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut by_host: HashMap<String, Vec<Entry>> = HashMap::new();
        for entry in entries {
            by_host.entry(entry.host.to_string()).or_default().push(entry.clone());
        }
        for entries in by_host.values_mut() {
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.path.as_ref().map_or(0, |path| path.len())));
        }
        Self(by_host)
    }

    pub(crate) fn find(&self, host: &Host, path: PathKnown<'_>) -> Option<&Entry> {
        if self.0.is_empty() {
            return None;
        }
        let text = host.to_string();
        let is_name = host.name().is_some();
        let parents = std::iter::successors(Some(text.as_str()), |name| {
            if is_name { name.split_once('.').map(|(_, parent)| parent) } else { None }
        });
        parents
            .filter_map(|name| self.0.get(name))
            .find_map(|entries| entries.iter().find(|entry| path_matches(entry, path)))
    }
}

fn path_matches(entry: &Entry, known: PathKnown<'_>) -> bool {
    match (&entry.path, known) {
        (None, _) | (Some(_), PathKnown::Later) => true,
        (Some(_), PathKnown::Never) => false,
        (Some(prefix), PathKnown::Yes(path)) => path.strip_prefix(&**prefix).is_some_and(|rest| {
            rest.is_empty() || prefix.ends_with('/') || rest.starts_with(['/', '?', '#'])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Origin;

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
        let set = EntrySet::new(&[
            entry("example.com", None),
            entry("example.com", Some("/games")),
            entry("www.example.com", Some("/a/")),
        ]);
        for (host, path, expected) in [
            ("example.com", PathKnown::Yes("/games/chess"), Some("example.com/games")),
            ("example.com", PathKnown::Yes("/games"), Some("example.com/games")),
            ("example.com", PathKnown::Yes("/gamester"), Some("example.com")),
            ("deep.example.com", PathKnown::Never, Some("example.com")),
            ("www.example.com", PathKnown::Yes("/a/b"), Some("www.example.com/a/")),
            ("www.example.com", PathKnown::Later, Some("www.example.com/a/")),
            ("badexample.com", PathKnown::Later, None),
            ("192.0.2.1", PathKnown::Later, None),
        ] {
            let found = set.find(&Host::parse(host).unwrap(), path).map(|entry| &*entry.text);
            assert_eq!(found, expected, "{host} {path:?}");
        }
    }
}
