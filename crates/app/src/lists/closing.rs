//! What other lists would close: sites that people here were allowed to reach in the last days. Nobody is named or looked
//! for: a host and how often it was asked for is all that is read.

use crate::AppError;
use history::{History, HostsUsed, Query};
use model::{
    Ask, Category, Channel, EventOutcome, GroupId, Host, Layer, ListId, Outcome, Target, Timestamp, Verdict,
    Who,
};
use policy::{Image, Policy, Snapshot};

/// So many days are looked back on.
pub const DAYS_LOOKED_BACK: i64 = 7;
/// A week of a busy secondary school; what lies further back is left out, and said to be.
const MOST_EVENTS: u64 = 30_000_000;
const MOST_HOSTS: usize = 200_000;

/// What other lists would newly block of what was used here.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Closing {
    /// The sites, the most used first.
    pub sites: Vec<NewlyBlocked>,
    /// Sites that would be blocked as illegal content: they are counted and never named.
    pub illegal: usize,
    /// How many different sites were used in these days.
    pub used: usize,
    /// True when not everything that was used was looked at.
    pub in_part: bool,
}

/// A site that would newly be blocked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewlyBlocked {
    /// The site.
    pub host: Host,
    /// How often it was asked for.
    pub times: u64,
    /// As what; `None` where no category is the reason.
    pub category: Option<Category>,
    /// By which list.
    pub list: Option<ListId>,
    /// For which groups: their names.
    pub groups: Vec<String>,
}

/// The sites that were reached in the last days.
pub fn sites_used(history: &History, now: Timestamp) -> Result<HostsUsed, AppError> {
    let query = Query {
        from: Some(now.plus_ms(-DAYS_LOOKED_BACK * 24 * 3_600_000)),
        outcome: Some(EventOutcome::Allowed),
        read_at_most: MOST_EVENTS,
        ..Query::default()
    };
    Ok(history.hosts_used(&query, MOST_HOSTS)?)
}

/// Asks the policy about every site that was used, under the lists in force and under the others.
pub fn closing(before: &Snapshot, after: &Image, used: &HostsUsed, now: Timestamp) -> Closing {
    let after = Snapshot::compile(before.policy().clone(), after.clone(), Vec::new());
    let (before, after) = (World { snapshot: before, now }, World { snapshot: &after, now });
    let mut closing = Closing { used: used.hosts.len(), in_part: used.more, ..Closing::default() };
    for (name, times) in &used.hosts {
        let Ok(host) = Host::parse(name) else { continue };
        if before.strictest(&host) == after.strictest(&host) {
            continue;
        }
        match newly_blocked(&before, &after, &host, *times) {
            Some((_, Layer::Illegal)) => closing.illegal += 1,
            Some((site, _)) => closing.sites.push(site),
            None => {}
        }
    }
    closing.sites.sort_by(|one, other| {
        other.times.cmp(&one.times).then_with(|| one.host.to_string().cmp(&other.host.to_string()))
    });
    closing
}

/// A policy with lists, at a moment.
struct World<'a> {
    snapshot: &'a Snapshot,
    now: Timestamp,
}

impl World<'_> {
    fn verdict(&self, host: &Host, group: Option<GroupId>) -> Verdict {
        let who = Who { named_group: group, ..Who::default() };
        let what = Target::host(host.clone());
        self.snapshot.decide(&Ask { who, what, how: Channel::Explain, at: self.now })
    }

    /// All that lists say of a host, and what becomes of whoever is not known: where neither changes, nothing does.
    fn strictest(&self, host: &Host) -> (Vec<Category>, Outcome, Option<Category>) {
        let verdict = self.verdict(host, None);
        let categories = self.snapshot.image().lookup(host).categories().iter().collect();
        (categories, verdict.outcome, verdict.reason.category)
    }
}

fn newly_blocked(
    before: &World<'_>,
    after: &World<'_>,
    host: &Host,
    times: u64,
) -> Option<(NewlyBlocked, Layer)> {
    let policy: &Policy = before.snapshot.policy();
    let mut first: Option<Verdict> = None;
    let mut groups = Vec::new();
    for group in &policy.groups {
        let (was, is) =
            (before.verdict(host, Some(group.id.clone())), after.verdict(host, Some(group.id.clone())));
        if was.outcome == Outcome::Allow && is.outcome == Outcome::Block {
            groups.push(group.name.to_string());
            first.get_or_insert(is);
        }
    }
    let reason = first?.reason;
    let (category, list) = (reason.category, reason.list.map(|line| line.list));
    Some((NewlyBlocked { host: host.clone(), times, category, list, groups }, reason.layer))
}
