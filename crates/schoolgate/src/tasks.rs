//! What the gate does by the clock: take up changes made at the command line, look at the lists again, let old history go.

use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use app::{App, Health};
use lists::{Fetch, ListError, Report};
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

    /// The image to start with: the one in force or, where that lacks a list of the policy, a new one. Without one of its
    /// lists a policy would let through what it says it blocks, so the gate does not start then.
    pub(crate) async fn first(&self, sources: &[ListSource]) -> Result<Image, ProgramError> {
        let held = lists::open_current(&self.folder).filter(|image| lists::holds(image, sources));
        if let Some(image) = held {
            return Ok(image);
        }
        let (image, report) = match self.update(sources).await {
            Err(ListError::WouldBeLost { lists }) => return Err(absent(&lists.join(", "))),
            updated => updated.map_err(ProgramError::part("lists"))?,
        };
        let missing = report.missing();
        if missing.is_empty() { Ok(image) } else { Err(absent(&missing.join(", "))) }
    }

    async fn update(&self, sources: &[ListSource]) -> Result<(Image, Report), ListError> {
        let at = self.clock.now();
        let sources: Vec<ListSource> = sources.iter().map(|source| self.at_home(source)).collect();
        let (image, report) = lists::update(&sources, &self.folder, &self.fetch, at, &mut |_| ()).await?;
        tracing::info!(names = report.names, lists = report.lists.len(), "the lists were read");
        Ok((image, report))
    }

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
    let stop = stop.clone();
    tasks.spawn(async move { keep_fresh(&stop, &app, &lists, &health).await });
}

/// Looks at the lists' sources again and again, and at once when a policy with other lists comes into force. What has begun
/// is left when the gate stops: a download may take minutes, and an image goes in force whole or not at all.
async fn keep_fresh(stop: &CancellationToken, app: &App, lists: &Lists, health: &Health) {
    let mut clock = interval(lists.every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = clock.tick() => {}
            () = app.lists_changed() => tracing::info!("the policy names other lists; they are read now"),
        }
        if stop.run_until_cancelled(refresh(app, lists, health)).await.is_none() {
            return;
        }
    }
}

async fn refresh(app: &App, lists: &Lists, health: &Health) {
    let in_force = app.in_force();
    match lists.update(&in_force.document.policy.lists).await {
        Ok((image, report)) => {
            app.put_lists(image);
            let troubles = report.troubles();
            health.lists_trouble((!troubles.is_empty()).then(|| troubles.join(" ")));
        }
        Err(error) => {
            tracing::error!(%error, "the lists could not be updated; those in force stay");
            health.lists_trouble(Some(for_screens(&error)));
        }
    }
}

/// What a screen says of an update that failed; the error's own words name files of the machine.
fn for_screens(error: &ListError) -> String {
    match error {
        ListError::WouldBeLost { lists } => format!(
            "Neither the source nor a copy could be read of: {}. The lists from before still count.",
            lists.join(", ")
        ),
        _ => "They could not be put together; those from before still count, and the technician's log says why.".into(),
    }
}

fn absent(names: &str) -> ProgramError {
    ProgramError::Part {
        part: "lists",
        words: format!(
            "expected a source or a copy of each list of the policy, found neither for {names}. Put its file where the \
             policy says or make its address answer, or approve a policy without it; the log says what went wrong"
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Host, ListId, Timestamp};

    fn lists(home: &std::path::Path) -> Lists {
        let (home, folder) = (home.to_owned(), home.join("lists"));
        Lists { home, folder, every: HOUR, fetch: Fetch::default(), clock: Clock::fixed(Timestamp(0)) }
    }

    fn source(name: &str) -> ListSource {
        let (id, category) = (ListId::new(name), Category::parse("games"));
        let (format, folders) = (ListFormat::Domains, Vec::new());
        ListSource {
            id,
            name: name.into(),
            format,
            source: format!("{name}.txt").into(),
            category,
            folders,
            subscription: policy::rules::Subscription::default(),
        }
    }

    #[tokio::test]
    async fn a_gate_starts_with_every_list_of_its_policy_or_says_which_is_missing() {
        let home = tempfile::tempdir().unwrap();
        let gate = lists(home.path());
        let knows = |image: &Image, host: &str| !image.lookup(&Host::parse(host).unwrap()).is_empty();
        std::fs::write(home.path().join("one.txt"), "one.example\n").unwrap();
        let image = gate.first(&[source("one")]).await.unwrap();
        assert!(knows(&image, "one.example") && knows(&image, "illegal-test.schoolgate.test"));

        let both = [source("one"), source("two")];
        let refused = gate.first(&both).await.unwrap_err().to_string();
        assert!(refused.contains("found neither for two. Put its file"), "{refused}");
        let again = gate.first(&both).await.unwrap_err().to_string();
        assert_eq!(again, refused, "what is in the folder by now does not stand in for it");
        std::fs::write(home.path().join("two.txt"), "two.example\n").unwrap();
        let image = gate.first(&both).await.unwrap();
        assert!(
            knows(&image, "one.example") && knows(&image, "two.example"),
            "the image in force had but one"
        );

        std::fs::remove_file(home.path().join("one.txt")).unwrap();
        std::fs::remove_dir_all(home.path().join("lists/sources")).unwrap();
        assert!(knows(&gate.first(&both).await.unwrap(), "one.example"), "what is held needs no source");
        let three = [source("one"), source("two"), source("three")];
        let refused = gate.first(&three).await.unwrap_err().to_string();
        assert!(refused.contains("for one"), "{refused}");
    }
}
