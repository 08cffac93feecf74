//! Ranges of addresses. Two ranges of one family lie apart or one within the other, so all that hold an address are the
//! last one that begins at or before it and those around that one.

use super::super::rule::Pattern;
use super::Rule;
use ipnet::IpNet;
use model::Host;
use std::net::IpAddr;

/// Rules by ranges.
#[derive(Default)]
pub(super) struct Ranges {
    v4: Family,
    v6: Family,
}

#[derive(Default)]
struct Family(Vec<Held>);

struct Held {
    first: u128,
    last: u128,
    id: u32,
    /// The narrowest range around this one (or another rule of the same range).
    around: Option<u32>,
}

impl Ranges {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut ranges = Self::default();
        for (id, rule) in (0..).zip(rules) {
            match &rule.rule.pattern {
                Pattern::Range(IpNet::V4(net)) => {
                    ranges.v4.add(u32::from(net.network()).into(), u32::from(net.broadcast()).into(), id);
                }
                Pattern::Range(IpNet::V6(net)) => {
                    ranges.v6.add(net.network().into(), net.broadcast().into(), id);
                }
                _ => {}
            }
        }
        ranges.v4.settle();
        ranges.v6.settle();
        ranges
    }

    /// Adds the rules whose range holds the host, where it is an address.
    pub(super) fn containing(&self, host: &Host, ids: &mut Vec<u32>) {
        match host {
            Host::Address(IpAddr::V4(address)) => self.v4.containing(u32::from(*address).into(), ids),
            Host::Address(IpAddr::V6(address)) => self.v6.containing((*address).into(), ids),
            Host::Name(_) => {}
        }
    }
}

impl Family {
    fn add(&mut self, first: u128, last: u128, id: u32) {
        self.0.push(Held { first, last, id, around: None });
    }

    fn settle(&mut self) {
        self.0.sort_unstable_by_key(|held| (held.first, std::cmp::Reverse(held.last), held.id));
        let mut open: Vec<(u32, u128)> = Vec::new();
        for (place, held) in (0u32..).zip(&mut self.0) {
            while open.last().is_some_and(|(_, last)| *last < held.first) {
                open.pop();
            }
            held.around = open.last().map(|(place, _)| *place);
            open.push((place, held.last));
        }
    }

    fn containing(&self, address: u128, ids: &mut Vec<u32>) {
        let after = self.0.partition_point(|held| held.first <= address);
        let mut at = after.checked_sub(1);
        while let Some(held) = at.and_then(|at| self.0.get(at)) {
            if address <= held.last {
                ids.push(held.id);
            }
            at = held.around.and_then(|around| usize::try_from(around).ok());
        }
    }
}
