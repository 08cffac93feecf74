//! Allow, deny and bypass entries of all groups, found by host in one walk over its labels.
//!
//! Paths are compared in their normal form (`path`), and in doubt on the side of blocking: a deny entry matches in any
//! case, and also where only the path as written begins so; an allow entry matches in its own case, and where servers
//! may disagree about a path, only if the path as written begins so too.

use crate::image::{Image, Trail, TrailRoom, usual_hash};
use crate::path::{AskedPath, normal};
use crate::rules::Entry;
use foldhash::quality::RandomState;
use model::Host;
use std::cmp::Reverse;
use std::collections::HashMap;

/// Entries by host, those of every group together, so that one walk serves all groups.
#[derive(Debug, Default)]
pub(crate) struct EntryIndex {
    by_hash: HashMap<u64, Vec<AtHost>, RandomState>,
    /// At least sixteen bits for each host, a power of two of words; a host whose bit is not set has no entry. Almost no
    /// name that is asked for has any.
    may_have: Vec<u64>,
}

/// What an entry is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Bypass,
    TrustDeny,
    Deny,
    Allow,
}

/// The entries of one host.
#[derive(Debug)]
struct AtHost {
    host: Host,
    /// By kind and group, then the longest path first, then in the order of the document.
    filed: Vec<Filed>,
}

/// An entry of a group, with its path in normal form.
#[derive(Debug)]
struct Filed {
    kind: Kind,
    group: usize,
    entry: Entry,
    path: Option<String>,
}

/// The entries that may speak of a host: for the host itself first, then for each name above it.
pub(crate) struct Candidates<'a>(Vec<Level<'a>>);

/// The entries of one name: the document's, and those a school added.
#[derive(Clone, Copy, Default)]
struct Level<'a> {
    base: &'a [Filed],
    added: &'a [Filed],
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

impl EntryIndex {
    /// Files entries under what they are for and the group whose they are.
    pub(crate) fn new<'a>(entries: impl IntoIterator<Item = (Kind, usize, &'a Entry)>) -> Self {
        let mut index = Self::default();
        for (kind, group, entry) in entries {
            let path = entry.path.as_deref().map(normal);
            let filed = Filed { kind, group, entry: entry.clone(), path };
            let here = index.by_hash.entry(usual_hash(&entry.host)).or_default();
            match here.iter_mut().find(|at| at.host == entry.host) {
                Some(at) => at.filed.push(filed),
                None => here.push(AtHost { host: entry.host.clone(), filed: vec![filed] }),
            }
        }
        for at in index.by_hash.values_mut().flatten() {
            at.filed.sort_by_key(|filed| (filed.kind, filed.group, Reverse(filed.path_length())));
        }
        index.may_have = vec![0; (index.by_hash.len() / 4 + 1).next_power_of_two()];
        for hash in index.by_hash.keys() {
            let (word, bit) = place(*hash, index.may_have.len());
            index.may_have.iter_mut().skip(word).take(1).for_each(|word| *word |= bit);
        }
        index
    }

    #[inline]
    fn at(&self, hash: u64, is_host: impl Fn(&Host) -> bool) -> &[Filed] {
        let (word, bit) = place(hash, self.may_have.len());
        if self.may_have.get(word).is_none_or(|word| word & bit == 0) {
            return &[];
        }
        let here = self.by_hash.get(&hash).and_then(|here| here.iter().find(|at| is_host(&at.host)));
        here.map(|at| at.filed.as_slice()).unwrap_or_default()
    }
}

/// The bit of a hash among so many words, of which there is a power of two.
#[inline]
fn place(hash: u64, words: usize) -> (usize, u64) {
    let word = usize::try_from(hash >> 8).unwrap_or(0) & words.wrapping_sub(1);
    (word, 1 << (hash & 63))
}

