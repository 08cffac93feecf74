//! Response policy zones, as a zone file (RFC 1035, section 5) or as records that came by zone transfer; what triggers and
//! actions mean is in draft-vixie-dnsop-dns-rpz-00.
//!
//! Triggers: `x` is the name alone and `*.x` what is below it alone, so both together are the name and all below;
//! `24.0.2.0.192.rpz-ip` is a range of addresses in answers. Actions: `CNAME .`, `CNAME *.`, `CNAME rpz-drop.` and addresses
//! that lead nowhere block, and how a block is answered is the gate's to say; `CNAME rpz-passthru.` (or the name itself) is
//! an exception; other addresses and names are what DNS answers, where the policy lets the list do so, and else a block. A
//! range is always a plain block: its answer would be one for every name that leads there. A nearer trigger decides over a wider one, which two
//! steps of weight keep: a block below an exception is important, and so is an exception below that.
//!
//! Left out: triggers about clients and name servers, `rpz-tcp-only.`, other kinds of records, `$INCLUDE`, `$GENERATE`,
//! and names with escapes. The zone's own SOA and NS records are no rules.

mod zone_text;

use super::addresses;
use super::hosts::leads_nowhere;
use super::wildcard::{self, rule};
use crate::Dropped;
use crate::list::{ReadList, Says};
use ipnet::IpNet;
use model::{Category, Host};
use policy::image::{DnsAnswer, Effect, NewRule, Pattern, Reach, Weight};
use std::collections::BTreeSet;
use std::net::IpAddr;
use zone_text::ZoneText;

/// One record of a transferred zone, as text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZoneRecord<'a> {
    /// The owner, with the zone's name in it, with its last dot or without.
    pub(crate) owner: &'a str,
    /// The type, such as `CNAME`.
    pub(crate) kind: &'a str,
    /// The value as a zone file writes it, names whole.
    pub(crate) value: &'a str,
}

/// Reads a zone file.
pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    let mut zone = Zone::default();
    let mut text = ZoneText::default();
    text.read(bytes, &mut |line, record| {
        let added = record.and_then(|record| zone.add(line, &record));
        if let Err(reason) = added {
            list.left_out(line, reason);
        }
    });
    zone.finish(category, list);
}

/// Reads the records of the zone `apex`; a record's place, from 1, stands for its line.
pub(super) fn read_records<'a>(
    apex: &str,
    records: impl IntoIterator<Item = ZoneRecord<'a>>,
    category: Category,
    list: &mut ReadList,
) {
    let mut zone = Zone::default();
    let apex = apex.trim_end_matches('.').to_ascii_lowercase();
    for (line, ZoneRecord { owner, kind, value }) in (1..).zip(records) {
        let owner = owner.strip_suffix('.').unwrap_or(owner).to_ascii_lowercase();
        let trigger = relative(&owner, &apex).map(str::to_owned);
        let value = value.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        let record = trigger.map(|trigger| Record { trigger, kind: kind.to_ascii_uppercase(), value });
        if let Err(reason) = record.and_then(|record| zone.add(line, &record)) {
            list.left_out(line, reason);
        }
    }
    zone.finish(category, list);
}

/// A name without the zone's own behind it; empty for the zone itself.
fn relative<'a>(owner: &'a str, apex: &str) -> Result<&'a str, Dropped> {
    let inside = owner.strip_suffix(apex).ok_or(Dropped::NotAName)?;
    if inside.is_empty() || apex.is_empty() {
        return Ok(inside);
    }
    inside.strip_suffix('.').ok_or(Dropped::NotAName)
}

/// A record, all in lower case but its type.
struct Record {
    /// The owner without the zone's name; empty for the zone itself.
    trigger: String,
    kind: String,
    /// The words of the value; names whole, with their last dot.
    value: Vec<String>,
}

