//! Monitoring: what was recorded is looked at by the rules, in the recorder's own thread, and what they find goes to the use
//! cases in a task.
//!
//! The languages, the school's own terms and its clock are the policy's: a policy that is put in force is followed with the next
//! batch, and what was remembered stays.
//!
//! Invariants: an event is in the history before an alert points to it; a full queue or failing records delay alerts and
//! lose none below a bound that is logged; what is not taken up when the gate has stopped is lost, and counted in the log;
//! nothing that anybody typed is written to the file of what is remembered.

use crate::error::ProgramError;
use app::{App, Health};
use history::History;
use inspect::search_words::said;
use model::{AccessEvent, Alert, Channel, Clock, EventId, EventReceiver, PolicyHash};
use monitor::{MonitorError, Observed, Rules, Settings, State, Term, Timetable};
use policy::{CurrentSnapshot, Policy};
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
    /// The policy in force.
    pub(crate) snapshot: Arc<CurrentSnapshot>,
}

impl Recorder {
    /// Starts the thread; the alerts come out of the receiver until the thread ends.
    pub(crate) fn start(self) -> Result<(JoinHandle<()>, mpsc::Receiver<Alert>), ProgramError> {
        let failed = |words: String| ProgramError::Part { part: "monitoring", words };
        let (policy, rules) = rules_in_force(&self.snapshot).map_err(|error| failed(error.to_string()))?;
        let state = restored(&self.remembered, &rules);
        let (sender, alerts) = mpsc::channel(MOST_WAITING);
        let snapshot = Arc::clone(&self.snapshot);
        let mut watch = Watch { snapshot, policy, rules, state, sender, kept_back: VecDeque::new() };
        let thread = std::thread::Builder::new().name("recorder".into()).spawn(move || {
            let Self { receiver, history, health, clock, remembered, .. } = self;
            let mut kept = clock.now();
            app::record_and_watch(&receiver, &history, &health, &mut |ids, events| {
                watch.follow_policy();
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

/// The rules as the policy in force wants them, and which policy that is.
fn rules_in_force(snapshot: &CurrentSnapshot) -> Result<(PolicyHash, Rules), MonitorError> {
    let snapshot = snapshot.get();
    let policy = snapshot.policy();
    Ok((policy.hash.clone(), Rules::shipped(settings_of(policy))?))
}

fn settings_of(policy: &Policy) -> Settings {
    let usual = Settings::usual();
    let term = |term: &policy::rules::OwnTerm| Term {
        words: Arc::clone(&term.words),
        theme: term.theme,
        severity: term.severity,
        why: Arc::clone(&term.why),
    };
    Settings {
        languages: policy.watching.languages.clone(),
        terms: policy.watching.terms.iter().map(term).collect(),
        timetable: Timetable { zone: policy.time_zone.clone(), ..usual.timetable },
        ..usual
    }
}

struct Watch {
    snapshot: Arc<CurrentSnapshot>,
    /// The policy that the rules follow.
    policy: PolicyHash,
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

    /// Makes the rules anew where another policy is in force. Should that fail, those before it stay until the next one.
    fn follow_policy(&mut self) {
        let hash = self.snapshot.get().policy().hash.clone();
        if hash == self.policy {
            return;
        }
        self.policy = hash;
        match rules_in_force(&self.snapshot) {
            Ok((policy, rules)) => {
                tracing::info!(%policy, rules = rules.count(), "monitoring follows the policy in force");
                (self.policy, self.rules) = (policy, rules);
            }
            Err(error) => tracing::error!(%error, "monitoring cannot follow the policy in force"),
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
    use policy::file::{SourceText, read};
    use policy::{Image, Snapshot};

    const POLICY: &str = include_str!("../../../policies/first-school.toml");

    fn snapshot(text: &str) -> Snapshot {
        let document = read(&SourceText { name: "first-school.toml", text }, None).unwrap();
        Snapshot::compile(document.policy, Image::empty(), Vec::new())
    }

    fn watching(policy: &str, sender: mpsc::Sender<Alert>) -> Watch {
        let snapshot = Arc::new(CurrentSnapshot::new(snapshot(policy)));
        let (policy, rules) = rules_in_force(&snapshot).unwrap();
        Watch { snapshot, policy, rules, state: State::default(), sender, kept_back: VecDeque::new() }
    }

    #[test]
    fn a_policy_s_languages_and_own_terms_count_from_the_batch_after_it_is_put_in_force() {
        let mut watch = watching(POLICY, mpsc::channel(1).0);
        let (polish, own) = ("jak si\u{119} zabi\u{107}", "meet the bench lot");
        assert!(watch.rules.judge(polish).is_empty() && watch.rules.judge(own).is_empty());
        let keys = "languages = [\"en\", \"pl\"]\n\n[[monitoring.term]]\nwords = \"the bench lot\"\n\
                    theme = \"bullying\"\nseverity = \"high\"\nwhy = \"A name that some use of others.\"\n";
        let next = POLICY.replacen("languages = [\"en\", \"cy\"]\n", keys, 1);
        watch.snapshot.put(snapshot(&next));
        watch.follow_policy();
        assert!(!watch.rules.judge(polish).is_empty());
        assert_eq!(watch.rules.judge(own).first().map(|found| found.severity), Some(Severity::High));
    }

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
        let kept_back = VecDeque::from([alert.clone(), alert]);
        let mut watch = Watch { kept_back, ..watching(POLICY, sender) };
        watch.look(&[], &[], &Clock::fixed(at));
        assert_eq!(watch.kept_back.len(), 2);
    }
}
