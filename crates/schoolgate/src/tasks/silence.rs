//! Looks, minute by minute, whether everything is heard of that should be: logs, lists, requests, the mail relay, the clock.

use crate::clock_kept;
use crate::config::{LogsConfig, SilenceConfig};
use app::{App, ListsPlace};
use history::History;
use intake::{ClockWatch, Expected, ExpectedIn, LogsSeen, SchoolHours, Silences, Watched};
use lists::Heartbeat;
use model::{Alert, Clock, Timestamp};
use notify::Notifier;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(60);
/// Looks at the mail relay that may fail one after the other.
const FAILED_PROBES: u32 = 3;

/// What is looked at.
pub(crate) struct Watch {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    pub(crate) history: History,
    pub(crate) lists: ListsPlace,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) logs: LogsConfig,
    pub(crate) seen: Option<Arc<LogsSeen>>,
    pub(crate) silence: SilenceConfig,
    pub(crate) hours: SchoolHours,
}

/// What is known from one look to the next.
struct State {
    silences: Silences,
    clock: ClockWatch,
    running: Instant,
    mail: Mail,
    held: Vec<Alert>,
}

/// The relay: when it was asked last, and when it was well.
#[derive(Default)]
struct Mail {
    asked: Option<Timestamp>,
    well: Option<Timestamp>,
}

/// Looks until it is told to stop.
pub(crate) async fn look(watch: Watch, stop: CancellationToken) {
    let mut state = State {
        silences: Silences::new(watch.clock.now()),
        clock: ClockWatch::default(),
        running: Instant::now(),
        mail: Mail::default(),
        held: Vec::new(),
    };
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        let Some(()) = stop.run_until_cancelled(watch.step(&mut state)).await else { return };
    }
}

impl Watch {
    async fn step(&self, state: &mut State) {
        let now = self.clock.now();
        let running_ms = u64::try_from(state.running.elapsed().as_millis()).unwrap_or(u64::MAX);
        state.held.extend(state.clock.step(now, running_ms, clock_kept::clock_kept()));
        self.ask_mail(&mut state.mail, now).await;
        let table: Vec<Expected> = self
            .log_senders()
            .chain(self.lists().await)
            .chain(self.history().await)
            .chain(self.mail(&state.mail))
            .collect();
        state.held.extend(state.silences.step(&table, &self.hours, now));
        super::take_up(&self.app, &mut state.held).await;
    }

    fn log_senders(&self) -> impl Iterator<Item = Expected> {
        let seen = self.seen.as_ref().map(|seen| seen.senders()).unwrap_or_default();
        let watched = seen.into_iter().zip(&self.logs.sender);
        watched.filter(|(_, listed)| listed.silent_after_minutes > 0).map(|(seen, listed)| Expected {
            what: Watched::LogSender,
            name: seen.name,
            last: seen.last,
            within_minutes: listed.silent_after_minutes,
            expected_in: listed.expected.expected_in(),
        })
    }

    async fn lists(&self) -> Vec<Expected> {
        let (place, now) = (self.lists.clone(), self.clock.now());
        let sources = self.app.in_force().document.policy.lists.clone();
        let beats = tokio::task::spawn_blocking(move || {
            lists::heartbeats(&place.sources(&sources), &place.folder, &place.schedule, now)
        });
        beats.await.unwrap_or_default().iter().map(list).collect()
    }

    /// The newest recorded request, where requests are expected.
    async fn history(&self) -> Option<Expected> {
        let history = self.history.clone();
        let newest = tokio::task::spawn_blocking(move || history.newest()).await.ok()?.ok()?;
        (self.silence.history_minutes > 0).then(|| Expected {
            what: Watched::History,
            name: "".into(),
            last: newest,
            within_minutes: self.silence.history_minutes,
            expected_in: ExpectedIn::SchoolHours,
        })
    }

    async fn ask_mail(&self, mail: &mut Mail, now: Timestamp) {
        let every_ms = i64::from(self.silence.mail_minutes) * 60_000;
        let is_due = mail.asked.is_none_or(|asked| now.0.abs_diff(asked.0) >= every_ms.unsigned_abs());
        if every_ms == 0 || !is_due {
            return;
        }
        mail.asked = Some(now);
        match self.notifier.probe_mail().await {
            Some(Ok(())) => mail.well = Some(now),
            Some(Err(why)) => tracing::warn!(%why, "the mail relay is not well"),
            None => {}
        }
    }

    fn mail(&self, mail: &Mail) -> Option<Expected> {
        (self.notifier.sends_mail() && self.silence.mail_minutes > 0).then(|| Expected {
            what: Watched::Mail,
            name: "".into(),
            last: mail.well,
            within_minutes: self.silence.mail_minutes.saturating_mul(FAILED_PROBES),
            expected_in: ExpectedIn::AllHours,
        })
    }
}

/// A list's line: how long it may be silent is the timetable's to say, and it has said so already.
fn list(beat: &Heartbeat) -> Expected {
    Expected {
        what: if beat.is_illegal { Watched::IllegalList } else { Watched::List },
        name: beat.list.shared(),
        last: beat.last_good,
        within_minutes: if beat.is_overdue { 0 } else { u32::MAX },
        expected_in: ExpectedIn::AllHours,
    }
}
