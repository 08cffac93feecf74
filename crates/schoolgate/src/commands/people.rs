//! `schoolgate people`: people and their accounts from the command line.

use crate::cli::PeopleCommand;
use crate::commands::{at_the_machine, imports};
use crate::error::ProgramError;
use crate::folder::Folder;
use app::{AtMachine, Envelope, Move, NewPerson, TemporaryPassword};
use model::{Clock, Role, SchoolId, YearGroup};
use std::path::Path;

/// What is asked of accounts.
enum Asked<'a> {
    Add(NewPerson),
    Reset(&'a str),
    Administrator(&'a str),
}

pub(crate) async fn change(command: &PeopleCommand) -> Result<(), ProgramError> {
    match command {
        PeopleCommand::Add { login, name, role, school, reason, at } => {
            let (name, login, role) = (name.clone(), login.clone(), read_role(role)?);
            let school = school.as_deref().map(SchoolId::new);
            let new = NewPerson { name, login, role, year: None, school };
            make_password(&at.folder, Asked::Add(new), reason).await
        }
        PeopleCommand::Reset { login, reason, at } => {
            make_password(&at.folder, Asked::Reset(login), reason).await
        }
        PeopleCommand::Import(arguments) => imports::import(arguments).await,
        PeopleCommand::Rollover(arguments) => imports::roll_over(arguments).await,
        PeopleCommand::Administrator { login, reason, at } => {
            make_password(&at.folder, Asked::Administrator(login), reason).await
        }
        PeopleCommand::TakeFactors { login, reason, at } => take_factors(&at.folder, login, reason).await,
        PeopleCommand::Recovery { owners, renew, reason, at } => {
            fill_envelope(&at.folder, (owners, *renew), reason).await
        }
        PeopleCommand::Move { login, role, year, reason, at } => {
            let change = Move {
                login: login.clone(),
                role: read_role(role)?,
                year: read_year(year.as_deref())?,
                reason: reason.clone(),
            };
            let store = crate::gate::records(&at.folder, &Clock::System).await?;
            let moved = app::move_person(&store, &Clock::System, &at_the_machine(), change).await;
            moved.map_err(ProgramError::asked)?;
            store.close().await;
            crate::print("Done. A running gate takes it up within seconds.")
        }
    }
}

async fn make_password(folder: &Path, asked: Asked<'_>, reason: &str) -> Result<(), ProgramError> {
    let store = crate::gate::records(folder, &Clock::System).await?;
    let pepper = crate::gate::pepper(&Folder::existing(folder)?, &store).await?;
    let actor = at_the_machine();
    let machine = AtMachine { store: &store, clock: &Clock::System, pepper: &pepper, actor: &actor };
    let made = match asked {
        Asked::Add(new) => machine.add(new, reason).await,
        Asked::Reset(login) => machine.reset(login, reason).await,
        Asked::Administrator(login) => machine.give_administrator(login, reason).await,
    };
    let TemporaryPassword { login, secret, expires } = made.map_err(ProgramError::asked)?;
    store.close().await;
    let secret = secret.as_str();
    crate::print(&format!(
        "User name:   {login}\nPassword:    {secret}\nWorks until: {expires}\n\n\
         It is shown this once. Whoever gets it chooses one of their own when they sign in."
    ))
}

async fn take_factors(folder: &Path, login: &str, reason: &str) -> Result<(), ProgramError> {
    let store = crate::gate::records(folder, &Clock::System).await?;
    let pepper = crate::gate::pepper(&Folder::existing(folder)?, &store).await?;
    let actor = at_the_machine();
    let machine = AtMachine { store: &store, clock: &Clock::System, pepper: &pepper, actor: &actor };
    machine.take_factors(login, reason).await.map_err(ProgramError::asked)?;
    store.close().await;
    crate::print("Done. A running gate ends what they are signed in to within seconds.")
}

async fn fill_envelope(
    folder: &Path,
    (owners, renew): (&[String], Option<u32>),
    reason: &str,
) -> Result<(), ProgramError> {
    let store = crate::gate::records(folder, &Clock::System).await?;
    let pepper = crate::gate::pepper(&Folder::existing(folder)?, &store).await?;
    let actor = at_the_machine();
    let machine = AtMachine { store: &store, clock: &Clock::System, pepper: &pepper, actor: &actor };
    let filled = match renew {
        Some(number) => machine.renew_recovery(number, reason).await,
        None => machine.make_recovery(owners, reason).await,
    };
    let Envelope { login, secret, codes } = filled.map_err(ProgramError::asked)?;
    store.close().await;
    let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let secret = secret.as_str();
    crate::print(&format!(
        "User name:   {login}\nPassword:    {secret}\nCodes:       {}\n\n\
         It is shown this once. Print it, seal it, and put it into the safe of a senior leader. Each sign-in takes one code, \
         and every use of it alarms at once.",
        codes.join("\n             ")
    ))
}

fn read_role(text: &str) -> Result<Role, ProgramError> {
    Role::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.into_iter().map(Role::slug).collect();
        ProgramError::Question(format!("--role: expected one of {}, found {text}", known.join(", ")))
    })
}

fn read_year(text: Option<&str>) -> Result<Option<YearGroup>, ProgramError> {
    let read = |text: &str| {
        YearGroup::parse(text)
            .ok_or_else(|| ProgramError::Question(format!("--year: expected N, R or 1 to 13, found {text}")))
    };
    text.map(read).transpose()
}
