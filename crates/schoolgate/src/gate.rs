//! A running gate: records, policy, lists, history, and then DNS, proxy and console, started in this order and stopped in
//! the other.
//!
//! Nothing listens before there is something to decide by: without an approved policy, or without lists, the gate does
//! not start.

use crate::cli::RunArguments;
use crate::config::Config;
use crate::edges::{Edges, Listening};
use crate::error::ProgramError;
use crate::folder::{Folder, read_or_make_secret};
use crate::gate_lists::Lists;
use crate::history_place;
use crate::narrow::Narrowed;
use crate::stops::Stops;
use crate::tasks::{self, Ground, Outside};
use crate::watch::{self, Recorder};
use app::{App, Health, InForce, Parts, Seals};
use identity::Pepper;
use model::{
    Clock, CurrentRoster, EventSender, HandedOut, Host, IdentityMap, Leaks, Suggestions, event_channel,
};
use policy::{CurrentSnapshot, Snapshot};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use store::{Place, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wire::SigningKey;

/// Events that may wait for the history: some seconds of a busy school.
const MOST_WAITING_EVENTS: usize = 16_384;

/// `schoolgate run`.
pub(crate) async fn run(arguments: &RunArguments, narrowed: Narrowed) -> Result<(), ProgramError> {
    let folder = Folder::existing(&arguments.folder)?;
    let mut stops = Stops::listen()?;
    let gate = tokio::select! {
        gate = Gate::start(folder, narrowed) => gate?,
        () = stops.asked() => return Ok(()),
    };
    gate.announce(arguments)?;
    gate.until_stopped(stops).await
}

/// What the records and the command line need; opened without starting anything.
pub(crate) async fn records(folder: &Path, clock: &Clock) -> Result<Store, ProgramError> {
    let folder = Folder::existing(folder)?;
    let config = Config::read(&folder.config())?;
    open_records(&folder, &config, clock).await
}

/// The records as they are, to be looked at alone: nothing is made or brought to another form.
pub(crate) async fn records_as_they_are(folder: &Folder) -> Result<Store, ProgramError> {
    let place = place_of_records(folder, &Config::read(&folder.config())?);
    Store::open_as_it_is(&place).await.map_err(ProgramError::part("records"))
}

pub(crate) async fn open_records(
    folder: &Folder,
    config: &Config,
    clock: &Clock,
) -> Result<Store, ProgramError> {
    let place = place_of_records(folder, config);
    Store::open(&place, clock.now()).await.map_err(ProgramError::part("records"))
}

fn place_of_records(folder: &Folder, config: &Config) -> Place {
    match config.store.postgres.as_str() {
        "" => Place::File(folder.records()),
        address => Place::Postgres(address.to_owned()),
    }
}

/// Everything that runs.
pub(crate) struct Gate {
    app: App,
    listening: Listening,
    stop: CancellationToken,
    tasks: TaskTracker,
    recorder: JoinHandle<()>,
    store: Store,
}

impl Gate {
    /// Starts everything; an error leaves nothing running.
    pub(crate) async fn start(folder: Folder, narrowed: Narrowed) -> Result<Self, ProgramError> {
        let clock = Clock::System;
        let config = Config::read(&folder.config())?;
        let store = open_records(&folder, &config, &clock).await?;
        let in_force = app::approved_policy(&store).await.map_err(ProgramError::asked)?;
        let lists = Lists::new(&folder, &config, clock.clone())?;
        let snapshot = Arc::new(first_snapshot(&config, &in_force, &lists, &store).await?);
        let history = history_place::open(&folder, &config)?;

        let zone = in_force.document.policy.time_zone.clone();
        let outside = Outside::read(&folder, &config, zone)?;
        let health = Arc::new(Health::new(clock.now()));
        let (events, receiver) = event_channel(MOST_WAITING_EVENTS);
        let recorder = Recorder {
            receiver,
            history: history.clone(),
            health: Arc::clone(&health),
            clock: clock.clone(),
            remembered: folder.monitoring(),
            snapshot: Arc::clone(&snapshot),
        };
        let (recorder, alerts) = recorder.start()?;
        let parts = Parts {
            store: store.clone(),
            history,
            snapshot: Arc::clone(&snapshot),
            roster: Arc::new(CurrentRoster::default()),
            identities: Arc::new(IdentityMap::default()),
            clock,
            pepper: pepper(&folder, &store).await?,
            health: Arc::clone(&health),
            own_hosts: own_hosts(&config)?,
            lists: lists.place().clone(),
            handed_out: Arc::default(),
            leaks: Arc::default(),
            suggestions: Arc::default(),
            seals: seals(&folder, &store).await?,
        };
        let deciding = Arc::clone(&snapshot);
        let shared = Shared::of(&parts, events);
        let ground = Ground::of(&parts);
        let app = App::start(parts, in_force).await.map_err(ProgramError::asked)?;
        config.passwords.breach_service()?.into_iter().for_each(|server| app.set_breach_service(server));
        // A history that cannot be reached keeps no gate from filtering; it is tried again each day, and the console says so.
        if let Err(error) = app.expire_history().await {
            tracing::error!(%error, "old history could not be taken away");
        }
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut edges = Edges::bind(&folder, &config, shared, app.clone()).await?;
        let listening = Listening { narrowed, ..edges.listening() };
        let logs = edges.take_log_events();
        edges.run(&tasks, &stop, &health);
        outside.start((app.clone(), ground), (config, listening.console.clone(), logs), (&tasks, &stop));
        let kept = tasks::Kept { lists, snapshot: deciding, store: store.clone(), health };
        tasks::start(&tasks, &stop, app.clone(), kept);
        tasks::locks::mind(&tasks, &stop, &app, folder.locks());
        watch::take_up(&tasks, &stop, app.clone(), alerts);
        tasks.close();
        Ok(Self { app, listening, stop, tasks, recorder, store })
    }

    /// Its use cases.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Its records.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Where it listens.
    pub(crate) fn listening(&self) -> &Listening {
        &self.listening
    }

    fn announce(&self, arguments: &RunArguments) -> Result<(), ProgramError> {
        if arguments.json {
            crate::print(&self.listening.as_json())
        } else {
            crate::print(&self.listening.as_text())
        }
    }

    /// Waits until somebody asks it to stop, then stops everything in order: edges first, the history last.
    pub(crate) async fn until_stopped(self, mut stops: Stops) -> Result<(), ProgramError> {
        tokio::select! {
            () = stops.asked() => {}
            // A part that ends by itself ends the gate: a service manager starts it whole again.
            () = self.stop.cancelled() => tracing::error!("a part of the gate ended; the gate stops"),
        }
        tracing::info!("stopping: answering what has begun, writing what has happened");
        let asked = !self.stop.is_cancelled();
        self.stop.cancel();
        self.tasks.wait().await;
        // Every sender of events is gone by now, so the recorder writes its last batch and ends.
        let recorder = tokio::task::spawn_blocking(move || self.recorder.join());
        let written = matches!(recorder.await, Ok(Ok(())));
        self.store.close().await;
        match (asked, written) {
            (true, true) => Ok(()),
            (_, false) => Err(ProgramError::Part { part: "history", words: "its writer ended early".into() }),
            (false, true) => {
                Err(ProgramError::Part { part: "gate", words: "a part of it ended by itself".into() })
            }
        }
    }
}

/// What the edges share with the use cases.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) snapshot: Arc<CurrentSnapshot>,
    pub(crate) roster: Arc<CurrentRoster>,
    pub(crate) identities: Arc<IdentityMap>,
    pub(crate) handed_out: Arc<HandedOut>,
    pub(crate) leaks: Arc<Leaks>,
    pub(crate) suggestions: Arc<Suggestions>,
    pub(crate) events: EventSender,
    pub(crate) clock: Clock,
}

