//! Sends what waits to leave: each message by its way, and what became of it into the records.
//!
//! The records are the queue. Here are only the attempts under way, 16 at most, so that a relay that hangs holds nobody
//! else up for long; a restart begins again with what the records hold.

use crate::edges::way_of;
use app::{App, Delivery, Recipient};
use model::{Addressee, AlertId, Clock, NotificationId, Scope, Timestamp};
use notify::{Call, Delivered, Job, Message, MessageKind, Notifier, Place};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{AlertRecord, NotificationRecord, Store, StoreError};
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// How often the records are asked what is due, beside at once when an alert was taken up.
const LOOK: Duration = Duration::from_secs(2);
/// Attempts under way at a time.
const MOST_UNDER_WAY: usize = 16;
/// For how long a message is left alone whose alert could not be read.
const UNREAD_MS: i64 = 30_000;
/// For how long a message is left alone that was tried, where that could not be recorded: the records hold it as due, and
/// without a pause it would leave again at every look.
const UNRECORDED_MS: i64 = 5 * 60_000;

/// What messages are made with and sent by.
pub(crate) struct Messages {
    pub(crate) app: App,
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) notifier: Arc<Notifier>,
    pub(crate) recipients: Vec<Recipient>,
    /// The organisation's name, for what belongs to no one school.
    pub(crate) organisation: String,
    /// The console's address.
    pub(crate) console: String,
}

/// Sends until it is told to stop; attempts under way are then left, and made again after the next start.
pub(crate) async fn send(messages: Messages, stop: CancellationToken) {
    let mut looks = interval(LOOK);
    let mut alerts = messages.app.alerts_changed();
    let (mut under_way, mut ids) = (JoinSet::new(), LeftAlone::new());
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = looks.tick() => {}
            // Its sender lives as long as the use cases do.
            _ = alerts.changed() => {}
            Some(made) = under_way.join_next() => {
                if let Ok((record, delivered)) = made {
                    messages.record(record, delivered, &mut ids).await;
                }
            }
        }
        if let Err(error) = messages.begin(&mut under_way, &mut ids).await {
            tracing::error!(%error, "messages that wait could not be read");
        }
    }
}

type Made = (NotificationRecord, Delivered);

/// Messages that are not begun though the records hold them as due, and until when: at most as many as are read at once.
type LeftAlone = HashMap<NotificationId, Timestamp>;

/// The end of what is under way, which says by itself when it is over.
const UNDER_WAY: Timestamp = Timestamp(i64::MAX);

impl Messages {
    async fn begin(&self, under_way: &mut JoinSet<Made>, ids: &mut LeftAlone) -> Result<(), app::AppError> {
        let room = MOST_UNDER_WAY.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        ids.retain(|_, until| *until > now);
        // What is left alone is still due in the records.
        let due = self.app.notifications_due(ids.len() + room).await?;
        let due: Vec<NotificationRecord> =
            due.into_iter().filter(|record| !ids.contains_key(&record.id)).take(room).collect();
        for record in due {
            let job = match self.job(&record).await {
                Ok(job) => job,
                Err(error) => {
                    tracing::error!(%error, "what a message is about could not be read; it waits");
                    ids.insert(record.id, now.plus_ms(UNREAD_MS));
                    continue;
                }
            };
            ids.insert(record.id, UNDER_WAY);
            let notifier = Arc::clone(&self.notifier);
            under_way.spawn(async move {
                let delivered = match job {
                    Some(job) => notifier.deliver(&job, now).await,
                    // What it is about is gone from the records.
                    None => Delivered::GivenUp { why: notify::Trouble::NotListed },
                };
                (record, delivered)
            });
        }
        Ok(())
    }

    async fn record(&self, record: NotificationRecord, delivered: Delivered, ids: &mut LeftAlone) {
        let (way, tries) = (record.channel.slug(), record.tries.saturating_add(1));
        let delivery = match delivered {
            Delivered::Taken => {
                tracing::info!(way, tries, "a message has left");
                Delivery::Delivered
            }
            Delivered::Later { at, why } => {
                tracing::warn!(way, tries, %why, "a message did not leave; it is tried again");
                Delivery::TryAgain(at, why.to_string())
            }
            Delivered::GivenUp { why } => {
                tracing::error!(way, tries, %why, "a message did not leave, and is not tried again");
                Delivery::GivenUp(why.to_string())
            }
        };
        match self.app.record_delivery(&record, delivery).await {
            Ok(()) => {
                ids.remove(&record.id);
            }
            Err(error) => {
                tracing::error!(%error, "what became of a message could not be recorded; it may leave twice");
                ids.insert(record.id, self.clock.now().plus_ms(UNRECORDED_MS));
            }
        }
    }

    /// What is to be sent; `None` where what it is about is gone from the records.
    async fn job(&self, record: &NotificationRecord) -> Result<Option<Job>, StoreError> {
        let alert = match record.about.strip_prefix("alert:").and_then(AlertId::parse) {
            Some(id) => match self.store.alert(id).await? {
                Some(alert) => Some(alert),
                None => return Ok(None),
            },
            None => None,
        };
        let Ok(place) = Place::new(&self.school(&record.scope), &self.console) else { return Ok(None) };
        let message = Message {
            place,
            kind: alert.as_ref().map_or_else(|| kind_of(&record.about), |alert| alert.alert.kind.into()),
            severity: record.severity,
            call: alert.as_ref().map_or(Call::First, |alert| self.call(record, alert)),
            alert: alert.map(|alert| alert.id.0),
        };
        let to = notify::Recipient { way: way_of(record.channel), name: record.address.clone() };
        Ok(Some(Job { id: record.id.0, to, message, attempt: record.tries.saturating_add(1) }))
    }

    /// Whoever is on the first rung is told first; everybody else because they did not answer.
    fn call(&self, record: &NotificationRecord, alert: &AlertRecord) -> Call {
        let mut told = self.recipients.iter().filter(|recipient| recipient.address == record.address);
        let calls_first = |addressee: &Addressee| alert.ladder.calls_first(*addressee);
        let is_first = told.any(|recipient| recipient.addressees.iter().any(calls_first));
        if is_first { Call::First } else { Call::Escalation }
    }

    fn school(&self, scope: &Scope) -> String {
        let Scope::School(id) = scope else { return self.organisation.clone() };
        let schools = &self.app.in_force().document.policy.schools;
        let named = schools.iter().find(|school| school.id == *id).map(|school| school.name.to_string());
        named.unwrap_or_else(|| self.organisation.clone())
    }
}

/// The kind of a message that is about no alert.
fn kind_of(about: &str) -> MessageKind {
    match about.split_once(':') {
        Some(("rights" | "review", _)) => MessageKind::Access,
        _ => MessageKind::Weekly,
    }
}
