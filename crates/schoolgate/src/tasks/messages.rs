//! Sends what waits to leave: each message by its way, and what became of it into the records.
//!
//! The records are the queue. Here are only the attempts under way, 16 at most, so that a relay that hangs holds nobody
//! else up for long; a restart begins again with what the records hold.

use crate::edges::way_of;
use app::{App, Delivery, Recipient};
use model::{AlertId, Clock, NotificationId, Scope};
use notify::{Call, Delivered, Job, Message, MessageKind, Notifier, Place};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use store::{AlertRecord, NotificationRecord, Store};
use tokio::task::JoinSet;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

/// How often the records are asked what is due, beside at once when an alert was taken up.
const LOOK: Duration = Duration::from_secs(2);
/// Attempts under way at a time.
const MOST_UNDER_WAY: usize = 16;

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
    let (mut under_way, mut ids) = (JoinSet::new(), HashSet::new());
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

impl Messages {
    async fn begin(
        &self,
        under_way: &mut JoinSet<Made>,
        ids: &mut HashSet<NotificationId>,
    ) -> Result<(), app::AppError> {
        let room = MOST_UNDER_WAY.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(());
        }
        // What is under way is still due in the records.
        let due = self.app.notifications_due(MOST_UNDER_WAY + room).await?;
        let due: Vec<NotificationRecord> =
            due.into_iter().filter(|record| !ids.contains(&record.id)).take(room).collect();
        for record in due {
            ids.insert(record.id);
            let job = self.job(&record).await;
            let (notifier, now) = (Arc::clone(&self.notifier), self.clock.now());
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

    async fn record(
        &self,
        record: NotificationRecord,
        delivered: Delivered,
        ids: &mut HashSet<NotificationId>,
    ) {
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
        if let Err(error) = self.app.record_delivery(&record, delivery).await {
            tracing::error!(%error, "what became of a message could not be recorded; it may leave twice");
        }
        ids.remove(&record.id);
    }

    async fn job(&self, record: &NotificationRecord) -> Option<Job> {
        let alert = match record.about.strip_prefix("alert:").and_then(AlertId::parse) {
            Some(id) => Some(self.store.alert(id).await.ok().flatten()?),
            None => None,
        };
        let message = Message {
            place: Place::new(&self.school(&record.scope), &self.console).ok()?,
            kind: alert.as_ref().map_or(MessageKind::Weekly, |alert| alert.alert.kind.into()),
            severity: record.severity,
            call: alert.as_ref().map_or(Call::First, |alert| self.call(record, alert)),
            alert: alert.map(|alert| alert.id.0),
        };
        let to = notify::Recipient { way: way_of(record.channel), name: record.address.clone() };
        Some(Job { id: record.id.0, to, message, attempt: record.tries.saturating_add(1) })
    }

    /// Whoever is on the first rung is told first; everybody else because they did not answer.
    fn call(&self, record: &NotificationRecord, alert: &AlertRecord) -> Call {
        let [first, ..] = &alert.ladder.0;
        let told = self.recipients.iter().filter(|recipient| recipient.address == record.address);
        let is_first =
            told.flat_map(|recipient| &recipient.addressees).any(|addressee| first.contains(addressee));
        if is_first { Call::First } else { Call::Escalation }
    }

    fn school(&self, scope: &Scope) -> String {
        let Scope::School(id) = scope else { return self.organisation.clone() };
        let schools = &self.app.in_force().document.policy.schools;
        let named = schools.iter().find(|school| school.id == *id).map(|school| school.name.to_string());
        named.unwrap_or_else(|| self.organisation.clone())
    }
}