impl Shared {
    fn of(parts: &Parts, events: EventSender) -> Self {
        Self {
            snapshot: Arc::clone(&parts.snapshot),
            roster: Arc::clone(&parts.roster),
            identities: Arc::clone(&parts.identities),
            handed_out: Arc::clone(&parts.handed_out),
            leaks: Arc::clone(&parts.leaks),
            suggestions: Arc::clone(&parts.suggestions),
            events,
            clock: parts.clock.clone(),
        }
    }
}

async fn first_snapshot(
    config: &Config,
    in_force: &InForce,
    lists: &Lists,
    store: &Store,
) -> Result<CurrentSnapshot, ProgramError> {
    let policy = in_force.document.policy.clone();
    let image = lists.first(store, &policy.lists).await?;
    Ok(CurrentSnapshot::new(Snapshot::compile(policy, image, own_hosts(config)?)))
}

fn own_hosts(config: &Config) -> Result<Vec<Host>, ProgramError> {
    Ok(vec![config.gate.host()?])
}

/// The pepper lies beside the records, in a file of its own: a copy of the records alone tells nothing of passwords.
///
/// It is made once. Where people are on record and it is gone, a new one would only lock everybody out.
pub(crate) async fn pepper(folder: &Folder, store: &Store) -> Result<Pepper, ProgramError> {
    let people = store.count_people().await.map_err(ProgramError::part("records"))?;
    if people > 0 && !folder.pepper().exists() {
        return Err(ProgramError::lost(&folder.pepper(), "nobody's password is right without it"));
    }
    let fresh =
        || Pepper::random().map(|pepper| pepper.as_bytes().to_vec()).map_err(ProgramError::part("pepper"));
    let bytes = read_or_make_secret(&folder.pepper(), fresh)?;
    Pepper::from_bytes(&bytes).map_err(ProgramError::part("pepper"))
}

/// The key lies beside the records as the pepper does. It is made once: where checkpoints are on record and it is gone,
/// a new one would only make every one of them another key's.
pub(crate) async fn seals(folder: &Folder, store: &Store) -> Result<Seals, ProgramError> {
    let file = folder.audit_key();
    if !file.exists() {
        for scope in store.audit_scopes().await.map_err(ProgramError::part("records"))? {
            let newest = store.newest_checkpoint(&scope).await.map_err(ProgramError::part("records"))?;
            if newest.is_some() {
                return Err(ProgramError::lost(&file, "nothing proves the audit log without it"));
            }
        }
    }
    let fresh = || SigningKey::fresh().map(|key| key.to_vec()).map_err(ProgramError::part("audit log"));
    let key = zeroize::Zeroizing::new(read_or_make_secret(&file, fresh)?);
    let key = SigningKey::read(&key).map_err(ProgramError::part("audit log"))?;
    Ok(Seals { key: Arc::new(key), noted: folder.audit_checkpoints(), packs: folder.packs() })
}
