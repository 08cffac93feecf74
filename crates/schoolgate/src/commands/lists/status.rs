//! `lists status`: what is in force, when each list was read, what was left out, and what somebody should look at.

use super::{World, print_json, words};
use crate::cli::OutputArguments;
use crate::error::ProgramError;
use lists::{Heartbeat, Held, KeptImage};
use model::Timestamp;
use policy::rules::ListFormat;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) async fn status(world: &World, output: OutputArguments) -> Result<(), ProgramError> {
    let folder = world.folder.lists();
    let (place, now) = (world.lists.place(), world.clock.now());
    let sources = place.sources(world.sources());
    let beats = lists::heartbeats(&sources, &folder, &place.schedule, now);
    let (held, images) = (lists::held(&folder), lists::images(&folder));
    world.store.close().await;
    let report = images.first().and_then(|image| image.report.as_ref());
    let mut troubles: Vec<String> = held.iter().map(Held::words).collect();
    troubles.extend(report.map(lists::Report::troubles).unwrap_or_default());
    troubles.extend(images.is_empty().then(|| "No lists are in force yet.".to_owned()));
    if output.json {
        print_json(&json!({
            "troubles": troubles,
            "held_since": held.as_ref().map(|held| held.at.to_string()),
            "report": report.map(words::report_json),
            "sources": world.sources().iter().zip(&beats).map(|(source, beat)| json!({
                "id": source.id.as_str(),
                "from": app::where_from(source),
                "written_as": app::written_as(source.format),
                "last_good": beat.last_good.map(|at| at.to_string()),
                "due": due(source.format, beat, held.is_some()).map(|at| at.to_string()),
                "overdue": beat.is_overdue && source.format != ListFormat::Starter,
            })).collect::<Vec<Value>>(),
            "images": images.iter().map(image_json).collect::<Vec<_>>(),
        }))?;
    } else {
        crate::print(&as_text(world, &beats, held.as_ref(), &images))?;
    }
    match troubles.as_slice() {
        [] => Ok(()),
        some => Err(ProgramError::Trouble(some.join("\n"))),
    }
}

fn as_text(world: &World, beats: &[Heartbeat], held: Option<&Held>, images: &[KeptImage]) -> String {
    let mut text = String::new();
    for (source, beat) in world.sources().iter().zip(beats) {
        // Writing to a text cannot fail.
        let _ = writeln!(
            text,
            "{} ({}): {}. {}. Categories: {}",
            source.name,
            source.id,
            app::where_from(source),
            app::written_as(source.format),
            app::categories_of(source).join(", ")
        );
        if source.format == ListFormat::Starter {
            continue;
        }
        let read = beat.last_good.map_or("never".to_owned(), |at| at.to_string());
        let next = match due(source.format, beat, held.is_some()) {
            Some(at) => at.to_string(),
            None if held.is_some() => "not before `schoolgate lists update`".to_owned(),
            None => "at once".to_owned(),
        };
        let _ = writeln!(text, "    last read well: {read}; next: {next}");
        if let Some(failure) = &beat.failure {
            let _ = writeln!(text, "    the last look failed: {failure}");
        }
    }
    text.push('\n');
    if let Some(report) = images.first().and_then(|image| image.report.as_ref()) {
        text.push_str(&words::report(report));
    }
    text.push_str("\nKept, the one in force first:\n");
    for image in images {
        let _ = match &image.report {
            Some(report) => {
                writeln!(text, "  {}  {} names, put together {}", image.revision, report.names, report.at)
            }
            None => writeln!(text, "  {}", image.revision),
        };
    }
    text
}

fn due(format: ListFormat, beat: &Heartbeat, held: bool) -> Option<Timestamp> {
    let comes = format != ListFormat::Starter && !held && beat.due > Timestamp(0);
    comes.then_some(beat.due)
}

fn image_json(image: &KeptImage) -> Value {
    json!({
        "revision": image.revision,
        "in_force": image.is_current,
        "names": image.report.as_ref().map(|report| report.names),
        "built": image.report.as_ref().map(|report| report.at.to_string()),
        "why": image.report.as_ref().map(|report| report.cause.why.clone()),
    })
}
