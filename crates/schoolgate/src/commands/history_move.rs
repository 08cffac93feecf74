//! `schoolgate history move`: copies the history from one of its places to the other. What is in use is the configuration's to
//! say, before and after; nothing is removed here.

use crate::cli::MoveArguments;
use crate::commands::at_the_machine;
use crate::config::{Config, HistoryPlace};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::history_place;
use app::HistoryMove;
use history::{History, MovedDay, move_history};
use model::Clock;

pub(crate) async fn run(arguments: &MoveArguments) -> Result<(), ProgramError> {
    let MoveArguments { to, reason, at } = arguments;
    let folder = Folder::existing(&at.folder)?;
    let config = Config::read(&folder.config())?;
    let from = match to {
        HistoryPlace::Folder => HistoryPlace::Clickhouse,
        HistoryPlace::Clickhouse => HistoryPlace::Folder,
    };
    // Both are open for as long as it takes: the folder is locked, so that no gate writes to it.
    let places =
        (history_place::open_at(&folder, &config, from)?, history_place::open_at(&folder, &config, *to)?);
    let store = crate::gate::open_records(&folder, &config, &Clock::System).await?;
    let change = HistoryMove { from: from.slug(), to: to.slug() };
    let noted = app::record_history_move(&store, &Clock::System, &at_the_machine(), change, reason).await;
    store.close().await;
    noted.map_err(ProgramError::asked)?;
    let copied = tokio::task::spawn_blocking(move || copy(&places.0, &places.1)).await;
    let copied = copied.map_err(ProgramError::part("history"))??;
    crate::print(&copied.words(*to, config.history.place))?;
    match copied.unreadable {
        0 => Ok(()),
        unreadable => Err(ProgramError::Trouble(format!(
            "{unreadable} events cannot be read where they lie, and are in no copy: keep what they lie in"
        ))),
    }
}

/// What came of it.
#[derive(Default)]
struct Copied {
    days: usize,
    events: u64,
    held_days: usize,
    were_there: usize,
    unreadable: u64,
}

impl Copied {
    fn add(&mut self, moved: &MovedDay) {
        match moved.hold {
            None => {
                self.days += 1;
                self.events += moved.events;
            }
            Some(_) => self.held_days += 1,
        }
        self.were_there += usize::from(moved.was_there);
        self.unreadable += moved.unreadable;
    }

    fn words(&self, to: HistoryPlace, in_use: HistoryPlace) -> String {
        let Self { days, events, held_days, were_there, .. } = self;
        let next = if in_use == to {
            format!("The gate uses it already: history.place is \"{}\".", to.slug())
        } else {
            format!(
                "Now set place = \"{}\" under [history] in schoolgate.toml, and start the gate. What lies in the former place \
                 stays until you remove it.",
                to.slug()
            )
        };
        format!(
            "{days} days with {events} events, and {held_days} days of holds, are the same in both places; {were_there} of them \
             were there before.\n{next}"
        )
    }
}

fn copy(from: &History, to: &History) -> Result<Copied, ProgramError> {
    let mut copied = Copied::default();
    let moved = move_history(from, to, &mut |moved| {
        copied.add(moved);
        let MovedDay { day, events, was_there, .. } = moved;
        tracing::info!(%day, events, was_there, held = moved.hold.is_some(), "a day is the same in both places");
    });
    moved.map(|()| copied).map_err(ProgramError::part("history"))
}