impl<'a> Candidates<'a> {
    /// Allocates only where there is any. `trail`: that of the host, of whichever image.
    pub(crate) fn of(host: &Host, trail: Trail<'_>, [base, added]: [&'a EntryIndex; 2]) -> Self {
        let mut levels = Vec::new();
        let mut room = TrailRoom::default();
        let marks = match trail.usual_marks() {
            Some(marks) => marks,
            None => Image::usual_trail(host, &mut room),
        };
        for mark in marks {
            let is_host = |entry: &Host| match host {
                Host::Name(name) => entry.name() == name.get(mark.start()..),
                Host::Address(_) => entry == host,
            };
            let level = Level { base: base.at(mark.hash, is_host), added: added.at(mark.hash, is_host) };
            if !level.base.is_empty() || !level.added.is_empty() {
                levels.push(level);
            }
        }
        levels.reverse();
        Self(levels)
    }

    /// True when no group has an entry for the host.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most specific entry of a group that matches: the longest host, then the longest path.
    pub(crate) fn find(&self, kind: Kind, group: usize, path: PathKnown<'_>) -> Option<&'a Entry> {
        self.0.iter().find_map(|level| {
            let of = |filed| first_match(filed, kind, group, path);
            let found = match (of(level.base), of(level.added)) {
                (Some(base), Some(added)) if added.path_length() > base.path_length() => added,
                (base, added) => base.or(added)?,
            };
            Some(&found.entry)
        })
    }
}

fn first_match<'a>(filed: &'a [Filed], kind: Kind, group: usize, path: PathKnown<'_>) -> Option<&'a Filed> {
    let from = filed.partition_point(|entry| (entry.kind, entry.group) < (kind, group));
    let of_group = filed.iter().skip(from).take_while(|entry| (entry.kind, entry.group) == (kind, group));
    of_group.into_iter().find(|entry| entry.matches(path))
}

impl Filed {
    fn path_length(&self) -> usize {
        self.path.as_ref().map_or(0, String::len)
    }

    fn matches(&self, known: PathKnown<'_>) -> bool {
        let (Some(raw), Some(normal)) = (self.entry.path.as_deref(), self.path.as_deref()) else {
            return true;
        };
        match (known, self.kind) {
            (PathKnown::Later, _) => true,
            (PathKnown::Never, _) => false,
            (PathKnown::Yes(asked), Kind::Deny | Kind::TrustDeny) => {
                begins(asked.normal(), normal, <[u8]>::eq_ignore_ascii_case)
                    || begins(asked.raw(), raw, <[u8]>::eq_ignore_ascii_case)
            }
            (PathKnown::Yes(asked), Kind::Allow | Kind::Bypass) => {
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

    const DENY: Kind = Kind::Deny;
    const ALLOW: Kind = Kind::Allow;

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
        let entries = [
            entry("example.com", None),
            entry("example.com", Some("/games")),
            entry("www.example.com", Some("/a/")),
        ];
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
            let host = Host::parse(host).unwrap();
            // Whoever wrote an entry makes no difference, and another group's entry none at all.
            for split in 0..=entries.len() {
                let (base, added) = entries.split_at(split);
                let base = base.iter().map(|entry| (ALLOW, 3, entry));
                let others = entries.iter().flat_map(|entry| [(ALLOW, 2, entry), (DENY, 3, entry)]);
                let base = EntryIndex::new(base.chain(others));
                let added = EntryIndex::new(added.iter().map(|entry| (ALLOW, 3, entry)));
                let candidates = candidates(&host, &base, &added);
                let found = candidates.find(ALLOW, 3, path).map(|entry| &*entry.text);
                assert_eq!(found, expected, "{host} {path:?}");
                assert!(candidates.find(ALLOW, 4, path).is_none());
            }
        }
    }

    fn candidates<'a>(host: &Host, base: &'a EntryIndex, added: &'a EntryIndex) -> Candidates<'a> {
        let mut room = TrailRoom::default();
        Candidates::of(host, Image::empty().trail(host, &mut room), [base, added])
    }

    /// Whether one entry with a path matches each path.
    fn each_matches(kind: Kind, prefix: &str, cases: &[(&str, bool)]) {
        let (index, none) =
            (EntryIndex::new([(kind, 0, &entry("example.com", Some(prefix)))]), EntryIndex::default());
        let host = Host::parse("example.com").unwrap();
        for (path, matches) in cases {
            let candidates = candidates(&host, &index, &none);
            let found = candidates.find(kind, 0, PathKnown::Yes(&AskedPath::new(path))).is_some();
            assert_eq!(found, *matches, "{kind:?} {prefix} {path}");
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
