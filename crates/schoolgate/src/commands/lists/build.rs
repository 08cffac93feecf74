//! `lists build`: an image of a policy's lists, without a gate.

use super::{print_json, words};
use crate::cli::OutputArguments;
use crate::error::ProgramError;
use crate::progress::Told;
use app::ListsPlace;
use lists::{Cause, Look, Schedule, Update};
use model::Clock;
use policy::Policy;
use std::path::{Path, PathBuf};

pub(super) async fn build(
    policy: &Policy,
    (image_file, home): (&Path, &Path),
    output: OutputArguments,
) -> Result<(), ProgramError> {
    // Beside the image, so that it can be put in its place by renaming; taken away at the end, whatever that is.
    let work = Work::beside(image_file)?;
    let place = ListsPlace { home: home.to_owned(), folder: work.0.clone(), schedule: Schedule::default() };
    let how = Update {
        secrets: home.join("secrets"),
        look: Look::All,
        cause: Cause::person(super::super::at_the_machine().to_string(), "an image without a gate"),
        ..Update::default()
    };
    let mut told = Told::new(output.json);
    let sources = place.sources(&policy.lists);
    let prepared =
        lists::prepare(&sources, &place.folder, &how, Clock::System.now(), &mut |step| told.step(&step))
            .await;
    told.end();
    let prepared = prepared.map_err(ProgramError::part("lists"))?;
    let (_, report) = prepared.swap().await.map_err(ProgramError::part("lists"))?;
    let made = place.folder.join("images").join(format!("{}.sgi", report.revision));
    std::fs::rename(&made, image_file).map_err(|source| ProgramError::file(image_file, source))?;
    if output.json {
        print_json(&words::report_json(&report))?;
    } else {
        crate::print(&format!("{}Written: {}", words::report(&report), image_file.display()))?;
    }
    match report.missing().as_slice() {
        [] => Ok(()),
        missing => Err(ProgramError::Trouble(format!(
            "The image lacks: {}. Put each file where the policy says, under {}, or make its address answer.",
            missing.join(", "),
            home.display()
        ))),
    }
}

/// A folder to work in, gone when dropped.
struct Work(PathBuf);

impl Work {
    fn beside(file: &Path) -> Result<Self, ProgramError> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.work", std::process::id()));
        let folder = file.with_file_name(name);
        std::fs::create_dir_all(&folder).map_err(|source| ProgramError::file(&folder, source))?;
        Ok(Self(folder))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a working folder stays behind");
        }
    }
}
