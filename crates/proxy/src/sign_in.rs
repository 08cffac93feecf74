//! Signing in to the proxy (RFC 9110, section 11.7): who a connection belongs to, by a password (Basic) or by a Kerberos
//! ticket (Negotiate).
//!
//! Only networks whose policy says so are asked, and there the address tells nothing: a tunnel belongs to whoever signed
//! in on its CONNECT, a plain request to whoever signed in with it. Two people behind one address are so kept apart. A
//! ticket is shown once and holds for its connection, as browsers and RFC 4559 have it.
//!
//! Left out: other schemes. Left out on purpose: what is a right password and whose a ticket is (`app` says so), and
//! passwords over an unencrypted connection to the proxy, unless the configuration takes them.
//!
//! Invariants: no password is kept, only a keyed hash under a key that ends with the process; what is remembered is
//! bounded in number and time; a client with nothing to show in time is nobody, and never somebody else; what came through
//! another proxy (`Via`) has no part in what was shown before on the connection.

mod answers;
mod basic;
mod cipher;
mod kerberos;
mod keytab;
mod negotiate;
mod replay;
mod spnego;

pub use keytab::Keytab;
pub use negotiate::{Negotiate, ServiceKeys};

use crate::caller::Caller;
use crate::gate::Gate;
use crate::socket::ClientSocket;
use crate::visit::AnswerBody;
use crate::{Config, ProxyError};
use answers::{ask, busy};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{HeaderMap, PROXY_AUTHORIZATION, VIA};
use http::{HeaderName, HeaderValue, Response};
use kerberos::TicketRefused;
use model::{
    IdentityMap, Known, KnownBy, Person, PersonId, Presented, Shares, SignIn, SignInAnswer, Timestamp,
};
use negotiate::Negotiation;
use policy::rules::SignInWay;
use quick_cache::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use tokio::sync::{Mutex, Semaphore};
use zeroize::Zeroizing;

/// Answers that are remembered.
const MOST_REMEMBERED: usize = 8_192;
/// How long a right password is not compared again.
const RIGHT_FOR_MS: i64 = 120_000;
/// How long a wrong one is not: a browser repeats it on every connection it opens.
const WRONG_FOR_MS: i64 = 10_000;
/// Sign-ins that may wait for their answer at once: a class of thirty, twice.
const MOST_WAITING: usize = 64;
/// Of one address, so that nobody keeps all the others waiting.
const MOST_WAITING_OF_AN_ADDRESS: usize = 32;
/// What the gate proves itself by to whoever showed a ticket (RFC 7615, section 4).
const PROXY_AUTHENTICATION_INFO: HeaderName = HeaderName::from_static("proxy-authentication-info");
/// Sign-ins with the same password wait for the first of them, by as many queues.
const QUEUES: usize = 64;

/// Whether passwords are taken over an unencrypted connection to the proxy, where whoever shares the network reads them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PlainPasswords {
    /// They are not asked for, and not looked at; people count as not known there.
    #[default]
    Refused,
    /// They are, as for a proxy on the same machine or on a wire that nobody else reads.
    Taken,
}

/// Who signed in, and until when it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct SignedIn {
    person: PersonId,
    by: KnownBy,
    since: Timestamp,
    until: Timestamp,
}

impl SignedIn {
    /// For no longer than a ticket lasts; `None` once that is over.
    fn within(self, until: Timestamp, now: Timestamp) -> Option<Self> {
        let until = self.until.min(until);
        (now < until).then_some(Self { until, ..self })
    }

    fn known(self, person: &Arc<Person>) -> Known {
        let (since, until) = (Some(self.since), Some(self.until));
        Known { person: Arc::clone(person), by: self.by, since, until }
    }
}

/// Whether others on a connection's way can read it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wire {
    /// They can.
    Plain,
    /// They cannot: it is TLS up to the proxy.
    Tls,
}

