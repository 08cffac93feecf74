//! The parameters by which search engines keep to their safe form.
//!
//! They stand beside the safe names under which DNS and the proxy reach the engines: an engine without such a name, or one
//! that is reached by another way, is still held to its safe form where the request is read. Left out: engines without a
//! known parameter (the category `unsafe-search` is for those), and searches that are sent as a form's body.
//!
//! Invariant: the answer differs from the question in that one parameter alone.

use crate::table::{is_country, is_host, rows};
use crate::usual::usual;
use model::Host;
use percent_encoding::percent_decode_str;
use std::sync::LazyLock;

/// The path and query that keep this search to its engine's safe form; `None` where nothing is to be changed.
pub fn safe_form(host: &Host, path_and_query: &str) -> Option<String> {
    let (path, query) = path_and_query.split_once('?')?;
    let mut engines = ENGINES.iter().filter(|engine| is_engine(host, engine.host)).peekable();
    engines.peek()?;
    let usual = usual(path);
    let engine = engines.find(|engine| usual.starts_with(engine.path))?;
    let named = |pair: &&str| {
        let key = pair.split_once('=').map_or(*pair, |(key, _)| key);
        percent_decode_str(key).decode_utf8_lossy().eq_ignore_ascii_case(engine.parameter)
    };
    let wanted = format!("{}={}", engine.parameter, engine.value);
    let mut given = query.split('&').filter(named);
    if given.next() == Some(wanted.as_str()) && given.next().is_none() {
        return None;
    }
    let others = query.split('&').filter(|pair| !pair.is_empty() && !named(pair));
    let pairs: Vec<&str> = others.chain([wanted.as_str()]).collect();
    Some(format!("{path}?{}", pairs.join("&")))
}

fn is_engine(host: &Host, pattern: &str) -> bool {
    let Some(every_country) = pattern.strip_suffix(".*") else { return is_host(host, pattern) };
    let rest = host.name().and_then(|name| name.strip_prefix(every_country)?.strip_prefix('.'));
    rest.is_some_and(is_country)
}

struct Engine {
    host: &'static str,
    path: &'static str,
    parameter: &'static str,
    value: &'static str,
}

static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
    let rows = rows::<4>(include_str!("../data/engines.txt"));
    rows.map(|[host, path, parameter, value]| Engine { host, path, parameter, value }).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_row_of_the_table_is_whole() {
        for engine in ENGINES.iter() {
            assert!(engine.path.starts_with('/') && !engine.parameter.is_empty() && !engine.value.is_empty());
        }
    }

    #[test]
    fn a_search_is_given_its_engine_s_safe_parameter() {
        for (host, path, expected) in [
            ("www.google.com", "/search?q=cats", Some("/search?q=cats&safe=active")),
            ("www.google.co.uk", "/search?safe=off&q=cats", Some("/search?q=cats&safe=active")),
            ("www.google.co.uk", "/search?%53afe=off&q=cats", Some("/search?q=cats&safe=active")),
            ("www.google.com", "/search?q=cats&safe=active", None),
            ("www.google.com", "/search?safe=active&q=cats&safe=off", Some("/search?q=cats&safe=active")),
            ("www.google.evil.example", "/search?q=cats", None),
            ("www.google.com", "/maps?q=cats", None),
            ("www.google.com", "/search", None),
            ("www.bing.com", "/images/search?q=cats&adlt=off", Some("/images/search?q=cats&adlt=strict")),
            ("duckduckgo.com", "/?q=cats&kp=-2", Some("/?q=cats&kp=1")),
            ("uk.search.yahoo.com", "/search?p=cats", Some("/search?p=cats&vm=r")),
            ("search.brave.com", "/search?q=cats", Some("/search?q=cats&safesearch=strict")),
            ("search.brave.com", "/%73earch?q=cats", Some("/%73earch?q=cats&safesearch=strict")),
            ("search.brave.com", "//search?q=cats", Some("//search?q=cats&safesearch=strict")),
            ("example.org", "/search?q=cats", None),
        ] {
            assert_eq!(safe_form(&Host::parse(host).unwrap(), path).as_deref(), expected, "{host}{path}");
        }
    }

    proptest! {
        #[test]
        fn any_search_is_made_safe_once_and_for_all(query in "[a-z=&%SAFEsafe0-9]{0,40}\\PC{0,8}") {
            let host = Host::parse("www.google.com").unwrap();
            let asked = format!("/search?{query}");
            let safe = safe_form(&host, &asked).unwrap_or(asked);
            prop_assert_eq!(safe_form(&host, &safe), None);
        }
    }
}
