//! The names under which search engines and YouTube answer in their safe form.
//!
//! Source: the engines' own help pages, as gathered and read on 2026-11-22. Engines without such a name belong to the
//! category `unsafe-search`, which a group can block.

use crate::rules::YouTube;
use model::{Host, Rewrite};
use std::sync::{Arc, LazyLock};

/// Engine hosts (exact) and the name each is answered with.
const ENGINES: &[(&[&str], &str)] = &[
    (&["www.bing.com", "bing.com", "edgeservices.bing.com"], "strict.bing.com"),
    (&["duckduckgo.com", "www.duckduckgo.com", "start.duckduckgo.com"], "safe.duckduckgo.com"),
    (&["www.ecosia.org"], "strict-safe-search.ecosia.org"),
    (&["pixabay.com"], "safesearch.pixabay.com"),
    (&["search.brave.com"], "forcesafe.search.brave.com"),
];

/// The name of every Google search host, whatever its country.
const GOOGLE: &str = "forcesafesearch.google.com";

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

static TARGETS: LazyLock<Vec<Arc<str>>> = LazyLock::new(|| {
    let fixed = [GOOGLE, YOUTUBE_STRICT, YOUTUBE_MODERATE];
    ENGINES.iter().map(|(_, target)| *target).chain(fixed).map(Into::into).collect()
});

/// The name `host` is answered with, where the rules ask for it.
pub(crate) fn rewrite(host: &Host, safe_search: bool, youtube: YouTube) -> Option<Rewrite> {
    let name = host.name()?;
    let target = match youtube {
        YouTube::Strict if YOUTUBE_HOSTS.contains(&name) => YOUTUBE_STRICT,
        YouTube::Moderate if YOUTUBE_HOSTS.contains(&name) => YOUTUBE_MODERATE,
        _ if !safe_search => return None,
        _ if is_google_search(name) => GOOGLE,
        _ => ENGINES.iter().find(|(hosts, _)| hosts.contains(&name))?.1,
    };
    TARGETS.iter().find(|known| &***known == target).map(|to| Rewrite { to: Arc::clone(to) })
}

/// `www.google.com`, `www.google.fr`, `www.google.co.uk`, `www.google.com.mt` and the like, with or without `www.`.
fn is_google_search(name: &str) -> bool {
    let bare = name.strip_prefix("www.").unwrap_or(name);
    let Some(ending) = bare.strip_prefix("google.") else { return false };
    let country = ending.strip_prefix("co.").or_else(|| ending.strip_prefix("com.")).unwrap_or(ending);
    ending == "com" || (country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_lowercase()))
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
            ("mail.google.com", YouTube::Off, None),
            ("google.example", YouTube::Off, None),
            ("www.bing.com", YouTube::Off, Some("strict.bing.com")),
            ("duckduckgo.com", YouTube::Off, Some("safe.duckduckgo.com")),
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
}
