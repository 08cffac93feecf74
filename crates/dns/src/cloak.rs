//! Names behind a name: an alias (`CNAME`) or a service (`HTTPS`, `SVCB`) may lead to a site the policy blocks.

use crate::answer::Answer;
use crate::query::judged_host;
use hickory_proto::rr::RData;
use hickory_proto::rr::rdata::svcb::{SVCB, SvcParamValue};
use model::{Host, Layer, Outcome, Verdict};
use std::net::IpAddr;

/// The most names behind one name; an answer with more is no use to anybody.
pub(crate) const MOST_NAMES_BEHIND: usize = 16;

/// The most addresses behind one name, likewise; real ones have a handful.
const MOST_ADDRESSES: usize = 64;

/// A name behind the one that was asked for, and the verdict that blocks it.
#[derive(Debug)]
pub(crate) struct Uncloaked {
    /// The name behind.
    pub(crate) host: Host,
    /// Why it is blocked.
    pub(crate) verdict: Verdict,
}

/// What an answer leads to, in its order, each once.
#[derive(Debug, Default)]
pub(crate) struct LeadsTo {
    /// Names, the asked one not among them.
    pub(crate) hosts: Vec<Host>,
    /// Addresses, those its services hint at among them.
    pub(crate) addresses: Vec<IpAddr>,
}

/// What an answer leads to; `None` when that is more than [`MOST_NAMES_BEHIND`] names or [`MOST_ADDRESSES`] addresses.
pub(crate) fn behind(answer: &Answer) -> Option<LeadsTo> {
    Some(LeadsTo { hosts: hosts_behind(answer)?, addresses: addresses(answer)? })
}

fn hosts_behind(answer: &Answer) -> Option<Vec<Host>> {
    let mut hosts = Vec::new();
    for record in &answer.answers {
        let target = match &record.data {
            RData::CNAME(alias) => &alias.0,
            RData::HTTPS(https) => &https.0.target_name,
            RData::SVCB(svcb) => &svcb.target_name,
            _ => continue,
        };
        if target.is_root() {
            continue;
        }
        if hosts.len() == MOST_NAMES_BEHIND {
            return None;
        }
        hosts.extend(judged_host(target).filter(|host| !hosts.contains(host)));
    }
    Some(hosts)
}

fn addresses(answer: &Answer) -> Option<Vec<IpAddr>> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for record in &answer.answers {
        let given: Vec<IpAddr> = match &record.data {
            RData::A(address) => vec![IpAddr::V4(address.0)],
            RData::AAAA(address) => vec![IpAddr::V6(address.0)],
            RData::HTTPS(https) => hints(&https.0),
            RData::SVCB(svcb) => hints(svcb),
            _ => continue,
        };
        for address in given {
            let address = address.to_canonical();
            if addresses.contains(&address) {
                continue;
            }
            if addresses.len() == MOST_ADDRESSES {
                return None;
            }
            addresses.push(address);
        }
    }
    Some(addresses)
}

fn hints(service: &SVCB) -> Vec<IpAddr> {
    let of = |value: &SvcParamValue| match value {
        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().map(|address| IpAddr::V4(address.0)).collect(),
        SvcParamValue::Ipv6Hint(hint) => hint.0.iter().map(|address| IpAddr::V6(address.0)).collect(),
        _ => Vec::new(),
    };
    service.svc_params.iter().flat_map(|(_, value)| of(value)).collect()
}

/// The first of the hosts that is blocked, as `judge` says, for whoever asked.
///
/// A host behind counts only where its layer comes before the one that allowed the name itself: what an allow entry
/// opened stays open although the site lies on a network that the group could not ask for by itself.
pub(crate) fn uncloak(
    allowed_by: Layer,
    hosts: impl IntoIterator<Item = Host>,
    mut judge: impl FnMut(&Host) -> Verdict,
) -> Option<Uncloaked> {
    hosts.into_iter().find_map(|host| {
        let verdict = judge(&host);
        let blocks = verdict.outcome == Outcome::Block && verdict.reason.layer < allowed_by;
        blocks.then_some(Uncloaked { host, verdict })
    })
}
