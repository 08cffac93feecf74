//! Names behind a name: an alias (`CNAME`) or a service (`HTTPS`, `SVCB`) may lead to a site the policy blocks.

use crate::answer::Answer;
use crate::query::judged_host;
use hickory_proto::rr::RData;
use model::{Ask, Host, Layer, Outcome, Target, Verdict};
use policy::Snapshot;

/// The most names behind one name; an answer with more is no use to anybody.
pub(crate) const MOST_NAMES_BEHIND: usize = 16;

/// A name behind the one that was asked for, and the verdict that blocks it.
#[derive(Debug)]
pub(crate) struct Uncloaked {
    /// The name behind.
    pub(crate) host: Host,
    /// Why it is blocked.
    pub(crate) verdict: Verdict,
}

/// The hosts an answer leads to, in its order; `None` when there are more than [`MOST_NAMES_BEHIND`].
pub(crate) fn hosts_behind(answer: &Answer) -> Option<Vec<Host>> {
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

/// The first of the hosts that is blocked for whoever asked.
///
/// A host behind counts only where its layer comes before the one that allowed the name itself: what an allow entry
/// opened stays open although the site lies on a network that the group could not ask for by itself.
pub(crate) fn uncloak(
    snapshot: &Snapshot,
    ask: &Ask,
    allowed_by: Layer,
    hosts: &[Host],
) -> Option<Uncloaked> {
    hosts.iter().find_map(|host| {
        let behind = Ask { what: Target::host(host.clone()), ..ask.clone() };
        let verdict = snapshot.decide(&behind);
        let blocks = verdict.outcome == Outcome::Block && verdict.reason.layer < allowed_by;
        blocks.then(|| Uncloaked { host: host.clone(), verdict })
    })
}