/// One connection to the proxy: whether it can be read on its way, and whom a ticket was shown for on it.
pub(crate) struct Connection {
    wire: Wire,
    shown: std::sync::Mutex<Option<SignedIn>>,
}

impl Connection {
    pub(crate) fn of(socket: &ClientSocket) -> Self {
        let wire = match socket {
            ClientSocket::Plain(_) => Wire::Plain,
            ClientSocket::Tls(_) | ClientSocket::Stream(_) => Wire::Tls,
        };
        Self { wire, shown: std::sync::Mutex::default() }
    }
}

/// Somebody who may go on, and what their client is told about it.
pub(crate) struct Entered {
    pub(crate) caller: Caller,
    proof: Option<HeaderValue>,
}

impl Entered {
    /// Adds to an answer what the client is told.
    pub(crate) fn tell(&mut self, response: &mut Response<AnswerBody>) {
        if let Some(proof) = self.proof.take() {
            response.headers_mut().insert(PROXY_AUTHENTICATION_INFO, proof);
        }
    }
}

/// What a network's people are asked for on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Nothing,
    Password,
    Ticket,
    Either,
}

impl Asked {
    fn takes_passwords(self) -> bool {
        matches!(self, Self::Password | Self::Either)
    }

    fn takes_tickets(self) -> bool {
        matches!(self, Self::Ticket | Self::Either)
    }
}

/// Where connections sign in.
pub(crate) struct SignInDesk {
    sign_in: Option<SignIn>,
    plain: PlainPasswords,
    negotiation: Option<Negotiation>,
    /// Of the remembered answers; ends with the process.
    key: Zeroizing<[u8; 32]>,
    remembered: Cache<[u8; 32], Remembered>,
    queues: [Mutex<()>; QUEUES],
    waiting: Semaphore,
    shares: Arc<Shares>,
    /// Whose sessions were ended from outside.
    identities: Arc<IdentityMap>,
}

/// An answer, and until when the same question has it.
#[derive(Clone, Copy)]
struct Remembered {
    signed_in: Option<SignedIn>,
    until: Timestamp,
}

/// What became of what a client showed, or of its lack.
enum Entry {
    Known(SignedIn),
    /// Nothing was shown, or nothing that counts.
    Ask,
    Busy,
}

