//! `lists update` and `lists diff`: read everything, show what changes, and, where that is wanted, put it in force.
//!
//! Invariant: nobody else's update waits while a person thinks, and what they say yes to is what they were shown.

use super::{World, print_json, words};
use crate::cli::OutputArguments;
use crate::commands::at_the_machine;
use crate::error::ProgramError;
use crate::progress::Told;
use app::{Closing, ListsSwap, SwapBy};
use lists::{Alarm, Cause, Look, Prepared};
use model::ListId;
use policy::{Image, Snapshot};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;

/// `lists update`.
pub(super) async fn update(
    world: &World,
    (only, accept, reason): (&[String], &[String], &str),
    output: OutputArguments,
) -> Result<(), ProgramError> {
    if reason.trim().is_empty() {
        return Err(ProgramError::Usage("--reason: say why; it is recorded and shown".into()));
    }
    let mut accept = world.named("--accept", accept)?;
    let look = match world.named("--only", only)? {
        named if named.is_empty() => Look::All,
        named => Look::These(named),
    };
    let mut prepared = prepare(world, (look.clone(), accept.clone()), reason, output).await?;
    let shown = shown(&prepared, &look);
    if !shown.is_empty() {
        // The folder is one update's at a time, and an answer may be long in coming.
        drop(prepared);
        if output.json || !confirmed(&shown, "Take the new readings all the same?")? {
            return Err(not_accepted(&shown));
        }
        accept.extend(shown.iter().map(|shown| shown.list.clone()));
        prepared = prepare(world, (look, accept.clone()), reason, output).await?;
        if !shown.iter().all(|shown| shown.is_still_so(&prepared)) {
            return Err(ProgramError::Trouble(
                "The lists brought something else than what was shown. Nothing was changed; type the same again to see it."
                    .to_owned(),
            ));
        }
    }
    let closing = closing(world, prepared.image()).await;
    let (change, closing) = (change_of(world, &prepared, (accept, reason), &closing), closing);
    let (diff, actor) = (prepared.diff().clone(), at_the_machine());
    let by = SwapBy::Person(&actor, world.policy());
    let swapped = app::record_lists_swap(&world.store, &world.clock, by, &change, prepared.swap()).await;
    world.store.close().await;
    let swapped = swapped.and_then(|swapped| Ok(swapped?));
    let (_, report) = swapped.map_err(ProgramError::asked)?;
    if output.json {
        print_json(&json!({
            "before": change.before,
            "report": words::report_json(&report),
            "diff": diff,
            "closing": closing.as_ref().map(words::closing_json),
        }))?;
    } else {
        let closing = closing.as_ref().map(words::closing).unwrap_or_default();
        crate::print(&format!(
            "{}\n{}{closing}\nIn force from now on: {}; before: {}. A running gate takes it up within seconds.",
            words::report(&report),
            words::diff(&diff),
            change.after,
            if change.before.is_empty() { "nothing" } else { &change.before }
        ))?;
    }
    match report.troubles().len() {
        0 => Ok(()),
        count => Err(ProgramError::Trouble(format!(
            "The lists are in force, with {count} that somebody must look at: {}",
            report.troubles().join(" ")
        ))),
    }
}

/// `lists diff`.
pub(super) async fn diff(world: &World, output: OutputArguments) -> Result<(), ProgramError> {
    let prepared = prepare(world, (Look::All, Vec::new()), "a look at what would change", output).await?;
    let closing = closing(world, prepared.image()).await;
    world.store.close().await;
    if output.json {
        return print_json(&json!({
            "report": words::report_json(prepared.report()),
            "diff": prepared.diff(),
            "closing": closing.as_ref().map(words::closing_json),
        }));
    }
    let troubles: String =
        prepared.report().troubles().iter().map(|trouble| format!("! {trouble}\n")).collect();
    crate::print(&format!(
        "{}{troubles}{}Nothing was changed.",
        words::diff(prepared.diff()),
        closing.as_ref().map(words::closing).unwrap_or_default()
    ))
}

