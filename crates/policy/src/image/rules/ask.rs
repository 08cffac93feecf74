//! What the rules are asked, in the forms they are compared in.

use super::super::rule::{Client, Conditions};
use super::super::write::{Effect, Reach};
use crate::path::{AskedPath, normal};
use model::Host;
use std::borrow::Cow;
use std::net::IpAddr;

/// `A`, RFC 1035, section 3.2.2: what is meant where the way in has no question type.
const TYPE_A: u16 = 1;

/// What the rules are asked: the host, and as much of the question as is known.
#[derive(Clone, Copy, Debug)]
pub struct RuleAsk<'a> {
    /// The host.
    pub host: &'a Host,
    /// Path and query, where the request is readable.
    pub path: Option<&'a str>,
    /// The type of a DNS question; `None`: as `A`.
    pub record_type: Option<u16>,
    /// The address the question came from.
    pub client: Option<IpAddr>,
    /// The name of the device it came from, in lower case.
    pub device: Option<&'a str>,
    /// What is known of device and person, such as `device_phone`.
    pub tags: &'a [&'a str],
}

impl<'a> RuleAsk<'a> {
    /// Asks of a host alone, for nobody known.
    pub fn of(host: &'a Host) -> Self {
        Self { host, path: None, record_type: None, client: None, device: None, tags: &[] }
    }
}

/// An ask with its text forms.
pub(super) struct Asked<'a> {
    ask: &'a RuleAsk<'a>,
    host_text: Cow<'a, str>,
    path: Option<PathForms<'a>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(ask: &'a RuleAsk<'a>) -> Self {
        let host_text = match ask.host {
            Host::Name(name) => Cow::Borrowed(&**name),
            Host::Address(address) => Cow::Owned(address.to_string()),
        };
        Self { ask, path: ask.path.map(|path| PathForms::new(ask.host, path)), host_text }
    }

    pub(super) fn host(&self) -> &'a Host {
        self.ask.host
    }

    pub(super) fn host_text(&self) -> &str {
        &self.host_text
    }

    pub(super) fn path(&self) -> Option<&PathForms<'a>> {
        self.path.as_ref()
    }

    pub(super) fn is_covered_by(&self, host: &Host, reach: Reach) -> bool {
        match (host, reach) {
            (Host::Name(name), Reach::Subtree) => self.ask.host.is_at_or_below(name),
            (host, _) => self.ask.host == host,
        }
    }

    /// Whether the conditions hold for this ask.
    pub(super) fn meets(&self, conditions: &Conditions) -> bool {
        let kind = self.ask.record_type.unwrap_or(TYPE_A);
        let is_client = |client: &Client| match client {
            Client::Range(range) => self.ask.client.is_some_and(|client| range.contains(&client)),
            Client::Name(name) => self.ask.device == Some(&**name),
        };
        let has_tag = |tag: &std::sync::Arc<str>| self.ask.tags.contains(&&**tag);
        let is_below = |name: &Host| self.is_covered_by(name, Reach::Subtree);
        let Conditions { clients, not_clients, tags, not_tags, types, not_types, except } = conditions;
        (clients.is_empty() || clients.iter().any(is_client))
            && !not_clients.iter().any(is_client)
            && (tags.is_empty() || tags.iter().any(has_tag))
            && !not_tags.iter().any(has_tag)
            && (types.is_empty() || types.contains(&kind))
            && !not_types.contains(&kind)
            && !except.iter().any(is_below)
    }
}

/// A path that was asked, as it is compared with listed pages.
pub(super) struct PathForms<'a> {
    host: &'a Host,
    asked: AskedPath<'a>,
    /// See [`plain`].
    plain: String,
}

impl<'a> PathForms<'a> {
    fn new(host: &'a Host, path: &'a str) -> Self {
        let plain = plain(path);
        Self { host, asked: AskedPath::new(path), plain }
    }

    pub(super) fn plain(&self) -> &str {
        &self.plain
    }

    pub(super) fn raw(&self) -> &'a str {
        self.asked.raw()
    }

    /// `host/path?query` in lower case: in normal form and, where that is another, as written.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        let raw = Some(self.raw()).filter(|raw| *raw != self.plain);
        [Some(&*self.plain), raw].into_iter().flatten().map(|path| {
            let mut address = self.host.to_string();
            address.push_str(path);
            address.make_ascii_lowercase();
            address
        })
    }

    /// Whether a listed page covers this path; in doubt on the side of blocking.
    pub(super) fn begins(&self, effect: Effect, raw: &str, plain: &str) -> bool {
        match effect {
            Effect::Block => {
                begins(&self.plain, plain, <[u8]>::eq_ignore_ascii_case)
                    || begins(self.raw(), raw, <[u8]>::eq_ignore_ascii_case)
            }
            Effect::Exception => {
                begins(&self.plain, plain, <[u8]>::eq)
                    && (!self.asked.is_doubtful() || begins(self.raw(), raw, <[u8]>::eq))
            }
        }
    }
}

/// True when `path` begins with `prefix` up to a border.
fn begins(path: &str, prefix: &str, same: fn(&[u8], &[u8]) -> bool) -> bool {
    path.as_bytes().split_at_checked(prefix.len()).is_some_and(|(start, rest)| {
        same(start, prefix.as_bytes())
            && (prefix.ends_with('/')
                || match rest.first() {
                    None | Some(b'/' | b'?' | b'#') => true,
                    Some(b'&') => prefix.contains('?'),
                    Some(_) => false,
                })
    })
}

/// The policy's normal form of a path; and in the query, which that leaves as it is, what needs no encoding (RFC 3986,
/// 2.3) is decoded.
pub(super) fn plain(path: &str) -> String {
    let mut plain = normal(path);
    let Some(query) = plain.find('?') else { return plain };
    if plain.get(query..).is_some_and(|query| query.contains('%')) {
        let decoded = decode_unreserved(plain.get(query..).unwrap_or_default());
        plain.truncate(query);
        plain.push_str(&decoded);
    }
    plain
}

fn decode_unreserved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let byte = from.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = byte.map(char::from).filter(|c| c.is_ascii_alphanumeric() || "-._~".contains(*c));
        match plain {
            Some(c) => {
                out.push(c);
                rest = from.get(3..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}