/// What a trigger does. In this order, so that an answer's addresses lie together.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Action {
    Block,
    Pass,
    Alias(Host),
    Address(IpAddr),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Trigger {
    name: Box<str>,
    action: Action,
    is_below: bool,
    line: u32,
}

#[derive(Default)]
struct Zone {
    triggers: Vec<Trigger>,
    ranges: Vec<(IpNet, Action, u32)>,
}

impl Zone {
    fn add(&mut self, line: u32, record: &Record) -> Result<(), Dropped> {
        if record.trigger.is_empty() && matches!(&*record.kind, "SOA" | "NS" | "TXT") {
            return Ok(());
        }
        let action = action(record)?;
        if let Some(encoded) = record.trigger.strip_suffix(".rpz-ip") {
            let range = decode_range(encoded).ok_or(Dropped::NotAnAddress)?;
            addresses::check(range)?;
            self.ranges.push((range, action, line));
            return Ok(());
        }
        if [".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip"].iter().any(|kind| record.trigger.ends_with(kind)) {
            return Err(Dropped::UnknownTrigger);
        }
        let below = record.trigger.strip_prefix("*.");
        let Host::Name(name) = super::host(below.unwrap_or(&record.trigger))? else {
            return Err(Dropped::NotAName);
        };
        self.triggers.push(Trigger { name: (*name).into(), action, is_below: below.is_some(), line });
        Ok(())
    }

    fn finish(mut self, category: Category, list: &mut ReadList) {
        self.triggers.sort_unstable();
        let steps = Steps::of(&self.triggers);
        let same = |a: &Trigger, b: &Trigger| a.name == b.name && is_same_kind(&a.action, &b.action);
        for group in self.triggers.chunk_by(same) {
            let Some(Trigger { name, action, line, .. }) = group.first() else { continue };
            let is_below = group.iter().any(|trigger| trigger.is_below);
            let is_exact = group.iter().any(|trigger| !trigger.is_below);
            let addresses = group.iter().filter_map(|trigger| match trigger.action {
                Action::Address(address) => Some(address),
                _ => None,
            });
            let answer = match action {
                Action::Block | Action::Pass => DnsAnswer::AsUsual,
                Action::Alias(host) => DnsAnswer::Alias(host.clone()),
                Action::Address(_) => {
                    DnsAnswer::Addresses(addresses.collect::<BTreeSet<_>>().into_iter().collect())
                }
            };
            let effect = if *action == Action::Pass { Effect::Exception } else { Effect::Block };
            let reach = if is_below { Reach::Subtree } else { Reach::Exact };
            let says = Says { reach, effect, weight: steps.weight(name, effect), category };
            let line = group.iter().map(|trigger| trigger.line).min().unwrap_or(*line);
            if answer == DnsAnswer::AsUsual && is_exact {
                list.push_name(name, says, line);
                continue;
            }
            let pattern = if is_exact {
                Pattern::Name { host: Host::Name((**name).into()), reach }
            } else {
                match wildcard::pattern(&format!("*.{name}")) {
                    Ok(pattern) => pattern,
                    Err(reason) => {
                        list.left_out(line, reason);
                        continue;
                    }
                }
            };
            list.rule(NewRule { answer, ..rule(pattern, says, line) });
        }
        for (range, action, line) in self.ranges {
            let effect = match action {
                Action::Block => Effect::Block,
                Action::Pass => Effect::Exception,
                Action::Alias(_) | Action::Address(_) => {
                    list.left_out(line, Dropped::RewriteAsBlock);
                    Effect::Block
                }
            };
            addresses::add(range, Says { effect, ..Says::block(Reach::Exact, category) }, line, list);
        }
    }
}

fn is_same_kind(a: &Action, b: &Action) -> bool {
    a == b || matches!((a, b), (Action::Address(_), Action::Address(_)))
}

/// Which names have exceptions below them, and blocks below those: what needs weight for the nearer trigger to decide.
struct Steps {
    passes: BTreeSet<Box<str>>,
    blocks_below_passes: BTreeSet<Box<str>>,
}

