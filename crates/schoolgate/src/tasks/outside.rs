//! What goes on with the world outside beside requests: logs that come in, messages that leave, silence that is seen.

use super::{logs, messages, silence};
use crate::config::Config;
use crate::edges::{LogEvents, ways_out};
use crate::error::ProgramError;
use crate::folder::Folder;
use app::{App, ListsPlace, Parts, Recipient};
use history::History;
use intake::{Detectors, Privileges, Scans, SchoolHours};
use jiff::tz::TimeZone;
use model::{Clock, CurrentRoster};
use notify::Notifier;
use std::sync::Arc;
use store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the configuration says of it, read and checked.
pub(crate) struct Outside {
    notifier: Arc<Notifier>,
    recipients: Vec<Recipient>,
    hours: SchoolHours,
}

/// What it works with.
pub(crate) struct Ground {
    store: Store,
    history: History,
    lists: ListsPlace,
    roster: Arc<CurrentRoster>,
    clock: Clock,
}

impl Ground {
    /// What of the use cases' parts it works with.
    pub(crate) fn of(parts: &Parts) -> Self {
        Self {
            store: parts.store.clone(),
            history: parts.history.clone(),
            lists: parts.lists.clone(),
            roster: Arc::clone(&parts.roster),
            clock: parts.clock.clone(),
        }
    }
}

impl Outside {
    /// Reads what the configuration says; `zone`: of school hours.
    pub(crate) fn read(folder: &Folder, config: &Config, zone: TimeZone) -> Result<Self, ProgramError> {
        let (notifier, recipients) = ways_out(folder, config)?;
        let hours = config.silence.hours(zone)?;
        Ok(Self { notifier: Arc::new(notifier), recipients, hours })
    }

    /// Starts it; `console`: the console's address, `logs`: what their listeners hear, where there are some.
    pub(crate) fn start(
        self,
        (app, ground): (App, Ground),
        (config, console, logs): (Config, String, Option<LogEvents>),
        (tasks, stop): (&TaskTracker, &CancellationToken),
    ) {
        let Ground { store, history, lists, roster, clock } = ground;
        let Self { notifier, recipients, hours } = self;
        app.set_recipients(recipients.clone());
        let leaving = messages::Messages {
            app: app.clone(),
            store,
            clock: clock.clone(),
            notifier: Arc::clone(&notifier),
            recipients,
            organisation: config.gate.organisation,
            console,
        };
        tasks.spawn(messages::send(leaving, stop.clone()));
        let seen = logs.as_ref().map(|logs| Arc::clone(&logs.seen));
        if let Some(logs) = logs {
            let accounts = config.logs.privileged_accounts.iter().map(String::as_str);
            let detectors =
                Detectors::new(Scans::new(config.logs.busy.iter().copied()), Privileges::new(accounts));
            let desk =
                logs::Desk { app: app.clone(), roster, clock: clock.clone(), detectors, shelf: logs.shelf };
            tasks.spawn(logs::detect(logs.events, desk));
        }
        let watch = silence::Watch {
            app,
            clock,
            history,
            lists,
            notifier,
            logs: config.logs,
            seen,
            silence: config.silence,
            hours,
        };
        tasks.spawn(silence::look(watch, stop.clone()));
    }
}
