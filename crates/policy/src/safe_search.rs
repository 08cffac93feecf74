//! The names under which search engines and YouTube answer in their safe form.
//!
//! Source: the engines' own help pages, and what other filters have found to work, as gathered and read on 2026-11-22.
//! Engines without such a name (Yahoo, Startpage, Baidu and smaller ones) belong to the category `unsafe-search`, which
//! a group can block; safe search alone leaves them open. So do the pages of an engine that its safe name does not answer
//! for (`html.duckduckgo.com`, `cn.bing.com`, `lite.qwant.com`).
//!
//! Names are exact: an engine's mail, maps and the like are left alone, and a name that merely looks like one of a
//! country is nobody's search.

use crate::rules::YouTube;
use model::{Host, Rewrite};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

/// Engine hosts (exact) and the name each is answered with.
const ENGINES: &[(&[&str], &str)] = &[
    (&["www.bing.com", "bing.com", "edgeservices.bing.com"], "strict.bing.com"),
    (&["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com"], "safe.duckduckgo.com"),
    (&["www.ecosia.org"], "strict-safe-search.ecosia.org"),
    (&["pixabay.com"], "safesearch.pixabay.com"),
    (&["search.brave.com"], "forcesafe.search.brave.com"),
    (&["api.qwant.com"], "safeapi.qwant.com"),
];

/// The name of every Google search host, whatever its country.
const GOOGLE: &str = "forcesafesearch.google.com";
/// The countries of Google's search: what follows `google.`.
const GOOGLE_ENDINGS: &str = include_str!("safe_search/google.txt");

/// The name of every Yandex search host; its address is the one Yandex gives for family search.
const YANDEX: &str = "familysearch.yandex.ru";
/// What follows `yandex.`.
const YANDEX_ENDINGS: &str = "az by co.il com com.am com.ge com.ru com.tr de ee eu fi fr kz lt lv md net org pl \
                              ru tj tm ua uz";
/// Yandex under its other names: the short one, and the one in Cyrillic.
const YANDEX_OTHERWISE: [&str; 2] = ["ya.ru", "xn--d1acpjx3f.xn--p1ai"];

/// YouTube's hosts, and its two narrower forms.
const YOUTUBE_HOSTS: &[&str] = &[
    "www.youtube.com",
    "m.youtube.com",
    "youtubei.googleapis.com",
    "youtube.googleapis.com",
    "www.youtube-nocookie.com",
];
const YOUTUBE_STRICT: &str = "restrict.youtube.com";
const YOUTUBE_MODERATE: &str = "restrictmoderate.youtube.com";

/// Every exact name of an engine, and the name it is answered with.
static SAFE_NAMES: LazyLock<HashMap<String, Arc<str>>> = LazyLock::new(|| {
    let mut names = HashMap::new();
    for (hosts, target) in ENGINES {
        let target: Arc<str> = (*target).into();
        names.extend(hosts.iter().map(|host| ((*host).to_owned(), Arc::clone(&target))));
    }
    let google: Arc<str> = GOOGLE.into();
    for ending in endings(GOOGLE_ENDINGS) {
        add_with_www(&mut names, &format!("google.{ending}"), &google);
    }
    let yandex: Arc<str> = YANDEX.into();
    let usual = endings(YANDEX_ENDINGS).into_iter().map(|ending| format!("yandex.{ending}"));
    for name in usual.chain(YANDEX_OTHERWISE.map(str::to_owned)) {
        add_with_www(&mut names, &name, &yandex);
    }
    names
});

static YOUTUBE_NAMES: LazyLock<[Arc<str>; 2]> =
    LazyLock::new(|| [YOUTUBE_STRICT.into(), YOUTUBE_MODERATE.into()]);

/// The name `host` is answered with, where the rules ask for it.
pub(crate) fn rewrite(host: &Host, safe_search: bool, youtube: YouTube) -> Option<Rewrite> {
    let name = host.name()?;
    let [strict, moderate] = &*YOUTUBE_NAMES;
    let to = match youtube {
        YouTube::Strict if YOUTUBE_HOSTS.contains(&name) => strict,
        YouTube::Moderate if YOUTUBE_HOSTS.contains(&name) => moderate,
        _ if safe_search => SAFE_NAMES.get(name)?,
        _ => return None,
    };
    Some(Rewrite { to: Arc::clone(to) })
}

