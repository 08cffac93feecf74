//! `schoolgate lists`: one file for each kind of question. What is asked for by a program comes as one JSON object; words
//! for people are on standard output too, progress and troubles on standard error.

mod build;
mod catalogue;
mod explain;
mod spoken;
mod status;
mod test;
mod update;
mod words;

use crate::cli::ListsCommand;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate::open_records;
use crate::gate_lists::Lists;
use app::{GoBack, InForce};
use model::{Clock, Host, ListId};
use policy::rules::ListSource;
use policy::{Image, Policy, Snapshot};
use serde_json::{Value, json};
use std::path::Path;
use store::Store;

pub(crate) async fn run(command: &ListsCommand) -> Result<(), ProgramError> {
    match command {
        ListsCommand::Update { only, accept, reason, output, at } => {
            update::update(&World::open(&at.folder).await?, (only, accept, reason), *output).await
        }
        ListsCommand::Build { policy, settings, output_file, home, output } => {
            let document = super::policy::read_files(policy, settings.as_deref())?;
            build::build(&document.policy, (output_file, home), *output).await
        }
        ListsCommand::Test { hosts, output, at } => {
            test::test(&World::open(&at.folder).await?, hosts, *output).await
        }
        ListsCommand::Diff { output, at } => update::diff(&World::open(&at.folder).await?, *output).await,
        ListsCommand::Explain { url, output, at } => {
            explain::explain(&World::open(&at.folder).await?, url, *output).await
        }
        ListsCommand::Rollback { revision, reason, output, at } => {
            roll_back(&World::open(&at.folder).await?, (revision, reason), output.json).await
        }
        ListsCommand::Catalogue { category, output } => catalogue::print(category.as_deref(), *output),
        ListsCommand::Status { output, at } => status::status(&World::open(&at.folder).await?, *output).await,
    }
}

/// A gate's folder, opened beside the gate that may be running on it.
struct World {
    folder: Folder,
    store: Store,
    in_force: InForce,
    lists: Lists,
    gate: Host,
    clock: Clock,
}

impl World {
    async fn open(path: &Path) -> Result<Self, ProgramError> {
        let clock = Clock::System;
        let folder = Folder::existing(path)?;
        let config = Config::read(&folder.config())?;
        let store = open_records(&folder, &config, &clock).await?;
        let in_force = app::approved_policy(&store).await.map_err(ProgramError::asked)?;
        let (lists, gate) = (Lists::new(&folder, &config, clock.clone())?, config.gate.host()?);
        Ok(Self { folder, store, in_force, lists, gate, clock })
    }

    fn policy(&self) -> &Policy {
        &self.in_force.document.policy
    }

    /// The image in force; without one there is nothing to look into.
    fn image(&self) -> Result<Image, ProgramError> {
        self.lists.current().ok_or_else(|| {
            ProgramError::Question(format!(
                "{}: no lists were built there yet; `schoolgate lists update --reason WHY --folder {}` does",
                self.folder.lists().display(),
                self.folder.path().display()
            ))
        })
    }

    /// The policy with the image in force.
    fn snapshot(&self) -> Result<Snapshot, ProgramError> {
        Ok(Snapshot::compile(self.policy().clone(), self.image()?, vec![self.gate.clone()]))
    }

    /// Lists of the policy, by the ids that were typed.
    fn named(&self, option: &str, typed: &[String]) -> Result<Vec<ListId>, ProgramError> {
        let known = &self.policy().lists;
        let find = |name: &String| {
            let found = known.iter().find(|list| list.id.as_str() == name);
            found.map(|list| list.id.clone()).ok_or_else(|| {
                let ids: Vec<&str> = known.iter().map(|list| list.id.as_str()).collect();
                ProgramError::Usage(format!("{option}: expected one of {}, found {name}", ids.join(", ")))
            })
        };
        typed.iter().map(find).collect()
    }

    fn sources(&self) -> &[ListSource] {
        &self.policy().lists
    }
}

async fn roll_back(world: &World, (revision, reason): (&str, &str), json: bool) -> Result<(), ProgramError> {
    let actor = super::at_the_machine();
    let back =
        GoBack { folder: world.folder.lists(), revision: revision.to_owned(), reason: reason.to_owned() };
    let went = app::roll_back_lists(&world.store, &world.clock, (&actor, world.policy()), back).await;
    world.store.close().await;
    let (image, change) = went.map_err(ProgramError::asked)?;
    if json {
        return print_json(&json!({
            "before": change.before, "after": change.after, "names": image.names(),
        }));
    }
    crate::print(&format!(
        "In force from now on: {}, with {} names; before: {}. A running gate takes it up within seconds.\n\
         From now on only lists of illegal content are read, until `schoolgate lists update --reason WHY` is typed.",
        change.after,
        image.names(),
        change.before
    ))
}

fn print_json(value: &Value) -> Result<(), ProgramError> {
    crate::print(&value.to_string())
}