impl Steps {
    fn of(triggers: &[Trigger]) -> Self {
        let below = || triggers.iter().filter(|trigger| trigger.is_below);
        let passes: BTreeSet<Box<str>> = below()
            .filter(|trigger| trigger.action == Action::Pass)
            .map(|trigger| trigger.name.clone())
            .collect();
        let blocks = below().filter(|trigger| trigger.action != Action::Pass);
        let blocks_below_passes = blocks.filter(|trigger| has_parent_in(&trigger.name, &passes));
        Self {
            blocks_below_passes: blocks_below_passes.map(|trigger| trigger.name.clone()).collect(),
            passes,
        }
    }

    fn weight(&self, name: &str, effect: Effect) -> Weight {
        let over = if effect == Effect::Block { &self.passes } else { &self.blocks_below_passes };
        if has_parent_in(name, over) { Weight::Important } else { Weight::Usual }
    }
}

fn has_parent_in(name: &str, names: &BTreeSet<Box<str>>) -> bool {
    !names.is_empty()
        && name.match_indices('.').any(|(at, _)| name.get(at + 1..).is_some_and(|up| names.contains(up)))
}

fn action(record: &Record) -> Result<Action, Dropped> {
    let value = record.value.first().map_or("", |word| &**word);
    match &*record.kind {
        "CNAME" => match value {
            "." | "*." | "rpz-drop." => Ok(Action::Block),
            "rpz-passthru." => Ok(Action::Pass),
            "rpz-tcp-only." | "" => Err(Dropped::UnknownAction),
            target if target.trim_end_matches('.') == record.trigger => Ok(Action::Pass),
            target => match super::host(target) {
                Ok(host @ Host::Name(_)) => Ok(Action::Alias(host)),
                _ => Err(Dropped::UnknownAction),
            },
        },
        "A" | "AAAA" => match value.parse::<IpAddr>() {
            Ok(address) if leads_nowhere(address) => Ok(Action::Block),
            Ok(address) if address.is_ipv4() == (record.kind == "A") => Ok(Action::Address(address)),
            _ => Err(Dropped::NotAnAddress),
        },
        _ => Err(Dropped::UnknownAction),
    }
}

/// `24.0.2.0.192` is 192.0.2.0/24 and `48.zz.1.db8.2001` is 2001:db8:1::/48.
fn decode_range(text: &str) -> Option<IpNet> {
    let (length, parts) = text.split_once('.')?;
    let length: u8 = length.parse().ok()?;
    let parts: Vec<&str> = parts.rsplit('.').collect();
    let is_v4 = parts.len() == 4 && !parts.contains(&"zz");
    let text = if is_v4 { parts.join(".") } else { with_zeros(&parts.join(":")) };
    IpNet::new(text.parse().ok()?, length).ok().map(|range| range.trunc())
}

/// `zz` stands for the zeros that `::` leaves out.
fn with_zeros(text: &str) -> String {
    match text {
        "zz" => "::".to_owned(),
        _ => match (text.strip_prefix("zz:"), text.strip_suffix(":zz")) {
            (Some(rest), _) => format!("::{rest}"),
            (_, Some(rest)) => format!("{rest}::"),
            _ => text.replacen(":zz:", "::", 1),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_from_its_reversed_form() {
        for (text, expected) in [
            ("24.0.2.0.192", Some("192.0.2.0/24")),
            ("32.7.2.0.192", Some("192.0.2.7/32")),
            ("48.zz.1.db8.2001", Some("2001:db8:1::/48")),
            ("128.1.zz", Some("::1/128")),
            ("128.1.zz.db8.2001", Some("2001:db8::1/128")),
            ("33.7.2.0.192", None),
            ("24.0.2.192", None),
            ("x", None),
        ] {
            assert_eq!(decode_range(text).map(|range| range.to_string()).as_deref(), expected, "{text}");
        }
    }
}
