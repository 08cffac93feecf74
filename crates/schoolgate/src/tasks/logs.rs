//! Takes other systems' events to the detectors, what these find to the alerts, and the lines to where they are kept.

use app::App;
use intake::{Detectors, Finding, LogShelf, OutsideEvent};
use model::{Alert, AlertSubject, Clock, CurrentRoster, Day, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

/// The most events of one batch for the detectors.
const MOST_IN_BATCH: usize = 1_024;
/// How long a line waits to be kept, and how many do at most before that.
const KEEP_EVERY: Duration = Duration::from_secs(1);
const KEEP_AT: usize = 4_096;
/// The most lines that are held while they cannot be kept; past that the oldest are lost, and counted.
const MOST_HELD: usize = 65_536;
/// The most alerts that are held while they cannot be taken up; the newest are lost past that.
const MOST_ALERTS_HELD: usize = 256;
const DAY_MS: i64 = 24 * 3_600_000;
/// How often lines that are lost for want of a writer are said.
const SAID_EVERY_MS: i64 = 60_000;

/// What events are taken to.
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) roster: Arc<CurrentRoster>,
    pub(super) clock: Clock,
    pub(super) detectors: Detectors,
    pub(super) shelf: LogShelf,
}

/// Runs until every listener has gone and the last event was looked at and kept.
pub(super) async fn detect(mut events: mpsc::Receiver<OutsideEvent>, desk: Desk) {
    let Desk { app, roster, clock, mut detectors, shelf } = desk;
    let mut kept = Kept::new(shelf);
    let (mut batch, mut alerts) = (Vec::with_capacity(MOST_IN_BATCH), Vec::new());
    let mut ticks = interval(KEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_tick = tokio::select! {
            taken = events.recv_many(&mut batch, MOST_IN_BATCH) => {
                if taken == 0 {
                    kept.keep(&app, clock.now()).await;
                    if !alerts.is_empty() {
                        tracing::error!(alerts = alerts.len(), "alerts were lost: they could not be taken up");
                    }
                    return;
                }
                false
            }
            _ = ticks.tick() => true,
        };
        let findings = detectors.step(&batch);
        let room = MOST_ALERTS_HELD.saturating_sub(alerts.len());
        let past = findings.len().saturating_sub(room);
        if past > 0 {
            tracing::error!(alerts = past, "alerts were lost: too many wait to be taken up");
        }
        alerts.extend(findings.iter().take(room).map(|finding| alert(finding, &roster)));
        super::take_up(&app, &mut alerts).await;
        kept.waiting.append(&mut batch);
        if is_tick || kept.waiting.len() >= KEEP_AT {
            kept.keep(&app, clock.now()).await;
        }
    }
}

/// Lines that are not kept yet.
struct Kept {
    /// `None` only while it is at work, and for good where its thread broke off.
    shelf: Option<LogShelf>,
    waiting: Vec<OutsideEvent>,
    failing: bool,
    /// The day of the last look for lines that are too old.
    expired: Option<Day>,
    /// Lines that were lost since the writer broke off, and when they were last said.
    lost: u64,
    said: Option<Timestamp>,
}

impl Kept {
    fn new(shelf: LogShelf) -> Self {
        Self { shelf: Some(shelf), waiting: Vec::new(), failing: false, expired: None, lost: 0, said: None }
    }

    /// Lets go of what waits, since nobody writes it any more.
    fn lose(&mut self, now: Timestamp) {
        self.lost = self.lost.saturating_add(u64::try_from(self.waiting.len()).unwrap_or(u64::MAX));
        self.waiting.clear();
        let was_said = |said: Timestamp| (0..SAID_EVERY_MS).contains(&now.0.saturating_sub(said.0));
        if self.lost > 0 && !self.said.is_some_and(was_said) {
            self.said = Some(now);
            tracing::error!(lines = self.lost, "lines of other systems are lost: their writer broke off");
        }
    }

    /// Writes what waits, and once a day takes away what is older than the policy keeps such lines.
    async fn keep(&mut self, app: &App, now: Timestamp) {
        let expire = self.expired.replace(now.day()) != Some(now.day());
        if self.waiting.is_empty() && !expire {
            return;
        }
        let Some(mut shelf) = self.shelf.take() else { return self.lose(now) };
        let days = app.in_force().document.facts.retention.system_log_days;
        let before = now.plus_ms(-i64::from(days) * DAY_MS).day();
        let mut waiting = std::mem::take(&mut self.waiting);
        let lines = waiting.len();
        let work = tokio::task::spawn_blocking(move || {
            let mut done = shelf.append(&waiting);
            if done.is_ok() {
                waiting.clear();
            }
            if expire && done.is_ok() {
                done = shelf.expire(before, now).map(drop);
            }
            (shelf, waiting, done)
        });
        let Ok((shelf, waiting, done)) = work.await else {
            tracing::error!(
                lines,
                "lines of other systems are not kept any more: their writer broke off with these"
            );
            return;
        };
        (self.shelf, self.waiting) = (Some(shelf), waiting);
        let lost = self.waiting.len().saturating_sub(MOST_HELD);
        self.waiting.drain(..lost);
        match done {
            Ok(()) => self.failing = false,
            Err(error) if !std::mem::replace(&mut self.failing, true) || lost > 0 => {
                tracing::error!(%error, lost, "lines of other systems could not be kept; they are held");
            }
            Err(_) => {}
        }
    }
}

/// The alert about a finding, with the device that is known at its address.
fn alert(finding: &Finding, roster: &CurrentRoster) -> Alert {
    let device = finding.from.and_then(|address| roster.get().device_at(address).map(|device| device.id));
    finding.alert(AlertSubject { device, ..AlertSubject::default() })
}
