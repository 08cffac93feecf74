//! `lists explain`: every list that speaks of a host or page, and what each group gets, with the layer that decides.

use super::{World, print_json, spoken};
use crate::cli::OutputArguments;
use crate::error::ProgramError;
use model::{Ask, Channel, Layer, Outcome, Target, Verdict, Who};
use policy::Snapshot;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) async fn explain(world: &World, url: &str, output: OutputArguments) -> Result<(), ProgramError> {
    let what = app::target_of(url).map_err(|words| ProgramError::Usage(format!("{words}, found {url}")))?;
    let snapshot = world.snapshot()?;
    world.store.close().await;
    let entries = spoken::of(snapshot.image(), &what.host, what.path.as_deref());
    let verdicts = verdicts(&snapshot, &what, world);
    if output.json {
        return print_json(&json!({
            "host": what.host.to_string(),
            "path": what.path,
            "lists": entries.iter().map(spoken::as_json).collect::<Vec<Value>>(),
            "groups": verdicts.iter().map(|(group, verdict)| verdict_json(group, verdict)).collect::<Vec<_>>(),
        }));
    }
    let mut text = format!("{}{}\n\nLists:\n", what.host, what.path.as_deref().unwrap_or_default());
    if entries.is_empty() {
        text.push_str("  none speaks of it\n");
    }
    for entry in &entries {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {}", spoken::as_text(entry));
    }
    text.push_str("\nWhat decides, for each group now:\n");
    for (group, verdict) in &verdicts {
        let word = if verdict.outcome == Outcome::Allow { "allowed" } else { "BLOCKED" };
        let _ = writeln!(text, "  {word}  {group:<28} {}", verdict.reason.sentence(verdict.outcome));
    }
    crate::print(&text)
}

/// The verdict for each group of people, and for whoever is not known.
fn verdicts(snapshot: &Snapshot, what: &Target, world: &World) -> Vec<(String, Verdict)> {
    let at = world.clock.now();
    let groups =
        snapshot.policy().groups.iter().map(|group| (group.name.to_string(), Some(group.id.clone())));
    groups
        .chain([("whoever is not known".to_owned(), None)])
        .map(|(name, named_group)| {
            let who = Who { named_group, ..Who::default() };
            (name, snapshot.decide(&Ask { who, what: what.clone(), how: Channel::Explain, at }))
        })
        .collect()
}

fn verdict_json(group: &str, verdict: &Verdict) -> Value {
    let reason = &verdict.reason;
    let named = reason.layer != Layer::Illegal;
    json!({
        "group": group,
        "verdict": verdict.outcome.slug(),
        "layer": reason.layer.slug(),
        "category": reason.category.map(|category| category.slug()),
        "list": reason.list.as_ref().map(|line| json!({"id": line.list.as_str(), "line": line.line})),
        "entry": reason.entry.as_deref().filter(|_| named),
        "sentence": reason.sentence(verdict.outcome),
    })
}
