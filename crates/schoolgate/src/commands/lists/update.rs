//! `lists update` and `lists diff`: read everything, show what changes, and, where that is wanted, put it in force.

use super::{World, print_json, words};
use crate::cli::OutputArguments;
use crate::commands::at_the_machine;
use crate::error::ProgramError;
use crate::progress::Told;
use app::{Closing, ListsSwap, SwapBy};
use lists::{Cause, Look, Prepared};
use model::ListId;
use policy::{Image, Snapshot};
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

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
    let held: Vec<ListId> = prepared.report().held_back().map(|list| list.id.clone()).collect();
    if !held.is_empty() {
        let questions = troubles(&prepared);
        if output.json || !confirmed(&questions, "Take the new readings all the same?")? {
            return Err(not_accepted(&held, &questions));
        }
        accept.extend(held);
        // The folder is one update's at a time.
        drop(prepared);
        prepared = prepare(world, (look, accept.clone()), reason, output).await?;
    }
    let closing = closing(world, prepared.image())?;
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
    let closing = closing(world, prepared.image())?;
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

/// What would newly be blocked of what was used lately; `None` where nothing was in force before.
fn closing(world: &World, image: &Image) -> Result<Option<Closing>, ProgramError> {
    let Some(current) = world.lists.current() else { return Ok(None) };
    let now = world.clock.now();
    let used = app::sites_used(&world.folder.history(), now).map_err(ProgramError::asked)?;
    let before = Snapshot::compile(world.policy().clone(), current, vec![world.gate.clone()]);
    Ok(Some(app::closing(&before, image, &used, now)))
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

/// The sentences about what is held back.
fn troubles(prepared: &Prepared) -> Vec<String> {
    let alarms = |list: &lists::ListReport| {
        let held = list.alarms.iter().filter(|alarm| alarm.holds_back());
        held.map(|alarm| alarm.words(&list.name)).collect::<Vec<_>>()
    };
    prepared.report().held_back().flat_map(alarms).collect()
}

/// Asks on the terminal; without one nobody can say yes.
fn confirmed(troubles: &[String], question: &str) -> Result<bool, ProgramError> {
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !terminal {
        return Ok(false);
    }
    let failed = |source| ProgramError::File { file: "the terminal".into(), source };
    let mut out = std::io::stderr().lock();
    for trouble in troubles {
        writeln!(out, "{trouble}").map_err(failed)?;
    }
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn not_accepted(held: &[ListId], troubles: &[String]) -> ProgramError {
    let ids: Vec<&str> = held.iter().map(ListId::as_str).collect();
    ProgramError::Trouble(format!(
        "{}\nNothing was changed. To take the new readings, type the same with `--accept {}`.",
        troubles.join("\n"),
        ids.join(" ")
    ))
}
