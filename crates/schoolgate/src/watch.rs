//! Monitoring: what was recorded is looked at by the rules, in the recorder's own thread, and what they find goes to the use
//! cases in a task.
//!
//! Invariants: an event is in the history before an alert points to it; a full queue or failing records delay alerts and
//! lose none below a bound that is logged; what is not taken up when the gate has stopped is lost, and counted in the log;
//! nothing that anybody typed is written to the file of what is remembered.

use crate::error::ProgramError;
use app::{App, Health};
use history::History;
use inspect::search_words::said;
use jiff::tz::TimeZone;
use model::{AccessEvent, Alert, Channel, Clock, EventId, EventReceiver};
use monitor::{Observed, Rules, Settings, State, Timetable};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Alerts that wait to be taken up.
const MOST_WAITING: usize = 1_024;
/// Alerts that are kept back while those wait; past that the newest are lost, and logged.
const MOST_KEPT_BACK: usize = 16_384;
/// Alerts that are taken up at a time.
const MOST_AT_ONCE: usize = 64;
/// How soon what could not be taken up is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// How long a stopping gate waits for the last alerts.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often what the rules remember is kept, so that a crash costs no more than so long.
const KEPT_EVERY_MS: i64 = 5 * 60_000;

/// What the recorder's thread works with.
pub(crate) struct Recorder {
    pub(crate) receiver: EventReceiver,
    pub(crate) history: History,
    pub(crate) health: Arc<Health>,
    pub(crate) clock: Clock,
    /// Where what the rules remember is kept across a restart.
    pub(crate) remembered: PathBuf,
    /// The schools' clock, as the policy has it.
    pub(crate) zone: TimeZone,
}

impl Recorder {
    /// Starts the thread; the alerts come out of the receiver until the thread ends.
    pub(crate) fn start(self) -> Result<(JoinHandle<()>, mpsc::Receiver<Alert>), ProgramError> {
        let failed = |words: String| ProgramError::Part { part: "monitoring", words };
        let usual = Settings::usual();
        let timetable = Timetable { zone: self.zone.clone(), ..usual.timetable };
        let rules =
            Rules::shipped(Settings { timetable, ..usual }).map_err(|error| failed(error.to_string()))?;
        let state = restored(&self.remembered, &rules);
        let (sender, alerts) = mpsc::channel(MOST_WAITING);
        let mut watch = Watch { rules, state, sender, kept_back: VecDeque::new() };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let Self { receiver, history, health, clock, remembered, .. } = self;
            let mut kept = clock.now();
            app::record_and_watch(&receiver, &history, &health, &mut |ids, events| {
                watch.look(ids, events, &clock);
                let now = clock.now();
                health.watched(now);
                if !(0..KEPT_EVERY_MS).contains(&now.0.saturating_sub(kept.0)) {
                    kept = now;
                    watch.keep(&remembered);
                }
            });
            watch.keep(&remembered);
            let alerts = watch.kept_back.len();
            if alerts > 0 {
                tracing::error!(alerts, "alerts were lost: they were not taken up before the gate stopped");
            }
        });
        Ok((thread.map_err(|error| failed(error.to_string()))?, alerts))
    }
}

/// What the rules remembered when the gate stopped; nothing where that cannot be read.
fn restored(file: &PathBuf, rules: &Rules) -> State {
    let Ok(bytes) = std::fs::read(file) else { return State::default() };
    State::restore(&bytes, rules).unwrap_or_else(|error| {
        tracing::warn!(%error, "what monitoring remembered cannot be read; it begins anew");
        State::default()
    })
}

struct Watch {
    rules: Rules,
    state: State,
    sender: mpsc::Sender<Alert>,
    kept_back: VecDeque<Alert>,
}

impl Watch {
    fn keep(&self, file: &Path) {
        if let Err(error) = crate::folder::replace_secret(file, &self.state.save()) {
            tracing::warn!(%error, "what monitoring remembers could not be kept; what was kept before stays");
        }
    }

    fn look(&mut self, ids: &[EventId], events: &[AccessEvent], clock: &Clock) {
        let observed: Vec<Observed<'_>> = ids
            .iter()
            .zip(events)
            .map(|(id, event)| {
                let is_read = matches!(event.channel, Channel::Http | Channel::Https);
                let said = is_read.then(|| said(&event.host, &event.path)).flatten();
                Observed { id: *id, event, said }
            })
            .collect();
        self.kept_back.extend(monitor::step(&mut self.state, &self.rules, clock.now(), &observed));
        while let Some(alert) = self.kept_back.pop_front() {
            if let Err(TrySendError::Full(alert) | TrySendError::Closed(alert)) = self.sender.try_send(alert)
            {
                self.kept_back.push_front(alert);
                break;
            }
        }
        let excess = self.kept_back.len().saturating_sub(MOST_KEPT_BACK);
        if excess > 0 {
            self.kept_back.truncate(MOST_KEPT_BACK);
            tracing::error!(alerts = excess, "alerts were lost: the records could not keep up");
        }
    }
}

/// Takes up alerts until the recorder has ended, or a stopping gate has waited long enough.
pub(crate) fn take_up(
    tasks: &TaskTracker,
    stop: &CancellationToken,
    app: App,
    mut alerts: mpsc::Receiver<Alert>,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        let mut batch = Vec::new();
        let work = async {
            while alerts.recv_many(&mut batch, MOST_AT_ONCE).await > 0 {
                while let Err(error) = app.take_up_alerts(batch.clone()).await {
                    tracing::error!(%error, "alerts could not be taken up; it is tried again");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                batch.clear();
            }
        };
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            () = work => {}
            () = patience => {}
        }
        alerts.close();
        let (at_work, waiting) = (batch.len(), alerts.len());
        if at_work + waiting > 0 {
            tracing::error!(
                at_work,
                waiting,
                "alerts were not taken up before the gate stopped; those that waited are lost"
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AlertKind, AlertSubject, Severity, Timestamp};

    #[test]
    fn an_alert_that_nobody_takes_up_any_more_stays_and_is_counted() {
        let at = Timestamp(1_000_000_000_000);
        let (sender, alerts) = mpsc::channel(1);
        drop(alerts);
        let alert = Alert {
            kind: AlertKind::Test,
            severity: Severity::Low,
            subject: AlertSubject::default(),
            rule: "test".into(),
            why: "a test".into(),
            first: at,
            last: at,
            count: 1,
            events: Vec::new(),
        };
        let rules = Rules::shipped(Settings::usual()).unwrap();
        let kept_back = VecDeque::from([alert.clone(), alert]);
        let mut watch = Watch { rules, state: State::default(), sender, kept_back };
        watch.look(&[], &[], &Clock::fixed(at));
        assert_eq!(watch.kept_back.len(), 2);
    }
}