async fn prepare(
    world: &World,
    (look, accept): (Look, Vec<ListId>),
    reason: &str,
    output: OutputArguments,
) -> Result<Prepared, ProgramError> {
    let mut told = Told::new(output.json);
    let cause = Cause::person(at_the_machine().to_string(), reason.trim());
    let prepared = world
        .lists
        .prepare(world.sources(), (look, accept, cause), &mut |progress| told.step(&progress))
        .await;
    told.end();
    prepared.map_err(ProgramError::part("lists"))
}

/// What would newly be blocked of what was used lately; `None` where nothing was in force before, and where it could not
/// be counted.
async fn closing(world: &World, image: &Image) -> Option<Closing> {
    let current = world.lists.current()?;
    let before = Snapshot::compile(world.policy().clone(), current, vec![world.gate.clone()]);
    let counted = world.lists.closing(Arc::new(before), image.clone()).await;
    counted
        .inspect_err(
            |error| tracing::warn!(%error, "what this update of the lists closes could not be counted"),
        )
        .ok()
}

fn change_of(
    world: &World,
    prepared: &Prepared,
    (accept, reason): (Vec<ListId>, &str),
    closing: &Option<Closing>,
) -> ListsSwap {
    let before = lists::images(&world.folder.lists()).into_iter().next();
    ListsSwap {
        before: before.map(|image| image.revision).unwrap_or_default(),
        after: prepared.report().revision.to_string(),
        reason: reason.to_owned(),
        accepted: accept.iter().map(ToString::to_string).collect(),
        newly_blocked: closing.as_ref().map(|closing| closing.sites.len() + closing.illegal),
    }
}

/// Why a new reading is held back, as a person was told.
struct Shown {
    list: ListId,
    alarm: Alarm,
    words: String,
}

impl Shown {
    /// True when an update that takes the list's reading takes as many entries as was said.
    fn is_still_so(&self, prepared: &Prepared) -> bool {
        let Some(now) = prepared.diff().lists.iter().find(|list| list.id == self.list) else { return false };
        match self.alarm {
            Alarm::Shrank { before, after } => now.before == Some(before) && now.after == after,
            Alarm::Grew { new, .. } => now.added == new,
            Alarm::Silent { .. } | Alarm::TestFailed | Alarm::RulesLeftOut { .. } => false,
        }
    }
}

/// All that is held back of what was looked at.
fn shown(prepared: &Prepared, look: &Look) -> Vec<Shown> {
    let is_looked_at = |list: &&lists::ListReport| match look {
        Look::These(named) => named.contains(&list.id),
        Look::All | Look::Due => true,
    };
    let alarms = |list: &lists::ListReport| {
        let held = list.alarms.iter().filter(|alarm| alarm.holds_back());
        let shown = |alarm: &Alarm| Shown {
            list: list.id.clone(),
            alarm: alarm.clone(),
            words: alarm.words(&list.name),
        };
        held.map(shown).collect::<Vec<_>>()
    };
    prepared.report().held_back().filter(is_looked_at).flat_map(alarms).collect()
}

/// Asks on the terminal; without one nobody can say yes.
fn confirmed(shown: &[Shown], question: &str) -> Result<bool, ProgramError> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !terminal {
        return Ok(false);
    }
    let failed = |source| ProgramError::File { file: "the terminal".into(), source };
    let mut out = std::io::stderr().lock();
    for Shown { words, .. } in shown {
        writeln!(out, "{words}").map_err(failed)?;
    }
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn not_accepted(shown: &[Shown]) -> ProgramError {
    let ids: Vec<&str> = shown.iter().map(|shown| shown.list.as_str()).collect();
    let words: Vec<&str> = shown.iter().map(|shown| &*shown.words).collect();
    ProgramError::Trouble(format!(
        "{}\nNothing was changed. To take the new readings, type the same with `--accept {}`.",
        words.join("\n"),
        ids.join(" ")
    ))
}
