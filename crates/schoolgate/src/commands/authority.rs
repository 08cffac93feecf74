//! `schoolgate authority`: the inspection authority, its successor, and the files for devices.

use crate::authority::{finish, is_half_finished, load, save_next};
use crate::cli::{AuthorityCommand, FolderArguments};
use crate::commands::at_the_machine;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use app::AuthorityChange;
use model::{Clock, Timestamp};
use proxy::{CertificateAuthority, roll_out_packs};
use std::fmt::Write as _;
use std::path::Path;

pub(crate) async fn run(command: &AuthorityCommand) -> Result<(), ProgramError> {
    match command {
        AuthorityCommand::Show { at } => show(&Folder::existing(&at.folder)?),
        AuthorityCommand::Pack { out, at } => pack(&Folder::existing(&at.folder)?, out),
        AuthorityCommand::Rotate { from, reason, at } => rotate(from, reason, at).await,
        AuthorityCommand::Finish { reason, at } => complete(reason, at).await,
    }
}

fn show(folder: &Folder) -> Result<(), ProgramError> {
    let authorities = load(folder)?;
    let mut text = described("In use", &authorities.current);
    if let Some((next, from)) = &authorities.next {
        let title = match *from <= Clock::System.now() {
            true => format!("Took over on {from}"),
            false => format!("Takes over on {from}"),
        };
        text.push_str(&described(&title, next));
    }
    crate::print(&text)
}

fn described(title: &str, authority: &CertificateAuthority) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = writeln!(text, "{title}\n  valid until {}", authority.not_after());
    let _ = writeln!(text, "  SHA-256     {}", authority.fingerprint());
    text
}

fn pack(folder: &Folder, out: &Path) -> Result<(), ProgramError> {
    let config = Config::read(&folder.config())?;
    let authorities = load(folder)?;
    let next = authorities.next.as_ref().map(|(next, _)| next);
    let all: Vec<&CertificateAuthority> = std::iter::once(&authorities.current).chain(next).collect();
    for file in roll_out_packs(&all, &config.gate.organisation) {
        let path = out.join(&file.path);
        let above = path.parent().unwrap_or(out);
        std::fs::create_dir_all(above).map_err(|source| ProgramError::file(above, source))?;
        std::fs::write(&path, &file.bytes).map_err(|source| ProgramError::file(&path, source))?;
    }
    crate::print(&format!("Done. READ-ME.txt in {} says what each file is for.", out.display()))
}

async fn rotate(from: &str, reason: &str, at: &FolderArguments) -> Result<(), ProgramError> {
    let folder = Folder::existing(&at.folder)?;
    let config = Config::read(&folder.config())?;
    let now = Clock::System.now();
    let moment = Timestamp::parse(from).or_else(|| Timestamp::parse(&format!("{from}T00:00:00Z")));
    let from = moment.filter(|from| *from > now).ok_or_else(|| {
        ProgramError::Question(format!("--from: expected a date to come, such as 2026-12-20, found {from}"))
    })?;
    if load(&folder)?.next.is_some() {
        return Err(ProgramError::Question(
            "A next authority was made already. `schoolgate authority show` shows it.".to_owned(),
        ));
    }
    let day: String = from.to_string().chars().take(10).collect();
    let name = format!("{} web filter from {day}", config.gate.organisation);
    let next =
        CertificateAuthority::create(&name, now).map_err(ProgramError::part("certificate authority"))?;
    let change = AuthorityChange::Next { fingerprint: next.fingerprint(), from };
    record(at, change, reason).await?;
    save_next(&folder, &next, from)?;
    crate::print(&format!(
        "Done. A running gate knows of it in a second. Write the files for devices with `schoolgate authority pack`, and\n\
         put both certificates on every device before {from}."
    ))
}

async fn complete(reason: &str, at: &FolderArguments) -> Result<(), ProgramError> {
    let folder = Folder::existing(&at.folder)?;
    if !is_half_finished(&folder) {
        let Some((next, from)) = load(&folder)?.next else {
            return Err(ProgramError::Question(
                "There is no next authority. `schoolgate authority rotate` makes one.".to_owned(),
            ));
        };
        if from > Clock::System.now() {
            return Err(ProgramError::Question(format!(
                "The next authority takes over on {from}, not before."
            )));
        }
        record(at, AuthorityChange::Finished { fingerprint: next.fingerprint() }, reason).await?;
    }
    finish(&folder)?;
    crate::print(
        "Done. Restart the gate when nobody needs it, for the certificate of its console, and take the old certificate off the\n\
         devices.",
    )
}

async fn record(at: &FolderArguments, change: AuthorityChange, reason: &str) -> Result<(), ProgramError> {
    let store = crate::gate::records(&at.folder, &Clock::System).await?;
    app::record_authority_change(&store, &Clock::System, &at_the_machine(), change, reason)
        .await
        .map_err(ProgramError::asked)?;
    store.close().await;
    Ok(())
}
