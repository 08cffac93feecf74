//! Reports and differences in words and as JSON. Of a list of illegal content nothing is said but counts.

use app::{Closing, DAYS_LOOKED_BACK};
use lists::{Diff, ListReport, Report, SourceState};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// So many sites are named.
const MOST_SITES: usize = 20;

/// What an update changes, a line a list.
pub(super) fn diff(diff: &Diff) -> String {
    let mut text = String::new();
    let changed = diff.lists.iter().filter(|list| list.added > 0 || list.removed > 0);
    for list in changed {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{}: {} entries, {} new, {} gone{}",
            list.name,
            list.after,
            list.added,
            list.removed,
            if list.before.is_none() { " (nothing of it was in force before)" } else { "" }
        );
        if !list.samples.is_empty() {
            let _ = writeln!(text, "    new: {}", list.samples.join(", "));
        }
    }
    for name in &diff.gone {
        let _ = writeln!(text, "{name}: no list of the policy any more, its entries go");
    }
    if text.is_empty() { "No list gains or loses an entry.\n".to_owned() } else { text }
}

/// What would newly be blocked of what was used.
pub(super) fn closing(closing: &Closing) -> String {
    let sites = closing.sites.len() + closing.illegal;
    let mut text = match sites {
        0 => format!(
            "It newly blocks none of the {} sites used here in {DAYS_LOOKED_BACK} days.\n",
            closing.used
        ),
        1 => {
            format!("It newly blocks 1 of the {} sites used here in {DAYS_LOOKED_BACK} days:\n", closing.used)
        }
        more => {
            format!(
                "It newly blocks {more} of the {} sites used here in {DAYS_LOOKED_BACK} days:\n",
                closing.used
            )
        }
    };
    for site in closing.sites.iter().take(MOST_SITES) {
        let category = site.category.map_or("not in a category", |category| category.title());
        let list = site.list.as_ref().map(|list| format!(", list {list}")).unwrap_or_default();
        let _ = writeln!(
            text,
            "    {} (asked for {} times): {category}{list}, for {}",
            site.host,
            site.times,
            site.groups.join(", ")
        );
    }
    if closing.sites.len() > MOST_SITES {
        let _ = writeln!(text, "    and {} more", closing.sites.len() - MOST_SITES);
    }
    if closing.illegal > 0 {
        let _ = writeln!(
            text,
            "    {} as illegal content: not named here; ask the safeguarding lead to look at the history",
            closing.illegal
        );
    }
    if closing.in_part {
        text.push_str("    Not everything that was used could be looked at.\n");
    }
    text
}

pub(super) fn closing_json(closing: &Closing) -> Value {
    json!({
        "days": DAYS_LOOKED_BACK,
        "sites_used": closing.used,
        "in_part": closing.in_part,
        "illegal": closing.illegal,
        "newly_blocked": closing.sites.iter().map(|site| json!({
            "host": site.host.to_string(),
            "times": site.times,
            "category": site.category.map(|category| category.slug()),
            "list": site.list.as_ref().map(|list| list.as_str()),
            "groups": site.groups,
        })).collect::<Vec<_>>(),
    })
}

/// What became of each list.
pub(super) fn report(report: &Report) -> String {
    let mut text = format!("Revision {}: {} names\n", report.revision, report.names);
    for list in &report.lists {
        let _ = writeln!(text, "{:<28} {:>9} names  {}", list.name, list.names, state(&list.state));
        for (reason, count) in &list.dropped {
            let _ = writeln!(text, "    left out: {count} ({reason})");
        }
        if list.is_illegal {
            continue;
        }
        if !list.first_dropped.is_empty() {
            let lines = list.first_dropped.iter().map(|line| format!("{} ({})", line.line, line.why));
            let _ = writeln!(text, "    first lines: {}", lines.collect::<Vec<_>>().join(", "));
        }
        for refusal in &list.refused {
            let name = refusal.name.as_deref().unwrap_or_default();
            let _ = writeln!(text, "    refused: {name}, line {} ({})", refusal.line, refusal.why);
        }
    }
    for trouble in report.troubles() {
        let _ = writeln!(text, "! {trouble}");
    }
    text
}

pub(super) fn report_json(report: &Report) -> Value {
    json!({
        "revision": &*report.revision,
        "names": report.names,
        "troubles": report.troubles(),
        "lists": report.lists.iter().map(list_json).collect::<Vec<_>>(),
    })
}

fn list_json(list: &ListReport) -> Value {
    let first = list.first_dropped.iter().filter(|_| !list.is_illegal);
    let refused = list.refused.iter().filter(|_| !list.is_illegal);
    json!({
        "id": list.id.as_str(),
        "name": &*list.name,
        "names": list.names,
        "entries": list.entries,
        "illegal": list.is_illegal,
        "state": match &list.state {
            SourceState::Fresh => "fresh",
            SourceState::Copy { .. } => "copy",
            SourceState::Missing { .. } => "missing",
        },
        "alarms": list.alarms.iter().map(|alarm| alarm.words(&list.name)).collect::<Vec<_>>(),
        "left_out": list.dropped.iter().map(|(reason, count)| json!({"why": &**reason, "count": count}))
            .collect::<Vec<_>>(),
        "first_left_out": first.map(|line| json!({"line": line.line, "why": &*line.why})).collect::<Vec<_>>(),
        "refused": refused.map(|refusal| json!({
            "name": refusal.name.as_deref(), "line": refusal.line, "why": &*refusal.why,
        })).collect::<Vec<_>>(),
    })
}

fn state(state: &SourceState) -> String {
    match state {
        SourceState::Fresh => "read".to_owned(),
        SourceState::Copy { since, .. } => format!("from the copy of {}", since.day()),
        SourceState::Missing { .. } => "MISSING".to_owned(),
    }
}
