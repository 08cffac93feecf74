//! Checks of an edition that take more than one value to see.
//!
//! Left out: structure, names and texts (`walk`), and what a settings revision may do (`settings_checks`).

use super::choices::{DefaultChoice, InspectionChoice, PostPlace, YouTubeChoice};
use super::edition::{EditionFile, EntryFile, GroupFile, RulesPart, SchoolFile, TightenFile, WindowFile};
use super::problem::{Findings, Miss, Problem, Severity, quoted};
use super::values::{At, CategoryName, DateText, clock};
use super::{list_checks, networks, scan, traffic};
use crate::snapshot::WAYS_ROUND;
use jiff::civil::Date;
use model::{Host, Role};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

/// The posts that clause GOV-1 names.
const POSTS: [Role; 11] = [
    Role::Governor,
    Role::Headteacher,
    Role::SeniorLeader,
    Role::SafeguardingLead,
    Role::OnlineSafetyLead,
    Role::BusinessManager,
    Role::DataProtectionOfficer,
    Role::DataProtectionLead,
    Role::GovernanceProfessional,
    Role::Technician,
    Role::ClassTeacher,
];

/// Reports the mistakes between the parts of an edition, as far as they could be read.
pub(crate) fn check(rules: &RulesPart, findings: &mut Findings<'_>) {
    check_groups(rules, findings);
    check_membership(rules, findings);
    check_networks(rules, findings);
    for school in &rules.school {
        check_tightening(school, rules, findings);
    }
    for list in &rules.list {
        list_checks::check(list, findings);
    }
    for bypass in &rules.bypass {
        check_suffix(&bypass.host, findings);
    }
    for post in rules.post.iter().filter(|post| post.at == PostPlace::Trust && !rules.may_have_trust()) {
        let expected = "a post at \"school\", since there is no trust";
        findings.error(&post.role.span(), Miss::new(expected, "\"trust\""));
    }
    let mut reviews = HashSet::new();
    for review in rules.review.iter().filter(|review| !reviews.insert(&review.id.0)) {
        findings.error(&review.id.span(), Miss::new("an id that no other review has", quoted(&review.id.0)));
    }
}

/// Reports what an edition lacks; only one whose structure is sound can be asked.
pub(crate) fn check_complete(edition: &EditionFile, findings: &mut Findings<'_>) {
    let first_group: Range<usize> = edition.group.first().map_or(0..0, |group| group.id.span());
    let there: HashSet<String> =
        edition.group.iter().flat_map(members_of).map(|(member, _)| member).collect();
    let phases = edition.edition.phases.iter();
    let years = phases.flat_map(|phase| phase.years()).map(|year| format!("year group {year}"));
    let needed = ["the role staff", "the role guest"].map(str::to_owned).into_iter().chain(years);
    for member in needed.filter(|member| !there.contains(member)) {
        findings.error(&first_group, Miss::new(format!("a group whose members include {member}"), "none"));
    }
    let others = |role: &Role| !matches!(role, Role::Learner | Role::Staff | Role::Guest);
    let wanted = Role::ALL.into_iter().filter(others).map(|role| format!("the role {}", role.slug()));
    let kinds = ["server", "printer"].map(|kind| format!("equipment of the kind {kind}"));
    for member in wanted.chain(kinds).filter(|member| !there.contains(member)) {
        let found = "none, so that every group's denials count there";
        findings.warning(&first_group, Miss::new(format!("a group whose members include {member}"), found));
    }
    let mut terms = HashSet::new();
    for term in &edition.monitoring.term {
        if !terms.insert((term.words.0.to_lowercase(), term.theme.0)) {
            findings.error(
                &term.words.span(),
                Miss::new("a term that this theme has once", quoted(&term.words.0)),
            );
        }
    }
    if edition.list.is_empty() {
        let found = "no list: but for illegal content, only entries decide";
        findings.warning(&first_group, Miss::new("a list, such as the starter lists", found));
    }
    let held = |role: &Role| edition.post.iter().any(|post| post.role.0 == *role && post.required);
    for role in POSTS.into_iter().filter(|role| !held(role)) {
        let expected = format!("a required post for the role {}, which clause GOV-1 names", role.slug());
        findings.warning(&edition.edition.review_on.span(), Miss::new(expected, "none in this edition"));
    }
}

/// The dates of an edition, each with what is to be said once it has passed.
pub(crate) fn dated(edition: &EditionFile, findings: &Findings<'_>) -> Vec<(Date, Problem)> {
    let of = |date: &At<DateText>, what: &str| {
        let miss = Miss::new(format!("a date to come for {what}"), date.0.to_string());
        (date.0, findings.problem(&date.span(), Severity::Warning, miss))
    };
    let reviews =
        edition.review.iter().map(|review| of(&review.next, &format!("the review \"{}\"", review.what)));
    let documents = edition.document.iter();
    let documents =
        documents.map(|document| of(&document.review_on, &format!("the review of \"{}\"", document.title)));
    std::iter::once(of(&edition.edition.review_on, "this edition's review"))
        .chain(reviews)
        .chain(documents)
        .collect()
}