/// The words of a text, without lines that are remarks.
fn endings(text: &str) -> HashSet<&str> {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect()
}

fn add_with_www(names: &mut HashMap<String, Arc<str>>, name: &str, target: &Arc<str>) {
    names.insert(format!("www.{name}"), Arc::clone(target));
    names.insert(name.to_owned(), Arc::clone(target));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engine_is_answered_with_its_safe_name_and_its_neighbours_are_left_alone() {
        let strict = YouTube::Strict;
        for (host, youtube, expected) in [
            ("www.google.com", YouTube::Off, Some(GOOGLE)),
            ("www.google.co.uk", YouTube::Off, Some(GOOGLE)),
            ("google.fr", YouTube::Off, Some(GOOGLE)),
            ("www.google.com.mt", YouTube::Off, Some(GOOGLE)),
            ("www.google.cat", YouTube::Off, Some(GOOGLE)),
            ("mail.google.com", YouTube::Off, None),
            ("google.example", YouTube::Off, None),
            ("www.google.zz", YouTube::Off, None),
            ("www.google.co.fr", YouTube::Off, None),
            ("notgoogle.com", YouTube::Off, None),
            ("www.bing.com", YouTube::Off, Some("strict.bing.com")),
            ("duckduckgo.com", YouTube::Off, Some("safe.duckduckgo.com")),
            ("www.ecosia.org", YouTube::Off, Some("strict-safe-search.ecosia.org")),
            ("pixabay.com", YouTube::Off, Some("safesearch.pixabay.com")),
            ("search.brave.com", YouTube::Off, Some("forcesafe.search.brave.com")),
            ("api.qwant.com", YouTube::Off, Some("safeapi.qwant.com")),
            ("yandex.com", YouTube::Off, Some(YANDEX)),
            ("www.yandex.com.tr", YouTube::Off, Some(YANDEX)),
            ("ya.ru", YouTube::Off, Some(YANDEX)),
            ("www.xn--d1acpjx3f.xn--p1ai", YouTube::Off, Some(YANDEX)),
            ("mail.yandex.ru", YouTube::Off, None),
            ("html.duckduckgo.com", YouTube::Off, None),
            ("cn.bing.com", YouTube::Off, None),
            ("m.youtube.com", strict, Some(YOUTUBE_STRICT)),
            ("m.youtube.com", YouTube::Moderate, Some(YOUTUBE_MODERATE)),
            ("m.youtube.com", YouTube::Off, None),
            ("i.ytimg.com", strict, None),
        ] {
            let found = rewrite(&Host::parse(host).unwrap(), true, youtube);
            assert_eq!(found.as_ref().map(|rewrite| &*rewrite.to), expected, "{host}");
        }
        assert_eq!(rewrite(&Host::parse("www.google.com").unwrap(), false, YouTube::Off), None);
        assert!(rewrite(&Host::parse("m.youtube.com").unwrap(), false, strict).is_some());
    }

    #[test]
    fn every_country_of_googles_search_is_known_once() {
        let words = GOOGLE_ENDINGS.lines().filter(|line| !line.starts_with('#'));
        let many = words.flat_map(str::split_whitespace).count();
        assert_eq!((many, endings(GOOGLE_ENDINGS).len()), (194, 194));
        for ending in endings(GOOGLE_ENDINGS) {
            let name = Host::parse(&format!("www.google.{ending}")).unwrap();
            assert!(rewrite(&name, true, YouTube::Off).is_some(), "{name}");
        }
    }

    #[test]
    fn no_safe_name_is_rewritten_again() {
        for target in SAFE_NAMES.values().chain(&*YOUTUBE_NAMES) {
            let host = Host::parse(target).unwrap();
            assert_eq!(rewrite(&host, true, YouTube::Strict), None, "{target}");
        }
    }
}
