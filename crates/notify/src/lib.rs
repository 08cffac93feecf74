//! What leaves: that an alert waits, by e-mail, by a signed webhook, and as a card in Teams.
//!
//! Left out on purpose: who is told and when, and what happens when nobody answers (`app` decides), and the list of what is
//! still to be sent (the records keep it). Left out so far: text messages and calls (a gateway behind a webhook makes them),
//! DKIM signatures (the relay's), calendars.
//!
//! Invariants: a [`Message`] has no place for a pupil's name, a site or anything somebody typed; certificates are always
//! checked; a password never goes out unencrypted; every wait and every attempt is bounded; no error and no log line tells
//! an address somebody is written to, or a receiver's address, which may hold a key.

mod deliver;
mod error;
mod mail;
mod message;
mod post;
mod retry;
mod secret;
mod teams;
mod webhook;

pub use deliver::{Delivered, Job, Notifier, Recipient, Trouble, Way};
pub use error::NotifyError;
pub use mail::{Mail, MailLogin, MailSecurity};
pub use message::{Call, Message, MessageKind, Place};
pub use post::Receiver;
pub use retry::{Jitter, MOST_ATTEMPTS, retry_at};
pub use secret::{LEAST_SECRET_BYTES, SigningSecret};
pub use webhook::{DELIVERY_HEADER, REPLAY_WINDOW_S, SIGNATURE_HEADER, TIMESTAMP_HEADER};
