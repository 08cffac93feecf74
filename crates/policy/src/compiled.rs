//! The groups of each school made ready: a school's tightening merged in.

use crate::entries::{EntryIndex, Kind};
use crate::rules::{
    GroupRules, InspectionSetting, Members, Origin, Policy, Tightening, TrafficRules, Window, WindowEffect,
    YouTube,
};
use crate::traffic;
use model::{CategorySet, Group, Outcome, SchoolId, Stage};
use std::sync::Arc;

/// What one group may reach at one school. Its entries are in an index that all groups share, under its place.
#[derive(Clone, Debug)]
pub(crate) struct CompiledGroup {
    /// Its place among the groups.
    pub(crate) place: usize,
    pub(crate) group: Group,
    pub(crate) stage: Stage,
    pub(crate) members: Members,
    pub(crate) default: Outcome,
    pub(crate) block: CategorySet,
    pub(crate) allow_categories: CategorySet,
    pub(crate) windows: Vec<Window>,
    pub(crate) safe_search: bool,
    pub(crate) youtube: YouTube,
    pub(crate) inspection: InspectionSetting,
    pub(crate) traffic: Arc<TrafficRules>,
    /// The categories that any of its rules speaks of, at any time. A host in none of these, with no entry, gets its
    /// default, unless a window closes everything.
    pub(crate) spoken_of: CategorySet,
}

/// The groups at one school, or where the school is not known.
#[derive(Debug)]
pub(crate) struct School {
    pub(crate) groups: Vec<CompiledGroup>,
    /// The places of the groups whose denials count for somebody who is not known: all but equipment's.
    pub(crate) everybody: Vec<usize>,
    /// What the connections of somebody who is not known may carry.
    pub(crate) everybodys_traffic: Arc<TrafficRules>,
    /// The entries that the school adds to its groups.
    pub(crate) added: EntryIndex,
}

impl School {
    /// The groups at `school`. Where it is not known, every school's tightening counts.
    pub(crate) fn new(policy: &Policy, school: Option<&SchoolId>) -> Self {
        let rules = || policy.groups.iter().enumerate();
        let added = rules().flat_map(|(place, rules)| {
            let denied = tightenings(rules, school).flat_map(|added| &added.deny);
            denied.map(move |entry| (denial(entry.from), place, entry))
        });
        let added = EntryIndex::new(added);
        let groups: Vec<_> = rules().map(|(place, rules)| CompiledGroup::new(place, rules, school)).collect();
        let people: Vec<_> = groups.iter().filter(|group| !group.members.is_equipment()).collect();
        let everybodys_traffic = traffic::strictest(people.iter().map(|group| &group.traffic));
        Self {
            everybody: people.iter().map(|group| group.place).collect(),
            everybodys_traffic,
            groups,
            added,
        }
    }
}

/// The entries of the document, which are the same at every school.
pub(crate) fn document_entries(policy: &Policy) -> EntryIndex {
    let bypass = policy.bypass.iter().map(|entry| (Kind::Bypass, 0, entry));
    let of_groups = policy.groups.iter().enumerate().flat_map(|(place, rules)| {
        let allow = rules.allow.iter().map(move |entry| (Kind::Allow, place, entry));
        allow.chain(rules.deny.iter().map(move |entry| (denial(entry.from), place, entry)))
    });
    EntryIndex::new(bypass.chain(of_groups))
}

fn denial(from: Origin) -> Kind {
    match from {
        Origin::Trust => Kind::TrustDeny,
        Origin::School => Kind::Deny,
    }
}

fn tightenings<'a>(
    rules: &'a GroupRules,
    school: Option<&'a SchoolId>,
) -> impl Iterator<Item = &'a Tightening> {
    let here = rules.tightened.iter().filter(move |(at, _)| school.is_none_or(|school| school == at));
    here.map(|(_, tightening)| tightening)
}

impl CompiledGroup {
    fn new(place: usize, rules: &GroupRules, school: Option<&SchoolId>) -> Self {
        let added: Vec<&Tightening> = tightenings(rules, school).collect();
        let closed = added.iter().flat_map(|more| more.closed.iter().cloned());
        let windows: Vec<Window> = rules.windows.iter().cloned().chain(closed).collect();
        let block = added.iter().fold(rules.block, |block, more| block.union(more.block));
        Self {
            place,
            group: Group { id: rules.id.clone(), name: rules.name.clone() },
            stage: rules.stage,
            members: rules.members.clone(),
            default: if added.iter().any(|more| more.default_block) { Outcome::Block } else { rules.default },
            spoken_of: windows.iter().fold(block.union(rules.allow_categories), |spoken_of, window| {
                match window.effect {
                    WindowEffect::Open(categories) | WindowEffect::Close(categories) => {
                        spoken_of.union(categories)
                    }
                    WindowEffect::CloseEverything => spoken_of,
                }
            }),
            block,
            allow_categories: rules.allow_categories,
            windows,
            safe_search: rules.safe_search || added.iter().any(|more| more.safe_search),
            youtube: added.iter().fold(rules.youtube, |youtube, more| youtube.max(more.youtube)),
            inspection: rules.inspection,
            traffic: Arc::new(traffic::tightened(&rules.traffic, &added)),
        }
    }
}
