//! `Negotiate` (RFC 4559) in the proxy's fields: a client shows a Kerberos ticket in place of a password.
//!
//! Left out: NTLM, and negotiation in several rounds; see `spnego`.
//!
//! Invariant: a ticket is verified before anybody is asked whose it is.

use super::kerberos::{Acceptor, TicketRefused};
use super::keytab::Keytab;
use super::replay::Shown;
use super::spnego::Offer;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use model::{Principal, SchoolId, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

/// The longest token that is read, in base64: a ticket of Active Directory may hold 48 KiB of groups.
const MOST_TOKEN_BYTES: usize = 56 * 1024;

/// Whose tickets the proxy takes.
#[derive(Clone, Debug)]
pub struct Negotiate {
    /// The keys of its service.
    pub keys: Arc<ServiceKeys>,
    /// The realms of people, and which school's people each holds; empty: the realm of the service's own keys, and any
    /// school's people.
    pub realms: HashMap<String, SchoolId>,
}

/// The keys in force. They can be replaced while the proxy runs.
#[derive(Debug)]
pub struct ServiceKeys(ArcSwap<Keytab>);

impl ServiceKeys {
    /// Starts with these.
    pub fn new(keytab: Keytab) -> Self {
        Self(ArcSwap::from_pointee(keytab))
    }

    /// Puts others in force. Tickets for a key that is no longer among them are refused from now on.
    pub fn put(&self, keytab: Keytab) {
        self.0.store(Arc::new(keytab));
    }
}

/// What is needed to judge tickets.
pub(super) struct Negotiation {
    settings: Negotiate,
    shown: Mutex<Shown>,
}

/// Whose ticket it is, until when, and what the client is told then.
pub(super) struct Shower {
    pub(super) principal: Principal,
    pub(super) until: Timestamp,
    pub(super) proof: Option<HeaderValue>,
}

impl Negotiation {
    pub(super) fn new(settings: Negotiate) -> Self {
        Self { settings, shown: Mutex::default() }
    }

    /// Reads and verifies what a client shows from this address. Why not, if it is not good, is for the log alone.
    pub(super) fn verify(
        &self,
        token: &str,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Shower, TicketRefused> {
        if token.len() > MOST_TOKEN_BYTES {
            return Err(TicketRefused::Unreadable);
        }
        let bytes = STANDARD.decode(token).map_err(|_| TicketRefused::Unreadable)?;
        let offer = Offer::read(&bytes).ok_or(TicketRefused::Unreadable)?;
        let acceptor =
            Acceptor { keytab: &self.settings.keys.0, realms: &self.settings.realms, shown: &self.shown };
        let mut confounder = [0; 16];
        // Without random bytes there is no ticket either.
        getrandom::fill(&mut confounder).map_err(|_| TicketRefused::NoRoom)?;
        let accepted = acceptor.accept(offer.request, now, confounder)?;
        let proof = offer.accepted(accepted.answer.as_deref());
        let proof = proof.map(|proof| format!("Negotiate {}", STANDARD.encode(proof)));
        Ok(Shower {
            principal: Principal {
                name: accepted.name,
                realm: accepted.realm,
                school: accepted.school,
                address,
            },
            until: accepted.until,
            proof: proof.and_then(|proof| HeaderValue::from_str(&proof).ok()),
        })
    }
}