/// Where a window stands, and what it may do there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowPlace {
    /// In a group: it may open and close.
    Group,
    /// In a school's tightening: it may only close.
    Tightening,
}

/// Reports the mistakes of a window.
pub(crate) fn check_window(window: &WindowFile, place: WindowPlace, findings: &mut Findings<'_>) {
    if window.from.0 >= window.until.0 {
        let expected =
            format!("a time after {}; a window over midnight is written as two", clock(window.from.0));
        findings.error(&window.until.span(), Miss::new(expected, clock(window.until.0)));
    }
    let closes = window.close_everything.as_ref();
    if let Some(no) = closes.filter(|yes| !***yes) {
        findings.error(&no.span(), Miss::new("true, or the key left out", "false"));
    }
    let effects = [window.open.is_some(), window.close.is_some(), closes.is_some()];
    let count = effects.into_iter().filter(|given| *given).count();
    if count != 1 {
        let found = if count == 0 { "none of them" } else { "more than one" };
        findings.error(
            &window.name.span(),
            Miss::new("one of `open`, `close` and `close_everything` in this window", found),
        );
    }
    if place == WindowPlace::Tightening && window.open.is_some() {
        let expected =
            "a window that closes, since a school may tighten the trust's baseline and never loosen it";
        findings.error(&window.name.span(), Miss::new(expected, "a window that opens"));
    }
    if [&window.open, &window.close].into_iter().flatten().any(Vec::is_empty) {
        let expected = format!("at least one category in the window {}", quoted(&window.name));
        findings.error(&window.name.span(), Miss::new(expected, "none"));
    }
}

/// Reports what is odd about entries of one kind.
pub(crate) fn check_entries(entries: &[EntryFile], findings: &mut Findings<'_>) {
    let mut seen = HashSet::new();
    for entry in entries {
        let path = entry.path.as_ref().map_or("", |path| path.0.as_str());
        if !seen.insert((&entry.host.0, path)) {
            let found = quoted(&format!("{}{path}", entry.host.0));
            findings.warning(&entry.host.span(), Miss::new("each entry once", format!("{found} again")));
        }
        check_suffix(&entry.host, findings);
    }
}

fn check_suffix(host: &At<super::values::HostText>, findings: &mut Findings<'_>) {
    if let Host::Name(name) = &host.0
        && psl::suffix_str(name) == Some(name)
    {
        let expected = "a host below a public suffix, since everything registered there is covered";
        findings.warning(&host.span(), Miss::new(expected, quoted(name)));
    }
}

fn check_groups(rules: &RulesPart, findings: &mut Findings<'_>) {
    for group in &rules.group {
        check_categories(group, findings);
        check_entries(&group.allow, findings);
        check_entries(&group.deny, findings);
        check_paths(group, findings);
        traffic::check(group, &rules.bypass, findings);
        scan::check(group, findings);
        for window in &group.window {
            check_window(window, WindowPlace::Group, findings);
            check_opening(window, group, findings);
        }
        let members = &group.members;
        let has_people = !members.roles.is_empty() || !members.years.is_empty();
        if let (true, Some(kind)) = (has_people, members.equipment.first()) {
            let expected =
                "equipment in a group of its own, since its rules do not count for people who are not known";
            findings.error(
                &kind.span(),
                Miss::new(expected, format!("equipment among the people of {}", quoted(&group.id.0))),
            );
        }
        let named =
            rules.network.iter().filter_map(|network| network.group.as_ref()).any(|of| of.0 == group.id.0);
        if !has_people && members.equipment.is_empty() && !named {
            let expected = "members, or a network that names this group";
            findings
                .warning(&group.id.span(), Miss::new(expected, format!("nobody in {}", quoted(&group.id.0))));
        }
    }
}

fn check_categories(group: &GroupFile, findings: &mut Findings<'_>) {
    let blocked: Vec<CategoryName> = group.block.iter().map(|category| **category).collect();
    for category in &group.allow_categories {
        let found = quoted(category.0.slug());
        if blocked.contains(category) {
            let expected = "each category in `block` or in `allow_categories`; `block` is the stronger";
            findings.warning(&category.span(), Miss::new(expected, format!("{found} in both")));
        } else if group.default == DefaultChoice::Allow {
            let expected = "`allow_categories` where the default is to block; here it changes nothing";
            findings.warning(&category.span(), Miss::new(expected, found));
        }
    }
}

/// A window opens what is shut, and no way round the filter.
fn check_opening(window: &WindowFile, group: &GroupFile, findings: &mut Findings<'_>) {
    for category in window.open.iter().flatten() {
        let slug = category.0.slug();
        let is_shut =
            group.default == DefaultChoice::Block || group.block.iter().any(|shut| shut.0 == category.0);
        if WAYS_ROUND.contains(&slug) {
            let expected =
                "a category that a window can open; ways round the filter stay shut where they are blocked";
            findings.warning(&category.span(), Miss::new(expected, quoted(slug)));
        } else if !is_shut {
            let expected = "a category that is shut to this group; here the window changes nothing";
            findings.warning(&category.span(), Miss::new(expected, quoted(slug)));
        }
    }
}

