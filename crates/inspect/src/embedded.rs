//! The page inside a translation, an archive, a cache or a viewer, so that it is judged as if it had been asked for itself.
//!
//! Left out: sites that the table does not name, and pages that a site fetches by a form or a script; whether the site
//! itself may be reached, which its category says.
//!
//! Invariants: what is found is a checked host with its path; any text is answered; a page inside a copy inside a copy is
//! found by asking again, and [`MOST_DEEP`] times are enough for anybody.

use crate::table::{is_host, rows};
use crate::usual::usual;
use model::{Host, Target};
use percent_encoding::percent_decode_str;
use std::sync::LazyLock;

/// So many copies inside each other are followed.
pub const MOST_DEEP: usize = 4;

/// Dots between the labels of a name, in whatever writing.
const DOTS: [char; 4] = ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// What an address shows of another site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Copy {
    /// A page of another site.
    Of(Target),
    /// A page of another site, and which one cannot be told.
    OfUnknown,
}

/// The page that this address shows of another site; `None` where it shows its own.
pub fn copy(host: &Host, path_and_query: &str) -> Option<Copy> {
    let mut sites = SITES.iter().filter(|site| is_host(host, site.host)).peekable();
    sites.peek()?;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let path = usual(path);
    let mut sites = sites.filter(|site| path.starts_with(site.path));
    sites.find_map(|site| shown(site, host, &path, query))
}

fn shown(site: &Site, host: &Host, path: &str, query: &str) -> Option<Copy> {
    let rest = path.strip_prefix(site.path).unwrap_or_default();
    // A page's own query follows its address where that stands in the path.
    let with_query = |rest: &str| if query.is_empty() { rest.to_owned() } else { format!("{rest}?{query}") };
    match site.form {
        Form::Query => value_of(query, site.argument).and_then(|text| of(&text)),
        Form::Rest => {
            let leave_out: usize = site.argument.parse().unwrap_or(0);
            let rest = (0..leave_out).try_fold(rest, |rest, _| Some(rest.split_once('/')?.1))?;
            of(&with_query(rest))
        }
        Form::Joined => of(&with_query(rest)),
        Form::Dashed => Some(dashed(host, site, &with_query(path))),
        Form::Cache => {
            let text = value_of(query, site.argument)?;
            let after = text.strip_prefix("cache:")?;
            let address =
                after.split_once(':').filter(|(id, _)| !id.contains(['.', '/'])).map_or(after, |of| of.1);
            Some(target(address.split([' ', '+']).next()?).map_or(Copy::OfUnknown, Copy::Of))
        }
        Form::Archive => archived(&with_query(rest), rest),
        Form::Unknown => Some(Copy::OfUnknown),
    }
}

/// `en-m-wikipedia-org.translate.goog` shows `en.m.wikipedia.org`.
fn dashed(host: &Host, site: &Site, path: &str) -> Copy {
    let suffix = site.host.trim_start_matches('*');
    let label = host.name().and_then(|name| name.strip_suffix(suffix)).unwrap_or_default();
    let name = label.replace("--", "\0").replace('-', ".").replace('\0', "-");
    // The translator's own parameters do no harm: an entry speaks of the beginning of a path.
    target(&format!("{name}{path}")).map_or(Copy::OfUnknown, Copy::Of)
}

/// An archive's address of a page, or one of its own codes, which tells nothing of the page.
fn archived(whole: &str, path: &str) -> Option<Copy> {
    let decoded = decode(whole);
    if let Some(at) = decoded.find("://").map(|at| decoded.get(..at).unwrap_or_default()) {
        let scheme_at = at.rfind('/').map_or(0, |slash| slash + 1);
        return Some(decoded.get(scheme_at..).and_then(target).map_or(Copy::OfUnknown, Copy::Of));
    }
    let code = path.split('/').next().unwrap_or_default();
    let is_code = (4..=8).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let in_path = path.split('/').nth(1).and_then(target);
    in_path.map(Copy::Of).or_else(|| is_code.then_some(Copy::OfUnknown))
}

/// The value of a parameter, decoded; the first, where there are several.
fn value_of(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (_, value) = pairs.find(|(key, _)| decode(key) == name)?;
    Some(decode(&value.replace('+', " ")))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The page of an address; which one cannot be told where it has the look of an address and cannot be read.
fn of(text: &str) -> Option<Copy> {
    if let Some(target) = target(text) {
        return Some(Copy::Of(target));
    }
    let decoded = decode(text);
    let authority = decoded.split(['/', '?', '#']).next().unwrap_or_default();
    (decoded.contains("://") || authority.contains(DOTS)).then_some(Copy::OfUnknown)
}

/// The host and path of an address, with a scheme or without, encoded or not; `None` where it begins with no host that
/// has a dot in it.
fn target(text: &str) -> Option<Target> {
    // Readers of addresses leave these out, and take the full stops of other writings for dots (UTS 46).
    let decoded = decode(text).replace(['\t', '\r', '\n'], "").replace(DOTS, ".");
    let text = decoded.trim().trim_start_matches(['/', '\\']);
    let bare = match text.split_once(':') {
        Some((scheme, rest)) if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") => {
            rest.trim_start_matches(['/', '\\'])
        }
        _ => text,
    };
    let (authority, path) = bare.split_at(bare.find(['/', '?', '#', '\\']).unwrap_or(bare.len()));
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let host = Host::parse(name.map_or(authority, |(name, _)| name)).ok()?;
    let is_public = host.name().is_none_or(|name| name.contains('.'));
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    is_public.then_some(Target { host, port: None, path: Some(path), record_type: None })
}

