//! One attempt at one delivery, and what becomes of it.

use crate::mail::{Mailer, address};
use crate::post::{NotPosted, post, tls};
use crate::{Jitter, Mail, Message, NotifyError, Receiver, SigningSecret, retry_at, teams, webhook};
use lettre::Address;
use model::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The longest time that a receiver may ask us to wait.
const LONGEST_WAIT_S: u32 = 3_600;

/// The way a message leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Way {
    /// By mail.
    Mail,
    /// By a signed webhook.
    Webhook,
    /// As a card that a Teams workflow posts.
    Teams,
}

/// Who is told: a way, and the name of an address in the configuration. Records hold the name, and not the address.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Recipient {
    /// The way.
    pub way: Way,
    /// The name.
    pub name: String,
}

/// One message to one recipient.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// Its id, a UUIDv7: the same in each attempt, so that a receiver knows it again.
    pub id: Uuid,
    /// Who is told.
    pub to: Recipient,
    /// What.
    pub message: Message,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// What became of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delivered {
    /// The relay or the receiver has taken it over.
    Taken,
    /// It is to be tried again then.
    Later {
        /// When.
        at: Timestamp,
        /// Why it was not taken.
        why: Trouble,
    },
    /// It is not tried again.
    GivenUp {
        /// Why it was not taken.
        why: Trouble,
    },
}

/// Why a message was not taken, in words that tell no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// The configuration has no such way.
    #[error("the configuration has no such way out")]
    NotListed,
    /// The address is not one.
    #[error("the address is not one")]
    Address,
    /// Nobody answered, or the connection broke off.
    #[error("the connection could not be made, or broke off")]
    Unreachable,
    /// It took too long.
    #[error("no answer came in time")]
    TimedOut,
    /// The other side could not prove by a certificate that it is who it should be.
    #[error("the certificate is not one that is trusted for that name")]
    Unproven,
    /// The relay offers less than is asked for, such as STARTTLS.
    #[error("the relay does not offer the encryption or the sign-in that is asked for")]
    Insecure,
    /// The relay does not take our login.
    #[error("the relay does not take the login ({code})")]
    SignIn {
        /// The SMTP reply's code.
        code: u16,
    },
    /// It said: not now.
    #[error("it was turned away for now ({code})")]
    Busy {
        /// The SMTP reply's code, or the HTTP status.
        code: u16,
    },
    /// It said no.
    #[error("it was refused ({code})")]
    Refused {
        /// The SMTP reply's code, or the HTTP status.
        code: u16,
    },
}

impl Trouble {
    /// True when another attempt may do better without anybody's help. What somebody must first put right in the
    /// configuration or at the relay is tried again too: it may be put right within the hours that attempts go on.
    fn may_pass(self) -> bool {
        !matches!(self, Self::NotListed | Self::Address | Self::Refused { .. })
    }
}

/// All ways out, by their names in the configuration.
#[derive(Clone, Debug)]
pub struct Notifier {
    mail: Option<Mailer>,
    addresses: BTreeMap<String, Address>,
    webhooks: BTreeMap<String, (Receiver, SigningSecret)>,
    teams: BTreeMap<String, Receiver>,
    tls: Arc<ClientConfig>,
}

impl Notifier {
    /// The ways out: a relay, where there is one, and none besides; `extra_roots` are trusted beside the public roots.
    ///
    /// # Errors
    /// [`NotifyError`], by what is wrong with the settings.
    pub fn new(mail: Option<&Mail>, extra_roots: &[CertificateDer<'static>]) -> Result<Self, NotifyError> {
        Ok(Self {
            mail: mail.map(|mail| Mailer::new(mail, extra_roots)).transpose()?,
            addresses: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            teams: BTreeMap::new(),
            tls: tls(extra_roots)?,
        })
    }

    /// With a mail address more.
    ///
    /// # Errors
    /// [`NotifyError::MailAddress`] for what is not one.
    pub fn with_mail_address(mut self, name: &str, to: &str) -> Result<Self, NotifyError> {
        self.addresses.insert(name.to_owned(), address(to)?);
        Ok(self)
    }

    /// With a webhook more.
    #[must_use]
    pub fn with_webhook(mut self, name: &str, to: Receiver, secret: SigningSecret) -> Self {
        self.webhooks.insert(name.to_owned(), (to, secret));
        self
    }

    /// With a Teams workflow more.
    #[must_use]
    pub fn with_teams(mut self, name: &str, to: Receiver) -> Self {
        self.teams.insert(name.to_owned(), to);
        self
    }

    /// True when there is a relay.
    pub fn sends_mail(&self) -> bool {
        self.mail.is_some()
    }

    /// Makes one attempt, of a minute at most.
    pub async fn deliver(&self, job: &Job, now: Timestamp) -> Delivered {
        let Err(NotPosted { trouble: why, wait_s }) = self.attempt(job, now).await else {
            return Delivered::Taken;
        };
        let next = retry_at(job.attempt, now, Jitter::of(job.id, job.attempt));
        match next.filter(|_| why.may_pass()) {
            Some(at) => {
                let asked = now.plus_ms(i64::from(wait_s.unwrap_or(0).min(LONGEST_WAIT_S)) * 1_000);
                Delivered::Later { at: at.max(asked), why }
            }
            None => Delivered::GivenUp { why },
        }
    }

    /// Whether the relay answers, proves itself and knows us; nothing is sent. `None`: there is no relay.
    pub async fn probe_mail(&self) -> Option<Result<(), Trouble>> {
        match &self.mail {
            Some(mailer) => Some(mailer.probe().await),
            None => None,
        }
    }

    async fn attempt(&self, job: &Job, now: Timestamp) -> Result<(), NotPosted> {
        let name = &job.to.name;
        match job.to.way {
            Way::Mail => {
                let mailer = self.mail.as_ref().ok_or(Trouble::NotListed)?;
                let to = self.addresses.get(name).ok_or(Trouble::NotListed)?;
                Ok(mailer.send(to, &job.message, (job.id, now)).await?)
            }
            Way::Webhook => {
                let (to, secret) = self.webhooks.get(name).ok_or(Trouble::NotListed)?;
                let body = webhook::body(&job.message, job.id);
                let headers = webhook::headers(secret, (job.id, now), &body);
                post(to, &self.tls, &headers, body).await
            }
            Way::Teams => {
                let to = self.teams.get(name).ok_or(Trouble::NotListed)?;
                post(to, &self.tls, &[], teams::card(&job.message)).await
            }
        }
    }
}
