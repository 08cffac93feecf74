//! `schoolgate policy`: check, show, propose, approve.

use crate::cli::{DocumentArguments, FolderArguments};
use crate::commands::at_the_machine;
use crate::error::ProgramError;
use app::Proposal;
use model::Clock;
use policy::Policy;
use policy::file::{Document, Problem, SourceText, read};
use policy::rules::{ListFormat, ListSource};
use std::path::Path;

pub(crate) fn check(document: &DocumentArguments, home: Option<&Path>) -> Result<(), ProgramError> {
    let read = read_document(document)?;
    let policy = &read.policy;
    let warnings = read.warnings.iter().map(ToString::to_string).chain(missing_files(policy, home));
    crate::print(&format!(
        "{}{}: no mistakes. Groups: {}, networks: {}, lists: {}. Hash {}",
        warnings.map(|warning| format!("{warning}\n")).collect::<String>(),
        document.edition.display(),
        policy.groups.len(),
        policy.networks.len(),
        policy.lists.len(),
        policy.hash
    ))
}

pub(crate) fn show(document: &DocumentArguments, html: bool) -> Result<(), ProgramError> {
    let read = read_document(document)?;
    crate::print(&if html { policy::show::html(&read) } else { policy::show::text(&read) })
}

pub(crate) async fn propose(
    document: &DocumentArguments,
    reason: &str,
    at: &FolderArguments,
) -> Result<(), ProgramError> {
    let proposal = Proposal {
        edition: named_text(&document.edition)?,
        settings: document.settings.as_deref().map(named_text).transpose()?,
        reason: reason.to_owned(),
    };
    let missing = missing_files(&read_document(document)?.policy, Some(&at.folder));
    let store = crate::gate::records(&at.folder, &Clock::System).await?;
    let proposed = app::propose_policy(&store, &Clock::System, &at_the_machine(), proposal).await;
    store.close().await;
    let proposed = proposed.map_err(ProgramError::asked)?;
    crate::print(&format!(
        "{}Proposed {}\nIt is kept and changes nothing yet. To put it in force without the approval screens:\n  \
         schoolgate policy approve {} --reason \"...\" --folder {}",
        proposed.warnings.iter().chain(&missing).map(|warning| format!("{warning}\n")).collect::<String>(),
        proposed.hash,
        proposed.hash.as_str().get(..8).unwrap_or_default(),
        at.folder.display()
    ))
}

pub(crate) async fn approve(hash: &str, reason: &str, at: &FolderArguments) -> Result<(), ProgramError> {
    let store = crate::gate::records(&at.folder, &Clock::System).await?;
    let approved = app::approve_policy(&store, &Clock::System, &at_the_machine(), hash, reason).await;
    let in_force = app::approved_policy(&store).await;
    store.close().await;
    let hash = approved.map_err(ProgramError::asked)?;
    let policy = in_force.map_err(ProgramError::asked)?.document.policy;
    crate::print(&format!(
        "{}In force from now on: {hash}. A running gate takes it up within seconds.",
        missing_files(&policy, Some(&at.folder))
            .iter()
            .map(|warning| format!("{warning}\n"))
            .collect::<String>()
    ))
}

/// A sentence for each list whose file is not there. What a list's address answers is not asked: that is `lists diff`'s.
/// Relative paths start from the gate's folder; without one they are not looked for.
fn missing_files(policy: &Policy, home: Option<&Path>) -> Vec<String> {
    let is_missing = |source: &&ListSource| {
        let is_file = source.format != ListFormat::Starter && !source.source.contains("://");
        let path = Path::new(&*source.source);
        let whole = if path.is_absolute() { Some(path.to_owned()) } else { home.map(|home| home.join(path)) };
        is_file && whole.is_some_and(|path| !path.exists())
    };
    let missing = policy.lists.iter().filter(is_missing);
    let words = |source: &ListSource| {
        format!(
            "warning: list {}: {} is not there; put it there before the policy decides, or the gate has no such list",
            source.id, source.source
        )
    };
    missing.map(words).collect()
}

fn named_text(file: &Path) -> Result<(String, String), ProgramError> {
    Ok((file.display().to_string(), text_of(file)?))
}

/// Reads a document and its settings revision; the error is every mistake, a line each.
pub(crate) fn read_files(edition: &Path, settings: Option<&Path>) -> Result<Document, ProgramError> {
    let edition_text = text_of(edition)?;
    let settings_text = settings.map(text_of).transpose()?;
    let edition_name = edition.display().to_string();
    let settings_name = settings.map(|file| file.display().to_string()).unwrap_or_default();
    let settings = settings_text.as_ref().map(|text| SourceText { name: &settings_name, text });
    read(&SourceText { name: &edition_name, text: &edition_text }, settings.as_ref())
        .map_err(|problems| mistakes(&problems))
}

fn read_document(document: &DocumentArguments) -> Result<Document, ProgramError> {
    read_files(&document.edition, document.settings.as_deref())
}

fn text_of(file: &Path) -> Result<String, ProgramError> {
    std::fs::read_to_string(file).map_err(|source| ProgramError::file(file, source))
}

fn mistakes(problems: &[Problem]) -> ProgramError {
    ProgramError::Policy(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}
