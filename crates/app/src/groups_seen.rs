//! What is seen of the groups: who is in none, and which two have the same rules although they should not.

use crate::facade::Reach;
use model::{Host, Role, Roster, SchoolId};
use policy::Snapshot;
use policy::rules::{Entry, GroupRules, Window, WindowEffect};
use registers::GroupsSeen;

/// People within reach against the groups, and the groups against each other.
pub(crate) fn look(snapshot: &Snapshot, roster: &Roster, reach: &Reach) -> GroupsSeen {
    let (mut people, mut people_without_group) = (0, 0);
    for person in roster.people().filter(|person| reach.covers_person(person)) {
        people += 1;
        let grouped = person.affiliations.iter().any(|affiliation| snapshot.group_of(affiliation).is_some());
        people_without_group += usize::from(!grouped);
    }
    let groups: Vec<&GroupRules> =
        snapshot.policy().groups.iter().filter(|group| !group.members.is_equipment()).collect();
    let count = |wanted: fn(&GroupRules) -> bool| groups.iter().filter(|group| wanted(group)).count();
    GroupsSeen {
        groups: groups.len(),
        people,
        people_without_group,
        of_staff_and_learners: (count(has_staff), count(has_learners)),
        alike: alike(&groups),
    }
}

fn has_learners(group: &GroupRules) -> bool {
    !group.members.years.is_empty() || group.members.roles.contains(&Role::Learner)
}

fn has_staff(group: &GroupRules) -> bool {
    group.members.roles.iter().any(|role| !matches!(role, Role::Learner | Role::Guest))
}

/// Pairs that should differ and do not: staff and learners, and learners of two stages.
fn alike(groups: &[&GroupRules]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (place, one) in groups.iter().enumerate() {
        for other in groups.iter().skip(place + 1) {
            let apart = (has_staff(one) && has_learners(other)) || (has_learners(one) && has_staff(other));
            let stages = has_learners(one) && has_learners(other) && one.stage != other.stage;
            if (apart || stages) && same_rules(one, other) {
                pairs.push((one.name.to_string(), other.name.to_string()));
            }
        }
    }
    pairs
}

/// Compares what decides; names, reasons and what a person reads are no rules.
fn same_rules(one: &GroupRules, other: &GroupRules) -> bool {
    let single = |group: &GroupRules| {
        let switches = (group.safe_search, group.youtube, group.inspection);
        (group.default, group.block, group.allow_categories, switches)
    };
    single(one) == single(other)
        && covered(&one.allow) == covered(&other.allow)
        && covered(&one.deny) == covered(&other.deny)
        && times(&one.windows) == times(&other.windows)
        && same_tightening(one, other)
}

fn covered(entries: &[Entry]) -> Vec<(&Host, Option<&str>)> {
    entries.iter().map(|entry| (&entry.host, entry.path.as_deref())).collect()
}

fn times(windows: &[Window]) -> Vec<([bool; 7], u16, u16, WindowEffect)> {
    windows
        .iter()
        .map(|window| (window.days, window.from_minute, window.until_minute, window.effect))
        .collect()
}

fn same_tightening(one: &GroupRules, other: &GroupRules) -> bool {
    let schools = |group: &GroupRules| -> Vec<SchoolId> {
        group.tightened.iter().map(|(school, _)| school.clone()).collect()
    };
    schools(one) == schools(other)
        && one.tightened.iter().zip(&other.tightened).all(|((_, one), (_, other))| {
            let switches = (one.block, one.safe_search, one.youtube, one.default_block);
            switches == (other.block, other.safe_search, other.youtube, other.default_block)
                && covered(&one.deny) == covered(&other.deny)
                && times(&one.closed) == times(&other.closed)
        })
}
