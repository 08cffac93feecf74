//! The rules of an image that are more than names: their section of the file, and who is asked of them.
//!
//! Left out on purpose: which of several entries decides. A hit is a vote; the parent module counts them.

use super::rule::{DnsAnswer, NewRule};
use super::write::{Effect, Weight};
use model::{Category, Host};
use std::net::IpAddr;

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
    /// The name of the device it came from.
    pub device: Option<&'a str>,
    /// What is known of device and person, such as `device_phone`.
    pub tags: &'a [&'a str],
}

/// A rule that speaks of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleHit {
    /// The list's place among the image's lists.
    pub list: u16,
    /// The category it speaks of.
    pub category: Category,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// Its line, from 1.
    pub line: u32,
    /// Where in the host's text the name begins that it speaks of: 0 for the host itself and for patterns.
    pub start: usize,
    /// What of the host it speaks of.
    pub extent: Extent,
    /// How DNS answers where it decides.
    pub answer: DnsAnswer,
}

/// What of a host a rule speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All that was asked: the host, or the page whose path was asked about.
    Asked,
    /// Some of its pages, and the question has no path yet.
    SomePages,
}

/// The rules of an opened image.
#[derive(Debug, Default)]
pub struct Rules {}

/// The bytes of an image's section are no rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the list image's rules cannot be read")]
pub struct RulesUnreadable;

/// The section's bytes, the same whatever the order of the rules; nothing where there is no rule.
pub fn encode(rules: &[(u16, NewRule)]) -> Vec<u8> {
    let _ = rules;
    Vec::new()
}

impl Rules {
    /// Reads a section, whose hash was checked. Keeps no borrow of it.
    ///
    /// # Errors
    /// [`RulesUnreadable`]; never panics, whatever the bytes.
    pub fn open(bytes: &[u8]) -> Result<Self, RulesUnreadable> {
        if bytes.is_empty() { Ok(Self::default()) } else { Err(RulesUnreadable) }
    }

    /// True when there is none, so that nobody need ask.
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Tells of each rule that speaks of the question.
    pub fn look(&self, ask: &RuleAsk<'_>, on_hit: &mut dyn FnMut(RuleHit)) {
        let _ = (ask, on_hit);
    }
}