impl SignInDesk {
    pub(crate) fn new(config: &Config, identities: Arc<IdentityMap>) -> Result<Self, ProxyError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice())?;
        Ok(Self {
            sign_in: config.sign_in.clone(),
            plain: config.plain_passwords,
            negotiation: config.negotiate.clone().map(Negotiation::new),
            key,
            remembered: Cache::new(MOST_REMEMBERED),
            queues: std::array::from_fn(|_| Mutex::default()),
            waiting: Semaphore::new(MOST_WAITING),
            shares: Shares::new(MOST_WAITING_OF_AN_ADDRESS),
            identities,
        })
    }

    /// True where a ticket may be shown, which holds for its connection.
    pub(crate) fn takes_tickets(&self) -> bool {
        self.negotiation.is_some()
    }

    /// Asks who somebody is, unless it was asked just now.
    async fn enter(&self, sign_in: &SignIn, presented: Presented, now: Timestamp) -> Entry {
        let Some(key) = self.key_of(&presented) else { return Entry::Ask };
        if let Some(entry) = self.recall(&key, now) {
            return entry;
        }
        let (Ok(_place), Some(_share)) = (self.waiting.try_acquire(), self.shares.take(presented.address()))
        else {
            return Entry::Busy;
        };
        let _turn = match self.queues.get(usize::from(key[0]) % QUEUES) {
            Some(queue) => Some(queue.lock().await),
            None => None,
        };
        if let Some(entry) = self.recall(&key, now) {
            return entry;
        }
        let by = match &presented {
            Presented::Password(_) => KnownBy::Proxy,
            Presented::Ticket(_) => KnownBy::Ticket,
        };
        let answer = sign_in.ask(presented).await;
        self.remember(key, (answer, by), now)
    }

    /// The same for a ticket, which is verified first; and what the client is told.
    async fn show(
        &self,
        sign_in: &SignIn,
        token: &str,
        (address, now): (IpAddr, Timestamp),
    ) -> (Entry, Option<HeaderValue>) {
        let Some(negotiation) = &self.negotiation else { return (Entry::Ask, None) };
        let shower = match negotiation.verify(token, address, now) {
            Ok(shower) => shower,
            Err(fault) => {
                tracing::debug!(phase = "connect", %fault, "a ticket was refused");
                let busy = fault == TicketRefused::NoRoom;
                return (if busy { Entry::Busy } else { Entry::Ask }, None);
            }
        };
        match self.enter(sign_in, Presented::Ticket(shower.principal), now).await {
            Entry::Known(signed_in) => match signed_in.within(shower.until, now) {
                Some(signed_in) => (Entry::Known(signed_in), shower.proof),
                // Good by a clock that strays, and over for us: the client is to get another.
                None => (Entry::Ask, None),
            },
            other => (other, None),
        }
    }

    /// What was answered to the same, where that still counts.
    fn recall(&self, key: &[u8; 32], now: Timestamp) -> Option<Entry> {
        let held = self.remembered.get(key).filter(|held| now < held.until)?;
        if held.signed_in.is_some_and(|signed_in| self.was_ended(&signed_in)) {
            return None;
        }
        Some(held.signed_in.map_or(Entry::Ask, Entry::Known))
    }

    fn was_ended(&self, signed_in: &SignedIn) -> bool {
        self.identities.was_ended(signed_in.person, signed_in.since)
    }

    /// Remembers an answer. Whoever gives the same password again goes on as they began.
    fn remember(&self, key: [u8; 32], (answer, by): (SignInAnswer, KnownBy), now: Timestamp) -> Entry {
        let (signed_in, until) = match answer {
            SignInAnswer::Known { person, until } => {
                let before = self.remembered.get(&key).and_then(|held| held.signed_in);
                let goes_on = |before: &SignedIn| {
                    before.person == person && now < before.until && !self.was_ended(before)
                };
                let before = before.filter(goes_on);
                let signed_in = before.unwrap_or(SignedIn { person, by, since: now, until });
                (Some(signed_in), now.plus_ms(RIGHT_FOR_MS).min(signed_in.until))
            }
            SignInAnswer::Wrong => (None, now.plus_ms(WRONG_FOR_MS)),
            SignInAnswer::Unanswered => return Entry::Busy,
        };
        self.remembered.insert(key, Remembered { signed_in, until });
        signed_in.map_or(Entry::Ask, Entry::Known)
    }

    /// Under which an answer is remembered: for each address, since wrong ones are counted for each.
    fn key_of(&self, presented: &Presented) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.as_slice()).ok()?;
        let parts = match presented {
            Presented::Password(given) => ["password", given.login.as_str(), given.password.as_str()],
            Presented::Ticket(principal) => ["ticket", principal.name.as_str(), principal.realm.as_str()],
        };
        for part in parts {
            mac.update(&u64::try_from(part.len()).ok()?.to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(presented.address().to_string().as_bytes());
        Some(mac.finalize().into_bytes().into())
    }
}

