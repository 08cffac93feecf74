//! The part of a rule behind its `$`.

use super::super::host;
use crate::Dropped;
use ipnet::IpNet;
use model::Host;
use policy::image::{Client, Conditions, DnsAnswer, Weight};
use std::net::IpAddr;
use std::sync::Arc;

pub(super) struct Modifiers {
    pub(super) weight: Weight,
    pub(super) cancels: bool,
    pub(super) conditions: Conditions,
    pub(super) rewrite: Option<Rewrite>,
}

pub(super) enum Rewrite {
    To(DnsAnswer),
    /// Without a value: an exception to every rewrite.
    Any,
}

/// Modifiers that ask what only a browser knows, or change what it does.
const BROWSERS: &[&str] = &[
    "1p",
    "3p",
    "all",
    "app",
    "beacon",
    "content",
    "cookie",
    "csp",
    "css",
    "doc",
    "document",
    "domain",
    "ehide",
    "elemhide",
    "empty",
    "extension",
    "first-party",
    "font",
    "frame",
    "from",
    "generichide",
    "genericblock",
    "ghide",
    "header",
    "hls",
    "image",
    "inline-font",
    "inline-script",
    "jsinject",
    "jsonprune",
    "match-case",
    "media",
    "method",
    "mp4",
    "network",
    "object",
    "object-subrequest",
    "other",
    "permissions",
    "ping",
    "popunder",
    "popup",
    "redirect",
    "redirect-rule",
    "referrerpolicy",
    "removeheader",
    "removeparam",
    "replace",
    "rewrite",
    "script",
    "shide",
    "specifichide",
    "stealth",
    "strict-first-party",
    "strict-third-party",
    "strict1p",
    "strict3p",
    "stylesheet",
    "subdocument",
    "third-party",
    "to",
    "uritransform",
    "urlblock",
    "urlskip",
    "urltransform",
    "webrtc",
    "websocket",
    "xhr",
    "xmlhttprequest",
    "xmlprune",
];

pub(super) fn read(text: &str) -> Result<Modifiers, Dropped> {
    let (conditions, rewrite) = (Conditions::default(), None);
    let mut modifiers = Modifiers { weight: Weight::Usual, cancels: false, conditions, rewrite };
    for part in split(text, ',') {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
        one(&mut modifiers, name, value)?;
    }
    normalise(&mut modifiers.conditions);
    Ok(modifiers)
}

fn one(modifiers: &mut Modifiers, name: &str, value: Option<&str>) -> Result<(), Dropped> {
    let Modifiers { weight, cancels, conditions, rewrite } = modifiers;
    match (name, value) {
        ("important", None) => *weight = Weight::Important,
        ("badfilter", None) => *cancels = true,
        ("denyallow", Some(value)) => conditions.except.extend(each(value, |text| host(text).ok())?),
        ("client", Some(value)) => {
            signed(value, client, &mut conditions.clients, &mut conditions.not_clients)?;
        }
        ("ctag", Some(value)) => signed(value, tag, &mut conditions.tags, &mut conditions.not_tags)?,
        ("dnstype", Some(value)) => {
            signed(value, record_type, &mut conditions.types, &mut conditions.not_types)?;
        }
        ("dnsrewrite", None | Some("")) => *rewrite = Some(Rewrite::Any),
        ("dnsrewrite", Some(value)) => {
            *rewrite = Some(Rewrite::To(answer(value).ok_or(Dropped::ModifierValue)?));
        }
        ("important" | "badfilter" | "denyallow" | "client" | "ctag" | "dnstype", _) => {
            return Err(Dropped::ModifierValue);
        }
        (name, _) if BROWSERS.contains(&name.trim_start_matches('~')) => {
            return Err(Dropped::BrowserModifier);
        }
        _ => return Err(Dropped::UnknownModifier),
    }
    Ok(())
}

/// The order in which values stand makes no difference to what is the same rule.
fn normalise(conditions: &mut Conditions) {
    let Conditions { clients, not_clients, tags, not_tags, types, not_types, except } = conditions;
    for clients in [clients, not_clients] {
        clients.sort_by_cached_key(|client| format!("{client:?}"));
        clients.dedup();
    }
    for tags in [tags, not_tags] {
        tags.sort_unstable();
        tags.dedup();
    }
    for types in [types, not_types] {
        types.sort_unstable();
        types.dedup();
    }
    except.sort_unstable();
    except.dedup();
}

