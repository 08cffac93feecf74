//! Messages that leave: which are queued when something asks for attention, and what became of each.
//!
//! Left out on purpose: how a message leaves; that is `notify`'s. No name and no content ever stands in one.

use crate::{App, AppError};
use model::{Actor, Addressee, NotificationId, SchoolId, Scope, Severity, Timestamp};
use std::sync::PoisonError;
use store::{Change, Fact, NewNotification, NotificationChange, NotificationChannel, NotificationRecord};

/// One address that is told when something asks for attention.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// The way.
    pub channel: NotificationChannel,
    /// The name of the address in the configuration; never a secret, never shown to pupils.
    pub address: String,
    /// Who is behind it.
    pub addressees: Vec<Addressee>,
    /// The one school it is for; `None`: every school.
    pub school: Option<SchoolId>,
}

impl Recipient {
    fn is_for(&self, called: &[Addressee], scope: &Scope) -> bool {
        let here = match (&self.school, scope) {
            (None, _) => true,
            (Some(school), Scope::School(place)) => school == place,
            (Some(_), Scope::Trust) => false,
        };
        here && self.addressees.iter().any(|addressee| called.contains(addressee))
    }
}

/// The posts that are called before any other about something.
const FIRST_CALLED: [Addressee; 5] =
    [Addressee::Lead, Addressee::Head, Addressee::DataProtection, Addressee::It, Addressee::Chair];

/// What became of a message at one try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The other side took it.
    Delivered,
    /// It did not; it is tried again then. The words name nobody.
    TryAgain(Timestamp, String),
    /// It did not, and is not tried again. The words name nobody.
    GivenUp(String),
}

impl App {
    /// Who is told from now on. To be called at start, with what the configuration says.
    pub fn set_recipients(&self, recipients: Vec<Recipient>) {
        *self.0.recipients.write().unwrap_or_else(PoisonError::into_inner) = recipients;
    }

    /// True when anybody at all is told.
    pub(crate) fn has_recipients(&self) -> bool {
        !self.0.recipients.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// The posts that are called first about something, and whom nobody hears for, by place: where messages leave at all,
    /// a post without an address is one that nobody meant to leave out.
    pub(crate) fn unheard_posts(&self) -> Vec<(Scope, Vec<Addressee>)> {
        if !self.has_recipients() {
            return Vec::new();
        }
        let snapshot = self.snapshot();
        let schools = snapshot.policy().schools.iter().map(|school| Scope::School(school.id.clone()));
        let trust = (snapshot.policy().schools.len() != 1).then_some(Scope::Trust);
        let recipients = self.0.recipients.read().unwrap_or_else(PoisonError::into_inner);
        let is_unheard = |post: Addressee, place: &Scope| who_hear(&recipients, &[post], place).is_empty();
        schools
            .chain(trust)
            .map(|place| {
                let unheard = FIRST_CALLED.into_iter().filter(|post| is_unheard(*post, &place)).collect();
                (place, unheard)
            })
            .filter(|(_, unheard): &(Scope, Vec<Addressee>)| !unheard.is_empty())
            .collect()
    }

    /// Messages whose next try is due, most urgent first, at most `most`.
    pub async fn notifications_due(&self, most: usize) -> Result<Vec<NotificationRecord>, AppError> {
        Ok(self.0.parts.store.notifications_due(self.now(), most).await?)
    }

    /// Records what became of a message.
    pub async fn record_delivery(
        &self,
        message: &NotificationRecord,
        delivery: Delivery,
    ) -> Result<(), AppError> {
        let (now, id) = (self.now(), message.id);
        let (action, why, change) = match delivery {
            Delivery::Delivered => {
                ("deliver-notification", String::new(), NotificationChange::Delivered { id, at: now })
            }
            Delivery::TryAgain(next_at, error) => {
                ("retry-notification", error.clone(), NotificationChange::TryAgain { id, next_at, error })
            }
            Delivery::GivenUp(error) => {
                ("give-up-notification", error.clone(), NotificationChange::GiveUp { id, error })
            }
        };
        let fact = Fact::new(&Actor::Program, message.scope.clone(), now, action)
            .about(message.about.clone())
            .with("channel", message.channel.slug())
            .with("address", message.address.clone())
            .with("error", why);
        self.commit(&fact, &[Change::Notification(change)]).await
    }

    /// The messages to queue when these posts are called about something.
    pub(crate) fn calls(
        &self,
        called: &[Addressee],
        scope: &Scope,
        (about, severity): (&str, Severity),
    ) -> Result<Vec<Change>, AppError> {
        let recipients = self.0.recipients.read().unwrap_or_else(PoisonError::into_inner);
        who_hear(&recipients, called, scope)
            .into_iter()
            .map(|recipient| {
                Ok(Change::Notification(NotificationChange::Queue(NewNotification {
                    id: NotificationId(self.new_uuid()?),
                    scope: scope.clone(),
                    about: about.to_owned(),
                    channel: recipient.channel,
                    address: recipient.address.clone(),
                    severity,
                    at: self.now(),
                })))
            })
            .collect()
    }
}

/// The addresses that hear for these posts there, in the order of the configuration. For a post that none hears for, those
/// hear that stand in for it.
fn who_hear<'a>(recipients: &'a [Recipient], called: &[Addressee], scope: &Scope) -> Vec<&'a Recipient> {
    let is_heard = |post| recipients.iter().any(|recipient| recipient.is_for(&[post], scope));
    let unheard = called.iter().filter(|post| !is_heard(**post));
    let stand_ins = unheard.filter_map(|post| post.stand_in());
    let called: Vec<Addressee> = called.iter().copied().chain(stand_ins).collect();
    recipients.iter().filter(|recipient| recipient.is_for(&called, scope)).collect()
}
