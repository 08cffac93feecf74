//! A gate's lists: where they lie, how they are read, and the image to start with. The gate's clockwork and the command
//! line both work through this.

use crate::config::{self, Config};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::history_place::Used;
use app::{AppError, Closing, ListsPlace, ListsSwap, SwapBy};
use lists::{Cause, Fetch, ListError, Look, Prepared, Progress, Report, Schedule, Update};
use model::{Category, Clock, Host, ListId};
use policy::rules::{ListFormat, ListSource};
use policy::{Image, Snapshot};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// So long is counted what an update closes; then it goes in force without the count.
const COUNTED_WITHIN: Duration = Duration::from_secs(30);

/// The lists of one gate.
pub(crate) struct Lists {
    place: ListsPlace,
    secrets: PathBuf,
    fetch: Fetch,
    /// The school's own hosts, which no list may block.
    own: Vec<Host>,
    /// What was used here, to see what an update closes.
    history: Used,
    counted_within: Duration,
    /// One count of the history at a time: one that came late may still be under way.
    counting: Arc<Semaphore>,
    clock: Clock,
}

/// Why it is not known what other lists would close.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Uncounted {
    /// It took too long.
    #[error("expected the history to be read within {limit_s} seconds")]
    Late { limit_s: u64 },
    /// Another count is under way.
    #[error("expected one count of the history at a time, found another under way")]
    Another,
    /// The history could not be read.
    #[error(transparent)]
    History(#[from] AppError),
    /// There was no thread for it.
    #[error(transparent)]
    Thread(#[from] ListError),
}

/// Why an update of the gate's own did not take place.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmade {
    /// The lists could not be read, built or written.
    #[error(transparent)]
    Lists(#[from] ListError),
    /// It could not be recorded.
    #[error(transparent)]
    Records(#[from] AppError),
}

impl Lists {
    pub(crate) fn new(folder: &Folder, config: &Config, clock: Clock) -> Result<Self, ProgramError> {
        if config.lists.refresh_hours == 0 {
            return Err(ProgramError::Question("lists.refresh_hours: expected 1 or more, found 0".into()));
        }
        let schedule = Schedule {
            refresh_hours: config.lists.refresh_hours,
            seed: seed(&config.gate.name, config.gate.id),
        };
        Ok(Self {
            place: ListsPlace { home: folder.path().to_owned(), folder: folder.lists(), schedule },
            secrets: folder.secrets(),
            fetch: Fetch::default(),
            own: own_hosts(config)?,
            history: Used::of(folder, config)?,
            counted_within: COUNTED_WITHIN,
            counting: Arc::new(Semaphore::new(1)),
            clock,
        })
    }

    /// Where they lie.
    pub(crate) fn place(&self) -> &ListsPlace {
        &self.place
    }

    /// The image in force, where there is one.
    pub(crate) fn current(&self) -> Option<Image> {
        lists::open_current(&self.place.folder)
    }

    /// Reads the lists and builds their image beside the one in force.
    pub(crate) async fn prepare(
        &self,
        sources: &[ListSource],
        (look, accept, cause): (Look, Vec<model::ListId>, Cause),
        on_progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Prepared, ListError> {
        let how = Update {
            fetch: self.fetch.clone(),
            secrets: self.secrets.clone(),
            schedule: self.place.schedule,
            look,
            own: self.own.clone(),
            accept,
            cause,
        };
        let sources = self.place.sources(sources);
        lists::prepare(&sources, &self.place.folder, &how, self.clock.now(), on_progress).await
    }

    /// The image to start with: the one in force or, where that lacks a list of the policy, a new one. Without one of its
    /// lists a policy would let through what it says it blocks, so the gate does not start then.
    pub(crate) async fn first(&self, store: &Store, sources: &[ListSource]) -> Result<Image, ProgramError> {
        app::note_unrecorded_lists(store, &self.clock, &self.place.folder)
            .await
            .map_err(ProgramError::asked)?;
        // A person went back to what is held, whatever the policy says; every screen says so.
        let went_back = lists::held(&self.place.folder).is_some();
        let report = lists::last_report(&self.place.folder);
        let held = self.current().filter(|image| went_back || lists::holds(image, report.as_ref(), sources));
        if let Some(image) = held {
            return Ok(image);
        }
        let (image, report) = match self.update(store, (sources, None), "the lists to start with").await {
            Err(Unmade::Lists(ListError::WouldBeLost { lists })) => return Err(absent(&lists.join(", "))),
            updated => updated.map_err(ProgramError::part("lists"))?,
        };
        let missing = report.missing();
        if missing.is_empty() { Ok(image) } else { Err(absent(&missing.join(", "))) }
    }

    /// The gate's own update: reads what is due, puts it in force, and records that other lists are. `deciding`: by what the
    /// sites are counted that the update newly blocks; `None` where nothing decides yet.
    pub(crate) async fn update(
        &self,
        store: &Store,
        (sources, deciding): (&[ListSource], Option<Arc<Snapshot>>),
        why: &str,
    ) -> Result<(Image, Report), Unmade> {
        let before = lists::images(&self.place.folder).into_iter().next().map(|image| image.revision);
        let prepared = self.prepare(sources, (Look::Due, Vec::new(), Cause::schedule()), &mut |_| ()).await?;
        let after = prepared.report().revision.to_string();
        let (image, report) = if before.as_deref() == Some(&after) {
            prepared.swap().await?
        } else {
            let newly_blocked = self.newly_blocked(deciding, &prepared).await;
            let change = ListsSwap {
                before: before.unwrap_or_default(),
                after,
                reason: why.to_owned(),
                accepted: Vec::new(),
                newly_blocked,
            };
            app::record_lists_swap(store, &self.clock, SwapBy::Gate, &change, prepared.swap()).await??
        };
        tracing::info!(names = report.names, lists = report.lists.len(), "the lists were read");
        Ok((image, report))
    }

    /// How many sites that were used in the last days an update would close. No update waits long for that, and one that
    /// changes what is illegal not at all.
    async fn newly_blocked(&self, deciding: Option<Arc<Snapshot>>, prepared: &Prepared) -> Option<usize> {
        let before = deciding.filter(|_| !changes_illegal(prepared))?;
        match self.closing(before, prepared.image().clone()).await {
            Ok(closing) => Some(closing.sites.len() + closing.illegal),
            Err(error) => {
                tracing::warn!(%error, "what an update of the lists closes could not be counted");
                None
            }
        }
    }

    /// What other lists would close of what was used in the last days: counted behind whatever else the machine does, and
    /// for a bounded time.
    pub(crate) async fn closing(&self, before: Arc<Snapshot>, after: Image) -> Result<Closing, Uncounted> {
        let turn = Arc::clone(&self.counting).try_acquire_owned().map_err(|_| Uncounted::Another)?;
        let (history, now) = (self.history.clone(), self.clock.now());
        let count = move || {
            let _turn = turn;
            let used = history.sites(now)?;
            Ok::<_, AppError>(app::closing(&before, &after, &used, now))
        };
        match timeout(self.counted_within, lists::in_background(count)).await {
            Ok(counted) => Ok(counted??),
            Err(_) => Err(Uncounted::Late { limit_s: self.counted_within.as_secs() }),
        }
    }

    /// True when a source is to be looked at now. What ships with the program changes with the program alone; once somebody
    /// went back, only lists of illegal content are read.
    pub(crate) fn is_due(&self, sources: &[ListSource]) -> bool {
        let went_back = lists::held(&self.place.folder).is_some();
        let goes_on = |source: &&ListSource| !went_back || source.category == Some(Category::ILLEGAL);
        let read =
            sources.iter().filter(|source| source.format != ListFormat::Starter).filter(goes_on).cloned();
        let read = self.place.sources(&read.collect::<Vec<_>>());
        let now = self.clock.now();
        let beats = lists::heartbeats(&read, &self.place.folder, &self.place.schedule, now);
        beats.iter().any(|beat| beat.due <= now)
    }
}

/// The school's own hosts and zones.
fn own_hosts(config: &Config) -> Result<Vec<Host>, ProgramError> {
    let dns = &config.dns;
    let local = dns.local_zones.iter().map(|zone| ("dns.local_zones", zone));
    let private = dns.private_suffixes.iter().map(|suffix| ("dns.private_suffixes", suffix));
    let forwarded = dns.forward.iter().map(|forward| ("dns.forward.zone", &forward.zone));
    let encrypted = Some(("dns.encrypted.name", &dns.encrypted.name)).filter(|(_, name)| !name.is_empty());
    let zones = local.chain(private).chain(forwarded).chain(encrypted);
    // A zone may be written with a dot before it.
    let zones = zones.map(|(key, zone)| config::host(key, zone.trim_start_matches('.')));
    let named = config.listed_hosts()?.into_keys().chain(zones.collect::<Result<Vec<_>, _>>()?);
    // A test host stands for its category, whoever answers for it.
    let is_test = |host: &Host| host.name().is_some_and(|name| name.ends_with(".schoolgate.test"));
    Ok(named.filter(|host| !is_test(host)).chain([config.gate.host()?]).collect())
}

/// True when an update changes what is illegal: that waits for nothing.
fn changes_illegal(prepared: &Prepared) -> bool {
    let (lists, diff) = (&prepared.report().lists, prepared.diff());
    let mut changed = diff.lists.iter().filter(|list| list.added > 0 || list.removed > 0);
    let is_illegal = |id: &ListId| lists.iter().any(|list| list.id == *id && list.is_illegal);
    changed.any(|list| is_illegal(&list.id))
}

/// A number for the gate, the same after each start, so that gates look at public servers at different moments.
fn seed(name: &str, id: u16) -> u64 {
    name.bytes().fold(u64::from(id), |number, byte| number.rotate_left(7) ^ u64::from(byte))
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

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;
    use std::fmt::Write as _;
    use store::Place;

    fn lists(home: &std::path::Path) -> Lists {
        Lists {
            place: ListsPlace {
                home: home.to_owned(),
                folder: home.join("lists"),
                schedule: Schedule::default(),
            },
            secrets: home.join("secrets"),
            fetch: Fetch::default(),
            own: Vec::new(),
            history: Used::Folder(home.join("history"), model::GateId(1)),
            counted_within: COUNTED_WITHIN,
            counting: Arc::new(Semaphore::new(1)),
            clock: Clock::fixed(Timestamp(1_000_000_000_000)),
        }
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
        let store = Store::open(&Place::Memory, Timestamp(0)).await.unwrap();
        let gate = lists(home.path());
        let knows = |image: &Image, host: &str| !image.lookup(&Host::parse(host).unwrap()).is_empty();
        std::fs::write(home.path().join("one.txt"), "one.example\n").unwrap();
        let image = gate.first(&store, &[source("one")]).await.unwrap();
        assert!(knows(&image, "one.example") && knows(&image, "illegal-test.schoolgate.test"));
        assert!(!gate.is_due(&[source("one")]), "what was just read is not read again at the first tick");
        assert!(gate.is_due(&[source("two")]), "what never was is");

        let both = [source("one"), source("two")];
        let refused = gate.first(&store, &both).await.unwrap_err().to_string();
        assert!(refused.contains("found neither for two. Put its file"), "{refused}");
        std::fs::write(home.path().join("two.txt"), "two.example\n").unwrap();
        let image = gate.first(&store, &both).await.unwrap();
        assert!(knows(&image, "one.example") && knows(&image, "two.example"), "the one in force had but one");
        let facts = store.facts_of(&model::Scope::Trust, "change-lists", 10).await.unwrap();
        let after = facts[0].details().get("after").cloned();
        assert_eq!(after.as_deref(), Some(&**image.revision()), "what goes in force is recorded");

        let why = Cause::person("A. Technician", "two closes too much");
        lists::roll_back(&gate.place.folder, None, why, Timestamp(0)).await.unwrap();
        let image = gate.first(&store, &both).await.unwrap();
        assert!(!knows(&image, "two.example"), "what somebody went back to is what a gate starts with");
        assert!(!gate.is_due(&[source("never-read")]));
        let illegal = ListSource { category: Some(Category::ILLEGAL), ..source("never-read") };
        assert!(gate.is_due(&[illegal]));
        let how = (Look::All, Vec::new(), Cause::person("A. Technician", "it is right"));
        gate.prepare(&both, how, &mut |_| ()).await.unwrap().swap().await.unwrap();

        std::fs::remove_file(home.path().join("one.txt")).unwrap();
        std::fs::remove_dir_all(home.path().join("lists/sources")).unwrap();
        assert!(
            knows(&gate.first(&store, &both).await.unwrap(), "one.example"),
            "what is held needs no source"
        );
        let three = [source("one"), source("two"), source("three")];
        let refused = gate.first(&store, &three).await.unwrap_err().to_string();
        assert!(refused.contains("for one"), "{refused}");
    }

    #[tokio::test]
    async fn an_update_that_does_not_come_into_force_is_recorded_as_that_alone_and_one_that_does_with_what_it_closes()
     {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Memory, Timestamp(0)).await.unwrap();
        let gate = lists(home.path());
        std::fs::write(home.path().join("one.txt"), "one.example\n").unwrap();
        let first = gate.first(&store, &[source("one")]).await.unwrap();
        let facts = async |action| store.facts_of(&model::Scope::Trust, action, 10).await.unwrap();
        assert_eq!(facts("change-lists").await.len(), 1);

        std::fs::write(home.path().join("two.txt"), "two.example\n").unwrap();
        let both = [source("one"), source("two")];
        let in_the_way = home.path().join(format!("lists/current.{}.new", std::process::id()));
        std::fs::create_dir(&in_the_way).unwrap();
        let failed = gate.update(&store, (&both, None), "by schedule").await;
        assert!(matches!(failed, Err(Unmade::Lists(ListError::Write { .. }))), "{failed:?}");
        assert_eq!(facts("change-lists").await.len(), 1, "no fact says what did not happen");
        assert_eq!(facts("change-lists-failed").await.len(), 1);
        assert_eq!(gate.current().unwrap().revision(), first.revision());

        std::fs::remove_dir(&in_the_way).unwrap();
        let (history, _) = history::History::open(&home.path().join("history"), model::GateId(1)).unwrap();
        drop(history);
        let school = policy_in_force();
        let deciding = Arc::new(Snapshot::compile(school, first, Vec::new()));
        gate.update(&store, (&both, Some(deciding)), "by schedule").await.unwrap();
        let newest = facts("change-lists").await[0].details();
        assert_eq!((newest["how"].as_str(), newest["newly_blocked"].as_str()), ("schedule", "0"));
    }

    #[tokio::test]
    async fn an_update_does_not_wait_for_a_history_that_cannot_be_read_and_one_of_illegal_content_not_at_all()
    {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Memory, Timestamp(0)).await.unwrap();
        let gate = Lists { counted_within: Duration::from_millis(20), ..lists(home.path()) };
        std::fs::write(home.path().join("one.txt"), "one.example\n").unwrap();
        let first = gate.first(&store, &[source("one")]).await.unwrap();
        let deciding = Some(Arc::new(Snapshot::compile(policy_in_force(), first, Vec::new())));
        // A day of history that nobody writes to: opening it waits, as on a disk that hangs.
        std::fs::create_dir(home.path().join("history")).unwrap();
        let day = home.path().join(format!("history/{}.events", gate.clock.now().day()));
        assert!(std::process::Command::new("mkfifo").arg(&day).status().unwrap().success());
        let newest = async || {
            let facts = store.facts_of(&model::Scope::Trust, "change-lists", 1).await.unwrap();
            facts[0].details()
        };
        for (turn, name) in ["late.example", "another-is-under-way.example"].into_iter().enumerate() {
            std::fs::write(home.path().join("one.txt"), format!("one.example\n{name}\n")).unwrap();
            gate.clock.advance_ms(24 * 3_600_000);
            let (image, _) =
                gate.update(&store, (&[source("one")], deciding.clone()), "by schedule").await.unwrap();
            assert!(!image.lookup(&Host::parse(name).unwrap()).is_empty(), "{turn}");
            let details = newest().await;
            assert_eq!(&*details["after"], &**image.revision(), "{turn}");
            assert_eq!(details.get("newly_blocked"), None, "{turn}: what was not counted is not said");
        }
        // Whatever the time it would have.
        let gate = Lists { counted_within: Duration::MAX, counting: Arc::new(Semaphore::new(1)), ..gate };
        std::fs::write(home.path().join("two.txt"), "two.example\n").unwrap();
        let illegal = ListSource { category: Some(Category::ILLEGAL), ..source("two") };
        let (image, _) =
            gate.update(&store, (&[source("one"), illegal], deciding), "by schedule").await.unwrap();
        assert!(!image.lookup(&Host::parse("two.example").unwrap()).is_empty());
        assert_eq!(newest().await.get("newly_blocked"), None);
        drop(std::fs::File::options().write(true).open(&day).unwrap());
    }

    #[tokio::test]
    async fn a_clock_that_was_set_back_asks_for_a_look_at_every_source() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Memory, Timestamp(0)).await.unwrap();
        let gate = lists(home.path());
        std::fs::write(home.path().join("one.txt"), "one.example\n").unwrap();
        gate.first(&store, &[source("one")]).await.unwrap();
        assert!(!gate.is_due(&[source("one")]));
        gate.clock.advance_ms(-365 * 24 * 3_600_000);
        assert!(gate.is_due(&[source("one")]), "it was last looked at in the future");
    }

    #[tokio::test]
    async fn no_list_takes_the_schools_own_hosts_and_zones() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&Place::Memory, Timestamp(0)).await.unwrap();
        let file = home.path().join("schoolgate.toml");
        let configuration = r#"
            [gate]
            name = "gate.elm.example"
            organisation = "A school"
            [[local_name]]
            name = "library.elm.example"
            addresses = ["10.0.0.9"]
            [[local_name]]
            name = "games.schoolgate.test"
            addresses = ["10.0.0.9"]
            [dns]
            local_zones = ["local.elm.example"]
            private_suffixes = [".private.elm.example"]
            [[dns.forward]]
            zone = "forwarded.elm.example."
            upstreams = ["10.0.0.2"]
            [dns.encrypted]
            name = "dns.elm.example"
        "#;
        std::fs::write(&file, configuration).unwrap();
        let own = own_hosts(&Config::read(&file).unwrap()).unwrap();
        let gate = Lists { own, ..lists(home.path()) };
        let guarded = ["gate", "library", "local", "private", "forwarded", "dns"];
        let mut names = String::from("other.elm.example\ngames.schoolgate.test\n");
        for host in guarded {
            writeln!(names, "{host}.elm.example\nwww.{host}.elm.example").unwrap();
        }
        std::fs::write(home.path().join("one.txt"), names).unwrap();
        let image = gate.first(&store, &[source("one")]).await.unwrap();
        let is_listed = |host: &str| !image.lookup(&Host::parse(host).unwrap()).is_empty();
        assert!(is_listed("other.elm.example") && is_listed("games.schoolgate.test"));
        for host in guarded {
            assert!(!is_listed(&format!("{host}.elm.example")), "{host}");
            assert!(!is_listed(&format!("www.{host}.elm.example")), "{host}");
        }
    }

    fn policy_in_force() -> policy::Policy {
        let text = include_str!("../../../policies/first-school.toml");
        let file = policy::file::SourceText { name: "first-school.toml", text };
        policy::file::read(&file, None).unwrap().policy
    }
}
