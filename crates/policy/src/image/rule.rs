//! A list's rule that is more than "this name, or this name and all below it": pages, patterns, address ranges, hashes,
//! and rules that hold only for some clients or question types.
//!
//! Few lists have many of these, so they lie in a part of the image of their own; a lookup asks it only where there are
//! any.

use super::write::{Effect, Reach, Weight};
use ipnet::IpNet;
use model::{Category, Host};
use std::sync::Arc;

pub use model::DnsAnswer;

/// One such rule, to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRule {
    /// What it speaks of.
    pub pattern: Pattern,
    /// For whom and for what it holds; [`Conditions::default`]: always.
    pub conditions: Conditions,
    /// How DNS answers where it decides; [`DnsAnswer::AsUsual`] for almost every rule.
    pub answer: DnsAnswer,
    /// What it does.
    pub effect: Effect,
    /// What it weighs against the others of its list and category.
    pub weight: Weight,
    /// The category it speaks of.
    pub category: Category,
    /// Its line in the list, from 1.
    pub line: u32,
}

/// What a rule speaks of.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Pattern {
    /// A name, where conditions or an answer keep it out of the table of names.
    Name {
        /// The name or address.
        host: Host,
        /// What of it the rule covers.
        reach: Reach,
    },
    /// Pages: the paths of a host (and of `www.` before it) that begin so, at a `/`, `?` or their end.
    Page {
        /// The host.
        host: Host,
        /// The path, with its leading `/`, and the query where the list has one.
        path: Arc<str>,
    },
    /// Addresses, as a target or as the answer to a name.
    Range(IpNet),
    /// Names that a pattern with `*` matches as a whole, in lower case: `ads*.example.com`.
    Wildcard(Arc<str>),
    /// Names that a regular expression finds something in; its syntax is that of the crate `regex`.
    Regex(Arc<str>),
    /// Addresses of pages that a regular expression finds something in: `host/path?query`, in lower case.
    PageRegex(Arc<str>),
    /// A host or page by a hash of it: lists of illegal content come so.
    Digest(Digest),
}

/// A hash of a host or of a page's address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Digest {
    /// MD5, RFC 1321.
    Md5([u8; 16]),
    /// SHA-1, FIPS 180-4.
    Sha1([u8; 20]),
    /// SHA-256, FIPS 180-4.
    Sha256([u8; 32]),
}

/// For whom and for what a rule holds. Empty lists ask nothing.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Conditions {
    /// One of these clients, by address, range or device name.
    pub clients: Vec<Client>,
    /// None of these clients.
    pub not_clients: Vec<Client>,
    /// One of these tags (`device_phone`, `user_child`).
    pub tags: Vec<Arc<str>>,
    /// None of these tags.
    pub not_tags: Vec<Arc<str>>,
    /// One of these question types, by number. Where the way in has no type (the proxy), `A` is meant.
    pub types: Vec<u16>,
    /// None of these question types.
    pub not_types: Vec<u16>,
    /// Not these names, nor anything below them.
    pub except: Vec<Host>,
}

/// A client a rule names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Client {
    /// An address or a range.
    Range(IpNet),
    /// A device's name, in lower case.
    Name(Arc<str>),
}