/// A path is seen only inside a connection that is opened.
fn check_paths(group: &GroupFile, findings: &mut Findings<'_>) {
    if group.inspection == InspectionChoice::On {
        return;
    }
    for entry in group.allow.iter().chain(&group.deny).filter(|entry| entry.path.is_some()) {
        let expected = "a whole host, since this group's connections are not opened and a path is seen in plain HTTP alone";
        let found = entry.path.as_ref().map(|path| quoted(&path.0)).unwrap_or_default();
        findings.warning(&entry.host.span(), Miss::new(expected, format!("the path {found}")));
    }
}

/// Each role, year and kind of equipment belongs to one group.
fn check_membership(rules: &RulesPart, findings: &mut Findings<'_>) {
    let mut first: HashMap<String, &str> = HashMap::new();
    for group in &rules.group {
        for (member, span) in members_of(group) {
            if let Some(earlier) = first.get(member.as_str()) {
                let expected = format!("{member} in one group; the earlier, {}, counts", quoted(earlier));
                findings.warning(&span, Miss::new(expected, format!("it in {} too", quoted(&group.id.0))));
            } else {
                first.insert(member, group.id.0.as_str());
            }
        }
    }
}

/// The members of a group in words, and where each stands.
fn members_of(group: &GroupFile) -> impl Iterator<Item = (String, Range<usize>)> {
    let members = &group.members;
    let roles = members.roles.iter().map(|role| (format!("the role {}", role.0.slug()), role.span()));
    let years = members.years.iter().map(|year| (format!("year group {}", year.0), year.span()));
    let kinds = members.equipment.iter();
    let kinds = kinds.map(|kind| (format!("equipment of the kind {}", kind.0.slug()), kind.span()));
    roles.chain(years).chain(kinds)
}

fn check_networks(rules: &RulesPart, findings: &mut Findings<'_>) {
    let ranges =
        rules.network.iter().flat_map(|network| network.ranges.iter().map(move |range| (network, range)));
    let ranges: Vec<_> = ranges.collect();
    let mut seen: BTreeMap<ipnet::IpNet, &str> = BTreeMap::new();
    for (network, range) in &ranges {
        if let Some(earlier) = seen.insert(range.0, &network.id.0) {
            let expected = format!("a range that no other network has; {} has it", quoted(earlier));
            findings.error(&range.span(), Miss::new(expected, range.0.to_string()));
        }
        let around = ranges.iter().find(|(other, outer)| {
            other.school.0 != network.school.0 && networks::is_within(&range.0, &outer.0)
        });
        if let Some((other, outer)) = around {
            let expected =
                format!("a range outside {} of another school's network {}", outer.0, quoted(&other.id.0));
            findings.warning(&range.span(), Miss::new(expected, range.0.to_string()));
        }
    }
    if let Err(stuck) = networks::inner_first(&rules.network)
        && let Some(range) = rules.network.get(stuck).and_then(|network| network.ranges.first())
    {
        let expected = "networks of which one lies inside the other, or neither";
        let found = "two that each lie inside the other by different ranges";
        findings.error(&range.span(), Miss::new(expected, found));
    }
}

fn check_tightening(school: &SchoolFile, rules: &RulesPart, findings: &mut Findings<'_>) {
    let mut seen = HashSet::new();
    for tighten in &school.tighten {
        if !rules.may_have_trust() {
            let expected = "the rule in the group itself, since a lone school has no baseline to tighten";
            findings.error(&tighten.group.span(), Miss::new(expected, "a tightening"));
        }
        if !seen.insert(&tighten.group.0) {
            let found = format!("{} again", quoted(&tighten.group.0));
            findings.error(&tighten.group.span(), Miss::new("each group tightened once in a school", found));
        }
        for window in &tighten.window {
            check_window(window, WindowPlace::Tightening, findings);
        }
        check_entries(&tighten.deny, findings);
        if let Some(group) = rules.group.iter().find(|group| group.id.0 == tighten.group.0) {
            check_loosening(tighten, group, findings);
        }
    }
}

fn check_loosening(tighten: &TightenFile, group: &GroupFile, findings: &mut Findings<'_>) {
    let why = "since a school may tighten the trust's baseline and never loosen it";
    if let Some(default) = tighten.default.as_ref().filter(|default| ***default == DefaultChoice::Allow) {
        findings.error(&default.span(), Miss::new(format!("\"block\", {why}"), quoted(default.slug())));
    }
    if let Some(safe_search) = tighten.safe_search.as_ref().filter(|on| !***on) {
        findings.error(&safe_search.span(), Miss::new(format!("true, {why}"), "false"));
    }
    if let Some(youtube) = tighten.youtube.as_ref().filter(|youtube| ***youtube < group.youtube) {
        let stricter =
            YouTubeChoice::ALL.iter().filter(|choice| **choice >= group.youtube).map(|choice| choice.slug());
        let expected = format!("one of {}, {why}", stricter.collect::<Vec<_>>().join(", "));
        findings.error(&youtube.span(), Miss::new(expected, quoted(youtube.slug())));
    }
}
