//! A group's rules made ready: entries by host, a school's tightening merged in.

use crate::entries::{EntrySet, Leaning};
use crate::rules::{Entry, GroupRules, InspectionSetting, Members, Origin, Tightening, Window, YouTube};
use model::{CategorySet, Group, Outcome, SchoolId, Stage};

/// What one group may reach at one school.
#[derive(Clone, Debug)]
pub(crate) struct CompiledGroup {
    pub(crate) group: Group,
    pub(crate) stage: Stage,
    pub(crate) members: Members,
    pub(crate) default: Outcome,
    pub(crate) block: CategorySet,
    pub(crate) allow_categories: CategorySet,
    pub(crate) allow: EntrySet,
    pub(crate) trust_deny: EntrySet,
    pub(crate) deny: EntrySet,
    pub(crate) windows: Vec<Window>,
    pub(crate) safe_search: bool,
    pub(crate) youtube: YouTube,
    pub(crate) inspection: InspectionSetting,
}

impl CompiledGroup {
    /// The group at `school`. Where the school is not known, every school's tightening counts.
    pub(crate) fn new(rules: &GroupRules, school: Option<&SchoolId>) -> Self {
        let added: Vec<&Tightening> = rules
            .tightened
            .iter()
            .filter(|(at, _)| school.is_none_or(|school| school == at))
            .map(|(_, tightening)| tightening)
            .collect();
        let denied = || rules.deny.iter().chain(added.iter().flat_map(|more| &more.deny));
        let of = |origin: Origin| {
            EntrySet::new(Leaning::Deny, denied().filter(move |entry: &&Entry| entry.from == origin))
        };
        let closed = added.iter().flat_map(|more| more.closed.iter().cloned());
        Self {
            group: Group { id: rules.id.clone(), name: rules.name.clone() },
            stage: rules.stage,
            members: rules.members.clone(),
            default: if added.iter().any(|more| more.default_block) { Outcome::Block } else { rules.default },
            block: added.iter().fold(rules.block, |block, more| block.union(more.block)),
            allow_categories: rules.allow_categories,
            allow: EntrySet::new(Leaning::Allow, &rules.allow),
            trust_deny: of(Origin::Trust),
            deny: of(Origin::School),
            windows: rules.windows.iter().cloned().chain(closed).collect(),
            safe_search: rules.safe_search || added.iter().any(|more| more.safe_search),
            youtube: added.iter().fold(rules.youtube, |youtube, more| youtube.max(more.youtube)),
            inspection: rules.inspection,
        }
    }
}
