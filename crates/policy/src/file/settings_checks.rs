//! Checks of a settings revision: that it belongs to its edition, and keeps within what the edition lets it change.

use super::checks::{WindowPlace, check_entries, check_window};
use super::edition::{GroupChange, RulesPart, SettingsFile, WindowFile};
use super::list_checks;
use super::problem::{Findings, Miss, quoted};
use super::values::RoleName;
use std::ops::Range;

/// Reports every mistake of a settings revision whose structure is sound.
pub(crate) fn check(
    settings: &SettingsFile,
    rules: &RulesPart,
    edition_hash: &str,
    findings: &mut Findings<'_>,
) {
    check_edition(settings, rules, edition_hash, findings);
    for change in &settings.group {
        check_change(change, settings, rules, findings);
    }
    let bounds = &rules.bounds;
    for list in &settings.list {
        list_checks::check(list, findings);
        if let Some(rewrites) = list.rewrites.as_ref().filter(|rewrites| ***rewrites) {
            let expected = "`rewrites` in an edition alone: a list that sends people elsewhere is for whoever approves that";
            findings.error(&rewrites.span(), Miss::new(expected, "it in a settings revision"));
        }
        Approval { what: "further lists", posts: &bounds.lists, at: list.id.span() }
            .check(settings, findings);
    }
    for tighten in &settings.tighten {
        if !rules.may_have_trust() {
            let expected = "the rule in a group, since a lone school has no baseline to tighten";
            findings.error(&tighten.group.span(), Miss::new(expected, "a tightening"));
        }
        for window in &tighten.window {
            check_window(window, WindowPlace::Tightening, findings);
        }
        check_entries(&tighten.deny, findings);
        let what = "what a school tightens";
        Approval { what, posts: &bounds.deny_entries, at: tighten.group.span() }.check(settings, findings);
    }
}

fn check_edition(settings: &SettingsFile, rules: &RulesPart, hash: &str, findings: &mut Findings<'_>) {
    let page = &settings.settings;
    let Some(edition) = &rules.edition else { return };
    let (title, version) = (&edition.title, &edition.version);
    for (given, right, what) in
        [(&page.edition_title, title, "title"), (&page.edition_version, version, "version")]
    {
        if **given != *right {
            let miss = Miss::new(format!("the {what} of the edition"), quoted(given));
            findings.error(&given.span(), miss.nearest(Some(right.clone())));
        }
    }
    if page.edition_hash.0 != hash {
        let miss = Miss::new("the SHA-256 of the edition's bytes", quoted(&page.edition_hash.0));
        findings.error(&page.edition_hash.span(), miss.nearest(Some(hash.to_owned())));
    }
}

fn check_change(
    change: &GroupChange,
    settings: &SettingsFile,
    rules: &RulesPart,
    findings: &mut Findings<'_>,
) {
    let bounds = &rules.bounds;
    check_entries(&change.allow, findings);
    check_entries(&change.deny, findings);
    if let Some(entry) = change.allow.first() {
        let what = "further allow entries";
        Approval { what, posts: &bounds.allow_entries, at: entry.host.span() }.check(settings, findings);
    }
    let denied = change.deny.first().map(|entry| entry.host.span());
    let closed = change.close_ways.first().map(|way| way.span());
    let shut = closed.or(change.block_files.first().map(|kind| kind.span()));
    if let Some(at) = denied.or(change.block.first().map(|category| category.span())).or(shut) {
        let what = "further deny entries, blocked categories, closed ways and kinds of files";
        Approval { what, posts: &bounds.deny_entries, at }.check(settings, findings);
    }
    for window in &change.window {
        check_window(window, WindowPlace::Group, findings);
        check_new_window(window, settings, rules, findings);
    }
}

fn check_new_window(
    window: &WindowFile,
    settings: &SettingsFile,
    rules: &RulesPart,
    findings: &mut Findings<'_>,
) {
    let bounds = &rules.bounds;
    let Some(open) = &window.open else {
        let what = "further windows that close";
        Approval { what, posts: &bounds.close_windows, at: window.name.span() }.check(settings, findings);
        return;
    };
    let what = "further windows that open";
    Approval { what, posts: &bounds.open_windows, at: window.name.span() }.check(settings, findings);
    for category in open.iter().filter(|category| !bounds.may_open.iter().any(|may| may.0 == category.0)) {
        let may: Vec<&str> = bounds.may_open.iter().map(|may| may.0.slug()).collect();
        let expected = match may.is_empty() {
            true => "a new edition, since this one lets a window open nothing".to_owned(),
            false => format!("a category that the edition's bounds let a window open: {}", may.join(", ")),
        };
        findings.error(&category.span(), Miss::new(expected, quoted(category.0.slug())));
    }
}

/// What a settings revision does, and the posts whose approval the edition asks for it.
struct Approval<'a> {
    what: &'static str,
    posts: &'a [RoleName],
    at: Range<usize>,
}

impl Approval<'_> {
    fn check(&self, settings: &SettingsFile, findings: &mut Findings<'_>) {
        let approved_by = &settings.settings.approved_by;
        if self.posts.is_empty() {
            let expected = format!("a new edition, since the bounds of this one allow no {}", self.what);
            findings.error(&self.at, Miss::new(expected, "them in a settings revision"));
        } else if !self.posts.iter().any(|post| post.0 == approved_by.0) {
            let posts: Vec<&str> = self.posts.iter().map(|post| post.0.slug()).collect();
            let expected = format!("approval for {} by one of {}", self.what, posts.join(", "));
            findings.error(&approved_by.span(), Miss::new(expected, quoted(approved_by.0.slug())));
        }
    }
}