impl Connection {
    /// Who sends this request: the caller as it is where the network asks nobody, else the caller with the person who
    /// signed in, or the answer that asks for it.
    pub(crate) async fn enter(
        &self,
        gate: &Gate,
        caller: &Caller,
        headers: &HeaderMap,
    ) -> Result<Entered, Box<Response<AnswerBody>>> {
        let desk = &gate.sign_in;
        let asked = gate.asks(caller, self.wire);
        let Some(sign_in) = desk.sign_in.as_ref().filter(|_| asked != Asked::Nothing) else {
            return Ok(Entered { caller: caller.clone(), proof: None });
        };
        let now = gate.ports.clock.now();
        let (entry, proof) = match given(headers) {
            Given::Nothing => (self.shown_before(desk, headers, now), None),
            Given::Basic(token) if asked.takes_passwords() => {
                // Whoever gives a password does so with each request, and goes on as nobody else without.
                self.belongs_to(None);
                match basic::credentials(token, caller.address) {
                    Some(credentials) => {
                        (desk.enter(sign_in, Presented::Password(credentials), now).await, None)
                    }
                    None => (Entry::Ask, None),
                }
            }
            Given::Negotiate(token) if asked.takes_tickets() => {
                let (entry, proof) = desk.show(sign_in, token, (caller.address, now)).await;
                self.note(&entry, headers);
                (entry, proof)
            }
            _ => (Entry::Ask, None),
        };
        match entry {
            Entry::Known(signed_in) => match gate.ports.roster.get().person(signed_in.person) {
                Some(person) => Ok(Entered { caller: caller.of(signed_in.known(person)), proof }),
                None => Err(Box::new(ask(headers, asked))),
            },
            Entry::Ask => Err(Box::new(ask(headers, asked))),
            Entry::Busy => Err(Box::new(busy(headers))),
        }
    }

    fn shown_before(&self, desk: &SignInDesk, headers: &HeaderMap, now: Timestamp) -> Entry {
        let shown = *self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let counts =
            |shown: &SignedIn| now < shown.until && !headers.contains_key(VIA) && !desk.was_ended(shown);
        match shown.filter(counts) {
            Some(signed_in) => Entry::Known(signed_in),
            None => Entry::Ask,
        }
    }

    /// Whoever showed a ticket last has the connection; one that was refused leaves it nobody's.
    fn note(&self, entry: &Entry, headers: &HeaderMap) {
        self.belongs_to(match entry {
            Entry::Known(signed_in) if !headers.contains_key(VIA) => Some(*signed_in),
            _ => None,
        });
    }

