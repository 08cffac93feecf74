//! `schoolgate people`: changes to people from the command line.

use crate::cli::PeopleCommand;
use crate::commands::at_the_machine;
use crate::error::ProgramError;
use app::Move;
use model::{Clock, Role, YearGroup};

pub(crate) async fn change(command: &PeopleCommand) -> Result<(), ProgramError> {
    let PeopleCommand::Move { login, role, year, reason, at } = command;
    let role = Role::parse(role).ok_or_else(|| {
        let known: Vec<&str> = Role::ALL.into_iter().map(Role::slug).collect();
        ProgramError::Question(format!("--role: expected one of {}, found {role}", known.join(", ")))
    })?;
    let year = year.as_deref().map(|text| {
        YearGroup::parse(text)
            .ok_or_else(|| ProgramError::Question(format!("--year: expected N, R or 1 to 13, found {text}")))
    });
    let change = Move { login: login.clone(), role, year: year.transpose()?, reason: reason.clone() };
    let store = crate::gate::records(&at.folder, &Clock::System).await?;
    app::move_person(&store, &Clock::System, &at_the_machine(), change).await.map_err(ProgramError::asked)?;
    store.close().await;
    crate::print("Done. A running gate takes it up within seconds.")
}
