use super::*;
use crate::build::build;
use model::{ListId, Timestamp};
use policy::image::rules::{RuleAsk, Rules, encode};
use policy::image::{Client, Conditions, Digest, DnsAnswer, Effect, Image, NewRule, Pattern, Reach, Weight};
use proptest::prelude::*;

mod adblock_engine;
mod formats;
mod same_set;
mod trees;

const FORMATS: [ListFormat; 11] = [
    ListFormat::Domains,
    ListFormat::DomainsExact,
    ListFormat::Hosts,
    ListFormat::AdGuard,
    ListFormat::Dnsmasq,
    ListFormat::Unbound,
    ListFormat::Rpz,
    ListFormat::Urls,
    ListFormat::Addresses,
    ListFormat::Csv,
    ListFormat::Hashes,
];

fn category(slug: &str) -> Category {
    Category::parse(slug).unwrap()
}

/// A list that may rewrite.
fn new_list() -> ReadList {
    let mut list = list_that_blocks();
    list.rewrites = true;
    list
}

fn list_that_blocks() -> ReadList {
    ReadList::new(ListId::new("one"), "One".into(), Timestamp(0))
}

fn read(format: ListFormat, text: &[u8]) -> ReadList {
    read_into(new_list(), format, text)
}

fn read_into(mut list: ReadList, format: ListFormat, text: &[u8]) -> ReadList {
    read_bytes(format, text, category("games"), &mut list);
    list
}

/// Reads a text and writes down what was found: `name`, `*.name` for a subtree, `@@` before an exception, `!` after
/// an important one; then the rules in the same way; and at the end what was left out.
fn found(format: ListFormat, text: &[u8]) -> String {
    written(&read(format, text))
}

fn written(list: &ReadList) -> String {
    let mut words: Vec<String> = list
        .entries()
        .map(|entry| word(&name(&entry.host, entry.reach), entry.effect, entry.weight))
        .collect();
    words.extend(list.rules().iter().map(rule_word));
    words.extend(list.dropped.iter().map(|(reason, count)| format!("{reason:?}={count}")));
    words.join(" ")
}

fn name(host: &Host, reach: Reach) -> String {
    format!("{}{host}", if reach == Reach::Subtree { "*." } else { "" })
}

fn word(text: &str, effect: Effect, weight: Weight) -> String {
    let exception = if effect == Effect::Exception { "@@" } else { "" };
    let important = if weight == Weight::Important { "!" } else { "" };
    format!("{exception}{text}{important}")
}

fn rule_word(rule: &NewRule) -> String {
    let pattern = match &rule.pattern {
        Pattern::Name { host, reach } => name(host, *reach),
        Pattern::Page { host, path } => format!("page:{host}{path}"),
        Pattern::Range(range) => format!("range:{range}"),
        Pattern::Wildcard(text) => format!("wild:{text}"),
        Pattern::Regex(text) => format!("re:{text}"),
        Pattern::PageRegex(text) => format!("pagere:{text}"),
        Pattern::Digest(Digest::Md5(bytes)) => format!("md5:{:02x}", bytes[0]),
        Pattern::Digest(Digest::Sha1(bytes)) => format!("sha1:{:02x}", bytes[0]),
        Pattern::Digest(Digest::Sha256(bytes)) => format!("sha256:{:02x}", bytes[0]),
    };
    let mut text = word(&pattern, rule.effect, rule.weight);
    for condition in conditions(&rule.conditions) {
        text = format!("{text}[{condition}]");
    }
    match &rule.answer {
        DnsAnswer::AsUsual => text,
        DnsAnswer::NoSuchName => format!("{text}->none"),
        DnsAnswer::Nothing => format!("{text}->nothing"),
        DnsAnswer::Refused => format!("{text}->refused"),
        DnsAnswer::Alias(host) => format!("{text}->{host}"),
        DnsAnswer::Addresses(all) => {
            format!("{text}->{}", all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
        }
    }
}

fn conditions(conditions: &Conditions) -> Vec<String> {
    let client = |client: &Client| match client {
        Client::Range(range) => range.to_string(),
        Client::Name(name) => name.to_string(),
    };
    let Conditions { clients, not_clients, tags, not_tags, types, not_types, except } = conditions;
    let mut all: Vec<String> = clients.iter().map(client).collect();
    all.extend(not_clients.iter().map(|one| format!("~{}", client(one))));
    all.extend(tags.iter().map(ToString::to_string));
    all.extend(not_tags.iter().map(|tag| format!("~{tag}")));
    all.extend(types.iter().map(ToString::to_string));
    all.extend(not_types.iter().map(|kind| format!("~{kind}")));
    all.extend(except.iter().map(|host| format!("not {host}")));
    all
}

/// The image of a list, as the gate would have it, and its rules.
fn image(list: ReadList) -> (Image, Rules) {
    let rules: Vec<_> = list.rules().iter().map(|rule| (0, rule.clone())).collect();
    (Image::from_bytes(build(&[list]).unwrap().bytes).unwrap(), Rules::open(&encode(&rules)).unwrap())
}