    /// To whom requests belong from now on that show nothing.
    fn belongs_to(&self, shown: Option<SignedIn>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

impl Gate {
    /// What the network asks of each connection. Equipment cannot say who it is, and has a group of its own. Tickets are no
    /// secret to whoever reads them on the way: each counts once.
    fn asks(&self, caller: &Caller, wire: Wire) -> Asked {
        let snapshot = self.ports.snapshot.get();
        let network = snapshot.network_at(caller.address);
        if network.is_none_or(|network| network.sign_in != SignInWay::Proxy) {
            return Asked::Nothing;
        }
        let roster = self.ports.roster.get();
        if roster.device_at(caller.address).is_some_and(|device| device.kind.is_equipment()) {
            return Asked::Nothing;
        }
        let passwords = wire == Wire::Tls || self.sign_in.plain == PlainPasswords::Taken;
        match (passwords, self.sign_in.negotiation.is_some()) {
            (true, true) => Asked::Either,
            (true, false) => Asked::Password,
            (false, true) => Asked::Ticket,
            (false, false) => Asked::Nothing,
        }
    }
}

/// What a request's one `Proxy-Authorization` field gives.
enum Given<'a> {
    Nothing,
    Basic(&'a str),
    Negotiate(&'a str),
    /// Another scheme, several fields, or no text.
    Other,
}

fn given(headers: &HeaderMap) -> Given<'_> {
    let mut fields = headers.get_all(PROXY_AUTHORIZATION).iter();
    let Some(field) = fields.next() else { return Given::Nothing };
    let parts = field.to_str().ok().filter(|_| fields.next().is_none()).and_then(|text| text.split_once(' '));
    match parts.map(|(scheme, token)| (scheme, token.trim())) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("basic") => Given::Basic(token),
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("negotiate") => Given::Negotiate(token),
        _ => Given::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_that_is_over_makes_its_owner_ask_for_another() {
        let [since, now, later] = [0, 1_000, 2_000].map(Timestamp);
        let person = PersonId(uuid::Uuid::from_u128(1));
        let signed_in = SignedIn { person, by: KnownBy::Ticket, since, until: later };
        for (until, expected) in [(later, Some(later)), (Timestamp(1_001), Some(Timestamp(1_001)))] {
            assert_eq!(signed_in.within(until, now).map(|within| within.until), expected);
        }
        for until in [since, now] {
            assert_eq!(signed_in.within(until, now), None);
        }
        assert_eq!(signed_in.within(later, later), None);
    }

    fn desk(identities: &Arc<IdentityMap>) -> SignInDesk {
        SignInDesk {
            sign_in: None,
            plain: PlainPasswords::Refused,
            negotiation: None,
            key: Zeroizing::new([7; 32]),
            remembered: Cache::new(8),
            queues: std::array::from_fn(|_| Mutex::default()),
            waiting: Semaphore::new(1),
            shares: Shares::new(1),
            identities: Arc::clone(identities),
        }
    }

    #[test]
    fn what_was_shown_on_a_connection_holds_until_somebody_else_signs_in_or_the_session_is_ended() {
        let [since, now, until] = [0, 1_000, 2_000].map(Timestamp);
        let person = PersonId(uuid::Uuid::from_u128(1));
        let identities = Arc::new(IdentityMap::default());
        let desk = desk(&identities);
        let connection = Connection { wire: Wire::Plain, shown: std::sync::Mutex::default() };
        let headers = HeaderMap::new();
        let known = SignedIn { person, by: KnownBy::Ticket, since, until };
        connection.note(&Entry::Known(known), &headers);
        assert!(matches!(connection.shown_before(&desk, &headers, now), Entry::Known(_)));
        identities.end_sessions(person, since);
        assert!(matches!(connection.shown_before(&desk, &headers, now), Entry::Ask));
        connection.note(&Entry::Known(SignedIn { since: now, ..known }), &headers);
        assert!(matches!(connection.shown_before(&desk, &headers, now), Entry::Known(_)), "signed in since");
        connection.belongs_to(None);
        assert!(matches!(connection.shown_before(&desk, &headers, now), Entry::Ask));
    }

    #[test]
    fn a_remembered_password_is_asked_about_again_once_its_sessions_were_ended() {
        let now = Timestamp(1_000);
        let (person, key) = (PersonId(uuid::Uuid::from_u128(1)), [1; 32]);
        let identities = Arc::new(IdentityMap::default());
        let desk = desk(&identities);
        let known = SignInAnswer::Known { person, until: Timestamp(900_000) };
        desk.remember(key, (known, KnownBy::Proxy), now);
        assert!(matches!(desk.recall(&key, now), Some(Entry::Known(_))));
        identities.end_sessions(person, now);
        assert!(desk.recall(&key, now).is_none());
        let later = Timestamp(1_001);
        desk.remember(key, (known, KnownBy::Proxy), later);
        assert!(
            matches!(desk.recall(&key, later), Some(Entry::Known(_))),
            "where the account may be used again"
        );
    }

    #[test]
    fn one_field_of_a_known_scheme_gives_something_and_everything_else_is_no_guess() {
        for (fields, expected) in [
            (vec![], "nothing"),
            (vec!["Basic YTpi"], "basic YTpi"),
            (vec!["basic  YTpi"], "basic YTpi"),
            (vec!["Negotiate YII="], "negotiate YII="),
            (vec!["Basic"], "other"),
            (vec!["Digest YTpi"], "other"),
            (vec!["Basic YTpi", "Basic YTpi"], "other"),
            (vec!["Basic caf\u{e9}"], "other"),
        ] {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(PROXY_AUTHORIZATION, HeaderValue::from_str(field).unwrap());
            }
            let found = match given(&headers) {
                Given::Nothing => "nothing".to_owned(),
                Given::Basic(token) => format!("basic {token}"),
                Given::Negotiate(token) => format!("negotiate {token}"),
                Given::Other => "other".to_owned(),
            };
            assert_eq!(found, expected);
        }
    }
}
