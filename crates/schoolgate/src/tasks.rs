//! What the gate does by the clock: take up changes made at the command line, look at the lists again, let old history go.

use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use app::{App, Health};
use lists::Fetch;
use model::Clock;
use policy::Image;
use policy::rules::{ListFormat, ListSource};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How soon a change at the command line is in force.
const TAKE_UP: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The lists' folder, and how often their sources are looked at.
pub(crate) struct Lists {
    /// Where sources that are no whole path are looked for: the gate's own folder.
    home: PathBuf,
    folder: PathBuf,
    every: Duration,
    fetch: Fetch,
    clock: Clock,
}

impl Lists {
    pub(crate) fn new(folder: &Folder, config: &Config, clock: Clock) -> Result<Self, ProgramError> {
        if config.lists.refresh_hours == 0 {
            return Err(ProgramError::Question("lists.refresh_hours: expected 1 or more, found 0".into()));
        }
        let every = HOUR * u32::from(config.lists.refresh_hours);
        Ok(Self {
            home: folder.path().to_owned(),
            folder: folder.lists(),
            every,
            fetch: Fetch::default(),
            clock,
        })
    }

    /// The image to start with: the one in force, or, where there is none, a new one.
    pub(crate) async fn first(&self, sources: &[ListSource]) -> Result<Image, ProgramError> {
        match lists::open_current(&self.folder) {
            Some(image) => Ok(image),
            None => self.update(sources).await.map_err(ProgramError::part("lists")),
        }
    }

    async fn update(&self, sources: &[ListSource]) -> Result<Image, lists::ListError> {
        let at = self.clock.now();
        let sources: Vec<ListSource> = sources.iter().map(|source| self.at_home(source)).collect();
        let (image, report) = lists::update(&sources, &self.folder, &self.fetch, at, &mut |_| ()).await?;
        tracing::info!(names = report.names, lists = report.lists.len(), "the lists were read");
        Ok(image)
    }
}

impl Lists {
    fn at_home(&self, source: &ListSource) -> ListSource {
        let is_file = source.format != ListFormat::Starter && !source.source.contains("://");
        match is_file.then(|| self.home.join(&*source.source)) {
            Some(path) => ListSource { source: path.display().to_string().into(), ..source.clone() },
            None => source.clone(),
        }
    }
}

/// Starts the clockwork.
pub(crate) fn start(
    tasks: &TaskTracker,
    stop: &CancellationToken,
    app: App,
    lists: Lists,
    health: Arc<Health>,
) {
    let take_up = app.clone();
    tasks.spawn(every(TAKE_UP, stop.clone(), move || {
        let app = take_up.clone();
        async move {
            if let Err(error) = app.take_up_changes().await {
                tracing::error!(%error, "changes in the records could not be taken up");
            }
        }
    }));
    let expire = app.clone();
    tasks.spawn(every(DAY, stop.clone(), move || {
        let app = expire.clone();
        async move {
            if let Err(error) = app.expire_history().await {
                tracing::error!(%error, "old history could not be taken away");
            }
        }
    }));
    let (period, lists) = (lists.every, Arc::new(lists));
    tasks.spawn(every(period, stop.clone(), move || {
        refresh(app.clone(), Arc::clone(&lists), Arc::clone(&health))
    }));
}

async fn refresh(app: App, lists: Arc<Lists>, health: Arc<Health>) {
    let in_force = app.in_force();
    match lists.update(&in_force.document.policy.lists).await {
        Ok(image) => {
            app.put_lists(image);
            health.lists_trouble(None);
        }
        Err(error) => {
            tracing::error!(%error, "the lists could not be updated; those in force stay");
            health.lists_trouble(Some(error.to_string()));
        }
    }
}

/// Does something again and again until it is told to stop; what has begun is finished.
async fn every<F: Future<Output = ()>>(
    period: Duration,
    stop: CancellationToken,
    mut task: impl FnMut() -> F,
) {
    let mut clock = interval(period);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => task().await,
        }
    }
}