/// Splits at a separator that no backslash stands before; the backslashes stay.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |c| {
        let ends = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    })
}

fn each<T>(value: &str, one: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Dropped> {
    split(value, '|').map(|text| one(text.trim()).ok_or(Dropped::ModifierValue)).collect()
}

/// Values with `~` before those that must not be.
fn signed<T>(
    value: &str,
    one: impl Fn(&str) -> Option<T>,
    wanted: &mut Vec<T>,
    unwanted: &mut Vec<T>,
) -> Result<(), Dropped> {
    for text in split(value, '|').map(str::trim) {
        let (text, values) = match text.strip_prefix('~') {
            Some(text) => (text, &mut *unwanted),
            None => (text, &mut *wanted),
        };
        values.push(one(text).ok_or(Dropped::ModifierValue)?);
    }
    Ok(())
}

/// An address, a range, or a name in quotes or without.
fn client(text: &str) -> Option<Client> {
    let quoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = unescaped(quoted.unwrap_or(text));
    if text.is_empty() {
        return None;
    }
    let range = text.parse::<IpNet>().map(|range| range.trunc()).ok();
    let range = range.or_else(|| text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into()));
    Some(range.map_or_else(|| Client::Name(text.to_lowercase().into()), Client::Range))
}

fn unescaped(text: &str) -> String {
    let mut is_escaped = false;
    let kept = text.chars().filter(|c| {
        is_escaped = *c == '\\' && !is_escaped;
        !is_escaped
    });
    kept.collect()
}

fn tag(text: &str) -> Option<Arc<str>> {
    let is_tag = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_tag.then(|| text.to_ascii_lowercase().into())
}

/// Question types by name (IANA, "DNS parameters", read 2026-11) or as `TYPE65` (RFC 3597, section 5).
fn record_type(text: &str) -> Option<u16> {
    let text = text.to_ascii_uppercase();
    Some(match &*text {
        "A" => 1,
        "NS" => 2,
        "CNAME" => 5,
        "SOA" => 6,
        "PTR" => 12,
        "HINFO" => 13,
        "MX" => 15,
        "TXT" => 16,
        "AAAA" => 28,
        "SRV" => 33,
        "NAPTR" => 35,
        "DS" => 43,
        "RRSIG" => 46,
        "DNSKEY" => 48,
        "TLSA" => 52,
        "SVCB" => 64,
        "HTTPS" => 65,
        "ANY" => 255,
        "CAA" => 257,
        other => return other.strip_prefix("TYPE")?.parse().ok(),
    })
}

/// The value of `dnsrewrite`: an address, a name or a response code; or `code;type;value`.
fn answer(value: &str) -> Option<DnsAnswer> {
    let mut parts = value.split(';');
    let (first, kind, value) = (parts.next()?, parts.next(), parts.next().unwrap_or_default());
    let Some(kind) = kind else {
        return code(first).or_else(|| match Host::parse(first).ok()? {
            Host::Address(address) => Some(DnsAnswer::Addresses(vec![address])),
            alias => Some(DnsAnswer::Alias(alias)),
        });
    };
    if kind.is_empty() || !first.eq_ignore_ascii_case("NOERROR") {
        return code(first);
    }
    match &*kind.to_ascii_uppercase() {
        "A" => value.parse().ok().map(|address| DnsAnswer::Addresses(vec![IpAddr::V4(address)])),
        "AAAA" => value.parse().ok().map(|address| DnsAnswer::Addresses(vec![IpAddr::V6(address)])),
        "CNAME" => Host::parse(value).ok().filter(|host| host.name().is_some()).map(DnsAnswer::Alias),
        _ => None,
    }
}

fn code(text: &str) -> Option<DnsAnswer> {
    match &*text.to_ascii_uppercase() {
        "NXDOMAIN" => Some(DnsAnswer::NoSuchName),
        "NOERROR" => Some(DnsAnswer::Nothing),
        "REFUSED" => Some(DnsAnswer::Refused),
        _ => None,
    }
}