struct Site {
    host: &'static str,
    form: Form,
    path: &'static str,
    argument: &'static str,
}

#[derive(Clone, Copy)]
enum Form {
    Query,
    Rest,
    Joined,
    Dashed,
    Cache,
    Archive,
    Unknown,
}

static SITES: LazyLock<Vec<Site>> = LazyLock::new(|| {
    let rows = rows::<4>(include_str!("../data/copies.txt"));
    rows.filter_map(|[host, form, path, argument]| {
        let form = match form {
            "query" => Form::Query,
            "rest" => Form::Rest,
            "joined" => Form::Joined,
            "dashed" => Form::Dashed,
            "cache" => Form::Cache,
            "archive" => Form::Archive,
            "unknown" => Form::Unknown,
            _ => return None,
        };
        Some(Site { host, form, path, argument })
    })
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What an address shows: `host/path`, `?` where it cannot be told, nothing where it shows its own.
    fn shows(address: &str) -> String {
        let (host, path) = address.split_at(address.find('/').unwrap());
        match copy(&Host::parse(host).unwrap(), path) {
            Some(Copy::Of(target)) => format!("{}{}", target.host, target.path.unwrap()),
            Some(Copy::OfUnknown) => "?".to_owned(),
            None => String::new(),
        }
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(SITES.len(), rows::<1>(include_str!("../data/copies.txt")).count());
        assert!(SITES.iter().all(|site| site.path.starts_with('/')));
    }

    #[test]
    fn the_page_inside_is_found() {
        for (address, expected) in [
            ("www-example-com.translate.goog/a/b?_x_tr_sl=fr", "www.example.com/a/b?_x_tr_sl=fr"),
            ("my--site-example-com.translate.goog/", "my-site.example.com/"),
            (
                "translate.google.com/translate?sl=fr&u=https%3A%2F%2Fexample.com%2Fx%3Fy%3D1",
                "example.com/x?y=1",
            ),
            ("translate.google.com/?text=hello", ""),
            ("www.translatetheweb.com/?from=&to=en&a=http://example.com/", "example.com/"),
            ("web.archive.org/web/20200101000000/https://example.com/x?y=1", "example.com/x?y=1"),
            ("web.archive.org/web/2020id_/http://example.com:80/", "example.com/"),
            ("web.archive.org/web/", ""),
            ("web.archive.org/web/*/example.com", "example.com/"),
            ("archive.ph/https://example.com/x", "example.com/x"),
            ("archive.ph/newest/https%3A%2F%2Fexample.com/x", "example.com/x"),
            ("archive.is/20200101/example.com", "example.com/"),
            ("archive.today/AbC12", "?"),
            ("archive.today/", ""),
            ("webcache.googleusercontent.com/search?q=cache:abc123:https://example.com/x", "example.com/x"),
            ("webcache.googleusercontent.com/search?q=cache:example.com/x+words", "example.com/x"),
            ("www-example-com.cdn.ampproject.org/c/s/www.example.com/news", "www.example.com/news"),
            ("www.google.com/amp/s/www.example.com/news", "www.example.com/news"),
            ("www.google.com/search?q=amp", ""),
            ("docs.google.com/viewer?url=https://example.com/a.pdf", "example.com/a.pdf"),
            ("i0.wp.com/example.com/a.png?w=10", "example.com/a.png?w=10"),
            ("12ft.io/https://example.com/x", "example.com/x"),
            ("12ft.io/proxy?q=https%3A%2F%2Fexample.com%2Fx", "example.com/x"),
            ("r.jina.ai/https://user@EXAMPLE.com\\x", "example.com/\\x"),
            ("example.org/translate?u=https://example.com/", ""),
            ("web.archive.org/%77eb/2020/https://example.com/", "example.com/"),
            ("web.archive.org//web/2020/https://example.com/", "example.com/"),
            ("translate.google.com/translate?u=https://example%E3%80%82com/", "example.com/"),
            ("translate.google.com/translate?u=https://exa%09mple.com/", "example.com/"),
            ("r.jina.ai/https://ex\u{e4}mple.com/", "?"),
            ("r.jina.ai/about", ""),
        ] {
            assert_eq!(shows(address), expected, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_answered(
            site in prop::sample::select(vec![
                "x.translate.goog", "translate.google.com", "web.archive.org", "archive.ph", "12ft.io",
                "webcache.googleusercontent.com", "i0.wp.com",
            ]),
            path in "/(web/|translate\\?u=|search\\?q=cache:|[a-z:/%.?=\\\\]{0,3})\\PC{0,60}",
        ) {
            let _ = copy(&Host::parse(site).unwrap(), &path);
        }
    }
}
